"""The embedded store: SQLite in the data folder, one writer thread with group commit."""

from __future__ import annotations

import contextlib
import json
import math
import time
from typing import TYPE_CHECKING, Final, TypeVar
from weakref import WeakValueDictionary

import trio
from attrs import evolve

from pywats_trio import faultpoint
from pywats_trio.bell import Bell
from pywats_trio.errors import (
    IllegalTransition,
    StaleClaim,
    StoreDamaged,
    StoreError,
)
from pywats_trio.model import Claim, Counts, Envelope, Kind, Outcome, State
from pywats_trio.observe.board import Board, Cause
from pywats_trio.queue.actions import Reopen, Resume
from pywats_trio.queue.aged import START
from pywats_trio.queue.clocks import SteadyClock
from pywats_trio.queue.loading import Loaded, load
from pywats_trio.queue.opening import note_closed
from pywats_trio.queue.order import Order
from pywats_trio.queue.reserve import for_want_of_room
from pywats_trio.queue.salvage.damage import HINT, SETTING, in_words, is_damage
from pywats_trio.queue.shares import ALL
from pywats_trio.queue.store import Topic
from pywats_trio.queue.verbs.accept import put
from pywats_trio.queue.verbs.change import change
from pywats_trio.queue.verbs.claim import claim
from pywats_trio.queue.verbs.expire import compact, dismiss, expire
from pywats_trio.queue.verbs.finish import finish, release
from pywats_trio.queue.verbs.recover import recover
from pywats_trio.queue.verbs.sources import forget, note, put_away, remember
from pywats_trio.queue.verbs.transaction import Scheduling, Transaction
from pywats_trio.queue.writer import Writer, WriterStatistics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import apsw

    from pywats_trio.queue.actions import Action
    from pywats_trio.queue.aged import Cursor, Deadlines, Given, Old, Swept
    from pywats_trio.queue.clocks import Steady
    from pywats_trio.queue.salvage.aside import FileId
    from pywats_trio.queue.selection import Selection
    from pywats_trio.queue.shares import Shares
    from pywats_trio.queue.store import PutAway
    from pywats_trio.queue.writer import Operation

T = TypeVar("T")

WRITE_BACK_FRAMES: Final = 1000
"""Pages in the write-ahead log at which a commit takes it back into the database."""
NOTE_SECONDS: Final = 1.0
"""For a note of the end beside the database; without it the next start only looks closer."""
CHANGED_AT_ONCE: Final = 200
"""Items that are changed in one transaction, so that nobody's commit waits long for it."""


@contextlib.asynccontextmanager
async def open_store(
    path: Path,
    *,
    synchronous: str = "full",
    history_limit: int = 100,
    aging_minutes: float = 0.0,
    retry_share: float = 1.0,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    board: Board | None = None,
) -> AsyncIterator[SqliteStore]:
    """The store in the file `path`; closed, with everything committed, when the block is left.

    Args:
        path: the database file; its folder must exist.
        synchronous: `full` (every commit is synced) or `normal`.
        history_limit: history rows kept for one item.
        aging_minutes: waiting that is worth one level of priority; 0 = strict priority.
        retry_share: retries allowed for each first attempt, beside a trickle of one a second.
        clock: the wall clock, seconds since the epoch, for the times that people see.
        monotonic: a clock that nobody sets, in seconds, for how long an item waits.
        board: is told when the database cannot be written; default: nobody is.

    A damaged database is set aside and salvaged first (see `queue.salvage`); the board is told.

    Raises:
        StartError: the file cannot be opened, or is of a newer layout.
    """
    order = Order.of_minutes(aging_minutes)

    def opened(crash: BaseException | None = None) -> Loaded:
        return load(path, synchronous, history_limit, order, clock(), crash=crash)

    loaded = await trio.to_thread.run_sync(opened)
    steady = SteadyClock(clock, monotonic, loaded.shift)
    scheduling = Scheduling.of(order, retry_share)
    store = SqliteStore(
        loaded, opened, scheduling, clock=clock, steady=steady, board=board or Board()
    )
    try:
        yield store
    finally:
        await store.close()


