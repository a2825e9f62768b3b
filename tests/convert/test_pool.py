"""The pool of worker processes: how many, whose, how long; with real processes."""

# Blocking a test's own loop for a small file of its own does no harm.
# ruff: noqa: ASYNC240

from __future__ import annotations

import os
import signal
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.convert.forkserver import WorkerStartError
from pywats_trio.convert.pool import CutShort, Pool, PoolStopped
from pywats_trio.convert.request import describing
from pywats_trio.convert.said import (
    Description,
    Died,
    Done,
    Log,
    Progress,
    Unusable,
    reason,
)
from pywats_trio.converters.registry import parse, pinned
from tests.convert.kit import Told, ask, is_at_full_strength, running, type_of

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_description_is_had_without_a_file(tmp_path: Path) -> None:
    async with running(tmp_path) as pool:
        spec = pinned(parse(type_of("good:Good")))
        answer = await pool.ask(spec, "line", describing(spec))
    assert isinstance(answer, Description)
    assert answer.id == "good"
    assert answer.patterns == ("*.txt",)
    assert answer.arguments["prefix"]["default"] == "SN-"


async def test_a_thousand_jobs_never_have_more_workers_than_allowed(
    tmp_path: Path, good: Path, mock_clock: trio.testing.MockClock
) -> None:
    """Trio's clock stands still: on a busy machine, too, nobody has waited too long."""
    del mock_clock
    most = 0

    async def convert(pool: Pool, owner: str) -> None:
        nonlocal most
        assert isinstance(await ask(pool, "good:Good", good, owner=owner), Done)
        most = max(most, pool.statistics().alive)

    async with running(tmp_path, max=2, recycle_after_jobs=200) as pool:
        for _ in range(10):
            async with trio.open_nursery() as nursery:
                for number in range(100):
                    nursery.start_soon(convert, pool, f"line-{number // 50}")
        statistics = pool.statistics()
    assert most == 2
    assert statistics.jobs == 1000
    assert statistics.started == statistics.alive + statistics.recycled
    assert 5 <= statistics.started <= 60


async def test_each_custom_converter_has_processes_of_its_own(tmp_path: Path, good: Path) -> None:
    async with running(tmp_path, max=2) as pool:
        for owner in ("a", "b", "a", "b"):
            await ask(pool, "good:Good", good, owner=owner)
        assert pool.statistics().started == 2
        await ask(pool, "good:Good", good, owner="c")  # takes the place of the one idle longest
        assert pool.statistics().started == 3
        await ask(pool, "good:Good", good, owner="b")
        assert pool.statistics().started == 3


@pytest.mark.parametrize(("jobs", "started"), [(2, 1), (3, 1), (4, 2)])
async def test_a_worker_is_recycled_after_its_number_of_jobs(
    jobs: int, started: int, tmp_path: Path, good: Path
) -> None:
    async with running(tmp_path, recycle_after_jobs=3) as pool:
        for _ in range(jobs):
            await is_at_full_strength(pool, "Exits", good)
        assert pool.statistics().started == started


async def test_an_idle_worker_ends_after_its_time(tmp_path: Path, good: Path) -> None:
    async with running(tmp_path, idle_seconds=0.1) as pool:
        await ask(pool, "Exits", good)
        (place,) = pool._roster._places  # noqa: SLF001 - the event to wait for
        child = place.child
        assert child is not None
        with trio.fail_after(5):
            await child.gone.wait()
        assert pool.statistics().alive == 0
        await is_at_full_strength(pool, "Exits", good)


async def test_a_worker_that_died_while_idle_costs_no_file(tmp_path: Path, good: Path) -> None:
    async with running(tmp_path) as pool:
        await ask(pool, "Exits", good)
        (pid,) = pool.pids()
        os.kill(pid, signal.SIGKILL)
        assert Told(pid).wait_gone()
        await is_at_full_strength(pool, "Exits", good)
        assert pool.statistics().started == 2


async def test_a_cancelled_job_ends_its_worker_at_once(
    tmp_path: Path, good: Path, bad: Path
) -> None:
    async with running(tmp_path) as pool:
        with trio.fail_after(5), trio.CancelScope() as scope:
            await ask(pool, "Waits", bad, hear=lambda _said: scope.cancel())
        assert scope.cancelled_caught
        await is_at_full_strength(pool, "Waits", good)
        assert pool.statistics().killed == 1


@pytest.mark.parametrize(("mib", "seconds"), [(15, "0.2"), (16, "0.2"), (24, "0.3"), (32, "0.4")])
async def test_a_larger_file_may_take_longer(
    mib: int, seconds: str, tmp_path: Path, bad: Path
) -> None:
    os.truncate(bad, mib << 20)
    async with running(tmp_path, timeout_seconds=0.2) as pool:
        answer = await ask(pool, "Loops", bad)
        assert isinstance(answer, Died | Unusable)
        assert f"it took longer than {seconds} s" in reason(answer)


@pytest.mark.parametrize(("seconds", "cut"), [(0.2, True), (0.4, False), (0.6, False)])
async def test_a_job_can_be_cut_short_and_only_before_its_deadline(
    seconds: float, cut: bool, tmp_path: Path, good: Path, bad: Path
) -> None:
    colds = []

    def begin(scope: trio.CancelScope, cold: bool) -> None:
        colds.append(cold)
        scope.deadline = min(scope.deadline, trio.current_time() + seconds)

    async with running(tmp_path, timeout_seconds=0.4) as pool:
        await ask(pool, "Waits", good, begin=begin)
        with pytest.raises(CutShort) if cut else nullcontext():
            answer = await ask(pool, "Waits", bad, begin=begin)
            assert isinstance(answer, Died)
            assert answer.kind == "timeout"
        await is_at_full_strength(pool, "Waits", good)
        assert pool.statistics().killed == 1
    assert colds == [True, False]


async def test_a_pool_that_ends_releases_its_jobs_and_leaves_no_process(
    tmp_path: Path, bad: Path
) -> None:
    pids = []
    async with trio.open_nursery() as nursery, running(tmp_path, max=2) as pool:
        started = [trio.Event(), trio.Event()]

        async def work(event: trio.Event) -> None:
            def hear(said: Log | Progress) -> None:
                assert isinstance(said, Log)
                pids.append(int(said.message))
                event.set()

            with pytest.raises(PoolStopped):
                await ask(pool, "Waits", bad, hear=hear)

        for event in started:
            nursery.start_soon(work, event)
        for event in started:
            await event.wait()
    assert len(pids) == 2
    assert all(Told(pid).wait_gone() for pid in pids)


async def test_without_limits_a_converter_may_take_what_it_wants(tmp_path: Path, bad: Path) -> None:
    bad.write_text("bad 120")
    async with running(tmp_path, memory_mb=64, sandbox="off") as pool:
        assert isinstance(await ask(pool, "KeepsMemory", bad), Done)
        assert pool.statistics().alive == 1


async def test_a_process_that_cannot_start_is_nobodys_fault(
    tmp_path: Path, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as pool:
        for program, words in (("/nowhere", "No such file"), ("/bin/false", "without a word")):
            with monkeypatch.context() as patch:
                patch.setattr("sys.executable", program)
                with pytest.raises(WorkerStartError, match=words):
                    await ask(pool, "Exits", good)
        await is_at_full_strength(pool, "Exits", good)
