"""A wake-up that may be lost without harm.

A bell says "look again", never "here is something": whoever waits looks at the store first, so a
ring between the look and the wait must not get lost, and one that nobody waits for is forgotten.
"""

from __future__ import annotations

import math
from typing import Final

import trio

LONGEST_SLEEP: Final = 30.0
"""Seconds. Everybody looks at least this often, so that a lost ring only costs time."""


class Bell:
    """Rung in the Trio thread; waited for by any number of tasks."""

    def __init__(self) -> None:
        self._rung = trio.Event()

    def ring(self) -> None:
        """Wake everybody who waits on a ticket taken before this call."""
        self._rung.set()
        self._rung = trio.Event()

    def ticket(self) -> Ticket:
        """Take a ticket *before* looking, wait on it *after* having found nothing."""
        return Ticket(self._rung)


class Ticket:
    """One look's right to be woken by the next ring."""

    def __init__(self, rung: trio.Event) -> None:
        self._rung = rung

    async def wait(self, seconds: float = math.inf) -> None:
        """Until the bell rings, or for `seconds`, 30 at the most. Cancellation passes through."""
        with trio.move_on_after(max(0.0, min(seconds, LONGEST_SLEEP))):
            await self._rung.wait()
