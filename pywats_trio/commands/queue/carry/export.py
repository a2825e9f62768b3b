"""Exporting: reports leave the queue as files, to be delivered from somewhere else.

The order, and why nothing is lost or sent from both sides, wherever it is cut off:

1. all reports and a plan are written and synced in the staging folder; nothing has changed yet;
2. the reports are HELD, so that from now on they are not delivered here;
3. those that are held (one may have been delivered meanwhile) are listed in the manifest;
4. the export gets its name. Only now is there anything that can be imported.

Cut off before 2, nothing happened; after it, the reports are safe in the queue, HELD, and the same
command goes on (see `staging.py`).
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, frozen

from pywats_trio import faultpoint
from pywats_trio.commands.command import Answer, BadArguments, Command, When, arg
from pywats_trio.commands.paths import absolute
from pywats_trio.commands.queue.carry.collect import MOST_TOLD, Collection
from pywats_trio.commands.queue.carry.manifest import Manifest
from pywats_trio.commands.queue.carry.staging import Staging, begin
from pywats_trio.commands.queue.carry.threads import in_thread
from pywats_trio.commands.queue.filters import PAGE, Filter, each_page, selection
from pywats_trio.control import Role
from pywats_trio.errors import NotFoundError
from pywats_trio.model import State
from pywats_trio.observe.status import iso
from pywats_trio.queue.actions import Export
from pywats_trio.queue.selection import Selection
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pywats_trio.commands.host import OpenQueue, QueueHost
    from pywats_trio.control import Who
    from pywats_trio.model import Item

MOST_IDS: Final = 10_000
"""That one request may name."""
CLEAN_UP: Final = 1.0
"""Seconds for the removal of what was written for nothing."""


@frozen(kw_only=True)
class ExportItems(Filter):
    """The arguments of `export_items`."""

    path: str = arg(
        "a folder that is yet to be made, or a `.zip`; absolute, as the service sees it"
    )
    ids: tuple[int, ...] = arg(
        "their numbers; default: all that is PENDING, SUSPENDED or FAILED and the filter means",
        default=(),
    )
    keep: bool = arg("whether they stay as they are, and are delivered here, too", default=False)


async def _export(host: QueueHost, args: ExportItems, who: Who) -> Answer:
    if len(args.ids) > MOST_IDS:
        raise BadArguments(f"at most {MOST_IDS} numbers at a time, these are {len(args.ids)}")
    wanted = selection(args, host.board.clock())
    queue = host.queue()
    staging = await in_thread(begin, absolute(args.path))
    try:
        found = Collection(queue, staging, str(uuid.uuid4()), who.name)
        work = _Work(host, queue, staging, found, kept=args.keep)
        return await work.run(wanted, tuple(dict.fromkeys(args.ids)))
    finally:
        staging.close()


@define
class _Work:
    """One export."""

    host: QueueHost
    queue: OpenQueue
    staging: Staging
    found: Collection
    kept: bool

    async def run(self, wanted: Selection, ids: Sequence[int]) -> Answer:
        manifest = await in_thread(self.staging.manifest)
        plan = None if manifest else await in_thread(self.staging.plan)
        resumed = bool(manifest or plan)
        if manifest is None:
            plan = plan or await self._planned(wanted, ids)
            manifest = await self._listed(plan)
        await in_thread(self.staging.finish, manifest)
        answer = self._answer(manifest, resumed=resumed)
        told = {key: answer[key] for key in ("export", "path", "exported")}
        await self.queue.store.note("exported", {**told, "who": self.found.who})
        return answer

    async def _planned(self, wanted: Selection, ids: Sequence[int]) -> Manifest:
        """Should this fail, nothing was held, and nothing is left of it."""
        try:
            if ids:
                await self.found.by_number(ids, wanted)
            else:
                await self.found.by_filter(wanted)
            plan = self._plan()
            await in_thread(self.staging.write_plan, plan)
        except BaseException:
            with trio.move_on_after(CLEAN_UP, shield=True):
                await in_thread(self.staging.remove)
            raise
        return plan

    def _plan(self) -> Manifest:
        if not self.found.entries:
            why = f": {self.found.skipped[0]['why']}" if self.found.skipped else ""
            raise NotFoundError(f"nothing was exported, for no report of the queue is meant{why}")
        board = self.host.board
        entries = tuple(self.found.entries)
        now = iso(board.clock())
        return Manifest(self.found.export, board.instance, now, self.kept, entries)

    async def _listed(self, plan: Manifest) -> Manifest:
        """Hold what is planned; what is held."""
        faultpoint.hit("export.planned")
        ids = tuple(entry.item_id for entry in plan.items)
        action = Export(plan.export, kept=plan.kept)
        await self.queue.store.change(Selection(ids=ids), action, self.found.who)
        held = await self._held(plan)
        for entry in plan.items:
            if entry.item_id not in held:
                why = f"item {entry.item_id} was delivered, exported or changed meanwhile"
                self.found.pass_over(entry.item_id, why)
        if not held:
            await in_thread(self.staging.remove)
            raise NotFoundError(
                "nothing was exported: all of it was delivered or exported meanwhile"
            )
        return await in_thread(self.staging.write_manifest, plan, held)

    async def _held(self, plan: Manifest) -> set[int]:
        """The items that nobody delivers here any more; with `keep`, those that wait to be."""
        states = tuple(sorted(Export.states)) if plan.kept else (State.HELD,)
        names = {entry.item_id: entry.origin for entry in plan.items}
        held: set[int] = set()

        async def take(items: Sequence[Item]) -> None:
            marked = await self.queue.desk.exported([item.id for item in items])
            held.update(item_id for item_id, name in marked.items() if name == names[item_id])

        for first in range(0, len(plan.items), PAGE):
            ids = tuple(entry.item_id for entry in plan.items[first : first + PAGE])
            await each_page(self.queue, Selection(ids=ids, states=states), take)
        return held

    def _answer(self, manifest: Manifest, *, resumed: bool) -> Answer:
        found = self.found
        return {
            "export": manifest.export,
            "path": printable(str(self.staging.path)),
            "exported": len(manifest.items),
            "bytes": sum(entry.size for entry in manifest.items),
            "kept": manifest.kept,
            "resumed": resumed,
            "missing": found.missing,
            "skipped": found.skipped,
            "skipped_count": found.skipped_count,
            "damaged": found.damaged[:MOST_TOLD],
            "damaged_count": len(found.damaged),
        }


COMMANDS: Final = (
    Command(
        "export_items",
        Role.OPERATOR,
        When.WITH_STORE,
        changes=True,
        doc="Write reports to a folder or a zip with a manifest, to be imported into another queue "
        "and delivered from there; here they are HELD from then on. What was cut off goes on when "
        "the same path is named again.",
        result="`export`: its id; `path`; `exported`: how many; `bytes` of all reports; `kept`: "
        "whether they are delivered here, too; `resumed`: whether an export that was cut off was "
        "finished; `missing`: of those named by number, how many there are not; `skipped`: those "
        f"that are meant and are not in it, `id` and `why`, at most {MOST_TOLD} of "
        "`skipped_count`; `damaged`: of those, the ones that were found damaged and set aside, by "
        "number, likewise of `damaged_count`.",
        args=ExportItems,
        run=_export,
        offline=True,
        bounded=False,
    ),
)
