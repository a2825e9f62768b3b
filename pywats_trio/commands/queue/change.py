"""Working the queue: items are retried, held, released, moved forward, removed."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any, Final

import trio
from attrs import frozen

from pywats_trio.commands.command import Answer, BadArguments, Command, When, arg
from pywats_trio.commands.queue.filters import LARGEST_ID, Filter, selection
from pywats_trio.commands.queue.work import MOST_TOLD, Plan, Work
from pywats_trio.control import Role
from pywats_trio.intake.scan import identity
from pywats_trio.model import FINISHED, PRIORITY_FIRST, PRIORITY_LAST, Form, Identity, Kind, State
from pywats_trio.queue.actions import Hold, Release, Remove, Reprioritize, Retry
from pywats_trio.queue.selection import Selection
from pywats_trio.text import printable
from pywats_trio.units import Parts, survey

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pywats_trio.commands.host import QueueHost
    from pywats_trio.control import Who
    from pywats_trio.model import Item
    from pywats_trio.queue.actions import Action

MOST_IDS: Final = 10_000
"""That one request may name."""


@frozen
class Change(Filter):
    """What every command takes that changes items."""

    dry_run: bool = arg("only say how many it would change", default=False)


@frozen
class Choose(Change):
    """Items by their numbers, by a filter, or by both."""

    ids: tuple[int, ...] = arg("their numbers; default: all that the filter means", default=())


@frozen
class SetPriority(Choose):
    """The arguments of `set_priority`."""

    priority: int = arg("1 is first, 10 is last", default=5, low=PRIORITY_FIRST, high=PRIORITY_LAST)


@frozen
class Clear(Change):
    """The arguments of `clear_queue`."""

    everything: bool = arg("also what waits or is held: it will never be delivered", default=False)


async def _retry(host: QueueHost, args: Choose, who: Who) -> Answer:
    return await _chosen(host, args, who, Retry.states, _plan_retry)


async def _plan_retry(items: Sequence[Item]) -> Plan:
    return await trio.to_thread.run_sync(_retry_of, items, abandon_on_cancel=True)


def _retry_of(items: Sequence[Item]) -> Plan:
    """With what lies at the path of each file now: it may have been mended. In a thread."""
    identities: dict[int, Identity] = {}
    refused: dict[int, str] = {}
    for item in items:
        # What is SUSPENDED lies in its watch folder: if it was replaced, intake takes the new one.
        if item.kind is not Kind.FILE or item.state is State.SUSPENDED:
            continue
        found = _identity(item)
        if isinstance(found, str):
            refused[item.id] = found
        else:
            identities[item.id] = found
    return Plan(Retry(identities), refused)


def _identity(item: Item) -> Identity | str:
    """Of the file of a refused item, or a sentence why it cannot be converted again."""
    told = f"item {item.id}: its {'file' if item.form is Form.FILE else 'folder'}"
    where = printable(item.source)
    try:
        status = os.lstat(item.source)
        found = identity(status) if item.form is Form.FILE else _of_unit(item)
    except OSError as error:
        return f"{told} is not at {where} ({error.strerror}); put it there, or drop it again"
    if found is None:
        return f"{told} at {where} is not all there any more; drop it again"
    if item.form is Form.FILE and not stat.S_ISREG(status.st_mode):
        return f"{told} at {where} is not a regular file any more; drop it again"
    if not item.has_moved and found != item.identity:
        return f"{told} has gone; the other one at {where} is an item of its own"
    return found


def _of_unit(item: Item) -> Identity | None:
    found = survey(Parts.of(item.source, item.form))
    return found.identity if found is not None and found.has_folder else None


async def _hold(host: QueueHost, args: Choose, who: Who) -> Answer:
    return await _chosen(host, args, who, Hold.states, _always(Hold()))


async def _release(host: QueueHost, args: Choose, who: Who) -> Answer:
    return await _chosen(host, args, who, Release.states, _always(Release()))


async def _set_priority(host: QueueHost, args: SetPriority, who: Who) -> Answer:
    plan = _always(Reprioritize(args.priority))
    return await _chosen(host, args, who, Reprioritize.states, plan)


async def _remove(host: QueueHost, args: Choose, who: Who) -> Answer:
    return await _chosen(host, args, who, Remove.states, _always(Remove()))


async def _clear(host: QueueHost, args: Clear, who: Who) -> Answer:
    wanted = selection(args, host.board.clock())
    waiting = sorted(frozenset(wanted.states or ()) - FINISHED)
    if waiting and not args.everything:
        raise BadArguments(
            f"what is {waiting[0]} has not come to its end; say so if it is to go all the same "
            "(everything, --all)"
        )
    states = Remove.states if args.everything else FINISHED
    work = Work(host.queue(), states, _always(Remove()), who.name, args.dry_run)
    await work.by_filter(wanted)
    return work.answer()


def _always(action: Action) -> Callable[[Sequence[Item]], Awaitable[Plan]]:
    """The same for any items."""

    async def plan(_items: Sequence[Item]) -> Plan:
        return Plan(action)

    return plan


async def _chosen(
    host: QueueHost,
    args: Choose,
    who: Who,
    states: frozenset[State],
    plan: Callable[[Sequence[Item]], Awaitable[Plan]],
) -> Answer:
    """Change those in `states` that `args` names or means."""
    wanted = selection(args, host.board.clock())
    ids = _checked(args.ids)
    work = Work(host.queue(), states, plan, who.name, args.dry_run)
    if ids:
        await work.by_number(ids, wanted)
    elif wanted == Selection():
        raise BadArguments("say which items: by their numbers, or by a filter")
    else:
        await work.by_filter(wanted)
    return work.answer()


def _checked(ids: tuple[int, ...]) -> list[int]:
    """Each once."""
    if len(ids) > MOST_IDS:
        raise BadArguments(f"give at most {MOST_IDS} numbers at a time, these are {len(ids)}")
    if strange := [item_id for item_id in ids if not 1 <= item_id <= LARGEST_ID]:
        raise BadArguments(f"{strange[0]} is not the number of an item; they are 1 to {LARGEST_ID}")
    return list(dict.fromkeys(ids))


_CHANGED: Final = (
    "`changed`: how many; `skipped`: of those that were named or could not be changed, `id` and "
    f"`why`, at most {MOST_TOLD} of `skipped_count`; `missing`: how many of those named there are "
    "not."
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
        "Take items out of the queue for good, with their payload and their history; a file is "
        "left where it lies, and its reports stay. What is being worked on is passed over.",
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
