"""`/api/v1/…`: status, queue and converters, as `status` and local control tell them."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, Final

import trio
from quart import Blueprint, Response, request

from pywats_trio.commands import shapes
from pywats_trio.errors import InvalidInputError, TookTooLong
from pywats_trio.health.answers import answer, answer_text, problem
from pywats_trio.health.numbers import whole
from pywats_trio.observe.status import status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.commands.host import Finished
    from pywats_trio.health.reading import Reading
    from pywats_trio.model import Item
    from pywats_trio.observe.board import Board

PAGE: Final = 100
MOST: Final = 1000
"""Items of a page: unless told, and at most."""
READ_SECONDS: Final = 10.0
"""What a look into the queue may take: a disk that hangs must not use up the connections."""
_PAGING: Final = frozenset({"limit", "after"})


def api(board: Board, reading: Reading) -> Blueprint:
    """What programs read. Listings are `{"items": [...], "next": KEY or null}`."""
    routes = Blueprint("api", __name__, url_prefix="/api/v1")

    @routes.get("/status")
    async def all_of_it() -> Response:
        return answer(status(board))

    @routes.get("/queue")
    async def queue() -> Response:
        limit, after = _paging()
        with _within(READ_SECONDS):
            items = await reading.items(after=after, limit=limit + 1)
        return answer_text(await trio.to_thread.run_sync(_page, items, limit))

    @routes.get("/queue/<item_id>")
    async def one(item_id: str) -> Response:
        number = whole("the id of an item", item_id, low=1)
        with _within(READ_SECONDS):
            found = await reading.item(number)
        return answer_text(await trio.to_thread.run_sync(_whole, found))

    @routes.get("/converters")
    async def converters() -> Response:
        return answer({"items": board.converters(), "next": None})

    @routes.get("/errors")
    async def errors() -> Response:
        return problem(
            501, "groups of errors are not built yet; see the log for errors", "not_built"
        )

    return routes


def _paging() -> tuple[int, int]:
    """`limit` and `after` of the request; a parameter that is not known is not passed over."""
    asked = request.args
    if unknown := asked.keys() - _PAGING:
        raise InvalidInputError(
            f"there is no parameter {min(unknown)!r} here: there are limit and after"
        )
    limit = whole("limit", asked.get("limit", str(PAGE)), low=1, high=MOST)
    return limit, whole("after", asked.get("after", "0"))


# Written out in threads: a thousand items, or a file of as many reports, take tens of milliseconds.


def _whole(found: Finished) -> str:
    return json.dumps(shapes.finished(found))


def _page(items: list[Item], limit: int) -> str:
    """The first `limit` of `items` as JSON; `next` is the `after` for those behind them."""
    shown: list[dict[str, Any]] = [shapes.item(item) for item in items[:limit]]
    return json.dumps({"items": shown, "next": shown[-1]["id"] if len(items) > limit else None})


@contextlib.contextmanager
def _within(seconds: float) -> Iterator[None]:
    with trio.move_on_after(seconds) as scope:
        yield
    if scope.cancelled_caught:
        raise TookTooLong(f"the queue did not answer within {seconds:g} s: see to data_dir's disk")
