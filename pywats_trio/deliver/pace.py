"""`server.requests_per_minute`: never more than so many reports in any 60 seconds."""

from __future__ import annotations

import sys
from collections import deque
from typing import Final

import trio

WINDOW: Final = 60.0
"""Seconds."""


class Pace:
    """A sliding window. Each caller reserves its moment, so waiting is in the order of asking.

    A caller that is cancelled leaves its moment unused, which errs on the slow side.
    """

    def __init__(self, requests_per_minute: int) -> None:
        """`requests_per_minute`: 0 = no limit."""
        self._moments: deque[float] = deque(maxlen=requests_per_minute)
        self._waiting: set[trio.CancelScope] = set()
        self._closed = False

    @property
    def limiting(self) -> bool:
        """Whether somebody waits for the pace at this moment."""
        return bool(self._waiting)

    def room(self, now: float) -> int:
        """How many could be sent at this moment without waiting, at the least."""
        if not self._moments.maxlen:
            return sys.maxsize
        free = self._moments.maxlen - len(self._moments)
        return free or int(self._moments[0] + WINDOW <= now)

    def reserve(self, now: float) -> float:
        """Take the next free moment; seconds from `now` until then."""
        if self._moments.maxlen == 0:
            return 0.0
        moment = now
        if len(self._moments) == self._moments.maxlen:
            moment = max(now, self._moments[0] + WINDOW)
        self._moments.append(moment)  # lets the oldest go
        return moment - now

    async def wait(self) -> bool:
        """Until the caller's moment has come; False if `close` came first.

        No checkpoint where there is nothing to wait for.
        """
        delay = self.reserve(trio.current_time())
        if delay <= 0 or self._closed:
            return delay <= 0
        with trio.CancelScope() as scope:
            self._waiting.add(scope)
            try:
                await trio.sleep(delay)
            finally:
                self._waiting.discard(scope)
        return not scope.cancelled_caught

    def close(self) -> None:
        """Send everybody away who waits or would have to."""
        self._closed = True
        for scope in self._waiting:
            scope.cancel()
