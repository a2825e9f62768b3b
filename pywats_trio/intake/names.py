"""Names in a target folder: the next free one, and the longest that a file system takes."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST: Final = 255
"""Bytes of a name (NAME_MAX of the usual file systems)."""


def fitted(stem: str, ending: str) -> str:
    """`stem` and `ending` as one name, the stem cut off where it would be too long."""
    room = LONGEST - len(os.fsencode(ending))
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return stem + ending


def candidates(name: str, *, whole: bool = False) -> Iterator[str]:
    """`name.json`, `name (2).json`, `name (3).json` …; without an end.

    `whole`: it is a folder's name, which has no ending.
    """
    yield name
    stem, ending = (name, "") if whole else os.path.splitext(name)  # noqa: PTH122 - any bytes
    for number in itertools.count(2):
        yield fitted(stem, f" ({number}){ending}")
