"""Submit, read back, ask for headers, over real HTTP."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

import httpx
import pytest
import trio

from pywats_trio.devserver import DevServer, open_devserver
from pywats_trio.devserver.app import LARGEST_BODY
from tests.devserver.conftest import TOKEN, wsjf, wsxf


async def test_a_report_is_answered_with_its_id_as_sent_and_as_stored(
    server: DevServer, client: httpx.AsyncClient
) -> None:
    report_id = str(uuid.uuid4()).upper()
    answer = await client.post("/api/Report/WSJF", json=wsjf(id=report_id))
    assert answer.status_code == 200
    assert answer.json() == {"ID": report_id, "uuid": report_id.lower(), "Report_ID": 1}
    assert (await server.totals()).reports == 1


async def test_the_bytes_come_back_exactly_as_they_were_sent(
    server: DevServer, client: httpx.AsyncClient
) -> None:
    report = wsjf(sn="Prüfling ✓")
    body = b"\n " + json.dumps(report, indent=3, ensure_ascii=False).encode() + b"\n"
    await client.post("/api/Report/WSJF", content=body)
    raw = await client.get(f"/api/dev/reports/{report['id']}/raw")
    back = await client.get(f"/api/Report/Wsjf/{report['id']}")
    assert raw.content == back.content == body == await server.body(report["id"])
    listed = (await client.get("/api/dev/reports")).json()["items"][0]
    assert (listed["sha256"], listed["size"]) == (hashlib.sha256(body).hexdigest(), len(body))


async def test_the_same_id_again_overwrites_and_counts(
    server: DevServer, client: httpx.AsyncClient
) -> None:
    report = wsjf()
    first = await client.post("/api/Report/WSJF", json=report)
    again = await client.post("/api/Report/WSJF", json=report)
    shouted = report | {"id": report["id"].upper(), "result": "F"}
    changed = await client.post("/api/Report/WSJF", json=shouted)
    assert {a.json()["Report_ID"] for a in (first, again, changed)} == {1}
    [record] = await server.received()
    assert (record.receive_count, record.body_changes, record.result) == (3, 1, "F")
    totals = await server.totals()
    assert (totals.reports, totals.sends, totals.repeats, totals.changed) == (1, 3, 2, 1)


async def test_one_run_under_two_ids_is_pointed_out(
    server: DevServer, client: httpx.AsyncClient
) -> None:
    await client.post("/api/Report/WSJF", json=wsjf())
    await client.post("/api/Report/WSJF", json=wsjf(start="2026-01-30T09:00:00.123456Z"))
    await client.post("/api/Report/WSJF", json=wsjf(sn="SN-2"))
    assert (await server.totals()).same_run == 1
    assert "takes them for the same test" in (await client.get("/")).text


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"type": ...}, "type: must be"),
        ({"type": "U"}, "type: must be"),
        ({"id": ...}, "id: required"),
        ({"id": "no-guid"}, "id: 'no-guid' is no GUID"),
        ({"pn": ...}, "pn: required"),
        ({"sn": ""}, "sn: must not be empty"),
        ({"sn": 7}, "sn: must be a text"),
        ({"sn": "x" * 101}, "sn: 101 characters, at most 100"),
        ({"rev": None}, "rev: required"),
        ({"result": "D"}, "result: must be P, F, E or T"),
        ({"machineName": ""}, "machineName: must not be empty"),
        ({"location": ...}, "location: required"),
        ({"start": "yesterday"}, "start: 'yesterday' is no"),
        ({"processCode": ...}, "processCode: required"),
        ({"processCode": True}, "processCode: must be a whole number"),
        ({"processCode": 32768}, "processCode: must be a whole number"),
        ({"processCode": -32769}, "processCode: must be a whole number"),
        ({"root": ...}, "root: required"),
        ({"root": {"stepType": "Action"}}, "root: must be a sequence call"),
        ({"type": "R"}, "uur: required"),
    ],
)
async def test_an_incomplete_report_gets_400_with_the_reason(
    server: DevServer, client: httpx.AsyncClient, changes: dict[str, Any], reason: str
) -> None:
    answer = await client.post("/api/Report/WSJF", json=wsjf(**changes))
    assert answer.status_code == 400
    assert answer.json()["Message"].startswith(reason)
    assert (await server.totals()).reports == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"rev": "", "location": "", "purpose": ""},
        {"sn": "x" * 100},
        {"processCode": 32767},
        {"processCode": -32768},
        {"uut": ...},
        {"type": "R", "root": ..., "uut": ..., "uur": {"user": "op"}, "subUnits": []},
        {"start": "2026-01-30T10:00:00"},
        {"unknown": float("1e300")},
    ],
)
async def test_what_a_real_server_takes_is_taken(
    client: httpx.AsyncClient, changes: dict[str, Any]
) -> None:
    answer = await client.post("/api/Report/WSJF", json=wsjf(**changes))
    assert (answer.status_code, answer.text.count("Message")) == (200, 0)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b'{"sn": NaN}', "the body is not JSON: NaN is no number"),
        (b'{"sn": "\xff"}', "the body is not UTF-8 at byte 8"),
        (b"[]", "the body must be one JSON object"),
        (b"[" * 100_000, "the body is nested too deeply"),
    ],
)
async def test_what_is_no_report_gets_400(
    client: httpx.AsyncClient, body: bytes, reason: str
) -> None:
    answer = await client.post("/api/Report/WSJF", content=body)
    assert answer.status_code == 400
    assert answer.json()["Message"].startswith(reason)


async def test_a_body_above_the_limit_gets_413_and_one_at_the_limit_is_read(
    server: DevServer, client: httpx.AsyncClient
) -> None:
    report = wsjf()
    filled = json.dumps(report)[:-1] + ',"x":"'
    body = (filled + "y" * (LARGEST_BODY - len(filled) - 2) + '"}').encode()
    assert (await client.post("/api/Report/WSJF", content=body)).status_code == 200
    host, port = server.url.removeprefix("http://").split(":")
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        head = f"POST /api/Report/WSJF HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGEST_BODY + 1}"
        await stream.send_all(f"{head}\r\n\r\n".encode())
        with trio.fail_after(2):
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 413")
    assert server.journal.entries[-1].status == 413


@pytest.mark.parametrize("path", ["WSJF", "WSXF"])
async def test_without_a_token_nothing_is_taken(server: DevServer, path: str) -> None:
    async with httpx.AsyncClient(base_url=server.url) as stranger:
        answer = await stranger.post(f"/api/Report/{path}", json=wsjf())
    assert answer.status_code == 401
    assert "Authorization: Basic TOKEN" in answer.json()["Message"]
    assert server.journal.entries[-1].status == 401


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Basic c3RhdGlvbjprZXk=", 200),
        ("basic c3RhdGlvbjprZXk=", 200),
        ("Basic c3RhdGlvbg==", 401),
        ("Basic !!", 401),
        ("Basic", 401),
        ("Bearer c3RhdGlvbjprZXk=", 401),
    ],
)
async def test_any_well_formed_token_passes(server: DevServer, header: str, status: int) -> None:
    async with httpx.AsyncClient(base_url=server.url) as asking:
        answer = await asking.get("/api/App/Processes", headers={"Authorization": header})
    assert answer.status_code == status


async def test_a_demanded_token_is_the_only_one() -> None:
    async with open_devserver(token="right") as server, httpx.AsyncClient() as asking:
        url = f"{server.url}/api/Report/WSJF"
        right = await asking.post(url, json=wsjf(), headers={"Authorization": "Basic right"})
        wrong = await asking.post(url, json=wsjf(), headers=TOKEN)
        assert (right.status_code, wrong.status_code) == (200, 401)
        version = await asking.get(f"{server.url}/api/App/Version", headers=TOKEN)
        assert version.status_code == 401


async def test_the_version_is_a_json_string_for_everybody(server: DevServer) -> None:
    async with httpx.AsyncClient() as asking:
        answer = await asking.get(f"{server.url}/api/App/Version")
    assert isinstance(answer.json(), str)
    assert answer.headers["content-type"] == "application/json"


async def test_processes_are_given_by_kind(client: httpx.AsyncClient) -> None:
    everything = (await client.get("/api/App/Processes")).json()
    repairs = (
        await client.get("/api/App/Processes", params={"includeRepairOperations": "true"})
    ).json()
    assert {"code", "name", "isTestOperation", "isRepairOperation", "state"} <= set(everything[0])
    assert [process["code"] for process in repairs] == [500]
    assert len(everything) > len(repairs)


async def test_an_unknown_report_is_404_and_an_unknown_path_too(client: httpx.AsyncClient) -> None:
    for path in (
        f"/api/Report/Wsjf/{uuid.uuid4()}",
        "/api/Report/Wsjf/no-guid",
        f"/api/Report/Wsxf/{uuid.uuid4()}",
        f"/api/dev/reports/{uuid.uuid4()}/raw",
        "/api/dev/reports/no-guid/raw",
        "/api/nowhere",
    ):
        answer = await client.get(path)
        assert answer.status_code == 404, path
        assert answer.json()["Message"]


async def test_detail_level_0_is_the_identity_without_measurements(
    client: httpx.AsyncClient,
) -> None:
    report = wsjf()
    await client.post("/api/Report/WSJF", json=report)
    answer = await client.get(f"/api/Report/Wsjf/{report['id'].upper()}?detailLevel=0")
    short = answer.json()
    assert "root" not in short
    assert {key: short[key] for key in ("id", "sn", "start")} == {
        key: report[key] for key in ("id", "sn", "start")
    }


async def test_a_wsxf_report_is_stored_and_read_back_as_such(client: httpx.AsyncClient) -> None:
    body = wsxf()
    answer = await client.post("/api/Report/WSXF", content=body)
    report_id = answer.json()["uuid"]
    assert answer.json()["ID"] == report_id.upper()
    assert (await client.get(f"/api/Report/Wsxf/{report_id}")).content == body
    assert (await client.get(f"/api/Report/Wsjf/{report_id}?detailLevel=0")).json()["sn"] == "SN-1"
    other = await client.get(f"/api/Report/Wsjf/{report_id}")
    assert (other.status_code, other.json()["Message"]) == (
        406,
        "This report came as WSXF; read it at Report/Wsxf.",
    )


async def test_a_wsxf_report_without_id_gets_one(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/Report/WSXF", content=wsxf(report_id=""))
    assert answer.status_code == 200
    assert str(uuid.UUID(answer.json()["ID"])) == answer.json()["uuid"]


DOCTYPE = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><Reports/>'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (DOCTYPE, "a document type declaration is not allowed"),
        (b"", "the body is not well-formed XML"),
        (wsxf()[:-3], "the body is not well-formed XML"),
        (b"<Reports/>", "the root element must be Reports in the namespace"),
        (wsxf().replace(b"/Report/wsxf", b"/Report"), "the root element must be Reports"),
        (wsxf().replace(b"<Report ", b"<Other ").replace(b"</Report>", b"</Other>"), "exactly one"),
        (wsxf(type="X"), "Report: type must be UUT or UUR"),
        (wsxf(SN=""), "Report: SN is required"),
        (wsxf(PN=" "), "Report: PN is required"),
        (wsxf(PN="x" * 101), "PN: 101 characters"),
        (wsxf(Start=""), "Report: Start is required"),
        (wsxf(Start="soon"), "start: 'soon' is no"),
        (wsxf(Result="P"), "Report: Result must be one of"),
        (wsxf(report_id="no-guid"), "id: 'no-guid' is no GUID"),
        (wsxf().replace(b'<UUT UserLoginName="op"/>', b""), "Report: a UUT or UUR"),
        (wsxf().replace(b'Code="10" Name="SW Debug"', b""), "Report: a Process with Code or Name"),
        (wsxf().replace(b'Code="10"', b'Code="ten"'), "Process: Code 'ten'"),
        (wsxf().replace(b'<SequenceCall Name="demo" Version="1"/>', b""), "Report: one root Step"),
        (wsxf().replace(b"</Step>", b"</Step>" + b"<Step/>"), "Report: one root Step"),
        (wsxf().replace(b"</Step>", b"<Step>" * 199 + b"</Step>" * 200), "elements are nested"),
    ],
)
async def test_a_bad_wsxf_report_gets_400_with_the_reason(
    server: DevServer, client: httpx.AsyncClient, body: bytes, reason: str
) -> None:
    answer = await client.post("/api/Report/WSXF", content=body)
    assert answer.status_code == 400
    assert answer.json()["Message"].startswith(reason)
    assert (await server.totals()).reports == 0


async def test_a_wsxf_repair_needs_no_result_and_no_step(client: httpx.AsyncClient) -> None:
    body = wsxf(type="UUR", Result="").replace(b"UUT", b"UUR").replace(b"Step ", b"Other ")
    answer = await client.post("/api/Report/WSXF", content=body.replace(b"/Step>", b"/Other>"))
    assert answer.status_code == 200
    short = await client.get(f"/api/Report/Wsjf/{answer.json()['uuid']}?detailLevel=0")
    assert (short.json()["type"], short.json()["result"]) == ("R", "P")


async def test_a_wsxf_process_may_have_only_a_name(client: httpx.AsyncClient) -> None:
    body = wsxf().replace(b'Code="10" ', b"")
    assert (await client.post("/api/Report/WSXF", content=body)).status_code == 200


async def ask_headers(client: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    answer = await client.get(
        "/api/Report/Query/Header", params={f"${name}": value for name, value in query.items()}
    )
    assert answer.status_code == 200, answer.text
    headers: list[dict[str, Any]] = answer.json()
    return headers


async def test_headers_are_found_by_id_and_by_unit(client: httpx.AsyncClient) -> None:
    mine, quoted = wsjf(), wsjf(sn="O'Neill", result="F")
    for report in (mine, quoted):
        await client.post("/api/Report/WSJF", json=report)
    for value in (mine["id"], f"guid'{mine['id'].upper()}'", f"'{mine['id']}'"):
        [header] = await ask_headers(client, filter=f"uuid eq {value}", top="1")
        assert header["uuid"] == mine["id"]
    [header] = await ask_headers(
        client, filter="serialNumber eq 'O''Neill' and partNumber eq 'PN-1' and reportType eq 'U'"
    )
    assert (header["uuid"], header["result"]) == (quoted["id"], "Failed")
    assert await ask_headers(client, filter="serialNumber eq 'SN-1' and processCode eq 11") == []
    assert await ask_headers(client, filter=f"uuid eq {uuid.uuid4()}") == []


async def test_headers_come_newest_first_and_in_pages(client: httpx.AsyncClient) -> None:
    # three instants whose texts sort in another order than the instants do
    starts = ["2026-01-30T23:00:00+13:00", "2026-01-30T11:00:00Z", "2026-01-30T10:30:00-02:00"]
    for start in starts:
        await client.post("/api/Report/WSJF", json=wsjf(start=start))

    async def found(**query: str) -> list[str]:
        return [header["start"] for header in await ask_headers(client, **query)]

    assert await found() == starts[::-1]
    assert await found(orderby="start desc") == starts[::-1]
    assert await found(orderby="start asc") == starts
    assert await found(orderby="start") == starts
    assert await found(top="1", skip="1") == [starts[1]]
    assert await found(top="0") == []


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"$filter": "sn eq 'x'"}, "$filter: unknown field sn"),
        ({"$filter": "serialNumber ne 'x'"}, "$filter: cannot read"),
        ({"$filter": "serialNumber eq 'x' and"}, "$filter: cannot read"),
        ({"$filter": "serialNumber eq 'x' or partNumber eq 'y'"}, "$filter: cannot read"),
        ({"$filter": "uuid eq 17"}, "$filter: uuid: '17' is no GUID"),
        ({"$filter": "processCode eq 'x'"}, "$filter: processCode"),
        ({"$orderby": "sn"}, "$orderby: 'sn' is not known"),
        ({"$top": "-1"}, "$top: '-1' is no whole number"),
        ({"$skip": "x"}, "$skip: 'x' is no whole number"),
    ],
)
async def test_a_query_that_is_not_understood_gets_400(
    client: httpx.AsyncClient, query: dict[str, str], reason: str
) -> None:
    answer = await client.get("/api/Report/Query/Header", params=query)
    assert answer.status_code == 400
    assert answer.json()["Message"].startswith(reason)


async def test_the_listing_pages_in_the_order_of_arrival(client: httpx.AsyncClient) -> None:
    ids = []
    for _ in range(3):
        report = wsjf()
        ids.append(report["id"])
        await client.post("/api/Report/WSJF", json=report)
    first = (await client.get("/api/dev/reports?limit=2")).json()
    rest = (await client.get(f"/api/dev/reports?limit=2&after={first['next']}")).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == ids
    assert rest["next"] is None
    assert first["totals"]["reports"] == 3
    assert (await client.get("/api/dev/reports?limit=x")).status_code == 400


async def test_the_page_shows_each_report_and_escapes_what_it_says(
    server: DevServer, client: httpx.AsyncClient
) -> None:
    assert "Nothing received yet" in (await client.get("/")).text
    report = wsjf(sn="<script>alert(1)</script>", result="F")
    for _ in range(2):
        await client.post("/api/Report/WSJF", json=report)
    page = await client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text
    assert f"/api/dev/reports/{report['id']}/raw" in page.text
    for part in ("Failed", "1 repeats", "2\N{MULTIPLICATION SIGN}", report["start"]):
        assert part in page.text
    assert "src=" not in page.text


async def test_the_page_is_cut_into_pages(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pywats_trio.devserver.page.ON_A_PAGE", 2)
    for number in range(3):
        await client.post("/api/Report/WSJF", json=wsjf(sn=f"SN-{number}"))
    first, second = (await client.get("/")).text, (await client.get("/?skip=2")).text
    assert ('href="/?skip=2"' in first, "newer" in first) == (True, False)
    assert ('href="/?skip=0"' in second, "older" in second) == (True, False)
    assert (await client.get("/?skip=-1")).status_code == 400
