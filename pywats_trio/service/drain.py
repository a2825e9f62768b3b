"""How `shutdown.grace_seconds` is shared by the phases of a stop (contract section 2).

Deadlines are absolute, so what one phase leaves over goes to the next.
"""

from __future__ import annotations

from typing import Final

import trio

STORE_SHARE: Final = 0.08
STORE_SECONDS: Final = 2.0


class Grace:
    """One stop, begun when this is made; times are `trio.current_time()` seconds."""

    def __init__(self, seconds: float) -> None:
        self._begun = trio.current_time()
        self._seconds = seconds
        self._end_of_work = self._begun + seconds - min(STORE_SECONDS, STORE_SHARE * seconds)

    def convert_until(self) -> float:
        """When the conversions in hand are given up: half of what is left now."""
        now = trio.current_time()
        return now + max(0.0, self._end_of_work - now) / 2

    def deliver_until(self) -> float:
        """When the deliveries in hand are given up: all that is left but the store's share."""
        return self._end_of_work
