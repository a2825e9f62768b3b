"""Back-pressure: how many files may be accepted now, for all watch folders together."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import structlog

from pywats_trio.queue.store import Topic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pywats_trio.queue.store import Store

RESUME_BELOW: Final = 0.9
"""Of `queue.max_items`: an intake that stopped at the mark goes on below this share of it."""

_log = structlog.get_logger("pywats_trio.intake")


class Room:
    """What is left under `queue.max_items` (0 = no mark); one for all folders of a service.

    At the mark intake stops; it goes on when fewer than 90 % are unfinished.
    """

    def __init__(self, store: Store, max_items: int) -> None:
        self._store = store
        self._max = max_items
        self._reserved = 0
        self.full = False
        """Whether intake is stopped."""

    @contextlib.asynccontextmanager
    async def reserved(self, most: int) -> AsyncIterator[int]:
        """Wait for room; inside the block, the given number (1 to `most`) may be accepted.

        Cancellation passes through and gives the room back.
        """
        count = await self._reserve(most)
        try:
            yield count
        finally:
            if self._max:
                self._reserved -= count
                self._store.bell(Topic.ROOM).ring()

    async def _reserve(self, most: int) -> int:
        while True:
            ticket = self._store.bell(Topic.ROOM).ticket()
            if free := self._free(most):
                return free
            await ticket.wait()

    def _free(self, most: int) -> int:
        if not self._max:
            return most
        unfinished = self._store.counts().unfinished
        self._judge(unfinished)
        if self.full:
            return 0
        free = max(0, min(most, self._max - unfinished - self._reserved))
        self._reserved += free
        return free

    def _judge(self, unfinished: int) -> None:
        fields = {"unfinished": unfinished, "max_items": self._max}
        if not self.full and unfinished >= self._max:
            self.full = True
            _log.warning(
                "intake stopped: the queue is full",
                what_to_do="files wait in their folders until the server takes reports again; "
                "if it does, raise queue.max_items",
                **fields,
            )
        elif self.full and unfinished < RESUME_BELOW * self._max:
            self.full = False
            _log.info("intake resumed", **fields)
