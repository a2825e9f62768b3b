"""Backups: the whole database as it is at one moment, copied while commits go on.

A reading connection holds a snapshot, and its pages are copied a few at a time. Each piece is
synced before the next one is copied, for a disk that is handed much at once makes every commit wait
for it. While a snapshot is held the write-ahead log cannot be taken back into the database; what
has gathered in it is written back here, not by the next commit (see `Store.long_reading`).

The copy is made beside its place as `<file>.part` and gets its name when it is whole, synced and
verified. It is one file that holds all, the source files of what is not converted yet included.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import apsw
import trio
from attrs import define, evolve, field, frozen

from pywats_trio.errors import InvalidInputError, StoreError
from pywats_trio.queue.backup.check import PIECE, Contents, examine, is_damaged
from pywats_trio.queue.backup.sources import Missing, add_sources
from pywats_trio.queue.checksums import open_file
from pywats_trio.queue.database import RESERVE_BYTES, open_reader
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pywats_trio.queue.store import Store

PAGES: Final = 64
"""That are copied, and synced, at a time: 256 KiB."""
SHORT_SECONDS: Final = 0.005
LONG_SECONDS: Final = 0.1
"""Of work without a rest, and of a rest."""
FEW_FRAMES: Final = 1000
"""Of the write-ahead log, that the next commit may take back itself: what it does all the time."""
WRITE_BACKS: Final = 5
"""At most, one after the other: commits go on meanwhile."""
SIDE_FILES: Final = ("-journal", "-wal", "-shm")
"""What SQLite puts beside a database."""

_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_ABOUT: Final = """
CREATE TABLE backup (at REAL NOT NULL, instance TEXT NOT NULL, version TEXT NOT NULL) STRICT;
"""


@frozen
class About:
    """Whose backup it is."""

    instance: str
    version: str
    """Of the program that made it."""


@frozen
class Made:
    """What came of a backup."""

    bytes: int
    """Of the file."""
    contents: Contents
    missing: tuple[Missing, ...]
    """Source files that could not be copied; their items are in it without."""


async def back_up(
    store: Store, database: Path, target: Path, about: About, *, replace: bool = False
) -> Made:
    """Copy the queue of `store`, which lies in the file `database`, to the file `target`.

    Cancelled, it returns at once; the thread that is left behind then ends at its next step and
    removes what it has written.

    Args:
        store: has the queue open.
        database: its file.
        target: absolute; its folder must exist.
        about: written into it.
        replace: whether a file that is already there may be replaced.

    Raises:
        InvalidInputError: `target` is there already, or is no place for a file.
        StoreError: the copy could not be read or written, or is already being made.
    """
    async with store.long_reading():
        making = partial(make, database, target, about, replace, trio.from_thread.check_cancelled)
        return await trio.to_thread.run_sync(making, abandon_on_cancel=True)


def make(
    database: Path, target: Path, about: About, replace: bool, check: Callable[[], None]
) -> Made:
    """See `back_up`. Blocks; `check` is called between two steps and may raise to give up."""
    refuse_taken(target, replace=replace)
    part = target.with_name(f"{target.name}.part")
    told = printable(str(target))
    with _own(part, told) as descriptor, contextlib.closing(open_reader(database)) as live:
        try:
            _copy(live, part, descriptor, check)
            _write_back(database)
            missing = _complete(part, live, about, check)
            made = _verified(part, descriptor, live, _Unhurried(check))
            refuse_taken(target, replace=replace)
            part.replace(target)
            sync_folder(target.parent)
        except OSError as error:
            remove_database(part)
            raise StoreError(
                f"{told}: no backup was made ({error.strerror}); see to the room and the rights "
                "there, or choose another place"
            ) from error
        except apsw.Error as error:
            remove_database(part)
            raise StoreError(
                f"{told}: no backup was made ({type(error).__name__}: {error}); see to the room "
                "there, and run `pywats-trio queue verify`"
            ) from error
        except BaseException:
            remove_database(part)
            raise
        finally:
            # Once more: commits have gone on meanwhile. If it fails, the next commit does it.
            with contextlib.suppress(apsw.Error):
                _write_back(database)
    return evolve(made, missing=tuple(missing))


def refuse_taken(target: Path, *, replace: bool) -> None:
    """Raises InvalidInputError if something lies at `target` that may not be replaced."""
    told = printable(str(target))
    if not target.parent.is_dir():
        raise InvalidInputError(f"{told}: there is no folder of that name; make it first")
    if target.is_dir():
        raise InvalidInputError(f"{told} is a folder; name a file in it")
    if not replace and os.path.lexists(target):
        raise InvalidInputError(f"{told} is there already; choose another name, or add --force")


@define
class _Unhurried:
    """Between two steps of a long work: rests as long as was worked, for commits need disk and
    processor, too.
    """

    _check: Callable[[], None]
    _since: float = field(factory=time.monotonic)

    def __call__(self) -> None:
        self._check()
        worked = time.monotonic() - self._since
        if worked >= SHORT_SECONDS:
            time.sleep(min(worked, LONG_SECONDS))  # noqa: TID251 - in a thread
            self._since = time.monotonic()


@contextlib.contextmanager
def _own(part: Path, told: str) -> Iterator[int]:
    """The unfinished copy, for one backup at a time; emptied of what a former one left."""
    try:
        descriptor = os.open(part, _FLAGS, 0o600)
    except OSError as error:
        raise InvalidInputError(
            f"{told}: no file can be made there ({error.strerror}); choose another place"
        ) from error
    try:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A backup that ended just now may have given this very file its name.
            if part.exists() and os.path.samestat(part.stat(), os.fstat(descriptor)):
                os.ftruncate(descriptor, 0)
                remove_side_files(part)
                yield descriptor
                return
        raise StoreError(f"{told} is being made already; wait for it, or choose another name")
    finally:
        os.close(descriptor)


def _copy(live: apsw.Connection, part: Path, descriptor: int, check: Callable[[], None]) -> None:
    live.execute("BEGIN")
    try:
        live.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # the snapshot begins
        with contextlib.closing(open_empty(part)) as copy:
            copy.pragma("synchronous", "off")  # it is synced here
            with copy.backup("main", live, "main") as backup:
                while not backup.done:
                    check()
                    backup.step(PAGES)
                    os.fsync(descriptor)
    finally:
        live.execute("ROLLBACK")


def open_empty(path: Path) -> apsw.Connection:
    """A database to be overwritten by another one, with the checksums of its pages.

    They are written once the first page says so; what is copied before has those that the page had
    when it was in a database last, and none if it comes from a log.
    """
    connection = open_file(path)
    connection.reserve_bytes("main", RESERVE_BYTES)
    connection.execute("CREATE TABLE to_be_overwritten (x)")
    return connection


def _write_back(database: Path) -> None:
    """Take the write-ahead log back into the database, beside the commits."""
    flags = apsw.SQLITE_OPEN_READWRITE
    with (
        contextlib.suppress(apsw.BusyError),  # somebody else is just doing it
        contextlib.closing(open_file(database, flags=flags)) as connection,
    ):
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # it opens the log
        for _ in range(WRITE_BACKS):
            frames, done = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            if frames - done < FEW_FRAMES:
                return


def _complete(
    part: Path, live: apsw.Connection, about: About, check: Callable[[], None]
) -> list[Missing]:
    """Add what a backup has and a queue has not."""
    with contextlib.closing(open_file(part)) as copy:
        copy.pragma("journal_mode", "delete")  # one file and nothing beside it
        copy.pragma("synchronous", "off")
        copy.execute(_ABOUT)
        copy.execute(
            "INSERT INTO backup VALUES (?, ?, ?)", (time.time(), about.instance, about.version)
        )
        return add_sources(copy, live, check)


def _verified(
    part: Path, descriptor: int, live: apsw.Connection, check: Callable[[], None]
) -> Made:
    _read_from_disk(descriptor, check)
    try:
        contents = examine(part, check)
    except InvalidInputError as error:
        raise StoreError(
            f"no backup was made, for what was written reads back wrong: {error}"
        ) from error
    for item_id in contents.damaged:
        if not is_damaged(live, item_id):
            raise StoreError(
                f"{printable(str(part))}: item {item_id} reads back differently from what was "
                "written; see to that disk, or choose another place"
            )
    return Made(os.fstat(descriptor).st_size, contents, ())


def _read_from_disk(descriptor: int, check: Callable[[], None]) -> None:
    """What is looked through is what the disk has; read in one go, which is quicker than there."""
    os.fsync(descriptor)
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.lseek(descriptor, 0, os.SEEK_SET)
    while os.read(descriptor, PIECE):
        check()


def remove_side_files(database: Path) -> None:
    """Those of a copy that was cut off: they would be played back into the next of its name."""
    for suffix in SIDE_FILES:
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def remove_database(database: Path) -> None:
    """Remove a copy, as far as it can be."""
    with contextlib.suppress(OSError):
        database.unlink(missing_ok=True)
        remove_side_files(database)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable, where its file system can."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
