"""Recovering what a crash or a stop cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pywats_trio.model import State
from pywats_trio.queue import rows

if TYPE_CHECKING:
    from pywats_trio.queue.verbs.transaction import Transaction

_INTERRUPTED = """
INSERT INTO history (at, item_id, event, state, attempts, who, error_kind, message)
SELECT ?, id, 'recovered', 'PENDING', attempts, owner, 'interrupted',
  'cut off by a crash or a stop' FROM items WHERE state = 'PROCESSING'
"""

_RECOVER = """
UPDATE items SET state = 'PENDING', owner = NULL, fence = NULL,
  interruptions = interruptions + 1, transitions = transitions + 1 WHERE state = 'PROCESSING'
"""

_RECOVERED = " RETURNING id, kind, converter, bytes, transitions"


def recover(tx: Transaction, owner: str | None) -> int:
    """`Store.recover`."""
    mine, values = (" AND owner = ?", (owner,)) if owner is not None else ("", ())
    # As many rows as the crash left: one statement, past the history's own numbering.
    tx.history.flush(tx.db)
    tx.db.execute(_INTERRUPTED + mine, (tx.now, *values))
    tx.history.inserted_elsewhere(tx.db)
    found: list[tuple[Any, ...]] = tx.db.execute(_RECOVER + mine + _RECOVERED, values).fetchall()
    for item_id, kind, converter, size, transitions in found:
        place = (rows.KINDS[kind], converter)
        tx.books.moved(place, State.PROCESSING, State.PENDING, size)
        tx.history.trim(tx.db, item_id, transitions)
    return len(found)
