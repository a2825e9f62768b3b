"""A unit is found however it is named, and told of whole; each look is bounded and in an index."""

from __future__ import annotations

import itertools
import json
import os
import re
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Any

import apsw
import pytest

from pywats_trio.model import Converted, Delivered, Failed, Kind, Reason, State, Wait
from pywats_trio.queue import trace as tracing
from pywats_trio.queue.actions import Hold, Remove
from pywats_trio.queue.database import connect
from pywats_trio.queue.selection import Selection
from pywats_trio.queue.store import PutAway
from pywats_trio.queue.trace import COUNTED, REPORTS, ROWS, Wanted, Way
from tests.contract.kit import PROBLEM, SqliteBench, a_file, a_report, some_files

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from pywats_trio.model import Envelope
    from pywats_trio.queue.desk import SqliteDesk
    from pywats_trio.queue.sqlite_store import SqliteStore
    from pywats_trio.queue.trace import Traced, Unit

ID = "0b0e3a2c-0000-4000-8000-00000000000{}"


class Room:
    """A store, its desk, and short ways to fill and to ask them."""

    def __init__(self, store: SqliteStore, desk: SqliteDesk) -> None:
        self.store = store
        self.desk = desk
        self._inodes = itertools.count(1)

    async def converted(self, path: str, *reports: Envelope) -> int:
        """A file that was dropped at `path` and became `reports`; its number."""
        [item_id] = await self.store.put([a_file(path, inode=next(self._inodes))])
        assert item_id is not None
        [claim] = await self.store.claim(Kind.FILE, 1, "convert 1")
        assert claim.item.id == item_id
        await self.store.finish(claim, Converted(reports, "ab", worker="worker 7"))
        return item_id

    async def find(self, text: str, *names: str, limit: int = 20) -> Traced:
        return await self.desk.trace(Wanted(text, names or (text.rpartition("/")[2],)), limit)


@pytest.fixture
async def room(bench: SqliteBench) -> AsyncIterator[Room]:
    async with opened(bench) as room:
        yield room


@asynccontextmanager
async def opened(bench: SqliteBench, **options: Any) -> AsyncIterator[Room]:
    async with bench.open(**options) as store, bench.desk() as desk:
        yield Room(store, desk)  # type: ignore[arg-type] # the bench knows them by their protocols


def report(number: int, **more: Any) -> Envelope:
    return a_report(**{"report_id": ID.format(number), "serial_number": f"SN{number}", **more})


def numbers(unit: Unit) -> tuple[int | None, list[int]]:
    """The file's, and those of the reports."""
    return unit.file.item.id if unit.file else None, [life.item.id for life in unit.reports]


def found(traced: Traced) -> list[tuple[int | None, list[int]]]:
    return [numbers(unit) for unit in traced.units]


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("1", Way.ITEM),
        ("2", Way.ITEM),
        (ID.format(1), Way.REPORT),
        (ID.format(1).upper(), Way.REPORT),
        ("{" + ID.format(1).upper() + "}", Way.REPORT),
        ("SN1", Way.SERIAL),
        ("a.json", Way.FILE),
        ("line/a.json", Way.FILE),
        ("/in/line/a.json", Way.FILE),
        ("/in/line/Done/a.json", Way.FILE),
        ("Done/a.json", Way.FILE),
    ],
)
async def test_a_unit_is_found_by_whatever_it_has(room: Room, text: str, way: Way) -> None:
    item_id = await room.converted("/in/line/a.json", report(1))
    await room.converted("/in/other/b.json", report(2))
    await room.store.put_away([PutAway(item_id, "/in/line/Done/a.json")])
    traced = await room.find(text)
    assert found(traced) == [(1, [2])]
    assert (traced.found_by, traced.units[0].found_by, traced.more) == ((way,), (way,), 0)


