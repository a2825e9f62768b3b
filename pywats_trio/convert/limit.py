"""How many worker processes there may be, judged from samples; one a second while there is work.

It begins with what is configured. It falls at once: by half when memory is short, by one when there
are more workers than processors and no processor is idle. It rises by one when files wait, nothing
suffers, and what one more needs is there. Two things keep it from swinging: a rise beyond the
number of processors has to bring more files a second, else it is taken back, and each rise that had
to be taken back makes it wait twice as long before the next that would lead as high.

What other programs keep of the processors is not decided here but by the kernel, every
millisecond: workers have a low priority (`pywats_trio.priority`).
"""

from __future__ import annotations

import math
from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from pywats_trio.config.options import MIB
from pywats_trio.queue.marks import LowMark

if TYPE_CHECKING:
    from pywats_trio.convert.pressure import Pressure

RESERVE: Final = 256 * MIB
"""Memory that is left to others: below it the limit falls."""
START: Final = 64 * MIB
"""Memory without which not even one process is started, for the kernel would kill another."""
SWAPPING: Final = 1.0 * MIB
"""A second: more than what an idle program is moved out by."""
STALLED: Final = 0.1
"""Share of the time that somebody waits for memory: more, and the machine begins to thrash."""
FULL: Final = 0.1
"""With less than this share of the processors idle, one who wants some takes it from another."""
HOLD: Final = 2
"""Samples without a complaint before it rises, at least."""
LONGEST_HOLD: Final = 32
PROVEN: Final = 8
"""Samples after which a rise was right."""
TRIAL: Final = 3
"""Samples on each side of a rise that tell whether it helped."""
GAIN: Final = 0.25
"""Of what a rise promises (a half more from two to three): less, and it did not help."""


class Why(StrEnum):
    """What the limit is as it is for; constant words for the metric."""

    START = "start"
    WORK = "work"
    """Files wait and nothing suffers."""
    MEMORY = "memory"
    SWAPPING = "swapping"
    PROCESSOR = "processor"
    NO_GAIN = "no_gain"
    """One more worker converted no more files."""


@frozen
class Sample:
    """What happened since the sample before.

    How long a job takes is not in it: while jobs wait it is the number of workers over throughput.
    """

    pressure: Pressure
    finished: int
    """Jobs."""
    waiting: int
    """Jobs that had to wait for their turn: more workers would have something to do."""

    @property
    def throughput(self) -> float:
        """Jobs a second."""
        return self.finished / self.pressure.seconds


@frozen
class Verdict:
    """What a sample led to."""

    why: Why
    words: str
    """For people, with figures."""


