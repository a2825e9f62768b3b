"""The listener on a real socket: how many, who waits, and that no client ends or holds it."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import attrs
import pytest
import structlog
import trio
import trio.testing

from pywats_trio import faultpoint
from pywats_trio.config.options import SupervisionOptions
from pywats_trio.faultpoint import InjectedFault
from pywats_trio.ipc import wire
from pywats_trio.ipc.server import EXHAUSTED_SECONDS, IpcServer, accepted
from pywats_trio.service.supervise import Supervisor
from tests.ipc.kit import Client, framed, site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trio.testing import MockClock

PROMPT = 2.0
"""Seconds: far more than it takes, far less than any time-out that it could have waited for."""


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    faultpoint.arm("")


async def test_clients_are_served_side_by_side(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        first, second = await served.greeted(), await served.greeted()
        await first.send(wire.request("work", "1", {}))
        await served.door.begun.wait()
        assert (await second.ask("echo", a=2))["data"] == {"a": 2}
        assert served.board.ipc_connections == 2
        served.door.released.set()
        assert (await first.expect())["data"] == {"released": True}


async def test_clients_that_left_are_not_counted(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        for _ in range(3):
            client = await served.greeted()
            await client.stream.aclose()
        last = await served.greeted()
        await until(lambda: served.board.ipc_connections == 1)
        assert (await last.ask("ping"))["success"]


async def until(true: object) -> None:
    """Until `true()` holds; other tasks run meanwhile."""
    assert callable(true)
    with trio.fail_after(10):
        while not true():
            await trio.lowlevel.checkpoint()


# How many


@pytest.mark.parametrize("clients", [2, 3])
async def test_so_many_clients_are_served_at_once(clients: int, tmp_path: Path) -> None:
    async with site(tmp_path, max_connections=3) as served:
        for client in [await served.greeted() for _ in range(clients)]:
            assert (await client.ask("ping"))["success"]
        assert served.board.ipc_connections == clients


async def test_one_more_waits_and_is_served_when_one_leaves(tmp_path: Path) -> None:
    async with site(tmp_path, max_connections=3) as served:
        inside = [await served.greeted() for _ in range(3)]
        late = await served.connect()
        await late.send(wire.request("echo", "1", {"a": 1}))
        for client in inside:  # whoever is inside goes on
            assert (await client.ask("ping"))["success"]
        await trio.testing.wait_all_tasks_blocked()
        assert served.board.ipc_connections == 3
        await inside[1].stream.aclose()
        assert (await late.expect())["instance_id"] == "line-1"
        assert (await late.expect())["data"] == {"a": 1}
        assert served.board.ipc_connections == 3


async def test_who_hangs_up_during_a_wait_makes_room(tmp_path: Path) -> None:
    async with site(tmp_path, max_connections=1) as served:
        waiting = await served.greeted()
        await waiting.send(wire.request("wait", "1", {}))
        await served.door.begun.wait()
        await waiting.stream.aclose()
        assert (await (await served.greeted()).ask("ping"))["success"]
        assert served.door.cancelled == ["wait"]


async def test_who_hangs_up_with_an_answer_unread_is_gone_like_anybody(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        async with site(tmp_path, max_connections=1) as served:
            rude = await served.connect()
            await rude.send(wire.request("wait", "1", {}))
            await served.door.begun.wait()
            await rude.stream.aclose()  # HELLO is still in its buffer: a reset, not an end
            assert (await (await served.greeted()).ask("ping"))["success"]
            assert served.door.cancelled == ["wait"]
    assert logs == []


# Clients that do not behave


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\0\0",
        framed(b"{"),
        framed(b"[]"),
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff" * 100_000,
        wire.encode(wire.request("crash", "1", {})),
        wire.encode(wire.request("huge", "1", {})),
        wire.encode(wire.request("wait", "1", {})) * 100,
        wire.encode(wire.request("work", "1", {})),
    ],
)
async def test_a_client_that_is_gone_harms_nobody(said: bytes, tmp_path: Path) -> None:
    with structlog.testing.capture_logs():
        await leave_rudely(said, tmp_path)


async def leave_rudely(said: bytes, folder: Path) -> None:
    async with site(folder) as served:
        other = await served.greeted()
        for _ in range(3):
            rude = await served.connect()
            await sent(rude, said)
            await rude.stream.aclose()
            assert (await other.ask("ping"))["success"]
        served.door.released.set()
        await until(lambda: served.board.ipc_connections == 1)
        assert not served.ended.is_set()


async def sent(client: Client, data: bytes) -> None:
    with contextlib.suppress(trio.BrokenResourceError):
        await client.stream.send_all(data)


async def test_a_client_that_never_reads_holds_up_nobody_else(tmp_path: Path) -> None:
    async with site(tmp_path) as served, trio.open_nursery() as nursery:
        greedy, other = await served.greeted(), await served.greeted()
        question = wire.encode(wire.request("echo", "1", {"a": "x" * 60_000}))
        sent_bytes = 0

        async def flood() -> None:
            nonlocal sent_bytes
            while True:
                await greedy.stream.send_all(question)
                sent_bytes += len(question)

        nursery.start_soon(flood)
        await trio.testing.wait_all_tasks_blocked(0.05)
        stuck = sent_bytes
        assert (await other.ask("ping"))["success"]
        assert sent_bytes == stuck < 8 * 2**20  # what both buffers hold, and no more
        nursery.cancel_scope.cancel()


# Goodbye


async def test_goodbye_ends_it_at_once_whoever_is_connected(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        idle, half, waiting = [await served.greeted() for _ in range(3)]
        await half.stream.send_all(b"\0\0\0\x30{")
        await waiting.send(wire.request("wait", "7", {}))
        await served.door.begun.wait()
        deaf = await served.greeted()
        flood = wire.encode(wire.request("echo", "1", {"a": "x" * 50_000})) * 40
        served.nursery.start_soon(sent, deaf, flood)
        late = await served.connect()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert len(served.door.done) < 40  # the deaf client's answers are stuck
        began = trio.current_time()
        served.server.goodbye()
        with trio.fail_after(10):
            await served.ended.wait()
        assert trio.current_time() - began < PROMPT
        assert await idle.ended()
        assert await half.ended()
        told = await waiting.expect()
        assert (told["request_id"], told["error_code"]) == ("7", "not_ready")
        assert await waiting.ended()
        await late.stream.aclose()
        assert served.board.ipc_connections == 0


async def test_who_comes_at_the_very_moment_of_goodbye_does_not_hold_it(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        with socket.socket(socket.AF_UNIX) as late:
            late.connect(str(served.path))  # in the same turn of the event loop
            began = trio.current_time()
            served.server.goodbye()
            await served.ended.wait()
            assert trio.current_time() - began < PROMPT


async def test_the_answer_under_way_arrives_after_goodbye(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        client = await served.greeted()
        await client.send(wire.request("work", "1", {}))
        await served.door.begun.wait()
        served.server.goodbye()
        await trio.testing.wait_all_tasks_blocked()
        assert not served.ended.is_set()
        served.door.released.set()
        assert (await client.expect())["data"] == {"released": True}
        assert await client.ended()
        await served.ended.wait()


async def test_a_part_that_is_started_after_goodbye_ends(tmp_path: Path) -> None:
    async with site(tmp_path, running=False) as served:
        served.server.goodbye()
        with trio.fail_after(10):
            await served.server.run()


async def test_cancelled_it_cuts_its_clients_off_at_once(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        client = await served.greeted()
        await client.send(wire.request("work", "1", {}))
        await served.door.begun.wait()
        served.running.cancel()
        with trio.fail_after(10):
            await served.ended.wait()
        assert served.door.cancelled == ["work"]
        assert await client.ended()
        assert served.board.ipc_connections == 0


# Faults


async def test_a_crash_leaves_the_socket_to_the_next_start(tmp_path: Path) -> None:
    faultpoint.arm("ipc.accepted=raise@2")
    async with site(tmp_path, running=False) as served:
        cut_off: list[Client] = []
        for _ in range(2):
            async with trio.open_nursery() as running:
                running.start_soon(crash, served.server)
                cut_off.append(await served.greeted())
                cut_off.append(await served.connect())
            assert served.board.ipc_connections == 0
            faultpoint.arm("ipc.accepted=raise@2")
        faultpoint.arm("")
        await served.nursery.start(served.run)
        for client in cut_off:
            await closed(client)
        assert (await (await served.greeted()).ask("ping"))["success"]
        assert served.board.ipc_connections == 1
        assert served.path.is_socket()


async def crash(server: IpcServer) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await server.run()
    assert caught.group_contains(InjectedFault, match="fault point ipc.accepted")


async def closed(client: Client) -> None:
    """Whatever the service still said, it has hung up."""
    while await client.next() is not None:
        pass


async def test_under_the_supervisor_a_crash_is_a_short_pause(tmp_path: Path) -> None:
    faultpoint.arm("ipc.accepted=raise@1-2")
    with structlog.testing.capture_logs():
        async with site(tmp_path, running=False) as served:
            supervisor = Supervisor(SupervisionOptions(), served.board)
            await supervisor.start(served.nursery, "ipc", served.server.run)
            for _ in range(2):
                await closed(await served.connect())
            assert (await (await served.greeted()).ask("ping"))["success"]
            assert served.board.restarts == {"ipc": 2}
            assert served.board.ipc_connections == 1
            served.server.goodbye()


KILLED = """
import sys, trio
from pathlib import Path
from tests.ipc.kit import site

