"""What a step or a unit holds beside its measurements: charts, files, additional data and more."""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.reports import limits
from pywats_trio.reports.limits import INT16
from pywats_trio.reports.rules import (
    Guid,
    Real,
    Rule,
    Text,
    Whole,
    Word,
    each,
    members,
    one,
    several,
    texts,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.reports.findings import Findings, Trail

_NUMBER: Final = r"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?"
_POINTS: Final = re.compile(rf"{_NUMBER}(?:;{_NUMBER})*+;?", re.ASCII)
_BLANK: Final = re.compile(r"[ \t\r\n]+")


def _points(value: object, trail: Trail, found: Findings) -> None:
    Text()(value, trail, found)
    if isinstance(value, str) and value and not _POINTS.fullmatch(value):
        found.at(trail, "not numbers with a decimal point, joined by semicolons", "error")


def _count(series: Mapping[str, Any], key: str) -> int:
    """How many numbers there are; an end mark is none of them."""
    text = series.get(key)
    return text.rstrip(";").count(";") + 1 if isinstance(text, str) and text.rstrip(";") else 0


_series_members: Final = members(
    {
        **texts(limits.SERIES_LENGTHS),
        "dataType": Word(limits.SERIES_TYPES),
        "xdata": _points,
        "ydata": _points,
    },
    "ydata",
)


def _series(series: Mapping[str, Any], trail: Trail, found: Findings) -> None:
    _series_members(series, trail, found)
    x, y = _count(series, "xdata"), _count(series, "ydata")
    if x and x != y:
        found.at(trail, f"{x} numbers in xdata, {y} in ydata: as many are expected", "error")
    if y > limits.CHART_POINTS:
        found.at(trail, f"{y} points, the WATS documentation allows {limits.CHART_POINTS}")


_chart_members: Final = members(
    {
        **texts(limits.CHART_LENGTHS),
        "chartType": Word(limits.CHART_TYPES),
        "series": several(_series),
    },
    "chartType",
)


def _chart(chart: Mapping[str, Any], trail: Trail, found: Findings) -> None:
    _chart_members(chart, trail, found)
    series = chart.get("series")
    if isinstance(series, list) and len(series) > limits.CHART_SERIES:
        found.at(
            (trail, "series"),
            f"{len(series)} series, a WATS client takes {limits.CHART_SERIES} by default",
        )


def _base64(value: object, trail: Trail, found: Findings) -> None:
    size = _decoded_size(value)
    if size is None:
        found.at(trail, "not Base64", "error")
        return
    if size > limits.ATTACHMENT_BYTES:
        found.at(
            trail,
            f"a file of {size} bytes, a WATS server takes {limits.ATTACHMENT_BYTES} by default",
        )


def _decoded_size(text: object) -> int | None:
    """How many bytes Base64 text stands for, white space in it means nothing; None: it is none."""
    if not isinstance(text, str):
        return None
    for written in (text, _BLANK.sub("", text)):
        try:
            return len(binascii.a2b_base64(written, strict_mode=True))
        except ValueError:
            continue
    return None


_file_members: Final = members(
    {**texts(limits.ATTACHMENT_LENGTHS), "name": Text(), "data": _base64, "id": Guid()},
)


def _file(file: Mapping[str, Any], trail: Trail, found: Findings) -> None:
    _file_members(file, trail, found)
    for key, lost in (("name", "its name"), ("data", "the file")):
        if file.get(key) is None:
            found.at((trail, key), f"missing: {lost} is not in the report")


FILE: Final = one(_file)
FILES: Final = several(_file)
CHART: Final = one(_chart)
SEQUENCE_CALL: Final = one(members(texts(limits.SEQUENCE_LENGTHS)))
EXECUTABLE: Final = one(members({"exitCode": Real(), "exitCodeFormat": Text()}))
POPUP: Final = one(
    members(
        {**texts(limits.POPUP_LENGTHS), "button": Whole(INT16), "buttonFormat": Text()},
    )
)
LOOP: Final = one(
    members(each(Whole(INT16), "idx", "num", "endingIndex", "passed", "failed")),
)


# Additional data: properties within properties.


def _property(value: Mapping[str, Any], trail: Trail, found: Findings) -> None:
    _property_members(value, trail, found)


_index: Final[Rule] = members({"text": Text(), "value": one(_property)})
_array: Final = members({"dimension": Whole(), "type": Text(), "indexes": several(_index)})
_property_members: Final = members(
    {
        **each(Text(), "name", "type", "value", "comment", "numFormat"),
        "flags": Whole(),
        "props": several(_property),
        "array": one(_array),
    },
    "name",
)
ADDITIONAL: Final = several(
    members({**texts(limits.ADDITIONAL_LENGTHS), "props": several(_property)}, "name")
)
