"""The rows of a unit in the WATS text format as a tree of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define, field

from pywats_trio.converters.standard.wats_text import charts
from pywats_trio.converters.standard.wats_text.lines import shown
from pywats_trio.converters.standard.wats_text.measured import COLUMNS, Row
from pywats_trio.converters.standard.wats_text.steps import (
    ACTION,
    KINDS,
    SEQUENCE,
    Step,
    members,
    merge,
)
from pywats_trio.converters.standard.wats_text.values import status
from pywats_trio.reports.limits import MAX_NESTED_STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pywats_trio.converters.standard.wats_text.lines import Unit
    from pywats_trio.converters.standard.wats_text.steps import Kind
    from pywats_trio.converters.standard.wats_text.values import Notes

_MEASUREMENT: Final = COLUMNS[2:8]
"""The columns that are about a measurement."""


@define
class Tree:
    """The steps of one unit."""

    decimal: str
    notes: Notes
    top: list[Step] = field(factory=list)
    _open: list[Step] = field(factory=list)
    """Sequences, the innermost last."""
    _current: Step | None = None
    """What charts hang on, and measurements may be added to."""
    _count: int = 0

    def read(self, unit: Unit) -> None:
        """Take in the rows of a unit.

        Raises:
            Reject: a row cannot be understood, or a sequence is not closed.
        """
        for number, line in enumerate(unit.rows):
            row = Row(line, self.decimal, self.notes)
            if number or row.type.lower() != COLUMNS[0].lower():
                self._take(row)
            else:
                _check_columns(row)
        self._leave()
        if self._open:
            step = self._open[-1]
            raise step.row.refusal(f"the sequence {shown(step.name)} has no EndSequenceCall")

    def _take(self, row: Row) -> None:
        take = _TAKERS.get(row.type.lower())
        if take is None:
            raise row.refusal(_unknown(row.type))
        most = _CELLS.get(row.type.lower(), len(COLUMNS))
        if len(row.line.cells) > most:
            raise row.refusal(
                f"{len(row.line.cells)} cells, {row.type} has at most {most}: "
                "is there a TAB within a text?"
            )
        take(self, row)

    def _leave(self) -> None:
        """Nothing more belongs to the step before."""
        step = self._current
        if step is not None and step.kind is not None and not step.measurements:
            raise step.row.refusal(f"the step {shown(step.name)} has no measurements")

    def _add(self, row: Row, type_: str, kind: Kind | None = None) -> Step:
        name = row["StepName"]
        if not name:
            raise row.refusal(f"{row.type} without a StepName")
        if len(self._open) >= MAX_NESTED_STEPS:
            raise row.refusal(f"steps nested deeper than {MAX_NESTED_STEPS} levels")
        self._leave()
        self._count += 1
        step = Step(row, self._count, name, type_, None, members(row), kind)
        (self._open[-1].steps if self._open else self.top).append(step)
        self._current = step
        return step

    def sequence(self, row: Row) -> None:
        """SequenceCall opens a sequence."""
        _note_unused(row, _MEASUREMENT)
        step = self._add(row, SEQUENCE)
        step.status = row.read("StepStatus", status)
        self._open.append(step)

    def end_sequence(self, row: Row) -> None:
        """EndSequenceCall closes the last one; what it says counts."""
        _note_unused(row, _MEASUREMENT)
        if not self._open:
            raise row.refusal("EndSequenceCall, but no sequence is open")
        self._leave()
        step = self._open.pop()
        if row["StepName"] not in ("", step.name):
            raise row.refusal(
                f"EndSequenceCall of {shown(row['StepName'])}, but {shown(step.name)} "
                f"is open (line {step.row.line.number})"
            )
        self._finish(row, step)

    def action(self, row: Row) -> None:
        """ActionStep measures nothing."""
        _note_unused(row, _MEASUREMENT)
        self._add(row, ACTION).status = row.read("StepStatus", status) or "D"

    def test(self, row: Row) -> None:
        """One measurement: of a step of its own, or of the one before."""
        kind, named = KINDS[row.type.lower()], row["MeasureName"] != ""
        _note_unused(row, kind.unused)
        step = self._current
        if step is not None and named and step.goes_on(kind, row["StepName"]):
            merge(step.members, members(row), row)
        else:
            step = self._add(row, kind.multiple if named else kind.single, kind)
            step.grows = named
        step.measurements.append(kind.measure(row))

    def heading(self, row: Row) -> None:
        """Multiple… names a step whose measurements follow."""
        kind = KINDS[row.type.lower().removeprefix("multiple")]
        _note_unused(row, _MEASUREMENT)
        step = self._add(row, kind.multiple, kind)
        step.status, step.grows = row.read("StepStatus", status), True

    def end_heading(self, row: Row) -> None:
        """EndMultiple… closes it; what it says counts."""
        kind = KINDS[row.type.lower().removeprefix("endmultiple")]
        _note_unused(row, _MEASUREMENT)
        step = self._current
        if step is None or step.kind is not kind or not step.grows:
            raise row.refusal(f"{row.type}, but no such step is open")
        step.grows = False
        self._finish(row, step)

    def _finish(self, row: Row, step: Step) -> None:
        step.status = row.read("StepStatus", status) or step.status
        step.members |= members(row)
        self._current = step

    def chart(self, row: Row) -> None:
        """Chart hangs on the step before it."""
        step = self._current
        if step is None:
            raise row.refusal("Chart before the first step")
        if "chart" in step.members:
            raise row.refusal(f"the step {shown(step.name)} has a chart already")
        step.members["chart"] = charts.chart(row.line)

    def series(self, row: Row) -> None:
        """Series is a curve of the last chart."""
        step = self._current
        if step is None or "chart" not in step.members:
            raise row.refusal("Series without a Chart before it")
        charts.add_series(row.line, step.members["chart"], self.notes)


_NAMES: Final[dict[str, Callable[[Tree, Row], None]]] = {
    "SequenceCall": Tree.sequence,
    "EndSequenceCall": Tree.end_sequence,
    "NumericLimitTest": Tree.test,
    "PassFailTest": Tree.test,
    "StringValueTest": Tree.test,
    "ActionStep": Tree.action,
    "Chart": Tree.chart,
    "Series": Tree.series,
    "MultipleNumericLimitTest": Tree.heading,
    "EndMultipleNumericLimitTest": Tree.end_heading,
    "MultiplePassFailTest": Tree.heading,
    "EndMultiplePassFailTest": Tree.end_heading,
    "MultipleStringValueTest": Tree.heading,
    "EndMultipleStringValueTest": Tree.end_heading,
}
_TAKERS: Final = {name.lower(): take for name, take in _NAMES.items()}
_CELLS: Final = {"chart": charts.CHART_CELLS, "series": charts.SERIES_CELLS}


def _unknown(type_: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - few files need it

    near = get_close_matches(type_, _NAMES, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(_NAMES)}"
    return f"unknown step type {shown(type_)}; {hint}"


def _check_columns(row: Row) -> None:
    """Values are found by their place, so a table with other columns would be misread."""
    for place, name in enumerate(row.line.cells):
        expected = COLUMNS[place] if place < len(COLUMNS) else "none"
        if name.strip(" ").lower() != expected.lower():
            raise row.refusal(
                f"column {place + 1} is {shown(name)}, expected is {expected}: the columns are "
                f"{', '.join(COLUMNS)}"
            )


def _note_unused(row: Row, columns: Sequence[str]) -> None:
    for column in columns:
        if row[column]:
            row.note(column, "has no place in WSJF and is not sent")
