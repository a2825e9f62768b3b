"""What was found out about converters, in the queue. A real store, no workers."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import define, evolve

from pywats_trio.config.options import Config, ConverterOptions
from pywats_trio.convert.lineup import Lineup
from pywats_trio.convert.mending import PAUSED, Mending, edition_of
from pywats_trio.convert.outages import Outages, wait_for
from pywats_trio.convert.streaks import IN_A_ROW
from pywats_trio.converters.registry import parse, pinned
from pywats_trio.model import Kind, Problem, Quarantined, State
from pywats_trio.observe.board import Board
from pywats_trio.queue.store import PutAway, Topic
from tests.contract.kit import PROBLEM, SqliteBench, a_file
from tests.convert.kit import type_of
from tests.convert.test_job import claim_of, evolve_item

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pywats_trio.queue.store import Store

WAITS = wait_for(Problem("converter", "it is paused"))
GOOD = type_of("good:Good")


@define
class Here:
    store: Store
    outages: Outages
    lineup: Lineup

    async def until(self, state: State, count: int) -> None:
        """So many files are in this state."""
        with trio.fail_after(10):
            while True:
                ticket = self.store.bell(Topic.HISTORY).ticket()
                if self.store.counts().of(Kind.FILE, state) == count:
                    return
                await ticket.wait()

    def pause(self, name: str = "line") -> None:
        for number in range(IN_A_ROW):
            item = evolve_item(claim_of("/x", converter=name), id=number).item
            self.outages.failed(item, "ValueError", died=False)


@asynccontextmanager
async def mending(folder: Path, *, on_board: bool = True, type_: str = GOOD) -> AsyncIterator[Here]:
    names = ("line", "other")
    converters = [ConverterOptions(name=name, type=type_, watch=folder) for name in names]
    config = Config(data_dir=folder, converters=tuple(converters))
    outages = Outages(Board(), 2)
    async with SqliteBench(folder / "queue.db").open() as store, trio.open_nursery() as nursery:
        lineup = Lineup(config, outages)
        await nursery.start(lineup.run)
        if on_board:
            outages.show(names)
        nursery.start_soon(Mending(store, outages, lineup, names).run)
        yield Here(store, outages, lineup)
        nursery.cancel_scope.cancel()


async def test_what_waited_for_a_converter_goes_on_when_it_works(tmp_path: Path) -> None:
    async with mending(tmp_path) as here:
        files = [("line", 1), ("line", 2), ("other", 3)]
        await here.store.put([a_file(f"/{n}", inode=n, converter=name) for name, n in files])
        for claim in await here.store.claim(Kind.FILE, 9, "job"):
            await here.store.finish(claim, WAITS)
        here.pause()
        here.outages.works("line")
        await here.until(State.PENDING, 2)
        claims = await here.store.claim(Kind.FILE, 9, "job")
        assert {claim.item.converter for claim in claims} == {"line"}


@pytest.mark.parametrize("how", ["works", "is reloaded", "is paused"])
async def test_whoever_claims_files_is_called_when_there_is_something_new(
    how: str, tmp_path: Path
) -> None:
    async with mending(tmp_path) as here:
        if how == "works":
            here.pause()
        with trio.fail_after(10):
            rung = here.store.bell(Topic.FILE).ticket()
            if how == "works":
                here.outages.works("line")
            elif how == "is reloaded":
                here.outages.end("line")
            else:
                here.pause()
            await rung.wait()


async def test_a_pause_is_remembered_and_its_end(tmp_path: Path) -> None:
    async with mending(tmp_path) as here:
        here.pause()
        with trio.fail_after(10):
            while not here.store.remembered(PAUSED):
                await trio.lowlevel.checkpoint()
    async with mending(tmp_path) as here:
        assert here.outages.is_paused("line")
        assert not here.outages.is_paused("other")
        here.outages.works("line")
        with trio.fail_after(10):
            while here.store.remembered(PAUSED):
                await trio.lowlevel.checkpoint()
    async with mending(tmp_path) as here:
        assert not here.outages.is_paused("line")


async def test_only_the_conversion_that_is_shown_remembers(tmp_path: Path) -> None:
    """A former one that has something in hand yet must not undo what the present one writes."""
    async with mending(tmp_path, on_board=False) as here:
        here.pause()
        rung = here.store.bell(Topic.FILE).ticket()
        here.outages.changed.ring()
        await rung.wait()
        assert here.store.remembered(PAUSED) == ""
        here.outages.show(["line"])
        with trio.fail_after(10):
            while not here.store.remembered(PAUSED):
                await trio.lowlevel.checkpoint()
        assert list(json.loads(here.store.remembered(PAUSED))) == ["line"]


async def killer(store: Store, converter: str, code: str) -> None:
    """A file that lies in quarantine for having killed workers of this code."""
    [item_id] = await store.put([a_file(f"/{converter}", converter=converter)])
    assert item_id is not None
    [claim] = await store.claim(Kind.FILE, 1, "job")
    await store.finish(claim, Quarantined(PROBLEM, died=True, code=code))
    await store.put_away([PutAway(item_id, f"/Error/{converter}")])


@pytest.mark.parametrize("same", [False, True])
async def test_a_start_reopens_what_killed_workers_of_another_version(
    same: bool, tmp_path: Path
) -> None:
    revision = pinned(parse(GOOD)).revision
    async with SqliteBench(tmp_path / "queue.db").open() as store:
        await killer(store, "line", revision if same else "0123456789ab")
    async with mending(tmp_path) as here:
        rung = here.store.bell(Topic.FILE).ticket()
        if same:
            await rung.wait()  # it has looked
        else:
            await here.until(State.PENDING, 1)
        assert here.store.counts().of(Kind.FILE, State.QUARANTINED) == same


async def test_of_a_module_the_version_counts_once_it_is_known(tmp_path: Path) -> None:
    async with SqliteBench(tmp_path / "queue.db").open() as store:
        await killer(store, "line", "1.0")
    async with mending(
        tmp_path, type_="pywats_trio.converters.standard.wats_json:WatsJson"
    ) as here:
        line = here.lineup.get("line")
        assert line is not None
        for version, waiting in (("1.0", 0), ("1.1", 1)):
            line.used(version, 0.0)
            rung = here.store.bell(Topic.FILE).ticket()
            here.outages.changed.ring()
            await rung.wait()
            await here.until(State.PENDING, waiting)


def test_an_edition_is_the_content_of_a_file_or_the_version_of_a_module() -> None:
    file = pinned(parse(GOOD))
    assert edition_of(file, "1.0") == file.revision
    module = evolve(parse("some.module:Class"), revision="#2")  # counted anew by each service
    assert edition_of(module, "1.0") == "1.0"
