"""Failures of a converter, one after the other: what tells a bad converter from a bad file.

One file on which a converter fails may be a bad file. Many different ones in a row, with none in
between of which it made anything, are a bad converter.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from attrs import define, field

IN_A_ROW: Final = 5
"""Different files on which a converter may fail one after the other before it is paused."""


@define
class Streaks:
    """By the converter's name. Pure. `places`: worker processes at most."""

    places: int
    deadly: set[str] = field(factory=set, init=False)
    """Converters whose last jobs all cost their processes, as many as there are places, or were cut
    short: they may hold all of them until the deadline, so their files get one at a time."""
    _failed: dict[str, set[int]] = field(factory=dict, init=False)
    """The files on which it failed since it last made something of one."""
    _died: Counter[str] = field(factory=Counter, init=False)
    """Processes lost since one was last not lost."""
    _cut: Counter[str] = field(factory=Counter, init=False)
    """Conversions cut short since one last came to an end by itself."""

    def failed(self, name: str, item_id: int, *, fresh: bool, died: bool) -> int:
        """It failed on this file, and `died` if a process was lost by it.

        How many different files it has failed on in a row. One that is not `fresh`, for it failed
        before, tells nothing new: where bad files lie among good ones, their retries come together.
        """
        self._died[name] = self._died[name] + 1 if died else 0
        if not died:
            self._cut.pop(name, None)
        if self._died[name] >= self.places:
            self.deadly.add(name)
        files = self._failed.setdefault(name, set())
        if fresh:
            files.add(item_id)
        return len(files)

    def cut_short(self, name: str) -> None:
        """One of its conversions took long while others waited, and may have been about to end.

        All places may be held by such ones at once, where one file in twenty hangs; if several more
        follow, it is the converter that takes long now, and the next one has to show how long.
        """
        self._cut[name] += 1
        if self._cut[name] >= self.places + IN_A_ROW:
            self.deadly.add(name)

    def end(self, name: str) -> None:
        """It made something of a file, or it is another one now."""
        self._failed.pop(name, None)
        self._died.pop(name, None)
        self._cut.pop(name, None)
        self.deadly.discard(name)
