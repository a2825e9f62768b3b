"""Whether the server may be asked now: the delivery stage's gate.

```
            another report is taken                        a report is taken or refused
          +---------------------------+                  +-----------------------------+
          v                           |                  |                             |
       CLOSED --500, read time-out--> SUSPECT     OPEN --time (and version)--> HALF_OPEN
          |                           |           ^  ^                             |
          |                           +--again----+  |                             |
          +---any other class that suspends----------+----------any failure--------+
```

SUSPECT asks whether the server or the report is at fault: another report is sent at once. If that
one is taken, the failure was the suspect's own and is charged to it; if it fails, it is an outage.
The suspect itself failing again proves nothing, it only waits longer.

What was sent before a state began neither ends it nor counts as its probe: its answer may be older
than the cause. Pure logic; time and chance are injected.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING

from attrs import define, frozen

from pywats_trio.deliver.classes import Class
from pywats_trio.queue.retry import FLOOR, backoff

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from pywats_trio.config.options import RetryOptions
    from pywats_trio.deliver.verdict import Verdict
    from pywats_trio.model import Claim, Problem


class Circuit(StrEnum):
    """The breaker's states."""

    CLOSED = "closed"
    SUSPECT = "suspect"
    OPEN = "open"
    HALF_OPEN = "half-open"


@frozen
class Outage:
    """Why nothing is sent."""

    kind: Class
    problem: Problem
    since: float
    """Seconds since the epoch."""


@frozen(eq=False)
class Trial:
    """One report on its way to the server."""

    claim: Claim
    order: int


@define
class Suspect:
    """A report that failed while the server may be right."""

    claim: Claim
    problem: Problem
    order: int
    """Trials up to this one say nothing about it."""
    failures: int = 1


