"""Where log lines go without holding anybody up: a bounded queue and a thread that writes."""

from __future__ import annotations

import os
import threading
from collections import deque
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

LINES: Final = 10_000
"""Most lines that wait for a target; what comes on top is dropped and counted."""
_BATCH: Final = 1000


GATHER_SECONDS: Final = 0.02
"""After each write the thread lets lines gather: waking it for every one of them would cost the
event loop more than making the line did."""


class Target(Protocol):
    """A place for lines."""

    def write(self, lines: deque[bytes]) -> None:
        """Write the lines and take them out of `lines`; what an OSError leaves there is lost."""

    def close(self) -> None:
        """Let go of what is held. Never raises."""


class Sink:
    """Writes lines to a target in a thread of its own; never raises, never blocks the caller."""

    def __init__(
        self,
        target: Target,
        *,
        note_dropped: Callable[[int], bytes],
        complain: Callable[[OSError], None],
        limit: int = LINES,
    ) -> None:
        """`note_dropped` makes the line that says how many were dropped.

        `complain` is told about the first OSError of each time that the target fails.
        """
        self._target = target
        self._note_dropped = note_dropped
        self._complain = complain
        self._limit = limit
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._unsaid = 0
        self._failing = False
        self.dropped = 0
        """Lines lost since the start."""
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        """Hand over a line, its line end included."""
        if self._queue.qsize() < self._limit:
            self._queue.put(line)
        else:
            self._drop(1)

    def close(self, seconds: float = 0.4) -> None:
        """Write what waits, for `seconds` at the most; a target that hangs is left behind."""
        self._closing.set()
        self._queue.put(None)
        self._thread.join(seconds)

    def _drop(self, count: int) -> None:
        with self._lock:
            self.dropped += count
            self._unsaid += count

    def _run(self) -> None:
        goes_on = True
        while goes_on:
            lines, goes_on = self._take()
            self._write(lines)
            self._closing.wait(GATHER_SECONDS)
        self._target.close()

    def _take(self) -> tuple[deque[bytes], bool]:
        """What waits, at least one line; False with the last of them."""
        lines: deque[bytes] = deque()
        line = self._queue.get()
        while line is not None:
            lines.append(line)
            if len(lines) == _BATCH:
                return lines, True
            try:
                line = self._queue.get_nowait()
            except Empty:
                return lines, True
        return lines, False

    def _write(self, lines: deque[bytes]) -> None:
        with self._lock:
            unsaid, self._unsaid = self._unsaid, 0
        if unsaid:
            lines.append(self._note_dropped(unsaid))
        try:
            self._target.write(lines)
        except OSError as error:
            # The note is not a line of anybody's: what it says is still to be said.
            self._drop(len(lines) - bool(unsaid))
            with self._lock:
                self._unsaid += unsaid
            if not self._failing:
                self._complain(error)
            self._failing = True
        else:
            self._failing = False


class Stream:
    """Standard error, or any text stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        try:
            self._descriptor: int | None = stream.fileno()
        except (OSError, ValueError):  # a stream in memory, a closed one
            self._descriptor = None

    def write(self, lines: deque[bytes]) -> None:
        """Raises OSError for a reader that is gone."""
        data = b"".join(lines)
        lines.clear()
        if self._descriptor is None:
            self._stream.write(data.decode("utf-8", "replace"))
        else:
            # Not through the stream: a thread that hangs in its lock would break the exit.
            write_all(self._descriptor, data)

    def close(self) -> None:
        """The stream belongs to somebody else."""


def write_all(descriptor: int, data: bytes) -> None:
    """`os.write` until everything is written. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
