"""Landlock: which files this process may reach, and that it may use no TCP.

From linux/landlock.h and Documentation/userspace-api/landlock.rst. What a version of its interface
(ABI) lacks is left out of the rule set: 2 brought moves between folders, 3 cutting of files, 4 TCP,
5 ioctl on devices, 6 scopes for signals and abstract Unix sockets. Seccomp covers each of them.
"""

from __future__ import annotations

import os
import stat
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pywats_trio.sandbox.kernel import Kernel

EXECUTE: Final = 1 << 0
WRITE_FILE: Final = 1 << 1
READ_FILE: Final = 1 << 2
READ_FOLDER: Final = 1 << 3
REMOVE_FOLDER: Final = 1 << 4
REMOVE_FILE: Final = 1 << 5
MAKE_FOLDER: Final = 1 << 7
MAKE_FILE: Final = 1 << 8
MAKE_LINK: Final = 1 << 12
REFER: Final = 1 << 13
TRUNCATE: Final = 1 << 14
IOCTL_DEVICE: Final = 1 << 15

READ: Final = READ_FILE | READ_FOLDER
WRITE: Final = (READ | WRITE_FILE | TRUNCATE | REFER | MAKE_FOLDER | MAKE_FILE | MAKE_LINK) | (
    REMOVE_FOLDER | REMOVE_FILE
)
"""All of a folder but devices, sockets and pipes with a name, and programs."""
_OF_FILES: Final = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE
"""Rights that a file can have; the kernel takes no others for one."""

_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_TCP: Final = 0b11
_SCOPES: Final = 0b11
"""Bind and connect; abstract Unix sockets and signals."""
_FILE_BITS: Final = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many kinds of file access an ABI knows; from 5 on 16."""
ABI_TRUNCATE: Final = 3
ABI_TCP: Final = 4
ABI_SCOPES: Final = 6


def abi(kernel: Kernel) -> int:
    """The version of the interface. Changes nothing.

    Raises:
        OSError: ENOSYS if the kernel was built without it, EOPNOTSUPP if it was not started with
            it, another if something denies even the question.
    """
    return kernel.call("landlock_create_ruleset", None, 0, _VERSION)


def restrict(
    kernel: Kernel,
    version: int,
    granted: Iterable[tuple[str, int]],
    pinned: Iterable[tuple[str, int]] = (),
) -> None:
    """Take from this thread all access to files and TCP but what is granted, for good.

    A grant is a path and what may be done with it and below it; a path that is not there, or that
    this process could not reach anyway, is passed over. Paths that are `pinned` stay open: a file
    of /proc is another one, without the grant, each time the kernel has forgotten it meanwhile.

    Raises:
        OSError: the kernel refuses.
    """
    handled = (1 << _FILE_BITS.get(version, 16)) - 1
    tcp = _TCP if version >= ABI_TCP else 0
    scopes = _SCOPES if version >= ABI_SCOPES else 0
    attributes = struct.pack("=QQQ", handled, tcp, scopes)
    ruleset = kernel.call("landlock_create_ruleset", attributes, len(attributes), 0)
    try:
        for path, rights in granted:
            descriptor = _grant(kernel, ruleset, path, rights & handled)
            if descriptor is not None:
                os.close(descriptor)
        for path, rights in pinned:
            _grant(kernel, ruleset, path, rights & handled)
        kernel.call("landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)


def _grant(kernel: Kernel, ruleset: int, path: str, rights: int) -> int | None:
    """Add a rule; the descriptor that pins the path."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
        rights &= _OF_FILES
    if rights:
        rule = struct.pack("=Qi", rights, descriptor)
        kernel.call("landlock_add_rule", ruleset, _PATH_BENEATH, rule, 0)
    return descriptor
