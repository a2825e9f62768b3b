"""What is handed over without a watch folder: a durable copy below `data_dir/inbox`.

Each copy lies in a folder of its own, so that it keeps its name: converters see it. A copy that was
synced but whose row was never committed has been promised to nobody; the next start removes it.
Everything but `take` blocks.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final

import trio
from attrs import define, field, frozen

from pywats_trio import faultpoint
from pywats_trio.errors import InvalidInputError, StoreError
from pywats_trio.intake import handedunit, moves
from pywats_trio.intake.handed import explained, too_large, unreadable
from pywats_trio.intake.scan import identity
from pywats_trio.intake.trouble import to_do
from pywats_trio.model import Form
from pywats_trio.text import printable
from pywats_trio.units import Parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Set
    from pathlib import Path

    from pywats_trio.model import Identity

_CHUNK: Final = 1024 * 1024
_NO_FILE: Final = frozenset({errno.EISDIR, errno.ENXIO})
CLEAN_UP: Final = 1.0
"""Seconds for the removal of a copy that nobody wants any more."""


@frozen
class Copy:
    """A file, or a unit that is a folder, that lies in the inbox, synced."""

    path: str
    """Which the unit is known under."""
    identity: Identity
    form: Form = Form.FILE


async def take(
    source: Path,
    inbox: Path,
    max_bytes: int,
    *,
    limiter: trio.CapacityLimiter,
    form: Form = Form.FILE,
) -> Copy:
    """Copy `source` (links to it are followed) into the inbox, in a thread, and sync it.

    Cancelled, it returns at once, also if the disk of `source` hangs; the thread that is left
    behind then removes what it has written.

    Raises:
        NotFoundError: there is no such file or folder.
        InvalidInputError: it is not what `form` says, empty, too large, or cannot be read.
        StoreError: the inbox cannot be written; nothing is left there.
    """
    taking = _Taking(source, inbox, max_bytes, form)
    try:
        await trio.to_thread.run_sync(taking.run, limiter=limiter, abandon_on_cancel=True)
    except trio.Cancelled:
        if (copy := taking.abandon()) is not None:
            await discard_soon(copy)
        raise
    return taking.result()


@define
class _Taking:
    """One copy that is made in a thread, which removes it itself if nobody waits any more."""

    source: Path
    inbox: Path
    max_bytes: int
    form: Form
    _lock: threading.Lock = field(factory=threading.Lock)
    _abandoned: bool = False
    _copy: Copy | None = None

    def run(self) -> None:
        """In the thread."""
        if self.form is Form.FILE:
            copy = _copy(self.source, self.inbox, self.max_bytes)
        else:
            copy = _copy_unit(self.source, self.inbox, self.max_bytes, self.form)
        with self._lock:
            if not self._abandoned:
                self._copy = copy
                return
        discard(copy)

    def abandon(self) -> Copy | None:
        """Nobody wants the copy; it is given back here if it is there already."""
        with self._lock:
            self._abandoned = True
            return self._copy

    def result(self) -> Copy:
        """The copy, once `run` has returned."""
        assert self._copy is not None  # noqa: S101 - nobody has abandoned it
        return self._copy


def _copy(source: Path, inbox: Path, max_bytes: int) -> Copy:
    told = printable(str(source))
    with _opened(source, told) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise _not_regular(source, told)
        if not status.st_size:
            raise InvalidInputError(f"{told} is empty; look whether the tester's disk was full")
        if status.st_size > max_bytes:
            raise too_large(told, status.st_size, max_bytes)
        pieces = _pieces(file, told, max_bytes)
        return _write(pieces, source.name, inbox, status.st_mtime_ns)


def _copy_unit(source: Path, inbox: Path, max_bytes: int, form: Form) -> Copy:
    if source.name in {"", ".."}:
        raise InvalidInputError(f"{printable(str(source))} ends with no name; give the whole path")
    with handedunit.opened(source, form, max_bytes) as unit, _own_folder(inbox) as folder:
        target = Parts.of(os.path.join(folder, source.name), form)  # noqa: PTH118 - any bytes, as str
        found = unit.copy_to(target)
    faultpoint.hit("inbox.copied")
    return Copy(target.main, found, form)


def _opened(path: Path, told: str) -> BinaryIO:
    with explained(told):
        try:
            return open(path, "rb", buffering=0, opener=_open_at_once)
        except OSError as error:
            if error.errno in _NO_FILE:
                raise _not_regular(path, told) from error
            raise


def _open_at_once(path: str, flags: int) -> int:
    """A pipe or a terminal must not hold us up, nor become ours."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _pieces(file: BinaryIO, told: str, max_bytes: int) -> Iterator[bytes]:
    """What the file holds; it may have grown since it was looked at, but not without a bound."""
    size = 0
    while True:
        trio.from_thread.check_cancelled()
        try:
            piece = file.read(_CHUNK)
        except OSError as error:
            raise unreadable(told, error) from error
        if not piece:
            return
        size += len(piece)
        if size > max_bytes:
            raise too_large(told, size, max_bytes)
        yield piece


