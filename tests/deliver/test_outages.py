"""Servers that fail in every way: what waits, what is charged, and that all recovers by itself."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
import structlog.testing
import trio
import trio.testing

from pywats_trio.config.options import RetryOptions
from pywats_trio.deliver.classes import Class
from pywats_trio.model import State
from tests.deliver.loopback import (
    Seen,
    close,
    hang,
    http,
    identity,
    serving,
    then_close,
    wats,
)
from tests.deliver.pumping import (
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
    from collections.abc import AsyncIterator, Mapping

    from pywats_trio.deliver.pump import Pump


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
        await queue.put(*[report(number) for number in range(51)])
        retry = RetryOptions(base_seconds=0.01, max_seconds=0.05)
        async with serving(answer) as server, running(make(queue, server, retry)):
            # The bad one stays behind if it was not charged three times before they were through.
            await until(queue, lambda: queue.count(State.COMPLETED) == 50)
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
    with structlog.testing.capture_logs() as logs:
        server = await deliver(queue, first_posts(5, http(500)), report(1, max_attempts=1))
    assert len(events(logs, "report not taken, another one is tried")) == 5
    item = (await queue.reports())[1]
    assert (item.state, item.attempts) == (State.COMPLETED, 1)
    assert len(server.posts()) == 6
