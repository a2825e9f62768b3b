"""What a step of TestStand measured: numbers, texts and verdicts with their limits."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Literal

from attrs import evolve, field, frozen

from pywats_trio.converters.common import words
from pywats_trio.converters.common.names import apart
from pywats_trio.converters.standard.teststand import limits
from pywats_trio.reports.steps import Measurement, Numeric, PassFail, Text
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from pywats_trio.converters.standard.teststand.documents import Document
    from pywats_trio.converters.standard.teststand.properties import Prop
    from pywats_trio.reports.steps import Status

Kind = Literal["Measurement", "Numeric", "String", "PassFail"]

MEMBERS: Final[dict[Kind, frozenset[str]]] = {
    "Measurement": frozenset({"Measurement"}),
    "Numeric": frozenset({"Numeric", "Units", "Comp", "Limits", "RawLimits"}),
    "String": frozenset({"String", "Comp", "Limits"}),
    "PassFail": frozenset({"PassFail"}),
}
"""The members of a step result that a measurement of each kind is read from."""
_FIRST: Final[dict[str, Kind]] = {
    **dict.fromkeys(("NumericLimitTest", "ET_NLT"), "Numeric"),
    **dict.fromkeys(("StringValueTest", "ET_SVT"), "String"),
    **dict.fromkeys(("PassFailTest", "ET_PFT"), "PassFail"),
}
"""What a step of this type is about, whatever else is in it."""
_TEXT_OPERATORS: Final = {
    **dict.fromkeys(("EQ", "EQUAL"), "EQ"),
    **dict.fromkeys(("NE", "NOTEQUAL"), "NE"),
    **dict.fromkeys(("CASESENSIT", "CASESENSITIVE"), "CASESENSIT"),
    "IGNORECASE": "IGNORECASE",
}


@frozen
class Measured:
    """The measurements of a step, all of one kind."""

    measurements: tuple[Measurement, ...] = ()
    members: frozenset[str] = frozenset()
    """The members of the step result that are in them."""
    others: tuple[Prop, ...] = field(default=())
    """What stands in these members and is not in them."""


def of_step(result: Prop, kind: str, status: Status | None, document: Document) -> Measured:
    """What a step measured; a step that was skipped measured nothing, whatever it holds.

    Raises:
        Reject: a value or limit is no number.
    """
    first = _FIRST.get(kind)
    for one in (first, *MEMBERS) if first else MEMBERS:
        found = result.at(one)
        if found is None or not _is_there(found, one, first):
            continue
        if status == "S":
            return Measured(members=frozenset().union(*MEMBERS.values()))
        if one == "Measurement":
            return _several(found, document)
        if (measured := _single(one, result, status, document)) is not None:
            return Measured((measured,), MEMBERS[one])
    return Measured()


def _is_there(found: Prop, kind: Kind, first: Kind | None) -> bool:
    if kind == "Measurement":
        return bool(found.items)
    # An empty text is a value, but only where a text is what the step is about.
    return bool(found.value) or (kind == first == "String" and not found.is_array)


def _single(
    kind: Kind, result: Prop, status: Status | None, document: Document
) -> Measurement | None:
    if kind == "Numeric":
        return _numeric(result, "Numeric", status, document)
    if kind == "String":
        return _text(result, ("String",), ("Limits", "String"), status, document)
    return _verdict(result, status, document)


def _several(array: Prop, document: Document) -> Measured:
    measured: list[Measurement] = []
    others: list[Prop] = []
    times: Counter[str] = Counter()
    for number, item in enumerate(array.items):
        one = _one_of_several(item.prop, document) if item.prop is not None else None
        if item.prop is None:
            document.notes.add("a measurement that is no object is not sent", array.line)
        elif one is None or (measured and type(one) is not type(measured[0])):
            others.append(item.prop)
        else:
            given = item.prop.text("MeasName") or item.prop.name.strip() or f"[{number}]"
            name = apart(given, times)
            if name != given:
                document.notes.add(
                    f'a second measurement "{shortened(given, 60)}" is named "{name}"', array.line
                )
            measured.append(evolve(one, name=name))
    return Measured(tuple(measured), MEMBERS["Measurement"], tuple(others))


def _one_of_several(prop: Prop, document: Document) -> Measurement | None:
    status = words.status(prop.text("Status"))
    if prop.text("Data"):
        return _numeric(prop, "Data", status, document)
    if prop.at("StringData") is not None:
        return _text(prop, ("StringData",), ("StringLimit",), status, document)
    return _verdict(prop, status, document) if prop.text("PassFail") else None


def _judged(status: Status | None) -> Status | None:
    """The status of a measurement by that of its step; None: by value and limits.

    WATS has no measurement that ended in an error: what did not pass has failed.
    """
    return "F" if status in ("E", "T") else None if status == "D" else status


def _numeric(
    holder: Prop, name: str, status: Status | None, document: Document
) -> Measurement | None:
    value = holder.number(document.mark, name)
    if value is None:
        return None
    operator, low, high = limits.limits(holder, document)
    return Numeric(
        value=value,
        unit=holder.text("Units"),
        low=low,
        high=high,
        operator=operator,
        status=_judged(status),
    )


def _text(
    holder: Prop,
    value: tuple[str, ...],
    limit: tuple[str, ...],
    status: Status | None,
    document: Document,
) -> Measurement:
    said = holder.text("Comp")
    expected = holder.text(*limit) if holder.at(*limit) is not None else None
    operator = _TEXT_OPERATORS.get(said.upper().replace(" ", ""))
    if said.upper() in limits.NOT_COMPARED or (not said and expected is None):
        operator, expected = "LOG", None
    elif not said:
        operator = "EQ"
    elif operator is None:
        limits.note(f'the comparison "{shortened(said, 40)}" is unknown to WATS', holder, document)
        operator, expected = "LOG", None
    elif expected is None:
        limits.note(f"{operator} lacks a limit", holder, document)
        operator = "LOG"
    return Text(
        value=holder.text(*value), limit=expected, operator=operator, status=_judged(status)
    )


def _verdict(holder: Prop, status: Status | None, document: Document) -> Measurement | None:
    passed = holder.truth("PassFail")
    if passed is None:
        word = shortened(holder.text("PassFail"), 40)
        limits.note(f'PassFail "{word}" is neither True nor False', holder, document)
        return PassFail(passed=status == "P") if status in ("P", "F") else None
    return PassFail(passed=passed)
