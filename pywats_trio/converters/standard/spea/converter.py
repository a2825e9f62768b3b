"""SPEA 3030 and relatives: lines of cells between semicolons, any number of runs in a file.

What is known of the layout comes from the samples, the vendor's converter and pyWATS's; what is
known of panels from public programs of users, see docs/reference/formats/spea.md.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final

from pywats_trio.converters.api import Argument, Context, Converter, Reject, Source
from pywats_trio.converters.common import reading, unit
from pywats_trio.converters.common.notes import Notes
from pywats_trio.converters.standard.spea import boards, rows, runs
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.converters.common.reading import Line
    from pywats_trio.converters.standard.spea.runs import Run
    from pywats_trio.reports.report import Report

_HEAD: Final = 8192
_STARTS: Final = re.compile(
    r"^START;(?:[^;\r\n]*;){5}\s*\d{1,2}[/.-]\d{1,2}[/.-]\d{4}\s*;\s*\d{1,2}:\d\d", re.M | re.A
)
_PARTS: Final = (
    re.compile(r"^FORMAT;", re.M),
    re.compile(r"^(?:ANL|FUNC);(?:[^;\r\n]*;){10}", re.M),
)
_ORDERS: Final = {"MMDD": "%m/%d/%Y", "DDMM": "%d/%m/%Y"}
_ROWS: Final = frozenset({"ANL", "FUNC"})
_ONCE: Final = frozenset({"LOT", "SN", "BOARDRESULT", "PANEL"})
_OF_RUNS: Final = frozenset({*_ROWS, "LOT", "SN", "BOARDRESULT", "END"})


class Spea(Converter):
    """Every board of every run, as soon as the run has ended."""

    id: ClassVar[str] = "spea"
    version: ClassVar[str] = "1.0.0"
    patterns: ClassVar[tuple[str, ...]] = ("*.txt", "*.log", "*.csv")
    arguments: ClassVar[Mapping[str, Argument]] = {
        **unit.ARGUMENTS,
        "timezone": unit.TIMEZONE,
        "encoding": unit.ENCODING,
        "decimal": unit.DECIMAL,
        "station_prefix": Argument(
            str,
            default="",
            help="the station is this and the number in START, where that is a whole number",
        ),
        "group_by": Argument(
            str,
            default="component",
            choices=("component", "task", "none"),
            help="what makes a sequence: the kind of component that a task's name begins with, the "
            "task, or nothing",
        ),
    }

    def detect(self, source: Source) -> float:
        """By its lines: 0.95 with START, FORMAT and a row in the first 8 KB, 0.15 less for each."""
        head = reading.beginning(source, _HEAD).replace("\r", "\n")
        if not _STARTS.search(head):
            return 0.0
        return 0.95 - 0.15 * sum(part.search(head) is None for part in _PARTS)

    def convert(self, source: Source, context: Context) -> Iterator[Report]:
        """The boards in order; no more than one run is in memory."""
        date_format = ""
        run: Run | None = None
        found = False
        outside = Notes()
        for line in reading.lines(source, context.arguments["encoding"]):
            cells = line.text.split(";")
            word = cells[0].strip().upper()
            if run is None:
                if word == "FORMAT":
                    date_format = _order(cells, line)
                elif word == "START":
                    run, found = _begun(line, cells, date_format, outside, context), True
                    outside = Notes()
                elif word:
                    _outside(word, line, outside)
            elif word == "END":
                overall, seconds = runs.ended(run, line, cells)
                yield from boards.reports(run, overall, seconds, line, context)
                run = None
            else:
                _inside(run, word, cells, line, context)
        if run is not None:
            raise Reject(f"{run.where} has no END", hint="The file is cut off; write it anew.")
        if not found:
            raise Reject("there is no START line in the file")
        for sentence in outside.sentences():
            raise Reject(f"behind the last END: {sentence}")


def _order(cells: list[str], line: Line) -> str:
    """The format of dates; empty where the line names none."""
    word = cells[1].strip() if len(cells) > 1 else ""
    if word and word.upper() not in _ORDERS:
        raise line.refusal(f'FORMAT "{shortened(word, 60)}" is neither mmdd nor ddmm')
    return _ORDERS.get(word.upper(), "")


def _begun(line: Line, cells: list[str], date_format: str, before: Notes, context: Context) -> Run:
    run = runs.begun(line, cells, date_format or _ORDERS["MMDD"], before, context)
    if not date_format:
        run.notes.add("no FORMAT before START: the month is taken to come first", line.number)
    return run


def _outside(word: str, line: Line, notes: Notes) -> None:
    """A line between runs that is neither FORMAT nor START."""
    if word in _OF_RUNS:
        raise line.refusal(
            f"{word} without a START before it", hint="The beginning of the run is missing."
        )
    notes.add("a line between runs is not known and not sent", line.number)


def _inside(run: Run, word: str, cells: list[str], line: Line, context: Context) -> None:
    """A line of an open run that is not its END."""
    if word in _ROWS:
        _row(run, cells, line, context)
    elif word in _ONCE:
        run.say(word, cells, line)
    elif word == "START":
        raise line.refusal(f"{run.where} has no END before this START", hint="The file is damaged.")
    elif word == "FORMAT":
        raise line.refusal(f"FORMAT within {run.where}; it belongs before START")
    elif len(cells) >= rows.FEWEST and rows.verdict(cells[7].strip()):
        run.notes.add(f"{shortened(word, 20)} is not known and read as ANL", line.number)
        _row(run, cells, line, context)
    elif word or any(map(str.strip, cells)):
        run.notes.add(f"{shortened(word, 20)} is not known and not sent", line.number)


def _row(run: Run, cells: list[str], line: Line, context: Context) -> None:
    step = rows.step(cells, line, context.arguments["decimal"], run.notes)
    run.add(step, cells[1].strip(), cells[2].strip())
