"""A service for the length of a block, in every way in which a block can end."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio import (
    HealthOptions,
    NotReady,
    PartKeepsFailing,
    Service,
    ServiceState,
    ShutdownOptions,
    StartError,
    SupervisionOptions,
    faultpoint,
    open_service,
)
from pywats_trio.control import AT_WORK
from pywats_trio.devserver import Fault, open_devserver
from tests.e2e.site import PATIENCE
from tests.leaks import no_task_left, nothing_left
from tests.service.embedding import HANG, PROMPT, body, config, running, states, with_custom

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOWHERE = "http://127.0.0.1:9"
NO_RESTART = SupervisionOptions(max_restarts=0)


@pytest.fixture(autouse=True)
def clean(tmp_path: Path) -> Iterator[None]:
    with nothing_left(tmp_path):
        yield
    faultpoint.arm("")


async def test_it_runs_when_the_block_begins_and_is_over_when_it_is_left(tmp_path: Path) -> None:
    with no_task_left():
        async with open_service(config(tmp_path, NOWHERE)) as service:
            assert service.state in AT_WORK
        assert_stopped(service)
        assert not service.forced


def assert_stopped(*services: Service) -> None:
    """In a function of its own, for a type checker believes that a state stays as it was seen."""
    assert {service.state for service in services} == {ServiceState.STOPPED}


async def test_leaving_the_block_finishes_what_is_in_hand(tmp_path: Path) -> None:
    async with open_devserver(faults=(Fault(latency_ms=300),)) as server:
        async with open_service(config(tmp_path, server.url)) as service:
            await service.submit(body(1))
            await server.wait_until(lambda server: server.journal.submits == 1)
        assert states(tmp_path) == ["COMPLETED"]
        assert not service.forced


async def test_what_does_not_end_within_the_grace_is_cut_off_and_kept(tmp_path: Path) -> None:
    grace = ShutdownOptions(grace_seconds=1)
    async with running(tmp_path, HANG, shutdown=grace) as here:
        await here.service.submit(body(1))
        await here.server.wait_until(lambda server: server.journal.hanging() == 1)
        begun = trio.current_time()
    assert trio.current_time() - begun < 1 + PROMPT
    assert here.service.forced
    assert states(tmp_path) == ["PENDING"]


class Mine(Exception):
    """Of the program around the service."""


async def test_an_exception_in_the_block_comes_out_as_it_was_and_stops_the_service_at_once(
    tmp_path: Path,
) -> None:
    error, cause = Mine("of the program"), OSError("behind it")
    begun = 0.0

    async def program() -> None:
        nonlocal begun
        async with running(tmp_path, HANG) as here:
            await here.service.submit(body(1))
            await here.server.wait_until(lambda server: server.journal.hanging() == 1)
            begun = trio.current_time()
            raise error from cause

    with pytest.raises(Mine) as caught, no_task_left():
        await program()
    assert trio.current_time() - begun < PROMPT
    assert caught.value is error
    assert error.__cause__ is cause
    assert states(tmp_path) == ["PENDING"]


async def test_a_group_that_the_block_raises_comes_out_as_it_was(tmp_path: Path) -> None:
    group = ExceptionGroup("of the program", [Mine()])
    with pytest.raises(ExceptionGroup) as caught:
        async with open_service(config(tmp_path, NOWHERE)):
            raise group
    assert (caught.value.message, caught.value.exceptions) == (group.message, group.exceptions)


async def test_a_cancellation_around_it_stops_it_at_once_whatever_the_converter_does(
    tmp_path: Path,
) -> None:
    async with open_devserver() as server:
        given = with_custom(config(tmp_path, server.url), "Slow")
        begun = trio.current_time()
        with trio.CancelScope() as scope:
            async with open_service(given) as service:
                item = await service.submit(await file(tmp_path))
                async for event in service.events(0):
                    if (event.item_id, event.event) == (item.id, "claimed"):
                        begun = trio.current_time()
                        scope.cancel()
                await trio.sleep_forever()
        assert scope.cancelled_caught
        assert trio.current_time() - begun < PROMPT
        assert states(tmp_path, "file") == ["PENDING"]


async def file(folder: Path) -> trio.Path:
    path = trio.Path(folder / "unit.json")
    await path.write_bytes(body(1))
    return path


async def test_a_cancellation_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    with trio.CancelScope() as scope, no_task_left():
        scope.cancel()
        async with open_service(config(tmp_path, NOWHERE)):
            raise AssertionError("it came up")
    assert scope.cancelled_caught


async def test_a_service_that_fails_ends_the_block_with_its_own_error(tmp_path: Path) -> None:
    faultpoint.arm("deliver.claimed=raise")
    services = []

    async def program() -> None:
        async with running(tmp_path, supervision=NO_RESTART) as here:
            services.append(here.service)
            await here.service.submit(body(1))
            await trio.sleep_forever()

    with pytest.raises(PartKeepsFailing) as caught, no_task_left():
        await program()
    assert caught.value.part == "deliver"
    assert isinstance(caught.value.__cause__, faultpoint.InjectedFault)
    assert [service.state for service in services] == [ServiceState.FAILED]


async def test_both_errors_come_out_where_the_block_has_one_of_its_own(tmp_path: Path) -> None:
    faultpoint.arm("deliver.claimed=raise")
    with pytest.RaisesGroup(PartKeepsFailing, Mine):
        async with running(tmp_path, supervision=NO_RESTART) as here:
            await here.service.submit(body(1))
            try:
                await trio.sleep_forever()
            finally:
                raise Mine


async def test_a_service_that_fails_while_it_drains_raises_its_error(tmp_path: Path) -> None:
    faultpoint.arm("deliver.answered=raise")

    async def program() -> None:
        async with running(tmp_path, Fault(latency_ms=300), supervision=NO_RESTART) as here:
            await here.service.submit(body(1))
            await here.server.wait_until(lambda server: server.journal.submits == 1)

    with pytest.raises(PartKeepsFailing):
        await program()


async def test_a_second_service_on_the_same_folder_is_refused_plainly(tmp_path: Path) -> None:
    given = config(tmp_path, NOWHERE)
    async with open_service(given):
        with pytest.raises(StartError, match="already running"):
            async with open_service(given):
                raise AssertionError("it came up")


async def test_an_address_that_is_taken_is_refused_plainly(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        health = HealthOptions(port=taken.getsockname()[1])
        with pytest.raises(StartError, match=str(health.port)), no_task_left():
            async with open_service(config(tmp_path, NOWHERE, health=health)):
                raise AssertionError("it came up")


async def test_a_stop_from_elsewhere_lets_the_block_go_on(tmp_path: Path) -> None:
    async with running(tmp_path, HANG, shutdown=ShutdownOptions(grace_seconds=1)) as here:
        service = here.service
        item = await service.submit(body(1))
        with trio.fail_after(PATIENCE):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(refused, service, item.id)
                nursery.start_soon(read_to_the_end, service)
                await trio.testing.wait_all_tasks_blocked()
                service.stop("somebody else")
                await service.wait_stopped()
        assert_stopped(service)
        for question in (service.submit(body(2)), service.item(item.id), service.wait(item.id)):
            with pytest.raises(NotReady):
                await question
        with pytest.raises(NotReady):
            service.events()


async def refused(service: Service, item_id: int) -> None:
    with pytest.raises(NotReady, match="has stopped"):
        await service.wait(item_id)


async def read_to_the_end(service: Service) -> None:
    last = ""
    async for event in service.events(0):
        last = event.event
    assert last == "released"


async def test_it_can_be_entered_and_left_by_a_stack(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(open_service(config(tmp_path / "1", NOWHERE)))
        two = await stack.enter_async_context(open_service(config(tmp_path / "2", NOWHERE)))
    assert_stopped(one, two)


async def test_run_fits_into_a_nursery_of_ones_own(tmp_path: Path) -> None:
    service = Service(config(tmp_path, NOWHERE))
    async with trio.open_nursery() as nursery:
        await nursery.start(service.run)
        assert service.state in AT_WORK
        service.stop()
    assert_stopped(service)


async def test_a_service_that_is_stopped_before_it_runs_ends_at_once(tmp_path: Path) -> None:
    service = Service(config(tmp_path, NOWHERE))
    service.stop()
    async with trio.open_nursery() as nursery:
        await nursery.start(service.run)
    assert service.state is ServiceState.STOPPED
