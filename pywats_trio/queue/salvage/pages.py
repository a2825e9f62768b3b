"""The pages of a database as its files have them, whether SQLite can open it or not. It all blocks.

What a page belongs to is told by the pointer map (sqlite.org/fileformat2.html, section 1.8): it is
found by numbers alone, so that a page that cannot be read hides none of the others.
"""

from __future__ import annotations

import contextlib
import struct
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final

import apsw
from attrs import frozen

from pywats_trio.queue import checksums
from pywats_trio.queue.salvage.walfile import Log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pywats_trio.queue.salvage.walfile import Frame

SIGNATURE: Final = b"SQLite format 3\0"
PAGE_SIZE: Final = 4096
"""Of every queue; assumed where the header cannot be read."""
ENTRY: Final = 5
"""Bytes of an entry in the pointer map."""
LOCKED: Final = 0x4000_0000
"""The byte that SQLite locks: the page with it holds nothing."""
DEEPEST: Final = 20
"""Levels of a tree, far more than there ever are: a damaged map may lead in a circle."""


class Use(IntEnum):
    """What the pointer map says of a page."""

    UNKNOWN = 0
    ROOT = 1
    FREE = 2
    OVERFLOW_FIRST = 3
    OVERFLOW = 4
    TREE = 5


@frozen
class Page:
    """A page as it stands in the database or its log."""

    number: int
    data: bytes
    good: bool
    """Whether its checksum says so."""


class Pages:
    """The pages of the database in `path`, with what its log has of them.

    A context manager. Neither file is written, locked or made.
    """

    def __init__(self, path: Path, log_path: Path | None = None) -> None:
        """`log_path` None: without the log. Either file may be missing.

        Raises:
            OSError, apsw.Error: a file cannot be read.
        """
        self._close = contextlib.ExitStack()
        with self._close:
            self._sums = checksums.PageSums()
            self._close.callback(self._sums.close)
            self._file = _open(path)
            if self._file is not None:
                self._close.callback(self._file.xClose)
            self._size = self._file.xFileSize() if self._file else 0
            self.page_size = self._told_size()
            self.usable = self.page_size - checksums.SIZE
            self._log = _open_log(log_path, self.page_size)
            if self._log is not None:
                self._close.callback(self._log.close)
            self._frames: dict[int, list[Frame]] = {}
            self._maps: dict[int, bytes | None] = {}
            self.count = self._count()
            """The number of the last page, as of the last commit."""
            self._close = self._close.pop_all()

    def __enter__(self) -> Pages:
        return self

    def __exit__(self, *_error: object) -> None:
        self._close.close()

    def _told_size(self) -> int:
        head = self._read(0, 100)
        told = int.from_bytes(head[16:18]) if head.startswith(SIGNATURE) else 0
        return told if 512 <= told <= 32768 and not told & (told - 1) else PAGE_SIZE  # noqa: PLR2004

    def _read(self, offset: int, size: int) -> bytes:
        if self._file is None or offset >= self._size:
            return b""
        return self._file.xRead(size, offset)

    def _count(self) -> int:
        told = 0
        for frame in self._log.verified() if self._log else ():
            self._frames.setdefault(frame.page, []).append(frame)
            if frame.pages and frame.good:
                told = frame.pages
        first = self.page(1)
        if not told and first is not None and first.good:
            told = int.from_bytes(first.data[28:32])
        # Pages behind the last one are what was there before the file became shorter.
        return told or max([self._size // self.page_size, *self._good_frames()])

    def _good_frames(self) -> list[int]:
        return [number for number, some in self._frames.items() if any(f.good for f in some)]

    # One page

    def versions(self, number: int) -> Iterator[Page]:
        """The page as it was last committed, and where that is damaged older ones, to a good one.

        What stands nowhere, or is cut off, is passed over.
        """
        for frame in reversed(self._frames.get(number, [])):
            assert self._log is not None  # noqa: S101 - it has this frame
            yield Page(number, self._log.page(frame), frame.good)
            if frame.good:
                return
        data = self._read((number - 1) * self.page_size, self.page_size)
        if len(data) == self.page_size:
            # The sums of nothing are nothing: a page of zeros would pass, and is none of a tree.
            yield Page(number, data, any(data) and self._sums.good(data))

    def page(self, number: int) -> Page | None:
        """The newest good version, or the newest one if none is."""
        found = list(self.versions(number))
        return next((page for page in found if page.good), found[0] if found else None)

    # What it is used for

    def use(self, number: int) -> tuple[Use, int]:
        """What the pointer map says of a page, and the page above it."""
        if number == 1:
            return Use.ROOT, 0  # it has no entry
        if not self._has_maps:
            return Use.UNKNOWN, 0
        place = self._map_of(number)
        entries = self._map(place)
        at = (number - place - 1) * ENTRY
        if entries is None or not 0 <= at <= self.usable - ENTRY:
            return Use.UNKNOWN, 0
        kind, above = struct.unpack_from(">BI", entries, at)
        return (Use(kind) if kind <= Use.TREE else Use.UNKNOWN), above

    @cached_property
    def _has_maps(self) -> bool:
        """Only a database that can give free pages back has them: not one of an older layout."""
        first, second = self.page(1), self.page(2)
        if first is not None and first.data.startswith(SIGNATURE):
            return any(first.data[52:56])
        # The first entry is of the page behind it, where the first table begins.
        return second is None or second.data[0] in {0, Use.ROOT}

    def _map(self, place: int) -> bytes | None:
        """The page of the pointer map at `place`; None: it cannot be believed."""
        if place not in self._maps:
            page = self.page(place)
            self._maps[place] = page.data if page and page.good and page.data[0] else None
        return self._maps[place]

    def _map_of(self, number: int) -> int:
        """The page of the pointer map that has the entry of `number`."""
        span = self.usable // ENTRY + 1
        place = max(0, number - 2) // span * span + 2
        return place + 1 if place == LOCKED // self.page_size + 1 else place

    def is_unused(self, number: int) -> bool:
        """Whether nobody ever reads the page: a free one, or that with the byte that is locked."""
        return number == LOCKED // self.page_size + 1 or self.use(number)[0] is Use.FREE

    def is_map(self, number: int) -> bool:
        """Whether the page is one of the pointer map's."""
        return self._has_maps and number > 1 and number == self._map_of(number)

    def root(self, number: int) -> int:
        """The root of the tree that a page stands in; 0: unknown."""
        for _ in range(DEEPEST):
            use, above = self.use(number)
            if use is Use.ROOT:
                return number
            if use is not Use.TREE:
                return 0
            number = above
        return 0

    def free(self) -> set[int]:
        """Pages that the list of free ones names, as far as it can be followed."""
        first = self.page(1)
        if first is None or not first.good:
            return set()
        found: set[int] = set()
        number = int.from_bytes(first.data[32:36])
        while number and number not in found:
            found.add(number)
            page = self.page(number)
            if page is None or not page.good:
                break
            number, count = struct.unpack_from(">2I", page.data)
            some = min(count, self.usable // 4 - 2)
            found.update(struct.unpack_from(f">{some}I", page.data, 8))
        return found


def _open(path: Path) -> apsw.VFSFile | None:
    """By SQLite's own means: a file that we closed ourselves would lose the locks of others."""
    if not path.exists():
        return None
    flags = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READONLY
    return apsw.VFSFile("", str(path), [flags, 0])


def _open_log(path: Path | None, page_size: int) -> Log | None:
    with contextlib.suppress(FileNotFoundError):
        return None if path is None else Log(path, page_size)
    return None
