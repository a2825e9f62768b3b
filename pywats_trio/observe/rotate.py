"""A log file that is put aside when it is full: `name`, `name.1` (newest) … `name.<backups>`."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from pywats_trio.observe.sink import write_all

if TYPE_CHECKING:
    from collections import deque
    from pathlib import Path


class RotatingFile:
    """A `sink.Target`: appends whole lines, and never lets the file exceed `max_bytes`.

    Only a single line that is longer than `max_bytes` makes a file larger. After an OSError the
    file is opened anew at the next write, so a disk that has room again is used again.
    """

    def __init__(self, path: Path, *, max_bytes: int, backups: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._backups = backups
        self._descriptor: int | None = None

    def write(self, lines: deque[bytes]) -> None:
        """Write the lines and take them out of `lines`. Raises OSError."""
        try:
            while lines:
                self._write_some(lines)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file. Never raises."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None

    def _write_some(self, lines: deque[bytes]) -> None:
        """As many lines as fit into the file, at least one."""
        descriptor, size = self._open()
        chunk = bytearray()
        count = 0
        for line in lines:
            if size + len(chunk) + len(line) > self._max_bytes and size + len(chunk) > 0:
                break
            chunk += line
            count += 1
        if not count:
            self._rotate()
            return
        try:
            write_all(descriptor, bytes(chunk))
        except OSError:
            # A disk that got full in the middle of a line: no torn line stays behind.
            with suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
        for _ in range(count):
            lines.popleft()

    def _open(self) -> tuple[int, int]:
        """The open file and its size; 0 for what cannot be put aside, such as /dev/null."""
        if self._descriptor is not None:
            status = os.fstat(self._descriptor)
            if status.st_nlink:
                return self._descriptor, status.st_size if stat.S_ISREG(status.st_mode) else 0
            self.close()  # somebody deleted it
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        self._descriptor = os.open(self._path, flags, 0o640)
        return self._open()

    def _rotate(self) -> None:
        self.close()
        free = 1
        while free < self._backups and self._numbered(free).exists():
            free += 1
        for number in range(free, 0, -1):
            self._numbered(number - 1).replace(self._numbered(number))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path
