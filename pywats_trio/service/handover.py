"""What is handed to a service without a watch folder: files and reports, stored on return."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid5

import trio

from pywats_trio.config.options import MIB
from pywats_trio.control import AT_WORK
from pywats_trio.convert.conversion import SCRATCH
from pywats_trio.convert.request import namespace
from pywats_trio.convert.source import Location, Opened, open_source
from pywats_trio.converters.registry import FILE_TYPES
from pywats_trio.errors import (
    ConfigError,
    InvalidInputError,
    NotFoundError,
    NotReady,
    QueueFull,
    StoreError,
)
from pywats_trio.intake import handed, inbox
from pywats_trio.model import Envelope, Failed, Form, Kind, Wait
from pywats_trio.queue.store import Topic
from pywats_trio.reports.numbers import dumps
from pywats_trio.reports.report import Defaults, Report, Station
from pywats_trio.service.taken import Taken
from pywats_trio.service.takers import fitting
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pywats_trio.config.options import ConverterOptions
    from pywats_trio.model import Outcome
    from pywats_trio.observe.board import Board
    from pywats_trio.queue.store import Store
    from pywats_trio.service.parts import Parts
    from pywats_trio.service.takers import Taker

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
        self._taken = Taken(store)
        self._copying = trio.CapacityLimiter(COPIES)

    async def file(self, path: Path, *, converter: str, priority: int, wait_for_room: bool) -> int:
        """Accept a copy of the file, or of the folder where a converter takes such, synced and in
        the queue when this returns; the item's id.
        """
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
            takers = await self._takers(path, candidates, named=bool(converter))
            copy = await inbox.take(
                path, config.inbox, max_bytes, limiter=self._copying, form=_widest(takers)
            )
            try:
                options, copy = await self._given(copy, takers)
                envelope = _envelope(copy, options, priority)
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
            known = ", ".join(options.name for options in enabled)
            others = f"; enabled are: {known}" if known else ""
            raise NotFoundError(self._why_none(converter) + others)
        return found

    def _why_none(self, converter: str) -> str:
        """Why there is nobody who takes a file, and what to do about it."""
        if not converter:
            return "no converter is enabled"
        for options in self._parts.config.converters:
            if options.name == converter:
                enable = (
                    f"`pywats-trio converters enable {converter}` enables it"
                    if options.enabled
                    else "set enabled = true in the configuration, and reload it"
                )
                return f"the converter {converter!r} is disabled; {enable}"
        return f"there is no converter {converter!r}"

    async def _takers(
        self, path: Path, candidates: list[ConverterOptions], *, named: bool
    ) -> list[Taker]:
        """Those of `candidates` that take what lies there, and as what."""
        found = await trio.to_thread.run_sync(
            handed.look, path, limiter=self._copying, abandon_on_cancel=True
        )
        takers = [(options, await self._form(options)) for options in candidates]
        return fitting(found, takers, told=printable(str(path)), named=named)

    async def _form(self, options: ConverterOptions) -> Form:
        """What a converter takes, as its author said last: no submit waits for a worker to ask.

        Only before he has said it for the first time, which is soon after a start.
        """
        if options.type in FILE_TYPES:
            return Form.FILE
        unit = self._taken.last(options)
        if unit is None and not self._parts.lines.is_watching(options.name):
            with suppress(ConfigError):  # the board has it; what waits for it are files
                unit = await self._parts.unit(options)
        return unit.form if unit else Form.FILE

    async def _given(
        self, copy: inbox.Copy, takers: list[Taker]
    ) -> tuple[ConverterOptions, inbox.Copy]:
        """Who of `takers` gets the copy, and what of it."""
        [(options, form)] = takers if len(takers) == 1 else [await self._surest(copy, takers)]
        if form is not copy.form:
            copy = await trio.to_thread.run_sync(inbox.header_alone, copy)
        return options, copy

    async def _surest(self, copy: inbox.Copy, takers: list[Taker]) -> Taker:
        with ExitStack() as stack:
            opened: dict[Form, Opened] = {}
            why = ""
            for form in {form for _options, form in takers}:
                found = await self._open(copy, form)
                if isinstance(found, Opened):
                    opened[form] = found
                    stack.callback(found.close)
                else:  # such as a header that is empty: it has a meaning with its folder alone
                    why = (
                        found.problem.message if isinstance(found, Failed | Wait) else "it changed"
                    )
            if not opened:
                raise StoreError(f"the copy cannot be read: {why}; submit it again")
            candidates = [(options, opened[form]) for options, form in takers if form in opened]
            name = await self._parts.conversion.surest(candidates, copy.path)
        return next(taker for taker in takers if taker[0].name == name)

    async def _open(self, copy: inbox.Copy, form: Form) -> Opened | Outcome:
        config = self._parts.config
        location = Location(
            copy.path,
            folder="",
            expected=copy.identity if form is copy.form else None,
            max_bytes=config.workers.max_input_mb * MIB,
            form=form,
            spool=os.fspath(config.data_dir / SCRATCH),
        )
        return await open_source(location)

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


def _widest(takers: list[Taker]) -> Form:
    """What has to be copied: a header that somebody takes with its folder has it with it."""
    forms = {form for _options, form in takers}
    return Form.PAIR if Form.PAIR in forms else forms.pop()


def _envelope(copy: inbox.Copy, options: ConverterOptions, priority: int) -> Envelope:
    return Envelope(
        Kind.FILE,
        options.name,
        copy.path,
        priority=priority,
        max_attempts=options.max_attempts,
        identity=copy.identity,
        form=copy.form,
    )


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
