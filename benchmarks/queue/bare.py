"""The yardsticks: bare APSW that writes the same rows, and a log that only appends and syncs."""

from __future__ import annotations

import itertools
import os
import time
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.queue.database import connect
from pywats_trio.queue.rows import EVENT_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import apsw

SHA256: Final = "0" * 64
"""Not computed: only its bytes in the row count here."""

_PUT: Final = """
INSERT INTO items (kind, state, priority, max_attempts, transitions, serial_number,
  part_number, result, start, created_at, converter, source, report_id, correlation_id, sha256,
  dropped_at, bytes)
VALUES ('report', 'PENDING', 5, 3, 1, ?, 'PN', 'P', '2026-01-02T03:04:05Z', ?, 'ict',
  '/in/a.txt', ?, '0123456789abcdef', ?, ?, ?)
"""
_WAITING: Final = """
SELECT id, (SELECT body FROM payloads WHERE item_id = items.id) FROM items
WHERE kind = 'report' AND converter = 'ict' AND state = 'PENDING' ORDER BY rank, id LIMIT ?
"""
_CLAIM: Final = """
UPDATE items SET state = 'PROCESSING', owner = 'pump', fence = ?, started_at = ?, progress = 0,
  transitions = transitions + 1 WHERE id = ?
"""
_FINISH: Final = """
UPDATE items SET state = 'COMPLETED', reason = NULL, attempts = 1, owner = NULL, fence = NULL,
  finished_at = ?, duration = 0.0, progress = 100, receipt = 'thanks', bytes = 0,
  transitions = transitions + 1 WHERE id = ? AND fence = ?
"""
_TOTAL: Final = """
INSERT INTO totals (kind, state, converter, items, bytes) VALUES ('report', ?, 'ict', ?, ?)
ON CONFLICT (kind, state, converter) DO UPDATE SET items = items + excluded.items,
  bytes = bytes + excluded.bytes
"""
_HISTORY: Final = (
    f"INSERT INTO history ({EVENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, NULL, 0, 'pump', '', '')"
)


@frozen
class Rate:
    """What one loop did."""

    lifecycles: int
    seconds: float
    syncs: int
    """Commits that were synced, one after the other."""

    @property
    def per_second(self) -> float:
        """Lifecycles a second."""
        return self.lifecycles / self.seconds


def apsw_rows(path: Path, payload: bytes, count: int, at_once: int) -> Rate:
    """`count` lifecycles in one thread, `at_once` in each of the three transactions of a round.

    As the store's, these are rows of items, payloads, history and totals with all their indexes,
    and what is claimed is looked for; there is no checking and nobody to wake.
    """
    db = connect(path, synchronous="full")
    seq = itertools.count(1)
    syncs = 0
    begun = time.perf_counter()
    for first in range(0, count, at_once):
        with db:
            _put(db, range(first, min(first + at_once, count)), payload, seq)
        with db:
            claimed = _claim(db, at_once, len(payload), seq)
        with db:
            _finish(db, claimed, len(payload), seq)
        syncs += 3
    seconds = time.perf_counter() - begun
    db.close()
    return Rate(count, seconds, syncs)


def _put(db: apsw.Connection, numbers: range, payload: bytes, seq: Iterator[int]) -> None:
    now = time.time()
    for number in numbers:
        values = (f"SN{number}", now, f"{number:036d}", SHA256, now, len(payload))
        db.execute(_PUT, values)
        item_id = db.last_insert_rowid()
        db.execute("INSERT INTO payloads (item_id, body) VALUES (?, ?)", (item_id, payload))
        db.execute(_HISTORY, (next(seq), now, item_id, "stored", "PENDING"))
    db.execute(_TOTAL, ("PENDING", len(numbers), len(numbers) * len(payload)))


def _claim(db: apsw.Connection, limit: int, size: int, seq: Iterator[int]) -> list[tuple[int, int]]:
    now = time.time()
    claimed = []
    found: list[Any] = db.execute(_WAITING, (limit,)).fetchall()
    for item_id, _body in found:
        fence = next(seq)
        db.execute(_CLAIM, (fence, now, item_id))
        db.execute(_HISTORY, (fence, now, item_id, "claimed", "PROCESSING"))
        claimed.append((item_id, fence))
    db.execute(_TOTAL, ("PENDING", -len(claimed), -len(claimed) * size))
    db.execute(_TOTAL, ("PROCESSING", len(claimed), len(claimed) * size))
    return claimed


def _finish(
    db: apsw.Connection, claimed: list[tuple[int, int]], size: int, seq: Iterator[int]
) -> None:
    now = time.time()
    for item_id, fence in claimed:
        db.execute(_FINISH, (now, item_id, fence))
        db.execute("DELETE FROM payloads WHERE item_id = ?", (item_id,))
        db.execute(_HISTORY, (next(seq), now, item_id, "delivered", "COMPLETED"))
    db.execute(_TOTAL, ("PROCESSING", -len(claimed), -len(claimed) * size))
    db.execute(_TOTAL, ("COMPLETED", len(claimed), 0))


def log(path: Path, payload: bytes, count: int) -> Rate:
    """`count` times: append the payload, then two short marks, each synced before the next."""
    descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    begun = time.perf_counter()
    for _ in range(count):
        for written in (payload, b"claimed\n", b"finished\n"):
            os.write(descriptor, written)
            os.fdatasync(descriptor)
    seconds = time.perf_counter() - begun
    os.close(descriptor)
    return Rate(count, seconds, 3 * count)
