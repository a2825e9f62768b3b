"""The client endpoints: register, ping, update, disconnect, in pyWATS's and the .NET client's form.

They keep what a client last said about itself, in memory; a submit needs none of them.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from typing import Any, Final

from attrs import define, field
from quart import Blueprint, Response, jsonify, request

from pywats_trio import __version__
from pywats_trio.devserver.answers import problem

KEPT: Final = 1000
"""Clients that are remembered; the one registered first is forgotten beyond that."""


@define
class Client:
    """One registered client."""

    id: str
    name: str
    type: str
    registered: float
    """Unix time."""
    last_update: dict[str, Any] = field(factory=dict)
    connected: bool = True


class Clients:
    """The clients by id."""

    def __init__(self) -> None:
        self.by_id: OrderedDict[str, Client] = OrderedDict()

    def register(self, client_id: str, name: str, kind: str) -> str | None:
        """A new passcode; None if the id or the name belongs to a client of another type."""
        for other in self.by_id.values():
            if other.type != kind and (other.id == client_id or (name and other.name == name)):
                return None
        self.by_id[client_id] = Client(client_id, name, kind, time.time())
        if len(self.by_id) > KEPT:
            self.by_id.popitem(last=False)
        return secrets.token_urlsafe(18)

    def named(self, name: object) -> Client | None:
        """The client with this name."""
        return next((client for client in self.by_id.values() if client.name == name), None)


def client_routes(clients: Clients) -> Blueprint:
    """`/api/Client/…`, `/api/internal/…`."""
    routes = Blueprint("clients", __name__, url_prefix="/api")
    _pywats_routes(routes, clients)
    _internal_routes(routes)
    return routes


def _pywats_routes(routes: Blueprint, clients: Clients) -> None:
    @routes.post("/Client/Register")
    async def register() -> Response:
        return _register(clients, request.args.get("id", ""), request.args.get("type", ""))

    @routes.post("/internal/Client/Register")
    async def register_dotnet() -> Response:
        return _register(clients, request.args.get("mac", ""), "dotnet")

    @routes.put("/Client/Update")
    @routes.post("/internal/Client/Update")
    async def update() -> Response:
        said = await request.get_json(force=True, silent=True)
        if not isinstance(said, dict):
            return problem(400, "The body must be a JSON object.")
        client = clients.named(said.get("name"))
        if client is not None:
            client.last_update |= said
        return _nothing(200)

    @routes.get("/internal/Auth/Disconnect")
    async def disconnect() -> Response:
        return _disconnect(clients, request.args.get("id", ""))

    @routes.get("/internal/Auth/Disconnect/<client_id>")
    async def disconnect_by_path(client_id: str) -> Response:
        return _disconnect(clients, client_id)


def _internal_routes(routes: Blueprint) -> None:
    @routes.post("/internal/Client/UpdateClientInfo")
    async def update_dotnet() -> Response:
        return _nothing(204)

    @routes.get("/internal/Client/Ping")
    async def ping() -> Response:
        return jsonify("OK")

    @routes.get("/internal/Client/Version")
    async def versions() -> Response:
        return jsonify([__version__])

    @routes.get("/internal/Client/ServerInfo")
    async def server_info() -> Response:
        return jsonify({"SiteCode": "DEV", "Name": "pywats-trio devserver", "Version": __version__})


def _nothing(status: int) -> Response:
    return Response(b"", status)  # quart 0.22 makes of no body at all one that only asyncio reads


def _register(clients: Clients, client_id: str, kind: str) -> Response:
    if not client_id or not kind:
        return problem(400, "An id and a type are required.")
    passcode = clients.register(client_id.upper(), request.args.get("name", ""), kind)
    if passcode is None:
        return problem(409, "The id or the name is used by a client of another type.")
    return jsonify(passcode)


def _disconnect(clients: Clients, client_id: str) -> Response:
    client = clients.by_id.get(client_id.upper())
    if client is not None:
        client.connected = False
    return _nothing(200)
