"""One service for one data folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from pywats_trio.errors import StartError
from pywats_trio.queue.reserve import free_if_full

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_NAME = "instance.lock"


@contextlib.contextmanager
def instance_lock(data_dir: Path) -> Iterator[None]:
    """Hold `data_dir` for this process; the kernel lets go of it however the process ends.

    On a disk without any room the reserve of the former holder is freed: it is for that.

    Raises:
        StartError: another service holds it, or the folder cannot be made or written.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(data_dir / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartError(
            f"{data_dir}: cannot be used as data folder ({error.strerror}); "
            "make it writable or set data_dir"
        ) from error
    try:
        _take(descriptor, data_dir)
        free_if_full(data_dir)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, data_dir: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        raise StartError(
            f"{data_dir}: a service is already running here (process {holder}); "
            "stop it first, or give this one another instance or data_dir"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
