"""The zip archive of a log, read with care: nothing is unpacked to disk, nothing without a limit.

The sizes that an archive claims are checked before anything is inflated, and `zipfile` gives no
byte more of a member than it claims. So a member that claims little and holds much costs little,
and its check sum shows the lie.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from pywats_trio.converters.api import Reject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DIRECTORY_BYTES: Final = 4 << 20
"""Of the archive's table of contents: some ten thousand runs."""
INFO_BYTES: Final = 64 << 10
"""Of Info.xml, which has some hundred."""
RUN_BYTES: Final = 16 << 20
"""Of one run; a long one has some hundred kilobytes."""
ALL_RUNS_BYTES: Final = 1 << 30
"""Of all runs together."""

_ENCRYPTED: Final = 0x1
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The others are inflated in pieces whose size nobody can limit; XJTAG writes none of them."""
_BROKEN: Final = (
    *(zipfile.BadZipFile, zlib.error, EOFError, struct.error),
    *(NotImplementedError, OverflowError, RuntimeError, ValueError),
)
"""What `zipfile` says of archives that are damaged, or made to do damage."""


@contextmanager
def _refusing(why: str) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise Reject(
            f"{why}: {str(error) or type(error).__name__}",
            hint="It is cut off or damaged; copy it anew.",
        ) from error


class Archive:
    """The members of a zip archive by name.

    Raises:
        Reject: it is none, it is cut off or damaged, or its table of contents is too large.
    """

    def __init__(self, file: BinaryIO) -> None:
        with _refusing("not a complete zip archive"):
            bounded = cast("BinaryIO", _Bounded(file, DIRECTORY_BYTES))
            self._zip = zipfile.ZipFile(bounded)
        self._members: dict[str, list[zipfile.ZipInfo]] = {}
        for info in self._zip.infolist():
            self._members.setdefault(info.filename, []).append(info)

    @property
    def names(self) -> Iterable[str]:
        """Of all members, each once, in the order of the archive."""
        return self._members.keys()

    def check(self, names: Iterable[str], total: int) -> None:
        """Refuse members that claim more than `total` bytes together.

        Raises:
            Reject: they do.
        """
        claimed = sum(info.file_size for name in names for info in self._members[name])
        if claimed > total:
            raise Reject(f"the runs claim {claimed:,} bytes; of more than {total:,} none is read")

    @contextmanager
    def opened(self, name: str, most: int) -> Iterator[BinaryIO]:
        """A member that is there, as a file that can be read once or several times.

        Raises:
            Reject: it is there twice, encrypted, packed in a way that is not read here, claims more
                than `most` bytes, or is damaged. Also what comes of reading it.
        """
        info = self._only(name)
        if info.flag_bits & _ENCRYPTED:
            raise Reject(f'"{name}" is encrypted', hint="Save the log without a password.")
        if info.compress_type not in _METHODS:
            raise Reject(
                f'"{name}" is packed with method {info.compress_type}; 0 (stored) and 8 (deflated) '
                "are read"
            )
        if info.file_size > most:
            raise Reject(f'"{name}" claims {info.file_size:,} bytes; {most:,} are read at most')
        with _refusing(f'"{name}" cannot be read'), self._zip.open(info) as member:
            yield cast("BinaryIO", member)

    def _only(self, name: str) -> zipfile.ZipInfo:
        first, *others = self._members[name]
        if others:
            raise Reject(f'"{name}" is in the archive {1 + len(others)} times')
        return first


class _Bounded:
    """A file of which nothing is read in one piece that has more than `most` bytes.

    `zipfile` reads the table of contents in one piece, whatever its size, and goes wherever the
    table says.
    """

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file = file
        self._size = file.seek(0, os.SEEK_END)
        self._most = most

    def read(self, size: int = -1) -> bytes:
        if size > self._most:
            raise zipfile.BadZipFile(f"{size:,} bytes in one piece, {self._most:,} are read")
        return self._file.read(size if size >= 0 else self._most)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_SET and not 0 <= offset <= self._size:
            raise zipfile.BadZipFile(f"something at {offset:,} of {self._size:,} bytes")
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True
