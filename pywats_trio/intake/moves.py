"""Moving and removing one file without ever losing another. Everything here blocks.

What renames takes folders, too (`unitmoves`).

Nothing is overwritten, and only the very file is touched: between the look at a path and the call
that changes it, a test program may put the next file there under the same name. So a file is first
renamed and then looked at; if it is another one, it goes back.

Renaming without overwriting is, in this order: `renameat2` with RENAME_NOREPLACE (Linux; one step,
and it may move a file of another user, which `fs.protected_hardlinks` forbids to link); where the
system or the file system does not know it, a hard link and an unlink; where there are no links, an
empty placeholder made with O_EXCL and a rename over it (a crash between these two leaves the empty
file).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import shutil
import stat
import sys
from typing import TYPE_CHECKING, Any, Final

from pywats_trio import faultpoint
from pywats_trio.intake import names
from pywats_trio.intake.scan import TEMPORARY, identity

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.model import Identity

_AT_FDCWD: Final = -100
_NOREPLACE: Final = 1
_UNKNOWN: Final = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP})
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EMLINK})
_CANNOT_SYNC: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF})
_CHUNK: Final = 1024 * 1024


class NotThatFile(Exception):
    """Another file lies under the path, or none; nothing was changed."""


def status_of(path: str) -> os.stat_result | None:
    """Of what lies at `path`, not followed; None if nothing does."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_file(path: str, expected: Identity) -> bool:
    """Whether the very file `expected` lies at `path`."""
    status = status_of(path)
    return status is not None and identity(status) == expected


def _find_renameat2() -> Any | None:  # noqa: ANN401 - a foreign function
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


_renameat2 = _find_renameat2()


def rename_exclusively(source: str, target: str) -> None:
    """Rename within one file system; never over an existing file.

    Raises:
        FileExistsError: something lies at `target`.
        OSError: as `os.rename`; EXDEV: another file system.
    """
    if _renameat2 is None:
        _link_and_unlink(source, target)
        return
    old, new = os.fsencode(source), os.fsencode(target)
    if _renameat2(_AT_FDCWD, old, _AT_FDCWD, new, _NOREPLACE) == 0:
        return
    number = ctypes.get_errno()
    if number not in _UNKNOWN:
        raise OSError(number, os.strerror(number), source, None, target)
    _link_and_unlink(source, target)


