"""What is old leaves the store, a few rows at a time, and pages that were freed leave its file."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.queue import rows
from pywats_trio.queue.aged import Given, Old, Swept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pywats_trio.queue.aged import Cursor, Deadlines
    from pywats_trio.queue.verbs.transaction import Transaction

# What its file still lies in the watch folder for, or what its reports are here for, is kept.
MAY_LEAVE: Final = (
    "putaway <> 'pending'"
    " AND NOT EXISTS (SELECT 1 FROM items AS child WHERE child.parent_id = items.id)"
)
FAILED: Final = "state IN ('FAILED', 'QUARANTINED')"
"""Word for word as the index says it, or it is not used."""

LOOKS: Final[Mapping[Old, str]] = {
    Old.COMPLETED: "SELECT finished_at, id FROM items WHERE state = 'COMPLETED'"
    " AND (finished_at, id) > (?1, ?2) ORDER BY finished_at, id LIMIT ?3",
    Old.EVENTS: "SELECT at, seq FROM history WHERE item_id IS NULL AND seq > ?2"
    " ORDER BY seq LIMIT ?3",
    Old.IMPORTS: "SELECT at, item_id FROM imported WHERE (at, item_id) > (?1, ?2)"
    " ORDER BY at, item_id LIMIT ?3",
}
"""Times and numbers of the rows behind a cursor, as many as are asked for."""
_DELETE = (
    "DELETE FROM items WHERE id IN (SELECT value FROM json_each(?)) AND {states}"  # noqa: S608
    f" AND finished_at <= ? AND {MAY_LEAVE}"
    " RETURNING id, kind, state, converter, bytes, parent_id"
)
_DELETE_COMPLETED = _DELETE.format(states="state = 'COMPLETED'")
_DELETE_FAILED = _DELETE.format(states=FAILED)
_DELETE_OF = "DELETE FROM {table} WHERE item_id IN (SELECT value FROM json_each(?))"

_DELETE_EVENTS = "DELETE FROM history WHERE item_id IS NULL AND seq > ? AND seq <= ?"

# As long as the item is here, its origin is, too: an import must not bring it twice.
_DELETE_IMPORTS = """
DELETE FROM imported WHERE (at, item_id) > (?, ?) AND (at, item_id) <= (?, ?)
  AND NOT EXISTS (SELECT 1 FROM items WHERE id = imported.item_id)
"""


def expire(tx: Transaction, what: Old, due: Deadlines, after: Cursor, limit: int) -> Swept:
    """`Store.expire`."""
    begun = time.perf_counter()
    # The whole page is looked at, due or not: its end tells when the next row is due.
    page: list[Any] = tx.db.execute(LOOKS[what], (*after, limit)).fetchall()
    passed, removed = _STEPS[what](tx, page, after, due)
    last = page[passed - 1] if passed else after
    following = page[passed][0] if passed < len(page) else None
    more = limit == len(page) == passed
    return Swept(removed, last, more, following, time.perf_counter() - begun)


_Step = tuple[int, int]
"""How many rows, from the first of the page on, were due, and how many of all were removed."""


def _completed(tx: Transaction, page: list[Cursor], _after: Cursor, due: Deadlines) -> _Step:
    old = [item_id for at, item_id in page if at <= due.completed]
    gone = _delete(tx, _DELETE_COMPLETED, old, due.completed)
    return len(old), len(gone) + _delete_parents(tx, gone, due)


def _delete_parents(tx: Transaction, gone: Iterable[tuple[Any, ...]], due: Deadlines) -> int:
    """Files stay for their reports: with the last of them they leave, too."""
    files = {parent for *_rest, parent in gone if parent is not None}
    return len(_delete(tx, _DELETE_COMPLETED, files, due.completed))


def _delete(tx: Transaction, sql: str, ids: Iterable[int], before: float) -> list[tuple[Any, ...]]:
    """Those of the items that may leave are gone, with all that belongs to them; their rows."""
    asked = list(ids)
    if not asked:
        return []
    gone: list[tuple[Any, ...]] = tx.db.execute(sql, (json.dumps(asked), before)).fetchall()
    them = json.dumps([item_id for item_id, *_rest in gone])
    tx.history.flush(tx.db)
    for table in ("history", "payloads"):
        tx.db.execute(_DELETE_OF.format(table=table), (them,))
    for _id, kind, state, converter, size, _parent in gone:
        tx.books.moved((rows.KINDS[kind], converter), rows.STATES[state], None, size)
    return gone


def _events(tx: Transaction, page: list[Cursor], after: Cursor, due: Deadlines) -> _Step:
    """Their numbers are their order: what stands before an old one is as old, whatever its time.

    The clock may have been wrong when it was written.
    """
    passed = max((n for n, (at, _seq) in enumerate(page, 1) if at <= due.completed), default=0)
    if not passed:
        wrong = all(at > tx.now for at, _seq in page)
        return len(page) if wrong else 0, 0
    tx.db.execute(_DELETE_EVENTS, (after[1], page[passed - 1][1]))
    return passed, tx.db.changes()


def _imports(tx: Transaction, page: list[Cursor], after: Cursor, due: Deadlines) -> _Step:
    passed = sum(at <= due.failed for at, _item_id in page)
    if not passed:
        return 0, 0
    tx.db.execute(_DELETE_IMPORTS, (*after, *page[passed - 1]))
    return passed, tx.db.changes()


_STEPS: Final[Mapping[Old, Callable[[Transaction, list[Cursor], Cursor, Deadlines], _Step]]] = {
    Old.COMPLETED: _completed,
    Old.EVENTS: _events,
    Old.IMPORTS: _imports,
}


def dismiss(tx: Transaction, ids: Iterable[int], due: Deadlines, where: str) -> int:
    """`Store.dismiss`."""
    gone = _delete(tx, _DELETE_FAILED, ids, due.failed)
    if gone:
        told = {"ids": [item_id for item_id, *_rest in gone], "written_to": where}
        tx.history.write(tx.now, None, "failed items expired", None, message=json.dumps(told))
    return len(gone) + _delete_parents(tx, gone, due)


def compact(tx: Transaction, pages: int) -> Given:
    """`Store.compact`."""
    begun = time.perf_counter()
    # One page each time the statement is stepped.
    tx.db.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()
    left: int = tx.db.pragma("freelist_count")
    return Given(left, time.perf_counter() - begun)
