"""The path of the socket: whose it is, what was there, and what is left behind."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pywats_trio.errors import StartError
from pywats_trio.ipc import bind as module
from pywats_trio.ipc.bind import LONGEST_PATH, Bound, bind

if TYPE_CHECKING:
    from collections.abc import Iterator

STRANGER = 54_321
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "ipc.sock"


@contextlib.contextmanager
def bound(path: Path) -> Iterator[Bound]:
    with contextlib.closing(bind(path)) as made:
        yield made


def refused(path: Path) -> str:
    """Why the socket is not made."""
    with pytest.raises(StartError) as caught:
        bind(path).close()
    assert caught.value.exit_code == 30
    return str(caught.value)


def connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


def stale(path: Path) -> None:
    """What a service that was killed leaves behind."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o177, 0o777])
def test_nobody_else_can_connect(umask: int, path: Path) -> None:
    path.parent.parent.joinpath("run").mkdir(mode=0o700)
    before = os.umask(umask)
    try:
        made = bind(path)
    finally:
        os.umask(before)
    with contextlib.closing(made):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert connects(path)


def test_its_folder_is_made_for_its_user_alone(path: Path) -> None:
    with bound(path):
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_it_does_not_block_the_event_loop(path: Path) -> None:
    with bound(path) as made, pytest.raises(BlockingIOError):
        made.sock.accept()


def test_its_path_is_gone_when_it_is_closed(path: Path) -> None:
    with bound(path):
        assert path.is_socket()
    assert not path.exists()
    with bound(path):
        assert connects(path)


def test_a_path_that_another_service_took_stays(path: Path) -> None:
    first = bind(path)
    path.unlink()
    with bound(path):
        first.close()
        assert connects(path)


def test_a_path_that_is_gone_already_is_no_trouble(path: Path) -> None:
    with bound(path):
        path.unlink()


# What is there already


def test_what_a_dead_service_left_is_removed(path: Path) -> None:
    stale(path)
    assert not connects(path)
    with bound(path):
        assert connects(path)


def test_a_live_service_is_not_pushed_aside(path: Path) -> None:
    with bound(path):
        assert refused(path) == (
            f"{path}: another service answers there; stop it first, or give this one another "
            "instance or ipc.socket"
        )
        assert connects(path)


def test_a_live_service_is_not_pushed_aside_when_its_backlog_is_full(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BACKLOG", 0)
    with bound(path) as made, contextlib.ExitStack() as clients:
        while True:
            client = clients.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            try:
                client.connect(str(path))
            except BlockingIOError:
                break
        assert "another service answers there" in refused(path)
        assert path.is_socket()
        made.sock.accept()[0].close()


@pytest.mark.parametrize("what", ["file", "folder", "link", "broken link", "fifo"])
def test_what_is_no_socket_is_never_removed(what: str, path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    other = path.parent / "other"
    match what:
        case "file":
            path.write_text("precious")
        case "folder":
            path.mkdir()
        case "link":
            other.write_text("precious")
            path.symlink_to(other)
        case "broken link":
            path.symlink_to(other)
        case "fifo":
            os.mkfifo(path)
    before = path.lstat()
    assert refused(path) == (
        f"{path} is there and is no socket; remove it, or set ipc.socket to another path"
    )
    assert path.lstat().st_ino == before.st_ino


# The path and its folder


def long_path(folder: Path, length: int) -> Path:
    """A path of `length` bytes below `folder`; the last character has two of them."""
    return folder / ("x" * (length - len(os.fsencode(folder)) - 3) + "ä")


def test_a_path_of_107_bytes_is_taken(tmp_path: Path) -> None:
    path = long_path(tmp_path, LONGEST_PATH)
    assert len(os.fsencode(path)) == LONGEST_PATH == 107
    with bound(path):
        assert connects(path)


def test_a_path_of_108_bytes_is_refused(tmp_path: Path) -> None:
    path = long_path(tmp_path, LONGEST_PATH + 1)
    assert refused(path) == (
        f"{path}: the path of a socket may have 107 bytes; set a shorter ipc.socket"
    )


def test_a_folder_that_is_a_file_is_refused(path: Path) -> None:
    path.parent.write_text("precious")
    assert "local control cannot listen there (File exists)" in refused(path)
    assert path.parent.read_text() == "precious"


def test_a_folder_in_which_nothing_can_be_made_is_refused() -> None:
    told = refused(Path("/proc/pywats-trio/ipc.sock"))
    assert told.startswith("/proc/pywats-trio/ipc.sock: local control cannot listen there (")
    assert told.endswith("set ipc.socket to a path that can be written")


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o711, 0o1777, 0o1770, 0o2750])
def test_a_folder_that_others_cannot_change_is_good(mode: int, path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(mode)
    with bound(path):
        assert connects(path)


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o722, 0o720, 0o702])
def test_a_folder_in_which_others_may_write_is_refused(mode: int, path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(mode)
    assert refused(path) == (
        f"{path.parent}: others may write there and could answer instead of this service; take "
        "that right away (chmod go-w), or set ipc.socket to another folder"
    )
    assert not path.exists()


@as_root
@pytest.mark.parametrize("above", [0, 1], ids=["the folder", "the one above"])
def test_a_folder_of_somebody_else_is_refused(above: int, tmp_path: Path) -> None:
    path = tmp_path / "above" / "run" / "ipc.sock"
    path.parent.mkdir(parents=True, mode=0o700)
    theirs = path.parents[above]
    os.chown(theirs, STRANGER, STRANGER)
    assert refused(path) == (
        f"{theirs} belongs to another user (uid {STRANGER}), who could answer instead of this "
        "service; set ipc.socket to a folder of the service's user"
    )
    assert not path.exists()


@as_root
def test_a_folder_that_is_made_below_somebody_elses_is_refused(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o777)
    os.chown(theirs, STRANGER, STRANGER)
    assert f"{theirs} belongs to another user" in refused(theirs / "run" / "ipc.sock")
