"""Chart and Series rows of the WATS text format: curves that hang on the step before them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pywats_trio.converters.standard.wats_text.lines import shown
from pywats_trio.reports import numbers

if TYPE_CHECKING:
    from pywats_trio.converters.standard.wats_text.lines import Line
    from pywats_trio.converters.standard.wats_text.values import Notes

CHART_CELLS: Final = 7
"""Chart, type, label, x label, x unit, y label, y unit."""
SERIES_CELLS: Final = 5
"""Series, name, XYG, y values, x values."""
MAX_SERIES: Final = 10
"""A chart, in the WATS client."""
MAX_POINTS: Final = 10_000
"""A series, in the WATS client."""

_TYPES: Final = {name.lower(): name for name in ("Line", "LineLogXY", "LineLogX", "LineLogY")}
_LABELS: Final = ("label", "xLabel", "xUnit", "yLabel", "yUnit")


def chart(line: Line) -> dict[str, Any]:
    """The `chart` of a step, still without curves.

    Raises:
        Reject: its type is unknown.
    """
    kind = _TYPES.get(line.cell(1).strip(" ").lower())
    if kind is None:
        raise line.refusal(
            f"chart type {shown(line.cell(1))} is none of {', '.join(_TYPES.values())}"
        )
    labels = {label: line.cell(place) for place, label in enumerate(_LABELS, 2)}
    return {"chartType": kind, **labels, "series": []}


def add_series(line: Line, chart: dict[str, Any], notes: Notes) -> None:
    """Put a curve into a chart.

    Raises:
        Reject: it is not of the kind XYG, holds what is no number, or x and y differ in number.
    """
    if line.cell(2).strip(" ").upper() != "XYG":
        raise line.refusal(f"Series of the kind {shown(line.cell(2))}; only XYG is known")
    y, x = _points(line, 3, "y"), _points(line, 4, "x")
    if not y:
        raise line.refusal("Series without y values")
    if x and len(x) != len(y):
        raise line.refusal(f"{len(x)} x values, but {len(y)} y values")
    data = {"xdata": ";".join(x)} if x else {}
    chart["series"].append({"dataType": "XYG", "name": line.cell(1), **data, "ydata": ";".join(y)})
    if len(y) > MAX_POINTS:
        notes.add("Series", f"more than {MAX_POINTS} points: WATS may refuse them", line.number)
    if len(chart["series"]) == MAX_SERIES + 1:
        notes.add("Chart", f"more than {MAX_SERIES} series: WATS may refuse them", line.number)


def _points(line: Line, place: int, axis: str) -> list[str]:
    """Numbers, digit by digit; a comma in them is a decimal mark, for they are parted by `;`."""
    cell = line.cell(place).strip(" ").removesuffix(";")
    return [_point(line, text, axis) for text in cell.split(";")] if cell else []


def _point(line: Line, text: str, axis: str) -> str:
    read = numbers.read(text.replace(",", "."))
    if read is None:
        raise line.refusal(f"{axis} value {shown(text)}: a number is expected")
    return read if isinstance(read, str) else read.text
