"""Paths in the arguments of commands: as the service sees them."""

from __future__ import annotations

import os
from pathlib import Path

from pywats_trio.errors import InvalidInputError


def absolute(path: str) -> Path:
    """The path of an argument.

    Raises:
        InvalidInputError: it cannot be a path, or is not absolute.
    """
    try:
        possible = b"\0" not in os.fsencode(path)
    except ValueError:  # a character that no file name has
        possible = False
    if not possible:
        raise InvalidInputError(f"{path!r} cannot be the path of a file")
    if not Path(path).is_absolute():
        raise InvalidInputError(f"{path!r} is not absolute; give the whole path of the file")
    return Path(path)
