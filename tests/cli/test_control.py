"""`stop` against services that hang up at odd moments; the rest is tested with real ones (e2e)."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from pywats_trio.cli.main import cli
from pywats_trio.ipc import wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

PATIENCE = 10.0
"""Seconds until a service of this test gives up."""
Answers = dict[str, Any]
"""Of one connection: what is answered to each command; one that is missing hangs up."""
STATUS = {"pid": 42, "started_at": "2026-01-30T09:00:00.000Z"}
ASKED = {"get_status": STATUS, "stop": {"requested": True}}
STILL = {"get_status": STATUS}
ANOTHER = {"get_status": {"pid": 43, "started_at": "2026-01-30T09:00:01.000Z"}}


@contextlib.contextmanager
def service(path: Path, *connections: Answers, wait: bool = False) -> Iterator[None]:
    """Serves one connection after the other, then nobody answers.

    A connection is closed when all that it answers was asked; with `wait` the last one stays open
    until the block is left.
    """
    left = threading.Event()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    listener.settimeout(PATIENCE)

    def serve() -> None:
        with listener, contextlib.suppress(TimeoutError):  # a failed test connects too rarely
            for number, answers in enumerate(connections, 1):
                with listener.accept()[0] as peer:
                    talk(peer, answers)
                    if wait and number == len(connections):
                        left.wait(PATIENCE)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join()


def talk(peer: socket.socket, answers: Answers) -> None:
    peer.settimeout(PATIENCE)
    peer.sendall(wire.encode(wire.hello("default", "1", requires_auth=False)))
    decoder = wire.Decoder()
    waiting = set(answers)
    while waiting:
        while (message := decoder.next_message()) is None:
            data = peer.recv(65536)
            if not data:
                return
            decoder.feed(data)
        command = message["command"]
        waiting.discard(command)
        peer.sendall(wire.encode(wire.success(message["request_id"], answers[command])))


def stop(folder: Path, *, grace: float = 5.0) -> Result:
    config = folder / "station.toml"
    config.write_text(
        f'[ipc]\nsocket = "{folder}/s.sock"\n[shutdown]\ngrace_seconds = {grace}\n', "utf-8"
    )
    return CliRunner().invoke(cli, ["--config", str(config), "stop", "--json"])


ENDS = {
    "at once": [ASKED],
    "without an answer": [STILL],
    "after it cut off an idle client": [ASKED, STILL, STILL],
    "while it says goodbye": [ASKED, {}],
    "and another starts in its place": [ASKED, ANOTHER],
}


@pytest.mark.parametrize("connections", ENDS.values(), ids=ENDS)
def test_stop_ends_when_the_service_does(connections: list[Answers], tmp_path: Path) -> None:
    with service(tmp_path / "s.sock", *connections):
        done = stop(tmp_path)
    assert (done.exit_code, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert (told["stopped"], told["pid"]) == (True, 42)


@pytest.mark.parametrize("connections", [[ASKED], [ASKED, STILL], [ASKED, {}, STILL]])
def test_stop_of_a_service_that_stays_ends_with_31(
    connections: list[Answers], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pywats_trio.cli.control.SPARE_SECONDS", -0.8)
    with service(tmp_path / "s.sock", *connections, wait=True):
        done = stop(tmp_path, grace=1.0)
    assert (done.exit_code, done.stdout) == (31, "")
    assert "end its process 42" in done.stderr
    assert done.stderr.count("\n") == 1
