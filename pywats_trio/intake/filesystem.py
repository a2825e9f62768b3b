"""What the file system below a watch folder can do: everything here blocks."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Final

from attrs import frozen

if sys.platform == "linux":
    import fcntl

MOUNTS: Final = Path("/proc/self/mountinfo")

_REMOTE: Final = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs", "gpfs", "lustre"}
    | {"ncpfs", "nfs", "nfs4", "ocfs2", "prl_fs", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs"}
)
"""Types whose files may be written by another machine, which the kernel here is not told of
(inotify(7): "the inotify API does not report ... events on network filesystems")."""
_MOUNT_POINT: Final = 4
"""Where in a line of `mountinfo` the mount point stands, counted from 0."""
_REMOTE_PREFIX: Final = "fuse."
"""`fuse.sshfs` and its kind. `fuseblk` is a local disk."""
_IGNORING_CASE: Final = frozenset({"exfat", "msdos", "vfat"})
_SYSTEM_IGNORES_CASE: Final = sys.platform in {"win32", "darwin"}


@frozen
class FileSystem:
    """What is known of the file system a folder lies on."""

    type: str
    """As the kernel names it; empty where it does not say."""

    @property
    def notifies(self) -> bool:
        """Whether the kernel learns of every change there."""
        return self.type not in _REMOTE and not self.type.startswith(_REMOTE_PREFIX)

    @property
    def ignores_case(self) -> bool:
        """Whether `A.JSON` and `a.json` are one name there."""
        return _SYSTEM_IGNORES_CASE or self.type in _IGNORING_CASE


def of(folder: str) -> FileSystem:
    """The file system of `folder`, by the longest mount point above it."""
    try:
        table = MOUNTS.read_bytes()
    except OSError:
        return FileSystem("")
    return FileSystem(mount_type(table, os.fsencode(os.path.realpath(folder))))


def mount_type(table: bytes, path: bytes) -> str:
    """The type of the mount that `path` lies on, from the text of `mountinfo`.

    A later line of the same mount point hides the earlier one. See proc_pid_mountinfo(5).
    """
    best, found = b"", b""
    for line in table.splitlines():
        head, _, tail = line.partition(b" - ")
        fields = head.split(b" ")
        if len(fields) <= _MOUNT_POINT or not tail:
            continue
        point = _unescaped(fields[_MOUNT_POINT])
        inside = path == point or path.startswith(point.rstrip(b"/") + b"/")
        if inside and len(point) >= len(best):
            best, found = point, tail.split(b" ", 1)[0]
    return os.fsdecode(found)


def _unescaped(field: bytes) -> bytes:
    r"""The kernel writes blank, tab, newline and backslash as \040, \011, \012 and \134."""
    for code in (b"040", b"011", b"012"):
        field = field.replace(b"\\" + code, bytes([int(code, 8)]))
    return field.replace(b"\\134", b"\\")


def written_to(descriptor: int) -> bool | None:
    """Whether anybody has the file of the read-only `descriptor` open for writing.

    None: that cannot be known, because the file is another user's and this process lacks CAP_LEASE,
    or because the file system or the system has no leases. A mapping that is written to counts.

    Linux grants a read lease only while nobody has the file open for writing (fcntl(2),
    F_SETLEASE), so asking for one and giving it back answers the question. Somebody who opens the
    file in the microseconds between waits for us that long. The signal that tells of it is SIGURG,
    which is ignored by default, and not SIGIO, whose default ends the process; hence first
    F_SETSIG.
    """
    if sys.platform != "linux":
        return None
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
