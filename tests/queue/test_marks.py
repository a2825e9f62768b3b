"""Marks at, below and above where they are reached and where they are left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.queue.marks import HighMark, LowMark


@pytest.mark.parametrize(("value", "reached"), [(0, False), (99, False), (100, True), (101, True)])
def test_a_high_mark_is_reached_at_its_limit(value: int, reached: bool) -> None:
    assert HighMark(100).judge(value) is reached


@pytest.mark.parametrize(("value", "reached"), [(100, True), (90, True), (89, False), (0, False)])
def test_a_high_mark_that_was_reached_is_left_below_nine_tenths(value: int, reached: bool) -> None:
    assert HighMark(100, reached=True).judge(value) is reached


@pytest.mark.parametrize(("value", "reached"), [(0, True), (99, True), (100, False), (101, False)])
def test_a_low_mark_is_reached_below_its_limit(value: int, reached: bool) -> None:
    assert LowMark(100).judge(value) is reached


@pytest.mark.parametrize(("value", "reached"), [(100, True), (109, True), (110, False)])
def test_a_low_mark_that_was_reached_is_left_at_eleven_tenths(value: int, reached: bool) -> None:
    assert LowMark(100, reached=True).judge(value) is reached


@pytest.mark.parametrize("value", [-5, 0, 1, 10**18])
@pytest.mark.parametrize("reached", [False, True])
def test_without_a_limit_neither_is_ever_reached(value: int, reached: bool) -> None:
    assert not HighMark(0, reached).judge(value)
    assert not LowMark(0, reached).judge(value)


@pytest.mark.parametrize(
    ("most", "beyond"), [(99, True), (109, True), (110, False), (10**9, False)]
)
def test_a_low_mark_is_beyond_a_disk_that_can_never_have_so_much_free(
    most: int, beyond: bool
) -> None:
    assert LowMark(100).beyond(most) is beyond
    assert not LowMark(0).beyond(most)


@given(st.integers(1, 10**15), st.lists(st.integers(0, 2 * 10**15)))
def test_a_mark_only_changes_at_its_two_levels(limit: int, values: list[int]) -> None:
    high, low = HighMark(limit), LowMark(limit)
    for value in values:
        before = high.reached, low.reached
        after = high.judge(value), low.judge(value)
        if not before[0] and after[0]:
            assert value >= limit
        if before[0] and not after[0]:
            assert 10 * value < 9 * limit
        if not before[1] and after[1]:
            assert value < limit
        if before[1] and not after[1]:
            assert 10 * value >= 11 * limit