class Breaker:
    """The state of one server. `changed` is called after each change of `state` or `outage`."""

    def __init__(
        self,
        retry: RetryOptions,
        max_connections: int,
        *,
        now: Callable[[], float],
        wall: Callable[[], float],
        random: Random,
        changed: Callable[[], None],
    ) -> None:
        self._retry = retry
        self._max = max_connections
        self._now = now
        self._wall = wall
        self._random = random
        self._changed = changed
        self._state = Circuit.OPEN  # until the version request was answered
        self._outage: Outage | None = None
        self._opens_at = -math.inf
        self._unchecked = True
        self._failures = 0
        self._order = 0
        self._began = 0
        self._order_at_outage = 0
        self._flying: set[Trial] = set()
        self._suspects: dict[int, Suspect] = {}
        self._charges: list[Suspect] = []
        self._resume = False

    # What the stage, the pump and status ask

    @property
    def state(self) -> Circuit:
        """Where the circuit stands now."""
        self._tick()
        return self._state

    @property
    def outage(self) -> Outage | None:
        """The outage that is not over yet; OPEN without one is before the first version check."""
        return self._outage

    def next_try_in(self) -> float:
        """Seconds until the server is asked again; 0 unless OPEN."""
        return max(0.0, self._opens_at - self._now()) if self.state is Circuit.OPEN else 0.0

    def width(self) -> int:
        """How many reports may be in hand now."""
        match self.state:
            case Circuit.CLOSED:
                return self._max
            case Circuit.OPEN:
                return 0
            case _:
                # One probe beside those that were on their way before, however long they take.
                older = sum(trial.order <= self._began for trial in self._flying)
                return min(self._max, older + 1)

    def reopens_in(self) -> float:
        """Seconds until `width` grows by itself; infinite if a version check or an answer must."""
        waits = self.state is Circuit.OPEN and not self._unchecked
        return self.next_try_in() if waits else math.inf

    def check_in(self) -> float:
        """Seconds until the version request is due; infinite if none is wanted."""
        waits = self.state is Circuit.OPEN and self._unchecked
        return self.next_try_in() if waits else math.inf

    def admits(self) -> bool:
        """Whether one more report may be sent now."""
        return len(self._flying) < self.width()

    def wait_now(self) -> float:
        """Seconds that a report which may not be sent now should wait."""
        return self.next_try_in() or backoff(1, self._retry, self._random)

    # What happens

    def begin(self, claim: Claim) -> Trial:
        """A report is being sent; `end` must follow."""
        self._order += 1
        trial = Trial(claim, self._order)
        self._flying.add(trial)
        return trial

    def end(self, trial: Trial) -> None:
        """It is not on its way any more, whatever came of it."""
        self._flying.discard(trial)

    def record(self, trial: Trial, verdict: Verdict) -> float:
        """What came of a trial; seconds the report has to wait if the verdict suspends."""
        self._tick()
        if not verdict.row.suspends:
            self._answered(trial, taken=verdict.kind is Class.DELIVERED)
            return 0.0
        if trial.order <= self._order_at_outage:
            return self._failed_late(verdict)
        if verdict.suspect and self._state is not Circuit.HALF_OPEN:
            return self._suspected(trial, verdict)
        self._open(verdict)
        return self._wait_in_outage(verdict)

    def checked(self, verdict: Verdict) -> None:
        """The version request was answered, or not."""
        if self._state is not Circuit.OPEN:
            return
        if verdict.row.suspends:
            self._open(verdict)
        elif self._outage is None:
            self._close()
        else:
            self._unchecked = False
            self._enter(Circuit.HALF_OPEN)

    def probe_now(self) -> None:
        """Somebody says that the cause is mended, or the token changed."""
        if self.state is Circuit.OPEN:
            self._opens_at = self._now()
            self._changed()

    def take_charges(self) -> list[Suspect]:
        """Suspects whose failure turned out to be their own; each is handed out once."""
        charges, self._charges = self._charges, []
        return charges

    def take_resume(self) -> bool:
        """Whether the reports that wait for the server may go on; true once after each closing."""
        resume, self._resume = self._resume, False
        return resume

    # Inside

    def _tick(self) -> None:
        if self._state is Circuit.OPEN and not self._unchecked and self._now() >= self._opens_at:
            self._enter(Circuit.HALF_OPEN)

    def _enter(self, state: Circuit) -> None:
        self._state = state
        self._began = self._order
        self._changed()

    def _close(self) -> None:
        self._failures = 0
        self._outage = None
        self._resume = True
        self._unchecked = False
        self._enter(Circuit.CLOSED)

    def _open(self, verdict: Verdict) -> None:
        """An outage begins or goes on; what was suspected was the server's fault."""
        self._failures += 1
        self._suspects.clear()
        since = self._outage.since if self._outage else self._wall()
        self._outage = Outage(verdict.kind, verdict.problem, since)
        self._opens_at = self._now() + self._interval(verdict)
        self._unchecked = self._unchecked or verdict.row.needs_version
        self._order_at_outage = self._order
        self._enter(Circuit.OPEN)

    def _interval(self, verdict: Verdict) -> float:
        if verdict.kind is Class.AUTH:
            return self._retry.max_seconds  # wrong passwords lock accounts
        if verdict.retry_after is not None:
            # As told; at once would be told again.
            return max(verdict.retry_after, FLOOR * self._retry.base_seconds)
        return backoff(self._failures, self._retry, self._random)

    def _answered(self, trial: Trial, *, taken: bool) -> None:
        """The server did its work on a report: it took it, or refused it for cause."""
        match self._state:
            case Circuit.CLOSED:
                self._failures = 0
            case Circuit.HALF_OPEN if trial.order > self._began:
                self._close()
            case Circuit.SUSPECT if taken:
                self._clear_suspects(trial)

    def _clear_suspects(self, trial: Trial) -> None:
        """A report was taken: suspects that failed before it was sent failed by themselves."""
        if trial.claim.item.id in self._suspects:
            # It failed and now it went, so the server was at fault: no word against the others.
            self._suspects.clear()
        for item_id, suspect in list(self._suspects.items()):
            if suspect.order < trial.order:
                self._charges.append(self._suspects.pop(item_id))
        if self._suspects:
            self._changed()
        else:
            self._close()

    def _suspected(self, trial: Trial, verdict: Verdict) -> float:
        item_id = trial.claim.item.id
        known = self._suspects.pop(item_id, None)
        if any(other.order < trial.order for other in self._suspects.values()):
            self._open(verdict)  # two different reports, one after the other: it is the server
            return self._wait_in_outage(verdict)
        suspect = Suspect(trial.claim, verdict.problem, self._order)
        suspect.failures += known.failures if known else 0
        self._suspects[item_id] = suspect
        self._enter(Circuit.SUSPECT)
        return backoff(suspect.failures, self._retry, self._random)

    def _failed_late(self, verdict: Verdict) -> float:
        """Sent before the last outage was known, hence part of it; a longer request is heard."""
        if self._state is Circuit.OPEN and verdict.retry_after:
            self._opens_at = max(self._opens_at, self._now() + verdict.retry_after)
        return self._wait_in_outage(verdict)

    def _wait_in_outage(self, verdict: Verdict) -> float:
        """Until the next probe; what may itself be at fault lets another be the probe."""
        seconds = self.wait_now()
        return 2 * seconds if verdict.suspect or verdict.kind is Class.PROTOCOL else seconds
