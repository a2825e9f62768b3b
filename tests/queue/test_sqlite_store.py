"""What is SQLite's own: opening, syncing, a full disk, a database that is not ours."""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import apsw
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from pywats_trio.errors import StartError, StoreDamaged, StoreError
from pywats_trio.model import Converted, Kind, Reason, State, Wait
from pywats_trio.observe.board import Board, Cause
from pywats_trio.queue.database import connect
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.loading import load
from pywats_trio.queue.migrate import LAYOUT
from pywats_trio.queue.order import Order
from pywats_trio.queue.sqlite_store import SqliteStore, open_store
from pywats_trio.queue.store import Topic
from tests.contract.kit import (
    PROBLEM,
    CancelAt,
    Clock,
    SqliteBench,
    a_file,
    a_report,
    assert_counts,
    some_files,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.queue.conftest import Disk, StuckThread


@pytest.mark.parametrize(("synchronous", "number"), [("full", 2), ("normal", 1)])
def test_the_writing_connection_syncs_as_configured(
    tmp_path: Path, synchronous: str, number: int
) -> None:
    for _ in ("new", "again"):
        with closing(connect(tmp_path / "queue.db", synchronous=synchronous)) as connection:
            assert connection.pragma("synchronous") == number
            assert connection.pragma("journal_mode") == "wal"


def test_each_page_reserves_room_for_a_checksum(tmp_path: Path) -> None:
    connect(tmp_path / "queue.db").close()
    assert (tmp_path / "queue.db").read_bytes()[20] == 8  # SQLite's file format, offset 20


@pytest.mark.parametrize("ahead", [0, 1])
def test_a_newer_layout_is_refused_in_one_sentence(tmp_path: Path, ahead: int) -> None:
    path = tmp_path / "queue.db"
    with closing(connect(path)) as connection:
        connection.pragma("user_version", LAYOUT + ahead)
    if ahead:
        with pytest.raises(StartError, match=f"layout {LAYOUT + 1}.*install that version again"):
            connect(path)
    else:
        connect(path).close()


def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    path.write_bytes(b"my shopping list\n" * 100)
    with pytest.raises(StoreDamaged, match=r"queue\.db: the queue's database is damaged"):
        connect(path)
    assert path.read_bytes() == b"my shopping list\n" * 100


@pytest.mark.parametrize("version", [0, 1])
def test_a_database_of_somebody_else_is_told_and_left_alone(tmp_path: Path, version: int) -> None:
    path = tmp_path / "queue.db"
    with closing(apsw.Connection(str(path))) as other:
        other.execute("CREATE TABLE theirs (x)")
        other.pragma("user_version", version)
    before = path.read_bytes()
    with pytest.raises(StoreDamaged, match="no queue of pywats-trio"):
        connect(path)
    assert path.read_bytes() == before


def test_a_start_that_was_cut_off_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    with closing(apsw.Connection(str(path))) as connection:
        connection.reserve_bytes("main", 8)
        connection.pragma("journal_mode", "wal")
    connect(path).close()
    assert path.read_bytes()[20] == 8


async def test_what_cannot_be_opened_is_a_start_error(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="cannot be opened"):
        async with open_store(tmp_path / "nowhere" / "queue.db"):
            pass
    with pytest.raises(StartError, match="cannot be opened"):
        async with open_desk(tmp_path / "none.db"):
            pass


async def test_a_table_that_is_missing_is_a_damage_and_salvaged(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    async with open_store(path) as store:
        await store.put(some_files(3))
    with closing(connect(path)) as connection:
        connection.execute("DROP TABLE totals")
    board = Board()
    async with open_store(path, board=board) as store:
        assert store.counts().unfinished == 3
    [condition] = board.held_up_by(Cause.STORE_DAMAGED)
    assert "no such table: totals" in condition.message


async def test_a_desk_that_cannot_read_says_so(bench: SqliteBench) -> None:
    async with bench.open(), bench.desk() as desk:
        with closing(apsw.Connection(str(bench.path))) as other:
            other.execute("DROP TABLE seen")
        with pytest.raises(StoreError, match="cannot be read"):
            await desk.seen("ict")


async def test_a_desk_pages_through_the_items(bench: SqliteBench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put(some_files(5))
        pages = [await desk.items(after=after, limit=2) for after in (0, 2, 4, 5)]
        assert [[item.id for item in page] for page in pages] == [[1, 2], [3, 4], [5], []]
        assert await desk.item(6) is None


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM items WHERE kind = 'file' AND converter = 'x' AND state = 'PENDING'"
        " ORDER BY rank, id LIMIT 1",
        "SELECT id FROM items WHERE kind = 'file' AND state = 'SUSPENDED' AND reason = 'retry'"
        " AND due_at <= 1 ORDER BY due_at",
        "SELECT min(due_at) FROM items WHERE kind = 'file' AND state = 'SUSPENDED'"
        " AND reason = 'retry'",
        "SELECT id FROM items WHERE state = 'FAILED' AND id BETWEEN 1 AND 9 ORDER BY id DESC",
        "SELECT id FROM items WHERE state = 'COMPLETED' AND finished_at < 1 ORDER BY finished_at",
        "SELECT id FROM items WHERE name = :x AND name <> ''",
        "SELECT seq FROM history WHERE item_id IS NULL AND seq > 0 ORDER BY seq LIMIT 1",
        "SELECT id FROM items WHERE state = 'PROCESSING' AND owner = 'x'",
        "SELECT id FROM items WHERE converter = 'x' AND putaway = 'pending' ORDER BY id LIMIT 1",
        "SELECT id FROM items WHERE id > 1 ORDER BY id LIMIT 1",
        "SELECT id FROM items WHERE serial_number = :x AND serial_number <> ''",
        "SELECT id FROM items WHERE report_id = :x AND report_id <> ''",
        "SELECT path FROM seen WHERE converter = 'x'",
        "SELECT seq FROM history WHERE item_id = 1 ORDER BY seq DESC LIMIT 1",
    ],
)
def test_what_is_asked_often_is_a_look_into_an_index(tmp_path: Path, sql: str) -> None:
    with closing(connect(tmp_path / "queue.db")) as connection:
        any_values: dict[str, str] = defaultdict(str)
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", any_values)]
    assert all(step.startswith("SEARCH") for step in plan), plan


async def test_a_full_disk_changes_nothing_and_heals_by_itself(
    bench: SqliteBench, disk: Disk
) -> None:
    outcome = Converted((a_report(b"x" * 500_000),), "ab")
    async with bench.open() as store:
        await store.put(some_files(3))
        [claim, _] = await store.claim(Kind.FILE, 2, "job")
        before = (bench.history(), bench.counted())
        disk.fill(bench.path.with_name("queue.db-wal"), room=100_000)
        for _ in range(2):
            with pytest.raises(StoreError, match="the queue's database refused"):
                await store.finish(claim, outcome)
        await store.note("still writing", {"small": "things"})
        assert (bench.history()[:-1], bench.counted()) == before
        assert_counts(bench, store)
        disk.free()
        assert await store.finish(claim, outcome) is State.COMPLETED
        assert_counts(bench, store)


async def test_a_disk_without_any_room_lets_the_store_close(bench: SqliteBench, disk: Disk) -> None:
    async with bench.open() as store:
        await store.put(some_files(1))
        disk.fill(bench.path.with_name("queue.db-wal"))
        with pytest.raises(StoreError):
            await store.put(some_files(3))
        assert_counts(bench, store)
    disk.free()
    assert bench.counted() == {(Kind.FILE, State.PENDING): 1}
    async with bench.open() as store:
        assert await store.recover() == 0


async def test_a_reader_in_the_middle_does_not_hold_up_the_end(bench: SqliteBench) -> None:
    async with bench.open() as store:
        await store.put(some_files(3))
        reader = apsw.Connection(str(bench.path))
        rows = reader.execute("SELECT * FROM items")
        next(rows)
        await store.put([a_report()])
    for thread in threading.enumerate():
        if thread.name == "pywats-trio-store":
            thread.join(1)  # half a second is what it waits for the reader
            assert not thread.is_alive()
    rows.close()
    reader.close()
    async with bench.open() as store:
        assert store.counts().unfinished == 4


async def test_an_idle_store_is_not_asked(bench: SqliteBench) -> None:
    async with bench.open() as store:
        assert isinstance(store, SqliteStore)
        assert await store.claim(Kind.FILE, 9, "job") == []
        commits = store.statistics.commits
        for _ in range(5):
            assert await store.claim(Kind.FILE, 9, "job") == []
        assert store.statistics.commits == commits
        assert store.statistics.cpu_seconds > 0


async def test_64_callers_share_the_commits(bench: SqliteBench) -> None:
    async def life(n: int) -> None:
        await store.put([a_file(f"/in/{n}", inode=n)])
        [claim] = await store.claim(Kind.FILE, 1, "job")
        await store.finish(claim, Converted((a_report(),), "ab"))

    async with bench.open() as store:
        assert isinstance(store, SqliteStore)
        async with trio.open_nursery() as nursery:
            for n in range(64):
                nursery.start_soon(life, n)
        assert store.statistics.operations == 192
        assert store.statistics.commits < 192 / 4
        assert_counts(bench, store)


async def test_many_verbs_in_one_transaction_are_one_sequence(
    bench: SqliteBench, stuck: StuckThread
) -> None:
    clock = HeldUp()
    async with bench.open(clock=clock) as store:
        assert isinstance(store, SqliteStore)
        await store.put(some_files(3))
        await store.claim(Kind.FILE, 2, "job")
        commits = store.statistics.commits
        clock.thread = stuck
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.note, "alone", {})
            await stuck.begun()
            for verb in (
                partial(store.note, "one", {}),
                partial(store.recover, "job"),
                partial(store.put, [a_report()]),
                partial(store.claim, Kind.FILE, 9, "job"),
                partial(store.recover, None),
                partial(store.note, "last", {}),
            ):
                nursery.start_soon(verb)
                await wait_all_tasks_blocked()
            stuck.let_go()
        assert store.statistics.commits == commits + 2
        assert_counts(bench, store)
    history = bench.history()
    assert [entry.seq for entry in history] == list(range(1, len(history) + 1))
    assert [entry.event for entry in history[5:]] == [
        "alone",
        "one",
        *["recovered"] * 2,
        "stored",
        *["claimed"] * 3,
        *["recovered"] * 3,
        "last",
    ]


