"""The serving helper against clients as they are: idle, greedy, silent, gone."""

from __future__ import annotations

import inspect
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import attrs
import httpx
import pytest
import trio
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from quart import Response
from quart_trio import QuartTrio

from pywats_trio.errors import StartError
from pywats_trio.health.serve import address_of, bind, finishing, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hypercorn.typing import (
        ASGIFramework,
        ASGIReceiveCallable,
        ASGIReceiveEvent,
        ASGISendCallable,
        ASGISendEvent,
        HTTPResponseBodyEvent,
        Scope,
    )

PROMPT = 0.3
"""Seconds in which a stop has to be through, whatever a client does."""
BIG = 64 * 2**20


@attrs.define
class Site:
    """An app with one route for each kind of answer, and how far it got."""

    app: QuartTrio
    streaming: trio.Event
    hanging: trio.Event
    release: trio.Event


def make_site() -> Site:
    app = QuartTrio(__name__)
    site = Site(app, trio.Event(), trio.Event(), trio.Event())

    @app.get("/")
    async def index() -> str:
        return "hello"

    @app.get("/events")
    async def events() -> Response:
        async def forever() -> AsyncIterator[bytes]:
            yield b"data: 1\n\n"
            site.streaming.set()
            await trio.sleep_forever()

        answer = Response(forever(), content_type="text/event-stream")
        answer.timeout = None
        return answer

    @app.get("/big")
    async def big() -> bytes:
        return bytes(BIG)

    @app.get("/held")
    async def held() -> str:
        site.hanging.set()
        await site.release.wait()
        return "let go"

    @app.get("/broken")
    async def broken() -> Response:
        async def short() -> AsyncIterator[bytes]:
            yield b"x"
            raise RuntimeError("broken in mid-answer")

        return Response(short(), headers={"Content-Length": "10"})

    return site


@attrs.define
class Served:
    site: Site
    address: str
    serving: trio.CancelScope
    stop: trio.Event
    ended: trio.Event

    async def connect(self) -> trio.SocketStream:
        host, port = self.address.rsplit(":", 1)
        return await trio.open_tcp_stream(host.strip("[]"), int(port))


@asynccontextmanager
async def served(app: ASGIFramework | None = None, **options: float) -> AsyncIterator[Served]:
    site, stop, ended, serving = make_site(), trio.Event(), trio.Event(), trio.CancelScope()

    async def run(task_status: trio.TaskStatus[str]) -> None:
        limit = int(options.get("max_connections", 100))
        with serving:
            await serve(
                app or site.app,
                bind("127.0.0.1", 0),
                max_connections=limit,
                keep_alive_seconds=options.get("keep_alive_seconds", 30.0),
                stop=stop,
                grace_seconds=options.get("grace_seconds", 0.1),
                task_status=task_status,
            )
        ended.set()

    async with trio.open_nursery() as nursery:
        address: str = await nursery.start(run)
        yield Served(site, address, serving, stop, ended)
        nursery.cancel_scope.cancel()


async def stopped_in(server: Served, *, how: str) -> float:
    began = trio.current_time()
    with trio.fail_after(10):
        if how == "stop":
            server.stop.set()
        else:
            server.serving.cancel()
        await server.ended.wait()
    return trio.current_time() - began


async def ask(stream: trio.SocketStream, path: str, *more: str) -> None:
    head = "\r\n".join((f"GET {path} HTTP/1.1", "Host: x", *more, "", ""))
    await stream.send_all(head.encode())


async def read_answer(stream: trio.SocketStream, *, end: bytes = b"hello") -> bytes:
    got = b""
    with trio.fail_after(5):
        while not got.endswith(end):
            piece = await stream.receive_some()
            assert piece, f"the connection ended after {got!r}"
            got += piece
    return got


both_ways = pytest.mark.parametrize("how", ["stop", "cancel"])


async def test_a_request_is_answered_at_the_address_it_started_with() -> None:
    async with served() as server, httpx.AsyncClient() as client:
        answer = await client.get(f"http://{server.address}/")
    assert (answer.status_code, answer.text) == (200, "hello")
    assert "server" not in answer.headers


async def test_a_connection_is_kept_alive_for_the_next_request() -> None:
    async with served() as server:
        stream = await server.connect()
        async with stream:
            for _ in range(3):
                await ask(stream, "/")
                await read_answer(stream)


