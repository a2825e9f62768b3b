"""What is looked at while converters work, for there is nothing to wait for.

That none writes more than it may, and none starts more threads; and whoever has no job is stopped
by the kernel until it has one. An honest worker waits for a job and does not notice; one that has
answered in the worker's place and goes on, with no deadline to end it, is held.
"""

from __future__ import annotations

import math
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio

from pywats_trio.convert.scratch import bytes_written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pywats_trio.convert.child import Child

SECONDS: Final = 0.25
"""Between two looks: a job can go beyond its limits by what it takes in that time."""
TOO_MUCH: Final = "scratch"
"""Why a worker that wrote too much is condemned."""
HIDDEN: Final = "hidden"
"""Why one is whose files cannot be counted."""
TOO_MANY: Final = "threads"
"""Why a worker with too many threads is condemned."""
MAX_THREADS: Final = 256
"""Of one worker. The machine has some 32,000 for everybody, and 512 MiB of memory hold 25,000."""


class Watch:
    """Condemns the workers of which one wrote more than `limit` bytes, and stops the idle ones.

    `at_work` are looked at; `at_rest` wait for a job. While nobody works nobody is looked at.
    """

    def __init__(
        self,
        limit: int,
        at_work: Callable[[], Iterable[Child]],
        at_rest: Callable[[], Iterable[Child]],
    ) -> None:
        self._limit = limit
        self._at_work = at_work
        self._at_rest = at_rest
        self._some = trio.Event()

    def wake(self) -> None:
        """A job begins."""
        self._some.set()

    async def run(self) -> None:
        """Look while there is work, for ever. Cancelled, a disk that hangs is left behind."""
        while True:
            await self._some.wait()
            await trio.sleep(SECONDS)
            for child in self._at_rest():
                child.suspend()
            working = list(self._at_work())
            if not working:
                self._some = trio.Event()
            for child in working:
                await self._look(child)

    async def _look(self, child: Child) -> None:
        if _threads(child.process.pid) > MAX_THREADS:
            child.condemn(TOO_MANY)
            return
        written = await trio.to_thread.run_sync(
            bytes_written, child.scratch, child.process.pid, self._limit, abandon_on_cancel=True
        )
        if written > self._limit:
            child.condemn(TOO_MUCH if math.isfinite(written) else HIDDEN)


def _threads(pid: int) -> int:
    """How many threads a process has: each is a folder, and one system call tells their number."""
    with suppress(OSError):
        return os.stat(f"/proc/{pid}/task").st_nlink - 2  # noqa: PTH116 - no disk is behind it
    return 0
