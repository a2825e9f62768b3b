"""What a report's steps and lists hold: what cannot be a report, and what a server may dislike.

The service passes reports on, it does not judge them: only what has no meaning as WSJF is refused
here. Everything else that the WATS documentation forbids or warns of becomes a `Finding`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pywats_trio.reports import instants, limits
from pywats_trio.reports.findings import Findings, check_lengths
from pywats_trio.reports.header import shown
from pywats_trio.reports.model import InvalidReport, Path, written
from pywats_trio.reports.step_check import StepCheck
from pywats_trio.reports.wsjf import kind

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONTRADICTION_SECONDS: Final = 1.0


def examine(report: Mapping[str, Any], found: Findings, *, controls: bool = True) -> None:
    """Look through a report whose header is sound (see `header.repairs`).

    `controls = False` saves the search for control characters where there can be none.

    Raises:
        InvalidReport: a part of it is not what WSJF has in its place, or steps are nested deeper
            than `limits.MAX_NESTED_STEPS`.
    """
    _header(report, found)
    root = report.get("root")
    if isinstance(root, dict):
        StepCheck(found, str(report["result"]), controls).root(root)
    if report["type"] == "R":
        _repair(report, found)


def _header(report: Mapping[str, Any], found: Findings) -> None:
    check_lengths(report, limits.HEADER_LENGTHS, (), found)
    for key in ("sn", "pn"):
        value = report.get(key)
        if isinstance(value, str) and not limits.WILDCARDS.isdisjoint(value):
            found.add((key,), f"{shown(value)} holds a character that searches take as a wildcard")
    for key in ("rev", "machineName", "location", "purpose"):
        if report.get(key) is None:
            found.add((key,), "missing; the WATS documentation requires it", "error")
    _instants(report, found)
    for key in ("uut", "uur"):
        if isinstance(report.get(key), dict):
            check_lengths(report[key], limits.UNIT_LENGTHS, (key,), found)
    _rows(report, "miscInfos", limits.MISC_LENGTHS, ("description",), found)
    _rows(report, "subUnits", limits.SUB_UNIT_LENGTHS, ("pn", "sn"), found)
    _rows(report, "assets", {"assetSN": 100}, ("assetSN", "usageCount"), found)


def _instants(report: Mapping[str, Any], found: Findings) -> None:
    start, utc = instants.parse(report.get("start")), instants.parse(report.get("startUTC"))
    if start is None or start.tzinfo is None:
        return
    if start.year < 1970:  # noqa: PLR2004 - the epoch
        found.add(("start",), "before 1970: a server may take the time of submission instead")
    if utc is not None and utc.tzinfo is not None:
        difference = abs((start - utc).total_seconds())
        if difference > _CONTRADICTION_SECONDS:
            found.add(("startUTC",), f"{difference:g} s away from start")


def _rows(
    report: Mapping[str, Any],
    key: str,
    lengths: Mapping[str, int],
    required: tuple[str, ...],
    found: Findings,
) -> None:
    for index, row in enumerate(report.get(key) or ()):
        path = (key, index)
        if not isinstance(row, dict):
            raise InvalidReport(f"{written(path)} is {kind(row)}, an object is expected", path)
        check_lengths(row, lengths, path, found)
        for name in required:
            if row.get(name) is None:
                found.add((*path, name), "missing; a server is expected to require it", "error")


def _repair(report: Mapping[str, Any], found: Findings) -> None:
    if report["uur"].get("processCode") is None:
        found.add(("uur", "processCode"), "missing: in which test did the unit fail?", "error")
    units = report.get("subUnits") or ()
    if sum(unit.get("idx") == 0 for unit in units) != 1:
        found.add(("subUnits",), "exactly one must have idx 0, the unit itself", "error")
    for index, unit in enumerate(units):
        _failures(unit, ("subUnits", index, "failures"), found)


def _failures(unit: Mapping[str, Any], path: Path, found: Findings) -> None:
    failures = unit.get("failures") or []
    if not isinstance(failures, list):
        raise InvalidReport(f"{written(path)} is {kind(failures)}, a list is expected", path)
    for number, failure in enumerate(failures):
        here = (*path, number)
        if not isinstance(failure, dict):
            raise InvalidReport(f"{written(here)} is {kind(failure)}, an object is expected", here)
        check_lengths(failure, limits.FAILURE_LENGTHS, here, found)
        for key in ("category", "code"):
            if not failure.get(key):
                found.add((*here, key), "missing; a server is expected to require it", "error")
