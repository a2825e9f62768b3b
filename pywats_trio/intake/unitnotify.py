"""Notifications of a watch folder whose units are folders: what happens in one is of the unit."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from pywats_trio.intake.notify import Notifier
from pywats_trio.intake.scan import within
from pywats_trio.intake.settle import Notice
from pywats_trio.model import Form

if sys.platform == "linux":
    # The package is one module without types.
    from inotify_simple import flags  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from pywats_trio.intake.notify import Batch
    from pywats_trio.intake.unitfolder import UnitFolder


class UnitNotifier(Notifier):
    """As `Notifier`; that units are put away, which moves their folders, ends no watch."""

    def __init__(self, folder: UnitFolder) -> None:
        super().__init__(folder)
        self._units = folder

    def _file(self, directory: str, name: str, mask: int, batch: Batch) -> None:
        if directory != self._units.root:
            self._inside(directory, batch)
        elif self._units.form is Form.PAIR and (header := self._units.at(name)) is not None:
            super()._file(directory, name, mask, batch)
            if mask & (flags.DELETE | flags.MOVED_FROM):
                self._units.forget(header)

    def _directory(self, path: str, mask: int, batch: Batch) -> None:
        if not self._units.enters(path):
            return
        gone = bool(mask & (flags.DELETE | flags.MOVED_FROM))
        if gone:
            self._leave(path)
        elif mask & (flags.CREATE | flags.MOVED_TO):
            batch.new_directories.append(path)
        unit = self._units.around(path)
        if unit == path and gone:
            batch.notices.append((path, Notice.GONE))
        else:
            self._inside(path, batch)

    def _inside(self, directory: str, batch: Batch) -> None:
        unit = self._units.around(directory)
        if unit is not None:
            batch.notices.append((unit, Notice.INSIDE))

    def _leave(self, directory: str) -> None:
        """The watches in a folder that was moved go with it, and would report its old path."""
        below = [watch for watch, path in self._directories.items() if within(path, directory)]
        for watch in below:
            del self._directories[watch]
            with suppress(OSError):  # of a folder that was removed, it has ended already
                self._inotify.rm_watch(watch)
