"""Listen SoundCheck: tables of results and curves, a report for each serial number and time.

The layout is that of the example files that Listen and the WATS client's vendor published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, cast

from pywats_trio.converters.api import Argument, Context, Converter, Source
from pywats_trio.converters.common import decimals, local_times, reading, unit
from pywats_trio.converters.standard.soundcheck import curves, results, table
from pywats_trio.converters.standard.soundcheck.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import tzinfo

    from pywats_trio.converters.standard.soundcheck.table import Unit
    from pywats_trio.reports.builder import ReportBuilder
    from pywats_trio.reports.report import Report

_HEAD: Final = 8192
_AMERICAN: Final = "%m/%d/%Y %I:%M:%S %p"
_DAY_FIRST: Final = ("%d-%m-%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S")
_OWN_PLACE: Final = frozenset({table.SERIAL, table.TIME, table.DATE, "operator", "lot #"})


class SoundCheck(Converter):
    """Every run of the file, in the order in which they begin."""

    id: ClassVar[str] = "soundcheck"
    version: ClassVar[str] = "1.0.0"
    patterns: ClassVar[tuple[str, ...]] = ("*.txt",)
    arguments: ClassVar[Mapping[str, Argument]] = {
        **unit.ARGUMENTS,
        "timezone": unit.TIMEZONE,
        "encoding": unit.ENCODING,
        "decimal": Argument(
            str,
            default="",
            choices=("", ".", ","),
            help="the decimal mark; default: the one that the numbers of the file have",
        ),
        "date_format": Argument(
            str,
            default="",
            help="of Time, for strptime, such as %d/%m/%Y %H:%M:%S; default: American with AM or "
            "PM, ISO 8601, or the day first with - or .",
        ),
        "lot": Argument(
            str,
            default="part_number",
            choices=("part_number", "batch"),
            help="what the column Lot # holds",
        ),
        "serial_prefix": Argument(
            str, default="", help='what is cut from the beginning of serial numbers, such as "S/N "'
        ),
        "part_prefix": Argument(
            str, default="", help='what is cut from the beginning of part numbers, such as "P/N #"'
        ),
    }

    def detect(self, source: Source) -> float:
        """By the first header: 0.95 with results or a curve's data, 0.3 with neither."""
        head = reading.beginning(source, _HEAD).lstrip()
        found = table.header(head.splitlines()[0], 1) if head else None
        if found is None or table.TIME not in {name.casefold() for name in found.whose}:
            return 0.0
        is_curve = any(cell.casefold().startswith("x data ") for cell in found.rest)
        return 0.95 if found.is_results or is_curve else 0.3

    def convert(self, source: Source, context: Context) -> Iterator[Report]:
        """The runs; all rows are read first, for one run may lie in several places."""
        given = cast("decimals.Mark | None", context.arguments["decimal"] or None)
        found = table.read(source, context.arguments["encoding"], given)
        zone = local_times.zone(context.arguments["timezone"])
        for one in found.units:
            yield _report(one, found.mark, zone, context)


def _report(run: Unit, mark: decimals.Mark, zone: tzinfo | None, context: Context) -> Report:
    arguments = context.arguments
    where = f"the run of line {run.line}"
    lot = run.get("lot #")
    is_part = arguments["lot"] == "part_number"
    start, assumed = _start(run, where, zone, arguments["date_format"])
    builder = unit.begin(
        context,
        where,
        serial_number=run.get(table.SERIAL).removeprefix(arguments["serial_prefix"]),
        part_number=lot.removeprefix(arguments["part_prefix"]) if is_part else None,
        batch=None if is_part else lot,
        operator=run.get("operator"),
        start=start,
    )
    if assumed:
        builder.note(f'Time "{run.time}" is read with the day first; set the argument date_format')
    for column, text in run.whose.items():
        if column.casefold() not in _OWN_PLACE and text:
            builder.misc(column, text)
    _steps(run, builder, mark)
    return builder.build()


def _start(run: Unit, where: str, zone: tzinfo | None, date_format: str) -> tuple[str | None, bool]:
    """When it began, and whether the order of day and month had to be assumed.

    Raises:
        Reject: it is no time.
    """
    text = " ".join(run.time.split())
    if not date_format:
        for known in ("", *_DAY_FIRST):
            if (read := local_times.Clock(known, zone).read(text)) is not None:
                return read, bool(known)
    return local_times.Clock(date_format or _AMERICAN, zone).instant(text, "Time", where), False


def _steps(run: Unit, builder: ReportBuilder, mark: decimals.Mark) -> None:
    for part in run.parts:
        if isinstance(part, Row):
            builder.root.add(results.step(part, mark, builder.note))
        else:
            curves.add(part, builder.root, mark, builder.note)
