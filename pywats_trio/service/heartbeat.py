"""The supervisor's pulse: the event loop turns, the watchdog is patted, the machine is watched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from pywats_trio.errors import StoreError
from pywats_trio.model import Kind, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.observe.board import Board
    from pywats_trio.queue.store import Desk
    from pywats_trio.service.diskwatch import DiskWatch
    from pywats_trio.service.memorywatch import MemoryWatch

TICK_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 10.0
"""Between two looks at the oldest item."""


class Heartbeat:
    """A part. `pulse` is called at every tick, from the event loop itself; see `TICK_SECONDS`."""

    def __init__(
        self,
        board: Board,
        pulse: Callable[[], None] = lambda: None,
        tick_seconds: float = TICK_SECONDS,
    ) -> None:
        self._board = board
        self._pulse = pulse
        self._tick_seconds = tick_seconds

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Tick until cancelled."""
        task_status.started()
        while True:
            self._board.tick()
            self._pulse()
            begun = trio.current_time()
            await trio.sleep(self._tick_seconds)
            late = trio.current_time() - begun - self._tick_seconds
            self._board.metrics.loop_lag.observe(max(0.0, late))


class Lookout:
    """A part that looks, now and then, at what the board must not wait for."""

    def __init__(self, board: Board, desk: Desk, disk: DiskWatch, memory: MemoryWatch) -> None:
        self._board = board
        self._desk = desk
        self._disk = disk
        self._memory = memory

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look until cancelled; a disk that hangs holds up no other look, and is left behind."""
        async with trio.open_nursery() as looks:
            looks.start_soon(self._memory.run)
            looks.start_soon(self._look_again_and_again)
            await looks.start(self._disk.run)
            task_status.started()

    async def _look_again_and_again(self) -> None:
        while True:
            await self._look_at_queue()
            await trio.sleep(LOOK_SECONDS)

    async def _look_at_queue(self) -> None:
        for kind in Kind:
            since = None
            if self._board.counts().of(kind, State.PENDING):
                try:
                    since = await self._desk.waiting_since(kind)
                except StoreError:
                    return  # the board keeps what was true; whoever writes tells of the disk
            # An age of 0 where nothing waits: a gauge that vanishes cannot be alerted on.
            self._board.waiting_since[kind] = self._board.clock() if since is None else since
