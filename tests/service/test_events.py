"""The history as a stream: complete, in order, resumable, and nobody's burden."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from pywats_trio import NotReady, Service, ServiceState, StoreError, open_service
from pywats_trio.devserver import open_devserver
from pywats_trio.queue.desk import open_desk
from pywats_trio.service.events import PAGE, Events
from pywats_trio.service.session import Session
from tests.leaks import nothing_left
from tests.service.embedding import body, config, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pywats_trio import Event
    from pywats_trio.queue.store import Desk


class Broken(Session):
    """A session of a service that runs, but with another desk."""

    def __init__(self, session: Session, desk: Desk) -> None:
        vars(self).update(vars(session))
        self.desk = desk


REPORTS = 70
"""With three events each, more than two pages."""


@pytest.fixture(autouse=True)
def clean(tmp_path: Path) -> Iterator[None]:
    with nothing_left(tmp_path):
        yield


async def deliver(service: Service, numbers: range) -> list[int]:
    """Submit reports and wait for their end; the ids of their items."""
    ids = [(await service.submit(body(number))).id for number in numbers]
    for item_id in ids:
        assert (await service.wait(item_id)).delivered
    return ids


async def until_delivered(events: Events, count: int) -> list[Event]:
    """All events up to the delivery of so many reports."""
    seen: list[Event] = []
    async for event in events:
        seen.append(event)
        if sum(one.event == "delivered" for one in seen) == count:
            break
    return seen


def numbers(events: list[Event]) -> list[int]:
    return [event.seq for event in events]


def complete(seqs: list[int]) -> bool:
    """Whether there is no gap, no double and no disorder."""
    return seqs == list(range(seqs[0], seqs[0] + len(seqs)))


async def test_a_stream_from_the_start_has_everything_once_and_in_order(tmp_path: Path) -> None:
    async with running(tmp_path) as here:
        ids = await deliver(here.service, range(REPORTS))
        seen = await until_delivered(here.service.events(0), REPORTS)
    assert len(seen) > 2 * PAGE
    assert numbers(seen)[0] == 1
    assert complete(numbers(seen))
    assert [event.item_id for event in seen if event.event == "stored"] == ids


async def test_a_stream_without_a_start_has_only_what_is_new(tmp_path: Path) -> None:
    async with running(tmp_path) as here:
        await deliver(here.service, range(2))
        events = here.service.events()
        assert events.since is None
        await events.start()
        [new] = await deliver(here.service, range(2, 3))
        seen = await until_delivered(events, 1)
    assert {event.item_id for event in seen} == {new}


async def test_a_stream_goes_on_after_a_restart_without_gap_or_double(tmp_path: Path) -> None:
    async with open_devserver() as server:
        given = config(tmp_path, server.url)
        async with open_service(given) as service:
            await deliver(service, range(3))
            events = service.events(0)
            before = await until_delivered(events, 2)
            assert events.since == before[-1].seq
        async with open_service(given) as service:
            await deliver(service, range(3, 5))
            after = await until_delivered(service.events(events.since), 3)
    assert complete(numbers(before) + numbers(after))
    delivered = [e.item_id for e in (*before, *after) if e.event == "delivered"]
    assert len(set(delivered)) == 5


async def test_leaving_the_loop_early_leaves_nothing_and_the_stream_goes_on(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as here:
        await deliver(here.service, range(2))
        events = here.service.events(0)
        first = await until_delivered(events, 1)
        second = await until_delivered(events, 1)
    assert complete(numbers(first) + numbers(second))


async def test_several_readers_each_get_everything(tmp_path: Path) -> None:
    seen: list[list[int]] = []

    async def read(events: Events) -> None:
        seen.append(numbers(await until_delivered(events, 5)))

    async with running(tmp_path) as here, trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(read, here.service.events(0))
        await deliver(here.service, range(5))
    assert seen[0] == seen[1] == seen[2]
    assert complete(seen[0])


async def test_a_reader_holds_one_page_at_most_however_slow_it_is(tmp_path: Path) -> None:
    async with running(tmp_path) as here:
        slow = here.service.events(0)
        await anext(slow)
        await deliver(here.service, range(REPORTS))
        await anext(slow)
        assert len(slow._page) < PAGE  # noqa: SLF001 - what it costs is nowhere else to be seen
        rest = await until_delivered(slow, REPORTS)
    assert numbers(rest)[0] == 3
    assert complete(numbers(rest))


async def test_a_cancelled_call_loses_no_event(tmp_path: Path) -> None:
    async with running(tmp_path) as here:
        await deliver(here.service, range(2))
        events, seen = here.service.events(0), list[int]()
        while not seen or seen[-1] < 6:
            with trio.CancelScope() as scope:
                scope.cancel()
                await anext(events)
            assert scope.cancelled_caught
            seen.append((await anext(events)).seq)
    assert seen == [1, 2, 3, 4, 5, 6]


async def test_every_call_lets_other_tasks_run(tmp_path: Path) -> None:
    async with running(tmp_path) as here:
        await deliver(here.service, range(2))
        events = here.service.events(0)
        await anext(events)
        with trio.testing.assert_checkpoints():
            await anext(events)


async def test_a_stream_ends_with_the_service_and_has_all_that_the_drain_did(
    tmp_path: Path,
) -> None:
    seen: list[Event] = []

    async def read(service: Service) -> None:
        seen.extend([event async for event in service.events(0)])

    async with running(tmp_path) as here, trio.open_nursery() as nursery:
        nursery.start_soon(read, here.service)
        [*_, last] = [await here.service.submit(body(number)) for number in range(20)]
        await here.service.wait(last.id)
        here.service.stop()
        await here.service.wait_stopped()
    assert complete(numbers(seen))
    assert "draining" in seen[-1].message or seen[-1].event == "delivered"
    async with open_service(here.service.config) as again:
        rest = again.events(seen[-1].seq)
        assert ServiceState.VALIDATING in (await anext(rest)).message


async def test_a_stream_that_is_left_over_ends_when_it_is_asked_again(tmp_path: Path) -> None:
    async with running(tmp_path) as here:
        await deliver(here.service, range(1))
        events = here.service.events(0)
        await anext(events)
    rest = [event async for event in events]
    assert complete([1, *numbers(rest)])
    with pytest.raises(StopAsyncIteration):
        await anext(events)


async def test_a_stream_of_a_cancelled_service_ends(tmp_path: Path) -> None:
    with trio.CancelScope() as scope:
        async with running(tmp_path) as here:
            events = here.service.events()
            await events.start()
            scope.cancel()
    with pytest.raises(StopAsyncIteration):
        await anext(events)


async def test_a_history_that_cannot_be_read_is_an_error_and_no_end(tmp_path: Path) -> None:
    async with running(tmp_path) as here:
        async with open_desk(tmp_path / "data" / "queue.db") as desk:
            pass  # closed it is as good as broken
        session = here.service.events()._session  # noqa: SLF001 - to have one of its own
        with pytest.raises(StoreError):
            await anext(Events(Broken(session, desk), None))


async def test_there_are_no_events_before_the_service_runs(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="created"):
        Service(config(tmp_path, "http://127.0.0.1:9")).events()
