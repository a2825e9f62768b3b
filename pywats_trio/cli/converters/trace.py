"""A traceback as its author wants to read it: without the frames of the worker around his code."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_FRAME: Final = re.compile(r'  File "(?P<file>.*)", line \d+')
_NOT_THEIRS: Final = (
    str(Path(__file__).parents[2]),
    str(Path(importlib.__file__).parent),
    "<frozen importlib",
)


def authors_frames(traceback: str) -> str:
    """`traceback` without our frames and those of the import system.

    One that has no others, for the fault is ours, is left as it is; so is any other text.
    """
    kept = list(_kept(traceback.splitlines()))
    if any(map(_FRAME.match, kept)):
        return "\n".join(kept)
    return traceback.rstrip("\n")


def _kept(lines: list[str]) -> Iterator[str]:
    keep = True
    for line in lines:
        if frame := _FRAME.match(line):
            keep = not frame["file"].startswith(_NOT_THEIRS)
        elif not line.startswith("  "):  # a heading or an exception, and no line of a frame
            keep = True
        if keep:
            yield line
