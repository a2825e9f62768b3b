"""Both sides of a conversation: a door with commands for every mood, and a client of bytes."""

from __future__ import annotations

import contextlib
import os
import struct
from typing import TYPE_CHECKING, Any

import attrs
import trio
import trio.testing

from pywats_trio.config.options import IpcOptions
from pywats_trio.errors import NotReady
from pywats_trio.ipc import wire
from pywats_trio.ipc.answers import Answers
from pywats_trio.ipc.bind import Bound, bind
from pywats_trio.ipc.conversation import Conversation
from pywats_trio.ipc.limits import Limiter
from pywats_trio.ipc.peer import Peer
from pywats_trio.ipc.server import IpcServer
from pywats_trio.observe.board import Board

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from pywats_trio.control import Who

ME = Peer(4711, os.geteuid())
STRANGER = Peer(4711, 54_321)
FOR_EVER = frozenset({"wait"})
HANGS_SECONDS = 60
FOR_EVER_SECONDS = 1e6
HUGE = 2 * wire.MAX_FRAME


@attrs.define
class Door:
    """A `Control` with a command for each way a command can go; none of the service's."""

    done: list[tuple[str, Mapping[str, Any], Who]] = attrs.field(factory=list)
    """What was asked and has come to its end, in this order."""
    begun: trio.Event = attrs.field(factory=trio.Event)
    """`wait` or `work` has begun."""
    released: trio.Event = attrs.field(factory=trio.Event)
    """`wait` and `work` go on."""
    cancelled: list[str] = attrs.field(factory=list)

    async def ask(self, command: str, args: Mapping[str, Any], who: Who) -> dict[str, Any]:
        try:
            data = await self._do(command, args)
        except trio.Cancelled:
            self.cancelled.append(command)
            raise
        self.done.append((command, args, who))
        return data

    async def _do(self, command: str, args: Mapping[str, Any]) -> dict[str, Any]:
        match command:
            case "echo":
                return dict(args)
            case "sleep":
                with trio.move_on_after(args["seconds"]):
                    await trio.sleep_forever()
                return {"slept": args["seconds"]}
            case "wait" | "work":
                self.begun.set()
                await self.released.wait()
                return {"released": True}
            case "refuse":
                raise NotReady("not now; ask again")
            case "crash":
                raise ZeroDivisionError("by zero")
            case "crash in a nursery":
                async with trio.open_nursery():
                    raise ZeroDivisionError("by zero")
            case "huge":
                return {"text": "x" * HUGE}
            case "nan":
                return {"value": float("nan")}
        raise AssertionError(command)


class Client:
    """A client that says what it is told to, byte by byte if need be."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._decoder = wire.Decoder()
        self._sent = 0

    async def send(self, *messages: Mapping[str, Any]) -> None:
        await self.stream.send_all(b"".join(map(wire.encode, messages)))

    async def next(self) -> wire.Message | None:
        """The next message; None at the end of the stream."""
        while (message := self._decoder.next_message()) is None:
            data = await self.stream.receive_some(65_536)
            if not data:
                return None
            self._decoder.feed(data)
        return message

    async def expect(self) -> wire.Message:
        message = await self.next()
        assert message is not None
        return message

    async def ask(self, command: str, **args: object) -> wire.Message:
        self._sent += 1
        await self.send(wire.request(command, str(self._sent), args))
        answer = await self.expect()
        assert answer["request_id"] == str(self._sent)
        return answer

    async def ended(self) -> bool:
        """Whether the service has nothing more to say and closed the stream."""
        return await self.next() is None


def framed(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


@attrs.define
class Talk:
    """A conversation under way, in memory."""

    client: Client
    door: Door
    board: Board
    conversation: Conversation
    ended: trio.Event
    broken: bool = False
    """Whether it ended because the client was gone."""


Pair = tuple[trio.abc.Stream, trio.abc.Stream]


@contextlib.asynccontextmanager
async def talking(
    *,
    peer: Peer = ME,
    pair: Callable[[], Pair] = trio.testing.memory_stream_pair,
    limiter: Limiter | None = None,
) -> AsyncIterator[Talk]:
    """A conversation in memory, greeted by nobody yet. Needs a clock that jumps.

    Raises:
        trio.TooSlowError: the block hangs.
    """
    ours, theirs = pair()
    door, board = Door(), Board("line-1", "1.2.3")
    answers = Answers(door, board, limiter or Limiter(6000, 1000), FOR_EVER)
    talk = Talk(Client(ours), door, board, Conversation(theirs, peer, answers), trio.Event())

    async def run() -> None:
        try:
            await talk.conversation.run()
        except trio.BrokenResourceError:
            talk.broken = True
        finally:
            talk.ended.set()
            await trio.aclose_forcefully(theirs)

    with trio.fail_after(FOR_EVER_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            yield talk
            nursery.cancel_scope.cancel()


@attrs.define
class Site:
    """A server on a real socket."""

    path: Path
    bound: Bound
    door: Door
    board: Board
    server: IpcServer
    running: trio.CancelScope
    ended: trio.Event
    nursery: trio.Nursery
    clients: contextlib.AsyncExitStack

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        try:
            with self.running:
                await self.server.run(task_status=task_status)
        finally:
            self.ended.set()

    async def connect(self) -> Client:
        """A client that was not greeted yet."""
        stream = await trio.open_unix_socket(self.path)
        return Client(await self.clients.enter_async_context(stream))

    async def greeted(self) -> Client:
        client = await self.connect()
        await client.expect()
        return client


@contextlib.asynccontextmanager
async def site(folder: Path, *, running: bool = True, **options: int) -> AsyncIterator[Site]:
    """A bound socket and a server on it; clients are closed with the block.

    Raises:
        trio.TooSlowError: the block hangs.
    """
    path = folder / "ipc.sock"
    with contextlib.closing(bind(path)) as bound, trio.fail_after(HANGS_SECONDS):
        door, board = Door(), Board("line-1", "1.2.3")
        limits = IpcOptions(**{"burst": 1000, "requests_per_minute": 6000, **options})  # type: ignore[arg-type]  # numbers only
        server = IpcServer(limits, bound.sock, door, board, unbounded=FOR_EVER)
        running_scope, ended = trio.CancelScope(), trio.Event()
        async with contextlib.AsyncExitStack() as clients, trio.open_nursery() as nursery:
            made = Site(path, bound, door, board, server, running_scope, ended, nursery, clients)
            if running:
                await nursery.start(made.run)
            yield made
            nursery.cancel_scope.cancel()
