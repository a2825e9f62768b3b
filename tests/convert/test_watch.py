"""Who works is looked at, who rests is held."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import Factory, define

from pywats_trio.convert.watch import HIDDEN, MAX_THREADS, SECONDS, TOO_MANY, TOO_MUCH, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MIB = 1 << 20


@define
class Process:
    pid: int = Factory(os.getpid)


@define(eq=False)
class Worker:
    """As much of a `Child` as is looked at; its process is this one."""

    scratch: str
    process: Process = Factory(Process)
    condemned: str = ""
    suspended: int = 0

    def condemn(self, why: str) -> None:
        self.condemned = why

    def suspend(self) -> None:
        self.suspended += 1


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """Have this process so many threads until the test ends."""
    end = threading.Event()
    started: list[threading.Thread] = []

    def have(count: int) -> None:
        while len(os.listdir("/proc/self/task")) < count:  # noqa: PTH208
            started.append(threading.Thread(target=end.wait))
            started[-1].start()

    yield have
    end.set()
    for thread in started:
        thread.join()


async def look_once(working: list[Worker], resting: list[Worker], limit: int = MIB) -> None:
    """Until the watch has looked at everybody, and no further."""
    looked = trio.Event()

    def rest() -> list[Worker]:
        if looked.is_set():
            done.cancel()
        looked.set()
        return resting

    watch = Watch(limit, lambda: working, rest)  # type: ignore[arg-type,return-value]
    with trio.CancelScope() as done:
        watch.wake()
        await watch.run()


@pytest.mark.parametrize(("size", "why"), [(MIB, ""), (MIB + 1, TOO_MUCH)])
async def test_who_wrote_too_much_is_condemned(tmp_path: Path, size: int, why: str) -> None:
    (tmp_path / "file").write_bytes(b"x" * size)
    worker = Worker(str(tmp_path))
    await look_once([worker], [])
    assert worker.condemned == why


async def test_who_hides_what_it_wrote_is_told_apart(tmp_path: Path) -> None:
    tmp_path.joinpath(*100 * ["d"]).mkdir(parents=True)
    worker = Worker(str(tmp_path))
    await look_once([worker], [])
    assert worker.condemned == HIDDEN


@pytest.mark.parametrize(("more", "why"), [(0, ""), (1, TOO_MANY)])
async def test_who_has_too_many_threads_is_condemned(
    tmp_path: Path, threads: Callable[[int], None], more: int, why: str
) -> None:
    await trio.to_thread.run_sync(lambda: None)  # the one that counts files, kept for the next
    threads(MAX_THREADS + more)
    worker = Worker(str(tmp_path))
    await look_once([worker], [])
    assert worker.condemned == why


async def test_who_rests_is_held_and_nobody_is_looked_at_when_nobody_works(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    resting = [Worker(str(tmp_path))]
    looks = 0

    def nobody() -> list[Worker]:
        nonlocal looks
        looks += 1
        return []

    watch = Watch(MIB, nobody, lambda: resting)  # type: ignore[arg-type,return-value]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch.run)
        watch.wake()
        await trio.sleep(100 * SECONDS)
        assert (looks, resting[0].suspended) == (1, 1)
        watch.wake()
        await trio.sleep(100 * SECONDS)
        assert (looks, resting[0].suspended) == (2, 2)
        nursery.cancel_scope.cancel()
