"""A unit that is a folder and is handed over without a watch folder: read, and copied whole.

Only its regular files are copied, with their times; links and special files are left out, as they
are from every unit (`units`). Everything here blocks.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio
from attrs import define

from pywats_trio import units
from pywats_trio.errors import InvalidInputError
from pywats_trio.intake import moves
from pywats_trio.intake.handed import explained, too_large, unreadable
from pywats_trio.text import printable
from pywats_trio.units import Changed, Obstructed, Parts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pywats_trio.model import Form, Identity
    from pywats_trio.units import Found, Held, Member, Obstacle, Survey


@contextmanager
def opened(source: Path, form: Form, max_bytes: int) -> Iterator[HandedUnit]:
    """The unit at `source` (links to it are followed), open for the length of the block.

    Raises:
        NotFoundError: there is none.
        InvalidInputError: it is not whole, empty, too large, or cannot be read.
    """
    told = printable(str(source))
    with explained(told):
        parts = Parts.of(os.path.realpath(source), form)
        try:
            found = units.survey(parts)
            if found is None:
                raise FileNotFoundError
            _check(found, told, max_bytes)
            held = units.hold(parts)
        except Obstructed as error:
            raise _hindered(told, error.obstacle) from error
    try:
        yield HandedUnit(told, held, found)
    finally:
        held.close()


def _check(found: Survey, told: str, max_bytes: int) -> None:
    if found.obstacle is not None:
        raise _hindered(told, found.obstacle)
    if not found.has_folder:
        raise InvalidInputError(f"{told} has no folder of its name beside it; put it there")
    if not found.identity.size:
        raise InvalidInputError(
            f"all files of {told} are empty; look whether the tester's disk was full"
        )
    if found.identity.size > max_bytes:
        raise too_large(told, found.identity.size, max_bytes)


def _hindered(told: str, obstacle: Obstacle) -> InvalidInputError:
    hint = obstacle.hint[:1].lower() + obstacle.hint[1:].rstrip(".")
    return InvalidInputError(f"{told} {obstacle.message}; {hint}")


def _changed(told: str) -> InvalidInputError:
    return InvalidInputError(
        f"{told} was changed while it was copied; submit it when nobody writes to it"
    )


@define
class HandedUnit:
    """A unit that is open, and what one look at it found."""

    _told: str
    _held: Held
    _found: Survey

    def copy_to(self, target: Parts) -> Identity:
        """Write a copy of it, synced but for the entry of `target` in its own folder.

        Cancelled (it runs in a thread of Trio's), it stops between two pieces.

        Raises:
            InvalidInputError: it was changed meanwhile, or cannot be read.
            OSError: the copy cannot be written.
        """
        expected = {member.path: member for member in self._found.members}
        if self._held.header is not None:
            self._copy_one(self._held.header, expected.get(""), target.header)
        folders = {target.folder}
        os.mkdir(target.folder)  # noqa: PTH102 - any bytes, as str
        for one in self._files():
            path = os.path.join(target.folder, one.path)  # noqa: PTH118
            os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
            folders |= _between(target.folder, one.path)
            with self._opened(one) as descriptor:
                self._copy_one(descriptor, expected.get(one.path), path)
        for folder in sorted(folders, key=len, reverse=True):
            moves.sync_folder(folder)
        return self._checked(target)

    def _files(self) -> Iterator[Found]:
        with self._read():
            yield from units.walk(self._held.folder)

    @contextmanager
    def _opened(self, one: Found) -> Iterator[int]:
        with self._read():
            descriptor = units.open_file(one.name, one.directory, one.path)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _copy_one(self, descriptor: int, expected: Member | None, path: str) -> None:
        if expected is None:
            raise _changed(self._told)
        with open(path, "xb") as file:  # noqa: PTH123
            file.writelines(self._pieces(descriptor, expected))
            file.flush()
            os.utime(file.fileno(), ns=(expected.mtime_ns, expected.mtime_ns))
            os.fsync(file.fileno())

    def _pieces(self, descriptor: int, expected: Member) -> Iterator[bytes]:
        with self._read():
            for piece in units.content(descriptor, expected):
                trio.from_thread.check_cancelled()
                yield piece

    def _checked(self, target: Parts) -> Identity:
        """The identity of a copy that holds what was found, if that is still what is there."""
        with self._read():
            now = self._held.survey()
        copied = units.survey(target)
        if now.identity != self._found.identity or copied is None:
            raise _changed(self._told)
        if [one[:2] for one in copied.members] != [one[:2] for one in self._found.members]:
            raise _changed(self._told)
        return copied.identity

    @contextmanager
    def _read(self) -> Iterator[None]:
        """Around what reads the unit: what fails there is not to be taken for the copy's fault."""
        try:
            yield
        except Obstructed as error:
            raise _hindered(self._told, error.obstacle) from error
        except Changed as error:
            raise _changed(self._told) from error
        except OSError as error:
            if error.errno in units.GONE:
                raise _changed(self._told) from error
            raise unreadable(self._told, error) from error


def _between(folder: str, path: str) -> set[str]:
    """The folders from `folder`, without it, down to the file `path` in it."""
    names = path.split("/")[:-1]
    return {os.path.join(folder, *names[: depth + 1]) for depth in range(len(names))}  # noqa: PTH118
