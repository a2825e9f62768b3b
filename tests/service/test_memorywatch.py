"""Memory that runs short and comes back."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import define

from pywats_trio.config.options import MIB, QueueOptions
from pywats_trio.observe.board import Board, Cause
from pywats_trio.queue.store import Topic
from pywats_trio.service.memorywatch import MemoryWatch
from tests.contract.kit import SqliteBench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pywats_trio.queue.store import Store

MARK = 100 * MIB


@define
class Watched:
    """The watch over a machine with as much memory as the test says."""

    store: Store
    board: Board
    mark: int = MARK
    left: int = 0
    looks: int = 0

    def look(self) -> int:
        self.looks += 1
        return self.left

    async def see(self, left: int) -> bool:
        """A look; whether memory is short after it."""
        self.left = left
        await self.watch._look()  # noqa: SLF001 - its loop adds only the waiting
        return bool(self.board.held_up_by(Cause.MEMORY))

    watch: MemoryWatch = None  # type: ignore[assignment] # made with a look at this


@asynccontextmanager
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    board = Board()
    async with SqliteBench(tmp_path / "queue.db").open(board=board) as store:
        here = Watched(store, board)
        options = lambda: QueueOptions(min_free_memory=here.mark)  # noqa: E731
        here.watch = MemoryWatch(store, board, options, here.look)
        yield here


@pytest.mark.parametrize(("left", "short"), [(MARK - 1, True), (MARK, False), (MARK + 1, False)])
async def test_at_below_and_above_the_mark(tmp_path: Path, left: int, short: bool) -> None:
    async with watched(tmp_path) as here:
        assert await here.see(left) is short
        assert here.board.resources.memory_available_bytes == left


@pytest.mark.parametrize(
    ("left", "short"), [(MARK, True), (110 * MIB - 1, True), (110 * MIB, False)]
)
async def test_it_is_left_a_tenth_above(tmp_path: Path, left: int, short: bool) -> None:
    async with watched(tmp_path) as here:
        assert await here.see(0)
        assert await here.see(left) is short


async def test_without_a_mark_nobody_looks_and_nothing_is_short(tmp_path: Path) -> None:
    async with watched(tmp_path) as here:
        assert await here.see(0)
        here.mark, looks = 0, here.looks
        assert not await here.see(0)
        assert here.looks == looks


async def test_beginning_and_end_are_told_once_and_wake_who_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with watched(tmp_path) as here:
        for left in (5, 4, 3):
            await here.see(left)
        [one] = here.board.held_up_by(Cause.MEMORY)
        assert one.message == "less than 100MiB of memory are available"
        assert "lower queue.min_free_memory" in one.hint
        ticket = here.store.bell(Topic.ROOM).ticket()
        for _ in range(2):
            await here.see(2 * MARK)
        with trio.fail_after(5):
            await ticket.wait()
        assert here.store.claimable  # what is inside goes on
    log = capsys.readouterr().out
    assert (log.count("intake stopped"), log.count("intake resumed")) == (1, 1)


async def test_it_looks_until_it_is_cancelled(tmp_path: Path) -> None:
    async with watched(tmp_path) as here, trio.open_nursery() as nursery:
        nursery.start_soon(here.watch.run)
        with trio.fail_after(10):
            while not here.board.held_up_by(Cause.MEMORY):
                await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
