"""What a submitted report says about itself, whichever format it came in."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Final

from attrs import frozen

from pywats_trio.errors import InvalidInputError

RESULTS: Final = {"P": "Passed", "F": "Failed", "E": "Error", "T": "Terminated"}
LONGEST: Final = 100
"""Characters of serial number, part number and the like (database mapping of the .NET client)."""


class RefusedReport(InvalidInputError):
    """The server answers 400 with this text; what was readable is kept for the journal."""

    def __init__(self, why: str, *, report_id: str = "", serial: str = "") -> None:
        super().__init__(why)
        self.report_id = report_id
        self.serial = serial


@frozen
class Submitted:
    """The header of one report. Texts are as sent, but for `id`, which is in lower case."""

    id: str
    sent_id: str
    format: str
    """`WSJF` or `WSXF`."""
    type: str
    """`T` test, `R` repair."""
    serial: str
    part: str
    revision: str
    process_code: int | None
    process_name: str
    result: str
    """`P`, `F`, `E` or `T`."""
    start: str
    start_utc: str
    """ISO 8601 in UTC with six fraction digits, so that texts sort as times do."""
    machine: str
    location: str
    purpose: str
    user: str


def canonical_id(text: str) -> str:
    """A GUID in any of the usual spellings, as 36 lower-case characters; else `RefusedReport`."""
    try:
        return str(uuid.UUID(text.strip()))
    except ValueError:
        raise RefusedReport(f"id: {text!r} is no GUID") from None


def utc(start: str) -> str:
    """`start` in UTC; without an offset it is taken as this machine's local time."""
    try:
        moment = datetime.fromisoformat(start.strip())
        return moment.astimezone(UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError, OSError):
        raise RefusedReport(f"start: {start!r} is no ISO 8601 date and time") from None


def demand_length(**texts: str) -> None:
    """Refuse what the server's columns have no room for."""
    for name, text in texts.items():
        if len(text) > LONGEST:
            raise RefusedReport(f"{name}: {len(text)} characters, at most {LONGEST} are allowed")
