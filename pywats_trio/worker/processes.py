"""Ends a worker with everything it started: what lives on could touch the next job's files.

All of it reads /proc, which is kernel memory: microseconds, never a disk. Where there is no /proc
the process group alone is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import Final

COOKIE: Final = "PYWATS_TRIO_WORKER"
"""An environment variable with a value of its own for each worker, which descendants inherit."""
_PROC: Final = Path("/proc")


def kill_tree(pid: int) -> None:
    """Kill a worker that is not reaped yet, its process group and all its descendants.

    Everybody is stopped before anybody is killed, so that nothing can start more meanwhile, and a
    stopped parent does not reap, so that no number is given to a stranger. The worker is a
    subreaper: orphans are its children, whatever session they moved to.
    """
    _signal(pid, signal.SIGSTOP)
    stopped = {pid}
    while found := children_of(stopped) - stopped:
        for child in found:
            _signal(child, signal.SIGSTOP)
        stopped |= found
    for victim in stopped:
        _signal(victim, signal.SIGKILL)
    kill_group(pid)


def kill(pid: int) -> None:
    """Kill a worker that can have started nothing."""
    _signal(pid, signal.SIGKILL)


def kill_group(pid: int) -> None:
    """Kill whoever is still in the process group that the worker `pid` led."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def kill_marked(cookie: str) -> int:
    """Kill the processes whose environment carries `cookie`; how many.

    For a worker that ended by itself: what it had started is now a child of init and may have left
    its session. Reads the environment of every process of this user: a few milliseconds, so it is
    called in a thread and only after an unexpected end.
    """
    mark = f"{COOKIE}={cookie}".encode()
    killed = 0
    for pid in _all_pids():
        with contextlib.suppress(OSError):
            if mark in (_PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                os.kill(pid, signal.SIGKILL)
                killed += 1
    return killed


def _all_pids() -> list[int]:
    with contextlib.suppress(OSError):
        return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    return []


def children_of(pids: set[int]) -> set[int]:
    """The processes whose parent is one of `pids`."""
    return {child for pid in pids for child in _children(pid)}


def _children(pid: int) -> set[int]:
    found: set[int] = set()
    # A process or thread that ends while it is read is no child any more, or becomes the worker's.
    with contextlib.suppress(OSError):
        for task in (_PROC / str(pid) / "task").iterdir():
            with contextlib.suppress(OSError):
                found.update(map(int, (task / "children").read_text().split()))
    return found


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
