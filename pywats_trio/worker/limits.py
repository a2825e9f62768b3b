"""What the worker's process takes away from itself before a converter's code is loaded.

Linux gives all of it; elsewhere each piece that is missing is left out, and the end of the job
socket is what tells the worker that the service is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import math
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path
from typing import Final

from attrs import frozen

PR_SET_CHILD_SUBREAPER: Final = 36
"""From linux/prctl.h: what a converter leaves behind becomes our child, not that of init."""
OOM_SCORE_ADJ: Final = 800
"""When memory runs out the kernel takes a worker, which is replaced, before the service."""
FILE_BYTES: Final = 64 << 20
"""Largest file that a converter may write into its scratch folder."""
DESCRIPTORS: Final = 256
SIGNALS: Final = 64
"""That wait, and timers: the kernel counts those of the whole user, the service's too."""
THREADS: Final = 1024
"""That this user may have beside those that the machine has when a worker starts. Not for root,
whom the kernel does not count."""


ONE_TIME: Final = 16 << 20
"""Bytes of a file that `timeout_seconds` and `cpu_seconds` are for; a larger one has more."""


@frozen
class Limits:
    """What one worker process may use."""

    memory_bytes: int
    """Of address space; beyond it an allocation fails (MemoryError)."""
    cpu_seconds: int
    """Processor time of one job; beyond it the kernel kills the process (SIGXCPU)."""
    file_bytes: int = FILE_BYTES
    descriptors: int = DESCRIPTORS


def apply(limits: Limits) -> None:
    """Set the limits that hold for the life of this process, hard, so that nothing lifts them."""
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, limits.descriptors)
    _lower(resource.RLIMIT_FSIZE, limits.file_bytes)
    _lower(resource.RLIMIT_AS, limits.memory_bytes)
    if sys.platform == "linux":
        _lower(resource.RLIMIT_MEMLOCK, 0)
        _lower(resource.RLIMIT_RTPRIO, 0)
        _lower(resource.RLIMIT_NICE, 0)
        _lower(resource.RLIMIT_SIGPENDING, SIGNALS)
        _lower(resource.RLIMIT_NPROC, _threads_of_the_machine() + THREADS)


def _threads_of_the_machine() -> int:
    """Everybody's, which are more than this user's; the kernel counts those and not this process's.

    See proc_loadavg(5): the fourth field.
    """
    return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])


def _lower(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))


def times(size: int) -> float:
    """How many times the time of a file one of `size` bytes may take: 1 up to `ONE_TIME` bytes.

    Time grows with size; what is too long for one file is not for one that is a hundred times as
    large.
    """
    return max(1.0, size / ONE_TIME)


def allow_cpu(seconds: int) -> None:
    """Let this process use `seconds` of processor time from now on; to be called before each job.

    RLIMIT_CPU counts the life of a process and a warm one does many jobs, so the soft limit moves
    up. Its signal ends the process unless a converter ignores it; then the service's deadline does.
    """
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = math.ceil(time.process_time()) + seconds
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def prefer_as_victim() -> None:
    """Be the first to go when the machine runs out of memory, where that can be said."""
    try:
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE_ADJ))
    except OSError:
        return


def yield_to_the_service() -> None:
    """Do not push aside who is running when a job arrives: it is most often the service itself.

    A conversion is a batch job to the scheduler (`sched(7)`: SCHED_BATCH).
    """
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def adopt_orphans() -> None:
    """Keep every descendant in this process's tree, so that the service can find and kill it."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with(lifeline: int) -> None:
    """Have the kernel kill this process group when the other end of the pipe `lifeline` closes.

    The service holds that end and never writes, so it closes when the service ends, however it
    ends. PR_SET_PDEATHSIG would not do: it follows the thread that spawned the worker, and Trio
    spawns from a thread that ends after ten idle seconds.
    """
    set_signal = getattr(fcntl, "F_SETSIG", None)
    if set_signal is None:
        return
    fcntl.fcntl(lifeline, set_signal, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)
    if _hung_up(lifeline):  # It closed before the kernel was asked to tell.
        os.kill(os.getpid(), signal.SIGKILL)


def _hung_up(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    try:
        return bool(poll.poll(0))
    except OSError as error:
        if error.errno == errno.EINTR:
            return False
        raise
