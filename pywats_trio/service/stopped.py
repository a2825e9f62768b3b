"""The queue of a service that does not run, for the commands that work on it all the same."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import trio
from attrs import frozen

from pywats_trio import __version__
from pywats_trio.commands.desk import CommandDesk
from pywats_trio.commands.host import OpenQueue
from pywats_trio.config.made import checked
from pywats_trio.control import ServiceState
from pywats_trio.observe.board import Board
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.sqlite_store import open_store
from pywats_trio.service.lock import instance_lock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pywats_trio.config.options import Config


@frozen
class StoppedService:
    """`commands.host.QueueHost` without a service: nothing is being worked on."""

    board: Board
    _queue: OpenQueue

    def queue(self) -> OpenQueue:
        """The queue."""
        return self._queue

    def progress(self, item_id: int) -> int:
        """Nothing runs."""
        del item_id
        return 0


@contextlib.asynccontextmanager
async def open_stopped(config: Config) -> AsyncIterator[CommandDesk]:
    """The door to the queue of `config`, for as long as no service runs there.

    Raises:
        StartError: a service runs there, or the queue cannot be opened.
    """
    config = await trio.to_thread.run_sync(checked, config)
    database = config.database
    board = Board(config.instance, __version__)
    board.state = ServiceState.STOPPED
    with instance_lock(config.data_dir):
        async with (
            open_store(
                database,
                synchronous=config.queue.synchronous,
                history_limit=config.queue.history_per_item,
                aging_minutes=config.queue.aging_minutes,
                board=board,
            ) as store,
            open_desk(database, store.doubt) as desk,
        ):
            await store.recover()  # it is no one's any more: the lock says so
            board.counts = store.counts
            host = StoppedService(board, OpenQueue(config, database, store, desk))
            yield CommandDesk(host, stopped=True)
