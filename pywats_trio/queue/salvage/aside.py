"""A damaged database is set aside and another one put in its place. Everything here blocks.

A kill at any point is made up for: the new one waits, complete and synced, in the folder of the old
files until they are all there, and takes their name last. While it waits there is something to do
(`finish`), whatever had been done.
"""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUFFIXES: Final = ("", "-wal", "-shm", "-journal")
"""The files of a database."""
WAITING: Final = "salvaged.db"
"""In the folder: the new database, complete."""
UNFINISHED: Final = "salvaged.db.part"


FileId = tuple[int, int]
"""What tells a file from another one that has, or had, the same name."""


def file_id(path: Path) -> FileId | None:
    """Of the file that has the name `path` now; None: there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def folder_for(path: Path, now: float) -> Path:
    """A folder beside `path`, made, for the files of the damaged database found at the time `now`.

    Raises OSError: it cannot be made.
    """
    at = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    for number in range(1, 1000):
        name = f"{path.name}.damaged-{at}" + (f"-{number}" if number > 1 else "")
        folder = path.with_name(name)
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            sync(folder.parent)
            return folder
    raise FileExistsError(f"{path}.damaged-{at}: there are too many")


def folders(path: Path) -> Iterator[Path]:
    """Those that there are, the oldest first."""
    yield from sorted(path.parent.glob(f"{path.name}.damaged-*"))


def swap(path: Path, folder: Path) -> None:
    """The files of `path` go to `folder`, and the new database in there takes the name `path`.

    What waits as `UNFINISHED` is complete from here on. Raises OSError: see `finish`.
    """
    new = folder / UNFINISHED
    sync(new)
    new.replace(folder / WAITING)
    sync(folder)
    finish(path)


def finish(path: Path) -> None:
    """Do what is left to do of a `swap`, if one was cut off; remove what never became one.

    Raises OSError: a file cannot be moved; the next call tries again.
    """
    for folder in folders(path):
        if (folder / WAITING).exists():
            _move_all(path, folder)
            (folder / WAITING).replace(path)
            sync(folder)
            sync(path.parent)
        elif not any((folder / (path.name + suffix)).exists() for suffix in SUFFIXES):
            remove_unfinished(folder)


def _move_all(path: Path, folder: Path) -> None:
    """The database last: where it is missing, an older program would begin a new one."""
    for suffix in reversed(SUFFIXES):
        old = path.with_name(path.name + suffix)
        place = folder / old.name
        while place.exists():  # moved before: what lies here now was made since
            place = place.with_name(f"{place.name}~")
        with contextlib.suppress(FileNotFoundError):
            old.rename(place)
    sync(folder)
    sync(path.parent)


def remove_unfinished(folder: Path) -> None:
    """A salvage that was cut off: nothing was moved, so it is begun anew."""
    for suffix in SUFFIXES:
        (folder / (UNFINISHED + suffix)).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # somebody keeps something in it
        folder.rmdir()


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
