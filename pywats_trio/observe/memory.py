"""How much memory is left: of the machine, or of the service's control group if that is less.

A control group is what a container and a systemd unit with `MemoryMax=` are; the kernel kills in it
although the machine has plenty. Both versions of its interface are read (kernel documentation,
admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst). Everything here blocks for a moment.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUPS: Final = Path("/proc/self/cgroup")
MOUNT: Final = Path("/sys/fs/cgroup")
NO_LIMIT: Final = 1 << 60
"""Bytes; version 1 says that there is no limit by a number that is larger than any."""


@frozen
class _Interface:
    """Where a group of one version says what."""

    limit: str
    usage: str
    given_back: tuple[str, ...]
    """What counts as used, in `memory.stat`, and is given back before anybody is killed."""


_V1: Final = _Interface(
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    ("total_active_file", "total_inactive_file"),
)
_V2: Final = _Interface(
    "memory.max", "memory.current", ("active_file", "inactive_file", "slab_reclaimable")
)


def available(groups: Path = GROUPS, mount: Path = MOUNT) -> int:
    """Bytes that can still be had before something is swapped out or killed."""
    import psutil  # noqa: PLC0415 - 1 MB and 10 ms, for those who set no mark

    machine = int(psutil.virtual_memory().available)
    return min((machine, *left_in_groups(groups, mount)))


def left_in_groups(groups: Path, mount: Path) -> Iterator[int]:
    """What is left in each control group with a limit that this process is in, its own first."""
    for interface, own, top in _own(groups, mount):
        for folder in (own, *own.parents):
            with contextlib.suppress(OSError, ValueError):
                yield _left(interface, folder)
            if folder == top:
                break


def _own(groups: Path, mount: Path) -> Iterator[tuple[_Interface, Path, Path]]:
    """The group that counts this process's memory, and the topmost one, of each version."""
    with contextlib.suppress(OSError):
        for line in groups.read_text().splitlines():
            _number, controllers, path = line.split(":", 2)
            if "memory" in controllers.split(","):
                top = mount / "memory"
                yield _V1, top / path.lstrip("/"), top
            elif not controllers:
                yield _V2, mount / path.lstrip("/"), mount


def _left(interface: _Interface, folder: Path) -> int:
    """Raises OSError or ValueError: there is no such group, or it has no limit ("max")."""
    limit = int((folder / interface.limit).read_text())
    if limit > NO_LIMIT:
        return limit
    used = int((folder / interface.usage).read_text())
    lines = (line.split() for line in (folder / "memory.stat").read_text().splitlines())
    kept = sum(int(value) for key, value in lines if key in interface.given_back)
    return max(0, limit - max(0, used - kept))
