"""Servers that are away, wrong or slow: deliveries wait and nothing is lost."""

from __future__ import annotations

import email.utils
import json
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from benchmarks import data
from pywats_trio.devserver import Fault, open_devserver
from tests.deliver import loopback
from tests.e2e.harness import write_config
from tests.e2e.site import SIZE, Site, make_site, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pywats_trio.devserver import DevServer

BAD = 9999
"""The number of the report that a fault is about."""
BAD_ID = data.report_id("run", BAD)
DELIVERED = ("COMPLETED", None, 1)
"""A delivered report, its one outcome counted."""


@contextmanager
def site_at(base: Path, url: str, **options: object) -> Iterator[Site]:
    with recorded(make_site(base, url, **options)) as site:  # type: ignore[arg-type]  # by name
        yield site


async def arrived(server: DevServer) -> dict[str, int]:
    """How often each report was taken by the server, by id."""
    return {record.id: record.receive_count for record in await server.received()}


OUTAGES = {
    "503": (Fault(status=503), "server"),
    "500 for all": (Fault(status=500), "server"),
    "408": (Fault(status=408), "server"),
    "302": (Fault(redirect="http://127.0.0.1:9/login"), "misdirected"),
    "200 with a page": (Fault(page=True), "misdirected"),
    "404": (Fault(status=404), "misdirected"),
    "405": (Fault(status=405), "misdirected"),
    "401": (Fault(status=401), "auth"),
    "403": (Fault(status=403), "auth"),
    "429 without a time": (Fault(status=429), "throttled"),
    "hangs": (Fault(hang=True), "timeout"),
    "closes in mid-answer": (Fault(close=True), "protocol"),
}


@pytest.mark.parametrize(("fault", "reason"), OUTAGES.values(), ids=OUTAGES)
async def test_an_outage_costs_no_attempts_and_ends_by_itself(
    fault: Fault, reason: str, tmp_path: Path
) -> None:
    async with open_devserver(faults=(fault,)) as server:
        # Short only where it is the time-out that is tested: a busy machine is slow, too.
        patience = {"timeout_seconds": 0.2} if fault.hang else {}
        with site_at(tmp_path, server.url, server=patience) as site:
            async with site.running():
                ids = site.drop_reports("run", *range(4))
                await site.until_event("deliveries suspended", reason=reason)
                # Probed again and again, and still nothing is spent.
                await server.wait_until(lambda server: server.journal.submits >= 8)
                assert not site.events("report delivered")
                server.faults.clear()
                await site.until_delivered(4)
            assert site.events("deliveries resumed")
            assert site.reports() == [DELIVERED] * 4
            assert site.suspensions() == {("server", 0)}
        counts = await arrived(server)
        assert counts.keys() == set(ids)
        if not (fault.hang or fault.close):
            assert set(counts.values()) == {1}


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    async with loopback.serving() as elsewhere:
        page = f"http://127.0.0.1:{elsewhere.port}/login"
        async with open_devserver(faults=(Fault(redirect=page),)) as server:
            with site_at(tmp_path, server.url) as site:
                async with site.running():
                    site.drop_reports("run", 1)
                    (record,) = await site.until_event("deliveries suspended")
                    await server.wait_until(lambda server: server.journal.submits >= 3)
                    server.faults.clear()
                    await site.until_delivered(1)
        assert "it points to" in record["error"]
        assert page in record["error"]
        assert elsewhere.requests == []


async def test_retry_after_in_seconds_is_waited_for(tmp_path: Path) -> None:
    async with open_devserver(faults=(Fault(retry_after=1, count=1),)) as server:
        with site_at(tmp_path, server.url, server={"max_connections": 1}) as site:
            async with site.running():
                site.drop_reports("run", 1, 2)
                await site.until_delivered(2)
            assert site.reports() == [DELIVERED] * 2
            assert site.suspensions() == {("server", 0)}
        first, second, _third = server.journal.entries
        assert (first.status, second.status) == (429, 200)
        assert second.time - first.time >= 0.99


