"""How many retries are allowed: a share of the first attempts, and a trickle beside.

When much fails, retries would soon be most of what a server or a worker does. With a budget they
stay a fixed part of it; what is over waits a little longer.
"""

from __future__ import annotations

from typing import Final

from attrs import define

TRICKLE: Final = 1.0
"""Retries a second that are allowed whatever else happens."""
SAVED: Final = 10.0
"""Retries that can be saved up, so that a quiet service is not slow to retry."""


@define
class RetryBudget:
    """For one kind of item. Times are seconds of a clock that nobody sets.

    `share`: retries allowed for each first attempt, 0 to 1.
    """

    share: float
    _saved: float = SAVED
    _at: float | None = None

    def first_attempt(self) -> None:
        """An item was tried for the first time."""
        self._saved = min(SAVED, self._saved + self.share)

    def take(self, wanted: int, now: float) -> int:
        """Allow up to `wanted` retries now; how many."""
        self._refill(now)
        allowed = min(wanted, int(self._saved))
        self._saved -= allowed
        return allowed

    def next_in(self, now: float) -> float:
        """Seconds until the next one would be allowed if nothing else happens; 0 = now."""
        self._refill(now)
        return max(0.0, (1.0 - self._saved) / TRICKLE)

    def _refill(self, now: float) -> None:
        if self._at is not None:
            self._saved = min(SAVED, self._saved + TRICKLE * max(0.0, now - self._at))
        self._at = now
