"""Numbers that keep their digits, and JSON that is written from them.

`float` turns 9007199254740993 into 9007199254740992; a converter that reads text hands the text on
as a `Number`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Final

from attrs import field, frozen, validators

from pywats_trio.reports import instants
from pywats_trio.reports.model import InvalidReport, Path, written

MAX_DEPTH: Final = 256
"""Levels of lists and objects in a report. Each step within a step takes two."""

_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
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

    text: str = field(validator=validators.matches_re(_JSON_NUMBER))

    def __float__(self) -> float:
        return float(self.text)


def read(text: str) -> Number | str | None:
    """A number of XML Schema or of a tester's file; None where the text is none.

    What is not finite comes back as the string that WSJF has for it (`NaN`, `Infinity`,
    `-Infinity`); the rest digit by digit, with only `+`, leading zeros and bare points put right.
    A number that no double holds (1e999) is none.
    """
    text = text.strip()
    if (word := _not_finite(text.lower())) is not None:
        return word
    match = _XML_NUMBER.fullmatch(text)
    if match is None or not (match[2] or match[3]) or math.isinf(float(text)):
        return None
    if _JSON_NUMBER.fullmatch(text):
        return Number(text)
    whole = match[2].lstrip("0") or "0"
    fraction = f".{match[3]}" if match[3] else ""
    return Number(f"{match[1].replace('+', '')}{whole}{fraction}{match[4] or ''}")


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


def dumps(value: object) -> str:
    """Compact JSON of what `plain` gives; numbers as they are written, text not escaped."""
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts)


def _write(value: object, parts: list[str]) -> None:
    if isinstance(value, str):
        parts.append(encode_basestring(value))
    elif isinstance(value, Number):
        parts.append(value.text)
    elif isinstance(value, dict):
        separator = "{"
        for key, item in value.items():
            parts.append(f"{separator}{encode_basestring(key)}:")
            _write(item, parts)
            separator = ","
        parts.append("}" if value else "{}")
    elif isinstance(value, list):
        separator = "["
        for item in value:
            parts.append(separator)
            _write(item, parts)
            separator = ","
        parts.append("]" if value else "[]")
    else:
        parts.append(json.dumps(value, allow_nan=False))
