"""Parts that fail in a running service: started again within a budget, and nothing is lost."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pywats_trio.devserver import open_devserver
from pywats_trio.faultpoint import VARIABLE
from tests.e2e.books import Books, audit
from tests.e2e.harness import daemon, write_config
from tests.e2e.test_crash import fault_points

if TYPE_CHECKING:
    from pathlib import Path

PARTS = {
    "deliver": "deliver.claimed",
    "convert": "convert.claimed",
    "intake line-1": "accept.before_put",
    "putaway line-1": "putaway.before_commit",
}
"""Each part, and a point that it passes with every file."""
LOAD = 20
GROUPS = 5
"""So many groups of files, one when the last is delivered."""


COMPLAINTS = ("cannot record an outcome", "cannot claim work", "the queue takes no files")
"""What is logged where a commit failed."""


@pytest.mark.parametrize("part", PARTS)
async def test_a_part_that_fails_three_times_is_started_again_and_loses_nothing(
    tmp_path: Path, part: str
) -> None:
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url)
        books = Books(tmp_path / "drop")
        async with daemon(config, environment={VARIABLE: f"{PARTS[part]}=raise@1-3"}) as running:
            books.drop(1)  # alone, so that it meets each of the three faults in its turn
            failures = await running.until_event("part failed", 3)
            books.drop(LOAD)
            await running.until_true(partial(books.until_delivered, server))
            assert await running.stop() == 0
            assert running.events("part failed") == failures
        assert [failure["part"] for failure in failures] == [part] * 3
        await audit(books, tmp_path / "data", server, books.folder / "Done")


@pytest.mark.parametrize("part", PARTS)
async def test_a_part_that_fails_too_often_ends_the_service_and_loses_nothing(
    tmp_path: Path, part: str
) -> None:
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url, supervision={"max_restarts": 1})
        books = Books(tmp_path / "drop")
        books.drop(LOAD)
        async with daemon(config, environment={VARIABLE: f"{PARTS[part]}=raise"}) as running:
            assert await running.end() == 35
            assert len(running.events("part failed")) == 2
            sentence = "\n".join(running.other_output)
        assert f"{part!r} kept failing" in sentence
        assert "Traceback" not in sentence
        async with daemon(config) as running:
            await running.until_true(partial(books.until_delivered, server))
            assert await running.stop() == 0
        await audit(books, tmp_path / "data", server, books.folder / "Done")


async def test_a_fault_at_every_point_under_load_loses_nothing(tmp_path: Path) -> None:
    # The store reports a failed commit to those who asked for it: the test below.
    points = {point for point in fault_points() if not point.startswith("store.")}
    faults = ",".join(f"{point}=raise@2" for point in points)
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url, supervision={"max_restarts": 100})
        books = Books(tmp_path / "drop")
        async with daemon(config, environment={VARIABLE: faults}) as running:
            for _ in range(GROUPS):
                books.drop(LOAD // GROUPS)
                await running.until_true(partial(books.until_delivered, server))
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
