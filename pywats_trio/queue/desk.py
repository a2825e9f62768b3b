"""The reading side: a connection of its own, so that a page never stands in a commit's queue."""

from __future__ import annotations

import contextlib
import math
import os
from typing import TYPE_CHECKING, Any, Final, TypeVar

import apsw
import trio

from pywats_trio.errors import StoreError
from pywats_trio.model import PRIORITY_LAST
from pywats_trio.queue import rows
from pywats_trio.queue.database import open_reader
from pywats_trio.queue.history import History
from pywats_trio.queue.search import Search

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from pywats_trio.model import Event, Identity, Item, Kind
    from pywats_trio.queue.selection import Selection
    from pywats_trio.queue.store import Page

T = TypeVar("T")

CLOSE_SECONDS: Final = 2.0
"""A disk that hangs is left behind then: nothing is lost by a reading that does not end."""


@contextlib.asynccontextmanager
async def open_desk(path: Path) -> AsyncIterator[SqliteDesk]:
    """The desk of the store in the file `path`.

    Raises:
        StartError: there is no such file, or it cannot be opened.
    """
    desk = SqliteDesk(await trio.to_thread.run_sync(open_reader, path))
    try:
        yield desk
    finally:
        with trio.move_on_after(CLOSE_SECONDS, shield=True):
            await desk.close()


class SqliteDesk:
    """`queue.store.Desk` on SQLite. One call at a time; a cancelled call finishes unheard.

    Raises:
        StoreError: the database cannot be read.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._one_at_a_time = trio.CapacityLimiter(1)

    async def close(self) -> None:
        """Close the connection, after the reading that is under way."""
        await trio.to_thread.run_sync(
            self._connection.close, limiter=self._one_at_a_time, abandon_on_cancel=True
        )

    async def _read(self, query: Callable[[apsw.Connection], T]) -> T:
        try:
            return await trio.to_thread.run_sync(
                query, self._connection, limiter=self._one_at_a_time, abandon_on_cancel=True
            )
        except apsw.Error as error:
            raise StoreError(f"the queue's database cannot be read: {error}") from error

    async def _items(self, where: str, values: tuple[Any, ...]) -> list[Item]:
        sql = f"SELECT {rows.COLUMNS} FROM items {where}"  # noqa: S608 - constants of ours
        return await self._read(
            lambda connection: [rows.item(row) for row in connection.execute(sql, values)]
        )

    async def seen(self, converter: str) -> dict[str, Identity]:
        """See `Desk.seen`."""
        sql = "SELECT path, device, inode, size, mtime_ns FROM seen WHERE converter = ?"
        return await self._read(
            lambda connection: {
                os.fsdecode(path): rows.identity(*identity)
                for path, *identity in connection.execute(sql, (converter,))
            }
        )

    async def to_put_away(self, converter: str, limit: int) -> list[Item]:
        """See `Desk.to_put_away`."""
        where = "WHERE converter = ? AND putaway = 'pending' ORDER BY id LIMIT ?"
        return await self._items(where, (converter, limit))

    async def item(self, item_id: int) -> Item | None:
        """See `Desk.item`."""
        found = await self._items("WHERE id = ?", (item_id,))
        return found[0] if found else None

    async def items(self, *, after: int = 0, limit: int = 100) -> list[Item]:
        """See `Desk.items`."""
        return await self._items("WHERE id > ? ORDER BY id LIMIT ?", (after, limit))

    async def find(
        self,
        selection: Selection,
        *,
        after: int | None = None,
        limit: int = 100,
        oldest_first: bool = False,
    ) -> Page:
        """See `Desk.find`."""
        search = Search(selection, limit, oldest_first=oldest_first)
        return await self._read(lambda connection: search.run(connection, after))

    async def payload(self, item_id: int) -> bytes | None:
        """See `Desk.payload`."""
        sql = "SELECT body FROM payloads WHERE item_id = ?"
        return await self._read(lambda connection: connection.execute(sql, (item_id,)).get)

    async def history_of(self, item_id: int) -> list[Event]:
        """See `Desk.history_of`."""
        sql = f"SELECT {rows.EVENT_COLUMNS} FROM history WHERE item_id = ? ORDER BY seq"  # noqa: S608
        return await self._read(
            lambda connection: [rows.event(row) for row in connection.execute(sql, (item_id,))]
        )

    async def children(self, item_id: int) -> list[Item]:
        """See `Desk.children`."""
        return await self._items("WHERE parent_id = ? ORDER BY id", (item_id,))

    async def paths_seen_below(self, folder: str) -> set[str]:
        """See `Desk.paths_seen_below`."""
        start = os.fsencode(folder.rstrip("/") + "/")
        sql = "SELECT path FROM seen WHERE path >= ? AND path < ?"
        values = (start, start[:-1] + b"0")  # "0" is the character after "/"
        return await self._read(
            lambda connection: {os.fsdecode(path) for (path,) in connection.execute(sql, values)}
        )

    async def waiting_since(self, kind: Kind) -> float | None:
        """See `Desk.waiting_since`: the first of each rank of each line."""
        lines = "SELECT converter FROM totals WHERE kind = ? AND state = 'PENDING' AND items > 0"
        first = (
            "SELECT rank, created_at FROM items WHERE kind = ? AND converter = ?"
            " AND state = 'PENDING' AND rank > ? ORDER BY rank, id LIMIT 1"
        )

        def oldest(connection: apsw.Connection) -> float | None:
            found: list[float] = []
            for (converter,) in connection.execute(lines, (kind.value,)).fetchall():
                rank = -math.inf
                # One look for each priority; ranks that age are in the order of time already.
                for _ in range(PRIORITY_LAST):
                    row = connection.execute(first, (kind.value, converter, rank)).fetchone()
                    if row is None:
                        break
                    rank, at = row
                    found.append(at)
            return min(found, default=None)

        return await self._read(oldest)

    async def history(self, *, after: int = 0, limit: int = 100) -> list[Event]:
        """See `Desk.history`."""
        sql = f"SELECT {rows.EVENT_COLUMNS} FROM history WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
        return await self._read(
            lambda connection: [rows.event(row) for row in connection.execute(sql, (after, limit))]
        )

    async def last_number(self) -> int:
        """See `Desk.last_number`."""
        return await self._read(History.last_number)
