"""How many worker processes there may be: tables of single samples, and whatever else is told."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from pywats_trio.config.options import MIB
from pywats_trio.convert.limit import (
    FULL,
    HOLD,
    LONGEST_HOLD,
    PROVEN,
    RESERVE,
    STALLED,
    START,
    SWAPPING,
    TRIAL,
    Limit,
    Sample,
    Why,
)
from pywats_trio.convert.pressure import Pressure

WORKER = 100 * MIB
FREE = Pressure(
    seconds=1.0,
    processors=8.0,
    idle=6.0,
    swapping=0.0,
    available=4096 * MIB,
    memory_stall=0.0,
)
BUSY = Sample(FREE, finished=100, waiting=5)


def limit(most: int = 8, *, value: int | None = None) -> Limit:
    """One that has not complained for long."""
    made = Limit(most, worker_bytes=WORKER)
    if value is not None:
        made.value = value
    return made


def seen(**other: Any) -> Sample:
    return evolve(BUSY, pressure=evolve(FREE, **other))


def judged(made: Limit, *samples: Sample) -> int:
    for sample in samples:
        made.judge(sample)
    return made.value


def calm(made: Limit, sample: Sample = BUSY) -> int:
    """After one sample more than it holds still for."""
    return judged(made, *[sample] * (HOLD + 1))


@pytest.mark.parametrize("most", [1, 2, 256])
def test_it_begins_with_what_is_configured_and_never_exceeds_it(most: int) -> None:
    made = limit(most)
    assert made.value == most
    assert made.verdict.why is Why.START
    assert judged(made, *[BUSY] * 50) == most


# Falling


@pytest.mark.parametrize(
    ("free", "value"),
    [
        (RESERVE, 8),
        (RESERVE - 1, 4),
        (START, 4),
        (START - 1, 0),
    ],
)
def test_short_memory_halves_it_and_too_little_for_a_process_stops_it(
    free: int, value: int
) -> None:
    made = limit()
    assert judged(made, seen(available=free)) == value
    assert made.verdict.why is (Why.START if value == 8 else Why.MEMORY)


def test_it_starts_again_a_little_above_where_it_stopped() -> None:
    made = limit()
    assert judged(made, seen(available=START - 1)) == 0
    assert judged(made, seen(available=int(START * 1.1) - MIB)) == 0
    assert judged(made, seen(available=int(START * 1.1) + MIB)) == 1
    assert judged(made, *[seen(available=int(START * 1.1) + MIB)] * 50) == 1


def test_on_a_small_machine_the_reserve_is_all_that_a_start_needs() -> None:
    made = Limit(2, worker_bytes=WORKER, reserve=START // 2)
    assert judged(made, seen(available=START // 2)) == 2
    assert judged(made, seen(available=START // 2 - 1)) == 0


@pytest.mark.parametrize(
    ("name", "at", "why"),
    [
        ("swapping", SWAPPING, Why.SWAPPING),
        ("memory_stall", STALLED, Why.MEMORY),
    ],
)
def test_a_machine_that_swaps_or_waits_for_memory_halves_it(name: str, at: float, why: Why) -> None:
    made = limit()
    assert judged(made, seen(**{name: at * 0.99})) == 8
    assert judged(made, seen(**{name: at})) == 4
    assert made.verdict.why is why


@pytest.mark.parametrize(("value", "half"), [(8, 4), (5, 2), (3, 1), (2, 1), (1, 1)])
def test_for_memory_it_falls_by_half_and_not_below_one_process(value: int, half: int) -> None:
    assert judged(limit(value=value), seen(swapping=SWAPPING)) == half


@pytest.mark.parametrize(
    ("value", "idle", "after"),
    [
        (9, 8 * FULL + 0.1, 9),
        (9, 8 * FULL - 0.1, 8),
        (8, 0.0, 8),
        (1, 0.0, 1),
    ],
)
def test_more_than_there_are_processors_become_fewer_while_none_is_idle(
    value: int, idle: float, after: int
) -> None:
    made = limit(most=16, value=value)
    assert judged(made, seen(idle=idle)) == after
    assert (made.verdict.why is Why.PROCESSOR) == (after < value)


def test_a_sample_that_took_no_time_says_nothing_of_processors() -> None:
    assert judged(limit(most=16), seen(seconds=1e-3, processors=0.0, idle=0.0)) == 16


def test_every_reason_says_its_figures() -> None:
    made = limit()
    judged(made, seen(available=180 * MIB))
    assert made.verdict.words == "memory: 180 MiB free, 256 MiB are left to others"
    judged(made, seen(available=20 * MIB))
    assert made.verdict.words == "memory: 20 MiB free, 64 MiB wanted to start a process"
    made = limit()
    judged(made, seen(swapping=3.0 * MIB))
    assert made.verdict.words == "memory: the machine swaps 3 MiB a second out"
    made = limit()
    judged(made, seen(memory_stall=0.25))
    assert made.verdict.words == "memory: programs wait for it 25% of the time"
    made = limit(most=16)
    judged(made, seen(idle=0.0))
    words = "processor: all are in use, and there are more workers than processors"
    assert made.verdict.words == words


# Rising


def test_it_rises_by_one_when_files_wait_and_all_was_calm_for_a_while() -> None:
    made = limit(value=3)
    assert judged(made, *[BUSY] * HOLD) == 3
    assert judged(made, BUSY) == 4
    assert made.verdict == evolve(made.verdict, why=Why.WORK)
    assert judged(made, *[BUSY] * HOLD) == 4
    assert judged(made, BUSY) == 5


def test_it_stays_where_nothing_waits() -> None:
    made = limit(value=3)
    assert judged(made, *[evolve(BUSY, waiting=0)] * 50) == 3


@pytest.mark.parametrize(("missing", "value"), [(0, 4), (1, 3)])
def test_one_more_needs_its_memory(missing: int, value: int) -> None:
    made = limit(value=3)
    assert calm(made, seen(available=RESERVE + WORKER - missing)) == value
    if missing:
        assert made.verdict.words == "memory: 356 MiB free, 356 MiB wanted for one more"


@pytest.mark.parametrize(("idle", "value"), [(8 * FULL + 0.1, 9), (8 * FULL - 0.1, 8)])
def test_more_than_there_are_processors_need_idle_ones(idle: float, value: int) -> None:
    made = limit(most=16, value=8)
    assert calm(made, seen(idle=idle)) == value


@pytest.mark.parametrize(("after", "value"), [(113, 3), (112, 2)])
def test_a_worker_beyond_the_processors_has_to_help(after: int, value: int) -> None:
    two = evolve(BUSY, pressure=evolve(FREE, processors=2.0, idle=1.0))
    made = limit(value=2)
    judged(made, *[two] * (HOLD + 1))
    assert made.value == 3
    assert judged(made, *[evolve(two, finished=after)] * TRIAL) == value
    if value == 2:
        assert made.verdict.why is Why.NO_GAIN
        words = "112.0 files a second with 3 workers, 100.0 with one fewer"
        assert made.verdict.words == words
        assert judged(made, *[two] * (2 * HOLD)) == 2  # it waits twice as long
        assert judged(made, two) == 3


def test_a_rise_that_was_taken_back_makes_the_next_wait_longer_up_to_a_limit() -> None:
    made, waits = limit(value=1), []
    for _ in range(8):
        samples = 1
        while not made.judge(BUSY):
            samples += 1
        waits.append(samples)
        made.judge(seen(swapping=SWAPPING))
    assert waits == [3, 5, 9, 17, 33, 33, 33, 33]
    assert waits[-1] == LONGEST_HOLD + 1


@pytest.mark.parametrize(("proven", "held"), [(PROVEN - 1, 4 * HOLD), (PROVEN, HOLD)])
def test_a_rise_that_was_right_makes_the_next_ones_quick_again(proven: int, held: int) -> None:
    idle, swaps = evolve(BUSY, waiting=0), seen(swapping=SWAPPING)
    made = limit(value=2)
    assert calm(made) == 3
    assert judged(made, swaps) == 1
    assert calm(made) == 2  # it does not lead as high as what was a mistake
    assert judged(made, *[BUSY] * (2 * HOLD)) == 2
    assert judged(made, BUSY) == 3
    judged(made, *[idle] * (proven - 1), swaps)
    assert calm(made) == 2
    assert judged(made, *[BUSY] * held) == 2
    assert judged(made, BUSY) == 3


def test_a_fall_that_no_rise_brought_about_is_nobody_s_mistake() -> None:
    made = limit()
    judged(made, seen(swapping=SWAPPING), seen(swapping=SWAPPING))
    assert made.value == 2
    assert calm(made) == 3


# Whatever happens

shares = st.floats(0, 1)
seconds = st.tuples(
    st.floats(0, 16),
    st.integers(0, 2048 * MIB),
    st.floats(0, 4 * SWAPPING),
    st.none() | shares,
    st.integers(0, 20),
)


@settings(deadline=None)
@given(most=st.integers(1, 32), told=st.lists(seconds, max_size=60))
def test_whatever_it_is_told_it_stays_in_its_bounds_and_comes_back(
    most: int, told: list[tuple[float, int, float, float | None, int]]
) -> None:
    made = limit(most)
    for idle, available, swapping, memory, waiting in told:
        pressure = Pressure(1.0, 16.0, idle, swapping, available, memory)
        made.judge(Sample(pressure, finished=100, waiting=waiting))
        assert 0 <= made.value <= most
        assert made.value > 0 or made.verdict.why is Why.MEMORY
        assert made.verdict.words
    enough = min(most, 8)
    for _ in range(LONGEST_HOLD + 1 + (HOLD + 1) * (5 + enough)):
        made.judge(BUSY)
    assert made.value >= enough
