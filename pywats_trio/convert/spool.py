"""A copy of a unit in one file without a name, for a worker to read (`worker.unit`). All blocks.

The worker can then neither reach nor see anything else, however many files there are, and what it
reads does not change under it.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final

from attrs import define, field, frozen

from pywats_trio import units
from pywats_trio.convert.location import AWAY_SECONDS
from pywats_trio.model import Problem, Reason, Wait
from pywats_trio.units import Changed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pywats_trio.units import Found, Held, Member, Survey

PREFIX: Final = "unit-"
SPOOL: Final = "spool"
"""The kind of problem that a disk has which takes no copies."""


class Unwritten(Exception):
    """The disk of data_dir does not take what waits for a conversion; the unit is not to blame."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(str(reason))
        self.reason = reason


def put_off(what: str, error: Unwritten) -> Wait:
    """What becomes of the file meanwhile; `what` cannot be written."""
    problem = Problem(
        SPOOL,
        f"{what} can be written: {error.reason.strerror or error.reason}",
        "Make room on the disk of data_dir; it is tried again by itself.",
    )
    return Wait(AWAY_SECONDS, Reason.CONVERTER, problem)


@frozen
class Spooled:
    """The copy; whoever gets it closes it."""

    descriptor: int
    """It can only be read, and the file is gone when it is closed."""
    index: int
    """Where the index begins."""


def fill(held: Held, found: Survey, folder: str, unwanted: Callable[[], bool]) -> Spooled:
    """Copy the unit as it was `found` into a file in `folder` (see `Location.spool`).

    When it comes to be `unwanted`, what is copied by then is thrown away.

    Raises:
        Changed: it is not what was found, or not wanted.
        Obstructed: a file of it cannot be read.
        Unwritten: the disk is full, or the folder cannot be made.
        OSError: the unit's own file system is in trouble.
    """
    with _nameless(folder) as (writer, descriptor):
        try:
            copy = _Copy(writer, {member.path: member for member in found.members}, unwanted)
            copy.all_of(held)
            index = copy.finish()
        except BaseException:
            os.close(descriptor)
            raise
    return Spooled(descriptor, index)


@contextmanager
def _nameless(folder: str) -> Iterator[tuple[BinaryIO, int]]:
    """A new file to write to for the length of the block, and a descriptor that only reads it."""
    with _writing():
        if folder:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - any bytes, as str
        number, path = tempfile.mkstemp(prefix=PREFIX, dir=folder or None)
    with open(number, "wb", buffering=0) as writer:  # noqa: PTH123 - a descriptor
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        finally:
            os.unlink(path)  # noqa: PTH108
        yield writer, descriptor


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unwritten(error) from error


@define
class _Copy:
    writer: BinaryIO
    expected: dict[str, Member]
    unwanted: Callable[[], bool]
    at: int = 0
    entries: dict[str, tuple[str, int, int, int]] = field(factory=dict)

    def all_of(self, held: Held) -> None:
        """The header, and every file of the folder that was found."""
        if held.header is not None:
            self._one(held.header, "")
        for one in units.walk(held.folder):
            with _opened(one) as descriptor:
                self._one(descriptor, one.path)

    def _one(self, descriptor: int, path: str) -> None:
        start, member = self.at, self.expected.get(path)
        if member is None:
            raise Changed
        for piece in units.content(descriptor, member):
            if self.unwanted():
                raise Changed
            self._write(piece)
        self.entries[path] = (path, start, member.size, member.mtime_ns)

    def _write(self, piece: bytes) -> None:
        self.at += len(piece)
        view = memoryview(piece)
        with _writing():
            while view:
                view = view[self.writer.write(view) :]

    def finish(self) -> int:
        """Write the index; where it begins."""
        if len(self.entries) < len(self.expected):
            raise Changed
        index = self.at
        self._write(json.dumps([self.entries[path] for path in self.expected]).encode())
        return index


@contextmanager
def _opened(one: Found) -> Iterator[int]:
    try:
        descriptor = units.open_file(one.name, one.directory, one.path)
    except OSError as error:
        if error.errno in units.GONE:
            raise Changed from error
        raise
    try:
        yield descriptor
    finally:
        os.close(descriptor)
