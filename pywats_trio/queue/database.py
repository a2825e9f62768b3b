"""The file of the embedded store: opened, told from what is not ours, brought to this layout."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import apsw
import structlog

from pywats_trio.errors import StartError, StoreDamaged
from pywats_trio.queue import checksums
from pywats_trio.queue.migrate import LAYOUT, OLDEST, backup_of, migrate
from pywats_trio.queue.salvage.damage import in_words, is_damage
from pywats_trio.queue.schema import own_schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = structlog.get_logger("pywats_trio.queue")

RESERVE_BYTES: Final = checksums.SIZE
"""Of each page, from the first table on: page checksums need them, and adding them later means
writing the whole file again (SQLite, cksumvfs)."""
APPLICATION: Final = 0x57415453
"""What marks a database as a queue of ours (PRAGMA application_id): `WATS`."""
CHECKSUMS: Final = "queue.checksums"
"""The setting that says that every page has its checksum. A database that was written without
them, by an older program or where the extension is missing, gets them as a whole."""
LOG_BYTES: Final = 16 * 1024 * 1024
"""Of the write-ahead log that are kept when it begins anew."""
BUSY_MS: Final = 5000

_MARKED = "SELECT 1 FROM settings WHERE key = ?"
_MARK = "INSERT OR REPLACE INTO settings (key, value) VALUES (?, 'on')"
_UNMARK = "DELETE FROM settings WHERE key = ?"


def _unchecked(_connection: apsw.Connection) -> None:
    pass


def connect(
    path: Path,
    *,
    synchronous: str = "full",
    check: Callable[[apsw.Connection], None] = _unchecked,
) -> apsw.Connection:
    """Open or make the database at `path`, in the current layout. Blocks.

    `check` is called before anything is written; what it raises leaves the files as they were.

    Raises:
        StoreDamaged: it is damaged, or no queue of ours.
        StartError: it is of a newer layout, or cannot be opened.
    """
    with contextlib.ExitStack() as on_error:
        try:
            connection = checksums.open_file(path)
            on_error.callback(connection.close)
            connection.set_busy_timeout(BUSY_MS)
            leave_as_found(connection)
            _prepare(connection, path, synchronous, check)
            leave_as_found(connection, yes=False)
        except apsw.Error as error:
            if is_damage(error):
                raise StoreDamaged(
                    f"{path}: the queue's database is damaged ({in_words(error)})"
                ) from error
            raise StartError(
                f"{path}: the queue cannot be opened ({error}); check the data folder"
            ) from error
        on_error.pop_all()
    return connection


def leave_as_found(connection: apsw.Connection, *, yes: bool = True) -> None:
    """Closing the last connection would write the log into the database, and remove it."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, int(yes))


def _prepare(
    connection: apsw.Connection,
    path: Path,
    synchronous: str,
    check: Callable[[apsw.Connection], None],
) -> None:
    """Refuse what is not ours before anything is written to it."""
    _verify(connection, on=False)
    is_new = connection.execute("SELECT count(*) FROM sqlite_schema").get == 0
    layout: int = connection.pragma("user_version") or (LAYOUT if is_new else 0)
    if not is_new and (connection.pragma("application_id") != APPLICATION or layout < OLDEST):
        raise StoreDamaged(f"{path}: this is a database, but no queue of pywats-trio")
    marked = not is_new and _is_marked(connection, path)
    if layout > LAYOUT:
        raise StartError(
            f"{path}: written by a newer pywats-trio (layout {layout}, this one knows {LAYOUT}); "
            "install that version again"
        )
    _verify(connection, on=marked)
    check(connection)
    if not connection.pragma("page_count"):
        connection.reserve_bytes("main", RESERVE_BYTES)
        # Before the first table, too: free pages are given back a few at a time.
        connection.pragma("auto_vacuum", "incremental")
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", synchronous.upper())
    # A log that a long reading once made large is cut when it begins anew.
    connection.pragma("journal_size_limit", LOG_BYTES)
    if is_new:
        _make(connection)
    elif layout < LAYOUT:
        _migrate(connection, path, layout)
    _see_to_checksums(connection, marked=marked or is_new, rewritten=layout < LAYOUT)


def _verify(connection: apsw.Connection, *, on: bool) -> None:
    """Whether pages are refused whose checksum differs; without the extension none is."""
    connection.pragma("checksum_verification", "on" if on else "off")


def _is_marked(connection: apsw.Connection, path: Path) -> bool:
    """Whether every page has its checksum. If so the first page, read already, is checked."""
    try:
        marked = connection.execute(_MARKED, (CHECKSUMS,)).get is not None
    except apsw.SQLError:  # a layout without settings
        return False
    if marked and checksums.vfs():
        _verify(connection, on=True)
        connection.release_memory()
        if connection.pragma("application_id") != APPLICATION:
            raise StoreDamaged(f"{path}: the queue's database is damaged")
    return marked


def _see_to_checksums(connection: apsw.Connection, *, marked: bool, rewritten: bool) -> None:
    """Every page has its checksum from now on; or none has, and the database says so."""
    if checksums.vfs() is None:
        if marked:
            connection.execute(_UNMARK, (CHECKSUMS,))
        return
    if not marked:
        if not rewritten:
            connection.execute("VACUUM")
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.BusyError:
            return  # somebody reads in it: the next start tries again
        connection.execute(_MARK, (CHECKSUMS,))
        _verify(connection, on=True)


def _migrate(connection: apsw.Connection, path: Path, layout: int) -> None:
    try:
        migrate(connection, path, layout)
    except (apsw.Error, OSError) as error:
        if isinstance(error, apsw.Error) and is_damage(error):
            raise
        raise StartError(
            f"{path}: of an older layout, and it cannot be copied or changed ({error}); "
            "make room on the disk of data_dir"
        ) from error
    log.info("queue migrated", before=layout, now=LAYOUT, copy=str(backup_of(path, layout)))


def _make(connection: apsw.Connection) -> None:
    with connection:
        connection.execute(own_schema())
        if checksums.vfs():
            connection.execute(_MARK, (CHECKSUMS,))
        connection.pragma("application_id", APPLICATION)
        connection.pragma("user_version", LAYOUT)


def open_reader(path: Path) -> apsw.Connection:
    """A read-only connection to the database at `path`. Blocks.

    Raises:
        StartError: there is no such file, or it cannot be opened.
    """
    try:
        connection = checksums.open_file(path, flags=checksums.READ_ONLY)
    except apsw.Error as error:
        raise StartError(f"{path}: the queue cannot be opened ({error})") from error
    connection.set_busy_timeout(BUSY_MS)
    _verify(connection, on=False)
    # What cannot be read now is told when it is asked for.
    with contextlib.suppress(apsw.Error):
        _verify(connection, on=connection.execute(_MARKED, (CHECKSUMS,)).get is not None)
    return connection
