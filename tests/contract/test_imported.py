"""What comes from another queue: taken once, with what happened to it there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pywats_trio.errors import StoreError
from pywats_trio.model import Delivered, Kind, State
from pywats_trio.queue.actions import Remove
from pywats_trio.queue.selection import Selection
from tests.contract.kit import Bench, a_file, a_report, assert_counts

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("make", [a_report, a_file])
async def test_an_origin_is_taken_once(bench: Bench, make: Callable[..., object]) -> None:
    one = a_report(origin="e1/7") if make is a_report else a_file(origin="e1/7")
    async with bench.open() as store:
        assert await store.put([one, one]) == [1, None]
        assert await store.put([one]) == [None]
        assert_counts(bench, store)
    async with bench.open() as store:
        assert await store.put([one, a_report(origin="e1/8")]) == [None, 2]


async def test_an_origin_is_taken_once_whatever_became_of_the_item(bench: Bench) -> None:
    one, two = a_report(origin="e1/1"), a_report(origin="e1/2")
    async with bench.open() as store:
        await store.put([one, two])
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        await store.finish(claim, Delivered("thanks"))
        await store.change(Selection(ids=(2,)), Remove(), "Jane")
        assert await store.put([one, two]) == [None, None]


async def test_what_has_no_origin_is_always_new(bench: Bench) -> None:
    async with bench.open() as store:
        assert await store.put([a_report(), a_report()]) == [1, 2]


async def test_an_import_that_was_not_committed_may_come_again(
    bench: Bench, arm: Callable[[str], None]
) -> None:
    async with bench.open() as store:
        arm("store.before_commit=raise@1")
        with pytest.raises(StoreError):
            await store.put([a_report(origin="e1/1")])
        assert await store.put([a_report(origin="e1/1")]) == [1]


async def test_its_past_comes_first_in_its_history(bench: Bench) -> None:
    past = ("attempt 1 failed: no route", "attempt 2 failed: HTTP 500", "odd \ud800")
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_report(origin="q/1", past=past)])
        events = await desk.history_of(1)
        item = await desk.item(1)
    assert item is not None
    assert (item.state, item.attempts) == (State.PENDING, 0)
    assert [event.event for event in events] == ["imported"] * 3 + ["stored"]
    assert [event.message for event in events[:2]] == list(past[:2])


@pytest.mark.parametrize("rows", [9, 10, 11, 40])
async def test_a_long_past_stays_within_the_limit(bench: Bench, rows: int) -> None:
    limit = 10
    past = tuple(f"attempt {n}" for n in range(rows - 1))
    async with bench.open(history_limit=limit) as store, bench.desk() as desk:
        await store.put([a_report(past=past)])
        events = await desk.history_of(1)
        assert len(events) == min(rows, limit)
        assert events[-1].event == "stored"
        for _ in range(limit):
            await store.claim(Kind.REPORT, 1, "pump")
            await store.recover()
        assert len(await desk.history_of(1)) == limit
