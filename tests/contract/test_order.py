"""Which item is claimed next: priority, arrival, turns between converters, aging, retries."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from pywats_trio.model import Delivered, Kind, Reason, State, Wait
from pywats_trio.queue.actions import Hold, Release, Reprioritize, Retry
from pywats_trio.queue.budget import SAVED
from pywats_trio.queue.selection import Selection
from tests.contract.kit import PROBLEM, Bench, Clock, a_file, a_report, assert_counts

if TYPE_CHECKING:
    from pywats_trio.model import Envelope
    from pywats_trio.queue.store import Store


async def _order(store: Store, count: int, at_once: int = 1) -> list[int]:
    """The ids of the next `count` reports, as they are claimed."""
    ids: list[int] = []
    while len(ids) < count:
        claims = await store.claim(Kind.REPORT, min(at_once, count - len(ids)), "pump")
        assert claims, f"only {ids} were to be had"
        ids += [claim.item.id for claim in claims]
    return ids


def _of(*converters: str, priority: int = 5) -> list[Envelope]:
    return [a_report(converter=name, priority=priority) for name in converters]


@pytest.mark.parametrize("at_once", [1, 2, 3, 9])
async def test_converters_of_one_priority_take_turns(bench: Bench, at_once: int) -> None:
    async with bench.open() as store:
        await store.put(_of("a", "a", "a", "a", "b", "b", "c"))
        assert await _order(store, 7, at_once) == [1, 5, 7, 2, 6, 3, 4]
        assert_counts(bench, store)


async def test_a_flood_does_not_starve_the_others(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put(_of(*["flood"] * 100))
        await store.put(_of("calm", "calm"))
        first = await _order(store, 4)
        assert Counter(n > 100 for n in first) == {True: 2, False: 2}
        await _order(store, 3)
        await store.put(_of("late"))
        assert 103 in await _order(store, 2)


async def test_files_and_reports_have_turns_of_their_own(bench: Bench) -> None:
    async with bench.open() as store:
        files = [a_file(f"/in/{n}", inode=n + 1, converter=c) for n, c in enumerate("aabb")]
        await store.put([*files, *_of("a", "a", "b", "b")])
        [first] = await store.claim(Kind.FILE, 1, "job")
        assert await _order(store, 1) == [5]
        [second] = await store.claim(Kind.FILE, 1, "job")
        assert await _order(store, 1) == [7]
    assert (first.item.converter, second.item.converter) == ("a", "b")


async def test_priority_comes_before_turns(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([*_of("a", "a", priority=3), *_of("b", "b"), *_of("c", priority=9)])
        await store.put(_of("b", priority=1))
        assert await _order(store, 6, 9) == [6, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("at_once", [1, 9])
async def test_each_converter_has_its_own_order(bench: Bench, at_once: int) -> None:
    async with bench.open() as store:
        for priority in (5, 9, 1, 4):
            await store.put(_of("a", priority=priority))
        await store.put(_of("b", "b", priority=4))
        assert await _order(store, 6, at_once) == [3, 4, 5, 6, 1, 2]


@pytest.mark.parametrize("priority", [1, 4, 6, 10])
async def test_another_priority_holds_from_the_next_claim_on(bench: Bench, priority: int) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_report() for _ in range(3)])
        assert await store.change(Selection(ids=(2,)), Reprioritize(priority), "Jane") == 1
        item = await desk.item(2)
        assert item is not None
        assert (item.priority, item.state) == (priority, State.PENDING)
        assert await _order(store, 3) == ([2, 1, 3] if priority < 5 else [1, 3, 2])
        assert_counts(bench, store)


async def test_another_priority_of_what_is_held_or_waits_holds_when_it_comes_back(
    bench: Bench,
) -> None:
    async with bench.open() as store:
        await store.put([a_report(priority=1)])
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        await store.finish(claim, Wait(60.0, Reason.SERVER, PROBLEM))
        await store.put([a_report(), a_report(), a_report()])
        await store.change(Selection(ids=(4,)), Hold(), "Jane")
        assert await store.change(Selection(ids=(1, 4)), Reprioritize(4), "Jane") == 2
        await store.change(Selection(ids=(4,)), Release(), "Jane")
        await store.change(Selection(ids=(1,)), Retry(), "Jane")
        assert await _order(store, 4) == [1, 4, 2, 3]


async def test_what_was_held_keeps_its_place(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([a_report() for _ in range(3)])
        await store.change(Selection(ids=(1,)), Hold(), "Jane")
        await store.change(Selection(ids=(1,)), Release(), "Jane")
        assert await _order(store, 3, 3) == [1, 2, 3]


async def test_waiting_makes_up_for_priority_if_it_is_to(bench: Bench) -> None:
    clock, steady = Clock(), Clock()
    async with bench.open(aging_minutes=1.0, clock=clock, monotonic=steady) as store:
        await store.put([a_report(priority=7)])
        for seconds in (119.0, 2.0):  # two levels are made up for between the two
            clock.now += seconds
            steady.now += seconds
            await store.put([a_report(priority=5)])
        assert await _order(store, 3) == [2, 1, 3]


async def test_without_aging_a_low_priority_waits_as_long_as_it_must(bench: Bench) -> None:
    clock, steady = Clock(), Clock()
    async with bench.open(clock=clock, monotonic=steady) as store:
        await store.put([a_report(priority=6)])
        clock.now += 1e6
        steady.now += 1e6
        await store.put([a_report(priority=5)])
        assert await _order(store, 2) == [2, 1]


@pytest.mark.parametrize("minutes", [0.0, 1.0])
async def test_another_order_holds_for_what_waits_already(bench: Bench, minutes: float) -> None:
    clock, steady = Clock(), Clock()
    before = 1.0 - minutes
    async with bench.open(aging_minutes=before, clock=clock, monotonic=steady) as store:
        await store.put([a_report(priority=6)])
        clock.now += 120.0
        steady.now += 120.0
        await store.put([a_report(priority=5)])
    async with bench.open(aging_minutes=minutes, clock=clock, monotonic=steady) as store:
        assert await _order(store, 2) == ([1, 2] if minutes else [2, 1])


# Retries.


async def _all_wait(store: Store, count: int, reason: Reason) -> None:
    await store.put([a_report() for _ in range(count)])
    for claim in await store.claim(Kind.REPORT, count, "pump"):
        await store.finish(claim, Wait(1.0, reason, PROBLEM))


@pytest.mark.parametrize("more", [-1, 0, 1, 15])
async def test_retries_are_bounded_and_none_is_forgotten(bench: Bench, more: int) -> None:
    """So many at once as could be saved up, then one a second."""
    saved, steady = int(SAVED), Clock()
    count = saved + more
    async with bench.open(retry_share=0.0, monotonic=steady) as store:
        await _all_wait(store, count, Reason.RETRY)
        steady.now += 1.0
        assert len(await store.claim(Kind.REPORT, 99, "pump")) == min(count, saved)
        for left in range(count - saved, 0, -1):
            due = store.next_due(Kind.REPORT)
            assert due is not None
            assert 0.0 < due <= 1.0
            steady.now += due
            assert len(await store.claim(Kind.REPORT, 99, "pump")) == 1
            assert store.counts().of(Kind.REPORT, State.SUSPENDED) == left - 1
        assert store.next_due(Kind.REPORT) is None
        assert_counts(bench, store)


async def test_first_attempts_pay_for_retries(bench: Bench) -> None:
    saved, steady = int(SAVED), Clock()
    async with bench.open(retry_share=0.5, monotonic=steady) as store:
        await _all_wait(store, saved + 9, Reason.RETRY)
        steady.now += 1.0
        assert len(await store.claim(Kind.REPORT, 99, "pump")) == saved
        await store.put([a_report(priority=1) for _ in range(5)])
        for claim in await store.claim(Kind.REPORT, 4, "pump"):
            await store.finish(claim, Delivered("thanks"))
        assert len(await store.claim(Kind.REPORT, 99, "pump")) == 1 + 2


@pytest.mark.parametrize("reason", [Reason.SERVER, Reason.CONVERTER])
async def test_the_end_of_an_outage_is_no_retry(bench: Bench, reason: Reason) -> None:
    steady = Clock()
    async with bench.open(retry_share=0.0, monotonic=steady) as store:
        await _all_wait(store, int(SAVED) + 5, reason)
        steady.now += 1.0
        assert len(await store.claim(Kind.REPORT, 99, "pump")) == int(SAVED) + 5


async def test_a_file_that_lost_a_worker_goes_behind_the_others_of_its_priority(
    bench: Bench,
) -> None:
    async with bench.open() as store:
        await store.put(
            [a_file(f"/in/{n}", inode=n, priority=p) for n, p in ((1, 5), (2, 5), (3, 6))]
        )
        [claim] = await store.claim(Kind.FILE, 1, "job")
        await store.finish(claim, Wait(0.0, Reason.RETRY, PROBLEM, counts=True, died=True))
        order = [claim.item.source for claim in await store.claim(Kind.FILE, 9, "job")]
        assert order == ["/in/2", "/in/1", "/in/3"]
