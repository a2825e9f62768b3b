"""What a program asks of the service that runs in it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import evolve

from pywats_trio import (
    InvalidInputError,
    InvalidReport,
    Kind,
    NotFoundError,
    NotReady,
    QueueFull,
    QueueOptions,
    Report,
    RetryOptions,
    ServiceState,
    State,
    open_service,
)
from pywats_trio.convert.request import namespace
from pywats_trio.devserver import Fault, open_devserver
from pywats_trio.service.handover import CHECKED_IN_PLACE
from tests.leaks import nothing_left
from tests.service.embedding import HANG, body, config, mapping, running, states, with_custom

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def clean(tmp_path: Path) -> Iterator[None]:
    with nothing_left(tmp_path):
        yield


# Reports


async def test_the_bytes_of_a_sound_report_arrive_unchanged(tmp_path: Path) -> None:
    spaced = body(1).replace(b",", b" ,\n ")
    async with running(tmp_path) as here:
        item = await here.service.submit(spaced)
        assert item.kind is Kind.REPORT
        assert (item.serial_number, item.converter) == (mapping(1)["sn"], "submit")
        assert (await here.service.wait(item.id)).delivered
        assert await here.server.body(item.report_id) == spaced


def size(padding: int) -> int:
    return CHECKED_IN_PLACE + padding


@pytest.mark.parametrize("length", [size(0), size(1)], ids=["at", "above"])
async def test_a_large_report_is_checked_as_a_small_one(tmp_path: Path, length: int) -> None:
    padded = body(1) + b" " * (length - len(body(1)))
    async with running(tmp_path) as here:
        item = await here.service.submit(padded)
        assert (await here.service.wait(item.id)).delivered
        assert await here.server.body(item.report_id) in {padded, body(1)}
        with pytest.raises(InvalidReport):
            await here.service.submit(b" " * length)


@pytest.mark.parametrize("make", [mapping, lambda n: Report(mapping(n))], ids=["mapping", "Report"])
async def test_a_mapping_or_a_report_is_taken_as_well(tmp_path: Path, make: Any) -> None:
    async with running(tmp_path) as here:
        item = await here.service.submit(make(1))
        assert item.report_id == mapping(1)["id"]
        assert (await here.service.wait(item.id)).delivered


async def test_a_report_without_an_id_gets_the_same_one_from_the_same_bytes(
    tmp_path: Path,
) -> None:
    nameless = mapping(1, id=...)
    async with running(tmp_path) as here:
        first, again = [await here.service.submit(nameless) for _ in range(2)]
        other = await here.service.submit(mapping(2, id=...))
        for item in (first, again, other):
            assert (await here.service.wait(item.id)).delivered
        sends = here.server.journal.sends()
        totals = await here.server.totals()
    assert uuid.UUID(first.report_id).version == 5
    assert (first.report_id, sends[first.report_id]) == (again.report_id, 2)
    assert (sends[other.report_id], totals.repeats) == (1, 1)
    assert first.id != again.id
    assert namespace("default") != first.report_id


async def test_the_station_of_the_configuration_is_filled_in(tmp_path: Path) -> None:
    async with running(tmp_path) as here:
        item = await here.service.submit(mapping(1, machineName=...))
        await here.service.wait(item.id)
        told = await here.server.body(item.report_id)
    assert told is not None
    assert f'"machineName":"{here.service.config.station.name}"'.encode() in told.replace(b" ", b"")


@pytest.mark.parametrize(
    "bad",
    [b"", b"no JSON", b"[]", b"{}", {"type": "T"}, body(1) + body(2)],
    ids=["empty", "text", "no report", "no keys", "few keys", "two"],
)
async def test_what_is_no_report_is_refused(tmp_path: Path, bad: Any) -> None:
    async with running(tmp_path) as here:
        with pytest.raises(InvalidInputError):
            await here.service.submit(bad)
    assert states(tmp_path) == []


async def test_the_first_in_priority_is_delivered_first(tmp_path: Path) -> None:
    async with running(tmp_path, HANG) as here:
        service = here.service
        one_at_a_time = evolve(service.config.server, max_connections=1)
        await service.reload(evolve(service.config, server=one_at_a_time))
        blocked = [await service.submit(body(n)) for n in range(8)]
        await here.server.wait_until(lambda server: server.journal.hanging() > 0)
        last = await service.submit(body(20), priority=10)
        first = await service.submit(body(21), priority=1)
        assert (first.priority, last.priority) == (1, 10)
        here.server.faults.clear()
        for item in (*blocked, first, last):
            await service.wait(item.id)
        order = [entry.id for entry in here.server.journal.entries]
    assert order.index(first.report_id) < order.index(last.report_id)


@pytest.mark.parametrize("priority", [0, 11])
async def test_a_priority_out_of_range_is_refused_and_leaves_nothing(
    tmp_path: Path, priority: int
) -> None:
    (tmp_path / "unit.json").write_bytes(body(1))
    async with running(tmp_path) as here:
        for given in (body(1), tmp_path / "unit.json"):
            with pytest.raises(ValueError, match="priority"):
                await here.service.submit(given, priority=priority)
        assert list(here.service.config.inbox.iterdir()) == []


# When nothing is accepted


async def test_a_full_queue_takes_nothing_until_there_is_room(tmp_path: Path) -> None:
    async with running(tmp_path, HANG, queue=QueueOptions(max_items=2)) as here:
        one, two = [await here.service.submit(body(number)) for number in range(2)]
        with pytest.raises(QueueFull, match="2 unfinished"):
            await here.service.submit(body(3))
        here.server.faults.clear()
        for item in (one, two):
            await here.service.wait(item.id)
        await here.service.submit(body(3))


async def test_a_paused_service_takes_nothing_and_delivers_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as here:
        await here.service.pause()
        assert here.service.state is ServiceState.PAUSED
        for given in (body(1), mapping(1), tmp_path / "unit.json"):
            with pytest.raises(NotReady, match="paused"):
                await here.service.submit(given)
        with pytest.raises(NotReady, match="paused"):
            await here.service.sync_now()
        await here.service.resume()
        item = await here.service.submit(body(1))
        assert (await here.service.wait(item.id)).delivered


async def test_a_pause_outlives_the_service(tmp_path: Path) -> None:
    given = config(tmp_path, NOWHERE)
    async with open_service(given) as service:
        await service.pause()
    async with open_service(given) as service:
        assert service.state is ServiceState.PAUSED
        await service.resume()
        assert service.state is not ServiceState.PAUSED


async def test_nothing_is_asked_of_a_service_that_drains(tmp_path: Path) -> None:
    async with running(tmp_path, HANG) as here:
        service = here.service
        item = await service.submit(body(1))
        await here.server.wait_until(lambda server: server.journal.hanging() == 1)
        service.stop()
        for question in (
            service.submit(body(2)),
            service.pause(),
            service.resume(),
            service.reload(service.config),
            service.sync_now(),
        ):
            with pytest.raises(NotReady, match="draining"):
                await question
        assert (await service.item(item.id)).item.state is State.PROCESSING
        here.server.faults.clear()
    assert states(tmp_path) == ["COMPLETED"]


# Waiting


async def test_a_report_that_the_server_refuses_is_at_its_end_and_says_why(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, Fault(status=400)) as here:
        item = await here.service.submit(body(1))
        finished = await here.service.wait(item.id)
    assert not finished.delivered
    assert finished.item.state is State.FAILED
    assert "400" in finished.why


async def test_a_file_is_at_its_end_when_all_its_reports_are(tmp_path: Path) -> None:
    several = tmp_path / "several.json"
    several.write_bytes(b"[" + b",".join(body(number) for number in range(3)) + b"]")
    refused = Fault(status=400, only_serial=mapping(1)["sn"])
    async with running(tmp_path, refused) as here:
        item = await here.service.submit(several)
        assert item.kind is Kind.FILE
        finished = await here.service.wait(item.id)
    assert [report.state for report in finished.reports] == ["COMPLETED", "FAILED", "COMPLETED"]
    assert [report.serial_number for report in finished.reports] == [
        mapping(number)["sn"] for number in range(3)
    ]
    assert not finished.delivered
    assert "400" in finished.why
    assert several.read_bytes().startswith(b"[")


async def test_a_file_whose_reports_all_arrive_is_delivered(tmp_path: Path) -> None:
    path = trio.Path(tmp_path / "unit.json")
    await path.write_bytes(body(1))
    async with running(tmp_path) as here:
        item = await here.service.submit(path)
        finished = await here.service.wait(item.id)
        assert finished.delivered
        assert finished.why == ""


async def test_a_file_that_is_refused_is_at_its_end_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "unit.json").write_bytes(body(1))
    async with open_devserver() as server:
        given = with_custom(config(tmp_path, server.url), "Picky")
        async with open_service(given) as service:
            item = await service.submit(tmp_path / "unit.json")
            finished = await service.wait(item.id)
    assert not finished.delivered
    assert finished.item.state is State.FAILED
    assert "I do not like it" in finished.why


async def test_the_end_of_what_has_ended_is_known_at_once(tmp_path: Path) -> None:
    async with open_devserver() as server:
        given = config(tmp_path, server.url)
        async with open_service(given) as service:
            item = await service.submit(body(1))
            await service.wait(item.id)
        async with open_service(given) as service:
            assert (await service.wait(item.id)).delivered


async def test_a_wait_can_be_cancelled_and_asked_again(tmp_path: Path) -> None:
    async with running(tmp_path, HANG) as here:
        item = await here.service.submit(body(1))
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(here.service.wait, item.id)
                await here.server.wait_until(lambda server: server.journal.hanging() == 1)
                scope.cancel()
        here.server.faults.clear()
        assert (await here.service.wait(item.id)).delivered


async def test_an_item_that_does_not_exist_is_not_found(tmp_path: Path) -> None:
    async with running(tmp_path) as here:
        for question in (here.service.item(99), here.service.wait(99)):
            with pytest.raises(NotFoundError, match="99"):
                await question


async def test_a_file_that_does_not_exist_is_not_found(tmp_path: Path) -> None:
    async with running(tmp_path) as here:
        with pytest.raises(NotFoundError):
            await here.service.submit(tmp_path / "nothing.json")
        with pytest.raises(NotFoundError, match="line-1"):
            await here.service.submit_file(tmp_path / "nothing.json", converter="line-2")


async def test_the_queue_is_told_page_by_page(tmp_path: Path) -> None:
    async with running(tmp_path) as here:
        ids = [(await here.service.submit(body(number))).id for number in range(3)]
        first = await here.service.items(limit=2)
        rest = await here.service.items(after=first[-1].id, limit=2)
        assert [item.id for item in (*first, *rest)] == ids
        await here.service.wait_until(lambda counts: counts.unfinished == 0)


# Changing


async def test_folders_are_looked_at_and_the_server_is_asked_now(tmp_path: Path) -> None:
    patient = RetryOptions(base_seconds=600, max_seconds=600)
    async with running(tmp_path, Fault(status=503), retry=patient) as here:
        (here.watch / "unit.json").write_bytes(body(1))
        async for event in here.service.events(0):
            if event.state is State.SUSPENDED:
                break
        here.server.faults.clear()
        told = await here.service.sync_now()
        assert told == {"folders": 1, "probing": True, "resumed": 1}
        assert event.item_id is not None
        assert (await here.service.wait(event.item_id)).delivered


async def test_another_configuration_is_put_into_effect(tmp_path: Path) -> None:
    async with open_devserver() as server, running(tmp_path) as here:
        service, before = here.service, here.service.config
        moved = evolve(before, server=evolve(before.server, url=server.url))
        assert await service.reload(moved) == {"changed": ["server.url"], "needs_restart": []}
        item = await service.submit(body(1))
        assert (await service.wait(item.id)).delivered
        assert (await server.totals()).reports == 1
        assert (await here.server.totals()).reports == 0
        renamed = evolve(moved, instance="another")
        assert await service.reload(renamed) == {"changed": [], "needs_restart": ["instance"]}


async def test_a_service_without_a_file_has_none_to_read_again(tmp_path: Path) -> None:
    async with running(tmp_path) as here:
        with pytest.raises(NotReady, match="not started from a file"):
            await here.service.reload()
        assert here.service.state is not ServiceState.RELOADING


@pytest.mark.parametrize("given", ["/a/path", 5, None], ids=["text", "number", "nothing"])
async def test_what_is_no_report_is_refused_with_what_to_give(tmp_path: Path, given: Any) -> None:
    async with running(tmp_path) as here:
        with pytest.raises(InvalidInputError, match="give a Report, a mapping, the bytes of WSJF"):
            await here.service.submit(given)
