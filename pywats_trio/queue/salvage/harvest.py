"""All rows that the raw pages of a queue still hold, good or doubtful. Everything here blocks."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.queue.salvage.carve import Malformed, cells, chain, record
from pywats_trio.queue.salvage.pages import Page, Use
from pywats_trio.queue.salvage.tables import SCHEMA_TABLE, Schema, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.queue.salvage.carve import Cell, Value
    from pywats_trio.queue.salvage.pages import Pages

_NO_TREE: Final = frozenset({Use.FREE, Use.OVERFLOW_FIRST, Use.OVERFLOW})


@frozen
class Row:
    """A row of a table."""

    table: str
    values: dict[str, Value]
    good: bool
    """Whether every page it stands on is good. If not it is a row all the same, and its values are
    of the right types; but a bit of them may have changed."""


class Harvest:
    """The rows of the database that `pages` has."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self.damaged: set[int] = set()
        """Pages with rows that are not good, as far as was looked."""
        self._schema = Schema.of(row.values for row in self._schema_rows())

    def _schema_rows(self) -> Iterator[Row]:
        for number in self._trees():
            if self._pages.root(number) == 1:
                for page in self._pages.versions(number):
                    if page.good:
                        yield from self._rows(page, [SCHEMA_TABLE])

    def rows(self, *, payloads: bool) -> Iterator[Row]:
        """The rows of `payloads`, or those of all other tables; free pages are left alone."""
        for number in self._trees():
            root = self._pages.root(number)
            tables = [
                table
                for table in self._schema.candidates(root)
                if (table.name == "payloads") is payloads
            ]
            for page in self._pages.versions(number) if tables else ():
                if not page.good:
                    self.damaged.add(number)
                yield from self._rows(page, tables)

    def _trees(self) -> Iterator[int]:
        """The numbers of all pages that may hold rows."""
        for number in range(1, self._pages.count + 1):
            use, _above = self._pages.use(number)
            unknown = use is Use.UNKNOWN and not self._pages.is_map(number)
            if use in _NO_TREE or (unknown and number in self._free):
                continue
            if use is not Use.UNKNOWN or unknown:
                yield number

    @cached_property
    def _free(self) -> set[int]:
        """Where the pointer map is damaged, or there is none."""
        return self._pages.free()

    def _rows(self, page: Page, tables: list[Table]) -> Iterator[Row]:
        for cell in cells(page.data, page.number, self._pages.usable):
            row = None if cell is None else self._row(cell, page, tables)
            if row is not None:
                yield row

    def _row(self, cell: Cell, page: Page, tables: list[Table]) -> Row | None:
        good = page.good

        def rest(number: int) -> bytes | None:
            nonlocal good
            found = self._pages.page(number)
            good = good and found is not None and found.good
            return found.data if found else None

        if cell.size > self._pages.count * self._pages.page_size:
            return None
        try:
            values = record(chain(cell, self._pages.usable, rest))
        except Malformed:
            return None
        for table in tables:
            try:
                return Row(table.name, table.row(cell.rowid, values), good)
            except Malformed:
                continue
        return None
