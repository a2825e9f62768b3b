"""The history: one numbered sequence of rows for the whole store, and its event stream.

Rows are numbered in memory (there is one writer) and inserted together just before the commit:
each statement lets go of the interpreter's lock, and a few rows for every file in statements of
their own cost more than everything else the writer does.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.queue.rows import EVENT_COLUMNS
from pywats_trio.text import storable

if TYPE_CHECKING:
    import apsw

    from pywats_trio.model import Problem, Reason, State

MESSAGE_LENGTH: Final = 4096
"""Characters of a message that are kept."""
CHUNK: Final = 32
"""Rows in one statement at most; each number of rows is a statement of its own to prepare."""


@cache
def _insert(count: int) -> str:
    row = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    return f"INSERT INTO history ({EVENT_COLUMNS}) VALUES {', '.join([row] * count)}"  # noqa: S608


class History:
    """Kept by the writer's thread, for all operations of a transaction together.

    `limit` is the number of rows kept for one item: its first and its newest ones.
    """

    def __init__(self, last: int, limit: int) -> None:
        self._committed = self._last = last
        self._limit = limit
        self._rows: list[tuple[Any, ...]] = []

    @property
    def committed_number(self) -> int:
        """The number of the last row that is safe."""
        return self._committed

    @property
    def next_number(self) -> int:
        """The number of the next row."""
        return self._last + 1

    @staticmethod
    def last_number(connection: apsw.Connection) -> int:
        """The highest number ever given, also of rows that are gone."""
        sql = "SELECT seq FROM sqlite_sequence WHERE name = 'history'"
        return connection.execute(sql).get or 0

    def write(
        self,
        at: float,
        item_id: int | None,
        event: str,
        state: State | None,
        *,
        reason: Reason | None = None,
        attempts: int | None = None,
        who: str = "",
        problem: Problem | None = None,
        message: str = "",
    ) -> int:
        """Add a row; its number. `problem` is where its error and message come from, if given."""
        self._last += 1
        row = (
            self._last,
            at,
            item_id,
            event,
            state.value if state else None,
            reason.value if reason else None,
            attempts,
            who,
            problem.kind if problem else "",
            cut(problem.message if problem else message),
        )
        self._rows.append(row)
        return self._last

    def flush(self, connection: apsw.Connection) -> None:
        """Insert what was added since the last call."""
        while self._rows:
            chunk, self._rows = self._rows[:CHUNK], self._rows[CHUNK:]
            connection.execute(_insert(len(chunk)), [value for row in chunk for value in row])

    def inserted_elsewhere(self, connection: apsw.Connection) -> None:
        """Rows were inserted past this class: go on with the number after theirs."""
        self._last = self.last_number(connection)

    def trim(self, connection: apsw.Connection, item_id: int, transitions: int) -> None:
        """Drop the rows of an item beyond the limit; it has had `transitions` of them."""
        if transitions <= self._limit:
            return
        self.flush(connection)
        connection.execute(
            "DELETE FROM history WHERE item_id = ?1"
            " AND seq > (SELECT min(seq) FROM history WHERE item_id = ?1)"
            " AND seq <= (SELECT seq FROM history WHERE item_id = ?1 ORDER BY seq DESC"
            "             LIMIT 1 OFFSET ?2)",
            (item_id, self._limit - 1),
        )

    def committed(self) -> None:
        """The transaction is safe."""
        self._committed = self._last

    def rolled_back(self) -> None:
        """The transaction never happened; its numbers are given again."""
        self._last = self._committed
        self._rows.clear()


def cut(message: str) -> str:
    """A message as it is kept."""
    return storable(message[:MESSAGE_LENGTH])
