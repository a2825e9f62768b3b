"""What a salvage makes of a damage: by the kind of the page, and of rows that tell too little."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import pytest
import trio

from pywats_trio.model import Delivered, Kind
from pywats_trio.queue.actions import Remove
from pywats_trio.queue.database import connect, open_reader
from pywats_trio.queue.salvage import whole as salvage
from pywats_trio.queue.salvage.aside import folders
from pywats_trio.queue.salvage.carve import cells
from pywats_trio.queue.salvage.damage import EVENT
from pywats_trio.queue.salvage.harvest import Harvest
from pywats_trio.queue.salvage.pages import Pages
from pywats_trio.queue.salvage.refill import Refill
from pywats_trio.queue.selection import Selection
from pywats_trio.queue.sqlite_store import open_store
from tests.contract.kit import a_report, some_files
from tests.queue.damaging import PAGE
from tests.queue.test_migrate import make_old

if TYPE_CHECKING:
    from pywats_trio.queue.salvage.damage import Damage

FILES, REPORTS = 60, 120
NOW = 1_900_000_000.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A queue with some of everything, closed."""
    path = tmp_path_factory.mktemp("made") / "queue.db"
    trio.run(_make, path)
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copy(made, tmp_path))


async def _make(path: Path) -> None:
    async with open_store(path) as store:
        await store.put(some_files(FILES))
        await store.put([a_report(body(n), report_id=f"r{n}") for n in range(REPORTS)])
        for claim in await store.claim(Kind.REPORT, 20, "deliver"):
            await store.finish(claim, Delivered("thanks"))
        await store.remember("paused", "somebody")


def body(number: int) -> bytes:
    """Of different lengths: some stand on one page, some on several."""
    facts = {"id": f"r{number}", "sn": "S", "pn": "P", "result": "P", "start": "2026-01-02"}
    return json.dumps(facts | {"comment": "x" * (200 + 97 * number % 9000)}).encode()


def remove_some(path: Path) -> None:
    """So that there are free pages, with what stood in them."""

    async def remove() -> None:
        async with open_store(path) as store:
            gone = tuple(range(FILES + 30, FILES + 60))
            assert await store.change(Selection(ids=gone), Remove(), "somebody") == len(gone)

    trio.run(remove)


def salvaged(path: Path) -> Damage:
    return salvage.replace(path, "it is damaged", NOW)


