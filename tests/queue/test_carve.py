"""Rows out of raw pages: what SQLite wrote is read as it was, and nothing else is ever read."""

from __future__ import annotations

import contextlib
import itertools
import struct
import tempfile
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pywats_trio.queue.database import connect
from pywats_trio.queue.salvage import tables
from pywats_trio.queue.salvage.carve import (
    Cell,
    Malformed,
    cells,
    chain,
    local_size,
    record,
    varint,
)
from pywats_trio.queue.salvage.harvest import Harvest
from pywats_trio.queue.salvage.pages import Pages
from pywats_trio.queue.salvage.tables import Column, Table

USABLE = 4088

# Numbers of variable length


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("00", 0),
        ("7f", 127),
        ("8100", 128),
        ("ff7f", 16383),
        ("81808000", 2097152),
        ("ffffffffffffffffff", -1),
        ("80808080808080807f", 127),
    ],
)
def test_a_number_of_variable_length(raw: str, value: int) -> None:
    data = bytes.fromhex(raw)
    assert varint(b"x" + data + b"y", 1) == (value, 1 + len(data))


def written(value: int) -> bytes:
    """The same, as SQLite writes it."""
    value %= 1 << 64
    if value >> 56:
        head = [0x80 | (value >> 8 >> shift) & 0x7F for shift in range(49, -1, -7)]
        return bytes([*head, value & 0xFF])
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(0x80 | value & 0x7F)
    return bytes(reversed(groups))


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_number_is_read_as_it_was_written(value: int) -> None:
    assert varint(written(value) + b"rest", 0) == (value, len(written(value)))


@pytest.mark.parametrize("raw", ["", "80", "ff" * 8])
def test_a_number_that_is_cut_off_is_none(raw: str) -> None:
    with pytest.raises(Malformed):
        varint(bytes.fromhex(raw), 0)


# Records

NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
VALUES = st.none() | NUMBERS | st.text() | st.binary()


def stored(values: list[Any]) -> bytes:
    """The record that SQLite makes of `values`, taken from the page that it stands in."""
    names = [f"c{number}" for number in range(len(values))]
    with contextlib.closing(apsw.Connection(":memory:")) as db:
        db.execute(f"CREATE TABLE t ({', '.join(names)})")
        db.execute(f"INSERT INTO t VALUES ({', '.join('?' * len(names))})", values)
        page = db.serialize("main")[4096:]
    [cell] = cells(page, 2, 4096)
    assert cell is not None
    assert cell.rowid == 1
    return cell.local


@given(st.lists(VALUES, min_size=1, max_size=12))
def test_a_record_is_read_as_it_was_written(values: list[Any]) -> None:
    assert list(record(stored(values))) == values


