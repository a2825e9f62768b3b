"""Waits and a wall clock that is set: in one life of the store, between two, and unnoticed."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import apsw
import pytest

from pywats_trio.model import Kind, Reason, Wait
from pywats_trio.queue import clocks
from pywats_trio.queue.actions import Reprioritize
from pywats_trio.queue.clocks import JUMP_SECONDS, SHIFT, SteadyClock
from pywats_trio.queue.database import connect
from pywats_trio.queue.selection import Selection
from tests.contract.kit import PROBLEM, Clock, SqliteBench, a_report

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.queue.store import Desk, Store

DAY = 86_400.0
NOON = 1_700_000_000.0

jumps = pytest.mark.parametrize("jump", [-20_000 * DAY, -DAY, -3600.0, 3600.0, DAY, 20_000 * DAY])


async def suspend(store: Store, *delays: float, reason: Reason = Reason.RETRY) -> None:
    await store.put([a_report() for _ in delays])
    claims = await store.claim(Kind.REPORT, len(delays), "pump")
    for claim, delay in zip(claims, delays, strict=True):
        await store.finish(claim, Wait(delay, reason, PROBLEM))


async def due_in(store: Store) -> float | None:
    """Seconds, as of a look into the table."""
    assert await store.claim(Kind.REPORT, 1, "pump") == []
    return store.next_due(Kind.REPORT)


async def note(store: Store) -> None:
    """What `service.clockwatch` does at a jump."""
    await store.remember(SHIFT, repr(store.clock_shift()))


async def shown(desk: Desk, item_id: int = 1) -> float | None:
    """The due time that people see; the same in a listing."""
    item = await desk.item(item_id)
    assert item is not None
    [listed] = (await desk.find(Selection(ids=(item_id,)))).items
    assert listed == item
    return item.due_at


def test_a_steady_clock_goes_on_as_the_wall_clock_began() -> None:
    wall, monotonic = Clock(NOON), Clock(5.0)
    steady = SteadyClock(wall, monotonic, shift=100.0)
    assert (steady(), steady.shift()) == (NOON - 100.0, 100.0)
    wall.now += DAY
    monotonic.now += 2.0
    assert (steady(), steady.shift()) == (NOON - 98.0, 100.0 + DAY - 2.0)


@jumps
async def test_a_due_time_is_shown_by_the_wall_clock_once_its_jump_is_noted(
    bench: SqliteBench, jump: float
) -> None:
    clock = Clock(NOON)
    async with bench.open(clock=clock) as store, bench.desk() as desk:
        await suspend(store, 10.0)
        clock.now += jump
        assert await shown(desk) == NOON + 10.0
        await note(store)
        assert await shown(desk) == pytest.approx(clock.now + 10.0, abs=1e-3)
        await suspend(store, 5.0)
        assert await shown(desk, 2) == pytest.approx(clock.now + 5.0, abs=1e-3)
        assert store.next_due(Kind.REPORT) == pytest.approx(5.0, abs=1e-3)


@jumps
async def test_waits_go_on_over_a_restart_after_a_jump(bench: SqliteBench, jump: float) -> None:
    clock = Clock(NOON)
    async with bench.open(clock=clock) as store:
        await suspend(store, 100.0)
        clock.now += jump
        await note(store)
        await suspend(store, 50.0)
    clock.now += 10.0
    async with bench.open(clock=clock) as store, bench.desk() as desk:
        assert await due_in(store) == pytest.approx(40.0, abs=1e-3)
        assert await shown(desk) == pytest.approx(clock.now + 90.0, abs=1e-3)
        assert await shown(desk, 2) == pytest.approx(clock.now + 40.0, abs=1e-3)


@pytest.mark.parametrize("back", [0.5, 59.0, DAY, 20_000 * DAY])
async def test_waits_go_on_where_the_clock_was_set_back_between_two_lives(
    bench: SqliteBench, back: float
) -> None:
    clock = Clock(NOON)
    async with bench.open(clock=clock) as store:
        await suspend(store, 100.0)
    clock.now -= back
    for _ in range(2):  # what is known of it outlives the next restart, too
        async with bench.open(clock=clock) as store, bench.desk() as desk:
            assert await due_in(store) == pytest.approx(100.0, abs=1e-3)
            assert await shown(desk) == pytest.approx(clock.now + 100.0, abs=1e-3)
            await suspend(store, 200.0)


async def test_where_it_was_set_forward_what_is_due_then_is_due(bench: SqliteBench) -> None:
    """It may as well have been off for so long."""
    clock = Clock(NOON)
    async with bench.open(clock=clock) as store:
        await suspend(store, 100.0)
    clock.now += DAY
    async with bench.open(clock=clock) as store:
        assert len(await store.claim(Kind.REPORT, 9, "pump")) == 1


@pytest.mark.parametrize("reason", Reason)
async def test_a_jump_back_that_nobody_could_note_keeps_nothing_waiting(
    bench: SqliteBench, reason: Reason
) -> None:
    """Killed in the moment between the jump and the look at the clock."""
    clock = Clock(NOON)
    async with bench.open(clock=clock) as store:
        await suspend(store, 300.0, 20.0, float("inf"), reason=reason)
        clock.now -= DAY
        await store.put([a_report()])  # its row of the history has the new time
        await store.claim(Kind.REPORT, 1, "pump")
    clock.now += 1.0
    async with bench.open(clock=clock) as store:
        assert await due_in(store) == pytest.approx(20.0, abs=1e-3)
    assert select(bench, "SELECT due_at FROM items WHERE id = 3") == [(float("inf"),)]


@pytest.mark.parametrize(
    ("back", "mended"), [(JUMP_SECONDS - 1, False), (JUMP_SECONDS + 2, True), (DAY, True)]
)
async def test_a_little_too_long_is_left_alone(
    bench: SqliteBench, back: float, mended: bool
) -> None:
    """To put it right would be a look at all that waits, at each start."""
    clock = Clock(NOON)
    async with bench.open(clock=clock) as store:
        await suspend(store, 20.0)
        clock.now -= back
        await store.note("any", {})
    clock.now += 1.0
    async with bench.open(clock=clock) as store:
        assert await due_in(store) == pytest.approx(20.0 if mended else 19.0 + back, abs=1e-3)


async def test_a_store_without_jumps_keeps_no_setting_of_them(bench: SqliteBench) -> None:
    clock = Clock(NOON)
    for _ in range(2):
        async with bench.open(clock=clock) as store:
            await suspend(store, 100.0)
            assert store.clock_shift() == 0.0
        clock.now += 3600.0
    assert select(bench, "SELECT * FROM settings WHERE key = 'clock.shift'") == []


def test_without_jumps_a_start_looks_at_the_last_wait_of_each_kind_alone(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "queue.db")) as connection:
        sql = f"EXPLAIN QUERY PLAN {clocks._FARTHEST}"  # noqa: SLF001
        [(_id, _parent, _unused, step)] = connection.execute(sql, ("report", "retry"))
    assert step.startswith("SEARCH items USING INDEX items_due"), step


@pytest.mark.parametrize("jump", [-DAY, DAY])
async def test_items_age_from_where_they_stand_whatever_the_wall_clock_says(
    bench: SqliteBench, jump: float
) -> None:
    clock, monotonic = Clock(NOON), Clock()
    async with bench.open(clock=clock, monotonic=monotonic, aging_minutes=1) as store:
        [old] = await store.put([a_report()])
        clock.now += jump
        monotonic.now += 1.0
        [new, urgent] = await store.put([a_report(), a_report(priority=9)])
        assert urgent is not None
        await store.change(Selection(ids=(urgent,)), Reprioritize(4), "who")
        order = [claim.item.id for claim in await store.claim(Kind.REPORT, 3, "pump")]
        assert order == [urgent, old, new]


def select(bench: SqliteBench, sql: str) -> list[tuple[object, ...]]:
    with closing(apsw.Connection(str(bench.path))) as connection:
        return list(connection.execute(sql))
