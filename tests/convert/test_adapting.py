"""A pool that adapts to the machine, and stands back on it; with real processes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil
import pytest
import trio

from pywats_trio.convert.limit import Why
from tests.convert.kit import ask, running

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 60.0
"""Seconds; it takes one or two."""


@pytest.mark.parametrize("nice", [0, 1, 19])
async def test_a_worker_stands_back_as_far_as_it_is_told(
    nice: int, tmp_path: Path, good: Path
) -> None:
    async with running(tmp_path, nice=nice) as pool:
        await ask(pool, "good:Good", good)
        [pid] = pool.pids()
        own = os.nice(0)
        assert psutil.Process(pid).nice() == (max(nice, own) if nice else own)


async def test_more_workers_than_processors_become_fewer_while_all_are_busy(
    tmp_path: Path, good: Path
) -> None:
    processors = os.cpu_count() or 1

    async with (
        running(tmp_path, max=processors + 1, adaptive=True, timeout_seconds=PATIENCE) as pool,
        trio.open_nursery() as nursery,
    ):
        assert pool.places == processors + 1
        for _ in range(processors + 2):
            nursery.start_soon(ask, pool, "hostile:Spins", good)
        with trio.fail_after(PATIENCE):
            while pool.places > processors:
                await trio.lowlevel.checkpoint()
        assert pool.limit()["reason"].startswith(Why.PROCESSOR.value)
        assert pool.limit()["max"] == processors + 1
        nursery.cancel_scope.cancel()


async def test_a_pool_that_does_not_adapt_has_what_is_configured(
    tmp_path: Path, good: Path
) -> None:
    async with running(tmp_path, max=3) as pool:
        await ask(pool, "good:Good", good)
        assert pool.limit()["limit"] == pool.places == 3
