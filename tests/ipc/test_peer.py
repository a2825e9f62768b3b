"""Who is at the other end, as the kernel says it."""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest
import trio

from pywats_trio.control import Role
from pywats_trio.ipc.peer import Peer, peer_of
from tests.ipc.kit import site

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = 65_534


def test_a_process_is_known_by_its_number_and_its_user() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer_of(ours) == Peer(os.getpid(), os.geteuid())


def test_the_services_user_and_root_are_admin() -> None:
    for uid in (os.geteuid(), 0):
        who = Peer(1, uid).who
        assert who is not None
        assert (who.name, who.role) == (f"uid {uid}", Role.ADMIN)


@pytest.mark.parametrize("uid", [NOBODY, -1, 2**31 - 1])
def test_anybody_else_is_nobody(uid: int) -> None:
    assert Peer(1, uid).who is None


def test_where_the_system_does_not_say_it_everybody_is_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(socket, "SO_PEERCRED")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer_of(ours).who is None


STRANGER = r"""
import json, os, socket, struct, sys

# Here and not by who starts it: the interpreter itself may be out of the other user's reach.
os.setgroups([]), os.setgid(int(sys.argv[1])), os.setuid(int(sys.argv[1]))

def receive(stream):
    (length,) = struct.unpack(">I", stream.read(4))
    return json.loads(stream.read(length))

with socket.socket(socket.AF_UNIX) as sock:
    sock.connect(sys.argv[2])
    stream = sock.makefile("rb")
    told = [receive(stream)]
    for command in sys.argv[3:]:
        request = {"command": command, "request_id": command, "protocol_version": "2.1"}
        body = json.dumps(request).encode()
        sock.sendall(struct.pack(">I", len(body)) + body)
        told.append(receive(stream))
    print(json.dumps(told))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process of another user")
async def test_a_process_of_another_user_may_ping_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    async with site(folder) as served:
        opened = [served.path, folder, *tmp_path.parents[:3], tmp_path]
        before = {place: place.stat().st_mode for place in opened}
        try:
            for place in opened:
                place.chmod(0o777 if place == served.path else 0o755)
            told = await ask_as(NOBODY, served.path, "ping", "get_status", "stop", "auth")
        finally:
            for place, mode in before.items():
                place.chmod(mode)
    hello, ping, *others = told
    assert hello["requires_auth"] is True
    assert ping["data"] == {"pong": True, "authenticated": False}
    assert [answer["error_code"] for answer in others] == 3 * ["unauthorized"]
    assert served.door.done == []


async def ask_as(uid: int, path: Path, *commands: str) -> list[dict[str, Any]]:
    """HELLO and the answers that a process of user `uid` gets."""
    done = await trio.run_process(
        [sys.executable, "-I", "-S", "-c", STRANGER, str(uid), str(path), *commands],
        capture_stdout=True,
    )
    told: list[dict[str, Any]] = json.loads(done.stdout)
    return told
