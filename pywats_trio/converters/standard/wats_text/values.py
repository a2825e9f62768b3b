"""Cells of the WATS text format to WSJF values: words to letters, numbers digit by digit."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from pywats_trio.reports import instants, numbers
from pywats_trio.reports.limits import RESULTS
from pywats_trio.reports.model import Finding

if TYPE_CHECKING:
    from datetime import datetime

    from pywats_trio.reports.operators import Value

Convert = Callable[[str, str], Any]
"""A cell that is not blank and the decimal mark to a value; `ValueError` says what is expected."""

_STATUS: Final = {
    "passed": "P",
    "pass": "P",
    "failed": "F",
    "fail": "F",
    "done": "D",
    "skipped": "S",
    "error": "E",
    "terminated": "T",
    "aborted": "T",
    "undetermined": "T",
}
_RESULT: Final = {word: letter for word, letter in _STATUS.items() if letter in RESULTS}
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_GROUPED: Final = re.compile(
    r"[+-]?\d{1,3}(?:(?:,\d{3})+\.\d*(?:[eE][+-]?\d+)?|(?:,\d{3}){2,})", re.ASCII
)
"""Thousands marks that can be nothing else: `1,250` alone may also be a decimal comma."""
_SWAPPED: Final = str.maketrans(".,", ",.")


def text(value: str, _decimal: str = ".") -> str:
    """As it is."""
    return value


def number(value: str, decimal: str = ".") -> Value:
    """A number digit by digit; what is not finite as a float."""
    plain = value.translate(_SWAPPED) if decimal == "," else value
    plain = plain.strip(" ")
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    read = numbers.read(plain)
    if read is None:
        mark = "point" if decimal == "." else "comma"
        raise ValueError(f"a number with a decimal {mark} is expected (see the argument decimal)")
    return float(read) if isinstance(read, str) else read


def seconds(value: str, decimal: str = ".") -> numbers.Number:
    """A time, which is finite."""
    read = number(value, decimal)
    if not isinstance(read, numbers.Number):
        raise ValueError("a number of seconds is expected")  # noqa: TRY004 - caught as such
    return read


def whole(value: str, _decimal: str = ".") -> int:
    """A whole number."""
    if not _WHOLE.fullmatch(value.strip(" ")):
        raise ValueError("a whole number is expected")
    return int(value)


def boolean(value: str, _decimal: str = ".") -> bool:
    """True or False, 1 or 0."""
    word = value.strip(" ").lower()
    if word not in ("true", "1", "false", "0"):
        raise ValueError("TRUE or FALSE is expected")
    return word in ("true", "1")


def status(value: str, _decimal: str = ".") -> str:
    """The letter of a step's status."""
    return _letter(value, _STATUS)


def result(value: str, _decimal: str = ".") -> str:
    """The letter of a unit's result."""
    return _letter(value, _RESULT)


def _letter(value: str, words: dict[str, str]) -> str:
    letter = words.get(value.strip(" ").lower())
    if letter is None:
        raise ValueError(f"one of {', '.join(word.capitalize() for word in words)} is expected")
    return letter


def instant(value: str, _decimal: str = ".") -> str:
    """A point in time; without a zone it is the station's wall clock."""
    return _instant(value)[0]


def utc(value: str, _decimal: str = ".") -> str:
    """A point in time; without a zone it is UTC."""
    written, found = _instant(value)
    return f"{written}Z" if found.tzinfo is None else written


def _instant(value: str) -> tuple[str, datetime]:
    written = value.strip(" ").replace(",", ".")
    found = instants.parse(written)
    if found is None:
        raise ValueError("a date such as 2026-03-02T08:30:00 is expected")
    return written, found


@define
class Notes:
    """What was taken though it is odd, or could not be passed on; each kind once."""

    _found: dict[tuple[str, str], list[int]] = field(factory=dict)

    def add(self, path: str, message: str, line: int) -> None:
        """Once more, in this line."""
        self._found.setdefault((path, message), []).append(line)

    def findings(self) -> tuple[Finding, ...]:
        """All of them, in the order of their first lines."""
        return tuple(
            Finding(path, f"{message} ({_places(lines)})")
            for (path, message), lines in self._found.items()
        )


def _places(lines: list[int]) -> str:
    more = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
    return f"line {lines[0]}{more}"
