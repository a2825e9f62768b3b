"""Which reports an export takes, and their way from the queue into files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define, evolve, field

from pywats_trio.commands.queue.carry.manifest import EXPORT_ID, Entry
from pywats_trio.commands.queue.carry.staging import Page, Staging
from pywats_trio.commands.queue.carry.threads import in_thread
from pywats_trio.commands.queue.filters import PAGE, each_page
from pywats_trio.errors import InvalidInputError, StoreError
from pywats_trio.model import Kind, Problem, State
from pywats_trio.observe.status import iso
from pywats_trio.queue.actions import Export, Quarantine
from pywats_trio.queue.selection import Selection
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pywats_trio.commands.command import Answer
    from pywats_trio.commands.host import OpenQueue
    from pywats_trio.model import Item

MOST: Final = 100_000
"""Reports of one export."""
MOST_TOLD: Final = 100
"""Items of which an answer says why they were passed over."""
TOGETHER: Final = 64
TOGETHER_BYTES: Final = 8 * 1024 * 1024
"""Reports that are written in one visit to a thread: at most so many, and about so large."""
BY_DEFAULT: Final = (State.FAILED, State.PENDING, State.SUSPENDED)
"""Not HELD: an operator keeps those back, or they were exported already."""

_DAMAGED: Final = Problem(
    "damaged",
    "the stored report is not the one that was put in: its checksum differs",
    "drop the source file again; look at the disk that holds data_dir",
)
_FILE: Final = {
    State.COMPLETED: "is a file that was converted; export its reports",
    State.FAILED: "is a file that could not be converted",
    State.QUARANTINED: "is a file that could not be converted",
}
_REPORT: Final = {
    State.PROCESSING: "is just being delivered",
    State.COMPLETED: "is delivered already",
    State.QUARANTINED: "is QUARANTINED: it is damaged",
}


@define
class Collection:
    """What was written for one export, and what was passed over."""

    queue: OpenQueue
    staging: Staging
    export: str
    who: str
    entries: list[Entry] = field(factory=list)
    missing: int = 0
    """Of those that were named, how many there are not."""
    damaged: list[int] = field(factory=list)
    skipped: list[Answer] = field(factory=list)
    skipped_count: int = 0
    _names: set[str] = field(factory=set)

    async def by_filter(self, wanted: Selection) -> None:
        """Write all that `wanted` means; if it names no state, what is yet to be delivered."""
        if wanted.states is None:
            wanted = evolve(wanted, states=BY_DEFAULT)
        await each_page(self.queue, wanted, self._take)

    async def by_number(self, ids: Sequence[int], wanted: Selection) -> None:
        """Write those of `ids` that `wanted` means."""
        for first in range(0, len(ids), PAGE):
            left = dict.fromkeys(ids[first : first + PAGE])

            async def take(items: Sequence[Item], left: dict[int, None] = left) -> None:
                for item in items:
                    del left[item.id]
                await self._take(items)

            await each_page(self.queue, evolve(wanted, ids=tuple(left)), take)
            self.missing += len(left)
            for item_id in left:
                self.pass_over(item_id, f"there is no item {item_id} that is meant")

    def pass_over(self, item_id: int, why: str) -> None:
        """Not this one."""
        self.skipped_count += 1
        if len(self.skipped) < MOST_TOLD:
            self.skipped.append({"id": item_id, "why": why})

    async def _take(self, items: Sequence[Item]) -> None:
        reports = [item for item in items if self._may_leave(item)]
        names = await self.queue.desk.exported([item.id for item in reports])
        pages: list[Page] = []
        size = 0
        for item in reports:
            if (body := await self._payload(item)) is None:
                continue
            name = names.get(item.id, f"{self.export}/{item.id}")
            pages.append(Page(self._entry(item, name, len(body)), body))
            size += len(body)
            if len(pages) == TOGETHER or size > TOGETHER_BYTES:
                await self._write(pages)
                pages, size = [], 0
        await self._write(pages)

    def _may_leave(self, item: Item) -> bool:
        if item.kind is Kind.FILE:
            why = _FILE.get(item.state, "is a file that is yet to be converted, and no report")
        else:
            why = "" if item.state in Export.states else _REPORT[item.state]
        if why:
            self.pass_over(item.id, f"item {item.id} {why}")
        return not why

    async def _payload(self, item: Item) -> bytes | None:
        try:
            body = await self.queue.desk.payload(item.id)
        except StoreError as error:
            self.damaged.append(item.id)
            self.pass_over(item.id, f"item {item.id} cannot be read: {error}")
            return None
        if body is None:
            self.pass_over(item.id, f"the report of item {item.id} is not stored any more")
        return body

    def _entry(self, item: Item, origin: str, size: int) -> Entry:
        return Entry(
            origin=origin,
            item_id=item.id,
            report_id=item.report_id,
            file=self._name(item),
            sha256=item.sha256,
            size=size,
            priority=item.priority,
            max_attempts=item.max_attempts,
            serial_number=item.serial_number,
            part_number=item.part_number,
            result=item.result,
            start=item.start,
            converter=item.converter,
            source=printable(item.source),
            correlation_id=item.correlation_id,
            created_at=iso(item.created_at),
            state=item.state.value,
            attempts=item.attempts,
            last_error=item.last_error,
        )

    def _name(self, item: Item) -> str:
        """By the report's id; the same report may have been dropped twice."""
        known = item.report_id if EXPORT_ID.fullmatch(item.report_id) else f"item-{item.id}"
        name = f"{known}.json"
        if name in self._names:
            name = f"{known}.{item.id}.json"
        self._names.add(name)
        return name

    async def _write(self, pages: Sequence[Page]) -> None:
        if not pages:
            return
        damaged = await in_thread(self.staging.write, pages)
        self.entries += [page.entry for page in pages if page.entry.item_id not in damaged]
        if damaged:
            await self._set_aside(damaged)
        if len(self.entries) > MOST:
            raise InvalidInputError(
                f"these are more than {MOST} reports; export fewer at a time, by a filter"
            )

    async def _set_aside(self, damaged: list[int]) -> None:
        self.damaged += damaged
        these = Selection(ids=tuple(damaged))
        await self.queue.store.change(these, Quarantine(_DAMAGED), self.who)
        for item_id in damaged:
            self.pass_over(item_id, f"item {item_id} is damaged: {_DAMAGED.hint}")