async def test_connection_close_is_obeyed_at_once() -> None:
    async with served() as server, await server.connect() as stream:
        await ask(stream, "/", "Connection: close")
        await read_answer(stream)
        with trio.fail_after(1):
            assert await stream.receive_some() == b""


async def test_an_idle_connection_is_closed_after_its_keep_alive_time() -> None:
    async with served(keep_alive_seconds=0.05) as server, await server.connect() as stream:
        await ask(stream, "/")
        await read_answer(stream)
        with trio.fail_after(1):
            assert await stream.receive_some() == b""


async def test_a_client_that_never_asks_is_closed_after_the_keep_alive_time() -> None:
    async with served(keep_alive_seconds=0.05) as server, await server.connect() as stream:
        with trio.fail_after(1):
            assert await stream.receive_some() == b""


@both_ways
async def test_an_idle_server_stops_at_once(how: str) -> None:
    async with served() as server:
        assert await stopped_in(server, how=how) < PROMPT


@both_ways
async def test_an_idle_keep_alive_client_does_not_hold_the_stop(how: str) -> None:
    async with served() as server, await server.connect() as stream:
        await ask(stream, "/")
        await read_answer(stream)
        assert await stopped_in(server, how=how) < PROMPT


@both_ways
async def test_an_open_event_stream_does_not_hold_the_stop(how: str) -> None:
    async with served() as server, await server.connect() as stream:
        await ask(stream, "/events")
        await server.site.streaming.wait()
        assert await stopped_in(server, how=how) < PROMPT


@both_ways
async def test_a_client_that_never_reads_does_not_hold_the_stop(how: str) -> None:
    async with served() as server, await server.connect() as stream:
        await ask(stream, "/big")
        await read_answer(stream, end=b"\0")  # the body has begun; no more is read
        assert await stopped_in(server, how=how) < PROMPT


@both_ways
async def test_a_request_without_an_answer_does_not_hold_the_stop(how: str) -> None:
    async with served() as server, await server.connect() as stream:
        await ask(stream, "/held")
        await server.site.hanging.wait()
        assert await stopped_in(server, how=how) < PROMPT


@both_ways
async def test_an_app_that_never_looks_at_its_client_does_not_hold_the_stop(how: str) -> None:
    asked = trio.Event()

    async def deaf(_scope: Scope, _receive: ASGIReceiveCallable, _send: ASGISendCallable) -> None:
        asked.set()
        await trio.sleep_forever()

    async with served(deaf) as server, await server.connect() as stream:
        await ask(stream, "/")
        await asked.wait()
        assert await stopped_in(server, how=how) < PROMPT


@both_ways
async def test_a_client_that_speaks_http_2_does_not_hold_the_stop(how: str) -> None:
    async with served() as server, await server.connect() as stream:
        await ask(stream, "/", "Connection: upgrade", "Upgrade: h2c", "HTTP2-Settings: ")
        with trio.fail_after(1):
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 101")
        assert await stopped_in(server, how=how) < PROMPT


async def test_an_answer_under_way_may_finish_within_the_grace_time() -> None:
    async with served(grace_seconds=10) as server, await server.connect() as stream:
        await ask(stream, "/held")
        await server.site.hanging.wait()
        server.stop.set()
        await trio.testing.wait_all_tasks_blocked()
        server.site.release.set()
        answer = await read_answer(stream, end=b"let go")
        with trio.fail_after(1):
            await server.ended.wait()
    assert answer.startswith(b"HTTP/1.1 200")


async def test_nothing_new_is_accepted_while_the_last_answers_finish() -> None:
    async with served(grace_seconds=10) as server, await server.connect() as stream:
        await ask(stream, "/held")
        await server.site.hanging.wait()
        server.stop.set()
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(OSError, match="connect"):
            await server.connect()
        server.site.release.set()


@pytest.mark.parametrize("said", [b"", b"GET / HT"], ids=["nothing", "half a request"])
async def test_who_asks_for_nothing_gives_way_to_a_client_beyond_the_limit(said: bytes) -> None:
    async with served(max_connections=2) as server:
        first, second, third = [await server.connect() for _ in range(3)]
        async with first, second, third:
            if said:
                await first.send_all(said)
            await ask(third, "/")
            await read_answer(third)
            assert await ended(first)  # it had been idle longest
            await ask(second, "/")
            await read_answer(second)


