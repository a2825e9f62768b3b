"""One service: the data folder locked, the store open, the pipeline running."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import structlog
import trio

from pywats_trio import __version__
from pywats_trio.errors import StartError, StoreError
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.sqlite_store import open_store
from pywats_trio.queue.store import Topic
from pywats_trio.service.lock import instance_lock
from pywats_trio.service.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.config.options import Config
    from pywats_trio.model import Counts
    from pywats_trio.queue.sqlite_store import SqliteStore

log = structlog.get_logger("pywats_trio.service")

DATABASE: Final = "queue.db"


class Service:
    """The whole path for one configuration.

    `run` fits `nursery.start`; `stop` drains it. Cancelling `run` stops at once; nothing is lost,
    the next start goes on where this one ended.
    """

    def __init__(self, config: Config, *, clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._clock = clock
        self._stop = trio.Event()
        self._store: SqliteStore | None = None

    def stop(self) -> None:
        """Take no more files, finish what is in hand within the grace, and end."""
        if not self._stop.is_set():
            log.info("stopping", grace_seconds=self._config.shutdown.grace_seconds)
        self._stop.set()

    async def wait_until(self, reached: Callable[[Counts], bool]) -> None:
        """Until `reached` is true of the queue's counts; asked whenever an item is finished.

        Only while the service is running. Cancellation passes through.
        """
        if self._store is None:
            raise RuntimeError("the service is not running")
        while True:
            ticket = self._store.bell(Topic.ROOM).ticket()
            if reached(self._store.counts()):
                return
            await ticket.wait()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until stopped; ready when all parts are.

        Raises:
            StartError: another service holds the data folder, or the queue cannot be opened or
                written.
            PartKeepsFailing: a part failed again and again.
        """
        config = self._config
        with instance_lock(config.data_dir):
            async with (
                open_store(
                    config.data_dir / DATABASE,
                    synchronous=config.queue.synchronous,
                    history_limit=config.queue.history_per_item,
                    clock=self._clock,
                ) as store,
                open_desk(config.data_dir / DATABASE) as desk,
            ):
                recovered = await self._recover(store)
                log.info("starting", version=__version__, recovered=recovered)
                self._store = store
                async with trio.open_nursery() as nursery:
                    await nursery.start(Pipeline(config, store, desk).run, self._stop)
                    log.info("running", converters=len(config.converters), url=config.server.url)
                    task_status.started()
                self._say_stopped(store)

    async def _recover(self, store: SqliteStore) -> int:
        """Whatever was in hand belonged to a process that is gone: the lock says so."""
        try:
            return await store.recover()
        except StoreError as error:
            raise StartError(
                f"{self._config.data_dir}: the queue cannot be written ({error}); "
                "see to the disk of data_dir"
            ) from error

    def _say_stopped(self, store: SqliteStore) -> None:
        counts = store.counts()
        statistics = store.statistics
        log.info(
            "stopped",
            unfinished=counts.unfinished,
            commits=statistics.commits,
            operations=statistics.operations,
        )
