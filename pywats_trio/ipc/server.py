"""The listener of local control: one task a client, every client with limits.

A client that sends half a frame, never reads, or asks too much costs itself its connection, and
nobody else anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import structlog
import trio

from pywats_trio import faultpoint
from pywats_trio.errors import FrameError, NotAllowed, PywatsTrioError, RateLimited, TookTooLong
from pywats_trio.ipc import wire
from pywats_trio.ipc.limits import Limiter
from pywats_trio.ipc.peer import Peer, peer_of

if TYPE_CHECKING:
    import socket

    from pywats_trio.config.options import IpcOptions
    from pywats_trio.control import Control, Who
    from pywats_trio.observe.board import Board

log = structlog.get_logger("pywats_trio.ipc")

IDLE_SECONDS: Final = 30.0
"""A client that says nothing for so long, or does not finish a frame, is cut off."""
WRITE_SECONDS: Final = 10.0
"""A client that takes no answer for so long is cut off."""
REQUEST_SECONDS: Final = 60.0
"""A command that takes longer is cancelled and answered with `timeout`."""
CHUNK: Final = 65_536
FREE_OF_CHARGE: Final = frozenset({"auth", "ping"})
"""Answered before anybody is known."""


class IpcServer:
    """A part: answers clients at a Unix socket.

    Args:
        options: limits; `ipc.socket` is bound already.
        sock: listening; stays the caller's, so that a restarted part goes on with it.
        control: where commands go.
        board: whose service this is; counts requests and clients.
        unbounded: commands that may take longer than a request.
    """

    def __init__(
        self,
        options: IpcOptions,
        sock: socket.socket,
        control: Control,
        board: Board,
        *,
        unbounded: frozenset[str] = frozenset(),
    ) -> None:
        self._options = options
        self._sock = sock
        self._control = control
        self._board = board
        self._unbounded = unbounded
        self._limiter = Limiter(options.requests_per_minute, options.burst)
        self._leaving = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Answer until `goodbye` or cancelled; cancelled, clients are cut off at once."""
        self._board.ipc_connections = 0
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(self._sock.dup()))
        # The clients outlive the accepting: who waits for an answer gets it, and `_talk` looks at
        # `_leaving` before it reads again.
        async with listener, trio.open_nursery() as clients, trio.open_nursery() as accepting:
            accepting.start_soon(self._accept, listener, clients)
            task_status.started()
            await self._leaving.wait()
            accepting.cancel_scope.cancel()

    def goodbye(self) -> None:
        """Accept nobody any more, answer what has been asked, and end."""
        self._leaving.set()

    async def _accept(self, listener: trio.SocketListener, clients: trio.Nursery) -> None:
        slots = trio.Semaphore(self._options.max_connections)
        while True:
            await slots.acquire()  # who comes later waits in the kernel's backlog
            stream = await listener.accept()
            faultpoint.hit("ipc.accepted")
            clients.start_soon(self._client, stream, slots)

    async def _client(self, stream: trio.SocketStream, slots: trio.Semaphore) -> None:
        self._board.ipc_connections += 1
        try:
            await self._talk(stream)
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # it went; nobody is left to be told
        except Exception:  # the edge: no client may end the listener
            log.exception("local control: a client's connection failed")
        finally:
            self._board.ipc_connections -= 1
            slots.release()
            await trio.aclose_forcefully(stream)

    async def _talk(self, stream: trio.SocketStream) -> None:
        peer = peer_of(stream.socket)
        hello = wire.hello(
            self._board.instance, self._board.version, requires_auth=peer.who is None
        )
        await _send(stream, hello)
        decoder = wire.Decoder()
        while not self._leaving.is_set():
            try:
                message = await self._receive(stream, decoder)
            except wire.BadJson as error:
                await _send(stream, wire.failure("", str(error), "bad_request"))
                continue
            except FrameError as error:
                log.warning("local control: a client was cut off", why=str(error), uid=peer.uid)
                return
            if message is None:
                return
            await self._answer(stream, message, peer)

    async def _receive(
        self, stream: trio.SocketStream, decoder: wire.Decoder
    ) -> wire.Message | None:
        """The next request; None if there will be none."""
        while True:
            if (message := decoder.next_message()) is not None:
                return message
            data = await self._read(stream)
            if not data:
                return None
            decoder.feed(data)

    async def _read(self, stream: trio.SocketStream) -> bytes:
        """What comes next; nothing if the client is silent for too long, or we are leaving."""
        data = b""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_on, self._leaving, nursery.cancel_scope)
            with trio.move_on_after(IDLE_SECONDS):
                data = await stream.receive_some(CHUNK)
            nursery.cancel_scope.cancel()
        return bytes(data)

    async def _answer(self, stream: trio.SocketStream, message: wire.Message, peer: Peer) -> None:
        request_id = str(message.get("request_id", ""))
        command = str(message.get("command", ""))
        try:
            data = await self._do(command, message, peer)
            answer = wire.success(request_id, data)
            frame = wire.encode(answer)
        except PywatsTrioError as error:
            answer = _refusal(request_id, error)
            frame = wire.encode(answer)
        except Exception as error:
            log.exception("a command failed", command=command)
            told = f"{command!r} failed: {type(error).__name__}: {error}; see the log"
            frame = wire.encode(answer := wire.failure(request_id, told, "internal"))
        self._count(command, answer)
        with trio.fail_after(WRITE_SECONDS):
            await stream.send_all(frame)

    async def _do(self, command: str, message: wire.Message, peer: Peer) -> dict[str, Any]:
        """The checks in the order of pyWATS: version, rate, `ping`, who it is, the command."""
        if not wire.understood(message):
            version = message.get("protocol_version", "1.0")
            raise _Version(f"Protocol version {version} not supported. Minimum: 2.0")
        client = (peer.uid, peer.pid)
        if wait := self._limiter.take(client, trio.current_time()):
            raise RateLimited(wait)
        if command in FREE_OF_CHARGE:
            known = {"authenticated": peer.who is not None}
            return {"pong": True, **known} if command == "ping" else known
        if (who := peer.who) is None:
            raise NotAllowed("Authentication required: ask as the service's own user, or as root")
        args = message.get("args")
        return await self._ask(command, {} if args is None else args, who)

    async def _ask(self, command: str, args: Any, who: Who) -> dict[str, Any]:  # noqa: ANN401
        if command in self._unbounded:
            return await self._control.ask(command, args, who)
        with trio.move_on_after(REQUEST_SECONDS):
            return await self._control.ask(command, args, who)
        raise TookTooLong(f"Request processing timeout after {REQUEST_SECONDS}s")

    def _count(self, command: str, answer: wire.Message) -> None:
        outcome = "ok" if answer["success"] else answer["error_code"]
        known = command if outcome != "unknown_command" else "unknown"
        self._board.metrics.ipc_requests.labels(known, outcome).inc()


class _Version(PywatsTrioError):
    code = "version"


def _refusal(request_id: str, error: PywatsTrioError) -> wire.Message:
    more = {"retry_after": error.retry_after} if isinstance(error, RateLimited) else {}
    return wire.failure(request_id, str(error), error.code, **more)


async def _send(stream: trio.SocketStream, message: wire.Message) -> None:
    with trio.fail_after(WRITE_SECONDS):
        await stream.send_all(wire.encode(message))


async def _cancel_on(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()
