"""Unmodified pyWATS classes in the running service, from the watch folder to the server."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pywats_trio.devserver import DevServer, open_devserver
from tests.e2e.harness import daemon, write_config
from tests.pywats.kit import BENCH, type_of

if TYPE_CHECKING:
    from pathlib import Path

STATION = {"name": "S1", "location": "Hall 2", "purpose": "Production"}
HEADER = "BENCH SN-1 PN-1 2026-03-02 08:15:30"


def put(path: Path, text: str) -> None:
    """Another file under the same name, complete at once."""
    beside = path.with_name("~" + path.name)
    beside.write_text(text)
    beside.replace(path)


def delivered(server: DevServer) -> set[str]:
    """The serial numbers of the reports that the server took."""
    return {entry.serial for entry in server.journal.entries if entry.status == 200}


async def until_delivered(server: DevServer, *serials: str) -> None:
    await server.wait_until(lambda server: delivered(server) == set(serials))


async def test_a_class_takes_what_its_own_patterns_say_and_all_its_reports_are_delivered(
    tmp_path: Path,
) -> None:
    async with open_devserver() as server:
        config = write_config(
            tmp_path, server.url, converter={"type": type_of(BENCH)}, station=STATION
        )
        put(tmp_path / "drop" / "unit.log", f"{HEADER}\n3V3;3.31;3.2;3.4\n5V;5;4.9;5.1\n")
        put(tmp_path / "drop" / "unit.xyz", "not for it")
        put(tmp_path / "drop" / "bad.bench", "HELLO\n")
        async with daemon(config) as running:
            [refused] = await running.until_event("file not converted")
            await running.until_true(partial(until_delivered, server, "SN-1-1", "SN-1-2"))
            assert await running.stop() == 0
    assert "no line BENCH at the beginning" in refused["error"]
    assert (tmp_path / "drop" / "unit.xyz").exists()
    assert (tmp_path / "drop" / "Error" / "bad.bench").exists()
    assert "serial number SN-1" in [one["message"] for one in running.events("a converter says")]


async def test_a_suspended_file_is_converted_when_it_is_complete(tmp_path: Path) -> None:
    async with open_devserver() as server:
        converter = {"type": type_of("waiting:WaitingConverter"), "max_attempts": 1000}
        config = write_config(tmp_path, server.url, converter=converter, station=STATION)
        file = tmp_path / "drop" / "unit.part.txt"
        put(file, "SN-1\n")
        async with daemon(config) as running:
            waits = await running.until_event("file not converted", 2)
            put(file, "SN-1\nSN-2\nend\n")
            await running.until_true(partial(until_delivered, server, "SN-1", "SN-2"))
            assert await running.stop() == 0
    assert all("the tester has not finished" in one["error"] for one in waits)
    assert (tmp_path / "drop" / "Done" / "unit.part.txt").exists()
