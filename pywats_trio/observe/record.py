"""A log record as it is written: its fields in their order, JSON, nothing secret (contract 12)."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Mapping, Set
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.config.secrets import MASK, looks_secret
from pywats_trio.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

Record = dict[str, Any]

LONGEST_LINE: Final = 64 * 1024
"""Characters; in a longer line every field is cut to `LONGEST_FIELD` of them."""
LONGEST_FIELD: Final = 1000
SHORTEST_SECRET: Final = 6
"""Characters; a shorter one would be found in half of all words. No server's token is so short."""
_FRAMES: Final = 50
_DEPTH: Final = 5
_SIBLINGS: Final = 10
_LEADING: Final = ("correlation_id", "item_id", "converter")


def leading(level: str, logger: str, instance: str) -> Record:
    """The fields that every record starts with; `event` gets its value from `record`."""
    return {
        "timestamp": now(),
        "level": level,
        "event": "",
        "logger": logger,
        "instance": instance,
    }


def record(begun: Record, event: MutableMapping[str, Any]) -> Record:
    """The event's own fields behind the leading ones, secrets masked, the exception last.

    `exception` stays an exception here; each form of the line has its own way to tell it.
    """
    error = _error(event.pop("exc_info", None))
    begun["event"] = event.pop("event", "")
    for key in _LEADING:
        if key in event:
            begun[key] = event.pop(key)
    for key, value in event.items():
        begun[key] = MASK if looks_secret(key) else _without_secrets(value)
    if error is not None:
        begun["exception"] = error
    return begun


def now() -> str:
    """UTC, ISO 8601: `2026-01-30T09:00:00.123456Z`."""
    return datetime.now(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def exception(error: BaseException, depth: int = _DEPTH) -> dict[str, Any]:
    """`{"type", "message", "frames": [{"file", "line", "function"}], "cause", "exceptions"}`.

    The innermost 50 frames, the outermost of them first. `cause` is what it was raised from,
    `exceptions` the first ten that a group holds; both end after five levels.
    """
    # walk_tb, not extract_tb: that one reads the source files, and we may be in the event loop.
    frames = list(traceback.walk_tb(error.__traceback__))[-_FRAMES:]
    told: dict[str, Any] = {
        "type": type(error).__qualname__,
        "message": str(error),
        "frames": [
            {"file": frame.f_code.co_filename, "line": line, "function": frame.f_code.co_qualname}
            for frame, line in frames
        ],
    }
    hidden = None if error.__suppress_context__ else error.__context__
    cause = error.__cause__ or hidden
    if cause is not None and depth:
        told["cause"] = exception(cause, depth - 1)
    if isinstance(error, BaseExceptionGroup) and depth:
        told["exceptions"] = [exception(held, depth - 1) for held in error.exceptions[:_SIBLINGS]]
    return told


class Encoder:
    """Records to JSON lines in UTF-8, without the values in `secrets`. Never raises."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        self._secrets: tuple[str, ...] = ()
        self.mask(secrets)

    def mask(self, secrets: Sequence[str]) -> None:
        """Mask these, too, from now on."""
        long = [secret for secret in secrets if len(secret) >= SHORTEST_SECRET]
        escaped = (json.dumps(secret, ensure_ascii=False)[1:-1] for secret in long)
        every = {*self._secrets, *long, *escaped}
        self._secrets = tuple(sorted(every, key=len, reverse=True))

    def line(self, written: Record) -> bytes:
        """One line, its line end included."""
        text = self._json(written)
        if len(text) > LONGEST_LINE:
            text = self._json({key: _cut(value) for key, value in written.items()})
        # What is no UTF-8 in a file's name becomes an escape, and that is JSON, too.
        return (self.without_secrets(text) + "\n").encode("utf-8", "backslashreplace")

    def without_secrets(self, text: str) -> str:
        """`text` with every secret value masked."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def _json(self, written: Record) -> str:
        try:
            return _encode(written)
        except (TypeError, ValueError, RecursionError):
            # A key that is no text, a value that holds itself, NaN: say what can be said.
            return _encode({key: _in_words(value) for key, value in written.items()})


def plain(value: object) -> object:
    """What JSON does not know, as something it does."""
    if isinstance(value, BaseException):
        return exception(value)
    if isinstance(value, PurePath):
        return printable(str(value))
    if isinstance(value, Set):
        return sorted(map(str, value))
    return repr(value)


_encode = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=plain
).encode


def _without_secrets(value: object) -> object:
    if isinstance(value, Mapping):
        return {
            key: MASK if looks_secret(str(key)) else _without_secrets(held)
            for key, held in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_secrets(held) for held in value]
    return value


def _in_words(value: object) -> object:
    return value if isinstance(value, str | int | None) else repr(value)


def _cut(value: object) -> object:
    if isinstance(value, int | float | None):
        return value
    return shortened(value if isinstance(value, str) else repr(value), LONGEST_FIELD)


def _error(exc_info: object) -> BaseException | None:
    """The exception in any of the forms that `logging` and structlog take."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exc_info()[1] if exc_info else None
