"""Services inside a program: several at a time, each with an end of its own."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import httpx
import trio
from attrs import evolve

from benchmarks import data
from pywats_trio import Config, Service, ServiceState, open_service
from pywats_trio.devserver import DevServer, open_devserver
from tests.e2e.site import make_site
from tests.leaks import no_task_left

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FILES = 20


def config(folder: Path, url: str) -> Config:
    folder.mkdir()
    return evolve(make_site(folder, url).config, instance=folder.name)


async def drop(service: Service, run: str, numbers: range) -> None:
    folder = trio.Path(service.config.converters[0].watch)
    for number in numbers:
        part = folder.parent / f"{run}-{number}.part"
        await part.write_bytes(data.report(run, number, 1200))
        await part.rename(folder / f"{run}-{number}.json")


def arrived(server: DevServer, run: str, numbers: range) -> bool:
    ids = {data.report_id(run, number) for number in numbers}
    return ids <= {entry.id for entry in server.journal.entries if entry.status == 200}


@asynccontextmanager
async def open_clean_server() -> AsyncIterator[DevServer]:
    with no_task_left():  # of its connections neither, hence around it
        async with open_devserver() as server:
            yield server


async def test_one_of_two_services_is_cancelled_and_the_other_goes_on(tmp_path: Path) -> None:
    async with open_clean_server() as server:
        one, two = (config(tmp_path / name, server.url) for name in ("one", "two"))
        async with open_service(two) as staying:
            with trio.CancelScope() as scope:
                async with open_service(one) as leaving:
                    await drop(leaving, "one", range(FILES))
                    await drop(staying, "two", range(FILES))
                    await server.wait_until(lambda server: server.journal.submits >= 5)
                    scope.cancel()
            assert scope.cancelled_caught
            assert leaving.state is ServiceState.STOPPED
            await answers(staying)
            await drop(staying, "two", range(FILES, 2 * FILES))
            await server.wait_until(partial(arrived, run="two", numbers=range(2 * FILES)))
        async with open_service(one):  # what was cut off is found again
            await server.wait_until(partial(arrived, run="one", numbers=range(FILES)))
        assert (await server.totals()).reports == 3 * FILES


async def answers(service: Service) -> None:
    """Its probes and its local control are there."""
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{service.board.health_url}/ready")).status_code == 200
    assert service.board.socket


async def test_a_service_can_run_again_and_again_in_one_process(tmp_path: Path) -> None:
    async with open_clean_server() as server:
        given = config(tmp_path / "again", server.url)
        for turn in range(3):
            async with open_service(given) as service:
                item = await service.submit(data.report("again", turn, 1200))
                assert (await service.wait(item.id)).delivered
        assert (await server.totals()).reports == 3
