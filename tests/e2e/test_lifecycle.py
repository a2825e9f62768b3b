"""The life of a real service: each state reached, told and remembered, whatever ends it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import evolve

from pywats_trio import faultpoint
from pywats_trio.config.options import SupervisionOptions
from pywats_trio.control import ServiceState
from pywats_trio.devserver import Fault
from pywats_trio.errors import NotReady, PartKeepsFailing
from pywats_trio.observe.board import Cause
from pywats_trio.observe.checks import ready
from pywats_trio.service.service import Service
from tests.e2e.plant import plant, stamping, until_history, with_line
from tests.e2e.site import make_site, recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pywats_trio.config.options import ConverterOptions
    from tests.e2e.site import Site

NOWHERE = "http://127.0.0.1:9"
STARTED = ["validating", "recovering", "starting", "running"]


@pytest.fixture
def arm() -> Iterator[Callable[[str], None]]:
    yield faultpoint.arm
    faultpoint.arm("")


def remembered(site: Site) -> list[dict[str, Any]]:
    """The changes of state in the history."""
    rows = site.rows("SELECT message FROM history WHERE event = 'service state' ORDER BY seq")
    return [json.loads(message) for (message,) in rows]


def logged(site: Site) -> list[str]:
    return [record["state"] for record in site.events("service state")]


async def test_each_change_is_logged_streamed_and_in_the_history_in_one_order(
    tmp_path: Path,
) -> None:
    async with plant(tmp_path, audited=False) as here:
        await here.service.pause()
        await here.service.resume()
        await here.service.reload(with_line(here.config, priority=1))
        here.service.board.begin(Cause.FOLDER, "x", "a folder is away")
        here.service.board.end(Cause.FOLDER, "x")
        expected = [*STARTED, "paused", "running", "reloading", "running", "degraded", "running"]
        streamed: list[str] = []
        async for event in here.service.events(0):
            if event.event == "service state":
                streamed.append(json.loads(event.message)["state"])
            if len(streamed) == len(expected):
                break
        assert streamed == expected
    assert logged(here.site) == [*expected, "draining", "stopped"]
    # The store is closed before the very last one.
    assert [one["state"] for one in remembered(here.site)] == [*expected, "draining"]
    assert [one["before"] for one in remembered(here.site)] == ["created", *expected]
    assert all(one["cause"] for one in remembered(here.site))


async def test_the_history_has_the_end_of_a_cancelled_service(tmp_path: Path) -> None:
    site = make_site(tmp_path, NOWHERE)
    with recorded(site):
        service = Service(site.config)
        async with trio.open_nursery() as nursery:
            await nursery.start(service.run)
            nursery.cancel_scope.cancel()
    assert logged(site)[-2:] == ["draining", "stopped"]
    assert [one["state"] for one in remembered(site)] == logged(site)[:-1]
    assert remembered(site)[-1]["cause"] == "cancelled from outside"


async def test_the_history_has_the_part_that_kept_failing(
    tmp_path: Path, arm: Callable[[str], None]
) -> None:
    site = make_site(tmp_path, NOWHERE)
    config = evolve(site.config, supervision=SupervisionOptions(max_restarts=0))
    with recorded(site):
        service = Service(config)
        arm("accept.before_put=raise")
        with pytest.RaisesGroup(PartKeepsFailing):
            async with trio.open_nursery() as nursery:
                await nursery.start(service.run)
                site.drop("a.json", b"{}")
    assert service.state is ServiceState.FAILED
    assert remembered(site)[-1]["state"] == "failed"
    assert "'intake line-1' kept failing" in remembered(site)[-1]["cause"]


async def test_changes_while_the_store_is_down_come_into_the_history_in_order(
    tmp_path: Path, arm: Callable[[str], None]
) -> None:
    async with plant(tmp_path, audited=False) as here:
        arm("store.before_commit=raise")
        for _ in range(3):
            here.service.board.begin(Cause.FOLDER, "x", "a folder is away")
            here.service.board.end(Cause.FOLDER, "x")
        arm("")
    changes = [one["state"] for one in remembered(here.site)]
    assert changes[:10] == [*STARTED, *["degraded", "running"] * 3]
    assert [one["state"] for one in remembered(here.site)] == logged(here.site)[:-1]


async def test_a_server_that_is_away_degrades_and_its_return_restores(tmp_path: Path) -> None:
    async with plant(tmp_path, audited=False) as here:
        right = here.config
        await here.service.reload(evolve(right, server=evolve(right.server, url=NOWHERE)))
        await here.site.until(lambda: here.service.state is ServiceState.DEGRADED)
        here.books.drop(3)
        await here.site.until_event("file converted", times=3)  # degraded goes on converting
        await here.service.reload(right)
        await here.arrived()
        assert here.service.board.state.value == "running"


async def test_a_stop_before_it_runs_is_an_end_like_any_other(tmp_path: Path) -> None:
    site = make_site(tmp_path, NOWHERE)
    with recorded(site):
        service = Service(site.config)
        service.lifecycle.entered = lambda: service.stop("too early")
        async with trio.open_nursery() as nursery:
            await nursery.start(service.run)
        with pytest.raises(NotReady):
            await service.pause()
    assert logged(site) == ["validating", "draining", "stopped"]


@pytest.mark.parametrize("state", ["recovering", "starting"])
async def test_a_stop_at_each_step_of_the_start_is_clean(tmp_path: Path, state: str) -> None:
    site = make_site(tmp_path, NOWHERE)
    with recorded(site):
        service = Service(site.config)

        def stop_at() -> None:
            if service.state == state:
                service.stop("too early")

        service.lifecycle.entered = stop_at
        async with trio.open_nursery() as nursery:
            await nursery.start(service.run)
        again = Service(site.config)
        async with trio.open_nursery() as nursery:
            await nursery.start(again.run)
            again.stop()
    assert logged(site)[:2] == STARTED[:2]
    assert logged(site)[-1] == "stopped"


async def test_sync_now_looks_where_nothing_notifies_and_asks_a_server_that_is_back(
    tmp_path: Path,
) -> None:
    patient = {"base_seconds": 600.0, "max_seconds": 600.0}
    async with plant(
        tmp_path, audited=False, retry=patient, scan_seconds=3600.0, type=stamping(tmp_path)
    ) as here:
        right = here.config
        here.server.faults.set(Fault(status=503))
        here.books.drop(1)  # alone: there is no other report that could be the probe
        await until_history(here, 1, "suspended")
        here.server.faults.clear()
        told = await here.service.sync_now()
        assert told["probing"] is True
        with trio.fail_after(20):  # and not after the 600 s of the outage
            await here.arrived()
        assert here.config is right


async def test_a_converter_that_cannot_be_used_degrades_the_service_from_its_start_until_it_can(
    tmp_path: Path,
) -> None:
    script = tmp_path / "mine.py"
    script.write_text("import there_is_no_such_module\n")
    site = make_site(tmp_path, NOWHERE, type=f"{script}:Mine", patterns=("*.json",))
    with recorded(site):
        async with site.running() as service:
            await site.until(lambda: (Cause.CONVERTER, "line-1") in service.board.conditions)
            condition = service.board.conditions[Cause.CONVERTER, "line-1"]
            assert "there_is_no_such_module" in condition.message
            assert service.state is ServiceState.DEGRADED
            assert "converters_loaded" in ready(service.board, ["converters_loaded"])
            script.write_text(MENDED)
            await service.reload(evolve(service.config, converters=(changed(site),)))
            assert (Cause.CONVERTER, "line-1") not in service.board.conditions


MENDED = """
from pywats_trio.converters import Converter

class Mine(Converter):
    id = "mine"

    def convert(self, source, context):
        return []
"""


def changed(site: Site) -> ConverterOptions:
    return evolve(site.config.converters[0], priority=1)
