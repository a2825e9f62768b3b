"""The seccomp filter: which system calls are left."""

from __future__ import annotations

import ctypes
import struct
from errno import ENOSYS
from functools import cache
from typing import TYPE_CHECKING, Final

from pywats_trio.sandbox.bpf import (
    ALLOW,
    ARCHITECTURE_AT,
    ERRNO,
    IF_EQUAL,
    KILL_PROCESS,
    LOAD,
    NUMBER_AT,
    Program,
    answer,
    branch,
    fail,
    select,
)
from pywats_trio.sandbox.kernel import SandboxError
from pywats_trio.sandbox.rules import rules
from pywats_trio.sandbox.syscalls import NEWEST, NUMBERS

if TYPE_CHECKING:
    from pywats_trio.sandbox.bpf import Code
    from pywats_trio.sandbox.kernel import Kernel

ARCHITECTURES: Final = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
"""AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64 of linux/audit.h."""
X32: Final = 0x4000_0000
"""__X32_SYSCALL_BIT: the same calls under other numbers."""

_SET_MODE_FILTER: Final = 1
_GET_ACTION_AVAIL: Final = 2
_TSYNC: Final = 1


@cache
def program(machine: str, landlock_abi: int) -> Program:
    """The filter for a machine; what that version of Landlock does not see is seen to here.

    A few hundred instructions, but a call meets some ten of them: they are a search tree.
    """
    return Program(
        [
            (LOAD, 0, 0, ARCHITECTURE_AT),
            *branch(
                IF_EQUAL,
                ARCHITECTURES[machine],
                [(LOAD, 0, 0, NUMBER_AT), *select(_cases(machine, landlock_abi))],
                answer(KILL_PROCESS),
            ),
        ]
    )


def _cases(machine: str, landlock_abi: int) -> list[tuple[int, Code]]:
    """What becomes of a call from each number on, up to the next."""
    numbers = NUMBERS[machine]
    known = {numbers[name]: code for name, code in rules(landlock_abi).items() if name in numbers}
    allowed = answer(ALLOW)
    cases: list[tuple[int, Code]] = []
    for number in range(NEWEST + 1):
        code = known.get(number, allowed)
        if not cases or cases[-1][1] != code:
            cases.append((number, code))
    # A later kernel has calls that nobody has looked at; programs fall back on the older ones.
    cases.append((NEWEST + 1, fail(ENOSYS)))
    if machine == "x86_64":
        cases.append((X32, answer(KILL_PROCESS)))
    return cases


def available(kernel: Kernel) -> bool:
    """Whether this kernel filters as we need it. Changes nothing."""
    try:
        for action in (KILL_PROCESS, ERRNO):
            kernel.call("seccomp", _GET_ACTION_AVAIL, 0, struct.pack("=I", action))
    except OSError:
        return False
    return True


def install(kernel: Kernel, image: bytes) -> None:
    """Filter every system call of this process, all its threads, from now on and for good.

    Raises:
        OSError: the kernel refuses.
        SandboxError: a thread has a filter of its own.
    """
    instructions = ctypes.create_string_buffer(image, len(image))
    described = struct.pack("@HP", len(image) // 8, ctypes.addressof(instructions))
    if thread := kernel.call("seccomp", _SET_MODE_FILTER, _TSYNC, described):
        raise SandboxError(f"the thread {thread} cannot be given the seccomp filter")
