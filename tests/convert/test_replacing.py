"""Another group in place of one; and one that can get no new processes, so it keeps its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from attrs import evolve

from pywats_trio.convert.request import describing
from pywats_trio.convert.roster import PATIENCE, Roster, Standing
from pywats_trio.converters.registry import Origin, Spec
from tests.convert.kit import HOSTILE, running
from tests.convert.test_roster import is_dismissed, taken

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.convert.pool import Pool

LONG = 1000.0


async def test_processes_of_a_group_that_was_replaced_end_once_they_are_idle() -> None:
    roster = Roster(3)
    idle, busy, other = [await taken(roster, group) for group in ("old", "old", "other")]
    roster.rest(idle)
    roster.replace("old", "new")
    assert (is_dismissed(idle), is_dismissed(busy)) == (True, False)
    roster.rest(busy)
    assert is_dismissed(busy)
    roster.rest(other)
    roster.rest(await taken(roster, "other"))
    assert not is_dismissed(other)


async def test_who_waits_for_the_old_group_still_gets_its_process(
    autojump_clock: trio.testing.MockClock,
) -> None:
    roster = Roster(1)
    place = await taken(roster, "old")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(roster.take, "old")
        await trio.testing.wait_all_tasks_blocked()
        roster.replace("old", "new")
        roster.rest(place)
        assert (place.standing, is_dismissed(place)) == (Standing.BUSY, False)
    roster.rest(place)
    assert is_dismissed(place)


async def test_a_job_that_began_before_starts_a_process_of_the_old_group_for_itself_alone() -> None:
    roster = Roster(1)
    roster.replace("old", "new")
    place = await taken(roster, "old")
    roster.rest(place)
    assert is_dismissed(place)


async def test_a_state_that_comes_back_is_as_good_as_any() -> None:
    roster = Roster(1)
    roster.replace("one", "two")
    roster.replace("two", "one")
    place = await taken(roster, "one")
    roster.rest(place)
    assert not is_dismissed(place)


async def test_replaced_groups_are_forgotten_when_nothing_of_them_is_left() -> None:
    roster = Roster(1)
    for number in range(100):
        roster.replace(str(number), str(number + 1))
    assert len(roster._retired) == 1  # noqa: SLF001 - its bound


async def test_a_kept_process_is_not_ended_for_being_idle(
    autojump_clock: trio.testing.MockClock,
) -> None:
    roster = Roster(2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(roster.dismiss_idle, 1)
        kept, other = await taken(roster, "kept"), await taken(roster, "other")
        roster.keep("kept")
        roster.rest(kept)
        roster.rest(other)
        await trio.sleep(LONG)
        assert (is_dismissed(kept), is_dismissed(other)) == (False, True)
        roster.replace("kept", "new")
        assert is_dismissed(kept)
        nursery.cancel_scope.cancel()


async def test_a_kept_group_gets_no_other_process_while_it_has_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    roster, served = Roster(3), trio.Event()

    async def job() -> None:
        await taken(roster, "kept")
        served.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(roster.dismiss_idle, LONG)
        kept, idle = await taken(roster, "kept"), await taken(roster, "other")
        roster.rest(idle)
        roster.keep("kept")
        nursery.start_soon(job)
        await trio.sleep(10 * PATIENCE)
        assert (served.is_set(), roster.count()) == (False, 2)
        assert not is_dismissed(idle)  # for nothing: it could not use the place
        roster.leave(kept)  # with its last process gone there is nothing to lose
        await served.wait()
        nursery.cancel_scope.cancel()


async def test_a_kept_process_goes_when_others_need_its_place(
    autojump_clock: trio.testing.MockClock,
) -> None:
    roster = Roster(1)
    kept = await taken(roster, "kept")
    roster.keep("kept")
    roster.rest(kept)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(roster.dismiss_idle, LONG)
        nursery.start_soon(taken, roster, "other")
        await trio.sleep(2 * PATIENCE)
        assert is_dismissed(kept)
        nursery.cancel_scope.cancel()


# Real processes

MODULE = Spec(Origin.MODULE, "good:Good", "Good", module="good")


async def workers_of(pool: Pool, jobs: int, spec: Spec = MODULE) -> list[str]:
    """Which process did each of so many jobs."""
    return [(await pool.ask(spec, "line", describing(spec))).worker for _ in range(jobs)]


@pytest.mark.parametrize(("jobs_each", "processes"), [(1, 5), (2, 1), (3, 1)])
async def test_a_kept_process_does_more_jobs_than_others_where_any_does_more_than_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs_each: int, processes: int
) -> None:
    monkeypatch.syspath_prepend(HOSTILE)
    async with running(tmp_path, recycle_after_jobs=jobs_each, max=2) as pool:
        [first] = await workers_of(pool, 1)
        pool.keep(MODULE, "line")
        assert len({first, *await workers_of(pool, 4)}) == processes


async def test_a_process_that_is_not_kept_is_recycled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(HOSTILE)
    async with running(tmp_path, recycle_after_jobs=2) as pool:
        pool.keep(MODULE, "another line")
        assert len(set(await workers_of(pool, 5))) == 3
        pool.keep(MODULE, "line")
        pool.replace(MODULE, other := evolve(MODULE, revision="#2"), "line")
        assert len(set(await workers_of(pool, 4, other))) == 2


async def test_a_state_that_is_the_same_keeps_its_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(HOSTILE)
    async with running(tmp_path) as pool:
        before = await workers_of(pool, 1)
        pool.replace(MODULE, MODULE, "line")
        assert await workers_of(pool, 1) == before
