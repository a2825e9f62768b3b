"""What must be right in reports: facts of an `expected.json`, and whether reports show them.

Beside a sample file `F` stands `F.expected.json`: `{"reports": [facts, ...]}`, or
`{"refused": true, "why": ...}`, or with `"either": true` both are right. Facts are what any right
conversion must show, not whole reports; a key that is missing is not looked at:

- `type sn pn rev result processCode processName machineName location purpose`: as in the report;
  `operator execTime batchSN fixtureId comment`: of its `uut` (or `uur`).
- `start`: the same instant if it has an offset, else the same wall clock, to the second.
- `id`: as given, whatever its case; `"derived"`: made from the file, for it names none.
- `root`: [name, status]. `subUnits`: [partType, pn, sn, rev], `miscInfos`: [description, text],
  `failures`: [pn, sn, category, code, comRef, comment], each a list of rows.
- `steps`: some of them in document order, each [path, stepType, status, measurement, ...]. A path
  has the names from the root's child down; with `"paths": "leaf"` only its last name counts, and
  sequences are not counted. A measurement is an object; `"+N"` stands for N more.
- `step_count`: steps below the root. `measurement_count`: measurements of all of them.

Numbers are equal, or within 1e-9 of each other. Operators are compared without case; the second
limit of one that has a single limit is not looked at.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.converters.api import Converter, Reject
from pywats_trio.reports.model import InvalidReport
from pywats_trio.testing.convert import ID, convert

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HEADER: Final = (
    *("type", "sn", "pn", "rev", "result", "processCode", "processName"),
    *("machineName", "location", "purpose"),
)
_UNIT: Final = ("execTime", "batchSN", "fixtureId", "comment")
_ONE_LIMIT: Final = frozenset({"EQ", "NE", "GT", "GE", "LT", "LE"})
_MEASUREMENTS: Final = ("numericMeas", "booleanMeas", "stringMeas")


FACTS: Final = frozenset(
    {
        *_HEADER,
        *_UNIT,
        *("id", "start", "operator", "uur", "root", "subUnits", "failures", "miscInfos"),
        *("steps", "paths", "step_count", "measurement_count"),
    }
)


def assert_report(
    reports: Mapping[str, Any] | Sequence[Mapping[str, Any]], expected: Mapping[str, Any] | Path
) -> None:
    """Fail where a report does not show its facts.

    Args:
        reports: one report as a WSJF object, or the list that `convert` gives.
        expected: the facts of one report; of a list what an `expected.json` holds, or its path.

    Raises:
        AssertionError: each difference is a line of it.
    """
    wanted = json.loads(expected.read_text("utf-8")) if isinstance(expected, Path) else expected
    if wanted.get("refused"):
        raise AssertionError("it is converted, though it must be refused")
    if "reports" not in wanted:
        wanted = {"reports": [wanted]}
    for facts in wanted["reports"]:
        _known(facts)
    found = [reports] if isinstance(reports, Mapping) else list(reports)
    wrong = disagreements(found, wanted)
    if wrong:
        raise AssertionError("\n".join(wrong))


def assert_sample(file: Path, converter: type[Converter] | Converter, **arguments: object) -> None:
    """Fail where a converter makes something else of a file than its `expected.json` says.

    `arguments` come before those that stand there.

    Raises:
        AssertionError: a fact is not shown, or it was converted instead of refused or the reverse.
    """
    expected = json.loads(file.with_name(f"{file.name}.expected.json").read_text("utf-8"))
    try:
        reports = convert(file, converter, **{**expected.get("arguments", {}), **arguments})
    except (Reject, InvalidReport) as reject:
        if expected.get("refused") or expected.get("either"):
            return
        raise AssertionError(f"it is refused: {reject}") from reject
    if expected.get("refused"):
        raise AssertionError(f"it is converted, though it must be refused: {expected.get('why')}")
    assert_report(reports, expected)


def disagreements(reports: Sequence[Mapping[str, Any]], expected: Mapping[str, Any]) -> list[str]:
    """What the reports show otherwise than expected; empty where all is right."""
    wanted = expected["reports"]
    if len(reports) != len(wanted):
        return [f"{len(reports)} reports instead of {len(wanted)}"]
    common = {"id": "derived"} if expected.get("id") == "derived" else {}
    return [
        f"report {number + 1}: {text}"
        for number, (report, facts) in enumerate(zip(reports, wanted, strict=True))
        for text in _report(report, {**common, **facts}, number)
    ]


def _known(facts: Mapping[str, Any]) -> None:
    """A fact that is misspelt would never be looked at."""
    for name in facts:
        if name not in FACTS:
            near = difflib.get_close_matches(name, FACTS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise AssertionError(f"there is no fact {name!r}{hint}")


def _report(report: Mapping[str, Any], facts: Mapping[str, Any], number: int) -> Iterator[str]:
    yield from _header(report, facts)
    yield from _rows(report, facts)
    yield from _steps(report, facts)
    if "id" not in facts:
        return
    wanted = ID.format(number) if facts["id"] == "derived" else facts["id"]
    if str(report.get("id")).lower() != wanted.lower():
        yield f"id is {report.get('id')}, not {facts['id']}"


def _header(report: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[str]:
    for key in _HEADER:
        if key in facts and report.get(key) != facts[key]:
            yield f"{key} is {report.get(key)!r}, not {facts[key]!r}"
    unit = report.get("uur" if facts.get("type") == "R" else "uut") or {}
    if "operator" in facts and unit.get("user") != facts["operator"]:
        yield f"operator is {unit.get('user')!r}, not {facts['operator']!r}"
    for key in _UNIT:
        if key in facts and not _same(unit.get(key), facts[key]):
            yield f"{key} is {unit.get(key)!r}, not {facts[key]!r}"
    for key, value in facts.get("uur", {}).items():
        if not _same((report.get("uur") or {}).get(key), value):
            yield f"uur.{key} is {(report.get('uur') or {}).get(key)!r}, not {value!r}"
    if "start" in facts and not _same_start(str(report.get("start")), facts["start"]):
        yield f"start is {report.get('start')}, not {facts['start']}"


def _rows(report: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[str]:
    units = report.get("subUnits") or []
    failures = [
        [unit.get("pn"), unit.get("sn")]
        + [f.get(key) for key in ("category", "code", "comRef", "comment")]
        for unit in units
        for f in unit.get("failures") or []
    ]
    misc = [
        [m["description"], m["text"] if m.get("text") else _as_text(m.get("numeric"))]
        for m in report.get("miscInfos") or []
    ]
    got = {
        "subUnits": [[u.get(k) or "" for k in ("partType", "pn", "sn", "rev")] for u in units],
        "failures": failures,
        "miscInfos": misc,
    }
    for key, rows in got.items():
        if key == "failures":  # they hang on their units: between units there is no order
            rows.sort(key=str)
        wanted = sorted(facts.get(key, []), key=str) if key == "failures" else facts.get(key)
        if key in facts and rows != wanted:
            yield f"{key} are {rows}, not {facts[key]}"


def _as_text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _steps(report: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[str]:
    root = report.get("root") or {}
    if facts.get("root") and [root.get("name"), root.get("status")] != facts["root"]:
        yield f"root is {root.get('name')}, {root.get('status')}, not {facts['root']}"
    walked = list(_walk(root, ()))
    leaf = facts.get("paths") == "leaf"
    at = 0
    for row in facts.get("steps", []):
        found = next((i for i in range(at, len(walked)) if not _step(walked[i], row, leaf)), None)
        if found is None:
            best = min((_step(w, row, leaf) for w in walked), key=len, default=["no steps at all"])
            yield f"step {row[0]}: {'; '.join(best)}"
        else:
            at = found + 1  # document order
    if not leaf and facts.get("step_count") not in (None, len(walked)):
        yield f"{len(walked)} steps, not {facts['step_count']}"
    measured = sum(len(list(_measurements(step))) for _path, step in walked)
    if facts.get("measurement_count") not in (None, measured):
        yield f"{measured} measurements, not {facts['measurement_count']}"


Walked = tuple[tuple[str, ...], "Mapping[str, Any]"]


def _walk(step: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Walked]:
    for child in step.get("steps") or []:
        here = (*path, child.get("name"))
        yield here, child
        yield from _walk(child, here)


def _measurements(step: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for key in _MEASUREMENTS:
        yield from step.get(key) or []


def _step(walked: Walked, row: list[Any], leaf: bool) -> list[str]:
    """How a step differs from `[path, stepType, status, measurement …]`."""
    path, step = walked
    names, kind, status, *measurements = row
    wrong = []
    if list(path[-1:] if leaf else path) != (names[-1:] if leaf else names):
        wrong.append(f"path is {list(path)}")
    kinds = {"WATS_SeqCall": "SequenceCall"}
    got = step.get("stepType", "")
    if kind is not None and kinds.get(got, got) != kinds.get(kind, kind):
        wrong.append(f"stepType is {got}")
    if status is not None and step.get("status") != status:
        wrong.append(f"status is {step.get('status')}")
    return wrong + _measured(list(_measurements(step)), measurements)


def _measured(got: list[Mapping[str, Any]], wanted: list[Any]) -> list[str]:
    if not wanted:
        return []
    more = 0
    if isinstance(wanted[-1], str):
        more = int(wanted[-1].removeprefix("+"))
        wanted = wanted[:-1]
    if len(got) != len(wanted) + more:
        return [f"{len(got)} measurements"]
    return [
        f"{key} is {g.get(key)!r}, not {value!r}"
        for g, w in zip(got, wanted, strict=False)
        for key, value in w.items()
        if not _same_member(key, g, value)
    ]


def _same_member(key: str, got: Mapping[str, Any], wanted: object) -> bool:
    operator = str(got.get("compOp", "")).upper()
    if key == "compOp":
        return operator == str(wanted).upper()
    if key == "highLimit" and operator in _ONE_LIMIT:
        return True
    return _same(got.get(key), wanted)


def _same(got: object, wanted: object) -> bool:
    """Equal; numbers that are no whole ones to nine digits."""
    if isinstance(got, int | float) and isinstance(wanted, int | float):
        if isinstance(got, int) and isinstance(wanted, int):
            return got == wanted
        return math.isclose(got, wanted, rel_tol=1e-9, abs_tol=0.0)
    return got == wanted


def _same_start(got: str, wanted: str) -> bool:
    """The same instant if `wanted` has an offset, else the same wall clock to the second."""
    instant = _instant(wanted)
    if instant.tzinfo is None:
        return got.replace(" ", "T")[:19] == wanted[:19]
    read = _instant(got)
    return read.tzinfo is not None and read.astimezone(UTC) == instant.astimezone(UTC)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