class SqliteStore:
    """`queue.store.Store` on SQLite; see there for what each verb promises.

    It works without `run`, which only watches over its thread.
    """

    def __init__(
        self,
        loaded: Loaded,
        load_again: Callable[[BaseException], Loaded],
        scheduling: Scheduling,
        *,
        clock: Callable[[], float],
        steady: Steady,
        board: Board,
    ) -> None:
        self._load_again = load_again
        self._scheduling = scheduling
        self._clock = clock
        self._steady = steady
        self._board = board
        self._bells = {topic: Bell() for topic in Topic}
        self._waiters: WeakValueDictionary[int, trio.Event] = WeakValueDictionary()
        """As long as somebody holds the event; who stopped waiting leaves nothing behind."""
        self.statistics = WriterStatistics()
        self.claimable = True
        self.starved = False
        self._long_readings = 0
        self._doubted = ""
        self._mended = trio.Event()
        self._mended.set()
        self._adopt(loaded)

    def _adopt(self, loaded: Loaded) -> None:
        """Work on this database from now on."""
        self._books = loaded.books
        self._history = loaded.history
        self._told = self._history.committed_number
        self._settings = loaded.settings
        self._opening = loaded.opening
        self._file = loaded.file
        if loaded.damage is not None:
            loaded.damage.show(self._board)
        self._writer = Writer(
            loaded.connection,
            before_commit=self._before_commit,
            committed=self._committed,
            rolled_back=self._rolled_back,
            wake=self._wake,
            statistics=self.statistics,
        )

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch over the thread until the store is closed; a part, for its supervisor.

        If the thread has crashed the database is opened again first; if it was damaged (see
        `doubt`) it is set aside and salvaged, however long that takes. What had not been committed
        then was answered with `StoreError`; claims in hand stay their owners'.

        Raises:
            StartError: the database cannot be opened again.
            BaseException: what ended the thread.
        """
        if (crash := self._writer.crash) is not None:
            # A disk that hangs does not hold up a stop: nothing was done by then.
            loaded = await trio.to_thread.run_sync(self._load_again, crash, abandon_on_cancel=True)
            self._adopt(loaded)
            self._wake_all()
            self._mended.set()
        task_status.started()
        await self._writer.wait_ended()

    def doubt(self, what: str, file: FileId | None = None) -> None:
        """The database is damaged, says `what` in one sentence: nothing is written in it any more.

        `run` raises it and, started again, has the database set aside and salvaged; where it does
        not run the next opening does so. `file` as in `Store.doubt`.
        """
        if file not in {None, self._file}:
            return
        if not self.damaged and self._writer.fail(StoreDamaged(what)):
            self._doubted = what
            self._mended = trio.Event()
            self._board.begin(Cause.STORE_DAMAGED, "", f"{what}; it is being salvaged", HINT)

    @property
    def damaged(self) -> bool:
        """Whether the database was found damaged and is not salvaged yet."""
        return not self._mended.is_set()

    async def mended(self) -> None:
        """Until a database that was found damaged is salvaged; at once where none was."""
        await self._mended.wait()

    async def damage_seen(self) -> None:
        """An operator has seen to the damage that was found: it is told no more."""
        if self.remembered(SETTING):
            await self.remember(SETTING, "")
        self._board.end(Cause.STORE_DAMAGED)

    async def _run(
        self,
        name: str,
        verb: Callable[[Transaction], T],
        undo: Callable[[T], Operation] | None = None,
    ) -> T:
        """The verb, its commit awaited; timed, and the board told if the database fails."""
        begun = time.perf_counter()
        try:
            result = await self._writer.run(self._operation(verb), undo=undo)
        except (StaleClaim, IllegalTransition):
            raise  # the database is well
        except StoreError as error:
            if (cause := error.__cause__) is not None and is_damage(cause):
                what = f"the queue's database is damaged ({in_words(cause)})"
                self.doubt(what)
                raise StoreDamaged(f"{what}; it is set aside, and salvaged") from cause
            self._board.begin(Cause.STORE, "", str(error), "see to the disk of data_dir")
            self._board.metrics.errors.labels("store", type(error).__name__).inc()
            self.starved |= for_want_of_room(error)
            self._bells[Topic.REFUSED].ring()
            raise
        self._board.end(Cause.STORE)
        timer = self._board.metrics.operation_seconds.labels(name)
        timer.observe(time.perf_counter() - begun)
        return result

    def _operation(self, verb: Callable[[Transaction], T]) -> Callable[[apsw.Connection], T]:
        def operation(connection: apsw.Connection) -> T:
            return verb(
                Transaction(
                    connection,
                    self._books,
                    self._history,
                    self._clock(),
                    self._steady(),
                    self._scheduling,
                )
            )

        return operation

    def _before_commit(self, connection: apsw.Connection) -> None:
        self._history.flush(connection)
        self._books.flush(connection)

    def _committed(self, operations: int) -> None:
        self._books.committed()
        self._history.committed()
        self._board.metrics.commit_batch.observe(operations)

    def _wake_all(self) -> None:
        """Everybody looks again: what a crashed thread had committed, it could not tell."""
        for bell in self._bells.values():
            bell.ring()
        for waiter in list(self._waiters.values()):
            waiter.set()
        self._waiters.clear()

    def _rolled_back(self) -> None:
        self._books.rolled_back()
        self._history.rolled_back()

    def _wake(self) -> None:
        topics, ended = self._books.take_news()
        for topic in topics:
            self._bells[topic].ring()
        for item_id in ended:
            if (waiter := self._waiters.pop(item_id, None)) is not None:
                waiter.set()
        if self._history.committed_number != self._told:
            self._told = self._history.committed_number
            self._bells[Topic.HISTORY].ring()

    async def put(self, envelopes: Sequence[Envelope]) -> list[int | None]:
        """See `Store.put`."""
        return await self._run("put", lambda tx: put(tx, envelopes))

    async def claim(self, kind: Kind, limit: int, owner: str, shares: Shares = ALL) -> list[Claim]:
        """See `Store.claim`."""
        if not self._may_have(kind):
            await trio.lowlevel.checkpoint()
            return []
        claims = await self._run(
            "claim",
            lambda tx: claim(tx, kind, limit, owner, shares),
            undo=lambda claims: self._operation(lambda tx: release(tx, claims)),
        )
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
        except trio.Cancelled:
            # On a full disk they stay PROCESSING until the owner recovers.
            with contextlib.suppress(StoreError):
                await self._run("release", lambda tx: release(tx, claims))
            raise
        return claims

    def _may_have(self, kind: Kind) -> bool:
        """Spare an idle service the transaction: nothing PENDING and nothing due, by memory."""
        pending = self.counts().of(kind, State.PENDING)
        return bool(pending) or self._books.due(kind) <= self._steady()

    async def finish(self, claim: Claim, outcome: Outcome) -> State:
        """See `Store.finish`."""
        faultpoint.hit(f"{claim.item.kind}.before_finish")
        state = await self._run("finish", lambda tx: finish(tx, claim, outcome))
        faultpoint.hit(f"{claim.item.kind}.finished")
        return state

    async def change(self, selection: Selection, action: Action, who: str) -> int:
        """See `Store.change`."""
        if selection.ids is None:
            return await self._change_all(selection, action, who)
        changed = 0
        for begin in range(0, len(selection.ids), CHANGED_AT_ONCE):
            some = evolve(selection, ids=selection.ids[begin : begin + CHANGED_AT_ONCE])
            changed += await self._change(some, action, who, CHANGED_AT_ONCE)
        return changed

    async def _change_all(self, selection: Selection, action: Action, who: str) -> int:
        """Those that are changed are selected no more, so that it comes to an end."""
        if not isinstance(action, Resume | Reopen):
            return await self._change(selection, action, who, -1)
        changed = 0
        while some := await self._change(selection, action, who, CHANGED_AT_ONCE):
            changed += some
        return changed

    async def _change(self, selection: Selection, action: Action, who: str, limit: int) -> int:
        return await self._run("change", lambda tx: change(tx, selection, action, who, limit))

    async def put_away(self, results: Sequence[PutAway]) -> None:
        """See `Store.put_away`."""
        await self._run("put_away", lambda tx: put_away(tx, results))

    async def forget(self, paths: Iterable[str]) -> None:
        """See `Store.forget`."""
        gone = list(paths)
        await self._run("forget", lambda tx: forget(tx, gone))

    async def note(self, event: str, detail: Mapping[str, object]) -> None:
        """See `Store.note`."""
        message = json.dumps(detail, default=str)
        await self._run("note", lambda tx: note(tx, event, message))

    async def remember(self, key: str, value: str) -> None:
        """See `Store.remember`."""
        await self._run("remember", lambda tx: remember(tx, key, value))
        self._settings[key] = value

    def remembered(self, key: str) -> str:
        """See `Store.remembered`."""
        return self._settings.get(key, "")

    def set_retry_share(self, share: float) -> None:
        """See `Store.set_retry_share`."""
        for budget in self._scheduling.budgets.values():
            budget.share = share

    def clock_shift(self) -> float:
        """See `Store.clock_shift`."""
        return self._steady.shift()

    def ended(self, item_id: int) -> trio.Event:
        """See `Store.ended`."""
        event = self._waiters.get(item_id)
        if event is None:
            event = self._waiters[item_id] = trio.Event()
        return event

    async def recover(self, owner: str | None = None) -> int:
        """See `Store.recover`."""
        return await self._run("recover", lambda tx: recover(tx, owner))

    async def expire(
        self, what: Old, due: Deadlines, *, after: Cursor = START, limit: int = 100
    ) -> Swept:
        """See `Store.expire`."""
        return await self._run("expire", lambda tx: expire(tx, what, due, after, limit))

    async def dismiss(self, ids: Sequence[int], due: Deadlines, where: str) -> int:
        """See `Store.dismiss`."""
        return await self._run("dismiss", lambda tx: dismiss(tx, ids, due, where))

    async def compact(self, pages: int) -> Given:
        """See `Store.compact`."""
        return await self._run("compact", lambda tx: compact(tx, pages))

    def next_due(self, kind: Kind) -> float | None:
        """See `Store.next_due`."""
        due = self._books.due(kind)
        return None if due == float("inf") else max(0.0, due - self._steady())

    def counts(self) -> Counts:
        """See `Store.counts`."""
        return self._books.counts

    def bell(self, topic: Topic) -> Bell:
        """See `Store.bell`."""
        return self._bells[topic]

    @contextlib.asynccontextmanager
    async def long_reading(self) -> AsyncIterator[None]:
        """See `Store.long_reading`."""
        self._long_readings += 1
        try:
            await self._write_back_at(0)
            yield
        finally:
            self._long_readings -= 1
            if not self._long_readings:
                with contextlib.suppress(StoreError):  # a database that is opened again does it
                    await self._write_back_at(WRITE_BACK_FRAMES)

    async def _write_back_at(self, frames: int) -> None:
        """Commits take the log back into the database when it has so many frames; 0: never."""
        await self._run("settle", lambda tx: tx.db.wal_autocheckpoint(frames))

    async def close(self, seconds: float = math.inf) -> None:
        """See `Store.close`; closing twice is fine. `seconds` may bound it further."""
        await self._writer.close(seconds)
        opening, self._opening = self._opening, None
        if opening is None or not self._writer.ended:
            return
        items = sum(self.counts().by.values())
        doubted = self._doubted if self.damaged else ""
        with trio.move_on_after(NOTE_SECONDS, shield=True), contextlib.suppress(OSError):
            await trio.to_thread.run_sync(
                note_closed,
                opening.path,
                opening.synchronous,
                items,
                doubted,
                abandon_on_cancel=True,
            )
