"""Looking at the queue: a page of it, or one item with its whole life."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio
from attrs import frozen

from pywats_trio.commands import shapes
from pywats_trio.commands.command import Answer, Command, When, arg
from pywats_trio.commands.host import Finished
from pywats_trio.commands.queue.filters import LARGEST_ID, Filter, selection
from pywats_trio.control import Role, ServiceState
from pywats_trio.errors import NotFoundError, NotRunning
from pywats_trio.model import Kind

if TYPE_CHECKING:
    from pywats_trio.commands.host import Host, OpenQueue, QueueHost
    from pywats_trio.control import Who
    from pywats_trio.queue.store import Page

PAGE: Final = 100
MOST: Final = 500
"""Items of a page: unless told, and at most."""
LONGEST_WAIT: Final = 3600
"""Seconds that one request may wait for an item; whoever wants to wait longer asks again."""
PEEK: Final = 16 * 1024
"""Bytes of a payload that are shown."""


@frozen
class GetQueue(Filter):
    """The arguments of `get_queue`."""

    limit: int = arg("items of the page", default=PAGE, low=1, high=MOST)
    after: int | None = arg("the `next` of the page before", default=None, low=0, high=LARGEST_ID)
    oldest_first: bool = arg("the other way round", default=False)


@frozen
class GetItem:
    """The arguments of `get_item`."""

    id: int = arg("its number", low=1, high=LARGEST_ID)
    wait_seconds: float = arg(
        "how long to wait for its end; hanging up ends the wait",
        default=0.0,
        low=0,
        high=LONGEST_WAIT,
    )
    peek: bool = arg("also a look at the payload; all of it is read and checked", default=False)


async def get_queue(host: QueueHost, args: GetQueue) -> Answer:
    """A page of the queue, for every face.

    Raises:
        BadArguments: the filter names what there is not.
        NotReady: the queue is not open.
        StoreError: it cannot be read.
    """
    page = await host.queue().desk.find(
        selection(args, host.board.clock()),
        after=args.after,
        limit=args.limit,
        oldest_first=args.oldest_first,
    )
    progress = {item.id: host.progress(item.id) for item in page.items}
    return await trio.to_thread.run_sync(_page, page, progress)


def _page(page: Page, progress: dict[int, int]) -> Answer:
    """In a thread: some hundred items take milliseconds."""
    rows = [shapes.running(item, progress[item.id]) for item in page.items]
    items = shapes.fitted(rows, shapes.MOST)
    following = page.next if len(items) == len(rows) else items[-1]["id"]
    return {"items": items, "next": following}


async def get_item(host: QueueHost, item_id: int, *, peek: bool = False) -> Answer:
    """An item with its reports and its history, for every face.

    Raises:
        NotFoundError: there is none of this number.
        NotReady: the queue is not open.
        StoreError: it cannot be read.
    """
    from pywats_trio.commands.queue.waits import Now  # noqa: PLC0415 - asked for rarely

    queue = host.queue()
    found = await _found(queue, item_id)
    payload = await queue.desk.peek(item_id, PEEK) if peek else None
    history = await queue.desk.history_of(item_id, newest=shapes.MOST_EVENTS + 1)
    progress = host.progress(item_id)
    waits = Now.of(host, queue, ()).held_back(found.item)
    whole = await trio.to_thread.run_sync(shapes.whole, found, progress, history, payload)
    return {**whole, "waits_for": waits.told() if waits else None}


async def _found(queue: OpenQueue, item_id: int) -> Finished:
    item = await queue.desk.item(item_id)
    if item is None:
        raise NotFoundError(f"there is no item {item_id} in the queue")
    reports = await queue.desk.children(item_id) if item.kind is Kind.FILE else []
    return Finished(item, tuple(reports))


async def _get_queue(host: QueueHost, args: GetQueue, _who: Who) -> Answer:
    return await get_queue(host, args)


async def _get_item(host: Host, args: GetItem, _who: Who) -> Answer:
    if args.wait_seconds:
        if host.board.state is ServiceState.STOPPED:
            raise NotRunning("nothing comes to an end while the service is stopped; do not wait")
        with trio.move_on_after(args.wait_seconds):
            await host.wait(args.id)
    return await get_item(host, args.id, peek=args.peek)


COMMANDS: Final = (
    Command(
        "get_queue",
        Role.VIEWER,
        When.WITH_STORE,
        changes=False,
        doc="A page of the queue, the newest items first.",
        result="`items`, with the fields of contract section 6; `next`, the `after` of the next "
        "page, null at the end. A search through many items may end early: then a page has fewer "
        "than `limit`, or none, and a `next` all the same.",
        args=GetQueue,
        run=_get_queue,
        offline=True,
    ),
    Command(
        "get_item",
        Role.VIEWER,
        When.WITH_STORE,
        changes=False,
        doc="An item with its whole life, at its end if it comes within `wait_seconds`.",
        result="The fields of the item, with `error_class`, `error_hint`, `evidence`, `receipt`, "
        "`worker`, `original` (where a file was dropped) and `dropped_at`; `reports`, those that "
        f"came of it, at most {shapes.MOST_REPORTS} of `report_count`; `delivered`, whether all "
        "arrived; `why`, what went wrong first; `history`, the oldest first, and `history_cut`, "
        "whether older rows are missing; `payload`, with `peek`: `size`, `intact`, `text` (the "
        f"first {PEEK // 1024} KiB) and `cut`; `waits_for`, as `why` has it, of a file whose "
        "converter keeps all its files waiting, else null. Texts are shortened where they would "
        "be too much for one answer.",
        args=GetItem,
        run=_get_item,
        offline=True,
        bounded=False,
    ),
)
