"""What is opened to be converted, what comes of it, and where it may lie. All blocks."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.config.options import MIB
from pywats_trio.convert.request import NO_UNIT
from pywats_trio.model import Failed, Form, Identity, Problem
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.model import Outcome
    from pywats_trio.units import Held

AWAY_SECONDS: Final = 30.0
"""Before a folder that is away, or a system out of resources, is tried again."""


@frozen
class Location:
    """Where a file is and what it should be."""

    path: str
    folder: str
    """The watch folder that it must lie in after resolving links; empty: anywhere."""
    expected: Identity | None
    max_bytes: int
    form: Form = Form.FILE
    spool: str = ""
    """The folder for copies of units, made where it is missing; empty: the system's for such."""


@frozen
class Opened:
    """An open file, or the copy of a unit; whoever gets it calls `close`."""

    descriptor: int
    identity: Identity
    unit: Mapping[str, Any] = NO_UNIT
    """What a request says of a unit, beside what it says of any file."""
    held: Held | None = None
    """The unit itself."""

    def close(self) -> None:
        """Here and not in a thread: closing what was only read asks nothing of a share."""
        os.close(self.descriptor)
        if self.held is not None:
            self.held.close()


def identified(status: os.stat_result) -> Identity:
    """Which state of which file it is."""
    return Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


class Cannot(Exception):
    """It cannot be opened; `outcome` is what becomes of its item. It ends where a thread does."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


def admit(location: Location, descriptor: int, path: str) -> None:
    """Only what lies in the watch folder."""
    real = _real(descriptor, path)
    # The path itself was taken when it lay in the folder; another folder may be watched now.
    if location.folder and real != path and not _inside(real, location.folder):
        raise failed("unreadable", f"{printable(path)} leads out of its watch folder")


@contextmanager
def closed_on_error(descriptor: int) -> Iterator[None]:
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


def too_large(what: str, size: int, most: int) -> Cannot:
    return failed(
        "too-large",
        f"{what} {size / MIB:.1f} MiB, at most {most / MIB:g} MiB are converted",
        "Raise workers.max_input_mb, or split the file.",
    )


def failed(kind: str, message: str, hint: str = "") -> Cannot:
    return Cannot(Failed(Problem(kind, message, hint)))
