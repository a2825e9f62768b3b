"""One service from its start to its end: the lock, the doors, the store, the parts at work."""

from __future__ import annotations

import contextlib
import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
import trio

from pywats_trio import __version__
from pywats_trio.commands.desk import CommandDesk
from pywats_trio.config.made import checked
from pywats_trio.control import BEFORE_WORK, ENDED, Role, ServiceState, Who
from pywats_trio.errors import NotReady, PartKeepsFailing, StartError, StoreError, only
from pywats_trio.nursery import is_cancellation
from pywats_trio.observe import gauges
from pywats_trio.observe.board import Board
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.keeper import Keeper
from pywats_trio.queue.sqlite_store import open_store
from pywats_trio.queue.store import Topic
from pywats_trio.service import preflight
from pywats_trio.service.clockwatch import ClockWatch
from pywats_trio.service.codewatch import CodeWatch
from pywats_trio.service.diskwatch import DiskWatch
from pywats_trio.service.doors import Doors, bound
from pywats_trio.service.drain import Stop
from pywats_trio.service.filewatch import FileWatch
from pywats_trio.service.heartbeat import Heartbeat, Lookout
from pywats_trio.service.leftovers import tidy
from pywats_trio.service.lifecycle import Lifecycle
from pywats_trio.service.lock import instance_lock
from pywats_trio.service.memorywatch import MemoryWatch
from pywats_trio.service.parts import Parts
from pywats_trio.service.pipeline import Pipeline
from pywats_trio.service.session import PAUSED, Session
from pywats_trio.service.supervise import Supervisor
from pywats_trio.service.switches import Switches
from pywats_trio.service.systemd import Notifier, Systemd

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pywats_trio.commands.host import Finished, OpenQueue
    from pywats_trio.config.options import Config, QueueOptions
    from pywats_trio.model import Counts, Item
    from pywats_trio.queue.sqlite_store import SqliteStore
    from pywats_trio.queue.store import Desk
    from pywats_trio.reports.report import Report
    from pywats_trio.service.converters import Converters
    from pywats_trio.service.events import Events
    from pywats_trio.service.reload import Source

log = structlog.get_logger("pywats_trio.service")

LAST_WORDS_SECONDS: Final = 0.5
"""For the history to be told of the end."""
EMBEDDER: Final = Who("the program", Role.ADMIN)
"""Who asks where no other is named: the program that the service runs in."""


