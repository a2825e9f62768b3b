"""Restoring a backup: the queue of a stopped service becomes the one that a backup holds.

All is done in a copy beside the queue, `queue.db.restoring`; that takes the queue's name in one
step at the end. Cut off at any point before, the queue is as it was; whoever runs it again begins
anew. What is left of the former run is the copy, which is made again, and files in the inbox that
belong to no item, which the next start removes.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import apsw
from attrs import frozen

from pywats_trio import faultpoint
from pywats_trio.config.made import checked
from pywats_trio.errors import InvalidInputError, PywatsTrioError, StartError, StoreError
from pywats_trio.intake import moves
from pywats_trio.intake.scan import identity, within
from pywats_trio.queue import rows
from pywats_trio.queue.backup.check import Contents, examine, has_table, pieces
from pywats_trio.queue.backup.snapshot import open_empty, remove_database
from pywats_trio.queue.checksums import open_file
from pywats_trio.queue.database import connect, leave_as_found, open_reader
from pywats_trio.queue.migrate import backup_of
from pywats_trio.queue.salvage import aside
from pywats_trio.queue.salvage.inspection import Note, this_boot
from pywats_trio.service.lock import instance_lock
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pywats_trio.config.options import Config
    from pywats_trio.model import Identity

KEPT: Final = ".before-restore-"
"""Between the name of the former queue and the time at which it was replaced."""
LOG, INDEX = "-wal", "-shm"
"""What SQLite keeps beside a database."""
PAGES: Final = 4096
"""Copied at a time."""


@frozen
class Restored:
    """What came of it."""

    contents: Contents
    sources: int
    """Files that were put into the inbox; others still lie where they lay."""
    kept: Path | None
    """The former queue; None if there was none."""


def restore(config: Config, backup: Path, agreed: Callable[[int], None]) -> Restored:
    """Make what `backup` holds the queue of `config`, whose service must be stopped. Blocks.

    `agreed` is called with the number of items in the present queue if there are any, or -1 if it
    cannot be read; it raises if it is not to be replaced.

    Raises:
        StartError: a service runs there.
        NotFoundError, InvalidInputError: there is no such backup, or it cannot be used.
        StoreError: it could not be copied, for want of room or of rights; the queue is as it was.
    """
    config = checked(config)
    database = config.database
    with instance_lock(config.data_dir):
        _refuse_own(backup, database)
        contents = examine(backup)
        try:
            aside.finish(database)  # of a salvage that was cut off, or it would be done later
            if present := _count(database):
                agreed(present)
            return _replace(config, backup, database, contents)
        except (OSError, apsw.Error, StartError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise StoreError(
                f"{printable(str(backup))} could not be restored ({why}); the queue is as it was; "
                "see to the room on the disk of data_dir and run it again"
            ) from error


def _refuse_own(backup: Path, database: Path) -> None:
    if backup.exists() and database.exists() and backup.samefile(database):
        raise InvalidInputError(
            f"{printable(str(backup))} is the queue itself; name the file that `queue backup` made"
        )


def _count(database: Path) -> int:
    """Items in the present queue; -1 if it cannot be told."""
    if not database.exists():
        return 0
    try:
        with contextlib.closing(open_reader(database)) as connection:
            return int(connection.execute("SELECT count(*) FROM items").get or 0)
    except (apsw.Error, PywatsTrioError):
        return -1


def _replace(config: Config, backup: Path, database: Path, contents: Contents) -> Restored:
    fresh = database.with_name(f"{database.name}.restoring")
    _clear(fresh)
    try:
        _copy(backup, fresh)
        sources = _complete(fresh, config, backup, contents)
        _sync(fresh)
        faultpoint.hit("restore.copied")
        kept = _set_aside(database)
        faultpoint.hit("restore.kept")
        # True of both of them: of what is kept, too, nothing is in a log of that name any more.
        Note(open=False, boot=this_boot(), items=sum(contents.items.values())).write(database)
        fresh.replace(database)
        moves.sync_folder(str(database.parent))
    finally:
        _clear(fresh)
    return Restored(contents, sources, kept)


def _clear(fresh: Path) -> None:
    """What a former run left, the copy of an older layout included."""
    remove_database(fresh)
    for left in fresh.parent.glob(f"{backup_of(fresh, 0).name[:-1]}*"):
        remove_database(left)


def _copy(backup: Path, fresh: Path) -> None:
    """By SQLite: a plain copy of a queue may have a write-ahead log beside it."""
    with (
        contextlib.closing(open_reader(backup)) as source,
        contextlib.closing(open_empty(fresh)) as copy,
        copy.backup("main", source, "main") as copying,
    ):
        while not copying.done:
            copying.step(PAGES)
    fresh.chmod(0o600)


def _complete(fresh: Path, config: Config, backup: Path, contents: Contents) -> int:
    """Make the copy a queue of this program: its layout, its files, and an event that tells."""
    with contextlib.closing(connect(fresh)) as connection:
        with connection:
            placed = _bring_in(connection, config)
            connection.execute("DROP TABLE IF EXISTS sources")
            connection.execute("DROP TABLE IF EXISTS backup")
            told = {
                "file": printable(str(backup)),
                "made_at": contents.at,
                "instance": contents.instance,
            }
            connection.execute(
                "INSERT INTO history (at, event, message) VALUES (?, 'restored', ?)",
                (time.time(), json.dumps(told)),
            )
        connection.execute("PRAGMA incremental_vacuum").fetchall()
    return placed


# The files that wait to be converted


def _bring_in(connection: apsw.Connection, config: Config) -> int:
    """Put them into the inbox, but for those that still lie where they are expected; how many."""
    if not has_table(connection, "sources"):
        return 0
    sql = (
        "SELECT item_id, path, device, inode, size, mtime_ns FROM sources"
        " JOIN items ON id = item_id"
    )
    roots = [str(config.inbox), *(str(options.watch) for options in config.converters)]
    placed = 0
    found: list[Any] = connection.execute(sql).fetchall()
    for item_id, path, *known in found:
        expected, here = rows.identity(*known), os.fsdecode(path)
        if any(within(here, root) for root in roots) and moves.is_file(here, expected):
            continue
        there, now = _place(connection, item_id, here, expected, config.inbox)
        _read_from(connection, item_id, (path, known), there, now)
        placed += 1
    return placed


def _place(
    connection: apsw.Connection, item_id: int, path: str, expected: Identity, inbox: Path
) -> tuple[str, Identity]:
    """A copy in a folder of its own, as `intake.inbox` makes it, with the time of the original."""
    folder = os.path.join(os.fspath(inbox), secrets.token_hex(8))  # noqa: PTH118 - any bytes, as str
    target = os.path.join(folder, os.path.basename(path))  # noqa: PTH118, PTH119
    moves.make_folder(folder)
    with open(target, "xb") as file:  # noqa: PTH123
        file.writelines(pieces(connection, "sources", item_id))
        file.flush()
        os.utime(file.fileno(), ns=(expected.mtime_ns, expected.mtime_ns))
        os.fsync(file.fileno())
        found = identity(os.fstat(file.fileno()))
    moves.sync_folder(folder)
    faultpoint.hit("restore.placed")
    return target, found


def _read_from(
    connection: apsw.Connection,
    item_id: int,
    before: tuple[bytes, list[Any]],
    path: str,
    now: Identity,
) -> None:
    """The item is read from `path` from now on, and this is what is remembered of its file."""
    was, known = before
    values = (os.fsencode(path), *rows.signed(now))
    connection.execute(
        "UPDATE items SET path = ?, device = ?, inode = ?, size = ?, mtime_ns = ? WHERE id = ?",
        (*values, item_id),
    )
    connection.execute(
        "DELETE FROM seen WHERE (path, device, inode, size, mtime_ns) = (?, ?, ?, ?, ?)",
        (was, *known),
    )
    connection.execute(
        "INSERT OR REPLACE INTO seen (path, device, inode, size, mtime_ns, converter)"
        " SELECT ?, ?, ?, ?, ?, converter FROM items WHERE id = ?",
        (*values, item_id),
    )


# The former queue


def _set_aside(database: Path) -> Path | None:
    """Keep the present queue under another name, byte for byte; it has its own name, too, yet."""
    if not database.exists():
        _remove_sides(database)
        return None
    _forget_unfinished(database)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    kept = next(name for name in _names(database, stamp) if not name.exists())
    log = database.with_name(f"{database.name}{LOG}")
    if log.exists() and log.stat().st_size:
        # The service was killed. Copied, for the queue is brought up to date now.
        _duplicate(log, kept.with_name(f"{kept.name}{LOG}"))
        _duplicate(database, kept)
        _fold(database)
    else:
        _link(database, kept)
    moves.sync_folder(str(database.parent))
    # All of it is kept: now its log may go, which would be played into the other queue.
    _remove_sides(database)
    moves.sync_folder(str(database.parent))
    return kept


def _names(database: Path, stamp: str) -> Iterator[Path]:
    number = 1
    while True:
        more = f"-{number}" if number > 1 else ""
        yield database.with_name(f"{database.name}{KEPT}{stamp}{more}")
        number += 1


def _fold(database: Path) -> None:
    """Take its log into it, so that it is whole without; one that cannot be read is left alone."""
    with (
        contextlib.suppress(apsw.Error),
        contextlib.closing(open_file(database, flags=apsw.SQLITE_OPEN_READWRITE)) as connection,
    ):
        leave_as_found(connection)
        connection.execute("SELECT count(*) FROM items").fetchall()
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


def _forget_unfinished(database: Path) -> None:
    """Second names that a run gave which was then cut off."""
    for kept in database.parent.glob(f"{database.name}{KEPT}*"):
        if kept.samefile(database):
            kept.unlink()


def _link(source: Path, target: Path) -> None:
    """A second name, or a copy where the file system has none."""
    try:
        os.link(source, target)
    except OSError:
        _duplicate(source, target)


def _duplicate(source: Path, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    shutil.copyfile(source, part)
    _sync(part)
    part.replace(target)


def _remove_sides(database: Path) -> None:
    for side in (LOG, INDEX):
        database.with_name(database.name + side).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    with open(path, "rb") as file:  # noqa: PTH123
        os.fsync(file.fileno())
