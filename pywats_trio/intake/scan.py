"""The truth about a watch folder: what lies in it. Everything here blocks and runs in a thread.

Which files are taken: those whose name fits `patterns` and not `ignore`, that are regular files
inside the watch folder after resolving links. A symbolic link to a file inside stands for that
file, which is taken once and under its own path; one that leads outside, to a folder, or nowhere is
left alone, and linked folders are not entered. The target folders (done, error, archive),
`*.error.json`, marker files and our own temporary files are never taken.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
import stat
from typing import TYPE_CHECKING, Final, NamedTuple

from attrs import evolve, field, frozen

from pywats_trio.intake import filesystem
from pywats_trio.intake.settle import Look
from pywats_trio.model import Form, Identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pywats_trio.config.options import ConverterOptions

MARKER: Final = ".done"
ERROR_FILE: Final = ".error.json"
TEMPORARY: Final = ".pywats-trio.tmp"
"""The end of the names of files that we are still making or already removing."""

_OPEN_TO_ASK: Final = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NOCTTY", 0)
)


class Known(NamedTuple):
    """A file that was accepted and still lies there."""

    identity: Identity
    ctime_ns: int | None
    """None: from before this start. It tells a file that was moved away and back in the meantime;
    whether that is a new one the store knows."""

    def is_still(self, look: Look) -> bool:
        """Whether `look` saw this very file, untouched."""
        return self.identity == look.identity and self.ctime_ns in {None, look.ctime_ns}


@frozen
class Listing:
    """What a scan found."""

    device: int
    inode: int
    """Of the watch folder itself."""
    fresh: dict[str, Look] = field(factory=dict)
    """Files that are not among the known ones, or changed since; the oldest first."""
    present: dict[str, Look] = field(factory=dict)
    """Known files that lie there unchanged."""
    gone: list[str] = field(factory=list)
    """Known files that do not lie there any more."""


def identity(status: os.stat_result) -> Identity:
    """What tells a file from the next one of its name."""
    return Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def within(path: str, folder: str) -> bool:
    """Whether `path` lies inside `folder`, or is it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


