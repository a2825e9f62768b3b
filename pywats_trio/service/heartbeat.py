"""The supervisor's pulse: the event loop turns, the watchdog is patted, the disk is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from pywats_trio.errors import StoreError
from pywats_trio.model import Kind, State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from pywats_trio.observe.board import Board
    from pywats_trio.queue.store import Desk

TICK_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 10.0
"""Between two looks at the disk and at the oldest item."""


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

    def __init__(self, board: Board, desk: Desk, data_dir: Path, database: Path) -> None:
        self._board = board
        self._desk = desk
        self._data_dir = data_dir
        self._database = database

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look until cancelled; a disk that hangs holds up no other look, and is left behind."""
        async with trio.open_nursery() as looks:
            looks.start_soon(self._again_and_again, self._look_at_disk)
            looks.start_soon(self._again_and_again, self._look_at_queue)
            task_status.started()

    async def _again_and_again(self, look: Callable[[], Awaitable[None]]) -> None:
        while True:
            await look()
            await trio.sleep(LOOK_SECONDS)

    async def _look_at_disk(self) -> None:
        look = self._board.resources.look
        await trio.to_thread.run_sync(look, self._data_dir, self._database, abandon_on_cancel=True)

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
