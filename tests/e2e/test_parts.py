"""Parts that fail in a running service: started again within a budget, and nothing is lost."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import frozen

from pywats_trio.devserver import open_devserver
from pywats_trio.faultpoint import VARIABLE
from tests.e2e.books import Books, audit
from tests.e2e.clients import details, knock, metrics, total
from tests.e2e.harness import Daemon, daemon, write_config
from tests.e2e.test_crash import EACH_IN_ITS_OWN, fault_points

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.devserver import DevServer


@frozen
class Failing:
    """A part, and a point that it passes with every file or client."""

    part: str
    point: str
    first: int = 1
    """Which pass is the first to fail: the store is there before its supervisor is."""


FAILING = [
    Failing("deliver", "deliver.claimed"),
    Failing("convert", "convert.claimed"),
    Failing("convert", "pool.started"),
    Failing("intake line-1", "accept.before_put"),
    Failing("putaway line-1", "putaway.before_commit"),
    Failing("store", "store.thread", 12),
    Failing("store", "store.committed", 12),
    Failing("ipc", "ipc.accepted"),
    Failing("health", "health.accepted"),
]
NAMES = [failing.point for failing in FAILING]
TIMES = 3
LOAD = 20
GROUPS = 5
"""So many groups of files, one when the last is delivered."""
ASIDE = ("store.before_commit", "inbox.", "export.", "restore.")
"""Points whose fault is told to whoever asked, and ends no part."""

COMPLAINTS = ("cannot record an outcome", "cannot claim work", "the queue takes no files")
"""What is logged where a commit failed."""


async def keep_knocking(running: Daemon) -> None:
    """One client after the other at both doors, until cancelled."""
    while not running.ended.is_set():
        await knock(running)


async def until_it_failed(running: Daemon, books: Books, server: DevServer) -> None:
    """One file and one client after the other, so that each fault is met in its turn."""
    while len(running.events("part failed")) < TIMES:
        books.drop(1)
        await running.until_true(partial(books.until_delivered, server))
        await knock(running)


@pytest.mark.parametrize("failing", FAILING, ids=NAMES)
async def test_a_part_that_fails_three_times_is_started_again_and_loses_nothing(
    tmp_path: Path, failing: Failing
) -> None:
    fault = f"{failing.point}=raise@{failing.first}-{failing.first + TIMES - 1}"
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url)
        books = Books(tmp_path / "drop")
        async with daemon(config, environment={VARIABLE: fault}) as running:
            await until_it_failed(running, books, server)
            await running.until_event("part is started again", TIMES)
            books.drop(LOAD)
            await running.until_true(partial(books.until_delivered, server))
            await running.until(lambda: states(running)[-1] == "running")
            await is_told(running, failing.part)
            assert await running.stop() == 0
            failures = running.events("part failed")
        assert [failure["part"] for failure in failures] == [failing.part] * TIMES
        await audit(books, tmp_path / "data", server, books.folder / "Done")


async def is_told(running: Daemon, part: str) -> None:
    """How often the part was started again, and that the service was degraded meanwhile."""
    told = await details(running)
    assert told["restarts"] == {part: TIMES}
    assert (told["state"], told["conditions"]) == ("running", [])
    series = f'pywats_service_restarts_total{{part="{part}"}}'
    assert total(await metrics(running), series) == TIMES
    changes = states(running)
    assert "degraded" in changes[changes.index("running") :]


def states(running: Daemon) -> list[str]:
    """The states that the service came to, in order."""
    return [record["state"] for record in running.events("service state")]


@pytest.mark.parametrize("failing", FAILING, ids=NAMES)
async def test_a_part_that_fails_too_often_ends_the_service_and_loses_nothing(
    tmp_path: Path, failing: Failing
) -> None:
    fault = f"{failing.point}=raise@{failing.first}-100000"
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url, supervision={"max_restarts": 1})
        books = Books(tmp_path / "drop")
        books.drop(LOAD)
        async with daemon(config, environment={VARIABLE: fault}) as running:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(keep_knocking, running)
                assert await running.end() == 35
                nursery.cancel_scope.cancel()
            assert len(running.events("part failed")) == 2
            assert states(running)[-1] == "failed"
            [sentence] = running.other_output
        assert f"{failing.part!r} kept failing" in sentence
        async with daemon(config) as running:
            await running.until_true(partial(books.until_delivered, server))
            assert await running.stop() == 0
        await audit(books, tmp_path / "data", server, books.folder / "Done")


async def test_a_fault_at_every_point_under_load_loses_nothing(tmp_path: Path) -> None:
    points = {point for point in fault_points() if not point.startswith(ASIDE)}
    # Deliveries go on beside each other: of two faults at one moment the first cancels the second.
    turn = dict.fromkeys(points, 2) | {
        point: 2 + 6 * number
        for number, point in enumerate(sorted(point for point in points if "deliver." in point))
    }
    faults = ",".join(f"{point}=raise@{turn[point]}" for point in points)
    async with open_devserver() as server:
        plenty = {"max_restarts": 100}
        config = write_config(tmp_path, server.url, supervision=plenty, workers=EACH_IN_ITS_OWN)
        books = Books(tmp_path / "drop")
        async with daemon(config, environment={VARIABLE: faults}) as running:
            for _ in range(GROUPS):
                books.drop(LOAD // GROUPS)
                await running.until_true(partial(books.until_delivered, server))
                await knock(running)
            assert await running.stop() == 0
            told = json.dumps(running.events("part failed"))
        assert {point for point in points if f"fault point {point}," in told} == points
        await audit(books, tmp_path / "data", server, books.folder / "Done")


async def test_commits_that_fail_are_made_up_for_and_nothing_is_lost(tmp_path: Path) -> None:
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url)
        books = Books(tmp_path / "drop")
        fault = {VARIABLE: "store.before_commit=raise@10-40"}
        async with daemon(config, environment=fault) as running:
            books.drop(LOAD)
            await running.until_true(partial(books.until_delivered, server))
            assert await running.stop() == 0
            assert running.events("part failed") == []
            assert any(running.events(event) for event in COMPLAINTS)
        await audit(books, tmp_path / "data", server, books.folder / "Done")