@define
class Limit:
    """The limit of one pool, from 0 to `most`, where it begins.

    Args:
        most: `workers.max`, or what stands for it; 1 or more.
        worker_bytes: how much memory one more process may come to use.
        reserve: bytes of memory that are left alone.
    """

    most: int
    worker_bytes: int
    reserve: int = RESERVE
    value: int = field(init=False)
    """Processes; 0: none is to be started."""
    verdict: Verdict = field(init=False)
    _short: LowMark = field(init=False)
    _dire: LowMark = field(init=False)
    _calm: int = field(init=False, default=0)
    """Samples since the last complaint."""
    _mistake: float = field(init=False, default=math.inf)
    """Where the last rise that had to be taken back led to."""
    _hold: int = field(init=False, default=HOLD)
    """Samples without a complaint before it rises there again."""
    _risen: int = field(init=False, default=PROVEN)
    """Samples since the last rise."""
    _before: deque[float] = field(init=False, factory=lambda: deque(maxlen=TRIAL))
    """Throughput of the last samples of this limit in which files waited."""
    _trial: float | None = field(init=False, default=None)
    """Throughput of the limit before, while its rise has to prove itself."""

    def __attrs_post_init__(self) -> None:
        self.value = self.most
        self.verdict = Verdict(Why.START, "as many as are configured, at most")
        self._short = LowMark(self.reserve)
        self._dire = LowMark(min(START, self.reserve))

    def judge(self, sample: Sample) -> bool:
        """Learn from a sample; whether the limit has changed."""
        before = self.value
        self._calm += 1
        self._risen += 1
        if self._risen == PROVEN and self.value >= self._mistake:
            self._hold, self._mistake = HOLD, math.inf
        seen = sample.pressure
        complaint = self._of_memory(seen)
        if self._dire.judge(seen.available):
            self._stop(seen.available)
        elif not self.value:
            self._move(1, Verdict(Why.WORK, "there is memory for a process again"))
        elif complaint is not None:
            self._fall(max(1, self.value // 2), complaint)
        elif self._are_too_many(seen):
            words = "processor: all are in use, and there are more workers than processors"
            self._fall(self.value - 1, Verdict(Why.PROCESSOR, words))
        elif sample.waiting:
            self._weigh(sample)
        return self.value != before

    # Reasons to fall

    def _of_memory(self, seen: Pressure) -> Verdict | None:
        if self._short.judge(seen.available):
            words = f"memory: {_mib(seen.available)} free, {_mib(self.reserve)} are left to others"
            return Verdict(Why.MEMORY, words)
        if seen.swapping >= SWAPPING:
            words = f"memory: the machine swaps {_mib(seen.swapping)} a second out"
            return Verdict(Why.SWAPPING, words)
        if (seen.memory_stall or 0.0) >= STALLED:
            words = f"memory: programs wait for it {seen.memory_stall:.0%} of the time"
            return Verdict(Why.MEMORY, words)
        return None

    def _are_too_many(self, seen: Pressure) -> bool:
        """One fewer would convert as much, in less memory."""
        return self.value > max(1, round(seen.processors)) and _all_in_use(seen)

    def _stop(self, free: int) -> None:
        wanted = self._dire.limit
        words = f"memory: {_mib(free)} free, {_mib(wanted)} wanted to start a process"
        self._move(0, Verdict(Why.MEMORY, words))

    def _fall(self, value: int, verdict: Verdict) -> None:
        if self._risen < PROVEN:
            self._repent()
        self._move(value, verdict)

    def _repent(self) -> None:
        """The last rise was a mistake."""
        self._mistake = self.value
        self._hold = min(2 * self._hold, LONGEST_HOLD)
        self._risen = PROVEN

    def _move(self, value: int, verdict: Verdict) -> None:
        if value != self.value:
            self._before.clear()
        self._trial = None
        self._calm = 0
        self.value, self.verdict = value, verdict

    # Reasons to rise

    def _weigh(self, sample: Sample) -> None:
        """Files wait: whether more may be converted at once, or fewer would do."""
        self._before.append(sample.throughput)
        if self._trial is not None:
            self._try(self._trial)
        elif self.value < self.most:
            hold = HOLD if self.value + 1 < self._mistake else self._hold
            if self._calm > hold:
                self._rise(sample.pressure)

    def _try(self, before: float) -> None:
        if len(self._before) < TRIAL:
            return
        now = sum(self._before) / TRIAL
        self._trial = None
        if now >= before * (1 + GAIN / (self.value - 1)):
            return
        self._repent()
        words = f"{now:.1f} files a second with {self.value} workers, {before:.1f} with one fewer"
        self._move(self.value - 1, Verdict(Why.NO_GAIN, words))

    def _rise(self, seen: Pressure) -> None:
        obstacle = self._obstacle(seen)
        if obstacle is not None:
            self.verdict = obstacle
            return
        beyond = self.value >= round(seen.processors)
        trial = sum(self._before) / len(self._before) if len(self._before) == TRIAL else None
        self._move(self.value + 1, Verdict(Why.WORK, "files wait, and nothing suffers"))
        self._risen = 0
        self._trial = trial if beyond else None

    def _obstacle(self, seen: Pressure) -> Verdict | None:
        """What one more would lack."""
        wanted = self.reserve + self.worker_bytes
        if seen.available < wanted:
            words = f"memory: {_mib(seen.available)} free, {_mib(wanted)} wanted for one more"
            return Verdict(Why.MEMORY, words)
        if self.value >= round(seen.processors) and _all_in_use(seen):
            return Verdict(Why.PROCESSOR, "processor: all are in use")
        return None


def _all_in_use(seen: Pressure) -> bool:
    """False where nothing is known, as in a sample that took no time."""
    return seen.processors > 0 and seen.idle <= FULL * seen.processors


def _mib(size: float) -> str:
    return f"{size / MIB:.0f} MiB"
