"""The frames of local control: bytes in, objects out. No I/O, no clock.

A frame is a length (4 bytes, big endian, unsigned) and that many bytes of UTF-8 JSON, one object,
at most 1 MiB. Protocol 2.1 is a superset of pyWATS 2.0: the server speaks first with HELLO, then
every request gets exactly one response.
"""

from __future__ import annotations

import json
import re
import struct
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pywats_trio.errors import FrameError
from pywats_trio.text import shortened, storable

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION: Final = "2.1"
OLDEST: Final = (2, 0)
"""The oldest protocol version that is understood."""
BEYOND: Final = (3, 0)
"""The first one that is not any more."""
MAX_FRAME: Final = 1024 * 1024
"""Bytes of JSON in one frame."""
LONGEST_ERROR: Final = 10_000
"""Characters of an error's text; even escaped they fit into a frame."""
_HEAD: Final = struct.Struct(">I")
_VERSION: Final = re.compile(r"([0-9]{1,4})(?:\.([0-9]{1,4}))?")

Message = dict[str, Any]


class BadJson(FrameError):
    """A whole frame came, but what it holds is no JSON; the next one may be well."""


def encode(message: Mapping[str, Any]) -> bytes:
    """One frame.

    NaN and infinity, which are no JSON, are never written: a strict client could not read them.

    Raises:
        FrameError: it would be larger than `MAX_FRAME`, or JSON cannot hold it.
    """
    try:
        body = json.dumps(message, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise FrameError(f"a message cannot be written as JSON: {error}") from error
    if len(body) > MAX_FRAME:
        raise FrameError(
            f"a message of {len(body)} bytes does not fit into a frame, which holds {MAX_FRAME}; "
            "ask for less at once, or submit it as a file"
        )
    return _HEAD.pack(len(body)) + body


class Decoder:
    """Takes bytes as they come, gives whole messages; never holds more than one frame and a read.

    After a FrameError other than BadJson nothing more can be understood: close the connection.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()

    @property
    def full(self) -> bool:
        """Whether it holds enough: nothing more need be read before a message is taken."""
        return len(self._bytes) >= _HEAD.size + MAX_FRAME

    def feed(self, data: bytes | bytearray) -> None:
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
        message = json.loads(body.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BadJson(f"Invalid JSON: {error}") from error
    if not isinstance(message, dict):
        raise FrameError("a message must be a JSON object")
    return message


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def hello(instance: str, version: str, *, requires_auth: bool) -> Message:
    """What the server says first."""
    return {
        "protocol_version": VERSION,
        "server_version": version,
        "instance_id": instance,
        "requires_auth": requires_auth,
        "capabilities": ["rate_limit", "queue", "sync"],
    }


def request(command: str, request_id: str, args: Mapping[str, Any]) -> Message:
    """What a client asks."""
    return {
        "command": command,
        "request_id": request_id,
        "protocol_version": VERSION,
        "args": dict(args),
    }


def success(request_id: str | int, data: Mapping[str, Any]) -> Message:
    """The answer to a request that was done."""
    return _response(request_id, success=True, data=dict(data))


def failure(request_id: str | int, error: str, code: str, **more: object) -> Message:
    """The answer to a request that was refused or failed; `more` stands beside `error_code`."""
    told = shortened(storable(error), LONGEST_ERROR)
    return _response(request_id, success=False, error=told, error_code=code, **more)


def _response(request_id: str | int, **fields: object) -> Message:
    empty = {"success": False, "data": None, "error": None, "error_code": None}
    return {**empty, **fields, "request_id": request_id, "protocol_version": VERSION}


def version_of(message: Message) -> str:
    """The protocol version that the sender speaks; one who names none speaks 1.0."""
    version = message.get("protocol_version", "1.0")
    return str(version) if isinstance(version, str | float | int) else type(version).__name__


def understood(message: Message) -> bool:
    """Whether the sender's version is one that this program speaks."""
    found = _VERSION.fullmatch(version_of(message))
    return found is not None and OLDEST <= (int(found[1]), int(found[2] or 0)) < BEYOND
