"""Working the queue: items are retried, held, released, moved forward, removed."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any, Final

import trio
from attrs import define, evolve, field, fields, frozen

from pywats_trio.commands.command import Answer, BadArguments, Command, When, arg
from pywats_trio.commands.queue.filters import Filter, every, narrowed, selection
from pywats_trio.control import Role
from pywats_trio.model import (
    FINISHED,
    PRIORITY_FIRST,
    PRIORITY_LAST,
    Identity,
    Kind,
    Putaway,
    State,
)
from pywats_trio.queue.store import Hold, Release, Remove, Reprioritize, Retry
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from pywats_trio.commands.host import OpenQueue, QueueHost
    from pywats_trio.control import Who
    from pywats_trio.model import Item
    from pywats_trio.queue.selection import Selection
    from pywats_trio.queue.store import Action

MOST_IDS: Final = 10_000
"""That one request may name."""
MOST_TOLD: Final = 100
"""Items of which an answer says why they were passed over."""


@frozen
class Choose(Filter):
    """Items by their numbers, by a filter, or by both."""

    ids: tuple[int, ...] = arg("their numbers; default: all that the filter means", default=())


@frozen
class SetPriority(Choose):
    """The arguments of `set_priority`."""

    priority: int = arg("1 is first, 10 is last", default=5, low=PRIORITY_FIRST, high=PRIORITY_LAST)


@frozen
class Clear(Filter):
    """The arguments of `clear_queue`."""

    everything: bool = arg("also what waits or is held: it will never be delivered", default=False)


async def _retry(host: QueueHost, args: Choose, who: Who) -> Answer:
    chosen = await _chosen(host, args, Retry.states)
    found = await trio.to_thread.run_sync(_identities, chosen.items)
    for item in list(chosen.items):
        if isinstance(why := found.get(item.id), str):
            chosen.pass_over(item, why)
    identities = {key: value for key, value in found.items() if isinstance(value, Identity)}
    return await chosen.apply(Retry(identities), who)


def _identities(items: Iterable[Item]) -> dict[int, Identity | str]:
    """What lies at the path of each file, or a sentence if it is no file. In a thread."""
    found: dict[int, Identity | str] = {}
    for item in items:
        if item.kind is Kind.FILE:
            found[item.id] = _identity(item.source)
    return found


def _identity(path: str) -> Identity | str:
    told = printable(path)
    try:
        status = os.lstat(path)
    except OSError as error:
        return f"its file is not at {told} ({error.strerror}); put it there, or drop it again"
    if not stat.S_ISREG(status.st_mode):
        return f"{told} is not a regular file any more"
    return Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


async def _hold(host: QueueHost, args: Choose, who: Who) -> Answer:
    return await (await _chosen(host, args, Hold.states)).apply(Hold(), who)


async def _release(host: QueueHost, args: Choose, who: Who) -> Answer:
    return await (await _chosen(host, args, Release.states)).apply(Release(), who)


async def _set_priority(host: QueueHost, args: SetPriority, who: Who) -> Answer:
    chosen = await _chosen(host, args, Reprioritize.states)
    return await chosen.apply(Reprioritize(args.priority), who)


async def _remove(host: QueueHost, args: Choose, who: Who) -> Answer:
    return await (await _chosen(host, args, Remove.states)).apply(Remove(), who)


async def _clear(host: QueueHost, args: Clear, who: Who) -> Answer:
    queue = host.queue()
    states = Remove.states if args.everything else FINISHED
    wanted = narrowed(selection(args, host.board.clock()), states)
    return await _Chosen(queue, wanted, await every(queue, wanted)).apply(Remove(), who)


@define
class _Chosen:
    """Items that are to be changed, and those that were named and are not."""

    queue: OpenQueue
    wanted: Selection
    items: list[Item] = field(factory=list)
    skipped: list[Answer] = field(factory=list)

    def pass_over(self, item: Item, why: str) -> None:
        """Not this one after all."""
        self.items.remove(item)
        self.skipped.append({"id": item.id, "why": why})

    async def apply(self, action: Action, who: Who) -> Answer:
        """Change them, as far as they still are what was wanted."""
        wanted = evolve(self.wanted, ids=tuple(item.id for item in self.items))
        changed = await self.queue.store.change(wanted, action, who.name)
        told = self.skipped[:MOST_TOLD]
        return {"changed": changed, "skipped": told, "skipped_count": len(self.skipped)}


async def _chosen(host: QueueHost, args: Choose, states: frozenset[State]) -> _Chosen:
    """The items in `states` that are meant; of those named that are not, why they are not."""
    queue, wanted = host.queue(), selection(args, host.board.clock())
    if not args.ids:
        if not _says_something(args):
            raise BadArguments("say which items: by their numbers, or by a filter")
        wanted = narrowed(wanted, states)
        return _Chosen(queue, wanted, await every(queue, wanted))
    if len(args.ids) > MOST_IDS:
        raise BadArguments(f"at most {MOST_IDS} numbers at a time, these are {len(args.ids)}")
    chosen = _Chosen(queue, wanted)
    for item_id in dict.fromkeys(args.ids):
        item = await queue.desk.item(item_id)
        if item is None:
            chosen.skipped.append({"id": item_id, "why": f"there is no item {item_id}"})
            continue
        chosen.items.append(item)
        if why := _why_not(item, states):
            chosen.pass_over(item, why)
    return chosen


def _why_not(item: Item, states: frozenset[State]) -> str:
    if item.state not in states:
        return f"item {item.id} is {item.state}"
    if item.putaway is Putaway.PENDING:
        return f"the file of item {item.id} is just being put away; ask again in a moment"
    return ""


def _says_something(args: Filter) -> bool:
    return any(getattr(args, one.name) not in ("", None, ()) for one in fields(Filter))


_CHANGED: Final = (
    "`changed`: how many; `skipped`: of those that were named by number and not changed, `id` and "
    f"`why`, at most {MOST_TOLD} of `skipped_count`."
)


def _command(
    name: str, doc: str, args: type, run: Callable[[QueueHost, Any, Who], Awaitable[Answer]]
) -> Command:
    return Command(
        name,
        Role.OPERATOR,
        When.WITH_STORE,
        changes=True,
        doc=doc,
        result=_CHANGED,
        args=args,
        run=run,
        offline=True,
        bounded=False,
    )


COMMANDS: Final = (
    _command(
        "retry_items",
        "Bring back what is FAILED or QUARANTINED, and try at once what is SUSPENDED; attempts "
        "begin anew, and a file is read from where it lies now.",
        Choose,
        _retry,
    ),
    _command(
        "hold_items", "Keep back what is PENDING or SUSPENDED, until it is released.", Choose, _hold
    ),
    _command("release_items", "What is HELD becomes PENDING.", Choose, _release),
    _command(
        "set_priority",
        "Another priority for what waits or is held, from the next claim on.",
        SetPriority,
        _set_priority,
    ),
    _command(
        "remove_items",
        "Take items out of the queue for good, with their reports and their history; files are "
        "left where they lie. What is being worked on is passed over.",
        Choose,
        _remove,
    ),
    _command(
        "clear_queue",
        "Remove all that is COMPLETED, FAILED or QUARANTINED and matches the filter.",
        Clear,
        _clear,
    ),
)
