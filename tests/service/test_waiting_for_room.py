"""Who submits where there is no room is refused with the cause, or waits by choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from attrs import evolve

from pywats_trio import NotReady, QueueFull, QueueOptions
from pywats_trio.errors import StoreError
from pywats_trio.observe.board import Cause
from pywats_trio.queue.store import Topic
from tests.leaks import nothing_left
from tests.service.embedding import HANG, body, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pywats_trio import Item
    from tests.service.embedding import Running

ONE = QueueOptions(max_items=1)


@pytest.fixture(autouse=True)
def clean(tmp_path: Path) -> Iterator[None]:
    with nothing_left(tmp_path):
        yield


class Client:
    """Submits and waits for room; `outcome` is what came of it."""

    def __init__(self, here: Running, given: bytes | Path) -> None:
        self._here = here
        self._given = given
        self.outcome: Item | Exception | None = None
        self.ended = trio.Event()

    async def run(self) -> None:
        try:
            self.outcome = await self._here.service.submit(self._given, wait_for_room=True)
        except (NotReady, StoreError) as error:
            self.outcome = error
        self.ended.set()

    async def until_ended(self) -> None:
        with trio.fail_after(10):
            await self.ended.wait()


def given(kind: str, folder: Path) -> bytes | Path:
    """A report, or a file with one."""
    if kind == "report":
        return body(7)
    (folder / "unit.json").write_bytes(body(7))
    return folder / "unit.json"


@pytest.mark.parametrize("kind", ["report", "file"])
async def test_who_waits_is_accepted_when_there_is_room(kind: str, tmp_path: Path) -> None:
    async with running(tmp_path, HANG, queue=ONE) as here, trio.open_nursery() as nursery:
        first = await here.service.submit(body(1))
        with pytest.raises(QueueFull):
            await here.service.submit(given(kind, tmp_path))
        client = Client(here, given(kind, tmp_path))
        nursery.start_soon(client.run)
        await trio.testing.wait_all_tasks_blocked()
        assert not client.ended.is_set()
        here.server.faults.clear()
        assert (await here.service.wait(first.id)).delivered
        await client.until_ended()
        assert not isinstance(client.outcome, Exception)
        assert client.outcome is not None
        assert (await here.service.wait(client.outcome.id)).delivered


async def test_of_many_that_wait_no_more_are_accepted_than_there_is_room(tmp_path: Path) -> None:
    async with running(tmp_path, HANG, queue=ONE) as here, trio.open_nursery() as nursery:
        await here.service.submit(body(1))
        clients = [Client(here, body(number)) for number in range(2, 7)]
        for client in clients:
            nursery.start_soon(client.run)
        await trio.testing.wait_all_tasks_blocked()
        config = here.service.config
        await here.service.reload(evolve(config, queue=evolve(config.queue, max_items=4)))
        with trio.fail_after(10):
            while sum(client.ended.is_set() for client in clients) < 3:
                await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()
        assert sum(client.ended.is_set() for client in clients) == 3
        here.server.faults.clear()
        for client in clients:
            await client.until_ended()


@pytest.mark.parametrize("cause", [Cause.DISK, Cause.MEMORY])
async def test_disk_and_memory_are_waited_for_too(cause: Cause, tmp_path: Path) -> None:
    """Here by hand; that they are seen is shown where they are watched."""
    async with running(tmp_path) as here, trio.open_nursery() as nursery:
        here.service.board.begin(cause, "", "too little is left")
        with pytest.raises(QueueFull, match="too little is left; try again later, or"):
            await here.service.submit(body(1))
        client = Client(here, body(1))
        nursery.start_soon(client.run)
        await trio.testing.wait_all_tasks_blocked()
        assert not client.ended.is_set()
        here.service.board.end(cause)
        store = here.service._at_work().store  # noqa: SLF001 - what the watch rings
        store.bell(Topic.ROOM).ring()
        await client.until_ended()
        assert not isinstance(client.outcome, Exception)


async def test_cancelling_the_wait_leaves_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, HANG, queue=ONE) as here:
        first = await here.service.submit(body(1))
        with trio.move_on_after(0.05) as scope:
            await here.service.submit(body(2), wait_for_room=True)
        assert scope.cancelled_caught
        assert [item.id for item in await here.service.items()] == [first.id]
        here.server.faults.clear()
        assert (await here.service.wait(first.id)).delivered
        await here.service.submit(body(3))  # nobody has the place


async def test_a_pause_ends_the_wait(tmp_path: Path) -> None:
    async with running(tmp_path, HANG, queue=ONE) as here, trio.open_nursery() as nursery:
        await here.service.submit(body(1))
        client = Client(here, body(2))
        nursery.start_soon(client.run)
        await trio.testing.wait_all_tasks_blocked()
        await here.service.pause()
        await client.until_ended()
        assert isinstance(client.outcome, NotReady)
        assert "paused" in str(client.outcome)
        here.server.faults.clear()


async def test_a_stop_ends_the_wait_before_the_drain_is_over(tmp_path: Path) -> None:
    async with running(tmp_path, HANG, queue=ONE) as here, trio.open_nursery() as nursery:
        await here.service.submit(body(1))
        client = Client(here, body(2))
        nursery.start_soon(client.run)
        await trio.testing.wait_all_tasks_blocked()
        here.service.stop()
        await client.until_ended()
        assert isinstance(client.outcome, NotReady)
        assert here.service.state == "draining"  # a delivery is still in hand
        here.server.faults.clear()
        here.service.hurry()


async def test_without_room_to_wait_for_it_is_accepted_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as here:
        await here.service.wait_for_room()
        item = await here.service.submit(body(1), wait_for_room=True)
        assert (await here.service.wait(item.id)).delivered
