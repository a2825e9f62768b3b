"""Classic BPF as seccomp runs it: a program as a tree of questions that ends in answers.

Piece by piece a program is a list of instructions of which each path ends in a `RET`, so pieces are
put together by `branch` alone and no jump ever needs a label. From linux/filter.h, linux/seccomp.h
and linux/audit.h.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

Instruction: TypeAlias = tuple[int, int, int, int]
"""Code, jump if true, jump if false, constant: `struct sock_filter`."""
Code: TypeAlias = "list[Instruction]"

LOAD: Final = 0x20
"""BPF_LD | BPF_W | BPF_ABS: a word of `struct seccomp_data`."""
AND: Final = 0x54
JUMP: Final = 0x05
IF_EQUAL: Final = 0x15
IF_AT_LEAST: Final = 0x35
IF_ANY_BIT: Final = 0x45
RETURN: Final = 0x06

KILL_PROCESS: Final = 0x8000_0000
ERRNO: Final = 0x0005_0000
ALLOW: Final = 0x7FFF_0000

NUMBER_AT: Final = 0
ARCHITECTURE_AT: Final = 4
_ARGUMENTS_AT: Final = 16

OWN_PID: Final = -1
LIFELINE: Final = -2
"""Constants that only the process itself knows; `Program.bound` puts them in."""

SHORT: Final = 255
"""Instructions that a conditional jump can pass over."""
_INSTRUCTION: Final = struct.Struct("=HBBI")
_NO_DESCRIPTOR: Final = 0xFFFF_FFFF


def answer(value: int) -> Code:
    """The end of a path: what becomes of the system call."""
    return [(RETURN, 0, 0, value)]


def fail(error: int) -> Code:
    """The call is not made and fails with `error`; with 0 it claims to have been made."""
    return answer(ERRNO | error)


def low(argument: int) -> Instruction:
    """Load the low word of an argument: all of an `int`, whose high word the kernel ignores."""
    return (LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument)


def high(argument: int) -> Instruction:
    """Load the high word of an argument, which counts in a pointer (both machines: low first)."""
    return (LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument + 4)


def branch(test: int, constant: int, then: Code, otherwise: Code) -> Code:
    """`then` if the loaded word passes `test` against `constant`, else `otherwise`."""
    if len(then) <= SHORT:
        return [(test, 0, len(then), constant), *then, *otherwise]
    return [(test, 1, 0, constant), (JUMP, 0, 0, len(then)), *then, *otherwise]


def select(cases: Sequence[tuple[int, Code]]) -> Code:
    """The code of the last case whose number is not above the loaded word, by halving.

    `cases` are in order of their numbers, which differ; the first is for everything below, too.
    """
    if len(cases) == 1:
        return cases[0][1]
    middle = len(cases) // 2
    return branch(IF_AT_LEAST, cases[middle][0], select(cases[middle:]), select(cases[:middle]))


class Program:
    """A finished program: the same for every process but for the constants it has of its own."""

    __slots__ = ("_holes", "_image", "length")

    def __init__(self, code: Code) -> None:
        self.length = len(code)
        """Instructions; the kernel takes up to 4096."""
        self._holes = [(at, k) for at, (_code, _yes, _no, k) in enumerate(code) if k < 0]
        self._image = b"".join(_INSTRUCTION.pack(*one[:3], max(one[3], 0)) for one in code)

    def bound(self, pid: int, lifeline: int | None) -> bytes:
        """As the kernel takes it, for the process `pid`, which cannot close `lifeline`."""
        values = {OWN_PID: pid, LIFELINE: _NO_DESCRIPTOR if lifeline is None else lifeline}
        image = bytearray(self._image)
        for at, which in self._holes:
            struct.pack_into("=I", image, at * _INSTRUCTION.size + 4, values[which])
        return bytes(image)
