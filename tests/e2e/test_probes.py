"""The probes over real HTTP, of a service in each state that it can be held in."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import trio

from benchmarks import data
from pywats_trio import faultpoint
from pywats_trio.config.options import CHECKS
from pywats_trio.control import ServiceState as S
from pywats_trio.devserver import open_devserver
from pywats_trio.errors import NotReady, PartKeepsFailing, StoreError
from pywats_trio.observe.board import Cause
from tests.e2e.probing import NOWHERE, begun, gated_site, held_at_gate, locked, running, site_with
from tests.e2e.site import PATIENCE, make_site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pywats_trio.service.service import Service
    from tests.e2e.site import Site

UP = (200, 200, 200)
NOT_READY = (200, 200, 503)
NOT_UP = (200, 503, 503)
DEAD = (503, 503, 503)


@pytest.fixture(autouse=True)
def no_faults() -> Iterator[None]:
    yield
    faultpoint.arm("")


async def test_running(tmp_path: Path) -> None:
    async with open_devserver() as server, running(make_site(tmp_path, server.url)) as it:
        await it.until(lambda: it.service.board.server_asked)
        assert it.service.board.state is S.RUNNING
        assert await it.codes() == UP
        _, ready = await it.get("/ready")
        assert ready["checks"] == dict.fromkeys(CHECKS, True)
        _, details = await it.get("/health/details")
        assert (details["state"], details["conditions"]) == ("running", [])


@pytest.mark.parametrize(("required", "codes"), [(False, UP), (True, NOT_READY)])
async def test_degraded_by_a_server_that_is_away(
    tmp_path: Path, required: bool, codes: tuple[int, int, int]
) -> None:
    checks = ("queue_accessible", *(["api_connected"] if required else []))
    async with running(site_with(tmp_path, NOWHERE, health={"required_checks": checks})) as it:
        await it.until(lambda: it.service.board.state is S.DEGRADED)
        assert await it.codes() == codes
        _, ready = await it.get("/ready")
        assert ready["checks"]["api_connected"] is False
        assert set(ready.get("reasons", ())) == ({"api_connected"} if required else set())


async def test_paused_and_still_paused_at_the_next_start(tmp_path: Path) -> None:
    site = make_site(tmp_path, NOWHERE)
    async with running(site) as it:
        await it.service.pause()
        assert await it.codes() == NOT_READY
        assert "resume" in (await it.get("/ready"))[1]["reasons"]["state"]
    async with running(site) as it:
        assert await it.codes() == NOT_READY
        await it.service.resume()
        assert await it.codes() == UP


async def test_draining_while_a_conversion_is_in_flight(tmp_path: Path) -> None:
    site = gated_site(tmp_path, NOWHERE)
    async with running(site) as it:
        site.drop("slow.txt", b"wait")
        async with held_at_gate(tmp_path):
            it.service.stop("the test says so")
            assert await it.codes() == NOT_READY
            _, ready = await it.get("/ready")
            assert ready["reasons"] == {"state": "the service is draining: the test says so"}
            await site.until_event("draining", waiting_for="1 conversions")
            assert (await it.get("/health/details"))[1]["waiting_for"] == ["1 conversions"]
            assert (await it.get("/api/v1/queue"))[1]["items"][0]["state"] == "PROCESSING"
        await it.until(lambda: it.service.board.state is S.STOPPED)
    assert site.rows("SELECT state, attempts FROM items WHERE kind = 'file'") == [("COMPLETED", 1)]


async def test_recovering_while_somebody_else_has_the_database_locked(tmp_path: Path) -> None:
    site = make_site(tmp_path, NOWHERE)
    async with running(site):
        pass
    async with begun(site) as it:
        with locked(site.config.data_dir):
            await it.until(lambda: it.service.board.state is S.RECOVERING)
            assert await it.codes() == NOT_UP
            _, ready = await it.get("/ready")
            assert ready["checks"]["queue_accessible"] is False
            assert "recovering" in ready["reasons"]["state"]
            assert (await it.get("/api/v1/queue"))[0] == 503
        await it.until(lambda: it.service.board.state is S.DEGRADED)
        assert await it.codes() == UP


async def test_failed_while_the_service_still_ends(tmp_path: Path) -> None:
    with pytest.raises(BaseExceptionGroup) as failure:
        await fail_and_look(site_with(tmp_path, NOWHERE, supervision={"max_restarts": 0}))
    assert failure.group_contains(PartKeepsFailing)


async def fail_and_look(site: Site) -> None:
    async with begun(site) as it, trio.open_nursery() as nursery:
        await it.until(lambda: it.service.board.state is S.DEGRADED)
        with locked(site.config.data_dir):
            nursery.start_soon(submit_in_vain, it.service)  # the store cannot close before it
            faultpoint.arm("accept.before_put=raise")
            site.drop_reports("run", 1)
            await it.until(lambda: it.service.board.state is S.FAILED)
            assert await it.codes() == DEAD
            assert "intake line-1" in (await it.get("/ready"))[1]["reasons"]["state"]


async def submit_in_vain(service: Service) -> None:
    """Hand over a report that cannot be committed before the service has ended."""
    with suppress(StoreError, NotReady):
        await service.submit(data.report("vain", 1, 1000))


async def test_a_store_that_cannot_commit_is_told_and_liveness_does_not_fail(
    tmp_path: Path,
) -> None:
    async with open_devserver() as server, running(make_site(tmp_path, server.url)) as it:
        faultpoint.arm("store.before_commit=raise")
        it.site.drop_reports("run", 1)
        await it.until(lambda: bool(it.service.board.held_up_by(Cause.STORE)))
        assert await it.codes() == NOT_READY
        _, ready = await it.get("/ready")
        assert set(ready["reasons"]) == {"queue_accessible"}
        assert "fault point store.before_commit" in ready["reasons"]["queue_accessible"]
        assert (await it.get("/api/v1/queue"))[0] == 200
        faultpoint.arm("")
        await it.site.until_delivered(1)
        await it.until(lambda: it.service.board.state is S.RUNNING)
        assert await it.codes() == UP


async def test_why_files_wait_is_told(tmp_path: Path) -> None:
    site = make_site(tmp_path, NOWHERE, settle="marker")
    async with running(site) as it:
        site.drop_reports("run", 1, 2)
        with trio.fail_after(PATIENCE):
            while True:
                _, told = await it.get("/api/v1/converters")
                [line] = told["items"]
                if line["waiting_files"] == 2:
                    break
        assert line["waiting_for"] == {"marker missing": 2}
        for name in ("run-0001.json.done", "run-0002.json.done"):
            site.drop(name, b"")
        await site.until_event("file converted", times=2)
