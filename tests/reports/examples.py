"""Small reports for tests to change."""

from __future__ import annotations

import json
from typing import Any

from pywats_trio.reports.model import Defaults, Station

ID = "0b9f6c1e-2f5b-4a7e-9d55-4f2f3a1c0001"
DERIVED = "6ba7b810-9dad-51d1-80b4-00c04fd430c8"
DEFAULTS = Defaults(DERIVED)
STATION = Defaults(DERIVED, Station("ST-9", "Hall 9", "Rework"))


def uut(**changes: Any) -> dict[str, Any]:
    """A sound test report; a key set to `...` is left out."""
    report: dict[str, Any] = {
        "type": "T",
        "id": ID,
        "pn": "PN-1",
        "sn": "SN-1",
        "rev": "A",
        "processCode": 10,
        "result": "P",
        "machineName": "ST-1",
        "location": "Hall 1",
        "purpose": "Test",
        "start": "2026-01-30T10:00:00+01:00",
        "startUTC": "2026-01-30T09:00:00Z",
        "uut": {"user": "op"},
        "root": sequence(numeric()),
        **changes,
    }
    return {key: value for key, value in report.items() if value is not ...}


def uur(**changes: Any) -> dict[str, Any]:
    """A sound repair report."""
    repair = {"type": "R", "processCode": 500, "root": ..., "uut": ..., "uur": {"processCode": 10}}
    units = [{"idx": 0, "partType": "Main", "pn": "PN-1", "sn": "SN-1", "rev": "A"}]
    return uut(**{**repair, "subUnits": units, **changes})


def sequence(*steps: Any, **changes: Any) -> dict[str, Any]:
    """A sequence of these steps."""
    return {
        "group": "M",
        "stepType": "SequenceCall",
        "name": "Main",
        "status": "P",
        "seqCall": {"path": "", "name": "Main", "version": ""},
        "steps": list(steps),
        **changes,
    }


def numeric(**changes: Any) -> dict[str, Any]:
    """A step with one number; the changes are those of the measurement."""
    measured = {"compOp": "GELE", "status": "P", "value": 3.3, "lowLimit": 3, "highLimit": 4}
    return step(numericMeas=[{**measured, **changes}])


def step(**changes: Any) -> dict[str, Any]:
    """A step that measures nothing."""
    return {"group": "M", "stepType": "Action", "name": "Step", "status": "P", **changes}


def as_bytes(report: object) -> bytes:
    """A file with this report; indented, so that it has lines."""
    return json.dumps(report, indent=1, ensure_ascii=False).encode()
