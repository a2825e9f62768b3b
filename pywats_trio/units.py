"""What belongs to a unit of work that is a folder, and what tells it from the next. All blocks.

A unit is a folder with all that lies in it, or a header file together with the folder that has its
name without the ending (`DUT 1.txt` and `DUT 1/`). Its regular files are the unit; links and
special files in it are left out, but move along with it. No link is followed anywhere.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
from contextlib import contextmanager, suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from attrs import frozen

from pywats_trio.model import Form, Identity
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_FILES: Final = 10_000
"""Files and folders in a unit."""
MAX_DEPTH: Final = 16
"""Folders inside each other in a unit."""
CHUNK: Final = 1 << 20
OPEN_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
OPEN_FILE: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM})
MAY_READ: Final = "Give the service's user the right to read it."


@frozen
class Parts:
    """Where the parts of a unit lie; any bytes, as str."""

    folder: str
    header: str = ""
    """Empty where the unit is a folder alone."""

    @classmethod
    def of(cls, path: str, form: Form) -> Parts:
        """Of the unit that is known under `path`: its folder, or its header file."""
        if form is Form.PAIR:
            return cls(os.path.splitext(path)[0], path)  # noqa: PTH122 - any bytes, as str
        return cls(path)

    @property
    def main(self) -> str:
        """The path that the unit is known under."""
        return self.header or self.folder

    def each(self) -> tuple[str, ...]:
        """The header first: a folder that has lost its header is taken by nobody."""
        return (self.header, self.folder) if self.header else (self.folder,)


class Member(NamedTuple):
    """One regular file of a unit."""

    path: str
    """Relative to the unit's folder, with `/`; empty for the header."""
    size: int
    mtime_ns: int
    inode: int


@frozen
class Obstacle:
    """Why a unit cannot be read whole."""

    kind: str
    """As `Problem.kind`."""
    message: str
    """What follows the unit's name in a sentence."""
    hint: str


class Obstructed(Exception):
    """A unit cannot be read whole; `obstacle` says why."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(obstacle.message)
        self.obstacle = obstacle


class Changed(Exception):
    """A unit is not what a survey found."""

    def __init__(self) -> None:
        super().__init__("it was changed while it was read")


@frozen
class Found:
    """A regular file in an open folder."""

    directory: int
    """The folder's descriptor; it is open until the next file is asked for."""
    name: str
    path: str
    """Relative to where the walk began, with `/`."""
    status: os.stat_result

    @property
    def member(self) -> Member:
        """As a survey has it."""
        status = self.status
        return Member(self.path, status.st_size, status.st_mtime_ns, status.st_ino)


@frozen
class Survey:
    """What one look at a unit found."""

    identity: Identity
    """`size` of all files together, `mtime_ns` of the newest, and `inode` stands for all there is:
    another one as soon as any file has another name, size, time or inode. A move within a file
    system changes nothing of it."""
    ctime_ns: int
    members: tuple[Member, ...] = ()
    """The header first, then by the bytes of their paths; none if there is an obstacle."""
    has_folder: bool = True
    obstacle: Obstacle | None = None


def survey(parts: Parts) -> Survey | None:
    """Look at a unit; None if its folder, or its header if it has one, is missing or a link.

    Raises:
        OSError: the file system is in trouble, and nothing is known of the unit.
    """
    heads = []
    if parts.header:
        status = _regular(parts.header)
        if status is None:
            return None
        heads.append(status)
    try:
        with opened_folder(parts.folder) as root:
            heads.append(os.fstat(root))
            return _surveyed(heads, [found.member for found in walk(root)])
    except Obstructed as error:
        if len(heads) < len(parts.each()):
            heads.append(os.lstat(parts.folder))
        return _surveyed(heads, [], error.obstacle)
    except OSError as error:
        if error.errno not in GONE:
            raise
    return _surveyed(heads, [], has_folder=False) if heads and parts.header else None


@frozen
class Held:
    """A unit that is open, wherever its parts are moved to; whoever gets it closes it."""

    folder: int
    """Descriptors."""
    header: int | None = None

    def survey(self) -> Survey:
        """As `survey` of where it lies.

        Raises:
            Obstructed: there is more in it now than is converted, or what cannot be read.
            OSError: its file system is in trouble.
        """
        return _surveyed(self._heads(), [found.member for found in walk(self.folder)])

    def is_removed(self) -> bool:
        """Whether a part of it has been deleted."""
        return not all(head.st_nlink for head in self._heads())

    def _heads(self) -> list[os.stat_result]:
        return [os.fstat(part) for part in (self.header, self.folder) if part is not None]

    def close(self) -> None:
        """Let it go."""
        for part in (self.header, self.folder):
            if part is not None:
                os.close(part)


