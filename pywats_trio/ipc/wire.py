"""The frames of local control: bytes in, objects out. No I/O, no clock.

A frame is a length (4 bytes, big endian, unsigned) and that many bytes of UTF-8 JSON, one object,
at most 1 MiB. Protocol 2.1 is a superset of pyWATS 2.0: the server speaks first with HELLO, then
every request gets exactly one response.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.errors import FrameError

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION: Final = "2.1"
OLDEST: Final = (2, 0)
"""The oldest protocol version of a request that is understood."""
MAX_FRAME: Final = 1024 * 1024
"""Bytes of JSON in one frame."""
_HEAD: Final = struct.Struct(">I")

Message = dict[str, Any]


class BadJson(FrameError):
    """A whole frame came, but what it holds is no JSON; the next one may be well."""


def encode(message: Mapping[str, Any]) -> bytes:
    """One frame.

    Raises:
        FrameError: it would be larger than `MAX_FRAME`.
    """
    body = json.dumps(message, separators=(",", ":")).encode()
    if len(body) > MAX_FRAME:
        raise FrameError(f"a message of {len(body)} bytes does not fit into one frame")
    return _HEAD.pack(len(body)) + body


class Decoder:
    """Takes bytes as they come, gives whole messages; never holds more than one frame and a read.

    After a FrameError other than BadJson nothing more can be understood: close the connection.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()

    @property
    def half_way(self) -> bool:
        """Whether a part of a frame came and the rest did not yet."""
        return bool(self._bytes)

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        self._bytes += data

    def next_message(self) -> Message | None:
        """The next message, or None if it has not come whole.

        Raises:
            BadJson: the frame holds no JSON; it is skipped.
            FrameError: the frame is too large, or holds JSON that is no object.
        """
        if len(self._bytes) < _HEAD.size:
            return None
        (length,) = _HEAD.unpack_from(self._bytes)
        if length > MAX_FRAME:
            raise FrameError(f"a frame of {length} bytes; at most {MAX_FRAME} are taken")
        end = _HEAD.size + length
        if len(self._bytes) < end:
            return None
        body = bytes(self._bytes[_HEAD.size : end])
        del self._bytes[:end]
        return _parsed(body)


def _parsed(body: bytes) -> Message:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadJson(f"Invalid JSON: {error}") from error
    if not isinstance(message, dict):
        raise FrameError("a message must be a JSON object")
    return message


def hello(instance: str, version: str, *, requires_auth: bool) -> Message:
    """What the server says first."""
    return {
        "protocol_version": VERSION,
        "server_version": version,
        "instance_id": instance,
        "requires_auth": requires_auth,
        "capabilities": ["rate_limit", "queue", "config", "sync", *(["auth"] * requires_auth)],
    }


def request(command: str, request_id: str, args: Mapping[str, Any]) -> Message:
    """What a client asks."""
    return {
        "command": command,
        "request_id": request_id,
        "protocol_version": VERSION,
        "args": dict(args),
    }


def success(request_id: str, data: Mapping[str, Any]) -> Message:
    """The answer to a request that was done."""
    return _response(request_id, success=True, data=dict(data))


def failure(request_id: str, error: str, code: str, **more: object) -> Message:
    """The answer to a request that was refused or failed; `more` stands beside `error_code`."""
    return _response(request_id, success=False, error=error, error_code=code, **more)


def _response(request_id: str, **fields: object) -> Message:
    empty = {"success": False, "data": None, "error": None, "error_code": None}
    return {**empty, **fields, "request_id": request_id, "protocol_version": VERSION}


def understood(message: Message) -> bool:
    """Whether a request's version is one that this program speaks; without one it is 1.0."""
    text = str(message.get("protocol_version", "1.0"))
    major, _, minor = text.partition(".")
    if not (major.isascii() and major.isdigit() and (minor or "0").isdigit()):
        return False
    return OLDEST <= (int(major), int(minor or 0)) < (3, 0)
