"""System calls that Python has no function for."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

from pywats_trio.sandbox.syscalls import NUMBERS

POINTER_BYTES: Final = ctypes.sizeof(ctypes.c_void_p)


class SandboxError(Exception):
    """This process could not be shut in and must not run what it was meant for; one sentence."""


def machine() -> str:
    """`x86_64` or `aarch64` if this process speaks that machine's system calls, else empty."""
    if sys.platform != "linux":
        return ""
    name = os.uname().machine
    # A 32-bit program (or one of x32) on a 64-bit kernel has other numbers for everything.
    return name if name in NUMBERS and POINTER_BYTES == 8 else ""  # noqa: PLR2004 - bytes


class Kernel:
    """The system calls of one machine, by name."""

    __slots__ = ("_libc", "_numbers")

    def __init__(self, machine: str) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._numbers = NUMBERS[machine]

    def call(self, name: str, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
        """What the kernel answers.

        Raises:
            OSError: it refuses.
        """
        words = [
            # As a whole register: ctypes would pass an int of 32 bits and leave the rest to chance.
            ctypes.c_ulong(argument) if isinstance(argument, int) else argument
            for argument in arguments
        ]
        answer: int = self._libc.syscall(ctypes.c_long(self._numbers[name]), *words)
        if answer < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), name)
        return answer
