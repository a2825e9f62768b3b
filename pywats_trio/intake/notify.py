"""Notifications of one watch folder: Linux inotify on a descriptor that Trio waits for.

Notifications only lower the latency. They may be lost (a queue that overflows) or end (the folder
is removed or moved): the `Batch` says so, and a scan finds out what happened.

inotify and not a library above it: measured against watchfiles, cancelling is immediate, an idle
service does not wake up, and names may hold any bytes.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, field

from pywats_trio.intake.settle import Notice

if sys.platform == "linux":
    # The package is one module without types.
    from inotify_simple import INotify, flags, parse_events  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pywats_trio.intake.scan import Folder

CHUNK: Final = 32 * 1024
"""Bytes of notifications handled without giving way to other tasks: a few hundred."""


@define
class Batch:
    """What the kernel told since the last read, in its order."""

    notices: list[tuple[str, Notice]] = field(factory=list)
    new_directories: list[str] = field(factory=list)
    rescan: bool = False
    """Notifications were lost."""
    ended: str = ""
    """Why the watch does not follow the folder any more; arm again and scan."""
    more: bool = False
    """There may be more to read right now."""


def available() -> bool:
    """Whether this system has notifications that we use."""
    return sys.platform == "linux"


if sys.platform == "linux":
    _MASK: Final = (
        flags.CREATE
        | flags.MODIFY
        | flags.CLOSE_WRITE
        | flags.MOVED_TO
        | flags.MOVED_FROM
        | flags.DELETE
        | flags.DELETE_SELF
        | flags.MOVE_SELF
        | flags.ONLYDIR
        | flags.EXCL_UNLINK
    )
    _ENDED: Final = flags.DELETE_SELF | flags.MOVE_SELF | flags.UNMOUNT
    _GONE: Final = flags.DELETE | flags.MOVED_FROM
    _NOTICES: Final = (
        (int(flags.CLOSE_WRITE), Notice.CLOSED),
        (int(flags.MODIFY), Notice.MODIFIED),
        (int(flags.CREATE), Notice.CREATED),
        (int(flags.MOVED_TO), Notice.MOVED_IN),
        (int(_GONE), Notice.GONE),
    )


class Notifier:
    """The notifications of `folder`. Close it after use, not while a task waits in `wait`."""

    def __init__(self, folder: Folder) -> None:
        """Raises OSError (EMFILE) at `fs.inotify.max_user_instances`. Does not block."""
        self._folder = folder
        self._inotify = INotify(nonblocking=True)
        self._directories: dict[int, str] = {}
        self.root = (0, 0)
        """Device and inode of the folder that is watched."""

    def arm(self) -> None:
        """Watch the folder and, if it is recursive, what is below. Blocks.

        Raises:
            OSError: the folder is not there or may not be read, or the system has no watches left
                (ENOSPC: `fs.inotify.max_user_watches`).
        """
        self._watch(self._folder.root)
        status = os.stat(self._folder.root)  # noqa: PTH116 - any bytes, as str
        self.root = (status.st_dev, status.st_ino)
        self.add(self._folder.directories(self._folder.root))

    def add(self, directories: Iterable[str]) -> None:
        """Watch folders below, too. Blocks. One that is already gone is left out."""
        for directory in directories:
            if directory != self._folder.root:
                with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                    self._watch(directory)

    def _watch(self, directory: str) -> None:
        self._directories[self._inotify.add_watch(directory, _MASK)] = directory

    async def wait(self) -> None:
        """Until there is something to read."""
        await trio.lowlevel.wait_readable(self._inotify.fileno())

    def read(self) -> Batch:
        """What is there now; does not block."""
        batch = Batch()
        try:
            data = os.read(self._inotify.fileno(), CHUNK)
        except BlockingIOError:
            return batch
        for watch, mask, _cookie, name in parse_events(data):
            self._sort_in(watch, mask, name, batch)
        batch.more = True
        return batch

    def _sort_in(self, watch: int, mask: int, name: str, batch: Batch) -> None:
        if mask & flags.Q_OVERFLOW:
            batch.rescan = True
            return
        directory = self._directories.get(watch)
        if directory is None:
            return
        if mask & flags.IGNORED:
            del self._directories[watch]
        elif mask & _ENDED:
            if directory == self._folder.root:
                batch.ended = "the folder was removed, moved or unmounted"
        elif mask & flags.ISDIR:
            self._directory(os.path.join(directory, name), mask, batch)  # noqa: PTH118
        else:
            self._file(directory, name, mask, batch)

    def _directory(self, path: str, mask: int, batch: Batch) -> None:
        if not self._folder.enters(path):
            return
        if mask & flags.MOVED_FROM:
            # The watches below go with it and would report under the old path.
            batch.ended = "a folder below was moved"
        elif mask & (flags.CREATE | flags.MOVED_TO):
            batch.new_directories.append(path)

    def _file(self, directory: str, name: str, mask: int, batch: Batch) -> None:
        marked = self._folder.marked_by(name)
        if marked is not None:
            name = marked
        if not self._folder.fits(name):
            return
        path = os.path.join(directory, name)  # noqa: PTH118 - any bytes, as str
        for flag, notice in _NOTICES:
            if mask & flag:
                batch.notices.append((path, notice if marked is None else Notice.MARKED))
                return

    def close(self) -> None:
        """End the watches."""
        self._inotify.close()
