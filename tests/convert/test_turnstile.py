"""Which files wait for the pool, and which are turned away meanwhile. All in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from pywats_trio.convert.outages import Outages, wait_for
from pywats_trio.convert.streaks import IN_A_ROW
from pywats_trio.convert.turnstile import Turnstile
from pywats_trio.model import Released, Wait
from pywats_trio.observe.board import Board
from tests.convert.test_job import claim_of, evolve_item

if TYPE_CHECKING:
    from pywats_trio.model import Item

PLACES = 2
INSIDE = PLACES + 1


def file_of(number: int, converter: str = "line") -> Item:
    return evolve_item(claim_of("/x", converter=converter), id=number).item


class Entrance:
    """Files on their way in, and what became of them."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.outages = Outages(Board(), PLACES)
        self.turnstile = Turnstile(PLACES, self.outages)
        self.inside: list[int] = []
        self.turned_away: dict[int, Wait | Released] = {}
        self._nursery = nursery
        self._scopes: dict[int, trio.CancelScope] = {}

    async def come(self, *numbers: int, converter: str = "line") -> None:
        """One after the other."""
        for number in numbers:
            self._nursery.start_soon(self._come, file_of(number, converter))
            await wait_all_tasks_blocked()

    async def _come(self, item: Item) -> None:
        self._scopes[item.id] = trio.CancelScope()
        with self._scopes[item.id]:
            refusal = await self.turnstile.enter(item)
            if refusal is None:
                self.inside.append(item.id)
            else:
                self.turned_away[item.id] = refusal

    async def leave(self, number: int) -> None:
        self.inside.remove(number)
        self.turnstile.leave(file_of(number))
        await wait_all_tasks_blocked()

    async def give_up(self, number: int) -> None:
        self._scopes[number].cancel()
        await wait_all_tasks_blocked()

    def fail(self, *numbers: int, died: bool = False) -> None:
        for number in numbers:
            self.outages.failed(file_of(number), "a reason", died=died)


@pytest.fixture
async def entrance(nursery: trio.Nursery) -> Entrance:
    return Entrance(nursery)


@pytest.mark.parametrize("count", [INSIDE - 1, INSIDE, INSIDE + 1])
async def test_one_more_than_there_are_places_is_let_in(entrance: Entrance, count: int) -> None:
    await entrance.come(*range(count))
    assert entrance.inside == list(range(min(count, INSIDE)))
    assert entrance.turned_away == {}


async def test_who_came_first_is_next(entrance: Entrance) -> None:
    await entrance.come(1, 2, 3, 4, 5)
    await entrance.leave(2)
    assert entrance.inside == [1, 3, 4]
    await entrance.come(6)
    await entrance.leave(1)
    assert entrance.inside == [3, 4, 5]


async def test_nobody_overtakes_one_who_was_called_and_those_behind(entrance: Entrance) -> None:
    await entrance.come(1, 2, 3, 4, 5)
    entrance.turnstile.leave(file_of(1))
    with trio.move_on_after(0) as came_too_early:
        await entrance.turnstile.enter(file_of(6))
    assert came_too_early.cancelled_caught
    await wait_all_tasks_blocked()
    assert entrance.inside == [1, 2, 3, 4]


async def test_each_converter_has_its_own(entrance: Entrance) -> None:
    await entrance.come(1, 2, 3, 4)
    await entrance.come(5, converter="other")
    assert entrance.inside == [1, 2, 3, 5]


@pytest.mark.parametrize("first", [4, 5])
async def test_who_gives_up_leaves_its_turn_to_the_next(entrance: Entrance, first: int) -> None:
    await entrance.come(1, 2, 3, 4, 5)
    await entrance.give_up(first)
    await entrance.leave(1)
    assert entrance.inside == [2, 3, 9 - first]
    await entrance.leave(2)
    assert entrance.inside == [3, 9 - first]


async def test_when_their_converter_is_paused_all_that_wait_go_back(entrance: Entrance) -> None:
    await entrance.come(*range(9))
    entrance.fail(*range(IN_A_ROW))
    await entrance.leave(0)
    problem = entrance.outages.refuses("line", 99)
    assert problem is not None
    assert entrance.turned_away == dict.fromkeys(range(INSIDE, 9), wait_for(problem))
    await entrance.come(10)
    assert entrance.turned_away[10] == wait_for(problem)


async def test_when_it_lost_one_process_after_the_other_they_go_back_but_for_one(
    entrance: Entrance,
) -> None:
    await entrance.come(*range(6))
    for number in range(PLACES):
        entrance.fail(number, died=True)
        await entrance.leave(number)
    # One more was let in when the first was lost, for that could have been its own fault.
    assert entrance.inside == [2, 3]
    assert set(entrance.turned_away) == {4, 5}
    assert all(isinstance(outcome, Released) for outcome in entrance.turned_away.values())
    await entrance.leave(2)
    await entrance.come(6)
    assert 6 in entrance.turned_away
    await entrance.leave(3)
    await entrance.come(7)
    assert entrance.inside == [7]


async def test_nobody_waits_where_one_at_a_time_is_let_in(entrance: Entrance) -> None:
    """Whoever waited would hold a claim until the deadline of the one that is inside."""
    entrance.fail(1, 2, died=True)
    await entrance.come(3, 4, 5)
    assert entrance.inside == [3]
    assert set(entrance.turned_away) == {4, 5}
