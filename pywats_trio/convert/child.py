"""One worker process, seen from the service."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, field

from pywats_trio.convert import processes
from pywats_trio.convert.answer import sanitized
from pywats_trio.convert.command import Boot, command, environment
from pywats_trio.errors import FrameError, PywatsTrioError
from pywats_trio.worker.frames import FrameDecoder

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.convert.answer import Answer, Ending
    from pywats_trio.worker.limits import Limits

CHUNK: Final = 65_536
OUTPUT_TAIL: Final = 4096
"""Bytes of standard output and error that are kept as evidence."""
OUTPUT_PAUSE: Final = 0.002
"""Seconds after each full pipe: a converter that prints without end is slowed to some 30 MB/s, so
that throwing its output away costs the service next to nothing."""
FAREWELL: Final = 0.2
"""Seconds an idle worker gets to end by itself when the service hangs up."""
CLEAN_UP: Final = 2.0
"""Seconds at most for killing, reaping and removing the scratch folder."""


class WorkerStartError(PywatsTrioError):
    """A worker process could not be started; no file is to blame."""


class WorkerGone(PywatsTrioError):
    """The worker process ended before it answered."""


@define(eq=False)
class Child:
    """A worker process and our ends of what connects us with it."""

    group: str
    """Converters that share processes."""
    process: trio.Process
    scratch: str
    _cookie: str
    _socket: socket.socket
    _lifeline: int
    _output: int
    _decoder: FrameDecoder
    jobs: int = 0
    """Jobs it was asked to do."""
    idle_since: float = 0.0
    ready: bool = False
    """Whether it ever spoke: what fails before that is our fault, not a file's."""
    doubt: str = ""
    """Why it should not do another job."""
    condemned: str = ""
    """Why we killed it."""
    abandoned: bool = False
    """Whether it ended because the pool did."""
    dismissal: trio.Event = field(factory=trio.Event)
    gone: trio.Event = field(factory=trio.Event)
    loaded: set[str] = field(factory=set)
    """Keys of converters whose import succeeded."""
    _tail: bytearray = field(factory=bytearray)

    @classmethod
    async def start(
        cls, group: str, *, shared: bool, limits: Limits | None, max_body: int, root: Path
    ) -> Child:
        """Start a process. Cancelled, nothing is left of it.

        Raises:
            WorkerStartError: the system refuses another process.
        """
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            try:
                scratch = await trio.to_thread.run_sync(
                    lambda: tempfile.mkdtemp(dir=root, prefix="w-")
                )
                ours.callback(shutil.rmtree, scratch, ignore_errors=True)
                our_socket, their_socket = socket.socketpair()
                theirs.callback(their_socket.close)
                ours.callback(our_socket.close)
                lifeline, held = _pipe(theirs, ours)
                output, written = _pipe(ours, theirs)
                boot = Boot(their_socket.fileno(), lifeline, limits, max_body, scratch)
                cookie = secrets.token_hex(16)
                process = await trio.lowlevel.open_process(
                    command(boot, shared=shared),
                    stdin=subprocess.DEVNULL,
                    stdout=written,
                    stderr=subprocess.STDOUT,
                    pass_fds=(their_socket.fileno(), lifeline),
                    cwd=scratch,
                    env=environment(scratch, cookie),
                    start_new_session=True,
                )
            except OSError as error:
                raise WorkerStartError(f"a worker process cannot be started: {error}") from error
            os.set_blocking(output, False)
            our_socket.setblocking(False)
            ours.pop_all()
            return cls(
                group,
                process,
                scratch,
                cookie,
                our_socket,
                held,
                output,
                FrameDecoder(max_body=max_body),
            )

    async def ask(self, request: bytes, descriptor: int | None, answer: Answer, key: str) -> Ending:
        """One job: the request and its file out, the answer back.

        Cancelled, the process is in the middle of something and has to be condemned.

        Raises:
            WorkerGone: the process ended, or closed its side.
            FrameError: it said something that it may not say.
        """
        self._tail.clear()
        self.jobs += 1
        try:
            await self._send(request, descriptor)
            return await self._listen(answer, key)
        except (OSError, trio.ClosedResourceError) as error:
            raise WorkerGone(str(error)) from error

    async def _send(self, data: bytes, descriptor: int | None) -> None:
        # The socket of an idle worker is empty and takes a job at once, so it is not waited for
        # first: each turn of the event loop would cost a tenth of the whole job.
        rights = [] if descriptor is None else [_rights(descriptor)]
        sent = self._socket.sendmsg([data], rights)
        while sent < len(data):
            await trio.lowlevel.wait_writable(self._socket)
            sent += self._socket.send(data[sent:])

    async def _listen(self, answer: Answer, key: str) -> Ending:
        while True:
            while (frame := self._decoder.next_frame()) is not None:
                kind = frame.header.get("kind")
                if kind == "ready":
                    self.ready = True
                elif frame.header.get("job") != self.jobs:
                    raise FrameError("the worker answered to another job")
                elif kind == "loaded":
                    self.loaded.add(key)
                elif (ending := answer.take(frame)) is not None:
                    self._finish_job(frame.header.get("doubt"))
                    return ending
            await trio.lowlevel.wait_readable(self._socket)
            data = self._socket.recv(CHUNK)
            if not data:
                raise WorkerGone("the worker closed its side")
            self._decoder.feed(data)

    def _finish_job(self, doubt: object) -> None:
        if self._decoder.pending:
            raise FrameError("the worker went on after the end of its answer")
        if doubt:
            self.doubt = sanitized(str(doubt), keep="")[:200]

    @property
    def name(self) -> str:
        """Who it is, in the history of the files it worked on."""
        return f"worker {self.process.pid}"

    @property
    def running(self) -> bool:
        """Whether the process is there; one that ended is reaped by asking."""
        return self.process.poll() is None

    def condemn(self, why: str) -> None:
        """Kill it with all its descendants, now; `gone` is set when it is reaped."""
        self.condemned = self.condemned or why
        if self.running:
            processes.kill_tree(self.process.pid)

    def dismiss(self) -> None:
        """Let it end, politely; `gone` is set when it is reaped."""
        self.dismissal.set()

    async def read_output(self) -> None:
        """Read what it prints for as long as it lives, so that it never waits for us."""
        while True:
            await trio.lowlevel.wait_readable(self._output)
            size = self._read_some()
            if size == 0:
                return
            if size == CHUNK:
                await trio.sleep(OUTPUT_PAUSE)

    def _read_some(self) -> int:
        try:
            data = os.read(self._output, CHUNK)
        except BlockingIOError:
            return -1
        self._tail += data[-OUTPUT_TAIL:]
        del self._tail[:-OUTPUT_TAIL]
        return len(data)

    @property
    def output(self) -> str:
        """The last of what it printed."""
        return sanitized(self._tail.decode("utf-8", "replace"), keep="\n\t")

    async def end(self, *, polite: bool) -> None:
        """End the process, reap it, and close and remove all that belonged to it.

        To be called in a shield: what it leaves undone stays behind.
        """
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()
        self.abandoned = self.running and not self.condemned
        expected = self.abandoned or bool(self.condemned)
        if polite and self.running:
            with trio.move_on_after(FAREWELL):
                await self.process.wait()
        if self.running:
            processes.kill_tree(self.process.pid)
        await self.process.wait()
        # Whoever is left in its group keeps the number from being given to anybody else.
        processes.kill_group(self.process.pid)
        if not expected:
            await trio.to_thread.run_sync(processes.kill_marked, self._cookie)
        self._read_some()

    async def clear(self) -> None:
        """Close what is left and remove the scratch folder."""
        os.close(self._lifeline)
        os.close(self._output)
        self.gone.set()
        await trio.to_thread.run_sync(
            lambda: shutil.rmtree(self.scratch, ignore_errors=True), abandon_on_cancel=True
        )

    def ending(self) -> str:
        """How the process ended, in words."""
        code = self.process.returncode
        if code is None:
            return "it does not end"
        if code < 0:
            name = _signal_name(-code)
            return f"it was ended by {name}" + _EXPLAINED.get(name, "")
        return f"it ended itself with exit code {code}"


_EXPLAINED: Final = {
    "SIGKILL": " (out of memory?)",
    "SIGSEGV": " (a crash in native code, or recursion without end)",
    "SIGXCPU": " (workers.cpu_seconds)",
}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _pipe(reading: contextlib.ExitStack, writing: contextlib.ExitStack) -> tuple[int, int]:
    read, write = os.pipe()
    reading.callback(os.close, read)
    writing.callback(os.close, write)
    return read, write


def _rights(descriptor: int) -> tuple[int, int, bytes]:
    return socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", descriptor)
