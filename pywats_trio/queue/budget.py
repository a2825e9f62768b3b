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
_ROUNDING: Final = 1e-6
"""What sums of seconds may be short of: a retry that is due in a microsecond is due."""


@define
class RetryBudget:
    """For one kind of item. Times are seconds of a clock that nobody sets.

    `share`: retries allowed for each first attempt. Over any stretch of time no more are allowed
    than `share` times the first attempts, `TRICKLE` for each second, and `SAVED`.
    """

    share: float
    _saved: float = SAVED
    _at: float | None = None
    _refused: bool = False

    def first_attempt(self) -> None:
        """An item was tried for the first time."""
        self._saved = min(SAVED, self._saved + self.share)

    def take(self, wanted: int, now: float) -> int:
        """Allow up to `wanted` retries now; how many."""
        self._refill(now)
        allowed = min(wanted, self._whole)
        self._saved -= allowed
        self._refused = allowed < wanted
        return allowed

    def allows_more(self, now: float) -> bool:
        """Whether some that were refused would be allowed now: first attempts have paid for them
        sooner than time would have.
        """
        if not self._refused:
            return False
        self._refill(now)
        return self._whole > 0

    def next_in(self, now: float) -> float:
        """Seconds until the next one would be allowed if nothing else happens; 0 = now."""
        self._refill(now)
        return max(0.0, (1.0 - self._saved) / TRICKLE)

    @property
    def _whole(self) -> int:
        return int(self._saved + _ROUNDING)

    def _refill(self, now: float) -> None:
        if self._at is not None:
            self._saved = min(SAVED, self._saved + TRICKLE * max(0.0, now - self._at))
        self._at = now
