"""A disk that fills up under load, and has room again: it waits, says why, and heals by itself."""

from __future__ import annotations

import resource
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import define

from benchmarks import data
from pywats_trio.config.options import MIB
from pywats_trio.devserver import open_devserver
from tests.e2e.calling import GOOD, ask, call
from tests.e2e.clients import connect, details, get, metrics
from tests.e2e.disks import fill, small_disk
from tests.e2e.harness import daemon, write_config
from tests.e2e.site import SIZE, database_rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pywats_trio.devserver import DevServer
    from tests.e2e.harness import Daemon

COUNT = 400
RESERVE = 2 * MIB
"""Room for the outcomes of all that may be in hand: some 70 files of 6 KB and as many reports, each
a commit of its own at worst."""
QUEUE = {"min_free_disk": 4 * MIB, "reserve": RESERVE}
FIRST = COUNT * 3 // 4
"""Files that are there before the disk is full; the tester cannot write the others before."""


@define
class Station:
    """A tester that drops files into a folder which may have no room, and a service."""

    folder: Path
    config: Path
    server: DevServer

    @property
    def reserve_bytes(self) -> int:
        """What is kept on the disk; 0: there is no file."""
        file = self.folder / "data" / "queue.reserve"
        return file.stat().st_size if file.exists() else 0

    def drop(self, *numbers: int) -> None:
        """One complete file after the other. OSError: there is no room for it."""
        for number in numbers:
            file = self.folder / "drop" / f"{number:04d}.tmp"
            try:
                file.write_bytes(data.report("run", number, SIZE))
            except OSError:
                file.unlink(missing_ok=True)
                raise
            file.rename(file.with_suffix(".json"))

    def audit(self, count: int) -> None:
        """All that was dropped was sent once, is done at the first attempt, and lies in Done."""
        assert self.server.journal.sends() == Counter(
            data.report_id("run", number) for number in range(count)
        )
        states = "SELECT kind, state, attempts, count(*) FROM items GROUP BY 1, 2, 3 ORDER BY 1"
        assert database_rows(self.folder / "data", states) == [
            ("file", "COMPLETED", 1, count),
            ("report", "COMPLETED", 1, count),
        ]
        assert list((self.folder / "drop").glob("*.json")) == []
        assert len(list((self.folder / "drop" / "Done").iterdir())) == count


@asynccontextmanager
async def probed(running: Daemon) -> AsyncIterator[None]:
    """As long as the block lasts `/health` answers 200, whenever it is asked."""
    asked = 0

    async def probe() -> None:
        nonlocal asked
        while True:
            async with await connect(running) as stream:
                await get(stream, "/health")  # fails if it is not 200
            asked += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(probe)
        yield
        nursery.cancel_scope.cancel()
    assert asked > 10


def stopped_by(text: str, cause: str) -> bool:
    return f'pywats_intake_paused{{cause="{cause}"}} 1.0' in text


async def quiet(station: Station) -> dict[str, Any]:
    """What `status` tells once the disk has ended what was in hand."""
    with trio.fail_after(60):
        while True:
            told: dict[str, Any] = await ask(station.config, "status")
            if not told["processing_count"]:
                return told


