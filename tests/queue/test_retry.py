from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.config.options import RetryOptions
from pywats_trio.model import Failed, Reason, Wait
from pywats_trio.queue.retry import FLOOR, after_failure, backoff
from tests.contract.kit import PROBLEM, SqliteBench, a_report

if TYPE_CHECKING:
    from pywats_trio.model import Item

seconds = st.floats(min_value=0.01, max_value=86_400.0)
options = st.builds(RetryOptions, base_seconds=seconds, max_seconds=seconds)
attempts = st.integers(min_value=1, max_value=10**9)
dice = st.integers().map(random.Random)


def longest(attempt: int, retry: RetryOptions) -> float:
    return min(retry.max_seconds, retry.base_seconds * 2.0 ** min(attempt - 1, 1000))


@given(attempts, options, dice)
def test_an_interval_lies_between_its_floor_and_its_cap(
    attempt: int, retry: RetryOptions, dice: random.Random
) -> None:
    cap = longest(attempt, retry)
    assert FLOOR * cap <= backoff(attempt, retry, dice) <= cap <= retry.max_seconds


@given(attempts, options, st.integers())
def test_with_the_same_luck_a_later_interval_is_not_shorter(
    attempt: int, retry: RetryOptions, luck: int
) -> None:
    earlier = backoff(attempt, retry, random.Random(luck))
    later = backoff(attempt + 1, retry, random.Random(luck))
    assert later >= earlier or later == pytest.approx(earlier)


def test_intervals_double_and_stop_at_the_longest() -> None:
    class Highest(random.Random):
        def uniform(self, a: float, b: float) -> float:
            del a
            return b

    retry = RetryOptions(base_seconds=1.0, max_seconds=10.0)
    drawn = [backoff(n, retry, Highest()) for n in (1, 2, 3, 4, 5, 6, 10_000)]
    assert drawn == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]


def test_intervals_are_spread_over_their_whole_range() -> None:
    retry = RetryOptions(base_seconds=10.0, max_seconds=10.0)
    dice = random.Random(1)
    drawn = sorted(backoff(1, retry, dice) for _ in range(500))
    assert drawn[0] < 1.5
    assert drawn[250] == pytest.approx(5.5, abs=1.0)
    assert drawn[-1] > 9.5


async def _item(bench: SqliteBench, attempts: int, max_attempts: int) -> Item:
    async with bench.open() as store:
        await store.put([a_report(max_attempts=max_attempts)])
        for _ in range(attempts):
            [claim] = await store.claim(a_report().kind, 1, "pump")
            await store.finish(claim, Wait(0.0, Reason.RETRY, PROBLEM, counts=True))
        [claim] = await store.claim(a_report().kind, 1, "pump")
    return claim.item


@pytest.mark.parametrize(
    ("attempts", "max_attempts", "ends"),
    [(0, 1, True), (0, 2, False), (1, 3, False), (2, 3, True), (3, 3, True), (9, 3, True)],
)
@pytest.mark.parametrize("died", [True, False])
async def test_the_last_attempt_that_fails_is_the_end(
    bench: SqliteBench, attempts: int, max_attempts: int, ends: bool, died: bool
) -> None:
    item = await _item(bench, attempts, max_attempts)
    outcome = after_failure(item, PROBLEM, RetryOptions(), random.Random(1), died=died)
    if ends:
        assert outcome == Failed(PROBLEM, counts=True, died=died)
    else:
        assert isinstance(outcome, Wait)
        assert (outcome.reason, outcome.counts, outcome.died) == (Reason.RETRY, True, died)
        assert outcome.delay <= RetryOptions().base_seconds * 2**attempts
