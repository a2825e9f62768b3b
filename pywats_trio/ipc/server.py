"""The listener of local control: one task a client, and no client that can end or hold it."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

import structlog
import trio

from pywats_trio import faultpoint
from pywats_trio.ipc.answers import Answers
from pywats_trio.ipc.conversation import Conversation
from pywats_trio.ipc.limits import Limiter
from pywats_trio.ipc.peer import peer_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Container

    from pywats_trio.config.options import IpcOptions
    from pywats_trio.control import Control
    from pywats_trio.observe.board import Board

log = structlog.get_logger("pywats_trio.ipc")

EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
"""Why the system cannot give a connection now, though another one may come later."""
EXHAUSTED_SECONDS: Final = 1.0
"""Before the next try: nothing tells when there is room again."""


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
        unbounded: Container[str] = frozenset(),
    ) -> None:
        self._max_connections = options.max_connections
        self._sock = sock
        self._board = board
        limiter = Limiter(options.requests_per_minute, options.burst)
        self._answers = Answers(control, board, limiter, unbounded)
        self._conversations: set[Conversation] = set()
        self._leaving = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Answer until `goodbye` or cancelled; cancelled, clients are cut off at once."""
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(self._sock.dup()))
        # The clients outlive the accepting: who waits for an answer gets it.
        async with listener, trio.open_nursery() as clients, trio.open_nursery() as accepting:
            accepting.start_soon(self._accept, listener, clients)
            task_status.started()
            await self._leaving.wait()
            accepting.cancel_scope.cancel()

    def goodbye(self) -> None:
        """Accept nobody any more, finish the answers under way, and end; idle clients at once."""
        self._leaving.set()
        for conversation in self._conversations:
            conversation.leave()

    async def _accept(self, listener: trio.SocketListener, clients: trio.Nursery) -> None:
        slots = trio.Semaphore(self._max_connections)
        while True:
            await slots.acquire()  # who comes later waits in the kernel's backlog
            stream = await accepted(listener)
            clients.start_soon(self._client, stream, slots)  # it closes the stream, come what may
            faultpoint.hit("ipc.accepted")

    async def _client(self, stream: trio.SocketStream, slots: trio.Semaphore) -> None:
        self._board.ipc_connections += 1
        try:
            await self._talk(stream)
        except (OSError, trio.BrokenResourceError):
            pass  # it went; nobody is left to be told
        except Exception:  # the edge: no client may end the listener
            log.exception("local control: a client's connection failed")
        finally:
            self._board.ipc_connections -= 1
            slots.release()
            await trio.aclose_forcefully(stream)

    async def _talk(self, stream: trio.SocketStream) -> None:
        conversation = Conversation(stream, peer_of(stream.socket), self._answers)
        self._conversations.add(conversation)
        try:
            if self._leaving.is_set():  # it was accepted just before
                conversation.leave()
            await conversation.run()
        finally:
            self._conversations.remove(conversation)


async def accepted(listener: trio.abc.Listener[trio.SocketStream]) -> trio.SocketStream:
    """The next client, even if the system cannot give one at first."""
    while True:
        try:
            return await listener.accept()
        except OSError as error:
            if error.errno not in EXHAUSTED:
                raise
            log.warning("local control: nobody can be let in now", why=error.strerror)
            await trio.sleep(EXHAUSTED_SECONDS)
