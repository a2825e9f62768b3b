"""One client of local control: HELLO, then one answer for each request, in their order.

A client that is silent, sends half a frame or never reads costs itself its connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
import trio

from pywats_trio.errors import FrameError
from pywats_trio.ipc import wire

if TYPE_CHECKING:
    from pywats_trio.ipc.answers import Answers
    from pywats_trio.ipc.peer import Peer

log = structlog.get_logger("pywats_trio.ipc")

IDLE_SECONDS: Final = 30.0
"""A client that has not sent a whole request for so long is cut off."""
WRITE_SECONDS: Final = 10.0
"""A client that has not taken a whole answer for so long is cut off."""
LEAVING_SECONDS: Final = 0.05
"""The same when we leave: an answer goes into an empty buffer at once."""
CHUNK: Final = 65_536


class Conversation:
    """With one client; `stream` stays the caller's to close."""

    def __init__(self, stream: trio.abc.Stream, peer: Peer, answers: Answers) -> None:
        self._stream = stream
        self._peer = peer
        self._answers = answers
        self._decoder = wire.Decoder()
        self._leaving = False
        self._waiting = trio.CancelScope()
        """For the client, or for something that may take as long as it likes."""
        self._writing = trio.CancelScope()

    async def run(self) -> None:
        """Answer until the client leaves or breaks the rules, or we leave.

        Raises:
            trio.BrokenResourceError: the client is gone.
        """
        try:
            await self._send(self._answers.hello(self._peer))
            while not self._leaving and (frame := await self._next_answer()):
                await self._send(frame)
        except (FrameError, trio.TooSlowError) as error:
            why = str(error) or "it does not read its answers"
            log.warning("local control: a client was cut off", why=why, uid=self._peer.uid)

    def leave(self) -> None:
        """Finish the answer under way and end; at once if there is none, or it is a long wait.

        Requests that were sent ahead are not done.
        """
        self._leaving = True
        self._waiting.cancel()
        until = trio.current_time() + LEAVING_SECONDS
        self._writing.deadline = min(self._writing.deadline, until)

    async def _next_answer(self) -> bytes:
        """The answer to the next request; nothing if there is none, or nobody to have it."""
        try:
            message = await self._receive()
        except wire.BadJson as error:
            return self._answers.to_bad_json(error)
        if message is None:
            return b""
        if self._answers.unbounded(message):
            return await self._answer_watching(message)
        return await self._answers.to(message, self._peer)

    async def _receive(self) -> wire.Message | None:
        """The next request; None if the client hangs up, is silent for too long, or we leave."""
        with trio.move_on_after(IDLE_SECONDS) as self._waiting:
            while (message := self._decoder.next_message()) is None:
                data = await self._stream.receive_some(CHUNK)
                if not data:
                    return None
                self._decoder.feed(data)
            return message
        return None

    async def _answer_watching(self, message: wire.Message) -> bytes:
        """The answer to a request that may take long; nobody waits for one who hung up."""
        answer = b""
        with trio.CancelScope() as self._waiting:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch, nursery.cancel_scope)
                answer = await self._answers.to(message, self._peer)
                nursery.cancel_scope.cancel()
        return answer or (self._answers.to_cut_off(message) if self._leaving else b"")

    async def _watch(self, scope: trio.CancelScope) -> None:
        """Read ahead, within bounds, and cancel `scope` if the client hangs up."""
        while not self._decoder.full:
            try:
                data = await self._stream.receive_some(CHUNK)
            except trio.BrokenResourceError:
                data = b""
            if not data:
                scope.cancel()
                return
            self._decoder.feed(data)

    async def _send(self, frame: bytes) -> None:
        seconds = LEAVING_SECONDS if self._leaving else WRITE_SECONDS
        with trio.fail_after(seconds) as self._writing:
            await self._stream.send_all(frame)
