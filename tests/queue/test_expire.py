"""What is old leaves the store, and nothing else does."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import apsw
import pytest
from attrs import evolve

from pywats_trio.errors import StoreError
from pywats_trio.model import Converted, Delivered, Identity, Kind, State
from pywats_trio.queue.actions import Hold, Remove, Retry
from pywats_trio.queue.aged import START, Deadlines, Old
from pywats_trio.queue.database import connect
from pywats_trio.queue.selection import Selection
from pywats_trio.queue.store import PutAway
from pywats_trio.queue.verbs.expire import FAILED, LOOKS, MAY_LEAVE
from tests.contract.kit import (
    OUTCOMES,
    Clock,
    SqliteBench,
    a_file,
    a_report,
    assert_counts,
    some_files,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pywats_trio.model import Outcome
    from pywats_trio.queue.store import Store

NOW = Clock().now
LONG_AGO = NOW - 1.0
LATER = NOW + 1.0
ALL_OLD = Deadlines(LATER, LATER)


async def finished(store: Store, outcome: Outcome, *, kind: Kind = Kind.REPORT) -> int:
    """One item at its end, or on its way there; its id."""
    if kind is Kind.FILE:
        await store.put([a_file(f"/in/{outcome}.txt")])
    else:
        await store.put([a_report()])
    [claim] = await store.claim(kind, 1, "job")
    await store.finish(claim, outcome)
    return claim.item.id


async def converted(store: Store, reports: int = 1, *, away: bool = True) -> int:
    """A file with its reports, which are PENDING; its id."""
    await store.put([a_file()])
    [claim] = await store.claim(Kind.FILE, 1, "job")
    await store.finish(claim, Converted(tuple(a_report() for _ in range(reports)), "ab"))
    if away:
        await store.put_away([PutAway(claim.item.id, "/in/Done/a.txt")])
    return claim.item.id


async def deliver(store: Store, count: int = 1) -> None:
    for claim in await store.claim(Kind.REPORT, count, "job"):
        await store.finish(claim, Delivered("thanks"))


def rows(bench: SqliteBench, table: str) -> list[tuple[Any, ...]]:
    with closing(apsw.Connection(str(bench.path))) as connection:
        return list(connection.execute(f"SELECT * FROM {table}"))


@pytest.mark.parametrize(
    ("before", "stays"),
    [(NOW - 0.001, True), (NOW, False), (NOW + 0.001, False)],
    ids=["not old enough", "just old enough", "older"],
)
async def test_an_item_leaves_when_its_time_has_come(
    bench: SqliteBench, before: float, stays: bool
) -> None:
    async with bench.open() as store:
        await finished(store, Delivered("thanks"))
        swept = await store.expire(Old.COMPLETED, Deadlines(before, LATER))
        assert (swept.removed, swept.more) == (int(not stays), False)
        assert swept.following == (NOW if stays else None)
        assert_counts(bench, store)
        assert len(rows(bench, "items")) == int(stays)
        assert len(bench.history()) == (3 if stays else 0)


@pytest.mark.parametrize("table", ["items", "history", "payloads"])
async def test_nothing_of_it_is_left_behind(bench: SqliteBench, table: str) -> None:
    async with bench.open() as store:
        await converted(store)
        await deliver(store)
        swept = await store.expire(Old.COMPLETED, ALL_OLD)
        assert swept.removed == 2
        assert rows(bench, table) == []
        assert store.counts().bytes == 0
        assert_counts(bench, store)


@pytest.mark.parametrize("outcome", sorted(OUTCOMES.keys() - {"delivered", "converted"}))
async def test_what_is_not_completed_stays_however_old(bench: SqliteBench, outcome: str) -> None:
    async with bench.open() as store:
        file = outcome == "superseded"
        await finished(store, OUTCOMES[outcome], kind=Kind.FILE if file else Kind.REPORT)
        swept = await store.expire(Old.COMPLETED, ALL_OLD)
        assert swept.removed == int(file)  # a replaced file is at its end: another was taken
        assert len(rows(bench, "items")) == int(not file)


async def test_what_waits_is_held_or_in_hand_stays(bench: SqliteBench) -> None:
    async with bench.open() as store:
        await store.put([a_report(), a_report(), a_report()])
        await store.claim(Kind.REPORT, 1, "job")
        await store.change(Selection(ids=(2,)), Hold(), "me")
        for what in Old:
            assert (await store.expire(what, ALL_OLD)).removed == 0
        assert await store.dismiss([1, 2, 3], ALL_OLD, "failed") == 0
        assert [row[2] for row in rows(bench, "items")] == ["PROCESSING", "HELD", "PENDING"]


async def test_a_file_stays_as_long_as_any_of_its_reports(bench: SqliteBench) -> None:
    async with bench.open() as store:
        file = await converted(store, 2)
        await deliver(store, 1)
        swept = await store.expire(Old.COMPLETED, ALL_OLD)
        assert swept.removed == 1
        assert [row[0] for row in rows(bench, "items")] == [file, 3]
        await deliver(store, 1)
        swept = await store.expire(Old.COMPLETED, ALL_OLD, after=swept.after)
        assert swept.removed == 2  # with its last report, though it was passed before
        assert rows(bench, "items") == []
        assert_counts(bench, store)


async def test_a_file_that_is_not_old_itself_outlives_its_reports(bench: SqliteBench) -> None:
    clock = Clock(LATER)
    async with bench.open(clock=clock) as store:
        file = await converted(store)
        clock.now = LONG_AGO  # somebody has set the clock
        await deliver(store)
        swept = await store.expire(Old.COMPLETED, Deadlines(NOW, NOW))
        assert swept.removed == 1
        assert [row[0] for row in rows(bench, "items")] == [file]


async def test_a_file_that_has_yet_to_leave_its_folder_stays(bench: SqliteBench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        file = await converted(store, 0, away=False)
        assert (await store.expire(Old.COMPLETED, ALL_OLD)).removed == 0
        assert [item.id for item in await desk.to_put_away("ict", 9)] == [file]
        await store.put_away([PutAway(file, "/in/Done/a.txt")])
        assert (await store.expire(Old.COMPLETED, ALL_OLD)).removed == 1


async def test_a_kept_file_is_not_taken_again_after_its_item_has_left(bench: SqliteBench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        file = await converted(store, 0)
        await store.put([a_file(inode=2)])
        [claim] = await store.claim(Kind.FILE, 1, "job")
        await store.finish(claim, Converted((), "ab"))
        await store.put_away([PutAway(claim.item.id, "/in/a.txt", "kept")])
        assert (await store.expire(Old.COMPLETED, ALL_OLD)).removed == 2
        assert await desk.item(file) is None
        assert await desk.seen("ict") == {"/in/a.txt": Identity(7, 2, 10, 1_000)}
        assert await store.put([a_file(inode=2)]) == [None]


async def test_a_sweep_goes_on_where_it_stood_and_looks_at_no_row_twice(
    bench: SqliteBench,
) -> None:
    """Two files stay for their reports; seven have none."""
    async with bench.open() as store:
        reports = [1, 1, *[0] * 7]
        await store.put(some_files(len(reports)))
        claims = await store.claim(Kind.FILE, len(reports), "job")
        for count, claim in zip(reports, claims, strict=True):
            await store.finish(claim, Converted(tuple(a_report() for _ in range(count)), "ab"))
        await store.put_away([PutAway(claim.item.id, "") for claim in claims])
        after, removed, more = START, [], True
        while more:
            swept = await store.expire(Old.COMPLETED, ALL_OLD, after=after, limit=3)
            after, more = swept.after, swept.more
            removed.append(swept.removed)
        assert removed == [1, 3, 3, 0]
        assert after == (NOW, 9)


async def test_what_is_not_old_enough_ends_a_sweep_and_says_when_it_will_be(
    bench: SqliteBench,
) -> None:
    clock = Clock()
    async with bench.open(clock=clock) as store:
        for _ in range(4):
            await finished(store, Delivered("thanks"))
            clock.now += 10.0
        swept = await store.expire(Old.COMPLETED, Deadlines(NOW + 15.0, LATER), limit=3)
        assert (swept.removed, swept.more, swept.following) == (2, False, NOW + 20.0)
        assert swept.seconds > 0.0


async def test_a_step_that_is_not_committed_has_removed_nothing(
    bench: SqliteBench, arm: Callable[[str], None]
) -> None:
    async with bench.open() as store:
        await finished(store, Delivered("thanks"))
        arm("store.before_commit=raise")
        with pytest.raises(StoreError):
            await store.expire(Old.COMPLETED, ALL_OLD)
        arm("")
        assert_counts(bench, store)
        assert store.counts().of(Kind.REPORT, State.COMPLETED) == 1
        assert (await store.expire(Old.COMPLETED, ALL_OLD)).removed == 1


# Failed items


async def failed_ones(store: Store) -> list[int]:
    return [await finished(store, OUTCOMES[name]) for name in ("failed", "quarantined")]


@pytest.mark.parametrize(
    ("before", "gone"), [(NOW - 0.001, 0), (NOW, 2), (NOW + 0.001, 2)], ids=["not yet", "now", "1"]
)
async def test_failed_items_leave_when_they_are_told_to_and_old(
    bench: SqliteBench, before: float, gone: int
) -> None:
    async with bench.open() as store:
        ids = await failed_ones(store)
        assert await store.dismiss(ids, Deadlines(LATER, before), "/data/failed") == gone
        assert_counts(bench, store)
        assert (store.counts().bytes == 0) == bool(gone)


async def test_an_event_tells_which_failed_items_left_and_where_they_are(
    bench: SqliteBench,
) -> None:
    async with bench.open() as store:
        ids = await failed_ones(store)
        await store.dismiss(ids, ALL_OLD, "/data/failed")
        [entry] = bench.history()
    assert (entry.event, entry.item_id) == ("failed items expired", None)
    assert json.loads(entry.message) == {"ids": ids, "written_to": "/data/failed"}


async def test_what_was_retried_meanwhile_stays(bench: SqliteBench) -> None:
    async with bench.open() as store:
        [one, other] = await failed_ones(store)
        await store.change(Selection(ids=(one,)), Retry(), "me")
        assert await store.dismiss([one, other], ALL_OLD, "failed") == 1
        assert store.counts().of(Kind.REPORT, State.PENDING) == 1
        await deliver(store)
        before = len(bench.history())
        assert await store.dismiss([one, other], ALL_OLD, "failed") == 0
        assert len(bench.history()) == before


@pytest.mark.parametrize("old", [True, False], ids=["old, too", "not old itself"])
async def test_a_file_leaves_with_its_last_report_that_failed(
    bench: SqliteBench, old: bool
) -> None:
    async with bench.open() as store:
        file = await converted(store)
        [claim] = await store.claim(Kind.REPORT, 1, "job")
        await store.finish(claim, OUTCOMES["failed"])
        assert (await store.expire(Old.COMPLETED, ALL_OLD)).removed == 0
        due = ALL_OLD if old else evolve(ALL_OLD, completed=LONG_AGO)
        assert await store.dismiss([claim.item.id], due, "failed") == (2 if old else 1)
        assert [row[0] for row in rows(bench, "items")] == ([] if old else [file])


async def test_the_desk_shows_failed_items_that_may_leave_in_the_order_of_their_ends(
    bench: SqliteBench,
) -> None:
    clock = Clock()
    async with bench.open(clock=clock) as store, bench.desk() as desk:
        last, first = (await failed_ones(store))[0], None
        clock.now -= 5.0
        first = (await failed_ones(store))[0]
        await finished(store, Delivered("thanks"))
        waits = await finished(store, OUTCOMES["failed"], kind=Kind.FILE)  # to be put away
        order = [first, first + 1, last, last + 1]
        assert [item.id for item in await desk.expiring()] == order
        assert [item.id for item in await desk.expiring(limit=1)] == order[:1]
        page = await desk.expiring(after=(clock.now, first + 1))
        assert [item.id for item in page] == order[2:]
        await store.put_away([PutAway(waits, "/in/Error/x")])
        assert waits in [item.id for item in await desk.expiring()]


async def test_a_failed_file_whose_reports_are_here_is_not_shown(bench: SqliteBench) -> None:
    """A file that was brought back and converted, and brought back once more, such as by hand."""
    async with bench.open() as store, bench.desk() as desk:
        file = await converted(store)
        with closing(apsw.Connection(str(bench.path))) as connection:
            connection.execute("UPDATE items SET state = 'FAILED' WHERE id = ?", (file,))
        assert await desk.expiring() == []
        await store.change(Selection(ids=(2,)), Remove(), "me")
        assert [item.id for item in await desk.expiring()] == [file]


# Events of the service, and what was imported


async def test_events_of_the_service_leave_and_those_of_items_stay(bench: SqliteBench) -> None:
    clock = Clock()
    async with bench.open(clock=clock) as store, bench.desk() as desk:
        await store.put([a_report()])
        for number in range(5):
            await store.note("turned", {"number": number})
            clock.now += 10.0
        assert await desk.oldest(Old.EVENTS) == NOW
        swept = await store.expire(Old.EVENTS, Deadlines(NOW + 20.0, LATER), limit=2)
        assert (swept.removed, swept.more) == (2, True)
        swept = await store.expire(
            Old.EVENTS, Deadlines(NOW + 20.0, LATER), after=swept.after, limit=2
        )
        assert (swept.removed, swept.more, swept.following) == (1, False, NOW + 30.0)
        assert [entry.event for entry in bench.history()] == ["stored", "turned", "turned"]
        assert await desk.oldest(Old.EVENTS, after=swept.after) == NOW + 30.0


@pytest.mark.parametrize("wrong", [1, 2, 3, 7], ids=lambda count: f"{count} of a page of 3")
async def test_events_from_a_time_when_the_clock_was_wrong_hold_up_no_others(
    bench: SqliteBench, wrong: int
) -> None:
    clock = Clock()
    async with bench.open(clock=clock) as store:
        clock.now += 1e9
        for _ in range(wrong):
            await store.note("wrong", {})
        clock.now -= 1e9
        for _ in range(3):
            await store.note("right", {})
        clock.now += 10.0
        after, removed, more = START, 0, True
        while more:
            swept = await store.expire(Old.EVENTS, Deadlines(NOW, NOW), after=after, limit=3)
            after, more, removed = swept.after, swept.more, removed + swept.removed
        assert removed == 3 + wrong % 3  # a page of nothing else stays until it is as old
        assert [entry.event for entry in bench.history()] == ["wrong"] * (wrong - wrong % 3)


@pytest.mark.parametrize(
    ("before", "gone"), [(NOW - 0.001, 0), (NOW, 1), (NOW + 0.001, 1)], ids=["not yet", "now", "1"]
)
async def test_what_was_imported_may_be_imported_again_when_that_is_long_ago(
    bench: SqliteBench, before: float, gone: int
) -> None:
    envelope = a_report(origin="export/1")
    async with bench.open() as store:
        assert await store.put([envelope, envelope]) == [1, None]
        await deliver(store)
        await store.expire(Old.COMPLETED, ALL_OLD)
        swept = await store.expire(Old.IMPORTS, Deadlines(LATER, before))
        assert swept.removed == gone
        assert (await store.put([envelope]))[0] == (2 if gone else None)


async def test_what_was_imported_is_remembered_as_long_as_it_is_here(bench: SqliteBench) -> None:
    envelopes = [a_report(origin=f"export/{number}") for number in range(3)]
    async with bench.open() as store:
        await store.put(envelopes)
        [claim] = await store.claim(Kind.REPORT, 1, "job")
        await store.finish(claim, OUTCOMES["delivered"])
        await store.expire(Old.COMPLETED, ALL_OLD)
        swept = await store.expire(Old.IMPORTS, ALL_OLD)
        assert swept.removed == 1
        assert await store.put(envelopes[1:]) == [None, None]
        again = await store.expire(Old.IMPORTS, ALL_OLD, after=swept.after)
        assert (again.removed, again.after, again.more) == (0, swept.after, False)


async def test_an_empty_queue_has_nothing_old(bench: SqliteBench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        for what in Old:
            swept = await store.expire(what, ALL_OLD)
            assert (swept.removed, swept.more, swept.following) == (0, False, None)
            assert swept.after == START
            assert await desk.oldest(what) is None


@pytest.mark.parametrize(
    "sql",
    [
        *LOOKS.values(),
        f"SELECT id FROM items WHERE {FAILED} AND {MAY_LEAVE} AND (finished_at, id) > (?1, ?2)"
        " ORDER BY finished_at, id LIMIT ?3",
        "DELETE FROM history WHERE item_id IN (SELECT value FROM json_each(?1))",
        "DELETE FROM history WHERE item_id IS NULL AND seq > ?1 AND seq <= ?2",
    ],
)
def test_each_look_goes_into_an_index(tmp_path: Path, sql: str) -> None:
    with closing(connect(tmp_path / "queue.db")) as connection:
        values = (0.0, 0, 1)[: int(sql[sql.rindex("?") + 1])]
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert not [step for step in plan if step.startswith("SCAN") and "json_each" not in step], plan
    assert not [step for step in plan if "TEMP B-TREE" in step], plan


# Free pages


async def test_free_pages_are_given_back_a_few_at_a_time(bench: SqliteBench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_report(b"x" * 400_000)])
        await deliver(store)
        before = await desk.pages()
        assert before.free > 90
        given = await store.compact(40)
        assert given.left == before.free - 40
        after = await desk.pages()
        assert (after.total, after.free) == (before.total - 40, before.free - 40)
        given = await store.compact(1_000)
        assert (given.left, (await desk.pages()).free) == (0, 0)
        assert (await store.compact(1)).left == 0
    assert bench.path.stat().st_size == 4096 * (before.total - before.free)
