"""The worker's end of the job socket: blocking, one job at a time."""

from __future__ import annotations

import os
import socket
from typing import Any, Final

from pywats_trio.worker import EXIT_FORKED
from pywats_trio.worker.frames import Frame, FrameDecoder, encode

CHUNK: Final = 65_536
FLUSH_AT: Final = 262_144
"""Bytes. Small answers leave in one piece, so that the service wakes up once a job."""


class Channel:
    """Jobs in (each with the descriptor of its file), frames out."""

    def __init__(self, descriptor: int, *, max_body: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(True)
        self._decoder = FrameDecoder()
        self._max_body = max_body
        self._unsent: list[bytes] = []
        self._unsent_size = 0
        self._pid = os.getpid()
        self._job = 0

    def receive(self) -> tuple[Frame, int | None] | None:
        """The next job and its file's descriptor; None when the service is gone or has no more.

        Raises:
            FrameError: what came is no job.
            OSError: the socket is broken.
        """
        descriptors: list[int] = []
        while (frame := self._decoder.next_frame()) is None:
            data, received, _flags, _address = socket.recv_fds(self._socket, CHUNK, 1)
            descriptors += received
            if not data:
                return None
            self._decoder.feed(data)
        self._job += 1
        return frame, descriptors[0] if descriptors else None

    def put(self, header: dict[str, Any], body: bytes = b"") -> None:
        """Say something about the job in hand with the next `flush`.

        The number of the job goes with it, which the service counts, too: an answer that comes
        late, because a converter answered in our place, is never taken for that of the next file.

        Raises:
            FrameError: it is larger than the service takes.
        """
        data = encode({"job": self._job, **header}, body, max_body=self._max_body)
        self._unsent.append(data)
        self._unsent_size += len(data)
        if self._unsent_size >= FLUSH_AT:
            self.flush()

    def flush(self) -> None:
        """Send what was put. Does not return in a copy of the worker that a converter forked."""
        self.end_if_forked()
        data = b"".join(self._unsent)
        self._unsent.clear()
        self._unsent_size = 0
        self._socket.sendall(data)

    def end_if_forked(self) -> None:
        """`os.fork` in a converter returns twice; only one of the two may go on as the worker."""
        if os.getpid() != self._pid:
            os._exit(EXIT_FORKED)
