"""Logs of board testers: Teradyne GR228X, and i3070 records of Agilent and Keysight."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final

from pywats_trio.converters.api import Argument, Context, Converter, Source
from pywats_trio.converters.common import reading, unit
from pywats_trio.converters.standard.teradyne_ict import gr228x, i3070, i3070_board

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.reports.report import Report

_HEAD: Final = 8192
_DATE: Final = r"\d{1,2}-[A-Za-z]{3}-\d{2}"
_PROGRAM: Final = re.compile(rf"^[^\[\n]+\.obc\[{_DATE}", re.ASCII | re.IGNORECASE | re.MULTILINE)
_BOARD: Final = re.compile(rf"^@{_DATE}[0-9]*[ ]+\d\d:\d\d:\d\d", re.ASCII | re.MULTILINE)
_BATCH: Final = re.compile(r"^[ \t]*\{@BATCH\|", re.IGNORECASE | re.MULTILINE)
_TEST: Final = re.compile(r"\{@BTEST\|", re.IGNORECASE)


class TeradyneIct(Converter):
    """Every board of the file, in order."""

    id: ClassVar[str] = "teradyne-ict"
    version: ClassVar[str] = "1.0.0"
    patterns: ClassVar[tuple[str, ...]] = ("*",)
    arguments: ClassVar[Mapping[str, Argument]] = {
        **unit.ARGUMENTS,
        "timezone": unit.TIMEZONE,
        "encoding": unit.ENCODING,
        "part_number_field": Argument(
            int,
            default=i3070_board.PART_NUMBER_FIELDS[0],
            choices=i3070_board.PART_NUMBER_FIELDS,
            help="field of @BATCH (i3070) that is the part number; 14: else field 1",
        ),
    }

    def detect(self, source: Source) -> float:
        """By a program and a board (GR228X), or by @BATCH and @BTEST (i3070)."""
        head = "\n".join(reading.beginning(source, _HEAD).splitlines())
        if _BATCH.search(head):
            return 0.95 if _TEST.search(head) else 0.9
        if _TEST.match(head.lstrip()):
            return 0.9
        board = _BOARD.search(head)
        if _PROGRAM.search(head):
            return 0.95 if board else 0.7
        return 0.6 if board else 0.0

    def convert(self, source: Source, context: Context) -> Iterator[Report]:
        """The boards as they end; a file in which one has no end is refused."""
        encoding = context.arguments["encoding"]
        if _is_i3070(source, encoding):
            return i3070.reports(reading.lines(source, encoding), context)
        return gr228x.reports(reading.lines(source, encoding), context)


def _is_i3070(source: Source, encoding: str) -> bool:
    """Whether the first text of the file opens a record."""
    first = (line.text.strip() for line in reading.lines(source, encoding))
    return next(filter(None, first), "").startswith("{")
