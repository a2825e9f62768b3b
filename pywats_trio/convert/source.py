"""Opening a file to convert: on its folder's own thread, without following a link out of it.

The worker gets the descriptor, never a path that it could open.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, field, frozen

from pywats_trio.config.options import MIB
from pywats_trio.model import Failed, Identity, Problem, Reason, Superseded, Wait
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.model import Outcome

AWAY_SECONDS: Final = 30.0
"""Before a folder that is away, or a system out of resources, is tried again."""
_NO_SUCH: Final = frozenset({errno.ENOENT, errno.ENOTDIR})
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.ENXIO})


@frozen
class Place:
    """Where a file is and what it should be."""

    path: str
    folder: str
    """The watch folder that it must lie in after resolving links; empty: anywhere."""
    expected: Identity | None
    max_bytes: int


@frozen
class Opened:
    """An open file; whoever gets it closes it."""

    descriptor: int
    identity: Identity


class _Cannot(Exception):
    """Never leaves this module."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


async def open_source(place: Place) -> Opened | Outcome:
    """Open one file, or say what becomes of its item instead. Cancelled, nothing stays open."""
    opening = Opening(place)
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

    place: Place
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
            return _open(self.place)
        except _Cannot as cannot:
            return cannot.outcome
        except OSError as error:
            return _unopened(self.place, error)
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
            os.close(result.descriptor)

    def result(self) -> Opened | Outcome:
        """What came of it, once `run` has ended."""
        if self._result is None:
            raise RuntimeError("the file was not opened")
        if isinstance(self._result, Exception):
            raise self._result
        return self._result


def _open(place: Place) -> Opened:
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    descriptor = os.open(place.path, flags)
    with _closed_on_error(descriptor):
        real = _real(descriptor, place.path)
        # The path itself was taken when it lay in the folder; another folder may be watched now.
        if place.folder and real != place.path and not _inside(real, place.folder):
            raise _failed("unreadable", f"{printable(place.path)} leads out of its watch folder")
        status = os.fstat(descriptor)
        identity = Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        _check(place, status, identity)
    return Opened(descriptor, identity)


@contextmanager
def _closed_on_error(descriptor: int) -> Iterator[None]:
    try:
        yield
    except BaseException:
        os.close(descriptor)
        raise


def _real(descriptor: int, path: str) -> str:
    """Where an open file really lies; the kernel knows, and resolving the path again is slow."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - any bytes, as str
    except OSError:
        return os.path.realpath(path)


def _inside(real: str, folder: str) -> bool:
    """Whether a resolved path lies in `folder`, which is itself resolved only if it must be."""
    return any(real.startswith(f.rstrip(os.sep) + os.sep) for f in _spellings(folder))


def _spellings(folder: str) -> Iterator[str]:
    yield folder
    yield os.path.realpath(folder)


def _check(place: Place, status: os.stat_result, identity: Identity) -> None:
    name = printable(place.path)
    if not stat.S_ISREG(status.st_mode):
        raise _failed("unreadable", f"{name} is not a regular file")
    if place.expected is not None and identity != place.expected:
        raise _Cannot(Superseded("it was replaced while it waited"))
    if not identity.size:
        raise _failed("empty", "the file is empty", "Look whether the tester's disk was full.")
    if identity.size > place.max_bytes:
        raise _failed(
            "too-large",
            f"the file has {identity.size / MIB:.1f} MiB, at most {place.max_bytes / MIB:g} MiB "
            "are converted",
            "Raise workers.max_input_mb, or split the file.",
        )


def _unopened(place: Place, error: OSError) -> Outcome:
    name = printable(place.path)
    if error.errno in _NO_SUCH and not _folder_away(place):
        return _failed("gone", f"{name} disappeared before it was converted").outcome
    if error.errno == errno.ELOOP:
        # Intake puts the real path of a link to a file in the folder; this came later.
        return _failed("unreadable", f"{name} is a link; only files are converted").outcome
    if error.errno in _FORBIDDEN:
        return _failed(
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


def _folder_away(place: Place) -> bool:
    """Whether the folder is missing, or its mount is: then the file may well come back."""
    if not place.folder:
        return False
    try:
        device = os.stat(place.folder).st_dev  # noqa: PTH116 - the path may be any bytes
        parent = os.stat(os.path.dirname(place.path)).st_dev  # noqa: PTH116, PTH120
    except OSError:
        return not os.path.isdir(place.folder)  # noqa: PTH112
    return place.expected is not None and place.expected.device not in {device, parent}


def _failed(kind: str, message: str, hint: str = "") -> _Cannot:
    return _Cannot(Failed(Problem(kind, message, hint)))
