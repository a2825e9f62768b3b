"""Serve an ASGI app with hypercorn, started and stopped as a Trio task should be.

Hypercorn's own `serve` cannot be stopped promptly: it accepts without a limit, waits out
its grace time for any client that keeps a connection open, and shields what it sends, so that one
client that never reads holds it for ever. Its handling of one connection is sound. So the accepting
and the stopping are ours, and hypercorn gets one accepted stream at a time
(`hypercorn.trio.tcp_server.TCPServer`, which is no documented name: a test watches over it).

The app's start-up and shutdown hooks (ASGI lifespan) are not run: whatever must live as long as the
app belongs in the nursery of the caller.
"""

from __future__ import annotations

import errno
import logging
import math
import socket
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import structlog
import trio
from attrs import define, field
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    ConnectionState,
    LifespanState,
    Scope,
)

from pywats_trio import faultpoint
from pywats_trio.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Callable

BACKLOG: Final = 128
SEND_TIMEOUT_MS: Final = 5_000
"""A client that takes no byte for so long loses its connection (Linux: TCP_USER_TIMEOUT)."""
LAST_SEND_SECONDS: Final = 2.0
TELL_AGAIN_SECONDS: Final = 60.0
"""Between two lines of the log that say that all connections are taken."""

log = structlog.get_logger("pywats_trio.health")


