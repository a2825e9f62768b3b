"""Marks with hysteresis: what stops at one level goes on at another, so that it never flutters.

Pure, in whole numbers: at a mark and at nine tenths of it there is no rounding.
"""

from __future__ import annotations

from attrs import define


@define
class HighMark:
    """Reached at `limit` and above; left below 90 % of it. 0 = never reached."""

    limit: int
    reached: bool = False

    def judge(self, value: int) -> bool:
        """Whether it is reached now that there is so much."""
        left_at = 9 * self.limit if self.reached else 10 * self.limit
        self.reached = self.limit > 0 and 10 * value >= left_at
        return self.reached


@define
class LowMark:
    """Reached below `limit`; left at 110 % of it. 0 = never reached."""

    limit: int
    reached: bool = False

    def judge(self, value: int) -> bool:
        """Whether it is reached now that so much is left."""
        left_at = 11 * self.limit if self.reached else 10 * self.limit
        self.reached = self.limit > 0 and 10 * value < left_at
        return self.reached

    def beyond(self, most: int) -> bool:
        """Whether, once reached, it would never be left: there is only `most` in all."""
        return self.limit > 0 and 10 * most < 11 * self.limit
