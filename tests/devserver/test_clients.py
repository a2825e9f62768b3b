"""The client endpoints as pyWATS and the .NET client call them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pywats_trio.devserver import clients as module

if TYPE_CHECKING:
    import httpx
    import pytest


async def register(client: httpx.AsyncClient, client_id: str, **query: str) -> httpx.Response:
    params = {"id": client_id, "type": "python", "name": "", "location": "", "purpose": ""} | query
    return await client.post("/api/Client/Register", params=params)


async def test_a_client_registers_updates_pings_and_disconnects(client: httpx.AsyncClient) -> None:
    passcode = (await register(client, "station1", name="Station 1")).json()
    assert isinstance(passcode, str)
    assert len(passcode) >= 16
    said = {"name": "Station 1", "status": "Online", "pendingTotal": 3}
    assert (await client.put("/api/Client/Update", json=said)).status_code == 200
    legacy = {"name": "Station 1", "miscinfo": "<miscinfo/>"}
    assert (await client.post("/api/internal/Client/Update", json=legacy)).status_code == 200
    assert (await client.get("/api/internal/Client/Ping")).status_code == 200
    info = (await client.get("/api/internal/Client/ServerInfo")).json()
    assert set(info) == {"SiteCode", "Name", "Version"}
    [listed] = (await client.get("/api/dev/clients")).json()["items"]
    assert listed["id"] == "STATION1"
    assert listed["connected"] is True
    assert listed["last_update"] == said | legacy
    for path in ("/api/internal/Auth/Disconnect?id=STATION1", "/api/internal/Auth/Disconnect/x"):
        assert (await client.get(path)).status_code == 200
    [listed] = (await client.get("/api/dev/clients")).json()["items"]
    assert listed["connected"] is False


async def test_registering_again_gives_a_new_passcode(client: httpx.AsyncClient) -> None:
    first, second = [(await register(client, "A")).json() for _ in range(2)]
    assert first != second


async def test_an_id_or_a_name_of_another_type_is_a_conflict(client: httpx.AsyncClient) -> None:
    await register(client, "A", name="Line 1")
    for client_id, name in (("a", "other"), ("B", "Line 1")):
        assert (await register(client, client_id, type="dotnet", name=name)).status_code == 409
    assert (await register(client, "B", type="dotnet", name="Line 2")).status_code == 200


async def test_registering_needs_an_id_and_a_type(client: httpx.AsyncClient) -> None:
    assert (await register(client, "")).status_code == 400
    assert (await register(client, "A", type="")).status_code == 400


async def test_an_update_that_is_no_object_gets_400(client: httpx.AsyncClient) -> None:
    for body in (b"[]", b"{"):
        assert (await client.put("/api/Client/Update", content=body)).status_code == 400


async def test_an_update_of_a_stranger_is_taken_and_forgotten(client: httpx.AsyncClient) -> None:
    assert (await client.put("/api/Client/Update", json={"name": "x"})).status_code == 200
    assert (await client.get("/api/dev/clients")).json()["items"] == []


async def test_the_dotnet_client_registers_by_its_mac(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/internal/Client/Register?mac=0011AABBCCDD&name=x")
    assert isinstance(answer.json(), str)
    assert (await client.post("/api/internal/Client/UpdateClientInfo")).status_code == 204
    assert isinstance((await client.get("/api/internal/Client/Version")).json(), list)


async def test_only_so_many_clients_are_remembered(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    for client_id in ("A", "B", "C"):
        await register(client, client_id)
    listed = (await client.get("/api/dev/clients")).json()["items"]
    assert [item["id"] for item in listed] == ["B", "C"]
