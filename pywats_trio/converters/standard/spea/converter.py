"""SPEA 3030 and relatives: lines of cells between semicolons, any number of runs in a file.

What is known of the layout comes from the samples, the vendor's converter and pyWATS's; what is
known of panels from public programs of users, see docs/reference/formats/spea.md.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final

from pywats_trio.converters.api import Argument, Context, Converter, Source
from pywats_trio.converters.common import reading, unit
from pywats_trio.converters.standard.spea.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.reports.report import Report

_HEAD: Final = 8192
_STARTS: Final = re.compile(
    r"^START;(?:[^;\r\n]*;){5}\s*\d{1,2}[/.-]\d{1,2}[/.-]\d{4}\s*;\s*\d{1,2}:\d\d", re.M | re.A
)
_PARTS: Final = (
    re.compile(r"^FORMAT;", re.M),
    re.compile(r"^(?:ANL|FUNC);(?:[^;\r\n]*;){10}", re.M),
)


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
        "date_order": Argument(
            str,
            default="mmdd",
            choices=("mmdd", "ddmm"),
            help="of day and month where no FORMAT tells it, with a finding",
        ),
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
        reader = Reader(context)
        for line in reading.lines(source, context.arguments["encoding"]):
            yield from reader.take(line)
        yield reader.last()