class Service:
    """The whole path for one configuration.

    `run` fits `nursery.start`; `stop` drains it. Cancelling `run` stops at once; nothing is lost,
    the next start goes on where this one ended. Several may run in one process, each with a data
    folder, an address and a socket of its own. Not for several threads.
    """

    def __init__(
        self,
        config: Config,
        *,
        source: Source | None = None,
        systemd: Systemd | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`source`: where the configuration can be read again; its changes are noticed.

        `systemd` is told how the service is; by default nobody is, whatever the environment says.
        `clock` is the wall clock, seconds since the epoch.
        """
        self._config = config
        self._source = source
        self._clock = clock
        self._stop = Stop()
        self._starting = trio.CancelScope()
        self._session: Session | None = None
        self._doubted: frozenset[str] = frozenset()
        self.board = Board(config.instance, __version__, clock)
        self.lifecycle = Lifecycle(self.board)
        self._supervisor = Supervisor(config.supervision, self.board, self._given_up)
        systemd = systemd or Systemd()
        notifier = Notifier(systemd, self.board)
        self.lifecycle.entered = notifier.tell
        self._heartbeat = Heartbeat(self.board, notifier.pulse, systemd.tick_seconds)
        self._gauges = gauges.register(self.board)
        self.control = CommandDesk(self)

    @property
    def config(self) -> Config:
        """The configuration in effect."""
        return self._session.config if self._session is not None else self._config

    # Its life

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until stopped; ready when all parts are.

        Raises:
            StartError: another service holds the data folder, an address is taken, or the queue
                cannot be opened or written.
            ConfigError: a value of the configuration, or what one names, cannot be used.
            PartKeepsFailing: a part failed again and again.
        """
        try:
            config = self._config = await _checked(self._config)
            with instance_lock(config.data_dir), bound(config, self.board) as (health, ipc):
                doors = Doors(
                    lambda: self.config,
                    self.board,
                    gauges=self._gauges,
                    control=self.control,
                    reading=self,
                    health=health,
                    ipc=ipc,
                )
                async with trio.open_nursery() as open_doors:
                    await doors.open(open_doors, self._supervisor)
                    await self._supervisor.start(open_doors, "heartbeat", self._heartbeat.run)
                    await self._live(config, task_status)
                    await doors.close(self._stop.grace)
                    open_doors.cancel_scope.cancel()
                self.lifecycle.end(ServiceState.STOPPED, "everything is over")
        except BaseException as error:
            if is_cancellation(error):
                self._end_cancelled()
                raise
            cause = only(error)
            self.lifecycle.end(ServiceState.FAILED, f"{type(cause).__name__}: {cause}")
            if cause is error:
                raise
            raise cause from cause.__cause__

    def _end_cancelled(self) -> None:
        self.lifecycle.end(ServiceState.DRAINING, "cancelled from outside")
        self.lifecycle.end(ServiceState.STOPPED, "cancelled from outside")

    def _given_up(self, error: PartKeepsFailing) -> None:
        self.lifecycle.end(ServiceState.FAILED, str(error))

    async def _live(self, config: Config, task_status: trio.TaskStatus[None]) -> None:
        """Everything between the opening of the doors and their closing."""
        with self._starting:
            await self._advance(ServiceState.VALIDATING, "started")
            findings = await preflight.examine(config)
            preflight.refuse(findings)
            self._doubted = findings.doubted
            await self._advance(ServiceState.RECOVERING, "nothing keeps it from starting")
            await self._with_queue(config, task_status)
        if self._starting.cancelled_caught:
            task_status.started()  # stopped before it was up: an end like any other

    async def _advance(self, state: ServiceState, cause: str) -> None:
        """The next state of the start; not after a stop, which has cancelled the start."""
        await trio.lowlevel.checkpoint()
        self.lifecycle.enter(state, cause)

    async def _with_queue(self, config: Config, task_status: trio.TaskStatus[None]) -> None:
        database = config.database
        async with (
            open_store(
                database,
                synchronous=config.queue.synchronous,
                history_limit=config.queue.history_per_item,
                aging_minutes=config.queue.aging_minutes,
                retry_share=config.retry.budget,
                clock=self._clock,
                board=self.board,
            ) as store,
            open_desk(database, store.doubt) as desk,
            open_desk(database, store.doubt) as reading,
        ):
            self.board.counts = store.counts
            async with trio.open_nursery() as keeping:
                await self._supervisor.start(keeping, "store", store.run)
                recovered = await self._recover(store, desk)
                log.info("starting", version=__version__, recovered=recovered)
                await keeping.start(self.lifecycle.record, store)
                look = self._lookout(store, desk, config.data_dir, database)
                await self._supervisor.start(keeping, "lookout", look.run)
                keeper = self._keeper(store, desk, config.data_dir)
                await self._supervisor.start(keeping, "keeper", keeper.run)
                await self._supervisor.start(keeping, "clock", ClockWatch(store).run)
                try:
                    await self._work(config, store, (desk, reading), keeping, task_status)
                finally:
                    self._end_session()
                    await self._write_last_words(store)
                keeping.cancel_scope.cancel()
            self._say_stopped(store)
            with self._while_closing() as scope:
                await store.close(scope.deadline - trio.current_time())

    def _lookout(self, store: SqliteStore, desk: Desk, data_dir: Path, database: Path) -> Lookout:
        def options() -> QueueOptions:
            return self.config.queue

        disk = DiskWatch(store, self.board, data_dir, database, options)
        return Lookout(self.board, desk, disk, MemoryWatch(store, self.board, options))

    def _keeper(self, store: SqliteStore, desk: Desk, data_dir: Path) -> Keeper:
        return Keeper(store, desk, data_dir, lambda: self.config.queue, self._clock)

    async def _recover(self, store: SqliteStore, desk: Desk) -> int:
        """Whatever was in hand belonged to a process that is gone: the lock says so."""
        try:
            try:
                recovered = await store.recover()
                accepted = await desk.paths_seen_below(str(self._config.inbox))
            except StoreError:
                if not store.damaged:
                    raise
                await store.mended()  # what could be salvaged is another database
                recovered = await store.recover()
                accepted = await desk.paths_seen_below(str(self._config.inbox))
        except StoreError as error:
            raise StartError(
                f"{self._config.data_dir}: the queue cannot be written ({error}); "
                "see to the disk of data_dir"
            ) from error
        await trio.to_thread.run_sync(tidy, self._config, accepted, abandon_on_cancel=True)
        return recovered

    async def _work(
        self,
        config: Config,
        store: SqliteStore,
        desks: tuple[Desk, Desk],
        keeping: trio.Nursery,
        task_status: trio.TaskStatus[None],
    ) -> None:
        desk, reading = desks  # apart, for a search that somebody asks for may take its time
        paused = bool(store.remembered(PAUSED))
        await self._advance(ServiceState.STARTING, "the queue is open")
        switches = Switches(store, self.board)
        parts = Parts(
            config,
            store,
            desk,
            self.board,
            self._supervisor,
            paused=True,
            disabled=switches.names(),
        )
        parts.doubted = self._doubted
        pipeline = Pipeline(parts)
        self.board.waiting_for = pipeline.waiting_for
        session = self._session = Session(
            source=self._source,
            store=store,
            desk=reading,
            database=config.database,
            board=self.board,
            lifecycle=self.lifecycle,
            pipeline=pipeline,
            switches=switches,
        )
        async with trio.open_nursery() as working:
            await working.start(pipeline.run, self._stop)
            if self.board.state is not ServiceState.STARTING:
                return  # a stop was asked for meanwhile
            cause = "it was paused before" if paused else "all parts are ready"
            self.lifecycle.at_work(cause, paused=paused)
            if not paused:  # nothing was begun before, so that a stop has cut nothing off
                parts.resume()
            log.info("running", converters=len(config.converters), url=config.server.url)
            if self._source is not None:
                watch = FileWatch(self._source, self.reload)
                await self._supervisor.start(keeping, "config file", watch.run)
            converters = session.converters
            code = CodeWatch(parts.enabled, converters.changed, converters.reload)
            await self._supervisor.start(keeping, "converter files", code.run)
            task_status.started()

    async def _write_last_words(self, store: SqliteStore) -> None:
        """Why it ends goes into the history, too, whatever ends it; bounded."""
        if trio.current_effective_deadline() == -math.inf:
            self.lifecycle.end(ServiceState.DRAINING, "cancelled from outside")
        with contextlib.suppress(StoreError), self._while_closing() as closing:
            closing.shield = True
            closing.deadline = min(closing.deadline, trio.current_time() + LAST_WORDS_SECONDS)
            await self.lifecycle.write(store)

    def _end_session(self) -> None:
        if self._session is not None:
            self._session.end()
            self._session = None

    @property
    def state(self) -> ServiceState:
        """Where the service stands in its life."""
        return self.board.state

    async def wait_stopped(self) -> None:
        """Until the service has ended, in whatever way. Cancellation passes through."""
        while self.state not in ENDED:
            await self.lifecycle.changes.ticket().wait()  # nothing can change in between

    def stop(self, cause: str = "asked to stop") -> None:
        """Take no more files, finish what is in hand within the grace, and end."""
        if not self._stop.ask(self.config.shutdown.grace_seconds):
            return
        log.info("stopping", grace_seconds=self.config.shutdown.grace_seconds, cause=cause)
        if self.board.state in BEFORE_WORK:
            self._starting.cancel()
        self.lifecycle.end(ServiceState.DRAINING, cause)
        self._supervisor.leave()

    def hurry(self) -> None:
        """Give every phase of a stop one second from now on; before `stop` it does nothing."""
        if self._stop.grace is not None:
            log.warning("hurrying", seconds=1)
            self._stop.grace.hurry()

    @property
    def forced(self) -> bool:
        """Whether the stop ran out of time and cut something off; nothing is lost by that."""
        return self._stop.grace is not None and self._stop.grace.forced

    def _while_closing(self) -> trio.CancelScope:
        grace = self._stop.grace
        return trio.CancelScope(deadline=grace.store_until() if grace else math.inf)

    def _say_stopped(self, store: SqliteStore) -> None:
        counts = store.counts()
        statistics = store.statistics
        log.info(
            "stopped",
            unfinished=counts.unfinished,
            commits=statistics.commits,
            operations=statistics.operations,
        )

    # What it is asked for

    def _at_work(self) -> Session:
        if self._session is None or self.board.state in BEFORE_WORK:
            raise NotReady(f"the service is {self.board.state}; ask again when it runs")
        return self._session

    def queue(self) -> OpenQueue:
        """The queue, for commands about it. Raises NotReady: it is not open."""
        return self._at_work().queue()

    def progress(self, item_id: int) -> int:
        """How far a conversion that runs now is, 0 to 100; 0 where none does."""
        return self._at_work().progress(item_id)

    async def pause(self, who: Who = EMBEDDER) -> None:
        """Take, convert and deliver nothing new, over restarts, until `resume`.

        Raises:
            NotReady: the service does not run.
            StoreError: it cannot be remembered; nothing was changed.
        """
        await self._at_work().pause(who)

    async def resume(self, who: Who = EMBEDDER) -> None:
        """End a pause. Raises as `pause`."""
        await self._at_work().resume(who)

    async def sync_now(self, who: Who = EMBEDDER) -> dict[str, Any]:
        """Scan the folders now and retry what waits for the server.

        `{"folders": how many, "probing": whether the server is asked first, "resumed": reports}`.

        Raises:
            NotReady: the service does not run, or is paused.
            StoreError: it cannot be written what is retried.
        """
        return await self._at_work().sync_now(who)

    async def reload(self, config: Config | None = None) -> dict[str, Any]:
        """Put `config`, or what the file says now, into effect without dropping a job.

        `{"changed": [keys], "needs_restart": [keys that are not in effect]}`, and `"refused"` where
        the code of converters has changed and cannot be used: their names, and why; what was in use
        goes on. Cancelled before the new parts are ready, nothing is changed.

        Raises:
            ConfigError, NotFoundError: the file cannot be used; the former configuration goes on.
            ReloadFailed: the new parts did not become ready; the former ones go on.
            NotReady: the service does not run, or was not started from a file.
        """
        return await self._at_work().reload(config)

    @property
    def converters(self) -> Converters:
        """Turns converters on and off, and takes new states of their code into use.

        Raises:
            NotReady: the service does not run.
        """
        return self._at_work().converters

    async def submit(
        self,
        report: Report | Mapping[str, Any] | bytes | os.PathLike[str],
        *,
        priority: int = 5,
        wait_for_room: bool = False,
    ) -> Item:
        """Accept a report (as an object, a mapping, or the bytes of WSJF), or a file by its path.

        It is stored when this returns; cancelled, it may be. `priority`: 1 first to 10 last.
        `wait_for_room`: where there is none, wait for it instead of raising QueueFull.

        Raises:
            ValueError: `priority` is out of range.
            InvalidInputError: it is no report, or the file cannot be used.
            NotFoundError: there is no such file, or no converter for it.
            NotReady: the service does not run, or is paused.
            QueueFull: a mark of the queue, the disk or memory is reached; the text says which.
            StoreError: it could not be stored.
        """
        if isinstance(report, os.PathLike):
            return await self.submit_file(
                Path(report), priority=priority, wait_for_room=wait_for_room
            )
        return await self._at_work().submit(report, priority=priority, wait_for_room=wait_for_room)

    async def submit_file(
        self, path: Path, *, converter: str = "", priority: int = 5, wait_for_room: bool = False
    ) -> Item:
        """Accept a copy of a file that lies in no watch folder; `path` itself is not touched.

        A folder, or a header file with its folder, is taken where a converter takes such.

        `converter` is its name in the configuration; by default the one that is surest is taken.
        Raises as `submit`.
        """
        return await self._at_work().submit_file(
            path, converter=converter, priority=priority, wait_for_room=wait_for_room
        )

    async def submit_text(self, text: str, *, priority: int = 5) -> Item:
        """Accept the text of a WSJF report; as `submit` does with its bytes in UTF-8."""
        return await self.submit(text.encode(), priority=priority)

    async def wait_for_room(self) -> None:
        """Until there is room for one more item; somebody else may be quicker to take it.

        Cancellation passes through, and nothing was done.

        Raises:
            NotReady: the service does not run, or is paused.
        """
        await self._at_work().wait_for_room()

    async def item(self, item_id: int) -> Finished:
        """An item as it is now, with its reports.

        Raises:
            NotFoundError: there is none of this number.
            NotReady: the service does not run, or stopped first.
            StoreError: the queue cannot be read.
        """
        return await self._at_work().item(item_id)

    async def wait(self, item_id: int) -> Finished:
        """The item at its end: `delivered`, or not, and `why`. Of a file, with all its reports.

        An item that waits for its server or an operator has no end yet. Cancellation passes
        through.

        Raises:
            NotFoundError: there is none of this number.
            NotReady: the service does not run, or stopped first.
            StoreError: the queue cannot be read.
        """
        return await self._at_work().wait(item_id)

    def events(self, since: int | None = None) -> Events:
        """The history as a stream: `async for event in service.events(): ...`.

        `since` is the `seq` of the last event that was seen; without it, only what is new from the
        first call on. The stream ends when the service does.

        Raises:
            NotReady: the service does not run.
        """
        return self._at_work().events(since)

    async def items(self, *, after: int = 0, limit: int = 100) -> list[Item]:
        """A page of the queue by number: those above `after`. Raises as `item`."""
        session = self._at_work()
        with session.while_it_lasts():
            return await session.desk.items(after=after, limit=limit)

    async def wait_until(self, reached: Callable[[Counts], bool]) -> None:
        """Until `reached` is true of the queue's counts; asked whenever an item is finished.

        Cancellation passes through.

        Raises:
            NotReady: the service does not run.
        """
        session = self._at_work()
        with session.while_it_lasts():
            while True:
                ticket = session.store.bell(Topic.ROOM).ticket()
                if reached(session.store.counts()):
                    return
                await ticket.wait()


async def _checked(config: Config) -> Config:
    return await trio.to_thread.run_sync(checked, config, abandon_on_cancel=True)
