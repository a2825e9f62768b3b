"""The embedded store: SQLite in the data folder, one writer thread with group commit."""

from __future__ import annotations

import contextlib
import json
import time
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, TypeVar

import apsw
import trio

from pywats_trio import faultpoint
from pywats_trio.bell import Bell
from pywats_trio.errors import StartError, StoreError
from pywats_trio.model import Claim, Counts, Envelope, Kind, Outcome, State
from pywats_trio.queue import rows, sqlite
from pywats_trio.queue.books import Books
from pywats_trio.queue.history import History
from pywats_trio.queue.store import Charge, PutAway, Resume, Selection, Topic
from pywats_trio.queue.writer import Writer, WriterStatistics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
    from pathlib import Path

T = TypeVar("T")

LAYOUT: Final = 1
"""The newest layout of the database that this program knows (PRAGMA user_version)."""
RESERVE_BYTES: Final = 8
"""Of each page, from the first table on: page checksums need them, and adding them later means
writing the whole file again (SQLite, cksumvfs)."""
APPLICATION: Final = 0x57415453
"""What marks a database as a queue of ours (PRAGMA application_id): `WATS`."""
LONGEST_WAIT: Final = 86_400.0
"""Seconds. Nothing stays SUSPENDED longer after a start: a `due_at` further ahead was most likely
written while the system clock was wrong."""


def connect(path: Path, *, synchronous: str = "full") -> apsw.Connection:
    """Open or make the database at `path`, in the current layout. Blocks.

    Raises:
        StartError: it is no queue of ours, of a newer layout, or cannot be opened.
    """
    with contextlib.ExitStack() as on_error:
        try:
            connection = apsw.Connection(str(path))
            on_error.callback(connection.close)
            connection.set_busy_timeout(5000)
            _prepare(connection, path, synchronous)
        except apsw.Error as error:
            raise StartError(
                f"{path}: the queue cannot be opened ({error}); check the data folder"
            ) from error
        on_error.pop_all()
    return connection


def _prepare(connection: apsw.Connection, path: Path, synchronous: str) -> None:
    """Refuse what is not ours before anything is written to it."""
    is_new = connection.execute("SELECT count(*) FROM sqlite_schema").get == 0
    layout = LAYOUT if is_new else connection.pragma("user_version")
    if not is_new and connection.pragma("application_id") != APPLICATION:
        raise StartError(
            f"{path}: this is a database, but no queue of pywats-trio; "
            "move it away or choose another data folder"
        )
    if layout > LAYOUT:
        raise StartError(
            f"{path}: written by a newer pywats-trio (layout {layout}, this one knows {LAYOUT}); "
            "install that version again"
        )
    if not connection.pragma("page_count"):
        connection.reserve_bytes("main", RESERVE_BYTES)
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", synchronous.upper())
    if is_new:
        _make(connection)


def _make(connection: apsw.Connection) -> None:
    schema = resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
    with connection:
        connection.execute(schema)
        connection.pragma("application_id", APPLICATION)
        connection.pragma("user_version", LAYOUT)


