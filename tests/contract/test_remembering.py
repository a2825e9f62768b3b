"""What a store remembers of the service itself, and how it tells that an item is finished."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.errors import StoreError
from pywats_trio.model import Converted, Delivered, Failed, Kind, Quarantined, Reason, Wait
from pywats_trio.queue.actions import Charge, Resume
from pywats_trio.queue.selection import Selection
from tests.contract.kit import PROBLEM, Bench, CancelAt, Clock, a_file, a_report, some_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.model import Outcome
    from pywats_trio.queue.store import Desk, Store

# remember, remembered


async def test_a_setting_is_there_at_once_and_over_a_restart(bench: Bench) -> None:
    async with bench.open() as store:
        assert store.remembered("paused") == ""
        await store.remember("paused", "Jane")
        assert store.remembered("paused") == "Jane"
        await store.remember("other", "x")
    async with bench.open() as store:
        assert (store.remembered("paused"), store.remembered("other")) == ("Jane", "x")
        await store.remember("paused", "")
        assert store.remembered("paused") == ""
    async with bench.open() as store:
        assert (store.remembered("paused"), store.remembered("other")) == ("", "x")


@pytest.mark.parametrize("value", ["ünïcode \U0001f600", "new\nline", 'it\'s "quoted"', "x" * 9999])
async def test_a_setting_holds_any_text(bench: Bench, value: str) -> None:
    async with bench.open() as store:
        await store.remember(value[:50], value)
    async with bench.open() as store:
        assert store.remembered(value[:50]) == value


async def test_a_setting_that_could_not_be_kept_is_as_it_was(
    bench: Bench, arm: Callable[[str], None]
) -> None:
    async with bench.open() as store:
        await store.remember("paused", "Jane")
        arm("store.before_commit=raise@1")
        with pytest.raises(StoreError):
            await store.remember("paused", "")
        assert store.remembered("paused") == "Jane"
    async with bench.open() as store:
        assert store.remembered("paused") == "Jane"


@pytest.mark.parametrize("steps", [1, 2, 3])
async def test_who_is_cancelled_while_it_is_kept_knows_what_is_kept(
    bench: Bench, steps: int
) -> None:
    async with bench.open() as store:
        with trio.CancelScope() as scope:
            instrument = CancelAt(steps, scope)
            trio.lowlevel.add_instrument(instrument)
            try:
                await store.remember("paused", "Jane")
            finally:
                trio.lowlevel.remove_instrument(instrument)
        known = store.remembered("paused")
    async with bench.open() as store:
        assert store.remembered("paused") == known


# ended


ENDS: dict[str, Outcome] = {
    "delivered": Delivered("thanks"),
    "failed": Failed(PROBLEM),
    "quarantined": Quarantined(PROBLEM),
}


@pytest.mark.parametrize("way", ENDS)
async def test_whoever_waits_is_told_at_the_end(bench: Bench, way: str) -> None:
    async with bench.open() as store:
        await store.put([a_report()])
        ended = store.ended(1)
        assert store.ended(1) is ended
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        assert not ended.is_set()
        await store.finish(claim, ENDS[way])
        with trio.fail_after(5):
            await ended.wait()


async def test_waiting_for_the_server_is_no_end(bench: Bench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_report(), a_report()])
        first, second = store.ended(1), store.ended(2)
        for claim in await store.claim(Kind.REPORT, 2, "pump"):
            await store.finish(claim, Wait(5.0, Reason.SERVER, PROBLEM))
        await _settled(store, desk)
        assert not first.is_set()
        await store.change(Selection(ids=(1,)), Charge(Failed(PROBLEM)), "pump")
        with trio.fail_after(5):
            await first.wait()
        assert not second.is_set()


async def _settled(store: Store, desk: Desk) -> None:
    """All that was committed by now has been told."""
    await store.note("a mark", {})
    assert await desk.last_number()


async def test_a_file_and_its_reports_end_one_by_one(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([a_file()])
        file, report = store.ended(1), store.ended(2)
        [claim] = await store.claim(Kind.FILE, 1, "job")
        await store.finish(claim, Converted((a_report(),), "ab"))
        with trio.fail_after(5):
            await file.wait()
        assert not report.is_set()
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        await store.finish(claim, Delivered("thanks"))
        with trio.fail_after(5):
            await report.wait()


async def test_an_end_that_was_rolled_back_is_none(
    bench: Bench, arm: Callable[[str], None]
) -> None:
    async with bench.open() as store:
        await store.put([a_report()])
        ended = store.ended(1)
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        arm("store.before_commit=raise@1")
        with pytest.raises(StoreError):
            await store.finish(claim, Delivered("thanks"))
        assert not ended.is_set()
        await store.finish(claim, Delivered("thanks"))
        with trio.fail_after(5):
            await ended.wait()


async def test_who_stopped_waiting_leaves_nothing_behind(bench: Bench) -> None:
    async with bench.open() as store:
        kept, dropped = store.ended(1), weakref.ref(store.ended(2))
        gc.collect()
        assert dropped() is None
        assert store.ended(1) is kept


# children, paths_seen_below, waiting_since


async def test_the_reports_of_a_file_are_its_children_in_their_order(bench: Bench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put(some_files(2))
        for claim in await store.claim(Kind.FILE, 2, "job"):
            made = tuple(a_report(serial_number=f"{claim.item.id}-{number}") for number in range(3))
            await store.finish(claim, Converted(made, "ab"))
        for file in (1, 2):
            serials = [item.serial_number for item in await desk.children(file)]
            assert serials == [f"{file}-0", f"{file}-1", f"{file}-2"]
        assert {item.parent_id for item in await desk.children(1)} == {1}
        assert await desk.children(3) == []
        assert await desk.children(99) == []


async def test_paths_below_a_folder_are_those_below_it_alone(bench: Bench) -> None:
    odd = "/inbox/\udcff\n'/x"
    paths = ["/inbox/1/a", odd, "/inbox", "/inboxes/1/a", "/inbo", "/inbox0", "/a", "/z"]
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_file(path, inode=n) for n, path in enumerate(paths, 1)])
        expected = {"/inbox/1/a", odd}
        assert await desk.paths_seen_below("/inbox") == expected
        assert await desk.paths_seen_below("/inbox/") == expected
        assert await desk.paths_seen_below("/nowhere") == set()
        await store.forget([odd])
        assert await desk.paths_seen_below("/inbox") == {"/inbox/1/a"}


@pytest.mark.parametrize("folder", ["/in%box", "/in_box", "/\udcff"])
async def test_a_folder_is_no_pattern(bench: Bench, folder: str) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_file(f"{folder}/a"), a_file("/in-box/a", inode=2)])
        assert await desk.paths_seen_below(folder) == {f"{folder}/a"}


async def test_the_oldest_that_waits_is_told_whatever_its_priority(bench: Bench) -> None:
    clock = Clock()
    async with bench.open(clock=clock) as store, bench.desk() as desk:
        assert await desk.waiting_since(Kind.REPORT) is None
        begun = clock.now
        for priority in (9, 1, 5):
            await store.put([a_report(priority=priority)])
            clock.now += 10
        assert await desk.waiting_since(Kind.REPORT) == begun
        assert await desk.waiting_since(Kind.FILE) is None
        [first] = await store.claim(Kind.REPORT, 1, "pump")
        assert first.item.priority == 1
        assert await desk.waiting_since(Kind.REPORT) == begun
        await store.claim(Kind.REPORT, 2, "pump")
        assert await desk.waiting_since(Kind.REPORT) is None


# history, last_number


async def test_the_history_is_read_page_by_page_and_each_row_once(bench: Bench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        assert (await desk.history(), await desk.last_number()) == ([], 0)
        await store.put([a_report() for _ in range(7)])
        await store.note("service state", {"state": "running"})
        found, after = [], 0
        while page := await desk.history(after=after, limit=3):
            assert len(page) <= 3
            found += page
            after = page[-1].seq
        assert [event.seq for event in found] == list(range(1, 9))
        assert await desk.last_number() == 8
        assert [event.item_id for event in found] == [*range(1, 8), None]
        assert (found[-1].event, found[-1].message) == ("service state", '{"state": "running"}')


async def test_a_row_of_the_history_has_all_that_is_known(bench: Bench) -> None:
    clock = Clock()
    async with bench.open(clock=clock) as store, bench.desk() as desk:
        await store.put([a_report()])
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        await store.finish(claim, Wait(5.0, Reason.SERVER, PROBLEM))
        await store.change(Selection(), Resume(), "Jane")
        suspended, resumed = (await desk.history(after=2))[:2]
    assert (suspended.at, suspended.state, suspended.reason) == (clock.now, "SUSPENDED", "server")
    assert (suspended.error_kind, suspended.message) == (PROBLEM.kind, PROBLEM.message)
    assert (resumed.event, resumed.who, resumed.state) == ("resumed", "Jane", "PENDING")


async def test_the_last_number_is_never_given_again(bench: Bench) -> None:
    async with bench.open(history_limit=10) as store, bench.desk() as desk:
        await store.put([a_report()])
        for _ in range(20):
            await store.claim(Kind.REPORT, 1, "pump")
            await store.recover("pump")
        last = await desk.last_number()
        assert last == 41
    async with bench.open() as store, bench.desk() as desk:
        assert await desk.last_number() == last
        await store.note("one more", {})
        assert await desk.last_number() == last + 1
