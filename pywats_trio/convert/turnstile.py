"""How many files of a converter are with the pool at once, and which are turned away meanwhile.

More files are claimed than there are places, so that none stands empty during a commit. Those wait
here, and not in the pool: when their converter is paused, or begins to cost processes, they go
back into the queue at once instead of being tried one after the other.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, field

from pywats_trio.convert.outages import wait_for
from pywats_trio.model import Released

if TYPE_CHECKING:
    from pywats_trio.convert.outages import Outages
    from pywats_trio.model import Item, Wait

_ALONE: Final = "its converter lost one process after the other; its files are tried one at a time"


@define(eq=False)
class _Door:
    """Of one converter."""

    inside: int = 0
    waiting: deque[trio.Event] = field(factory=deque)


class Turnstile:
    """`places`: worker processes at most. One file more than that waits in the pool, so that no
    process waits for a turn of the event loop, and the pool sees that there is more to do.
    """

    def __init__(self, places: int, outages: Outages) -> None:
        self._most = places + 1
        self._outages = outages
        self._doors: dict[str, _Door] = {}

    async def enter(self, item: Item) -> Wait | Released | None:
        """Wait for this file's turn; None: it is, and `leave` must follow. Else what becomes of it.

        A checkpoint only if it has to wait. Cancelled, it is as if it had never come.
        """
        door = self._doors.get(item.converter)
        if door is None:
            door = self._doors[item.converter] = _Door()
        called = False
        while (refusal := self._refusal(item, door)) is None:
            if door.inside < self._most and (called or not door.waiting):
                door.inside += 1
                return None
            await self._wait(door)
            called = True
        return refusal

    def leave(self, item: Item) -> None:
        """What there is to know about the file is known to the outages."""
        door = self._doors[item.converter]
        door.inside -= 1
        self._call(door)
        while door.waiting and self._refuses_others(item):
            self._call(door)

    def _refusal(self, item: Item, door: _Door) -> Wait | Released | None:
        if (problem := self._outages.refuses(item.converter, item.id)) is not None:
            return wait_for(problem)
        if door.inside and self._outages.is_deadly(item.converter):
            return Released(_ALONE)
        return None

    def _refuses_others(self, item: Item) -> bool:
        """Whether at most one of them would be let in."""
        name = item.converter
        return self._outages.is_deadly(name) or self._outages.holds_up(name)

    async def _wait(self, door: _Door) -> None:
        called = trio.Event()
        door.waiting.append(called)
        try:
            await called.wait()
        except trio.Cancelled:
            if called.is_set():  # by somebody who was cancelled with it and ran first
                self._call(door)
            else:
                door.waiting.remove(called)
            raise

    @staticmethod
    def _call(door: _Door) -> None:
        if door.waiting:
            door.waiting.popleft().set()
