"""The sample files and what must come out of them.

Beside each sample `F` stands `F.expected.json`: facts that any right conversion shows. A test
passes the reports it got to `disagreements`, a refusal to `may_refuse`. Samples of our own lie in
`tests/data/samples`; real ones are read from the folder that `PYWATS_TRIO_SAMPLES` names.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.converters.api import (
    Context,
    Converter,
    FolderConverter,
    FolderSource,
    Reject,
    Source,
    Station,
)
from pywats_trio.reports.model import Defaults, Encoded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OURS: Final = Path(__file__).parent / "data" / "samples"
REAL: Final = os.environ.get("PYWATS_TRIO_SAMPLES", "")
REAL_MISSING: Final = "real samples: PYWATS_TRIO_SAMPLES names no folder"

ID: Final = "6ba7b810-9dad-51d1-80b4-00c04fd430c8"
"""What a report without an id of its own gets from `convert_bytes`."""

_HEADER: Final = (
    *("type", "sn", "pn", "rev", "result", "processCode", "processName"),
    *("machineName", "location", "purpose"),
)
_UNIT: Final = ("execTime", "batchSN", "fixtureId", "comment")
_ONE_LIMIT: Final = frozenset({"EQ", "NE", "GT", "GE", "LT", "LE"})
_MEASUREMENTS: Final = ("numericMeas", "booleanMeas", "stringMeas")


@frozen
class Sample:
    """One input file and its expectations."""

    path: Path
    expected: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Folder and file name, as a test id."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def refused(self) -> bool:
        """It must not be converted."""
        return bool(self.expected.get("refused"))

    @property
    def either(self) -> bool:
        """Refusing it is right, too."""
        return bool(self.expected.get("either"))

    def source(self, converter: Converter) -> Source:
        """What this converter is given: the file, with the folder beside it if it takes that."""
        if not isinstance(converter, FolderConverter):
            return Source.from_bytes(self.path.read_bytes(), path=str(self.path))
        folder = self.path.with_suffix("")
        files = {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*.*")}
        header = self.path.read_bytes()
        return FolderSource.from_files(files, header=header, path=str(self.path))

    @property
    def arguments(self) -> dict[str, Any]:
        """The converter arguments to run it with."""
        return dict(self.expected.get("arguments", {}))


def samples(folder: str, *suffixes: str) -> Iterator[Sample]:
    """Our samples of a folder, and the real ones too where they are at hand."""
    found: dict[str, Path] = {}
    for base in (Path(REAL) if REAL else OURS, OURS):
        for path in (base / folder).glob("*.expected.json"):
            found[path.name] = path
    for name in sorted(found):
        path = found[name].with_name(name.removesuffix(".expected.json"))
        if not suffixes or path.suffix in suffixes:
            yield Sample(path, json.loads(found[name].read_text("utf-8")))


def convert_bytes(
    converter: Converter,
    data: bytes,
    name: str = "sample",
    arguments: Mapping[str, Any] | None = None,
    station: Station | None = None,
) -> list[Encoded]:
    """Run a converter in this process.

    Raises:
        Reject: it refused the file.
    """
    return convert_source(converter, Source.from_bytes(data, path=name), arguments, station)


def convert_source(
    converter: Converter,
    source: Source,
    arguments: Mapping[str, Any] | None = None,
    station: Station | None = None,
) -> list[Encoded]:
    """The same of a source of any form."""
    given = {key: argument.default for key, argument in converter.arguments.items()}
    context = Context(
        {**given, **(arguments or {})}, station or Station(), logging.getLogger("test"), Path()
    )
    reports = list(converter.convert(source, context))
    return [report.encode(Defaults(ID, context.station)) for report in reports]


def outcome(converter: Converter, sample: Sample) -> list[Any] | Reject:
    """The reports of a sample as the objects that would be sent, or why it is refused."""
    try:
        encoded = convert_source(converter, sample.source(converter), sample.arguments)
    except Reject as reject:
        return reject
    return [json.loads(report.body) for report in encoded]


def disagreements(reports: list[Any], expected: Mapping[str, Any]) -> list[str]:
    """What the reports show otherwise than expected; empty where all is right."""
    wanted = expected["reports"]
    if len(reports) != len(wanted):
        return [f"{len(reports)} reports instead of {len(wanted)}"]
    derived = expected.get("id") == "derived"
    return [
        f"report {number}: {text}"
        for number, (report, facts) in enumerate(zip(reports, wanted, strict=True), 1)
        for text in check_report(report, facts, derived=derived)
    ]


def check_report(
    report: Mapping[str, Any], facts: Mapping[str, Any], *, derived: bool = False
) -> list[str]:
    """The same for one report and its facts."""
    wrong = [*_header(report, facts), *_rows(report, facts), *_steps(report, facts)]
    if "id" in facts and str(report.get("id")).lower() != facts["id"].lower():
        wrong.append(f"id is {report.get('id')}, not {facts['id']}")
    if derived and report.get("id") != ID:
        wrong.append(f"id is {report.get('id')}, not derived")
    return wrong


def _header(report: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[str]:
    for key in _HEADER:
        if key in facts and report.get(key) != facts[key]:
            yield f"{key} is {report.get(key)!r}, not {facts[key]!r}"
    unit = report.get("uur" if facts.get("type") == "R" else "uut") or {}
    if "operator" in facts and unit.get("user") != facts["operator"]:
        yield f"operator is {unit.get('user')!r}, not {facts['operator']!r}"
    for key in _UNIT:
        if key in facts and not same(unit.get(key), facts[key]):
            yield f"{key} is {unit.get(key)!r}, not {facts[key]!r}"
    for key, value in facts.get("uur", {}).items():
        if not same((report.get("uur") or {}).get(key), value):
            yield f"uur.{key} is {(report.get('uur') or {}).get(key)!r}, not {value!r}"
    if "start" in facts and not same_start(str(report.get("start")), facts["start"]):
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
    return same(got.get(key), wanted)


def same(got: object, wanted: object) -> bool:
    """Equal; numbers that are no whole ones to nine digits."""
    if isinstance(got, int | float) and isinstance(wanted, int | float):
        if isinstance(got, int) and isinstance(wanted, int):
            return got == wanted
        return math.isclose(got, wanted, rel_tol=1e-9, abs_tol=0.0)
    return got == wanted


def same_start(got: str, wanted: str) -> bool:
    """The same instant if `wanted` has an offset, else the same wall clock to the second."""
    instant = _instant(wanted)
    if instant.tzinfo is None:
        return got.replace(" ", "T")[:19] == wanted[:19]
    read = _instant(got)
    return read.tzinfo is not None and read.astimezone(UTC) == instant.astimezone(UTC)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
