"""A run of a SPEA tester, START to END, as it is read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import define, field

from pywats_trio.converters.common import local_times
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from pywats_trio.converters.api import Context
    from pywats_trio.converters.common.notes import Notes
    from pywats_trio.converters.common.reading import Line
    from pywats_trio.reports.steps import Step

_START: Final = 8
"""Cells of a START line: word, folder, test plan, number or version, product, user, date, time."""
_DATE: Final = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{4}", re.ASCII)
_TIME: Final = re.compile(r"\d{1,2}:\d\d:\d\d", re.ASCII)


@define
class Run:
    """What was read of a run so far. Rows wait for its END, where serial numbers are known."""

    start: Line
    cells: list[str]
    """Of the START line, as many as it should have."""
    clock: local_times.Clock
    began: str
    """The instant."""
    notes: Notes
    steps: list[Step] = field(factory=list)
    sites: list[str] = field(factory=list)
    tasks: list[str] = field(factory=list)
    """Of each step."""
    once: dict[str, list[str]] = field(factory=dict)
    """The cells of LOT, SN, BOARDRESULT and PANEL after the word, without empty ones at the end."""

    @property
    def where(self) -> str:
        return f"the run that starts {self.cells[6]} {self.cells[7]} (line {self.start.number})"

    def add(self, step: Step, site: str, task: str) -> None:
        """The next row."""
        self.steps.append(step)
        self.sites.append(site)
        self.tasks.append(task)

    def say(self, word: str, cells: list[str], line: Line) -> None:
        """A line that a run has once.

        Raises:
            Reject: it comes again and says something else.
        """
        said = [cell.strip() for cell in cells[1:]]
        while said and not said[-1]:
            said.pop()
        if self.once.setdefault(word, said) != said:
            raise line.refusal(f"a second {word} in {self.where} that says something else")


def begun(line: Line, cells: list[str], date_format: str, notes: Notes, context: Context) -> Run:
    """The run of a START line; `notes` is that of the lines before it.

    Raises:
        Reject: cells are missing, or there is no time in it.
    """
    if len(cells) < _START:
        raise line.refusal(f"START with {len(cells)} cells, {_START} are expected")
    zone = local_times.zone(context.arguments["timezone"])
    clock = local_times.Clock(f"{date_format} %H:%M:%S", zone)
    own = [cell.strip() for cell in cells[:_START]]
    run = Run(line, own, clock, _instant(own[6], own[7], "START", clock, line), notes)
    if any(map(str.strip, cells[_START:])):
        run.notes.add("cells after START's time are not known and not sent", line.number)
    return run


def ended(run: Run, line: Line, cells: list[str]) -> tuple[str, float | None]:
    """The result that an END line tells, and the seconds since START.

    Raises:
        Reject: it is cut off, or there is no time in it.
    """
    verdict, date, time = ([cell.strip() for cell in cells[1:4]] + [""] * 3)[:3]
    if not date or not time:
        raise line.refusal(
            f"END without its {'time' if date else 'date'}",
            hint="The file is cut off; write it anew.",
        )
    end = _instant(date, time, "END", run.clock, line)
    seconds = local_times.seconds_between(run.began, end)
    if seconds is None:
        run.notes.add("END is before START: how long it took is not sent", line.number)
    return verdict, seconds


def _instant(date: str, time: str, what: str, clock: local_times.Clock, line: Line) -> str:
    date = re.sub(r"[.-]", "/", date) if _DATE.fullmatch(date) else date
    # A time that is cut off would still be one, if it need not have both digits.
    read = clock.instant(f"{date} {time}", f"the time of {what}", line.where)
    if read is None or not _TIME.fullmatch(time):
        raise line.refusal(f'the time of {what} "{shortened(time, 60)}" is not hh:mm:ss')
    return read