def hold(parts: Parts) -> Held:
    """Open both parts of a unit, neither of them by a link.

    Raises:
        Obstructed: this process has not the right to read one.
        OSError: one is not there, or the file system is in trouble.
    """
    header = open_file(parts.header) if parts.header else None
    try:
        return Held(_open_folder(parts.folder), header)
    except BaseException:
        if header is not None:
            os.close(header)
        raise


def content(descriptor: int, member: Member) -> Iterator[bytes]:
    """What a survey found as `member`, from this open file, in pieces.

    Raises:
        Changed: it is not that.
    """
    status = os.fstat(descriptor)
    seen = (status.st_size, status.st_mtime_ns, status.st_ino)
    if seen != member[1:]:
        raise Changed
    done = 0
    while piece := os.pread(descriptor, min(CHUNK, member.size - done), done):
        yield piece
        done += len(piece)
    if done < member.size:
        raise Changed


def open_file(name: str, directory: int | None = None, path: str = "") -> int:
    """Open a file of a unit; `path` is what it is called in the unit, empty for the header.

    Raises:
        Obstructed: this process has not the right to read it.
        OSError: it is not there or is a link, or the file system is in trouble.
    """
    try:
        return os.open(name, OPEN_FILE, dir_fd=directory)
    except OSError as error:
        if error.errno not in FORBIDDEN:
            raise
        what = f"the file {printable(path)!r}" if path else "it"
        why = f"cannot be read: {what}: {error.strerror}"
        raise Obstructed(Obstacle("unreadable", why, MAY_READ)) from error


def _regular(path: str) -> os.stat_result | None:
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


@contextmanager
def opened_folder(path: str, directory: int | None = None) -> Iterator[int]:
    """The descriptor of a folder that is no link, for the length of the block.

    Raises:
        Obstructed: this process has not the right to read it.
        OSError: it is not there, or the file system is in trouble.
    """
    descriptor = _open_folder(path, directory)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open_folder(path: str, directory: int | None = None) -> int:
    try:
        return os.open(path, OPEN_FOLDER, dir_fd=directory)
    except OSError as error:
        if error.errno not in FORBIDDEN:
            raise
        told = printable(os.path.basename(path))  # noqa: PTH119 - any bytes, as str
        why = f"cannot be read: the folder {told!r}: {error.strerror}"
        raise Obstructed(Obstacle("unreadable", why, MAY_READ)) from error


def walk(root: int) -> Iterator[Found]:
    """Every regular file below an open folder; one that comes or goes meanwhile may be left out.

    Raises:
        Obstructed: there is more in it than is converted, or a folder that cannot be read.
        OSError: the file system is in trouble.
    """
    left = itertools.count(MAX_FILES, -1)
    yield from _below(root, "", 0, left)


def _below(directory: int, prefix: str, depth: int, left: Iterator[int]) -> Iterator[Found]:
    folders = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if not next(left):
                why = f"has more than {MAX_FILES} files and folders in it"
                raise Obstructed(Obstacle("too-large", why, "Split it into several."))
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
                continue
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    yield Found(directory, entry.name, prefix + entry.name, status)
    if folders and depth == MAX_DEPTH:
        why = f"has folders inside each other more than {MAX_DEPTH} deep"
        raise Obstructed(Obstacle("too-large", why, "Have its files in fewer folders."))
    for name in folders:
        with _if_there(), opened_folder(name, directory) as below:
            yield from _below(below, f"{prefix}{name}/", depth + 1, left)


@contextmanager
def _if_there() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in GONE:
            raise


def _surveyed(
    heads: list[os.stat_result],
    below: list[Member],
    obstacle: Obstacle | None = None,
    *,
    has_folder: bool = True,
) -> Survey:
    main = heads[0]
    below.sort(key=lambda member: os.fsencode(member.path))
    if stat.S_ISREG(main.st_mode):
        below.insert(0, Member("", main.st_size, main.st_mtime_ns, main.st_ino))
    members = [] if obstacle else below
    identity = Identity(
        device=main.st_dev,
        inode=fingerprint([head.st_ino for head in heads], members),
        size=sum(member.size for member in members),
        mtime_ns=max((member.mtime_ns for member in members), default=main.st_mtime_ns),
    )
    changed = max(head.st_ctime_ns for head in heads)
    return Survey(identity, changed, tuple(members), has_folder, obstacle)


def fingerprint(inodes: Iterable[int], members: Iterable[Member]) -> int:
    """64 bits. The queue remembers them: another way to make them would take all units anew."""
    hashed = blake2b(digest_size=8)
    for inode in inodes:
        hashed.update(b"%d\0" % inode)
    for path, size, mtime_ns, inode in members:
        hashed.update(b"%b\0%d %d %d\0" % (os.fsencode(path), size, mtime_ns, inode))
    return int.from_bytes(hashed.digest(), "big")
