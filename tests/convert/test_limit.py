"""How many conversions may run at once: tables of single samples, and machines that answer back."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from pywats_trio.config.options import MIB
from pywats_trio.convert.limit import (
    FAIR,
    FULL,
    HOLD,
    KEEP,
    LEAST,
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
    kept,
)
from pywats_trio.convert.pressure import Pressure

if TYPE_CHECKING:
    from collections.abc import Iterable

WORKER = 100 * MIB
KEPT = 0.85
"""What others are to keep here."""
FREE = Pressure(
    seconds=1.0,
    processors=8.0,
    ours=2.0,
    others=0.0,
    swapping=0.0,
    available=4096 * MIB,
    processor_stall=0.0,
    memory_stall=0.0,
)
BUSY = Sample(FREE, finished=100, waiting=5)


def limit(
    most: int = 8, *, start: int = 8, value: float | None = None, keep: float = KEPT
) -> Limit:
    """One that has not complained for long."""
    made = Limit(most, start=start, worker_bytes=WORKER, keep=keep)
    if value is not None:
        made.value = value
    return made


def seen(**other: Any) -> Sample:
    return evolve(BUSY, pressure=evolve(FREE, **other))


def judged(made: Limit, *samples: Sample) -> float:
    for sample in samples:
        made.judge(sample)
    return made.value


def calm(made: Limit, sample: Sample = BUSY) -> float:
    """After one sample more than it holds still for."""
    return judged(made, *[sample] * (HOLD + 1))


@pytest.mark.parametrize(("most", "start", "value"), [(4, 2, 2), (1, 2, 1), (2, 2, 2), (3, 0, 1)])
def test_it_begins_with_what_there_are_processors_for(most: int, start: int, value: int) -> None:
    made = limit(most, start=start)
    assert made.value == value
    assert made.verdict.why is Why.START


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
    assert made.places == 0
    assert judged(made, seen(available=int(START * 1.1) - MIB)) == 0
    assert judged(made, seen(available=int(START * 1.1) + MIB)) == 1
    assert judged(made, *[seen(available=int(START * 1.1) + MIB)] * 50) == 1


def test_on_a_small_machine_the_reserve_is_all_that_a_start_needs() -> None:
    made = Limit(2, start=2, worker_bytes=WORKER, reserve=START // 2)
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


@pytest.mark.parametrize(
    ("value", "half"), [(8, 4), (5, 2), (3, 1), (2, 1), (1, 1), (0.5, 0.5), (LEAST, LEAST)]
)
def test_for_memory_it_falls_by_half_and_not_below_one_process(value: float, half: float) -> None:
    assert judged(limit(value=value), seen(swapping=SWAPPING)) == half


@pytest.mark.parametrize(
    ("value", "ours", "others", "part"),
    [
        (8, 4.0, 4.0, 2),  # they may lose 0.15 of 8, that is 0.3 of what they lose
        (8, 2.0, 6.0, 4),
        (3, 4.0, 4.0, 0.9),
        (3, 2.0, 6.0, 1),
        (1, 2.0, 6.0, 0.6),
        (0.5, 2.0, 6.0, 0.3),
        (0.5, 7.9, 1.7, 0.5 * 0.15 * 9.6 / 7.9),
        (2 * LEAST, 4.0, 4.0, LEAST),
        (LEAST, 4.0, 4.0, LEAST),
    ],
)
def test_for_others_it_falls_to_what_leaves_them_their_part(
    value: float, ours: float, others: float, part: float
) -> None:
    made = limit(value=value)
    assert judged(made, seen(others=others, ours=ours, processor_stall=1.0)) == pytest.approx(part)


def test_the_part_is_one_of_what_is_used_where_that_is_less_than_the_limit() -> None:
    made = limit(value=1)
    squeezed = seen(processors=2.0, others=1.4, ours=0.6, processor_stall=1.0)
    assert judged(made, squeezed) == pytest.approx(0.3)


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
    judged(made, seen(others=4.0, ours=4.0, processor_stall=1.0))
    assert made.verdict.words == "processor: others keep 50% of what they want"


# What others keep


@pytest.mark.parametrize(
    ("other", "value"),
    [
        ({"others": 8 * FAIR, "ours": 6.4, "processor_stall": 1.0}, 1.0),
        ({"others": 8 * FAIR + 0.1, "ours": 6.3, "processor_stall": 1.0}, 1.7 / 8.0),
        ({"others": 6.0, "ours": 2.0, "processor_stall": 1.0}, 0.75),
        ({"others": 6.0, "ours": 2.0, "processor_stall": None}, 0.75),
        ({"others": 6.0, "ours": 2.0, "processor_stall": 0.0}, 1.0),
        ({"others": 6.0, "ours": 2.0, "processor_stall": 0.125}, 6 / 7),
        ({"others": 5.0, "ours": 3 - 8 * FULL - 0.01, "processor_stall": 1.0}, 1.0),
        ({"others": 0.0, "ours": 0.0, "processors": 0.0}, 1.0),
    ],
)
def test_others_lose_what_they_wait_for_and_no_more_than_we_use(
    other: dict[str, Any], value: float
) -> None:
    assert kept(evolve(FREE, **other)) == pytest.approx(value)


def test_twice_as_much_of_ours_costs_them_twice_as_much() -> None:
    squeezed = evolve(FREE, others=7.2, ours=0.8, processor_stall=1.0)
    assert kept(squeezed) == pytest.approx(0.9)
    assert kept(squeezed, 2.0) == pytest.approx(0.8)
    assert kept(squeezed, 20.0) == 0.0


@pytest.mark.parametrize(("others", "value"), [(8 * KEPT + 0.01, 8), (8 * KEPT - 0.01, 7)])
def test_it_falls_when_others_keep_too_little(others: float, value: float) -> None:
    taken = seen(others=others, ours=8 - others, processor_stall=1.0)
    assert judged(limit(), taken) == value


def test_who_does_not_mind_others_takes_all() -> None:
    made = limit(keep=0.0)
    assert judged(made, seen(others=2.0, ours=6.0, processor_stall=1.0)) == 8


# Rising


def test_it_rises_by_one_when_files_wait_and_all_was_calm_for_a_while() -> None:
    made = limit(value=3)
    assert judged(made, *[BUSY] * HOLD) == 3
    assert judged(made, BUSY) == 4
    assert made.verdict == evolve(made.verdict, why=Why.WORK)
    assert judged(made, *[BUSY] * HOLD) == 4
    assert judged(made, BUSY) == 5


def test_below_one_it_doubles() -> None:
    made = limit(value=LEAST)
    values = [calm(made) for _ in range(5)]
    assert values == [1 / 8, 1 / 4, 1 / 2, 1, 2]


@pytest.mark.parametrize(
    ("value", "places", "pace"),
    [(0, 0, 1), (LEAST, 1, LEAST), (0.5, 1, 0.5), (1, 1, 1), (2, 2, 1), (256, 256, 1)],
)
def test_what_it_means_for_places_and_their_pace(value: float, places: int, pace: float) -> None:
    made = limit(most=256, value=value)
    assert (made.places, made.pace) == (places, pace)


def test_it_stays_where_nothing_waits() -> None:
    made = limit(value=3)
    assert judged(made, *[evolve(BUSY, waiting=0)] * 50) == 3


def test_it_never_exceeds_what_is_configured() -> None:
    made = limit(most=3, start=8)
    assert judged(made, *[BUSY] * 50) == 3


@pytest.mark.parametrize(("missing", "value"), [(0, 4), (1, 3)])
def test_one_more_needs_its_memory(missing: int, value: int) -> None:
    made = limit(value=3)
    assert calm(made, seen(available=RESERVE + WORKER - missing)) == value
    if missing:
        assert made.verdict.words == "memory: 356 MiB free, 356 MiB wanted for one more"


def test_a_faster_pace_needs_no_memory() -> None:
    made = limit(value=0.5)
    assert calm(made, seen(available=RESERVE + 1)) == 1
    assert calm(made, seen(available=RESERVE + 1)) == 1


@pytest.mark.parametrize(("ours", "value"), [(0.59, 2), (0.61, 1)])
def test_it_does_not_rise_where_others_would_keep_too_little_then(
    ours: float, value: float
) -> None:
    made = limit(value=1)
    assert calm(made, seen(others=8 - ours, ours=ours, processor_stall=1.0)) == value
    if value == 1:
        assert made.verdict.words == "processor: others would keep 85% of what they want"


@pytest.mark.parametrize(("idle", "value"), [(8 * FULL + 0.1, 9), (8 * FULL - 0.1, 8)])
def test_more_than_there_are_processors_need_idle_ones(idle: float, value: int) -> None:
    made = limit(most=16)
    assert calm(made, seen(ours=8 - idle)) == value


@pytest.mark.parametrize(("after", "value"), [(113, 3), (112, 2)])
def test_a_worker_beyond_the_processors_has_to_help(after: int, value: int) -> None:
    made = limit(start=2, value=2)
    judged(made, *[BUSY] * (HOLD + 1))
    assert made.value == 3
    assert judged(made, *[evolve(BUSY, finished=after)] * TRIAL) == value
    if value == 2:
        assert made.verdict.why is Why.NO_GAIN
        words = "112.0 files a second with 3 workers, 100.0 with one fewer"
        assert made.verdict.words == words
        assert judged(made, *[BUSY] * (2 * HOLD)) == 2  # it waits twice as long
        assert judged(made, BUSY) == 3


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


# Machines that answer back


@define
class Machine:
    """A simple one: weights share its processors, and files cost processor time."""

    made: Limit
    processors: float = 2.0
    others: float = 0.0
    """Processors that others want."""
    available: int = 4096 * MIB
    cost: float = 0.01
    """Processor seconds of a file."""
    beside: float = 0.5
    """What the service does for each processor's worth of conversions."""
    weight: float = 1.0
    """Of a worker, where others have one for each processor that they want."""

    def second(self) -> float:
        wanted = self.made.value * (1 + self.beside if self.made.value >= 1 else 1)
        ours = min(wanted, self.processors)
        if wanted + self.others > self.processors:
            fair = self.processors * wanted * self.weight / (wanted * self.weight + self.others)
            ours = min(wanted, max(fair, self.processors - self.others))
        taken = min(self.others, self.processors - ours)
        full = ours + taken > self.processors * (1 - FULL / 2)
        pressure = evolve(
            FREE,
            processors=self.processors,
            ours=ours,
            others=taken,
            available=self.available,
            processor_stall=1.0 if full and self.others else 0.0,
        )
        self.made.judge(Sample(pressure, int(ours / self.cost), waiting=10))
        return taken / self.others if self.others else 1.0

    def run(self, seconds: int) -> list[float]:
        return [self.second() for _ in range(seconds)]


