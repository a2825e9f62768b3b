"""What a service is asked for while its queue is open and its parts are at work."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import structlog
import trio

from pywats_trio.bell import Bell
from pywats_trio.commands.host import Finished, OpenQueue
from pywats_trio.config.made import checked
from pywats_trio.control import AT_WORK, ServiceState
from pywats_trio.deliver.accounts import WAITING
from pywats_trio.errors import NotFoundError, NotReady, PywatsTrioError, StoreError
from pywats_trio.model import FINISHED, Kind, Reason, State
from pywats_trio.queue.actions import Resume
from pywats_trio.queue.selection import Selection
from pywats_trio.queue.store import Topic
from pywats_trio.service import preflight, reload
from pywats_trio.service.converters import Converters
from pywats_trio.service.events import Events
from pywats_trio.service.handover import Handover
from pywats_trio.service.parts import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pywats_trio.config.options import Config
    from pywats_trio.control import Who
    from pywats_trio.convert.lineup import Renewals
    from pywats_trio.model import Item
    from pywats_trio.observe.board import Board
    from pywats_trio.queue.store import Desk, Store
    from pywats_trio.reports.report import Report
    from pywats_trio.service.lifecycle import Lifecycle
    from pywats_trio.service.pipeline import Pipeline
    from pywats_trio.service.switches import Switches

log = structlog.get_logger("pywats_trio.service")

PAUSED: Final = "paused"
"""The setting by which a pause survives a restart."""
FOR_CONVERTER: Final = Selection(kind=Kind.FILE, states=(State.SUSPENDED,), reason=Reason.CONVERTER)
"""Files that wait for a converter that can be used."""
WHO: Final = "reload"
"""Who resumes them, for the history."""
AT_WORK_OR_PAUSED: Final = AT_WORK | {ServiceState.PAUSED}


class Session:
    """Hold it only while the service runs; see `Service` for what each method promises."""

    def __init__(
        self,
        *,
        source: reload.Source | None,
        store: Store,
        desk: Desk,
        database: Path,
        board: Board,
        lifecycle: Lifecycle,
        pipeline: Pipeline,
        switches: Switches,
    ) -> None:
        self.store = store
        self.desk = desk
        self._database = database
        self._source = source
        self._board = board
        self._lifecycle = lifecycle
        self._pipeline = pipeline
        self._handover = Handover(pipeline.parts, store, board, self.while_it_lasts)
        self._one_at_a_time = trio.Lock()
        """Pausing, resuming, reloading, turning converters on and off."""
        self._switches = switches
        self.converters = Converters(
            pipeline.parts,
            switches,
            self._one_at_a_time,
            lambda: self._check_up(AT_WORK_OR_PAUSED),
            self._change,
            Bell(),
        )
        switches.show(self.config)
        self.over = False
        """Whether the service is; the queue is closed soon."""
        self._waiting: set[trio.CancelScope] = set()

    @property
    def config(self) -> Config:
        """The configuration in effect."""
        return self._pipeline.parts.config

    # Its end

    def end(self) -> None:
        """The service is over: whoever waits for something of it is told so."""
        self.over = True
        for scope in self._waiting:
            scope.cancel()
        self.store.bell(Topic.HISTORY).ring()

    @contextlib.contextmanager
    def while_it_lasts(self) -> Iterator[None]:
        """What stands in the block is given up when the service is over.

        Raises:
            NotReady: it is, or came to be.
        """
        with trio.CancelScope() as scope:
            if self.over:
                scope.cancel()
            self._waiting.add(scope)
            try:
                yield
            finally:
                self._waiting.discard(scope)
        if scope.cancelled_caught:
            raise NotReady("the service has stopped; ask again when it runs")

    def _check_up(self, states: frozenset[ServiceState]) -> None:
        if self._board.state not in states:
            raise NotReady(f"this cannot be done now: the service is {self._board.state}")

    # The service as a whole

    async def pause(self, who: Who) -> None:
        """Begin nothing new, over restarts, until somebody resumes; twice is once."""
        async with self._one_at_a_time:
            self._check_up(AT_WORK_OR_PAUSED)
            await self.store.remember(PAUSED, who.name)
            self._pipeline.parts.pause()
            self._settle(f"paused by {who.name}", paused=True)

    async def resume(self, who: Who) -> None:
        """Go on; nothing happens if there is no pause."""
        async with self._one_at_a_time:
            self._check_up(AT_WORK_OR_PAUSED)
            await self.store.remember(PAUSED, "")
            self._pipeline.parts.resume()
            self._settle(f"resumed by {who.name}", paused=False)

    def _settle(self, cause: str, *, paused: bool | None = None) -> None:
        """Unless the service has begun to stop meanwhile."""
        if self._board.state in AT_WORK_OR_PAUSED:
            self._lifecycle.at_work(cause, paused=paused)

    async def sync_now(self, who: Who) -> dict[str, Any]:
        """Read all folders and ask the server now; what waits for a server that is well, goes."""
        self._check_up(AT_WORK)
        parts = self._pipeline.parts
        scanned = parts.lines.scan_now()
        away = parts.pump.status().outage is not None
        # PENDING first: once the server answers, one of them is the probe.
        resumed = await self.store.change(WAITING, Resume(), who.name)
        parts.pump.probe_now()
        return {"folders": scanned, "probing": away, "resumed": resumed}

    async def reload(self, config: Config | None = None) -> dict[str, Any]:
        """Read the configuration again, or take this one, and put it into effect."""
        async with self._one_at_a_time:
            self._check_up(AT_WORK_OR_PAUSED)
            if self._board.state is not ServiceState.PAUSED:
                self._lifecycle.enter(ServiceState.RELOADING, "asked to")
            before, cause = self.config, "nothing of the configuration has changed"
            try:
                done = await self._reload(config)
            except PywatsTrioError as error:
                log.error("configuration not reloaded", error=str(error))  # noqa: TRY400
                first, *_others = str(error).splitlines() or [""]
                cause = f"the former configuration goes on: {first}"
                raise
            finally:
                if self.config is not before:
                    cause = "the configuration was reloaded"
                self._settle(cause)
            log.info("configuration reloaded", **done)
            return done

    async def _reload(self, config: Config | None) -> dict[str, Any]:
        before = self.config
        wanted = await self._wanted(config)
        after = reload.kept_fixed(before, wanted)
        changed = reload.changed(before, after)
        if changed:
            findings = await preflight.examine(after, before=before)
            preflight.refuse(findings)
            self._pipeline.parts.doubted = findings.doubted
        renewals = await self.converters.look(after)
        if changed or renewals.accepted or renewals.refused:
            await self._change(after if changed else before, renewals)
        refused = {name: refusal.why for name, refusal in renewals.refused.items()}
        return {
            "changed": changed,
            "needs_restart": reload.changed(after, wanted),
            **({"refused": refused} if refused else {}),
        }

    async def _change(self, config: Config, renewals: Renewals) -> None:
        before, wanted = self.config, Wanted(config, self._switches.names(), renewals)
        try:
            await self._pipeline.change_to(wanted)
        finally:
            if (self.config, self._pipeline.parts.disabled) == (config, wanted.disabled):
                if config is not before and self._source is not None:
                    self._source.applied(config)
                self._switches.show(config)
                self.converters.changed.ring()
        # What waits for a converter may find it mended. If this fails, it does so a little later.
        with contextlib.suppress(StoreError):
            await self.store.change(FOR_CONVERTER, Resume(), WHO)

    async def _wanted(self, config: Config | None) -> Config:
        if config is not None:
            return await trio.to_thread.run_sync(checked, config, abandon_on_cancel=True)
        if self._source is None:
            raise NotReady("this service was not started from a file, so none can be read again")
        return await trio.to_thread.run_sync(self._source.load, abandon_on_cancel=True)

    # Its queue

    def queue(self) -> OpenQueue:
        """The queue, for commands about it."""
        return OpenQueue(self.config, self._database, self.store, self.desk)

    def progress(self, item_id: int) -> int:
        """How far a conversion that runs now is, 0 to 100."""
        return self._pipeline.parts.conversion.progress(item_id)

    # Handing over

    async def submit_file(
        self, path: Path, *, converter: str, priority: int, wait_for_room: bool
    ) -> Item:
        """Accept a copy of the file, synced and in the queue when this returns."""
        return await self._accepted(
            await self._handover.file(
                path, converter=converter, priority=priority, wait_for_room=wait_for_room
            )
        )

    async def submit(
        self, report: Report | Mapping[str, Any] | bytes, *, priority: int, wait_for_room: bool
    ) -> Item:
        """Accept a report, checked and in the queue when this returns."""
        return await self._accepted(
            await self._handover.report(report, priority=priority, wait_for_room=wait_for_room)
        )

    async def wait_for_room(self) -> None:
        """Until there is room for one more item, at this moment."""
        await self._handover.wait_for_room()

    async def _accepted(self, item_id: int) -> Item:
        return (await self.item(item_id)).item

    # Looking

    async def item(self, item_id: int) -> Finished:
        """An item as it is now, with its reports."""
        with self.while_it_lasts():
            return await self._item(item_id)

    async def _item(self, item_id: int) -> Finished:
        item = await self.desk.item(item_id)
        if item is None:
            raise NotFoundError(f"there is no item {item_id} in the queue")
        reports = await self.desk.children(item_id) if item.kind is Kind.FILE else []
        return Finished(item, tuple(reports))

    async def wait(self, item_id: int) -> Finished:
        """The item at its end, and of a file all its reports at theirs."""
        with self.while_it_lasts():
            found = await self._until_finished(item_id)
            for report in found.reports:
                await self._until_finished(report.id)
        return await self.item(item_id)

    async def _until_finished(self, item_id: int) -> Finished:
        while True:
            ended = self.store.ended(item_id)
            found = await self._item(item_id)
            if found.item.state in FINISHED:
                return found
            await ended.wait()

    def events(self, since: int | None) -> Events:
        """The history behind `since`; None: what is new from the first call on."""
        return Events(self, since)
