"""What an attacker knows: everything. Secrecy of names and numbers protects nobody."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import stat
from typing import Any, Final

from pywats_trio.sandbox.kernel import Kernel, machine

FOREVER: Final = 3600
DESCRIPTORS: Final = 256


class Ground:
    """Where an attack takes place, seen from inside of a worker."""

    def __init__(self, facts: dict[str, Any], scratch: str) -> None:
        self.token: str = facts["token"]
        self.database: str = facts["database"]
        self.other_input: str = facts["other_input"]
        self.outside: str = facts["outside"]
        self.source: str = facts["source"]
        self.code: str = facts["code"]
        self.modules: str = facts["modules"]
        self.ipc: str = facts["ipc"]
        self.abstract: str = facts["abstract"]
        self.tcp: int = facts["tcp"]
        self.udp: int = facts["udp"]
        self.service: int = facts["service"]
        self.server: int = facts["server"]
        self.sibling: int = facts["sibling"]
        self.number: int = facts["number"]
        """Of the job, as the service counts for each process."""
        self.scratch = scratch

    def call(self, name: str, *arguments: Any) -> int:
        """A system call that Python has no function for."""
        return Kernel(machine()).call(name, *arguments)

    def raw(self, number: int, *arguments: int) -> int:
        """A system call that has no name here."""
        libc = ctypes.CDLL(None, use_errno=True)
        answer: int = libc.syscall(ctypes.c_long(number), *map(ctypes.c_ulong, arguments))
        if answer < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return answer

    def descriptor(self) -> int:
        """The source's, as any code could find it."""
        for number in range(3, DESCRIPTORS):
            try:
                if os.readlink(f"/proc/self/fd/{number}") == self.source:  # noqa: PTH115
                    return number
            except OSError:
                continue
        raise RuntimeError("no source")

    def channels(self) -> list[int]:
        """The job socket and the lifeline, whatever that is."""
        found = []
        for number in range(3, DESCRIPTORS):
            try:
                mode = os.fstat(number).st_mode
            except OSError:
                continue
            if stat.S_ISSOCK(mode) or stat.S_ISFIFO(mode):
                found.append(number)
        return found

    def job(self) -> socket.socket:
        """A copy of the job socket; the worker's own stays open."""
        return socket.socket(fileno=os.dup(self.channels()[0]))


def frame(header: dict[str, Any], body: bytes = b"") -> bytes:
    """A frame that is well formed."""
    return framed(json.dumps(header).encode(), body)


def framed(head: bytes, body: bytes = b"") -> bytes:
    """A frame with anything for a header."""
    return len(head).to_bytes(4, "big") + len(body).to_bytes(4, "big") + head + body
