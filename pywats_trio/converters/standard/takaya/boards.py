"""A board of an .ATD file (a group of the panel, or all of it) and its report."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import define, field

from pywats_trio.converters.common import local_times, unit
from pywats_trio.converters.standard.takaya import headers, steps
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from datetime import tzinfo

    from pywats_trio.converters.api import Context
    from pywats_trio.converters.common.notes import Notes
    from pywats_trio.converters.common.reading import Line
    from pywats_trio.converters.standard.takaya.cells import Table
    from pywats_trio.converters.standard.takaya.headers import Header
    from pywats_trio.reports.builder import ReportBuilder, Result
    from pywats_trio.reports.report import Report
    from pywats_trio.reports.steps import Step

DATE_ORDERS: Final = ("dmy", "ymd", "mdy")
_DATE: Final = re.compile(r"(\d{1,4})[/.-](\d{1,2})[/.-](\d{1,4}) (\d{1,2}:\d{2}:\d{2})", re.ASCII)
_LETTERS: Final = {"d": "%d", "m": "%m", "y": "%y"}
_LONG_YEAR: Final = 4
_SECONDS: Final = re.compile(r"(\d{1,7}(?:\.\d{1,3})?) *s", re.ASCII)
_ENDING: Final = re.compile(r"\.SW\w{0,4}$", re.IGNORECASE | re.ASCII)
"""Of the file of the test program."""


@define
class Board:
    """What was read of a board so far."""

    panel: Header
    header: Header
    """Its own; that of the panel where there are no groups."""
    group: int | None = None
    steps: list[Step] = field(factory=list)
    _last: int | None = field(default=None, init=False)
    """The number of its last row."""

    @property
    def where(self) -> str:
        group = "the board" if self.group is None else f"group {self.group}"
        return f"{group} (line {self.header.line.number})"

    @property
    def notes(self) -> Notes:
        """What is odd about it."""
        return self.header.notes

    @property
    def serial(self) -> str:
        """Empty where it has none."""
        return self.header.get("Serial No.")

    @property
    def is_empty(self) -> bool:
        """There is nothing of it, or only that it was not tested."""
        return not self.serial and not self.steps and self.header.verdict in ("", headers.UNTESTED)

    def take(self, line: Line, table: Table) -> None:
        """A line of it that is no mark and no head of a group or table.

        Raises:
            Reject: it is a row, but damaged, or a line of the header that cannot be understood.
        """
        if (row := table.row(line)) is None:
            if self.group is None or self.steps:
                self.notes.add("a line between the rows is not known and not sent", line.number)
            else:
                self.header.take(line)
            return
        number = row.number
        if self._last is not None and number is not None and number != self._last + 1:
            missing = number > self._last
            self.notes.add(
                f"step numbers {'are missing before' if missing else 'do not rise at'} this row",
                line.number,
            )
        self._last = number
        self.steps.append(steps.step(row, self.notes))


def report(board: Board, context: Context) -> Report:
    """The report of a board that has ended.

    Raises:
        Reject: it has no serial number, or no time that can be read.
    """
    panel = board.panel
    seconds = _SECONDS.fullmatch(panel.get("Test time"))
    model = panel.get("Model")
    builder = unit.begin(
        context,
        board.where,
        serial_number=board.serial,
        part_number=_ENDING.sub("", model),
        start=_start(board, context),
        result=_result(board),
        operator=panel.get("User name"),
        seconds=float(seconds[1]) if seconds else None,
        socket=board.group,
        station=panel.get("Test ID"),
        sequence=model,
        version=panel.get("Version No."),
    )
    for description, text in _misc(board):
        builder.misc(description, text)
    _finish(board, builder)
    return builder.build()


def _misc(board: Board) -> list[tuple[str, str]]:
    panel, header = board.panel, board.header
    said = [*panel.other]
    if board.group is not None:
        said += [("Panel result", panel.verdict), ("Panel serial number", panel.get("Serial No."))]
        said += header.other
    said.append(("Boards tested", header.counts))
    return [(name, text) for name, text in said if text]


def _result(board: Board) -> Result | None:
    """The verdict of the board; where there is none it follows from its rows."""
    result = board.header.result
    failed = sum(step.status == "F" for step in board.steps)
    if result is None:
        board.notes.add("no verdict: the result follows from the rows", board.header.line.number)
    elif result == "P" and failed:
        board.notes.add(f"the verdict is PASS, and {failed} rows failed", board.header.line.number)
    elif result == "F" and not failed:
        board.notes.add("the verdict is FAIL, and no row failed", board.header.line.number)
    return result


def _start(board: Board, context: Context) -> str | None:
    """The time of the panel.

    Raises:
        Reject: it is none in the order that was asked for.
    """
    text = board.panel.date
    if not text:
        return None
    order = context.arguments["date_order"]
    zone = local_times.zone(context.arguments["timezone"])
    readings = {one: _read(text, one, zone) for one in ([order] if order else DATE_ORDERS)}
    start = readings[order or DATE_ORDERS[0]]
    if start is None:
        raise board.panel.line.refusal(
            f'the DATE "{shortened(text, 60)}" of this header is no date in the order '
            f"{order or DATE_ORDERS[0]}",
            hint="Set the argument date_order.",
        )
    if len({*readings.values()} - {None}) > 1:
        board.notes.add(
            f'DATE "{text}" is read as day, month, year; set the argument date_order',
            board.panel.line.number,
        )
    return start


def _read(text: str, order: str, zone: tzinfo | None) -> str | None:
    match = _DATE.fullmatch(" ".join(text.split()))
    if match is None:
        return None
    first, _second, third, time = match.groups()
    if len(first) == _LONG_YEAR:
        order = "ymd"  # nobody writes it otherwise
    elif len(third) == _LONG_YEAR and order == "ymd":
        return None
    letters = [
        "%Y" if letter == "y" and _LONG_YEAR in (len(first), len(third)) else _LETTERS[letter]
        for letter in order
    ]
    clock = local_times.Clock(f"{'/'.join(letters)} %H:%M:%S", zone)
    return clock.read(f"{'/'.join(match.groups()[:3])} {time}")


def _finish(board: Board, builder: ReportBuilder) -> None:
    for step in board.steps:
        builder.root.add(step)
    of_both = (board.notes,) if board.group is None else (board.panel.notes, board.notes)
    for notes in of_both:
        notes.tell(builder)
