"""The keeper: what is old leaves in time, failed items as files, and free room goes back."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING

import apsw
import pytest
import trio
from attrs import evolve, frozen

from pywats_trio.config.options import QueueOptions
from pywats_trio.errors import StoreError
from pywats_trio.model import Converted, Delivered, Kind, State
from pywats_trio.queue import keeper as module
from pywats_trio.queue.actions import Remove
from pywats_trio.queue.aged import Pages
from pywats_trio.queue.checkpoint import checkpoint
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.keeper import FREE_PAGES, LONGEST_SLEEP, SHORTEST_SLEEP, WRITTEN, Keeper
from pywats_trio.queue.pace import LEAST, STEP_SECONDS, Pace
from pywats_trio.queue.selection import Selection
from pywats_trio.queue.sqlite_store import open_store
from pywats_trio.queue.store import PutAway, Topic
from tests.contract.kit import OUTCOMES, Clock, SqliteBench, a_file, a_report, assert_counts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from pywats_trio.model import Outcome
    from pywats_trio.queue.desk import SqliteDesk
    from pywats_trio.queue.sqlite_store import SqliteStore
    from tests.queue.conftest import Logged

DAY = 86_400.0
COMPLETED, FAILED = 7 * DAY, 90 * DAY
OPTIONS = QueueOptions(completed_retention=COMPLETED, failed_retention=FAILED)


@frozen
class House:
    """A queue, its keeper, and a clock that tests turn."""

    folder: Path
    store: SqliteStore
    desk: SqliteDesk
    clock: Clock
    options: list[QueueOptions]
    """The last one is in effect."""
    keeper: Keeper

    async def finish(self, outcome: Outcome, count: int = 1, payload: bytes = b"{}") -> list[int]:
        """Reports that come to this end; their ids."""
        put = await self.store.put(
            [a_report(payload, report_id=f"0b0e3a2c-{n:012}") for n in range(count)]
        )
        for claim in await self.store.claim(Kind.REPORT, count, "job"):
            await self.store.finish(claim, outcome)
        return [number for number in put if number is not None]

    @property
    def left(self) -> int:
        return sum(self.store.counts().by.values())

    def files(self) -> list[str]:
        folder = self.folder / "failed"
        return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


@asynccontextmanager
async def a_house(folder: Path, *, options: QueueOptions = OPTIONS) -> AsyncIterator[House]:
    clock, database = Clock(), folder / "queue.db"
    in_effect = [options]
    async with open_store(database, clock=clock) as store, open_desk(database) as desk:
        keeper = Keeper(store, desk, folder, lambda: in_effect[-1], clock)
        yield House(folder, store, desk, clock, in_effect, keeper)


@pytest.mark.parametrize(
    ("outcome", "retention"),
    [("delivered", COMPLETED), ("failed", FAILED), ("quarantined", FAILED)],
)
async def test_an_item_leaves_after_its_retention(
    tmp_path: Path, outcome: str, retention: float
) -> None:
    async with a_house(tmp_path) as house:
        await house.finish(OUTCOMES[outcome])
        for age, left in ((retention - 0.01, 1), (retention, 0), (retention + 0.01, 0)):
            house.clock.now = Clock().now + age
            removed = await house.keeper.sweep()
            assert house.left == left
            assert removed.items == int(age == retention)
            assert removed.failed == int(age == retention == FAILED)


async def test_more_than_one_step_holds_leave_in_one_sweep(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        for outcome in ("delivered", "failed"):
            await house.finish(OUTCOMES[outcome], 2 * module.ROWS + 1)
        for number in range(module.ROWS + 1):
            await house.store.note("turned", {"number": number})
        house.clock.now += FAILED
        removed = await house.keeper.sweep()
        assert (removed.items, removed.failed) == (4 * module.ROWS + 2, 2 * module.ROWS + 1)
        assert removed.events == module.ROWS + 1
        assert house.left == 0
        assert_counts(SqliteBench(tmp_path / "queue.db"), house.store)
        assert len(house.files()) == 2 * removed.failed
        told = SqliteBench(tmp_path / "queue.db").history()
        ids = [number for entry in told for number in json.loads(entry.message)["ids"]]
        assert len(set(ids)) == len(ids) == removed.failed
        assert len(told) == -(-removed.failed // WRITTEN)


# Failed items


async def test_a_failed_report_is_a_file_before_it_leaves(
    tmp_path: Path, arm: Callable[[str], None]
) -> None:
    body = b'{"pn": "\xc3\xa4",   "odd":1}'
    async with a_house(tmp_path) as house:
        [number] = await house.finish(OUTCOMES["failed"], payload=body)
        house.clock.now += FAILED
        arm("store.before_commit=raise")  # the row cannot be removed
        with pytest.raises(StoreError):
            await house.keeper.sweep()
        arm("")
        assert house.left == 1
        names = ["0b0e3a2c-000000000000.error.json", "0b0e3a2c-000000000000.wsjf"]
        assert house.files() == names
        before = {name: (tmp_path / "failed" / name).read_bytes() for name in names}
        assert before[names[1]] == body
        assert json.loads(before[names[0]])["item_id"] == number

        removed = await house.keeper.sweep()
        assert (removed.items, removed.failed, house.left) == (1, 1, 0)
        assert {name: (tmp_path / "failed" / name).read_bytes() for name in names} == before


async def test_a_folder_that_cannot_be_written_keeps_failed_items_and_no_others(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        await house.finish(OUTCOMES["failed"])
        await house.finish(OUTCOMES["delivered"])
        house.clock.now += FAILED
        (tmp_path / "failed").write_text("in the way")
        removed = await house.keeper.sweep()
        assert (removed.items, removed.failed, house.left) == (1, 0, 1)
        assert removed.why.startswith(f"{tmp_path}/failed: ")
        (tmp_path / "failed").unlink()
        assert (await house.keeper.sweep()).failed == 1
        assert house.left == 0


async def test_an_item_that_cannot_be_read_stays_until_it_can(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await house.finish(OUTCOMES["failed"], WRITTEN + 1)
        house.clock.now += FAILED
        with closing(apsw.Connection(str(tmp_path / "queue.db"))) as connection:
            connection.execute("ALTER TABLE payloads RENAME TO hidden")
            with trio.fail_after(20):
                removed = await house.keeper.sweep()
            assert (removed.failed, house.left, house.files()) == (0, WRITTEN + 1, [])
            assert removed.why.startswith(f"item {WRITTEN + 1}: ")
            connection.execute("ALTER TABLE hidden RENAME TO payloads")
        assert (await house.keeper.sweep()).failed == WRITTEN + 1


# When it sweeps


@pytest.mark.parametrize(
    ("retention", "finished_ago", "expected"),
    [
        (COMPLETED, None, LONGEST_SLEEP),
        (COMPLETED, 0.0, LONGEST_SLEEP),
        (COMPLETED, COMPLETED - 61.0, LONGEST_SLEEP),
        (10.0, None, 10.0),
        (10.0, 3.0, 7.0),
        (10.0, 9.9, SHORTEST_SLEEP),
        (100.0, 99.9, 1.0),
        (6001.0, 6000.9, LONGEST_SLEEP),
    ],
)
async def test_it_sleeps_until_something_can_be_due(
    tmp_path: Path, retention: float, finished_ago: float | None, expected: float
) -> None:
    options = evolve(OPTIONS, completed_retention=retention)
    async with a_house(tmp_path, options=options) as house:
        if finished_ago is not None:
            await house.finish(Delivered("thanks"))
            house.clock.now += finished_ago
        await house.keeper.sweep()
        assert house.keeper.sleep_seconds() == pytest.approx(expected, abs=1e-6)


async def test_a_failed_item_that_is_the_next_to_leave_ends_the_sleep(tmp_path: Path) -> None:
    options = evolve(OPTIONS, completed_retention=50.0, failed_retention=20.0)
    async with a_house(tmp_path, options=options) as house:
        await house.finish(OUTCOMES["failed"])
        house.clock.now += 8.0
        await house.keeper.sweep()
        assert house.keeper.sleep_seconds() == pytest.approx(12.0)


async def test_a_clock_that_is_set_makes_no_sleep_longer_than_a_minute(tmp_path: Path) -> None:
    options = evolve(OPTIONS, completed_retention=30.0)
    async with a_house(tmp_path, options=options) as house:
        await house.finish(Delivered("thanks"))
        await house.keeper.sweep()
        house.clock.now -= DAY
        assert house.keeper.sleep_seconds() == LONGEST_SLEEP
        house.clock.now += 3 * DAY
        assert house.keeper.sleep_seconds() == pytest.approx(0.3)
        assert (await house.keeper.sweep()).items == 1


async def test_after_a_clock_was_set_back_nothing_is_passed_over(tmp_path: Path) -> None:
    options = evolve(OPTIONS, completed_retention=30.0)
    async with a_house(tmp_path, options=options) as house:
        await house.finish(Delivered("thanks"))
        house.clock.now += 30.0
        assert (await house.keeper.sweep()).items == 1
        house.clock.now -= DAY
        await house.finish(Delivered("thanks"))  # before what the round has come to
        house.clock.now += 30.0
        assert (await house.keeper.sweep()).items == 1


async def test_a_quiet_house_is_left_alone(tmp_path: Path) -> None:
    """Nothing is due: not one transaction, so not one sync."""
    async with a_house(tmp_path) as house:
        await house.finish(Delivered("thanks"))
        await house.finish(OUTCOMES["failed"])
        await house.store.note("turned", {})
        before = house.store.statistics.commits
        await house.keeper.sweep()
        await house.keeper.give_back()
        assert house.store.statistics.commits == before


async def test_another_retention_is_in_effect_at_the_next_sweep(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await house.finish(Delivered("thanks"))
        await house.finish(OUTCOMES["failed"])
        house.clock.now += 60.0
        assert (await house.keeper.sweep()).items == 0
        house.options.append(evolve(OPTIONS, completed_retention=60.0))
        assert (await house.keeper.sweep()).items == 1
        house.options.append(evolve(OPTIONS, failed_retention=60.0))
        assert (await house.keeper.sweep()).failed == 1


async def test_what_had_to_stay_is_looked_at_again_in_the_next_round(tmp_path: Path) -> None:
    options = evolve(OPTIONS, completed_retention=30.0)
    async with a_house(tmp_path, options=options) as house:
        await house.store.put([a_file()])
        [claim] = await house.store.claim(Kind.FILE, 1, "job")
        await house.store.finish(claim, Converted((a_report(),), "ab"))
        await house.store.put_away([PutAway(claim.item.id, "")])
        house.clock.now += 30.0
        assert (await house.keeper.sweep()).items == 0
        await house.store.change(Selection(ids=(2,)), Remove(), "me")
        house.clock.now += 29.9
        assert (await house.keeper.sweep()).items == 0
        house.clock.now += 0.1
        assert (await house.keeper.sweep()).items == 1


async def test_the_part_sweeps_by_itself(tmp_path: Path) -> None:
    """By the wall clock of the machine: what it waits for is a quarter of a second away."""
    database = tmp_path / "queue.db"
    options = evolve(OPTIONS, completed_retention=0.1)
    async with open_store(database) as store, open_desk(database) as desk:
        await store.put([a_report(), a_report()])
        [claim] = await store.claim(Kind.REPORT, 1, "job")
        async with trio.open_nursery() as nursery:
            await nursery.start(Keeper(store, desk, tmp_path, lambda: options).run)
            await store.finish(claim, Delivered("thanks"))
            with trio.fail_after(10):
                while store.counts().of(Kind.REPORT, State.COMPLETED):
                    await store.bell(Topic.ROOM).ticket().wait()
            nursery.cancel_scope.cancel()
        assert store.counts().of(Kind.REPORT, *State) == 1


async def test_the_part_outlives_a_disk_that_takes_nothing(
    tmp_path: Path, arm: Callable[[str], None], logged: Logged
) -> None:
    async with a_house(tmp_path) as house, trio.open_nursery() as nursery:
        await house.finish(Delivered("thanks"))
        house.clock.now += COMPLETED
        arm("store.before_commit=raise")
        await nursery.start(house.keeper.run)
        await logged.wait_for("what is old cannot be removed")
        nursery.cancel_scope.cancel()
    assert logged.entries[-1]["level"] == "warning"


# Free room


@pytest.mark.parametrize(
    ("pages", "given"),
    [
        (Pages(4 * FREE_PAGES - 4, FREE_PAGES), 0),
        (Pages(4 * FREE_PAGES, FREE_PAGES + 1), FREE_PAGES + 1 - 299),
        (Pages(4 * FREE_PAGES + 4, FREE_PAGES + 1), 0),
        (Pages(100, 99), 0),
        (Pages(1_000_000, 900_000), 890_000),
        (Pages(0, 0), 0),
    ],
    ids=["too few", "enough", "too small a share", "a small file", "nearly all", "none"],
)
def test_much_that_is_free_is_given_back_but_for_a_little(pages: Pages, given: int) -> None:
    assert module._too_many(pages) == given  # noqa: SLF001 - a rule of its own


async def test_a_file_that_was_large_once_becomes_small_again(tmp_path: Path) -> None:
    database = tmp_path / "queue.db"
    async with a_house(tmp_path) as house:
        await house.finish(Delivered("thanks"), 30, payload=b"x" * 200_000)
        large = await house.desk.pages()
        assert large.free > FREE_PAGES
        await house.keeper.give_back()
        small = await house.desk.pages()
        used = large.total - large.free
        assert small.free == int(module.LITTLE_FREE * used)
        assert small.total <= used + small.free  # the list of the pages is shorter, too
        await house.keeper.give_back()  # now it is little
        assert await house.desk.pages() == small
        await house.keeper.give_back(everything=True)
        least = await house.desk.pages()
        assert least == Pages(small.total - small.free, 0)
        assert await checkpoint(database)
        assert database.stat().st_size == least.total * 4096
        assert database.with_name("queue.db-wal").stat().st_size == 0
        await house.finish(Delivered("thanks"), 30, payload=b"x" * 200_000)  # all is well with it


async def test_a_log_that_somebody_reads_is_not_cut_and_nobody_waits(tmp_path: Path) -> None:
    database = tmp_path / "queue.db"
    async with a_house(tmp_path) as house:
        await house.finish(Delivered("thanks"))
        with closing(apsw.Connection(str(database))) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM items")
            await house.finish(Delivered("thanks"))
            assert not await checkpoint(database)
            assert database.with_name("queue.db-wal").stat().st_size > 0
        assert await checkpoint(database)
        assert database.with_name("queue.db-wal").stat().st_size == 0


async def test_there_is_no_log_of_a_database_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        await checkpoint(tmp_path / "none.db")


# The pace


async def test_steps_shrink_on_a_slow_disk_and_grow_again(autojump_clock: trio.abc.Clock) -> None:
    pace = Pace(100)
    await pace.rest(STEP_SECONDS)
    assert pace.begin() == 100
    for size in (50, 25, 12, LEAST, LEAST):
        await pace.rest(STEP_SECONDS * 1.01)
        assert pace.begin() == size
    await pace.rest(STEP_SECONDS)
    await pace.rest(STEP_SECONDS / 4)
    assert pace.begin() == LEAST
    for size in (20, 40, 80, 100, 100):
        await pace.rest(STEP_SECONDS / 5)
        assert pace.begin() == size


@pytest.mark.parametrize(("took", "rest"), [(0.0, 0.0), (0.2, 0.2), (1.0, 1.0), (30.0, 1.0)])
async def test_a_step_is_followed_by_a_rest_as_long(
    autojump_clock: trio.abc.Clock, took: float, rest: float
) -> None:
    pace = Pace(100)
    pace.begin()
    await trio.sleep(took)
    before = trio.current_time()
    await pace.rest(0.0)
    assert trio.current_time() - before == pytest.approx(rest)
