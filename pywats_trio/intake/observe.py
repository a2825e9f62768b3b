"""Following one watch folder: notifications for speed, scans for the truth."""

from __future__ import annotations

import contextlib
import errno
import math
from typing import TYPE_CHECKING, Final

import structlog
import trio
from attrs import define

from pywats_trio.intake import filesystem, notify
from pywats_trio.intake.settle import Notice
from pywats_trio.intake.trouble import Trouble
from pywats_trio.intake.unitfolder import UnitFolder
from pywats_trio.intake.unitnotify import UnitNotifier
from pywats_trio.model import Form
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.intake.scan import Known, Listing
    from pywats_trio.intake.state import FolderState

SCAN_BESIDE_NOTIFICATIONS: Final = 60.0
SCAN_ALONE: Final = 2.0
"""Seconds between scans if `scan_seconds` is 0."""
REARM_SECONDS: Final = 60.0
"""How long a folder is scanned alone before notifications are asked for again."""
GATHER_SECONDS: Final = 0.004
"""Notifications pile up in the kernel this long before the next are read, or a fiftieth of
`settle_seconds` if that is shorter: while files pour in, one reading serves several."""
_AT_ONCE: Final = 500
"""Files of a listing handled without giving way to other tasks."""

_log = structlog.get_logger("pywats_trio.intake")

_NO_WATCHES: Final = frozenset({errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM})


@define
class Statistics:
    """What following the folder has taken so far."""

    scans: int = 0
    notices: int = 0
    watcher_errors: int = 0
    """Overflows, watches that ended, folders that could not be read."""


