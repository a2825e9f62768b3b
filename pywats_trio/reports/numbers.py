"""Numbers that keep their digits, and JSON that is written from them.

`float` turns 9007199254740993 into 9007199254740992; a converter that reads text hands the text on
as a `Number`.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any, Final, cast

from attrs import field, frozen, validators

from pywats_trio.reports import instants
from pywats_trio.reports.model import InvalidReport, Path, written

MAX_DEPTH: Final = 256
"""Levels of lists and objects in a report. Each step within a step takes two."""

_DIGITS: Final = 300
"""The largest double has 309."""
_PIECES: Final = 8192
"""Of JSON that wait to be put together."""

_GRAMMAR: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,6})?", re.ASCII)
_XML_NUMBER: Final = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?([eE][+-]?\d{1,6})?", re.ASCII)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NOT_FINITE: Final = {
    "nan": "NaN",
    "inf": "Infinity",
    "+inf": "Infinity",
    "-inf": "-Infinity",
    "infinity": "Infinity",
    "+infinity": "Infinity",
    "-infinity": "-Infinity",
    "+nan": "NaN",
    "-nan": "NaN",
}
_WINDOWS: Final = re.compile(
    r"([+-]?)(?:1\.#(inf|nan|qnan|snan|ind)0*(?:e[+-]?0+)?|nan\((?:ind|snan)\))"
)
"""The same as the C libraries of Windows write them."""


@frozen
class Number:
    """A finite number as it is written, in JSON's grammar."""

    text: str = field(validator=validators.matches_re(_GRAMMAR))

    def __float__(self) -> float:
        return float(self.text)


def read(text: str) -> Number | str | None:
    """A number of XML Schema or of a tester's file; None where the text is none.

    What is not finite comes back as the string that WSJF has for it (`NaN`, `Infinity`,
    `-Infinity`); the rest digit by digit, with only `+`, leading zeros and bare points put right.
    A number that no double holds (1e999) is none.
    """
    text = text.strip()
    if _JSON_NUMBER.fullmatch(text):
        return None if _is_infinite(text) else _as_written(text)
    if (word := _not_finite(text.lower())) is not None:
        return word
    match = _XML_NUMBER.fullmatch(text)
    if match is None or not (match[2] or match[3]) or _is_infinite(text):
        return None
    whole = match[2].lstrip("0") or "0"
    fraction = f".{match[3]}" if match[3] else ""
    return _as_written(f"{match[1].replace('+', '')}{whole}{fraction}{match[4] or ''}")


def _is_infinite(text: str) -> bool:
    """Whether no double holds it; few digits without an exponent are always held."""
    return (len(text) > _DIGITS or "e" in text or "E" in text) and math.isinf(float(text))


def _as_written(text: str) -> Number:
    """Of what was matched already: a large file has millions, and checking each takes the most."""
    number = Number.__new__(Number)
    object.__setattr__(number, "text", text)
    return number


def _not_finite(text: str) -> str | None:
    if ("#" in text or "(" in text) and (match := _WINDOWS.fullmatch(text)):
        text = f"{match[1]}inf" if match[2] == "inf" else "nan"
    return _NOT_FINITE.get(text)


def plain(value: object, path: Path = (), depth: int = 0) -> object:
    """A copy made of what JSON has: dict, list, str, int, float, bool, None and `Number`.

    Raises:
        InvalidReport: a type that JSON has no form for, or deeper than `MAX_DEPTH` levels.
    """
    if depth > MAX_DEPTH:
        raise InvalidReport(f"nested deeper than {MAX_DEPTH} levels", path[:6])
    if isinstance(value, Mapping):
        return {_text(k): plain(v, (*path, str(k)), depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, (*path, i), depth + 1) for i, v in enumerate(value)]
    return _scalar(value, path)


def _text(value: object) -> str:
    """Without half surrogate pairs, which UTF-8 cannot hold."""
    return _SURROGATE.sub("\ufffd", str(value))


def _scalar(value: object, path: Path) -> object:
    if value is None or isinstance(value, bool | Number):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float | Decimal):
        return _finite(value)
    if isinstance(value, datetime):
        return instants.local(value)
    raise InvalidReport(
        f"{written(path)}: a value of type {type(value).__name__} has no form in JSON", path
    )


def _finite(value: float | Decimal) -> object:
    if not math.isfinite(value):
        return _NOT_FINITE.get(str(float(value)), "NaN")
    return Number(str(value)) if isinstance(value, Decimal) else float(value)


def settle(value: dict[str, Any], depth: int = 0) -> None:
    """The same in place, for what nobody else holds: a report of a million steps is not copied.

    Raises:
        InvalidReport: as `plain`.
    """
    if depth > MAX_DEPTH:
        raise InvalidReport(f"nested deeper than {MAX_DEPTH} levels")
    for key, item in value.items():
        kind = type(item)
        if kind is dict:
            settle(item, depth + 1)
        elif kind is list:
            _settle_list(item, depth + 1)
        elif not _is_settled(item, kind):
            value[key] = plain(item, (key,), depth + 1)


def _settle_list(items: list[Any], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise InvalidReport(f"nested deeper than {MAX_DEPTH} levels")
    for index, item in enumerate(items):
        kind = type(item)
        if kind is dict:
            settle(item, depth + 1)
        elif not _is_settled(item, kind):
            items[index] = plain(item, (index,), depth + 1)


def _is_settled(item: Any, kind: type) -> bool:  # noqa: ANN401 - anything
    """Whether it is as `plain` would make it; not being sure is a No."""
    if kind is str:
        return bool(item.isascii())
    if kind is float:
        return math.isfinite(item)
    return kind is Number or kind is int or kind is bool or item is None


def dumps(value: object) -> str:
    """Compact JSON of what `plain` gives; numbers as they are written, text not escaped."""
    parts: list[str] = []
    _write(value, parts.append)
    return "".join(parts)


def encoded(value: Mapping[str, Any]) -> bytes:
    """The same as UTF-8, for what is large: its pieces are not all in memory at once."""
    out = io.BytesIO()
    parts: list[str] = []

    def put(part: str) -> None:
        parts.append(part)
        if len(parts) >= _PIECES:
            out.write("".join(parts).encode())
            parts.clear()

    _write(value, put)
    out.write("".join(parts).encode())
    return out.getvalue()


def _write(value: object, put: Callable[[str], None]) -> None:
    kind = type(value)
    if kind is dict:
        _write_object(cast("dict[str, Any]", value), put)
    elif kind is list:
        _write_list(cast("list[Any]", value), put)
    else:
        put(_scalar_text(value, kind))


def _write_object(value: dict[str, Any], put: Callable[[str], None]) -> None:
    if not value:
        put("{}")
        return
    text = "{"  # of the members up to the next one that is not a scalar
    for key, item in value.items():
        kind = type(item)
        text += _key(key)
        if kind is dict or kind is list:
            put(text)
            _write(item, put)
            text = ","
        else:
            text += f"{_scalar_text(item, kind)},"
    put(f"{text[:-1]}}}")


def _write_list(value: list[Any], put: Callable[[str], None]) -> None:
    separator = "["
    for item in value:
        put(separator)
        _write(item, put)
        separator = ","
    put("]" if value else "[]")


@lru_cache(1024)
def _key(name: str) -> str:
    return f"{encode_basestring(name)}:"


def _scalar_text(value: Any, kind: type) -> str:  # noqa: ANN401 - anything
    if kind is str:
        return encode_basestring(value)
    if kind is Number:
        return str(value.text)
    if kind is int or (kind is float and math.isfinite(value)):
        return repr(value)
    return json.dumps(value, allow_nan=False)
