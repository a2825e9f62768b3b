"""A worker that answers in the worker's place and goes on is held as soon as it has no job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.convert.said import Done, Rejected
from tests.attacks.arena import PATIENCE, ask, running
from tests.attacks.field import Field
from tests.sandbox.children import kernel_layers

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    field = Field(tmp_path)
    yield field
    field.close()


def state(pid: int) -> str:
    """`T` is stopped; see proc_pid_stat(5)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def until_stopped(pid: int) -> None:
    with trio.fail_after(PATIENCE):
        while state(pid) != "T":  # the kernel tells nobody
            await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("level", ["basic", pytest.param("standard", marks=kernel_layers)])
async def test_it_is_stopped_and_its_next_file_runs_into_the_deadline(
    field: Field, level: str
) -> None:
    async with running(field, level, timeout_seconds=0.5) as pool:
        field.arm("go_on_after_its_answer", server=1, sibling=1)
        assert isinstance(await ask(pool, field.code, "attacker", field.bad), Rejected)
        [pid] = pool.pids()
        await until_stopped(pid)
        assert "longer than 0.5 s" in str(await ask(pool, field.code, "attacker", field.good))
        assert pid not in pool.pids()
        assert isinstance(await ask(pool, field.code, "attacker", field.good), Done)


async def test_an_honest_one_does_not_notice(field: Field) -> None:
    async with running(field, "basic") as pool:
        assert isinstance(await ask(pool, field.code, "honest", field.good), Done)
        [pid] = pool.pids()
        await until_stopped(pid)
        assert isinstance(await ask(pool, field.code, "honest", field.good), Done)
        await until_stopped(pid)
        assert isinstance(await ask(pool, field.code, "honest", field.good), Done)
        assert pool.pids() == [pid]
        await until_stopped(pid)
        # Its place is wanted: it is woken, and ends by itself.
        [child] = pool._at_rest()  # noqa: SLF001 - how it ended is told to nobody
        for owner in ("one", "two", "three"):
            await ask(pool, field.code, owner, field.good)
        with trio.fail_after(PATIENCE):
            await child.gone.wait()
        assert child.process.returncode == 0