@pytest.mark.parametrize(
    "text",
    ["3", "0", "SN", "sn1", "a.jso", "/line/a.json", "/in/a.json", "e/a.json", "", "9" * 19, "²"],
)
async def test_what_is_only_like_it_is_not_found(room: Room, text: str) -> None:
    await room.converted("/in/line/a.json", report(1))
    traced = await room.find(text)
    assert (found(traced), traced.found_by, traced.more) == ([], (), 0)
    assert traced.highest_id == 2


@pytest.mark.parametrize(("number", "known"), [(2**63 - 1, True), (2**63, False), (10**30, False)])
def test_a_number_is_one_as_far_as_the_queue_counts(number: int, known: bool) -> None:
    assert Wanted(str(number), ()).item_id == (number if known else None)


async def test_a_renamed_file_is_found_by_the_name_it_has_now(room: Room) -> None:
    first = await room.converted("/in/a.json", report(1))
    second = await room.converted("/in/a.json", report(2))
    await room.store.put_away(
        [PutAway(first, "/in/Done/a.json"), PutAway(second, "/in/Done/a (2).json")]
    )
    both = ("a (2).json", "a.json")
    assert found(await room.find("a (2).json", *both)) == [(second, [4])]
    assert found(await room.find("/in/Done/a (2).json", *both)) == [(second, [4])]
    assert found(await room.find("/in/Done/a.json")) == [(first, [2])]
    assert found(await room.find("/in/a.json")) == [(second, [4]), (first, [2])]


async def test_a_name_of_any_bytes_is_found_as_it_is_and_as_it_is_printed(room: Room) -> None:
    name = os.fsdecode(b"a\xff\n.json")
    await room.converted(f"/in/{name}", report(1))
    assert found(await room.find(name)) == [(1, [2])]
    assert found(await room.find(f"/in/{name}")) == [(1, [2])]
    assert found(await room.find("a\\udcff\\n.json")) == [(1, [2])]
    await room.store.put_away([PutAway(1, f"/in/Done/{name}")])
    assert found(await room.find(f"/in/Done/{name}")) == [(1, [2])]


@pytest.mark.parametrize(
    ("path", "text", "meant"),
    [
        ("/in/a.json", "a.json", True),
        ("/in/a.json", "in/a.json", True),
        ("/in/a.json", "/in/a.json", True),
        ("/in/a.json", "/a.json", False),
        ("/in/a.json", ".json", False),
        ("/in/a\udcff.json", "a\udcff.json", True),
        ("/in/a\udcff.json", r"a\udcff.json", True),
        ("/in/a\udcff.json", r"/in/a\udcff.json", True),
        ("/in/a\udcff.json", "a.json", False),
    ],
)
def test_a_path_is_meant_by_its_end_or_by_all_of_it(path: str, text: str, meant: bool) -> None:
    assert Wanted(text, ()).is_path(path) is meant


async def test_text_that_no_file_name_can_be_is_no_error(room: Room) -> None:
    await room.converted("/in/a.json", report(1))
    assert found(await room.find("/in/\ud800")) == []


async def test_a_number_that_is_also_a_serial_number_is_both(room: Room) -> None:
    await room.converted("/in/a.json", report(1))
    await room.converted("/in/b.json", report(2, serial_number="1"))
    traced = await room.find("1")
    assert traced.found_by == (Way.ITEM, Way.SERIAL)
    assert [(numbers(unit), unit.found_by) for unit in traced.units] == [
        ((3, [4]), (Way.SERIAL,)),
        ((1, [2]), (Way.ITEM,)),
    ]


async def test_a_report_that_came_alone_is_a_unit(room: Room) -> None:
    await room.store.put([report(1)])
    [unit] = (await room.find("SN1")).units
    assert (numbers(unit), unit.states) == ((None, [1]), {State.PENDING: 1})


