"""Accepting items."""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import TYPE_CHECKING

from pywats_trio.model import Kind, State, content
from pywats_trio.queue import rows
from pywats_trio.text import printable, storable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pywats_trio.model import Envelope, Item
    from pywats_trio.queue.verbs.transaction import Transaction

_SEE = """
INSERT INTO seen (path, converter, device, inode, size, mtime_ns) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (path) DO UPDATE SET converter = excluded.converter, device = excluded.device,
  inode = excluded.inode, size = excluded.size, mtime_ns = excluded.mtime_ns
WHERE (device, inode, size, mtime_ns)
  IS NOT (excluded.device, excluded.inode, excluded.size, excluded.mtime_ns)
"""

_INSERT = """
INSERT INTO items (kind, state, priority, rank, max_attempts, transitions, serial_number,
  part_number, result, start, created_at, converter, source, name, path, device, inode, size,
  mtime_ns, report_id, parent_id, correlation_id, sha256, bytes, dropped_at, form)
VALUES (?, 'PENDING', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def put(tx: Transaction, envelopes: Iterable[Envelope]) -> list[int | None]:
    """`Store.put`."""
    return [_accept(tx, envelope) for envelope in envelopes]


def _accept(tx: Transaction, envelope: Envelope) -> int | None:
    if envelope.origin and _is_imported(tx, envelope.origin):
        return None
    if envelope.kind is Kind.FILE and envelope.identity is not None:
        path = os.fsencode(envelope.source)
        values = (path, envelope.converter, *rows.identity_values(envelope))
        tx.db.execute(_SEE, values)
        if tx.db.changes() == 0:
            return None
    item_id = insert(tx, envelope)
    if envelope.origin:
        tx.db.execute(
            "INSERT INTO imported (origin, item_id, at) VALUES (?, ?, ?)",
            (envelope.origin, item_id, tx.now),
        )
    return item_id


def _is_imported(tx: Transaction, origin: str) -> bool:
    return tx.db.execute("SELECT 1 FROM imported WHERE origin = ?", (origin,)).get is not None


def insert(tx: Transaction, envelope: Envelope, parent: Item | None = None) -> int:
    """A new item; its id. `parent` is the file that a report came from."""
    is_file = envelope.kind is Kind.FILE
    payload = None if envelope.payload is None else content(envelope.payload)
    size = 0 if payload is None else len(payload)
    correlation_id = envelope.correlation_id or (parent.correlation_id if parent else "")
    source = printable(envelope.source)
    transitions = len(envelope.past) + 1
    values = (
        envelope.kind.value,
        envelope.priority,
        tx.scheduling.turns.order.rank(envelope.priority, tx.steady),
        envelope.max_attempts,
        transitions,
        storable(envelope.serial_number),
        storable(envelope.part_number),
        envelope.result,
        storable(envelope.start),
        tx.now,
        envelope.converter,
        source,
        source.rpartition("/")[2] if is_file else "",
        os.fsencode(envelope.source) if is_file else None,
        *rows.identity_values(envelope),
        envelope.report_id,
        parent.id if parent else None,
        correlation_id or secrets.token_hex(8),
        "" if payload is None else hashlib.sha256(payload).hexdigest(),
        size,
        parent.dropped_at if parent else tx.now - envelope.waited,
        envelope.form.value,
    )
    tx.db.execute(_INSERT, values)
    item_id = tx.db.last_insert_rowid()
    if payload is not None:
        tx.db.execute("INSERT INTO payloads (item_id, body) VALUES (?, ?)", (item_id, payload))
    tx.books.moved((envelope.kind, envelope.converter), None, State.PENDING, size)
    for message in envelope.past:
        tx.history.write(tx.now, item_id, "imported", None, message=message)
    event = "accepted" if is_file else "stored"
    tx.history.write(tx.now, item_id, event, State.PENDING)
    tx.history.trim(tx.db, item_id, transitions)
    return item_id
