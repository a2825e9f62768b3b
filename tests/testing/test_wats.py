"""A service with its server, without pytest's fixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from attrs import evolve

from benchmarks import data
from pywats_trio.testing import Fault, default_config, open_test_service
from pywats_trio.testing.wats import LONGEST_SOCKET
from tests.leaks import no_task_left, nothing_left

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def clean(tmp_path: Path) -> Iterator[None]:
    with nothing_left(tmp_path):
        yield


async def test_what_is_dropped_arrives(tmp_path: Path) -> None:
    body = data.report("testing", 1, 1200)
    with no_task_left():
        async with open_test_service(tmp_path) as wats:
            assert wats.drop("unit.json", body) == wats.watch / "unit.json"
            await wats.server.wait_until(lambda server: server.journal.sends().total() == 1)
            assert await wats.server.body(data.report_id("testing", 1)) == body


async def test_the_server_fails_when_it_is_told_to(tmp_path: Path) -> None:
    async with open_test_service(tmp_path) as wats:
        wats.server.faults.set(Fault(status=400))
        item = await wats.service.submit(data.report("testing", 2, 1200))
        finished = await wats.service.wait(item.id)
        assert not finished.delivered


async def test_two_live_side_by_side(tmp_path: Path) -> None:
    async with (
        open_test_service(tmp_path / "one") as one,
        open_test_service(tmp_path / "two") as two,
    ):
        assert one.server.url != two.server.url
        assert one.service.board.health_url != two.service.board.health_url
        async with httpx.AsyncClient() as client:
            for wats in (one, two):
                answer = await client.get(f"{wats.service.board.health_url}/ready")
                assert answer.status_code == 200


async def test_the_configuration_can_be_changed(tmp_path: Path) -> None:
    given = default_config(tmp_path)
    wanted = evolve(given, queue=evolve(given.queue, max_items=7))
    async with open_test_service(tmp_path, wanted) as wats:
        assert wats.service.config.queue.max_items == 7
        assert wats.service.config.server.url == wats.server.url


def test_local_control_is_there_unless_its_path_is_too_long(tmp_path: Path) -> None:
    room = LONGEST_SOCKET - len(str(tmp_path)) - len("//control.sock")
    fits = default_config(tmp_path / ("x" * room))
    assert len(str(fits.socket)) == LONGEST_SOCKET
    assert fits.ipc.enabled
    assert not default_config(tmp_path / ("x" * (room + 1))).ipc.enabled
