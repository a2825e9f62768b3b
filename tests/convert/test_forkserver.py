"""The fork server: who lives when it dies, and when it is there at all."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.convert.forkserver import can_fork
from pywats_trio.convert.request import describing
from pywats_trio.convert.said import Description, Done, Rejected
from pywats_trio.converters.registry import parse, pinned
from tests.convert.kit import Told, ask, children, is_at_full_strength, running

if TYPE_CHECKING:
    from pywats_trio.convert.pool import Pool
    from pywats_trio.convert.said import Log, Progress

OLD = Path(__file__).parents[1] / "pywats" / "classes" / "old_csv.py"
"""A class that was written for pyWATS."""

pytestmark = pytest.mark.skipif(not can_fork(), reason="workers are not forked here")


def parent(pid: int) -> int:
    """The process that started it."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


async def kill_the_server(pool: Pool) -> None:
    (pid,) = children()
    assert pid not in pool.pids()
    server = Told(pid)
    os.kill(pid, signal.SIGKILL)
    assert await trio.to_thread.run_sync(server.wait_gone)


async def test_workers_are_its_children_and_it_is_ours(tmp_path: Path, good: Path) -> None:
    async with running(tmp_path) as pool:
        assert children() == []
        await ask(pool, "Exits", good)
        (server,) = children()
        assert parent(pool.pids()[0]) == server


async def test_killed_it_costs_no_file_and_the_next_worker_is_of_a_new_one(
    tmp_path: Path, good: Path, bad: Path
) -> None:
    async with running(tmp_path, max=2) as pool, trio.open_nursery() as nursery:
        works = trio.Event()

        def hear(_said: Log | Progress) -> None:
            works.set()

        nursery.start_soon(lambda: ask(pool, "Waits", bad, owner="other", hear=hear))
        await works.wait()
        await kill_the_server(pool)
        assert isinstance(await ask(pool, "Exits", good), Done)
        assert len(pool.pids()) == 2
        nursery.cancel_scope.cancel()


async def test_a_worker_whose_server_was_killed_works_on_and_may_die(
    tmp_path: Path, good: Path, bad: Path
) -> None:
    async with running(tmp_path) as pool:
        assert isinstance(await ask(pool, "Exits", good), Done)
        (pid,) = pool.pids()
        await kill_the_server(pool)
        assert isinstance(await ask(pool, "Exits", good), Done)
        assert pool.pids() == [pid]
        died = await ask(pool, "Exits", bad)
        assert "what could tell how ended before it" in getattr(died, "how", "")
        await is_at_full_strength(pool, "Exits", good)


async def test_it_holds_our_adapter_ready_and_nobody_elses_code(tmp_path: Path, bad: Path) -> None:
    spec = pinned(parse(f"pywats:{OLD}:OldCsvConverter"))
    async with running(tmp_path, max=2) as pool:
        assert isinstance(await pool.ask(spec, "old", describing(spec)), Description)
        answer = await ask(pool, "NamesModules", bad)
    assert isinstance(answer, Rejected)
    here, ours = set(answer.why.split()), "pywats_trio.converters.pywats"
    assert here >= {f"{ours}.adapter", f"{ours}.shims.base", f"{ours}.shims.client"}
    others = {name for name in here if not name.startswith("pywats_trio.")} - {"pywats_trio"}
    assert {name.rpartition("_")[0] for name in others} == {"pywats_trio_custom_hostile"}


async def test_it_ends_when_it_has_no_workers_for_a_while(tmp_path: Path, good: Path) -> None:
    async with running(tmp_path, idle_seconds=0.1) as pool:
        await ask(pool, "Exits", good)
        with trio.fail_after(10):
            while children():
                await trio.lowlevel.checkpoint()
        await is_at_full_strength(pool, "Exits", good)


async def test_it_ends_with_the_pool_and_leaves_nothing(tmp_path: Path, good: Path) -> None:
    async with running(tmp_path) as pool:
        await ask(pool, "Exits", good)
        processes = [Told(pid) for pid in (*children(), *pool.pids())]
    assert len(processes) == 2
    assert all(process.wait_gone(0) for process in processes)
