"""Read and check a WSJF report as the server's article "Post WSJF" asks for it.

Required there but not demanded here: `startUTC` and `uut`, which pyWATS leaves out and the real
server takes. Whether a process code exists is not checked, each real server has its own.
"""

from __future__ import annotations

import json
from typing import Any, Final

from pywats_trio.devserver.submitted import (
    RESULTS,
    RefusedReport,
    Submitted,
    canonical_id,
    demand_length,
    utc,
)

TEXTS: Final = ("id", "pn", "sn", "rev", "machineName", "location", "purpose", "start")
NEVER_EMPTY: Final = ("id", "pn", "sn", "machineName", "start")


def read_wsjf(body: bytes) -> Submitted:
    """The header of the one report in `body`. Raises `RefusedReport` with the server's reason."""
    report = _parse(body)
    try:
        return _header(report)
    except RefusedReport as refused:
        refused.report_id = _readable_id(report)
        refused.serial = str(report.get("sn") or "")
        raise


def _parse(body: bytes) -> dict[str, Any]:
    try:
        report = json.loads(body.decode("utf-8-sig"), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise RefusedReport(f"the body is not UTF-8 at byte {error.start}") from None
    except ValueError as error:
        raise RefusedReport(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise RefusedReport("the body is nested too deeply") from None
    if not isinstance(report, dict):
        raise RefusedReport("the body must be one JSON object, a report")
    return report


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON")


def _readable_id(report: dict[str, Any]) -> str:
    try:
        return canonical_id(str(report.get("id")))
    except RefusedReport:
        return ""


def _header(report: dict[str, Any]) -> Submitted:
    kind = report.get("type")
    if kind not in ("T", "R"):
        raise RefusedReport(f"type: must be 'T' or 'R', not {kind!r}")
    text = {name: _text(report, name) for name in TEXTS}
    demand_length(**{name: text[name] for name in TEXTS if name not in ("id", "start")})
    if report.get("result") not in RESULTS:
        raise RefusedReport(f"result: must be P, F, E or T, not {report.get('result')!r}")
    _demand_content(report, kind)
    return Submitted(
        id=canonical_id(text["id"]),
        sent_id=text["id"],
        format="WSJF",
        type=kind,
        serial=text["sn"],
        part=text["pn"],
        revision=text["rev"],
        process_code=_process_code(report),
        process_name=str(report.get("processName") or ""),
        result=report["result"],
        start=text["start"],
        start_utc=utc(text["start"]),
        machine=text["machineName"],
        location=text["location"],
        purpose=text["purpose"],
        user=_user(report, kind),
    )


def _text(report: dict[str, Any], name: str) -> str:
    value = report.get(name)
    if value is None:
        raise RefusedReport(f"{name}: required, but missing")
    if not isinstance(value, str):
        raise RefusedReport(f"{name}: must be a text")
    if name in NEVER_EMPTY and not value.strip():
        raise RefusedReport(f"{name}: must not be empty")
    return value


def _process_code(report: dict[str, Any]) -> int:
    code = report.get("processCode")
    if code is None:
        raise RefusedReport("processCode: required, but missing")
    if isinstance(code, bool) or not isinstance(code, int) or not -(2**15) <= code < 2**15:
        raise RefusedReport("processCode: must be a whole number from -32768 to 32767")
    return code


def _demand_content(report: dict[str, Any], kind: str) -> None:
    if kind == "R":
        if not isinstance(report.get("uur"), dict):
            raise RefusedReport("uur: required in a report of type R")
        return
    root = report.get("root")
    if not isinstance(root, dict):
        raise RefusedReport("root: required in a report of type T")
    if not isinstance(root.get("seqCall"), dict):
        raise RefusedReport("root: must be a sequence call with seqCall")


def _user(report: dict[str, Any], kind: str) -> str:
    unit = report.get("uut" if kind == "T" else "uur")
    user = unit.get("user") if isinstance(unit, dict) else None
    return user if isinstance(user, str) else ""
