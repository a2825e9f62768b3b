"""A part is started again within its budget, and names itself when the budget is spent."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import pairwise

import pytest
import trio
import trio.testing

from pywats_trio.config.options import SupervisionOptions
from pywats_trio.errors import PartKeepsFailing
from pywats_trio.observe.board import Board, Cause
from pywats_trio.service.supervise import Supervisor


class Failing:
    """A part that fails `times` times, `lasting` seconds after it is ready, then ends."""

    def __init__(self, times: int, *, lasting: float = 0.0) -> None:
        self.left = times
        self.lasting = lasting
        self.runs = 0

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        self.runs += 1
        task_status.started()
        await trio.sleep(self.lasting)
        if self.left:
            self.left -= 1
            raise ValueError(f"run {self.runs}")


@pytest.mark.parametrize("failures", [0, 1, 4, 5])
async def test_a_part_that_fails_within_its_budget_is_started_again(
    failures: int, autojump_clock: trio.testing.MockClock
) -> None:
    part = Failing(failures)
    async with trio.open_nursery() as nursery:
        await nursery.start(
            Supervisor(SupervisionOptions(max_restarts=5)).keep, "convert", part.run
        )
    assert part.runs == failures + 1


async def test_one_failure_over_the_budget_ends_with_the_name_of_the_part(
    autojump_clock: trio.testing.MockClock,
) -> None:
    part = Failing(6)
    with pytest.raises(PartKeepsFailing, match=r"'convert'.*ValueError: run 6") as caught:
        await Supervisor(SupervisionOptions(max_restarts=5)).keep("convert", part.run)
    assert (caught.value.part, caught.value.exit_code, part.runs) == ("convert", 35, 6)


async def test_failures_outside_the_window_are_forgotten(
    autojump_clock: trio.testing.MockClock,
) -> None:
    part = Failing(20, lasting=31.0)
    await Supervisor(SupervisionOptions(max_restarts=1, window_seconds=30.0)).keep(
        "convert", part.run
    )
    assert part.runs == 21


async def test_no_restart_is_allowed_when_the_budget_is_zero() -> None:
    with pytest.raises(PartKeepsFailing):
        await Supervisor(SupervisionOptions(max_restarts=0)).keep("convert", Failing(1).run)


async def test_a_failure_before_the_part_is_ready_counts_and_readiness_comes_with_the_restart(
    autojump_clock: trio.testing.MockClock,
) -> None:
    runs = 0

    async def run(*, task_status: trio.TaskStatus[None]) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise OSError("not yet")
        task_status.started()
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        await nursery.start(Supervisor(SupervisionOptions()).keep, "intake", run)
        assert runs == 2
        nursery.cancel_scope.cancel()


async def test_cancellation_is_no_failure() -> None:
    part = Failing(1, lasting=3600)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            await nursery.start(Supervisor(SupervisionOptions()).keep, "deliver", part.run)
            scope.cancel()
    assert part.runs == 1


async def test_an_error_beside_a_cancellation_is_not_lost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def run(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("while stopping")

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            await nursery.start(Supervisor(SupervisionOptions()).keep, "deliver", run)
            scope.cancel()
    assert scope.cancelled_caught
    assert "while stopping" in capsys.readouterr().out


@pytest.mark.parametrize(("window", "given_up"), [(5.09, False), (5.1, True), (5.11, True)])
async def test_a_failure_counts_until_the_window_has_passed(
    window: float, given_up: bool, autojump_clock: trio.testing.MockClock
) -> None:
    # 5.1 s lie between the two failures: the first pause of 0.1 s, and a run.
    part = Failing(2, lasting=5.0)
    supervisor = Supervisor(SupervisionOptions(max_restarts=1, window_seconds=window))
    with pytest.raises(PartKeepsFailing) if given_up else nullcontext():
        await supervisor.keep("convert", part.run)
    assert part.runs == (2 if given_up else 3)


async def test_the_pause_doubles_with_each_failure_up_to_the_longest(
    autojump_clock: trio.testing.MockClock,
) -> None:
    begun: list[float] = []

    async def run(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        begun.append(trio.current_time())
        if len(begun) <= 9:
            raise ValueError("again")

    await Supervisor(SupervisionOptions(max_restarts=20)).keep("convert", run)
    pauses = [later - earlier for earlier, later in pairwise(begun)]
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0])


async def test_each_part_has_a_budget_of_its_own(autojump_clock: trio.testing.MockClock) -> None:
    supervisor = Supervisor(SupervisionOptions(max_restarts=2))
    parts = [Failing(2), Failing(2), Failing(2)]
    async with trio.open_nursery() as nursery:
        for number, part in enumerate(parts):
            await supervisor.start(nursery, f"part {number}", part.run)
    assert [part.runs for part in parts] == [3, 3, 3]


async def test_the_board_tells_of_a_part_while_it_is_down_and_counts_its_restarts(
    autojump_clock: trio.testing.MockClock,
) -> None:
    board = Board()
    seen: list[tuple[list[str], dict[str, int]]] = []

    def look() -> None:
        down = [condition.subject for condition in board.held_up_by(Cause.PART)]
        seen.append((down, dict(board.restarts)))

    board.changed = look
    await Supervisor(SupervisionOptions(), board).keep("convert", Failing(2).run)
    assert seen == [
        (["convert"], {}),
        ([], {"convert": 1}),
        (["convert"], {"convert": 1}),
        ([], {"convert": 2}),
    ]


async def test_a_part_that_is_ended_while_it_is_down_leaves_no_condition(
    autojump_clock: trio.testing.MockClock,
) -> None:
    board = Board()
    async with trio.open_nursery() as nursery:
        part = Failing(1)
        kept = await Supervisor(SupervisionOptions(), board).start(nursery, "convert", part.run)
        await trio.testing.wait_all_tasks_blocked()
        assert board.held_up_by(Cause.PART)
        await kept.end()
        assert not board.held_up_by(Cause.PART)
        assert kept.ended.is_set()
    assert part.runs == 1


async def test_ending_one_part_waits_for_its_clean_up_and_leaves_the_others(
    autojump_clock: trio.testing.MockClock,
) -> None:
    cleaned = False

    async def run(*, task_status: trio.TaskStatus[None]) -> None:
        nonlocal cleaned
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(3)
            cleaned = True

    supervisor = Supervisor(SupervisionOptions())
    async with trio.open_nursery() as nursery:
        other = await supervisor.start(nursery, "deliver", Failing(0, lasting=60).run)
        kept = await supervisor.start(nursery, "convert", run)
        await kept.end()
        assert cleaned
        assert not other.ended.is_set()
        await kept.end()  # once more is no harm


async def test_who_is_told_of_a_part_that_is_given_up_is_told_before_the_others_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    told: list[str] = []

    async def cleaning_up(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            told.append("the others end")

    supervisor = Supervisor(
        SupervisionOptions(max_restarts=0), given_up=lambda error: told.append(error.part)
    )

    async def both() -> None:
        async with trio.open_nursery() as nursery:
            await supervisor.start(nursery, "deliver", cleaning_up)
            await supervisor.start(nursery, "convert", Failing(1, lasting=1).run)

    with pytest.raises(ExceptionGroup):
        await both()
    assert told == ["convert", "the others end"]


async def test_options_that_are_replaced_hold_for_the_next_failure(
    autojump_clock: trio.testing.MockClock,
) -> None:
    supervisor = Supervisor(SupervisionOptions(max_restarts=0))
    supervisor.options = SupervisionOptions(max_restarts=1)
    part = Failing(1)
    await supervisor.keep("convert", part.run)
    assert part.runs == 2
