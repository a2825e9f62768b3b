"""`/metrics`: Prometheus text, or OpenMetrics where that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio
from prometheus_client.exposition import choose_encoder
from quart import Blueprint, Response, request

if TYPE_CHECKING:
    from pywats_trio.observe.board import Board
    from pywats_trio.observe.gauges import Gauges

RENDERED_AT_ONCE: Final = 2
"""Scrapes that are written out at the same time; others wait for a moment."""


def metrics(board: Board, gauges: Gauges) -> Blueprint:
    """The metrics of contract section 11."""
    routes = Blueprint("metrics", __name__)
    # Threads of its own: those that wait for a disk that hangs must not hold up a scrape.
    threads = trio.CapacityLimiter(RENDERED_AT_ONCE)

    @routes.get("/metrics")
    async def scrape() -> Response:
        render, kind = choose_encoder(request.headers.get("Accept", ""))
        gauges.look()
        # In a thread: a hundred converters are thousands of lines, too long for the event loop.
        text = await trio.to_thread.run_sync(render, board.metrics.registry, limiter=threads)
        return Response(text, content_type=kind)

    return routes
