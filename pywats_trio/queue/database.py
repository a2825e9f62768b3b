"""The file of the embedded store: opened, told from what is not ours, brought to this layout."""

from __future__ import annotations

import contextlib
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import apsw
import structlog

from pywats_trio.errors import StartError
from pywats_trio.queue.migrate import LAYOUT, OLDEST, backup_of, migrate

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger("pywats_trio.queue")

RESERVE_BYTES: Final = 8
"""Of each page, from the first table on: page checksums need them, and adding them later means
writing the whole file again (SQLite, cksumvfs)."""
APPLICATION: Final = 0x57415453
"""What marks a database as a queue of ours (PRAGMA application_id): `WATS`."""


def connect(path: Path, *, synchronous: str = "full") -> apsw.Connection:
    """Open or make the database at `path`, in the current layout. Blocks.

    Raises:
        StartError: it is no queue of ours, of a newer layout, or cannot be opened.
    """
    with contextlib.ExitStack() as on_error:
        try:
            connection = apsw.Connection(str(path))
            on_error.callback(connection.close)
            connection.set_busy_timeout(5000)
            _prepare(connection, path, synchronous)
        except apsw.Error as error:
            raise StartError(
                f"{path}: the queue cannot be opened ({error}); check the data folder"
            ) from error
        on_error.pop_all()
    return connection


def _prepare(connection: apsw.Connection, path: Path, synchronous: str) -> None:
    """Refuse what is not ours before anything is written to it."""
    is_new = connection.execute("SELECT count(*) FROM sqlite_schema").get == 0
    layout: int = connection.pragma("user_version") or (LAYOUT if is_new else 0)
    if not is_new and (connection.pragma("application_id") != APPLICATION or layout < OLDEST):
        raise StartError(
            f"{path}: this is a database, but no queue of pywats-trio; "
            "move it away or choose another data folder"
        )
    if layout > LAYOUT:
        raise StartError(
            f"{path}: written by a newer pywats-trio (layout {layout}, this one knows {LAYOUT}); "
            "install that version again"
        )
    if not connection.pragma("page_count"):
        connection.reserve_bytes("main", RESERVE_BYTES)
        # Before the first table, too: free pages are given back a few at a time.
        connection.pragma("auto_vacuum", "incremental")
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", synchronous.upper())
    if is_new:
        _make(connection)
    elif layout < LAYOUT:
        _migrate(connection, path, layout)


def _migrate(connection: apsw.Connection, path: Path, layout: int) -> None:
    try:
        migrate(connection, path, layout)
    except (apsw.Error, OSError) as error:
        raise StartError(
            f"{path}: of an older layout, and it cannot be copied or changed ({error}); "
            "make room on the disk of data_dir"
        ) from error
    log.info("queue migrated", before=layout, now=LAYOUT, copy=str(backup_of(path, layout)))


def _make(connection: apsw.Connection) -> None:
    schema = resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
    with connection:
        connection.execute(schema)
        connection.pragma("application_id", APPLICATION)
        connection.pragma("user_version", LAYOUT)


def open_reader(path: Path) -> apsw.Connection:
    """A read-only connection to the database at `path`. Blocks.

    Raises:
        StartError: there is no such file, or it cannot be opened.
    """
    flags: Any = apsw.SQLITE_OPEN_READONLY
    try:
        connection = apsw.Connection(str(path), flags=flags)
    except apsw.Error as error:
        raise StartError(f"{path}: the queue cannot be opened ({error})") from error
    connection.set_busy_timeout(5000)
    return connection
