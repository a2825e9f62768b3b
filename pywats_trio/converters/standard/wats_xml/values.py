"""XML attributes to WSJF members: words to letters, numbers digit by digit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.converters.api import Reject
from pywats_trio.reports import instants, numbers
from pywats_trio.reports.limits import GROUPS, RESULTS, STEP_LETTERS
from pywats_trio.reports.model import Finding

if TYPE_CHECKING:
    from pywats_trio.converters.common.xml_tree import Element

Convert = Callable[[str], object]
"""The WSJF value of an attribute; None leaves the member out.

Raises `ValueError` with what was expected.
"""
Table = Mapping[str, tuple[str, Convert] | None]
"""Attribute to member and conversion; None: known, and of no use in WSJF."""

_STATUS: Final = {
    "passed": "P",
    "failed": "F",
    "done": "D",
    "skipped": "S",
    "error": "E",
    "terminated": "T",
    "unknown": "U",
}
_WHOLE: Final = re.compile(r"0|-?[1-9][0-9]{0,17}")
_GROUPS: Final = {"setup": "S", "main": "M", "cleanup": "C"}
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


def text(value: str) -> str:
    """As it is, empty too."""
    return value


def word(value: str) -> str | None:
    """As it is; left out where it is empty."""
    return value or None


def number(value: str) -> object:
    """Digit by digit; left out where it is empty."""
    if not value.strip():
        return None
    read = numbers.read(value)
    if read is None:
        raise ValueError("a number is expected")
    if isinstance(read, numbers.Number) and _WHOLE.fullmatch(read.text):
        return int(read.text)
    return read


def boolean(value: str) -> bool | None:
    """`true`, `1`, `false` or `0`; left out where it is empty."""
    if not value.strip():
        return None
    if (read := _BOOLEANS.get(value.strip().lower())) is None:
        raise ValueError("true or false is expected")
    return read


def utc(value: str) -> str | None:
    """An instant that is UTC where it names no zone; left out where it is empty."""
    instant = instants.parse(value)
    if instant is None:
        if value.strip():
            raise ValueError("a date is expected")
        return None
    return value if instant.tzinfo is not None else f"{value}Z"


def status(value: str) -> str:
    """The letter of a step's or measurement's status."""
    return _letter(value, _STATUS, STEP_LETTERS)


def result(value: str) -> str:
    """The letter of a report's result."""
    words = {word: letter for word, letter in _STATUS.items() if letter in RESULTS}
    return _letter(value, words, frozenset(RESULTS))


def group(value: str) -> str:
    """The letter of a step group."""
    return _letter(value, _GROUPS, GROUPS)


def _letter(value: str, words: Mapping[str, str], letters: frozenset[str]) -> str:
    letter = value if value in letters else words.get(value.lower())
    if letter is None:
        raise ValueError(f"one of {', '.join(w.capitalize() for w in words)} is expected")
    return letter


class Reader:
    """Reads the attributes of one report's elements, and notes what WSJF has no place for."""

    def __init__(self, report: str) -> None:
        self._report = report
        """How messages name it, such as `Report 1`."""
        self._notes: dict[tuple[str, str], Finding] = {}

    @property
    def notes(self) -> tuple[Finding, ...]:
        """What could not be passed on."""
        return tuple(self._notes.values())

    def attributes(self, element: Element, table: Table) -> dict[str, Any]:
        """The members that `table` makes of an element's attributes, in the table's order.

        Raises:
            Reject: a value is not what it must be; with its line.
        """
        members: dict[str, Any] = {}
        for name, target in table.items():
            value = element.get(name)
            if value is None or target is None:
                continue
            key, convert = target
            try:
                converted = convert(value)
            except ValueError as error:
                raise self.refusal(
                    element, f'{name}="{value}" of {element.name}: {error}'
                ) from None
            if converted is not None:
                members[key] = converted
        for name in element.attributes:
            if name not in table and "\x1f" not in name:  # what has a namespace is of XML itself
                self.note(element, name, "has no place in WSJF and is not sent")
        return members

    def note(self, element: Element, name: str, message: str) -> None:
        """Remember that something is not passed on; once for each kind."""
        path = f"{element.name}@{name}" if name else element.name
        finding = Finding(path, f"{message} (line {element.line})")
        self._notes.setdefault((element.name, name), finding)

    def refusal(self, element: Element, why: str) -> Reject:
        """The error for something wrong with `element`."""
        return Reject(f"{self._report}: {why} (line {element.line})")
