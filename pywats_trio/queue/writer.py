"""Group commit: one daemon thread that owns the writing connection.

Callers hand in operations and wait; the thread takes all that are waiting, runs them in one
transaction and wakes the callers after the commit. Alone, an operation costs one sync; under load
dozens share it.

The thread is a daemon, and the wait is ours and not a library's, for reasons that were measured: a
thread that is no daemon keeps a crashed process from ending, and a caller's deadline must not reach
into a commit.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import apsw
import trio
from attrs import define, field

from pywats_trio import faultpoint
from pywats_trio.errors import PywatsTrioError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")

MAX_WAITING: Final = 1024
"""Operations handed in and not yet answered; the next caller waits. The bound of this channel."""
MAX_BATCH: Final = 256
"""Operations in one transaction, so that nobody waits long for the others."""
COMMIT_SECONDS: Final = 30.0
"""How long a caller waits for a commit before the disk counts as stuck."""

Operation = Callable[[apsw.Connection], Any]
"""Runs in the writer's thread inside a transaction; what it returns is what the caller gets."""


@define
class _Order:
    operation: Operation
    done: trio.Event = field(factory=trio.Event)
    result: Any = None
    error: BaseException | None = None


@define
class WriterStatistics:
    """What the writer has done so far."""

    commits: int = 0
    operations: int = 0
    failed_commits: int = 0
    cpu_seconds: float = 0.0
    """Processor time of the thread, as of the last commit."""


class Writer:
    """Runs operations in order, in batches, each batch one transaction.

    `committed` is called in the thread after each transaction, `rolled_back` after one that was
    not committed (the store keeps its counts with them), `wake` in the Trio thread once the callers
    of a batch have their answers.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        *,
        committed: Callable[[], None],
        rolled_back: Callable[[], None],
        wake: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._committed = committed
        self._rolled_back = rolled_back
        self._wake = wake
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._room = trio.Semaphore(MAX_WAITING)
        self._token = trio.lowlevel.current_trio_token()
        self._closed = False
        self.statistics = WriterStatistics()
        self._thread = threading.Thread(target=self._work, name="pywats-trio-store", daemon=True)
        self._thread.start()

    async def run(self, operation: Callable[[apsw.Connection], T]) -> T:
        """Run `operation` and wait for its commit.

        The wait is shielded: a cancelled caller still learns what became of its operation, within
        one commit. Cancellation is delivered at the caller's next checkpoint.

        Raises:
            StoreError: it was not committed; nothing was changed.
        """
        if self._closed:
            raise StoreError("the queue is closed")
        order = _Order(operation)
        with trio.CancelScope(shield=True, deadline=trio.current_time() + COMMIT_SECONDS):
            await self._hand_in(order)
        if not order.done.is_set():
            raise StoreError(
                f"the disk did not answer within {COMMIT_SECONDS:.0f} s, so it is not known "
                "whether this was recorded; check the disk of the data folder"
            )
        if order.error is not None:
            raise order.error
        return order.result  # type: ignore[no-any-return]  # what the operation returned

    async def _hand_in(self, order: _Order) -> None:
        try:
            self._room.acquire_nowait()
        except trio.WouldBlock:
            await self._room.acquire()
        try:
            self._orders.put(order)
            await order.done.wait()
        finally:
            self._room.release()

    async def close(self) -> None:
        """Finish what was handed in and end the thread; bounded by `COMMIT_SECONDS`."""
        if not self._closed:
            self._closed = True
            self._orders.put(None)
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(self._thread.join, COMMIT_SECONDS)

    # From here on: in the thread.

    def _work(self) -> None:
        last = False
        while not last:
            batch: list[_Order] = []
            order = self._orders.get()
            while order is not None:
                batch.append(order)
                if len(batch) == MAX_BATCH or self._orders.empty():
                    break
                order = self._orders.get()
            last = order is None
            if batch:
                self._commit(batch)
                self._answer(batch)

    def _commit(self, batch: list[_Order]) -> None:
        """All in one transaction; if that fails, one by one, so that only the culprit fails."""
        try:
            self._transact(batch)
        except BaseException as error:  # noqa: BLE001 - it is handed to the caller
            if len(batch) == 1:
                batch[0].error = _as_ours(error)
                return
            for order in batch:
                self._commit([order])

    def _transact(self, batch: Iterable[_Order]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for order in batch:
                order.result = order.operation(self._connection)
                self.statistics.operations += 1
            faultpoint.hit("store.before_commit")
            self._connection.execute("COMMIT")
        except BaseException:
            self.statistics.failed_commits += 1
            # SQLite has already rolled back by itself on a full disk.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._rolled_back()
            raise
        self.statistics.commits += 1
        self.statistics.cpu_seconds = time.thread_time()
        self._committed()

    def _answer(self, batch: list[_Order]) -> None:
        def answer() -> None:
            for order in batch:
                order.done.set()
            self._wake()

        # A program that ended without waiting finds what was committed at its next start.
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(answer)


def _as_ours(error: BaseException) -> BaseException:
    if isinstance(error, PywatsTrioError):
        return error
    if isinstance(error, apsw.Error):
        cause = StoreError(f"the queue's database refused: {type(error).__name__}: {error}")
    elif isinstance(error, Exception):
        return error
    else:
        cause = StoreError(f"the queue's thread was stopped by {type(error).__name__}")
    cause.__cause__ = error
    return cause
