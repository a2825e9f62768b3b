"""Who gets which process; the children are stand-ins that only note their dismissal."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
import trio
import trio.testing
from attrs import define

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
