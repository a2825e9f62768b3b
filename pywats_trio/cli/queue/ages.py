"""How long ago something was, in as few characters as a table has room for."""

from __future__ import annotations

from datetime import datetime
from typing import Final

_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "m"))


def age(at: str, now: float) -> str:
    """`4d`, `3h`, `12m` or `5s`: whole units from `at` (ISO 8601) to `now` (epoch seconds)."""
    seconds = max(0, int(now - datetime.fromisoformat(at).timestamp()))
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
