"""The rows and curves of a table as steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from pywats_trio.converters.api import Reject
from pywats_trio.converters.common.sequences import DEEPEST
from pywats_trio.reports.numbers import Number
from pywats_trio.reports.steps import Chart, Numeric, Series, Step
from pywats_trio.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.converters.standard.klippel.tables import Row, Table
    from pywats_trio.reports.builder import ReportBuilder, SequenceBuilder
    from pywats_trio.reports.operators import Value
    from pywats_trio.reports.steps import Status


@define
class Steps:
    """Adds tables to a report; a sequence for each that their names name."""

    builder: ReportBuilder
    statuses: Mapping[str, Status]
    """By the lists of the header."""
    seen: set[str] = field(factory=set, init=False)
    """Names of steps."""
    _sequences: dict[tuple[str, ...], SequenceBuilder] = field(factory=dict, init=False)

    def add(self, table: Table) -> None:
        """Its curve, or a step for each of its rows."""
        for column in table.unknown:
            self.builder.note(f'column "{shortened(column, 60)}" of {_shown(table)} is not sent')
        sequence = self._sequence(table.sequences)
        if table.is_curve:
            self._curve(table, sequence)
        else:
            for row in table.rows:
                self._value(table, row, sequence)

    def _sequence(self, path: tuple[str, ...]) -> SequenceBuilder:
        if not path:
            return self.builder.root
        if path not in self._sequences:
            if len(path) > DEEPEST:
                raise Reject(f"more than {DEEPEST} folders in each other")
            self._sequences[path] = self._sequence(path[:-1]).sequence(path[-1])
        return self._sequences[path]

    def _status(self, name: str, *, measured: bool) -> Status | None:
        """Of the step: that of the lists, else by its limits; nothing measured is no pass."""
        self.seen.add(name)
        status = self.statuses.get(name)
        if measured:
            return status
        return "S" if status in (None, "P") else status

    def _value(self, table: Table, row: Row, sequence: SequenceBuilder) -> None:
        if not (name := row.text(0)):
            raise Reject(f"{row.where}: a value without a name")
        value = row.number(1, "value")
        high, low = (row.number(table.column(limit), limit) for limit in ("max", "min"))
        measured = () if value is None else (Numeric(value=value, low=low, high=high),)
        status = self._status(name, measured=value is not None)
        sequence.add(Step(name=name, type="ET_NLT", measurements=measured, status=status))

    def _curve(self, table: Table, sequence: SequenceBuilder) -> None:
        points = [_point(table, row) for row in table.rows]
        left_out = sum(not point.is_finite for point in points)
        if left_out:
            self.builder.note(f"{left_out} points of {_shown(table)} are not finite: left out")
        points = [point for point in points if point.is_finite]
        values = [point.value for point in points if point.value is not None]
        sequence.add(
            Step(
                name=table.name,
                type="ET_MNLT",
                measurements=_measurements(values, points, table) if values else (),
                status=self._status(table.name, measured=bool(values)),
                chart=_chart(table.name, points),
            )
        )


_OUT: Final = "OutOfBounds"


@frozen
class Point:
    """One row of a curve."""

    frequency: Value
    value: Value | None
    high: Value | None
    low: Value | None

    @property
    def is_finite(self) -> bool:
        """All of it can be drawn."""
        numbers = (self.frequency, self.value, self.high, self.low)
        return all(number is None or math.isfinite(number) for number in numbers)

    @property
    def is_out(self) -> bool:
        """It is above its maximum or below its minimum."""
        if self.value is None:
            return False
        value = float(self.value)
        above = self.high is not None and value > float(self.high)
        return above or (self.low is not None and value < float(self.low))


def _point(table: Table, row: Row) -> Point:
    frequency = row.number(0, "frq")
    if frequency is None:
        raise Reject(f"{row.where}: a point without a frequency")
    high, low = (row.number(table.column(limit), limit) for limit in ("max", "min"))
    return Point(frequency, row.number(1, table.name), high, low)


def _measurements(values: list[Value], points: list[Point], table: Table) -> list[Numeric]:
    """What is told of a curve as numbers."""
    average = _average([float(value) for value in values])
    out = sum(point.is_out for point in points)
    return [
        Numeric(name="avg", value=average),
        *(
            []
            if table.column("min") is None
            else [Numeric(name="min", value=min(values, key=float))]
        ),
        Numeric(name="max", value=max(values, key=float)),
        Numeric(name=_OUT, value=Number(str(out)), unit="#", operator="LT", low=Number("1")),
    ]


def _average(values: list[float]) -> float:
    try:
        return math.fsum(values) / len(values)
    except OverflowError:  # of the sum, not of what it is divided to
        return math.fsum(value / len(values) for value in values)


def _chart(name: str, points: list[Point]) -> Chart | None:
    """The curve and its limits over the frequency; each without the points that it lacks."""
    drawn = {
        "values": [(point.frequency, point.value) for point in points],
        "min": [(point.frequency, point.low) for point in points],
        "max": [(point.frequency, point.high) for point in points],
    }
    series = []
    for label, pairs in drawn.items():
        known = [(float(x), float(y)) for x, y in pairs if y is not None]
        if known:
            x, y = zip(*known, strict=True)
            series.append(Series(name=label, x=x, y=y))
    if not series:
        return None
    return Chart(
        label=name, series=series, kind="LineLogX", x_label="Frequency", x_unit="Hz", y_label=name
    )


def _shown(table: Table) -> str:
    return shortened(printable(table.path), 100)
