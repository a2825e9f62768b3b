"""What a converter left behind in its process: reasons to replace the process before the next job.

A converter is warm, so one job's leftovers would meet the next. Each check is one system call or
one small file of /proc; all of them together cost some 40 µs a job.
"""

from __future__ import annotations

import _thread
import os
import resource
import sys
from typing import Final

from attrs import frozen

DESCRIPTOR_SLACK: Final = 16
"""A converter may keep a few files open between jobs; one that leaks passes this soon."""
MEMORY_SHARE: Final = 0.9
"""Of the limit: beyond it the next job may fail for what this one kept."""
CHUNK: Final = 256
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@frozen
class Footprint:
    """What a process holds at one moment."""

    threads: int
    """Python threads besides the main one; those of native libraries cannot run Python code."""
    descriptors: int
    output: tuple[tuple[int, int], ...]
    """Device and inode of standard output and error; fewer than two if one is closed."""


def footprint() -> Footprint:
    """What this process holds now."""
    threads = _thread._count()  # noqa: SLF001 - counts threads made without `threading`, too
    return Footprint(threads, _descriptors(), _output())


def doubt(before: Footprint, memory_limit: int) -> str:
    """Why this process should not do another job; empty if there is no reason."""
    now = footprint()
    if _has_children():
        return "left child processes behind"
    if now.threads > before.threads:
        return "left threads behind"
    if now.descriptors > before.descriptors + DESCRIPTOR_SLACK:
        return "left files open"
    if now.output != before.output:
        return "closed its standard output"
    if memory_limit and _memory() > MEMORY_SHARE * memory_limit:
        return "kept nearly all the memory it may use"
    return ""


def _descriptors() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the count is all that is wanted
    except OSError:
        return 0


def _output() -> tuple[tuple[int, int], ...]:
    found = []
    for descriptor in (1, 2):
        try:
            status = os.fstat(descriptor)
        except OSError:
            continue
        found.append((status.st_dev, status.st_ino))
    return tuple(found)


def _has_children() -> bool:
    """Whether a descendant is still running; those that ended are reaped on the way."""
    while True:
        try:
            pid, _status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True


def _memory() -> int:
    """Bytes of address space in use, 0 where it is not known."""
    if sys.platform != "linux":
        return 0
    with open("/proc/self/statm", "rb", buffering=0) as file:  # noqa: PTH123 - once a job: cheap
        return int(file.read(CHUNK).split(maxsplit=1)[0]) * _PAGE


def peak_memory() -> int:
    """Most bytes of memory this process ever held.

    Of one that was not forked it may be more, for the number is inherited over exec: it counts the
    service's then. `getrusage(2)` tells it in KiB, and on macOS in bytes.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
