"""SUSPENDED items and time: when they are due, and clocks that jump."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.errors import StoreError
from pywats_trio.model import Kind, Reason, State, Wait
from pywats_trio.queue.actions import Resume
from pywats_trio.queue.selection import Selection
from pywats_trio.queue.store import Topic
from tests.contract.kit import PROBLEM, Bench, Clock, a_report, assert_counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.queue.store import Store


async def _suspend(store: Store, *delays: float) -> None:
    await store.put([a_report() for _ in delays])
    claims = await store.claim(Kind.REPORT, len(delays), "pump")
    for claim, delay in zip(claims, delays, strict=True):
        await store.finish(claim, Wait(delay, Reason.RETRY, PROBLEM))


async def test_an_item_is_claimed_when_it_is_due_and_not_before(bench: Bench) -> None:
    steady = Clock()
    async with bench.open(monotonic=steady) as store:
        await _suspend(store, 10.0)
        assert store.next_due(Kind.REPORT) == 10.0
        for elapsed, expected in ((9.999, 0), (0.001, 1)):
            steady.now += elapsed
            assert len(await store.claim(Kind.REPORT, 9, "pump")) == expected
            assert_counts(bench, store)
        assert store.next_due(Kind.REPORT) is None


async def test_a_claimed_item_waits_for_nothing_any_more(bench: Bench) -> None:
    steady = Clock()
    async with bench.open(monotonic=steady) as store:
        await _suspend(store, 1.0)
        steady.now += 1.0
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
    assert (claim.item.due_at, claim.item.reason) == (None, None)


async def test_the_soonest_of_many_is_told(bench: Bench) -> None:
    steady = Clock()
    async with bench.open(monotonic=steady) as store:
        await _suspend(store, 30.0, 10.0, 20.0)
        assert store.next_due(Kind.REPORT) == 10.0
        steady.now += 10.0
        assert len(await store.claim(Kind.REPORT, 9, "pump")) == 1
        assert store.next_due(Kind.REPORT) == 10.0


async def test_a_due_item_keeps_its_place_in_the_order(bench: Bench) -> None:
    steady = Clock()
    async with bench.open(monotonic=steady) as store:
        await _suspend(store, 1.0)
        await store.put([a_report(b"later"), a_report(b"first", priority=1)])
        steady.now += 1.0
        order = [claim.item.id for claim in await store.claim(Kind.REPORT, 9, "pump")]
    assert order == [3, 1, 2]


async def test_a_wait_rings_so_that_a_sleeper_learns_of_its_due_time(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([a_report()])
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        ticket = store.bell(Topic.REPORT).ticket()
        await store.finish(claim, Wait(1.0, Reason.RETRY, PROBLEM))
        with trio.fail_after(10):
            await ticket.wait()


async def test_a_due_time_that_was_rolled_back_is_forgotten(
    bench: Bench, arm: Callable[[str], None]
) -> None:
    async with bench.open() as store:
        await store.put([a_report()])
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        assert store.next_due(Kind.REPORT) is None
        arm("store.before_commit=raise@1")
        with pytest.raises(StoreError):
            await store.finish(claim, Wait(1.0, Reason.RETRY, PROBLEM))
        assert store.next_due(Kind.REPORT) is None
        await store.finish(claim, Wait(2.0, Reason.RETRY, PROBLEM))
        assert store.next_due(Kind.REPORT) == 2.0


async def test_a_look_that_was_rolled_back_is_made_again(
    bench: Bench, arm: Callable[[str], None]
) -> None:
    steady = Clock()
    async with bench.open(monotonic=steady) as store:
        await _suspend(store, 1.0)
        steady.now += 1.0
        arm("store.before_commit=raise@1")
        with pytest.raises(StoreError):
            await store.claim(Kind.REPORT, 1, "pump")
        assert_counts(bench, store)
        assert store.next_due(Kind.REPORT) == 0.0
        assert len(await store.claim(Kind.REPORT, 1, "pump")) == 1


@pytest.mark.parametrize("jump", [-3e8, -3600.0, 3600.0, 3e8])
async def test_a_jump_of_the_system_clock_changes_no_wait(bench: Bench, jump: float) -> None:
    clock, steady = Clock(), Clock()
    async with bench.open(clock=clock, monotonic=steady) as store, bench.desk() as desk:
        await _suspend(store, 10.0)
        clock.now += jump
        assert store.next_due(Kind.REPORT) == 10.0
        assert await store.claim(Kind.REPORT, 1, "pump") == []
        steady.now += 10.0
        assert store.next_due(Kind.REPORT) == 0.0
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        assert claim.item.started_at == clock.now
        await store.finish(claim, Wait(1.0, Reason.RETRY, PROBLEM))
        assert store.next_due(Kind.REPORT) == 1.0
        item = await desk.item(claim.item.id)
        assert item is not None
        assert item.duration == 0.0


async def test_a_duration_is_never_negative(bench: Bench) -> None:
    clock = Clock()
    async with bench.open(clock=clock) as store, bench.desk() as desk:
        await store.put([a_report()])
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        clock.now -= 3600.0
        await store.finish(claim, Wait(1.0, Reason.RETRY, PROBLEM))
        item = await desk.item(1)
        assert item is not None
        assert item.duration == 0.0


async def test_a_wait_outlives_a_restart(bench: Bench) -> None:
    async with bench.open() as store:
        await _suspend(store, 10.0)
    clock = Clock(1_000_004.0)
    async with bench.open(clock=clock) as store:
        assert store.next_due(Kind.REPORT) == 0.0  # unknown until the first look
        assert await store.claim(Kind.REPORT, 1, "pump") == []
        assert store.next_due(Kind.REPORT) == 6.0


@pytest.mark.parametrize("ahead", [0.0, 0.5, 86_400.0, 3e8])
async def test_a_wait_begun_by_a_wrong_clock_lasts_no_longer_than_it_was_to(
    bench: Bench, ahead: float
) -> None:
    wrong = Clock(1_000_000.0 + ahead)
    async with bench.open(clock=wrong) as store:
        await _suspend(store, 100.0)
    async with bench.open() as store:
        assert await store.claim(Kind.REPORT, 1, "pump") == []
        assert store.next_due(Kind.REPORT) == 100.0


async def test_an_item_without_end_of_waiting_is_resumed(bench: Bench) -> None:
    async with bench.open() as store:
        await _suspend(store, float("inf"))
        assert await store.claim(Kind.REPORT, 1, "pump") == []
        assert store.next_due(Kind.REPORT) is None
        await store.change(Selection(), Resume(), "pump")
        assert store.counts().of(Kind.REPORT, State.PENDING) == 1