class Observer:
    """Tells the settler what lies in `folder`, and the ledger what has gone from there."""

    def __init__(self, state: FolderState, statistics: Statistics) -> None:
        options = state.options
        self._options = options
        self._folder = state.folder
        self._settler = state.settler
        self._ledger = state.ledger
        self._thread = state.in_thread
        self._bell = state.bell
        self._statistics = statistics
        self._notifier: notify.Notifier | None = None
        self._pause: trio.CancelScope | None = None
        self._rescan = False
        self._ended = ""
        self._new_directories: list[str] = []
        self.is_behind = False
        """Whether there are new folders in which nothing is heard yet: no unit may be complete."""
        retry = min(SCAN_ALONE, options.scan_seconds or SCAN_ALONE)
        fields = self._fields = {"converter": options.name, "folder": printable(str(options.watch))}
        self.trouble = Trouble(
            "watch folder unusable",
            first=retry,
            longest=max(retry, SCAN_ALONE),
            fields=fields,
            board=state.board,
        )
        self._no_watches = Trouble("no notifications, scanning instead", fields=fields)

    async def run(self) -> None:
        """Follow the folder until cancelled; trouble with it only costs time."""
        while True:
            try:
                await self._follow()
            except OSError as error:
                self._lost()
                await trio.sleep(self.trouble.begins(error))
            else:
                if self._ended:
                    self._lost()

    def _lost(self) -> None:
        self._statistics.watcher_errors += 1
        self._settler.hints_lost()

    async def _follow(self) -> None:
        """Until the watch ends (or, without notifications, until it is time to ask for them)."""
        async with contextlib.AsyncExitStack() as stack:
            until = math.inf
            system = await self._thread(filesystem.of, self._folder.root)
            self._folder.learn(system)
            if notify.available() and system.notifies:
                await self._arm(stack)
                until = math.inf if self._notifier else trio.current_time() + REARM_SECONDS
            self._ended = ""
            self._rescan = True
            while not self._ended and trio.current_time() < until:
                await self._look_around()
                await self._wait()

    async def _arm(self, stack: contextlib.AsyncExitStack) -> None:
        """Ask for notifications; where the system has none left, go on without."""
        try:
            notifier = stack.enter_context(contextlib.closing(self._new_notifier()))
            await self._thread(notifier.arm)
        except OSError as error:
            if error.errno not in _NO_WATCHES:
                raise
            self._no_watches.begins(
                error,
                "raise fs.inotify.max_user_watches and fs.inotify.max_user_instances with sysctl; "
                "until then new files are found a little later",
            )
            return
        self._no_watches.ends()
        self._notifier = notifier
        stack.callback(self._disarm)

    def _new_notifier(self) -> notify.Notifier:
        if isinstance(self._folder, UnitFolder):
            return UnitNotifier(self._folder)
        return notify.Notifier(self._folder)

    def _disarm(self) -> None:
        self._notifier = None

    # Scans.

    def ask_rescan(self) -> None:
        """Scan the whole folder soon."""
        self._rescan = True
        self._interrupt()

    def _interrupt(self) -> None:
        if self._pause is not None:
            self._pause.cancel()

    async def _look_around(self) -> None:
        if self._rescan:
            self._rescan = False
            await self._scan()
        else:
            await self._scan_new()
        self.is_behind = bool(self._new_directories)

    async def _scan(self) -> None:
        self._new_directories.clear()
        known = self._ledger.snapshot()
        if self._notifier is not None and self._folder.recursive:
            # A folder may have come while its notification got lost.
            directories = self._folder.directories(self._folder.root)
            await self._thread(self._notifier.add, directories)
        listing = await self._thread(self._folder.listing, known)
        await self.drain()
        self._statistics.scans += 1
        self.trouble.ends()
        self._compare_root(listing)
        await self._take_in(listing, known)

    async def _scan_new(self) -> None:
        """Folders that were made below: watch them, too, and list what is in them already."""
        while self._new_directories:
            directory = self._new_directories.pop()
            known = self._ledger.snapshot()
            if self._notifier is not None:
                await self._thread(self._notifier.add, self._folder.directories(directory))
            listing = await self._thread(self._folder.list_below, directory, known)
            await self.drain()
            if self._folder.form is not Form.FILE:
                # What was written into it before it was watched has been announced by nobody.
                for path in listing.fresh:
                    self._settler.noticed(path, Notice.INSIDE, trio.current_time())
            await self._take_in(listing, known)

    def _compare_root(self, listing: Listing) -> None:
        """A parent that was renamed tells nobody: the watch would follow the wrong folder."""
        watched = self._notifier.root if self._notifier is not None else None
        if watched not in {None, (listing.device, listing.inode)}:
            self._ended = "another folder lies there"

    async def _take_in(self, listing: Listing, known: Mapping[str, Known]) -> None:
        for path in listing.gone:
            self._ledger.gone(path, known[path])
        for path, look in listing.present.items():
            self._ledger.adopt(path, known[path], look)
        for number, (path, look) in enumerate(listing.fresh.items(), 1):
            if not self._ledger.knows(path, look):
                self._settler.found(path, look, trio.current_time())
            if number % _AT_ONCE == 0:
                await trio.lowlevel.checkpoint()
        self._bell.ring()

    # Notifications.

    async def _wait(self) -> None:
        """Until the next scan is due or asked for, or a folder came, or the watch ended."""
        if self._rescan or self._ended or self._new_directories:
            return
        with trio.move_on_after(self._scan_interval()) as self._pause:
            if self._notifier is None:
                await trio.sleep_forever()
            else:
                await self._listen(self._notifier)
        self._pause = None
        if not self._new_directories:
            self._rescan = True

    def _scan_interval(self) -> float:
        alone = SCAN_ALONE if self._notifier is None else SCAN_BESIDE_NOTIFICATIONS
        return self._options.scan_seconds or alone

    async def _listen(self, notifier: notify.Notifier) -> None:
        gather = min(GATHER_SECONDS, self._options.settle_seconds / 50)
        while True:
            await notifier.wait()
            await self.drain()
            await trio.sleep(gather)

    async def drain(self) -> None:
        """Take in every notification that the kernel has right now.

        Afterwards, and until the caller's next checkpoint, what is known of the files is newer than
        anything that was looked at before the call.
        """
        while self._notifier is not None:
            batch = self._notifier.read()
            if not batch.more:
                return
            self._apply(batch)
            await trio.lowlevel.checkpoint()

    def _apply(self, batch: notify.Batch) -> None:
        now = trio.current_time()
        self._statistics.notices += len(batch.notices)
        for path, notice in batch.notices:
            if notice is Notice.GONE:
                self._ledger.gone(path)
            self._settler.noticed(path, notice, now)
        self._new_directories += batch.new_directories
        self.is_behind = self.is_behind or bool(batch.new_directories)
        self._ended = self._ended or batch.ended
        if batch.rescan:
            self._lost()
            self._rescan = True
            _log.warning(
                "notifications were lost, the folder is read again",
                cause="more changed at once than fs.inotify.max_queued_events",
                **self._fields,
            )
        if self._rescan or self._ended or self._new_directories:
            self._interrupt()
        self._bell.ring()
