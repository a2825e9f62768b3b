"""Less than one worker: jobs that come only as fast as a share of a processor does them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import trio
from attrs import define

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BURST: Final = 0.05
"""Seconds of processor time that may be taken at once after a rest."""
LONGEST_REST: Final = 30.0
"""Seconds after a job, however much it took."""


@define
class Turn:
    """A job. Whoever does it may say how much processor time it took."""

    cpu: float | None = None
    """Seconds; None: all the time from its beginning to its end."""


class Pace:
    """Makes jobs wait their turn so that they take no more than `share` of a processor.

    Below 1 there is one job after the other, in the order in which they came. Each takes what it
    says, or the time it lasted, and `overhead`. All in seconds of Trio's clock.
    """

    def __init__(self) -> None:
        self.overhead = 0.0
        """What is done for each job elsewhere."""
        self.told = 0.0
        """What all jobs so far said that they took."""
        self.waited = 0
        """How many had to wait for their turn; for who reads it to begin anew."""
        self.resting = False
        """Whether the one whose turn it is has to wait for it now."""
        self._share = 1.0
        self._credit = BURST
        """Processor time that is free, as of `_at`; below zero: a rest is due."""
        self._at = 0.0
        self._taken = False
        """Whether somebody has the turn, or rests before it."""
        self._line = trio.lowlevel.ParkingLot()
        self._changed = trio.Event()

    @property
    def share(self) -> float:
        """Above 0; 1 = nobody waits, whatever they take."""
        return self._share

    @share.setter
    def share(self, share: float) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"jobs cannot take {share} of a processor")
        self._refill()
        self._share = share
        self._changed.set()
        self._changed = trio.Event()
        if share == 1:
            self._line.unpark_all()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Around a job, to be told what it took. At the share 1 it only takes note.

        Cancellation while waiting takes no turn.
        """
        alone = self._share < 1 and await self._wait()
        turn, begun = Turn(), trio.current_time()
        try:
            yield turn
        finally:
            self._spend(trio.current_time() - begun if turn.cpu is None else turn.cpu)
            if alone:
                self._pass_on()

    async def _wait(self) -> bool:
        """Whether the turn was taken; else nobody has to wait for one any more."""
        self.waited += self._taken or self._refill() < 0
        while self._taken and self._share < 1:
            await self._line.park()
        if self._share == 1:
            return False
        self._taken = True
        self.resting = True
        try:
            await self._rest()
        except trio.Cancelled:
            self._pass_on()
            raise
        finally:
            self.resting = False
        return True

    async def _rest(self) -> None:
        while self._share < 1 and self._refill() < 0:
            changed = self._changed
            with trio.move_on_after(-self._credit / self._share):
                await changed.wait()
            if not changed.is_set():
                return  # it is over, whatever rounding says

    def _pass_on(self) -> None:
        self._taken = False
        self._line.unpark()

    def _refill(self) -> float:
        now = trio.current_time()
        self._credit = min(BURST, self._credit + (now - self._at) * self._share)
        self._at = now
        return self._credit

    def _spend(self, seconds: float) -> None:
        self.told += seconds
        credit = self._refill() - seconds - self.overhead
        self._credit = max(credit, -LONGEST_REST * self._share)
