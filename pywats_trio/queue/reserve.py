"""The reserve: a file that keeps room on the disk until the queue needs it.

When the disk is full, what was begun must still be recorded, or it would be done twice. So some
room is taken beforehand and given back at that moment.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING, Final

import apsw

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.errors import StoreError

FILE_NAME: Final = "queue.reserve"
CHUNK: Final = 1024 * 1024
START_ROOM: Final = 256 * 1024
"""Bytes that a start may want: for its log, its notes and the queue's."""
WANTS_ROOM: Final = frozenset(
    {
        apsw.SQLITE_FULL,
        apsw.SQLITE_IOERR_WRITE,
        apsw.SQLITE_IOERR_FSYNC,
        apsw.SQLITE_IOERR_TRUNCATE,
        apsw.SQLITE_IOERR_SHMSIZE,
    }
)
"""What SQLite says of a full disk: beside FULL it names the call that failed, and not why
(sqlite.org/rescode.html). So it may be a broken disk, which a freed reserve does not harm."""
NO_SUCH_CALL: Final = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS})


def for_want_of_room(error: StoreError) -> bool:
    """Whether a commit failed because the disk, or the user's share of it, is full."""
    # By name: apsw's types do not declare it, and other causes do not have it.
    return getattr(error.__cause__, "extendedresult", 0) in WANTS_ROOM


def free_if_full(data_dir: Path) -> None:
    """Give the reserve of a service that does not run back, where not even a start would fit.

    Blocks. Whoever starts then finds out by itself what cannot be read or written.
    """
    with contextlib.suppress(OSError):
        status = os.statvfs(data_dir)
        if status.f_bavail * status.f_frsize < START_ROOM:
            Reserve(data_dir / FILE_NAME).free()


class Reserve:
    """The file `path`. Everything but `held` blocks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.held = 0
        """The bytes that it keeps, as of the last call."""

    def look(self) -> None:
        """See what there is: an operator may have removed it, or a former service left it."""
        try:
            self.held = self._path.stat().st_size
        except OSError:
            self.held = 0

    def make(self, size: int) -> None:
        """Keep `size` bytes, really allocated and synced; 0: no file.

        Raises:
            OSError: they cannot be had; nothing is kept then.
        """
        if size == 0:
            self.free()
            return
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                _allocate(descriptor, size)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError:
            self.free()
            raise
        self.held = size

    def free(self) -> None:
        """Give the room back.

        Raises:
            OSError: it cannot be given back.
        """
        try:
            # Emptied and synced first: a file that somebody has open keeps its room when it is
            # removed, and some file systems give room out again only after their own commit.
            descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            self.held = 0
            return
        try:
            os.ftruncate(descriptor, 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self.held = 0
        self._path.unlink(missing_ok=True)


def _allocate(descriptor: int, size: int) -> None:
    os.ftruncate(descriptor, min(size, os.fstat(descriptor).st_size))
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno not in NO_SUCH_CALL:
                raise
        else:
            return
    for begin in range(0, size, CHUNK):
        # Nothing that a file system could compress.
        _write(descriptor, os.urandom(min(CHUNK, size - begin)), begin)


def _write(descriptor: int, data: bytes, begin: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, begin)
        data, begin = data[written:], begin + written
