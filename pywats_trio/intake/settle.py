"""When a file is complete: pure logic on looks and notices, with the time passed in.

No I/O and no clock here. `now` is `trio.current_time()` in the service: only "unchanged since
observed" counts, never the age of a modification time, so that neither a clock that jumps nor a
server whose clock is wrong takes a file too early or holds it back.

The strategies (contract section 4, `settle`):

- *quiet*: size and modification time stood still for `settle_seconds`, and nobody has the file open
  for writing. Where the kernel does not say (`Look.writing` is None), a notification that it was
  created or changed counts as open until it is closed, `HINT_SECONDS` after the last change at
  most: `truncate` and `link` announce a change and never a close.
- *marker*: `NAME.done` lies beside it. The writer said so; nothing else is asked.
- *renamed*: it was moved in. A notification of the move takes it at once; a file that was seen
  being created in place waits until it is moved. A file that only a scan found has no such history.
  If its change time differs from its modification time, something other than writing touched it
  last, and that is what a rename does: it is taken when it stood still for `settle_seconds`. If
  they are equal it may still be written, so it has to be quiet for `UNSEEN_SECONDS` (or
  `settle_seconds`, the longer).

A unit that is a folder (`UNIT`) is complete when it lacks nothing, nothing in it has changed for
its `quiet_seconds`, and nobody has one of its files open for writing.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter
from enum import Enum, StrEnum, auto
from typing import TYPE_CHECKING, Final

from attrs import define, frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.model import Identity

UNIT: Final = "unit"
"""The strategy for folders; nobody configures it, the converter is one for folders."""
MOST_CANDIDATES: Final = 10_000
"""Files that may wait to settle at once; those beyond are found again by a later scan."""
CREATED_SECONDS: Final = 0.05
"""A file that was just created is not looked at sooner: the kernel announces a creation a moment
before it counts the creator as a writer."""
HINT_SECONDS: Final = 60.0
UNSEEN_SECONDS: Final = 2.0
FIRST_INTERVAL: Final = 0.25
LONGEST_INTERVAL: Final = 5.0
"""Seconds between looks at a file that somebody has open; the notice of its closing comes first
where there are notifications."""


class Notice(Enum):
    """What a notification says about one name."""

    CREATED = auto()
    MODIFIED = auto()
    CLOSED = auto()
    """Closed by somebody who had it open for writing."""
    MOVED_IN = auto()
    GONE = auto()
    MARKED = auto()
    """Something happened to its marker file."""
    INSIDE = auto()
    """Something happened in the folder that it is, or that belongs to it."""


class Why(StrEnum):
    """Why a file waits."""

    CHANGING = "changing"
    OPEN = "open for writing"
    NO_MARKER = "marker missing"
    NOT_MOVED_IN = "not moved in"
    READY = "about to be accepted"
    QUEUE_FULL = "intake stopped"


@frozen
class Look:
    """What one look at a file found."""

    identity: Identity
    ctime_ns: int
    marked: bool = False
    writing: bool | None = None
    """Whether somebody has it open for writing; None: that cannot be known."""
    lacks: str = ""
    """What a unit waits for; empty if it has all that it is to have."""


@frozen
class Waiting:
    """One file that is not accepted yet."""

    path: str
    why: str
    """A `Why`, or what a unit lacks."""
    seconds: float
    """Since it was first seen."""


@frozen
class Due:
    """A file to look at now. `version` tells whether anything happened to it in the meantime."""

    path: str
    version: int


@define
class _Candidate:
    first_seen: float
    changed_at: float
    """When it last changed, as far as was observed or announced."""
    due_at: float = math.inf
    """When to look next; infinite while somebody looks, or if only a notice can help."""
    identity: Identity | None = None
    """As of the last look since the last notice."""
    hinted_at: float | None = None
    """When a notice last said that somebody writes, if it was not closed since."""
    made_here: bool = False
    moved_in: bool = False
    interval: float = FIRST_INTERVAL
    why: str = Why.CHANGING
    version: int = 0


class Settler:
    """The files that were seen and not accepted yet, and when each is to be looked at."""

    def __init__(self, strategy: str, seconds: float) -> None:
        self._strategy = strategy
        self._seconds = seconds
        self._candidates: dict[str, _Candidate] = {}
        self._schedule: list[tuple[float, int, int, str]] = []
        self._order = itertools.count()
        self._overfull = False

    def __len__(self) -> int:
        return len(self._candidates)

    # What was seen.

    def noticed(self, path: str, notice: Notice, now: float) -> None:
        """A notification came for `path`."""
        if notice is Notice.GONE:
            self._candidates.pop(path, None)
            return
        candidate = self._candidate(path, now)
        if candidate is None:
            return
        candidate.version += 1
        if notice is not Notice.MARKED:
            candidate.changed_at = now
            candidate.identity = None
            candidate.interval = FIRST_INTERVAL
            writing = notice in {Notice.CREATED, Notice.MODIFIED}
            candidate.hinted_at = now if writing else None
        if notice in {Notice.CREATED, Notice.MOVED_IN}:
            candidate.made_here = notice is Notice.CREATED
            candidate.moved_in = notice is Notice.MOVED_IN
        candidate.why = Why.CHANGING
        self._plan(path, candidate, now + self._delay(candidate, notice))

    def _delay(self, candidate: _Candidate, notice: Notice) -> float:
        if notice is Notice.MARKED:
            return 0.0
        if self._strategy == "renamed" and candidate.moved_in:
            return 0.0
        if notice is Notice.CREATED:
            return max(self._seconds, CREATED_SECONDS)
        return self._seconds

    def found(self, path: str, look: Look, now: float) -> None:
        """A scan saw `path`."""
        known = path in self._candidates
        candidate = self._candidate(path, now)
        if candidate is None:
            return
        changed = candidate.identity is not None and candidate.identity != look.identity
        if changed or not known:
            candidate.identity = look.identity
            candidate.changed_at = now
            candidate.version += 1
            self._plan(path, candidate, now + self._seconds, look.identity.mtime_ns)
        if self._strategy == "marker":
            candidate.why = Why.CHANGING if look.marked else Why.NO_MARKER
            self._plan(path, candidate, now if look.marked else math.inf, look.identity.mtime_ns)

    def drop(self, due: Due) -> None:
        """`due` needs no more attention, unless something happened to it since it was due."""
        candidate = self._candidates.get(due.path)
        if candidate is not None and candidate.version == due.version:
            del self._candidates[due.path]

    def hints_lost(self) -> None:
        """Notifications were lost, so no close can be relied on to come."""
        for candidate in self._candidates.values():
            candidate.hinted_at = None

    def has_space_again(self) -> bool:
        """Once, after files were left out and half of the others are gone: time for a scan."""
        if not self._overfull or len(self._candidates) > MOST_CANDIDATES // 2:
            return False
        self._overfull = False
        return True

    def _candidate(self, path: str, now: float) -> _Candidate | None:
        candidate = self._candidates.get(path)
        if candidate is None and len(self._candidates) >= MOST_CANDIDATES:
            self._overfull = True
        elif candidate is None:
            # Versions never repeat, not even for a name that went and came back.
            candidate = _Candidate(now, now, version=next(self._order) << 32)
            self._candidates[path] = candidate
        return candidate

    # When to look.

    def next_due(self) -> float:
        """When `due` may have something; never too late, infinite if only a notice can help."""
        return self._schedule[0][0] if self._schedule else math.inf

    def schedule_length(self) -> int:
        """Entries of the schedule, outdated ones included; bounded by the files that wait."""
        return len(self._schedule)

    def due(self, now: float, limit: int) -> list[Due]:
        """Up to `limit` files to look at now, the oldest first among those that came together."""
        found: list[Due] = []
        while self._schedule and self._schedule[0][0] <= now and len(found) < limit:
            _, age, _, path = heapq.heappop(self._schedule)
            candidate = self._candidates.get(path)
            if candidate is None or candidate.due_at == math.inf:
                continue
            if candidate.due_at > now:
                self._push(candidate.due_at, age, path)
                continue
            candidate.due_at = math.inf
            found.append(Due(path, candidate.version))
        return found

    def again(self, due: Due, at: float) -> None:
        """Look at `due` once more at `at`: this look, or what followed, failed."""
        candidate = self._candidates.get(due.path)
        if candidate is not None and candidate.version == due.version:
            self._plan(due.path, candidate, at)

    def waited(self, due: Due, now: float) -> float:
        """Seconds since the file was first seen; 0 if it is not known any more."""
        candidate = self._candidates.get(due.path)
        return max(0.0, now - candidate.first_seen) if candidate is not None else 0.0

    def _plan(self, path: str, candidate: _Candidate, at: float, age: int | None = None) -> None:
        # An entry of the heap that is too early is put right when it comes up: a file that is
        # written to a thousand times a second moves one number and not a thousand entries.
        sooner = at < candidate.due_at
        candidate.due_at = at
        if sooner:
            self._push(at, next(self._order) if age is None else age, path)

    def _push(self, at: float, age: int, path: str) -> None:
        if len(self._schedule) > 4 * len(self._candidates) + 1000:
            self._rebuild()
        heapq.heappush(self._schedule, (at, age, next(self._order), path))

    def _rebuild(self) -> None:
        """Leave out what lies in the heap for files that are gone."""
        self._schedule = [
            (candidate.due_at, 0, next(self._order), path)
            for path, candidate in self._candidates.items()
            if candidate.due_at < math.inf
        ]
        heapq.heapify(self._schedule)

    # What a look means.

    def looked(self, due: Due, look: Look | None, now: float) -> bool:
        """Whether the file is complete; if not, when to look again is planned.

        `look` is None if there is no regular file of that name any more.
        """
        candidate = self._candidates.get(due.path)
        if candidate is None or candidate.version != due.version:
            return False
        if look is None:
            del self._candidates[due.path]
            return False
        if candidate.identity is not None and candidate.identity != look.identity:
            candidate.changed_at = now
            candidate.interval = FIRST_INTERVAL
        candidate.identity = look.identity
        why: str
        if self._strategy == "marker":
            why, at = (Why.READY if look.marked else Why.NO_MARKER), math.inf
        elif self._strategy == "renamed":
            why, at = self._renamed(candidate, look, now)
        elif look.lacks:
            why, at = look.lacks, math.inf
        else:
            why, at = self._quiet(candidate, look, now, self._seconds)
        candidate.why = why
        if why is not Why.READY:
            self._plan(due.path, candidate, at)
        return why is Why.READY

    def _quiet(
        self, candidate: _Candidate, look: Look, now: float, seconds: float
    ) -> tuple[Why, float]:
        if now < candidate.changed_at + seconds:
            return Why.CHANGING, candidate.changed_at + seconds
        hinted = candidate.hinted_at is not None and now < candidate.hinted_at + HINT_SECONDS
        if look.writing or (look.writing is None and hinted):
            candidate.interval = min(2 * candidate.interval, LONGEST_INTERVAL)
            return Why.OPEN, now + candidate.interval
        return Why.READY, math.inf

    def _renamed(self, candidate: _Candidate, look: Look, now: float) -> tuple[Why, float]:
        if candidate.moved_in:
            return Why.READY, math.inf
        if candidate.made_here:
            return Why.NOT_MOVED_IN, math.inf
        touched = look.ctime_ns != look.identity.mtime_ns
        seconds = self._seconds if touched else max(self._seconds, UNSEEN_SECONDS)
        return self._quiet(candidate, look, now, seconds)

    def waiting(
        self,
        now: float,
        *,
        full: bool = False,
        wanted: Callable[[str], bool] = lambda _path: True,
    ) -> list[Waiting]:
        """Every file that waits and why, the longest waiting first; `full`: intake is stopped.

        Of those only whose paths are `wanted`.
        """
        found = [entry for entry in self._candidates.items() if wanted(entry[0])]
        return [
            Waiting(path, self._why(candidate, now, full), now - candidate.first_seen)
            for path, candidate in sorted(found, key=lambda entry: entry[1].first_seen)
        ]

    def reasons(self, now: float, *, full: bool = False) -> Counter[str]:
        """How many files wait for which reason."""
        return Counter(self._why(candidate, now, full) for candidate in self._candidates.values())

    def _why(self, candidate: _Candidate, now: float, full: bool) -> str:
        ready = candidate.why is Why.READY or candidate.due_at <= now
        return Why.QUEUE_FULL if ready and full else candidate.why
