"""Work that takes only a share of the time; all on Trio's clock."""

from __future__ import annotations

import pytest
import trio
import trio.lowlevel
import trio.testing

from pywats_trio.convert.pace import BURST, LONGEST_REST, Pace


async def work(pace: Pace, seconds: float, cpu: float | None = None) -> None:
    async with pace.turn() as turn:
        await trio.sleep(seconds)
        turn.cpu = cpu


async def test_at_full_pace_nobody_waits_and_all_work_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    pace = Pace()
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(work, pace, 10)
    assert trio.current_time() - began == 10


@pytest.mark.parametrize("share", [0.5, 0.25, 1 / 64])
@pytest.mark.parametrize("seconds", [0.001, 0.1])
async def test_it_takes_its_share_of_the_time(
    share: float, seconds: float, autojump_clock: trio.testing.MockClock
) -> None:
    pace = Pace()
    pace.share = share
    began = trio.current_time()
    for _ in range(1000):
        await work(pace, seconds)
    took = trio.current_time() - began
    expected = (1000 * seconds - BURST) / share
    assert expected - seconds / share <= took <= expected + seconds


async def test_only_processor_time_counts_where_it_is_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    pace = Pace()
    pace.share = 0.1
    began = trio.current_time()
    for _ in range(100):
        await work(pace, 1.0, cpu=0.01)
    assert trio.current_time() - began == pytest.approx(100)


@pytest.mark.parametrize(
    ("seconds", "rest"),
    [(LONGEST_REST * 0.5, LONGEST_REST - 2 * BURST), (1000.0, LONGEST_REST)],
)
async def test_a_rest_has_an_end(
    seconds: float, rest: float, autojump_clock: trio.testing.MockClock
) -> None:
    pace = Pace()
    pace.share = 0.5
    await work(pace, 0, cpu=seconds)
    began = trio.current_time()
    await work(pace, 0)
    assert trio.current_time() - began == pytest.approx(rest, abs=0.11)


async def test_one_works_at_a_time_in_the_order_in_which_they_came(
    autojump_clock: trio.testing.MockClock,
) -> None:
    pace, order, at_once = Pace(), [], 0

    async def job(number: int) -> None:
        nonlocal at_once
        async with pace.turn():
            at_once += 1
            assert at_once == 1
            order.append(number)
            await trio.sleep(1)
            at_once -= 1

    pace.share = 0.5
    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(job, number)
            await trio.testing.wait_all_tasks_blocked()
        assert pace.waited == 3
    assert order == [0, 1, 2, 3]


async def test_a_faster_pace_ends_rests_at_once(autojump_clock: trio.testing.MockClock) -> None:
    pace, at_work = Pace(), 0

    async def job() -> None:
        nonlocal at_work
        async with pace.turn():
            at_work += 1
            await trio.sleep(1)

    pace.share = 0.01
    await work(pace, 0.25)
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(job)
        await trio.sleep(5)
        assert at_work == 0
        pace.share = 0.5
        await trio.sleep(0.5)
        assert at_work == 1
        pace.share = 1
        await trio.testing.wait_all_tasks_blocked()
        assert at_work == 3
    assert trio.current_time() - began == pytest.approx(6.5)


async def test_who_is_cancelled_while_waiting_or_resting_holds_nobody_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    pace = Pace()
    pace.share = 0.5
    await work(pace, 1)
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(0.5) as rests:
            async with trio.open_nursery() as cancelled:
                for _ in range(2):
                    cancelled.start_soon(work, pace, 1)
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(work, pace, 0)
        assert rests.cancelled_caught
    assert trio.current_time() - began == pytest.approx(2 * (1 - BURST))


async def test_work_that_fails_took_its_time_too(autojump_clock: trio.testing.MockClock) -> None:
    pace = Pace()
    pace.share = 0.5

    async def failing() -> None:
        async with pace.turn():
            await trio.sleep(1)
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await failing()
    began = trio.current_time()
    await work(pace, 0)
    assert trio.current_time() - began == pytest.approx(2 * (1 - BURST), abs=0.11)


@pytest.mark.parametrize("share", [0, -0.1, 1.01])
async def test_a_share_is_above_nothing_and_at_most_all(share: float) -> None:
    with pytest.raises(ValueError, match="of a processor"):
        Pace().share = share


async def test_only_who_has_to_wait_is_counted(autojump_clock: trio.testing.MockClock) -> None:
    pace = Pace()
    pace.share = 0.5
    await work(pace, 0, cpu=BURST)
    await trio.lowlevel.checkpoint()
    await work(pace, 0, cpu=0.1)  # nothing is owed
    assert pace.waited == 0
    await work(pace, 0)
    assert pace.waited == 1


async def test_what_is_done_elsewhere_counts_for_each_job(
    autojump_clock: trio.testing.MockClock,
) -> None:
    pace = Pace()
    pace.share, pace.overhead = 0.5, 0.03
    began = trio.current_time()
    for _ in range(100):
        await work(pace, 0, cpu=0.02)
    assert trio.current_time() - began == pytest.approx((99 * 0.05 - BURST) / 0.5, abs=0.01)
    assert pace.told == pytest.approx(2.0)
