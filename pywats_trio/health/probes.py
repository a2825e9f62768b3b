"""Liveness, readiness, start-up, and all that is known, from the board's memory alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quart import Blueprint, Response

from pywats_trio.control import BEFORE_WORK, ServiceState
from pywats_trio.health.answers import answer
from pywats_trio.observe.checks import checks, ready
from pywats_trio.observe.status import iso, status

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.config.options import HealthOptions
    from pywats_trio.observe.board import Board


def probes(board: Board, options: Callable[[], HealthOptions]) -> Blueprint:
    """`/health` and `/ready` with the names that orchestrators ask for."""
    routes = Blueprint("probes", __name__)

    @routes.get("/health")
    @routes.get("/health/live")
    async def health() -> Response:
        alive = board.alive
        word = "healthy" if alive else "unhealthy"
        return answer({"status": word, **_now(board), **_uptime(board)}, 200 if alive else 503)

    @routes.get("/health/startup")
    async def startup() -> Response:
        word, code = _startup(board)
        return answer({"status": word, **_now(board), **_uptime(board)}, code)

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
        return answer({**_now(board), **status(board)})

    return routes


def _startup(board: Board) -> tuple[str, int]:
    if board.state is ServiceState.FAILED:
        return "failed", 503  # it may never have been up; nobody asks one that was
    return ("starting", 503) if board.state in BEFORE_WORK else ("started", 200)


def _now(board: Board) -> dict[str, Any]:
    return {"timestamp": iso(board.clock())}


def _uptime(board: Board) -> dict[str, Any]:
    return {"uptime_seconds": round(board.uptime, 3)}
