"""What a type checker sees of the library. Never run: `make check` reads it.

An unused `type: ignore` is an error, so each line that has one must be wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_type

import trio

import pywats_trio
from pywats_trio import (
    Config,
    Event,
    Events,
    Finished,
    Item,
    PartKeepsFailing,
    Report,
    Service,
    ServiceState,
    State,
    open_service,
)
from pywats_trio.testing import DevServer, Wats, open_test_service

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager


async def everything_an_embedder_does(report: Report, mapping: dict[str, Any]) -> None:
    config = Config.load("station.toml")
    assert_type(config, Config)
    async with open_service(config) as service:
        assert_type(service, Service)
        assert_type(await service.submit(report, priority=1), Item)
        for given in (mapping, b"{}", Path("unit.json"), trio.Path("unit.json")):
            item = await service.submit(given)
            assert_type(item.id, int)
            assert_type(item.state, State)
        outcome = await service.wait(1)
        assert_type(outcome, Finished)
        assert_type((outcome.delivered, outcome.why), tuple[bool, str])
        assert_type(service.events(since=3), Events)
        async for event in service.events():
            assert_type(event, Event)
            assert_type(event.item_id, int | None)
        assert_type(await service.reload(config), dict[str, Any])
        assert_type(await service.items(after=3), list[Item])
        assert_type(service.state, ServiceState)
        await service.submit(3)  # type: ignore[arg-type] # a number is no report
        await service.submit(report, 1)  # type: ignore[call-arg] # by its name only


async def in_a_nursery_of_ones_own(service: Service) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(service.run)
    assert_type(await service.wait_stopped(), None)
    assert_type(service.stop("done"), None)
    assert_type(service.forced, bool)


async def in_a_test(folder: Path) -> None:
    around: AbstractAsyncContextManager[Wats] = open_test_service(folder)
    async with around as wats:
        assert_type(wats.service, Service)
        assert_type(wats.server, DevServer)
        assert_type(wats.drop("unit.json", b"{}"), Path)


def names(error: PartKeepsFailing) -> None:
    assert_type(error.part, str)
    assert_type(pywats_trio.__version__, str)
    _ = pywats_trio.open_servise  # type: ignore[attr-defined] # there is no such name
