"""What the converter makes of its sample as it was written, and the facts of that."""

from __future__ import annotations

import json
import re
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.converters.api import Reject
from pywats_trio.reports.model import InvalidReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pywats_trio.cli.converters.new.sample import Sample
    from pywats_trio.converters.api import Converter

_ZONES: Final = ("UTC", "Etc/GMT-9")
"""A start that is the same in both says where it was."""
_MOST_STEPS: Final = 40
_MARK: Final = re.compile(r'"\\u0000(\d+)"')
"""Where a step goes that is written on one line."""
_MEASURED: Final = ("numericMeas", "booleanMeas", "stringMeas")
_MEMBERS: Final = ("name", "value", "lowLimit", "highLimit", "limit", "unit", "compOp", "status")
_HEADER: Final = ("type", "sn", "pn", "rev", "result", "processCode")
_UNIT: Final = {"user": "operator", "execTime": "execTime", "batchSN": "batchSN"}
_NO_STATION: Final = "test-station"
"""What `pywats_trio.testing` says where a file says nothing."""


@frozen
class Trial:
    """How it went."""

    expected: dict[str, Any]
    """What `expected.json` says."""
    refused: str
    """Why it is refused; blank where it is converted."""
    reports: int
    cut: int | None
    """After how many bytes a cut is noticed, None where it is not."""
    sees_last: bool
    """Whether it is noticed that the last character is missing."""


def run(code: str, class_: str, sample: Sample, *, has_start: bool) -> Trial:
    """Try a converter that was just written.

    Without a start in the file it is the time when that was written, and no fact.
    """
    from pywats_trio.testing.convert import convert  # noqa: PLC0415 - it loads a server

    made = _load(code, class_)

    def reports(data: bytes, zone: str) -> list[dict[str, Any]]:
        return convert(data, made, timezone=zone)

    try:
        first, other = (reports(sample.data, zone) for zone in _ZONES)
    except (Reject, InvalidReport) as error:
        why = error.why if isinstance(error, Reject) else str(error)
        return Trial({"refused": True, "why": why}, why, 0, len(sample.data) // 2, True)
    facts = [_facts(one, again) for one, again in zip(first, other, strict=True)]
    if not has_start:
        facts = [{key: held for key, held in one.items() if key != "start"} for one in facts]
    size = len(sample.data)
    cuts = (size // 2, size * 3 // 4, size // 3, size - 3)
    return Trial(
        expected={"reports": facts},
        refused="",
        reports=len(facts),
        cut=next((cut for cut in cuts if _is_refused(sample.data[:cut], reports)), None),
        sees_last=_is_refused(sample.data.rstrip()[:-1], reports),
    )


def _load(code: str, class_: str) -> type[Converter]:
    module = ModuleType("pywats_trio_new_converter")
    sys.modules[module.__name__] = module  # its annotations are looked up there
    try:
        exec(compile(code, "<new converter>", "exec"), module.__dict__)  # noqa: S102 - our own
    finally:
        del sys.modules[module.__name__]
    made: type[Converter] = getattr(module, class_)
    return made


def _is_refused(data: bytes, reports: Callable[[bytes, str], object]) -> bool:
    try:
        reports(data, _ZONES[0])
    except Reject:
        return True
    except InvalidReport:
        return False
    return False


def _facts(report: Mapping[str, Any], elsewhere: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as `pywats_trio.testing.facts` describes them."""
    facts = {key: report[key] for key in _HEADER if report.get(key) not in (None, "")}
    start = str(report["start"])
    is_elsewhere = elsewhere["start"] != report["start"]
    facts["start"] = start[:19] if is_elsewhere else start
    unit = report.get("uut", {})
    facts |= {name: unit[key] for key, name in _UNIT.items() if unit.get(key)}
    if report.get("machineName") not in (None, "", _NO_STATION):
        facts["machineName"] = report["machineName"]
    if report.get("miscInfos"):
        facts["miscInfos"] = [[m["description"], m["text"]] for m in report["miscInfos"]]
    walked = list(_walk(report["root"], ()))
    facts["root"] = [report["root"]["name"], report["root"]["status"]]
    facts["steps"] = [_step(path, step) for path, step in _shown(walked)]
    facts["step_count"] = len(walked)
    facts["measurement_count"] = sum(len(_measurements(step)) for _path, step in walked)
    return facts


Walked = tuple[tuple[str, ...], "Mapping[str, Any]"]


def _shown(walked: list[Walked]) -> list[Walked]:
    """All of them, or of many the first, those that failed, and the last."""
    if len(walked) <= _MOST_STEPS:
        return walked
    failed = [one for one in walked[_MOST_STEPS // 2 : -1] if one[1]["status"] != "P"]
    return [*walked[: _MOST_STEPS // 2], *failed[: _MOST_STEPS // 2 - 1], walked[-1]]


def _walk(step: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Walked]:
    for child in step.get("steps") or []:
        here = (*path, child["name"])
        yield here, child
        yield from _walk(child, here)


def _measurements(step: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [one for key in _MEASURED for one in step.get(key) or []]


def _step(path: tuple[str, ...], step: Mapping[str, Any]) -> list[Any]:
    measured = [{key: one[key] for key in _MEMBERS if key in one} for one in _measurements(step)]
    return [list(path), step["stepType"], step["status"], *measured]


def as_text(expected: Mapping[str, Any]) -> str:
    """An `expected.json`, a step a line."""
    steps: list[str] = []

    def marked(value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, list) and value and isinstance(value[0], list):
            steps.extend(json.dumps(row, ensure_ascii=False) for row in value)
            first = len(steps) - len(value)
            return [f"\0{number}" for number in range(first, len(steps))]
        if isinstance(value, dict):
            return {key: marked(held) for key, held in value.items()}
        return [marked(held) for held in value] if isinstance(value, list) else value

    text = json.dumps(marked(expected), indent=2, ensure_ascii=False)
    return _MARK.sub(lambda match: steps[int(match[1])], text) + "\n"
