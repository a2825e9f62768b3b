"""Rows from damaged pages: of the right types, but a bit of them may have changed. Pure.

A report has its checksum, and says itself what it is. The rest of a row is believed as far as
nothing can break on it: times that people see, numbers that decide.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from pywats_trio.model import PRIORITY_FIRST, PRIORITY_LAST, State

if TYPE_CHECKING:
    from pywats_trio.queue.salvage.carve import Value

LAST_TIME: Final = 4_102_444_800.0
"""The year 2100, in seconds since the epoch: what is later is damaged."""
_TIMES: Final = frozenset({"at", "created_at", "dropped_at", "started_at", "finished_at"})
_OPTIONAL: Final = frozenset({"started_at", "finished_at"})
_RANGES: Final = {
    "priority": (PRIORITY_FIRST, PRIORITY_LAST),
    "attempts": (0, 1000),
    "max_attempts": (1, 1000),
    "interruptions": (0, 2**31),
    "deaths": (0, 1000),
    "progress": (0, 100),
    "transitions": (0, 2**31),
    "bytes": (0, 2**40),
}
FACTS: Final = {
    "report_id": "id",
    "serial_number": "sn",
    "part_number": "pn",
    "result": "result",
    "start": "start",
}
"""Columns of an item by what a report calls them."""


def sound(table: str, values: dict[str, Value], now: float) -> dict[str, Value] | None:
    """`values` with everything within its bounds; None: the row is of no use."""
    if table == "history" and values["item_id"] is None and facts(values["message"]) is None:
        return None
    found = {name: _bounded(name, value, now) for name, value in values.items()}
    if found.get("state") == State.SUSPENDED and table == "items":
        found |= {"due_at": now, "delay": 0.0}  # it is looked at soon, whatever it waits for
    return found


def _bounded(name: str, value: Value, now: float) -> Value:
    if isinstance(value, int | float):
        if name in _TIMES and not 0 <= value <= LAST_TIME:
            return None if name in _OPTIONAL else now
        if name in _RANGES:
            low, high = _RANGES[name]
            return min(max(int(value), low), high)
    return value


def facts(text: Value) -> dict[str, object] | None:
    """The JSON object that `text` is; None: it is none."""
    if not isinstance(text, str | bytes):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def header(body: bytes) -> dict[str, str] | None:
    """What a report says of itself, by the columns of its item; None: it is no report."""
    found = facts(body)
    if found is None or not all(key in found for key in FACTS.values()):
        return None
    told = {column: str(found[key]) for column, key in FACTS.items()}
    return told | {"report_id": told["report_id"].lower()}
