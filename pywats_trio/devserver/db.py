"""The received reports in SQLite: one row for each id, with the bytes of its last sending."""

from __future__ import annotations

import hashlib
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import apsw
import trio
from attrs import asdict, fields, frozen

from pywats_trio.devserver.submitted import Submitted
from pywats_trio.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pywats_trio.devserver.odata import Condition

T = TypeVar("T")

MEMORY: Final = ":memory:"

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS report (
  number INTEGER PRIMARY KEY,           -- Report_ID of the answer
  id TEXT NOT NULL UNIQUE,
  sent_id TEXT NOT NULL, format TEXT NOT NULL, type TEXT NOT NULL,
  serial TEXT NOT NULL, part TEXT NOT NULL, revision TEXT NOT NULL,
  process_code INTEGER, process_name TEXT NOT NULL, result TEXT NOT NULL,
  start TEXT NOT NULL, start_utc TEXT NOT NULL,
  machine TEXT NOT NULL, location TEXT NOT NULL, purpose TEXT NOT NULL, user TEXT NOT NULL,
  receive_count INTEGER NOT NULL,
  body_changes INTEGER NOT NULL,        -- how often a sending differed from the one before
  first_received REAL NOT NULL, last_received REAL NOT NULL,
  size INTEGER NOT NULL, sha256 TEXT NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS report_start ON report (start_utc);
CREATE INDEX IF NOT EXISTS report_run ON report (serial, part, process_code, start_utc);
"""


@frozen
class Record:
    """One received report without its bytes; times are Unix seconds, `size` bytes."""

    number: int
    id: str
    sent_id: str
    format: str
    type: str
    serial: str
    part: str
    revision: str
    process_code: int | None
    process_name: str
    result: str
    start: str
    start_utc: str
    machine: str
    location: str
    purpose: str
    user: str
    receive_count: int
    body_changes: int
    first_received: float
    last_received: float
    size: int
    sha256: str


@frozen
class Totals:
    """Counts over all that was received."""

    reports: int = 0
    sends: int = 0
    repeats: int = 0
    """Sends beyond the first of each id."""
    changed: int = 0
    """Repeats whose bytes differed from the sending before."""
    same_run: int = 0
    """Reports with unit, process and start of another id: a real server takes them for that one."""


_COLUMNS: Final = ", ".join(attribute.name for attribute in fields(Record))
_SENT: Final = [attribute.name for attribute in fields(Submitted)]
_NAMES: Final = [
    *_SENT,
    *("receive_count", "body_changes", "first_received", "last_received"),
    *("size", "sha256", "body"),
]
_PUT: Final = f"""
INSERT INTO report ({", ".join(_NAMES)}) VALUES ({", ".join(f":{name}" for name in _NAMES)})
ON CONFLICT (id) DO UPDATE SET
  {", ".join(f"{name} = excluded.{name}" for name in [*_SENT, "size", "body", "last_received"])},
  receive_count = receive_count + 1,
  body_changes = body_changes + (sha256 <> excluded.sha256),
  sha256 = excluded.sha256
RETURNING number, receive_count
"""  # noqa: S608 - the names are those of our own classes
_TOTALS: Final = """
SELECT count(*), ifnull(sum(receive_count), 0), ifnull(sum(body_changes), 0),
  (SELECT ifnull(sum(n - 1), 0) FROM (
    SELECT count(*) AS n FROM report GROUP BY serial, part, process_code, start_utc))
FROM report
"""


class Reports:
    """The store of one development server. One call at a time, each in a thread."""

    def __init__(self, path: str = MEMORY) -> None:
        self._path = path
        self._limiter = trio.CapacityLimiter(1)
        self._db: apsw.Connection | None = None

    async def open(self) -> None:
        """Open or make the database; `StartError` if the file is none or cannot be written."""
        try:
            self._db = await trio.to_thread.run_sync(_connect, self._path, limiter=self._limiter)
        except apsw.Error as error:
            raise StartError(
                f"cannot use {self._path} as the development server's database: {error}"
            ) from error

    async def close(self) -> None:
        """Close it; a call under way ends first."""
        if self._db is not None:
            db, self._db = self._db, None
            await trio.to_thread.run_sync(db.close, limiter=self._limiter)

    async def _run(self, call: Callable[[apsw.Connection], T]) -> T:
        assert self._db is not None, "Reports.open() comes first"  # noqa: S101 - our own mistake
        return await trio.to_thread.run_sync(call, self._db, limiter=self._limiter)

    async def put(
        self, report: Submitted, body: bytes, now: float | None = None
    ) -> tuple[int, int]:
        """Store a sending; returns the legacy number and how often this id was received."""
        at = time.time() if now is None else now
        return await self._run(partial(_put, report=report, body=body, now=at))

    async def get(self, report_id: str) -> Record | None:
        """The report with this canonical id."""
        found = await self.find([("id", report_id)], top=1)
        return found[0] if found else None

    async def body(self, report_id: str) -> bytes | None:
        """The bytes of the last sending of this id, exactly as received."""
        rows = await self._run(partial(_rows, "SELECT body FROM report WHERE id = ?", [report_id]))
        return bytes(rows[0][0]) if rows else None

    async def find(
        self,
        wanted: Sequence[Condition] = (),
        *,
        top: int = 1000,
        skip: int = 0,
        descending: bool = True,
    ) -> list[Record]:
        """Reports that meet all conditions, ordered by start."""
        where = " AND ".join(f"{column} = ?" for column, _ in wanted) or "1"
        order = "DESC" if descending else "ASC"
        query = (
            f"SELECT {_COLUMNS} FROM report WHERE {where} "  # noqa: S608 - columns are our own
            f"ORDER BY start_utc {order}, number {order} LIMIT ? OFFSET ?"
        )
        values = [*(value for _, value in wanted), top, skip]
        return [Record(*row) for row in await self._run(partial(_rows, query, values))]

    async def arrivals(self, *, after: int = 0, limit: int = 1000) -> list[Record]:
        """Reports in the order in which they first came, those numbered above `after`."""
        query = f"SELECT {_COLUMNS} FROM report WHERE number > ? ORDER BY number LIMIT ?"  # noqa: S608
        return [Record(*row) for row in await self._run(partial(_rows, query, [after, limit]))]

    async def totals(self) -> Totals:
        """Counts over everything received."""
        reports, sends, changed, same_run = (await self._run(partial(_rows, _TOTALS, [])))[0]
        return Totals(reports, sends, sends - reports, changed, same_run)


def _connect(path: str) -> apsw.Connection:
    db = apsw.Connection(path)
    db.set_busy_timeout(1000)
    db.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
    db.execute(_SCHEMA)
    return db


def _put(db: apsw.Connection, *, report: Submitted, body: bytes, now: float) -> tuple[int, int]:
    values: dict[str, Any] = asdict(report) | {
        "receive_count": 1,
        "body_changes": 0,
        "first_received": now,
        "last_received": now,
        "size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "body": body,
    }
    stored: tuple[int, int] = db.execute(_PUT, values).fetchall()[0]  # type: ignore[assignment]
    return stored


def _rows(query: str, values: Sequence[Any], db: apsw.Connection) -> list[tuple[Any, ...]]:
    return db.execute(query, values).fetchall()
