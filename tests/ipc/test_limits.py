"""The token bucket, on a clock of the test's."""

from __future__ import annotations

import pytest

from pywats_trio.ipc.limits import MOST_BUCKETS, Limiter


def taken(limiter: Limiter, times: int, now: float, client: object = "a") -> int:
    """How many of `times` requests at `now` are taken."""
    return sum(limiter.take(client, now) == 0.0 for _ in range(times))


@pytest.mark.parametrize(("asked", "let_in"), [(19, 19), (20, 20), (21, 20), (100, 20)])
def test_a_burst_is_taken_and_not_more(asked: int, let_in: int) -> None:
    assert taken(Limiter(100, 20), asked, now=5.0) == let_in


def test_who_is_refused_is_told_when_the_next_is_taken() -> None:
    limiter = Limiter(100, 20)
    taken(limiter, 20, now=0.0)
    assert limiter.take("a", 0.0) == pytest.approx(0.6)
    assert limiter.take("a", 0.2) == pytest.approx(0.4)


def test_a_refused_request_costs_nothing() -> None:
    limiter = Limiter(100, 20)
    taken(limiter, 1000, now=0.0)
    assert limiter.take("a", 0.6) == 0.0


@pytest.mark.parametrize("per_minute", [1, 7, 60, 99, 100, 333])
def test_who_waits_as_long_as_told_is_taken(per_minute: int) -> None:
    limiter = Limiter(per_minute, 3)
    now = 1000.1
    for _ in range(500):
        wait = limiter.take("a", now)
        now += wait
        assert not wait or limiter.take("a", now) == 0.0


def test_who_waits_a_little_less_is_not() -> None:
    limiter = Limiter(100, 20)
    taken(limiter, 20, now=0.0)
    assert limiter.take("a", 0.599) > 0


def test_in_the_long_run_it_is_so_many_a_minute() -> None:
    limiter = Limiter(100, 20)
    assert sum(taken(limiter, 5, now=tenth / 10) for tenth in range(6000)) == 20 + 1000 - 1


def test_a_bucket_never_holds_more_than_a_burst() -> None:
    limiter = Limiter(100, 20)
    taken(limiter, 20, now=0.0)
    assert taken(limiter, 100, now=1e6) == 20


def test_one_client_does_not_use_up_what_another_has() -> None:
    limiter = Limiter(100, 20)
    taken(limiter, 100, now=0.0)
    assert taken(limiter, 100, now=0.0, client="b") == 20


def test_those_who_are_limited_are_not_forgotten_for_those_who_are_not() -> None:
    limiter = Limiter(100, 20)
    taken(limiter, 20, now=0.0, client="greedy")
    for number in range(3 * MOST_BUCKETS):
        limiter.take(number, 0.001 * number)
        assert limiter.take("greedy", 0.0) > 0


def test_however_many_clients_come_only_the_latest_are_remembered() -> None:
    limiter = Limiter(1, 1)
    for number in range(MOST_BUCKETS + 1):
        limiter.take(number, 0.0)
    assert limiter.take(1, 0.0) > 0
    assert limiter.take(MOST_BUCKETS, 0.0) > 0
    assert limiter.take(0, 0.0) == 0.0
