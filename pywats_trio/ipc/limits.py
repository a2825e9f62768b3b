"""How much a client may ask: a token bucket each (contract section 9). Pure; time is injected."""

from __future__ import annotations

from typing import Final

from attrs import define

MOST_BUCKETS: Final = 1024
"""Clients that are remembered; full buckets, which limit nobody, go first."""
_NEARLY: Final = 1 - 1e-9
"""Taken for one token: who waits exactly as long as told is not refused for a rounding."""


@define
class _Bucket:
    tokens: float
    at: float


class Limiter:
    """`per_minute` requests in the long run, `burst` at once, for each client."""

    def __init__(self, per_minute: int, burst: int) -> None:
        self._rate = per_minute / 60.0
        self._burst = burst
        self._buckets: dict[object, _Bucket] = {}

    def take(self, client: object, now: float) -> float:
        """Take a request of `client`; 0.0, or the seconds until one would be taken.

        `now` is in seconds of a clock that nobody sets.
        """
        bucket = self._buckets.get(client)
        if bucket is None:
            self._make_room(now)
            bucket = self._buckets[client] = _Bucket(float(self._burst), now)
        bucket.tokens = self._filled(bucket, now)
        bucket.at = now
        if bucket.tokens < _NEARLY:
            return (1 - bucket.tokens) / self._rate
        bucket.tokens -= 1
        return 0.0

    def _filled(self, bucket: _Bucket, now: float) -> float:
        return min(float(self._burst), bucket.tokens + (now - bucket.at) * self._rate)

    def _make_room(self, now: float) -> None:
        if len(self._buckets) < MOST_BUCKETS:
            return
        full = [key for key, b in self._buckets.items() if self._filled(b, now) >= self._burst]
        for key in full or list(self._buckets)[:1]:
            del self._buckets[key]
