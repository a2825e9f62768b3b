"""Never more than so many reports in any 60 seconds."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.deliver.pace import Pace


def test_the_first_n_go_at_once_and_the_next_waits_for_the_window() -> None:
    pace = Pace(3)
    assert [pace.reserve(now) for now in (10.0, 20.0, 30.0)] == [0.0, 0.0, 0.0]
    assert pace.reserve(40.0) == 30.0
    assert pace.reserve(40.0) == 40.0


def test_a_window_that_has_passed_costs_nothing() -> None:
    pace = Pace(1)
    pace.reserve(0.0)
    assert pace.reserve(60.0) == 0.0
    assert pace.reserve(119.9) == pytest.approx(0.1)


def test_zero_is_no_limit() -> None:
    pace = Pace(0)
    assert [pace.reserve(0.0) for _ in range(5000)] == [0.0] * 5000


@given(st.integers(1, 5), st.lists(st.integers(0, 30), max_size=40))
def test_no_60_seconds_hold_more_than_the_limit(limit: int, gaps: list[int]) -> None:
    pace, now, moments = Pace(limit), 0.0, []
    for gap in gaps:
        now += gap
        moments.append(now + pace.reserve(now))
    assert moments == sorted(moments)
    for first, beyond in zip(moments, moments[limit:], strict=False):
        assert beyond - first >= 60.0 - 1e-6


async def waiters(pace: Pace, went: list[tuple[int, bool, float]], nursery: trio.Nursery) -> None:
    """Five callers, one after the other."""

    async def caller(number: int) -> None:
        went.append((number, await pace.wait(), trio.current_time()))

    for number in range(5):
        nursery.start_soon(caller, number)
        await trio.testing.wait_all_tasks_blocked()


async def test_wait_lets_callers_go_in_order(autojump_clock: trio.testing.MockClock) -> None:
    pace = Pace(2)
    went: list[tuple[int, bool, float]] = []
    begin = trio.current_time()
    async with trio.open_nursery() as nursery:
        await waiters(pace, went, nursery)
        assert pace.limiting
    assert all(sent for _, sent, _ in went)
    assert [round(moment - begin) for _, _, moment in went] == [0, 0, 60, 60, 120]
    assert {number for number, _, _ in went[2:4]} == {2, 3}
    assert not pace.limiting


async def test_close_sends_away_who_waits_and_who_would_have_to(
    autojump_clock: trio.testing.MockClock,
) -> None:
    pace = Pace(2)
    went: list[tuple[int, bool, float]] = []
    begin = trio.current_time()
    async with trio.open_nursery() as nursery:
        await waiters(pace, went, nursery)
        pace.close()
    assert not await pace.wait()
    assert trio.current_time() == begin
    assert [sent for _, sent, _ in sorted(went)] == [True, True, False, False, False]


async def test_close_lets_pass_who_does_not_have_to_wait() -> None:
    pace = Pace(1)
    pace.close()
    assert await pace.wait()


async def test_a_cancelled_caller_does_not_count_as_waiting(
    autojump_clock: trio.testing.MockClock,
) -> None:
    pace = Pace(1)
    await pace.wait()
    with trio.move_on_after(1) as scope:
        await pace.wait()
    assert scope.cancelled_caught
    assert not pace.limiting
