"""A table with a header row, and the serial number in one of its columns."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.cli.converters.new import guess, literals, vocabulary
from pywats_trio.cli.converters.new.draft import Constant, Draft
from pywats_trio.cli.converters.new.sample import lines

if TYPE_CHECKING:
    from pywats_trio.cli.converters.new.guess import Cells
    from pywats_trio.cli.converters.new.sample import Sample

DELIMITERS: Final = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas"}
_MOST_ABOVE: Final = 100
"""Rows above a header row."""
_FEWEST: Final = 3
"""Columns of a table."""
_GROUP_BY: Final = (
    "Rows that follow each other with the same in these columns are one report;\n"
    "# without columns each row is one."
)


@frozen
class _Table:
    delimiter: str
    above: int
    """Rows before the header row."""
    names: list[str]
    records: list[Cells]


def look(sample: Sample, text: str) -> Draft | None:
    """None where it is none."""
    found = [table for delimiter in DELIMITERS if (table := _table(text, delimiter))]
    if not found:
        return None
    table = max(found, key=lambda one: len(one.names))
    serial = guess.serial_number(table.records)
    if serial is None and table.above:
        return None  # what stands above may say whose rows these are
    draft = Draft(
        f"a table with a header row and {DELIMITERS[table.delimiter]} between its cells",
        "read_table",
        imports=("import csv", "from itertools import groupby"),
        types=("from collections.abc import Iterable, Iterator, Mapping",),
        marks=table.names[:3],
        what="The rows of one unit stand one after the other.",
        has_lines=True,
    )
    group_by = _fill(draft, table, serial)
    draft.constants = [
        Constant("DELIMITER", "", literals.text(table.delimiter), "Between the cells."),
        Constant("GROUP_BY", "tuple[str, ...]", literals.several(group_by), _GROUP_BY),
        *line_constants(sample, text),
    ]
    return draft


def line_constants(sample: Sample, text: str, last: str = "") -> list[Constant]:
    """What the part that reads lines has in the table."""
    has_end = text.endswith(("\n", "\r"))
    return [
        Constant(
            "ENCODING",
            "",
            literals.text(sample.encoding),
            "Of a file that is not UTF-8 and has no byte order mark.",
        ),
        Constant(
            "ENDS_WITH_LINE_END",
            "",
            str(has_end),
            "Whether a last line without its end shows that the file is cut off.",
        ),
        Constant("LAST", "", literals.text(last), "How the last line of a whole file begins."),
    ]


def _table(text: str, delimiter: str) -> _Table | None:
    """The table with these delimiters, if every row below a header row is as long as it."""
    try:
        read = list(csv.reader(lines(text), delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    rows = [[cell.strip() for cell in row] for row in read if any(map(str.strip, row))]
    first = enumerate(rows[:_MOST_ABOVE])
    above = next((n for n, row in first if _is_header(row, rows[n + 1 :])), None)
    if above is None:
        return None
    names = [name or f"column {number}" for number, name in enumerate(rows[above], 1)]
    records = [dict(zip(names, row, strict=False)) for row in rows[above + 1 :]]
    return _Table(delimiter, above, names, records)


def _is_header(row: list[str], below: list[list[str]]) -> bool:
    named = [cell for cell in row if cell]
    if len(row) < _FEWEST or len(named) < _FEWEST - 1 or not below:
        return False
    if len({*named}) != len(named) or any(
        cell[0].isdigit() and cell[-1].isdigit() for cell in named
    ):
        return False
    return all(_length(one, len(row)) == len(row) for one in below) and bool(_known(named))


def _known(names: list[str]) -> list[str]:
    """Those that are words of testers: a header row has some."""
    known = {
        word
        for spoken in (vocabulary.HEADER, vocabulary.ROW)
        for w in spoken.values()
        for word in w
    }
    return [name for name in names if not known.isdisjoint(vocabulary.spellings(name))]


def _length(row: list[str], width: int) -> int:
    length = len(row)
    while length > width and not row[length - 1]:
        length -= 1
    return length


def _fill(draft: Draft, table: _Table, serial: str | None) -> list[str]:
    """The tables, and the columns that say which rows are one report."""
    tables = draft.tables
    row = guess.row([{k: v for k, v in one.items() if k != serial} for one in table.records])
    is_long = guess.is_row(row) and _comes_again(table, serial)
    own = {name for name in row.values() if name} if is_long else set()
    guess.header(tables, table.records, own)
    if is_long:
        tables.row = _without_header(row, tables)
        guess.learn(tables, table.records)
        draft.rows = "run"
    else:
        guess.steps(tables, table.records)
        draft.what = "Each row is one test of one unit."
        draft.rows = "[]"
    guess.decimal(tables, table.records)
    return _group_by(table, tables) if is_long else []


def _comes_again(table: _Table, serial: str | None) -> bool:
    """Whether a unit has several rows."""
    if serial is None:
        return True
    several = [record[serial] for record in table.records]
    return len({*several}) < len(several) or len(several) == 1


def _without_header(row: dict[str, str | None], tables: guess.Tables) -> dict[str, str | None]:
    used = {*tables.header.values()} - {None}
    return {what: None if name in used else name for what, name in row.items()}


def _group_by(table: _Table, tables: guess.Tables) -> list[str]:
    """The serial number, and the start if it is that of a test and not of each row."""
    serial, start = tables.header["serial_number"], tables.header["start"]
    if serial is None:
        return []
    if start is None or len(table.records) == 1:
        return [serial]
    pairs = {(record[serial], record[start]) for record in table.records}
    return [serial, start] if len(pairs) < len(table.records) else [serial]
