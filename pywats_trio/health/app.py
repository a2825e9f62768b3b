"""What is told over HTTP, read only (contract section 10). Probes answer from memory alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import trio
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from quart import Blueprint, Response, request
from quart_trio import QuartTrio

from pywats_trio.control import BEFORE_WORK
from pywats_trio.observe.checks import checks, ready
from pywats_trio.observe.status import iso, status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pywats_trio.config.options import HealthOptions
    from pywats_trio.health.reading import Reading
    from pywats_trio.observe.board import Board
    from pywats_trio.observe.gauges import Gauges

JSON: Final = "application/json"


def make_app(
    board: Board, gauges: Gauges, options: Callable[[], HealthOptions], reading: Reading
) -> QuartTrio:
    """The app over a board; `options` gives those in effect at the moment."""
    del reading
    app = QuartTrio("pywats_trio.health")
    app.register_blueprint(probes(board, options))
    app.register_blueprint(metrics(board, gauges))

    @app.after_request
    async def count(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "unknown"
        board.metrics.http_requests.labels(route, str(response.status_code)).inc()
        return response

    return app


def probes(board: Board, options: Callable[[], HealthOptions]) -> Blueprint:
    """Liveness, readiness, start-up, and all that is known."""
    routes = Blueprint("probes", __name__)

    @routes.get("/health")
    @routes.get("/health/live")
    async def health() -> Response:
        alive = board.alive
        word = "healthy" if alive else "unhealthy"
        return answer({"status": word, **_now(board), **_uptime(board)}, 200 if alive else 503)

    @routes.get("/health/startup")
    async def startup() -> Response:
        up = board.state not in BEFORE_WORK
        word = "started" if up else "starting"
        return answer({"status": word, **_now(board), **_uptime(board)}, 200 if up else 503)

    @routes.get("/ready")
    @routes.get("/health/ready")
    async def readiness() -> Response:
        why = ready(board, options().required_checks)
        told: dict[str, Any] = {
            "status": "not_ready" if why else "ready",
            **_now(board),
            "checks": {name: not reason for name, reason in checks(board).items()},
        }
        if why:
            told["reasons"] = why
        return answer(told, 503 if why else 200)

    @routes.get("/health/details")
    async def details() -> Response:
        return answer({"timestamp": iso(board.clock()), **status(board)})

    return routes


def _now(board: Board) -> dict[str, Any]:
    return {"timestamp": iso(board.clock())}


def _uptime(board: Board) -> dict[str, Any]:
    return {"uptime_seconds": round(board.uptime, 3)}


def metrics(board: Board, gauges: Gauges) -> Blueprint:
    """Prometheus text, or OpenMetrics where that is asked for."""
    routes = Blueprint("metrics", __name__)

    @routes.get("/metrics")
    async def scrape() -> Response:
        wants_open = "application/openmetrics-text" in request.headers.get("Accept", "")
        render = openmetrics.generate_latest if wants_open else generate_latest
        kind = openmetrics.CONTENT_TYPE_LATEST if wants_open else CONTENT_TYPE_LATEST
        gauges.look()
        # In a thread: a hundred converters are thousands of lines, too long for the event loop.
        text = await trio.to_thread.run_sync(render, board.metrics.registry)
        return Response(text, content_type=kind)

    return routes


def answer(told: Mapping[str, Any], code: int = 200) -> Response:
    """A JSON answer that nobody may keep."""
    response = Response(json.dumps(told), status=code, content_type=JSON)
    response.headers["Cache-Control"] = "no-store"
    return response
