"""Every limit of the queue is in effect after a reload, at its beginning and at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from attrs import evolve

from pywats_trio import QueueFull, QueueOptions
from pywats_trio.config.options import KIB, MIB
from pywats_trio.observe.board import Cause
from pywats_trio.service import diskwatch, memorywatch
from tests.leaks import nothing_left
from tests.service.embedding import HANG, body, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.service.embedding import Running

MORE_THAN_THERE_IS = {"min_free_disk": 1 << 50, "min_free_memory": 1 << 40}


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for watch in (diskwatch, memorywatch):
        monkeypatch.setattr(watch, "LOOK_SECONDS", 0.02)
    with nothing_left(tmp_path):
        yield


async def reloaded(here: Running, **queue: int) -> None:
    """With these keys of `[queue]`; each was in effect without a restart."""
    config = here.service.config
    done = await here.service.reload(evolve(config, queue=evolve(config.queue, **queue)))  # type: ignore[arg-type] # by name
    assert done == {"changed": sorted(f"queue.{key}" for key in queue), "needs_restart": []}


async def until(condition: Callable[[], bool]) -> None:
    """There is nothing that rings for all of it, so the loop turns."""
    with trio.fail_after(10):
        while not condition():
            await trio.lowlevel.checkpoint()


@pytest.mark.parametrize(
    ("key", "reached", "left", "cause"),
    [
        ("max_items", 1, 2, Cause.QUEUE_FULL),
        ("max_bytes", 100, 1 * MIB, Cause.QUEUE_BYTES),
        ("min_free_disk", 1 << 50, 0, Cause.DISK),
        ("min_free_memory", 1 << 40, 0, Cause.MEMORY),
    ],
)
async def test_a_limit_stops_what_comes_in_and_lets_it_in_again(
    key: str, reached: int, left: int, cause: Cause, tmp_path: Path
) -> None:
    async with running(tmp_path, HANG) as here:
        board = here.service.board
        await here.service.submit(body(1))
        await reloaded(here, **{key: reached})
        await until(lambda: bool(board.held_up_by(cause)))
        with pytest.raises(QueueFull):
            await here.service.submit(body(2))
        await reloaded(here, **{key: left})
        await until(lambda: not board.held_up_by(cause))
        await here.service.submit(body(2))
        here.server.faults.clear()


@pytest.mark.parametrize("key", MORE_THAN_THERE_IS)
async def test_a_service_that_starts_short_takes_no_file(key: str, tmp_path: Path) -> None:
    queue = QueueOptions(**{key: MORE_THAN_THERE_IS[key]})  # type: ignore[arg-type] # by name
    async with running(tmp_path, queue=queue) as here:
        await until(lambda: bool(here.service.board.conditions))
        (here.watch / "1.json").write_bytes(body(1))
        await until(lambda: sum(here.service.board.converters()[0]["waiting_for"].values()) == 1)
        assert await here.service.items() == []
        await reloaded(here, **{key: 0})
        await here.service.wait_until(lambda counts: bool(counts.by) and not counts.unfinished)


async def test_the_reserve_takes_another_size(tmp_path: Path) -> None:
    async with running(tmp_path, queue=QueueOptions(reserve=64 * KIB)) as here:
        file = tmp_path / "data" / "queue.reserve"
        await until(lambda: file.exists() and file.stat().st_size == 64 * KIB)
        await reloaded(here, reserve=128 * KIB)
        await until(lambda: file.stat().st_size == 128 * KIB)
        await reloaded(here, reserve=0)
        await until(lambda: not file.exists())
