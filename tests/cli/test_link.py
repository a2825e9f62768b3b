"""Where a command looks for the service, and a connection that notices its end."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pywats_trio.cli.link import Link, address, carefully, quickly
from pywats_trio.cli.main import Globals
from pywats_trio.config.load import load
from pywats_trio.config.places import default_socket
from pywats_trio.errors import ConfigError, NotFoundError, NotRunning
from pywats_trio.ipc import wire

if TYPE_CHECKING:
    from collections.abc import Callable

URL = '[server]\nurl = "http://x"\n'
NONE = Globals(None, None, None)


@pytest.fixture(autouse=True)
def nothing_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual places are empty, whoever runs the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "site"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.delenv("PYWATS_TRIO_CONFIG", raising=False)


TEXTS = {
    "nothing": ("", True),
    "an instance": ('instance = "line7"\n', True),
    "a socket": ('[ipc]\nsocket = "/run/x.sock"\n', True),
    "an empty socket": ('[ipc]\nsocket = ""\n[shutdown]\n', True),
    "a relative socket": ('[ipc]\nsocket = "x.sock"\n', False),
    "a socket with dots": ('[ipc]\nsocket = "/run/../x.sock"\n', False),
    "a socket at home": ('[ipc]\nsocket = "~/x.sock"\n', False),
    "dotted keys": ('ipc.socket = "/run/x.sock"\ninstance = "a-b_c"\n', False),
    "a grace": ("[shutdown]\ngrace_seconds = '1m'\n", False),
    "other keys of local control": ('[ipc]\nsocket = "/run/x.sock"\nburst = 5\n', False),
}


@pytest.mark.parametrize(("text", "quick"), TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("instance", [None, "other", "o-2"])
def test_the_service_is_where_its_configuration_says(
    text: str, quick: bool, instance: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "station.toml"
    file.write_text(text + URL)
    config = load(file, instance=instance)
    found = address(Globals(file, instance, None))
    assert found == (config.socket, config.shutdown.grace_seconds)
    assert carefully(file, instance) == found
    assert quickly(file, instance) in {found, None}
    if instance is None:
        assert (quickly(file, instance) == found) == quick


def test_a_json_file_is_read_too(tmp_path: Path) -> None:
    file = tmp_path / "station.json"
    file.write_text('{"ipc": {"socket": "/run/j.sock"}, "server": {"url": "http://x"}}')
    assert address(Globals(file, None, None)).socket == load(file).socket == Path("/run/j.sock")


def test_the_environment_goes_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "station.toml"
    file.write_text('[ipc]\nsocket = "/run/x.sock"\n' + URL)
    monkeypatch.setenv("PYWATS_TRIO_CONFIG", str(file))
    assert address(NONE).socket == Path("/run/x.sock")
    monkeypatch.setenv("PYWATS_TRIO__IPC__SOCKET", "/run/y.sock")
    assert address(NONE).socket == load().socket == Path("/run/y.sock")
    monkeypatch.setenv("PYWATS_TRIO__SHUTDOWN__GRACE_SECONDS", "7")
    assert address(NONE).grace_seconds == load().shutdown.grace_seconds == 7


def test_without_any_configuration_it_is_the_default_of_the_instance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert address(NONE) == (default_socket("default"), 25.0)
    assert address(Globals(None, "line7", None)).socket == default_socket("line7")
    monkeypatch.setenv("PYWATS_TRIO__INSTANCE", "line8")
    assert address(NONE).socket == default_socket("line8")
    assert address(Globals(None, "line7", None)).socket == default_socket("line7")


def test_the_users_configuration_is_found(tmp_path: Path) -> None:
    file = tmp_path / "home" / "pywats-trio" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('[ipc]\nsocket = "/run/u.sock"\n')
    assert address(NONE).socket == Path("/run/u.sock")


def test_a_configuration_that_was_named_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFoundError):
        address(Globals(tmp_path / "none.toml", None, None))
    monkeypatch.setenv("PYWATS_TRIO_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(NotFoundError):
        address(NONE)


def test_what_is_wrong_elsewhere_does_not_hide_the_service(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text('nonsense = 1\n[ipc]\nsocket = "/run/x.sock"\nburst = 9\n[retry]\nmax = 5\n')
    assert address(Globals(file, None, None)).socket == Path("/run/x.sock")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[ipc]\nsocket = 5", "ipc.socket"),
        ("ipc = 5", "ipc: this must be a table"),
        ("instance = 5", "instance"),
        ("instance = 'a/b'", "no usable name"),
        ("[shutdown]\ngrace_seconds = 0.5", "shutdown.grace_seconds"),
        ("[ipc]\nsokcet = '/x'", "did you mean 'socket'"),
        ("[ipc", "not valid TOML"),
        ("[ipc]\nenabled = false", "station.toml:2: ipc.enabled is false"),
    ],
)
def test_what_is_wrong_with_the_address_is_told(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text(text + "\n")
    with pytest.raises(ConfigError, match=words.replace("[", r"\[")):
        address(Globals(file, None, None))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        address(Globals(tmp_path, None, None))


def served(path: Path, talk: Callable[[socket.socket], None]) -> threading.Thread:
    """A service's end of one connection, in a thread: HELLO, then `talk`."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        with listener, listener.accept()[0] as peer:
            peer.sendall(wire.encode(wire.hello("default", "1", requires_auth=False)))
            talk(peer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def test_a_link_notices_that_the_service_hangs_up(tmp_path: Path) -> None:
    go = threading.Event()
    thread = served(tmp_path / "s", lambda _peer: assert_(go.wait(30)))
    with Link(tmp_path / "s") as link:
        assert not link.hung_up(0.01)
        go.set()
        assert link.hung_up(30)
        assert link.hung_up(30)
    thread.join()
    with pytest.raises(NotRunning):
        Link(tmp_path / "s")


def test_a_frame_that_nobody_asked_for_is_no_end(tmp_path: Path) -> None:
    def talk(peer: socket.socket) -> None:
        peer.sendall(wire.encode({"type": "event"}))
        peer.recv(1)

    thread = served(tmp_path / "s", talk)
    with Link(tmp_path / "s") as link:
        assert not link.hung_up(0.05)
        assert not link.hung_up(-1)
    thread.join()


def assert_(fact: bool) -> None:
    assert fact
