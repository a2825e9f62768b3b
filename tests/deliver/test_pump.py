"""The delivery part as a whole: the real queue, real loopback servers, every class of answer."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import apsw
import pytest
import structlog.testing
import trio
import trio.testing
from attrs import evolve

from pywats_trio import __version__, faultpoint
from pywats_trio.config.options import RetryOptions
from pywats_trio.deliver.breaker import Circuit
from pywats_trio.deliver.pump import HASHED_IN_PLACE
from pywats_trio.errors import StoreError
from pywats_trio.faultpoint import InjectedFault
from pywats_trio.model import Kind, Problem, Reason, State, Wait
from pywats_trio.queue.sqlite_store import SqliteStore
from tests.deliver.loopback import (
    Seen,
    hang,
    http,
    identity,
    serving,
    wats,
)
from tests.deliver.pumping import (
    PATIENCE,
    Queue,
    deliver,
    events,
    first_posts,
    make,
    report,
    report_id,
    running,
    until,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.queue.actions import Action
    from pywats_trio.queue.selection import Selection


@pytest.mark.parametrize("transport", ["auto", "httpx"])
async def test_reports_are_delivered_unchanged_after_the_version_is_known(
    queue: Queue, transport: str
) -> None:
    envelopes = [report(number) for number in range(20)]
    with structlog.testing.capture_logs() as logs:
        server = await deliver(queue, wats, *envelopes, transport=transport)
    assert [seen.target for seen in server.requests[:1]] == ["/api/App/Version"]
    assert sorted(seen.body for seen in server.posts()) == [e.payload for e in envelopes]
    post = server.posts()[0]
    assert post.target == "/api/Report/WSJF"
    assert post.headers["authorization"] == "Basic dG9rZW4="
    assert post.headers["content-type"] == "application/json"
    assert post.headers["accept"] == "application/json"
    assert post.headers["user-agent"] == f"pywats-trio/{__version__}"
    delivered = events(logs, "report delivered")
    assert {entry["serial_number"] for entry in delivered} == {e.serial_number for e in envelopes}
    assert {entry["correlation_id"] for entry in delivered} == {e.correlation_id for e in envelopes}
    assert all(entry["status"] == 200 and entry["seconds"] >= 0 for entry in delivered)
    assert "dG9rZW4=" not in str(logs)


async def test_a_base_path_stands_before_every_request(queue: Queue) -> None:
    await queue.put(report(1))
    async with serving() as server:
        url = f"http://127.0.0.1:{server.port}/wats site/api/"
        async with running(make(queue, server, url=url)):
            await until(queue, lambda: queue.count(State.COMPLETED) == 1)
    assert [seen.target for seen in server.requests] == [
        "/wats%20site/api/App/Version",
        "/wats%20site/api/Report/WSJF",
    ]


async def test_without_a_token_no_authorization_is_sent(queue: Queue) -> None:
    server = await deliver(queue, wats, report(1), token="")
    assert "authorization" not in server.posts()[0].headers


async def test_never_more_in_flight_than_max_connections(queue: Queue) -> None:
    server = await deliver(queue, wats, *map(report, range(40)), max_connections=3)
    assert server.connections <= 3


async def test_without_an_address_nothing_is_claimed_and_one_line_says_so(queue: Queue) -> None:
    await queue.put(report(1))
    pump = make(queue, None)
    with structlog.testing.capture_logs() as logs:
        async with running(pump):
            await trio.testing.wait_all_tasks_blocked()
            assert pump.status().circuit is None
    assert queue.count(State.PENDING) == 1
    assert len(events(logs, "no server is configured")) == 1


@pytest.mark.parametrize(
    ("reply", "max_attempts", "posts"),
    [
        (http(415), 1, 1),
        (http(415), 3, 3),
        (http(415, b'"never"'), 3, 3),
        (http(400), 3, 3),
        (http(400, b'{"Message":"unknown process 77"}'), 3, 1),
        (http(422, b'{"errors":{"sn":["too long"]}}'), 3, 1),
        (http(413), 3, 1),
    ],
)
async def test_a_refused_report_fails_after_exactly_its_attempts(
    queue: Queue, reply: bytes, max_attempts: int, posts: int
) -> None:
    envelopes = [evolve(report(1), max_attempts=max_attempts), report(2)]

    def answer(seen: Seen) -> Any:
        return reply if seen.body and identity(seen) == report_id(1) else wats(seen)

    with structlog.testing.capture_logs() as logs:
        server = await deliver(queue, answer, *envelopes)
    items = await queue.reports()
    assert (items[1].state, items[2].state) == (State.FAILED, State.COMPLETED)
    assert items[1].attempts == posts
    assert sum(identity(seen) == report_id(1) for seen in server.posts()) == posts
    refused = events(logs, "report refused")
    assert len(refused) == posts
    assert refused[0]["error"] == items[1].last_error


@pytest.mark.parametrize(("there", "state"), [(True, State.COMPLETED), (False, State.FAILED)])
async def test_after_a_409_the_id_is_asked_back(queue: Queue, there: bool, state: State) -> None:
    def answer(seen: Seen) -> Any:
        if seen.method == "POST":
            return http(409)
        if seen.target.startswith("/api/Report"):
            body = b'{"id":"%s"}' % report_id(1).upper().encode()
            return http(200, body) if there else http(404)
        return wats(seen)

    server = await deliver(queue, answer, report(1, max_attempts=1))
    assert (await queue.reports())[1].state is state
    target = f"/api/Report/Wsjf/{report_id(1)}?detailLevel=0"
    assert [seen.target for seen in server.requests].count(target) == 1


async def test_retry_after_is_waited_for(queue: Queue) -> None:
    moments = []

    def answer(seen: Seen) -> Any:
        if seen.method == "POST":
            moments.append(trio.current_time())
            if len(moments) == 1:
                return http(429, b"", "Retry-After: 0.4")
        return wats(seen)

    await deliver(queue, answer, report(1, max_attempts=1))
    assert moments[1] - moments[0] >= 0.4


@pytest.mark.parametrize("size", [0, HASHED_IN_PLACE + 1])
async def test_a_damaged_report_is_quarantined_and_never_sent(queue: Queue, size: int) -> None:
    await queue.put(report(1, size=size), report(2, size=size))
    connection = apsw.Connection(str(queue.file))
    connection.execute(
        "UPDATE items SET sha256 = ? WHERE report_id = ?",
        (hashlib.sha256(b"other").hexdigest(), report_id(1)),
    )
    connection.close()
    async with serving() as server, running(make(queue, server)):
        await until(queue, lambda: queue.count(State.COMPLETED, State.QUARANTINED) == 2)
    items = await queue.reports()
    assert (items[1].state, items[2].state) == (State.QUARANTINED, State.COMPLETED)
    assert "checksum" in items[1].last_error
    assert {identity(seen) for seen in server.posts()} == {report_id(2)}


async def test_the_receipt_is_the_answer_cut_to_a_kilobyte(queue: Queue) -> None:
    body = b'{"ID":"%s","remark":"%s"}' % (report_id(1).encode(), b"x" * 5000)

    def answer(seen: Seen) -> Any:
        return http(200, body) if seen.method == "POST" else wats(seen)

    await deliver(queue, answer, report(1))
    connection = apsw.Connection(str(queue.file))
    receipt = connection.execute("SELECT receipt FROM items").get
    connection.close()
    assert receipt.startswith('{"ID":"')
    assert len(receipt.encode()) == 1024


async def test_reports_that_wait_from_a_former_life_go_on_at_once(queue: Queue) -> None:
    await queue.put(report(1))
    (claim,) = await queue.store.claim(Kind.REPORT, 1, "former")
    await queue.store.finish(claim, Wait(3600.0, Reason.SERVER, Problem("server", "away")))
    async with serving() as server, running(make(queue, server)):
        await until(queue, lambda: queue.count(State.COMPLETED) == 1)


async def test_the_pace_holds_back_what_goes_beyond_and_a_drain_gives_it_back(
    queue: Queue,
) -> None:
    await queue.put(*map(report, range(6)))
    async with serving() as server:
        pump = make(queue, server, requests_per_minute=2, max_connections=2)
        async with running(pump):
            with trio.fail_after(PATIENCE):
                while not (pump.status().paced and len(server.posts()) == 2):
                    await trio.lowlevel.checkpoint()
            before = trio.current_time()
        assert trio.current_time() - before < 1
    assert queue.count(State.PENDING) == 4
    assert len(server.posts()) == 2


async def test_what_waited_for_the_pace_is_not_sent_into_an_outage(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pywats_trio.deliver.pace.WINDOW", 0.1)
    slow = RetryOptions(base_seconds=3000.0, max_seconds=3000.0)
    await queue.put(report(1), report(2))
    answer = first_posts(1, http(503))
    async with (
        serving(answer) as server,
        running(make(queue, server, slow, requests_per_minute=1)),
    ):
        await until(queue, lambda: queue.count(State.SUSPENDED) == 2)
    items = await queue.reports()
    assert {item.attempts for item in items.values()} == {0}
    assert {item.error_kind for item in items.values()} == {"server"}
    assert len(server.posts()) == 1


async def test_a_drain_finishes_what_is_on_its_way(queue: Queue) -> None:
    await queue.put(*map(report, range(4)))
    go = trio.Event()

    def answer(seen: Seen) -> Any:
        async def later(stream: trio.abc.Stream) -> bool:
            await go.wait()
            await stream.send_all(wats(seen))
            return True

        return later if seen.method == "POST" else wats(seen)

    async with serving(answer) as server, running(make(queue, server, max_connections=2)) as pump:
        await until(queue, lambda: len(server.posts()) == 2, server)
        pump.drain()
        go.set()
    assert queue.count(State.COMPLETED) == 2
    assert queue.count(State.PENDING) == 2


async def test_a_cancelled_pump_gives_its_reports_back(queue: Queue) -> None:
    await queue.put(*map(report, range(3)))

    def answer(seen: Seen) -> Any:
        return hang if seen.method == "POST" else wats(seen)

    async with serving(answer) as server, trio.open_nursery() as nursery:
        await nursery.start(make(queue, server).run)
        await until(queue, lambda: len(server.posts()) == 3, server)
        nursery.cancel_scope.cancel()
    items = await queue.reports()
    assert {(item.state, item.attempts) for item in items.values()} == {(State.PENDING, 0)}


async def test_a_new_token_in_its_file_ends_the_outage(queue: Queue, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old\n")

    def answer(seen: Seen) -> Any:
        return wats(seen) if seen.headers["authorization"] == "Basic new" else http(401)

    await queue.put(report(1, max_attempts=1))
    async with serving(answer) as server:
        pump = make(queue, server, token="old", token_file=file)
        async with running(pump):
            await until(queue, lambda: pump.status().outage is not None)
            file.unlink()
            seen = len(server.requests)
            pump.probe_now()
            await until(queue, lambda: len(server.requests) > seen, server)
            file.write_text("new\n")
            pump.probe_now()
            await until(queue, lambda: queue.count(State.COMPLETED) == 1)


async def test_status_names_the_outage_and_the_servers_version(queue: Queue) -> None:
    slow = RetryOptions(base_seconds=3000.0, max_seconds=3000.0)
    await queue.put(report(1))
    async with serving(first_posts(1, http(503, b'"upgrade"'))) as server:
        pump = make(queue, server, retry=slow)
        assert pump.status().circuit is Circuit.OPEN
        async with running(pump):
            await until(queue, lambda: queue.count(State.SUSPENDED) == 1)
            status = pump.status()
            assert (status.circuit, status.server_version) == (Circuit.OPEN, "2025.3.9.824")
            assert status.outage is not None
            assert "upgrade" in status.outage.problem.message
            assert status.next_try_in >= 300
            pump.probe_now()
            assert pump.status().circuit is Circuit.HALF_OPEN


class FullDisk(SqliteStore):
    """A store whose first `change` fails, as on a full disk."""

    refusals = 1

    async def change(self, selection: Selection, action: Action, who: str) -> int:
        if self.refusals:
            self.refusals -= 1
            await trio.lowlevel.checkpoint()
            raise StoreError("disk full")
        return await super().change(selection, action, who)


async def test_accounts_that_cannot_be_kept_now_are_kept_later(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pywats_trio.deliver.accounts.RETRY_SECONDS", 0.01)
    queue.store.__class__ = FullDisk
    await queue.put(report(1))
    (claim,) = await queue.store.claim(Kind.REPORT, 1, "former")
    await queue.store.finish(claim, Wait(3600.0, Reason.SERVER, Problem("server", "away")))
    with structlog.testing.capture_logs() as logs:
        async with serving() as server, running(make(queue, server)):
            await until(queue, lambda: queue.count(State.COMPLETED) == 1)
    assert len(events(logs, "cannot change what waits for the server")) == 1


@pytest.mark.parametrize(
    ("point", "posts"), [("deliver.claimed", 0), ("deliver.sent", 1), ("deliver.answered", 1)]
)
async def test_a_pump_that_crashes_at_any_point_delivers_under_the_same_id_afterwards(
    queue: Queue, point: str, posts: int, request: pytest.FixtureRequest
) -> None:
    await queue.put(report(1, max_attempts=1))
    faultpoint.arm(f"{point}=raise@1")
    request.addfinalizer(lambda: faultpoint.arm(""))
    async with serving() as server:
        pump = make(queue, server)
        with pytest.RaisesGroup(InjectedFault, flatten_subgroups=True):
            await pump.run()
        assert len(server.posts()) == posts
        async with running(pump):
            await until(queue, lambda: queue.count(State.COMPLETED) == 1)
    item = (await queue.reports())[1]
    assert (item.attempts, item.interruptions) == (1, 1)
    assert {identity(seen) for seen in server.posts()} == {report_id(1)}
    assert len(server.posts()) == posts + 1


def test_httpx_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys, pywats_trio.deliver.pump; sys.exit('httpx' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
