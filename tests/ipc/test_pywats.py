"""A client as pyWATS 2.0 has it, made from its bytes on the wire and nothing of ours.

It reads HELLO, sends `protocol_version` 2.0 with blanks in its JSON, does not look at the
`request_id`, and maps the flat names of the status.
"""

from __future__ import annotations

import json
import socket
import struct
import uuid
from typing import TYPE_CHECKING, Any

import trio

from pywats_trio.commands.desk import CommandDesk
from pywats_trio.config.options import IpcOptions
from pywats_trio.control import ServiceState
from pywats_trio.ipc.bind import bind
from pywats_trio.ipc.server import IpcServer
from pywats_trio.model import Counts, Kind, State
from pywats_trio.observe.board import Board
from tests.commands.kit import House

if TYPE_CHECKING:
    from pathlib import Path

MAPPED = (
    "status",
    "api_status",
    "pending_count",
    "processing_count",
    "completed_count",
    "failed_count",
    "converter_active",
    "converter_pending",
    "uptime_seconds",
)


class PywatsClient:
    """Blocking, as theirs; ends a conversation it does not understand with an AssertionError."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(10)
        self._socket.connect(str(path))
        self.hello = self._read()
        major, minor = map(int, self.hello["protocol_version"].split("."))
        assert (major, minor) >= (2, 0)
        assert not self.hello["requires_auth"]

    def _read(self) -> dict[str, Any]:
        (length,) = struct.unpack(">I", self._exactly(4))
        message: dict[str, Any] = json.loads(self._exactly(length))
        return message

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._socket.recv(size - len(data))
            assert more, "hung up"
            data += more
        return data

    def send_command(self, command: str, **args: object) -> dict[str, Any]:
        body = json.dumps(
            {
                "command": command,
                "request_id": str(uuid.uuid4()),
                "protocol_version": "2.0",
                "args": args,
            }
        ).encode()
        self._socket.sendall(struct.pack(">I", len(body)))
        self._socket.sendall(body)
        return self._read()  # the next frame, whatever its request_id

    def ping(self) -> bool:
        return self.send_command("ping")["data"]["pong"] is True

    def get_status(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What it maps, and the rest, which goes into `extra`."""
        data = dict(self.send_command("get_status")["data"])
        return {name: data.pop(name) for name in MAPPED}, data

    def request_stop(self) -> bool:
        answer = self.send_command("stop")
        return answer["success"] and answer["data"]["requested"] is True

    def close(self) -> None:
        self._socket.close()


def converse(path: Path) -> dict[str, Any]:
    client = PywatsClient(path)
    told = {
        "hello": client.hello,
        "pings": [client.ping() for _ in range(3)],
        "status": client.get_status(),
        "auth": client.send_command("auth", token="f" * 64),
        "unknown": client.send_command("start_service"),
        "stop": client.request_stop(),
    }
    client.close()
    return told


async def test_a_client_of_pywats_gets_what_it_needs(tmp_path: Path) -> None:
    board = Board("line-1", "1.2.3")
    board.state = ServiceState.PAUSED
    board.server_asked = True
    board.counts = lambda: Counts(
        {
            (Kind.FILE, State.PENDING): 1,
            (Kind.FILE, State.PROCESSING): 2,
            (Kind.REPORT, State.SUSPENDED): 4,
            (Kind.REPORT, State.PROCESSING): 8,
            (Kind.REPORT, State.COMPLETED): 16,
            (Kind.REPORT, State.FAILED): 32,
        }
    )
    house = House(board)
    bound = bind(tmp_path / "ipc.sock")
    server = IpcServer(IpcOptions(), bound.sock, CommandDesk(house), board)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        told = await trio.to_thread.run_sync(converse, bound.path)
        server.goodbye()
    bound.close()

    assert told["hello"] == {
        "protocol_version": "2.1",
        "server_version": "1.2.3",
        "instance_id": "line-1",
        "requires_auth": False,
        "capabilities": ["rate_limit", "queue", "sync"],
    }
    assert told["pings"] == [True, True, True]
    mapped, extra = told["status"]
    assert 0 <= mapped.pop("uptime_seconds") < 60
    assert mapped == {
        "status": "Paused",
        "api_status": "Online",
        "pending_count": 5,
        "processing_count": 10,
        "completed_count": 16,
        "failed_count": 32,
        "converter_active": 2,
        "converter_pending": 1,
    }
    assert extra["state"] == "paused"
    assert told["auth"]["data"]["authenticated"] is True
    assert told["unknown"]["error"] == "Unknown command: start_service"
    assert told["unknown"]["success"] is False
    assert told["unknown"]["data"] is None
    assert told["stop"] is True
    assert house.stopped == ["asked by uid " + str(house.uid)]
