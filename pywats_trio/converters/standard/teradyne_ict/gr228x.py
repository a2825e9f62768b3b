"""GR228X logs: lines of text, in which programs and boards begin and boards end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.converters.api import Reject
from pywats_trio.converters.common import local_times
from pywats_trio.converters.standard.teradyne_ict import gr228x_report
from pywats_trio.converters.standard.teradyne_ict.gr228x_board import Board
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pywats_trio.converters.api import Context
    from pywats_trio.converters.common.reading import Line
    from pywats_trio.reports.builder import Result
    from pywats_trio.reports.report import Report

_PROGRAM: Final = re.compile(r"(?P<path>.+\.obc)\[[^\[]*", re.IGNORECASE)
_BEGIN: Final = re.compile(r"@(?:\d.*)?", re.ASCII)
_SERIAL: Final = re.compile(r"\sSN\b", re.ASCII | re.IGNORECASE)
_END: Final = re.compile(r"(?P<event>[\"/?!*&\]])\s*(?P<time>\d{1,2}-.*)", re.ASCII)
_TIME: Final = re.compile(r"\d{1,2}-[A-Za-z]{3}-(?P<century>\d\d)?\d\d\s+\d\d:\d\d:\d\d", re.ASCII)
_DIAGNOSE: Final = "]"
_RESULTS: Final[dict[str, Result]] = {
    '"': "P",
    "/": "F",
    "?": "T",
    "!": "T",
    "*": "E",
    "&": "E",
}
_BLANK: Final = " \t\f\v\x1a"
"""With the mark that DOS put at the end of a file."""


def reports(lines: Iterable[Line], context: Context) -> Iterator[Report]:
    """A report for each board.

    Raises:
        Reject: there is none, one has no event line, no serial number or no time, or a number of a
            measurement is none.
    """
    zone = local_times.zone(context.arguments["timezone"])
    clocks = _Clocks(*(local_times.Clock(f"%d-%b-{y} %H:%M:%S", zone) for y in ("%y", "%Y")))
    waiting: Board | None = None
    """The last board: what stands behind it in the file is said of it."""
    for board in _boards(lines, clocks):
        if waiting is None:
            waiting = board
        elif _is_stub(board):
            waiting.loose += (board.line, *board.loose)
        else:
            if _is_stub(waiting):
                board.loose = [waiting.line, *waiting.loose, *board.loose]
            else:
                yield gr228x_report.of(waiting, context)
            waiting = board
    if waiting is not None:
        yield gr228x_report.of(waiting, context)


def _is_stub(board: Board) -> bool:
    """The operator gave up before there was a serial number or a result: there is no report."""
    return not board.serial and board.result == "T" and not gr228x_report.has_results(board)


def _boards(lines: Iterable[Line], clocks: _Clocks) -> Iterator[Board]:
    program = ""
    board: Board | None = None
    before: list[Line] = []
    for line in lines:
        text = line.text.strip(_BLANK)
        if match := _PROGRAM.fullmatch(text):
            _refuse_open(board, line)
            program = match["path"]
        elif _BEGIN.fullmatch(text):
            _refuse_open(board, line)
            if board:
                yield board
            time, *serial = _SERIAL.split(text[1:], maxsplit=1)
            start = clocks.read(time, line)
            board = Board(line, program, "".join(serial).strip(), start, before)
            before = []
        elif match := _END.fullmatch(text):
            if match["event"] != _DIAGNOSE:
                _close(board, match["event"], clocks.read(match["time"], line), line)
        elif text:
            _lines_of(board, before).append(line)
    _refuse_open(board, None)
    if board is None:
        raise Reject(
            "no board in the file: neither a line @DATE TIME SN … (GR228X) nor {@BTEST|… (i3070)"
        )
    yield board


def _lines_of(board: Board | None, before: list[Line]) -> list[Line]:
    if board is None:
        return before
    return board.loose if board.result else board.lines


def _close(board: Board | None, event: str, end: str, line: Line) -> None:
    if board is None or board.result:
        raise line.refusal(
            "a board ends here that did not begin",
            "The file is cut off at its beginning, or an event line stands in it twice.",
        )
    board.result, board.end = _RESULTS[event], end


def _refuse_open(board: Board | None, line: Line | None) -> None:
    """What begins now, or the end of the file (None), must not find a board without its end."""
    if board is None or board.result:
        return
    before = "the end of the file" if line is None else line.where
    raise board.line.refusal(
        f"the board that begins here has no event line before {before}: it is cut off",
        "Drop the log when the tester has written its last board.",
    )


@frozen
class _Clocks:
    """The two ways to write a year."""

    short: local_times.Clock
    long: local_times.Clock

    def read(self, text: str, line: Line) -> str:
        """The instant; every digit must be there, for a time that is cut off is another time."""
        form = _TIME.fullmatch(text.strip())
        clock = self.long if form and form["century"] else self.short
        instant = clock.instant(text, "the time", line.where) if form else None
        if instant is None:
            raise line.refusal(
                f'"{shortened(text.strip(), 60)}" is no time, DD-Mon-YY hh:mm:ss is expected'
            )
        return instant
