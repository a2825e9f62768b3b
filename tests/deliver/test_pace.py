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
    assert not pace.limiting(0.0)


def test_limiting_says_whether_somebody_waits() -> None:
    pace = Pace(1)
    assert not pace.limiting(0.0)
    pace.reserve(0.0)
    assert not pace.limiting(0.0)
    pace.reserve(1.0)
    assert pace.limiting(59.0)
    assert not pace.limiting(60.0)


@given(st.integers(1, 5), st.lists(st.floats(0, 30), max_size=40))
def test_no_60_seconds_hold_more_than_the_limit(limit: int, gaps: list[float]) -> None:
    pace, now, moments = Pace(limit), 0.0, []
    for gap in gaps:
        now += gap
        moments.append(now + pace.reserve(now))
    assert moments == sorted(moments)
    for first, beyond in zip(moments, moments[limit:], strict=False):
        assert beyond - first >= 60.0 - 1e-6


async def test_wait_lets_callers_go_in_order(autojump_clock: trio.testing.MockClock) -> None:
    pace, went = Pace(2), []

    async def caller(number: int) -> None:
        await pace.wait()
        went.append((number, trio.current_time()))

    begin = trio.current_time()
    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(caller, number)
            await trio.testing.wait_all_tasks_blocked()
    times = [round(moment - begin) for _, moment in went]
    assert times == [0, 0, 60, 60, 120]
    assert [number for number, _ in went] == sorted(number for number, _ in went)
