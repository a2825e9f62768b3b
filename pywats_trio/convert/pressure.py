"""What the machine has to do: its processors and its memory, looked at twice.

Counters of the system are read and compared a while later, so a rate is exact for the time between
two looks and no average of the kernel's has to be waited for. What a system does not tell is None.
Stalls are read where the kernel has them (Linux, accounting/psi.rst). `read` blocks for a moment.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.observe import memory

if TYPE_CHECKING:
    from collections.abc import Callable

PROC: Final = Path("/proc")
_MICROSECOND: Final = 1e-6


@frozen
class Reading:
    """Counters at one moment; all but `available` since some moment in the past."""

    at: float
    """Of a clock that nobody sets, seconds."""
    working: float
    """Processor seconds of everything that ran."""
    idle: float
    """Processor seconds of nothing."""
    swapped_out: int
    """Bytes."""
    available: int
    """Bytes of memory that can still be had, within the service's control group."""
    memory_stall: float | None = None
    """Seconds in which somebody waited for memory to be freed or read back."""


@frozen
class Pressure:
    """What went on between two readings. Processors are counted as such: 1.5 is one and a half."""

    seconds: float
    processors: float
    """How many there were, to the machine as a whole."""
    idle: float
    """How many of them had nothing to do."""
    swapping: float
    """Bytes of memory swapped out a second."""
    available: int
    """Bytes of memory that could be had at the end."""
    memory_stall: float | None = None
    """Share of the time, 0 to 1, in which somebody waited for memory."""


def between(before: Reading, after: Reading) -> Pressure:
    """What went on between them."""
    seconds = max(after.at - before.at, 1e-3)
    working = max(0.0, after.working - before.working)
    idle = max(0.0, after.idle - before.idle)
    return Pressure(
        seconds=seconds,
        processors=(working + idle) / seconds,
        idle=idle / seconds,
        swapping=max(0, after.swapped_out - before.swapped_out) / seconds,
        available=after.available,
        memory_stall=_share(before.memory_stall, after.memory_stall, seconds),
    )


def _share(before: float | None, after: float | None, seconds: float) -> float | None:
    if before is None or after is None:
        return None
    return min(1.0, max(0.0, after - before) / seconds)


def read(proc: Path = PROC, available: Callable[[], int] = memory.available) -> Reading:
    """Look now. Blocks."""
    import psutil  # noqa: PLC0415 - 1 MB and 10 ms, and only who converts has to know

    processors = psutil.cpu_times()
    # A guest's time is in `user`, too; stolen time belongs to other machines.
    idle = processors.idle + getattr(processors, "iowait", 0.0)
    apart = idle + sum(getattr(processors, name, 0.0) for name in ("steal", "guest", "guest_nice"))
    return Reading(
        at=time.monotonic(),
        working=sum(processors) - apart,
        idle=idle,
        swapped_out=psutil.swap_memory().sout,
        available=available(),
        memory_stall=stalled("memory", proc),
    )


def stalled(what: str, proc: Path = PROC) -> float | None:
    """Seconds in which at least one task was stalled for want of `what`; None: nobody knows.

    The kernel may have been built without it or started without it (then reading fails), and a
    later one may tell more: only the word `total` of the line `some` is looked at.
    """
    try:
        lines = (proc / "pressure" / what).read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        told = dict(word.partition("=")[::2] for word in line.split())
        if "some" in told and told.get("total", "").isdecimal():
            return int(told["total"]) * _MICROSECOND
    return None


def reserve(most: int) -> int:
    """Bytes of memory to leave alone: `most`, or an eighth of a machine that has little."""
    if not hasattr(os, "sysconf"):
        return most
    return min(most, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 8)