async def main():
    async with site(Path(sys.argv[1])):
        print("ready", flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


async def test_after_a_kill_the_next_service_takes_the_path_over(tmp_path: Path) -> None:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, faultpoint.VARIABLE: "ipc.accepted=kill@2"},
    )
    assert process.stdout is not None
    async with process.stdout:
        await read_until(process.stdout, b"ready\n")
        path = tmp_path / "ipc.sock"
        async with await trio.open_unix_socket(path) as first:
            assert await Client(first).next() is not None
            async with await trio.open_unix_socket(path) as second:
                assert await process.wait() == -signal.SIGKILL
                await gone(Client(second))
            await gone(Client(first))
    assert path.is_socket()
    async with site(tmp_path) as served:
        assert (await (await served.greeted()).ask("ping"))["success"]
    assert not path.exists()


async def read_until(stream: trio.abc.ReceiveStream, end: bytes) -> None:
    said = b""
    while not said.endswith(end):
        data = await stream.receive_some()
        assert data, f"it ended after {said!r}"
        said += data


async def gone(client: Client) -> None:
    with contextlib.suppress(trio.BrokenResourceError):
        await closed(client)


@attrs.define
class Exhausted(trio.abc.Listener[trio.SocketStream]):
    """A listener in a system that has no descriptors left, until it has."""

    stream: trio.SocketStream
    refusals: list[int]

    async def accept(self) -> trio.SocketStream:
        await trio.lowlevel.checkpoint()
        if self.refusals:
            number = self.refusals.pop(0)
            raise OSError(number, os.strerror(number))
        return self.stream

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


@pytest.fixture
async def stream() -> trio.SocketStream:
    return trio.SocketStream(trio.socket.socket())


async def test_without_descriptors_it_waits_for_better_times(
    stream: trio.SocketStream, autojump_clock: MockClock
) -> None:
    listener = Exhausted(stream, [errno.EMFILE, errno.ENFILE])
    began = trio.current_time()
    with structlog.testing.capture_logs() as logs:
        assert await accepted(listener) is stream
    assert trio.current_time() - began == 2 * EXHAUSTED_SECONDS
    assert [entry["why"] for entry in logs] == [
        "Too many open files",
        "Too many open files in system",
    ]
    await stream.aclose()


async def test_any_other_failure_of_the_socket_is_the_supervisors(
    stream: trio.SocketStream,
) -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        await accepted(Exhausted(stream, [errno.EBADF]))
    await stream.aclose()
