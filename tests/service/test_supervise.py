"""A part is started again within its budget, and names itself when the budget is spent."""

from __future__ import annotations

import pytest
import trio

from pywats_trio.config.options import SupervisionOptions
from pywats_trio.errors import PartKeepsFailing
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
