"""CSV: a table with one row a measurement, any number of units (docs/reference/csv.md)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final

from pywats_trio.converters.api import Argument, Context, Converter, Reject, Source
from pywats_trio.converters.common import local_times
from pywats_trio.converters.common.reading import beginning
from pywats_trio.converters.standard.csv import rows
from pywats_trio.converters.standard.csv.arguments import ARGUMENTS, check
from pywats_trio.converters.standard.csv.names import normal
from pywats_trio.converters.standard.csv.table import Table
from pywats_trio.converters.standard.csv.units import Settings, reports, survey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pywats_trio.reports.report import Report

_HEAD: Final = 8192
_PUNCTUATION: Final = re.compile(r"[\W_]+")
_SERIAL: Final = frozenset({"serial", "serialnumber", "serialno", "sn"})
_STEP: Final = frozenset({"step", "stepname"})
_TELLING: Final = frozenset(
    {
        *("partnumber", "partno", "pn", "processcode", "measurement", "value", "compop"),
        *("low", "lowlimit", "high", "highlimit"),
    }
)
_ENOUGH: Final = 3


class Csv(Converter):
    """The units of a table, each with one row a measurement."""

    id: ClassVar[str] = "csv"
    version: ClassVar[str] = "1.0.0"
    patterns: ClassVar[tuple[str, ...]] = ("*.csv", "*.tsv")
    arguments: ClassVar[Mapping[str, Argument]] = ARGUMENTS

    def detect(self, source: Source) -> float:
        """By the words of the header: 0.9 where they are ours, 0.6 where they are near to it."""
        for line in rows.LINE_END.split(beginning(source, _HEAD)):
            if not rows.says_nothing(line):
                return _certainty(line)
        return 0.0

    def convert(self, source: Source, context: Context) -> Iterable[Report]:
        """The reports in the order in which their units appear."""
        arguments = context.arguments
        check(arguments)
        zone = local_times.zone(arguments["timezone"])
        table = Table.of(source, arguments)
        found = survey(table, arguments["decimal"])
        settings = Settings(
            clock=local_times.Clock(arguments["date_format"], zone),
            source=source,
            sequence=arguments["sequence"],
        )
        return reports(table, found, settings, context.progress)


def _certainty(header: str) -> float:
    try:
        cells = rows.cells(header, rows.delimiter_of(header, 1), 1)
    except Reject:
        return 0.0
    names = [_PUNCTUATION.sub("", name).lower() for name in cells]
    telling = len(_TELLING.intersection(names))
    serial, step = not _SERIAL.isdisjoint(names), not _STEP.isdisjoint(names)
    if not (serial or step) or telling + serial + step < _ENOUGH:
        return 0.0
    return 0.9 if {"serial", "part_number", "step"}.issubset(map(normal, cells)) else 0.6
