"""A loopback HTTP server whose every byte a test decides."""

from __future__ import annotations

import contextlib
import struct
from typing import TYPE_CHECKING

import trio
from attrs import Factory, define, frozen

from pywats_trio.bell import Bell

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable
    from typing import TypeAlias

    Reply: TypeAlias = bytes | Callable[[trio.abc.Stream], Awaitable[bool]]
    """Bytes are sent as they are; a function says whether the connection stays open."""

VERSION = b'"2025.3.9.824"'


@frozen
class Seen:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


@define
class Loopback:
    """What a test knows of its server."""

    answer: Callable[[Seen], Reply]
    port: int = 0
    requests: list[Seen] = Factory(list)
    connections: int = 0
    bell: Bell = Factory(Bell)
    """Rung at each request."""

    def posts(self) -> list[Seen]:
        return [seen for seen in self.requests if seen.method == "POST"]


def http(
    status: int = 200, body: bytes = b"", *fields: str, length: bool = True, version: str = "1.1"
) -> bytes:
    """A raw answer."""
    lines = [f"HTTP/{version} {status} Because", *fields]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def wats(seen: Seen) -> bytes:
    """What a WATS server answers."""
    if seen.method == "POST":
        return http(200, b'{"ID":"' + identity(seen).encode() + b'"}')
    return http(200, VERSION)


def identity(seen: Seen) -> str:
    """The id that the tests' reports carry: `{"id":"…"`."""
    return seen.body[7:43].decode("latin-1")


async def hang(_stream: trio.abc.Stream) -> bool:
    """Never answer."""
    await trio.sleep_forever()


async def close(_stream: trio.abc.Stream) -> bool:
    """Close without an answer."""
    return False


def then_close(data: bytes) -> Callable[[trio.abc.Stream], Awaitable[bool]]:
    """Send this much and close."""

    async def reply(stream: trio.abc.Stream) -> bool:
        await stream.send_all(data)
        return False

    return reply


def then_hang(data: bytes) -> Callable[[trio.abc.Stream], Awaitable[bool]]:
    """Send this much and no more."""

    async def reply(stream: trio.abc.Stream) -> bool:
        await stream.send_all(data)
        return await hang(stream)

    return reply


@contextlib.asynccontextmanager
async def serving(
    answer: Callable[[Seen], Reply] = wats, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Loopback]:
    """A server on a free port, until the block is left."""
    server = Loopback(answer)

    async def handle(stream: trio.abc.Stream) -> None:
        if tls is not None:
            stream = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
        server.connections += 1
        with contextlib.suppress(trio.BrokenResourceError):
            await _serve(server, stream, server.connections)
        await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        server.port = listeners[0].socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, handle, listeners)
        yield server
        nursery.cancel_scope.cancel()


async def _serve(server: Loopback, stream: trio.abc.Stream, number: int) -> None:
    buffer = b""
    stay = True
    while stay:
        while b"\r\n\r\n" not in buffer:
            data = await stream.receive_some(65536)
            if not data:
                return
            buffer += data
        head, _, buffer = buffer.partition(b"\r\n\r\n")
        method, target, headers = _head(head.decode("latin-1"))
        length = int(headers.get("content-length", "0"))
        while len(buffer) < length:
            data = await stream.receive_some(65536)
            if not data:
                return
            buffer += data
        seen = Seen(method, target, headers, buffer[:length], number)
        buffer = buffer[length:]
        server.requests.append(seen)
        server.bell.ring()
        reply = server.answer(seen)
        if isinstance(reply, bytes):
            await stream.send_all(reply)
        else:
            stay = await reply(stream)


def _head(text: str) -> tuple[str, str, dict[str, str]]:
    first, *lines = text.split("\r\n")
    method, target, _ = first.split(" ")
    return method, target, {n.lower(): v.strip() for n, _, v in (x.partition(":") for x in lines)}


def then_reset(data: bytes) -> Callable[[trio.SocketStream], Awaitable[bool]]:
    """Send this much and reset the connection, as a crashing server or a firewall does."""

    async def reply(stream: trio.SocketStream) -> bool:
        await stream.send_all(data)
        no_linger = struct.pack("ii", 1, 0)
        stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, no_linger)
        return False

    return reply
