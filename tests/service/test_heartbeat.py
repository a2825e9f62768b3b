"""The pulse of the event loop, and looks at a disk and a queue that hold up nobody."""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.config.options import QueueOptions
from pywats_trio.errors import StoreError
from pywats_trio.model import Counts, Kind, State
from pywats_trio.observe.board import STALLED_SECONDS, Board
from pywats_trio.observe.resources import Resources
from pywats_trio.queue.sqlite_store import SqliteStore
from pywats_trio.service.diskwatch import DiskWatch
from pywats_trio.service.heartbeat import LOOK_SECONDS, TICK_SECONDS, Heartbeat, Lookout
from pywats_trio.service.memorywatch import MemoryWatch
from tests.contract.kit import Clock, SqliteBench, a_report

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path


def lag(board: Board) -> tuple[float, float]:
    """How often the lag was measured, and all lags together in seconds."""
    [family] = board.metrics.loop_lag.collect()
    found = {sample.name: sample.value for sample in family.samples}
    name = "pywats_event_loop_lag_seconds"
    return found[f"{name}_count"], found[f"{name}_sum"]


@pytest.mark.parametrize("late", [0.0, 0.25, 3.0])
async def test_the_lag_of_the_event_loop_is_measured(
    late: float, mock_clock: trio.testing.MockClock
) -> None:
    board = Board()
    async with trio.open_nursery() as nursery:
        await nursery.start(Heartbeat(board).run)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(TICK_SECONDS + late)
        await trio.testing.wait_all_tasks_blocked()
        measured, together = lag(board)
        assert measured == 1
        assert together == pytest.approx(late)
        nursery.cancel_scope.cancel()


async def test_each_tick_reaches_the_board_and_the_watchdog(
    mock_clock: trio.testing.MockClock,
) -> None:
    board = Board(steady=trio.current_time)
    pulses: list[float] = []
    async with trio.open_nursery() as nursery:
        await nursery.start(Heartbeat(board, lambda: pulses.append(trio.current_time())).run)
        for _ in range(3):
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(TICK_SECONDS)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert pulses == pytest.approx([0, 1, 2, 3])
    mock_clock.jump(STALLED_SECONDS - 0.1)
    assert board.alive
    mock_clock.jump(0.1)
    assert not board.alive


@pytest.fixture
def bench(tmp_path: Path) -> SqliteBench:
    return SqliteBench(tmp_path / "queue.db")


class Hanging(Resources):
    """A disk that answers nobody until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def look(self, data_dir: Path, database: Path) -> None:
        assert self.go.wait(20), "nobody let the disk go"
        super().look(data_dir, database)


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    disk = Hanging()
    yield disk
    disk.go.set()


@asynccontextmanager
async def looking_out(board: Board, bench: SqliteBench) -> AsyncIterator[SqliteStore]:
    """A lookout over a real queue; the block begins when it is ready."""
    async with bench.open(clock=board.clock) as store, bench.desk() as desk:
        assert isinstance(store, SqliteStore)
        board.counts = store.counts
        disk = DiskWatch(store, board, bench.path.parent, bench.path, QueueOptions)
        look = Lookout(board, desk, disk, MemoryWatch(store, board, QueueOptions))
        async with trio.open_nursery() as nursery:
            await nursery.start(look.run)
            yield store
            nursery.cancel_scope.cancel()


async def test_a_disk_that_hangs_holds_up_neither_another_look_nor_the_end(
    hanging: Hanging, bench: SqliteBench
) -> None:
    board = Board(resources=hanging)
    with trio.fail_after(10):
        async with looking_out(board, bench):
            await until(lambda: len(board.waiting_since) == len(Kind))
            await until(lambda: board.resources.memory_available_bytes is not None)
    assert board.resources.disk_free_bytes is None


async def test_disk_and_memory_and_the_oldest_items_are_shown(
    bench: SqliteBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pywats_trio.service.heartbeat.LOOK_SECONDS", 0.01)
    clock = Clock()
    board = Board(clock=clock)
    async with looking_out(board, bench) as store:
        await store.put([a_report()])
        clock.now += 60
        await store.put([a_report()])
        with trio.fail_after(10):
            shown = {Kind.REPORT: clock.now - 60, Kind.FILE: clock.now}
            await until(lambda: board.waiting_since == shown)
            await until(lambda: board.resources.memory_available_bytes is not None)
    assert board.resources.disk_free_bytes
    assert board.resources.queue_bytes


async def until(condition: Callable[[], bool]) -> None:
    """A look is over: there is nothing that rings for it, so the loop turns."""
    while not condition():
        await trio.lowlevel.checkpoint()


class Unreadable:
    """A desk whose database cannot be read."""

    async def waiting_since(self, kind: Kind) -> float | None:
        raise StoreError(f"no {kind} can be read")


async def test_a_queue_that_cannot_be_read_leaves_what_was_known(
    autojump_clock: trio.testing.MockClock,
) -> None:
    board = Board()
    board.counts = lambda: Counts({(Kind.FILE, State.PENDING): 1})
    board.waiting_since[Kind.FILE] = 5.0
    look = Lookout(board, Unreadable(), None, None)  # type: ignore[arg-type] # only what is asked
    async with trio.open_nursery() as nursery:
        nursery.start_soon(look._look_again_and_again)  # noqa: SLF001 - no thread
        await trio.sleep(3 * LOOK_SECONDS)
        nursery.cancel_scope.cancel()
    assert board.waiting_since == {Kind.FILE: 5.0}
