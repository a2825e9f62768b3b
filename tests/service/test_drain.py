"""The grace of a stop is shared out, and what a phase leaves over goes to the next."""

from __future__ import annotations

import pytest
import trio

from pywats_trio.service.drain import Grace, Stop


@pytest.mark.parametrize(("seconds", "fixed"), [(25.0, 3.0), (10.0, 1.2), (100.0, 3.0)])
async def test_store_and_goodbye_keep_their_shares_and_the_rest_is_halved(
    seconds: float, fixed: float, autojump_clock: trio.testing.MockClock
) -> None:
    begun = trio.current_time()
    grace = Grace(seconds)
    assert grace.deliver_until() - begun == pytest.approx(seconds - fixed)
    assert grace.convert_until() - begun == pytest.approx((seconds - fixed) / 2)


async def test_a_late_phase_gets_what_is_left_and_never_a_deadline_in_the_past(
    autojump_clock: trio.testing.MockClock,
) -> None:
    grace = Grace(10.0)
    await trio.sleep(8.0)
    assert grace.convert_until() - trio.current_time() == pytest.approx(0.4)
    await trio.sleep(8.0)
    assert grace.convert_until() == trio.current_time()


@pytest.mark.parametrize(("seconds", "share"), [(1.0, 0.08), (10.0, 0.8), (25.0, 2.0), (100.0, 2)])
async def test_the_store_has_two_seconds_or_eight_percent_before_the_goodbye(
    seconds: float, share: float, autojump_clock: trio.testing.MockClock
) -> None:
    begun = trio.current_time()
    grace = Grace(seconds)
    assert grace.store_until() - grace.deliver_until() == pytest.approx(share)
    assert begun + seconds - grace.store_until() == pytest.approx(share / 2)


@pytest.mark.parametrize(("seconds", "share"), [(1.0, 0.04), (10.0, 0.4), (25.0, 1.0), (100.0, 1)])
async def test_a_goodbye_has_one_second_or_four_percent_however_much_is_left(
    seconds: float, share: float, autojump_clock: trio.testing.MockClock
) -> None:
    grace = Grace(seconds)
    assert grace.goodbye_until() - trio.current_time() == pytest.approx(share)
    await trio.sleep(seconds - share / 2)
    assert grace.goodbye_until() - trio.current_time() == pytest.approx(share / 2)
    await trio.sleep(seconds)
    assert grace.goodbye_until() <= trio.current_time()


@pytest.mark.parametrize("seconds", [1.0, 10.0, 25.0, 100.0])
async def test_the_phases_end_one_after_the_other_and_none_after_the_grace(
    seconds: float, autojump_clock: trio.testing.MockClock
) -> None:
    begun = trio.current_time()
    grace = Grace(seconds)
    ends = [grace.convert_until(), grace.deliver_until(), grace.store_until()]
    assert ends == sorted(ends)
    assert ends[-1] <= begun + seconds


async def test_who_hurries_moves_every_limit_that_was_set_and_every_later_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    grace = Grace(25.0)
    scopes = [trio.CancelScope(), trio.CancelScope()]
    for scope in scopes:
        grace.limit(scope, trio.current_time() + 10)
    soon = trio.CancelScope()
    grace.limit(soon, trio.current_time() + 0.5)
    grace.hurry()
    later = trio.CancelScope()
    grace.limit(later, grace.deliver_until())
    now = trio.current_time()
    assert [scope.deadline - now for scope in (*scopes, soon, later)] == [1, 1, 0.5, 1]
    assert grace.store_until() - now == 1


@pytest.mark.parametrize(("work", "forced"), [(0.9, False), (1.1, True)])
async def test_it_was_forced_only_if_something_was_cut_off(
    work: float, forced: bool, autojump_clock: trio.testing.MockClock
) -> None:
    grace = Grace(25.0)
    with trio.CancelScope() as scope:
        grace.limit(scope, trio.current_time() + 1)
        await trio.sleep(work)
    await trio.sleep(25)
    assert grace.forced is forced


async def test_a_stop_is_asked_for_once_and_begins_then(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stop = Stop()
    before = stop.grace
    assert before is None
    assert stop.ask(10.0)
    assert not stop.ask(99.0)
    grace = await stop.wait()
    assert grace is stop.grace
    assert grace.deliver_until() - trio.current_time() == pytest.approx(10 - 1.2)
