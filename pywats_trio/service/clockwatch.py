"""The wall clock is set while the service runs: people are told, and waits go on as they were.

Waits are told by a clock that nobody sets (`queue.clocks`), so a jump of hours either way makes
nothing due at once and keeps nothing waiting. What is left to do is to say so, and to show due
times by the new wall clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
import trio

from pywats_trio.errors import StoreError
from pywats_trio.queue.clocks import JUMP_SECONDS, SHIFT

if TYPE_CHECKING:
    from pywats_trio.queue.store import Store

log = structlog.get_logger("pywats_trio.service")

LOOK_SECONDS: Final = 2.0
EVENT: Final = "clock changed"


class ClockWatch:
    """A part that compares the wall clock with a steady one every `LOOK_SECONDS`.

    What is less than `JUMP_SECONDS` is no jump, until several of them come to that much: what a
    clock is slewed by moves both clocks alike.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look until cancelled."""
        task_status.started()
        while True:
            await self.look()
            await trio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Take note of a jump since the last one that was noted, whoever noted that."""
        shift = self._store.clock_shift()
        seconds = shift - float(self._store.remembered(SHIFT) or 0)
        if abs(seconds) < JUMP_SECONDS:
            return
        try:
            await self._store.note(EVENT, {"seconds": round(seconds, 3)})
            await self._store.remember(SHIFT, repr(shift))
        except StoreError as error:  # the next look finds it again
            log.warning("a change of the clock is not in the history", error=str(error))
        else:
            log.warning("the clock was set, or the machine slept", seconds=round(seconds, 3))
