"""Whether files can really be made, renamed and removed in a folder. Everything here blocks.

Plain strings and `os`: a hundred folders are tried while a service starts.
"""

from __future__ import annotations

import contextlib
import os

from pywats_trio.intake.names import fitted
from pywats_trio.intake.scan import TEMPORARY


def try_writing(folder: str, name: str, *, sync: bool = False) -> None:
    """Make a file in `folder`, rename it and remove it; with `sync`, write and sync it, too.

    What is left of a try of this `name` that was killed is removed by the next one. If somebody
    else tries by the same name at the same moment, files can be made there. No intake ever takes
    them (`scan.TEMPORARY`).

    Raises:
        OSError: one of these cannot be done.
    """
    made, renamed = (
        f"{folder}{os.sep}{fitted(f'.check-{name}', ending)}"
        for ending in (f"-1{TEMPORARY}", f"-2{TEMPORARY}")
    )
    _remove(made)
    try:
        _make(made, sync=sync)
        os.rename(made, renamed)  # noqa: PTH104
    except (FileExistsError, FileNotFoundError):
        if not os.path.isdir(folder):  # noqa: PTH112
            raise
    except OSError:
        with contextlib.suppress(OSError):
            _remove(made)
        raise
    _remove(renamed)


def _make(path: str, *, sync: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        if sync:
            os.write(descriptor, b"pywats-trio\n")
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108
