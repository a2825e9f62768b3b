"""Taking over what waits in a queue folder of pyWATS.

Each report is taken once, however often the folder is imported: its name there and its content are
remembered with it. Its files get another name when it is committed, and are never deleted; whoever
is killed between the two finds it by what is remembered.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

import trio
from attrs import Factory, define, field, frozen

from pywats_trio.commands.command import Answer, Command, When, arg
from pywats_trio.commands.paths import absolute
from pywats_trio.commands.queue.pywats_folders import Unreadable, Waiting, read, survey
from pywats_trio.config.options import MIB
from pywats_trio.control import Role
from pywats_trio.convert.request import namespace
from pywats_trio.errors import QueueFull
from pywats_trio.intake import moves, names
from pywats_trio.intake.scan import identity
from pywats_trio.model import Envelope, Kind
from pywats_trio.observe.board import STOPS_INTAKE
from pywats_trio.reports.report import Defaults, InvalidReport, Report, Station
from pywats_trio.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pywats_trio.commands.host import OpenQueue, QueueHost
    from pywats_trio.config.options import Config
    from pywats_trio.control import Who
    from pywats_trio.model import Identity
    from pywats_trio.observe.board import Board

SUBMITTED: Final = "submit"
"""What stands for the converter of reports that came without one, and makes their ids."""
LARGEST: Final = 64 * MIB
"""Bytes of a report that is read here; a larger one needs a worker process to be read in."""
ENDING: Final = ".imported"
BATCH: Final = 64
BATCH_BYTES: Final = 4 * MIB
"""Reports in one transaction, and their bytes: nobody's commit waits long for it."""
MOST_TOLD: Final = 100
"""Files of which an answer says what is wrong with them."""
NAME: Final = 500
"""Characters of a path in an answer."""


@frozen
class ImportPywats:
    """The arguments of `import_pywats`."""

    path: str = arg("the folder, absolute, as the service sees it")


async def _import(host: QueueHost, args: ImportPywats, who: Who) -> Answer:
    folder = absolute(args.path)
    found = await trio.to_thread.run_sync(survey, folder, abandon_on_cancel=True)
    importer = _Importer(host.queue(), host.board)
    for path, why in found.unusable:
        importer.skip(path, why)
    await importer.take(found.waiting)
    answer = {
        "folder": shortened(printable(str(folder)), NAME),
        "imported": importer.imported,
        "already": importer.already,
        "delivered": found.delivered,
        "renamed": importer.renamed,
        "skipped": importer.skipped[:MOST_TOLD],
        "skipped_count": len(importer.skipped),
    }
    event = {key: value for key, value in answer.items() if key != "skipped"}
    await host.queue().store.note("imported from pyWATS", {**event, "who": who.name})
    return answer


@frozen
class _Loaded:
    """A report that was read."""

    waiting: Waiting
    identity: Identity
    envelope: Envelope


