"""One visit to a folder's thread that changes things there, and can be cut short.

A visit that is cancelled ends after the file in hand. Only if that takes too long, because the
share hangs, is it left behind: what the thread does later is found by the next start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

PATIENCE: Final = 1.0
"""Seconds that a cancelled visit may take for the file in hand."""


class Visit(Generic[T]):
    """Runs `work(visit)` in the folder's thread; `work` looks at `cut_short` between two files."""

    def __init__(self, work: Callable[[Visit[T]], T], limiter: trio.CapacityLimiter) -> None:
        self._work = work
        self._limiter = limiter
        self._token = trio.lowlevel.current_trio_token()
        self._ended = trio.Event()
        self._results: list[T] = []
        self.cut_short = False

    async def run(self) -> T:
        """What `work` returns, also if it was cut short.

        Cancellation is then delivered at the caller's next checkpoint. If the thread hangs, it is
        delivered here.
        """
        try:
            return await trio.to_thread.run_sync(
                self._in_thread, limiter=self._limiter, abandon_on_cancel=True
            )
        except trio.Cancelled:
            self.cut_short = True
            with trio.move_on_after(PATIENCE, shield=True):
                await self._ended.wait()
            if not self._results:
                raise
            return self._results[0]

    def _in_thread(self) -> T:
        try:
            self._results.append(self._work(self))
            return self._results[0]
        finally:
            self._token.run_sync_soon(self._ended.set)
