"""The WATS-compatible application: who may ask, what is asked of it, how errors look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from quart import Blueprint, Response, jsonify, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from pywats_trio.devserver.answers import problem, spoiled
from pywats_trio.devserver.clients import Clients, client_routes
from pywats_trio.devserver.page import fault_routes, listing_routes, page_routes
from pywats_trio.devserver.reports import Submits, report_routes
from pywats_trio.devserver.token import Tokens

if TYPE_CHECKING:
    from pywats_trio.devserver.db import Reports
    from pywats_trio.devserver.faults import Faults
    from pywats_trio.devserver.journal import Journal

WATS_VERSION: Final = "2025.3.0.0"
"""The server version whose interface this one follows, in the form that WATS answers."""

LARGEST_BODY: Final = 30_000_000
"""Bytes; what IIS, on which WATS runs, takes by default."""

SUBMITS: Final = ("/api/Report/WSJF", "/api/Report/WSXF")

# Codes that are common in reports; on a real server an administrator defines them.
PROCESSES: Final[list[dict[str, Any]]] = [
    {"code": 10, "name": "SW Debug", "isTestOperation": True},
    {"code": 50, "name": "PCBA test", "isTestOperation": True},
    {"code": 90, "name": "Burn In test", "isTestOperation": True},
    {"code": 500, "name": "Repair", "isRepairOperation": True},
]
FLAGS: Final = ("isTestOperation", "isRepairOperation", "isWipOperation")


def make_app(reports: Reports, faults: Faults, journal: Journal, token: str = "") -> QuartTrio:
    """The app over these stores. A non-empty `token` is the only one that is let in."""
    app = QuartTrio("pywats_trio.devserver")
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.json.sort_keys = False  # type: ignore[attr-defined] # quart's own provider has it
    tokens, clients = Tokens(token), Clients()
    app.register_blueprint(report_routes(Submits(reports, faults, journal, tokens), reports))
    app.register_blueprint(client_routes(clients))
    app.register_blueprint(_app_routes())
    app.register_blueprint(page_routes(reports, faults))
    app.register_blueprint(listing_routes(reports, journal, clients))
    app.register_blueprint(fault_routes(faults))
    _guard(app, tokens, faults)
    return app


def _guard(app: QuartTrio, tokens: Tokens, faults: Faults) -> None:
    """Token and faults for all requests but submits, which look after themselves."""

    @app.before_request
    async def let_in() -> Response | None:
        path = request.path
        if not path.startswith("/api/") or path.startswith("/api/dev/") or path in SUBMITS:
            return None
        header = request.headers.get("Authorization")
        public = path == "/api/App/Version" and header is None
        denied = "" if public else tokens.denial(header)
        if denied:
            return problem(401, denied)
        effect = faults.draw(submit=False)
        await faults.hold(effect)
        return spoiled(effect)

    @app.errorhandler(HTTPException)
    async def refused(error: HTTPException) -> Response:
        return problem(error.code or 500, error.description or error.name)


def _app_routes() -> Blueprint:
    routes = Blueprint("app", __name__, url_prefix="/api/App")

    @routes.get("/Version")
    async def version() -> Response:
        return jsonify(WATS_VERSION)

    @routes.get("/Processes")
    async def processes() -> Response:
        wanted = [flag for flag in FLAGS if _asked_for(flag)]
        kinds = [process for process in PROCESSES if any(process.get(flag) for flag in wanted)]
        return jsonify([_process(index, process) for index, process in enumerate(kinds)])

    return routes


def _asked_for(flag: str) -> bool:
    """`includeTestOperations` and its like; all kinds are given where none is named."""
    names = {flag: f"include{flag.removeprefix('is')}s" for flag in FLAGS}
    if not any(name in request.args for name in names.values()):
        return True
    return request.args.get(names[flag], "").lower() == "true"


def _process(index: int, process: dict[str, Any]) -> dict[str, Any]:
    flags = {flag: bool(process.get(flag)) for flag in FLAGS}
    name = {"code": process["code"], "name": process["name"], "description": process["name"]}
    return name | flags | {"processIndex": index, "state": 1}
