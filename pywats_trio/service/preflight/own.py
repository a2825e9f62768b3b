"""The service's own data folder. Everything here blocks."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from attrs import frozen

from pywats_trio.config.options import MIB, default_log_file
from pywats_trio.convert.conversion import SCRATCH
from pywats_trio.intake.trouble import to_do
from pywats_trio.queue.marks import LowMark
from pywats_trio.service.preflight.finding import START, Finding, error, warning
from pywats_trio.service.preflight.writing import try_writing
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pywats_trio.config.options import Config


@frozen
class DataDir:
    """What is known of it."""

    folders: tuple[str, ...]
    """It and those of the service's in it, with links resolved."""
    written_at: float | None
    """When the queue was last written, seconds since the epoch; None: there is none yet."""
    findings: tuple[Finding, ...]


def look(config: Config) -> DataDir:
    """Whether it can be written, has room, and holds a queue that can be opened."""
    folder = config.data_dir
    database = config.database
    inside = (config.inbox, folder / SCRATCH, default_log_file(folder).parent)
    return DataDir(
        tuple(map(os.path.realpath, (folder, *inside))),
        _newest(database, database.with_name(f"{database.name}-wal")),
        (
            *_of_folder(folder, config.instance),
            *_of_disk(folder, config.queue.min_free_disk),
            *_of_database(database),
        ),
    )


def _of_folder(folder: Path, name: str) -> Iterator[Finding]:
    try:
        try_writing(os.fspath(folder), name, sync=True)
    except OSError as cause:
        subject = printable(os.fspath(folder))
        message = f"data_dir: files cannot be written in {subject} ({cause.strerror})"
        yield error("data_dir", subject, message, to_do(cause), START)


def _of_disk(folder: Path, least: int) -> Iterator[Finding]:
    try:
        status = os.statvfs(folder)
    except OSError:
        return  # the folder cannot be used, which is told already
    total, free = status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize
    yield from of_free(folder, free, least, total)


def of_free(folder: Path, free: int, least: int, total: int) -> Iterator[Finding]:
    """Whether less than `least` bytes are `free` of `total`, so that no file is taken."""
    if free < least:
        subject = printable(os.fspath(folder))
        message = f"data_dir: {free // MIB} MiB are free in {subject}, less than {least // MIB} MiB"
        hint = "make room on the disk of data_dir, or lower queue.min_free_disk"
        if LowMark(least).beyond(total):
            hint = (
                f"lower queue.min_free_disk: this disk has {total // MIB} MiB in all, so it can "
                "never have as much free"
            )
        yield warning("disk", subject, message, f"{hint}; until then no file is taken")


def _of_database(file: Path) -> Iterator[Finding]:
    subject = printable(os.fspath(file))
    try:
        descriptor = os.open(file, os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | os.O_NONBLOCK)
    except FileNotFoundError:
        return  # the first start makes it
    except OSError as cause:
        message = f"the queue {subject} cannot be opened ({cause.strerror})"
        yield error("data_dir", subject, message, to_do(cause), START)
        return
    try:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)
    if not regular:  # a file that is no queue is set aside by the store itself
        message = f"the queue {subject} is no file"
        hint = "move it away, or choose another data_dir"
        yield error("data_dir", subject, message, hint, START)


def _newest(*files: Path) -> float | None:
    times = []
    for file in files:
        try:
            times.append(file.stat().st_mtime)
        except OSError:
            continue
    return max(times, default=None)


def no_answer(folder: Path, seconds: float) -> Finding:
    """It hangs."""
    subject = printable(os.fspath(folder))
    message = f"data_dir: {subject} does not answer within {seconds:g} s"
    return warning("data_dir", subject, message, "see to the disk that it lies on")
