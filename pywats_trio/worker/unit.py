"""A unit that is a folder as it comes to a worker: one file that holds all of its files.

`convert.spool` writes it. The contents lie one behind the other; behind them, to the end, stands
the index, a JSON list of `[path, start, size, mtime_ns]`: the header first, with an empty path,
then the files by the bytes of their paths. So their number and their names need no other room.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from pywats_trio.converters.api import FolderSource, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import WriteableBuffer

CHUNK: Final = 1 << 20
HEADER: Final = "-"
"""The header's name among those that are hashed."""


class Entry(NamedTuple):
    """One file of the index."""

    path: str
    start: int
    size: int
    mtime_ns: int


class Spool:
    """The file that holds all; closed, nothing that was opened from it can be read any more."""

    def __init__(self, descriptor: int, index: int) -> None:
        """`index`: where the index begins. The descriptor stays the caller's."""
        self._descriptor = os.dup(descriptor)
        self.entries = [Entry(*entry) for entry in json.loads(self._rest(index))]

    def _rest(self, start: int) -> bytes:
        return b"".join(self.pieces(start, os.fstat(self._descriptor).st_size - start))

    def close(self) -> None:
        """The number of the descriptor may soon be another file's."""
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)

    def read(self, start: int, size: int) -> bytes:
        """At most `size` bytes from `start` on."""
        if self._descriptor < 0:
            raise ValueError("the conversion that this file belongs to is over")
        return os.pread(self._descriptor, size, start)

    def pieces(self, start: int, size: int) -> Iterator[bytes]:
        """`size` bytes from `start` on, in pieces."""
        while size and (piece := self.read(start, min(size, CHUNK))):
            start, size = start + len(piece), size - len(piece)
            yield piece

    def sha256(self) -> str:
        """Of all names and contents, in hex.

        It is the SHA-256 of what `sha256sum -z` of GNU coreutils prints for the header (as `-`,
        its standard input) and then for each file, in the order of the index.
        """
        whole = hashlib.sha256()
        for path, start, size, _mtime_ns in self.entries:
            one = hashlib.sha256()
            for piece in self.pieces(start, size):
                one.update(piece)
            whole.update(f"{one.hexdigest()}  ".encode() + os.fsencode(path or HEADER) + b"\0")
        return whole.hexdigest()

    def open(self, entry: Entry) -> BinaryIO:
        """A file of the unit, from its start."""
        return io.BufferedReader(_Window(self, entry.start, entry.size))


class _Window(io.RawIOBase):
    """A stretch of the spool as a file of its own."""

    def __init__(self, spool: Spool, start: int, size: int) -> None:
        self._spool = spool
        self._start = start
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if origin + offset < 0:
            raise ValueError(f"there is no place {origin + offset} in a file")
        self._at = origin + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        left = max(0, self._size - self._at)
        data = self._spool.read(self._start + self._at, min(len(view), left))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def readall(self) -> bytes:
        left = max(0, self._size - self._at)
        data = b"".join(self._spool.pieces(self._start + self._at, left))
        self._at += len(data)
        return data


class Files(Mapping[str, Source]):
    """See `FolderSource.files`: each is opened when it is asked for, so that many cost nothing."""

    def __init__(self, spool: Spool, folder: str) -> None:
        self._spool = spool
        self._folder = folder
        self._entries = {entry.path: entry for entry in spool.entries if entry.path}

    def __getitem__(self, path: str) -> Source:
        entry = self._entries[path]
        return Source(
            self._spool.open(entry),
            path=f"{self._folder}/{path}",
            size=entry.size,
            mtime=entry.mtime_ns / 1e9,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


@contextmanager
def opened_unit(
    descriptor: int, index: int, *, path: str, size: int, mtime_ns: int
) -> Iterator[tuple[FolderSource, str]]:
    """The unit as a converter sees it, and the SHA-256 of all that is in it."""
    spool = Spool(descriptor, index)
    try:
        head = next((entry for entry in spool.entries if not entry.path), None)
        folder = path if head is None else os.path.splitext(path)[0]  # noqa: PTH122
        source = FolderSource(
            Files(spool, folder),
            path=path,
            size=size,
            mtime=mtime_ns / 1e9,
            header=None if head is None else spool.open(head),
        )
        yield source, spool.sha256()
    finally:
        spool.close()