def changes(values: Iterable[float]) -> int:
    return sum(one != other for one, other in pairwise(values))


@pytest.mark.parametrize("weight", [1.0, 0.3, 0.1])
@pytest.mark.parametrize("processors", [2, 4, 8])
def test_a_program_on_every_processor_keeps_its_pace(processors: int, weight: float) -> None:
    made = limit(most=processors, start=processors, keep=KEEP)
    machine = Machine(made, float(processors), weight=weight)
    machine.others = float(processors)
    machine.run(10)
    paces = machine.run(300)
    assert sum(paces) / len(paces) >= 0.8
    assert sum(pace < 0.8 for pace in paces) <= 10  # it tries now and then whether there is more
    assert machine.made.value >= LEAST


def test_it_stands_still_under_a_load_that_does() -> None:
    for others in (0.0, 0.5, 1.0, 1.5, 2.0):
        machine = Machine(limit(most=4, start=2), 2.0, others)
        machine.run(200)
        values = []
        for _ in range(100):
            machine.second()
            values.append(machine.made.value)
        assert changes(values) <= 2 * (100 // LONGEST_HOLD + 1)


shares = st.floats(0, 1)
seconds = st.tuples(
    st.floats(0, 16),
    st.floats(0, 16),
    st.integers(0, 2048 * MIB),
    st.floats(0, 4 * SWAPPING),
    st.none() | shares,
    st.none() | shares,
    st.integers(0, 20),
)


@settings(deadline=None)
@given(most=st.integers(1, 32), start=st.integers(1, 32), told=st.lists(seconds, max_size=60))
def test_whatever_it_is_told_it_stays_in_its_bounds_and_comes_back(
    most: int, start: int, told: list[tuple[float, float, int, float, float, float, int]]
) -> None:
    made = limit(most, start=start)
    for ours, others, available, swapping, processor, memory, waiting in told:
        pressure = Pressure(1.0, 16.0, ours, others, swapping, available, processor, memory)
        made.judge(Sample(pressure, finished=100, waiting=waiting))
        assert 0 <= made.value <= most
        assert made.value == 0 or made.value >= LEAST
        assert made.value < 1 or made.value == int(made.value)
        assert made.value > 0 or made.verdict.why is Why.MEMORY
        assert made.verdict.words
    enough = min(most, max(1, start))
    for _ in range(LONGEST_HOLD + 1 + (HOLD + 1) * (5 + enough)):
        made.judge(BUSY)
    assert made.value >= enough