# --- cancellation ------------------------------------------------------------------------------


async def test_a_claim_cancelled_at_any_step_leaves_nothing_in_nobodys_hand(
    bench: SqliteBench,
) -> None:
    async with bench.open() as store:
        await store.put(some_files(3))
        claims = None
        for n in range(1, 50):
            with trio.CancelScope() as scope:
                instrument = CancelAt(n, scope)
                trio.lowlevel.add_instrument(instrument)
                claims = await store.claim(Kind.FILE, 2, "job")
            trio.lowlevel.remove_instrument(instrument)
            assert_counts(bench, store)
            if not scope.cancelled_caught:
                break
            assert claims is None
            assert bench.counted() == {(Kind.FILE, State.PENDING): 3}
        assert claims is not None
        assert len(claims) == 2
        assert n > 1
        assert bench.history(1)[-2].event == "released"


async def test_a_claim_that_was_cancelled_before_takes_nothing(bench: SqliteBench) -> None:
    async with bench.open() as store:
        await store.put(some_files(3))
        with trio.CancelScope() as scope:
            scope.cancel()
            await store.claim(Kind.FILE, 2, "job")
        assert scope.cancelled_caught
        assert bench.counted() == {(Kind.FILE, State.PENDING): 3}
        assert_counts(bench, store)


