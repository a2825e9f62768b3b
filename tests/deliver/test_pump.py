"""The delivery part as a whole: the real queue, real loopback servers, every class of answer."""

from __future__ import annotations

import contextlib
import hashlib
import random
from typing import TYPE_CHECKING, Any

import apsw
import pytest
import structlog.testing
import trio
import trio.testing
from attrs import evolve, frozen

from pywats_trio import __version__
from pywats_trio.config.options import RetryOptions, ServerOptions
from pywats_trio.deliver.breaker import Circuit
from pywats_trio.deliver.classes import Class
from pywats_trio.deliver.pump import HASHED_IN_PLACE, Pump
from pywats_trio.errors import StoreError
from pywats_trio.faultpoint import InjectedFault
from pywats_trio.model import Envelope, Item, Kind, Problem, Reason, State, Wait
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.sqlite_store import SqliteStore, open_store
from pywats_trio.queue.store import Topic
from tests.deliver.loopback import (
    Loopback,
    Seen,
    close,
    hang,
    http,
    identity,
    serving,
    then_close,
    wats,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
    from pathlib import Path

    from pywats_trio.bell import Ticket
    from pywats_trio.queue.desk import SqliteDesk
    from pywats_trio.queue.store import Charge, Resume, Selection

FAST = RetryOptions(base_seconds=0.01, max_seconds=0.05, max_attempts=3)
PATIENCE = 10.0


def report_id(number: int) -> str:
    return f"0b9f6c1e-0000-4000-8000-{number:012d}"


def report(number: int, *, max_attempts: int = 3, size: int = 0) -> Envelope:
    return Envelope(
        Kind.REPORT,
        "ict",
        "/drop/file.json",
        payload=b'{"id":"%s" %s}' % (report_id(number).encode(), b" " * size),
        report_id=report_id(number),
        serial_number=f"SN-{number}",
        max_attempts=max_attempts,
        correlation_id=f"drop-{number}",
    )


@frozen
class Queue:
    store: SqliteStore
    desk: SqliteDesk
    file: Path

    async def put(self, *envelopes: Envelope) -> None:
        await self.store.put(envelopes)

    def count(self, *states: State) -> int:
        return self.store.counts().of(Kind.REPORT, *states)

    async def reports(self) -> dict[int, Item]:
        """By the number of their id."""
        items = await self.desk.items(limit=1000)
        return {int(item.report_id[-12:]): item for item in items if item.report_id}

    def history(self, event: str) -> int:
        connection = apsw.Connection(str(self.file))
        try:
            found = connection.execute("SELECT count(*) FROM history WHERE event = ?", (event,))
            return int(found.get)
        finally:
            connection.close()


@pytest.fixture
async def queue(tmp_path: Path) -> AsyncIterator[Queue]:
    file = tmp_path / "queue.db"
    async with open_store(file) as store, open_desk(file) as desk:
        yield Queue(store, desk, file)


def make(queue: Queue, server: Loopback | None, retry: RetryOptions = FAST, **options: Any) -> Pump:
    defaults = {"token": "dG9rZW4=", "timeout_seconds": 5.0, "requests_per_minute": 0}
    url = f"http://127.0.0.1:{server.port}" if server else ""
    return Pump(
        queue.store,
        ServerOptions(**{"url": url, **defaults, **options}),
        retry,
        owner="deliver",
        random=random.Random(1),
    )


@contextlib.asynccontextmanager
async def running(pump: Pump) -> AsyncIterator[Pump]:
    async with trio.open_nursery() as nursery:
        await nursery.start(pump.run)
        yield pump
        pump.drain()


async def until(
    queue: Queue, condition: Callable[[], bool], server: Loopback | None = None
) -> None:
    """Wait for the bells of the store, and of the server, until `condition` is true."""
    bells = [queue.store.bell(topic) for topic in (Topic.REPORT, Topic.ROOM)]
    if server is not None:
        bells.append(server.bell)

    async def first(ticket: Ticket, stop: trio.CancelScope) -> None:
        await ticket.wait()
        stop.cancel()

    with trio.fail_after(PATIENCE):
        while True:
            tickets = [bell.ticket() for bell in bells]
            if condition():
                return
            async with trio.open_nursery() as nursery:
                for ticket in tickets:
                    nursery.start_soon(first, ticket, nursery.cancel_scope)


async def deliver(
    queue: Queue, answer: Callable[[Seen], Any], *envelopes: Envelope, **options: Any
) -> Loopback:
    """Run a pump until every report is finished."""
    await queue.put(*envelopes)
    async with serving(answer) as server, running(make(queue, server, **options)):
        finished = (State.COMPLETED, State.FAILED, State.QUARANTINED)
        await until(queue, lambda: queue.count(*finished) == len(envelopes))
    return server


def first_posts(times: int, reply: Any) -> Callable[[Seen], Any]:
    """A server that misbehaves at its first POSTs and is right ever after."""
    left = [times]

    def answer(seen: Seen) -> Any:
        if seen.method == "POST" and left[0] > 0:
            left[0] -= 1
            return reply
        return wats(seen)

    return answer


def events(logs: list[MutableMapping[str, Any]], event: str) -> list[MutableMapping[str, Any]]:
    return [entry for entry in logs if entry["event"] == event]


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


OUTAGES: Mapping[str, tuple[Any, Class]] = {
    "503": (http(503), Class.SERVER),
    "502 page": (http(502, b"<html>Bad Gateway</html>"), Class.SERVER),
    "408": (http(408), Class.SERVER),
    "429": (http(429, b"", "Retry-After: 0"), Class.THROTTLED),
    "302": (http(302, b"", "Location: /login"), Class.MISDIRECTED),
    "200 page": (http(200, b"<html>Sign in</html>"), Class.MISDIRECTED),
    "404": (http(404), Class.MISDIRECTED),
    "401": (http(401), Class.AUTH),
    "403": (http(403, b'{"Message":"role"}'), Class.AUTH),
    "close": (close, Class.PROTOCOL),
    "close in mid-answer": (then_close(http(200, b"{}")[:-1]), Class.PROTOCOL),
    "garbage": (b"SMTP\r\n\r\n", Class.PROTOCOL),
    "other id": (http(200, b'{"ID":"%s"}' % report_id(99).encode()), Class.PROTOCOL),
}


@pytest.mark.parametrize("name", OUTAGES)
async def test_every_outage_ends_by_itself_and_costs_no_attempt(queue: Queue, name: str) -> None:
    reply, kind = OUTAGES[name]
    with structlog.testing.capture_logs() as logs:
        server = await deliver(
            queue,
            first_posts(6, reply),
            *[report(number, max_attempts=1) for number in range(12)],
        )
    items = await queue.reports()
    assert {item.state for item in items.values()} == {State.COMPLETED}
    assert {item.attempts for item in items.values()} == {1}
    assert {identity(seen) for seen in server.posts()} == {report_id(n) for n in range(12)}
    begun = events(logs, "deliveries suspended")
    assert begun[0]["reason"] == kind
    assert begun[0]["log_level"] == ("error" if kind is Class.AUTH else "warning")
    assert begun[0]["next_try_seconds"] >= 0
    assert len(events(logs, "deliveries resumed")) == len(begun)


async def test_a_server_that_always_fails_is_an_outage(queue: Queue) -> None:
    await queue.put(*[report(number, max_attempts=1) for number in range(4)])
    answer = first_posts(8, http(500))
    async with serving(answer) as server, running(make(queue, server)):
        await until(queue, lambda: queue.count(State.COMPLETED) == 4)
    assert len(server.posts()) >= 12


async def test_a_server_that_is_not_there_yet_is_waited_for(queue: Queue) -> None:
    await queue.put(report(1, max_attempts=1))
    with trio.socket.socket() as place:
        await place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    pump = make(queue, None, url=f"http://127.0.0.1:{port}")
    async with running(pump):
        await until(queue, lambda: pump.status().outage is not None)
        outage = pump.status().outage
        assert outage is not None
        assert outage.kind is Class.CONNECT
        assert f"127.0.0.1:{port}" in outage.problem.message
        assert queue.count(State.PENDING) == 1
        async with trio.open_nursery() as nursery:
            async with serving_on(port, nursery):
                await until(queue, lambda: queue.count(State.COMPLETED) == 1)
            nursery.cancel_scope.cancel()
    assert pump.status().outage is None


@contextlib.asynccontextmanager
async def serving_on(port: int, nursery: trio.Nursery) -> AsyncIterator[None]:
    """A WATS server behind a given port."""
    async with serving() as server:

        async def forward(client: trio.SocketStream) -> None:
            upstream = await trio.open_tcp_stream("127.0.0.1", server.port)
            async with upstream, trio.open_nursery() as both:
                both.start_soon(copy, client, upstream)
                both.start_soon(copy, upstream, client)

        async def copy(source: trio.SocketStream, target: trio.SocketStream) -> None:
            with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                async for data in source:
                    await target.send_all(data)
                await target.send_eof()

        listeners = await trio.open_tcp_listeners(port, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, forward, listeners)
        yield


@pytest.mark.parametrize("body", [b"<html>", b'"hello"', b"{}", b""])
async def test_an_address_that_is_no_wats_server_gets_no_report(queue: Queue, body: bytes) -> None:
    await queue.put(report(1))
    async with serving(lambda _seen: http(200, body)) as server:
        pump = make(queue, server)
        async with running(pump):
            await until(queue, lambda: len(server.requests) >= 3, server)
            outage = pump.status().outage
    assert outage is not None
    assert outage.kind is Class.MISDIRECTED
    assert server.posts() == []
    assert queue.count(State.PENDING) == 1


async def test_one_report_that_always_gets_500_delays_none_of_the_others(queue: Queue) -> None:
    bad = report_id(0)

    def answer(seen: Seen) -> Any:
        return http(500, b'"boom"') if seen.body and identity(seen) == bad else wats(seen)

    with structlog.testing.capture_logs() as logs:
        # No interval is waited out: another one would be longer than the test's patience.
        server = await deliver(
            queue,
            answer,
            *[report(number) for number in range(51)],
            retry=RetryOptions(base_seconds=0.01, max_seconds=0.05),
        )
    items = await queue.reports()
    assert items[0].state in {State.FAILED, State.SUSPENDED, State.PENDING}
    assert {items[number].state for number in range(1, 51)} == {State.COMPLETED}
    assert {items[number].attempts for number in range(1, 51)} == {1}
    assert events(logs, "deliveries suspended") == []
    assert len(server.posts()) == 50 + sum(identity(seen) == bad for seen in server.posts())


async def feed_until_failed(queue: Queue, pump: Pump, bad: int) -> None:
    """Keep good reports coming until the bad one has failed."""
    async with running(pump):
        for number in range(1000, 1200):
            await queue.put(report(number))
            await until(queue, lambda: queue.count(State.PENDING, State.PROCESSING) == 0)
            if queue.count(State.FAILED):
                return
        raise AssertionError(f"report {bad} never failed")


@pytest.mark.parametrize("max_attempts", [1, 3])
async def test_a_report_that_the_server_chokes_on_fails_after_its_attempts(
    queue: Queue, max_attempts: int
) -> None:
    await queue.put(report(7, max_attempts=max_attempts))

    def answer(seen: Seen) -> Any:
        poison = seen.method == "POST" and identity(seen) == report_id(7)
        return http(500, b'"boom"') if poison else wats(seen)

    with structlog.testing.capture_logs() as logs:
        async with serving(answer) as server:
            await feed_until_failed(queue, make(queue, server), 7)
    item = (await queue.reports())[7]
    assert (item.state, item.attempts) == (State.FAILED, max_attempts)
    assert "boom" in item.last_error
    assert len(events(logs, "the server fails on this report")) == max_attempts
    assert events(logs, "deliveries suspended") == []


async def test_a_report_that_the_server_hangs_on_is_charged_too(queue: Queue) -> None:
    await queue.put(report(7, max_attempts=1))

    def answer(seen: Seen) -> Any:
        poison = seen.method == "POST" and identity(seen) == report_id(7)
        return hang if poison else wats(seen)

    async with serving(answer) as server:
        await feed_until_failed(queue, make(queue, server, timeout_seconds=0.1), 7)
    item = (await queue.reports())[7]
    assert (item.state, item.error_kind) == (State.FAILED, "timeout")


async def test_a_lone_report_with_500_waits_and_is_delivered_when_the_server_can(
    queue: Queue,
) -> None:
    server = await deliver(queue, first_posts(5, http(500)), report(1, max_attempts=1))
    item = (await queue.reports())[1]
    assert (item.state, item.attempts) == (State.COMPLETED, 1)
    assert len(server.posts()) == 6


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
                while not (pump.status().paced and queue.count(State.PROCESSING) == 2):
                    await trio.lowlevel.checkpoint()
            assert len(server.posts()) == 2
            before = trio.current_time()
        assert trio.current_time() - before < 1
    assert queue.count(State.PENDING) == 4
    assert len(server.posts()) == 2


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

    async def change(self, selection: Selection, action: Resume | Charge, who: str) -> int:
        if self.refusals:
            self.refusals -= 1
            await trio.lowlevel.checkpoint()
            raise StoreError("disk full")
        return await super().change(selection, action, who)


async def test_accounts_that_cannot_be_kept_now_are_kept_later(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pywats_trio.deliver.pump.STORE_RETRY_SECONDS", 0.01)
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
    queue: Queue, point: str, posts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pywats_trio import faultpoint

    await queue.put(report(1, max_attempts=1))
    monkeypatch.setattr(faultpoint, "_faults", {point: faultpoint._Fault("raise", 1, 1)})
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
