"""A report as a tree for people: who and what, then its steps below each other.

Takes whatever JSON a converter made, sound or not: what is no list of steps is none. Pure.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.cli.converters import limits
from pywats_trio.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MOST: Final = 20
"""Steps or measurements that are shown of one list; of the others, how many and how they ended."""
DEEPEST: Final = 100
"""Levels; WATS itself takes no more."""
LONGEST: Final = 60
"""Characters of a name or a value."""
WIDEST: Final = 44
"""Columns for names; a longer one shifts what stands behind it."""
RESULTS: Final = {"P": "passed", "F": "failed", "E": "error", "T": "terminated"}
BAD: Final = frozenset("FET")
_KINDS: Final = ("numericMeas", "stringMeas", "booleanMeas")


@frozen
class Line:
    """One line of a tree."""

    status: str
    depth: int
    name: str
    value: str = ""
    limits: str = ""


class _Digits(str):
    """A number as it stands in the report: 3.10 stays 3.10."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def read(body: bytes) -> dict[str, Any]:
    """A report's text with its numbers as they are written; what is no object is empty."""
    try:
        found = json.loads(body, parse_float=_Digits, parse_int=_Digits)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def head(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What stands above the steps: words and their values."""
    unit = _object(report.get("uut")) or _object(report.get("uur"))
    is_repair = report.get("type") == "R"
    rows = [
        ("kind", "repair" if is_repair else ""),
        ("serial number", _text(report.get("sn"))),
        ("part number", _joined(report.get("pn"), report.get("rev"), between=", revision ")),
        ("result", RESULTS.get(str(report.get("result")), _text(report.get("result")))),
        ("process", _joined(report.get("processCode"), report.get("processName"))),
        ("start", _text(report.get("start"))),
        (
            "station",
            _joined(*map(report.get, ("machineName", "location", "purpose")), between=", "),
        ),
        ("operator", _text(unit.get("user"))),
        ("comment", _text(unit.get("comment"))),
        ("id", _text(report.get("id"))),
        *((word, str(len(held))) for word, held in _besides(report) if held),
    ]
    return [(word, text) for word, text in rows if text]


def _besides(report: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[Any]]]:
    units = _objects(report.get("subUnits"))
    yield "sub-units", units
    yield "failures", [one for unit in units for one in _objects(unit.get("failures"))]
    yield "further facts", _objects(report.get("miscInfos"))


def steps(report: Mapping[str, Any]) -> Iterator[Line]:
    """The root and what is below it."""
    if root := _object(report.get("root")):
        yield from _step(root, 0)


def _step(step: Mapping[str, Any], depth: int) -> Iterator[Line]:
    measured = [(kind, one) for kind in _KINDS for one in _objects(step.get(kind))]
    status, name = _status(step), _text(step.get("name"))
    if len(measured) == 1 and not measured[0][1].get("name"):
        yield _measurement(*measured[0], Line(status, depth, name))
    else:
        yield Line(status, depth, name, _remark(step))
        yield from _some([_measurement(*one, Line("", depth + 1, "")) for one in measured])
    below = _objects(step.get("steps"))
    if below and depth >= DEEPEST:
        yield Line("", depth + 1, "… deeper than can be shown")
        return
    for child in below[:MOST]:
        yield from _step(child, depth + 1)
    yield from _rest([_status(child) for child in below[MOST:]], depth + 1)


def _some(lines: Sequence[Line]) -> Iterator[Line]:
    yield from lines[:MOST]
    if more := lines[MOST:]:
        yield from _rest([line.status for line in more], more[0].depth)


def _rest(statuses: Sequence[str], depth: int) -> Iterator[Line]:
    """What a list has beyond what is shown: how many, and of those the bad ones."""
    if not statuses:
        return
    counts = {status: statuses.count(status) for status in sorted(BAD.intersection(statuses))}
    words = ", ".join(f"{count} {RESULTS[status]}" for status, count in counts.items())
    worst = next(iter(counts), "")
    yield Line(worst, depth, f"… {len(statuses)} more{f' ({words})' if words else ''}")


def _measurement(kind: str, found: Mapping[str, Any], where: Line) -> Line:
    """`where` has the step's words, for a measurement without any of its own."""
    name = where.name or _text(found.get("name"))
    status = _status(found) or where.status
    if kind == "numericMeas":
        value = _joined(found.get("value"), found.get("unit"))
        return Line(status, where.depth, name, value, _text(limits.of_number(found)))
    if kind == "stringMeas":
        value = shortened(repr(str(found.get("value", ""))), LONGEST)
        return Line(status, where.depth, name, value, _text(limits.of_text(found)))
    return Line(status, where.depth, name)


def _remark(step: Mapping[str, Any]) -> str:
    """What a step without a single value says."""
    chart, file = _object(step.get("chart")), _object(step.get("attachment"))
    words = (
        _joined(step.get("errorCode"), step.get("errorMessage")),
        _text(step.get("reportText")),
        f"chart {_text(chart.get('label'))}" if chart else "",
        f"file {_text(file.get('name'))}" if file else "",
    )
    return ", ".join(filter(None, words))


def drawn(lines: Sequence[Line]) -> Iterator[str]:
    """One text a line: status, name by its depth, value, limits, in columns."""
    names = [f"{'  ' * line.depth}{line.name}" for line in lines]
    wide = min(WIDEST, max((len(name) for name in names), default=0))
    values = max((len(line.value) for line in lines if line.limits), default=0)
    for line, name in zip(lines, names, strict=True):
        value = line.value.ljust(values) if line.limits else line.value
        cells = f"{line.status or ' '}  {name.ljust(wide)}  {value}  {line.limits}"
        yield cells.rstrip()


def _status(of: Mapping[str, Any]) -> str:
    return _text(of.get("status"))[:1]


def _joined(*values: object, between: str = " ") -> str:
    return between.join(filter(None, map(_text, values)))


def _text(value: object) -> str:
    return "" if value is None else shortened(printable(str(value)), LONGEST)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
