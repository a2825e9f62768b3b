"""How far workers can be shut in here: what is wanted, what the kernel offers, what is reached."""

from __future__ import annotations

import errno
import sys
from enum import StrEnum
from typing import Final

from pywats_trio.errors import SandboxUnavailable
from pywats_trio.sandbox import landlock, seccomp
from pywats_trio.sandbox.kernel import Kernel, machine


class Level(StrEnum):
    """`workers.sandbox`, from the most to the least."""

    STRICT = "strict"
    """Every layer, and a process of its own for each job."""
    STANDARD = "standard"
    """Every layer, in a process that does one job after the other."""
    BASIC = "basic"
    """A process of its own with a clean environment and resource limits."""
    OFF = "off"
    """A process of its own."""


KERNEL_LEVELS: Final = frozenset({Level.STRICT, Level.STANDARD})
"""Those that need the kernel's layers."""


class Support:
    """What the kernel offers."""

    __slots__ = ("lacks", "landlock_abi", "machine", "seccomp")

    def __init__(
        self, *, machine: str, landlock_abi: int, seccomp: bool, lacks: tuple[str, ...] = ()
    ) -> None:
        self.machine = machine
        """`x86_64` or `aarch64`; empty for one whose system calls the sandbox does not know."""
        self.landlock_abi = landlock_abi
        """0 if there is no Landlock."""
        self.seccomp = seccomp
        self.lacks = lacks
        """A sentence for each thing that is not there and without which no kernel layer is."""

    @property
    def complete(self) -> bool:
        """Whether the kernel layers can be had."""
        return bool(self.machine) and self.landlock_abi >= 1 and self.seccomp


class Reached:
    """The level that workers run at."""

    __slots__ = ("level", "missing", "wanted")

    def __init__(self, wanted: Level, level: Level, missing: tuple[str, ...]) -> None:
        self.wanted = wanted
        self.level = level
        self.missing = missing
        """A sentence for each thing that is not as it could be."""


def probe() -> Support:
    """Ask the kernel; this process stays as it is."""
    name = machine()
    if not name:
        return Support(machine="", landlock_abi=0, seccomp=False, lacks=(_no_machine(),))
    kernel = Kernel(name)
    lacks = []
    version = 0
    try:
        version = landlock.abi(kernel)
    except OSError as error:
        lacks.append(_no_landlock(error))
    filters = seccomp.available(kernel)
    if not filters:
        lacks.append("this kernel has no seccomp filters, or something denies their use")
    return Support(machine=name, landlock_abi=version, seccomp=filters, lacks=tuple(lacks))


def _no_machine() -> str:
    if sys.platform != "linux":
        return f"Landlock and seccomp are Linux's, and this is {sys.platform}"
    return "the sandbox knows only the system calls of x86_64 and aarch64 with 64-bit Python"


def _no_landlock(error: OSError) -> str:
    match error.errno:
        case errno.ENOSYS:
            return "this kernel has no Landlock (it needs Linux 5.13 with CONFIG_SECURITY_LANDLOCK)"
        case errno.EOPNOTSUPP:
            return "Landlock is off on this machine (add landlock to the lsm= boot parameter)"
    return f"something denies Landlock to this process, perhaps a container ({error.strerror})"


def reach(wanted: Level, support: Support, *, fallback: bool) -> Reached:
    """The level that workers can have here.

    Raises:
        SandboxUnavailable: it is not the one that is wanted, and `fallback` is not set.
    """
    if wanted not in KERNEL_LEVELS:
        return Reached(wanted, wanted, ())
    if support.complete:
        return Reached(wanted, wanted, _gaps(support.landlock_abi))
    if fallback:
        return Reached(wanted, Level.BASIC, support.lacks)
    raise SandboxUnavailable(
        f"workers cannot be shut in as workers.sandbox = {str(wanted)!r} wants: "
        f'{"; ".join(support.lacks)}; set workers.sandbox = "basic", or '
        "workers.sandbox_fallback = true to use the best level that there is"
    )


def _gaps(version: int) -> tuple[str, ...]:
    """What an older Landlock does not do, although the level is reached."""
    by_abi = {
        2: "converters cannot move files from one folder to another",
        landlock.ABI_TRUNCATE: "converters cannot cut files by name",
        landlock.ABI_TCP: "TCP is stopped by seccomp alone",
        5: "ioctl on devices is stopped by seccomp alone",
        landlock.ABI_SCOPES: "signals and abstract Unix sockets are stopped by seccomp alone",
    }
    return tuple(
        f"Landlock is version {version} of {needed}: {what}"
        for needed, what in by_abi.items()
        if version < needed
    )
