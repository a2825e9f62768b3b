"""The tables in the folder: text with tabs, a line of column names and then one row a line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.converters.api import Reject
from pywats_trio.converters.common import decimals, reading
from pywats_trio.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.converters.api import Source
    from pywats_trio.converters.common.decimals import Mark
    from pywats_trio.reports.operators import Value

VALUES: Final = "name"
CURVE: Final = "frq"
"""What the first column of each kind is called."""
_ENDING: Final = ".txt"
_NONE: Final = "-"
_HEAD: Final = 4096
_BEGINNING: Final = re.compile(rf"\s*(?:{VALUES}|{CURVE}) *\t *\S", re.IGNORECASE)


@frozen
class Table:
    """One file: `name value max min`, or `frq NAME max min`; max and min may be missing."""

    path: str
    """Within the folder, with `/`."""
    columns: list[str]
    rows: list[Row]

    @property
    def is_curve(self) -> bool:
        """Each row is a point, not a value of its own."""
        return self.columns[0].lower() == CURVE

    @property
    def name(self) -> str:
        """Of the curve; of values the word for them."""
        return self.columns[1]

    @property
    def sequences(self) -> tuple[str, ...]:
        """The folders that it lies in, then what its name says before the task."""
        *folders, file = self.path.split("/")
        stem = file[: -len(_ENDING)]
        for task in (self.name, "values"):
            if stem.endswith(f"-{task}") and len(stem) > len(task) + 1:
                return (*folders, stem[: -len(task) - 1])
        return (*folders, stem.partition("-")[0] or stem)

    def column(self, name: str) -> int | None:
        """Where the limit `max` or `min` stands."""
        return next(
            (i for i, one in enumerate(self.columns) if i > 1 and one.lower() == name), None
        )

    @property
    def unknown(self) -> list[str]:
        """Columns beside these."""
        known = {0, 1, self.column("max"), self.column("min")}
        return [name for i, name in enumerate(self.columns) if i not in known and name]


@frozen
class Row:
    """One line that is not blank."""

    where: str
    cells: list[str]
    mark: Mark

    def text(self, column: int) -> str:
        """A cell; empty where the line ends before it."""
        return self.cells[column] if column < len(self.cells) else ""

    def number(self, column: int | None, what: str) -> Value | None:
        """The same as a number; None for a dash, an empty cell or no such column.

        Raises:
            Reject: it is none.
        """
        if column is None or (text := self.text(column)) in ("", _NONE):
            return None
        if (number := decimals.value(text, self.mark)) is None:
            other = "." if self.mark == "," else ","
            hint = "Set the argument decimal to the decimal mark of the file."
            raise Reject(
                f'{self.where}: {what} "{shortened(text, 60)}" is not a number',
                hint=hint if other in text else "",
            )
        return number


def read(path: str, source: Source, encoding: str, mark: Mark) -> Table | None:
    """The table in a file of the folder; None where it is none.

    Raises:
        Reject: it is no text, or a row has more cells than there are columns.
    """
    if not (path.lower().endswith(_ENDING) and _BEGINNING.match(reading.beginning(source, _HEAD))):
        return None
    shown = shortened(printable(path), 100)
    lines = _filled(reading.lines(source, encoding))
    _number, columns = next(lines)
    rows = []
    for number, cells in lines:
        row = Row(f"{shown} line {number}", cells, mark)
        if any(cells[len(columns) :]):
            raise Reject(f"{row.where} has {len(cells)} cells, there are {len(columns)} columns")
        rows.append(row)
    return Table(path, columns, rows)


def _filled(lines: Iterator[reading.Line]) -> Iterator[tuple[int, list[str]]]:
    for line in lines:
        if line.text.strip():
            yield line.number, [cell.strip() for cell in line.text.split("\t")]