@contextlib.asynccontextmanager
async def open_store(
    path: Path,
    *,
    synchronous: str = "full",
    history_limit: int = 100,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> AsyncIterator[SqliteStore]:
    """The store in the file `path`; closed, with everything committed, when the block is left.

    Args:
        path: the database file; its folder must exist.
        synchronous: `full` (every commit is synced) or `normal`.
        history_limit: history rows kept for one item.
        clock: the wall clock, seconds since the epoch, for the times that people see.
        monotonic: a clock that nobody sets, in seconds, for how long an item waits.

    Raises:
        StartError: the file cannot be opened, is no queue or of a newer layout.
    """
    steady = SteadyClock(clock, monotonic)
    connection, books, history = await trio.to_thread.run_sync(
        load, path, synchronous, history_limit, steady()
    )
    store = SqliteStore(connection, books, history, clock=clock, steady=steady)
    try:
        yield store
    finally:
        await store.close()


class SteadyClock:
    """Wall time as it was at the start, moved on by a clock that nobody sets.

    When the system clock is corrected, waits neither end at once nor last for years.
    """

    def __init__(self, clock: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._offset = clock() - monotonic()
        self._monotonic = monotonic

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return self._offset + self._monotonic()


def load(
    path: Path, synchronous: str, history_limit: int, now: float
) -> tuple[apsw.Connection, Books, History]:
    """Connect, and count what is there. Blocks; raises what `connect` does."""
    connection = connect(path, synchronous=synchronous)
    try:
        connection.execute(
            "UPDATE items SET due_at = ? WHERE state = 'SUSPENDED' AND due_at > ?",
            (now + LONGEST_WAIT, now + LONGEST_WAIT),
        )
        found = connection.execute("SELECT kind, state, count(*) FROM items GROUP BY kind, state")
        counts = [(rows.KINDS[kind], rows.STATES[state], n) for kind, state, n in found]
        history = History(History.last_number(connection), history_limit)
    except apsw.Error as error:
        connection.close()
        raise StartError(f"{path}: the queue cannot be read ({error})") from error
    return connection, Books(counts), history


class SqliteStore:
    """`queue.store.Store` on SQLite; see there for what each verb promises."""

    def __init__(
        self,
        connection: apsw.Connection,
        books: Books,
        history: History,
        *,
        clock: Callable[[], float],
        steady: Callable[[], float],
    ) -> None:
        self._books = books
        self._history = history
        self._clock = clock
        self._steady = steady
        self._bells = {topic: Bell() for topic in Topic}
        self._writer = Writer(
            connection,
            before_commit=history.flush,
            committed=self._committed,
            rolled_back=self._rolled_back,
            wake=self._wake,
        )

    @property
    def statistics(self) -> WriterStatistics:
        """Of the writer's thread."""
        return self._writer.statistics

    async def _run(self, verb: Callable[[sqlite.Transaction], T]) -> T:
        return await self._writer.run(self._operation(verb))

    def _operation(self, verb: Callable[[sqlite.Transaction], T]) -> Callable[[apsw.Connection], T]:
        def operation(connection: apsw.Connection) -> T:
            return verb(
                sqlite.Transaction(
                    connection, self._books, self._history, self._clock(), self._steady()
                )
            )

        return operation

    def _committed(self) -> None:
        self._books.committed()
        self._history.committed()

    def _rolled_back(self) -> None:
        self._books.rolled_back()
        self._history.rolled_back()

    def _wake(self) -> None:
        for topic in self._books.take_rings():
            self._bells[topic].ring()

    async def put(self, envelopes: Sequence[Envelope]) -> list[int | None]:
        """See `Store.put`."""
        return await self._run(lambda tx: sqlite.put(tx, envelopes))

    async def claim(self, kind: Kind, limit: int, owner: str) -> list[Claim]:
        """See `Store.claim`."""
        if not self._may_have(kind):
            await trio.lowlevel.checkpoint()
            return []
        claims = await self._writer.run(
            self._operation(lambda tx: sqlite.claim(tx, kind, limit, owner)),
            undo=lambda claims: self._operation(lambda tx: sqlite.release(tx, claims)),
        )
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
        except trio.Cancelled:
            # On a full disk they stay PROCESSING until the owner recovers.
            with contextlib.suppress(StoreError):
                await self._run(lambda tx: sqlite.release(tx, claims))
            raise
        return claims

    def _may_have(self, kind: Kind) -> bool:
        """Spare an idle service the transaction: nothing PENDING and nothing due, by memory."""
        pending = self.counts().of(kind, State.PENDING)
        return bool(pending) or self._books.due(kind) <= self._steady()

    async def finish(self, claim: Claim, outcome: Outcome) -> State:
        """See `Store.finish`."""
        faultpoint.hit(f"{claim.item.kind}.before_finish")
        state = await self._run(lambda tx: sqlite.finish(tx, claim, outcome))
        faultpoint.hit(f"{claim.item.kind}.finished")
        return state

    async def change(self, selection: Selection, action: Resume | Charge, who: str) -> int:
        """See `Store.change`."""
        return await self._run(lambda tx: sqlite.change(tx, selection, action, who))

    async def put_away(self, results: Sequence[PutAway]) -> None:
        """See `Store.put_away`."""
        await self._run(lambda tx: sqlite.put_away(tx, results))

    async def forget(self, paths: Iterable[str]) -> None:
        """See `Store.forget`."""
        gone = list(paths)
        await self._run(lambda tx: sqlite.forget(tx, gone))

    async def note(self, event: str, detail: Mapping[str, object]) -> None:
        """See `Store.note`."""
        message = json.dumps(detail, default=str)
        await self._run(lambda tx: sqlite.note(tx, event, message))

    async def recover(self, owner: str | None = None) -> int:
        """See `Store.recover`."""
        return await self._run(lambda tx: sqlite.recover(tx, owner))

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

    async def close(self) -> None:
        """See `Store.close`; closing twice is fine."""
        await self._writer.close()


def open_reader(path: Path) -> apsw.Connection:
    """A read-only connection to the database at `path`. Blocks.

    Raises:
        StartError: there is no such file, or it cannot be opened.
    """
    flags: Any = apsw.SQLITE_OPEN_READONLY
    try:
        connection = apsw.Connection(str(path), flags=flags)
    except apsw.Error as error:
        raise StartError(f"{path}: the queue cannot be opened ({error})") from error
    connection.set_busy_timeout(5000)
    return connection
