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
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw
import trio
from attrs import define, field

from pywats_trio import faultpoint
from pywats_trio.errors import PywatsTrioError, StoreError
from pywats_trio.queue.mailbox import Mailbox

T = TypeVar("T")

MAX_WAITING: Final = 1024
"""Operations handed in and not yet answered; the next caller waits. The bound of this channel."""
MAX_BATCH: Final = 256
"""Operations in one transaction, so that nobody waits long for the others."""
GATHER_SECONDS: Final = 0.004
"""How long the thread waits at most for as many operations as shared the last commits: a commit
costs the processor as much as the work of several operations, and a disk the same for one as for
fifty. Alone, an operation is committed at once."""
CANCELLED_SECONDS: Final = 2.0
"""The same for a cancelled caller and for `close`: a stop does not wait for such a disk."""

_CRASHED: Final = "the queue's thread failed and is being started again"

Operation = Callable[[apsw.Connection], Any]
"""Runs in the writer's thread inside a transaction; what it returns is what the caller gets."""


@define
class _Order:
    operation: Operation
    undo: Callable[[Any], Operation] | None = None
    done: trio.Event = field(factory=trio.Event)
    result: Any = None
    error: BaseException | None = None
    handed_in: bool = False
    settled: bool = False
    """Whether it is committed or failed for good: set in the thread."""
    abandoned: bool = False
    """Nobody waits for it any more. Like `done`, only touched in the Trio thread."""


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

    In the thread, `before_commit` is the last operation of each transaction, `committed` is called
    after it with the number of operations, `rolled_back` after one that was not committed (the
    store keeps its history and its counts with them); in the Trio thread, `wake` is called once the
    callers of a batch have their answers. The thread closes the connection at its end. `statistics`
    goes on from a writer that crashed.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        *,
        before_commit: Operation,
        committed: Callable[[int], None],
        rolled_back: Callable[[], None],
        wake: Callable[[], None],
        statistics: WriterStatistics | None = None,
    ) -> None:
        self._connection = connection
        self._before_commit = before_commit
        self._committed = committed
        self._rolled_back = rolled_back
        self._wake = wake
        self._mailbox: Mailbox[_Order] = Mailbox()
        self._room = trio.Semaphore(MAX_WAITING)
        self._ended = trio.Event()
        self._token = trio.lowlevel.current_trio_token()
        self._closed = False
        self._given_up = False
        self._batch: list[_Order] = []
        self.crash: BaseException | None = None
        """What ended the thread, if it was not closed."""
        self.statistics = WriterStatistics() if statistics is None else statistics
        self._thread = threading.Thread(target=self._work, name="pywats-trio-store", daemon=True)
        self._thread.start()

    async def run(
        self,
        operation: Callable[[apsw.Connection], T],
        *,
        undo: Callable[[T], Operation] | None = None,
    ) -> T:
        """Run `operation` and wait for its commit.

        However long the disk takes: it is the caller who knows how long it can wait. A cancelled
        caller still learns what became of its operation, within one commit; cancellation is then
        delivered at its next checkpoint. Only if the disk is stuck (for `CANCELLED_SECONDS`) is
        `Cancelled` raised here. Should an operation that nobody waits for any more be committed
        after all, what `undo` makes of its result is run, too.

        Raises:
            StoreError: it was not committed; nothing was changed.
        """
        order = _Order(operation, undo)
        try:
            await self._hand_in(order)
        except trio.Cancelled:
            with trio.move_on_after(CANCELLED_SECONDS, shield=True):
                await self._hand_in(order)
            if not order.done.is_set():
                order.abandoned = True
                raise
        if order.error is not None:
            raise order.error
        return order.result  # type: ignore[no-any-return]  # what the operation returned

    async def _hand_in(self, order: _Order) -> None:
        """Hand `order` in and wait for its answer; goes on where a cancelled call was cut off."""
        if not order.handed_in:
            try:
                self._room.acquire_nowait()
            except trio.WouldBlock:
                await self._room.acquire()
            if self._closed:
                self._room.release()
                raise StoreError(_CRASHED if self.crash else "the queue is closed")
            order.handed_in = True
            self._mailbox.put(order)
        await order.done.wait()

    def _answer(self, batch: list[_Order]) -> None:
        for order in batch:
            order.done.set()
            if order.abandoned and order.undo and not order.error and not self._closed:
                self._mailbox.put(_Order(order.undo(order.result)))  # it takes over the room
            else:
                self._room.release()
        self._wake()

    async def wait_ended(self) -> None:
        """Until the thread has ended; raises what ended it if it was not `close`."""
        await self._ended.wait()
        if self.crash is not None:
            raise self.crash

    def _end(self) -> None:
        """The thread is gone: answer whom it left waiting. What was committed, was."""
        self._closed = True
        left = [order for order in self._batch if not order.done.is_set()]
        left += self._mailbox.rest()
        for order in left:
            if not order.settled:
                order.error = StoreError(_CRASHED)
        if left:
            self._answer(left)
        self._ended.set()

    def fail(self, error: BaseException) -> bool:
        """Take no more orders and end with `error`; False if the thread is ending already."""
        if self._closed:
            return False
        self._closed, self.crash = True, error
        self._mailbox.close()
        return True

    @property
    def ended(self) -> bool:
        """Whether the thread has ended, and its connection is closed."""
        return self._ended.is_set()

    async def close(self, seconds: float = CANCELLED_SECONDS) -> None:
        """Finish what was handed in and close the connection, within `seconds`, 2 at most.

        A thread that is stuck is left behind; what it was handed is committed, or never was.
        """
        if self._given_up:
            return
        if not self._closed:
            self._closed = True
            self._mailbox.close()
        with trio.move_on_after(max(0.0, min(seconds, CANCELLED_SECONDS)), shield=True):
            await self._ended.wait()
        self._given_up = not self._ended.is_set()

    # From here on: in the thread.

    def _work(self) -> None:
        _name_thread()
        try:
            self._work_until_closed()
        except BaseException as error:  # noqa: BLE001 - whoever waits for the end is told
            self.crash = error
        finally:
            _close(self._connection)
            self._tell(self._end)

    def _tell(self, news: Callable[..., object], *values: object) -> None:
        # A program that ended without waiting finds what was committed at its next start.
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(news, *values)

    def _work_until_closed(self) -> None:
        expected = 1
        while batch := self._mailbox.take(MAX_BATCH, expected, GATHER_SECONDS):
            self._batch = batch
            faultpoint.hit("store.thread")
            self._commit(batch)
            # Whoever is answered comes back, as a rule. The largest batch of late is what to wait
            # for, so that callers who are out of step share a commit, too.
            alone = len(batch) == 1
            expected = 1 if alone else max(len(batch), expected - 1 - expected // 8)
            self._tell(self._answer, batch)

    def _commit(self, batch: list[_Order]) -> None:
        """All in one transaction; if that fails, one by one, so that only the culprit fails."""
        try:
            self._transact(batch)
        except BaseException as error:  # noqa: BLE001 - it is handed to the caller
            # A database that somebody else has locked fails everybody alike, and takes its time.
            if len(batch) == 1 or isinstance(error, apsw.BusyError):
                for order in batch:
                    order.error = _as_ours(error)
                    order.settled = True
                return
            for order in batch:
                self._commit([order])
        else:
            self._take_over(batch)

    def _transact(self, batch: list[_Order]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for order in batch:
                order.result = order.operation(self._connection)
            self._before_commit(self._connection)
            faultpoint.hit("store.before_commit")
            self._connection.execute("COMMIT")
        except BaseException:
            self.statistics.failed_commits += 1
            self._rolled_back()
            # SQLite has already rolled back by itself on a full disk.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _take_over(self, batch: list[_Order]) -> None:
        """It is committed; what fails from here on is the thread, and no order of the batch."""
        for order in batch:
            order.settled = True
        faultpoint.hit("store.committed")
        self.statistics.commits += 1
        self.statistics.operations += len(batch)
        self.statistics.cpu_seconds = time.thread_time()
        self._committed(len(batch))


def _name_thread() -> None:
    """Let `top` and `htop` tell this thread from the event loop's, where the system can."""
    with contextlib.suppress(OSError):
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text("pywats-store")


def _close(connection: apsw.Connection) -> None:
    """A checkpoint keeps the next start short; a full disk must not keep us from ending."""
    with contextlib.suppress(apsw.Error):
        connection.set_busy_timeout(500)  # a reader does not keep us from ending, either
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    connection.close()


def _as_ours(error: BaseException) -> BaseException:
    if isinstance(error, PywatsTrioError):
        return error
    # The injected one stands for a commit that fails.
    if isinstance(error, apsw.Error | faultpoint.InjectedFault):
        cause = StoreError(f"the queue's database refused: {type(error).__name__}: {error}")
    elif isinstance(error, Exception):
        return error
    else:
        cause = StoreError(f"the queue's thread was stopped by {type(error).__name__}")
    cause.__cause__ = error
    return cause
