from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from pywats_trio.bell import LONGEST_SLEEP, Bell

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_a_ring_between_the_look_and_the_wait_is_not_lost(autojump_clock: MockClock) -> None:
    bell = Bell()
    ticket = bell.ticket()
    bell.ring()
    await ticket.wait()
    assert trio.current_time() == 0
    del autojump_clock


async def test_a_ring_wakes_everybody_who_waits(autojump_clock: MockClock) -> None:
    bell = Bell()
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(bell.ticket().wait)
        await wait_all_tasks_blocked()
        bell.ring()
    assert trio.current_time() == 0
    del autojump_clock


async def test_a_ring_before_the_ticket_is_forgotten(autojump_clock: MockClock) -> None:
    bell = Bell()
    bell.ring()
    await bell.ticket().wait(7.0)
    assert trio.current_time() == 7.0
    del autojump_clock


@pytest.mark.parametrize(
    ("asked", "slept"),
    [
        (-math.inf, 0.0),
        (-1.0, 0.0),
        (0.0, 0.0),
        (29.9, 29.9),
        (LONGEST_SLEEP, LONGEST_SLEEP),
        (30.1, LONGEST_SLEEP),
        (math.inf, LONGEST_SLEEP),
    ],
)
async def test_nobody_sleeps_longer_than_the_longest_sleep(
    autojump_clock: MockClock, asked: float, slept: float
) -> None:
    await Bell().ticket().wait(asked)
    assert trio.current_time() == slept
    del autojump_clock


async def test_a_cancelled_wait_ends(autojump_clock: MockClock) -> None:
    with trio.move_on_after(3) as scope:
        await Bell().ticket().wait()
    assert scope.cancelled_caught
    assert trio.current_time() == 3
    del autojump_clock
