"""SQLite's write-ahead log, as its file says it is (sqlite.org/walformat.html). Everything blocks.

After a crash SQLite reads the log up to the first frame whose sums are wrong and forgets what comes
behind it without a word. Each frame's sums go on from those of the frame before, which are stored
with it: so the frames behind a damaged one can be told good from bad all the same.
"""

from __future__ import annotations

import os
import struct
import sys
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from pywats_trio.queue.checksums import sums

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEADER: Final = 32
"""Bytes before the first frame."""
FRAME: Final = 24
"""Bytes before the page of a frame."""
_MAGIC: Final = 0x377F0682
"""The lowest bit says whether the sums are of big-endian words."""

Sums = tuple[int, int]


@frozen
class Head:
    """What a log begins with."""

    page_size: int
    big_endian: bool
    salts: bytes
    """The mark of the log's age: its frames have the same; they change when it begins anew."""
    sums: Sums
    good: bool
    """Whether SQLite would read the log at all."""

    @property
    def stride(self) -> int:
        """Bytes from one frame to the next."""
        return FRAME + self.page_size


@frozen
class Frame:
    """A page as some transaction left it."""

    page: int
    """Its number, from 1."""
    pages: int
    """In the database after the transaction that this frame ends; 0: it ends none."""
    salts: bytes
    sums: Sums
    """As stored."""
    offset: int
    """Of the page's bytes in the file."""
    good: bool = True


def read_head(raw: bytes, page_size: int) -> Head | None:
    """The head of the log that begins with `raw`; None: it is too short to have one.

    `page_size` is assumed where the head is damaged.
    """
    if len(raw) < HEADER:
        return None
    magic, _version, told, _sequence = struct.unpack(">4I", raw[:16])
    big_endian = bool(magic & 1)
    stored: Sums = struct.unpack(">2I", raw[24:HEADER])
    good = magic & ~1 == _MAGIC and sums(raw[:24], big_endian=big_endian) == stored
    if not good:
        told, big_endian = page_size, sys.byteorder == "big"
    return Head(told, big_endian, raw[16:24], stored, good)


class Log:
    """The log in the file `path`, open until `close`."""

    def __init__(self, path: Path, page_size: int) -> None:
        """Raises OSError: it cannot be read; FileNotFoundError: there is none."""
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self.size = os.fstat(self._descriptor).st_size
        self.head = read_head(os.pread(self._descriptor, HEADER, 0), page_size)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def page(self, frame: Frame) -> bytes:
        """The page that `frame` holds."""
        assert self.head is not None  # noqa: S101 - there are frames only where there is a head
        return os.pread(self._descriptor, self.head.page_size, frame.offset)

    def frames(self) -> Iterator[Frame]:
        """Every whole frame of the file, of whatever age, in order; `good` is not looked at."""
        if self.head is None:
            return
        for begin in range(HEADER, self.size - self.head.stride + 1, self.head.stride):
            raw = os.pread(self._descriptor, FRAME, begin)
            page, pages = struct.unpack(">2I", raw[:8])
            yield Frame(page, pages, raw[8:16], struct.unpack(">2I", raw[16:]), begin + FRAME)

    @property
    def salts(self) -> bytes:
        """Of the present age; those of the first frame, where the log's own head is damaged."""
        if self.head is None:
            return b""
        first = None if self.head.good else next(self.frames(), None)
        return self.head.salts if first is None else first.salts

    def commits(self) -> list[int]:
        """How many frames there are up to each commit of the present age, by their heads alone."""
        salts = self.salts
        return [
            number
            for number, frame in enumerate(self.frames(), start=1)
            if frame.pages and frame.salts == salts
        ]

    def verified(self) -> list[Frame]:
        """The frames of the present age up to its last commit, each told good or bad.

        Of a bad one the number of the page may be wrong, too.
        """
        if self.head is None:
            return []
        salts, chain = self.salts, _Chain(self, self.head)
        found: list[Frame] = []
        end, belongs = 0, True
        for frame in self.frames():
            good, was_good = chain.follows(frame)
            if was_good and belongs and found:
                found[-1] = evolve(found[-1], good=True)
            # Where the salts themselves are damaged the sums tell; of an earlier age neither does.
            belongs = frame.salts == salts or (belongs and good)
            if belongs:
                found.append(evolve(frame, good=good))
                end = len(found) if frame.pages else end
        return found[:end]


class _Chain:
    """Each frame's sums go on from those of the frame before."""

    def __init__(self, log: Log, head: Head) -> None:
        self._log = log
        self._big_endian = head.big_endian
        self._stored = self._computed = head.sums

    def follows(self, frame: Frame) -> tuple[bool, bool]:
        """Whether `frame` is good, and whether it shows that the one before was good after all.

        That is so where only the stored sums of that one are damaged.
        """
        data = struct.pack(">2I", frame.page, frame.pages) + self._log.page(frame)
        after = {seed: self._sums(data, seed) for seed in {self._stored, self._computed}}
        was_good = self._stored != self._computed and after[self._computed] == frame.sums
        good = was_good or after[self._stored] == frame.sums
        self._computed = after[self._computed if was_good else self._stored]
        self._stored = frame.sums
        return good, was_good

    def _sums(self, data: bytes, seed: Sums) -> Sums:
        return sums(data, seed, big_endian=self._big_endian)


INDEX_HEADER: Final = 48
_BACKFILLED: Final = 2 * INDEX_HEADER
"""Where the index says how much of the log is in the database; behind two copies of its header."""
_INDEX_VERSION: Final = 3007000


@frozen
class Index:
    """What the log's index in shared memory knows: after a crash, how far the log was committed."""

    salts: bytes
    frames: int
    """Committed."""
    backfilled: int
    """Of these, written into the database."""


def read_index(raw: bytes) -> Index | None:
    """The index in a `-shm` file that begins with `raw`; None: it says nothing.

    Never read the file while this process has the database open: closing it would drop the locks
    that SQLite holds there (POSIX).
    """
    header = raw[:INDEX_HEADER]
    if len(raw) < _BACKFILLED + 4 or raw[INDEX_HEADER:_BACKFILLED] != header:
        return None
    version, initialised, frames = struct.unpack_from("=I8xB3xI", header)
    stored: Sums = struct.unpack_from("=2I", header, 40)
    if version != _INDEX_VERSION or not initialised:
        return None
    if stored != sums(header[:40], big_endian=sys.byteorder == "big"):
        return None
    (backfilled,) = struct.unpack_from("=I", raw, _BACKFILLED)
    return Index(header[32:40], frames, backfilled)
