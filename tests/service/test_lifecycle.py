"""The states of a service: which may follow which, and that each change is told everywhere."""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
import structlog
import trio
from prometheus_client import generate_latest

from pywats_trio import faultpoint
from pywats_trio.control import AT_WORK, ServiceState
from pywats_trio.errors import StoreError
from pywats_trio.observe import gauges
from pywats_trio.observe.board import Board, Cause
from pywats_trio.queue.store import Topic
from pywats_trio.service.lifecycle import (
    TRANSITIONS,
    UNWRITTEN,
    IllegalState,
    Lifecycle,
)
from tests.contract.kit import Clock, SqliteBench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


PAIRS = list(product(ServiceState, ServiceState))
ARROWS = """
created validating · validating recovering · recovering starting · starting running
starting degraded · starting paused · running degraded · degraded running · running paused
degraded paused · paused running · paused degraded · running reloading · degraded reloading
reloading running · reloading degraded · draining stopped
"""
"""Contract section 2, apart from the two ends that are open to all."""
STARTED = ["validating", "recovering", "starting", "running"]
ENDED = {ServiceState.STOPPED, ServiceState.FAILED}


def legal() -> set[tuple[ServiceState, ServiceState]]:
    """The arrows of the contract, written out a second time."""
    words = ARROWS.replace("·", " ").split()
    found = {
        (ServiceState(before), ServiceState(after))
        for before, after in zip(words[::2], words[1::2], strict=True)
    }
    live = set(ServiceState) - ENDED
    found |= {(state, ServiceState.FAILED) for state in live}
    found |= {(state, ServiceState.DRAINING) for state in live - {ServiceState.DRAINING}}
    return found


@pytest.fixture
def board() -> Board:
    return Board(clock=Clock())


@pytest.fixture
def life(board: Board) -> Lifecycle:
    return Lifecycle(board)


@pytest.fixture
def bench(tmp_path: Path) -> SqliteBench:
    return SqliteBench(tmp_path / "queue.db")


@pytest.fixture
def arm() -> Iterator[Callable[[str], None]]:
    yield faultpoint.arm
    faultpoint.arm("")


def at(life: Lifecycle, board: Board, state: ServiceState) -> None:
    board.state, board.cause, board.since = state, "as the test wants it", 7.0


def told(bench: SqliteBench) -> list[dict[str, Any]]:
    """The changes of state that the history has, in its order."""
    rows = [entry for entry in bench.history() if entry.event == "service state"]
    assert all(entry.item_id is None for entry in rows)
    return [json.loads(entry.message) for entry in rows]


def run(life: Lifecycle) -> None:
    """Up to its work."""
    for state in ("validating", "recovering", "starting"):
        life.enter(ServiceState(state), f"towards {state}")
    life.at_work("up")


# The table


@pytest.mark.parametrize(("before", "after"), PAIRS, ids=lambda state: state.value)
def test_each_change_is_legal_as_the_contract_says_or_changes_nothing(
    life: Lifecycle, board: Board, before: ServiceState, after: ServiceState
) -> None:
    at(life, board, before)
    if (before, after) in legal():
        life.enter(after, "a test")
        assert (board.state, board.cause) == (after, "a test")
        return
    with pytest.raises(IllegalState, match=rf"from {before} to {after} \(a test\)"):
        life.enter(after, "a test")
    assert (board.state, board.cause, board.since) == (before, "as the test wants it", 7.0)


async def test_a_refused_change_is_told_nobody(board: Board, bench: SqliteBench) -> None:
    life = Lifecycle(board)
    rung = life.changes.ticket()
    with pytest.raises(IllegalState):
        life.enter(ServiceState.RUNNING, "too soon")
    async with bench.open() as store:
        await life.write(store)
    assert told(bench) == []
    with trio.move_on_after(0) as scope:
        await rung.wait()
    assert scope.cancelled_caught


@pytest.mark.parametrize("ended", sorted(ENDED))
def test_no_state_follows_an_end(ended: ServiceState) -> None:
    assert TRANSITIONS[ended] == frozenset()


@pytest.mark.parametrize("state", ServiceState, ids=lambda state: state.value)
def test_an_ending_that_another_one_came_before_is_no_change(
    life: Lifecycle, board: Board, state: ServiceState
) -> None:
    at(life, board, state)
    life.end(ServiceState.DRAINING, "asked to stop")
    legally = (state, ServiceState.DRAINING) in legal()
    assert board.state is (ServiceState.DRAINING if legally else state)


# What is told


def test_a_change_is_logged_with_its_cause_and_shown_by_the_metric(
    life: Lifecycle, board: Board
) -> None:
    registered = gauges.register(board)
    with structlog.testing.capture_logs() as log:
        life.enter(ServiceState.VALIDATING, "started")
    assert log == [
        {
            "event": "service state",
            "log_level": "info",
            "state": "validating",
            "before": "created",
            "cause": "started",
        }
    ]
    registered.look()
    text = generate_latest(registered).decode()
    shown = [line for line in text.splitlines() if line.startswith("pywats_service_state{")]
    assert len(shown) == len(ServiceState)
    assert [line for line in shown if line.endswith(" 1.0")] == [
        'pywats_service_state{state="validating"} 1.0'
    ]


def test_whoever_is_called_at_each_change_finds_it_made(life: Lifecycle, board: Board) -> None:
    seen: list[ServiceState] = []
    life.entered = lambda: seen.append(board.state)
    run(life)
    assert seen == ["validating", "recovering", "starting", "running"]


