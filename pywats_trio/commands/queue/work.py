"""One change of many items, page by page: no commit waits long, and no page is kept in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define, evolve, field, frozen

from pywats_trio.commands.queue.filters import PAGE, each_page, narrowed
from pywats_trio.model import Putaway
from pywats_trio.queue.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from pywats_trio.commands.command import Answer
    from pywats_trio.commands.host import OpenQueue
    from pywats_trio.model import Item, State
    from pywats_trio.queue.actions import Action

MOST_TOLD: Final = 100
"""Items of which an answer says why they were passed over."""


@frozen
class Plan:
    """What is to be done to some items."""

    action: Action
    refused: Mapping[int, str] = field(factory=dict)
    """Of those to which it cannot be done, why: a sentence by the item's id."""


@define
class Work:
    """What was changed and what was not, counted while it is done.

    Cancelled, what was changed so far stays changed.
    """

    queue: OpenQueue
    states: frozenset[State]
    """Only items in these are changed."""
    plan: Callable[[Sequence[Item]], Awaitable[Plan]]
    who: str
    dry_run: bool = False
    """Count only."""
    changed: int = 0
    missing: int = 0
    """Of those that were named, how many there are not."""
    skipped: list[Answer] = field(factory=list)
    skipped_count: int = 0

    def answer(self) -> Answer:
        """As every command that changes items answers."""
        return {
            "changed": self.changed,
            "missing": self.missing,
            "skipped": self.skipped,
            "skipped_count": self.skipped_count,
        }

    async def by_filter(self, wanted: Selection) -> None:
        """Change all that `wanted` means; what cannot be changed is not meant."""
        wanted = narrowed(wanted, self.states)

        async def change(items: Sequence[Item]) -> None:
            await self._change([item for item in items if not self._why_not(item)], wanted)

        await each_page(self.queue, wanted, change)

    async def by_number(self, ids: Sequence[int], wanted: Selection) -> None:
        """Change those of `ids` that `wanted` means, and say of each other one why it is not."""
        for begin in range(0, len(ids), PAGE):
            some = tuple(ids[begin : begin + PAGE])
            there = await self._items(Selection(ids=some))
            these = evolve(wanted, ids=some)
            meant = there if wanted == Selection() else await self._items(these)
            ready: list[Item] = []
            for item_id in some:
                if item_id not in there:
                    self.missing += 1
                    self._pass_over(item_id, f"there is no item {item_id} in the queue")
                elif item_id not in meant:
                    self._pass_over(item_id, f"item {item_id} is not what the filter means")
                elif why := self._why_not(meant[item_id]):
                    self._pass_over(item_id, why)
                else:
                    ready.append(meant[item_id])
            if left := await self._change(ready, narrowed(these, self.states)):
                self._pass_over(None, f"items that changed meanwhile: {left}; ask again")
                self.skipped_count += left - 1

    async def _items(self, wanted: Selection) -> dict[int, Item]:
        found: dict[int, Item] = {}

        async def take(items: Sequence[Item]) -> None:
            found.update((item.id, item) for item in items)

        await each_page(self.queue, wanted, take)
        return found

    async def _change(self, items: Sequence[Item], wanted: Selection) -> int:
        """Change `items` as far as they still are what was wanted; how many are not any more."""
        plan = await self.plan(items)
        for item_id, why in plan.refused.items():
            self._pass_over(item_id, why)
        ids = tuple(item.id for item in items if item.id not in plan.refused)
        changed = len(ids)
        if not self.dry_run:
            wanted = evolve(wanted, ids=ids)
            changed = await self.queue.store.change(wanted, plan.action, self.who)
        self.changed += changed
        return len(ids) - changed

    def _why_not(self, item: Item) -> str:
        if item.state not in self.states:
            return f"item {item.id} is {item.state}"
        if item.putaway is Putaway.PENDING:
            return f"the file of item {item.id} is just being put away; ask again in a moment"
        return ""

    def _pass_over(self, item_id: int | None, why: str) -> None:
        self.skipped_count += 1
        if len(self.skipped) < MOST_TOLD:
            self.skipped.append({"id": item_id, "why": why})
