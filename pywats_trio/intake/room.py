"""Back-pressure: how many files may be accepted now, for all watch folders together."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import structlog
import trio
from attrs import frozen

from pywats_trio.bell import Bell
from pywats_trio.config.values import size_text
from pywats_trio.errors import QueueFull
from pywats_trio.observe.board import STOPS_INTAKE, Board, Cause
from pywats_trio.queue.marks import HighMark
from pywats_trio.queue.store import Topic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from pywats_trio.queue.store import Store

_log = structlog.get_logger("pywats_trio.intake")

_REMEDY: Final = {
    Cause.QUEUE_FULL: "raise queue.max_items",
    Cause.QUEUE_BYTES: "raise queue.max_bytes",
    Cause.DISK: "make room on the disk of data_dir",
    Cause.MEMORY: "leave this machine more memory",
}
"""For who submits and cannot wait."""


@frozen
class _Mark:
    """One of the marks of the queue itself."""

    cause: Cause
    mark: HighMark

    @property
    def message(self) -> str:
        """What is the matter while it is reached."""
        if self.cause is Cause.QUEUE_FULL:
            return f"the queue is at its mark of {self.mark.limit} unfinished items"
        return f"the queue is at its mark of {size_text(self.mark.limit)} of stored reports"


class Room:
    """What is left under the marks of the queue (0 = no mark); one for all folders of a service.

    At a mark intake stops; it goes on below 90 % of it. Disk and memory are watched by others
    (`service.diskwatch`, `service.memorywatch`): there is no room, either, while the board says
    that one of them is short, and `Topic.ROOM` is rung when that is over.

    Args:
        store: whose items and bytes are counted.
        max_items: unfinished items at which intake stops.
        board: is told of a mark that is reached; default: nobody is.
        max_bytes: stored bytes at which intake stops. What is accepted then is still converted, so
            the bytes may go past it.
    """

    def __init__(
        self, store: Store, max_items: int, board: Board | None = None, *, max_bytes: int = 0
    ) -> None:
        self._store = store
        self._board = board or Board()
        self._items = _Mark(Cause.QUEUE_FULL, HighMark(max_items))
        self._bytes = _Mark(Cause.QUEUE_BYTES, HighMark(max_bytes))
        self._paused = False
        self._reserved = 0
        self._filled = Bell()

    @property
    def full(self) -> bool:
        """Whether intake is stopped, for whatever cause."""
        return self._at_mark or bool(self._board.held_up_by(*STOPS_INTAKE))

    @property
    def _at_mark(self) -> bool:
        return self._items.mark.reached or self._bytes.mark.reached

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Notice when there is room again, also while nobody wants any; until cancelled."""
        task_status.started()
        try:
            while True:
                bell = self._store.bell(Topic.ROOM) if self._at_mark else self._filled
                await bell.ticket().wait()
                self._judge()
        finally:
            self._store.bell(Topic.ROOM).ring()  # who waits outside finds out that it is over

    def pause(self) -> None:
        """Nothing may be accepted until `resume`."""
        self._paused = True
        self._store.bell(Topic.ROOM).ring()

    def resume(self) -> None:
        """Files may be accepted again."""
        self._paused = False
        self._store.bell(Topic.ROOM).ring()

    def set_marks(self, max_items: int, max_bytes: int) -> None:
        """Another `queue.max_items` and `queue.max_bytes` from now on."""
        self._items.mark.limit, self._bytes.mark.limit = max_items, max_bytes
        self._judge()
        self._store.bell(Topic.ROOM).ring()

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Inside the block one more item may be put that lies in no watch folder.

        Raises:
            QueueFull: there is no room; its text says for what cause.
        """
        if not self._free(1):
            raise QueueFull(self._why_not())
        try:
            yield
        finally:
            self._give_back(1)

    def has_place(self) -> bool:
        """Whether `place` would be granted now."""
        if not self._free(1):
            return False
        self._reserved -= 1
        return True

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
        if limit := self._items.mark.limit:
            left = limit - self._store.counts().unfinished - self._reserved
            free = max(0, min(most, left))
        self._reserved += free
        return free

    def _why_not(self) -> str:
        """One sentence for who is refused."""
        message, cause = self._items.message, Cause.QUEUE_FULL  # all places left may be taken
        if held_up := self._board.held_up_by(*STOPS_INTAKE):
            message, cause = held_up[0].message, held_up[0].cause
        return f"{message}; try again later, or {_REMEDY[cause]}"

    def _judge(self) -> None:
        """Whether intake stops, or goes on, at what there is now."""
        counts = self._store.counts()
        for one, value in ((self._items, counts.unfinished), (self._bytes, counts.bytes)):
            before = one.mark.reached
            if one.mark.judge(value):
                self._tell_full(one, value, new=not before)
            elif before:
                _log.info("intake resumed", cause=one.cause.value, now=value, mark=one.mark.limit)
                self._board.end(one.cause)

    def _tell_full(self, one: _Mark, value: int, *, new: bool) -> None:
        remedy = _REMEDY[one.cause]
        what_to_do = f"files wait in their folders until the server has taken more, or {remedy}"
        if new:
            self._filled.ring()
            _log.warning(
                "intake stopped: the queue is full",
                cause=one.cause.value,
                what_to_do=what_to_do,
                now=value,
                mark=one.mark.limit,
            )
        self._board.begin(one.cause, "", one.message, what_to_do)
