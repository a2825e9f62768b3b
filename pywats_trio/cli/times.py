"""Times and durations as people read them. Pure; times are epoch seconds."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Final

_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def ago(iso: str | None, now: float) -> str:
    """`2026-01-30T09:00:00Z (3 min 0 s)`."""
    if not iso:
        return "an unknown time"
    seconds = now - datetime.fromisoformat(iso).timestamp()
    return f"{iso[:19]}Z ({span(max(0.0, seconds))})"


def until(iso: str, now: float) -> str:
    """How long it is until then: `3 min 0 s`."""
    return span(max(0.0, datetime.fromisoformat(iso).timestamp() - now))


def span(seconds: float) -> str:
    """`4 d 2 h`, `3 h 20 min`, `3 min 5 s`, `12 s`: two units at most."""
    left = round(seconds)
    for (length, unit), (shorter, below) in pairwise(_UNITS):
        if left >= length:
            count, rest = divmod(left, length)
            return f"{count} {unit} {rest // shorter} {below}"
    return f"{left} s"
