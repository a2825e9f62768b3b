"""What a test leaves behind in its process and on the machine: nothing."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import trio
from attrs import Factory, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

IDLE = "Trio thread "
"""How Trio calls a thread that waits for work, as it does for ten seconds after the last."""
PATIENCE = 5.0
"""Seconds for a thread that was left behind on purpose, or a process that was just killed."""
DESCRIPTORS = Path("/proc/self/fd")


@frozen
class Census:
    """What there is at one moment."""

    threads: frozenset[threading.Thread] = Factory(lambda: frozenset(busy_threads()))
    descriptors: frozenset[tuple[str, str]] = Factory(lambda: frozenset(open_descriptors()))
    children: frozenset[psutil.Process] = Factory(lambda: frozenset(children()))


def busy_threads() -> Iterator[threading.Thread]:
    """Threads at work; those that Trio keeps for the next call are not."""
    return (one for one in threading.enumerate() if not one.name.startswith(IDLE))


def open_descriptors() -> Iterator[tuple[str, str]]:
    """Number and target of each open file, socket and pipe; none where the system cannot tell."""
    for descriptor in DESCRIPTORS.iterdir() if DESCRIPTORS.exists() else ():
        with contextlib.suppress(FileNotFoundError):  # the one that reads the folder
            yield descriptor.name, os.readlink(descriptor)  # noqa: PTH115 - a socket is no path


def children() -> list[psutil.Process]:
    """Our child processes and theirs, also those that nobody has waited for."""
    return psutil.Process().children(recursive=True)


def strays(folder: Path) -> list[psutil.Process]:
    """Processes that work in `folder` or were given a path in it, whosever children they are."""
    return [process for process in psutil.process_iter() if _is_about(process, f"{folder}/")]


def _is_about(process: psutil.Process, folder: str) -> bool:
    try:
        told = [f"{process.cwd()}/", *process.cmdline()]
    except (psutil.Error, OSError):
        return False  # gone, somebody else's, or too deep in folders for the kernel to tell
    return any(folder in text for text in told)


@contextlib.contextmanager
def nothing_left(folder: Path) -> Iterator[None]:
    """Fail if the block leaves a thread, a descriptor, a task or a process behind.

    `folder` is where its services live: their processes are found by it even as orphans. Tasks
    end with the `trio.run` that they belong to, so there must be none around the block.
    """
    before = Census()
    yield
    for thread in set(busy_threads()) - before.threads:
        _wait(thread)
    psutil.wait_procs([*set(children()) - before.children, *strays(folder)], timeout=PATIENCE)
    after = Census()
    assert after.threads - before.threads == set(), "threads are left"
    assert after.descriptors - before.descriptors == set(), "descriptors are left"
    assert after.children - before.children == set(), "processes are left"
    assert strays(folder) == [], "processes are left"


def _wait(thread: threading.Thread) -> None:
    """Until the thread has ended or is idle; there is no event for the latter."""
    patience = int(PATIENCE / 0.01)
    for _ in range(patience):
        if not thread.is_alive() or thread.name.startswith(IDLE):
            return
        thread.join(0.01)


@contextlib.contextmanager
def no_task_left() -> Iterator[None]:
    """Fail if there are more tasks in this `trio.run` after the block than before it."""
    before = trio.lowlevel.current_statistics().tasks_living
    try:
        yield
    finally:
        assert trio.lowlevel.current_statistics().tasks_living == before, "tasks are left"