@define
class _Importer:
    queue: OpenQueue
    board: Board
    imported: int = 0
    already: int = 0
    """That had been imported before."""
    renamed: int = 0
    """Files."""
    skipped: list[Answer] = Factory(list)
    """What is wrong, a file and a sentence each."""
    limit: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.limit = min(LARGEST, self.queue.config.workers.max_input_mb * MIB)

    def skip(self, path: str, why: str) -> None:
        """Something is wrong with a file."""
        self.skipped.append({"file": shortened(printable(path), NAME), "why": why})

    async def take(self, waiting: Sequence[Waiting]) -> None:
        """All of them, batch by batch; cancelled or failed, some of them.

        Raises:
            QueueFull: there is no room for the others.
            StoreError: they cannot be written.
        """
        for batch in _batches(waiting):
            loaded = await trio.to_thread.run_sync(self._load, batch, abandon_on_cancel=True)
            left = await self._without_known(loaded)
            while left:
                room = self._room(len(waiting))
                await self._put(left[:room])
                left = left[room:]

    async def _without_known(self, loaded: list[_Loaded]) -> list[_Loaded]:
        """Those that no former run has committed; the others need no room, but their new names."""
        origins = [one.envelope.origin for one in loaded]
        known = await self.queue.desk.imported(origins)
        old = [one for one in loaded if one.envelope.origin in known]
        self.already += len(old)
        await self._renamed(old)
        return [one for one in loaded if one.envelope.origin not in known]

    async def _put(self, loaded: list[_Loaded]) -> None:
        ids = await self.queue.store.put([one.envelope for one in loaded])
        self.already += ids.count(None)  # two files of the same item
        self.imported += len(ids) - ids.count(None)
        await self._renamed(loaded)

    async def _renamed(self, loaded: list[_Loaded]) -> None:
        if loaded:
            await trio.to_thread.run_sync(self._rename, loaded, abandon_on_cancel=True)

    def _room(self, of: int) -> int:
        """How many may be put now; they are `of` in all."""
        if held_up := self.board.held_up_by(*STOPS_INTAKE):
            raise self._full(held_up[0].message, of)
        marks, counts = self.queue.config.queue, self.queue.store.counts()
        room = marks.max_items - counts.unfinished if marks.max_items else BATCH
        if room <= 0:
            raise self._full(f"the queue is at its mark, queue.max_items = {marks.max_items}", of)
        if marks.max_bytes and counts.bytes >= marks.max_bytes:
            raise self._full(f"the queue is at its mark, queue.max_bytes = {marks.max_bytes}", of)
        return room

    def _full(self, why: str, of: int) -> QueueFull:
        return QueueFull(
            f"{why}; of {of} reports {self.imported} were imported: import the folder again when "
            "there is room, none is taken twice"
        )

    # In a thread, which is left behind if its disk hangs: the next run does what is left to do.

    def _load(self, batch: Sequence[Waiting]) -> list[_Loaded]:
        found = []
        for waiting in batch:
            try:
                data, known = read(waiting.path, self.limit)
                found.append(_Loaded(waiting, known, _envelope(self.queue.config, waiting, data)))
            except Unreadable as error:
                self.skip(waiting.path, str(error))
            except InvalidReport as error:
                self.skip(waiting.path, f"{error}; mend it and import again, or move it away")
        return found

    def _rename(self, loaded: Sequence[_Loaded]) -> None:
        """The report last: as long as it has its name the next run finds all of them."""
        for one in loaded:
            try:
                for path in one.waiting.beside:
                    if (status := moves.status_of(path)) is not None:
                        self._set_aside(path, identity(status))
                self._set_aside(one.waiting.path, one.identity)
            except moves.NotThatFile:
                self.skip(one.waiting.path, "it was imported, and changed meanwhile: look at it")
            except OSError as error:
                self.skip(
                    one.waiting.path,
                    f"it was imported, but cannot be renamed ({error.strerror}); let the user of "
                    "the service write to the folder, and stop pyWATS",
                )

    def _set_aside(self, path: str, expected: Identity) -> None:
        """Another name for a file, and no other file's.

        Raises:
            NotThatFile: another file lies there now, or none.
            OSError: it cannot be renamed.
        """
        folder, name = os.path.split(path)
        for candidate in names.candidates(names.fitted(name, ENDING)):
            with contextlib.suppress(FileExistsError):
                moves.move(path, os.path.join(folder, candidate), expected)  # noqa: PTH118
                self.renamed += 1
                return


def _batches(waiting: Sequence[Waiting]) -> Iterator[list[Waiting]]:
    batch: list[Waiting] = []
    size = 0
    for one in waiting:
        if batch and (len(batch) == BATCH or size + one.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += one.size
    if batch:
        yield batch


def _envelope(config: Config, waiting: Waiting, data: bytes) -> Envelope:
    """The report as it will be sent: with its own id and start, if it has them.

    Raises:
        InvalidReport: it cannot be sent.
    """
    found = Report.from_bytes(data)
    if len(found) > 1:
        raise InvalidReport(f"there are {len(found)} reports in it, and pyWATS keeps one in a file")
    digest = hashlib.sha256(data).hexdigest()
    derived = uuid5(UUID(namespace(config.instance)), f"{SUBMITTED}:{digest}:0")
    station = config.station
    encoded = found[0].encode(
        Defaults(str(derived), Station(station.name, station.location, station.purpose))
    )
    return Envelope(
        Kind.REPORT,
        SUBMITTED,
        waiting.path,
        priority=waiting.priority,
        max_attempts=config.retry.max_attempts,
        payload=encoded.body,
        report_id=encoded.report_id,
        serial_number=encoded.serial_number,
        part_number=encoded.part_number,
        result=encoded.result,
        start=encoded.start,
        origin=f"pywats:{printable(os.path.basename(waiting.name))}:{digest}",  # noqa: PTH119
        past=waiting.past,
    )


COMMANDS: Final = (
    Command(
        "import_pywats",
        Role.OPERATOR,
        When.WITH_STORE,
        changes=True,
        doc="Take over the reports that wait in a queue folder of pyWATS, of either layout: with "
        "their priorities and in their order, their attempts and errors as history, each once "
        f"however often it is asked. Their files get the ending `{ENDING}` and are never deleted.",
        result="`folder`; `imported`: how many; `already`: that had been imported before; "
        "`delivered`: that pyWATS says it has delivered, and that are left alone; `renamed`: "
        "files; `skipped`: those that cannot be used or renamed, each with `file` and `why`, at "
        f"most {MOST_TOLD} of `skipped_count`.",
        args=ImportPywats,
        run=_import,
        offline=True,
        bounded=False,
    ),
)