def _link_and_unlink(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _rename_over_placeholder(source, target)
    else:
        os.unlink(source)  # noqa: PTH108 - any bytes, as str


def _rename_over_placeholder(source: str, target: str) -> None:
    folder = os.path.isdir(source)  # noqa: PTH112 - any bytes, as str
    if folder:
        os.mkdir(target, 0o700)  # noqa: PTH102
    else:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        os.rename(source, target)  # noqa: PTH104
    except BaseException:
        (os.rmdir if folder else os.unlink)(target)
        raise


def move(source: str, target: str, expected: Identity) -> None:
    """Move the very file `expected` within one file system.

    Raises:
        NotThatFile: another file lies at `source`, or none.
        FileExistsError: another file lies at `target`.
        OSError: it cannot be moved; EXDEV: `target` is on another file system.
    """
    if not is_file(source, expected):
        raise NotThatFile(source)
    try:
        rename_exclusively(source, target)
    except FileExistsError:
        if not is_file(target, expected):
            raise
        # A move by link and unlink that was cut off half-way: both names are this file.
        os.unlink(source)  # noqa: PTH108
    except FileNotFoundError as error:
        if status_of(source) is None:
            raise NotThatFile(source) from error
        raise
    if not is_file(target, expected):
        give_back(target, source)
        raise NotThatFile(source)


def give_back(taken: str, path: str) -> None:
    """Put what was taken by mistake back where it lay, or beside its successor."""
    folder, name = os.path.split(path)
    for candidate in names.candidates(name):
        with contextlib.suppress(FileExistsError):
            rename_exclusively(taken, os.path.join(folder, candidate))  # noqa: PTH118
            return


def remove(path: str, expected: Identity, item_id: int) -> None:
    """Delete the very file `expected`, by way of a name of our own beside it.

    Raises:
        NotThatFile: another file lies at `path`, or none.
        OSError: it cannot be deleted.
    """
    ours = _temporary(os.path.dirname(path), item_id)  # noqa: PTH120
    if not is_file(ours, expected):
        move(path, ours, expected)
    faultpoint.hit("putaway.linked")
    os.unlink(ours)  # noqa: PTH108


def copy_across(
    source: str, target: str, expected: Identity, item_id: int, check: Callable[[], None]
) -> None:
    """Bring the very file `expected` to `target` on another file system and delete it here.

    Copied to a name of our own, synced, read back and compared before it gets its name; only then
    is the source deleted. `check` is called between chunks and may raise to give up.

    Raises:
        NotThatFile: another file lies at `source`, or it changed while it was copied.
        FileExistsError: another file lies at `target`.
        OSError: it cannot be copied; nothing was changed.
    """
    if not is_file(source, expected):
        raise NotThatFile(source)
    if not is_copy(target, source):
        if status_of(target) is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        ours = _temporary(os.path.dirname(target), item_id)  # noqa: PTH120
        try:
            copy(source, ours, check)
            if not is_file(source, expected):
                raise NotThatFile(source)
            rename_exclusively(ours, target)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(ours)  # noqa: PTH108
    sync_folder(os.path.dirname(target))  # noqa: PTH120
    faultpoint.hit("putaway.linked")
    remove(source, expected, item_id)


def copy(source: str, ours: str, check: Callable[[], None]) -> None:
    """Copy a file with its times, synced and read back; `check` may raise to give up."""
    with open(source, "rb") as reader, open(ours, "wb") as writer:  # noqa: PTH123
        status = os.fstat(reader.fileno())
        digest = hashlib.sha256()
        while chunk := reader.read(_CHUNK):
            check()
            digest.update(chunk)
            writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    shutil.copymode(source, ours)
    os.utime(ours, ns=(status.st_atime_ns, status.st_mtime_ns))
    if content_digest(ours) != digest.digest():
        raise OSError(errno.EIO, "the copy reads back differently", ours)


def content_digest(path: str) -> bytes:
    with open(path, "rb") as reader:  # noqa: PTH123
        return hashlib.file_digest(reader, "sha256").digest()


def is_copy(target: str, source: str) -> bool:
    """Whether a former try, cut off before the source was deleted, made `target`."""
    there, here = status_of(target), status_of(source)
    if there is None or here is None or not stat.S_ISREG(there.st_mode):
        return False
    same = (there.st_size, there.st_mtime_ns) == (here.st_size, here.st_mtime_ns)
    return same and content_digest(target) == content_digest(source)


def _temporary(folder: str, item_id: int) -> str:
    return os.path.join(folder, f".{item_id}{TEMPORARY}")  # noqa: PTH118


def find_moved(folder: str, name: str, expected: Identity) -> str:
    """Where a former try left the file in `folder`; empty if it is not there."""
    for candidate in names.candidates(name):
        path = os.path.join(folder, candidate)  # noqa: PTH118
        status = status_of(path)
        if status is None:
            return ""
        found = identity(status)
        same_times = (found.size, found.mtime_ns) == (expected.size, expected.mtime_ns)
        same_inode = found.inode == expected.inode or found.device != expected.device
        if same_times and same_inode:
            return path
    return ""


def make_folder(folder: str) -> None:
    """Make `folder` and what is missing above it, durably."""
    if os.path.isdir(folder):  # noqa: PTH112
        return
    above = os.path.dirname(folder)  # noqa: PTH120
    make_folder(above)
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)  # noqa: PTH102
    sync_folder(above)


def sync_folder(folder: str) -> None:
    """Make the names in `folder` durable; a file system that cannot is left alone."""
    if sys.platform == "win32":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(descriptor)
