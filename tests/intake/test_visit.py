"""A stop waits for the file in hand, but not for a folder that hangs."""

from __future__ import annotations

import threading

import pytest
import trio

from pywats_trio.intake import visit as module
from pywats_trio.intake.visit import Visit


async def test_what_the_work_returns_comes_out() -> None:
    assert await Visit(lambda _visit: 7, trio.CapacityLimiter(1)).run() == 7


async def test_what_the_work_raises_comes_out() -> None:
    def work(_visit: Visit[None]) -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        await Visit(work, trio.CapacityLimiter(1)).run()


async def test_a_cancelled_visit_is_cut_short_and_its_results_are_kept() -> None:
    scope = trio.CancelScope()
    results: list[list[int]] = []

    def work(visit: Visit[list[int]]) -> list[int]:
        trio.from_thread.run_sync(scope.cancel, trio_token=visit._token)  # noqa: SLF001
        done = []
        while not visit.cut_short:
            done = [1]
        return done or [1]

    with scope:
        results.append(await Visit(work, trio.CapacityLimiter(1)).run())
        await trio.lowlevel.checkpoint()
        raise AssertionError("not reached")
    assert results == [[1]]
    assert scope.cancelled_caught


async def test_a_folder_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.02)
    hanging, leave = threading.Event(), threading.Event()

    def work(_visit: Visit[None]) -> None:
        hanging.set()
        leave.wait()

    limiter = trio.CapacityLimiter(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Visit(work, limiter).run)
        await trio.to_thread.run_sync(hanging.wait)
        with trio.fail_after(5):
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await trio.lowlevel.checkpoint()
    assert limiter.borrowed_tokens == 1  # nobody else visits while the thread is in there
    leave.set()
