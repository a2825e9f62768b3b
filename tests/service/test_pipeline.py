"""The parts stop in the order of their nesting, whenever and however the stop comes."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import evolve, frozen

from pywats_trio.config.options import RetryOptions, SupervisionOptions
from pywats_trio.devserver import Fault, open_devserver
from pywats_trio.errors import NotReady
from pywats_trio.observe.board import Board
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.sqlite_store import open_store
from pywats_trio.service.drain import Stop
from pywats_trio.service.parts import Parts
from pywats_trio.service.pipeline import Pipeline
from pywats_trio.service.supervise import Supervisor
from tests.e2e.site import Site, make_site, recorded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PROMPT = 1.0
"""Seconds that a cancellation from outside may take (contract section 13)."""
GRACE = 20.0
HANG = Fault(hang=True)


@frozen
class Rig:
    """The parts of a service, without the service around them."""

    site: Site
    pipeline: Pipeline
    stop: Stop


@asynccontextmanager
async def rigged(folder: Path, url: str) -> AsyncIterator[Rig]:
    """A pipeline that is made and not run yet."""
    site = make_site(folder, url)
    site.config.data_dir.mkdir()
    database = site.config.data_dir / "queue.db"
    board = Board()
    with recorded(site):
        async with open_store(database, board=board) as store, open_desk(database) as desk:
            supervisor = Supervisor(SupervisionOptions(), board)
            yield Rig(site, Pipeline(Parts(site.config, store, desk, board, supervisor)), Stop())


def told(site: Site) -> list[str]:
    """What the drain said that it waits for, in order."""
    return [record["waiting_for"].lstrip("0 ") for record in site.events("draining")]


async def test_a_stop_drains_from_the_folder_to_the_server(tmp_path: Path) -> None:
    async with open_devserver() as server, rigged(tmp_path, server.url) as rig:
        async with trio.open_nursery() as nursery:
            await nursery.start(rig.pipeline.run, rig.stop)
            rig.site.drop_reports("run", 1, 2, 3)
            await rig.site.until_delivered(3)
            assert rig.pipeline.waiting_for() == ()
            rig.stop.ask(GRACE)
        assert told(rig.site) == ["intake", "conversions", "files to be put away", "deliveries"]
        assert rig.stop.grace is not None
        assert not rig.stop.grace.forced
        assert rig.site.rows("SELECT DISTINCT state, putaway FROM items ORDER BY putaway") == [
            ("COMPLETED", "done"),
            ("COMPLETED", "none"),
        ]


async def test_a_stop_that_was_asked_for_before_the_start_ends_it_at_once(tmp_path: Path) -> None:
    async with open_devserver() as server, rigged(tmp_path, server.url) as rig:
        rig.stop.ask(GRACE)
        with trio.fail_after(GRACE / 2):
            await rig.pipeline.run(rig.stop)
        assert told(rig.site)[-1] == "deliveries"


async def test_what_is_in_hand_at_the_server_is_waited_for_and_then_given_back(
    tmp_path: Path,
) -> None:
    async with (
        open_devserver(faults=(HANG,)) as server,
        rigged(tmp_path, server.url) as rig,
    ):
        async with trio.open_nursery() as nursery:
            await nursery.start(rig.pipeline.run, rig.stop)
            rig.site.drop_reports("run", 1)
            await server.wait_until(lambda server: server.journal.hanging() == 1)
            begun = trio.current_time()
            rig.stop.ask(1)
        assert trio.current_time() - begun < 2
        assert rig.stop.grace is not None
        assert rig.stop.grace.forced
        assert rig.site.reports() == [("PENDING", None, 0)]


async def test_cancelled_from_outside_it_stops_at_once_with_work_in_hand(tmp_path: Path) -> None:
    async with (
        open_devserver(faults=(HANG,)) as server,
        rigged(tmp_path, server.url) as rig,
    ):
        async with trio.open_nursery() as nursery:
            await nursery.start(rig.pipeline.run, rig.stop)
            rig.site.drop_reports("run", *range(20))
            await server.wait_until(lambda server: server.journal.hanging() >= 1)
            begun = trio.current_time()
            nursery.cancel_scope.cancel()
        assert trio.current_time() - begun < PROMPT
        assert told(rig.site) == []
        assert rig.site.rows("SELECT 1 FROM items WHERE state = 'PROCESSING'") == []


async def test_a_change_is_refused_once_a_stop_has_begun(tmp_path: Path) -> None:
    async with (
        open_devserver(faults=(HANG,)) as server,
        rigged(tmp_path, server.url) as rig,
    ):
        other = evolve(rig.site.config, retry=RetryOptions(base_seconds=0.5))
        async with trio.open_nursery() as nursery:
            await nursery.start(rig.pipeline.run, rig.stop)
            rig.site.drop_reports("run", 1)
            await server.wait_until(lambda server: server.journal.hanging() == 1)
            await rig.pipeline.change(other)
            rig.stop.ask(1)
            await rig.site.until_event("draining", times=4)
            with pytest.raises(NotReady, match="stopping"):
                await rig.pipeline.change(rig.site.config)
        assert rig.pipeline.parts.config.retry.base_seconds == 0.5
