"""The socket on which a service manager listens, as a test holds it."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class NotifySocket:
    """Bound to `address`: a path, or `@` and an abstract name."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind(f"\0{address[1:]}" if address.startswith("@") else address)

    def messages(self) -> list[str]:
        """What has come since the last call."""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self.sock.recv(4096).decode())
        return found


@contextlib.contextmanager
def notify_socket(address: str) -> Iterator[NotifySocket]:
    """Open for the length of the block."""
    bound = NotifySocket(address)
    with contextlib.closing(bound.sock):
        yield bound