def rows(path: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with contextlib.closing(open_reader(path)) as reader:
        return reader.execute(sql, values).fetchall()


def states(path: Path) -> dict[str, int]:
    return dict(rows(path, "SELECT state, count(*) FROM items GROUP BY state"))


def everything(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    tables = ("items", "payloads", "history", "seen", "imported", "totals WHERE items > 0")
    return {name: rows(path, f"SELECT * FROM {name} ORDER BY 1, 2") for name in tables}


def pages_of(path: Path, name: str, kind: str = "leaf") -> list[int]:
    sql = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = ? ORDER BY pageno"
    return [page for (page,) in rows(path, sql, name, kind)]


def spoil(path: Path, *pages: int, with_zeros: bool = False) -> None:
    """One bit in the middle of each page, or nothing left of it."""
    raw = bytearray(path.read_bytes())
    for page in pages:
        if with_zeros:
            raw[(page - 1) * PAGE : page * PAGE] = bytes(PAGE)
        else:
            raw[page * PAGE - 1500] ^= 1
    path.write_bytes(raw)


def test_a_queue_that_is_whole_stays_what_it_was(path: Path) -> None:
    before = everything(path)
    damage = salvaged(path)
    after = everything(path)
    *history, event = after.pop("history")
    assert history == before.pop("history")
    assert after == before
    assert event[2:4] == (None, EVENT)
    assert (damage.total, damage.salvaged, damage.lost) == (FILES + REPORTS, FILES + REPORTS, 0)
    assert rows(path, "SELECT value FROM settings WHERE key = 'paused'") == [("somebody",)]
    [folder] = folders(path)
    assert folder.name == "queue.db.damaged-20300317T174640Z"


def test_numbers_go_on_above_all_that_were_ever_given(path: Path) -> None:
    with contextlib.closing(connect(path)) as connection:
        connection.execute("UPDATE sqlite_sequence SET seq = 5000 WHERE name = 'items'")
    salvaged(path)
    sequence = dict(rows(path, "SELECT name, seq FROM sqlite_sequence"))
    assert sequence["items"] == 5000
    [(last,)] = rows(path, "SELECT max(seq) FROM history")
    assert sequence["history"] == last


def test_numbers_leave_room_where_nobody_knows_the_last_one(path: Path) -> None:
    spoil(path, *pages_of(path, "sqlite_sequence"), with_zeros=True)
    salvaged(path)
    assert dict(rows(path, "SELECT name, seq FROM sqlite_sequence"))["items"] > FILES + REPORTS


@pytest.mark.parametrize("with_zeros", [False, True])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, "internal") for name in ("items", "payloads", "history")),
        *((name, "leaf") for name in ("items_waiting", "items_report", "history_item")),
        *((name, "leaf") for name in ("totals", "settings", "sqlite_sequence", "sqlite_schema")),
        ("history", "leaf"),
    ],
)
def test_a_page_that_holds_no_item_costs_none(
    path: Path, name: str, kind: str, with_zeros: bool
) -> None:
    before = everything(path)
    del before["history"]
    spoil(path, pages_of(path, name, kind)[0], with_zeros=with_zeros)
    damage = salvaged(path)
    assert (damage.total, damage.salvaged) == (FILES + REPORTS, FILES + REPORTS)
    assert before.items() <= everything(path).items()


@pytest.mark.parametrize("page", [1, 2])
@pytest.mark.parametrize("with_zeros", [False, True])
def test_nor_does_the_header_or_the_pointer_map(path: Path, page: int, with_zeros: bool) -> None:
    before = everything(path)
    spoil(path, page, with_zeros=with_zeros)
    damage = salvaged(path)
    assert (damage.total, damage.salvaged) == (FILES + REPORTS, FILES + REPORTS)
    assert everything(path)["items"] == before["items"]
    assert everything(path)["payloads"] == before["payloads"]


def test_a_page_of_reports_costs_those_that_it_held(path: Path) -> None:
    page = pages_of(path, "payloads")[3]
    spoil(path, page, with_zeros=True)
    damage = salvaged(path)
    assert damage.total == FILES + REPORTS
    assert 0 < damage.quarantined == damage.lost == states(path)["QUARANTINED"]
    [(kind, error, hint, evidence)] = set(
        rows(
            path,
            "SELECT kind, error_kind, error_hint, evidence <> '' FROM items"
            " WHERE state = 'QUARANTINED'",
        )
    )
    assert (kind, error, hint[:25], evidence) == (
        "report",
        "damaged",
        "drop the source file agai",
        1,
    )
    told = rows(
        path, "SELECT count(*) FROM history WHERE event = 'quarantined' AND who = 'salvage'"
    )
    assert told == [(damage.quarantined,)]


def test_a_bit_in_a_page_of_reports_costs_one_of_them_at_most(path: Path) -> None:
    for page in pages_of(path, "payloads")[:5]:
        spoil(path, page)
    damage = salvaged(path)
    assert damage.lost == damage.quarantined <= 5


def test_a_page_that_a_report_goes_on_on_costs_that_report(path: Path) -> None:
    spoil(path, pages_of(path, "payloads", "overflow")[0], with_zeros=True)
    damage = salvaged(path)
    assert damage.lost == damage.quarantined == 1


def test_a_bit_in_a_page_of_items_costs_none_that_has_a_report(path: Path) -> None:
    before = rows(path, "SELECT id, state, report_id FROM items WHERE kind = 'report' ORDER BY id")
    for page in pages_of(path, "items")[-3:]:
        spoil(path, page)
    damage = salvaged(path)
    after = rows(path, "SELECT id, state, report_id FROM items WHERE kind = 'report' ORDER BY id")
    assert damage.total - damage.salvaged <= 3
    assert {row for row in before if row[1] != "COMPLETED"} >= set(after) - set(before)


