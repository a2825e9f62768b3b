"""`/api/v1/events`: the history as server-sent events, resumable by their number."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import trio
from attrs import define
from quart import Blueprint, Response, request

from pywats_trio.commands import shapes
from pywats_trio.errors import NotReady, StoreError
from pywats_trio.health.numbers import whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pywats_trio.config.options import HealthOptions
    from pywats_trio.health.reading import EventStream, Reading
    from pywats_trio.model import Event

HEARTBEAT_SECONDS: Final = 15.0
"""A stream says something at least so often, so that a client that is gone is noticed."""
HEARTBEAT: Final = b": still here\n\n"
OPENING: Final = b"retry: 2000\n\n"
"""Sent at once, so that a client knows that it is heard; it reconnects after two seconds."""
KIND: Final = "text/event-stream"


@define
class _Streams:
    """How many are open: they must not take the connections that probes need."""

    open: int = 0

    def check(self, connections: int) -> None:
        most = max(1, connections // 2)
        if self.open >= most:
            raise NotReady(
                f"{self.open} event streams are open, and no more may be; "
                "close one, or raise health.max_connections"
            )


def stream(reading: Reading, options: Callable[[], HealthOptions]) -> Blueprint:
    """Events as they come; `Last-Event-ID`, or else `?since=`, goes on behind that number.

    A stream ends when the queue is closed; half of the connections may be streams.
    """
    routes = Blueprint("stream", __name__, url_prefix="/api/v1")
    streams = _Streams()

    @routes.get("/events")
    async def events() -> Response:
        source = reading.events(_since())
        if request.method == "HEAD":
            return Response(b"", content_type=KIND)
        await source.start()
        streams.check(options().max_connections)
        response = Response(_frames(source, streams), content_type=KIND)
        response.timeout = None
        response.headers["X-Accel-Buffering"] = "no"  # nginx would hold events back
        return response

    return routes


def _since() -> int | None:
    """The number behind which to go on; None: only what is new.

    The header goes first: a browser that reconnects sends it to the address it had at first.
    """
    for name, text in (
        ("Last-Event-ID", request.headers.get("Last-Event-ID")),
        ("since", request.args.get("since")),
    ):
        if text:
            return whole(name, text)
    return None


async def _frames(source: EventStream, streams: _Streams) -> AsyncIterator[bytes]:
    streams.open += 1  # here, not before: a generator that is never begun has no end either
    try:
        yield OPENING
        while (frame := await _next(source)) is not None:
            yield frame
    finally:
        streams.open -= 1


async def _next(source: EventStream) -> bytes | None:
    """The next event, or a heartbeat; None when there will be none."""
    with trio.move_on_after(HEARTBEAT_SECONDS):
        try:
            return _frame(await source.__anext__())
        except (StopAsyncIteration, StoreError):
            return None  # over, or not readable now: the client comes back and resumes
    return HEARTBEAT


def _frame(event: Event) -> bytes:
    told = json.dumps(shapes.event(event))
    return f"id: {event.seq}\nevent: {event.event}\ndata: {told}\n\n".encode()
