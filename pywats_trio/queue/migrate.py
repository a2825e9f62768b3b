"""Forward migrations: from an older layout of the database to this program's. Everything blocks.

Before the first step the database is copied, byte for byte as SQLite backs it up, to a file beside
it that names its layout; whoever has to go back to the older program finds it there.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

import apsw

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LAYOUT: Final = 4
"""The newest layout of the database that this program knows (PRAGMA user_version)."""

STEPS: Final[Mapping[int, str]] = {
    1: """
        ALTER TABLE items ADD COLUMN dropped_at REAL NOT NULL DEFAULT 0;
        UPDATE items SET dropped_at = created_at;
        CREATE TABLE settings (
          key   TEXT PRIMARY KEY,
          value TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
    """,
    2: """
        ALTER TABLE items ADD COLUMN rank REAL NOT NULL DEFAULT 5;
        ALTER TABLE items ADD COLUMN name TEXT NOT NULL DEFAULT '';
        ALTER TABLE items ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE items ADD COLUMN delay REAL;
        ALTER TABLE items ADD COLUMN worker TEXT NOT NULL DEFAULT '';
        ALTER TABLE items ADD COLUMN exported TEXT NOT NULL DEFAULT '';
        UPDATE items SET
          rank = priority,
          name = iif(kind = 'file',
            replace(source, rtrim(source, replace(source, '/', '')), ''), ''),
          bytes = coalesce((SELECT length(body) FROM payloads WHERE item_id = id), 0),
          delay = iif(due_at IS NULL, NULL, max(0, due_at - unixepoch()));
        DROP INDEX items_waiting;
        DROP INDEX items_due;
        DROP INDEX items_unsettled;
        DROP INDEX items_serial;
        CREATE INDEX items_waiting ON items (kind, converter, rank, id) WHERE state = 'PENDING';
        CREATE INDEX items_due ON items (kind, reason, due_at) WHERE state = 'SUSPENDED';
        CREATE INDEX items_unsettled ON items (state)
          WHERE state IN ('FAILED', 'QUARANTINED', 'HELD');
        CREATE INDEX items_completed ON items (finished_at) WHERE state = 'COMPLETED';
        CREATE INDEX items_failed ON items (finished_at)
          WHERE state IN ('FAILED', 'QUARANTINED');
        CREATE INDEX items_name ON items (name) WHERE name <> '';
        CREATE INDEX items_serial ON items (serial_number) WHERE serial_number <> '';
        CREATE INDEX history_service ON history (seq) WHERE item_id IS NULL;
        CREATE TABLE totals (
          kind      TEXT    NOT NULL,
          state     TEXT    NOT NULL,
          converter TEXT    NOT NULL,
          items     INTEGER NOT NULL,
          bytes     INTEGER NOT NULL,
          PRIMARY KEY (kind, state, converter)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO totals SELECT kind, state, converter, count(*), sum(bytes) FROM items
          GROUP BY kind, state, converter;
        CREATE TABLE imported (
          origin  TEXT    PRIMARY KEY,
          item_id INTEGER NOT NULL,
          at      REAL    NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX imported_at ON imported (at, item_id);
    """,
    3: """
        ALTER TABLE items ADD COLUMN code TEXT NOT NULL DEFAULT '';
        ALTER TABLE items ADD COLUMN form TEXT NOT NULL DEFAULT 'file';
        ALTER TABLE items ADD COLUMN after TEXT NOT NULL DEFAULT '';
    """,
}
"""From each older layout to the one after it."""


OLDEST: Final = min(STEPS)


def backup_of(path: Path, layout: int) -> Path:
    """Where the copy lies that is made before a database of `layout` is changed."""
    return path.with_name(f"{path.name}.layout-{layout}")


def migrate(connection: apsw.Connection, path: Path, layout: int) -> None:
    """Bring the database in `path` from `layout` to `LAYOUT`, all in one transaction.

    Raises:
        apsw.Error, OSError: it could not be done; the database is as it was.
    """
    _back_up(connection, path, backup_of(path, layout))
    with connection:
        for step in range(layout, LAYOUT):
            connection.execute(STEPS[step])
        connection.pragma("user_version", LAYOUT)
    if not connection.pragma("auto_vacuum"):
        # It takes a whole new file; without it free pages could only be given back all at once.
        connection.pragma("auto_vacuum", "incremental")
        connection.execute("VACUUM")


def _back_up(connection: apsw.Connection, path: Path, target: Path) -> None:
    """A copy is whole or is not there: it gets its name when it is synced."""
    unfinished = path.with_name(f"{target.name}.part")
    _remove(unfinished)
    try:
        _copy(connection, unfinished)
        _sync(unfinished)
        unfinished.replace(target)
        _sync(target.parent)
    finally:
        _remove(unfinished)  # what is left of it would take the room that there is not


def _copy(connection: apsw.Connection, target: Path) -> None:
    with (
        contextlib.closing(apsw.Connection(str(target))) as copy,
        copy.backup("main", connection, "main") as backup,
    ):
        backup.step()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(database: Path) -> None:
    """With its journal: one that is left would be played back into the next of this name."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
