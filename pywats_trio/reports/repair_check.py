"""What a repair (UUR) has of its own: `uur`, and units with failures that refer to each other."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.reports import limits, parts
from pywats_trio.reports.findings import path_of
from pywats_trio.reports.limits import INT16
from pywats_trio.reports.model import InvalidReport, written
from pywats_trio.reports.rules import (
    MISSING,
    Flag,
    Guid,
    Instant,
    Real,
    Text,
    Whole,
    each,
    members,
    texts,
)
from pywats_trio.reports.wsjf import kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pywats_trio.reports.findings import Findings, Trail

_REPAIR: Final = members(
    {
        **texts(limits.REPAIR_LENGTHS),
        **each(Text(), "processName", "processCodeFormat", "execTimeFormat"),
        **each(Instant(offset=False), "confirmDate", "finalizeDate"),
        **each(Guid(), "refUUT", "parent"),
        "processCode": Whole(INT16),
        "execTime": Real(),
        "active": Flag(),
    }
)
_FAILURE: Final = members(
    {
        **texts(limits.FAILURE_LENGTHS),
        **each(Text(), "category", "code", "comment"),
        "refStepId": Whole(),
        "attachments": parts.FILES,
    }
)


def check_repair(report: Mapping[str, Any], found: Findings) -> None:
    """Look through the parts that only a repair has.

    Raises:
        InvalidReport: failures are no list of objects.
    """
    _REPAIR(report["uur"], ((), "uur"), found)
    if report["uur"].get("processCode") is None:
        found.add(("uur", "processCode"), "missing: in which test did the unit fail?", "error")
    units = report.get("subUnits") or ()
    _numbering(units, found)
    for index, unit in enumerate(units):
        _failures(unit, ((((), "subUnits"), index), "failures"), found)


def _numbering(units: Sequence[Mapping[str, Any]], found: Findings) -> None:
    """Each unit has a number of its own, 0 is the one that is repaired."""
    # Others are no numbers, which is found elsewhere.
    numbers = Counter(unit["idx"] for unit in units if type(unit.get("idx")) is int)
    if numbers[0] != 1:
        found.add(("subUnits",), "exactly one must have idx 0, the unit itself", "error")
    for index, unit in enumerate(units):
        path = ("subUnits", index)
        own = unit.get("idx")
        if own is None:
            found.add((*path, "idx"), MISSING, "error")
        elif type(own) is int and own != 0 and numbers[own] > 1:
            found.add((*path, "idx"), f"{own} is the idx of another unit, too", "error")
        for key in ("parentIdx", "replacedIdx"):
            other = unit.get(key)
            if type(other) is int and other not in numbers:
                found.add((*path, key), f"{other} is the idx of no unit", "error")


def _failures(unit: Mapping[str, Any], trail: Trail, found: Findings) -> None:
    failures = unit.get("failures") or []
    path = path_of(trail)
    if not isinstance(failures, list):
        raise InvalidReport(f"{written(path)} is {kind(failures)}, a list is expected", path)
    for number, failure in enumerate(failures):
        if not isinstance(failure, dict):
            here = (*path, number)
            raise InvalidReport(f"{written(here)} is {kind(failure)}, an object is expected", here)
        _FAILURE(failure, (trail, number), found)
        for key in ("category", "code"):
            if not failure.get(key):
                found.at(((trail, number), key), MISSING, "error")
