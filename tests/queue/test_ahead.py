"""Quick work is claimed ahead, slow work is not."""

from __future__ import annotations

from functools import partial

import pytest
import trio

from pywats_trio.queue.ahead import MOST, Ahead


async def work(ahead: Ahead, seconds: float) -> None:
    with ahead.work():
        await trio.sleep(seconds)


async def work_together(ahead: Ahead, seconds: float, hands: int) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(hands):
            nursery.start_soon(partial(work, ahead, seconds))


def test_nothing_is_claimed_ahead_before_anything_is_known() -> None:
    assert Ahead(8).claims() == 0


@pytest.mark.parametrize(
    ("seconds", "places", "ahead"),
    [(0.0001, 1, MOST), (0.002, 1, 24), (0.01, 2, 3), (0.024, 2, 0), (60.0, 8, 0)],
)
async def test_as_much_is_claimed_ahead_as_is_worked_off_in_an_instant(
    seconds: float, places: int, ahead: int, autojump_clock: trio.testing.MockClock
) -> None:
    knows = Ahead(places)
    await work(knows, seconds)
    assert knows.claims() == ahead


async def test_what_several_places_do_at_once_counts_together(
    autojump_clock: trio.testing.MockClock,
) -> None:
    alone, together = Ahead(2), Ahead(2)
    await work_together(alone, 0.02, hands=1)
    await work_together(together, 0.02, hands=8)
    assert alone.claims() == 0
    assert together.claims() > 0


async def test_work_that_becomes_slow_is_soon_not_claimed_ahead_any_more(
    autojump_clock: trio.testing.MockClock,
) -> None:
    knows = Ahead(2)
    await work(knows, 0.0001)
    assert knows.claims() == MOST
    for _ in range(10):
        await work(knows, 2.0)
    assert knows.claims() == 0
