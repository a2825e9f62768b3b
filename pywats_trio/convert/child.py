"""One worker process, seen from the service."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import sys
import tempfile
from typing import TYPE_CHECKING, Any, Final

import trio
from attrs import define, field

from pywats_trio.convert.answer import TOTAL
from pywats_trio.convert.fields import sanitized
from pywats_trio.convert.forkserver import FAREWELL, WorkerStartError
from pywats_trio.convert.said import (
    Description,
    Detected,
    Done,
    Raised,
    Rejected,
    RetryLater,
    Unusable,
)
from pywats_trio.errors import FrameError, PywatsTrioError
from pywats_trio.worker import processes
from pywats_trio.worker.frames import FrameDecoder, encode
from pywats_trio.worker.tidy import remove

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pywats_trio.convert.answer import Answer
    from pywats_trio.convert.launch import Launched, Launcher
    from pywats_trio.convert.said import Ending
    from pywats_trio.converters.registry import Spec
    from pywats_trio.worker.frames import Frame

CHUNK: Final = 65_536
OUTPUT_TAIL: Final = 4096
"""Bytes of standard output and error that are kept as evidence."""
OUTPUT_PAUSE: Final = 0.002
"""Seconds after each piece of output: a converter that prints without end, in large pieces or byte
by byte, is slowed to some 30 MB/s, so that throwing it away costs the service next to nothing."""
AT_ONCE: Final = 32
"""Frames that are read before others get their turn; a thousand fit into a chunk."""
FREE_TURNS: Final = 16
"""Pieces of an answer that are read as soon as they come; there are seldom more than three."""
TURN_PAUSE: Final = 0.001
"""Seconds before each further one, if the last was small: who sends byte by byte is not followed
byte by byte."""
SMALL: Final = 4096
HEADERS: Final = 256 << 20
"""Bytes that a worker may say about one file beside the reports themselves."""
CLEAN_UP: Final = 2.0
"""Seconds at most for killing, reaping and removing the scratch folder."""


class WorkerGone(PywatsTrioError):
    """The worker process ended before it answered."""


@define(eq=False)
class Child:
    """A worker process and our ends of what connects us with it."""

    group: str
    """Converters that share processes."""
    process: Launched
    scratch: str
    _socket: socket.socket
    _lifeline: int
    _output: int
    _decoder: FrameDecoder
    _most: int
    """Bytes that it may say about one file."""
    alone: bool
    """Whether it can start no other process."""
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
    loaded: dict[Spec, str] = field(factory=dict)
    """The converters whose import succeeded, and which version each says it is."""
    _tail: bytearray = field(factory=bytearray)
    _suspended: bool = False

    @classmethod
    async def start(cls, spec: Spec, group: str, launcher: Launcher, root: Path) -> Child:
        """Start a process for converters like `spec`. Cancelled, nothing is left of it.

        Raises:
            WorkerStartError: the system refuses another process.
        """
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            try:
                scratch = await trio.to_thread.run_sync(
                    lambda: tempfile.mkdtemp(dir=root, prefix="w-")
                )
                ours.callback(remove, scratch)
                our_socket, their_socket = socket.socketpair()
                theirs.callback(their_socket.close)
                ours.callback(our_socket.close)
                lifeline, held = _lifeline(theirs, ours)
                output, written = _pipe(ours, theirs)
                process = await launcher.launch(
                    spec, scratch, (their_socket.fileno(), lifeline, written)
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
                our_socket,
                held,
                output,
                FrameDecoder(max_body=launcher.max_body),
                TOTAL * launcher.max_body + HEADERS,
                launcher.boxed,
            )

    async def ask(
        self, spec: Spec, request: Mapping[str, Any], descriptor: int | None, answer: Answer
    ) -> Ending:
        """One job: the request and its file out, the answer back.

        Cancelled, the process is in the middle of something and has to be condemned.

        Raises:
            WorkerGone: the process ended, or closed its side.
            FrameError: it said something that it may not say.
            Unwritten: its reports are too many for memory, and the disk is full.
        """
        self._tail.clear()
        self.jobs += 1
        self._rouse()
        code = b"" if spec in self.loaded else spec.code
        try:
            await self._send(encode(request, code), descriptor)
            ending = await self._listen(answer, spec)
        except (OSError, trio.ClosedResourceError) as error:
            raise WorkerGone(str(error)) from error
        if not isinstance(ending, _ENDINGS[request["do"]]):
            raise FrameError("the worker answered what it was not asked")
        return ending

    async def _send(self, data: bytes, descriptor: int | None) -> None:
        # The socket of an idle worker is empty and takes a job at once, so it is not waited for
        # first: each turn of the event loop would cost a tenth of the whole job.
        rights = [] if descriptor is None else [_rights(descriptor)]
        sent = self._socket.sendmsg([data], rights)
        while sent < len(data):
            await trio.lowlevel.wait_writable(self._socket)
            sent += self._socket.send(data[sent:])

    async def _listen(self, answer: Answer, spec: Spec) -> Ending:
        turns = heard = 0
        while True:
            if (ending := await self._read_frames(answer, spec)) is not None:
                return ending
            await trio.lowlevel.wait_readable(self._socket)
            data = self._socket.recv(CHUNK)
            if not data:
                raise WorkerGone("the worker closed its side")
            self._decoder.feed(data)
            turns += 1
            heard += len(data)
            if heard > self._most:
                raise FrameError(f"the worker said more than {self._most} bytes about one file")
            if turns > FREE_TURNS and len(data) < SMALL:
                await trio.sleep(TURN_PAUSE)

    async def _read_frames(self, answer: Answer, spec: Spec) -> Ending | None:
        frames = 0
        while (frame := self._decoder.next_frame()) is not None:
            if not self._greeted(frame, spec) and (ending := answer.take(frame)) is not None:
                self._finish_job(frame.header.get("doubt"))
                return ending
            if answer.heavy:
                await trio.to_thread.run_sync(answer.unload)
            frames += 1
            if frames % AT_ONCE == 0:
                await trio.lowlevel.checkpoint()
        return None

    def _greeted(self, frame: Frame, spec: Spec) -> bool:
        """Whether it was one of the two frames that come once: of the process, of its converter."""
        kind = frame.header.get("kind")
        if kind == "ready" and not self.ready:
            self.ready = True
            return True
        if frame.header.get("job") != self.jobs:
            raise FrameError("the worker answered to another job")
        if kind == "loaded" and spec not in self.loaded:
            self.loaded[spec] = sanitized(str(frame.header.get("version"))[:100], keep="")
            return True
        return False

    def _finish_job(self, doubt: object) -> None:
        if self._decoder.pending:
            raise FrameError("the worker went on after the end of its answer")
        if doubt:
            self.doubt = sanitized(str(doubt)[:200], keep="")

    @property
    def name(self) -> str:
        """Who it is, in the history of the files it worked on."""
        return f"worker {self.process.pid}"

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self.process.running

    def condemn(self, why: str) -> None:
        """Kill it with all its descendants, now; `gone` is set when it is reaped."""
        self.condemned = self.condemned or why
        self._kill()

    def _kill(self) -> None:
        if not self.running:
            return
        if self.alone:  # else it may have started others, and its threads be searched for them
            processes.kill(self.process.pid)
        else:
            processes.kill_tree(self.process.pid)

    def suspend(self) -> None:
        """Have the kernel stop it until it is asked something, or is to end."""
        if self.running and not self._suspended:
            self._suspended = True
            os.kill(self.process.pid, signal.SIGSTOP)

    def _rouse(self) -> None:
        if self._suspended and self.running:
            os.kill(self.process.pid, signal.SIGCONT)
        self._suspended = False

    def dismiss(self) -> None:
        """Let it end, politely; `gone` is set when it is reaped."""
        self.dismissal.set()

    async def read_output(self) -> None:
        """Read what it prints for as long as it lives, so that it never waits for us."""
        while True:
            await trio.lowlevel.wait_readable(self._output)
            if self._read_some() == 0:
                return
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

    def output_now(self) -> str:
        """`output`, with what is still on its way: the answer may overtake it."""
        if not self.gone.is_set():
            self._read_some()
        return self.output

    async def end(self, *, polite: bool) -> None:
        """End the process, reap it, and close and remove all that belonged to it.

        To be called in a shield: what it leaves undone stays behind.
        """
        # Before the socket closes: who notices that ends at once, and would seem to have died.
        self.abandoned = self.running and not self.condemned
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()
        expected = self.abandoned or bool(self.condemned)
        if polite and self.running:
            self._rouse()
            with trio.move_on_after(FAREWELL):
                await self.process.ended()
        self._kill()
        await self.process.reap(expected=expected)
        self._read_some()

    async def clear(self) -> None:
        """Close what is left and remove the scratch folder."""
        os.close(self._lifeline)
        os.close(self._output)
        self.gone.set()
        await trio.to_thread.run_sync(remove, self.scratch, abandon_on_cancel=True)

    def ending(self) -> str:
        """How the process ended, in words."""
        code = self.process.returncode
        if code is None:
            return "it ended, and what could tell how ended before it"
        if code < 0:
            name = _signal_name(-code)
            return f"it was ended by {name}" + _EXPLAINED.get(name, "")
        return f"it ended itself with exit code {code}"


_ENDINGS: Final = {
    "convert": (Done, Rejected, RetryLater, Raised, Unusable),
    "detect": (Detected, Unusable),
    "describe": (Description, Unusable),
}
"""What may answer a request."""
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


def _lifeline(reading: contextlib.ExitStack, writing: contextlib.ExitStack) -> tuple[int, int]:
    """The worker's end and ours.

    No pipe: the worker could open the other end of that through /proc and so hold it open when we
    are gone. And packets, because the kernel does not signal a stream that somebody reads from.
    """
    kind = socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_STREAM
    theirs, ours = (end.detach() for end in socket.socketpair(socket.AF_UNIX, kind))
    reading.callback(os.close, theirs)
    writing.callback(os.close, ours)
    return theirs, ours


def _rights(descriptor: int) -> tuple[int, int, bytes]:
    return socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", descriptor)
