"""One row of the WATS text format, and the measurement it holds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.converters.standard.wats_text.lines import shown
from pywats_trio.converters.standard.wats_text.values import boolean, number, status
from pywats_trio.reports import operators
from pywats_trio.reports.limits import ONE_LIMIT, STRING_OPERATORS, TWO_LIMITS
from pywats_trio.reports.steps import Numeric, Text

if TYPE_CHECKING:
    from pywats_trio.converters.api import Reject
    from pywats_trio.converters.standard.wats_text.lines import Line
    from pywats_trio.converters.standard.wats_text.values import Convert, Notes
    from pywats_trio.reports.operators import Value

COLUMNS: Final = (
    "StepType",
    "StepName",
    "MeasureName",
    "Value",
    "LowLimit",
    "HighLimit",
    "CompOperator",
    "Unit",
    "StepStatus",
    "StepExecutionTime",
    "StepReportText",
    "StepErrorCode",
    "StepErrorMessage",
    "CausedSequenceFailure",
)
"""Always these, in this order; a row may end early."""
_PLACES: Final = {name: place for place, name in enumerate(COLUMNS)}


@frozen
class Row:
    """A row of the step table, by the names of its columns."""

    line: Line
    decimal: str
    notes: Notes

    @property
    def type(self) -> str:
        """The kind of row, as it is written."""
        return self["StepType"].strip(" ")

    def __getitem__(self, column: str) -> str:
        """A cell as it is; empty where there is none."""
        return self.line.cell(_PLACES[column])

    def read(self, column: str, convert: Convert) -> Any:  # noqa: ANN401 - what `convert` gives
        """What `convert` makes of a cell; None where it is empty.

        Raises:
            Reject: it is not what it must be.
        """
        return self.line.value(_PLACES[column], column, convert, self.decimal)

    def refusal(self, why: str) -> Reject:
        """The error for something wrong in this row."""
        return self.line.refusal(why)

    def note(self, column: str, message: str) -> None:
        """Remember something odd about a cell of rows of this type."""
        self.notes.add(f"{self.type}.{column}", message, self.line.number)


def numeric(row: Row) -> dict[str, Any]:
    """A member of `numericMeas`. Without a status it is judged by its operator and limits.

    Raises:
        Reject: a cell is wrong, or there is nothing to judge the value by.
    """
    value: Value | None = row.read("Value", number)
    given = row.read("StepStatus", status)
    operator, low, high = _comparison(row)
    if low is None and operator != "LOG":
        if given is None:
            raise row.refusal(f"{operator} needs a limit where there is no StepStatus")
        row.note("CompOperator", f"{operator} without a limit is sent as LOG")
        operator = "LOG"
    if operator == "LOG" and low is not None:
        row.note("LowLimit", "limits of LOG compare nothing and are not sent")
    return Numeric(
        value=math.nan if value is None else value,
        unit=row["Unit"].strip(" ") or None,
        low=low,
        high=high,
        operator=operator,
        name=row["MeasureName"] or None,
        status=given,
    ).as_wsjf()


def _comparison(row: Row) -> tuple[str, Value | None, Value | None]:
    """The operator and its limits; of two, one that is missing leaves the other half."""
    low, high = _limit(row, "LowLimit"), _limit(row, "HighLimit")
    operator = row["CompOperator"].strip(" ").upper() or operators.default(low, high)
    if operator not in operators.OPERATORS:
        known = ", ".join(sorted(operators.OPERATORS))
        raise row.refusal(f"CompOperator {shown(row['CompOperator'])} is none of {known}")
    if operator in ONE_LIMIT:
        return operator, (high if low is None else low), None
    if operator in TWO_LIMITS and (low is None) != (high is None):
        half = operator[2:] if low is None else operator[:2]
        return half, (high if low is None else low), None
    return operator, low, high


def _limit(row: Row, column: str) -> Value | None:
    """NaN is what the format writes for none; an infinite limit still judges, but is not sent."""
    limit: Value | None = row.read(column, number)
    if limit is None or math.isnan(limit):
        return None
    if math.isinf(limit):
        row.note(column, "a limit that is not finite is no limit and is not sent")
    return limit


def string(row: Row) -> dict[str, Any]:
    """A member of `stringMeas`; the text to compare with stands in LowLimit.

    Raises:
        Reject: the operator is none for texts.
    """
    limit = row["LowLimit"] or None
    operator = row["CompOperator"].strip(" ").upper() or ("LOG" if limit is None else "EQ")
    if operator not in STRING_OPERATORS:
        known = ", ".join(sorted(STRING_OPERATORS))
        raise row.refusal(f"CompOperator {shown(row['CompOperator'])} is none of {known}")
    if limit is None and operator != "LOG":
        limit = ""  # an empty cell is a text, too
    return Text(
        value=row["Value"],
        limit=limit,
        operator=operator,
        name=row["MeasureName"] or None,
        status=row.read("StepStatus", status),
    ).as_wsjf()


def passfail(row: Row) -> dict[str, Any]:
    """A member of `booleanMeas`. An empty Value is TRUE, as the vendor has it.

    Raises:
        Reject: the value is neither TRUE nor FALSE.
    """
    value: bool | None = row.read("Value", boolean)
    given = row.read("StepStatus", status)
    if given is None and value is None:
        row.note("Value", "neither Value nor StepStatus: taken as TRUE")
    if given == "P" and value is False:
        row.note("Value", "FALSE, though StepStatus is Passed; the status is sent")
    name = {"name": row["MeasureName"]} if row["MeasureName"] else {}
    return {**name, "status": given or ("F" if value is False else "P")}
