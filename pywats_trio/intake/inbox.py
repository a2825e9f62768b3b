"""Files that are handed over without a watch folder: a durable copy below `data_dir/inbox`.

Each copy lies in a folder of its own, so that it keeps its name: converters see it. A copy that was
synced but whose row was never committed has been promised to nobody; the next start removes it.
Everything here blocks.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.errors import InvalidInputError, NotFoundError
from pywats_trio.intake import moves
from pywats_trio.intake.scan import identity
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Set
    from pathlib import Path

    from pywats_trio.model import Identity

_CHUNK: Final = 1024 * 1024


@frozen
class Copy:
    """A file that lies in the inbox, synced."""

    path: str
    identity: Identity


def take(source: Path, inbox: Path, max_bytes: int) -> Copy:
    """Copy `source` (links are followed) into the inbox and sync it.

    Raises:
        NotFoundError: there is no such file.
        InvalidInputError: it is no regular file, empty, too large, or cannot be read.
        OSError: the inbox cannot be written; nothing is left there.
    """
    with contextlib.closing(_Opened(source, max_bytes)) as opened:
        return _write(opened, inbox)


def put(name: str, content: bytes, inbox: Path, max_bytes: int) -> Copy:
    """As `take`, of bytes that come with a file's name.

    Raises:
        InvalidInputError: they are too many or none, or `name` is no name of a file.
        OSError: as above.
    """
    if not name or name in {".", ".."} or "/" in name or "\0" in name:
        raise InvalidInputError(f"{name!r} is no name of a file; give one such as 'unit-1.json'")
    _check_size(name, len(content), max_bytes)
    return _write(_Bytes(name, content), inbox)


class _Opened:
    """A file on disk, read piece by piece."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.name = path.name
        told = printable(str(path))
        try:
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
            self._descriptor = os.open(path, flags)
        except FileNotFoundError as error:
            raise NotFoundError(f"there is no file {told}; check the path") from error
        except OSError as error:
            raise InvalidInputError(
                f"{told} cannot be read: {error.strerror}; "
                "give the service's user the right to read it"
            ) from error
        try:
            _check(told, os.fstat(self._descriptor), max_bytes)
        except BaseException:
            self.close()
            raise

    def pieces(self) -> list[bytes]:
        """What comes next; nothing at the end."""
        piece = os.read(self._descriptor, _CHUNK)
        return [piece] if piece else []

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)


class _Bytes:
    """Bytes in memory, read at once."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self._left = [content]

    def pieces(self) -> list[bytes]:
        """All of them, then nothing."""
        left, self._left = self._left, []
        return left


def _check(told: str, status: os.stat_result, max_bytes: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise InvalidInputError(f"{told} is not a regular file; give the path of one")
    _check_size(told, status.st_size, max_bytes)


def _check_size(told: str, size: int, max_bytes: int) -> None:
    if not size:
        raise InvalidInputError(f"{told} is empty; look whether the tester's disk was full")
    if size > max_bytes:
        raise InvalidInputError(
            f"{told} has {size} bytes, at most {max_bytes} are converted; "
            "raise workers.max_input_mb, or split the file"
        )


def _write(source: _Opened | _Bytes, inbox: Path) -> Copy:
    folder = os.path.join(os.fspath(inbox), secrets.token_hex(8))  # noqa: PTH118 - any bytes, as str
    moves.make_folder(folder)
    path = os.path.join(folder, source.name)  # noqa: PTH118
    try:
        with open(path, "xb") as file:  # noqa: PTH123
            while pieces := source.pieces():
                file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
            found = identity(os.fstat(file.fileno()))
        moves.sync_folder(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Copy(path, found)


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
