from __future__ import annotations

import math

import pytest

from pywats_trio.model import (
    FINISHED,
    PRIORITY_FIRST,
    PRIORITY_LAST,
    TRANSITIONS,
    UNFINISHED,
    Counts,
    Envelope,
    Kind,
    Problem,
    Reason,
    State,
    Wait,
)


def test_every_state_has_its_transitions() -> None:
    assert TRANSITIONS.keys() == set(State)
    assert set(State) >= {new for states in TRANSITIONS.values() for new in states}


def test_work_is_finished_only_out_of_a_claim_or_by_a_verdict_or_from_elsewhere() -> None:
    into = {new: {old for old in State if new in TRANSITIONS[old]} for new in State}
    # HELD: what was exported and delivered elsewhere is acknowledged.
    assert into[State.COMPLETED] == {State.PROCESSING, State.HELD}
    assert into[State.PROCESSING] == {State.PENDING}
    assert TRANSITIONS[State.COMPLETED] == frozenset()


def test_every_state_but_completed_leads_back_to_pending_in_the_end() -> None:
    reached = {State.PENDING}
    while more := {old for old in State if TRANSITIONS[old] & reached} - reached:
        reached |= more
    assert reached == set(State) - {State.COMPLETED}


def test_states_are_finished_or_not() -> None:
    assert {State.COMPLETED, State.FAILED, State.QUARANTINED} == FINISHED
    assert set(State) == FINISHED | UNFINISHED
    assert not FINISHED & UNFINISHED


@pytest.mark.parametrize("priority", [PRIORITY_FIRST, 5, PRIORITY_LAST])
def test_a_priority_from_first_to_last_is_taken(priority: int) -> None:
    assert Envelope(Kind.FILE, "ict", "/a", priority=priority).priority == priority


@pytest.mark.parametrize("priority", [-1, PRIORITY_FIRST - 1, PRIORITY_LAST + 1])
def test_a_priority_outside_is_refused(priority: int) -> None:
    with pytest.raises(ValueError, match="priority must be 1"):
        Envelope(Kind.FILE, "ict", "/a", priority=priority)


@pytest.mark.parametrize(("attempts", "taken"), [(0, False), (1, True), (2, True)])
def test_there_is_at_least_one_attempt(attempts: int, taken: bool) -> None:
    if taken:
        Envelope(Kind.FILE, "ict", "/a", max_attempts=attempts)
    else:
        with pytest.raises(ValueError, match="max_attempts"):
            Envelope(Kind.FILE, "ict", "/a", max_attempts=attempts)


@pytest.mark.parametrize("delay", [-1.0, 0.0, 1e300, math.inf])
def test_any_number_is_a_delay(delay: float) -> None:
    assert Wait(delay, Reason.RETRY, Problem("x", "y")).delay == delay


def test_what_is_no_number_is_no_delay() -> None:
    with pytest.raises(ValueError, match="number of seconds"):
        Wait(math.nan, Reason.RETRY, Problem("x", "y"))


def test_counts_add_up() -> None:
    counts = Counts(
        {
            (Kind.FILE, State.PENDING): 2,
            (Kind.REPORT, State.PENDING): 3,
            (Kind.REPORT, State.HELD): 4,
            (Kind.REPORT, State.COMPLETED): 100,
            (Kind.REPORT, State.FAILED): 200,
        }
    )
    assert counts.of(Kind.FILE, State.PENDING) == 2
    assert counts.of(Kind.FILE, State.HELD) == 0
    assert counts.of(Kind.REPORT, State.PENDING, State.HELD) == 7
    assert counts.of(Kind.REPORT) == 0
    assert counts.unfinished == 9
