"""New parts beside the old ones: all ready, or none of them was ever there."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import evolve

from pywats_trio.config.options import SupervisionOptions
from pywats_trio.control import ServiceState
from pywats_trio.observe.board import Board, Cause
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.sqlite_store import open_store
from pywats_trio.service import parts as module
from pywats_trio.service.drain import Stop
from pywats_trio.service.parts import Parts, ReloadFailed
from pywats_trio.service.pipeline import Pipeline
from pywats_trio.service.supervise import Supervisor
from tests.e2e.site import make_site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pywats_trio.config.options import Config
    from pywats_trio.errors import PartKeepsFailing

NOWHERE = "http://127.0.0.1:9"


@asynccontextmanager
async def working(
    tmp_path: Path, given_up: list[PartKeepsFailing] | None = None
) -> AsyncIterator[Pipeline]:
    """The parts of a service without the service, drained at the end."""
    config = make_site(tmp_path, NOWHERE, patterns=("*.json",)).config
    config.data_dir.mkdir()
    board = Board()
    told = [] if given_up is None else given_up
    stop = Stop()
    async with (
        open_store(tmp_path / "queue.db") as store,
        open_desk(tmp_path / "queue.db") as desk,
        trio.open_nursery() as nursery,
    ):
        supervisor = Supervisor(SupervisionOptions(max_restarts=0), board, told.append)
        pipeline = Pipeline(Parts(config, store, desk, board, supervisor))
        await nursery.start(pipeline.run, stop)
        yield pipeline
        stop.ask(5.0)


@asynccontextmanager
async def no_thread_left() -> AsyncIterator[None]:
    """Whoever wants a thread without a limiter of its own waits for it."""
    threads = trio.to_thread.current_default_thread_limiter()
    borrowers = [object() for _ in range(int(threads.total_tokens))]
    for borrower in borrowers:
        await threads.acquire_on_behalf_of(borrower)
    try:
        yield
    finally:
        for borrower in borrowers:
            threads.release_on_behalf_of(borrower)


def faster(config: Config) -> Config:
    return evolve(config, workers=evolve(config.workers, max=2))


def elsewhere(config: Config) -> Config:
    return evolve(config, server=evolve(config.server, url="http://127.0.0.1:7"))


async def test_only_what_differs_is_made_anew(tmp_path: Path) -> None:
    async with working(tmp_path) as pipeline:
        parts = pipeline.parts
        conversion, pump = parts.conversion, parts.pump
        await pipeline.change(faster(parts.config))
        assert (parts.conversion is conversion, parts.pump is pump) == (False, True)
        conversion = parts.conversion
        await pipeline.change(elsewhere(parts.config))
        assert (parts.conversion is conversion, parts.pump is pump) == (True, False)
        pump = parts.pump
        await pipeline.change(evolve(parts.config, supervision=SupervisionOptions(max_restarts=9)))
        assert (parts.conversion is conversion, parts.pump is pump) == (True, True)


async def test_a_part_that_is_not_ready_in_time_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READY_SECONDS", 0.2)
    async with working(tmp_path) as pipeline:
        parts = pipeline.parts
        before = parts.config, parts.conversion, parts.pump
        async with no_thread_left():  # the new pool gets none to make its folder in
            with pytest.raises(ReloadFailed, match=r"not ready within 0\.2 s"):
                await pipeline.change(faster(parts.config))
        assert (parts.config, parts.conversion, parts.pump) == before
        await pipeline.change(faster(parts.config))
        assert parts.config == faster(before[0])


async def test_who_is_cancelled_before_the_new_parts_are_ready_has_changed_nothing(
    tmp_path: Path,
) -> None:
    async with working(tmp_path) as pipeline:
        parts = pipeline.parts
        before = parts.config, parts.conversion, parts.pump
        async with no_thread_left(), trio.open_nursery() as nursery:
            nursery.start_soon(pipeline.change, faster(parts.config))
            while not trio.to_thread.current_default_thread_limiter().statistics().tasks_waiting:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        await pipeline.change(parts.config)  # behind the other, if that went on
        assert (parts.config, parts.conversion, parts.pump) == before


async def test_a_part_that_does_not_start_uses_up_no_budget_and_leaves_no_trace(
    tmp_path: Path,
) -> None:
    given_up: list[PartKeepsFailing] = []
    async with working(tmp_path, given_up) as pipeline:
        parts = pipeline.parts
        before = parts.config, parts.conversion, parts.pump
        for generation in range(3, 20):
            (tmp_path / "data" / "scratch" / str(generation)).write_text("in the way")
        board = parts._board  # noqa: SLF001 - what it was told
        for _ in range(3):
            with pytest.raises(ReloadFailed, match=r"'convert' did not start \(FileExistsError"):
                await pipeline.change(elsewhere(faster(parts.config)))
        assert (parts.config, parts.conversion, parts.pump) == before
        assert given_up == []
        assert board.held_up_by(Cause.PART) == []
        assert board.restarts == {}
        assert board.state is ServiceState.CREATED


async def test_former_parts_are_forgotten_when_they_have_nothing_in_hand(tmp_path: Path) -> None:
    async with working(tmp_path) as pipeline:
        parts, before = pipeline.parts, pipeline.parts.config
        for number in range(10):
            await pipeline.change((faster if number % 2 else elsewhere)(before))
            assert len(parts._leaving) <= 2  # noqa: SLF001 - its bound
        assert (parts.converting(), parts.delivering()) == (0, 0)


async def test_in_a_pause_new_parts_claim_nothing(tmp_path: Path) -> None:
    async with working(tmp_path) as pipeline:
        parts = pipeline.parts
        parts.pause()
        await pipeline.change(elsewhere(faster(parts.config)))
        assert parts.paused
        stages = parts.pump._stage, parts.conversion._stage  # noqa: SLF001 - what claims
        assert [stage._paused for stage in stages] == [True, True]  # noqa: SLF001
        parts.resume()
        assert [stage._paused for stage in stages] == [False, False]  # noqa: SLF001
