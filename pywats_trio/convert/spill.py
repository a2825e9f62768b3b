"""Reports that wait for the last one of their file: few in memory, many in a file without a name.

All reports of a file are one transaction, so the first waits until the last is made. A file of a
few hundred megabytes may hold as many more of reports, and the service is to stay small.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.convert.spool import Unwritten
from pywats_trio.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

IN_MEMORY: Final = 1 << 20
"""Bytes of reports that may wait in memory; one that is larger is alone in it."""


class _Nameless:
    """A file that is gone when nobody holds it any more, the descriptor as the disk's room."""

    def __init__(self, folder: str) -> None:
        number, path = tempfile.mkstemp(prefix="reports-", dir=folder or None)
        os.unlink(path)  # noqa: PTH108 - any bytes, as str
        self.descriptor = number
        weakref.finalize(self, os.close, number)


@frozen(eq=False)
class Kept:
    """A report in such a file; it can be read as long as anybody holds it."""

    _file: _Nameless
    _offset: int
    _size: int

    def __len__(self) -> int:
        return self._size

    def read(self) -> bytes:
        """Its bytes. Blocks.

        Raises:
            StoreError: the disk does not give them back.
        """
        pieces, at, end = [], self._offset, self._offset + self._size
        try:
            while piece := os.pread(self._file.descriptor, end - at, at):
                pieces.append(piece)
                at += len(piece)
        except OSError as error:
            raise StoreError(f"reports cannot be read back from the disk: {error}") from error
        if at < end:
            raise StoreError("reports cannot be read back from the disk: their file is cut off")
        return b"".join(pieces)


class Spill:
    """Takes the reports of one file to the disk, in `folder`; the file is made with the first."""

    def __init__(self, folder: str = "", spare: int = 0) -> None:
        """`spare`: bytes of the disk that are left free, for what must be committed meanwhile."""
        self._folder = folder
        self._spare = spare
        self._file: _Nameless | None = None
        self._size = 0

    def keep(self, payloads: Iterable[bytes]) -> list[Kept]:
        """Write them; what stands for each. Blocks.

        Raises:
            Unwritten: the disk is full, or nearly.
        """
        try:
            self._look_for_room()
            if self._file is None:
                self._file = _Nameless(self._folder)
            return [self._keep(self._file, payload) for payload in payloads]
        except OSError as error:
            raise Unwritten(error) from error

    def _look_for_room(self) -> None:
        free = os.statvfs(self._folder or tempfile.gettempdir())
        if free.f_bavail * free.f_frsize < self._spare:
            raise OSError(f"less than {self._spare:,} bytes are free")

    def _keep(self, file: _Nameless, payload: bytes) -> Kept:
        start, view = self._size, memoryview(payload)
        while view:
            written = os.pwrite(file.descriptor, view, self._size)
            self._size += written
            view = view[written:]
        return Kept(file, start, len(payload))
