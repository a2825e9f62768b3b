"""The rows of a damaged queue go into a fresh one. Everything here blocks."""

from __future__ import annotations

import hashlib
import secrets
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.model import State
from pywats_trio.queue.database import CHECKSUMS
from pywats_trio.queue.doubt import header, sound
from pywats_trio.queue.salvage import tables
from pywats_trio.queue.salvage.damage import SETTING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import apsw

    from pywats_trio.queue.salvage.carve import Value
    from pywats_trio.queue.salvage.harvest import Harvest, Row

AT_ONCE: Final = 1000
"""Rows in one transaction, so that the log of the new database stays short."""
REMADE: Final = frozenset({CHECKSUMS, SETTING, "queue.aging"})
"""Settings about the old database itself: its checksums, its damage, how its ranks were made."""
UNKNOWN: Final = "unknown"
"""The converter of a report that had to be put together again."""


class Refill:
    """Fills `new`, a queue without items. `now` is in seconds since the epoch."""

    def __init__(self, new: apsw.Connection, now: float) -> None:
        self._new = new
        self._now = now
        self._columns = {
            table.name: {column.name for column in table.columns} for table in tables.own().values()
        }
        self.doubtful: set[int] = set()
        """Items whose row stood on a page that is damaged."""
        self.sequence: dict[str, int] = {}
        """The highest number that each table gave, as far as that is known."""
        self.restored = 0
        """Items whose row was lost, and that were put together again from their reports."""

    def take(self, harvest: Harvest) -> None:
        """Take everything: what is good first, so that what is doubtful adds to it at most."""
        others = [0]

        def some(*, good: bool) -> Iterator[Row]:
            for row in harvest.rows(payloads=False):
                if row.good is good:
                    yield row
                else:
                    others[0] += 1

        self._write(some(good=True))
        if others[0]:
            self._write(some(good=False))
        self._write(harvest.rows(payloads=True))

    def _write(self, rows: Iterator[Row]) -> None:
        while batch := list(islice(rows, AT_ONCE)):
            with self._new:
                for row in batch:
                    self._take(row)

    def _take(self, row: Row) -> None:
        match row.table:
            case tables.ITEMS:
                self._take_item(row)
            case "payloads":
                self._take_payload(row)
            case tables.SEQUENCE if row.good:
                name, number = str(row.values["name"]), _integer(row.values["seq"])
                self.sequence[name] = max(number, self.sequence.get(name, 0))
            case tables.SEQUENCE | tables.SCHEMA:
                pass
            case "totals" if not row.good:
                pass  # they are counted anew; until then they tell how many there should be
            case "settings" if row.values["key"] in REMADE:
                pass
            case _:
                self._insert(row, "OR IGNORE")

    def _insert(self, row: Row, otherwise: str = "", then: str = "") -> bool:
        """Whether the row was inserted, or took the place of one."""
        found = row.values if row.good else sound(row.table, row.values, self._now)
        known = self._columns.get(row.table, set())
        values = {name: value for name, value in (found or {}).items() if name in known}
        if not values:
            return False  # of no use, or of a table that this layout does not have
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        sets = ", ".join(f"{name} = excluded.{name}" for name in values)
        self._new.execute(
            f"INSERT {otherwise} INTO {row.table} ({names}) VALUES ({marks})"  # noqa: S608 - names of ours
            + then.format(sets=sets),
            tuple(values.values()),
        )
        return self._new.changes() > 0

    def _take_item(self, row: Row) -> None:
        newer = " ON CONFLICT (id) DO UPDATE SET {sets} WHERE excluded.transitions > transitions"
        if self._insert(row, then=newer) and not row.good:
            self.doubtful.add(_integer(row.values["id"]))

    def _take_payload(self, row: Row) -> None:
        item_id, body = _integer(row.values["item_id"]), row.values["body"]
        assert isinstance(body, bytes)  # noqa: S101 - for the type checker: the table is strict
        known = self._rows("SELECT sha256, state FROM items WHERE id = ?", (item_id,))
        if not known:
            if row.good:
                self._restore(item_id, body)
        elif known[0][1] != State.COMPLETED and known[0][0] == hashlib.sha256(body).hexdigest():
            self._insert(row, "OR IGNORE")
            if item_id in self.doubtful and (told := header(body)) is not None:
                # The server answers with the id that the report has, not with that in the row.
                sets = ", ".join(f"{column} = ?" for column in told)
                self._new.execute(
                    f"UPDATE items SET {sets} WHERE id = ?",  # noqa: S608 - names of ours
                    (*told.values(), item_id),
                )

    def _rows(self, sql: str, values: tuple[Value, ...]) -> list[Any]:
        return self._new.execute(sql, values).fetchall()

    def _restore(self, item_id: int, body: bytes) -> None:
        """An item that is lost, from its report and its history; what is not in there is as new."""
        told = header(body)
        if told is None:
            return
        [(first, state)] = self._rows(
            "SELECT min(at), (SELECT state FROM history WHERE item_id = ?1 AND state IS NOT NULL"
            " ORDER BY seq DESC LIMIT 1) FROM history WHERE item_id = ?1",
            (item_id,),
        )
        self._new.execute(
            _RESTORE,
            (
                item_id,
                _state_again(state),
                self._now if first is None else first,
                UNKNOWN,
                *told.values(),
                secrets.token_hex(8),
                hashlib.sha256(body).hexdigest(),
            ),
        )
        self._new.execute("INSERT INTO payloads (item_id, body) VALUES (?, ?)", (item_id, body))
        self.restored += 1


_RESTORE: Final = """
INSERT INTO items (id, kind, state, priority, max_attempts, created_at, dropped_at, converter,
  source, report_id, serial_number, part_number, result, start, correlation_id, sha256)
VALUES (?1, 'report', ?2, 5, 3, ?3, ?3, ?4, '', ?5, ?6, ?7, ?8, ?9, ?10, ?11)
"""


def _state_again(last: str | None) -> str:
    """HELD where nobody knows: it may have failed, or be held by an operator."""
    if last is None:
        return State.HELD.value
    waits = last in {State.PENDING, State.PROCESSING, State.SUSPENDED}
    return State.PENDING.value if waits else last


def _integer(value: Any) -> int:  # noqa: ANN401 - a value of a strict table
    assert isinstance(value, int)  # noqa: S101 - for the type checker
    return value