async def test_changes_before_the_store_is_open_are_in_the_history(
    life: Lifecycle, board: Board, bench: SqliteBench
) -> None:
    run(life)
    async with bench.open() as store:
        await life.write(store)
    assert [(one["before"], one["state"]) for one in told(bench)] == [
        ("created", "validating"),
        ("validating", "recovering"),
        ("recovering", "starting"),
        ("starting", "running"),
    ]
    assert told(bench)[0] == {
        "state": "validating",
        "before": "created",
        "cause": "towards validating",
        "at": "1970-01-12T13:46:40.000Z",
    }


async def test_changes_while_the_store_is_down_are_written_later_and_in_order(
    life: Lifecycle, bench: SqliteBench, arm: Callable[[str], None]
) -> None:
    run(life)
    async with bench.open() as store:
        arm("store.before_commit=raise@2")
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                await nursery.start(life.record, store)
                while len(told(bench)) < len(STARTED):
                    await store.bell(Topic.HISTORY).ticket().wait()
                nursery.cancel_scope.cancel()
    assert [one["state"] for one in told(bench)] == STARTED


async def test_what_could_not_be_written_is_left_for_the_next_call(
    life: Lifecycle, bench: SqliteBench, arm: Callable[[str], None]
) -> None:
    run(life)
    async with bench.open() as store:
        arm("store.before_commit=raise@3")
        with pytest.raises(StoreError):
            await life.write(store)
        assert [one["state"] for one in told(bench)] == STARTED[:2]
        await life.write(store)
    assert [one["state"] for one in told(bench)] == STARTED


async def test_two_writers_write_each_change_once(life: Lifecycle, bench: SqliteBench) -> None:
    run(life)
    async with bench.open() as store, trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(life.write, store)
    assert [one["state"] for one in told(bench)] == STARTED


@pytest.mark.parametrize("changes", [UNWRITTEN - 1, UNWRITTEN, UNWRITTEN + 1])
async def test_what_waits_for_the_history_is_bounded(
    life: Lifecycle, board: Board, bench: SqliteBench, changes: int
) -> None:
    at(life, board, ServiceState.DEGRADED)
    for number in range(changes):
        after = (ServiceState.RUNNING, ServiceState.DEGRADED)[number % 2]
        life.enter(after, str(number))
    async with bench.open() as store:
        await life.write(store)
    kept = [int(one["cause"]) for one in told(bench)]
    assert kept == list(range(changes))[-UNWRITTEN:]


# Running, degraded, paused


def test_the_first_condition_degrades_and_the_last_end_restores(
    life: Lifecycle, board: Board
) -> None:
    run(life)
    board.begin(Cause.SERVER, "s", "the server is away")
    assert (life.state, board.cause) == (ServiceState.DEGRADED, "the server is away")
    board.begin(Cause.QUEUE_FULL, "", "the queue is full")
    states = [board.state]
    board.end(Cause.QUEUE_FULL)
    states.append(board.state)
    board.end(Cause.SERVER, "s")
    assert [*states, board.state] == ["degraded", "degraded", "running"]


def test_a_service_that_stays_degraded_says_for_which_cause(board: Board) -> None:
    clock = Clock()
    board.clock = clock
    life = Lifecycle(board)
    run(life)
    board.begin(Cause.SERVER, "s", "the server is away")
    clock.now += 1
    board.begin(Cause.QUEUE_FULL, "", "the queue is full")
    board.end(Cause.SERVER, "s")
    assert (life.state, board.cause) == (ServiceState.DEGRADED, "the queue is full")


def test_a_pause_wins_over_conditions_which_show_at_its_end(life: Lifecycle, board: Board) -> None:
    run(life)
    life.at_work("paused by a test", paused=True)
    board.begin(Cause.SERVER, "s", "the server is away")
    assert (life.state, board.cause) == (ServiceState.PAUSED, "paused by a test")
    life.at_work("resumed by a test", paused=False)
    assert (life.state, board.cause) == (ServiceState.DEGRADED, "the server is away")


def test_a_condition_that_comes_and_goes_in_a_pause_does_not_degrade(
    life: Lifecycle, board: Board
) -> None:
    run(life)
    life.at_work("paused", paused=True)
    board.begin(Cause.SERVER, "s", "the server is away")
    board.end(Cause.SERVER, "s")
    life.at_work("resumed by a test", paused=False)
    assert (life.state, board.cause) == (ServiceState.RUNNING, "resumed by a test")


def test_a_condition_that_comes_during_a_reload_shows_at_its_end(
    life: Lifecycle, board: Board
) -> None:
    run(life)
    life.enter(ServiceState.RELOADING, "asked to")
    board.begin(Cause.SERVER, "s", "the server is away")
    assert life.state is ServiceState.RELOADING
    life.at_work("reloaded")
    assert (life.state, board.cause) == (ServiceState.DEGRADED, "the server is away")


@pytest.mark.parametrize("state", sorted(set(ServiceState) - AT_WORK), ids=str)
def test_a_condition_changes_no_other_state(
    life: Lifecycle, board: Board, state: ServiceState
) -> None:
    at(life, board, state)
    board.begin(Cause.SERVER, "s", "the server is away")
    assert life.state is state
    board.end(Cause.SERVER, "s")
    assert life.state is state
