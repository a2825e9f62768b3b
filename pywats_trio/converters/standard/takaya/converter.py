"""Takaya flying probers: an .ATD file a panel, a report for each board on it.

Both layouts that public files show are read: quoted cells (APT-94xx) and columns with names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final

from attrs import define, field

from pywats_trio.converters.api import Argument, Context, Converter, Reject, Source
from pywats_trio.converters.common import reading, unit
from pywats_trio.converters.standard.takaya.boards import DATE_ORDERS, Board, report
from pywats_trio.converters.standard.takaya.cells import Table
from pywats_trio.converters.standard.takaya.headers import GROUP, Header

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.converters.common.reading import Line
    from pywats_trio.reports.report import Report

_HEAD: Final = 8192
_MARK: Final = "@"
_PARTS: Final = (
    re.compile(r"^D\.T ?: ?\d+ .*G\.F ?:", re.M | re.A),
    re.compile(r"^Model ?:", re.M),
    re.compile(r"^\* (?:GROUP No\.|[A-Z-]{4,8} \*)", re.M),
)


class Takaya(Converter):
    """Every board of every panel, in order."""

    id: ClassVar[str] = "takaya"
    version: ClassVar[str] = "1.0.0"
    patterns: ClassVar[tuple[str, ...]] = ("*.ATD", "*.atd")
    arguments: ClassVar[Mapping[str, Argument]] = {
        **unit.ARGUMENTS,
        "timezone": unit.TIMEZONE,
        "encoding": unit.ENCODING,
        "date_order": Argument(
            str,
            default="",
            choices=("", *DATE_ORDERS),
            help="of day, month and year in DATE; default: dmy, with a finding where the file "
            "leaves it open",
        ),
    }

    def detect(self, source: Source) -> float:
        """By its beginning: 0.95 with the mark, counts, model and verdict; 0 without the mark."""
        head = reading.beginning(source, _HEAD).replace("\r", "\n")
        if head.lstrip()[:1] != _MARK or not _PARTS[0].search(head):
            return 0.0
        return 0.95 - 0.2 * sum(part.search(head) is None for part in _PARTS)

    def convert(self, source: Source, context: Context) -> Iterator[Report]:
        """The boards as they end; no more than one is in memory."""
        found = False
        for board in _boards(reading.lines(source, context.arguments["encoding"])):
            if board.is_empty:
                context.logger.info("%s was not tested: no report", board.where)
                continue
            found = True
            yield report(board, context)
        if not found:
            raise Reject("no board in the file was tested")


def _boards(lines: Iterator[Line]) -> Iterator[Board]:
    panels = _Panels()
    for line in lines:
        if line.text.strip() and (board := panels.take(line)) is not None:
            yield board
    if (board := panels.rest()) is not None:
        yield board


@define
class _Panels:
    """Reads one panel after the other, each with its groups or without.

    Marks stand before a panel's header, after it, and after the last of its rows.
    """

    _table: Table = field(factory=Table, init=False)
    _panel: Header | None = field(default=None, init=False)
    _board: Board | None = field(default=None, init=False)

    def take(self, line: Line) -> Board | None:
        """The next line that is not empty; the board that it ends."""
        if line.text.strip() == _MARK:
            return self._mark()
        if self._board is None:
            self._panel = self._panel or Header(line)
            self._panel.take(line)
        elif match := GROUP.fullmatch(line.text.strip()):
            before = self._board
            self._board = Board(before.panel, Header(line), int(match[1]))
            return before if before.group is not None or before.steps else None
        elif not self._table.heads(line):
            self._board.take(line, self._table)
        return None

    def rest(self) -> Board | None:
        """The board that no mark has ended, in a layout whose files may lack it.

        Raises:
            Reject: the file is cut off.
        """
        board = self._board
        if board is not None and board.group is None and board.steps:
            board.notes.add("no mark behind the last row: are all here?", board.header.line.number)
            return board
        if board is not None or self._panel is not None:
            raise Reject("the file ends without the mark @", hint="It is cut off; write it anew.")
        return None

    def _mark(self) -> Board | None:
        ended = self._board
        if ended is not None:
            self._panel = self._board = None
        elif self._panel is not None:
            self._board = Board(self._panel, self._panel)
        return ended
