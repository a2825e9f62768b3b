"""From rows to reports: one for each unit and run, in the order in which they appear.

The rows of a unit may lie anywhere in the file. A first pass notes which units come back after
others, so that in the second pass a report leaves as soon as the last row of its unit is read and
the reports before it have left: of a file whose units stand together, one unit is held at a time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.converters.common import decimals, words
from pywats_trio.converters.standard.csv.tree import Tree
from pywats_trio.reports import numbers
from pywats_trio.reports.header import shown
from pywats_trio.reports.limits import PROCESS_CODES, RESULTS
from pywats_trio.reports.model import Finding, InvalidReport
from pywats_trio.reports.report import Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pywats_trio.converters.api import Reject, Source
    from pywats_trio.converters.common.decimals import Mark
    from pywats_trio.converters.common.local_times import Clock
    from pywats_trio.converters.standard.csv.columns import Columns
    from pywats_trio.converters.standard.csv.table import Key, Row, Table

_NUMBERS: Final = ("value", "low", "high")
_WHOLE: Final = re.compile(r"[+-]?\d{1,9}", re.ASCII)
_TEXTS: Final = {
    "processName": "process_name",
    "machineName": "station",
    "location": "location",
    "purpose": "purpose",
}
_EVERY: Final = 1000
"""Rows between two words about the progress."""


@frozen
class Settings:
    """What is not in the file."""

    clock: Clock
    source: Source
    """Whose time is asked for only where the file says none."""
    sequence: str
    """The name of the root."""


@frozen
class Survey:
    """What the first pass found out."""

    rows: int
    mark: Mark
    returns: Mapping[int, int]
    """Of the units that come back after others, by the hash of their key: the row where they do so
    for the last time. Two units with one hash only make one of them wait longer than it must."""


def survey(table: Table, decimal: str) -> Survey:
    """Look at every row once; `decimal` is a decimal mark, or `auto`.

    Between commas there is no decimal comma, unless it is asked for.

    Raises:
        Reject: there is no row, one is malformed, or there are both decimal marks.
    """
    open_mark = decimal == "auto" and table.delimiter != ","
    marks = decimals.Marks.none()
    seen: set[int] = set()
    returns: dict[int, int] = {}
    current: Key | None = None
    number = -1
    for number, row in enumerate(table.rows()):
        if open_mark:
            _see(row, marks)
        if row.key != current:
            current = row.key
            if (known := hash(current)) in seen:
                returns[known] = number
            seen.add(known)
    if number < 0:
        raise table.nothing()
    mark: Mark = marks.decide() if open_mark else "," if decimal == "," else "."
    return Survey(number + 1, mark, returns)


def _see(row: Row, marks: decimals.Marks) -> None:
    if row.get("type").lower() in ("", "numeric"):
        for column in _NUMBERS:
            if cell := row.get(column):
                marks.see(row.line, cell)


def reports(
    table: Table, found: Survey, settings: Settings, progress: Callable[[float], None]
) -> Iterator[Report]:
    """The reports of a table that was surveyed.

    Raises:
        Reject: a row, or what the rows of a unit say together, is wrong; with the line.
    """
    waiting: dict[Key, Unit] = {}
    current: Key | None = None
    for number, row in enumerate(table.rows()):
        if row.key != current:
            while waiting and found.returns.get(hash(first := next(iter(waiting))), -1) < number:
                yield waiting.pop(first).report()
            current = row.key
            if current not in waiting:
                waiting[current] = Unit(row, table.columns, settings, found.mark)
        waiting[row.key].add(row)
        if number % _EVERY == 0:
            progress(number / found.rows)
    for unit in waiting.values():
        yield unit.report()


class Unit:
    """The rows of one report, as far as they were read."""

    def __init__(self, first: Row, columns: Columns, settings: Settings, mark: Mark) -> None:
        self._first = first
        self._settings = settings
        self._columns = columns
        self._mark = mark
        self._tree = Tree(settings.sequence, mark)
        self._facts: dict[str, tuple[str, Row]] = {}
        """What the unit's columns say, by the column, and where they say it."""
        self._misc: dict[str, tuple[str, Row]] = {}
        self._others: list[tuple[dict[str, Any], list[str]]] = []
        """The step of each row, and what it says in columns that nobody knows."""

    def add(self, row: Row) -> None:
        """One more row."""
        for at, column in self._columns.unit:
            self._note(self._facts, column, row.cells[at].strip(), row)
        for at, name in self._columns.misc:
            self._note(self._misc, name, row.cells[at].strip(), row)
        step = self._tree.add(row)
        if self._columns.others:
            self._others.append((step, [row.cells[at].strip() for at, _ in self._columns.others]))

    def _note(self, facts: dict[str, tuple[str, Row]], name: str, text: str, row: Row) -> None:
        if not text:
            return
        known, _row = facts.setdefault(name, (text, row))
        if known != text:
            raise row.refusal(
                f"{name} {shown(text)} differs from {shown(known)} in the same unit ({row.key[0]})",
                "Write one value in all rows of a unit, or another start if it is another test.",
            )

    def report(self) -> Report:
        """The report, checked."""
        misc = [{"description": name, "text": text} for name, (text, _) in self._misc.items()]
        misc += self._settle_others()
        notes = []
        if "start" not in self._facts:
            notes.append(Finding("start", "missing: the time of the file is taken"))
        root = self._tree.finish()
        content = {**self._header(), "miscInfos": misc, "root": root}
        content["result"] = self._result() or root["status"]
        try:
            return Report.owned(content, notes)
        except InvalidReport as error:
            raise self._first.refusal(f"unit {self._first.key[0]}: {error}", error.hint) from error

    def _settle_others(self) -> list[dict[str, str]]:
        """Misc infos of what is the same in all rows; the rest goes into the texts of its steps."""
        misc = []
        for number, (_at, name) in enumerate(self._columns.others):
            texts = {texts[number] for _step, texts in self._others}
            if len(texts) == 1:
                misc += [{"description": name, "text": text} for text in texts if text]
                continue
            for step, own in self._others:
                if own[number]:
                    step.setdefault("reportText", []).append(f"{name}={own[number]}")
        return misc

    def _header(self) -> dict[str, Any]:
        serial, part = self._required("serial"), self._required("part_number")
        content = {"type": "T", "sn": serial, "pn": part, "rev": self._fact("revision")}
        content |= {key: text for key, name in _TEXTS.items() if (text := self._fact(name))}
        uut: dict[str, Any] = {"user": self._fact("operator")}
        if (seconds := self._seconds()) is not None:
            uut["execTime"] = seconds
        return {**content, "processCode": self._code(), "start": self._start(), "uut": uut}

    def _fact(self, column: str) -> str:
        return self._facts[column][0] if column in self._facts else ""

    def _required(self, column: str) -> str:
        if column not in self._facts:
            raise self._first.refusal(
                f"no {column}", "Fill the cell, or give the column in the argument constants."
            )
        return self._facts[column][0]

    def _refusal(self, column: str, why: str, hint: str = "") -> Reject:
        text, row = self._facts[column]
        return row.refusal(f"{column} {shown(text)} {why}", hint)

    def _code(self) -> int:
        text = self._required("process_code")
        if not _WHOLE.fullmatch(text) or int(text) not in PROCESS_CODES:
            raise self._refusal("process_code", f"is not a whole number up to {PROCESS_CODES[-1]}")
        return int(text)

    def _start(self) -> str:
        if "start" not in self._facts:
            return self._settings.clock.of(self._settings.source.mtime)
        if (start := self._settings.clock.read(self._fact("start"))) is None:
            wanted = self._settings.clock.date_format or "2026-03-02T10:00:00+01:00"
            hint = f"Expected is {wanted}; see the argument date_format."
            raise self._refusal("start", "is no date and time", hint)
        return start

    def _seconds(self) -> numbers.Number | None:
        if not (text := self._fact("exec_time")):
            return None
        seconds = decimals.value(text, self._mark)
        if not isinstance(seconds, numbers.Number):
            raise self._refusal("exec_time", "is not a number", "Write seconds, without a unit.")
        return seconds

    def _result(self) -> str | None:
        if not (text := self._fact("result")):
            return None
        letter = words.status(text)
        if letter is None or letter not in RESULTS:
            raise self._refusal("result", f"is none of {' '.join(RESULTS)}")
        return letter