def _not_regular(path: Path, told: str) -> InvalidInputError:
    if path.is_dir():
        return InvalidInputError(f"{told} is a folder; name a converter that takes folders")
    return InvalidInputError(f"{told} is not a regular file; give the path of one")


def _write(pieces: Iterator[bytes], name: str, inbox: Path, mtime_ns: int) -> Copy:
    """With the time of the original, which converters go by where the file says none."""
    with _own_folder(inbox) as folder:
        path = os.path.join(folder, name)  # noqa: PTH118 - any bytes, as str
        with open(path, "xb") as file:  # noqa: PTH123
            file.writelines(pieces)
            file.flush()
            os.utime(file.fileno(), ns=(mtime_ns, mtime_ns))
            os.fsync(file.fileno())
            found = identity(os.fstat(file.fileno()))
    faultpoint.hit("inbox.copied")
    return Copy(path, found)


@contextmanager
def _own_folder(inbox: Path) -> Iterator[str]:
    """A new folder for one copy, synced after the block; nothing is left of what fails in it.

    Raises:
        StoreError: it, or what the block writes there, cannot be written.
    """
    folder = os.path.join(os.fspath(inbox), secrets.token_hex(8))  # noqa: PTH118 - any bytes, as str
    try:
        moves.make_folder(folder)
        yield folder
        moves.sync_folder(folder)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StoreError(
            f"no copy can be written below {printable(os.fspath(inbox))}: {error.strerror}; "
            f"{to_do(error)}"
        ) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def header_alone(copy: Copy) -> Copy:
    """Keep only the header of the copy of a header with its folder: it is a file then."""
    shutil.rmtree(Parts.of(copy.path, copy.form).folder)
    return Copy(copy.path, identity(os.lstat(copy.path)))


def folder_of(path: str) -> str:
    """The folder that a copy has to itself."""
    return os.path.dirname(path)  # noqa: PTH120


def remove_folder(path: str) -> None:
    """Remove the folder of a copy that has left it; one that is not empty stays."""
    with contextlib.suppress(OSError):
        os.rmdir(folder_of(path))  # noqa: PTH106


def discard(copy: Copy) -> None:
    """Remove a copy that was not accepted."""
    shutil.rmtree(folder_of(copy.path), ignore_errors=True)


async def discard_soon(copy: Copy) -> None:
    """Remove it in a thread, whether cancelled or not; a disk that hangs is not waited for."""
    with trio.move_on_after(CLEAN_UP, shield=True):
        await trio.to_thread.run_sync(discard, copy, abandon_on_cancel=True)


def sweep(inbox: Path, accepted: Set[str]) -> int:
    """Remove what is left of copies that were not `accepted` (their paths); how many."""
    kept = {folder_of(path) for path in accepted}
    left = [entry for entry in _entries(inbox) if entry not in kept]
    for entry in left:
        shutil.rmtree(entry, ignore_errors=True)
    return len(left)


def _entries(inbox: Path) -> list[str]:
    try:
        with os.scandir(os.fspath(inbox)) as entries:
            return [entry.path for entry in entries]
    except FileNotFoundError:
        return []
