"""What a service is asked for while its queue is open and its parts are at work."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid5

import structlog
import trio

from pywats_trio.commands.host import Finished
from pywats_trio.config.options import MIB
from pywats_trio.control import AT_WORK, ServiceState
from pywats_trio.convert.request import namespace
from pywats_trio.deliver.accounts import WAITING
from pywats_trio.errors import (
    InvalidInputError,
    NotFoundError,
    NotReady,
    PywatsTrioError,
    StoreError,
)
from pywats_trio.intake import inbox
from pywats_trio.model import FINISHED, Envelope, Kind
from pywats_trio.queue.store import Resume
from pywats_trio.reports.numbers import dumps
from pywats_trio.reports.report import Defaults, Report, Station
from pywats_trio.service import preflight, reload
from pywats_trio.service.events import Events

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.config.options import Config, ConverterOptions
    from pywats_trio.control import Who
    from pywats_trio.model import Item
    from pywats_trio.observe.board import Board
    from pywats_trio.queue.store import Desk, Store
    from pywats_trio.service.lifecycle import Lifecycle
    from pywats_trio.service.pipeline import Pipeline

log = structlog.get_logger("pywats_trio.service")

PAUSED: Final = "paused"
"""The setting by which a pause survives a restart."""
SUBMITTED: Final = "submit"
"""What stands for the converter of reports that came without one."""
CHECKED_IN_PLACE: Final = 64 * 1024
"""Bytes; a larger report is checked in a thread (about a millisecond in the event loop at most)."""


class Session:
    """Hold it only while the service runs; see `Service` for what each method promises."""

    def __init__(
        self,
        config: Config,
        *,
        source: reload.Source | None,
        store: Store,
        desk: Desk,
        board: Board,
        lifecycle: Lifecycle,
        pipeline: Pipeline,
    ) -> None:
        self.config = config
        self.store = store
        self.desk = desk
        self._source = source
        self._board = board
        self._lifecycle = lifecycle
        self._pipeline = pipeline
        self._one_at_a_time = trio.Lock()
        """Pausing, resuming and reloading."""

    # The service as a whole

    async def pause(self, who: Who) -> None:
        """Begin nothing new, over restarts, until somebody resumes; twice is once."""
        async with self._one_at_a_time:
            await self.store.remember(PAUSED, who.name)
            self._pipeline.parts.pause()
            self._settle(f"paused by {who.name}", paused=True)

    async def resume(self, who: Who) -> None:
        """Go on; nothing happens if there is no pause."""
        async with self._one_at_a_time:
            await self.store.remember(PAUSED, "")
            self._pipeline.parts.resume()
            self._settle(f"resumed by {who.name}", paused=False)

    def _settle(self, cause: str, *, paused: bool | None = None) -> None:
        """Unless the service has begun to stop meanwhile."""
        if self._board.state in AT_WORK or self._board.state is ServiceState.PAUSED:
            self._lifecycle.at_work(cause, paused=paused)

    async def sync_now(self, who: Who) -> dict[str, Any]:
        """Read all folders and ask the server now; what waits for a server that is well, goes."""
        parts = self._pipeline.parts
        scanned = parts.lines.scan_now()
        away = parts.pump.status().outage is not None
        parts.pump.probe_now()
        resumed = 0 if away else await self.store.change(WAITING, Resume(), who.name)
        return {"folders": scanned, "probing": away, "resumed": resumed}

    async def reload(self, config: Config | None = None) -> dict[str, Any]:
        """Read the configuration again, or take this one, and put it into effect."""
        async with self._one_at_a_time:
            if self._board.state is not ServiceState.PAUSED:
                self._lifecycle.enter(ServiceState.RELOADING, "asked to")
            try:
                done = await self._reload(config)
            except PywatsTrioError as error:
                log.error("configuration not reloaded", error=str(error))  # noqa: TRY400
                self._settle("the former configuration goes on")
                raise
            except trio.Cancelled:
                self._settle("the reload was cancelled")
                raise
            self._settle("the configuration was reloaded")
            log.info("configuration reloaded", **done)
            return done

    async def _reload(self, config: Config | None) -> dict[str, Any]:
        before = self.config
        wanted = await self._load() if config is None else config
        after = reload.kept_fixed(before, wanted)
        changed = reload.changed(before, after)
        if changed:
            preflight.refuse(await preflight.examine(after, before=before))
            await self._pipeline.change(after)
            self.config = after
            if self._source is not None:
                self._source.applied(after)
        return {"changed": changed, "needs_restart": reload.changed(after, wanted)}

    async def _load(self) -> Config:
        if self._source is None:
            raise NotReady("this service was not started from a file, so none can be read again")
        return await trio.to_thread.run_sync(self._source.load)

    # Handing over

    async def submit_file(self, path: Path, *, converter: str, priority: int) -> Item:
        """Accept a copy of the file, synced and in the queue when this returns."""
        candidates = self._candidates(converter)
        self._check_room()
        max_bytes = self.config.workers.max_input_mb * MIB
        copy = await trio.to_thread.run_sync(inbox.take, path, self.config.inbox, max_bytes)
        try:
            name = converter or await self._surest(copy, candidates)
        except BaseException:
            await _discard(copy)
            raise
        options = next(one for one in candidates if one.name == name)
        envelope = Envelope(
            Kind.FILE,
            name,
            copy.path,
            priority=priority,
            max_attempts=options.max_attempts,
            identity=copy.identity,
        )
        try:
            item_id = await self._put(envelope)
        except StoreError:
            await _discard(copy)  # not accepted; cancelled, it may be, and the next start knows
            raise
        self._board.metrics.intake_files.labels(name, "submitted").inc()
        return (await self.item(item_id)).item

    def _candidates(self, converter: str) -> list[ConverterOptions]:
        """The configured converters that may take a file; the named one alone, if one is named."""
        enabled = [options for options in self.config.converters if options.enabled]
        found = [options for options in enabled if options.name == converter or not converter]
        if not found:
            known = ", ".join(options.name for options in enabled) or "none"
            what = f"there is no enabled converter {converter!r}" if converter else "no converter"
            raise NotFoundError(f"{what}; configured are: {known}")
        return found

    async def _surest(self, copy: inbox.Copy, candidates: list[ConverterOptions]) -> str:
        descriptor = await trio.to_thread.run_sync(os.open, copy.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            conversion = self._pipeline.parts.conversion
            return await conversion.surest(candidates, copy.path, descriptor, copy.identity)
        finally:
            os.close(descriptor)

    async def submit(self, report: Report | Mapping[str, Any] | bytes, *, priority: int) -> Item:
        """Accept a report, checked and in the queue when this returns."""
        self._check_room()
        size = len(report) if isinstance(report, bytes) else CHECKED_IN_PLACE + 1
        if size <= CHECKED_IN_PLACE:
            envelope = self._envelope(report, priority)
        else:
            envelope = await trio.to_thread.run_sync(self._envelope, report, priority)
        return (await self.item(await self._put(envelope))).item

    def _check_room(self) -> None:
        if self._board.state not in AT_WORK:
            raise NotReady(f"nothing is accepted now: the service is {self._board.state}")
        self._pipeline.parts.room.check()

    def _envelope(self, given: Report | Mapping[str, Any] | bytes, priority: int) -> Envelope:
        report = _report(given)
        plain = given if isinstance(given, bytes) else dumps(report.as_dict()).encode()
        digest = hashlib.sha256(plain).hexdigest()
        derived = uuid5(UUID(namespace(self.config.instance)), f"{SUBMITTED}:{digest}:0")
        station = self.config.station
        encoded = report.encode(
            Defaults(str(derived), Station(station.name, station.location, station.purpose))
        )
        return Envelope(
            Kind.REPORT,
            SUBMITTED,
            "",
            priority=priority,
            max_attempts=self.config.retry.max_attempts,
            payload=encoded.body,
            report_id=encoded.report_id,
            serial_number=encoded.serial_number,
            part_number=encoded.part_number,
            result=encoded.result,
            start=encoded.start,
        )

    async def _put(self, envelope: Envelope) -> int:
        [item_id] = await self.store.put([envelope])
        if item_id is None:  # only a file that was seen before, and a copy never was
            raise InvalidInputError("this was submitted already")
        return item_id

    # Looking

    async def item(self, item_id: int) -> Finished:
        """An item as it is now, with its reports."""
        item = await self.desk.item(item_id)
        if item is None:
            raise NotFoundError(f"there is no item {item_id} in the queue")
        reports = await self.desk.children(item_id) if item.kind is Kind.FILE else []
        return Finished(item, tuple(reports))

    async def wait(self, item_id: int) -> Finished:
        """The item at its end, and of a file all its reports at theirs."""
        found = await self._until_finished(item_id)
        for report in found.reports:
            await self._until_finished(report.id)
        return await self.item(item_id)

    async def _until_finished(self, item_id: int) -> Finished:
        while True:
            ended = self.store.ended(item_id)
            found = await self.item(item_id)
            if found.item.state in FINISHED:
                return found
            await ended.wait()

    def events(self, since: int | None) -> Events:
        """The history behind `since`; None: what is new from the first call on."""
        return Events(self.store, self.desk, since)


def _report(given: Report | Mapping[str, Any] | bytes) -> Report:
    if isinstance(given, Report):
        return given
    if isinstance(given, Mapping):
        return Report(given)
    found = Report.from_bytes(given)
    if len(found) > 1:
        raise InvalidInputError(
            f"there are {len(found)} reports in it; submit one at a time, or the file"
        )
    return found[0]


async def _discard(copy: inbox.Copy) -> None:
    with trio.move_on_after(1, shield=True):
        await trio.to_thread.run_sync(inbox.discard, copy, abandon_on_cancel=True)
