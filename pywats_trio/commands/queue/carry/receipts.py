"""Receipts: what was delivered where it was imported is told to the queue that it came from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from pywats_trio.commands.command import Answer, Command, When, arg
from pywats_trio.commands.paths import absolute
from pywats_trio.commands.queue.carry.cargo import opened
from pywats_trio.commands.queue.carry.manifest import (
    EXPORT_ID,
    NAME,
    ORIGIN,
    Manifest,
    Receipt,
    Receipts,
    read,
    written,
)
from pywats_trio.commands.queue.carry.threads import in_thread
from pywats_trio.commands.queue.filters import PAGE, each_page
from pywats_trio.control import Role
from pywats_trio.errors import InvalidInputError, NotFoundError, StoreError
from pywats_trio.intake.moves import sync_folder
from pywats_trio.model import State
from pywats_trio.observe.status import iso
from pywats_trio.queue.actions import Acknowledge, Export
from pywats_trio.queue.selection import Selection
from pywats_trio.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pywats_trio.commands.host import OpenQueue, QueueHost
    from pywats_trio.control import Who
    from pywats_trio.model import Item

MOST_TOLD: Final = 100
"""Items of which an answer says what is wrong with them."""
LONGEST: Final = 500
"""Characters of an error, so that all of them fit into any answer."""
_NOT_DELIVERED: Final = frozenset({State.FAILED, State.QUARANTINED})


@frozen
class ExportReceipts:
    """The arguments of `export_receipts`."""

    path: str = arg("the file; absolute, as the service sees it")
    export: str = arg(
        "of which export: its id, or its folder or zip, absolute; default: of all", default=""
    )
    force: bool = arg("whether a file that is there already may be replaced", default=False)


# Where it was imported


def _export(named: str) -> Path:
    """Where the export lies that is named by a path.

    Raises:
        InvalidInputError: that is no path, nor the id of an export.
    """
    try:
        return absolute(named)
    except InvalidInputError as error:
        raise InvalidInputError(
            f"{named!r} is neither the id of an export (a UUID) nor the whole path of one"
        ) from error


async def _export_receipts(host: QueueHost, args: ExportReceipts, _who: Who) -> Answer:
    path, queue = absolute(args.path), host.queue()
    work = _Work(queue)
    if args.export and not EXPORT_ID.fullmatch(args.export.lower()):
        names = await in_thread(_names, _export(args.export))
        await work.of_names(names)
    else:
        await work.of_export(args.export.lower())
    if not work.receipts and not work.waiting:
        raise NotFoundError(
            "nothing of that export was imported here, or it has left the queue since; "
            "look whether this is the right queue"
        )
    now = iso(host.board.clock())
    document = Receipts(host.board.instance, now, tuple(work.receipts))
    await in_thread(_write, path, written(document), args.force)
    return {"file": printable(str(path)), **work.counted()}


def _names(path: Path) -> list[str]:
    with opened(path) as cargo:
        manifest = read(cargo.manifest(), f"{NAME} in {printable(str(path))}")
    assert isinstance(manifest, Manifest)  # noqa: S101 - a manifest.json is none of the other kind
    return [entry.origin for entry in manifest.items]


def _write(path: Path, content: bytes, force: bool) -> None:
    told = printable(str(path))
    if path.exists() and not force:
        raise InvalidInputError(f"{told} is there already; choose another name, or add --force")
    part = path.with_name(f"{path.name}.part")
    try:
        with open(part, "wb") as file:  # noqa: PTH123
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(str(path.parent))
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StoreError(
            f"{told} cannot be written ({error.strerror}); choose another place"
        ) from error


@define
class _Work:
    """What became of what was imported."""

    queue: OpenQueue
    receipts: list[Receipt] = field(factory=list)
    waiting: int = 0
    gone: int = 0

    def counted(self) -> Answer:
        delivered = sum(one.delivered for one in self.receipts)
        return {
            "delivered": delivered,
            "failed": len(self.receipts) - delivered,
            "waiting": self.waiting,
            "gone": self.gone,
        }

    async def of_export(self, export: str) -> None:
        """Of all that was imported under its names; empty: under any."""
        after = ""
        while page := await self.queue.desk.imports(export=export, after=after, limit=PAGE):
            after = page[-1][0]
            await self._look(pair for pair in page if ORIGIN.fullmatch(pair[0]))

    async def of_names(self, names: Sequence[str]) -> None:
        for first in range(0, len(names), PAGE):
            found = await self.queue.desk.imported(names[first : first + PAGE])
            await self._look(found.items())

    async def _look(self, pairs: Iterable[tuple[str, int]]) -> None:
        names = {item_id: origin for origin, item_id in pairs}

        async def take(items: Sequence[Item]) -> None:
            for item in items:
                self._add(names.pop(item.id), item)

        if names:
            await each_page(self.queue, Selection(ids=tuple(names)), take)
        self.gone += len(names)

    def _add(self, origin: str, item: Item) -> None:
        export, _, number = origin.partition("/")
        if item.state is State.COMPLETED:
            at = iso(item.finished_at) if item.finished_at is not None else ""
            receipt = Receipt(origin, export, int(number), item.report_id, True, item.receipt, at)
        elif item.state in _NOT_DELIVERED:
            receipt = Receipt(
                origin, export, int(number), item.report_id, False, why=item.last_error
            )
        else:
            self.waiting += 1
            return
        self.receipts.append(receipt)


# Where it came from


async def acknowledge(queue: OpenQueue, found: Receipts, who: Who) -> Answer:
    """Complete what was delivered there, and tell what was not. As often as one likes."""
    work = _Acknowledging(queue, who.name)
    for first in range(0, len(found.receipts), PAGE):
        await work.take(found.receipts[first : first + PAGE])
    answer = work.answer()
    told = {key: answer[key] for key in ("acknowledged", "already", "failed_count")}
    await queue.store.note("receipts imported", {**told, "who": who.name})
    return answer


@define
class _Acknowledging:
    queue: OpenQueue
    who: str
    acknowledged: int = 0
    already: int = 0
    failed: list[Answer] = field(factory=list)
    failed_count: int = 0
    refused: list[Answer] = field(factory=list)
    refused_count: int = 0

    async def take(self, receipts: Sequence[Receipt]) -> None:
        items: dict[int, Item] = {}
        ids = tuple(receipt.item_id for receipt in receipts)

        async def keep(page: Sequence[Item]) -> None:
            items.update((item.id, item) for item in page)

        await each_page(self.queue, Selection(ids=ids), keep)
        names = await self.queue.desk.exported(ids)
        good: dict[int, Receipt] = {}
        for receipt in receipts:
            item = items.get(receipt.item_id)
            if item is None or (names.get(item.id), item.report_id) != (
                receipt.origin,
                receipt.report_id,
            ):
                self._refuse(
                    receipt, f"report {receipt.report_id} was not exported from this queue"
                )
            elif self._may_end(receipt, item):
                good[item.id] = receipt
        await self._complete(good)

    def _may_end(self, receipt: Receipt, item: Item) -> bool:
        if item.state is State.COMPLETED:
            self.already += 1
        elif not receipt.delivered:
            self.failed_count += 1
            if len(self.failed) < MOST_TOLD:
                why = shortened(receipt.why, LONGEST)
                told = {"item_id": item.id, "report_id": item.report_id, "why": why}
                self.failed.append(told)
        elif item.state not in Export.states:
            self._refuse(receipt, f"item {item.id} is {item.state} here; import them again later")
        else:
            return True
        return False

    async def _complete(self, good: dict[int, Receipt]) -> None:
        """What was kept, or released meanwhile, is held first: it must not go out twice."""
        if not good:
            return
        store, these = self.queue.store, Selection(ids=tuple(good))
        loose = tuple(sorted(Export.states - {State.HELD}))
        for export in {receipt.export for receipt in good.values()}:
            ids = tuple(key for key, receipt in good.items() if receipt.export == export)
            await store.change(Selection(ids=ids, states=loose), Export(export), self.who)
        answers = {item_id: receipt.receipt for item_id, receipt in good.items()}
        done = await store.change(these, Acknowledge(answers), self.who)
        self.acknowledged += done
        if done < len(good):
            self.refused_count += len(good) - done
            why = f"{len(good) - done} items were changed meanwhile; import the receipts again"
            self.refused.append({"item_id": None, "why": why})

    def _refuse(self, receipt: Receipt, why: str) -> None:
        self.refused_count += 1
        if len(self.refused) < MOST_TOLD:
            self.refused.append({"item_id": receipt.item_id, "why": why})

    def answer(self) -> Answer:
        return {
            "acknowledged": self.acknowledged,
            "already": self.already,
            "failed": self.failed,
            "failed_count": self.failed_count,
            "refused": self.refused,
            "refused_count": self.refused_count,
        }


COMMANDS: Final = (
    Command(
        "export_receipts",
        Role.OPERATOR,
        When.WITH_STORE,
        changes=True,
        doc="Write a file that tells the queue from which reports were imported what became of "
        "them; it is imported there.",
        result="`file`; how many were `delivered`, have `failed`, are still `waiting`, and are "
        "`gone`: they have left this queue since they were imported.",
        args=ExportReceipts,
        run=_export_receipts,
        offline=True,
        bounded=False,
    ),
)
