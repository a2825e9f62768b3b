"""The job that every contestant does: 3 KB of CSV to a report, by one and the same function."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, ClassVar, Final

from pywats_trio.converters import Converter, Report, Source
from pywats_trio.reports.report import Defaults

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pywats_trio.converters import Context

ROWS: Final = 60
BYTES: Final = "".join(
    f"step {row:03d},{4.5 + row / 1000:.4f},4.0000,5.5000,V,PASSED,measured at pin {row}\n"
    for row in range(ROWS)
).encode()
"""3 KB."""
IDENTITY: Final = "5f0c9cde-9b0a-4f0e-9a0f-0c5d6a1f2b3c"


def parsed(data: bytes) -> Report:
    """The report of a file: every row is read, the worst one is told."""
    rows = []
    for name, text, least, most, unit, status, _comment in csv.reader(data.decode().splitlines()):
        rows.append((name, float(text), float(least), float(most), unit, status[0]))
    name, value, low, high, unit, status = max(rows, key=lambda row: row[1] / row[3])
    measured = {
        "name": name,
        "value": value,
        "lowLimit": low,
        "highLimit": high,
        "unit": unit,
        "compOp": "GELE",
        "status": status,
    }
    step = {
        "status": status,
        "stepType": "NumericLimitTest",
        "name": f"worst of {len(rows)}",
        "numericMeas": [measured],
    }
    root = {
        "status": "P",
        "stepType": "SequenceCall",
        "name": "Main",
        "seqCall": {"path": "main.seq", "name": "Main", "version": "1.0"},
        "steps": [step],
    }
    header = {
        "type": "T",
        "pn": "PN-1",
        "sn": "SN-1",
        "rev": "A",
        "processCode": 10,
        "machineName": "STATION-1",
        "location": "Hall 2",
        "purpose": "Benchmark",
    }
    return Report({**header, "result": "P", "start": "2026-03-02T08:15:30+01:00", "root": root})


def work(data: bytes) -> bytes:
    """What leaves for the server."""
    return parsed(data).encode(Defaults(id=IDENTITY)).body


class Parses(Converter):
    """The same as a converter of ours."""

    id: ClassVar[str] = "bench-csv"

    def convert(self, source: Source, context: Context) -> Iterable[Report]:
        """One report."""
        del context
        return [parsed(source.read_bytes())]
