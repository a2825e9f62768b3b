"""A disk that fills up and empties again: what stops, what is kept, and that it heals."""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import define, evolve

from pywats_trio.config.options import MIB, QueueOptions
from pywats_trio.errors import StoreError
from pywats_trio.model import Converted, Kind, State
from pywats_trio.observe.board import Board, Cause
from pywats_trio.observe.resources import Resources
from pywats_trio.queue.store import Topic
from pywats_trio.service import diskwatch as module
from pywats_trio.service.diskwatch import DiskWatch
from tests.contract.kit import SqliteBench, a_report, some_files
from tests.queue.conftest import Disk, arm, disk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from pywats_trio.queue.store import Store

__all__ = ["arm", "disk"]  # fixtures

FLOOR = 400 * MIB
SIZE = MIB


class Space(Resources):
    """A disk with as much room as the test says."""

    free = 0
    total = 10_000 * MIB

    def look(self, data_dir: Path, database: Path) -> None:
        super().look(data_dir, database)
        self.disk_free_bytes, self.disk_total_bytes = self.free, self.total


@define
class Watched:
    """The watch over a store, taken step by step."""

    store: Store
    board: Board
    space: Space
    folder: Path
    options: QueueOptions
    watch: DiskWatch

    async def see(self, free: int) -> None:
        """A look, with so much free."""
        self.space.free = free
        await self.watch._once()  # noqa: SLF001 - its loop adds only the waiting

    @property
    def told(self) -> tuple[str, str]:
        """Message and hint of what holds the service up for its disk."""
        found = self.board.held_up_by(Cause.DISK)
        return (found[0].message, found[0].hint) if found else ("", "")

    @property
    def stopped(self) -> tuple[bool, bool]:
        """Whether the intake is, and claiming."""
        return bool(self.board.held_up_by(Cause.DISK)), not self.store.claimable

    def reserve(self) -> int | None:
        """The size of the file; None: there is none."""
        file = self.folder / "queue.reserve"
        return file.stat().st_size if file.exists() else None


@pytest.fixture
def bench(tmp_path: Path) -> SqliteBench:
    return SqliteBench(tmp_path / "queue.db")


@asynccontextmanager
async def watched(bench: SqliteBench, reserve: int = 0) -> AsyncIterator[Watched]:
    space = Space()
    board = Board(resources=space)
    options = QueueOptions(min_free_disk=FLOOR, reserve=reserve)
    folder = bench.path.parent
    async with bench.open(board=board) as store:
        watch = DiskWatch(store, board, folder, bench.path, lambda: here.options)
        here = Watched(store, board, space, folder, options, watch)
        yield here


# The two floors


