"""Clients of a running daemon, well and badly behaved; each stays attached for one block."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from typing import TYPE_CHECKING, Any, Final

import trio

from pywats_trio.ipc import wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from contextlib import AbstractAsyncContextManager

    from tests.e2e.harness import Daemon

CHUNK: Final = 65_536
PIPELINED: Final = 2000
"""Requests whose answers are far more than the kernel keeps for a client that does not read."""
STANDSTILL: Final = 5
"""Scrapes in a row during which nobody else was answered."""
SCRAPES: Final = 'pywats_http_requests_total{route="/metrics",status="200"}'
REQUESTS: Final = "pywats_ipc_requests_total"


# HTTP


async def connect(running: Daemon) -> trio.SocketStream:
    """A connection to the probes."""
    host, _, port = running.health.removeprefix("http://").rpartition(":")
    return await trio.open_tcp_stream(host, int(port))


def request(path: str, **headers: str) -> bytes:
    """A GET that keeps its connection."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


async def read_head(stream: trio.SocketStream) -> tuple[bytes, bytes]:
    """The head of an answer, and what came of its body along with it."""
    came = b""
    while b"\r\n\r\n" not in came:
        more = await stream.receive_some(CHUNK)
        assert more, "the service closed the connection"
        came += more
    head, _, body = came.partition(b"\r\n\r\n")
    return head, body


async def get(stream: trio.SocketStream, path: str) -> str:
    """The body of an answer; the connection can be used again."""
    await stream.send_all(request(path))
    head, body = await read_head(stream)
    assert head.startswith(b"HTTP/1.1 200 "), head
    [length] = re.findall(rb"(?i)content-length: (\d+)", head)
    while len(body) < int(length):
        body += await stream.receive_some(CHUNK)
    return body.decode()


async def details(running: Daemon) -> dict[str, Any]:
    """What `/health/details` tells."""
    async with await connect(running) as stream:
        return dict(json.loads(await get(stream, "/health/details")))


async def metrics(running: Daemon) -> str:
    """What `/metrics` tells."""
    async with await connect(running) as stream:
        return await get(stream, "/metrics")


@contextlib.asynccontextmanager
async def idle_scraper(running: Daemon) -> AsyncIterator[None]:
    """Has had its answer and keeps the connection for the next one."""
    async with await connect(running) as stream:
        await get(stream, "/metrics")
        yield


@contextlib.asynccontextmanager
async def event_stream(running: Daemon) -> AsyncIterator[None]:
    """Has the head of an answer that has no end, and waits for what comes."""
    async with await connect(running) as stream:
        await stream.send_all(request("/api/v1/events", Accept="text/event-stream"))
        head, _body = await read_head(stream)
        assert head.startswith(b"HTTP/1.1 200 "), head
        yield


@contextlib.asynccontextmanager
async def one_that_never_reads(running: Daemon) -> AsyncIterator[None]:
    """Asks and asks; the service can send it nothing any more."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        host, _, port = running.health.removeprefix("http://").rpartition(":")
        sock.connect((host, int(port)))
        async with trio.SocketStream(trio.socket.from_stdlib_socket(sock)) as stream:
            async with trio.open_nursery() as asking:
                asking.start_soon(stream.send_all, request("/metrics") * PIPELINED)
                await _until_standstill(running, SCRAPES, own=1)
                asking.cancel_scope.cancel()
            yield


def total(text: str, series: str) -> float:
    """What the samples of `/metrics` that begin so come to."""
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(series))


async def _until_standstill(running: Daemon, series: str, own: int = 0) -> None:
    """Until `series` grows by nobody but our scrapes, each of which adds `own`."""
    alone, before = 0, -1.0
    async with await connect(running) as stream:
        while alone < STANDSTILL:
            now = total(await get(stream, "/metrics"), series)
            alone = alone + 1 if now == before + own else 0
            before = now


# Local control


class HungUp(AssertionError):
    """The service closed the connection; a failure, unless the test expects it."""


class Peer:
    """A connection to local control that was greeted."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._decoder = wire.Decoder()

    async def receive(self) -> wire.Message:
        """The next message."""
        while (message := self._decoder.next_message()) is None:
            came = await self.stream.receive_some(CHUNK)
            if not came:
                raise HungUp("the service closed the connection")
            self._decoder.feed(came)
        return message

    async def ask(self, command: str, **args: object) -> dict[str, Any]:
        """The result of a command that is done."""
        await self.send(command, **args)
        answer = await self.receive()
        assert answer["success"], answer
        return dict(answer["data"])

    async def send(self, command: str, **args: object) -> None:
        """Ask, and leave it at that."""
        await self.stream.send_all(wire.encode(wire.request(command, "1", args)))


@contextlib.asynccontextmanager
async def peer(running: Daemon) -> AsyncIterator[Peer]:
    """A client of local control."""
    async with await trio.open_unix_socket(str(running.socket)) as stream:
        peer = Peer(stream)
        assert "server_version" in await peer.receive()
        yield peer


@contextlib.asynccontextmanager
async def idle_peer(running: Daemon) -> AsyncIterator[None]:
    """Is connected and says nothing."""
    async with peer(running):
        yield


@contextlib.asynccontextmanager
async def half_a_frame(running: Daemon) -> AsyncIterator[None]:
    """Began to ask and does not go on."""
    async with peer(running) as half:
        frame = wire.encode(wire.request("ping", "1", {}))
        await half.stream.send_all(frame[: len(frame) // 2])
        yield


@contextlib.asynccontextmanager
async def waiting_peer(running: Daemon) -> AsyncIterator[None]:
    """Wants to be told, within an hour, when the first file that was dropped is delivered."""
    async with peer(running) as waiting:
        await waiting.send("get_item", id=1, wait_seconds=3600)
        yield


@contextlib.asynccontextmanager
async def peer_that_never_reads(running: Daemon) -> AsyncIterator[None]:
    """Asks and asks; the service can send it nothing any more."""
    async with peer(running) as deaf, trio.open_nursery() as asking:
        one = wire.encode(wire.request("get_status", "1", {}))
        asking.start_soon(deaf.stream.send_all, one * PIPELINED)
        await _until_standstill(running, REQUESTS)
        yield
        asking.cancel_scope.cancel()


CLIENTS: Final[dict[str, Callable[[Daemon], AbstractAsyncContextManager[None]]]] = {
    "an idle scraper": idle_scraper,
    "an event stream": event_stream,
    "one that never reads": one_that_never_reads,
    "half a frame": half_a_frame,
    "an idle peer": idle_peer,
    "a peer that waits an hour": waiting_peer,
    "a peer that never reads": peer_that_never_reads,
}
"""Whoever can be attached when a stop begins."""


async def knock(running: Daemon) -> None:
    """Come and go, at both doors; whether anybody answers is no matter."""
    with contextlib.suppress(OSError, trio.BrokenResourceError):
        async with await trio.open_unix_socket(str(running.socket)) as stream:
            await stream.receive_some(CHUNK)
    with contextlib.suppress(OSError, trio.BrokenResourceError):
        async with await connect(running) as stream:
            await stream.send_all(request("/health"))
            await stream.receive_some(CHUNK)


@contextlib.asynccontextmanager
async def attached(running: Daemon, names: Iterable[str] = tuple(CLIENTS)) -> AsyncIterator[None]:
    """All the clients of these names at a time."""
    async with contextlib.AsyncExitStack() as stack:
        for name in names:
            await stack.enter_async_context(CLIENTS[name](running))
        yield