@pytest.mark.parametrize("verb", ["put", "finish", "recover", "note", "forget"])
async def test_every_other_verb_is_done_once_it_was_asked_for(
    bench: SqliteBench, verb: str
) -> None:
    async with bench.open() as store:
        await store.put(some_files(1))
        [claim] = await store.claim(Kind.FILE, 1, "job")
        rows = len(bench.history())
        returned = False
        with trio.CancelScope() as scope:
            instrument = CancelAt(1, scope)
            trio.lowlevel.add_instrument(instrument)
            match verb:
                case "put":
                    await store.put([a_report()])
                case "finish":
                    await store.finish(claim, Wait(1.0, Reason.RETRY, PROBLEM))
                case "recover":
                    await store.recover()
                case "note":
                    await store.note("x", {})
                case "forget":
                    await store.forget(["/in/0.txt"])
            returned = True
            await trio.lowlevel.checkpoint()
        trio.lowlevel.remove_instrument(instrument)
        assert returned
        assert scope.cancelled_caught
        assert_counts(bench, store)
        assert len(bench.history()) == rows + (verb != "forget")


class HeldUp(Clock):
    """A clock that keeps the writer's thread waiting once it is told to."""

    thread: StuckThread | None = None

    def __call__(self) -> float:
        if self.thread is not None:
            self.thread()
        return super().__call__()


async def test_a_claim_committed_too_late_is_given_back(
    bench: SqliteBench, stuck: StuckThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = HeldUp()
    async with bench.open(clock=clock) as store:
        await store.put(some_files(2))
        clock.thread = stuck
        monkeypatch.setattr("pywats_trio.queue.writer.CANCELLED_SECONDS", 0.02)
        with trio.CancelScope() as scope:
            scope.cancel()
            await store.claim(Kind.FILE, 2, "job")
        assert scope.cancelled_caught
        monkeypatch.undo()
        ticket = store.bell(Topic.FILE).ticket()
        stuck.let_go()
        await ticket.wait()
        assert bench.counted() == {(Kind.FILE, State.PENDING): 2}
        assert_counts(bench, store)
        assert [entry.event for entry in bench.history(1)] == ["accepted", "claimed", "released"]


async def test_a_cancelled_claim_that_cannot_be_given_back_is_found_by_recover(
    bench: SqliteBench, arm: Callable[[str], None]
) -> None:
    async with bench.open() as store:
        await store.put(some_files(2))
        arm("store.before_commit=raise@2")  # the claim's commit is the first
        with trio.CancelScope() as scope:
            scope.cancel()
            await store.claim(Kind.FILE, 2, "job")
        assert scope.cancelled_caught
        assert bench.counted() == {(Kind.FILE, State.PROCESSING): 2}
        assert_counts(bench, store)
        assert await store.recover("job") == 2


def test_what_was_not_committed_is_gone_after_a_crash(tmp_path: Path) -> None:
    loaded = load(tmp_path / "queue.db", "full", 100, Order(), 0.0)
    connection, books = loaded.connection, loaded.books
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO seen VALUES (x'00', 'x', 1, 1, 1, 1)")
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in tmp_path.glob("queue.db*"):
        (copy / file.name).write_bytes(file.read_bytes())
    connection.close()
    assert books.counts.unfinished == 0
    with closing(connect(copy / "queue.db")) as crashed:
        assert crashed.execute("SELECT count(*) FROM seen").get == 0
