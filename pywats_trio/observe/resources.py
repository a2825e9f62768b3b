"""What the service uses of the machine, and what the machine has left."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import define

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psutil

_PAGE: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@define
class Resources:
    """Of the disk only what the last `look` saw: a disk that hangs must hold up nobody who asks."""

    disk_free_bytes: int | None = None
    """Free space where data_dir is; None before the first look."""
    disk_total_bytes: int | None = None
    """The size of that disk."""
    reserve_bytes: int = 0
    """What `queue.reserve` keeps on it; 0 while it is needed."""
    memory_available_bytes: int | None = None
    """What the machine, or the service's control group, has left; None before the first look."""
    queue_bytes: int | None = None
    """The queue's database with its log."""

    def look(self, data_dir: Path, database: Path) -> None:
        """Look at the disk. Blocks, for ever on a disk that hangs; never raises."""
        with contextlib.suppress(OSError):
            usage = shutil.disk_usage(data_dir)
            self.disk_free_bytes, self.disk_total_bytes = usage.free, usage.total
        with contextlib.suppress(OSError):
            files = (database, database.with_name(f"{database.name}-wal"))
            self.queue_bytes = sum(file.stat().st_size for file in files if file.exists())

    def resident_bytes(self) -> int:
        """Memory of the service's process, from the kernel's memory."""
        return int(_this_process().memory_info().rss)

    def cpu_seconds(self) -> float:
        """Processor time of the service's process so far."""
        times = _this_process().cpu_times()
        return float(times.user + times.system)

    def descriptors(self) -> int:
        """Open file descriptors of the service's process (0 where the system does not say)."""
        process = _this_process()
        return int(process.num_fds()) if hasattr(process, "num_fds") else 0


def _this_process() -> psutil.Process:
    import psutil  # noqa: PLC0415 - 1 MB and 10 ms, and nobody may ever ask

    return psutil.Process()


def resident_bytes(pids: Iterable[int]) -> int:
    """Memory of these processes together; one that is gone counts nothing."""
    total = 0
    for pid in pids:
        # /proc and not psutil: a scrape asks for every worker, and must be quick.
        with contextlib.suppress(OSError, ValueError, IndexError):
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    return total
