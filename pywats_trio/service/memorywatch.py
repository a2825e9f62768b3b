"""The machine's memory, watched: intake stops before the kernel begins to kill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
import trio

from pywats_trio.config.values import size_text
from pywats_trio.observe import memory
from pywats_trio.observe.board import Cause
from pywats_trio.queue.marks import LowMark
from pywats_trio.queue.store import Topic

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.config.options import QueueOptions
    from pywats_trio.observe.board import Board
    from pywats_trio.queue.store import Store

LOOK_SECONDS: Final = 2.0
"""Between two looks, each of which reads a few files of the kernel's (0.1 to 0.5 ms)."""

_log = structlog.get_logger("pywats_trio.service")


class MemoryWatch:
    """Stops the intake at `queue.min_free_memory`; what is inside goes on.

    Args:
        store: whose `Topic.ROOM` is rung when there is enough again.
        board: is told what was seen, and what it means.
        options: gives what is configured at the moment.
        available: says how many bytes can be had; blocks.
    """

    def __init__(
        self,
        store: Store,
        board: Board,
        options: Callable[[], QueueOptions],
        available: Callable[[], int] = memory.available,
    ) -> None:
        self._store = store
        self._board = board
        self._options = options
        self._available = available
        self._mark = LowMark(0)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self._look()
            await trio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        before, self._mark.limit = self._mark.reached, self._options().min_free_memory
        left = 0
        if self._mark.limit:
            left = await trio.to_thread.run_sync(self._available, abandon_on_cancel=True)
            self._board.resources.memory_available_bytes = left
        if self._mark.judge(left):
            self._short(left, new=not before)
        elif before:
            _log.info("intake resumed", cause=Cause.MEMORY.value, available=left)
            self._board.end(Cause.MEMORY)
            self._store.bell(Topic.ROOM).ring()

    def _short(self, left: int, *, new: bool) -> None:
        limit = self._mark.limit
        if new:
            _log.warning(
                "intake stopped: memory is short",
                cause=Cause.MEMORY.value,
                available=left,
                min_free=limit,
            )
        self._board.begin(
            Cause.MEMORY,
            "",
            f"less than {size_text(limit)} of memory are available",
            "files wait in their folders; end what else needs memory, or lower "
            "queue.min_free_memory, workers.max or workers.memory_mb",
        )
