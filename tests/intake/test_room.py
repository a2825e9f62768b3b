"""Back-pressure at, below and above the mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.intake.room import Room
from pywats_trio.model import Converted, Envelope, Kind

if TYPE_CHECKING:
    from tests.intake.conftest import Site


async def fill(site: Site, count: int) -> None:
    await site.store.put([Envelope(Kind.REPORT, "c", "x", payload=b"{}") for _ in range(count)])


async def finish(site: Site, count: int) -> None:
    for claim in await site.store.claim(Kind.FILE, count, "test"):
        await site.store.finish(claim, Converted((), "00"))


async def room_now(room: Room, most: int = 256) -> int:
    with trio.move_on_after(0):
        async with room.reserved(most) as count:
            return count
    return 0


@pytest.mark.parametrize(("unfinished", "expected"), [(0, 10), (9, 1), (10, 0), (11, 0)])
async def test_there_is_room_up_to_the_mark_and_none_beyond(
    site: Site, unfinished: int, expected: int
) -> None:
    await fill(site, unfinished)
    room = Room(site.store, 10)
    assert await room_now(room) == expected
    assert room.full is (expected == 0)


async def test_without_a_mark_there_is_always_room(site: Site) -> None:
    await fill(site, 50)
    assert await room_now(Room(site.store, 0), 7) == 7


async def test_a_stopped_intake_goes_on_below_nine_tenths(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(20):
        await site.store.put([Envelope(Kind.FILE, "c", f"/{number}")])
    room = Room(site.store, 20)
    assert await room_now(room) == 0
    await finish(site, 2)  # 18 of 20: nine tenths, still stopped
    assert await room_now(room) == 0
    await finish(site, 1)
    assert await room_now(room) == 3
    told = capsys.readouterr().out
    assert told.count("intake stopped") == 1
    assert told.count("intake resumed") == 1


async def test_folders_together_never_take_more_than_there_is_room(site: Site) -> None:
    room = Room(site.store, 10)
    async with room.reserved(8) as first:
        assert first == 8
        async with room.reserved(8) as second:
            assert second == 2
            assert await room_now(room) == 0
    assert await room_now(room, 8) == 8


async def test_who_waits_for_room_is_woken_when_another_gives_his_back(site: Site) -> None:
    room = Room(site.store, 10)
    got: list[int] = []

    async def wait() -> None:
        async with room.reserved(10) as count:
            got.append(count)

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery, room.reserved(10):
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            assert got == []
    assert got == [10]


async def test_intake_stops_at_the_mark_and_takes_the_rest_when_there_is_room(site: Site) -> None:
    for number in range(25):
        (site.folder / f"{number}.json").write_bytes(b"{}")
    async with site.watching(site.watch(room=Room(site.store, 10))):
        for taken in (10, 20, 25):
            assert len(await site.items(taken)) == taken
            assert site.store.counts().unfinished <= 10
            await finish(site, 10)
