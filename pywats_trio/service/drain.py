"""How `shutdown.grace_seconds` is shared by the phases of a stop (contract section 2).

Deadlines are absolute, so what one phase leaves over goes to the next.
"""

from __future__ import annotations

from typing import Final

import trio

STORE: Final = (2.0, 0.08)
GOODBYE: Final = (1.0, 0.04)
"""Of the phases with a fixed share: seconds, and the share of the grace, whichever is less. The
intake needs none: a look at a folder is left behind after `intake.visit.PATIENCE`, a commit after
`queue.writer.CANCELLED_SECONDS`."""
HURRY_SECONDS: Final = 1.0
"""What every phase has left once somebody hurries."""


class Grace:
    """One stop, begun when this is made; times are `trio.current_time()` seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = trio.current_time() + seconds
        self._hurried = False
        self._scopes: list[trio.CancelScope] = []

    def _share(self, fixed: tuple[float, float]) -> float:
        seconds, share = fixed
        return min(seconds, share * self._seconds)

    @property
    def _end_of_work(self) -> float:
        return self._end - self._share(STORE) - self._share(GOODBYE)

    def convert_until(self) -> float:
        """When the conversions in hand are given up: half of what is left now."""
        now = trio.current_time()
        return now + max(0.0, self._end_of_work - now) / 2

    def deliver_until(self) -> float:
        """When the deliveries in hand are given up: all that is left but the fixed shares."""
        return self._end_of_work

    def store_until(self) -> float:
        """When the store is closed, whatever it still has to write."""
        return self._hurried_to(self._end - self._share(GOODBYE))

    def goodbye_until(self) -> float:
        """When the clients of local control are cut off, if they ask for so much now."""
        now = trio.current_time()
        return self._hurried_to(min(self._end, now + self._share(GOODBYE)))

    def limit(self, scope: trio.CancelScope, until: float) -> None:
        """Cut `scope` off at `until`, or sooner if somebody hurries."""
        self._scopes.append(scope)
        scope.deadline = self._hurried_to(until)

    def hurry(self) -> None:
        """Every phase has one second from now on."""
        self._hurried = True
        for scope in self._scopes:
            scope.deadline = min(scope.deadline, self._soon())

    def _hurried_to(self, until: float) -> float:
        return min(until, self._soon()) if self._hurried else until

    def _soon(self) -> float:
        return trio.current_time() + HURRY_SECONDS

    @property
    def forced(self) -> bool:
        """Whether anything was cut off so far."""
        return any(scope.cancelled_caught for scope in self._scopes)


class Stop:
    """A service's stop: asked for once, hurried if somebody cannot wait."""

    def __init__(self) -> None:
        self._asked = trio.Event()
        self._grace: Grace | None = None

    @property
    def grace(self) -> Grace | None:
        """How long it may take; None before it is asked for."""
        return self._grace

    def ask(self, seconds: float) -> bool:
        """Stop within `seconds`; False if it was asked for before."""
        if self._grace is not None:
            return False
        self._grace = Grace(seconds)
        self._asked.set()
        return True

    async def wait(self) -> Grace:
        """Until somebody asks."""
        await self._asked.wait()
        assert self._grace is not None  # noqa: S101 - set before the event
        return self._grace
