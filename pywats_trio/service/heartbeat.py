"""The supervisor's pulse: the event loop turns, the watchdog is patted, the disk is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from pywats_trio.errors import StoreError
from pywats_trio.model import Kind, State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pywats_trio.observe.board import Board
    from pywats_trio.queue.store import Desk

TICK_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 10.0
"""Between two looks at the disk and at the oldest item."""


class Heartbeat:
    """A part. `pulse` is called at every tick, from the event loop itself."""

    def __init__(self, board: Board, pulse: Callable[[], None] = lambda: None) -> None:
        self._board = board
        self._pulse = pulse

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Tick until cancelled."""
        task_status.started()
        while True:
            self._board.tick()
            self._pulse()
            begun = trio.current_time()
            await trio.sleep(TICK_SECONDS)
            late = trio.current_time() - begun - TICK_SECONDS
            self._board.metrics.loop_lag.observe(max(0.0, late))


class Lookout:
    """A part that looks, now and then, at what the board must not wait for."""

    def __init__(self, board: Board, desk: Desk, data_dir: Path, database: Path) -> None:
        self._board = board
        self._desk = desk
        self._data_dir = data_dir
        self._database = database

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look until cancelled; a look at a disk that hangs is left behind then."""
        task_status.started()
        while True:
            await trio.to_thread.run_sync(
                self._board.resources.look, self._data_dir, self._database, abandon_on_cancel=True
            )
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
