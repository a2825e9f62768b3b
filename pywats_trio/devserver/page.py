"""The page for people, and the controls and listings for tests: `/` and `/api/dev/…`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict
from quart import Blueprint, Response, jsonify, render_template, request

from pywats_trio.devserver.answers import problem
from pywats_trio.devserver.faults import Faults, fault_from
from pywats_trio.devserver.odata import limit
from pywats_trio.devserver.submitted import RESULTS, RefusedReport, canonical_id
from pywats_trio.errors import InvalidInputError, UsageError

if TYPE_CHECKING:
    from pywats_trio.devserver.clients import Clients
    from pywats_trio.devserver.db import Record, Reports
    from pywats_trio.devserver.journal import Journal

ON_A_PAGE: Final = 200
MOST: Final = 10_000

# What a stored report says is shown as text and can run nothing in the browser.
HARMLESS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}


def page_routes(reports: Reports, faults: Faults) -> Blueprint:
    """`GET /`: what was received, newest start first."""
    routes = Blueprint("page", __name__)

    @routes.get("/")
    async def index() -> Response:
        try:
            skip = limit("skip", request.args.get("skip", ""), 0, 2**62)
        except InvalidInputError as error:
            return problem(400, str(error))
        found = await reports.find(top=ON_A_PAGE + 1, skip=skip)
        html = await render_template(
            "index.html",
            rows=found[:ON_A_PAGE],
            totals=await reports.totals(),
            faults=[_plain(fault) for fault in faults.active],
            results=RESULTS,
            newer=max(skip - ON_A_PAGE, 0) if skip else None,
            older=skip + ON_A_PAGE if len(found) > ON_A_PAGE else None,
        )
        return Response(html, content_type="text/html; charset=utf-8", headers=HARMLESS)

    return routes


def listing_routes(reports: Reports, journal: Journal, clients: Clients) -> Blueprint:
    """What was received, as JSON and as the very bytes. No token is asked for."""
    routes = Blueprint("listings", __name__, url_prefix="/api/dev")

    @routes.get("/reports")
    async def listing() -> Response:
        ask = request.args.get
        try:
            top = max(1, limit("limit", ask("limit", ""), MOST, MOST))
            after = limit("after", ask("after", ""), 0, 2**62)
        except InvalidInputError as error:
            return problem(400, str(error))
        found = await reports.arrivals(after=after, limit=top + 1)
        items = [_listed(record) for record in found[:top]]
        return jsonify(
            {
                "items": items,
                "next": items[-1]["number"] if len(found) > top else None,
                "totals": asdict(await reports.totals()),
            }
        )

    @routes.get("/reports/<report_id>/raw")
    async def raw(report_id: str) -> Response:
        try:
            body = await reports.body(canonical_id(report_id))
        except RefusedReport:
            body = None
        if body is None:
            return problem(404, "There is no such report.")
        return Response(body, content_type="text/plain; charset=utf-8", headers=HARMLESS)

    @routes.get("/requests")
    async def requests() -> Response:
        entries = [
            asdict(entry) | {"time": _iso(entry.time)} for entry in reversed(journal.entries)
        ]
        return jsonify({"items": entries, "next": None, "submits": journal.submits})

    @routes.get("/clients")
    async def registered() -> Response:
        items = [
            asdict(client) | {"registered": _iso(client.registered)}
            for client in clients.by_id.values()
        ]
        return jsonify({"items": items, "next": None})

    return routes


def fault_routes(faults: Faults) -> Blueprint:
    """`/api/dev/faults`: see them, replace them by one or a list, clear them."""
    routes = Blueprint("faults", __name__, url_prefix="/api/dev/faults")

    @routes.get("")
    async def show() -> Response:
        return jsonify({"items": [_plain(fault) for fault in faults.active], "next": None})

    @routes.post("")
    async def replace() -> Response:
        said = await request.get_json(silent=True)
        try:
            faults.set(*[fault_from(one) for one in (said if isinstance(said, list) else [said])])
        except UsageError as error:
            return problem(400, str(error))
        return await show()

    @routes.delete("")
    async def clear() -> Response:
        faults.clear()
        return await show()

    return routes


def _plain(fault: Any) -> dict[str, Any]:  # noqa: ANN401 - any attrs object
    return asdict(fault, filter=lambda attribute, value: value != attribute.default)


def _listed(record: Record) -> dict[str, Any]:
    return asdict(record) | {
        "first_received": _iso(record.first_received),
        "last_received": _iso(record.last_received),
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
