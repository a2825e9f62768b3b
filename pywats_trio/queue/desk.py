"""The reading side: a connection of its own, so that a page never stands in a commit's queue."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import apsw
import trio
from attrs import evolve

from pywats_trio.errors import StartError, StoreError
from pywats_trio.model import PRIORITY_LAST, State
from pywats_trio.queue import rows
from pywats_trio.queue.aged import START, Pages
from pywats_trio.queue.clocks import by_wall_clock
from pywats_trio.queue.database import open_reader
from pywats_trio.queue.history import History
from pywats_trio.queue.salvage.aside import FileId, file_id
from pywats_trio.queue.salvage.damage import in_words, is_damage
from pywats_trio.queue.search import Search
from pywats_trio.queue.store import Peek
from pywats_trio.queue.verbs.expire import FAILED, LOOKS, MAY_LEAVE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from pywats_trio.model import Event, Identity, Item, Kind
    from pywats_trio.queue.aged import Cursor, Old
    from pywats_trio.queue.selection import Selection
    from pywats_trio.queue.store import Page
    from pywats_trio.queue.trace import Traced, Wanted

T = TypeVar("T")
Doubt = Callable[[str, FileId | None], None]

PIECE: Final = 1024 * 1024
"""Bytes of a payload that are read at a time."""
CLOSE_SECONDS: Final = 2.0
"""A disk that hangs is left behind then: nothing is lost by a reading that does not end."""


def _ignore(_what: str, _file: FileId | None) -> None:
    pass


@contextlib.asynccontextmanager
async def open_desk(path: Path, doubt: Doubt = _ignore) -> AsyncIterator[SqliteDesk]:
    """The desk of the store in the file `path`.

    `doubt`, the store's, is told of a damage that a reading meets: in one sentence, and in which
    file. When another file takes that name the next reading is of that one.

    Raises:
        StartError: there is no such file, or it cannot be opened.
    """
    connection = await trio.to_thread.run_sync(open_reader, path)
    desk = SqliteDesk(connection, path=path, doubt=doubt)
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

    def __init__(
        self,
        connection: apsw.Connection,
        *,
        path: Path | None = None,
        doubt: Doubt = _ignore,
    ) -> None:
        """`path`: the file of `connection`; None: it is read to the end, whatever becomes of it."""
        self._connection = connection
        self._path = path
        self._file = file_id(path) if path else None
        self._doubt = doubt
        self._one_at_a_time = trio.CapacityLimiter(1)

    async def close(self) -> None:
        """Close the connection, after the reading that is under way."""
        await trio.to_thread.run_sync(
            self._close, limiter=self._one_at_a_time, abandon_on_cancel=True
        )

    def _close(self) -> None:
        self._connection.close()

    async def _read(self, query: Callable[[apsw.Connection], T]) -> T:
        try:
            return await trio.to_thread.run_sync(
                self._ask, query, limiter=self._one_at_a_time, abandon_on_cancel=True
            )
        except (apsw.Error, StartError) as error:
            told = f"the queue's database cannot be read: {in_words(error)}"
            if is_damage(error):
                self._doubt(told, self._file)
            raise StoreError(told) from error

    def _ask(self, query: Callable[[apsw.Connection], T]) -> T:
        """In a thread: of the file that has the name now, for the one before may be set aside."""
        if self._path is not None and (file := file_id(self._path)) not in {None, self._file}:
            before, self._connection = self._connection, open_reader(self._path)
            self._file = file
            before.close()
        return query(self._connection)

    async def _items(self, where: str, values: tuple[Any, ...]) -> list[Item]:
        sql = f"SELECT {rows.COLUMNS} FROM items {where}"  # noqa: S608 - constants of ours
        return await self._read(
            lambda connection: by_wall_clock(
                connection, [rows.item(row) for row in connection.execute(sql, values)]
            )
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

        def page(connection: apsw.Connection) -> Page:
            found = search.run(connection, after)
            return evolve(found, items=tuple(by_wall_clock(connection, found.items)))

        return await self._read(page)

    async def payload(self, item_id: int) -> bytes | None:
        """See `Desk.payload`."""
        sql = "SELECT body FROM payloads WHERE item_id = ?"
        return await self._read(lambda connection: connection.execute(sql, (item_id,)).get)

    async def peek(self, item_id: int, length: int) -> Peek | None:
        """See `Desk.peek`."""
        return await self._read(lambda connection: _peek(connection, item_id, length))

    async def history_of(self, item_id: int, *, newest: int | None = None) -> list[Event]:
        """See `Desk.history_of`."""
        sql = (
            f"SELECT {rows.EVENT_COLUMNS} FROM history WHERE item_id = ?"  # noqa: S608
            " ORDER BY seq DESC LIMIT ?"
        )
        values = (item_id, -1 if newest is None else newest)
        found = await self._read(
            lambda connection: [rows.event(row) for row in connection.execute(sql, values)]
        )
        return found[::-1]

    async def trace(self, wanted: Wanted, limit: int) -> Traced:
        """See `Desk.trace`."""
        from pywats_trio.queue.trace import trace  # noqa: PLC0415 - asked for rarely

        return await self._read(lambda connection: trace(connection, wanted, limit))

    async def exported(self, ids: Sequence[int]) -> dict[int, str]:
        """See `Desk.exported`."""
        sql = (
            "SELECT id, exported FROM items"
            " WHERE id IN (SELECT value FROM json_each(?)) AND exported <> ''"
        )
        values = (json.dumps(list(ids)),)
        return await self._read(lambda connection: dict(connection.execute(sql, values)))

    async def imported(self, origins: Sequence[str]) -> dict[str, int]:
        """See `Desk.imported`."""
        sql = (
            "SELECT origin, item_id FROM imported WHERE origin IN (SELECT value FROM json_each(?))"
        )
        values = (json.dumps(list(origins)),)
        return await self._read(lambda connection: dict(connection.execute(sql, values)))

    async def imports(
        self, *, export: str = "", after: str = "", limit: int = 100
    ) -> list[tuple[str, int]]:
        """See `Desk.imports`."""
        sql = (
            "SELECT origin, item_id FROM imported WHERE origin > ? AND origin < ?"
            " ORDER BY origin LIMIT ?"
        )
        # "0" is the character after "/".
        low, high = (f"{export}/", f"{export}0") if export else ("", "\U0010ffff")
        values = (max(low, after), high, limit)
        return await self._read(
            lambda connection: [(name, number) for name, number in connection.execute(sql, values)]
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

    async def expiring(self, *, after: Cursor = START, limit: int = 100) -> list[Item]:
        """See `Desk.expiring`."""
        where = (
            f"WHERE {FAILED} AND {MAY_LEAVE} AND (finished_at, id) > (?, ?)"
            " ORDER BY finished_at, id LIMIT ?"
        )
        return await self._items(where, (*after, limit))

    async def oldest(self, what: Old, *, after: Cursor = START) -> float | None:
        """See `Desk.oldest`."""
        sql, values = LOOKS[what], (*after, 1)
        first: list[Any] = await self._read(
            lambda connection: connection.execute(sql, values).fetchall()
        )
        return first[0][0] if first else None

    async def pages(self) -> Pages:
        """See `Desk.pages`."""
        return await self._read(
            lambda connection: Pages(
                connection.pragma("page_count"), connection.pragma("freelist_count")
            )
        )

    async def files_by_converter(self) -> dict[str, dict[State, int]]:
        """See `Desk.files_by_converter`."""
        totals: list[tuple[Any, ...]] = await self._read(
            lambda connection: connection.execute(
                "SELECT converter, state, items FROM totals WHERE kind = 'file' AND items > 0"
                " ORDER BY converter, state"
            ).fetchall()
        )
        found: dict[str, dict[State, int]] = {}
        for converter, state, items in totals:
            found.setdefault(converter, {})[State(state)] = items
        return found

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


def _peek(connection: apsw.Connection, item_id: int, length: int) -> Peek | None:
    try:
        blob = connection.blob_open("main", "payloads", "body", item_id, False)
    except apsw.SQLError:  # there is no such row
        return None
    head, digest = b"", hashlib.sha256()
    try:
        while piece := blob.read(PIECE):
            head += piece[: length - len(head)]
            digest.update(piece)
        return Peek(head, blob.length(), digest.hexdigest())
    finally:
        blob.close()
