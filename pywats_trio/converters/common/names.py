"""Names that must differ, such as those of the measurements of a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import Counter


def apart(name: str, taken: Counter[str]) -> str:
    """The name, or where it is taken already the name with a number: `a`, `a #2`, `a #3`.

    `taken` are those that were given so far; begin with an empty one.
    """
    given = name
    while name in taken:
        taken[given] += 1
        name = f"{given} #{taken[given]}"
    taken[name] = 1
    return name
