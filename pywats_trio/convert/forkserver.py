"""The service's side of the fork server: a process that forks workers when it is asked."""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import socket
import struct
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import trio
from attrs import define

from pywats_trio.bell import Bell
from pywats_trio.convert import command
from pywats_trio.errors import PywatsTrioError
from pywats_trio.worker import processes
from pywats_trio.worker.forkserver import MAX_MESSAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pywats_trio.convert.command import Boot

PATIENCE: Final = 5.0
"""Seconds at most for an answer, which needs milliseconds; then the process is replaced."""
FAREWELL: Final = 0.2
"""Seconds a process gets to end by itself when the service hangs up."""
WORDS: Final = 4096
"""Bytes of what it printed when it ended that are told."""


class WorkerStartError(PywatsTrioError):
    """A worker process could not be started; no file is to blame."""


class _ServerGone(Exception):
    """The fork server does not answer; what is known about why."""


@define(eq=False)
class Forked:
    """A child of the fork server."""

    pid: int
    _pidfd: int
    _server: ForkServer
    returncode: int | None = None
    _reaped: bool = False

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return not self._reaped and not _is_readable(self._pidfd)

    async def ended(self) -> None:
        """Until it has ended."""
        if not self._reaped:
            await trio.lowlevel.wait_readable(self._pidfd)

    async def reap(self, *, expected: bool) -> None:
        """See `Launched`; the fork server finds what is left, however it ended."""
        del expected
        if self._reaped:
            return
        try:
            await trio.lowlevel.wait_readable(self._pidfd)
            processes.kill_group(self.pid)
            self.returncode = await self._server.reap(self.pid)
        finally:
            self._reaped = True
            os.close(self._pidfd)


def _is_readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


@define(eq=False)
class _Server:
    """One fork server process and our end of its socket."""

    process: trio.Process
    link: socket.socket
    _lifeline: int

    async def ask(self, message: dict[str, Any], descriptors: Sequence[int] = ()) -> dict[str, Any]:
        """One question. Bounded, and not to be cancelled: it would leave an answer behind.

        Raises:
            _ServerGone: it ended, or does not answer.
        """
        answer = b""
        with trio.move_on_after(PATIENCE, shield=True):
            try:
                _send(self.link, json.dumps(message).encode(), descriptors)
                await trio.lowlevel.wait_readable(self.link)
                answer = self.link.recv(MAX_MESSAGE)
            except OSError:
                answer = b""
        if not answer:
            raise _ServerGone(await self._words())
        told: dict[str, Any] = json.loads(answer)
        return told

    async def _words(self) -> str:
        """The last that it said on standard error."""
        said: bytes | bytearray = b""
        with trio.move_on_after(FAREWELL, shield=True):
            if self.process.stderr is not None:
                said = await self.process.stderr.receive_some(WORDS)
        return said.decode("utf-8", "replace").strip() or "it ended without a word"

    async def end(self) -> None:
        """Hang up; then it ends, or is killed. To be called in a shield."""
        self.link.close()
        with trio.move_on_after(FAREWELL):
            await self.process.wait()
        os.close(self._lifeline)  # the kernel kills whatever is left of it
        self.process.kill()
        await self.process.wait()
        if self.process.stderr is not None:
            await self.process.stderr.aclose()


class ForkServer:
    """Forks workers. Its process is started when it is needed, and ends when it is not."""

    def __init__(self) -> None:
        self._server: _Server | None = None
        self._one = trio.Lock()
        self._used = Bell()

    @property
    def pid(self) -> int | None:
        """Its process, if there is one."""
        return self._server.process.pid if self._server is not None else None

    async def retire(self, seconds: float, workers: Callable[[], int]) -> None:
        """End the process when nobody asked for `seconds` and it has no workers; for ever."""
        while True:
            used = self._used.ticket()
            with trio.move_on_after(seconds if self._server is not None else math.inf):
                await used.wait()
                continue
            if not workers():
                await self.end()

    async def fork(self, boot: Boot, descriptors: Sequence[int]) -> Forked:
        """A worker. Cancelled, it may have been started; it ends with its lifeline.

        Raises:
            WorkerStartError: there is none to be had.
        """
        try:
            answer = await self._ask({"fork": boot.told()}, descriptors)
        except _ServerGone:  # once more: it may have been killed for want of memory
            try:
                answer = await self._ask({"fork": boot.told()}, descriptors)
            except _ServerGone as error:
                raise WorkerStartError(f"the fork server cannot be started: {error}") from error
        if "pid" not in answer:
            raise WorkerStartError(f"a worker process cannot be forked: {answer.get('error')}")
        # Nobody has reaped it, so the number is still its own even if it has ended.
        return Forked(answer["pid"], os.pidfd_open(answer["pid"]), self)

    async def reap(self, pid: int) -> int | None:
        """How the worker `pid` ended, which it has; None if the fork server went before it."""
        server = self._server
        if server is None:
            return None
        try:
            async with self._one:
                answer = await server.ask({"reap": pid})
        except _ServerGone:
            await self._drop(server)
            return None
        return answer.get("status")

    async def _ask(self, message: dict[str, Any], descriptors: Sequence[int]) -> dict[str, Any]:
        async with self._one:
            server = self._server or await self._start()
            self._used.ring()
            try:
                return await server.ask(message, descriptors)
            except _ServerGone:
                await self._drop(server)
                raise

    async def _start(self) -> _Server:
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            link, their_link = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours.callback(link.close)
            theirs.callback(their_link.close)
            lifeline, held = os.pipe()
            theirs.callback(os.close, lifeline)
            ours.callback(os.close, held)
            link.setblocking(False)
            try:
                process = await trio.lowlevel.open_process(
                    command.fork_server(their_link.fileno(), lifeline),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    pass_fds=(their_link.fileno(), lifeline),
                    env=command.environment("", ""),
                    start_new_session=True,
                )
            except OSError as error:
                raise WorkerStartError(f"the fork server cannot be started: {error}") from error
            ours.pop_all()
            self._server = _Server(process, link, held)
            return self._server

    async def _drop(self, server: _Server) -> None:
        if self._server is server:
            self._server = None
        with trio.CancelScope(shield=True):
            await server.end()

    async def end(self) -> None:
        """End the process, with whatever it has forked. To be called in a shield."""
        if self._server is not None:
            await self._drop(self._server)


def _send(link: socket.socket, data: bytes, descriptors: Sequence[int]) -> None:
    packed = struct.pack(f"{len(descriptors)}i", *descriptors)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, packed)] if descriptors else []
    link.sendmsg([data], rights)


def can_fork() -> bool:
    """Whether workers are forked here."""
    if sys.platform != "linux" or command.measured():
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True
