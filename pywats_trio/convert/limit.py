"""How many conversions may run at once, judged from samples; one a second while there is work.

The limit is a number of worker processes, or below one the processors that the service and its only
worker may use together. It falls at once, by half when memory is short, to what leaves others their
part when they lose too much of the processors. It rises by one (below one, it doubles) when files
wait and nothing suffers. Two things keep it from swinging: it rises only if as much more as it
brings would not make anybody suffer, and each rise that had to be taken back makes it wait twice as
long before the next that would lead as high.
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
KEEP: Final = 0.9
"""What others keep of the processor time that they want. 0.8 is promised; what the kernel does for
us, writing to the disk above all, and what our work pushes out of caches is not told as ours."""
FAIR: Final = 0.2
"""Share of the processors: who uses less gets it anyway, whoever else wants some."""
FULL: Final = 0.1
"""With less than this share of the processors idle, one who wants some takes it from another."""
LEAST: Final = 1 / 16
"""Conversion never stops for good."""
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
    """The limit of one pool, from 0 to `most`.

    Args:
        most: `workers.max`.
        start: where it begins; what the machine has processors for.
        worker_bytes: how much memory one more process may come to use.
        reserve: bytes of memory that are left alone.
        keep: what others keep of the processor time that they want, 0 to 1; 0: do not mind them.
    """

    most: int
    start: int
    worker_bytes: int
    reserve: int = RESERVE
    keep: float = KEEP
    value: float = field(init=False)
    """Processes; below one processors for all that we do; 0: no process is to be started."""
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
        self.value = float(min(self.most, max(1, self.start)))
        self.verdict = Verdict(Why.START, "as many as there are processors for, at most")
        self._short = LowMark(self.reserve)
        self._dire = LowMark(min(START, self.reserve))

    @property
    def places(self) -> int:
        """How many processes there may be."""
        return -int(-self.value // 1)

    @property
    def pace(self) -> float:
        """How many processors all may use together, above 0 to 1; 1: as many as they like."""
        return self.value if 0 < self.value < 1 else 1.0

    def judge(self, sample: Sample) -> bool:
        """Learn from a sample; whether the limit has changed."""
        before = self.value
        self._calm += 1
        self._risen += 1
        if self._risen == PROVEN and self.value >= self._mistake:
            self._hold, self._mistake = HOLD, math.inf
        seen = sample.pressure
        complaint = self._of_memory(seen) or self._of_processors(seen)
        if self._dire.judge(seen.available):
            self._stop(seen.available)
        elif not self.value:
            self._move(1.0, Verdict(Why.WORK, "there is memory for a process again"))
        elif complaint is not None:
            part = self._part(seen) if complaint.why is Why.PROCESSOR else self._half()
            self._fall(part, complaint)
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

    def _of_processors(self, seen: Pressure) -> Verdict | None:
        left = kept(seen)
        if left >= self.keep:
            return None
        return Verdict(Why.PROCESSOR, f"processor: others keep {left:.0%} of what they want")

    def _stop(self, free: int) -> None:
        wanted = self._dire.limit
        words = f"memory: {_mib(free)} free, {_mib(wanted)} wanted to start a process"
        self._move(0.0, Verdict(Why.MEMORY, words))

    def _half(self) -> float:
        """Never below one process, for it is processes that take memory."""
        return min(self.value, max(1.0, float(int(self.value / 2))))

    def _part(self, seen: Pressure) -> float:
        """As much as would leave others what they are to keep, if they lose in proportion to it."""
        loss = lost(seen)
        part = (1 - self.keep) * (seen.others + loss) / loss
        if self.value * part >= 1:
            return float(int(self.value * part))
        return max(LEAST, part * min(self.value, seen.ours))

    def _fall(self, value: float, verdict: Verdict) -> None:
        if self._risen < PROVEN:
            self._repent()
        self._move(value, verdict)

    def _repent(self) -> None:
        """The last rise was a mistake."""
        self._mistake = self.value
        self._hold = min(2 * self._hold, LONGEST_HOLD)
        self._risen = PROVEN

    def _move(self, value: float, verdict: Verdict) -> None:
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
            higher = min(self.value * 2, 1.0) if self.value < 1 else self.value + 1
            if self._calm > (HOLD if higher < self._mistake else self._hold):
                self._rise(higher, sample.pressure)

    def _try(self, before: float) -> None:
        if len(self._before) < TRIAL:
            return
        now = sum(self._before) / TRIAL
        self._trial = None
        if now >= before * (1 + GAIN / (self.value - 1)):
            return
        self._repent()
        words = f"{now:.1f} files a second with {self.value:g} workers, {before:.1f} with one fewer"
        self._move(self.value - 1, Verdict(Why.NO_GAIN, words))

    def _rise(self, higher: float, seen: Pressure) -> None:
        obstacle = self._obstacle(higher, seen)
        if obstacle is not None:
            self.verdict = obstacle
            return
        trial = sum(self._before) / len(self._before) if len(self._before) == TRIAL else None
        self._move(higher, Verdict(Why.WORK, "files wait, and nothing suffers"))
        self._risen = 0
        self._trial = trial if higher > self.start else None

    def _obstacle(self, higher: float, seen: Pressure) -> Verdict | None:
        """What would suffer."""
        wanted = self.reserve + self.worker_bytes
        if higher > self.places and seen.available < wanted:
            words = f"memory: {_mib(seen.available)} free, {_mib(wanted)} wanted for one more"
            return Verdict(Why.MEMORY, words)
        left = kept(seen, higher / self.value)
        if left < self.keep:
            words = f"processor: others would keep {left:.0%} of what they want"
            return Verdict(Why.PROCESSOR, words)
        if higher > self.start and seen.idle <= FULL * seen.processors:
            return Verdict(Why.PROCESSOR, "processor: all are in use")
        return None


def lost(seen: Pressure) -> float:
    """How many processors others would use and cannot, because we do.

    None while a processor is idle, else no more than we use, nor more than is waited for (where the
    kernel does not tell, they are taken to wait all the time). Those who want less than a fair
    share are served by the scheduler, whatever we do.
    """
    if seen.others <= FAIR * seen.processors or seen.idle > FULL * seen.processors:
        return 0.0
    stall = 1.0 if seen.processor_stall is None else seen.processor_stall
    return min(seen.ours, stall * seen.processors)


def kept(seen: Pressure, more: float = 1.0) -> float:
    """Share of what others want of the processors that they get if we take `more` times as much."""
    loss = lost(seen)
    return max(0.0, 1 - more * loss / (seen.others + loss)) if loss else 1.0


def _mib(size: float) -> str:
    return f"{size / MIB:.0f} MiB"
