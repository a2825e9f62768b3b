"""Back-pressure at, below and above the mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.errors import QueueFull
from pywats_trio.intake.room import Room
from pywats_trio.model import Converted, Delivered, Envelope, Kind
from pywats_trio.observe.board import Board, Cause
from pywats_trio.queue.store import Topic

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


# Submitted files


@pytest.mark.parametrize("unfinished", [0, 9])
async def test_below_the_mark_there_is_a_place_for_a_submitted_file(
    site: Site, unfinished: int
) -> None:
    await fill(site, unfinished)
    with Room(site.store, 10).place():
        pass


@pytest.mark.parametrize("unfinished", [10, 11])
async def test_at_the_mark_a_submitted_file_is_refused(site: Site, unfinished: int) -> None:
    await fill(site, unfinished)
    room = Room(site.store, 10)
    told = r"mark of 10 unfinished items; .*raise queue\.max_items"
    with pytest.raises(QueueFull, match=told), room.place():
        raise AssertionError("there is no room")
    assert room.full


async def test_places_that_are_taken_count_until_they_are_given_back(site: Site) -> None:
    room = Room(site.store, 2)
    with room.place(), room.place():
        with pytest.raises(QueueFull), room.place():
            raise AssertionError("both are taken")
        assert not room.full
        assert await room_now(room) == 0
    assert await room_now(room) == 2


async def test_a_place_is_given_back_when_its_file_is_refused(site: Site) -> None:
    room = Room(site.store, 1)
    with pytest.raises(ValueError, match="no report"), room.place():
        raise ValueError("no report")
    assert await room_now(room) == 1


# Pausing, and another mark


async def test_in_a_pause_no_folder_gets_room_and_all_do_at_its_end(site: Site) -> None:
    room = Room(site.store, 10)
    room.pause()
    assert await room_now(room) == 0
    got: list[int] = []

    async def wait() -> None:
        async with room.reserved(4) as count:
            got.append(count)

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            assert got == []
            room.resume()
    assert got == [4]


async def test_a_higher_mark_wakes_who_waits(site: Site) -> None:
    await fill(site, 10)
    room = Room(site.store, 10)
    got: list[int] = []

    async def wait() -> None:
        async with room.reserved(100) as count:
            got.append(count)

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            assert got == []
            room.set_marks(12, 0)
    assert got == [2]


@pytest.mark.parametrize("mark", [0, 12])
async def test_another_mark_ends_what_the_former_one_began(site: Site, mark: int) -> None:
    await fill(site, 10)
    board = Board()
    room = Room(site.store, 10, board)
    assert await room_now(room) == 0
    assert [condition.cause for condition in board.conditions.values()] == [Cause.QUEUE_FULL]
    room.set_marks(mark, 0)
    assert (room.full, board.conditions) == (False, {})


async def test_a_lower_mark_holds_at_once(site: Site) -> None:
    await fill(site, 10)
    board = Board()
    room = Room(site.store, 100, board)
    room.set_marks(10, 0)
    assert room.full
    assert (Cause.QUEUE_FULL, "") in board.conditions


async def test_that_there_is_room_again_is_noticed_while_nobody_wants_any(site: Site) -> None:
    for number in range(10):
        await site.store.put([Envelope(Kind.FILE, "c", f"/{number}")])
    board = Board()
    room = Room(site.store, 10, board)
    changed = trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(room.run)
        with pytest.raises(QueueFull), room.place():
            raise AssertionError("there is no room")
        assert board.conditions
        board.changed = changed.set
        await finish(site, 1)  # nine tenths
        await trio.testing.wait_all_tasks_blocked()
        assert room.full
        await finish(site, 1)
        with trio.fail_after(5):
            await changed.wait()
        nursery.cancel_scope.cancel()
    assert (room.full, board.conditions) == (False, {})


# Bytes


async def store_bytes(site: Site, count: int) -> None:
    await site.store.put([Envelope(Kind.REPORT, "c", "x", payload=b"x" * count)])


@pytest.mark.parametrize(("stored", "expected"), [(0, 7), (999, 7), (1000, 0), (1001, 0)])
async def test_stored_bytes_stop_the_intake_at_their_mark(
    site: Site, stored: int, expected: int
) -> None:
    if stored:
        await store_bytes(site, stored)
    board = Board()
    room = Room(site.store, 0, board, max_bytes=1000)
    assert await room_now(room, 7) == expected
    assert room.full is (expected == 0)
    assert ((Cause.QUEUE_BYTES, "") in board.conditions) is room.full


@pytest.mark.parametrize(("left", "expected"), [(901, 0), (900, 0), (899, 7)])
async def test_an_intake_that_bytes_stopped_goes_on_below_nine_tenths(
    site: Site, left: int, expected: int
) -> None:
    await store_bytes(site, 1000 - left)
    await store_bytes(site, left)
    board = Board()
    room = Room(site.store, 0, board, max_bytes=1000)
    assert await room_now(room) == 0
    [first] = await site.store.claim(Kind.REPORT, 1, "test")
    await site.store.finish(first, Delivered(""))  # its payload goes
    assert site.store.counts().bytes == left
    assert await room_now(room, 7) == expected
    assert bool(board.conditions) is (expected == 0)


async def test_each_mark_is_told_by_itself(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    await store_bytes(site, 2048)
    board = Board()
    room = Room(site.store, 1, board, max_bytes=1024)
    assert await room_now(room) == 0
    told = {cause: one.message for (cause, _), one in board.conditions.items()}
    assert told == {
        Cause.QUEUE_FULL: "the queue is at its mark of 1 unfinished items",
        Cause.QUEUE_BYTES: "the queue is at its mark of 1KiB of stored reports",
    }
    room.set_marks(1, 0)
    assert [cause for cause, _ in board.conditions] == [Cause.QUEUE_FULL]
    assert room.full
    room.set_marks(0, 0)
    assert (room.full, board.conditions) == (False, {})
    log = capsys.readouterr().out
    assert (log.count("intake stopped"), log.count("intake resumed")) == (2, 2)


async def test_another_mark_that_is_still_reached_is_told_with_its_number(site: Site) -> None:
    await fill(site, 10)
    board = Board()
    room = Room(site.store, 10, board)
    assert await room_now(room) == 0
    since = board.conditions[Cause.QUEUE_FULL, ""].since
    room.set_marks(11, 0)
    condition = board.conditions[Cause.QUEUE_FULL, ""]
    assert "mark of 11" in condition.message
    assert condition.since == since


# Disk and memory


@pytest.mark.parametrize("cause", [Cause.DISK, Cause.MEMORY])
async def test_a_disk_or_a_memory_that_is_short_stops_the_intake(site: Site, cause: Cause) -> None:
    board = Board()
    room = Room(site.store, 0, board)
    board.begin(cause, "", "less than 5MiB are there")
    assert room.full
    got: list[int] = []

    async def wait() -> None:
        async with room.reserved(4) as count:
            got.append(count)

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            assert got == []
            board.end(cause)
            site.store.bell(Topic.ROOM).ring()
    assert got == [4]


@pytest.mark.parametrize(
    ("cause", "remedy"),
    [(Cause.DISK, "make room on the disk"), (Cause.MEMORY, "leave this machine more memory")],
)
async def test_who_submits_is_told_the_cause_and_what_helps(
    site: Site, cause: Cause, remedy: str
) -> None:
    board = Board()
    room = Room(site.store, 0, board)
    assert room.has_place()
    board.begin(cause, "", "less than 5MiB are there")
    assert not room.has_place()
    told = f"less than 5MiB are there; try again later, or {remedy}"
    with pytest.raises(QueueFull, match=told), room.place():
        raise AssertionError("there is no room")


@pytest.mark.parametrize("cause", [Cause.STORE, Cause.SERVER, Cause.CONVERTER])
async def test_what_else_holds_the_service_up_does_not(site: Site, cause: Cause) -> None:
    board = Board()
    board.begin(cause, "", "it is away")
    room = Room(site.store, 0, board)
    assert not room.full
    assert await room_now(room, 3) == 3


async def test_to_ask_for_a_place_takes_none(site: Site) -> None:
    room = Room(site.store, 1)
    assert room.has_place()
    assert room.has_place()
    with room.place():
        assert not room.has_place()
    assert await room_now(room) == 1


async def test_its_end_wakes_who_waits_outside(site: Site) -> None:
    room = Room(site.store, 1)
    async with trio.open_nursery() as nursery:
        await nursery.start(room.run)
        await trio.testing.wait_all_tasks_blocked()
        ticket = site.store.bell(Topic.ROOM).ticket()
        nursery.cancel_scope.cancel()
    with trio.fail_after(5):
        await ticket.wait()