async def test_reports_stay_a_unit_when_their_file_is_gone(room: Room) -> None:
    await room.converted("/in/a.json", report(1), report(2))
    [item] = await room.desk.items(limit=1)
    await room.store.put_away([PutAway(item.id, "")])
    assert await room.store.change(Selection(ids=(1,)), Remove(), "ann") == 1
    [unit] = (await room.find("SN2")).units
    assert (numbers(unit), unit.states) == ((None, [2, 3]), {State.PENDING: 2})


async def test_each_item_has_its_life(room: Room) -> None:
    await room.converted("/in/a.json", report(1))
    [claim] = await room.store.claim(Kind.REPORT, 1, "deliver 1")
    await room.store.finish(claim, Wait(5.0, Reason.RETRY, PROBLEM, counts=True))
    await room.store.change(Selection(ids=(2,)), Hold("for a look"), "ann")
    [unit] = (await room.find("SN1")).units
    assert unit.file is not None
    told = [
        [(row.event, row.state, row.who, row.error_kind, row.attempts) for row in life.history]
        for life in unit.lives
    ]
    assert told == [
        [
            ("accepted", State.PENDING, "", "", None),
            ("claimed", State.PROCESSING, "convert 1", "", 0),
            ("converted", State.COMPLETED, "convert 1, worker 7", "", 1),
        ],
        [
            ("stored", State.PENDING, "", "", None),
            ("claimed", State.PROCESSING, "deliver 1", "", 0),
            ("suspended", State.SUSPENDED, "deliver 1", "rejected", 1),
            ("held", State.HELD, "ann", "", None),
        ],
    ]
    assert [life.history_count for life in unit.lives] == [3, 4]
    assert unit.reports[0].history[-1].message == "for a look"


async def test_a_repeat_names_the_item_before_it(room: Room) -> None:
    await room.converted("/in/a.json", report(1))
    await room.converted("/in/b.json", report(1), report(2))
    traced = await room.find(ID.format(1))
    assert found(traced) == [(3, [4, 5]), (1, [2])]
    assert [[life.repeat_of for life in unit.reports] for unit in traced.units] == [
        [2, None],
        [None],
    ]


async def test_what_waits_knows_how_many_are_before_it(room: Room) -> None:
    await room.store.put(some_files(3))
    await room.store.put([a_file("/in/x", inode=90, priority=1)])
    await room.store.put([a_file("/in/y", inode=91, converter="other", priority=1)])
    ahead = {}
    for number in range(1, 6):
        [unit] = (await room.find(str(number))).units
        assert unit.file is not None
        ahead[number] = unit.file.ahead
    assert ahead == {4: 0, 1: 1, 2: 2, 3: 3, 5: 0}
    await room.store.change(Selection(ids=(1,)), Hold(), "ann")
    [unit] = (await room.find("1")).units
    assert unit.lives[0].ahead is None


# Limits


@pytest.mark.parametrize("count", [COUNTED - 1, COUNTED, COUNTED + 1])
async def test_matches_are_counted_up_to_a_number(room: Room, count: int) -> None:
    await room.store.put([report(1)] * count)
    traced = await room.find("SN1", limit=2)
    assert found(traced) == [(None, [count]), (None, [count - 1])]
    assert len(traced.units) + traced.more == min(count, COUNTED)


@pytest.mark.parametrize("count", [COUNTED, COUNTED + 1, COUNTED + 2])
async def test_the_items_before_one_are_counted_up_to_a_number(room: Room, count: int) -> None:
    await room.store.put([report(1)] * count)
    [unit] = (await room.find(str(count))).units
    assert unit.lives[0].ahead == min(count - 1, COUNTED)


async def test_those_of_a_better_priority_are_counted_with_those_that_came_earlier(
    room: Room,
) -> None:
    some = COUNTED // 2 + 1
    await room.store.put([report(1)] * some)
    await room.store.put([report(1, priority=1)] * some)
    [unit] = (await room.find(str(some))).units
    assert unit.lives[0].ahead == COUNTED


