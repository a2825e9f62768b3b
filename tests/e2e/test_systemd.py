"""The installed command under a service manager: a socket of ours stands for systemd's."""

from __future__ import annotations

import contextlib
import math
import signal
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import trio

from tests.e2e.harness import PATIENCE, daemon, write_config
from tests.e2e.site import make_site, recorded
from tests.service.notify_socket import NotifySocket, notify_socket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.e2e.harness import Daemon

NOWHERE = "http://127.0.0.1:9"
PHASES = ("READY=1", "RELOADING=1", "STOPPING=1")


class Manager:
    """What the daemon has said so far."""

    def __init__(self, bound: NotifySocket) -> None:
        self._bound = bound
        self._sock = trio.socket.from_stdlib_socket(bound.sock)
        self.messages: list[str] = []

    @property
    def phases(self) -> list[str]:
        """The first line of each message that has one of the phases."""
        return [line for line in (m.split("\n")[0] for m in self.messages) if line in PHASES]

    async def until(self, message: str, times: int = 1) -> None:
        """Until so many messages begin like this."""
        with trio.fail_after(PATIENCE):
            while sum(said.startswith(message) for said in self.messages) < times:
                self.messages.append((await self._sock.recv(4096)).decode())

    def read_rest(self) -> None:
        """What was sent and not yet read; for when the sender is gone."""
        self.messages += self._bound.messages()


@contextlib.asynccontextmanager
async def managed(
    folder: Path, address: str, watchdog_seconds: float = math.inf
) -> AsyncIterator[tuple[Daemon, Manager]]:
    """The daemon, as soon as it has started and whatever its state."""
    environment = {"NOTIFY_SOCKET": address}
    if watchdog_seconds < math.inf:
        environment["WATCHDOG_USEC"] = f"{watchdog_seconds * 1e6:.0f}"
    with notify_socket(address) as bound:
        manager = Manager(bound)
        config = write_config(folder, NOWHERE)
        async with daemon(config, environment=environment, ready=False) as running:
            yield running, manager


@pytest.mark.parametrize("kind", ["path", "abstract"])
async def test_the_phases_of_a_life_are_told_in_their_order(tmp_path: Path, kind: str) -> None:
    address = f"@pywats-trio-{uuid4()}" if kind == "abstract" else str(tmp_path / "notify")
    async with managed(tmp_path, address) as (running, manager):
        await manager.until("READY=1")
        assert f"MAINPID={running.process.pid}" in manager.messages[-1]
        assert await get_ready(running)
        running.process.send_signal(signal.SIGHUP)
        await manager.until("RELOADING=1")
        assert "MONOTONIC_USEC=" in manager.messages[-1]
        await manager.until("READY=1", 2)
        running.process.send_signal(signal.SIGTERM)
        await manager.until("STOPPING=1")
        assert await running.end() == 0
        manager.read_rest()
    assert manager.phases == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]
    assert "WATCHDOG=1" not in manager.messages
    states = [m.split(":")[0] for m in manager.messages if m.startswith("STATUS=")]
    assert "STATUS=validating" in states
    assert states[-2:] == ["STATUS=draining", "STATUS=stopped"]


async def get_ready(running: Daemon) -> bool:
    """Whether `/ready` says so."""
    host, _, port = running.health.removeprefix("http://").rpartition(":")
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        await stream.send_all(b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return (await stream.receive_some()).startswith(b"HTTP/1.1 200 ")


async def test_the_event_loop_pings_the_watchdog(tmp_path: Path) -> None:
    async with managed(tmp_path, str(tmp_path / "notify"), 0.2) as (running, manager):
        await manager.until("WATCHDOG=1", 5)
        assert await running.stop() == 0


async def test_a_process_that_the_watchdog_ends_says_where_it_was(tmp_path: Path) -> None:
    async with managed(tmp_path, str(tmp_path / "notify")) as (running, manager):
        await manager.until("READY=1")
        assert await running.stop(signal.SIGABRT) == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in running.other_output
    assert any(line.startswith("Current thread") for line in running.other_output)


async def test_a_service_that_cannot_start_is_never_ready(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    async with managed(tmp_path, str(tmp_path / "notify")) as (running, manager):
        assert await running.end() == 30
        manager.read_rest()
    assert "READY=1" not in manager.phases


async def test_a_manager_that_has_gone_away_holds_nothing_up(tmp_path: Path) -> None:
    async with managed(tmp_path, str(tmp_path / "notify"), 0.2) as (running, manager):
        await manager.until("READY=1")
        (tmp_path / "notify").unlink()
        await running.until_event("systemd cannot be told")
        assert await running.stop() == 0


async def test_an_embedded_service_tells_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with notify_socket(str(tmp_path / "notify")) as bound:
        monkeypatch.setenv("NOTIFY_SOCKET", bound.address)
        with recorded(make_site(tmp_path, NOWHERE)) as site:
            async with site.running():
                pass
        assert bound.messages() == []