async def test_clients_at_the_limit_are_left_alone() -> None:
    async with served(max_connections=2) as server:
        first, second = [await server.connect() for _ in range(2)]
        async with first, second:
            for stream in (second, first, second):
                await ask(stream, "/")
                await read_answer(stream)


async def test_a_client_beyond_the_limit_waits_while_all_are_being_answered() -> None:
    async with served(max_connections=1) as server, await server.connect() as first:
        await ask(first, "/held")
        await server.site.hanging.wait()
        async with await server.connect() as second:
            await ask(second, "/")
            with trio.move_on_after(0.1) as waiting:
                await second.receive_some()
            assert waiting.cancelled_caught
            server.site.release.set()
            await read_answer(first, end=b"let go")
            await read_answer(second)  # once the first asks for nothing any more


async def ended(stream: trio.SocketStream) -> bool:
    """Whether the server has closed this connection."""
    with trio.fail_after(5):
        try:
            return await stream.receive_some() == b""
        except trio.BrokenResourceError:
            return True


async def test_an_answer_that_breaks_off_closes_its_connection_and_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with served() as server, httpx.AsyncClient() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"http://{server.address}/broken")
        answer = await client.get(f"http://{server.address}/")
    assert answer.status_code == 200
    assert "broken in mid-answer" in caplog.text


async def test_what_is_no_http_gets_400_and_ends_no_server() -> None:
    async with served() as server:
        async with await server.connect() as stream:
            await stream.send_all(b"\x16\x03\x01 this is TLS\r\n\r\n")
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 400")
        async with await server.connect() as stream:
            await ask(stream, "/")
            await read_answer(stream)


async def test_an_error_in_the_handling_of_a_connection_ends_only_that(
    capsys: pytest.CaptureFixture[str],
) -> None:
    upgrade = ("Connection: upgrade", "Upgrade: h2c", "HTTP2-Settings: A")  # hypercorn 0.18 raises
    async with served() as server:
        async with await server.connect() as stream:
            await ask(stream, "/", *upgrade)
            with trio.fail_after(2):
                while await stream.receive_some():
                    pass
        async with await server.connect() as stream:
            await ask(stream, "/")
            await read_answer(stream)
    assert "connection failed" in capsys.readouterr().out


async def test_an_occupied_port_is_named_in_one_sentence() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"port {port} on 127.0.0.1 is in use"):
            bind("127.0.0.1", port)


async def test_an_address_of_another_machine_is_refused_with_a_sentence() -> None:
    with pytest.raises(StartError, match=r"cannot listen on port 1 of '192\.0\.2\.1'"):
        bind("192.0.2.1", 1)


async def test_a_port_that_does_not_exist_is_refused_with_a_sentence() -> None:
    with pytest.raises(StartError, match="cannot listen on port 65536"):
        bind("127.0.0.1", 65536)


def test_an_ipv6_address_stands_in_brackets() -> None:
    try:
        sock = bind("::1", 0)
    except StartError:
        pytest.skip("no IPv6 here")
    with sock:
        assert address_of(sock) == f"[::1]:{sock.getsockname()[1]}"


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="not on this system")
def test_a_silent_reader_is_dropped_by_the_kernel() -> None:
    with bind("127.0.0.1", 0) as sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) > 0


async def test_the_last_message_of_an_answer_is_sent_in_a_cancelled_task() -> None:
    last: HTTPResponseBodyEvent = {"type": "http.response.body", "body": b"", "more_body": False}
    sent: list[ASGISendEvent] = []

    async def app(_scope: Scope, _receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        with trio.CancelScope() as answering:
            answering.cancel()
            await send(last)

    async def send(message: ASGISendEvent) -> None:
        await trio.lowlevel.checkpoint()
        sent.append(message)

    async def receive() -> ASGIReceiveEvent:
        return {"type": "http.disconnect"}

    scope = {"type": "http"}
    await finishing(app)(scope, receive, send)  # type: ignore[arg-type] # needs no more of it
    assert sent == [last]


def test_hypercorn_still_has_what_we_lean_on() -> None:
    parameters = list(inspect.signature(TCPServer.__init__).parameters)
    assert parameters == ["self", "app", "config", "context", "state", "stream"]
    assert hasattr(TCPServer, "__await__")
    assert inspect.iscoroutinefunction(vars(TCPServer)["_read_data"])
    context = WorkerContext(None)
    assert not context.terminated.is_set()
