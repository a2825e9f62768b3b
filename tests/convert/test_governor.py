"""When the machine is looked at, and what follows from what was seen; on a made machine."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from attrs import define, evolve, field

from pywats_trio.config.options import MIB
from pywats_trio.convert.governor import SECOND, Governor, look
from pywats_trio.convert.limit import START, Limit
from pywats_trio.convert.pressure import Reading
from pywats_trio.observe.board import Board, Cause

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STARTED = Reading(at=0.0, working=0.0, idle=0.0, swapped_out=0, available=4096 * MIB)


@define
class Machine:
    """Two processors and what is read of them; and the pool, as far as it is needed."""

    now: Reading = STARTED
    idle: float = 0.0
    """How many processors have nothing to do."""
    looks: int = 0
    sizes: list[int] = field(factory=list)
    broken: bool = False
    wall: float = 1000.0

    async def look(self) -> Reading:
        await trio.lowlevel.checkpoint()
        self.looks += 1
        if self.broken:
            raise PermissionError("no")
        seconds = trio.current_time() - self.now.at
        self.now = evolve(
            self.now,
            at=self.now.at + seconds,
            working=self.now.working + (2 - self.idle) * seconds,
            idle=self.now.idle + self.idle * seconds,
        )
        return self.now


@asynccontextmanager
async def watched(
    machine: Machine, most: int = 2, now: int | None = None
) -> AsyncIterator[tuple[Governor, Board]]:
    board = Board(clock=lambda: machine.wall)
    machine.now = evolve(machine.now, at=trio.current_time())
    limit = Limit(most, worker_bytes=100 * MIB)
    limit.value = now or most
    governor = Governor(
        limit,
        board,
        resize=machine.sizes.append,
        look=machine.look,
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(governor.run)
        yield governor, board
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def jobs(governor: Governor, number: int) -> AsyncIterator[None]:
    """So many that go on for ever."""

    async def job() -> None:
        with governor.job():
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        for _ in range(number):
            nursery.start_soon(job)
        yield
        nursery.cancel_scope.cancel()


def counted(board: Board, why: str) -> float:
    value = board.metrics.registry.get_sample_value(
        "pywats_worker_limit_changes_total", {"reason": why}
    )
    return value or 0.0


async def seconds(number: float) -> None:
    await trio.sleep(number * SECOND)
    await trio.testing.wait_all_tasks_blocked()


async def test_it_looks_once_a_second_while_there_is_work_and_not_at_all_else(
    autojump_clock: trio.testing.MockClock,
) -> None:
    machine = Machine()
    async with watched(machine) as (governor, _board):
        await trio.sleep(1000)
        await trio.testing.wait_all_tasks_blocked()
        assert machine.looks == 0
        with governor.job():
            await trio.testing.wait_all_tasks_blocked()
            await seconds(5)
            assert machine.looks == 6
        await seconds(2)  # what happened since, and that nothing does
        for _ in range(5):
            await trio.sleep(100)
            await trio.testing.wait_all_tasks_blocked()
        assert machine.looks == 8
        with governor.job():
            await trio.testing.wait_all_tasks_blocked()
    assert machine.sizes == [2]


async def test_it_tells_the_pool_status_and_metrics_what_changed_and_why(
    autojump_clock: trio.testing.MockClock,
) -> None:
    machine = Machine()
    async with watched(machine, most=3) as (governor, board):
        assert governor.facts() == {
            "limit": 3,
            "max": 3,
            "reason": "as many as are configured, at most",
            "since": 1000.0,
        }
        async with jobs(governor, 4):
            await trio.testing.wait_all_tasks_blocked()
            machine.wall = 1001.0
            await seconds(1)
            assert machine.sizes == [3, 2]
            reason = "processor: all are in use, and there are more workers than processors"
            told = {"limit": 2, "max": 3, "reason": reason, "since": 1001.0}
            assert governor.facts() == told
            assert governor.limit == 2
            assert counted(board, "processor") == 1
            machine.idle, machine.wall = 1.0, 2000.0
            await seconds(3)
            assert governor.facts()["limit"] == 3
            assert governor.facts()["reason"] == "files wait, and nothing suffers"
            assert governor.facts()["since"] == 2000.0
            assert counted(board, "work") == 1
        assert machine.sizes == [3, 2, 3]


@pytest.mark.parametrize(("number", "limit"), [(1, 1), (2, 2)])
async def test_it_rises_only_for_who_would_have_to_wait(
    number: int, limit: int, autojump_clock: trio.testing.MockClock
) -> None:
    machine = Machine(idle=0.5)
    async with watched(machine, now=1) as (governor, _board), jobs(governor, number):
        await trio.testing.wait_all_tasks_blocked()
        await seconds(10)
        assert governor.facts()["limit"] == limit


@pytest.mark.parametrize(("others", "limit"), [(0, 1), (1, 2)])
async def test_it_rises_for_who_had_to_wait_between_two_looks(
    others: int, limit: int, autojump_clock: trio.testing.MockClock
) -> None:
    machine = Machine(idle=0.5)
    async with watched(machine, now=1) as (governor, _board), jobs(governor, others):
        for _ in range(10):
            with governor.job():
                await trio.testing.wait_all_tasks_blocked()
            await seconds(1)
        assert governor.facts()["limit"] == limit


async def test_without_memory_for_a_process_the_board_is_told_until_there_is_some(
    autojump_clock: trio.testing.MockClock,
) -> None:
    machine = Machine()
    machine.now = evolve(machine.now, available=START - 1)
    async with watched(machine) as (governor, board), jobs(governor, 3):
        await trio.testing.wait_all_tasks_blocked()  # at once: not a second is waited with it
        assert machine.sizes == [2, 0]
        [condition] = board.held_up_by(Cause.WORKERS)
        assert condition.message == ("no worker process can be started: memory is nearly used up")
        assert governor.facts()["limit"] == 0
        machine.now = evolve(machine.now, available=4096 * MIB)
        await seconds(1)
        assert machine.sizes == [2, 0, 1]
        assert not board.conditions
        await seconds(10)
        assert machine.sizes[-1] == 2


@pytest.mark.parametrize("how", ["nothing waits any more", "it ends"])
async def test_the_board_is_not_told_longer_than_somebody_waits(
    how: str, autojump_clock: trio.testing.MockClock
) -> None:
    machine = Machine()
    machine.now = evolve(machine.now, available=START - 1)
    async with watched(machine) as (governor, board):
        with governor.job():
            await trio.testing.wait_all_tasks_blocked()
            assert board.held_up_by(Cause.WORKERS)
        if how == "nothing waits any more":
            await seconds(2)
            assert not board.conditions
    assert not board.conditions


async def test_a_machine_that_cannot_be_read_leaves_the_limit_as_it_is(
    autojump_clock: trio.testing.MockClock,
) -> None:
    machine = Machine(broken=True)
    async with watched(machine, most=3) as (governor, _board):
        with governor.job():
            await trio.testing.wait_all_tasks_blocked()
            await seconds(3)
            assert machine.sizes == [3]
            machine.broken = False
            await seconds(2)  # two readings make the first sample
            assert machine.sizes == [3, 2]


async def test_a_job_that_fails_is_no_work_left(autojump_clock: trio.testing.MockClock) -> None:
    machine = Machine()
    async with watched(machine) as (governor, _board):

        async def failing() -> None:
            with governor.job():
                await trio.testing.wait_all_tasks_blocked()
                raise RuntimeError("broken")

        with pytest.raises(RuntimeError, match="broken"):
            await failing()
        await seconds(1)
        await trio.sleep(100)
        await trio.testing.wait_all_tasks_blocked()
        assert machine.looks == 2


async def test_the_real_machine_can_be_looked_at() -> None:
    first = await look()
    second = await look()
    assert second.at > first.at
    assert second.working + second.idle >= first.working + first.idle
    assert second.available > 0
