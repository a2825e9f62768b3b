"""Source files, and what belongs to no item."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pywats_trio.queue.store import PutAway
    from pywats_trio.queue.verbs.transaction import Transaction

# Only the very file: another one may already lie under its name.
_UNSEE = """
DELETE FROM seen WHERE (path, device, inode, size, mtime_ns) IN (
  SELECT path, device, inode, size, mtime_ns FROM items
  WHERE id = ?1 AND putaway = 'pending' AND path IS NOT ?2)
"""

_PUT_AWAY = """
UPDATE items SET putaway = 'done', path = iif(?2 = x'', path, ?2), transitions = transitions + 1
WHERE id = ?1 AND putaway = 'pending' RETURNING transitions
"""


def put_away(tx: Transaction, results: Sequence[PutAway]) -> None:
    """`Store.put_away`: where the source lies now, and that its old place is free."""
    for result in results:
        values = (result.item_id, os.fsencode(result.path))
        tx.db.execute(_UNSEE, values)
        transitions = tx.db.execute(_PUT_AWAY, values).get
        if transitions is not None:
            tx.history.write(tx.now, result.item_id, "put away", None, message=result.message)
            tx.history.trim(tx.db, result.item_id, transitions)


def forget(tx: Transaction, paths: Iterable[str]) -> None:
    """`Store.forget`."""
    tx.db.executemany("DELETE FROM seen WHERE path = ?", [(os.fsencode(p),) for p in paths])


def remember(tx: Transaction, key: str, value: str) -> None:
    """`Store.remember`."""
    tx.db.execute("INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)", (key, value))


def note(tx: Transaction, event: str, message: str) -> int:
    """`Store.note`."""
    return tx.history.write(tx.now, None, event, None, message=message)
