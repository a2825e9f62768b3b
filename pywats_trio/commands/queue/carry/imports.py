"""Importing: the reports of an export come into this queue, each once, however often it is tried.

Each report is put under its name in the export (`Envelope.origin`), in one transaction with the row
that remembers that name. So an import that was cut off is run again, and takes what is missing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from pywats_trio.commands.command import Answer, Command, When, arg
from pywats_trio.commands.paths import absolute
from pywats_trio.commands.queue.carry import receipts
from pywats_trio.commands.queue.carry.cargo import AGAIN, Cargo, Unreadable, opened, read_file
from pywats_trio.commands.queue.carry.manifest import LARGEST, NAME, Entry, Manifest, read
from pywats_trio.commands.queue.carry.staging import is_zip
from pywats_trio.commands.queue.carry.threads import in_thread
from pywats_trio.config.options import MIB
from pywats_trio.control import Role
from pywats_trio.errors import InvalidInputError, QueueFull
from pywats_trio.model import Envelope, Kind
from pywats_trio.observe.board import STOPS_INTAKE
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pywats_trio.commands.host import OpenQueue, QueueHost
    from pywats_trio.control import Who
    from pywats_trio.observe.board import Board

TOGETHER: Final = 64
TOGETHER_BYTES: Final = 8 * 1024 * 1024
"""Reports that are put in one transaction: at most so many, and about so large."""
MOST_TOLD: Final = 100
"""Files of which an answer says why they were refused."""


@frozen
class ImportItems:
    """The arguments of `import_items`."""

    path: str = arg("an export, or a file of receipts; absolute, as the service sees it")


async def _import(host: QueueHost, args: ImportItems, who: Who) -> Answer:
    path = absolute(args.path)
    if not await in_thread(_is_export, path):
        found = read(await in_thread(read_file, path, LARGEST), printable(str(path)))
        if isinstance(found, Manifest):
            raise InvalidInputError(
                f"{printable(str(path))} is the manifest of an export; name its folder"
            )
        return await receipts.acknowledge(host.queue(), found, who)
    with contextlib.ExitStack() as stack:
        cargo = await in_thread(stack.enter_context, opened(path))
        work = await _opened_cargo(host, path, cargo)
        await work.run()
    answer = work.answer()
    told = {key: answer[key] for key in ("export", "imported", "already", "refused_count")}
    await host.queue().store.note("imported", {**told, "path": args.path, "who": who.name})
    return answer


def _is_export(path: Path) -> bool:
    return path.is_dir() or is_zip(path)


async def _opened_cargo(host: QueueHost, path: Path, cargo: Cargo) -> _Work:
    told = printable(str(path))
    manifest = read(await in_thread(cargo.manifest), f"{NAME} in {told}")
    if not isinstance(manifest, Manifest):
        raise InvalidInputError(f"{NAME} in {told} is a file of receipts, and no manifest; {AGAIN}")
    return _Work(host.queue(), host.board, cargo, manifest)


@define
class _Batch:
    """Some reports of an export, as they were read."""

    sound: list[tuple[Entry, bytes]] = field(factory=list)
    refused: list[tuple[Entry, str]] = field(factory=list)

    @property
    def looked_at(self) -> int:
        return len(self.sound) + len(self.refused)


@define
class _Work:
    """One import."""

    queue: OpenQueue
    board: Board
    cargo: Cargo
    manifest: Manifest
    imported: int = 0
    already: int = 0
    refused: list[Answer] = field(factory=list)
    refused_count: int = 0

    async def run(self) -> None:
        """Take what was not taken before; cancelled or failed, a part of it is.

        Raises:
            QueueFull: nothing may be accepted now; a part was taken.
            StoreError: likewise, it could not be written.
        """
        entries = self.manifest.items
        for first in range(0, len(entries), TOGETHER):
            some = entries[first : first + TOGETHER]
            known = await self.queue.desk.imported([entry.origin for entry in some])
            new = [entry for entry in some if entry.origin not in known]
            self.already += len(some) - len(new)
            left: Sequence[Entry] = await self._foreign(new)
            while left:
                left = await self._take(left)

    async def _foreign(self, entries: Sequence[Entry]) -> list[Entry]:
        """Without those that were exported from this very queue."""
        ours = await self.queue.desk.exported([entry.item_id for entry in entries])
        foreign = []
        for entry in entries:
            if ours.get(entry.item_id) == entry.origin:
                self._refuse(
                    entry,
                    f"it is item {entry.item_id} of this very queue, from which it was exported; "
                    "if it is not delivered elsewhere, bring it back with "
                    f"`pywats-trio queue release {entry.item_id}`",
                )
            else:
                foreign.append(entry)
        return foreign

    async def _take(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Put the first of them, as many as fit together; the others."""
        room = self._room()
        most = self.queue.config.workers.max_input_mb * MIB
        batch = await in_thread(_read_some, self.cargo, entries[:room], most)
        for entry, why in batch.refused:
            self._refuse(entry, why)
        put = await self.queue.store.put([self._envelope(*one) for one in batch.sound])
        taken = sum(item_id is not None for item_id in put)
        self.imported += taken
        self.already += len(put) - taken
        return entries[batch.looked_at :]

    def _room(self) -> int:
        """How many may be put together now."""
        if held_up := self.board.held_up_by(*STOPS_INTAKE):
            raise self._full(held_up[0].message)
        mark, bytes_mark = self.queue.config.queue.max_items, self.queue.config.queue.max_bytes
        counts = self.queue.store.counts()
        room = mark - counts.unfinished if mark else TOGETHER
        if room <= 0:
            raise self._full(f"the queue is at its mark of {mark} unfinished items")
        if bytes_mark and counts.bytes >= bytes_mark:
            raise self._full(f"the queue is at its mark of {bytes_mark} bytes")
        return room

    def _full(self, why: str) -> QueueFull:
        return QueueFull(
            f"{why}; {self.imported} of {len(self.manifest.items)} reports were imported, the "
            "others when it is imported again: none is taken twice"
        )

    def _refuse(self, entry: Entry, why: str) -> None:
        self.refused_count += 1
        if len(self.refused) < MOST_TOLD:
            self.refused.append(
                {"file": printable(entry.file), "item_id": entry.item_id, "why": why}
            )

    def _envelope(self, entry: Entry, body: bytes) -> Envelope:
        manifest = self.manifest
        past = [
            f"item {entry.item_id} of the queue {manifest.instance!r}, stored there at "
            f"{entry.created_at}, exported at {manifest.exported_at} as {manifest.export}"
        ]
        if entry.attempts or entry.last_error:
            past.append(
                f"there it was {entry.state} after {entry.attempts} attempts: {entry.last_error}"
            )
        return Envelope(
            Kind.REPORT,
            entry.converter,
            entry.source,
            priority=entry.priority,
            max_attempts=entry.max_attempts,
            correlation_id=entry.correlation_id,
            payload=body,
            report_id=entry.report_id,
            serial_number=entry.serial_number,
            part_number=entry.part_number,
            result=entry.result,
            start=entry.start,
            origin=entry.origin,
            past=tuple(past),
        )

    def answer(self) -> Answer:
        return {
            "export": self.manifest.export,
            "imported": self.imported,
            "already": self.already,
            "refused": self.refused,
            "refused_count": self.refused_count,
        }


