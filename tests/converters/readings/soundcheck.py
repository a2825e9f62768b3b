"""What a SoundCheck table of results says, read a second time with the `csv` module alone.

It gives the facts in the form of `expected.json`, for files with points as decimal marks and
American times. It is as simple as such a file allows, so that whoever doubts it can read it.
"""

from __future__ import annotations

import csv
import itertools
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def facts(path: Path) -> dict[str, Any]:
    """The expected reports of a file."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        names = [name.strip() for name in next(lines)]
        rows = [dict(zip(names, line, strict=True)) for line in lines]
    runs = itertools.groupby(rows, key=lambda row: (row["Serial #:"], row["Time:"]))
    return {"converter": "soundcheck", "reports": [_report(list(run)) for _, run in runs]}


def _report(rows: list[dict[str, str]]) -> dict[str, Any]:
    first = rows[0]
    return {
        "type": "T",
        "sn": first["Serial #:"],
        "pn": first["Lot #:"],
        "operator": first["Operator:"],
        "start": datetime.strptime(first["Time:"], "%m/%d/%Y %I:%M:%S %p").isoformat(),  # noqa: DTZ007 - the file has none
        "result": "F" if any(row["Result"] == "FAIL" for row in rows) else "P",
        "steps": [[[row["Name"]], "ET_NLT", _status(row), _measured(row)] for row in rows],
        "step_count": len(rows),
        "measurement_count": len(rows),
    }


def _status(row: dict[str, str]) -> str:
    return {"PASS": "P", "FAIL": "F"}[row["Result"]]


def _measured(row: dict[str, str]) -> dict[str, Any]:
    measured = {"value": float(row["Margin"]), "unit": row["Unit"], "status": _status(row)}
    if row["Tolerance"] != "Max/Min":
        return {**measured, "compOp": "LOG", "lowLimit": None, "highLimit": None}
    high, low = row["Limits"].split("/")
    return {**measured, "compOp": "GELE", "lowLimit": float(low), "highLimit": float(high)}
