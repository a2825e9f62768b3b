"""A curve as a step with a chart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from pywats_trio.converters.common import decimals
from pywats_trio.reports.steps import Chart, Series

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.converters.common.reading import Line
    from pywats_trio.converters.standard.soundcheck.table import Curve, Header
    from pywats_trio.reports.builder import SequenceBuilder
    from pywats_trio.reports.steps import ChartType

_KINDS: Final[dict[tuple[bool, bool], ChartType]] = {
    (True, True): "LineLogXY",
    (True, False): "LineLogX",
    (False, True): "LineLogY",
    (False, False): "Line",
}
"""By whether x is logarithmic, and y."""
_PAIR: Final = 2


def add(
    curve: Curve, sequence: SequenceBuilder, mark: decimals.Mark, note: Callable[[str], None]
) -> None:
    """A step that shows the curve; a point that is not finite is left out, with a finding.

    Raises:
        Reject: it has no y, another number of y than of x, or a cell is no number.
    """
    line, first = curve.rows[0]
    if len(curve.rows) < _PAIR:
        raise line.refusal("the row with the x values of a curve, but none with its y values")
    below, second = curve.rows[1]
    if len(first) != len(second):
        raise below.refusal(f"{len(second)} y values, but line {line.number} has {len(first)} x")
    for further, _cells in curve.rows[_PAIR:]:
        note(f"line {further.number}: a row beyond x and y of a curve is not sent")
    pairs = list(zip(_numbers(line, first, mark), _numbers(below, second, mark), strict=True))
    finite = [(x, y) for x, y in pairs if math.isfinite(x) and math.isfinite(y)]
    if missing := len(pairs) - len(finite):
        note(f"line {below.number}: {missing} points that are not finite are not sent")
    name = curve.header.rest[0] or "Curve"
    sequence.curves(name, _chart(name, curve.header, finite))


def _numbers(line: Line, cells: list[str], mark: decimals.Mark) -> list[float]:
    numbers = []
    for cell in cells:
        if (number := decimals.number(cell, "the curve's value", line.where, mark)) is None:
            raise line.refusal("a cell between the values of a curve is empty")
        numbers.append(float(number))
    return numbers


def _chart(name: str, header: Header, points: list[tuple[float, float]]) -> Chart:
    said = {cell.casefold() for cell in header.rest}
    x_unit, y_unit = _units(header)
    return Chart(
        label=name,
        kind=_KINDS["x axis log" in said, "y axis log" in said],
        x_label="X",
        x_unit=x_unit,
        y_label="Y",
        y_unit=y_unit,
        series=[Series(name=name, x=[x for x, _ in points], y=[y for _, y in points])],
    )


def _units(header: Header) -> tuple[str, str]:
    """Those of x and y: they stand after the words about the axes."""
    axes = [at for at, cell in enumerate(header.rest) if " axis " in cell.casefold()]
    units = [cell for cell in header.rest[axes[-1] + 1 :] if cell] if axes else []
    x_unit, y_unit = [*units, "", ""][:2]
    return x_unit, y_unit