@pytest.mark.parametrize(("limit", "more"), [(1, 2), (2, 1), (3, 0), (4, 0)])
async def test_the_newest_units_are_told_of(room: Room, limit: int, more: int) -> None:
    await room.store.put([report(1)] * 3)
    traced = await room.find("SN1", limit=limit)
    assert (found(traced), traced.more) == ([(None, [n]) for n in (3, 2, 1)][:limit], more)


@pytest.mark.parametrize("count", [REPORTS - 1, REPORTS, REPORTS + 1])
async def test_of_many_reports_those_asked_for_and_those_undone_come_first(
    room: Room, count: int
) -> None:
    await room.converted("/in/a.json", *(report(1, serial_number=f"S{n}") for n in range(count)))
    for claim in await room.store.claim(Kind.REPORT, count - 1, "deliver 1"):
        await room.store.finish(claim, Delivered("ok"))
    [unit] = (await room.find("S3")).units
    shown = [life.item.serial_number for life in unit.reports]
    everyone = [f"S{n}" for n in range(count)]
    if count <= REPORTS:
        assert shown == everyone
    else:
        assert shown == ["S3", f"S{count - 1}", *(s for s in everyone if s != "S3")][:REPORTS]
    assert unit.states == {State.COMPLETED: count - 1, State.PENDING: 1}


@pytest.mark.parametrize("rows", [ROWS - 1, ROWS, ROWS + 1, ROWS + 2])
async def test_of_a_long_life_the_beginning_and_the_newest_rows_are_told(
    bench: SqliteBench, rows: int
) -> None:
    async with opened(bench, history_limit=1000) as room:
        await room.store.put([report(1)])
        for number in range(rows - 1):
            action = Hold(str(number))
            await room.store.change(Selection(ids=(1,)), action, "ann")
            if number < rows - 2:
                with closing(apsw.Connection(str(bench.path))) as other:
                    other.execute("UPDATE items SET state = 'PENDING'")
        [unit] = (await room.find("1")).units
    [life] = unit.lives
    assert life.history_count == rows
    messages = ["", *(str(number) for number in range(rows - 1))]
    told = messages if rows <= ROWS else [messages[0], *messages[1 - ROWS :]]
    assert [row.message for row in life.history] == told


@pytest.mark.parametrize(("looked", "expected"), [(2, []), (3, [1])])
async def test_so_many_files_of_one_name_are_looked_through(
    room: Room, monkeypatch: pytest.MonkeyPatch, looked: int, expected: list[int]
) -> None:
    monkeypatch.setattr(tracing, "LOOKED_THROUGH", looked)
    for folder in ("a", "b", "b"):
        await room.converted(f"/{folder}/x.json")
    assert [number for number, _ in found(await room.find("/a/x.json"))] == expected


async def test_a_look_that_takes_long_leaves_the_rest_to_be_counted(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    await room.store.put([report(1)] * 3)
    monkeypatch.setattr(tracing, "SECONDS", -1.0)
    traced = await room.find("SN1")
    assert (found(traced), traced.more) == ([(None, [3])], 2)


# What is gone


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1", [1]),
        ("2", [2]),
        ("SN1", [2]),
        (ID.format(1).upper(), [2]),
        ("a.json", [1]),
        ("/in/a.json", [1]),
        ("in/a.json", [1]),
        ("SN", []),
        (".json", []),
        ("/a.json", []),
        ("3", []),
    ],
)
async def test_a_removal_is_remembered(room: Room, text: str, told: list[int]) -> None:
    [_, _] = await room.store.put([a_file("/in/a.json"), report(1)])
    await room.store.note("something else", {"id": 1, "serial_number": "SN1"})
    assert await room.store.change(Selection(ids=(1, 2)), Remove(), "ann") == 2
    traced = await room.find(text)
    assert (traced.units, [json.loads(row.message)["id"] for row in traced.removed]) == ((), told)
    assert {row.who for row in traced.removed} <= {"ann"}


