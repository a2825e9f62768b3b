"""Page checksums: SQLite's own shim for them, and the sums themselves.

The shim, cksumvfs, comes with APSW as a loadable extension. It writes two 32-bit sums into the last
8 bytes of each page of a database that reserves as many, and refuses a page whose sums differ
(sqlite.org/cksumvfs.html). Pages in the write-ahead log have none; the log's frames have sums of
their own, by the same rule (sqlite.org/walformat.html).
"""

from __future__ import annotations

import contextlib
import struct
import threading
from functools import cache
from typing import TYPE_CHECKING, Final

import apsw
import structlog

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger("pywats_trio.queue")

SIZE: Final = 8
"""Bytes of a page that its sums take."""
EXTENSION: Final = "cksumvfs"
VFS: Final = "cksmvfs"
"""What the extension registers in SQLite."""
READ_WRITE: Final = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
READ_ONLY: Final = apsw.SQLITE_OPEN_READONLY

_MASK: Final = 0xFFFF_FFFF
_loading = threading.Lock()


def vfs() -> str | None:
    """SQLite's name of the shim. Blocks the first time.

    None, for the system's own, where the extension is missing: without checksums a damaged page is
    found only where it is no page any more, and a damaged report by its own checksum.
    """
    with _loading:
        return _load()


def open_file(path: Path, *, flags: int = READ_WRITE) -> apsw.Connection:
    """A connection to the database in the file `path` that keeps its checksums. Blocks.

    Every connection to the queue is made here: one without the shim that writes or, as the last to
    leave, empties the log, would leave pages behind that nobody believes any more.

    Raises:
        apsw.Error: it cannot be opened.
    """
    connection = apsw.Connection(str(path), flags=flags, vfs=vfs())
    # Else a statement whose plan might depend on a value, as every one does that may use a partial
    # index, is prepared anew for each execution: most of what a claim cost.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    return connection


@cache
def _load() -> str | None:
    try:
        from apsw import sqlite_extra  # noqa: PLC0415 - not in every build of APSW
    except ImportError as error:
        _tell_missing(error)
        return None
    before = apsw.vfs_names()[0]
    try:
        with contextlib.closing(apsw.Connection(":memory:")) as connection:
            sqlite_extra.load(connection, EXTENSION)
    except (LookupError, sqlite_extra.NotAvailable, apsw.Error) as error:
        _tell_missing(error)
        return None
    # It makes itself the default of the process, which is not ours alone.
    apsw.set_default_vfs(before)
    return VFS


def _tell_missing(error: Exception) -> None:
    log.warning("pages have no checksums", error=str(error), hint="install APSW from its wheel")


def sums(
    data: bytes, seed: tuple[int, int] = (0, 0), *, big_endian: bool = False
) -> tuple[int, int]:
    """The two sums over `data`, a multiple of 8 bytes, that go on from `seed`."""
    first, second = seed
    words = iter(struct.unpack(f"{'>' if big_endian else '<'}{len(data) // 4}I", data))
    for one, other in zip(words, words, strict=True):
        first = (first + one + second) & _MASK
        second = (second + other + first) & _MASK
    return first, second


class PageSums:
    """Tells good pages from bad ones. For one thread at a time."""

    def __init__(self) -> None:
        # The extension adds its function to every connection from then on.
        self._sql = apsw.Connection(":memory:") if vfs() else None

    def good(self, page: bytes) -> bool:
        """Whether the sums at the end of `page` are those of the rest."""
        if self._sql is not None:
            return bool(self._sql.execute("SELECT verify_checksum(?)", (page,)).get)
        return sums(page[:-SIZE]) == struct.unpack("<2I", page[-SIZE:])

    def close(self) -> None:
        """Let go of what it needs."""
        if self._sql is not None:
            self._sql.close()