# In a thread


def _read_some(cargo: Cargo, entries: Sequence[Entry], most: int) -> _Batch:
    """The first of `entries`, as many as are put together."""
    batch, size = _Batch(), 0
    for entry in entries:
        if batch.sound and size + entry.size > TOGETHER_BYTES:
            break
        try:
            body = _body(cargo, entry, most)
        except Unreadable as error:
            batch.refused.append((entry, f"{printable(entry.file)}: {error}; {AGAIN}"))
        else:
            batch.sound.append((entry, body))
            size += len(body)
    return batch


def _body(cargo: Cargo, entry: Entry, most: int) -> bytes:
    if entry.size > most:
        raise Unreadable(f"it has {entry.size} bytes, more than workers.max_input_mb allows")
    body = cargo.report(entry.file, entry.size)
    if len(body) != entry.size:
        raise Unreadable(f"it has not the {entry.size} bytes that it was written with")
    if hashlib.sha256(body).hexdigest() != entry.sha256:
        raise Unreadable("it is not what was written: its checksum differs")
    if _own_id(body) != entry.report_id:
        raise Unreadable(f"it is not the report {entry.report_id}")
    return body


def _own_id(body: bytes) -> str:
    try:
        report = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"it is no report ({error})") from error
    return str(report.get("id", "")).lower() if isinstance(report, dict) else ""


COMMANDS: Final = (
    Command(
        "import_items",
        Role.OPERATOR,
        When.WITH_STORE,
        changes=True,
        doc="Take the reports of an export into the queue, each once, however often it is asked; "
        "or, of a file of receipts, complete the HELD items that were delivered elsewhere.",
        result="Of an export: `export`, its id; `imported`, how many; `already`, how many were "
        "imported before; `refused`: those that cannot be used, `file`, `item_id` and `why`, at "
        f"most {MOST_TOLD} of `refused_count`. Of receipts: `acknowledged`, how many; `already`; "
        "`failed`: those that were not delivered there either, `item_id`, `report_id` and `why`, "
        f"at most {MOST_TOLD} of `failed_count`; `refused` and `refused_count` as above.",
        args=ImportItems,
        run=_import,
        offline=True,
        bounded=False,
    ),
)
