"""What a report holds: what cannot be a report, and what a server may dislike.

The service passes reports on, it does not judge them: only what has no meaning as WSJF is refused
here. Everything else that the WATS documentation forbids or warns of becomes a `Finding`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pywats_trio.reports import instants, limits, parts
from pywats_trio.reports.characters import find_forbidden
from pywats_trio.reports.header import shown
from pywats_trio.reports.limits import INT16
from pywats_trio.reports.model import Finding, InvalidReport, written
from pywats_trio.reports.repair_check import check_repair
from pywats_trio.reports.rules import (
    Guid,
    Real,
    Rule,
    Text,
    Whole,
    each,
    members,
    texts,
)
from pywats_trio.reports.step_check import StepCheck
from pywats_trio.reports.wsjf import kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.reports.findings import Findings, Trail

_CONTRADICTION_SECONDS: Final = 1.0
_FORMATS: Final = ("execTime", "testSocketIndex", "errorCode", "batchFailCount", "batchLoopIndex")
_DOCUMENTED: Final = ("rev", "machineName", "location", "purpose")

_HEADER: Final = texts(limits.HEADER_LENGTHS)
_UNIT: Final = members(
    {
        **texts(limits.UNIT_LENGTHS),
        **each(Text(), *(f"{name}Format" for name in _FORMATS)),
        "execTime": Real(),
        "testSocketIndex": Whole(INT16),
        **each(Whole(), "errorCode", "batchFailCount", "batchLoopIndex", "stepIdCausedUUTFailure"),
    }
)
_MISC: Final = members(
    {
        **texts(limits.MISC_LENGTHS),
        "numeric": Whole(INT16),
        "numericFormat": Text(),
        "id": Guid(),
    },
    "description",
)
_ASSET: Final = members(
    {**texts(limits.ASSET_LENGTHS), "usageCount": Whole(), "usageCountFormat": Text()},
    "assetSN",
    "usageCount",
)
_SUB_UNIT: Final = members(
    {
        **texts(limits.SUB_UNIT_LENGTHS),
        "position": Whole(INT16),
        **each(Whole(), "idx", "parentIdx", "replacedIdx"),
    },
    "partType",
    "pn",
    "sn",
)


def _misc(row: Mapping[str, Any], trail: Trail, found: Findings) -> None:
    _MISC(row, trail, found)
    if row.get("text") is None and row.get("numeric") is None:
        found.at(trail, "neither text nor numeric; a server is expected to require one", "error")


_ROWS: Final = {"miscInfos": _misc, "subUnits": _SUB_UNIT, "assets": _ASSET}
_LISTS: Final = {"additionalData": parts.ADDITIONAL, "binaryData": parts.FILES}


def examine(report: Mapping[str, Any], found: Findings, *, controls: bool = True) -> None:
    """Look through a report whose header is sound (see `header.repairs`).

    `controls = False` saves the search for characters that XML cannot hold (see `characters`).

    Raises:
        InvalidReport: a part of it is not what WSJF has in its place, or steps are nested deeper
            than `limits.MAX_NESTED_STEPS`.
    """
    _header(report, found)
    _members(report, found)
    root = report.get("root")
    if isinstance(root, dict):
        StepCheck(found, str(report["result"])).root(root)
    if report["type"] == "R":
        check_repair(report, found)
    if controls:
        find_forbidden(report, found)


def oversize(size: int) -> tuple[Finding, ...]:
    """What there is to say about a report of `size` bytes."""
    if size <= limits.REPORT_BYTES:
        return ()
    message = f"the report has {size} bytes, a server is likely to take {limits.REPORT_BYTES}"
    return (Finding("", message),)


def _header(report: Mapping[str, Any], found: Findings) -> None:
    # What is no text here has been put right, or refused.
    for key, rule in _HEADER.items():
        if isinstance(value := report.get(key), str):
            rule(value, ((), key), found)
    for key in limits.SEARCHED:
        value = report.get(key)
        if isinstance(value, str) and not limits.WILDCARDS.isdisjoint(value):
            found.add((key,), f"{shown(value)} holds a character that searches take as a wildcard")
    for key in _DOCUMENTED:
        if report.get(key) is None:
            found.add((key,), "missing; the WATS documentation requires it", "error")
    _instants(report, found)


def _instants(report: Mapping[str, Any], found: Findings) -> None:
    start, utc = instants.parse(report.get("start")), instants.parse(report.get("startUTC"))
    if start is None:
        return
    if start.year < limits.YEARS[0]:
        found.add(
            ("start",),
            f"before {limits.YEARS[0]}: a server may take the time of submission instead",
        )
    elif start.year > limits.YEARS[-1]:
        found.add(
            ("start",),
            f"after {limits.YEARS[-1]}: a server puts what begins in the future into quarantine",
        )
    if start.tzinfo is not None and utc is not None and utc.tzinfo is not None:
        difference = abs((start - utc).total_seconds())
        if difference > _CONTRADICTION_SECONDS:
            found.add(("startUTC",), f"{difference:g} s away from start")


def _members(report: Mapping[str, Any], found: Findings) -> None:
    if isinstance(report.get("uut"), dict):
        _UNIT(report["uut"], ((), "uut"), found)
    for key, rule in _ROWS.items():
        _rows(report, key, rule, found)
    for key, rule in _LISTS.items():
        if report.get(key):
            rule(report[key], ((), key), found)
    if report["type"] == "T" and report.get("binaryData"):
        found.add(
            ("binaryData",), "only repairs have files here; a test has them in steps", "error"
        )


def _rows(report: Mapping[str, Any], key: str, rule: Rule, found: Findings) -> None:
    for index, row in enumerate(report.get(key) or ()):
        if not isinstance(row, dict):
            path = (key, index)
            raise InvalidReport(f"{written(path)} is {kind(row)}, an object is expected", path)
        rule(row, (((), key), index), found)
