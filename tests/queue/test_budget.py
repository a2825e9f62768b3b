"""The retry budget: never more than it allows, and never less for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.model import Delivered, Kind, Reason, Wait
from pywats_trio.queue.budget import SAVED, TRICKLE, RetryBudget
from pywats_trio.queue.sqlite_store import SqliteStore
from tests.contract.kit import PROBLEM, Clock, SqliteBench, a_report
from tests.service.embedding import running

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.queue.store import Store

shares = st.floats(0.0, 1.0)
steps = st.lists(
    st.one_of(
        st.just("first"),
        st.integers(0, 50),  # so many retries are wanted
        st.floats(0.0, 20.0),  # so many seconds pass
    ),
    max_size=60,
)


def spent(budget: RetryBudget, steps: list[object]) -> list[tuple[float, float, int]]:
    """After each step: the time, what the first attempts were worth, the retries so far."""
    now, worth, retries = 1_700_000_000.0, 0.0, 0
    told = [(now, worth, retries)]
    for step in steps:
        if step == "first":
            budget.first_attempt()
            worth += budget.share
        elif isinstance(step, int):
            retries += budget.take(step, now)
        elif isinstance(step, float):
            now += step
        told.append((now, worth, retries))
    return told


@given(share=shares, steps=steps)
def test_no_window_has_more_retries_than_its_first_attempts_and_its_seconds_pay_for(
    share: float, steps: list[object]
) -> None:
    told = spent(RetryBudget(share), steps)
    for n, (then, paid, done) in enumerate(told):
        for now, worth, retries in told[n:]:
            allowed = worth - paid + TRICKLE * (now - then) + SAVED
            assert retries - done <= allowed + 1e-3


@given(share=shares, steps=steps, wanted=st.integers(1, 100))
def test_whoever_was_refused_is_allowed_when_it_was_told_to_come_again(
    share: float, steps: list[object], wanted: int
) -> None:
    budget = RetryBudget(share)
    now = spent(budget, steps)[-1][0]
    budget.take(1000, now)
    for _ in range(wanted):
        wait = budget.next_in(now)
        assert 0.0 <= wait <= 1.0 / TRICKLE + 1e-6
        now += wait
        assert budget.take(1, now) == 1


def test_a_quiet_service_has_saved_up_retries_but_not_without_end() -> None:
    budget = RetryBudget(0.0)
    assert budget.take(100, 0.0) == SAVED
    assert budget.take(100, 0.0) == 0
    assert budget.take(100, 3.5) == 3
    assert budget.take(100, 10_000.0) == SAVED


@pytest.mark.parametrize(("share", "firsts", "allowed"), [(0.2, 4, 0), (0.2, 5, 1), (1.0, 3, 3)])
def test_first_attempts_pay_their_share(share: float, firsts: int, allowed: int) -> None:
    budget = RetryBudget(share)
    budget.take(int(SAVED), 0.0)
    for _ in range(firsts):
        budget.first_attempt()
    assert budget.take(100, 0.0) == allowed


def test_a_clock_that_runs_backwards_gives_and_takes_nothing() -> None:
    budget = RetryBudget(0.0)
    assert budget.take(100, 1000.0) == SAVED
    assert budget.take(100, 900.0) == 0
    assert budget.take(100, 901.0) == 1


def test_more_is_allowed_only_to_whoever_was_refused() -> None:
    budget = RetryBudget(1.0)
    assert not budget.allows_more(0.0)
    budget.take(int(SAVED), 0.0)
    budget.first_attempt()
    assert not budget.allows_more(0.0), "nobody was refused"
    budget.take(2, 0.0)
    assert not budget.allows_more(0.0), "nothing is left"
    budget.first_attempt()
    assert budget.allows_more(0.0)
    budget.take(1, 0.0)
    assert not budget.allows_more(5.0), "they all had theirs"


# In the store


async def failing(store: Store, count: int) -> None:
    """`count` items that are due at once for another try."""
    await store.put([a_report(max_attempts=99) for _ in range(count)])
    for claim in await store.claim(Kind.REPORT, count, "pump"):
        await store.finish(claim, Wait(0.0, Reason.RETRY, PROBLEM, counts=True))


async def test_retries_come_one_a_second_when_nothing_else_is_done(bench: SqliteBench) -> None:
    steady = Clock()
    async with bench.open(monotonic=steady) as store:
        await failing(store, 30)
        claimed = len(await store.claim(Kind.REPORT, 99, "pump"))
        assert claimed == SAVED
        begun = steady.now
        for _ in range(30 - claimed):
            wait = store.next_due(Kind.REPORT)
            assert wait
            steady.now += wait
            assert len(await store.claim(Kind.REPORT, 99, "pump")) == 1
        assert steady.now - begun == pytest.approx(20.0 / TRICKLE)
        assert store.next_due(Kind.REPORT) is None


async def test_first_attempts_pay_for_retries_at_once(bench: SqliteBench) -> None:
    """Not only when a second is over: a busy service has many of them in a second."""
    async with bench.open(monotonic=Clock(), retry_share=0.5) as store:
        await failing(store, 100)
        assert len(await store.claim(Kind.REPORT, 99, "pump")) == SAVED
        firsts = retries = 0
        while firsts < 60:
            await store.put([a_report()])
            for claim in await store.claim(Kind.REPORT, 3, "pump"):
                firsts += not claim.item.attempts
                retries += bool(claim.item.attempts)
                await store.finish(claim, Delivered("thanks"))
    assert 0.5 * 60 - 1 <= retries <= 0.5 * 60


@pytest.mark.parametrize(("share", "more"), [(0.0, 0), (1.0, 5)])
async def test_another_share_counts_from_then_on(
    bench: SqliteBench, share: float, more: int
) -> None:
    async with bench.open(monotonic=Clock(), retry_share=0.5) as store:
        await failing(store, 50)
        assert len(await store.claim(Kind.REPORT, 99, "pump")) == SAVED
        store.set_retry_share(share)
        await store.put([a_report() for _ in range(6)])
        for claim in await store.claim(Kind.REPORT, 5, "pump"):
            await store.finish(claim, Delivered("thanks"))
        assert len(await store.claim(Kind.REPORT, 99, "pump")) == 1 + more


async def test_an_outage_needs_no_budget(bench: SqliteBench) -> None:
    async with bench.open(retry_share=0.0) as store:
        await store.put([a_report() for _ in range(50)])
        for claim in await store.claim(Kind.REPORT, 50, "pump"):
            await store.finish(claim, Wait(0.0, Reason.SERVER, PROBLEM))
        assert len(await store.claim(Kind.REPORT, 50, "pump")) == 50


async def test_a_reload_puts_another_budget_into_effect(tmp_path: Path) -> None:
    async with running(tmp_path) as here:
        config = here.service.config
        told = await here.service.reload(evolve(config, retry=evolve(config.retry, budget=0.75)))
        assert told == {"changed": ["retry.budget"], "needs_restart": []}
        store = here.service.queue().store
        assert isinstance(store, SqliteStore)
        assert {b.share for b in store._scheduling.budgets.values()} == {0.75}  # noqa: SLF001
