"""The keys of a report outside its steps: what must be there, and what can be put right.

What a report says is passed on. Only what is missing is filled in, and only what is malformed and
has one possible meaning is put right; the rest is refused.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import frozen

from pywats_trio.reports import instants
from pywats_trio.reports.limits import PROCESS_CODES, REPORT_TYPES, RESULTS
from pywats_trio.reports.model import Defaults, InvalidReport
from pywats_trio.reports.wsjf import kind
from pywats_trio.text import shortened

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_NO_UUID: Final = "00000000-0000-0000-0000-000000000000"
_REQUIRED: Final = (("sn", "serial number"), ("pn", "part number"))
_OPTIONAL: Final = ("rev", "machineName", "location", "purpose", "processName")
_LISTS: Final = ("miscInfos", "subUnits", "assets", "additionalData", "binaryData")
_STATION: Final = (("machineName", "name"), ("location", "location"), ("purpose", "purpose"))
_SHOWN: Final = 60
"""Characters of a wrong value that a message repeats."""

Written = Callable[[str], str]
"""The value of a key as it is written in the source."""


@frozen
class ProcessCodes:
    """The operations of a file that names none; None where the configuration names none either."""

    test: int | None = None
    repair: int | None = None

    def of(self, report: Mapping[str, Any]) -> int | None:
        """The code for this type of report."""
        return self.repair if report.get("type") == "R" else self.test


def repairs(
    report: Mapping[str, Any], codes: ProcessCodes, as_written: Written
) -> dict[str, object]:
    """The keys that are wrong but can mean one thing only, with their right values.

    Raises:
        InvalidReport: a required key is missing, or a value cannot be understood.
    """
    if report.get("type") not in _TYPES:
        raise _not_one_of("type", report.get("type"), "T (test) and R (repair)")
    changes: dict[str, object] = {}
    for key, name in _REQUIRED:
        _text(report, key, changes, as_written)
        if not str(changes.get(key, report.get(key)) or "").strip():
            raise InvalidReport(f'no {name} ("{key}" is {_emptiness(report, key)})', (key,))
    for key in _OPTIONAL:
        _text(report, key, changes, as_written)
    if report.get("result") not in _RESULTS:
        raise _not_one_of("result", report.get("result"), " ".join(RESULTS))
    _id(report, changes)
    _start(report, changes)
    _process_code(report, changes, codes)
    _body(report)
    return changes


_TYPES: Final = (*REPORT_TYPES,)  # tuples: a list in the report must not raise as unhashable
_RESULTS: Final = (*RESULTS,)


def gaps(
    report: Mapping[str, Any], changes: Mapping[str, object], defaults: Defaults
) -> dict[str, object]:
    """The keys that are missing and have a value in `defaults`."""
    found: dict[str, object] = {}
    if "id" not in changes and not has_id(report):
        found["id"] = defaults.id
    for key, attribute in _STATION:
        value = getattr(defaults.station, attribute)
        if value and not str(changes.get(key, report.get(key)) or "").strip():
            found[key] = value
    return found


def courtesies(report: Mapping[str, Any], changes: Mapping[str, object]) -> dict[str, object]:
    """What the server's article demands and the server does without: `startUTC`, `uut`, and texts
    that may be empty.

    Reason enough to add them where a report is changed anyway, but none to change it.
    """
    found: dict[str, object] = {}
    if report.get("startUTC") is None and "startUTC" not in changes:
        found["startUTC"] = instants.to_utc(str(changes.get("start", report["start"])))
    if report["type"] == "T" and report.get("uut") is None:
        found["uut"] = {"user": ""}
    for key in ("rev", "machineName", "location", "purpose"):
        if report.get(key) is None and key not in changes:
            found[key] = ""
    return found


def has_id(report: Mapping[str, Any]) -> bool:
    """Whether the report names itself; a UUID of zeros is what .NET writes for none."""
    return report.get("id") not in (None, "", _NO_UUID)


def _emptiness(report: Mapping[str, Any], key: str) -> str:
    if key not in report:
        return "missing"
    return "null" if report[key] is None else "blank"


def _not_one_of(key: str, value: object, letters: str) -> InvalidReport:
    if value is None:
        return InvalidReport(f'no "{key}": it is one of {letters}', (key,))
    return InvalidReport(f"{key}: {shown(value)} is none of {letters}", (key,))


def shown(value: object) -> str:
    """A wrong value as a message repeats it."""
    return f'"{shortened(value, _SHOWN)}"' if isinstance(value, str) else kind(value)


def _text(
    report: Mapping[str, Any], key: str, changes: dict[str, object], as_written: Written
) -> None:
    """A number where a text belongs is meant as its digits, as they are written."""
    value = report.get(key)
    if value is None or type(value) is str:
        return
    if isinstance(value, bool | list | dict):
        raise InvalidReport(f'"{key}" is {kind(value)}, a text is expected', (key,))
    digits = as_written(key)
    if "e" in digits.lower():
        raise InvalidReport(
            f'"{key}" is the number {digits}: its digits are lost, a text is expected', (key,)
        )
    changes[key] = digits


def _id(report: Mapping[str, Any], changes: dict[str, object]) -> None:
    value = report.get("id")
    if not has_id(report) or (type(value) is str and _UUID.fullmatch(value)):
        return
    try:
        changes["id"] = str(uuid.UUID(value))
    except (ValueError, AttributeError, TypeError):
        wrong = shortened(value, _SHOWN) if isinstance(value, str) else kind(value)
        raise InvalidReport(f'"id" is not a UUID: {wrong}', ("id",)) from None


def _start(report: Mapping[str, Any], changes: dict[str, object]) -> None:
    value, utc = report.get("start"), report.get("startUTC")
    if value is None:
        raise InvalidReport(f'no "start" (it is {_emptiness(report, "start")})', ("start",))
    instant = instants.parse(value)
    if instant is None:
        wrong = shortened(value, _SHOWN) if isinstance(value, str) else kind(value)
        raise InvalidReport(f'"start" is no date: {wrong}', ("start",))
    if instant.tzinfo is None:
        value = changes["start"] = instants.with_offset(value, utc)
    if utc is not None and ((other := instants.parse(utc)) is None or other.tzinfo is None):
        changes["startUTC"] = instants.to_utc(value)


def _process_code(
    report: Mapping[str, Any], changes: dict[str, object], codes: ProcessCodes
) -> None:
    value = report.get("processCode")
    if value is None or value == "":
        value = changes["processCode"] = codes.of(report)
    if value is None:
        raise InvalidReport(
            'no process code ("processCode" is missing)',
            ("processCode",),
            hint="Set the converter's argument "
            f"{'repair_process_code' if report['type'] == 'R' else 'process_code'}.",
        )
    if isinstance(value, bool | list | dict):
        raise InvalidReport(
            f'"processCode" is {kind(value)}, a number is expected', ("processCode",)
        )
    try:
        code = int(str(value)) if isinstance(value, str) else int(float(value))
    except (ValueError, OverflowError):
        code = None
    if code not in PROCESS_CODES or (not isinstance(value, str) and float(value) != code):
        raise InvalidReport(
            f'"processCode" is {shortened(str(value), _SHOWN)}, a whole number up to '
            f"{PROCESS_CODES[-1]} is expected",
            ("processCode",),
        )
    if type(value) is not int:
        changes["processCode"] = code


def _body(report: Mapping[str, Any]) -> None:
    """`root` or `uur`, and the other members that must be lists or objects."""
    key = "root" if report["type"] == "T" else "uur"
    if not isinstance(report.get(key), dict):
        if report.get(key) is None:
            raise InvalidReport(f'no "{key}" (it is {_emptiness(report, key)})', (key,))
        raise InvalidReport(f'"{key}" is {kind(report[key])}, an object is expected', (key,))
    for key in ("uut", "uur"):
        if not isinstance(report.get(key), dict | None):
            raise InvalidReport(f'"{key}" is {kind(report[key])}, an object is expected', (key,))
    for key in _LISTS:
        if not isinstance(report.get(key), list | None):
            raise InvalidReport(f'"{key}" is {kind(report[key])}, a list is expected', (key,))
