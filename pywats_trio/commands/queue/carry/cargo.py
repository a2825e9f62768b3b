"""Reading an export: a folder or a zip, from a stick that anybody may have touched. All blocks.

Nothing is ever unpacked: entries are looked up by the names in the manifest, and no more is read of
each than the manifest says. So neither a path in a zip nor its sizes can do harm.
"""

from __future__ import annotations

import contextlib
import os
import stat
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Final, Protocol

from attrs import frozen

from pywats_trio.commands.queue.carry.manifest import LARGEST, NAME
from pywats_trio.errors import InvalidInputError, NotFoundError
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_DAMAGED: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What `zipfile` raises for an entry that is damaged, encrypted, or of a method unknown here."""
AGAIN: Final = "carry the export over again"


class Unreadable(Exception):
    """One file of it cannot be used: a sentence without the export's name."""


class Cargo(Protocol):
    """An export that lies somewhere."""

    def manifest(self) -> bytes:
        """The bytes of its manifest. Raises InvalidInputError."""
        ...

    def report(self, name: str, size: int) -> bytes:
        """The bytes of a file of it, at most `size` and one more. Raises Unreadable."""
        ...


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Cargo]:
    """The export at `path`; closed when the block is left.

    Raises:
        NotFoundError: there is nothing.
        InvalidInputError: it is neither a folder nor a zip, or cannot be read.
    """
    told = printable(str(path))
    if path.is_dir():
        yield _Folder(path, told)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            yield _Zip(archive, told)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is nothing at {told}; check the path") from error
    except (zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        raise InvalidInputError(f"{told} is no whole zip ({error}); {AGAIN}") from error
    except OSError as error:
        raise InvalidInputError(f"{told} cannot be read ({error.strerror})") from error


def read_file(path: Path, limit: int) -> bytes:
    """A regular file of at most `limit` bytes.

    Raises:
        NotFoundError, InvalidInputError: there is none, or it cannot be read or is larger.
    """
    told = printable(str(path))
    try:
        data = _read(str(path), limit)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {told}; check the path") from error
    except (OSError, Unreadable) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InvalidInputError(f"{told} cannot be read ({why})") from error
    if len(data) > limit:
        raise InvalidInputError(f"{told} is larger than {limit} bytes, so it is none of ours")
    return data


def _read(path: str, limit: int) -> bytes:
    with open(os.open(path, _FLAGS), "rb", buffering=0) as file:  # noqa: PTH123
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Unreadable("it is no regular file")
        return _some(file, limit)


def _some(file: IO[bytes], limit: int) -> bytes:
    """Up to `limit` bytes, and one more if there is."""
    pieces, left = [], limit + 1
    while left and (piece := file.read(min(left, 1024 * 1024))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


@frozen
class _Folder:
    _path: Path
    _told: str

    def manifest(self) -> bytes:
        if not (self._path / NAME).exists():
            raise InvalidInputError(
                f"{self._told} has no {NAME}; name the folder or the zip that `queue export` made"
            )
        return read_file(self._path / NAME, LARGEST)

    def report(self, name: str, size: int) -> bytes:
        try:
            return _read(str(self._path / name), size)
        except FileNotFoundError as error:
            raise Unreadable("it is missing") from error
        except OSError as error:
            raise Unreadable(f"it cannot be read: {error.strerror}") from error


class _Zip:
    def __init__(self, archive: zipfile.ZipFile, told: str) -> None:
        self._archive = archive
        self._told = told
        self._entries: dict[str, zipfile.ZipInfo] = {}
        for entry in archive.infolist():
            if entry.filename in self._entries:
                raise InvalidInputError(
                    f"{told} has {printable(entry.filename)!r} twice, so it is not as it was "
                    f"written; {AGAIN}"
                )
            self._entries[entry.filename] = entry
        self._folder = self._top()

    def _top(self) -> str:
        """The folder that the manifest is in: somebody may have packed the export's folder."""
        found = [name for name in self._entries if name == NAME or name.endswith(f"/{NAME}")]
        if len(found) != 1 or found[0].count("/") > 1:
            raise InvalidInputError(
                f"{self._told} has no {NAME}; name the folder or the zip that `queue export` made"
            )
        return found[0].removesuffix(NAME)

    def manifest(self) -> bytes:
        try:
            data = self.report(NAME, LARGEST)
        except Unreadable as error:
            raise InvalidInputError(f"{NAME} in {self._told}: {error}; {AGAIN}") from error
        if len(data) > LARGEST:
            raise InvalidInputError(f"{NAME} in {self._told} is larger than {LARGEST} bytes")
        return data

    def report(self, name: str, size: int) -> bytes:
        entry = self._entries.get(self._folder + name)
        if entry is None:
            raise Unreadable("it is missing")
        try:
            with self._archive.open(entry) as file:
                return _some(file, size)
        except _DAMAGED as error:
            raise Unreadable(f"it cannot be unpacked: {error}") from error
        except OSError as error:
            raise Unreadable(f"it cannot be read: {error.strerror}") from error
