"""Each fault, as a client meets it, and that none of them holds the server."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import httpx
import pytest
import trio

from pywats_trio.devserver import DevServer, Fault, open_devserver
from pywats_trio.devserver.faults import Faults, fault_from
from pywats_trio.errors import UsageError
from tests.devserver.conftest import TOKEN, wsjf

SUBMIT = "/api/Report/WSJF"


async def order(client: httpx.AsyncClient, *faults: dict[str, Any]) -> httpx.Response:
    return await client.post("/api/dev/faults", json=faults[0] if len(faults) == 1 else faults)


async def test_a_status_comes_instead_of_storing_until_it_is_cleared(
    server: DevServer, client: httpx.AsyncClient
) -> None:
    shown = (await order(client, {"status": 503})).json()
    assert shown["items"] == [{"status": 503}]
    assert "status = 503" in (await client.get("/")).text
    assert (await client.post(SUBMIT, json=wsjf())).status_code == 503
    assert (await server.totals()).reports == 0
    assert (await client.delete("/api/dev/faults")).json()["items"] == []
    assert (await client.post(SUBMIT, json=wsjf())).status_code == 200


@pytest.mark.parametrize("wait", [7, "Fri, 30 Jan 2026 10:00:00 GMT"])
async def test_retry_after_is_sent_in_both_forms(
    client: httpx.AsyncClient, wait: float | str
) -> None:
    await order(client, {"retry_after": wait})
    answer = await client.post(SUBMIT, json=wsjf())
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, str(wait))
    await order(client, {"status": 503, "retry_after": wait})
    assert (await client.post(SUBMIT, json=wsjf())).status_code == 503


async def test_a_redirect_and_a_page_are_answers_of_their_kind(
    server: DevServer, client: httpx.AsyncClient
) -> None:
    await order(client, {"redirect": "https://elsewhere.example/"})
    redirected = await client.post(SUBMIT, json=wsjf())
    assert (redirected.status_code, redirected.headers["Location"]) == (
        302,
        "https://elsewhere.example/",
    )
    await order(client, {"page": True})
    page = await client.post(SUBMIT, json=wsjf())
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (await server.totals()).reports == 0


async def test_close_takes_the_report_and_cuts_the_answer(
    server: DevServer, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await order(client, {"close": True, "count": 1})
    report = wsjf()
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        await client.post(SUBMIT, json=report)
    assert (await server.totals()).reports == 1
    assert (await client.post(SUBMIT, json=report)).status_code == 200
    assert [entry.fault for entry in server.journal.entries] == ["close", ""]
    assert server.journal.sends() == {report["id"]: 2}
    assert caplog.records == []


async def test_close_sends_half_of_the_announced_answer(server: DevServer) -> None:
    server.faults.set(Fault(close=True))
    body = httpx.Request("POST", server.url, json=wsjf()).content
    host, port = server.url.removeprefix("http://").split(":")
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        head = f"POST {SUBMIT} HTTP/1.1\r\nHost: x\r\nAuthorization: {TOKEN['Authorization']}\r\n"
        await stream.send_all(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        got = b""
        with trio.fail_after(2):
            while piece := await stream.receive_some():
                got += piece
    answered, _, half = got.partition(b"\r\n\r\n")
    announced = int(answered.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert 0 < len(half) < announced


async def test_hang_does_not_answer_until_the_faults_change(
    server: DevServer, client: httpx.AsyncClient, nursery: trio.Nursery
) -> None:
    await order(client, {"hang": True})
    answers: list[int] = []

    async def submit() -> None:
        answers.append((await client.post(SUBMIT, json=wsjf())).status_code)

    nursery.start_soon(submit)
    with trio.fail_after(2):
        await server.wait_until(lambda s: s.journal.hanging() == 1)
        assert (await server.totals()).reports == 0
        assert answers == []
        server.faults.clear()
        await server.wait_until(lambda s: s.journal.entries[-1].status is not None)
    assert (await server.totals()).reports == 1


async def test_a_client_that_gives_up_on_a_hang_leaves_nothing_behind(server: DevServer) -> None:
    server.faults.set(Fault(hang=True))
    async with httpx.AsyncClient(base_url=server.url, headers=TOKEN) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post(SUBMIT, json=wsjf(), timeout=0.05)
    with trio.fail_after(2):
        await server.wait_until(lambda s: s.journal.entries[-1].over)
    assert (server.journal.entries[-1].status, server.journal.hanging()) == (None, 0)
    server.faults.clear()
    assert (await server.totals()).reports == 0


async def test_hanging_requests_do_not_hold_the_stop() -> None:
    async with open_devserver(faults=(Fault(hang=True),)) as server, trio.open_nursery() as nursery:
        async with httpx.AsyncClient(base_url=server.url, headers=TOKEN) as client:
            nursery.start_soon(partial(client.post, SUBMIT, json=wsjf()))
            await server.wait_until(lambda s: s.journal.hanging() == 1)
            nursery.cancel_scope.cancel()
        began = trio.current_time()
    assert trio.current_time() - began < 0.3


async def test_latency_delays_the_answer(server: DevServer, client: httpx.AsyncClient) -> None:
    server.faults.set(Fault(latency_ms=50))
    began = trio.current_time()
    assert (await client.post(SUBMIT, json=wsjf())).status_code == 200
    assert trio.current_time() - began >= 0.05


async def test_a_fault_may_be_about_one_report_only(
    server: DevServer, client: httpx.AsyncClient
) -> None:
    bad, other = wsjf(sn="BAD"), wsjf()
    await order(
        client, {"status": 500, "only_serial": "BAD"}, {"status": 415, "only_id": other["id"]}
    )
    statuses = [
        (await client.post(SUBMIT, json=report)).status_code for report in (bad, other, wsjf())
    ]
    assert statuses == [500, 415, 200]


async def test_a_fault_may_be_for_the_next_requests_only(
    server: DevServer, client: httpx.AsyncClient
) -> None:
    await order(client, {"status": 503, "count": 2})
    statuses = [(await client.post(SUBMIT, json=wsjf())).status_code for _ in range(3)]
    assert statuses == [503, 503, 200]
    assert server.faults.active == []


async def test_the_other_endpoints_fail_only_where_all_is_said(
    server: DevServer, client: httpx.AsyncClient
) -> None:
    await order(client, {"status": 503})
    assert (await client.get("/api/App/Version")).status_code == 200
    await order(client, {"status": 503, "where": "all"})
    assert (await client.get("/api/App/Version")).status_code == 503
    await order(client, {"page": True, "where": "all"})
    assert "<h1>" in (await client.get("/api/App/Version")).text
    assert (await client.get("/api/dev/faults")).status_code == 200


def test_a_seeded_rate_fails_the_same_requests_each_time() -> None:
    def drawn() -> list[str]:
        faults = Faults(Fault(fail_rate=0.3, seed=7))
        return [faults.draw(submit=True).kind for _ in range(100)]

    assert drawn() == drawn()
    expected = random.Random(7)
    assert [kind == "status" for kind in drawn()] == [expected.random() < 0.3 for _ in range(100)]


@pytest.mark.parametrize(("rate", "kinds"), [(0, {""}), (1, {"status"})])
def test_a_rate_of_0_fails_none_and_of_1_all(rate: float, kinds: set[str]) -> None:
    faults = Faults(Fault(fail_rate=rate))
    assert {faults.draw(submit=True).kind for _ in range(50)} == kinds


def test_a_rate_alone_means_503() -> None:
    assert (Fault(fail_rate=0.5).kind, Fault(fail_rate=0.5).code) == ("status", 503)


def test_latency_alone_spoils_nothing() -> None:
    effect = Faults(Fault(latency_ms=20)).draw(submit=True)
    assert (effect.kind, effect.latency) == ("", 0.02)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"statsu": 503}, "statsu: unknown; a fault knows latency_ms"),
        ({"status": 199}, "status: must be a whole number from 200 to 599"),
        ({"status": 600}, "status: must be a whole number"),
        ({"status": True}, "status: must be a whole number"),
        ({"fail_rate": 1.1}, "fail_rate: must be a number from 0 to 1"),
        ({"fail_rate": -0.1}, "fail_rate: must be a number"),
        ({"fail_rate": "x"}, "fail_rate: must be a number"),
        ({"latency_ms": -1}, "latency_ms: must be a number"),
        ({"latency_ms": None}, "latency_ms: must be a number"),
        ({"hang": 1}, "hang: must be true or false"),
        ({"only_serial": 7}, "only_serial: must be a serial number"),
        ({"count": 0}, "count: must be a whole number from 1"),
        ({"retry_after": []}, "retry_after: must be seconds or a date"),
        ({"where": "here"}, "where: must be 'submit' or 'all'"),
        ({"hang": True, "page": True}, "a fault is one of"),
        (7, "a fault is a JSON object"),
        (None, "a fault is a JSON object"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused_with_the_reason(
    server: DevServer, client: httpx.AsyncClient, data: object, reason: str
) -> None:
    with pytest.raises(UsageError) as refused:
        fault_from(data)
    assert str(refused.value).startswith(reason)
    server.faults.set(Fault(status=503))
    answer = await client.post("/api/dev/faults", json=data)
    assert (answer.status_code, answer.json()["Message"]) == (400, str(refused.value))
    assert server.faults.active == [Fault(status=503)]


@pytest.mark.parametrize("data", [{"status": 200}, {"status": 599}, {"fail_rate": 0}, {"count": 1}])
def test_a_fault_at_its_limits_is_taken(data: dict[str, Any]) -> None:
    assert fault_from(data) == Fault(**data)


def test_a_fault_about_an_id_that_is_none_concerns_nothing() -> None:
    assert Faults(Fault(status=500, only_id="x")).draw(submit=True, report_id="x").kind == ""
