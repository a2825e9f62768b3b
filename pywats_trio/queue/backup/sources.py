"""The files that wait to be converted: their bytes belong to a backup. Everything blocks.

A file is looked for where it lay when the snapshot was taken. Meanwhile it may have been converted
and moved; then the live queue knows where it went.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from typing import TYPE_CHECKING, Any, Final

import apsw
from attrs import frozen

from pywats_trio.model import Form
from pywats_trio.queue import rows
from pywats_trio.queue.backup.check import PIECE, WAITING
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.model import Identity


MOVING_SECONDS: Final = 5.0
"""For a file to be told of that is just being put away."""
LOOK_AGAIN_SECONDS: Final = 0.02

_TABLE: Final = """
CREATE TABLE sources (
  item_id INTEGER PRIMARY KEY,
  sha256  TEXT NOT NULL,
  body    BLOB NOT NULL
) STRICT
"""
# Those first that may be converted, and put away, any moment.
_FILES: Final = (
    "SELECT id, path, form, device, inode, size, mtime_ns FROM items"  # noqa: S608 - constants
    f" WHERE kind = 'file' AND path IS NOT NULL AND inode IS NOT NULL AND state IN ({WAITING})"
    " ORDER BY state <> 'PROCESSING', rank, id"
)
_NOW: Final = "SELECT path, putaway, state FROM items WHERE id = ?"
_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


@frozen
class Missing:
    """A source file that a backup does not have."""

    item_id: int
    source: str
    """Printable."""
    why: str


@frozen
class _File:
    item_id: int
    path: str
    identity: Identity


class _NotThere(Exception):
    """Never leaves this module."""


def add_sources(
    copy: apsw.Connection, live: apsw.Connection, check: Callable[[], None]
) -> list[Missing]:
    """Put the files of all items of `copy` that wait to be converted into it; those that are gone.

    Raises:
        apsw.Error: `copy` cannot be written, or `live` not be read.
    """
    copy.execute(_TABLE)
    missing = []
    found: list[Any] = copy.execute(_FILES).fetchall()
    for item_id, path, form, *identity in found:
        check()
        file = _File(item_id, os.fsdecode(path), rows.identity(*identity))
        if form != Form.FILE:
            why = f"{printable(file.path)} is a unit with a folder; keep a copy of it yourself"
            missing.append(Missing(item_id, printable(file.path), why))
        elif why := _add(copy, live, file, check):
            missing.append(Missing(item_id, printable(file.path), why))
    return missing


def _add(
    copy: apsw.Connection, live: apsw.Connection, file: _File, check: Callable[[], None]
) -> str:
    """A sentence if it could not be done."""
    until = time.monotonic() + MOVING_SECONDS
    path = file.path
    while True:
        try:
            with copy:
                _add_from(copy, path, file, check)
        except _NotThere as error:
            why = str(error)
        except apsw.TooBigError:
            return f"{printable(path)} is larger than a database can hold"
        else:
            return ""
        before, (path, moving, state) = path, _now(live, file)
        if path != before:
            continue
        if not moving or time.monotonic() > until:
            return f"{why}; its item is {state} now"
        # It has left its place on the disk, and the row that says where to is on its way.
        time.sleep(LOOK_AGAIN_SECONDS)  # noqa: TID251 - in a thread
        check()


def _now(live: apsw.Connection, file: _File) -> tuple[str, bool, str]:
    """Where it lies, whether it is being put away, and the state of its item."""
    found: tuple[Any, ...] | None = live.execute(_NOW, (file.item_id,)).fetchone()
    if found is None:
        return file.path, False, "removed"
    path, putaway, state = found
    return file.path if path is None else os.fsdecode(path), putaway == "pending", state


def _add_from(copy: apsw.Connection, path: str, file: _File, check: Callable[[], None]) -> None:
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        gone = error.errno in (errno.ENOENT, errno.ENOTDIR)
        why = "is gone" if gone else f"cannot be read ({error.strerror})"
        raise _NotThere(f"{printable(path)} {why}") from error
    with open(descriptor, "rb", buffering=0) as reader:  # noqa: PTH123
        _check_is(os.fstat(descriptor), path, file)
        copy.execute(
            "INSERT INTO sources (item_id, sha256, body) VALUES (?, '', zeroblob(?))",
            (file.item_id, file.identity.size),
        )
        digest, left = hashlib.sha256(), file.identity.size
        with copy.blob_open("main", "sources", "body", file.item_id, True) as blob:
            while left and (piece := reader.read(min(PIECE, left))):
                check()
                digest.update(piece)
                blob.write(piece)
                left -= len(piece)
        if left or reader.read(1):
            raise _NotThere(f"{printable(path)} changed while it was read")
    copy.execute(
        "UPDATE sources SET sha256 = ? WHERE item_id = ?", (digest.hexdigest(), file.item_id)
    )


def _check_is(status: os.stat_result, path: str, file: _File) -> None:
    """A move within a file system keeps the inode, one to another keeps size and time."""
    wanted = file.identity
    same = (status.st_size, status.st_mtime_ns) == (wanted.size, wanted.mtime_ns)
    elsewhere = path != file.path and status.st_dev != wanted.device
    if not stat.S_ISREG(status.st_mode) or not (
        same and (elsewhere or (status.st_dev, status.st_ino) == (wanted.device, wanted.inode))
    ):
        raise _NotThere(f"{printable(path)} is another file now")
