"""Who gets which worker process: at most so many places, each of one group of converters.

How many there are changes while they are in use (`convert.governor`): what is busy is never taken
away, it just does not come back.

A process serves its own group as long as that has files and nobody else has waited too long:
starting one costs as much as dozens of conversions, so two converters that share too few places
must not take them from each other at every file.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, field

if TYPE_CHECKING:
    from pywats_trio.convert.child import Child

PATIENCE: Final = 0.5
"""Seconds that somebody waits before a process of another group goes that is wanted there, too."""


class Standing(Enum):
    """What a place is doing."""

    BUSY = "busy"
    IDLE = "idle"
    ENDING = "ending"


@define(eq=False)
class Place:
    """Room for one process; `child` is None until it is started."""

    group: str
    child: Child | None = None
    standing: Standing = Standing.BUSY
    idle_since: float = 0.0


@define(eq=False)
class _Waiter:
    group: str
    since: float
    place: Place | None = None
    served: trio.Event = field(factory=trio.Event)


class Roster:
    """The places, and who waits for one, first come first served within a group."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._places: list[Place] = []
        self._waiters: list[_Waiter] = []
        self._look_again = trio.Event()
        self._next_look = math.inf
        self._retired: set[str] = set()
        self._kept: set[str] = set()

    @property
    def size(self) -> int:
        """How many places there are now; after `resize`, more may still be taken for a while."""
        return self._size

    def resize(self, size: int) -> None:
        """Have `size` places from now on, 0 or more.

        Fewer: idle processes end, the longest idle first, and busy ones when their jobs are done;
        those that are spared come last. More: whoever waits is served at once.
        """
        if size < 0:
            raise ValueError(f"there cannot be {size} places")
        self._size = size
        idle = sorted(self._idle(), key=lambda place: (self.keeps(place.group), place.idle_since))
        for place in idle[: max(0, self._surplus())]:
            self._end(place)
        self._serve()

    def replace(self, old: str, new: str) -> None:
        """The group `new` stands in for `old`, whose processes end as soon as they are idle."""
        here = {place.group for place in self._places}
        here |= {waiter.group for waiter in self._waiters}
        self._retired = ((self._retired & here) | {old}) - {new}
        self._kept -= {old, new}
        for place in self._idle():
            if place.group == old:
                self._end(place)

    def keep(self, group: str) -> None:
        """No new process of `group` can work, so those that it has are spared until `replace`.

        They end when others need their places, or by themselves, but not for being idle; while
        there is one, no other is started.
        """
        self._kept.add(group)

    def keeps(self, group: str) -> bool:
        """Whether its processes are to be spared."""
        return group in self._kept

    def _is_wanted(self, place: Place) -> bool:
        return any(waiter.group == place.group for waiter in self._waiters)

    def _is_bound(self, group: str) -> bool:
        """Whether it has to make do with the processes that it has."""
        return group in self._kept and any(
            place.group == group and place.standing is not Standing.ENDING for place in self._places
        )

    def count(self, standing: Standing | None = None) -> int:
        """Places that are taken; of one standing, if given."""
        return sum(standing in {None, place.standing} for place in self._places)

    def children(self, standing: Standing) -> list[Child]:
        """The processes of that standing."""
        places = (place for place in self._places if place.standing is standing)
        return [place.child for place in places if place.child is not None]

    def pids(self) -> list[int]:
        """The processes in places that have one."""
        return [place.child.process.pid for place in self._places if place.child is not None]

    async def take(self, group: str) -> Place:
        """A place for one job: with an idle process of `group`, or empty, to start one in.

        Cancelled, the place goes to somebody else.
        """
        waiter = _Waiter(group, trio.current_time())
        self._waiters.append(waiter)
        self._serve()
        if waiter.place is None:
            self._look_again.set()
            try:
                await waiter.served.wait()
            except trio.Cancelled:
                self._withdraw(waiter)
                raise
        return self._granted(waiter)

    def _withdraw(self, waiter: _Waiter) -> None:
        if waiter.place is None:
            self._waiters.remove(waiter)
        elif waiter.place.child is None:
            self.leave(waiter.place)
        else:
            self.rest(waiter.place)

    @staticmethod
    def _granted(waiter: _Waiter) -> Place:
        if waiter.place is None:
            raise RuntimeError("a waiter was woken without a place")
        return waiter.place

    def rest(self, place: Place) -> None:
        """The job is done and the process is fit for another, if there is still room for it."""
        retired = place.group in self._retired and not self._is_wanted(place)
        if retired or self._is_surplus(place):
            self._end(place)
            return
        place.standing = Standing.IDLE
        place.idle_since = trio.current_time()
        self._serve()
        if self._next_look == math.inf:  # else it looks in time, and not once a job
            self._look_again.set()

    def leave(self, place: Place) -> None:
        """The process is gone."""
        self._places.remove(place)
        self._serve()

    async def dismiss_idle(self, seconds: float) -> None:
        """End what is idle for `seconds`, and make room when somebody has waited; for ever."""
        while True:
            self._look_again = trio.Event()
            now = trio.current_time()
            for place in self._mortal():
                if place.idle_since + seconds <= now:  # the very sum that is slept until
                    self._end(place)
            self._serve()
            self._next_look = self._when_to_look(now, seconds)
            with trio.move_on_at(self._next_look):
                await self._look_again.wait()

    def _when_to_look(self, now: float, seconds: float) -> float:
        times = [place.idle_since + seconds for place in self._mortal()]
        if self._places:  # what is busy may be idle from now on: then it need not tell
            times.append(now + seconds)
        if self._waiters:
            patience = [place.idle_since + PATIENCE for place in self._idle()]
            times += [time for time in patience if time > now]
        return min(times, default=math.inf)

    def _serve(self) -> None:
        if not self._waiters:
            return
        now = trio.current_time()
        self._favour_overdue(now)
        for waiter in list(self._waiters):
            place = self._idle_of(waiter.group) or self._empty_place(waiter.group)
            if place is not None:
                place.standing = Standing.BUSY
                waiter.place = place
                self._waiters.remove(waiter)
                waiter.served.set()
        self._make_room(now)

    def _favour_overdue(self, now: float) -> None:
        """Whoever has waited longest gets the next process, even if others would use it on."""
        first = next((one for one in self._waiters if not self._is_bound(one.group)), None)
        if first is None or now - first.since < PATIENCE or self._idle_of(first.group):
            return
        if len(self._places) >= self._size and not self.count(Standing.ENDING):
            self._end_longest_idle(now)

    def _make_room(self, now: float) -> None:
        """End processes that nobody wants for those who wait."""
        coming = self.count(Standing.ENDING)
        housed = {place.group for place in self._places if place.standing is not Standing.ENDING}
        for waiter in self._waiters:
            if self._is_bound(waiter.group):
                continue
            if coming:
                coming -= 1
            else:
                patience = PATIENCE if waiter.group in housed else 0.0
                self._end_longest_idle(now - patience)
            housed.add(waiter.group)

    def _end_longest_idle(self, since: float) -> None:
        idle = [place for place in self._idle() if place.idle_since <= since]
        if idle:
            self._end(min(idle, key=lambda place: place.idle_since))

    def _end(self, place: Place) -> None:
        place.standing = Standing.ENDING
        if place.child is not None:
            place.child.dismiss()

    def _is_surplus(self, place: Place) -> bool:
        """Whether this one has to go; a process that is spared leaves that to a busy one."""
        rivals = (one.group for one in self._places if one.standing is Standing.BUSY)
        spared = self.keeps(place.group) and not all(map(self.keeps, rivals))
        return self._surplus() > 0 and not (spared and self._size)

    def _surplus(self) -> int:
        """How many of those that stay are too many."""
        return len(self._places) - self.count(Standing.ENDING) - self._size

    def _idle(self) -> list[Place]:
        return [place for place in self._places if place.standing is Standing.IDLE]

    def _mortal(self) -> list[Place]:
        """Those that end when they have been idle for long."""
        return [place for place in self._idle() if place.group not in self._kept]

    def _idle_of(self, group: str) -> Place | None:
        """The one that worked last: the others may grow old and go."""
        idle = [place for place in self._idle() if place.group == group]
        return max(idle, key=lambda place: place.idle_since, default=None)

    def _empty_place(self, group: str) -> Place | None:
        if len(self._places) >= self._size or self._is_bound(group):
            return None
        place = Place(group)
        self._places.append(place)
        return place
