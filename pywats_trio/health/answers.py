"""What every answer over HTTP has in common: JSON, one sentence for an error, nothing kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import structlog
from quart import Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from pywats_trio.errors import (
    InvalidInputError,
    NotFoundError,
    NotReady,
    PywatsTrioError,
    StoreError,
    TookTooLong,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quart_trio import QuartTrio

    from pywats_trio.observe.metrics import Metrics

log = structlog.get_logger("pywats_trio.health")

RETRY_SECONDS: Final = 1
"""What a client is told to wait where the queue cannot be read at the moment."""
UNAVAILABLE: Final = 503
READS: Final = "GET, HEAD"
UNKNOWN: Final = "unknown"
"""The route of whatever no route is for: the label stays bounded."""

_STATUS: Final[Mapping[type[PywatsTrioError], int]] = {
    InvalidInputError: 400,
    NotFoundError: 404,
    NotReady: UNAVAILABLE,
    StoreError: UNAVAILABLE,
    TookTooLong: UNAVAILABLE,
}
_SECURE: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""What an answer has unless it says otherwise: nobody keeps it, and no browser runs any of it."""
_NOWHERE: Final = "there is nothing at this address; see /health, /ready, /metrics, /api/v1/status"
_READ_ONLY: Final = "this side only reads: ask with GET or HEAD"


def answer(told: Mapping[str, Any], code: int = 200) -> Response:
    """A JSON answer."""
    return answer_text(json.dumps(told), code)


def answer_text(told: str, code: int = 200) -> Response:
    """The same from JSON text."""
    return Response(told, status=code, content_type="application/json")


def problem(code: int, error: str, error_code: str) -> Response:
    """An error: one sentence, and a constant word as local control has it."""
    response = answer({"error": error, "error_code": error_code}, code)
    if code == UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def finish_answers(app: QuartTrio, metrics: Metrics) -> None:
    """Every answer of `app`, errors included, gets its headers and is counted."""

    @app.after_request
    async def finish(response: Response) -> Response:
        for name, value in _SECURE.items():
            response.headers.setdefault(name, value)
        route = request.url_rule.rule if request.url_rule else UNKNOWN
        metrics.http_requests.labels(route, str(response.status_code)).inc()
        return response


def answer_errors(app: QuartTrio, metrics: Metrics) -> None:
    """Whatever goes wrong in a route of `app` is answered in JSON; our own defects are logged."""

    @app.errorhandler(PywatsTrioError)
    async def refused(error: PywatsTrioError) -> Response:
        codes = (code for kind, code in _STATUS.items() if isinstance(error, kind))
        return problem(next(codes, 500), str(error), error.code)

    @app.errorhandler(HTTPException)
    async def wrong(error: HTTPException) -> Response:
        if isinstance(error, NotFound):
            return problem(404, _NOWHERE, "not_found")
        if isinstance(error, MethodNotAllowed):
            response = problem(405, _READ_ONLY, "read_only")
            response.headers["Allow"] = READS
            return response
        return problem(error.code or 500, f"the request cannot be answered: {error.name}", "http")

    @app.errorhandler(Exception)
    async def broken(error: Exception) -> Response:  # the edge: no request may end the part
        log.error("a request failed", path=request.path, exc_info=error)
        metrics.errors.labels("health", type(error).__name__).inc()
        return problem(500, f"the answer failed ({type(error).__name__}); see the log", "internal")