async def test_a_number_is_not_the_beginning_of_another(room: Room) -> None:
    await room.store.put([report(1)] * 11)
    await room.store.change(Selection(ids=(11,)), Remove(), "ann")
    await room.store.change(Selection(ids=tuple(range(1, 11))), Remove(), "ann")
    [removed] = (await room.find("1")).removed
    assert json.loads(removed.message)["id"] == 1


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_so_many_removals_are_told(
    room: Room, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(tracing, "REMOVED", 2)
    await room.store.put([report(1)] * count)
    await room.store.change(Selection(ids=tuple(range(1, count + 1))), Remove(), "ann")
    removed = (await room.find("SN1")).removed
    assert len(removed) == min(count, 2)
    assert [row.seq for row in removed] == sorted((row.seq for row in removed), reverse=True)


async def test_what_is_there_is_told_and_not_what_was(room: Room) -> None:
    await room.store.put([report(1), report(1)])
    await room.store.change(Selection(ids=(1,)), Remove(), "ann")
    traced = await room.find("SN1")
    assert (found(traced), traced.removed) == ([(None, [2])], ())


async def test_a_failed_file_is_found_where_it_lies(room: Room) -> None:
    [item_id] = await room.store.put([a_file("/in/bad.json")])
    assert item_id is not None
    [claim] = await room.store.claim(Kind.FILE, 1, "convert 1")
    await room.store.finish(claim, Failed(PROBLEM, worker="worker 7"))
    await room.store.put_away([PutAway(item_id, "/in/Error/bad.json")])
    [unit] = (await room.find("/in/Error/bad.json")).units
    assert (numbers(unit), unit.states) == ((1, []), {})
    assert unit.lives[0].item.worker == "worker 7"


# Costs


@pytest.mark.parametrize(
    "sql",
    [
        tracing.BY_ID,
        tracing.BY_REPORT,
        tracing.BY_SERIAL,
        tracing.BY_PATH,
        tracing.BY_TAIL,
        tracing.CHILDREN,
        tracing.NEWEST,
        tracing.OLDEST,
        tracing.ROWS_OF,
        tracing.REPEATED,
        tracing.BETTER,
        tracing.EARLIER,
    ],
)
def test_every_look_is_a_search_in_an_index_in_its_order(tmp_path: Path, sql: str) -> None:
    steps = plan(tmp_path, sql)
    assert any(step.startswith("SEARCH") for step in steps)
    for step in steps:
        assert step.startswith(("SEARCH", "CO-ROUTINE", "SCAN (", "SCALAR SUBQUERY")), steps


@pytest.mark.parametrize(
    ("sql", "until"), [(tracing.BETTER, "rank<?"), (tracing.EARLIER, "rank=? AND id<?")]
)
def test_what_is_before_an_item_is_all_that_is_read(tmp_path: Path, sql: str, until: str) -> None:
    wanted = f"SEARCH items USING COVERING INDEX items_waiting (kind=? AND converter=? AND {until})"
    assert wanted in plan(tmp_path, sql)


def test_removals_are_read_from_the_newest_event_of_the_service_on(tmp_path: Path) -> None:
    steps = plan(tmp_path, tracing.REMOVALS.format("instr(message, ?)"))
    reads = [step for step in steps if " history" in step]
    assert reads == ["SCAN history USING INDEX history_service"], steps
    assert not any("TEMP" in step for step in steps), steps


def plan(tmp_path: Path, sql: str) -> Sequence[str]:
    numbered = [int(number) for number in re.findall(r"\?([0-9]+)", sql)]
    unnumbered = len(re.findall(r"\?(?![0-9])", sql))
    values = (1,) * max([unnumbered + min(numbered, default=1) - 1, *numbered])
    with closing(connect(tmp_path / "queue.db")) as connection:
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
