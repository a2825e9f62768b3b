"""How long a conversion may hold its place while others wait for one: its time slice.

Where a file takes a millisecond, one that hangs until its deadline takes the time of thousands. So
a conversion that takes out of all proportion is cut short while others wait. That costs its file
nothing but time: it is converted anew later, with all the time that it may take
(`convert.slowlane`). While nobody waits nothing is cut short, and how long is out of proportion is
learnt from each converter's own last conversions, so one whose files take long never is. Before a
file of a converter has run into the deadline, its slices are long: a busy machine is no suspicion.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Self

import trio
from attrs import define

from pywats_trio.model import Kind, State
from pywats_trio.queue.store import Topic

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.queue.store import Store

PATIENCE: Final = 1.0
"""Seconds that each gets, however quick the others are."""
FLOOR: Final = 0.05
"""The same, once one of its converter hung: what a new process costs, and what a good one may have
to wait for a processor."""
LONGER: Final = 4.0
"""Out of proportion is what takes so many times as long as the longest of the last ones."""
FADING: Final = 0.95
"""What the longest one counts for after each further one: half after 14."""
WORTH: Final = 0.5
"""Of the deadline: a longer slice would save too little, so there is none."""


class Slices:
    """Knows which conversions run, whether any wait for a place, and how long they take.

    `places`: how many may run now. `deadline`: seconds that any conversion may take.
    """

    def __init__(self, places: Callable[[], int], deadline: float) -> None:
        self._places = places
        self._longest_slice = WORTH * deadline
        self._inside = 0
        self._running: set[Slice] = set()
        self._crowded = False
        self._store: Store | None = None
        self._hanging: set[str] = set()
        """Converters, a file of which ran into the deadline."""
        self._longest: dict[tuple[str, bool], float] = {}
        """Seconds, by the converter and whether the process had to import it first."""
        self._came = trio.Event()
        self._empty = trio.Event()
        self._empty.set()

    def slice(self, converter: str, *, whole: bool = False) -> Slice:
        """To be held around one conversion, the wait for its place included.

        `whole`: it may take all the time until its deadline, whoever waits.
        """
        return Slice(self, converter, whole)

    def seconds(self, converter: str, *, cold: bool) -> float:
        """How long a conversion may take while others wait; infinite: until its deadline.

        `cold`: by a process that has to import the converter first.
        """
        longest = self._longest.get((converter, cold), math.inf)
        least = FLOOR if converter in self._hanging else PATIENCE
        seconds = max(least, LONGER * longest)
        return seconds if seconds <= self._longest_slice else math.inf

    def suspect(self, converter: str) -> None:
        """A file of it ran into the deadline."""
        self._hanging.add(converter)

    def forget(self, converter: str) -> None:
        """It has new code."""
        self._hanging.discard(converter)
        for cold in (False, True):
            self._longest.pop((converter, cold), None)

    async def watch(self, store: Store) -> None:
        """Until cancelled: who waits in the queue waits for a place, too."""
        self._store = store
        try:
            while True:
                ticket = store.bell(Topic.FILE).ticket()
                self._look()
                await ticket.wait()
                await trio.sleep(FLOOR / 2)  # many come at once, and no slice is that short
        finally:
            self._store = None

    async def quiet(self, seconds: float) -> None:
        """Until nothing was converted for so long."""
        while True:
            await self._empty.wait()
            with trio.move_on_after(seconds):
                await self._came.wait()
                continue
            return

    # What a slice says

    def enter(self) -> None:
        """One more wants a place."""
        if not self._inside:
            self._empty = trio.Event()
            self._came.set()
            self._came = trio.Event()
        self._inside += 1
        self._look()

    def begin(self, one: Slice) -> None:
        """It has a place, and is to be cut short while others wait for it."""
        self._running.add(one)
        one.set_deadline(crowded=self._crowded)

    def leave(self, one: Slice) -> None:
        """It wants no place any more."""
        self._running.discard(one)
        self._inside -= 1
        self._look()
        if not self._inside:
            self._empty.set()

    def learn(self, converter: str, seconds: float, *, cold: bool) -> None:
        """One of its conversions came to an end by itself."""
        known = self._longest.get((converter, cold), 0.0)
        self._longest[converter, cold] = max(seconds, known * FADING)

    def _look(self) -> None:
        free = self._places() - self._inside
        crowded = free < 0 or (free == 0 and self._is_awaited())
        if crowded != self._crowded:
            self._crowded = crowded
            for one in self._running:
                one.set_deadline(crowded=crowded)

    def _is_awaited(self) -> bool:
        """Whether files wait in the queue."""
        return bool(self._store and self._store.counts().of(Kind.FILE, State.PENDING))


@define(eq=False)
class Slice:
    """Of one conversion; a context manager."""

    _slices: Slices
    _converter: str
    _whole: bool
    _cold: bool = False
    _begun: float = 0.0
    _seconds: float = math.inf
    _deadline: float = math.inf
    _scope: trio.CancelScope | None = None

    def __enter__(self) -> Self:
        self._slices.enter()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._slices.leave(self)

    def begin(self, scope: trio.CancelScope, cold: bool) -> None:
        """It has a process. `scope` ends with the deadline, and from now on sooner if it must."""
        self._scope, self._cold = scope, cold
        self._begun, self._deadline = trio.current_time(), scope.deadline
        if not self._whole:
            self._seconds = self._slices.seconds(self._converter, cold=cold)
        if self._seconds < math.inf:
            self._slices.begin(self)

    def set_deadline(self, *, crowded: bool) -> None:
        """Others wait for its place, or do not any more."""
        if self._scope is not None:
            end = self._begun + self._seconds if crowded else math.inf
            self._scope.deadline = min(end, self._deadline)

    def end(self) -> None:
        """The converter said what it makes of the file, so this is what its files take."""
        seconds = trio.current_time() - self._begun
        self._slices.learn(self._converter, seconds, cold=self._cold)
