"""The rows of a CSV file by RFC 4180, strictly.

Why not `csv`: even in its strict mode it takes a quote in the middle of a cell as text, and of a
quote that is never closed it does not know the line. A row without quotes, which nearly all are, is
one `str.split`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pywats_trio.converters.api import Reject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.converters.common.reading import Text

MAX_ROW: Final = 1 << 20
"""Characters of a row. Without a bound, a quote that is never closed takes in the whole file."""
DELIMITERS: Final = (",", ";", "\t")

_QUOTED: Final = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"')
_EXCEL: Final = re.compile(r"sep=.\s*$", re.IGNORECASE)
LINE_END: Final = re.compile(r"\r\n|\r|\n")


def says_nothing(line: str) -> bool:
    """Whether a line above the header is blank, a comment, or Excel's word on the delimiter."""
    return not line.strip() or line.startswith("#") or _EXCEL.match(line) is not None


def header_line(text: Text, skip: int) -> int:
    """The line of the header: the first that says something and is none of `skip`.

    Raises:
        Reject: there is none.
    """
    for number, line in enumerate(text.lines(MAX_ROW + 2), 1):
        if says_nothing(line):
            continue
        if not skip:
            return number
        skip -= 1
    raise Reject("the file holds no header row", hint="Is the argument skip_lines too large?")


def records(text: Text, first: int) -> Iterator[tuple[int, str]]:
    """From line `first` on, the rows with the number of their first line, without the line end.

    A row with an open quote goes on in the next line; the last one may be open at the end.

    Raises:
        Reject: a row is longer than `MAX_ROW`, or there is a NUL character.
    """
    begin, size, is_open = 0, 0, False
    parts: list[str] = []
    for number, line in enumerate(text.lines(MAX_ROW + 2), 1):
        if number < first:
            continue
        if '"' in line and line.count('"') % 2:
            is_open = not is_open
        begin = begin if parts else number
        size += len(line)
        if size > MAX_ROW or "\0" in line:
            _check(begin, number, size - len(line), line)
        parts.append(line)
        if not is_open:
            yield begin, _without_end("".join(parts))
            parts, size = [], 0
    if parts:
        yield begin, "".join(parts)


def _check(begin: int, number: int, before: int, line: str) -> None:
    if "\0" in line:
        raise Reject(
            f"line {number}: a NUL character",
            hint="The file is damaged, or UTF-16 without a byte order mark.",
        )
    if before + len(_without_end(line)) > MAX_ROW:
        raise Reject(
            f"the row that begins in line {begin} has more than {MAX_ROW} characters",
            hint="Is a quote in it never closed?",
        )


def _without_end(row: str) -> str:
    return row.removesuffix("\n").removesuffix("\r")


def cells(row: str, delimiter: str, line: int) -> list[str]:
    """The cells of a row that begins in `line`.

    Raises:
        Reject: a quote is not closed, stands inside a cell without quotes, or is not the cell's
            last character.
    """
    if '"' not in row:
        return row.split(delimiter)
    found: list[str] = []
    at = 0
    while True:
        if row.startswith('"', at):
            cell, at = _quoted(row, at, delimiter, line)
        else:
            end = row.find(delimiter, at)
            cell, at = row[at : end if end >= 0 else None], end if end >= 0 else len(row)
            if '"' in cell:
                raise _stray(f"a quote inside cell {len(found) + 1}", row, at, line)
        found.append(cell)
        if at == len(row):
            return found
        at += 1


def _quoted(row: str, at: int, delimiter: str, line: int) -> tuple[str, int]:
    match = _QUOTED.match(row, at)
    if match is None:
        raise Reject(
            f"the quote opened in line {line + _breaks(row, at)} is never closed",
            hint="The file is cut off, or a quote inside a cell is not doubled.",
        )
    end = match.end()
    if end < len(row) and row[end] != delimiter:
        raise _stray("text after a closing quote", row, end, line)
    return match[1].replace('""', '"'), end


def _stray(what: str, row: str, at: int, line: int) -> Reject:
    return Reject(
        f"line {line + _breaks(row, at)}: {what}",
        hint="Put the whole cell in quotes and double the quotes inside it.",
    )


def _breaks(row: str, end: int) -> int:
    return len(LINE_END.findall(row, 0, end))


def delimiter_of(header: str, line: int) -> str:
    """The delimiter that splits the header into most cells.

    Raises:
        Reject: no delimiter makes cells of it, for its quotes are wrong.
    """
    counts: dict[str, int] = {}
    wrong: Reject | None = None
    for delimiter in DELIMITERS:
        try:
            counts[delimiter] = len(cells(header, delimiter, line))
        except Reject as error:
            wrong = wrong or error
    if not counts and wrong is not None:
        raise wrong
    return max(counts, key=counts.__getitem__)
