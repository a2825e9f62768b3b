"""How much a job has written: the kernel bounds each file of a worker, but not their number.

The worker is alive while it is counted, and may be hostile: no link is followed, no path is walked
twice, and what is hidden from us counts as more than any limit.
"""

from __future__ import annotations

import math
import os
import stat
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pywats_trio.worker.limits import FILE_BYTES

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

DEEPEST: Final = 64
"""Folders in one another; each that is looked into holds a descriptor, and a path may be longer
than any system call takes."""
LEAST: Final = 4096
"""Bytes that counts whatever has a name: an empty file takes an inode, and those run out, too."""
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LOST: Final = b" (deleted)"
"""After the path of a file without a name, in /proc/<pid>/maps."""


def bytes_written(folder: str, pid: int, enough: float = math.inf) -> float:
    """Bytes on the disk of what lies below `folder`, and of files from there that have lost their
    name but are still open or mapped in `pid`.

    Infinite if something is hidden. Beyond `enough` it is not counted further.
    """
    total = 0.0
    with closing(_parts(folder, pid)) as parts:
        for part in parts:
            total += part
            if total > enough:
                break
    return total


def _parts(folder: str, pid: int) -> Generator[float, None, None]:
    with suppress(OSError):  # it was removed meanwhile
        yield from _below(os.open(folder, _FOLDER), DEEPEST)
    opened: set[tuple[int, int]] = set()
    for status in _nameless(folder, pid):
        opened.add((status.st_dev, status.st_ino))
        yield status.st_blocks * 512
    # How long they are cannot be seen, only how long they can be.
    yield FILE_BYTES * len(_mapped(folder, pid) - opened)


def _below(folder: int, depth: int) -> Iterator[float]:
    """What lies below an open folder, which it closes."""
    try:
        folders = []
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    yield max(status.st_blocks * 512, LEAST)
                    if stat.S_ISDIR(status.st_mode):
                        folders.append(entry.name)
        for name in folders:
            yield from _inside(name, folder, depth - 1)
    finally:
        os.close(folder)


def _inside(name: str, parent: int, depth: int) -> Iterator[float]:
    try:
        folder = os.open(name, _FOLDER, dir_fd=parent)
    except PermissionError:
        yield math.inf  # it can be written to, and not be listed
    except OSError:
        return  # it was moved meanwhile
    else:
        if depth:
            yield from _below(folder, depth)
        else:
            os.close(folder)
            yield math.inf


def _nameless(folder: str, pid: int) -> Iterator[os.stat_result]:
    """Files that are open."""
    try:
        numbers = os.listdir(f"/proc/{pid}/fd")  # noqa: PTH208 - numbers, not paths
    except OSError:
        return
    for number in numbers:
        link = f"/proc/{pid}/fd/{number}"
        with suppress(OSError):  # it was closed meanwhile
            if os.readlink(link).startswith(folder + os.sep):  # noqa: PTH115
                status = os.stat(link)  # noqa: PTH116
                if not status.st_nlink:
                    yield status


def _mapped(folder: str, pid: int) -> set[tuple[int, int]]:
    """Device and inode of files that are mapped, for which they need not be open."""
    found = set()
    start = os.fsencode(folder + os.sep)
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/maps").read_bytes().splitlines():
            if line.endswith(_LOST):
                _range, _rights, _offset, device, inode, path = line.split(maxsplit=5)
                if path.startswith(start):
                    major, minor = device.split(b":")
                    found.add((os.makedev(int(major, 16), int(minor, 16)), int(inode)))
    return found
