"""A CSV file as rows of named cells, read as often as needed, one row at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from pywats_trio.converters.api import Reject
from pywats_trio.converters.common import reading
from pywats_trio.converters.standard.csv import rows
from pywats_trio.converters.standard.csv.columns import Columns
from pywats_trio.converters.standard.csv.names import PER_RUN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.converters.api import Source

Key = tuple[str, str]
"""What tells one report from another: the serial number and the start, as they are written."""


class Row:
    """One row; a column that is not there is blank."""

    __slots__ = ("_columns", "cells", "key", "line")

    def __init__(self, line: int, cells: list[str], columns: Columns) -> None:
        self.line = line
        self.cells = cells
        self._columns = columns
        self.key: Key = (self.get("serial"), self.get("start"))

    def get(self, column: str) -> str:
        """The cell without blanks around it."""
        return self.raw(column).strip()

    def raw(self, column: str) -> str:
        """The cell as it is written."""
        at = self._columns.index.get(column)
        return "" if at is None else self.cells[at]

    def inherit(self, above: Row | None) -> None:
        """Fill blank cells about the unit from the row above, if that is about the same unit."""
        serial, start = self.key
        if above is None or serial not in ("", above.key[0]):
            if not serial:
                raise self.refusal("no serial")
            return
        self.key = (above.key[0], start or above.key[1])
        is_retest = self.key != above.key
        for at, column in self._columns.unit:
            cell = self.cells[at]
            if (not cell or cell.isspace()) and not (is_retest and column in PER_RUN):
                self.cells[at] = above.cells[at]

    def refusal(self, why: str, hint: str = "") -> Reject:
        """The error for something wrong in this row."""
        return Reject(f"line {self.line}: {why}", hint=hint)


@frozen
class Table:
    """The header of a file, and the way to its rows."""

    columns: Columns
    delimiter: str
    _text: reading.Text
    _header: int
    """The line of the header."""

    @classmethod
    def of(cls, source: Source, arguments: Mapping[str, Any]) -> Table:
        """Find the header of a file.

        Raises:
            Reject: there is none, or not with the columns that are needed.
        """
        text = reading.opened(source, arguments["encoding"])
        line = rows.header_line(text, arguments["skip_lines"])
        _line, header = next(rows.records(text, line))
        delimiter = arguments["delimiter"] or rows.delimiter_of(header, line)
        names = rows.cells(header, delimiter, line)
        columns = Columns.of(names, line, arguments["columns"], arguments["constants"])
        return cls(columns, delimiter, text, line)

    def rows(self) -> Iterator[Row]:
        """The rows below the header, blank ones left out, blank unit cells filled.

        Raises:
            Reject: a row has more or fewer cells than the header, or no serial number.
        """
        width, constants = self.columns.width, self.columns.constants
        above: Row | None = None
        records = rows.records(self._text, self._header)
        next(records)
        for line, record in records:
            cells = rows.cells(record, self.delimiter, line)
            if len(cells) != width:
                if len(cells) == 1 and not record.strip():
                    continue
                raise _ragged(line, len(cells), width)
            if not any(cells) or not any(map(str.strip, cells)):
                continue
            row = Row(line, [*cells, *constants], self.columns)
            row.inherit(above)
            above = row
            yield row

    def nothing(self) -> Reject:
        """The error for a table without rows."""
        return Reject(f"a header (line {self._header}) and no data rows")


def _ragged(line: int, found: int, width: int) -> Reject:
    return Reject(
        f"line {line} has {found} cell{'s' * (found != 1)}, the header has {width}"
        f"{': cut off?' if found < width else ''}",
        hint=f"Write {width} cells in every row; put a cell that holds the delimiter in quotes.",
    )
