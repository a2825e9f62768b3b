"""Test files for the benchmarks: valid WSJF of an exact size, each with an id of its own."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:pywats-trio:benchmarks")


def report_id(run: str, number: int) -> str:
    """The id of report `number` of `run`; the same on every machine."""
    return str(uuid.uuid5(NAMESPACE, f"{run}:{number}"))


def report(run: str, number: int, size: int) -> bytes:
    """One UUT report of exactly `size` bytes (at least 1,000), padded in its comment."""
    steps = [_step(n) for n in range((size - 900) // 190)]
    document = {
        "type": "T",
        "id": report_id(run, number),
        "pn": "PCBA-100",
        "sn": f"{run}-{number:06d}",
        "rev": "B",
        "processCode": 10,
        "result": "P",
        "machineName": "STATION-1",
        "location": "Hall 2",
        "purpose": "Benchmark",
        "start": "2026-03-02T08:15:30.250+01:00",
        "uut": {"user": "op-1", "comment": "", "execTime": 12.5},
        "root": {
            "id": 0,
            "group": "M",
            "stepType": "SequenceCall",
            "name": "MainSequence Callback",
            "status": "P",
            "seqCall": {"path": "main.seq", "name": "Main", "version": "1.0"},
            "steps": steps,
        },
    }
    short = len(_encode(document))
    document["uut"] = {"user": "op-1", "comment": "x" * (size - short), "execTime": 12.5}
    body = _encode(document)
    if len(body) != size:
        raise ValueError(f"cannot make a report of {size} bytes")
    return body


def _step(number: int) -> dict[str, object]:
    measurement = {
        "compOp": "GELE",
        "status": "P",
        "unit": "V",
        "value": 3.3 + number / 1000,
        "lowLimit": 3.2,
        "highLimit": 3.4,
    }
    return {
        "id": number + 1,
        "group": "M",
        "stepType": "ET_NLT",
        "name": f"Rail {number}",
        "status": "P",
        "totTime": 0.25,
        "numericMeas": [measurement],
    }


def _encode(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode("utf-8")


def write(folder: Path, run: str, count: int, size: int) -> None:
    """`count` files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{run}-{number:06d}.json").write_bytes(report(run, number, size))
