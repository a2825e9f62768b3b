"""The reading side: a connection of its own, so that a page never stands in a commit's queue."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Final, TypeVar

import apsw
import trio

from pywats_trio.errors import StoreError
from pywats_trio.model import PRIORITY_FIRST, PRIORITY_LAST
from pywats_trio.queue import rows
from pywats_trio.queue.database import open_reader
from pywats_trio.queue.history import History

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from pywats_trio.model import Event, Identity, Item, Kind

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
        """See `Desk.waiting_since`: the first of each priority, for ids are given in time."""
        first = (
            "SELECT created_at FROM items WHERE kind = ? AND state = 'PENDING' AND priority = ?"
            " ORDER BY id LIMIT 1"
        )

        def oldest(connection: apsw.Connection) -> float | None:
            found = [
                connection.execute(first, (kind.value, priority)).get
                for priority in range(PRIORITY_FIRST, PRIORITY_LAST + 1)
            ]
            return min((at for at in found if at is not None), default=None)

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
