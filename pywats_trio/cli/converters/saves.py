"""Waiting until somebody saves a file, with any editor, on any file system.

Notifications only say "look": a save is another inode, size or time, that then stands still for a
moment. So the temporary files, renames and repeated writes of one save are one.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Final, Self

import trio

from pywats_trio.intake import filesystem
from pywats_trio.service.filewatch import Ears

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

SETTLE_SECONDS: Final = 0.1
"""For so long the files stand still before they are used."""
LOOK_SECONDS: Final = 1.0
"""Between two looks where nothing notifies."""

_Seen = dict["Path", tuple[int, int, int, int]]


class Saves:
    """A context manager; inside, `wait` returns each time some of `files` have been saved.

    A file that is not there is waited for. `notified`: whether notifications are used where the
    system has them; else there is a look every `look_seconds`.
    """

    def __init__(
        self, files: Sequence[Path], *, notified: bool = True, look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._files = files
        self._notified = notified and sys.platform == "linux"
        self._look_seconds = look_seconds
        self._ears: Ears | None = None
        self._stack = ExitStack()
        self._seen = _look(files)

    def __enter__(self) -> Self:
        folders = {os.path.dirname(path) for file in self._files for path in _names(file)}  # noqa: PTH120
        if self._notified and all(filesystem.of(folder).notifies for folder in folders):
            self._ears = self._listening(folders)
        return self

    def _listening(self, folders: set[str]) -> Ears | None:
        """None: the system has no more of what it takes, or a folder went away."""
        try:
            ears = self._stack.enter_context(closing(Ears()))
        except OSError:
            return None
        return ears if ears.listen(folders) else None

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    async def wait(self) -> list[Path]:
        """Those that were saved since the last call, or since this was made; at least one."""
        while True:
            before = await trio.to_thread.run_sync(_look, self._files, abandon_on_cancel=True)
            if changed := self._changed(before):
                now = await self._settled(before)
                changed = self._changed(now) or changed
                self._seen |= now
                return changed
            await self._news()

    def _changed(self, now: _Seen) -> list[Path]:
        return [file for file in self._files if file in now and now[file] != self._seen.get(file)]

    async def _settled(self, before: _Seen) -> _Seen:
        """What the files keep for a while."""
        while True:
            await trio.sleep(SETTLE_SECONDS)
            now = await trio.to_thread.run_sync(_look, self._files, abandon_on_cancel=True)
            if now == before:
                return now
            before = now

    async def _news(self) -> None:
        if self._ears is None:
            await trio.sleep(self._look_seconds)
        else:
            await self._ears.hear()


def _names(file: Path) -> tuple[str, str]:
    """The file as it is named, and as it is: an editor may replace either."""
    return os.path.abspath(file), os.path.realpath(file)  # noqa: PTH100


def _look(files: Sequence[Path]) -> _Seen:
    """The files that are there, and what tells that they were saved. Blocks."""
    seen: _Seen = {}
    for file in files:
        try:
            status = file.stat()
        except OSError:
            continue
        seen[file] = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
    return seen
