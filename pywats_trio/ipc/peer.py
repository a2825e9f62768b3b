"""Who is at the other end of a Unix socket, as the kernel knows (contract section 9)."""

from __future__ import annotations

import os
import socket
import struct
from typing import Final, Protocol

from attrs import frozen

from pywats_trio.control import Role, Who

_UCRED: Final = struct.Struct("3i")
"""`struct ucred`: pid, uid, gid (unix(7), SO_PEERCRED)."""
ROOT: Final = 0


@frozen
class Peer:
    """A process that connected."""

    pid: int
    """0 where the system does not say."""
    uid: int
    """-1 where the system does not say."""

    @property
    def who(self) -> Who | None:
        """The service's own user and root are admin; nobody else is anybody yet."""
        if self.uid in {os.geteuid(), ROOT}:
            return Who(f"uid {self.uid}", Role.ADMIN)
        return None


class _Socket(Protocol):
    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes: ...


def peer_of(sock: _Socket) -> Peer:
    """Of a connected Unix socket; where the system does not say it as Linux does, it is nobody."""
    if not hasattr(socket, "SO_PEERCRED"):
        return Peer(0, -1)
    data = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, _gid = _UCRED.unpack(data)
    return Peer(pid, uid)
