"""A small interpreter of the BPF that seccomp runs, of our own: what the kernel would answer."""

from __future__ import annotations

import itertools
import struct
from typing import Final

INSTRUCTION: Final = struct.Struct("=HBBI")
ALLOW: Final = 0x7FFF_0000
KILL: Final = 0x8000_0000
ERRNO: Final = 0x0005_0000


def data(number: int, architecture: int, arguments: tuple[int, ...] = ()) -> bytes:
    """`struct seccomp_data`."""
    words = [one & (1 << 64) - 1 for one in (*arguments, *(6 - len(arguments)) * (0,))]
    return struct.pack("=II7Q", number & 0xFFFF_FFFF, architecture, 0, *words)


def run(image: bytes, seen: bytes) -> int:
    """What the program `image` answers for the call `seen`."""
    return follow(image, seen)[0]


def follow(image: bytes, seen: bytes) -> tuple[int, int]:
    """The answer, and after how many instructions it comes."""
    at = accumulator = 0
    for steps in itertools.count(1):
        code, yes, no, k = INSTRUCTION.unpack_from(image, at * INSTRUCTION.size)
        at += 1
        match code:
            case 0x20:  # ld [k]; the kernel takes whole, aligned words only
                assert k % 4 == 0
                assert k + 4 <= len(seen)
                accumulator = struct.unpack_from("=I", seen, k)[0]
            case 0x54:  # and #k
                accumulator &= k
            case 0x05:  # ja
                at += k
            case 0x15:  # jeq
                at += yes if accumulator == k else no
            case 0x35:  # jge
                at += yes if accumulator >= k else no
            case 0x45:  # jset
                at += yes if accumulator & k else no
            case 0x06:  # ret
                return k, steps
            case _:
                raise AssertionError(f"seccomp knows no instruction {code:#x}")
    raise AssertionError("a program always ends")
