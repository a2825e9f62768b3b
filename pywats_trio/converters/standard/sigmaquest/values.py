"""The values of a UnitReport: numbers and texts, their limits and grades."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from pywats_trio.converters.common import decimals, words
from pywats_trio.reports import operators
from pywats_trio.reports.steps import Numeric, Text
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.converters.common.decimals import Mark
    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.reports.operators import Value
    from pywats_trio.reports.steps import Status

NUMBERS: Final = ("ValueDouble", "ValueInteger")
TEXTS: Final = ("ValueString", "ValueBoolean", "ValueTimestamp")
ATTACHMENT: Final = "ValueAttachment"
NOT_THERE: Final = "an attachment is not in the file: its name is sent"
_NESTED: Final = ("Property", "ValueRecord", "ValueArray")
_PLACED: Final = ("name", "lsl", "usl", "uom", "grade")
_NULL: Final = ("null", "none", "n/a")
"""What stands where there is no number."""
_FIRST: Final = re.compile("[A-Za-z]*")
_GRADES: Final[dict[str, Status]] = {"ABORT": "T", "INCOMPLETE": "T", "PENDING": "E"}
"""Beside the common words. What is pending has no verdict yet; the vendor of WATS says E, too."""


def grade(text: str) -> Status | None:
    """The letter of a grade, also of one with more behind it (`FAIL: 3`); None for none."""
    match = _FIRST.match(text.strip())
    first = match[0] if match else ""
    return words.status(first) or _GRADES.get(first.upper())


def values(element: Element, around: str = "") -> Iterator[tuple[str, Element]]:
    """The values in an element, each with its name and those of the arrays around it before that.

    What is no value comes as it is.
    """
    for number, child in enumerate(element.children, 1):
        own = (child.get("name") or "").strip()
        if child.name in _NESTED:
            yield from values(child, f"{around} {own}".strip())
        else:
            yield f"{around} {own or (number if around else '')}".strip(), child


def said(value: Element) -> str:
    """A value with its unit as text; of an attachment the name of its file."""
    text = value.get("fqn") if value.name == ATTACHMENT else value.text
    return f"{(text or '').strip()} {(value.get('uom') or '').strip()}".strip()


def more(value: Element) -> str:
    """What a value says of itself beside name, limits, unit and grade."""
    return "\n".join(
        f"{name}: {text.strip()}"
        for name, text in value.attributes.items()
        if name not in _PLACED and text.strip()
    )


@frozen
class Reader:
    """Reads the numbers of one file."""

    mark: Mark
    keep_zeros: bool
    """A limit of 0 is one even where it cannot be."""

    def numeric(self, value: Element, operator: str | None) -> Numeric | None:
        """The measurement; None where the file has no value.

        Raises:
            Reject: value or limit is no number.
        """
        number = self._number(value, "value", value.text)
        low, high = self.limits(value)
        if not self.keep_zeros and zero_is_none(low, high):
            low, high = _not_zero(low), _not_zero(high)
        if number is None:
            return None
        unit = (value.get("uom") or "").strip()
        return _compared(Numeric(value=number, unit=unit, low=low, high=high), operator)

    def limits(self, value: Element) -> tuple[Value | None, Value | None]:
        """Those of the file, lower and upper."""
        low, high = (self._number(value, key, value.get(key) or "") for key in ("lsl", "usl"))
        return _real(low), _real(high)

    def _number(self, value: Element, what: str, text: str) -> Value | None:
        if text.strip().lower() in _NULL:
            return None
        where = f'{value.name} "{shortened(value.get("name") or "", 60)}" (line {value.line})'
        return decimals.number(text, what, where, self.mark)


def zero_is_none(low: Value | None, high: Value | None) -> bool:
    """Whether the zeros of two limits stand for "none": both are 0, or the lower is the higher."""
    if low is None or high is None:
        return False
    first, second = float(low), float(high)
    return first == second == 0 or (first > second and 0 in (first, second))


def _real(limit: Value | None) -> Value | None:
    """A limit that is NaN is none."""
    return None if limit is None or math.isnan(limit) else limit


def _not_zero(limit: Value | None) -> Value | None:
    return None if limit is None or not float(limit) else limit


def _compared(measured: Numeric, operator: str | None) -> Numeric:
    """By the operator that the file names, where it has the limits for it."""
    low, high = measured.low, measured.high
    if operator in operators.ONE_LIMIT:
        limit = high if operator in ("LE", "LT") else low
        limit = limit if limit is not None else (high if low is None else low)
        if limit is not None:
            return evolve(measured, operator=operator, low=limit, high=None)
    elif operator in operators.OPERATORS and low is not None and high is not None:
        return evolve(measured, operator=operator)
    return measured


def text_of(value: Element) -> Text:
    """A text; where the file says what it must be, it is compared without case."""
    limit = (value.get("usl") or "").strip() or (value.get("lsl") or "").strip()
    operator = "IGNORECASE" if limit else None
    return Text(value=value.text.strip(), limit=limit or None, operator=operator)


def is_within(measured: Numeric | Text) -> bool:
    """Whether a measurement is good by its limits alone."""
    return bool(evolve(measured, status=None).as_wsjf()["status"] == "P")
