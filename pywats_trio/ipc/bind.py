"""The Unix socket of local control: taken, told from a stale one, and removed."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.errors import StartError
from pywats_trio.text import printable

if TYPE_CHECKING:
    from pathlib import Path

BACKLOG: Final = 64
LONGEST_PATH: Final = 107
"""Bytes that fit into `sun_path` before its terminating zero (unix(7))."""
ANSWER_SECONDS: Final = 1.0


@frozen
class Bound:
    """A listening socket that has its path."""

    sock: socket.socket
    path: Path
    _place: tuple[int, int]
    """Device and inode of the path."""

    def close(self) -> None:
        """Close it, and remove its path unless another service has taken that meanwhile."""
        self.sock.close()
        with contextlib.suppress(OSError):
            if _place(self.path) == self._place:
                self.path.unlink()


def _place(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino


def bind(path: Path) -> Bound:
    """A listening socket at `path`, mode 0600; what a dead service left there is removed.

    Raises:
        StartError: somebody answers there, or it cannot be made.
    """
    told = printable(os.fspath(path))
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise StartError(
            f"{told}: the path of a socket may have {LONGEST_PATH} bytes; set a shorter ipc.socket"
        )
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_stale(path, told)
        _bind(sock, path)
        sock.listen(BACKLOG)
        sock.setblocking(False)
        return Bound(sock, path, _place(path))
    except OSError as error:
        sock.close()
        raise StartError(
            f"{told}: local control cannot listen there ({error.strerror}); "
            "set ipc.socket to a path that can be written"
        ) from error
    except BaseException:
        sock.close()
        raise


def _bind(sock: socket.socket, path: Path) -> None:
    # Before, so that nobody can connect in between (Linux makes the path with this mode); after,
    # for systems where the mode of an unbound socket means nothing.
    os.fchmod(sock.fileno(), 0o600)
    sock.bind(os.fspath(path))
    path.chmod(0o600)


def _remove_stale(path: Path, told: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(ANSWER_SECONDS)
        try:
            probe.connect(os.fspath(path))
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.ECONNREFUSED:
                raise
            path.unlink(missing_ok=True)
            return
    raise StartError(
        f"{told}: another service answers there; stop it first, or give this one another instance "
        "or ipc.socket"
    )
