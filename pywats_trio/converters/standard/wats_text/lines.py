"""The lines of a file in the WATS text format, and which of them belong to which unit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.converters.api import Reject
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.converters.standard.wats_text.values import Convert

MARKS: Final = ("Header-Start", "Step-Data-Start", "Step-Data-End", "UUT-End")
"""In the order in which they part a unit: header, rows and footer lie between them."""

# Not `splitlines`: names may hold control characters, at some of which it would cut.
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
# The vendor's own example ends its unit with a blank in the mark.
_MARK: Final = re.compile(rf"[ \t]*-- *({'|'.join(MARKS)}) *--[ \t]*", re.IGNORECASE)
_BLANK: Final = " \t"
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_SHOWN: Final = 60
"""Characters of a wrong cell that a message repeats."""


@frozen
class Line:
    """A line that is neither blank nor a mark."""

    number: int
    """From 1."""
    cells: list[str]
    """What stands between its tabs, without the empty ones at the end."""

    def cell(self, index: int) -> str:
        """One cell, empty where the line is too short for it or holds only blanks there."""
        found = self.cells[index] if index < len(self.cells) else ""
        return found if found.strip(" ") else ""

    def value(self, index: int, name: str, convert: Convert, decimal: str = ".") -> Any:  # noqa: ANN401 - theirs
        """What `convert` makes of a cell; None where it is empty.

        Raises:
            Reject: it is not what it must be.
        """
        cell = self.cell(index)
        return self.converted(cell, name, convert, decimal) if cell else None

    def converted(self, cell: str, name: str, convert: Convert, decimal: str) -> Any:  # noqa: ANN401 - theirs
        """The same for text that is no cell of its own."""
        try:
            return convert(cell, decimal)
        except ValueError as error:
            raise self.refusal(f"{name} {shown(cell)}: {error}") from None

    def refusal(self, why: str, hint: str = "") -> Reject:
        """The error for something wrong in this line."""
        return Reject(f"line {self.number}: {why}", hint=hint)


@frozen
class Unit:
    """The lines of one tested unit."""

    begin: int
    """The line of its first mark."""
    header: list[Line]
    rows: list[Line]
    footer: list[Line]
    replaced: list[int]
    """The lines that held control characters."""


def shown(cell: str) -> str:
    """A wrong cell as a message repeats it."""
    return f'"{shortened(cell, _SHOWN)}"'


def units(text: str) -> list[Unit]:
    """The units of a file, in order.

    Raises:
        Reject: the marks are not where they must be, or something stands outside of a unit.
    """
    found: list[Unit] = []
    parts: list[list[Line]] = []
    replaced: list[int] = []
    begin = last = 1
    for number, line in _lines(text):
        last = number
        if (mark := _MARK.fullmatch(line)) is None:
            if not parts:
                raise _outside(number, line)
            parts[-1].append(_line(number, line, replaced))
            continue
        place = next(i for i, name in enumerate(MARKS) if name.lower() == mark[1].lower())
        if place != len(parts):
            raise Reject(_misplaced(number, place, len(parts), begin))
        if place < len(MARKS) - 1:
            begin = begin if parts else number
            parts.append([])
        else:
            header, rows, footer = parts
            found.append(Unit(begin, header, rows, footer, replaced))
            parts, replaced = [], []
    if parts:
        raise _cut_off(text, last, begin)
    if not found:
        raise Reject(f"the file holds no unit: --{MARKS[0]}-- is missing")
    return found


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(_LINE_END.split(text), 1):
        if line.strip(_BLANK):
            yield number, line


def _line(number: int, line: str, replaced: list[int]) -> Line:
    """WATS keeps reports as XML, which has no form for control characters."""
    clean = _FORBIDDEN.sub("\ufffd", line)
    if clean != line:
        replaced.append(number)
    return Line(number, clean.rstrip(_BLANK).split("\t"))


def _outside(number: int, line: str) -> Reject:
    return Reject(
        f"line {number}: {shown(line.strip(_BLANK))} belongs to no unit: a unit goes from "
        f"--{MARKS[0]}-- to --{MARKS[-1]}--"
    )


def _misplaced(number: int, place: int, expected: int, begin: int) -> str:
    of = f" of the unit that begins in line {begin}" if expected else ""
    return (
        f"line {number}: --{MARKS[place]}-- stands here, but --{MARKS[expected]}--{of} must come "
        "first"
    )


def _cut_off(text: str, last: int, begin: int) -> Reject:
    row = "" if text.endswith(("\n", "\r")) else "the row in this last line may be incomplete, and "
    return Reject(
        f"line {last}: {row}--{MARKS[-1]}-- of the unit that begins in line {begin} is missing: "
        "the file was cut off, or is not complete yet",
        hint="Let the tester finish the file before it is taken: see settle and settle_seconds.",
    )
