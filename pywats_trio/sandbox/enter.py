"""The way in. There is none out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from pywats_trio.sandbox import capabilities, landlock, seccomp
from pywats_trio.sandbox.kernel import Kernel, SandboxError, machine

if TYPE_CHECKING:
    from collections.abc import Iterable

_PR_SET_NO_NEW_PRIVS: Final = 38
_DEVICES: Final = (
    ("/dev/null", landlock.READ_FILE | landlock.WRITE_FILE | landlock.TRUNCATE),
    ("/dev/zero", landlock.READ_FILE),
    ("/dev/random", landlock.READ_FILE),
    ("/dev/urandom", landlock.READ_FILE),
)
_OWN_FOLDERS: Final = ("fd", "task")
_OWN_FILES: Final = ("maps", "stat", "statm", "status")
"""Of /proc/<pid>. The whole of it would show the machine's mounts and open sockets, too."""


def prepare() -> None:
    """Do what is the same for every process, so that those forked from this one enter faster.

    Raises:
        OSError: there is no Landlock, so `enter` would refuse.
    """
    if name := machine():
        seccomp.program(name, landlock.abi(Kernel(name)))


def enter(readable: Iterable[str], writable: Iterable[str], *, lifeline: int | None = None) -> None:
    """Shut this process in for good: capabilities, Landlock, seccomp.

    Afterwards it reads files below `readable` (see `python_roots`) and `writable`, writes files,
    folders and symbolic links below `writable`, reads a little of its own /proc, and keeps what it
    has open; it has no network, no other programs, no other processes. `lifeline` is a descriptor
    that it can no longer close.

    Raises:
        SandboxError: it is not shut in, or not by every layer, and must end.
    """
    name = machine()
    if not name:
        raise SandboxError("there are no kernel layers for this machine")
    _refuse_threads()
    kernel = Kernel(name)
    try:
        version = landlock.abi(kernel)
        image = seccomp.program(name, version).bound(os.getpid(), lifeline)
        kernel.call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        capabilities.drop(kernel)
        granted = [(path, landlock.READ) for path in readable]
        granted += [(path, landlock.WRITE) for path in writable]
        landlock.restrict(kernel, version, [*granted, *_DEVICES], _own())
        seccomp.install(kernel, image)
    except OSError as error:
        raise SandboxError(f"the kernel refuses to shut this process in: {error}") from error


def _refuse_threads() -> None:
    """Landlock binds the calling thread alone; another one would stay free."""
    try:
        threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208 - the count is all
    except OSError as error:
        raise SandboxError(f"threads cannot be counted: {error}") from error
    if threads != 1:
        raise SandboxError(f"a process of {threads} threads cannot be shut in, only one of one")


def _own() -> list[tuple[str, int]]:
    folder = f"/proc/{os.getpid()}"
    return [
        *((f"{folder}/{name}", landlock.READ_FOLDER) for name in _OWN_FOLDERS),
        *((f"{folder}/{name}", landlock.READ_FILE) for name in _OWN_FILES),
    ]
