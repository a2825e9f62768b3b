"""What the tests of stores share: items to put, clocks to turn, a look behind the counter."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from typing import TYPE_CHECKING, Any, Protocol

import apsw
import trio
from attrs import define, frozen

from pywats_trio.model import (
    Converted,
    Delivered,
    Envelope,
    Failed,
    Identity,
    Kind,
    Problem,
    Quarantined,
    Reason,
    Released,
    State,
    Superseded,
    Wait,
)
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.sqlite_store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from pywats_trio.model import Outcome
    from pywats_trio.queue.store import Desk, Store

PROBLEM = Problem("rejected", "line 3 is no number", "correct the file", "HTTP 400")

OUTCOMES: dict[str, Outcome] = {
    "converted": Converted((), "ab" * 32),
    "delivered": Delivered("thanks"),
    "wait": Wait(5.0, Reason.RETRY, PROBLEM, counts=True),
    "server away": Wait(5.0, Reason.SERVER, PROBLEM),
    "failed": Failed(PROBLEM),
    "quarantined": Quarantined(PROBLEM, died=True),
    "superseded": Superseded("it was replaced"),
    "released": Released(),
}
"""One of each, by what a test calls it."""
FILE_OUTCOMES = sorted(OUTCOMES.keys() - {"delivered"})
REPORT_OUTCOMES = sorted(OUTCOMES.keys() - {"converted", "superseded"})


def a_file(path: str = "/in/a.txt", *, inode: int = 1, size: int = 10, **more: Any) -> Envelope:
    """A FILE with an identity of its own."""
    identity = more.pop("identity", Identity(7, inode, size, 1_000))
    return Envelope(Kind.FILE, more.pop("converter", "ict"), path, identity=identity, **more)


def some_files(count: int, **more: Any) -> list[Envelope]:
    """`count` files with different names and identities."""
    return [a_file(f"/in/{n}.txt", inode=n + 1, **more) for n in range(count)]


def a_report(payload: bytes = b'{"pn":"x"}', **more: Any) -> Envelope:
    """A REPORT with all the facts of its header."""
    facts = {
        "report_id": "0b0e3a2c-0000-4000-8000-000000000001",
        "serial_number": "SN1",
        "part_number": "PN1",
        "result": "P",
        "start": "2026-01-02T03:04:05Z",
    }
    converter, source = more.pop("converter", "ict"), more.pop("source", "/in/a.txt")
    return Envelope(Kind.REPORT, converter, source, payload=payload, **(facts | more))


@define
class Clock:
    """A clock that tests turn."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@frozen
class Entry:
    """A row of the history."""

    seq: int
    item_id: int | None
    event: str
    state: str | None
    attempts: int | None
    who: str
    error_kind: str
    message: str


class Bench(Protocol):
    """One kind of store under test, and a look at what it keeps."""

    def open(
        self,
        *,
        history_limit: int = 100,
        aging_minutes: float = 0.0,
        retry_share: float = 1.0,
        clock: Callable[[], float] = ...,
        monotonic: Callable[[], float] = ...,
    ) -> AbstractAsyncContextManager[Store]: ...

    def desk(self) -> AbstractAsyncContextManager[Desk]: ...

    def history(self, item_id: int | None = None) -> list[Entry]:
        """Of one item, or of the whole store."""
        ...

    def counted(self) -> dict[tuple[Kind, State], int]:
        """How many items stand where, counted one by one."""
        ...

    def payload(self, item_id: int) -> bytes | None: ...

    def payload_bytes(self) -> int:
        """Of all payloads together, added up one by one."""
        ...


@frozen
class SqliteBench:
    """The embedded store on a file."""

    path: Path

    @asynccontextmanager
    async def open(self, **options: Any) -> AsyncIterator[Store]:
        async with open_store(
            self.path, **({"clock": Clock(), "monotonic": Clock()} | options)
        ) as s:
            yield s

    def desk(self) -> AbstractAsyncContextManager[Desk]:
        return open_desk(self.path)

    def _select(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(apsw.Connection(str(self.path))) as connection:
            return list(connection.execute(sql, values))

    def history(self, item_id: int | None = None) -> list[Entry]:
        columns = "seq, item_id, event, state, attempts, who, error_kind, message"
        where = "WHERE item_id = ?1" if item_id is not None else "WHERE ?1 IS NULL"
        found = self._select(f"SELECT {columns} FROM history {where} ORDER BY seq", item_id)
        return [Entry(*row) for row in found]

    def counted(self) -> dict[tuple[Kind, State], int]:
        found = self._select("SELECT kind, state, count(*) FROM items GROUP BY kind, state")
        return {(Kind(kind), State(state)): n for kind, state, n in found}

    def payload(self, item_id: int) -> bytes | None:
        found = self._select("SELECT body FROM payloads WHERE item_id = ?", item_id)
        return found[0][0] if found else None

    def payload_bytes(self) -> int:
        return int(self._select("SELECT coalesce(sum(length(body)), 0) FROM payloads")[0][0])


def assert_counts(bench: Bench, store: Store) -> None:
    """What the store says by heart is what a count of the rows says."""
    by_heart = {where: n for where, n in store.counts().by.items() if n}
    assert by_heart == bench.counted()
    assert store.counts().bytes == bench.payload_bytes()


class CancelAt(trio.abc.Instrument):
    """Cancels `scope` when the task that made this has done `steps` more steps."""

    def __init__(self, steps: int, scope: trio.CancelScope) -> None:
        self._left = steps
        self._scope = scope
        self._task = trio.lowlevel.current_task()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            self._left -= 1
            if self._left == 0:
                self._scope.cancel()
