"""The rows of a file, sorted by the units that they belong to.

A file is what AutoSave steps appended, run after run: tables of results, a row a result, and
curves, two rows each (x, then y). Each table has a header, but a results row may also follow a
curve without a header of its own. All rows begin with columns that say whose they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from pywats_trio.converters.api import Reject
from pywats_trio.converters.common import decimals, reading
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.converters.api import Source
    from pywats_trio.converters.common.reading import Line

SERIAL: Final = "serial #"
TIME: Final = "time"
DATE: Final = "date"
"""Some versions have it in a column of its own."""
NAME: Final = "name"
RESULT: Final = "result"

_WORDS: Final = frozenset({"nan", "inf", "-inf", "+inf"})


@frozen
class Header:
    """The header of one table."""

    line: int
    whose: tuple[str, ...]
    """The columns that say whose a row is, as they stand there without their colons."""
    rest: tuple[str, ...]
    """The columns of the table; of a curve its name, scales and units."""

    @property
    def is_results(self) -> bool:
        found = {column.casefold() for column in self.rest}
        return NAME in found and RESULT in found


@frozen
class Row:
    """One result."""

    line: Line
    cells: Mapping[str, str]
    """Those of the table, by their columns in lower case."""
    more: tuple[str, ...] = ()
    """Cells beyond the last column."""

    def get(self, column: str) -> str:
        return self.cells.get(column, "")


@define
class Curve:
    """One curve of a unit."""

    header: Header
    rows: list[tuple[Line, list[str]]] = field(factory=list)


@define
class Unit:
    """All that the file says of one run: of a serial number at a time."""

    line: int
    """Its first."""
    whose: dict[str, str]
    """What its rows say whose they are, by columns as they are written."""
    parts: list[Row | Curve] = field(factory=list)
    """In the order of the file."""

    def get(self, column: str) -> str:
        """A cell by the name of its column in lower case; empty where there is none."""
        return next((text for name, text in self.whose.items() if name.casefold() == column), "")

    @property
    def time(self) -> str:
        return f"{self.get(DATE)} {self.get(TIME)}".strip()


@frozen
class Table:
    """A file that is read."""

    units: list[Unit]
    """In the order in which they come first."""
    mark: decimals.Mark
    """The decimal mark of its numbers."""


def header(text: str, line: int) -> Header | None:
    """What a line says of the rows below it; None where it is no header."""
    cells = [cell.strip() for cell in text.split("\t")]
    while cells and not cells[-1]:
        cells.pop()
    count = 0
    while count < len(cells) and cells[count].endswith(":"):
        count += 1
    whose = tuple(cell[:-1].strip() for cell in cells[:count])
    if SERIAL not in {name.casefold() for name in whose}:
        return None
    return Header(line, whose, tuple(cells[count:]))


def read(source: Source, encoding: str, mark: decimals.Mark | None = None) -> Table:
    """The units of a file; without `mark` the decimal mark is the one that its numbers have.

    Raises:
        Reject: as `reading.lines`; or a row comes before a header, is cut off, or is neither a
            result nor numbers; or both decimal marks were seen.
    """
    reader = _Reader()
    for line in reading.lines(source, encoding):
        if not line.text.strip():
            continue
        if (found := header(line.text, line.number)) is not None:
            reader.begin(found, line)
        else:
            reader.add(line)
    if not reader.units:
        raise Reject("there is no row below the headers")
    return Table(list(reader.units.values()), mark or reader.marks.decide())


class _Reader:
    def __init__(self) -> None:
        self.units: dict[tuple[str, str], Unit] = {}
        """By serial number and time."""
        self.marks = decimals.Marks.none()
        self._header: Header | None = None
        self._results: Header | None = None
        """The last header of results."""

    def begin(self, found: Header, line: Line) -> None:
        """A table."""
        if TIME not in {name.casefold() for name in found.whose}:
            raise line.refusal(
                "the header has no column Time:", hint="Let the AutoSave step save the time, too."
            )
        if not found.rest:
            raise line.refusal("the header ends before its table: it is cut off")
        self._header = found
        if found.is_results:
            self._results = found

    def add(self, line: Line) -> None:
        """A row."""
        if (header := self._header) is None:
            raise line.refusal('it comes before a header ("Serial #:" and so on)')
        cells = [cell.strip() for cell in line.text.split("\t")]
        numbers = cells[len(header.whose) :]
        while numbers and not numbers[-1]:
            numbers.pop()
        if header.is_results or not numbers or not all(map(_is_number, numbers)):
            self._result(cells, line)
            return
        for number in numbers:
            self.marks.see(line.number, number)
        unit = self._unit(cells, line, header)
        self._curve(unit, header).rows.append((line, numbers))

    def _unit(self, cells: list[str], line: Line, header: Header) -> Unit:
        new = Unit(line.number, dict(zip(header.whose, cells, strict=False)))
        unit = self.units.setdefault((new.get(SERIAL), new.time), new)
        for column, text in new.whose.items():
            if (known := unit.whose.setdefault(column, text)) != text:
                raise line.refusal(
                    f'{column} is "{shortened(text, 60)}", but in line {unit.line}, of the same '
                    f'run, it is "{shortened(known, 60)}"'
                )
        return unit

    def _curve(self, unit: Unit, header: Header) -> Curve:
        """The curve of this header, begun where it is the first row of it."""
        last = unit.parts[-1] if unit.parts else None
        if isinstance(last, Curve) and last.header is header:
            return last
        curve = Curve(header)
        unit.parts.append(curve)
        return curve

    def _result(self, cells: list[str], line: Line) -> None:
        header = self._results
        if header is None:
            raise line.refusal("it is no row of numbers, and no header with Name and Result before")
        columns = [*header.whose, *header.rest]
        if len(cells) < len(columns):
            raise line.refusal(
                f"{len(cells)} cells, but its header (line {header.line}) has {len(columns)}",
                hint="The file is cut off, or the row is no result.",
            )
        rest = zip(header.rest, cells[len(header.whose) :], strict=False)
        own = {name.casefold(): cell for name, cell in rest}
        for cell in (own.get("margin", ""), *own.get("limits", "").split("/")):
            self.marks.see(line.number, cell.strip())
        more = tuple(cell for cell in cells[len(columns) :] if cell)
        self._unit(cells, line, header).parts.append(Row(line, own, more))


def _is_number(text: str) -> bool:
    return decimals.looks_numeric(text) or text.casefold() in _WORDS