def test_items_that_are_lost_are_put_together_again_from_their_reports(path: Path) -> None:
    waiting = "SELECT id, report_id, serial_number, sha256 FROM items WHERE state = 'PENDING'"
    before = rows(path, f"{waiting} AND kind = 'report'")
    page = pages_of(path, "items")[-1]
    spoil(path, page, with_zeros=True)
    damage = salvaged(path)
    assert (damage.total, damage.lost) == (FILES + REPORTS, 0)
    after = rows(path, f"{waiting} AND kind = 'report'")
    assert {row[:2] for row in after} == {row[:2] for row in before}
    unknown = rows(path, "SELECT count(*) FROM items WHERE converter = 'unknown'")
    [(detail,)] = rows(path, "SELECT message FROM history WHERE event = ?", EVENT)
    assert unknown == [(json.loads(detail)["restored"],)] != [(0,)]


def test_without_a_history_they_are_held(path: Path) -> None:
    spoil(path, pages_of(path, "items")[-1], *pages_of(path, "history"), with_zeros=True)
    salvaged(path)
    assert states(path)["HELD"] > 0


async def test_files_whose_items_are_lost_are_taken_again(path: Path) -> None:
    spoil(path, pages_of(path, "items")[0], with_zeros=True)
    damage = salvaged(path)
    assert damage.lost > 0
    assert damage.quarantined == 0
    async with open_store(path) as store:
        again = await store.put(some_files(FILES))
        taken = [item_id for item_id in again if item_id is not None]
        assert len(taken) == damage.lost
        assert min(taken) > FILES + REPORTS
    [(detail,)] = rows(path, "SELECT message FROM history WHERE event = ?", EVENT)
    assert json.loads(detail)["forgotten_files"] == damage.lost
    assert json.loads(detail)["lost_ids"] == list(range(1, damage.lost + 1))


def test_what_was_removed_does_not_come_back(path: Path) -> None:
    remove_some(path)
    assert rows(path, "SELECT freelist_count > 0 FROM pragma_freelist_count") == [(1,)]
    before = everything(path)
    assert salvaged(path).total == FILES + REPORTS - 30
    assert everything(path)["items"] == before["items"]
    assert everything(path)["payloads"] == before["payloads"]


@pytest.mark.parametrize("page", [1, 2])
def test_not_even_where_the_list_of_free_pages_or_the_map_is_damaged(path: Path, page: int) -> None:
    remove_some(path)
    before = everything(path)
    spoil(path, page)
    assert salvaged(path).total == FILES + REPORTS - 30
    assert everything(path)["items"] == before["items"]


# Rows that tell too little, or too much


def change(path: Path, sql: str, *values: Any) -> None:
    with contextlib.closing(connect(path)) as connection:
        connection.execute(sql, values)


def test_an_item_that_is_older_than_its_history_is_what_the_history_says(path: Path) -> None:
    """As if the newest version of its page were lost: it would be sent again."""
    change(
        path, "UPDATE items SET state = 'PROCESSING', fence = 3, finished_at = NULL WHERE id = 61"
    )
    salvaged(path)
    told = rows(path, "SELECT state, fence, finished_at IS NOT NULL FROM items WHERE id = 61")
    assert told == [("COMPLETED", None, 1)]


def test_of_two_rows_of_an_item_the_newer_one_counts(path: Path) -> None:
    copy = path.with_name("older.db")
    shutil.copy(path, copy)
    change(path, "UPDATE items SET priority = 1, transitions = transitions + 1 WHERE id = 90")
    with contextlib.closing(connect(path.with_name("new.db"))) as new:
        for source in (path, copy):
            refill = Refill(new, NOW)
            with Pages(source) as pages:
                refill.take(Harvest(pages))
        assert new.execute("SELECT priority FROM items WHERE id = 90").get == 1


