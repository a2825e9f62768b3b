"""How many claims a stage holds ready beyond those that are worked on.

A claim is a commit, and a commit takes milliseconds. Where a piece of work takes less, its place
would stand empty most of the time; where it takes long, an urgent item would wait behind what was
claimed before it came. So as much is claimed ahead as is worked off in an instant.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Iterator

INSTANT: Final = 0.05
"""Seconds that an urgent item may wait behind claims made ahead of it."""
MOST: Final = 64
"""Claims ahead, however quick the work is."""
WEIGHT: Final = 0.2
"""Of the newest piece of work in the average."""


class Ahead:
    """Watches how quickly `places` work items off; claims nothing ahead before it knows."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._in_hand = 0
        self._interval: float | None = None
        """Seconds from one end of work to the next, on the average, while there is enough."""

    @contextmanager
    def work(self) -> Iterator[None]:
        """Around each piece of work, waiting for a place included."""
        self._in_hand += 1
        started = trio.current_time()
        try:
            yield
        finally:
            self._note((trio.current_time() - started) / self._in_hand)
            self._in_hand -= 1

    def _note(self, interval: float) -> None:
        average = interval if self._interval is None else self._interval
        self._interval = average + WEIGHT * (interval - average)

    def claims(self) -> int:
        """How many to claim ahead now."""
        if self._interval is None:
            return 0
        worked_off = int(INSTANT / max(self._interval, 1e-6))
        return max(0, min(MOST, worked_off - self._places))
