"""Databases with many waiting items, made by the schema and a few statements."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from pywats_trio.queue.database import connect

if TYPE_CHECKING:
    from pathlib import Path

CONVERTERS: Final = ("eol", "fct", "ict", "rework")
BYTES: Final = 1000
"""Of a report."""

# Ids in no order, as UUIDs are.
_ITEMS: Final = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
INSERT INTO items (kind, state, priority, rank, max_attempts, transitions, serial_number,
  part_number, result, start, created_at, dropped_at, converter, source, report_id,
  correlation_id, sha256, bytes)
SELECT 'report', 'PENDING', 5, 5, 3, 1, printf('SN%07d', n), 'PN', 'P', '2026-01-02T03:04:05Z',
  1.7e9 + n, 1.7e9 + n, CASE n % 4 WHEN 0 THEN 'eol' WHEN 1 THEN 'fct' WHEN 2 THEN 'ict'
  ELSE 'rework' END, printf('/in/%07d.json', n),
  printf('%s-0000-4000-8000-%012x', lower(hex(randomblob(4))), n), lower(hex(randomblob(8))),
  '', ?2 FROM numbers
"""
_PAYLOADS: Final = """
INSERT INTO payloads SELECT id, CAST(printf('{"id":"%s","x":"%s"}', report_id,
  printf('%.*c', ?1 - 51, 'x')) AS BLOB) FROM items
"""
_CHECKSUMS: Final = """
UPDATE items SET sha256 = (SELECT sha256(body) FROM payloads WHERE item_id = id)
"""
_HISTORY: Final = """
INSERT INTO history (at, item_id, event, state) SELECT created_at, id, 'stored', 'PENDING'
FROM items
"""
_TOTALS: Final = """
INSERT INTO totals SELECT kind, state, converter, count(*), sum(bytes) FROM items
GROUP BY kind, state, converter
"""
_IN_HAND: Final = """
UPDATE items SET state = 'PROCESSING', owner = 'pump', fence = id, started_at = created_at,
  transitions = 2 WHERE id <= ?
"""


@define
class Databases:
    """Made when they are asked for first, kept until the end of the run."""

    folder: Path
    _made: dict[int, Path] = field(factory=dict)

    def of(self, count: int) -> Path:
        """The database with `count` waiting reports. It is not to be changed: take a copy."""
        if count not in self._made:
            self._made[count] = path = self.folder / f"waiting-{count}.db"
            make(path, count)
        return self._made[count]

    def copy(self, count: int, target: Path) -> Path:
        """A copy of it at `target`, on the disk and in the system's cache."""
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.of(count), target)
        sync(target)
        return target


def make(path: Path, count: int) -> None:
    """`count` waiting reports of several converters."""
    with closing(connect(path, synchronous="off")) as db, db:
        db.create_scalar_function("sha256", _sha256, 1, deterministic=True)
        db.execute(_ITEMS, (count, BYTES))
        db.execute(_PAYLOADS, (BYTES,))
        db.execute(_CHECKSUMS)
        db.execute(_HISTORY)
        db.execute(_TOTALS)


def sync(path: Path) -> None:
    """Lest the first commit that is measured writes out what was made before."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _sha256(*values: Any) -> str:  # noqa: ANN401 - of SQL
    [body] = values
    return hashlib.sha256(body).hexdigest()


def take_in_hand(path: Path, count: int) -> None:
    """The first `count` of them are PROCESSING, as a crash leaves them."""
    with closing(connect(path, synchronous="off")) as db, db:
        db.execute(_IN_HAND, (count,))
        db.execute("DELETE FROM totals")
        db.execute(_TOTALS)
    sync(path)
