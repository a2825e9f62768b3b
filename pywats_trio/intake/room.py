"""Back-pressure: how many files may be accepted now, for all watch folders together."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import structlog
import trio

from pywats_trio.bell import Bell
from pywats_trio.errors import QueueFull
from pywats_trio.observe.board import Board, Cause
from pywats_trio.queue.store import Topic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from pywats_trio.queue.store import Store

RESUME_BELOW: Final = 0.9
"""Of `queue.max_items`: an intake that stopped at the mark goes on below this share of it."""

_log = structlog.get_logger("pywats_trio.intake")


class Room:
    """What is left under `queue.max_items` (0 = no mark); one for all folders of a service.

    At the mark intake stops; it goes on when fewer than 90 % are unfinished.
    """

    def __init__(self, store: Store, max_items: int, board: Board | None = None) -> None:
        self._store = store
        self._max = max_items
        self._board = board or Board()
        self._paused = False
        self._reserved = 0
        self._filled = Bell()
        self.full = False
        """Whether intake is stopped."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Notice when there is room again, also while nobody wants any; until cancelled."""
        task_status.started()
        while True:
            bell = self._store.bell(Topic.ROOM) if self.full else self._filled
            await bell.ticket().wait()
            self._judge()

    def pause(self) -> None:
        """Nothing may be accepted until `resume`."""
        self._paused = True

    def resume(self) -> None:
        """Files may be accepted again."""
        self._paused = False
        self._store.bell(Topic.ROOM).ring()

    def set_mark(self, max_items: int) -> None:
        """Another `queue.max_items` from now on."""
        self._max = max_items
        self._judge()
        self._store.bell(Topic.ROOM).ring()

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Inside the block one more item may be put that lies in no watch folder.

        Raises:
            QueueFull: the queue is at its mark.
        """
        if not self._free(1):
            raise QueueFull(
                f"the queue is at its mark of {self._max} unfinished items; "
                "try again later, or raise queue.max_items"
            )
        try:
            yield
        finally:
            self._give_back(1)

    @contextlib.asynccontextmanager
    async def reserved(self, most: int) -> AsyncIterator[int]:
        """Wait for room; inside the block, the given number (1 to `most`) may be accepted.

        Cancellation passes through and gives the room back.
        """
        count = await self._reserve(most)
        try:
            yield count
        finally:
            self._give_back(count)

    def _give_back(self, count: int) -> None:
        self._reserved -= count
        self._store.bell(Topic.ROOM).ring()

    async def _reserve(self, most: int) -> int:
        while True:
            ticket = self._store.bell(Topic.ROOM).ticket()
            if not self._paused and (free := self._free(most)):
                return free
            await ticket.wait()

    def _free(self, most: int) -> int:
        """Reserve up to `most`; how many."""
        self._judge()
        if self.full:
            return 0
        free = most
        if self._max:
            left = self._max - self._store.counts().unfinished - self._reserved
            free = max(0, min(most, left))
        self._reserved += free
        return free

    def _judge(self) -> None:
        """Whether intake stops, or goes on, at what is unfinished now."""
        unfinished = self._store.counts().unfinished
        if self.full and (not self._max or unfinished < RESUME_BELOW * self._max):
            self.full = False
            _log.info("intake resumed", unfinished=unfinished, max_items=self._max)
            self._board.end(Cause.QUEUE_FULL)
        elif not self.full and self._max and unfinished >= self._max:
            self.full = True
            self._tell_full(unfinished)
            self._filled.ring()

    def _tell_full(self, unfinished: int) -> None:
        _log.warning(
            "intake stopped: the queue is full",
            what_to_do="files wait in their folders until the server takes reports again; "
            "if it does, raise queue.max_items",
            unfinished=unfinished,
            max_items=self._max,
        )
        self._board.begin(
            Cause.QUEUE_FULL,
            "",
            f"the queue is at its mark of {self._max} unfinished items; files wait",
            "see why reports are not delivered; if they are, raise queue.max_items",
        )
