"""`/api/v1/…`: status, queue and converters, as `status` and local control tell them."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Final

import trio
from quart import Blueprint, Response, request

from pywats_trio.commands.converters import get_converters
from pywats_trio.commands.queue import look
from pywats_trio.errors import TookTooLong
from pywats_trio.health.answers import answer, answer_text, problem
from pywats_trio.health.asked import listing
from pywats_trio.health.numbers import whole
from pywats_trio.observe.status import status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.commands.command import Answer
    from pywats_trio.health.reading import Reading
    from pywats_trio.observe.board import Board

READ_SECONDS: Final = 10.0
"""What a look into the queue may take: a disk that hangs must not use up the connections."""


def api(board: Board, reading: Reading) -> Blueprint:
    """What programs read. Listings are `{"items": [...], "next": KEY or null}`."""
    routes = Blueprint("api", __name__, url_prefix="/api/v1")

    @routes.get("/status")
    async def all_of_it() -> Response:
        return answer(status(board))

    @routes.get("/queue")
    async def queue() -> Response:
        asked = listing(request.args)
        with _within(READ_SECONDS):
            return await _written(await look.get_queue(reading, asked))

    @routes.get("/queue/<item_id>")
    async def one(item_id: str) -> Response:
        number = whole("the id of an item", item_id, low=1)
        with _within(READ_SECONDS):
            return await _written(await look.get_item(reading, number))

    @routes.get("/converters")
    async def converters() -> Response:
        with _within(READ_SECONDS):
            return await _written(await get_converters(board, reading))

    @routes.get("/errors")
    async def errors() -> Response:
        return problem(
            501, "groups of errors are not built yet; see the log for errors", "not_built"
        )

    return routes


async def _written(told: Answer) -> Response:
    """In a thread: what is told of hundreds of items takes milliseconds to write."""
    return answer_text(await trio.to_thread.run_sync(json.dumps, told))


@contextlib.contextmanager
def _within(seconds: float) -> Iterator[None]:
    with trio.move_on_after(seconds) as scope:
        yield
    if scope.cancelled_caught:
        raise TookTooLong(f"the queue did not answer within {seconds:g} s: see to data_dir's disk")