@pytest.mark.parametrize("killed", [False, True], ids=["goes on", "killed meanwhile"])
async def test_a_disk_that_fills_up_under_load_and_has_room_again(killed: bool) -> None:
    async with open_devserver() as server:
        with small_disk("40m") as disk:
            config = write_config(disk / "site", server.url, queue=QUEUE)
            station = Station(disk / "site", config, server)
            async with daemon(config) as running:
                await running.until_event("the reserve is made")
                station.drop(*range(FIRST))
                await running.until_event("report delivered", COUNT // 8)
                async with probed(running):
                    ballast = fill(disk)
                    await check_stopped(station, running)
                    fill(disk)  # what the reserve has left over, too
                    with pytest.raises(OSError, match="No space left"):
                        station.drop(FIRST)
                    if not killed:
                        await check_healed(station, running, ballast)
                if not killed:
                    assert await running.stop() == 0
            if killed:  # as the block above has ended
                await check_started_again(station, ballast)
            station.audit(COUNT)


async def check_stopped(station: Station, running: Daemon) -> None:
    """All has stopped, what was in hand is recorded, and the cause is in every place."""
    await running.until_event("everything stopped: the disk is nearly full")
    await running.until_event("the reserve is freed")
    told = await quiet(station)
    assert told["state"] == "degraded"
    found = {one["cause"]: one for one in told["conditions"]}
    assert "on the disk of data_dir" in found["disk"]["message"]
    assert "nothing new is converted or sent; make room" in found["disk"]["hint"]
    assert told["resources"]["reserve_bytes"] == 0
    assert station.reserve_bytes == 0
    assert "disk" in {one["cause"] for one in (await details(running))["conditions"]}
    assert stopped_by(await metrics(running), "disk")
    done = await call(station.config, "submit", GOOD)
    assert done.returncode == 1
    assert b"free on the disk of data_dir; try again later, or make room" in done.stderr


def make_room(station: Station, ballast: Path) -> None:
    """The disk is not full any more, and the tester can write the rest."""
    ballast.unlink()
    station.drop(*range(FIRST, COUNT))


async def check_healed(station: Station, running: Daemon, ballast: Path) -> None:
    """With room again all goes on, and everything is as it was before."""
    make_room(station, ballast)
    await running.until_event("work resumed")
    await running.until_event("report delivered", COUNT)
    await running.until_event("the reserve is made", 2)
    await check_well(station, running)


async def check_well(station: Station, running: Daemon) -> None:
    """The reserve is back, and nothing holds the service up."""
    assert station.reserve_bytes == RESERVE
    told = await ask(station.config, "status")
    assert (told["state"], told["conditions"]) == ("running", [])
    assert told["resources"]["reserve_bytes"] == RESERVE
    assert not stopped_by(await metrics(running), "disk")


async def check_started_again(station: Station, ballast: Path) -> None:
    """What was sent before the kill had been recorded, thanks to the reserve."""
    before = sum(station.server.journal.sends().values())
    make_room(station, ballast)
    async with daemon(station.config) as running:
        await running.until_event("report delivered", COUNT - before)
        await running.until_event("the reserve is made")
        assert station.reserve_bytes == RESERVE
        assert await running.stop() == 0


async def test_a_service_starts_on_a_disk_that_filled_up_while_it_was_stopped() -> None:
    """The reserve has room for that; it waits, says why, and goes on when there is more."""
    async with open_devserver() as server:
        with small_disk("40m") as disk:
            station = Station(
                disk / "site", write_config(disk / "site", server.url, queue=QUEUE), server
            )
            async with daemon(station.config) as running:
                await running.until_event("the reserve is made")
                assert await running.stop() == 0
            station.drop(0)
            ballast = fill(disk)
            async with daemon(station.config) as running:
                async with probed(running):
                    told = await ask(station.config, "status")
                    assert told["state"] == "degraded"
                    assert "disk" in {one["cause"] for one in told["conditions"]}
                    assert station.reserve_bytes == 0
                    ballast.unlink()
                    await running.until_event("report delivered")
                    await running.until_event("the reserve is made")
                    await check_well(station, running)
                assert await running.stop() == 0
            station.audit(1)


# Where no look at the free space tells


async def test_files_that_may_not_grow_are_a_full_disk_that_nobody_can_see(tmp_path: Path) -> None:
    """As under a quota: every write fails, and there is room enough as far as anybody is told."""
    async with open_devserver() as server:
        station = Station(tmp_path, write_config(tmp_path, server.url, queue=QUEUE), server)
        async with daemon(station.config) as running:
            await running.until_event("the reserve is made")
            station.drop(*range(COUNT))
            await running.until_event("report delivered", COUNT // 8)
            async with probed(running):
                limit_files(running, 1)
                await running.until_event("everything stopped: the disk is nearly full")
                told = await ask(station.config, "status")
                found = {one["cause"]: one["message"] for one in told["conditions"]}
                assert found["disk"] == "the disk of data_dir has no room for a commit"
                assert "the queue's database refused" in found["store"]
                assert stopped_by(await metrics(running), "store")
                limit_files(running, resource.RLIM_INFINITY)
                await running.until_event("work resumed")
                await running.until_event("report delivered", COUNT)
                await check_well(station, running)
            assert await running.stop() == 0
        station.audit(COUNT)


def limit_files(running: Daemon, size: int) -> None:
    """From now on no file of the service grows beyond `size`."""
    pid = running.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


# Marks in a running service


async def test_a_floor_above_the_disk_stops_everything_until_it_is_lowered() -> None:
    """What the default does on a small disk: it says so, and a reload is enough."""
    async with open_devserver() as server:
        with small_disk("40m") as disk:
            config = write_config(disk / "site", server.url, queue={"min_free_disk": "1GiB"})
            station = Station(disk / "site", config, server)
            async with daemon(station.config) as running:
                station.drop(*range(5))
                told = await ask(station.config, "status")
                [one] = told["conditions"]
                assert one["message"] == "less than 256MiB are free on the disk of data_dir"
                assert "this disk has 40 MiB in all" in one["hint"]
                assert "lower queue.min_free_disk" in one["hint"]
                assert told["pending_count"] == told["processing_count"] == 0
                config.write_text(config.read_text().replace('"1GiB"', '"4MiB"'))
                await running.until_event("report delivered", 5)
                assert await running.stop() == 0
            station.audit(5)
