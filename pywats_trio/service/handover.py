"""What is handed to a service without a watch folder: files and reports, stored on return."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid5

import trio

from pywats_trio.config.options import MIB
from pywats_trio.control import AT_WORK
from pywats_trio.convert.request import namespace
from pywats_trio.errors import InvalidInputError, NotFoundError, NotReady, QueueFull
from pywats_trio.intake import inbox
from pywats_trio.model import Envelope, Kind
from pywats_trio.queue.store import Topic
from pywats_trio.reports.numbers import dumps
from pywats_trio.reports.report import Defaults, Report, Station

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pywats_trio.config.options import ConverterOptions
    from pywats_trio.observe.board import Board
    from pywats_trio.queue.store import Store
    from pywats_trio.service.parts import Parts

SUBMITTED: Final = "submit"
"""What stands for the converter of reports that came without one."""
CHECKED_IN_PLACE: Final = 64 * 1024
"""Bytes; a larger report is checked in a thread (about a millisecond in the event loop at most)."""
COPIES: Final = 4
"""Files that are copied at once: disks that hang hold up other submits, but nothing else."""


class Handover:
    """Accepts for the configuration in effect; see `Service.submit` and `submit_file`.

    `while_it_lasts` ends what stands in its block when the service is over.
    """

    def __init__(
        self,
        parts: Parts,
        store: Store,
        board: Board,
        while_it_lasts: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._parts = parts
        self._store = store
        self._board = board
        self._while_it_lasts = while_it_lasts
        self._copying = trio.CapacityLimiter(COPIES)

    async def file(self, path: Path, *, converter: str, priority: int, wait_for_room: bool) -> int:
        """Accept a copy of the file, synced and in the queue when this returns; the item's id."""
        accept = partial(self._file, path, converter, priority)
        return await self._patiently(accept) if wait_for_room else await accept()

    async def report(
        self,
        report: Report | Mapping[str, Any] | bytes,
        *,
        priority: int,
        wait_for_room: bool,
    ) -> int:
        """Accept a report, checked and in the queue when this returns; the item's id."""
        accept = partial(self._report, report, priority)
        return await self._patiently(accept) if wait_for_room else await accept()

    # Room

    async def wait_for_room(self) -> None:
        """Until there is room for one more; somebody may be quicker, so it is no promise.

        Raises:
            NotReady: the service is paused or stops.
        """
        await trio.lowlevel.checkpoint()
        with self._while_it_lasts():
            while True:
                ticket = self._store.bell(Topic.ROOM).ticket()
                self._check_open()
                if self._parts.room.has_place():
                    return
                await ticket.wait()

    async def _patiently(self, accept: Callable[[], Awaitable[int]]) -> int:
        while True:
            try:
                return await accept()
            except QueueFull:
                await self.wait_for_room()

    def _check_open(self) -> None:
        if self._board.state not in AT_WORK:
            raise NotReady(f"nothing is accepted now: the service is {self._board.state}")

    # A file

    async def _file(self, path: Path, converter: str, priority: int) -> int:
        self._check_open()
        candidates = self._candidates(converter)
        config = self._parts.config
        max_bytes = config.workers.max_input_mb * MIB
        with self._parts.room.place():
            copy = await inbox.take(path, config.inbox, max_bytes, limiter=self._copying)
            try:
                envelope = await self._file_envelope(copy, candidates, priority)
            except BaseException:
                await inbox.discard_soon(copy)
                raise
            item_id = await self._put_file(envelope, copy)
        self._board.metrics.intake_files.labels(envelope.converter, "submitted").inc()
        return item_id

    def _candidates(self, converter: str) -> list[ConverterOptions]:
        """The configured converters that may take a file; the named one alone, if one is named."""
        enabled = self._parts.enabled()
        found = [options for options in enabled if options.name == converter or not converter]
        if not found:
            known = ", ".join(options.name for options in enabled) or "none"
            what = f"there is no enabled converter {converter!r}" if converter else "no converter"
            raise NotFoundError(f"{what}; configured are: {known}")
        return found

    async def _file_envelope(
        self, copy: inbox.Copy, candidates: list[ConverterOptions], priority: int
    ) -> Envelope:
        [options] = candidates if len(candidates) == 1 else [await self._surest(copy, candidates)]
        return Envelope(
            Kind.FILE,
            options.name,
            copy.path,
            priority=priority,
            max_attempts=options.max_attempts,
            identity=copy.identity,
        )

    async def _surest(
        self, copy: inbox.Copy, candidates: list[ConverterOptions]
    ) -> ConverterOptions:
        descriptor = await trio.to_thread.run_sync(os.open, copy.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            conversion = self._parts.conversion
            name = await conversion.surest(candidates, copy.path, descriptor, copy.identity)
        finally:
            os.close(descriptor)
        return next(options for options in candidates if options.name == name)

    async def _put_file(self, envelope: Envelope, copy: inbox.Copy) -> int:
        try:
            return await self._put(envelope)
        except trio.Cancelled:
            raise  # it may have been accepted; the next start knows
        except BaseException:
            await inbox.discard_soon(copy)
            raise

    # A report

    async def _report(self, report: Report | Mapping[str, Any] | bytes, priority: int) -> int:
        self._check_open()
        if not isinstance(report, Report | Mapping | bytes):
            raise InvalidInputError(
                f"a {type(report).__name__} cannot be submitted; give a Report, a mapping, "
                "the bytes of WSJF, or a Path"
            )
        with self._parts.room.place():
            size = len(report) if isinstance(report, bytes) else CHECKED_IN_PLACE + 1
            if size <= CHECKED_IN_PLACE:
                envelope = self._report_envelope(report, priority)
            else:
                envelope = await trio.to_thread.run_sync(self._report_envelope, report, priority)
            return await self._put(envelope)

    def _report_envelope(
        self, given: Report | Mapping[str, Any] | bytes, priority: int
    ) -> Envelope:
        config = self._parts.config
        report = _report(given)
        plain = given if isinstance(given, bytes) else dumps(report.as_dict()).encode()
        digest = hashlib.sha256(plain).hexdigest()
        derived = uuid5(UUID(namespace(config.instance)), f"{SUBMITTED}:{digest}:0")
        station = config.station
        encoded = report.encode(
            Defaults(str(derived), Station(station.name, station.location, station.purpose))
        )
        return Envelope(
            Kind.REPORT,
            SUBMITTED,
            "",
            priority=priority,
            max_attempts=config.retry.max_attempts,
            payload=encoded.body,
            report_id=encoded.report_id,
            serial_number=encoded.serial_number,
            part_number=encoded.part_number,
            result=encoded.result,
            start=encoded.start,
        )

    async def _put(self, envelope: Envelope) -> int:
        [item_id] = await self._store.put([envelope])
        if item_id is None:  # only a file that was seen before, and a copy never was
            raise InvalidInputError("this was submitted already")
        return item_id


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
