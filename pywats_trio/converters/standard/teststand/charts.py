"""Charts of the WATS add-on: curves in an array of two dimensions, the first for x and y."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final, cast, get_args

from pywats_trio.reports.steps import Chart, ChartType, Series

if TYPE_CHECKING:
    from pywats_trio.converters.standard.teststand.documents import Document
    from pywats_trio.converters.standard.teststand.properties import Prop

_PLACE: Final = re.compile(r"\[(\d{1,9})\]\[\d{1,9}\]", re.ASCII)
_KINDS: Final = frozenset(get_args(ChartType))


def chart(prop: Prop, document: Document) -> Chart | None:
    """The chart, None where it has no curve.

    Raises:
        Reject: a point of a curve is no number.
    """
    series = [drawn for plot in prop.props("Plots") if (drawn := _series(plot, document))]
    if not series:
        return None
    kind = prop.text("ChartType")
    if kind not in _KINDS:
        document.notes.add(f'the chart type "{kind}" is none of WATS: Line is taken', prop.line)
        kind = "Line"
    return Chart(
        label=prop.text("ChartLabel"),
        series=series,
        kind=cast("ChartType", kind),
        x_label=prop.text("Xlabel"),
        x_unit=prop.text("Xunit"),
        y_label=prop.text("Ylabel"),
        y_unit=prop.text("Yunit"),
    )


def _series(plot: Prop, document: Document) -> Series | None:
    name = plot.text("PlotName")
    rows: dict[str, list[float]] = {}
    data = plot.at("PlotData")
    for item in data.items if data is not None else ():
        place = _PLACE.fullmatch(item.index)
        row = rows.setdefault(place[1] if place else "", [])
        row.append(float(plot.reading(item.text, document.mark)))
    columns = [*rows.values()]
    if not columns:
        return None
    y = columns[-1]
    x = columns[0] if len(columns) > 1 else []
    if len(columns) > 2 or (x and len(x) != len(y)):  # noqa: PLR2004 - x and y
        document.notes.add(f'the curve "{name}" is not of x and y and is not sent', plot.line)
        return None
    if not all(map(math.isfinite, (*x, *y))):
        document.notes.add(f'the curve "{name}" has points that are not finite', plot.line)
    return Series(name=name, x=x, y=y)
