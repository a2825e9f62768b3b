"""What one row of a CSV table says of its step: the kind, the measurement, the status, the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from attrs import frozen

from pywats_trio.converters.common import decimals, words
from pywats_trio.reports import limits, operators
from pywats_trio.reports.header import shown
from pywats_trio.reports.steps import Numeric, Status, Text

if TYPE_CHECKING:
    from pywats_trio.converters.common.decimals import Mark
    from pywats_trio.converters.standard.csv.table import Row
    from pywats_trio.reports.operators import Value

Kind = Literal["numeric", "string", "passfail", "action"]

TYPES: Final[dict[Kind, tuple[str, str, str]]] = {
    "numeric": ("numericMeas", "ET_NLT", "ET_MNLT"),
    "string": ("stringMeas", "ET_SVT", "ET_MSVT"),
    "passfail": ("booleanMeas", "ET_PFT", "ET_MPFT"),
    "action": ("", "ET_A", "ET_A"),
}
"""Of each type the WSJF key of its measurements, and the step type for one and for several."""


@frozen
class Entry:
    """One row, understood."""

    kind: Kind
    name: str
    """Of the measurement; empty if it is the only one of its step."""
    measured: dict[str, Any] | None
    """In WSJF; None where nothing was measured."""
    status: Status
    rest: tuple[str, ...] = ()
    """Cells that have no place in a step of this kind, as `NAME=value`."""


def entry(row: Row, mark: Mark) -> Entry:
    """Understand a row.

    Raises:
        Reject: a word, an operator or a number in it is none; with the line.
    """
    status = _status(row)
    kind = _kind(row, status, mark)
    name = row.get("measurement")
    if kind == "numeric":
        return _numeric(row, status, name, mark)
    if kind == "string":
        return _string(row, status, name)
    if kind == "passfail":
        return _passfail(row, status, name)
    rest = _rest(row, "measurement", "value", "low", "high", "unit", "comp_op")
    return Entry("action", "", None, status or "D", rest)


def _status(row: Row) -> Status | None:
    text = row.get("status")
    if not text:
        return None
    if (letter := words.status(text)) is None:
        raise row.refusal(
            f"unknown status {shown(text)}",
            "Known are P F D S E T and PASS, FAIL, DONE, SKIP, ERROR, TERMINATED and their like.",
        )
    return letter


def _kind(row: Row, status: Status | None, mark: Mark) -> Kind:
    given = row.get("type").lower()
    for kind in TYPES:
        if kind == given:
            return kind
    if given:
        raise row.refusal(f"unknown type {shown(given)}", f"Write one of {', '.join(TYPES)}.")
    value = row.get("value")
    if not value:
        return "passfail" if status in ("P", "F") else "action"
    if decimals.value(value, mark) is not None:
        return "numeric"
    if words.verdict(value):
        return "passfail"
    _check_text(row, value, mark)
    return "string"


def _check_text(row: Row, value: str, mark: Mark) -> None:
    """Refuse what would be a text by the rules, but was hardly meant as one."""
    hint = "Write the number alone and the unit in its column; or set the type to string."
    if row.get("high"):
        raise row.refusal(f"value {shown(value)} is not a number, but has a high limit", hint)
    too_large = decimals.mark_in(value) in (None, mark)
    if decimals.looks_numeric(value) and (too_large or row.get("low")):
        raise row.refusal(f"value {shown(value)} is not a number that can be read", hint)


def _rest(row: Row, *columns: str) -> tuple[str, ...]:
    return tuple(f"{column}={cell}" for column in columns if (cell := row.get(column)))


def _number(row: Row, column: str, mark: Mark) -> Value | None:
    text = row.get(column)
    if not text:
        return None
    if (value := decimals.value(text, mark)) is None:
        found = decimals.mark_in(text)
        raise row.refusal(
            f"{column} {shown(text)} is not a number",
            f'The decimal mark is "{mark}"; set the argument decimal if that is wrong.'
            if found is not None and found != mark
            else "Write the number alone, without a unit and without marks for thousands.",
        )
    return value


def _limit(row: Row, column: str, mark: Mark) -> Value | None:
    """A limit; NaN limits nothing and is none."""
    limit = _number(row, column, mark)
    return None if isinstance(limit, float) and limit != limit else limit  # noqa: PLR0124


def _numeric(row: Row, status: Status | None, name: str, mark: Mark) -> Entry:
    value = _number(row, "value", mark)
    low, high = _limit(row, "low", mark), _limit(row, "high", mark)
    if value is None:
        return _unmeasured(row, "numeric", status, name)
    operator = row.get("comp_op").upper() or operators.default(low, high)
    if operator not in operators.OPERATORS:
        known = ", ".join(sorted(operators.OPERATORS))
        raise row.refusal(
            f"comp_op {shown(operator)} is no operator for numbers", f"Known are {known}."
        )
    _check_limits(row, operator, low, high)
    measurement = Numeric(
        value=value,
        unit=row.get("unit"),
        low=low,
        high=high,
        operator=operator,
        name=name or None,
        status=status,
    )
    measured = _measured(row, measurement)
    return Entry("numeric", name, measured, measured["status"], _unused(row, operator, low, high))


def _check_limits(row: Row, operator: str, low: Value | None, high: Value | None) -> None:
    """Only one of two limits is sent with LE or LT; which one was meant must be plain."""
    if operator not in ("LE", "LT") or low is None or high is None or float(low) == float(high):
        return
    raise row.refusal(
        f"{operator} has one limit, but low is {row.get('low')} and high is {row.get('high')}",
        "Leave one of them blank.",
    )


def _unused(row: Row, operator: str, low: Value | None, high: Value | None) -> tuple[str, ...]:
    """Limits that the operator does not look at."""
    if operator == "LOG":
        return _rest(row, "low", "high")
    if operator in operators.ONE_LIMIT and None not in (low, high):
        return _rest(row, "high")
    return ()


def _string(row: Row, status: Status | None, name: str) -> Entry:
    limit = row.raw("low") or None
    operator = row.get("comp_op").upper() or ("LOG" if limit is None else "CASESENSIT")
    if operator not in limits.STRING_OPERATORS:
        known = ", ".join(sorted(limits.STRING_OPERATORS))
        raise row.refusal(
            f"comp_op {shown(operator)} is no operator for texts", f"Known are {known}."
        )
    measurement = Text(
        value=row.raw("value"), limit=limit, operator=operator, name=name or None, status=status
    )
    measured = _measured(row, measurement)
    return Entry("string", name, measured, measured["status"], _rest(row, "high", "unit"))


def _measured(row: Row, measurement: Numeric | Text) -> dict[str, Any]:
    try:
        return measurement.as_wsjf()
    except ValueError as error:  # the operator lacks a limit
        raise row.refusal(str(error), "Write the limit, another comp_op, or a status.") from None


def _passfail(row: Row, status: Status | None, name: str) -> Entry:
    value = row.get("value")
    verdict = words.verdict(value)
    letter = status or verdict
    if letter is None:
        if not value:
            return _unmeasured(row, "passfail", status, name)
        raise row.refusal(
            f"value {shown(value)} is no verdict",
            "Write PASS or FAIL, or TRUE or FALSE, or OK or NOK.",
        )
    measured = {"name": name, "status": letter} if name else {"status": letter}
    own = () if verdict == letter else ("value",)
    return Entry("passfail", name, measured, letter, _rest(row, *own, *_NOT_PASSFAIL))


_NOT_PASSFAIL: Final = ("low", "high", "unit", "comp_op")


def _unmeasured(row: Row, kind: Kind, status: Status | None, name: str) -> Entry:
    """A step without a measurement, such as one that was skipped."""
    if status is None:
        raise row.refusal("neither a value nor a status", "Write one of them.")
    if name:
        raise row.refusal(
            f"the measurement {shown(name)} has no value", "Write nan if it could not be measured."
        )
    return Entry(kind, "", None, status, _rest(row, "low", "high", "unit", "comp_op"))
