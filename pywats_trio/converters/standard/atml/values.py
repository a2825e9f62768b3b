"""What the leaves of an ATML file say: numbers, texts, verdicts, points in time."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pywats_trio.converters.common import words
from pywats_trio.converters.common.teststand import number
from pywats_trio.reports import instants
from pywats_trio.reports.numbers import Number

if TYPE_CHECKING:
    from pywats_trio.converters.common.notes import Notes
    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.reports.operators import Value
    from pywats_trio.reports.steps import Status

TYPE: Final = "http://www.w3.org/2001/XMLSchema-instance\x1ftype"
"""The key of `xsi:type` among the attributes of an element."""

_TEXTS: Final = frozenset({"string", "boolean", "datetime", "binary", "octal", "complex"})
"""Types of Datum whose value is no number, whatever it looks like."""
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_SECOND_MORE: Final = re.compile(r"(.*:\d\d)\.1000((?:[Zz]|[+-]\d\d:?\d\d)?)", re.ASCII)


def whole(text: str | None) -> int | None:
    """A whole number of 32 bits; None where the text is none."""
    read = number(text or "")
    if not isinstance(read, Number):
        return None
    value = float(read)
    return int(value) if value.is_integer() and -(2**31) <= value < 2**31 else None


def seconds(text: str | None) -> float | None:
    """A duration; None where the text is none, or it is negative or without end."""
    read = number(text or "")
    if not isinstance(read, Number) or float(read) < 0:
        return None
    return float(read)


def attribute(element: Element, name: str) -> str:
    """Without blanks around it; empty where it is missing."""
    return (element.get(name) or "").strip()


def own_text(element: Element | None) -> str:
    """What stands in an element; TestStand sets it on a line of its own."""
    return element.text.strip() if element is not None else ""


def kind(datum: Element) -> str:
    """Its type in one word of either name space: double, string, boolean …; empty: none is said."""
    said = datum.get(TYPE) or ""
    return said.rpartition(":")[2].lower().removeprefix("ts_")


def text_of(datum: Element) -> str:
    """What a Datum holds, as text."""
    inner = datum.child("Value")
    text = inner.text if inner is not None else datum.get("value")
    text = datum.text.strip() if text is None else text
    if datum.get("isEscaped") == "true":
        text = _ESCAPE.sub(lambda match: {"r": "\r", "\\": "\\"}.get(match[1], match[0]), text)
    return text


def unit_of(datum: Element) -> str | None:
    """The unit of a Datum."""
    return attribute(datum, "nonStandardUnit") or attribute(datum, "standardUnit") or None


def value_of(datum: Element) -> Value | str | None:
    """The number in a Datum, else its text; None where a number is missing.

    Raises:
        Reject: it says that it is a number, and is none.
    """
    said = kind(datum)
    text = text_of(datum)
    if said in _TEXTS or (not said and datum.get("value") is None):
        return text
    if not text.strip():
        return None
    if (read := number(text)) is None and said:
        raise datum.refusal(f'the value "{text.strip()[:60]}" is not a number')
    return text if read is None else read


def outcome(element: Element | None, notes: Notes) -> Status | None:
    """The letter of an Outcome; None where there is none. Words that WATS has no letter for: D."""
    if element is None:
        return None
    word, qualifier = attribute(element, "value"), attribute(element, "qualifier")
    if word in ("Aborted", "UserDefined") and qualifier:
        word = qualifier
    if not word:
        return None
    if word.lower() == "notstarted":
        return "S"
    if (letter := words.status(word)) is None:
        notes.add(f'the outcome "{word[:60]}" has no letter in WATS; D is sent', element.line)
        return "D"
    return letter


def moment(text: str) -> str:
    """A point in time with sound milliseconds: TestStand rounds up to `30.1000` for 31 seconds."""
    text = text.strip()
    if (match := _SECOND_MORE.fullmatch(text)) is None:
        return text
    second = instants.parse(match[1] + match[2])
    try:
        return text if second is None else (second + timedelta(seconds=1)).isoformat()
    except OverflowError:  # the last second of the year 9999
        return text