class Folder:
    """One watch folder with its rules: what is listed, what is looked at."""

    form: Form = Form.FILE
    """What is taken from it."""

    def __init__(self, options: ConverterOptions, patterns: Sequence[str]) -> None:
        self.root = os.fspath(options.watch)
        self.recursive = options.recursive
        self._markers = options.settle == "marker"
        self.targets = tuple(
            os.path.normpath(os.path.join(self.root, target))  # noqa: PTH118 - any bytes, as str
            for target in (options.done_dir, options.error_dir, options.archive_dir)
        )
        self._patterns = tuple(patterns)
        self._ignore = options.ignore
        self.learn(filesystem.FileSystem(""))

    def learn(self, system: filesystem.FileSystem) -> None:
        """Match names as `system` does."""
        flags = re.IGNORECASE if system.ignores_case else 0
        self._wanted = _one_of(self._patterns, flags)
        self._unwanted = _one_of(self._ignore, flags)

    def fits(self, name: str) -> bool:
        """Whether a file of this name may be taken."""
        if self._wanted.match(name) is None or self._unwanted.match(name) is not None:
            return False
        if name.endswith((ERROR_FILE, TEMPORARY)):
            return False
        return not (self._markers and name.endswith(MARKER))

    def marked_by(self, name: str) -> str | None:
        """The name whose marker `name` is."""
        if self._markers and name.endswith(MARKER):
            return name.removesuffix(MARKER)
        return None

    def enters(self, directory: str) -> bool:
        """Whether files in `directory`, below the watch folder, may be taken."""
        return self.recursive and not any(within(directory, t) for t in self.targets)

    def resolved(self, path: str) -> str | None:
        """`path`, or the file inside that it links to; None if it is not to be taken."""
        try:
            if not stat.S_ISLNK(os.lstat(path).st_mode):
                return path
        except OSError:
            return path
        real_root = os.path.realpath(self.root)
        target = os.path.realpath(path)
        if not within(target, real_root):
            return None
        inside = self.root + target[len(real_root.rstrip(os.sep)) :]
        hidden = any(within(inside, t) for t in self.targets)
        return None if hidden or inside == self.root else inside

    # In the folder's thread.

    def directories(self, start: str) -> Iterator[str]:
        """`start` and, in a recursive watch, the folders below it; all that can be read."""
        yield start
        below = [start] if self.recursive else []
        while below:
            try:
                entries = list(os.scandir(below.pop()))
            except OSError:
                continue
            for entry in entries:
                if entry.is_dir(follow_symlinks=False) and self.enters(entry.path):
                    yield entry.path
                    below.append(entry.path)

    def listing(self, known: Mapping[str, Known]) -> Listing:
        """Everything that may be taken, and which of the `known` files have gone.

        A known file of another device than the watch folder's is not called gone: its disk or share
        is away, and it comes back with it.

        Raises:
            OSError: the watch folder cannot be read. A folder below that cannot is left out.
        """
        root = os.stat(self.root)  # noqa: PTH116 - any bytes, as str
        listing = Listing(root.st_dev, root.st_ino)
        self._list_everything(known, listing)
        listing.gone.extend(
            path
            for path, before in known.items()
            if before.identity.device == root.st_dev
            and path not in listing.present
            and path not in listing.fresh
        )
        return oldest_first(listing)

    def list_below(self, directory: str, known: Mapping[str, Known]) -> Listing:
        """What may be taken in `directory`, a new folder below the watch folder."""
        listing = Listing(0, 0)
        self._list_all(self.directories(directory), known, listing)
        return oldest_first(listing)

    def _list_everything(self, known: Mapping[str, Known], into: Listing) -> None:
        self._list(self.root, known, into)
        below = (d for d in self.directories(self.root) if d != self.root)
        self._list_all(below, known, into)

    def _list_all(
        self, directories: Iterable[str], known: Mapping[str, Known], into: Listing
    ) -> None:
        for directory in directories:
            with contextlib.suppress(OSError):
                self._list(directory, known, into)

    def _list(self, directory: str, known: Mapping[str, Known], into: Listing) -> None:
        with os.scandir(directory) as entries:
            for entry in entries:
                path = self._to_take(entry)
                status = None if path is None else _status(path)
                if path is not None and status is not None:
                    look = Look(identity(status), status.st_ctime_ns, self._marked(path))
                    sort_in(path, look, known, into)

    def _to_take(self, entry: os.DirEntry[str]) -> str | None:
        if not self.fits(entry.name):
            return None
        if entry.is_symlink():
            return self.resolved(entry.path)
        return entry.path if entry.is_file(follow_symlinks=False) else None

    def _marked(self, path: str) -> bool:
        return self._markers and _status(path + MARKER) is not None

    def any_links(self, paths: Sequence[str]) -> bool:
        """Whether one of `paths` is a symbolic link, which only a scan resolves."""
        return any(os.path.islink(path) for path in paths)  # noqa: PTH114 - any bytes, as str

    def look(self, paths: Sequence[str]) -> list[Look | None]:
        """A close look at each of `paths`; None: there is no such regular file any more.

        Raises:
            OSError: the file system is in trouble, and nothing is known of the files.
        """
        return [self._look(path) for path in paths]

    def _look(self, path: str) -> Look | None:
        # Opened first: on network file systems only an open makes sure that size and time are not
        # remembered ones (close-to-open consistency, nfs(5)).
        writing = None
        try:
            descriptor = os.open(path, _OPEN_TO_ASK)
        except FileNotFoundError:
            return None
        except OSError:
            # Not ours to read, perhaps. It is still taken: the conversion says what is wrong.
            status = _status(path)
        else:
            try:
                status = os.fstat(descriptor)
                writing = filesystem.written_to(descriptor)
            finally:
                os.close(descriptor)
        if status is None or not stat.S_ISREG(status.st_mode):
            return None
        return Look(identity(status), status.st_ctime_ns, self._marked(path), writing)


def sort_in(path: str, look: Look, known: Mapping[str, Known], into: Listing) -> None:
    before = known.get(path)
    same = before is not None and before.is_still(look)
    (into.present if same else into.fresh)[path] = look


def _one_of(patterns: Sequence[str], flags: int) -> re.Pattern[str]:
    alternatives = "|".join(fnmatch.translate(pattern) for pattern in patterns)
    return re.compile(alternatives or r"(?!)", flags)


def _status(path: str) -> os.stat_result | None:
    """Of a regular file, not of a link; None if there is none."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def oldest_first(listing: Listing) -> Listing:
    by_age = sorted(listing.fresh.items(), key=lambda entry: entry[1].identity.mtime_ns)
    return evolve(listing, fresh=dict(by_age))
