"""Where the code of a converter lies; nothing is imported for it."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pywats_trio.converters.registry import Spec


def file_of(spec: Spec) -> Path | None:
    """Its Python file; None where it is a module that lies in none."""
    if spec.file:
        return Path(spec.file)
    folders: Sequence[str] | None = [folder for folder in sys.path if folder]
    name, found = "", None
    for part in spec.module.split("."):
        name = f"{name}.{part}".removeprefix(".")
        found = PathFinder.find_spec(name, folders)
        folders = found.submodule_search_locations if found is not None else None
        if found is None or folders is None:
            break
    is_whole = found is not None and name == spec.module
    return Path(found.origin) if found is not None and is_whole and found.origin else None
