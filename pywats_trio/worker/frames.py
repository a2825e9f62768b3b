"""Frames between the service and a worker: bytes in, frames out, no I/O.

A frame is two lengths (big endian, 4 bytes each), a JSON object as its header, and a raw body. It
is never pickle: what a worker says is untrusted input, and reading it must not run anything. Header
text is pure ASCII with escapes, so that a file name of any bytes (as surrogates) passes unchanged.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pywats_trio.errors import FrameError

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = struct.Struct("!II")
MAX_HEADER: Final = 1 << 20
"""Bytes. Findings and arguments are small; a header beyond this is a mistake or an attack."""
MAX_PARTS: Final = 50_000
"""Brackets and commas of a header: what reading takes goes with them, 10 to 20 ms for so many. A
text may hold some, too."""
MAX_BODY: Final = 256 << 20
"""Bytes. The default for one body; the service sets its own from `workers.max_input_mb`."""

_encode_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode


class Frame(NamedTuple):
    """One message: what it says, and the bytes that come with it."""

    header: dict[str, Any]
    body: bytes


def encode(header: Mapping[str, Any], body: bytes = b"", *, max_body: int = MAX_BODY) -> bytes:
    """The bytes of one frame.

    Raises:
        FrameError: the header or the body is larger than a reader would take.
    """
    head = _encode_json(header).encode("ascii")
    _check_parts(head)
    _check_lengths(len(head), len(body), max_body)
    return b"".join((PREFIX.pack(len(head), len(body)), head, body))


class FrameDecoder:
    """Turns received bytes, however they were split, into frames.

    After a `FrameError` the stream cannot be read any further: where the next frame begins is
    unknown.
    """

    def __init__(self, *, max_header: int = MAX_HEADER, max_body: int = MAX_BODY) -> None:
        self._buffer = bytearray()
        self._max_header = max_header
        self._max_body = max_body

    @property
    def pending(self) -> int:
        """How many bytes wait for the rest of their frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Add received bytes."""
        self._buffer += data

    def next_frame(self) -> Frame | None:
        """The next whole frame, None if more bytes are needed.

        Raises:
            FrameError: a length is beyond its limit, or the header is no JSON object.
        """
        if len(self._buffer) < PREFIX.size:
            return None
        head_size, body_size = PREFIX.unpack_from(self._buffer)
        _check_lengths(head_size, body_size, self._max_body, self._max_header)
        head_end = PREFIX.size + head_size
        end = head_end + body_size
        if len(self._buffer) < end:
            return None
        header = _decode_header(bytes(self._buffer[PREFIX.size : head_end]))
        body = bytes(memoryview(self._buffer)[head_end:end]) if body_size else b""
        del self._buffer[:end]
        return Frame(header, body)


def _check_lengths(head: int, body: int, max_body: int, max_header: int = MAX_HEADER) -> None:
    if head > max_header:
        raise FrameError(f"a frame's header has {head} bytes, at most {max_header} are allowed")
    if body > max_body:
        raise FrameError(f"a frame's body has {body} bytes, at most {max_body} are allowed")


def _check_parts(head: bytes) -> None:
    parts = head.count(b"[") + head.count(b"{") + head.count(b",")
    if parts > MAX_PARTS:
        raise FrameError(f"a frame's header has {parts} parts, at most {MAX_PARTS} are allowed")


def _decode_header(head: bytes) -> dict[str, Any]:
    _check_parts(head)
    try:
        header = json.loads(head)
    except (ValueError, RecursionError) as error:
        # ValueError: no JSON, no UTF-8, or an integer of thousands of digits.
        raise FrameError(f"a frame's header is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise FrameError(f"a frame's header is a JSON {type(header).__name__}, not an object")
    return header
