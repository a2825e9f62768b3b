"""Watches what conversions do to the machine, and lets as many processes be as it bears.

It looks once a second while there is work and not at all while there is none. What follows from
what it saw is decided in `convert.limit`; how it is seen is in `convert.pressure`.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import structlog
import trio

from pywats_trio.convert import pressure
from pywats_trio.convert.limit import Sample
from pywats_trio.observe.board import Cause

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from pywats_trio.convert.limit import Limit
    from pywats_trio.convert.pressure import Reading
    from pywats_trio.observe.board import Board

SECOND: Final = 1.0
"""Between two looks, each of which takes about half a millisecond of a thread."""

log = structlog.get_logger("pywats_trio.convert")


async def look() -> Reading:
    """Read the machine, in a thread."""
    return await trio.to_thread.run_sync(pressure.read, abandon_on_cancel=True)


class Governor:
    """A part of the pool; `run` it beside the processes.

    Args:
        limit: decides.
        board: is told when no process can be started; its metrics count the changes.
        resize: is told how many places there are from now on.
        look: reads the machine; what cannot be read raises OSError.
    """

    def __init__(
        self,
        limit: Limit,
        board: Board,
        *,
        resize: Callable[[int], None],
        look: Callable[[], Awaitable[Reading]] = look,
    ) -> None:
        self._limit = limit
        self._board = board
        self._resize = resize
        self._read = look
        self._since = board.clock()
        self._in_hand = self._finished = self._waited = 0
        self._wanted = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled; ready at once. A machine that cannot be read leaves the limit."""
        self._apply()
        task_status.started()
        try:
            while True:
                await self._wanted.wait()
                await self._watch()
                self._wanted = trio.Event()
                self._board.end(Cause.WORKERS)
        finally:
            self._board.end(Cause.WORKERS)

    @contextmanager
    def job(self) -> Iterator[None]:
        """To be held around each job, from before it has a place."""
        self._wanted.set()
        self._waited += self._in_hand >= self._limit.value
        self._in_hand += 1
        try:
            yield
            self._finished += 1
        finally:
            self._in_hand -= 1

    @property
    def limit(self) -> int:
        """How many processes there may be now."""
        return self._limit.value

    def facts(self) -> dict[str, Any]:
        """For status: `limit` and `max` in processes, `reason` in words, and `since` when it is so,
        in seconds since the epoch.
        """
        return {
            "limit": self._limit.value,
            "max": self._limit.most,
            "reason": self._limit.verdict.words,
            "since": self._since,
        }

    async def _watch(self) -> None:
        """Until there is nothing to be done."""
        before, finished = await self._look(), self._finished
        self._judge(before, before, 0)  # memory may have become short while nobody looked
        while self._in_hand or self._finished > finished:
            finished = self._finished
            await trio.sleep(SECOND)
            after = await self._look()
            self._judge(before, after, self._finished - finished)
            before = after

    async def _look(self) -> Reading | None:
        try:
            return await self._read()
        except OSError as error:
            log.warning("the machine cannot be looked at", error=str(error))
            return None

    def _judge(self, before: Reading | None, after: Reading | None, finished: int) -> None:
        waited, self._waited = self._waited, 0
        if before is None or after is None:
            return
        limit, why = self._limit, self._limit.verdict.why
        waiting = waited + max(0, self._in_hand - limit.value)
        changed = limit.judge(Sample(pressure.between(before, after), finished, waiting))
        if changed or limit.verdict.why is not why:
            self._since = self._board.clock()
        if changed:
            self._apply()
            self._board.metrics.worker_limit_changes.labels(limit.verdict.why.value).inc()
            log.info("limit of workers", limit=limit.value, reason=limit.verdict.words)
        if limit.value:
            self._board.end(Cause.WORKERS)
        else:
            self._board.begin(
                Cause.WORKERS,
                "",
                "no worker process can be started: memory is nearly used up",
                "files wait in the queue; end what else needs memory, and all goes on by itself",
            )

    def _apply(self) -> None:
        self._resize(self._limit.value)
