"""Files that were cut short: when each has its time. A real store, and a clock that tests turn."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import structlog
import trio
from attrs import define
from trio.testing import wait_all_tasks_blocked

from pywats_trio.convert.slices import Slices
from pywats_trio.convert.slowlane import (
    LATEST,
    QUIET,
    RETRY_SECONDS,
    SHARE,
    SPARE,
    SlowLane,
)
from pywats_trio.model import Kind, Problem, Reason, State, Wait
from pywats_trio.queue.actions import Remove
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.selection import Selection
from pywats_trio.queue.store import Topic
from tests.contract.kit import SqliteBench, some_files

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trio.testing import MockClock

    from pywats_trio.model import Item
    from pywats_trio.queue.store import Desk, Store

PLACES = 2
DEADLINE = 10.0
FEW = 3
PAGE = 100
"""Items that the queue gives at once."""
REST = 1.0 / (SHARE * PLACES)
"""From the beginning of one that took a second to the next, while others are converted."""


@define
class Here:
    store: Store
    slices: Slices
    lane: SlowLane
    items: list[Item]

    async def cut_short(self, count: int) -> None:
        for claim in await self.store.claim(Kind.FILE, count, "convert"):
            self.items.append(claim.item)
            await self.store.finish(claim, self.lane.join(claim.item))

    async def until_let_in(self, index: int) -> None:
        """It is its turn, and it can be claimed."""
        with trio.fail_after(DEADLINE):
            while True:
                ticket = self.store.bell(Topic.HISTORY).ticket()
                pending = self.store.counts().of(Kind.FILE, State.PENDING)
                if pending and self.lane.is_let_in(self.items[index]):
                    await wait_all_tasks_blocked()  # so that the lane knows as well
                    return
                await ticket.wait()

    async def is_let_in(self, index: int) -> bool:
        await wait_all_tasks_blocked()
        return self.lane.is_let_in(self.items[index])

    async def convert(self, index: int, clock: MockClock, seconds: float) -> None:
        """It takes so long, and is out of hand."""
        await self.store.claim(Kind.FILE, 1, "convert")
        clock.jump(seconds)
        self.lane.leave(self.items[index])
        await wait_all_tasks_blocked()


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[Store, Desk]]:
    bench = SqliteBench(folder / "queue.db")
    async with bench.open() as store, bench.desk() as desk:
        yield store, desk


@asynccontextmanager
async def slow_lane(folder: Path, files: int) -> AsyncIterator[Here]:
    async with opened(folder) as (store, desk), trio.open_nursery() as nursery:
        await store.put(some_files(files))
        slices = Slices(lambda: PLACES, DEADLINE)
        here = Here(store, slices, SlowLane(slices, PLACES, DEADLINE), [])
        await here.cut_short(files)
        nursery.start_soon(here.lane.run, store, desk)
        yield here
        nursery.cancel_scope.cancel()


async def test_the_first_has_its_time_at_once_whoever_is_converted(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with slow_lane(tmp_path, 2) as here:
        with here.slices.slice("line"):
            await here.until_let_in(0)
            assert not here.lane.is_let_in(here.items[1])


@pytest.mark.parametrize(("seconds", "let_in"), [(-0.01, False), (0.0, True), (0.01, True)])
async def test_together_they_have_a_share_of_the_time_of_all_places(
    seconds: float, let_in: bool, tmp_path: Path, mock_clock: MockClock
) -> None:
    async with slow_lane(tmp_path, 2) as here:
        with here.slices.slice("line"):
            await here.until_let_in(0)
            await here.convert(0, mock_clock, 1.0)
            mock_clock.jump(REST - 1.0 + seconds)
            assert await here.is_let_in(1) is let_in


@pytest.mark.parametrize(("seconds", "let_in"), [(-0.01, False), (0.0, True), (0.01, True)])
async def test_while_nothing_is_converted_one_follows_the_other(
    seconds: float, let_in: bool, tmp_path: Path, mock_clock: MockClock
) -> None:
    async with slow_lane(tmp_path, 2) as here:
        await here.until_let_in(0)
        await here.convert(0, mock_clock, 1.0)
        mock_clock.jump(QUIET + seconds)
        assert await here.is_let_in(1) is let_in


async def test_one_that_does_not_begin_keeps_the_next_one_waiting_for_a_while_only(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with slow_lane(tmp_path, 2) as here:
        await here.until_let_in(0)
        mock_clock.jump(DEADLINE + SPARE - 0.01)
        assert await here.is_let_in(0)
        mock_clock.jump(0.01)
        assert not await here.is_let_in(0)
        mock_clock.jump(QUIET)
        assert await here.is_let_in(1)


async def test_one_that_was_removed_meanwhile_is_passed_over(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with opened(tmp_path) as (store, desk), trio.open_nursery() as nursery:
        await store.put(some_files(2))
        slices = Slices(lambda: PLACES, DEADLINE)
        here = Here(store, slices, SlowLane(slices, PLACES, DEADLINE), [])
        await here.cut_short(2)
        await store.change(Selection(ids=(here.items[0].id,)), Remove(), "somebody")
        with slices.slice("line"):
            nursery.start_soon(here.lane.run, store, desk)
            await here.until_let_in(1)
        nursery.cancel_scope.cancel()


async def test_without_a_lane_it_is_tried_again_a_while_later(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with SqliteBench(tmp_path / "queue.db").open() as store:
        await store.put(some_files(1))
        slices = Slices(lambda: PLACES, DEADLINE)
        here = Here(store, slices, SlowLane(slices, PLACES, DEADLINE), [])
        await here.cut_short(1)
        assert store.next_due(Kind.FILE) == pytest.approx(LATEST, abs=1.0)
        [item] = here.items
        assert not here.lane.is_let_in(item)


async def test_those_that_a_former_lane_left_are_let_in_one_at_a_time_before_their_time(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    """As after a restart: what waits for another reason stays where it is."""
    async with opened(tmp_path) as (store, desk), trio.open_nursery() as nursery:
        await store.put(some_files(FEW + 1))
        slices = Slices(lambda: PLACES, DEADLINE)
        former = Here(store, slices, SlowLane(slices, PLACES, DEADLINE), [])
        await former.cut_short(FEW)
        [other] = await store.claim(Kind.FILE, 1, "convert")
        await store.finish(other, Wait(LATEST, Reason.RETRY, Problem("busy", "it is open")))
        here = Here(store, slices, SlowLane(slices, PLACES, DEADLINE), former.items)
        with slices.slice("line"):
            nursery.start_soon(here.lane.run, store, desk)
            for index in range(FEW):
                await here.until_let_in(index)
                assert store.counts().of(Kind.FILE, State.SUSPENDED) == FEW - index
                await here.convert(index, mock_clock, 1.0)
                mock_clock.jump(REST - 1.0)
            await wait_all_tasks_blocked()
        assert store.counts().of(Kind.FILE, State.PENDING) == 0
        nursery.cancel_scope.cancel()


async def test_more_than_a_page_of_them_comes_back(tmp_path: Path, mock_clock: MockClock) -> None:
    async with opened(tmp_path) as (store, desk), trio.open_nursery() as nursery:
        await store.put(some_files(PAGE + 1))
        slices = Slices(lambda: PLACES, DEADLINE)
        former = Here(store, slices, SlowLane(slices, PLACES, DEADLINE), [])
        await former.cut_short(PAGE + 1)
        here = Here(store, slices, SlowLane(slices, PLACES, DEADLINE), former.items)
        nursery.start_soon(here.lane.run, store, desk)
        for index in range(PAGE + 1):
            await here.until_let_in(index)
            await here.convert(index, mock_clock, 0.0)
            mock_clock.jump(QUIET)
        nursery.cancel_scope.cancel()


async def test_a_queue_that_cannot_be_read_is_asked_again(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with opened(tmp_path) as (store, _desk), trio.open_nursery() as nursery:
        async with open_desk(tmp_path / "queue.db") as closed:
            await closed.close()
        slices = Slices(lambda: PLACES, DEADLINE)
        lane = SlowLane(slices, PLACES, DEADLINE)
        with structlog.testing.capture_logs() as said:
            nursery.start_soon(lane.run, store, closed)
            with trio.fail_after(DEADLINE):
                while len(said) < 3:
                    await wait_all_tasks_blocked(0.01)
                    mock_clock.jump(RETRY_SECONDS)
        nursery.cancel_scope.cancel()
    assert {one["event"] for one in said} == {"cannot read what was cut short"}