async def test_retry_after_as_a_date_is_waited_for(tmp_path: Path) -> None:
    until = int(time.time()) + 2
    told = email.utils.formatdate(until, usegmt=True)
    async with open_devserver(faults=(Fault(status=503, retry_after=told, count=1),)) as server:
        with site_at(tmp_path, server.url, server={"max_connections": 1}) as site:
            async with site.running():
                site.drop_reports("run", 1)
                await site.until_event("deliveries suspended", reason="throttled")
                await site.until_delivered(1)
        assert len(server.journal.entries) == 2
        assert server.journal.entries[1].time >= until - 0.05


@contextmanager
def held_port() -> Iterator[int]:
    """A port of ours where nobody listens yet; a server may come and go there."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


async def test_a_server_that_is_not_up_yet_is_waited_for(tmp_path: Path) -> None:
    with held_port() as port, site_at(tmp_path, f"http://127.0.0.1:{port}") as site:
        async with site.running():
            ids = site.drop_reports("run", *range(4))
            (record,) = await site.until_event("deliveries suspended", reason="connect")
            await site.until_event("file converted", times=4)
            assert record["server"] == f"http://127.0.0.1:{port}"
            assert site.rows("SELECT * FROM history WHERE who = 'deliver'") == []
            async with open_devserver(port=port) as server:
                await site.until_delivered(4)
                assert await arrived(server) == dict.fromkeys(ids, 1)
        assert site.reports() == [DELIVERED] * 4


async def test_a_server_that_goes_away_and_comes_back_gets_the_rest(tmp_path: Path) -> None:
    database = str(tmp_path / "server.db")
    with held_port() as port, site_at(tmp_path, f"http://127.0.0.1:{port}") as site:
        async with site.running():
            async with open_devserver(port=port, db=database):
                ids = site.drop_reports("run", *range(3))
                await site.until_delivered(3)
            ids += site.drop_reports("run", *range(3, 6))
            await site.until_event("deliveries suspended")
            async with open_devserver(port=port, db=database) as server:
                await site.until_delivered(6)
                assert await arrived(server) == dict.fromkeys(ids, 1)
        assert site.reports() == [DELIVERED] * 6


async def test_an_address_where_no_wats_lives_gets_no_report(tmp_path: Path) -> None:
    async with open_devserver(faults=(Fault(page=True, where="all"),)) as server:
        with site_at(tmp_path, server.url) as site:
            async with site.running():
                ids = site.drop_reports("run", 1, 2)
                (record,) = await site.until_event("deliveries suspended", reason="misdirected")
                await site.until_event("file converted", times=2)
                assert "address" in record["error"]
                assert record["hint"] == "check server.url"
                assert server.journal.submits == 0
                assert site.rows("SELECT * FROM history WHERE who = 'deliver'") == []
                server.faults.clear()
                await site.until_delivered(2)
            assert site.reports() == [DELIVERED] * 2
        assert await arrived(server) == dict.fromkeys(ids, 1)


async def test_a_wrong_token_is_replaced_by_writing_the_right_one_to_its_file(
    tmp_path: Path,
) -> None:
    token = tmp_path / "token"
    token.write_text("d3Jvbmc6d3Jvbmc=\n")
    async with open_devserver(token="cmlnaHQ6cmlnaHQ=") as server:
        more = {"token_file": token, "token": "d3Jvbmc6d3Jvbmc="}
        with site_at(tmp_path, server.url, server=more) as site:
            async with site.running():
                ids = site.drop_reports("run", 1, 2)
                (record,) = await site.until_event("deliveries suspended", reason="auth")
                await site.until_event("file converted", times=2)
                assert record["level"] == "error"
                assert "server.token" in record["hint"]
                token.write_text("cmlnaHQ6cmlnaHQ=\n")
                await site.until_delivered(2)
            assert site.reports() == [DELIVERED] * 2
            assert server.journal.submits == 2, "nothing is sent with a token that is refused"
        assert await arrived(server) == dict.fromkeys(ids, 1)
        assert not any("cmlnaHQ6" in json.dumps(record) for record in site.log)


async def test_a_connection_that_is_closed_without_an_answer_is_an_outage(tmp_path: Path) -> None:
    def answer(seen: loopback.Seen) -> loopback.Reply:
        if seen.method == "POST" and len(server.posts()) <= 3:
            return loopback.close
        if seen.method == "POST":
            report_id = json.loads(seen.body)["id"]
            return loopback.http(200, json.dumps({"ID": report_id}).encode())
        return loopback.wats(seen)

    async with loopback.serving(answer) as server:
        with site_at(tmp_path, f"http://127.0.0.1:{server.port}") as site:
            async with site.running():
                ids = site.drop_reports("run", 1, 2)
                await site.until_event("deliveries suspended", reason="protocol")
                await site.until_delivered(2)
            assert site.reports() == [DELIVERED] * 2
            assert site.suspensions() == {("server", 0)}
        taken = [json.loads(seen.body)["id"] for seen in server.posts()]
        assert set(taken) == set(ids)


# One report and the others


async def stored_first(site: Site, first: int, *others: int) -> None:
    """The reports in the queue, that of `first` before the others, and none of them sent yet."""
    server = evolve(site.config.server, url="")
    away = Site(site.base, evolve(site.config, server=server), site.log, site.bell)
    async with away.running():
        away.drop_reports("run", first)
        await away.until_event("file converted")
        away.drop_reports("run", *others)
        await away.until_event("file converted", times=1 + len(others))


async def test_one_report_that_always_gets_500_delays_none_of_fifty_others(tmp_path: Path) -> None:
    async with open_devserver(faults=(Fault(status=500, only_id=BAD_ID),)) as server:
        # Its own retry is so far away that it cannot come before the others are through.
        with site_at(tmp_path, server.url, retry={"base_seconds": 600, "max_seconds": 600}) as site:
            await stored_first(site, BAD, *range(50))
            async with site.running():
                await site.until_delivered(50)
                await site.until_event("the server fails on this report")
            bad, *others = site.reports()
            assert bad == ("SUSPENDED", "retry", 1)
            assert others == [DELIVERED] * 50
            delayed = site.rows(
                "SELECT DISTINCT i.report_id FROM history AS h JOIN items AS i ON i.id = h.item_id"
                " WHERE i.kind = 'report' AND h.event = 'suspended'"
            )
            assert delayed == [(BAD_ID,)]
            assert not site.events("deliveries suspended")
        sent = [entry.id for entry in server.journal.entries]
        assert BAD_ID in sent[:8], "it was among the first"
        assert sorted(sent) == sorted({*sent}), "each was sent once"


async def test_a_report_that_always_gets_500_fails_after_its_attempts(tmp_path: Path) -> None:
    failing = "the server fails on this report"
    async with open_devserver(faults=(Fault(status=500, only_id=BAD_ID),)) as server:
        with site_at(tmp_path, server.url, retry={"max_attempts": 3}) as site:
            await stored_first(site, BAD)
            async with site.running() as service:
                others = 0
                while not site.events(failing, attempts=3):  # as long as others keep being taken
                    site.drop_reports("run", others)
                    others += 1
                    await site.until_delivered(others)
                await service.wait_until(lambda counts: counts.unfinished == 0)
            assert site.reports() == [("FAILED", None, 3), *[DELIVERED] * others]
            assert [record["attempts"] for record in site.events(failing)] == [1, 2, 3]
            assert not site.events("deliveries suspended")
            ((error,),) = site.rows("SELECT last_error FROM items WHERE report_id = ?", BAD_ID)
            assert "500" in error


REFUSALS = {
    "415": (Fault(status=415, only_id=BAD_ID), 3),
    "418": (Fault(status=418, only_id=BAD_ID), 3),
    "400 with a reason": (Fault(status=400, only_id=BAD_ID), 1),
    "422 with a reason": (Fault(status=422, only_id=BAD_ID), 1),
    "413": (Fault(status=413, only_id=BAD_ID), 1),
    "409, and it is not there": (Fault(status=409, only_id=BAD_ID), 3),
}


@pytest.mark.parametrize(("fault", "sends"), REFUSALS.values(), ids=REFUSALS)
async def test_a_refused_report_fails_with_the_reason_and_the_others_arrive(
    fault: Fault, sends: int, tmp_path: Path
) -> None:
    async with open_devserver(faults=(fault,)) as server:
        with site_at(tmp_path, server.url, retry={"max_attempts": 3}) as site:
            async with site.running() as service:
                ids = site.drop_reports("run", 1, BAD, 2)
                await site.until_event("file converted", times=3)
                await service.wait_until(lambda counts: counts.unfinished == 0)
            states = {
                row[0]: row[1:]
                for row in site.rows(
                    "SELECT report_id, state, attempts, last_error FROM items WHERE kind = 'report'"
                )
            }
            state, attempts, error = states.pop(BAD_ID)
            assert (state, attempts) == ("FAILED", sends)
            assert f"status {fault.status} by fault injection" in error
            assert set(states.values()) == {("COMPLETED", 1, "")}
            assert not site.events("deliveries suspended")
            assert site.suspensions() == ({("retry", 1), ("retry", 2)} if sends == 3 else set())
        assert server.journal.sends()[BAD_ID] == sends
        assert (await arrived(server)).keys() == set(ids) - {BAD_ID}


async def test_a_400_without_a_reason_is_tried_as_often_as_is_allowed(tmp_path: Path) -> None:
    def answer(seen: loopback.Seen) -> loopback.Reply:
        return loopback.http(400) if seen.method == "POST" else loopback.wats(seen)

    async with loopback.serving(answer) as server:
        url = f"http://127.0.0.1:{server.port}"
        with site_at(tmp_path, url, retry={"max_attempts": 4}) as site:
            async with site.running() as service:
                site.drop_reports("run", 1)
                await site.until_event("file converted")
                await service.wait_until(lambda counts: counts.unfinished == 0)
            assert site.reports() == [("FAILED", None, 4)]
        assert len(server.posts()) == 4


async def test_a_409_about_a_report_that_is_there_is_a_delivery(tmp_path: Path) -> None:
    faults = (Fault(close=True, count=1), Fault(status=409))  # taken once, the answer lost
    async with open_devserver(faults=faults) as server:
        with site_at(tmp_path, server.url) as site:
            async with site.running():
                (report_id,) = site.drop_reports("run", 1)
                await site.until_delivered(1)
            assert site.reports() == [DELIVERED]
        assert await arrived(server) == {report_id: 1}
        assert [entry.status for entry in server.journal.entries] == [200, 409]


async def test_no_more_reports_are_sent_a_minute_than_allowed(tmp_path: Path) -> None:
    async with open_devserver() as server:
        with site_at(tmp_path, server.url, server={"requests_per_minute": 5}) as site:
            async with site.running():
                site.drop_reports("run", *range(8))
                await site.until_delivered(5)
                # Whatever may be sent at all is sent now; this one comes later and waits, too.
                site.drop_reports("run", 8)
                await site.until_event("file converted", times=9)
            assert sorted(site.reports()) == [DELIVERED] * 5 + [("PENDING", None, 0)] * 4
        assert server.journal.submits == 5


async def test_the_configuration_of_a_file_reaches_the_server(tmp_path: Path) -> None:
    """The same through the file that users write, so that no option is lost on the way."""
    from pywats_trio.config.load import load

    async with open_devserver(token="dGVzdDp0ZXN0") as server:
        config = load(write_config(tmp_path, server.url), environ={})
        site = Site(tmp_path, config)
        with recorded(site):
            async with site.running():
                dropped = site.drop("a.json", data.report("run", 1, SIZE))
                await site.until_delivered(1)
        assert await server.body(data.report_id("run", 1)) == data.report("run", 1, SIZE)
        assert not dropped.exists()
        assert (tmp_path / "drop" / "Done" / "a.json").read_bytes() == data.report("run", 1, SIZE)
