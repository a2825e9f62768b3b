"""The breaker under a clock and a chance of our own."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest
from attrs import define, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pywats_trio.config.options import RetryOptions
from pywats_trio.deliver.breaker import Breaker, Circuit, Trial
from pywats_trio.deliver.classes import Class
from pywats_trio.deliver.transport import Answer, FailureKind, Phase, TransportError
from pywats_trio.deliver.verdict import Verdict, judge, judge_version
from pywats_trio.model import Claim, Item, Kind, Putaway, State
from pywats_trio.queue.retry import FLOOR

MAX = 4
RETRY = RetryOptions(base_seconds=1.0, max_seconds=60.0)
TAKEN = judge(Answer(200, {}, b""), "x")
REFUSED = judge(Answer(415, {}, b""), "x")
FAULT = judge(Answer(500, {}, b""), "x")
AWAY = judge(Answer(503, {}, b""), "x")
UNAUTHORIZED = judge(Answer(401, {}, b""), "x")
REDIRECTED = judge(Answer(302, {}, b""), "x")
NO_CONNECTION = judge(TransportError(FailureKind.CONNECT, "refused", Phase.CONNECT), "x")
LATE = judge(TransportError(FailureKind.TIMEOUT, "late", Phase.READ), "x")
CUT = judge(TransportError(FailureKind.PROTOCOL, "cut", Phase.READ), "x")
WATS = judge_version(Answer(200, {}, b'"2025.3.9.824"'))


def throttled(seconds: int) -> Verdict:
    return judge(Answer(429, {"retry-after": str(seconds)}, b""), "x")


def claim(item_id: int, attempts: int = 0, max_attempts: int = 3) -> Claim:
    item = Item(
        id=item_id, kind=Kind.REPORT, state=State.PROCESSING, reason=None, priority=5,
        attempts=attempts, max_attempts=max_attempts, interruptions=0, deaths=0,
        serial_number="SN", part_number="PN", result="P", start="", due_at=None, created_at=0.0,
        started_at=0.0, finished_at=None, duration=None, progress=0, converter="c", source="",
        identity=None, report_id="x", parent_id=None, correlation_id="", sha256="",
        error_kind="", last_error="", putaway=Putaway.NONE,
    )  # fmt: skip
    return Claim(item, "me", 1, b"{}")


@define
class World:
    """A breaker and the time it lives in."""

    time: float = 100.0
    rings: int = 0
    retry: RetryOptions = RETRY
    breaker: Breaker = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.breaker = Breaker(
            self.retry,
            MAX,
            now=lambda: self.time,
            wall=lambda: 1_000_000 + self.time,
            random=Random(7),
            changed=self.ring,
        )

    def ring(self) -> None:
        self.rings += 1

    def begin(self, item_id: int) -> Trial:
        assert self.breaker.admits()
        return self.breaker.begin(claim(item_id))

    def finish(self, trial: Trial, verdict: Verdict) -> float:
        delay = self.breaker.record(trial, verdict)
        self.breaker.end(trial)
        return delay

    def send(self, item_id: int, verdict: Verdict) -> float:
        return self.finish(self.begin(item_id), verdict)

    def pass_time(self) -> None:
        self.time += self.breaker.next_try_in()

    def charged(self) -> list[int]:
        return [suspect.claim.item.id for suspect in self.breaker.take_charges()]


@pytest.fixture
def world() -> World:
    """Checked, closed, and what waited from a former life resumed."""
    world = World()
    world.breaker.checked(WATS)
    assert world.breaker.take_resume()
    return world


def test_nothing_is_sent_before_the_server_answered_as_wats() -> None:
    world = World()
    assert world.breaker.width() == 0
    assert not world.breaker.admits()
    assert world.breaker.check_in() == 0.0
    assert world.breaker.reopens_in() == math.inf
    assert world.breaker.outage is None
    world.breaker.checked(WATS)
    assert (world.breaker.state, world.breaker.width()) == (Circuit.CLOSED, MAX)
    assert world.breaker.check_in() == math.inf
    assert world.rings == 1


def test_reports_left_waiting_by_a_former_life_are_resumed_once() -> None:
    world = World()
    world.breaker.checked(WATS)
    assert world.breaker.take_resume()
    assert not world.breaker.take_resume()


@pytest.mark.parametrize("verdict", [NO_CONNECTION, LATE, REDIRECTED, CUT, AWAY, UNAUTHORIZED])
def test_a_failed_check_is_an_outage_and_is_repeated(verdict: Verdict) -> None:
    world = World()
    world.breaker.checked(verdict)
    outage = world.breaker.outage
    assert outage is not None
    assert (outage.kind, outage.problem, outage.since) == (
        verdict.kind, verdict.problem, 1_000_100.0,
    )  # fmt: skip
    assert 0 < world.breaker.check_in() == world.breaker.next_try_in()
    world.pass_time()
    assert world.breaker.check_in() == 0.0
    assert world.breaker.width() == 0


@pytest.mark.parametrize("verdict", [AWAY, NO_CONNECTION, CUT, REDIRECTED, UNAUTHORIZED])
def test_an_outage_closes_the_gate_and_a_good_probe_opens_it(
    world: World, verdict: Verdict
) -> None:
    delay = world.send(1, verdict)
    assert (world.breaker.state, world.breaker.width()) == (Circuit.OPEN, 0)
    assert delay >= world.breaker.next_try_in() > 0
    world.pass_time()
    if verdict.row.needs_version:
        assert world.breaker.width() == 0
        world.breaker.checked(WATS)
    assert (world.breaker.state, world.breaker.width()) == (Circuit.HALF_OPEN, 1)
    assert not world.breaker.take_resume()
    world.send(2, TAKEN)
    assert (world.breaker.state, world.breaker.width()) == (Circuit.CLOSED, MAX)
    assert world.breaker.outage is None
    assert world.breaker.take_resume()
    assert world.charged() == []


@pytest.mark.parametrize(
    "kind", [Class.CONNECT, Class.TLS, Class.MISDIRECTED, Class.AUTH, Class.PROTOCOL, Class.TIMEOUT]
)
def test_these_outages_end_with_a_version_request(kind: Class) -> None:
    assert Verdict(kind, FAULT.problem).row.needs_version


@pytest.mark.parametrize("kind", [Class.SERVER, Class.THROTTLED])
def test_these_outages_end_with_time(kind: Class) -> None:
    assert not Verdict(kind, FAULT.problem).row.needs_version


def test_without_a_version_request_the_gate_says_when_it_reopens(world: World) -> None:
    world.send(1, AWAY)
    assert world.breaker.reopens_in() == world.breaker.next_try_in() > 0
    assert world.breaker.check_in() == math.inf


def test_only_one_probe_is_admitted(world: World) -> None:
    world.send(1, AWAY)
    world.pass_time()
    probe = world.begin(2)
    assert not world.breaker.admits()
    world.finish(probe, AWAY)
    assert world.breaker.state is Circuit.OPEN


def test_intervals_grow_are_jittered_and_start_anew_after_a_success(world: World) -> None:
    intervals = []
    for _ in range(12):
        world.send(1, AWAY)
        intervals.append(world.breaker.next_try_in())
        world.pass_time()
    for number, interval in enumerate(intervals):
        longest = min(60.0, 2.0**number)
        assert 0.1 * longest <= interval <= longest
    assert len(set(intervals)) == len(intervals)
    world.send(1, TAKEN)
    world.send(1, AWAY)
    assert world.breaker.next_try_in() <= 1.0


def test_an_outage_that_goes_on_keeps_its_beginning_and_says_its_latest_cause(
    world: World,
) -> None:
    world.send(1, AWAY)
    world.pass_time()
    world.send(1, UNAUTHORIZED)
    outage = world.breaker.outage
    assert outage is not None
    assert (outage.kind, outage.since) == (Class.AUTH, 1_000_100.0)


def test_a_refused_token_is_probed_slowly(world: World) -> None:
    world.send(1, UNAUTHORIZED)
    assert world.breaker.next_try_in() == RETRY.max_seconds


def test_somebody_can_have_the_server_asked_at_once(world: World) -> None:
    world.send(1, UNAUTHORIZED)
    rings = world.rings
    world.breaker.probe_now()
    assert world.breaker.check_in() == 0.0
    assert world.rings == rings + 1


def test_asking_at_once_means_nothing_while_the_server_is_right(world: World) -> None:
    rings = world.rings
    world.breaker.probe_now()
    assert (world.rings, world.breaker.state) == (rings, Circuit.CLOSED)


def test_retry_after_is_waited_for_as_told(world: World) -> None:
    assert world.send(1, throttled(20)) == 20.0
    assert world.breaker.reopens_in() == 20.0
    world.time += 19.9
    assert world.breaker.width() == 0
    world.time += 0.1
    assert world.breaker.width() == 1


def test_retry_after_is_no_longer_than_told_even_at_the_end_of_a_long_outage(world: World) -> None:
    for number in range(8):
        world.send(number, AWAY)
        world.pass_time()
    world.send(9, throttled(1))
    assert world.breaker.reopens_in() == 1.0


def test_a_server_that_says_at_once_is_not_asked_at_once(world: World) -> None:
    world.send(1, throttled(0))
    assert world.breaker.reopens_in() == pytest.approx(FLOOR * RETRY.base_seconds)


def test_a_longer_retry_after_of_a_late_answer_is_heard(world: World) -> None:
    first, second, third = world.begin(1), world.begin(2), world.begin(3)
    world.finish(first, throttled(20))
    world.finish(second, throttled(50))
    world.finish(third, throttled(30))
    assert world.breaker.reopens_in() == 50.0


def test_a_probe_that_the_server_refuses_for_cause_ends_the_outage(world: World) -> None:
    world.send(1, AWAY)
    world.pass_time()
    world.send(2, REFUSED)
    assert world.breaker.state is Circuit.CLOSED
    assert world.breaker.take_resume()


# Whose fault is it?


@pytest.mark.parametrize("verdict", [FAULT, LATE])
def test_a_suspect_is_charged_when_another_report_is_taken(world: World, verdict: Verdict) -> None:
    delay = world.send(1, verdict)
    assert 0.1 <= delay <= 1.0
    assert world.breaker.outage is None
    assert world.charged() == []
    assert (world.breaker.state, world.breaker.width()) == (Circuit.SUSPECT, 1)
    world.send(2, TAKEN)
    assert world.charged() == [1]
    assert world.charged() == []
    assert world.breaker.state is Circuit.CLOSED
    assert world.breaker.take_resume()


@pytest.mark.parametrize("verdict", [FAULT, LATE, AWAY, NO_CONNECTION])
def test_if_the_other_report_fails_too_it_is_an_outage_and_nobody_is_charged(
    world: World, verdict: Verdict
) -> None:
    world.send(1, FAULT)
    world.send(2, verdict)
    assert world.breaker.state is Circuit.OPEN
    assert world.breaker.outage is not None
    assert world.breaker.outage.kind is verdict.kind
    world.pass_time()
    world.breaker.checked(WATS)
    world.send(3, TAKEN)
    assert world.charged() == []


def test_an_outage_forgets_who_was_suspected(world: World) -> None:
    world.send(1, FAULT)
    world.send(2, FAULT)
    world.pass_time()
    world.send(3, TAKEN)
    world.send(4, FAULT)
    assert world.breaker.state is Circuit.SUSPECT
    world.send(5, TAKEN)
    assert world.charged() == [4]


def test_a_suspect_that_fails_again_proves_nothing_and_waits_longer(world: World) -> None:
    for number in range(8):
        longest = min(60.0, 2.0**number)
        assert 0.1 * longest <= world.send(1, FAULT) <= longest
        assert world.breaker.state is Circuit.SUSPECT
    world.send(2, TAKEN)
    assert world.charged() == [1]


def test_a_suspect_that_is_taken_after_all_is_not_charged(world: World) -> None:
    world.send(1, FAULT)
    world.send(1, TAKEN)
    assert world.charged() == []
    assert world.breaker.state is Circuit.CLOSED


def test_a_suspect_that_is_taken_after_all_clears_the_others_too(world: World) -> None:
    first, second = world.begin(1), world.begin(2)
    world.finish(first, FAULT)
    world.finish(second, FAULT)
    world.send(1, TAKEN)
    assert world.charged() == []
    assert world.breaker.state is Circuit.CLOSED


def test_two_suspects_that_fail_one_after_the_other_are_an_outage(world: World) -> None:
    first, second = world.begin(1), world.begin(2)
    world.finish(first, FAULT)
    world.finish(second, FAULT)
    world.send(1, FAULT)
    assert world.breaker.state is Circuit.OPEN
    world.pass_time()
    world.send(3, TAKEN)
    assert world.charged() == []


def test_a_refused_report_does_not_convict_a_suspect(world: World) -> None:
    world.send(1, FAULT)
    world.send(2, REFUSED)
    assert world.charged() == []
    assert (world.breaker.state, world.breaker.width()) == (Circuit.SUSPECT, 1)


def test_an_answer_to_what_was_sent_before_the_failure_convicts_nobody(world: World) -> None:
    older, bad = world.begin(2), world.begin(1)
    world.finish(bad, FAULT)
    world.finish(older, TAKEN)
    assert world.charged() == []
    assert world.breaker.state is Circuit.SUSPECT


def test_reports_that_fail_side_by_side_are_suspects_together(world: World) -> None:
    first, second = world.begin(1), world.begin(2)
    world.finish(first, FAULT)
    world.finish(second, FAULT)
    assert world.breaker.state is Circuit.SUSPECT
    world.send(3, TAKEN)
    assert sorted(world.charged()) == [1, 2]


def test_a_suspect_from_after_the_probe_began_needs_another_probe(world: World) -> None:
    older, bad = world.begin(2), world.begin(1)
    world.finish(bad, FAULT)
    probe = world.begin(3)
    world.finish(older, FAULT)
    world.finish(probe, TAKEN)
    assert world.charged() == [1]
    assert world.breaker.state is Circuit.SUSPECT
    assert not world.breaker.take_resume()
    world.send(4, TAKEN)
    assert world.charged() == [2]
    assert world.breaker.take_resume()


def test_a_probe_is_allowed_beside_reports_that_hang(world: World) -> None:
    hanging, bad = world.begin(2), world.begin(1)
    world.finish(bad, FAULT)
    assert world.breaker.width() == 2
    world.send(3, TAKEN)
    assert world.charged() == [1]
    world.finish(hanging, TAKEN)


def test_no_more_than_the_limit_is_ever_in_hand(world: World) -> None:
    trials = [world.begin(number) for number in range(MAX)]
    assert not world.breaker.admits()
    world.finish(trials[0], FAULT)
    assert world.breaker.width() == MAX
    world.begin(9)
    assert not world.breaker.admits()


def test_what_was_sent_before_an_outage_fails_as_part_of_it(world: World) -> None:
    hanging, bad = world.begin(2), world.begin(1)
    world.finish(bad, AWAY)
    world.pass_time()
    world.send(3, TAKEN)
    assert world.breaker.state is Circuit.CLOSED
    assert world.finish(hanging, LATE) > 0
    assert world.breaker.state is Circuit.CLOSED
    world.send(4, TAKEN)
    assert world.charged() == []


def test_an_old_success_does_not_end_an_outage(world: World) -> None:
    older, bad = world.begin(2), world.begin(1)
    world.finish(bad, AWAY)
    world.finish(older, TAKEN)
    assert world.breaker.state is Circuit.OPEN


def test_an_old_answer_does_not_end_the_half_open_state(world: World) -> None:
    older, bad = world.begin(2), world.begin(1)
    world.finish(bad, AWAY)
    world.pass_time()
    assert world.breaker.width() == 2
    world.finish(older, TAKEN)
    assert world.breaker.state is Circuit.HALF_OPEN


def test_a_report_that_may_be_at_fault_lets_another_be_the_probe(world: World) -> None:
    world.send(1, AWAY)
    world.pass_time()
    delay = world.send(2, FAULT)
    assert world.breaker.state is Circuit.OPEN
    assert delay > world.breaker.next_try_in()


def test_a_check_that_comes_too_late_changes_nothing(world: World) -> None:
    world.breaker.checked(AWAY)
    assert world.breaker.state is Circuit.CLOSED


def test_whoever_may_not_be_sent_now_waits_for_the_next_try(world: World) -> None:
    world.send(1, AWAY)
    assert world.breaker.wait_now() == world.breaker.next_try_in()
    world.pass_time()
    assert 0.1 <= world.breaker.wait_now() <= 1.0


class Life(RuleBasedStateMachine):
    """Any order of events keeps the breaker sound."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.flying: list[Trial] = []
        self.failed: set[int] = set()

    @rule(item_id=st.integers(1, 6))
    def begin(self, item_id: int) -> None:
        if self.world.breaker.admits():
            self.flying.append(self.world.begin(item_id))

    @precondition(lambda self: self.flying)
    @rule(
        data=st.data(),
        verdict=st.sampled_from(
            [TAKEN, REFUSED, FAULT, AWAY, UNAUTHORIZED, NO_CONNECTION, LATE, CUT, throttled(5)]
        ),
    )
    def finish(self, data: Any, verdict: Verdict) -> None:
        trial = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        if verdict.suspect:
            self.failed.add(trial.claim.item.id)
        delay = self.world.finish(trial, verdict)
        assert (delay > 0) == verdict.row.suspends

    @rule(seconds=st.floats(0, 100))
    def wait(self, seconds: float) -> None:
        self.world.time += seconds

    @precondition(lambda self: self.world.breaker.check_in() <= 0)
    @rule(verdict=st.sampled_from([WATS, WATS, AWAY, NO_CONNECTION, UNAUTHORIZED]))
    def check(self, verdict: Verdict) -> None:
        self.world.breaker.checked(verdict)

    @rule()
    def settle(self) -> None:
        assert set(self.world.charged()) <= self.failed
        self.world.breaker.take_resume()

    @invariant()
    def the_gate_can_always_open_again(self) -> None:
        breaker = self.world.breaker
        assert 0 <= breaker.width() <= MAX
        assert len(self.flying) <= MAX
        if breaker.width() == 0:
            assert min(breaker.reopens_in(), breaker.check_in()) < math.inf
        assert (breaker.outage is None) or breaker.state in {Circuit.OPEN, Circuit.HALF_OPEN}


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
