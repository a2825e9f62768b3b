"""Who gets which process; the children are stand-ins that only note their dismissal."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
import trio
import trio.testing
from attrs import define
from hypothesis import given, settings
from hypothesis import strategies as st

from pywats_trio.convert.roster import PATIENCE, Place, Roster, Standing

if TYPE_CHECKING:
    from pywats_trio.convert.child import Child


@define(eq=False)
class Dismissed:
    """The one thing that the roster asks of a process."""

    dismissed: bool = False

    def dismiss(self) -> None:
        self.dismissed = True


async def taken(roster: Roster, group: str) -> Place:
    place = await roster.take(group)
    if place.child is None:
        place.child = cast("Child", Dismissed())
    return place


def is_dismissed(place: Place) -> bool:
    return cast("Dismissed", place.child).dismissed


async def test_places_have_a_limit(autojump_clock: trio.testing.MockClock) -> None:
    roster = Roster(2)
    first = await taken(roster, "a")
    await taken(roster, "a")
    with trio.move_on_after(1) as scope:
        await roster.take("a")
    assert scope.cancelled_caught
    assert roster.count() == 2
    roster.leave(first)
    await taken(roster, "a")
    assert roster.count(Standing.BUSY) == 2


async def test_an_idle_process_of_the_group_is_used_the_latest_first(
    autojump_clock: trio.testing.MockClock,
) -> None:
    roster = Roster(2)
    first, second = await taken(roster, "a"), await taken(roster, "a")
    roster.rest(first)
    await trio.sleep(1)
    roster.rest(second)
    assert await roster.take("a") is second


async def test_a_group_without_a_process_gets_the_place_of_the_one_idle_longest(
    autojump_clock: trio.testing.MockClock,
) -> None:
    roster = Roster(2)
    first, second = await taken(roster, "a"), await taken(roster, "b")
    roster.rest(first)
    await trio.sleep(0.1)
    roster.rest(second)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(taken, roster, "c")
        await trio.testing.wait_all_tasks_blocked()
        assert is_dismissed(first)
        assert not is_dismissed(second)
        assert first.standing is Standing.ENDING
        roster.leave(first)


async def test_a_second_process_for_a_group_waits_until_the_other_is_idle_for_a_while(
    autojump_clock: trio.testing.MockClock,
) -> None:
    roster = Roster(2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(roster.dismiss_idle, 60)
        await taken(roster, "a")
        other = await taken(roster, "b")
        roster.rest(other)
        started = trio.current_time()
        nursery.start_soon(taken, roster, "a")
        await trio.testing.wait_all_tasks_blocked()
        assert not is_dismissed(other)
        await trio.sleep(started + PATIENCE - 0.01 - trio.current_time())
        assert not is_dismissed(other)
        await trio.sleep(0.02)
        assert is_dismissed(other)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("waited", "goes"), [(PATIENCE - 0.1, False), (PATIENCE + 0.1, True)])
async def test_a_busy_group_keeps_its_process_only_while_the_others_are_patient(
    waited: float, goes: bool, autojump_clock: trio.testing.MockClock
) -> None:
    roster = Roster(1)
    place = await taken(roster, "a")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(taken, roster, "b")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(taken, roster, "a")
        await trio.sleep(waited)
        roster.rest(place)
        assert is_dismissed(place) == goes
        assert place.standing is (Standing.ENDING if goes else Standing.BUSY)
        nursery.cancel_scope.cancel()


async def test_who_is_cancelled_while_waiting_takes_nothing_along(
    autojump_clock: trio.testing.MockClock,
) -> None:
    roster = Roster(1)
    place = await taken(roster, "a")
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(taken, roster, "a")
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
            roster.rest(place)  # granted and cancelled in the same moment
    assert roster.count(Standing.BUSY) <= 1
    roster.rest(place)
    assert await roster.take("a") is place


@pytest.mark.parametrize(("seconds", "goes"), [(9.9, False), (10.1, True)])
async def test_an_idle_process_is_dismissed_after_its_time(
    seconds: float, goes: bool, autojump_clock: trio.testing.MockClock
) -> None:
    roster = Roster(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(roster.dismiss_idle, 10)
        place = await taken(roster, "a")
        await trio.sleep(100)
        roster.rest(place)
        await trio.sleep(seconds)
        assert is_dismissed(place) == goes
        nursery.cancel_scope.cancel()


# The number of places changes


async def test_more_places_serve_who_waits_at_once(autojump_clock: trio.testing.MockClock) -> None:
    roster = Roster(1)
    await taken(roster, "a")
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(taken, roster, "a")
        await trio.testing.wait_all_tasks_blocked()
        assert roster.count(Standing.BUSY) == 1
        roster.resize(3)
        await trio.testing.wait_all_tasks_blocked()
        assert roster.count(Standing.BUSY) == 3
        roster.resize(4)
    assert roster.count(Standing.BUSY) == 4
    assert roster.size == 4


async def test_fewer_places_end_the_longest_idle_first_and_no_more_than_needed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    roster = Roster(3)
    places = [await taken(roster, "a") for _ in range(3)]
    for place in (places[1], places[0], places[2]):
        await trio.sleep(1)
        roster.rest(place)
    roster.resize(2)
    assert [is_dismissed(place) for place in places] == [False, True, False]
    roster.resize(2)
    assert [is_dismissed(place) for place in places] == [False, True, False]
    roster.resize(0)
    assert all(is_dismissed(place) for place in places)


async def test_more_places_end_nothing(autojump_clock: trio.testing.MockClock) -> None:
    roster = Roster(3)
    places = [await taken(roster, "a") for _ in range(3)]
    for place in places:
        roster.rest(place)
    roster.resize(5)
    assert not any(is_dismissed(place) for place in places)


async def test_what_is_busy_finishes_and_then_ends_while_there_are_too_many(
    autojump_clock: trio.testing.MockClock,
) -> None:
    roster = Roster(3)
    first, second, third = [await taken(roster, "a") for _ in range(3)]
    roster.rest(third)
    roster.resize(1)
    assert is_dismissed(third)
    assert not is_dismissed(first)
    assert not is_dismissed(second)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(taken, roster, "a")
        await trio.testing.wait_all_tasks_blocked()
        roster.rest(first)  # somebody waits for it, but there is no room for it any more
        assert is_dismissed(first)
        assert roster.count(Standing.BUSY) == 1
        roster.rest(second)
        await trio.testing.wait_all_tasks_blocked()
        assert second.standing is Standing.BUSY
        assert not is_dismissed(second)
    for gone in (first, third):
        roster.leave(gone)
    assert roster.count() == 1


async def test_when_there_are_fewer_a_process_that_is_spared_goes_last(
    autojump_clock: trio.testing.MockClock,
) -> None:
    roster = Roster(3)
    roster.keep("kept")
    spared, idle, busy = [await taken(roster, group) for group in ("kept", "a", "a")]
    roster.rest(spared)
    await trio.sleep(1)
    roster.rest(idle)
    roster.resize(2)
    assert is_dismissed(idle)
    assert not is_dismissed(spared)
    assert await taken(roster, "kept") is spared
    roster.resize(1)
    roster.rest(spared)
    assert not is_dismissed(spared)
    roster.rest(busy)
    assert is_dismissed(busy)
    roster.resize(0)
    assert is_dismissed(spared)


@pytest.mark.parametrize("size", [0, 1])
async def test_a_process_that_is_spared_goes_where_no_other_can(
    size: int, autojump_clock: trio.testing.MockClock
) -> None:
    roster = Roster(2)
    roster.keep("kept")
    roster.keep("kept, too")
    first, second = [await taken(roster, group) for group in ("kept", "kept, too")]
    roster.resize(size)
    roster.rest(first)
    assert is_dismissed(first)
    roster.rest(second)
    assert is_dismissed(second) == (size == 0)


async def test_without_any_place_nobody_is_spared(
    autojump_clock: trio.testing.MockClock,
) -> None:
    roster = Roster(2)
    roster.keep("kept")
    spared, _busy = [await taken(roster, group) for group in ("kept", "a")]
    roster.resize(0)
    roster.rest(spared)
    assert is_dismissed(spared)


async def test_a_place_that_ends_too_late_is_not_given_away(
    autojump_clock: trio.testing.MockClock,
) -> None:
    roster = Roster(2)
    first, second = [await taken(roster, "a") for _ in range(2)]
    roster.resize(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(taken, roster, "b")
        roster.rest(first)
        roster.leave(first)
        await trio.testing.wait_all_tasks_blocked()
        assert roster.count() == 1
        roster.rest(second)
        await trio.sleep(PATIENCE + 0.1)
        roster.leave(second)
    assert roster.count(Standing.BUSY) == 1


async def test_without_any_place_everybody_waits_until_there_is_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    roster = Roster(1)
    place = await taken(roster, "a")
    roster.rest(place)
    roster.resize(0)
    roster.leave(place)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(roster.dismiss_idle, 60)
        nursery.start_soon(taken, roster, "a")
        await trio.sleep(1000)
        assert roster.count() == 0
        roster.resize(1)
        await trio.testing.wait_all_tasks_blocked()
        assert roster.count(Standing.BUSY) == 1
        nursery.cancel_scope.cancel()


def test_there_cannot_be_fewer_places_than_none() -> None:
    with pytest.raises(ValueError, match="-1 places"):
        Roster(1).resize(-1)


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(0, 5), min_size=1, max_size=20),
    groups=st.lists(st.sampled_from("abc"), min_size=1, max_size=30),
)
def test_whatever_the_size_becomes_each_job_is_served_and_the_limit_kept(
    sizes: list[int], groups: list[str]
) -> None:
    done = []

    async def job(roster: Roster, group: str) -> None:
        place = await taken(roster, group)
        while is_dismissed(place):  # as the pool does: it is about to leave
            place = await taken(roster, group)
        await trio.sleep(0.3)
        done.append(group)
        roster.rest(place)

    async def bury(roster: Roster) -> None:
        while True:
            await trio.sleep(0.05)
            for place in list(places_of(roster)):
                if place.standing is Standing.ENDING:
                    roster.leave(place)
            busy = roster.count(Standing.BUSY)
            assert busy <= max(*sizes, 1)

    async def main() -> None:
        roster = Roster(sizes[0])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(roster.dismiss_idle, 2)
            nursery.start_soon(bury, roster)
            async with trio.open_nursery() as jobs:
                for group in groups:
                    jobs.start_soon(job, roster, group)
                for size in [*sizes, 1]:
                    roster.resize(size)
                    await trio.sleep(0.4)
            assert roster.count(Standing.BUSY) == 0
            assert roster.count() - roster.count(Standing.ENDING) <= 1
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert sorted(done) == sorted(groups)


def places_of(roster: Roster) -> list[Place]:
    return roster._places  # noqa: SLF001 - the pool's part in this test: it buries whom it started
