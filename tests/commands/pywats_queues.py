"""Queue folders as the two generations of pyWATS leave them, made from their description."""

from __future__ import annotations

import json
import os
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attrs import define

from tests.reports.examples import uut

if TYPE_CHECKING:
    from pathlib import Path

NOON = 1_767_268_800.0
"""Epoch seconds."""


def report_id(number: int) -> str:
    return f"0b9f6c1e-0000-4000-8000-{number:012d}"


def report(number: int, **changes: Any) -> bytes:
    """A sound report with an id and a serial number of its own."""
    return json.dumps(uut(**{"id": report_id(number), "sn": f"SN-{number}", **changes})).encode()


def local(at: float) -> str:
    """As pyWATS writes times: local, without a zone."""
    return datetime.fromtimestamp(at).isoformat()  # noqa: DTZ006


@define
class Folder:
    """A folder in which pyWATS keeps its queue."""

    path: Path

    def write(self, name: str, content: bytes, at: float = NOON) -> Path:
        self.path.mkdir(exist_ok=True)
        file = self.path / name
        file.write_bytes(content)
        os.utime(file, (at, at))
        return file

    # A: AsyncPendingQueue

    def plain(self, number: int, state: str, *, at: float = NOON, error: str = "") -> Path:
        """`r<number>.json.<state>`, with the `.error.info` that tells of `error`."""
        if error:
            info = {"error": error, "timestamp": local(NOON), "attempts": 1}
            self.write(f"r{number}.json.error.info", json.dumps(info).encode())
        return self.write(f"r{number}.json.{state}", report(number), at)

    # B: PersistentQueue

    def item(self, number: int, state: str = "pending", **meta: Any) -> Path:
        """A report and its meta file, both of `state`."""
        self.meta(number, state, **meta)
        return self.write(f"{report_id(number)}.{state}.wsjf", report(number))

    def meta(self, number: int, state: str = "pending", **meta: Any) -> Path:
        """A meta file alone, as a change of state leaves it."""
        told = {
            "id": report_id(number),
            "priority": 5,
            "status": state,
            "created_at": local(NOON),
            "updated_at": local(NOON),
            "attempts": 0,
            "max_attempts": 3,
            "last_error": None,
            "custom": {},
            **meta,
        }
        return self.write(f"{report_id(number)}.{state}.meta.json", json.dumps(told).encode())

    def names(self) -> set[str]:
        return {file.name for file in self.path.iterdir()}
