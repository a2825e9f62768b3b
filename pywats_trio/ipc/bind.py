"""The Unix socket of local control: taken, told from a stale one, and removed."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.errors import StartError
from pywats_trio.ipc.peer import ROOT
from pywats_trio.text import printable

if TYPE_CHECKING:
    from pathlib import Path

BACKLOG: Final = 64
LONGEST_PATH: Final = 107
"""Bytes that fit into `sun_path` before its terminating zero (unix(7))."""
ANSWER_SECONDS: Final = 1.0
_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


@frozen
class Bound:
    """A listening socket that has its path."""

    sock: socket.socket
    path: Path
    _place: tuple[int, int]
    """Device and inode of the path."""

    def close(self) -> None:
        """Close it, and remove its path unless another service has taken that meanwhile."""
        with contextlib.suppress(OSError):
            # Before it is closed: until then nobody else's socket can have its inode.
            if _place(self.path) == self._place:
                self.path.unlink()
        self.sock.close()


def _place(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino


def bind(path: Path) -> Bound:
    """A listening socket at `path`, mode 0600; what a dead service left there is removed.

    Its folder is made, mode 0700, if there is none.

    Raises:
        StartError: somebody answers there, something else is there, the folder is not safe from
            other users, or the socket cannot be made.
    """
    told = printable(os.fspath(path))
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise StartError(
            f"{told}: the path of a socket may have {LONGEST_PATH} bytes; set a shorter ipc.socket"
        )
    with contextlib.ExitStack() as failed:
        sock = failed.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_folder(path.parent)
            _remove_stale(path, told)
            _bind(sock, path)
            found = Bound(sock, path, _place(path))
        except OSError as error:
            raise StartError(
                f"{told}: local control cannot listen there ({error.strerror or error}); "
                "set ipc.socket to a path that can be written"
            ) from error
        failed.pop_all()
    return found


def _check_folder(folder: Path) -> None:
    """Who may rename what is in it, or the folder itself, could put a socket of their own there."""
    for place in (folder, folder.parent):
        owner = place.stat().st_uid
        if owner not in {os.geteuid(), ROOT}:
            raise StartError(
                f"{printable(os.fspath(place))} belongs to another user (uid {owner}), who could "
                "answer instead of this service; set ipc.socket to a folder of the service's user"
            )
    mode = folder.stat().st_mode
    if mode & _WRITABLE_BY_OTHERS and not mode & stat.S_ISVTX:
        raise StartError(
            f"{printable(os.fspath(folder))}: others may write there and could answer instead of "
            "this service; take that right away (chmod go-w), or set ipc.socket to another folder"
        )


def _bind(sock: socket.socket, path: Path) -> None:
    # Before, so that nobody can connect in between (Linux makes the path with this mode); after,
    # for systems where the mode of an unbound socket means nothing.
    os.fchmod(sock.fileno(), 0o600)
    sock.bind(os.fspath(path))
    path.chmod(0o600)
    sock.listen(BACKLOG)
    sock.setblocking(False)


def _remove_stale(path: Path, told: str) -> None:
    if not os.path.lexists(path):
        return
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise StartError(
            f"{told} is there and is no socket; remove it, or set ipc.socket to another path"
        )
    if _answers(path):
        raise StartError(
            f"{told}: another service answers there; stop it first, or give this one another "
            "instance or ipc.socket"
        )
    path.unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(ANSWER_SECONDS)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except (BlockingIOError, TimeoutError):
            pass  # alive, and so busy that its backlog is full
    return True
