"""Looking the whole queue through, while it is worked in."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import apsw
import pytest
import trio

from pywats_trio.config.options import SupervisionOptions
from pywats_trio.errors import StoreDamaged, StoreError
from pywats_trio.model import Delivered, Kind, State
from pywats_trio.observe.board import Board, Cause
from pywats_trio.queue.database import connect, open_reader
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.salvage import inspection
from pywats_trio.queue.salvage.aside import folders
from pywats_trio.queue.sqlite_store import open_store
from pywats_trio.queue.verify import PAGES_AT_ONCE, REPORTS_AT_ONCE, verify
from pywats_trio.service.supervise import Supervisor
from tests.contract.kit import a_report, assert_counts, some_files
from tests.queue.damaging import PAGE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pywats_trio.queue.sqlite_store import SqliteStore
    from tests.contract.kit import SqliteBench

WHO = "somebody"


@contextlib.asynccontextmanager
async def kept(path: Path, board: Board) -> AsyncIterator[SqliteStore]:
    """The store, open and kept running."""
    supervisor = Supervisor(SupervisionOptions(), board)
    async with open_store(path, board=board) as store, trio.open_nursery() as nursery:
        await supervisor.start(nursery, "store", store.run)
        yield store
        nursery.cancel_scope.cancel()


async def fill(store: SqliteStore, reports: int = 10) -> None:
    await store.put(some_files(3))
    await store.put([a_report(b"%d" % number * 2000) for number in range(reports)])


def change(path: Path, sql: str) -> None:
    with contextlib.closing(connect(path)) as other:
        other.execute(sql)


def spoil(path: Path, table: str) -> None:
    """A bit of a page of `table`, in the file."""
    with contextlib.closing(open_reader(path)) as reader:
        sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        page = int(reader.execute(sql, (table,)).get)
    spoil_page(path, page)


def spoil_page(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek(page * PAGE - 100)
        [byte] = file.read(1)
        file.seek(page * PAGE - 100)
        file.write(bytes([byte ^ 1]))


@pytest.mark.parametrize("reports", [0, 1, REPORTS_AT_ONCE, REPORTS_AT_ONCE + 1])
async def test_a_queue_that_is_whole(bench: SqliteBench, reports: int) -> None:
    async with open_store(bench.path) as store:
        if reports:
            await fill(store, reports)
        found = await verify(store, bench.path, WHO)
        assert found.whole
        assert found.items == (reports + 3 if reports else 0)
        assert found.reports == reports
        assert found.pages > 0
        assert_counts(bench, store)


async def test_every_page_is_looked_at(bench: SqliteBench) -> None:
    size = PAGE * (PAGES_AT_ONCE + 3)
    async with open_store(bench.path) as store:
        await store.put([a_report(b"x" * size)])
        change(bench.path, "PRAGMA wal_checkpoint(PASSIVE)")
        found = await verify(store, bench.path, WHO)
    assert found.whole
    assert found.pages > PAGES_AT_ONCE


async def test_a_page_of_zeros_is_bad_though_its_checksum_is_right(bench: SqliteBench) -> None:
    async with open_store(bench.path) as store:
        await store.put([a_report(b"x" * 9000)])
    last = bench.path.stat().st_size // PAGE
    with bench.path.open("r+b") as file:
        file.seek((last - 1) * PAGE)
        file.write(bytes(PAGE))
    async with open_store(bench.path) as store:
        assert (await verify(store, bench.path, WHO)).bad_pages == [last]


async def test_a_page_that_nobody_reads_is_not_bad(bench: SqliteBench) -> None:
    async with open_store(bench.path) as store:
        await store.put([a_report(b"x" * 90_000)])
        [claim] = await store.claim(Kind.REPORT, 1, "deliver")
        await store.finish(claim, Delivered("thanks"))
    spoil_page(bench.path, bench.path.stat().st_size // PAGE)
    async with open_store(bench.path) as store:
        assert (await verify(store, bench.path, WHO)).whole


async def test_a_report_that_is_damaged_is_quarantined_with_evidence(bench: SqliteBench) -> None:
    async with open_store(bench.path) as store, open_desk(bench.path) as desk:
        await fill(store)
        change(bench.path, "UPDATE payloads SET body = x'78' WHERE item_id = 5")
        change(bench.path, "DELETE FROM payloads WHERE item_id = 7")
        found = await verify(store, bench.path, WHO)
        assert found.damaged == [(5, State.PENDING), (7, State.PENDING)]
        assert (found.quarantined, found.whole, found.is_damaged) == (2, False, False)
        item = await desk.item(5)
        assert item is not None
        assert (item.state, item.error_kind) == (State.QUARANTINED, "damaged")
        assert "checksum differs" in item.last_error
        assert store.counts().of(Kind.REPORT, State.QUARANTINED) == 2
        again = await verify(store, bench.path, WHO)
        assert again.damaged == []


async def test_what_is_in_hand_or_delivered_is_left_alone(bench: SqliteBench) -> None:
    async with open_store(bench.path) as store:
        await store.put([a_report(), a_report(b"{}")])
        [first, _second] = await store.claim(Kind.REPORT, 2, "deliver")
        change(bench.path, "UPDATE payloads SET body = x'78'")
        await store.finish(first, Delivered("thanks"))
        found = await verify(store, bench.path, WHO)
        assert found.damaged == [(2, State.PROCESSING)]
        assert found.quarantined == 0


async def test_totals_that_are_wrong_are_told(bench: SqliteBench) -> None:
    async with open_store(bench.path) as store:
        await fill(store)
        change(bench.path, "UPDATE totals SET items = 4 WHERE kind = 'file'")
        found = await verify(store, bench.path, WHO)
    assert found.miscounts == ["file PENDING of ict: 4 are told, 3 counted"]
    assert (found.whole, found.is_damaged) == (False, False)


@pytest.mark.parametrize("table", ["seen", "items_waiting", "history_item"])
async def test_a_damaged_database_is_salvaged_at_once(
    bench: SqliteBench, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    async with open_store(bench.path) as store:
        await fill(store)
    spoil(bench.path, table)
    monkeypatch.setattr(inspection, "CHECKED_WHOLE", 0)
    board = Board()
    async with kept(bench.path, board) as store, open_desk(bench.path, store.doubt) as desk:
        found = await verify(store, bench.path, WHO)
        assert (len(found.bad_pages), found.whole) == (1, False)
        assert store.damaged
        with pytest.raises(StoreError, match="being started again"):
            await store.put(some_files(1))
        await store.mended()
        [condition] = board.held_up_by(Cause.STORE_DAMAGED)
        assert "of 13 items 13 were salvaged" in condition.message
        await store.put([a_report()])
        assert store.counts().unfinished == 14
        assert_counts(bench, store)
        assert len(await desk.items()) == 14
        assert (await verify(store, bench.path, WHO)).whole
    assert len(list(folders(bench.path))) == 1


async def test_a_damage_that_a_claim_meets_is_salvaged_and_claims_in_hand_go_on(
    bench: SqliteBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_store(bench.path) as store:
        await store.put(some_files(3))
        await store.put([a_report(b"%d" % number * 9000) for number in range(10)])
    spoil_page(bench.path, bench.path.stat().st_size // PAGE)
    monkeypatch.setattr(inspection, "CHECKED_WHOLE", 0)
    board = Board()
    async with kept(bench.path, board) as store:
        [in_hand] = await store.claim(Kind.FILE, 1, "convert")
        with pytest.raises(StoreDamaged, match="the checksum of a page differs"):
            await store.claim(Kind.REPORT, 10, "deliver")
        await store.mended()
        assert board.restarts == {"store": 1}
        claims = await store.claim(Kind.REPORT, 10, "deliver")
        assert len(claims) + store.counts().of(Kind.REPORT, State.QUARANTINED) == 10
        await store.finish(in_hand, Delivered("thanks"))
        assert_counts(bench, store)


async def test_a_damage_that_a_desk_meets_is_salvaged_once(
    bench: SqliteBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_store(bench.path) as store:
        await fill(store)
    spoil(bench.path, "seen")
    monkeypatch.setattr(inspection, "CHECKED_WHOLE", 0)
    board = Board()
    async with kept(bench.path, board) as store, open_desk(bench.path, store.doubt) as desk:
        for _ in range(2):
            with pytest.raises(StoreError, match="the checksum of a page differs"):
                await desk.seen("ict")
        await store.mended()
        assert len(await desk.seen("ict")) == 3
        store.doubt("an old page", (0, 0))  # of a file that is set aside already
        assert not store.damaged
        assert board.restarts == {"store": 1}


async def test_where_nobody_keeps_the_store_running_the_next_start_salvages(
    bench: SqliteBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_store(bench.path) as store:
        await fill(store)
    spoil(bench.path, "seen")
    monkeypatch.setattr(inspection, "CHECKED_WHOLE", 0)
    async with open_store(bench.path) as store:
        assert not (await verify(store, bench.path, WHO)).whole
    async with open_store(bench.path) as store:
        assert store.counts().unfinished == 13
        assert (await verify(store, bench.path, WHO)).whole
    assert len(list(folders(bench.path))) == 1


async def test_a_database_that_cannot_be_read_is_no_damage(
    bench: SqliteBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise apsw.CantOpenError("the disk is away")

    async with open_store(bench.path) as store:
        monkeypatch.setattr("pywats_trio.queue.verify._look_at_tables", away)
        with pytest.raises(StoreError, match="the disk is away"):
            await verify(store, bench.path, WHO)
        assert not store.damaged


async def test_it_ends_soon_when_it_is_cancelled(bench: SqliteBench) -> None:
    async with open_store(bench.path) as store:
        await fill(store)
        with trio.CancelScope() as scope:
            scope.cancel()
            await verify(store, bench.path, WHO)
        assert scope.cancelled_caught
        await store.put([a_report()])
