"""Logs of Teradyne's Spectrum in-circuit testers: nested parentheses, a report for each program.

The layout is that of the vendor's example and of the converters of the WATS client.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from pywats_trio.converters.api import Argument, Context, Converter, Reject, Source
from pywats_trio.converters.common import local_times, reading, unit, words
from pywats_trio.converters.standard.teradyne_spectrum import nodes, program
from pywats_trio.converters.standard.teradyne_spectrum.board import Board
from pywats_trio.converters.standard.teradyne_spectrum.steps import Steps
from pywats_trio.converters.standard.teradyne_spectrum.times import Times
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.reports.builder import ReportBuilder
    from pywats_trio.reports.report import Report

_HEAD: Final = 8192
_BEGINS: Final = re.compile(r"\(\s*PROGRAM_NAME\s*:")
_GOES_ON: Final = re.compile(r"\(\s*(?:STEP|SECTION_NAME|USER)\s*:")


class TeradyneSpectrumIct(Converter):
    """Every program (PROGRAM_NAME) of the log, in order."""

    id: ClassVar[str] = "teradyne-spectrum-ict"
    version: ClassVar[str] = "1.0.0"
    patterns: ClassVar[tuple[str, ...]] = ("*.txt",)
    arguments: ClassVar[Mapping[str, Argument]] = {
        **unit.ARGUMENTS,
        "timezone": unit.TIMEZONE,
        "encoding": unit.ENCODING,
        "program_name_pattern": Argument(
            str,
            default="",
            help="regular expression whose group PartNumber is found in the program's name, such "
            r"as (?<PartNumber>\w+)_; default: the whole name is the part number",
            check=program.pattern,
        ),
        "station_field": Argument(
            str, default="Machine", help="which USER field names the station"
        ),
        "version_field": Argument(
            str, default="SequenceRev", help="which USER field names the version of the program"
        ),
    }

    def detect(self, source: Source) -> float:
        """By the program's name (0.6) and what follows it (0.95)."""
        head = reading.beginning(source, _HEAD)
        if (found := _BEGINS.search(head)) is None:
            return 0.0
        return 0.95 if _GOES_ON.search(head, found.end()) else 0.6

    def convert(self, source: Source, context: Context) -> Iterator[Report]:
        """A program ends where the next one begins; what stands before the first belongs to it."""
        pattern = program.pattern(context.arguments["program_name_pattern"])
        board = Board()
        for node in nodes.stream(source, context.arguments["encoding"]):
            if node.key == "PROGRAM_NAME" and board.program:
                yield _report(board, pattern, context)
                board = Board()
            board.add(node)
        if not board.program:
            raise Reject("there is no (PROGRAM_NAME: …) in the file: it is no log of a Spectrum")
        yield _report(board, pattern, context)


def _report(board: Board, pattern: re.Pattern[str] | None, context: Context) -> Report:
    arguments = context.arguments
    name = board.program.text if board.program else ""
    times = Times.of(
        board.tests,
        zone=local_times.zone(arguments["timezone"]),
        date=board.first("Date"),
        start=board.first("StartTime"),
        end=board.first("EndTime"),
    )
    part = program.part_number(name, pattern)
    status = board.last("STATUS")
    result = _result(status)
    builder = unit.begin(
        context,
        board.where,
        serial_number=board.serial_number(),
        part_number=part or name,
        start=times.start,
        seconds=times.seconds,
        result=result if result != "P" else None,
        operator=board.last("Operator"),
        station=board.last(arguments["station_field"]),
        version=board.last(arguments["version_field"]),
        sequence=name,
    )
    if part is None:
        builder.note(
            f'program_name_pattern finds no {program.PART_NUMBER} in the program\'s name "{name}": '
            "the whole name is taken",
            path="pn",
        )
    if subprograms := ", ".join(filter(None, board.subprograms)):
        builder.root.sequence_step.text = f"Subprogram: {subprograms}"
    for key, text, _node in board.users:
        if text:
            builder.misc(key or "USER", text)
    steps = Steps(builder.root, builder.note)
    for node in board.tests:
        if node.key == "STEP":
            steps.step(node, times.took(node))
        else:
            steps.section(node)
    _notes(board, builder, status, result, bool(steps.bad))
    return builder.build()


def _notes(
    board: Board, builder: ReportBuilder, status: str, result: str | None, bad: bool
) -> None:
    """What was assumed, and what is not in the report."""
    if not status:
        builder.note(
            "there is no USER field STATUS: the result is that of the pages", path="result"
        )
    elif result is None:
        builder.note(f'STATUS "{status}" is no result: it is that of the pages', path="result")
    elif result == "P" and bad:
        builder.note(f'STATUS is "{status}", but not all pages passed', path="result")
    loose = [node for node in board.others if not node.key]
    if loose:
        more = f", and {len(loose) - 1} more such lines" if len(loose) > 1 else ""
        builder.note(
            f'"{shortened(loose[0].text, 60)}" (line {loose[0].line}) stands outside of the '
            f"parentheses and is not sent{more}"
        )
    for node in board.others:
        if node.key:
            builder.note(f"{node.key} (line {node.line}) has no place in WATS and is not sent")


def _result(status: str) -> Literal["P", "F", "E", "T"] | None:
    """Of `BOARD PASSED`, say; P says nothing of the pages, so that one that failed decides."""
    letter = words.status(re.sub(r"(?i)^board\b", "", status).strip())
    return letter if letter in ("P", "F", "E", "T") else None
