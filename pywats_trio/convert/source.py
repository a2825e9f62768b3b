"""Opening what is to be converted: on its folder's own thread, without following a link out of it.

The worker gets a descriptor, never a path that it could open: of the file itself, and for a unit
that is a folder (`folder`) of one file that holds a copy of all of it (`spool`).
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, field

from pywats_trio.convert.folder import open_unit
from pywats_trio.convert.location import (
    AWAY_SECONDS,
    Cannot,
    Location,
    Opened,
    admit,
    closed_on_error,
    failed,
    identified,
    too_large,
)
from pywats_trio.model import Form, Problem, Reason, Superseded, Wait
from pywats_trio.text import printable

if TYPE_CHECKING:
    from pywats_trio.model import Identity, Outcome

__all__ = ["Location", "Opened", "Opening", "open_source"]

_NO_SUCH: Final = frozenset({errno.ENOENT, errno.ENOTDIR})
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.ENXIO})


async def open_source(location: Location) -> Opened | Outcome:
    """Open one file, or say what becomes of its item instead. Cancelled, nothing stays open."""
    opening = Opening(location)
    try:
        await trio.to_thread.run_sync(opening.run, abandon_on_cancel=True)
    except trio.Cancelled:
        opening.abandon()
        raise
    return opening.result()


@define
class Opening:
    """A file that is opened in a thread.

    The thread of a share that hangs cannot be waited for; what it opens after `abandon`, it closes.
    """

    location: Location
    _lock: threading.Lock = field(factory=threading.Lock)
    _abandoned: bool = False
    _result: Opened | Outcome | Exception | None = None

    def run(self) -> None:
        """In the thread: open the file and keep what came of it."""
        if self._is_abandoned():
            return
        result = self._attempt()
        with self._lock:
            self._result = result
        if self._is_abandoned():
            self._close()

    def _attempt(self) -> Opened | Outcome | Exception:
        try:
            if self.location.form is Form.FILE:
                return _open(self.location)
            return open_unit(self.location, self._is_abandoned)
        except Cannot as cannot:
            return cannot.outcome
        except OSError as error:
            return _unopened(self.location, error)
        except Exception as error:  # noqa: BLE001 - it is raised where the result is asked for
            return error

    def _is_abandoned(self) -> bool:
        with self._lock:
            return self._abandoned

    def abandon(self) -> None:
        """Nobody wants the result any more; an open file is closed, now or when it is opened."""
        with self._lock:
            self._abandoned = True
        self._close()

    def _close(self) -> None:
        with self._lock:
            result, self._result = self._result, None
        if isinstance(result, Opened):
            result.close()

    def result(self) -> Opened | Outcome:
        """What came of it, once `run` has ended."""
        if self._result is None:
            raise RuntimeError("the file was not opened")
        if isinstance(self._result, Exception):
            raise self._result
        return self._result


def _open(location: Location) -> Opened:
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    descriptor = os.open(location.path, flags)
    with closed_on_error(descriptor):
        admit(location, descriptor, location.path)
        status = os.fstat(descriptor)
        identity = identified(status)
        _check(location, status, identity)
    return Opened(descriptor, identity)


def _check(location: Location, status: os.stat_result, identity: Identity) -> None:
    name = printable(location.path)
    if not stat.S_ISREG(status.st_mode):
        raise failed("unreadable", f"{name} is not a regular file")
    if location.expected is not None and identity != location.expected:
        raise Cannot(Superseded("it was replaced while it waited"))
    if not identity.size:
        raise failed("empty", "the file is empty", "Look whether the tester's disk was full.")
    if identity.size > location.max_bytes:
        raise too_large("the file has", identity.size, location.max_bytes)


def _unopened(location: Location, error: OSError) -> Outcome:
    name = printable(location.path)
    if error.errno in _NO_SUCH and not _folder_away(location):
        return failed("gone", f"{name} disappeared before it was converted").outcome
    if error.errno == errno.ELOOP:
        # Intake puts the real path of a link to a file in the folder; this came later.
        return failed("unreadable", f"{name} is a link; only files are converted").outcome
    if error.errno in _FORBIDDEN:
        return failed(
            "unreadable",
            f"{name} cannot be read: {error.strerror}",
            "Give the service's user the right to read it.",
        ).outcome
    problem = Problem(
        "folder-away",
        f"{name} cannot be opened at the moment: {error.strerror}",
        "Look after the folder; it is tried again by itself.",
    )
    return Wait(AWAY_SECONDS, Reason.CONVERTER, problem)


def _folder_away(location: Location) -> bool:
    """Whether the folder is missing, or its mount is: then the file may well come back."""
    if not location.folder:
        return False
    try:
        device = os.stat(location.folder).st_dev  # noqa: PTH116 - the path may be any bytes
        parent = os.stat(os.path.dirname(location.path)).st_dev  # noqa: PTH116, PTH120
    except OSError:
        return not os.path.isdir(location.folder)  # noqa: PTH112
    return location.expected is not None and location.expected.device not in {device, parent}