@pytest.mark.parametrize(
    ("column", "value", "kept"),
    [
        ("priority", 5, 5),
        ("path", b"/in/a.txt", None),
        ("converter", "icx", None),
    ],
)
def test_a_file_whose_row_is_damaged_waits_for_somebody_to_look(
    path: Path, column: str, value: Any, kept: object
) -> None:
    change(path, f"UPDATE items SET {column} = ? WHERE id = 7", value)
    spoil(path, pages_of(path, "items")[0])
    salvaged(path)
    [(state, evidence)] = rows(path, "SELECT state, evidence FROM items WHERE id = 7")
    assert state == ("QUARANTINED" if kept is None else "PENDING")
    assert bool(evidence) is (kept is None)


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("priority", 5_000, 10),
        ("priority", -1, 1),
        ("attempts", -1, 0),
        ("attempts", 1 << 40, 1000),
        ("created_at", 1e300, NOW),
        ("created_at", -1.0, NOW),
        ("started_at", 1e300, None),
        ("transitions", 1 << 50, 1 << 31),
        ("report_id", "r2\x7f", "r29"),
        ("serial_number", "T", "S"),
        ("state", "SUSPENDED", "SUSPENDED"),
    ],
)
def test_what_a_damaged_row_says_stays_within_its_bounds(
    path: Path, column: str, value: Any, told: object
) -> None:
    page = page_of_item(path, 90)
    change(path, f"UPDATE items SET {column} = ?, due_at = 1e300 WHERE id = 90", value)
    spoil(path, page)
    salvaged(path)
    assert rows(path, f"SELECT {column} FROM items WHERE id = 90") == [(told,)]
    due = NOW if column == "state" else 1e300
    assert rows(path, "SELECT due_at FROM items WHERE id = 90") == [(due,)]


def test_an_item_whose_number_is_damaged_is_none(path: Path) -> None:
    page = page_of_item(path, 150)
    raw = bytearray(path.read_bytes())
    begin = (page - 1) * PAGE
    where = raw.index(bytes([0x81, 0x16]), begin, begin + PAGE)  # 150, as SQLite writes it
    raw[where] ^= 0x20  # 4246
    path.write_bytes(raw)
    damage = salvaged(path)
    assert damage.total == FILES + REPORTS
    assert rows(path, "SELECT count(*) FROM items WHERE id > 1000") == [(0,)]
    restored = rows(path, "SELECT report_id, converter FROM items WHERE id = 150")
    assert restored == [("r89", "unknown")]


def page_of_item(path: Path, item_id: int) -> int:
    for page in pages_of(path, "items"):
        with Pages(path) as pages:
            found = pages.page(page)
            assert found is not None
            ids = {cell.rowid for cell in cells(found.data, page, pages.usable) if cell}
            if item_id in ids:
                return page
    raise AssertionError(item_id)


@pytest.mark.parametrize("layout", [1, 2])
def test_an_older_layout_is_salvaged_into_this_one(tmp_path: Path, layout: int) -> None:
    path = tmp_path / "queue.db"
    make_old(path, layout)
    before = rows_of_old(path)
    damage = salvaged(path)
    assert (damage.total, damage.lost) == (4, 0)
    told = rows(path, "SELECT id, state, name, bytes, rank, dropped_at FROM items ORDER BY id")
    assert [row[:2] for row in told] == before
    assert told[0][2:] == ("a", 0, 5.0, 100.5)
    assert told[1][2:] == ("", 2, 5.0, 101.5)


def rows_of_old(path: Path) -> list[tuple[Any, ...]]:
    with contextlib.closing(apsw.Connection(str(path))) as old:
        return old.execute("SELECT id, state FROM items ORDER BY id").fetchall()


def test_what_cannot_be_written_leaves_everything_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise apsw.FullError("database or disk is full")

    monkeypatch.setattr(salvage, "rebuild", full)
    before = path.read_bytes()
    with pytest.raises(apsw.FullError):
        salvaged(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