def bind(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one. `StartError` says what is in the way."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; accepted connections inherit it
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SEND_TIMEOUT_MS)
        sock.bind((host, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except (OSError, OverflowError) as error:
        sock.close()
        raise StartError(_why_not(host, port, error)) from error
    return sock


def _why_not(host: str, port: int, error: OSError | OverflowError) -> str:
    code = error.errno if isinstance(error, OSError) else None
    if code == errno.EADDRINUSE:
        return f"port {port} on {host} is in use: stop the program that has it or take another port"
    if code in (errno.EACCES, errno.EPERM):
        return f"port {port} on {host} needs more rights: take a port above 1023"
    return f"cannot listen on port {port} of {host!r}: {error}; give an address of this machine"


def address_of(sock: socket.socket) -> str:
    """`host:port` as it stands in a URL, `[::1]:8080` for IPv6."""
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def serve(
    app: ASGIFramework,
    sock: socket.socket,
    *,
    max_connections: int = 100,
    keep_alive_seconds: float = 5.0,
    stop: trio.Event | None = None,
    grace_seconds: float = 0.1,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer HTTP on `sock` (made by `bind`, owned from here on) until stopped.

    Started with the bound address. Beyond `max_connections` a newcomer takes the place of the
    connection that has asked for nothing for the longest time, so that nobody can keep probes out
    by doing nothing; where all are being answered, it waits. A connection that is idle for
    `keep_alive_seconds` is closed.

    When `stop` is set, nothing more is accepted, idle connections close at once and answers under
    way have `grace_seconds`; then all are cut. When cancelled, all are cut at once. No client can
    hold it up in either case.
    """
    address = address_of(sock)
    stop = trio.Event() if stop is None else stop
    async with _Listener(sock, max_connections) as listener:
        server = _Server(app, listener, keep_alive_seconds)
        listener.make_room = server.make_room
        async with trio.open_nursery() as connections:
            try:
                async with trio.open_nursery() as accepting:
                    accept = partial(trio.serve_listeners, server.handle, [listener])
                    await accepting.start(partial(accept, handler_nursery=connections))
                    task_status.started(address)
                    await stop.wait()
                    accepting.cancel_scope.cancel()
                await server.drain(grace_seconds)
            finally:
                server.cut()
            connections.cancel_scope.cancel()


class _Listener(trio.abc.Listener[trio.SocketStream]):
    """Accepts one more than there are slots for; it waits for one, the others in the backlog."""

    def __init__(self, sock: socket.socket, slots: int) -> None:
        self._inner = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
        self._slots = trio.Semaphore(slots)
        self.make_room: Callable[[], None] = lambda: None
        """Called when somebody comes and no slot is free."""
        self.crowded = False
        """Whether somebody waits for a slot."""

    async def accept(self) -> trio.SocketStream:
        stream = await self._inner.accept()
        try:
            faultpoint.hit("health.accepted")
            if not self._slots.value:
                self.crowded = True
                self.make_room()
            await self._slots.acquire()
        except BaseException:
            stream.socket.close()
            raise
        finally:
            self.crowded = False
        return stream

    def left(self) -> None:
        self._slots.release()

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Connection(TCPServer):
    """Hypercorn's connection, but over as soon as its client has gone."""

    async def _read_data(self) -> None:
        await super()._read_data()
        await self.idle_task.stop()  # else it would wait out the keep-alive time of a dead client


@define(eq=False)
class _Client:
    """A connection, and whether it asks for anything."""

    stream: trio.SocketStream
    became_idle: Callable[[], None]
    requests: int = 0
    """That are being answered."""
    idle_since: float = field(factory=trio.current_time)

    def counting(self, app: ASGIFramework) -> ASGIFramework:
        """`app`, for this client."""

        async def counted(
            scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
        ) -> None:
            self.requests += 1
            try:
                await app(scope, receive, send)
            finally:
                self.requests -= 1
                self.idle_since = trio.current_time()
                self.became_idle()

        return counted


class _Server:
    """The connections that are open now."""

    def __init__(self, app: ASGIFramework, listener: _Listener, keep_alive_seconds: float) -> None:
        self._app = finishing(app)
        self._listener = listener
        self._config = _config(keep_alive_seconds)
        self._context = WorkerContext(None)
        self._clients: set[_Client] = set()
        self._empty = trio.Event()
        self._told_at = -math.inf

    async def handle(self, stream: trio.SocketStream) -> None:
        """One connection to its end; what goes wrong in it is logged and ends only itself."""
        client = _Client(stream, self._one_is_idle)
        self._clients.add(client)
        app = ASGIWrapper(client.counting(self._app))
        state = ConnectionState(LifespanState())
        try:
            # hypercorn types the stream as TLS; it serves a plain one as well and looks which it is
            await _Connection(app, self._config, self._context, state, cast("Any", stream))
        except* Exception as group:  # the edge: no client may end the server
            log.warning("connection failed", exc_info=group)
        finally:
            self._clients.discard(client)
            self._listener.left()
            if not self._clients:
                self._empty.set()

    def _one_is_idle(self) -> None:
        if self._listener.crowded:
            self.make_room()

    def make_room(self) -> None:
        """Close the connection that has been idle longest, if any is."""
        idle = [client for client in self._clients if not client.requests]
        if trio.current_time() - self._told_at >= TELL_AGAIN_SECONDS:
            self._told_at = trio.current_time()
            log.warning("all connections are taken", connections=len(self._clients), idle=len(idle))
        if idle:
            _cut(min(idle, key=lambda client: client.idle_since))

    async def drain(self, seconds: float) -> None:
        """Idle connections close by themselves now; the others have `seconds`."""
        await self._context.terminated.set()
        self._empty = trio.Event()
        if self._clients:
            with trio.move_on_after(seconds):
                await self._empty.wait()

    def cut(self) -> None:
        """Make every send and receive under way fail now, the shielded ones included."""
        for client in self._clients:
            _cut(client)


def _cut(client: _Client) -> None:
    with suppress(OSError):  # it was faster
        client.stream.socket.shutdown(socket.SHUT_RDWR)


def finishing(app: ASGIFramework) -> ASGIFramework:
    """`app`, such that the end of each answer reaches the connection even in a cancelled task.

    quart-trio cancels the task that answers as soon as hypercorn says that the request is over,
    which it does while it is still making the connection ready for the next one: without the
    shield no connection would ever be closed or timed out by the server.
    """

    async def wrapped(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        async def send_through(message: ASGISendEvent) -> None:
            last = message["type"] == "http.response.body" and not message.get("more_body")
            with trio.move_on_after(LAST_SEND_SECONDS if last else math.inf, shield=last):
                await send(message)

        await app(scope, receive, send_through)

    return wrapped


def _config(keep_alive_seconds: float) -> Config:
    config = Config()
    config.accesslog = None
    config.errorlog = logging.getLogger("pywats_trio.health")  # as it is: no handler is added
    config.include_server_header = False
    config.keep_alive_timeout = keep_alive_seconds
    return config
