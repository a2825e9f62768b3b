"""Looking at the queue: a page of it, or one item with its whole life."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.commands import shapes
from pywats_trio.commands.command import Answer, Command, When, arg
from pywats_trio.commands.queue.filters import Filter, selection
from pywats_trio.commands.submit import LARGEST_ID
from pywats_trio.control import Role

if TYPE_CHECKING:
    from pywats_trio.commands.host import QueueHost
    from pywats_trio.control import Who

PAGE: Final = 100
MOST: Final = 500
"""Items of a page: unless told, and at most, so that they fit into any answer."""


@frozen
class GetQueue(Filter):
    """The arguments of `get_queue`."""

    limit: int = arg("items of the page", default=PAGE, low=1, high=MOST)
    after: int | None = arg("the `next` of the page before", default=None, low=0, high=LARGEST_ID)
    oldest_first: bool = arg("the other way round", default=False)


async def _get_queue(host: QueueHost, args: GetQueue, _who: Who) -> Answer:
    queue = host.queue()
    page = await queue.desk.find(
        selection(args, host.board.clock()),
        after=args.after,
        limit=args.limit,
        oldest_first=args.oldest_first,
    )
    items = [shapes.running(item, host.progress(item.id)) for item in page.items]
    return {"items": items, "next": page.next}


COMMANDS: Final = (
    Command(
        "get_queue",
        Role.VIEWER,
        When.WITH_STORE,
        changes=False,
        doc="A page of the queue, the newest items first.",
        result="`items`, as `get_item` shows them; `next`, the `after` of the next page, null at "
        "the end. A search through many items may end early: then a page has fewer than `limit`, "
        "or none, and a `next` all the same.",
        args=GetQueue,
        run=_get_queue,
        offline=True,
    ),
)
