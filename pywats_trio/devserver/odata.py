"""The small part of OData's `$filter` and `$orderby` that asks whether a report exists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pywats_trio.devserver.submitted import RefusedReport, canonical_id
from pywats_trio.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable

Condition = tuple[str, str | int]
"""A column and the value it has to equal."""

_TERM: Final = re.compile(
    r"\s*(?P<field>\w+)\s+eq\s+(?:(?:guid)?'(?P<text>(?:[^']|'')*)'|(?P<bare>[^\s']+))\s*(?P<end>and\b|$)",
    re.IGNORECASE,
)


def _type(value: str) -> str:
    return "T" if value == "U" else value  # pyWATS asks for U, the field itself says T


def _code(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise InvalidInputError(f"$filter: processCode {value!r} is no whole number") from None


def _id(value: str) -> str:
    try:
        return canonical_id(value)
    except RefusedReport as refused:
        raise InvalidInputError(f"$filter: uu{refused}") from None


_FIELDS: Final[dict[str, tuple[str, Callable[[str], str | int]]]] = {
    "uuid": ("id", _id),
    "serialnumber": ("serial", str),
    "partnumber": ("part", str),
    "reporttype": ("type", _type),
    "processcode": ("process_code", _code),
}


def conditions(text: str) -> list[Condition]:
    """The terms of a filter, all of which have to hold. `InvalidInputError` on anything else."""
    found: list[Condition] = []
    at = 0
    while at < len(text):
        term = _TERM.match(text, at)
        if term is None or (term["end"] and term.end() == len(text)):
            raise InvalidInputError(
                f"$filter: cannot read {text[at:]!r}; known are terms 'field eq value' with and"
            )
        found.append(_condition(term))
        at = term.end()
    return found


def _condition(term: re.Match[str]) -> Condition:
    known = _FIELDS.get(term["field"].lower())
    if known is None:
        raise InvalidInputError(
            f"$filter: unknown field {term['field']}; known are uuid, serialNumber, partNumber, "
            "reportType, processCode"
        )
    column, convert = known
    text = term["text"].replace("''", "'") if term["text"] is not None else term["bare"]
    return column, convert(text)


def descending(text: str) -> bool:
    """Is the newest start first? That is the server's default."""
    match text.split():
        case [] | ["start", "desc"]:
            return True
        case ["start"] | ["start", "asc"]:
            return False
    raise InvalidInputError(f"$orderby: {text!r} is not known, only 'start asc' and 'start desc'")


def limit(name: str, text: str, default: int, highest: int) -> int:
    """`$top` and `$skip`: a whole number from 0, cut at `highest`."""
    if not text:
        return default
    if not text.isdecimal():
        raise InvalidInputError(f"{name}: {text!r} is no whole number from 0")
    return min(int(text), highest)
