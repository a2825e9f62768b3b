"""The lines of a SPEA file: which run each belongs to, and when a report is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define, field

from pywats_trio.converters.api import Reject
from pywats_trio.converters.common.notes import Notes
from pywats_trio.converters.standard.spea import boards, rows, runs
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.converters.api import Context
    from pywats_trio.converters.common.reading import Line
    from pywats_trio.converters.standard.spea.runs import Run
    from pywats_trio.reports.builder import ReportBuilder
    from pywats_trio.reports.report import Report

_ORDERS: Final = {"MMDD": "%m/%d/%Y", "DDMM": "%d/%m/%Y"}
_ROWS: Final = frozenset({"ANL", "FUNC"})
_ONCE: Final = frozenset({"LOT", "SN", "BOARDRESULT", "PANEL"})
_OF_RUNS: Final = frozenset({*_ROWS, "LOT", "SN", "BOARDRESULT", "END"})
_BETWEEN_RUNS: Final = ("FORMAT", "START")


@define
class Reader:
    """Where in the file it is: in a run, or between two."""

    context: Context
    _date_format: str = field(default="", init=False)
    _run: Run | None = field(default=None, init=False)
    """The one that began and has not ended."""
    _ended: ReportBuilder | None = field(default=None, init=False)
    """The last board of the run before; it waits for what stands behind its run."""
    _between: Notes = field(factory=Notes, init=False)
    """About the lines since that run, which the next one tells, else the board that waits."""

    def take(self, line: Line) -> Iterator[Report]:
        """One more line; the reports that are complete with it.

        Raises:
            Reject: it is damaged, or stands where it cannot.
        """
        cells = line.text.split(";")
        word = cells[0].strip().upper()
        if self._run is not None:
            if word == "END":
                yield from self._end(self._run, line, cells)
            else:
                _inside(self._run, word, cells, line, self.context)
        elif word == "FORMAT":
            self._date_format = _order(cells, line)
        elif word == "START":
            yield from self._complete()
            self._start(line, cells)
        elif word:
            _outside(word, line, self._between)

    def last(self) -> Report:
        """The last report, at the end of the file.

        Raises:
            Reject: there is no run, or it has not ended.
        """
        if self._run is not None:
            raise Reject(
                f"{self._run.where} has no END", hint="The file is cut off; write it anew."
            )
        if self._ended is None:
            raise Reject("there is no START line in the file")
        self._between.tell(self._ended)
        return self._ended.build()

    def _complete(self) -> Iterator[Report]:
        if self._ended is not None:
            yield self._ended.build()
        self._ended = None

    def _start(self, line: Line, cells: list[str]) -> None:
        order = self.context.arguments["date_order"]
        notes, self._between = self._between, Notes()
        if not self._date_format:
            notes.add(
                f"no FORMAT before START: {order} is taken (argument date_order)", line.number
            )
        date_format = self._date_format or _ORDERS[order.upper()]
        self._run = runs.begun(line, cells, date_format, notes, self.context)

    def _end(self, run: Run, line: Line, cells: list[str]) -> Iterator[Report]:
        overall, seconds = runs.ended(run, line, cells)
        for board in boards.begun(run, overall, seconds, line, self.context):
            yield from self._complete()
            self._ended = board
        self._run = None


def _order(cells: list[str], line: Line) -> str:
    """The format of dates; empty where the line names none."""
    word = cells[1].strip() if len(cells) > 1 else ""
    if word and word.upper() not in _ORDERS:
        raise line.refusal(f'FORMAT "{shortened(word, 60)}" is neither mmdd nor ddmm')
    return _ORDERS.get(word.upper(), "")


def _outside(word: str, line: Line, notes: Notes) -> None:
    """A line between runs that is neither FORMAT nor START."""
    if word in _OF_RUNS:
        raise line.refusal(
            f"{word} without a START before it", hint="The beginning of the run is missing."
        )
    if any(known.startswith(word) for known in _BETWEEN_RUNS):
        raise line.refusal(f'"{word}" is cut off', hint="Write the file anew.")
    notes.add("a line between runs is not known and not sent", line.number)


def _inside(run: Run, word: str, cells: list[str], line: Line, context: Context) -> None:
    """A line of an open run that is not its END."""
    if word in _ROWS:
        _row(run, cells, line, context)
    elif word in _ONCE:
        run.say(word, cells, line)
        if word == "BOARDRESULT":
            for cell in cells[1:]:
                boards.result(cell.strip(), line)
    elif word == "START":
        raise line.refusal(f"{run.where} has no END before this START", hint="The file is damaged.")
    elif word == "FORMAT":
        raise line.refusal(f"FORMAT within {run.where}; it belongs before START")
    elif len(cells) >= rows.FEWEST and rows.verdict(cells[7].strip()):
        run.notes.add(f"{shortened(word, 20)} is not known and read as ANL", line.number)
        _row(run, cells, line, context)
    elif word or any(map(str.strip, cells)):
        what = shortened(word, 20) or "a line without a word in front"
        run.notes.add(f"{what} is not known and not sent", line.number)


def _row(run: Run, cells: list[str], line: Line, context: Context) -> None:
    step = rows.step(cells, line, context.arguments["decimal"], run.notes)
    run.add(step, cells[1].strip(), cells[2].strip())