@given(st.binary(max_size=60))
def test_whatever_the_bytes_a_record_is_read_or_malformed(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        record(data)


@given(st.binary(min_size=512, max_size=512), st.integers(1, 2))
def test_whatever_the_page_its_cells_are_read_or_none(page: bytes, number: int) -> None:
    for cell in cells(page, number, 504):
        assert cell is None or len(cell.local) <= cell.size


@pytest.mark.parametrize(
    "raw",
    [
        "",  # nothing
        "00",  # a head without an end
        "0301",  # shorter than its head
        "020a",  # a type that is kept for later
        "0206" + "00" * 7,  # a number that is cut off
        "0207" + "00" * 7,
        "020100ff",  # something behind it
        "020fff",  # a text that is none
        "0280",  # a type that goes on
    ],
)
def test_what_is_no_record_is_malformed(raw: str) -> None:
    with pytest.raises(Malformed):
        record(bytes.fromhex(raw))


# Cells and what stands on other pages


@pytest.mark.parametrize(
    ("size", "is_table", "local"),
    [
        (USABLE - 35, True, USABLE - 35),
        (USABLE - 34, True, 488),
        (10_000, True, 1832),
        (999, False, 999),
        (1000, False, 488),
        (4572, False, 488),
        (4573, False, 489),
    ],
)
def test_how_much_of_a_row_stands_in_its_page(size: int, is_table: bool, local: int) -> None:
    assert local_size(size, USABLE, is_table=is_table) == local


def test_a_row_goes_on_from_page_to_page() -> None:
    rest = {7: struct.pack(">I", 9) + b"b" * 8, 9: struct.pack(">I", 0) + b"c" * 8}
    assert chain(Cell(1, b"a", 12, 7), 12, rest.get) == b"a" + b"b" * 8 + b"c" * 3


@pytest.mark.parametrize("number", [0, 8])
def test_a_row_whose_rest_is_missing_is_malformed(number: int) -> None:
    with pytest.raises(Malformed):
        chain(Cell(1, b"a", 12, number), 12, lambda _number: None)


# Tables


def test_the_tables_of_this_layout_are_known() -> None:
    own = tables.own()
    assert own["items"].rowid == "id"
    assert own["seen"].without_rowid
    assert [column.name for column in own["totals"].columns][:3] == ["kind", "state", "converter"]


def test_the_key_of_a_table_without_rowid_is_stored_first() -> None:
    [table] = tables.described(
        ["CREATE TABLE t (a TEXT, b INTEGER, PRIMARY KEY (b)) STRICT, WITHOUT ROWID"]
    ).values()
    assert [column.name for column in table.columns] == ["b", "a"]


TABLE = Table(
    "t",
    (
        Column("id", "INTEGER"),
        Column("name", "TEXT", required=True),
        Column("at", "REAL"),
        Column("new", "TEXT", required=True, added=True),
    ),
    rowid="id",
)


@pytest.mark.parametrize(
    "values", [(None, "a", 1.5, "b"), (None, "a", 1, "b"), (None, "a", None, "b"), (None, "a", 1.5)]
)
def test_a_row_of_a_table(values: tuple[Any, ...]) -> None:
    names = ["id", "name", "at", "new"]
    assert TABLE.row(3, values) == dict(zip(names, (3, *values[1:]), strict=False))


@pytest.mark.parametrize(
    ("rowid", "values"),
    [
        (3, (3, "a", 1.5, "b")),  # its number stands in the row
        (3, (None, None, 1.5, "b")),  # what is required is missing
        (3, (None, b"a", 1.5, "b")),  # another type
        (3, (None, "a")),  # too short
        (3, (None, "a", 1.5, "b", "c")),  # too long
        (None, (None, "a", 1.5, "b")),  # of an index
    ],
)
def test_what_is_no_row_of_a_table(rowid: int | None, values: tuple[Any, ...]) -> None:
    with pytest.raises(Malformed):
        TABLE.row(rowid, values)


# A whole database

IDS = st.integers(1, 40)
STEPS = st.lists(
    st.tuples(st.just("put"), IDS, st.integers(0, 30_000))
    | st.tuples(st.just("seen"), IDS, st.integers(1, 3000))
    | st.tuples(st.just("history"), IDS, st.integers(0, 6000))
    | st.tuples(st.just("remove"), IDS, st.just(0))
    | st.tuples(st.just("vacuum"), IDS, st.just(0))
    | st.tuples(st.just("checkpoint"), IDS, st.just(0)),
    max_size=60,
)
SQL = {
    "put": "INSERT OR REPLACE INTO payloads VALUES (?1, randomblob(?2))",
    "seen": "INSERT OR REPLACE INTO seen VALUES"
    " (cast(hex(zeroblob(?2)) || ?1 AS BLOB), 'c', 1, 2, 3, 4)",
    "history": "INSERT INTO history (at, item_id, event, message)"
    " VALUES (1, ?1, 'e', hex(zeroblob(?2)))",
    "remove": "DELETE FROM payloads WHERE item_id = ?1",
    "vacuum": "PRAGMA incremental_vacuum(3)",
    "checkpoint": "PRAGMA wal_checkpoint(PASSIVE)",
}
TABLES = ("payloads", "seen", "history", "settings", "totals")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, st.booleans())
def test_an_undamaged_database_gives_exactly_its_rows(
    steps: list[tuple[str, int, int]], closed: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        path = Path(folder) / "queue.db"
        connection = connect(path, synchronous="off")
        stack.callback(connection.close)
        for name, *values in steps:
            bound = [
                value for mark, value in zip(("?1", "?2"), values, strict=True) if mark in SQL[name]
            ]
            connection.execute(SQL[name], bound).fetchall()
        expected = {table: rows_of(connection, table) for table in TABLES}
        if closed:
            connection.close()
        assert carved(path) == expected


def rows_of(connection: apsw.Connection, table: str) -> list[tuple[Any, ...]]:
    return sorted(connection.execute(f"SELECT * FROM {table}"))


def carved(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows that the raw pages hold; every one of them good."""
    found: dict[str, list[tuple[Any, ...]]] = {table: [] for table in TABLES}
    names = {name: [column.name for column in own.columns] for name, own in tables.own().items()}
    with Pages(path, Path(f"{path}-wal")) as pages:
        harvest = Harvest(pages)
        for row in itertools.chain(harvest.rows(payloads=False), harvest.rows(payloads=True)):
            assert row.good
            if row.table in TABLES:
                found[row.table].append(tuple(row.values[name] for name in names[row.table]))
        assert not harvest.damaged
    return {table: sorted(rows) for table, rows in found.items()}