@pytest.mark.parametrize(
    ("free", "stopped"),
    [
        (FLOOR + 1, (False, False)),
        (FLOOR, (False, False)),
        (FLOOR - 1, (True, False)),
        (FLOOR // 4, (True, False)),
        (FLOOR // 4 - 1, (True, True)),
        (0, (True, True)),
    ],
)
async def test_at_below_and_above_each_floor(
    bench: SqliteBench, free: int, stopped: tuple[bool, bool]
) -> None:
    async with watched(bench) as here:
        await here.see(free)
        assert here.stopped == stopped


@pytest.mark.parametrize(
    ("free", "stopped"),
    [
        (FLOOR * 11 // 10, (False, False)),
        (FLOOR * 11 // 10 - 1, (True, False)),
        (FLOOR // 4 * 11 // 10, (True, False)),
        (FLOOR // 4 * 11 // 10 - 1, (True, True)),
    ],
)
async def test_what_has_stopped_goes_on_a_tenth_above_its_floor(
    bench: SqliteBench, free: int, stopped: tuple[bool, bool]
) -> None:
    async with watched(bench) as here:
        await here.see(0)
        await here.see(free)
        assert here.stopped == stopped


async def test_without_a_floor_nothing_stops(bench: SqliteBench) -> None:
    async with watched(bench) as here:
        here.options = evolve(here.options, min_free_disk=0)
        await here.see(0)
        assert here.stopped == (False, False)


async def test_another_floor_holds_from_the_next_look_on(bench: SqliteBench) -> None:
    async with watched(bench) as here:
        await here.see(FLOOR - 1)
        assert here.stopped == (True, False)
        assert "less than 400MiB are free" in here.told[0]
        here.options = evolve(here.options, min_free_disk=FLOOR // 2)
        await here.see(FLOOR - 1)
        assert here.stopped == (False, False)
        here.options = evolve(here.options, min_free_disk=2 * FLOOR)
        await here.see(FLOOR - 1)
        assert here.stopped == (True, False)


async def test_what_is_the_matter_and_what_to_do_is_told(
    bench: SqliteBench, capsys: pytest.CaptureFixture[str]
) -> None:
    async with watched(bench) as here:
        for free in (FLOOR - 1, FLOOR - 2):
            await here.see(free)
        message, hint = here.told
        assert message == "less than 400MiB are free on the disk of data_dir"
        assert hint == "files wait in their folders; make room on it, and all goes on by itself"
        await here.see(0)
        message, hint = here.told
        assert message == "less than 100MiB are free on the disk of data_dir"
        assert "nothing new is converted or sent" in hint
        await here.see(2 * FLOOR)
        assert here.told == ("", "")
    log = capsys.readouterr().out
    events = ("intake stopped", "everything stopped", "work resumed", "intake resumed")
    assert [log.count(event) for event in events] == [1, 1, 1, 0]


@pytest.mark.parametrize(("total", "never"), [(439, True), (440, False)])
async def test_a_floor_that_the_disk_can_never_reach_is_told(
    bench: SqliteBench, total: int, never: bool
) -> None:
    async with watched(bench) as here:
        here.space.total = total * MIB
        await here.see(0)
        told = f"this disk has {total} MiB in all, so it can never have as much free: lower queue."
        assert (told in here.told[1]) is never


async def test_who_waits_is_woken_when_there_is_room_again(bench: SqliteBench) -> None:
    async with watched(bench) as here:
        await here.see(0)
        tickets = [here.store.bell(t).ticket() for t in (Topic.FILE, Topic.REPORT, Topic.ROOM)]
        await here.see(2 * FLOOR)
        with trio.fail_after(5):
            for ticket in tickets:
                await ticket.wait()


async def test_a_disk_that_cannot_be_looked_at_changes_nothing(bench: SqliteBench) -> None:
    async with watched(bench) as here:
        here.space.free = None  # type: ignore[assignment] # as before the first look
        await here.watch._once()  # noqa: SLF001
        assert here.stopped == (False, False)


# The reserve


@pytest.mark.parametrize(("beyond", "made"), [(-1, None), (0, SIZE), (1, SIZE)])
async def test_the_reserve_is_made_where_the_floor_is_kept_beside_it(
    bench: SqliteBench, beyond: int, made: int | None
) -> None:
    async with watched(bench, SIZE) as here:
        await here.see(FLOOR + SIZE + beyond)
        assert here.reserve() == made
        assert here.board.resources.reserve_bytes == (made or 0)


async def test_the_reserve_counts_as_used_whether_it_is_there_or_not(bench: SqliteBench) -> None:
    async with watched(bench, SIZE) as here:
        await here.see(FLOOR + SIZE)
        await here.see(FLOOR)  # what it took is taken
        assert (here.reserve(), here.stopped) == (SIZE, (False, False))
        await here.see(FLOOR // 4 - 1)
        assert (here.reserve(), here.stopped) == (None, (True, True))
        await here.see(FLOOR // 4 - 1 + SIZE)  # what it gave is there to be used
        assert (here.reserve(), here.stopped) == (None, (True, True))


async def test_the_reserve_comes_back_with_the_room(bench: SqliteBench) -> None:
    async with watched(bench, SIZE) as here:
        await here.see(2 * FLOOR)
        await here.see(0)
        assert here.reserve() is None
        await here.see(FLOOR // 2)
        assert (here.reserve(), here.stopped) == (None, (True, False))
        await here.see(2 * FLOOR)
        assert (here.reserve(), here.stopped) == (SIZE, (False, False))


@pytest.mark.parametrize(
    ("size", "free", "then"),
    [
        (2 * SIZE, 2 * FLOOR, 2 * SIZE),
        (2 * SIZE, FLOOR // 2, SIZE),
        (SIZE // 2, FLOOR // 2, SIZE // 2),
        (0, FLOOR // 2, None),
    ],
)
async def test_another_size_is_in_effect_at_the_next_look_if_there_is_room(
    bench: SqliteBench, size: int, free: int, then: int | None
) -> None:
    async with watched(bench, SIZE) as here:
        await here.see(2 * FLOOR)
        here.options = evolve(here.options, reserve=size)
        await here.see(free)
        assert here.reserve() == then


async def test_a_reserve_that_somebody_removed_is_made_again(bench: SqliteBench) -> None:
    async with watched(bench, SIZE) as here:
        await here.see(2 * FLOOR)
        (here.folder / "queue.reserve").unlink()
        await here.see(2 * FLOOR)
        assert here.reserve() == SIZE


async def test_a_reserve_that_cannot_be_made_is_told_once_and_tried_on(
    bench: SqliteBench, disk: Disk, capsys: pytest.CaptureFixture[str]
) -> None:
    async with watched(bench, 100 * MIB) as here:
        disk.fill(bench.path, room=MIB)
        for _ in range(3):
            await here.see(2 * FLOOR)
        assert (here.reserve(), here.stopped) == (None, (False, False))
        disk.free()
        await here.see(2 * FLOOR)
        assert here.reserve() == 100 * MIB
    assert capsys.readouterr().out.count("the reserve cannot be made") == 1


# Commits that fail


async def outcome_refused(here: Watched, bench: SqliteBench, disk: Disk, room: int) -> None:
    """A conversion whose outcome is larger than the `room` that there is."""
    await here.store.put(some_files(3))
    [claim] = await here.store.claim(Kind.FILE, 1, "job")
    disk.fill(bench.path.with_name("queue.db-wal"), room=room)
    with pytest.raises(StoreError):
        await here.store.finish(claim, Converted((a_report(b"x" * 900_000),), "ab"))


async def test_a_commit_that_wants_room_frees_the_reserve_at_once(
    bench: SqliteBench, disk: Disk
) -> None:
    async with watched(bench, 4096) as here:
        await here.see(2 * FLOOR)
        worth_a_try = here.store.bell(Topic.DISK).ticket()
        async with trio.open_nursery() as nursery:
            await nursery.start(here.watch.run)
            await trio.testing.wait_all_tasks_blocked()
            await outcome_refused(here, bench, disk, room=0)
            with trio.fail_after(0.9):  # sooner than by looking once a second
                await worth_a_try.wait()
            assert here.reserve() is None
            nursery.cancel_scope.cancel()


async def test_after_a_commit_that_wanted_room_nothing_is_claimed_until_one_succeeds(
    bench: SqliteBench, disk: Disk
) -> None:
    async with watched(bench, 4096) as here:
        await here.see(2 * FLOOR)
        await outcome_refused(here, bench, disk, room=0)
        await here.see(2 * FLOOR)
        assert (here.reserve(), here.stopped) == (None, (True, True))
        assert here.told[0] == "the disk of data_dir has no room for a commit"
        await here.see(2 * FLOOR)  # tried, in vain
        assert here.board.held_up_by(Cause.STORE)
        assert here.stopped == (True, True)
        disk.free()
        for _ in range(2):  # nobody else asks for a commit
            await here.see(2 * FLOOR)
        assert not here.board.conditions
        assert (here.reserve(), here.stopped) == (4096, (False, False))
        assert bench.history()[-1].event == "queue writable"


async def test_a_quota_that_no_look_shows_holds_until_the_reserve_fits_again(
    bench: SqliteBench, disk: Disk
) -> None:
    async with watched(bench, 8 * MIB) as here:
        await here.see(2 * FLOOR)
        await outcome_refused(here, bench, disk, room=200_000)
        await here.see(2 * FLOOR)
        await here.store.note("a small commit", {})  # as an outcome that fits now
        assert not here.board.held_up_by(Cause.STORE)
        for _ in range(3):
            await here.see(2 * FLOOR)
            assert (here.reserve(), here.stopped) == (None, (True, True))
        disk.free()
        await here.see(2 * FLOOR)
        assert (here.reserve(), here.stopped) == (8 * MIB, (False, False))


async def test_room_between_the_floors_lets_work_go_on_without_the_reserve(
    bench: SqliteBench, disk: Disk
) -> None:
    async with watched(bench, 4096) as here:
        await here.see(2 * FLOOR)
        await outcome_refused(here, bench, disk, room=0)
        await here.see(0)
        disk.free()
        for _ in range(2):
            await here.see(FLOOR // 2)
        assert not here.board.held_up_by(Cause.STORE)
        assert (here.reserve(), here.stopped) == (None, (True, False))


async def test_another_failure_stops_no_claim_and_ends_without_traffic(
    bench: SqliteBench, arm: Callable[[str], None]
) -> None:
    async with watched(bench, 4096) as here:
        await here.see(2 * FLOOR)
        arm("store.before_commit=raise@1-2")
        with pytest.raises(StoreError):
            await here.store.put([a_report()])
        await here.see(2 * FLOOR)  # its probe fails, too
        assert here.board.held_up_by(Cause.STORE)
        assert (here.reserve(), here.stopped) == (4096, (False, False))
        await here.see(2 * FLOOR)
        assert not here.board.conditions
        assert here.store.counts().of(Kind.REPORT, State.PENDING) == 0


# A disk that hangs


class Hanging(Resources):
    """A disk that answers nobody until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def look(self, data_dir: Path, database: Path) -> None:
        assert self.go.wait(20), "nobody let the disk go"
        super().look(data_dir, database)


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    one = Hanging()
    yield one
    one.go.set()


async def test_a_disk_that_hangs_holds_up_neither_start_nor_end(
    bench: SqliteBench, hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_LOOK_SECONDS", 0.05)
    board = Board(resources=hanging)
    async with bench.open(board=board) as store:
        watch = DiskWatch(store, board, bench.path.parent, bench.path, QueueOptions)
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                await nursery.start(watch.run)
                await trio.testing.wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
        assert board.resources.disk_free_bytes is None


async def test_what_the_first_look_sees_holds_before_anything_starts(bench: SqliteBench) -> None:
    async with watched(bench, SIZE) as here, trio.open_nursery() as nursery:
        here.space.free = FLOOR // 4
        await nursery.start(here.watch.run)
        assert here.stopped == (True, True)
        nursery.cancel_scope.cancel()
