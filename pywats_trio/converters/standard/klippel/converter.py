"""Klippel QC (loudspeakers): a header file, and the folder of its name with the tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final

from pywats_trio.converters.api import Argument, Context, FolderConverter, FolderSource, Reject
from pywats_trio.converters.common import local_times, reading
from pywats_trio.converters.common import unit as units
from pywats_trio.converters.standard.klippel import header, tables
from pywats_trio.converters.standard.klippel.steps import Steps
from pywats_trio.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.converters.standard.klippel.header import Header
    from pywats_trio.reports.builder import ReportBuilder
    from pywats_trio.reports.report import Report

_HEAD: Final = 16_384
_KEYS: Final = [
    re.compile(rf"^[ \t]*{key}[ \t]*=", re.MULTILINE)
    for key in (header.SERIAL, header.START, header.VERDICT)
]


class Klippel(FolderConverter):
    """One report of each unit."""

    id: ClassVar[str] = "klippel"
    quiet_seconds: ClassVar[float] = 5.0
    version: ClassVar[str] = "1.0.0"
    unit: ClassVar[str] = "file-and-folder"
    patterns: ClassVar[tuple[str, ...]] = ("*.txt", "*.log")
    arguments: ClassVar[Mapping[str, Argument]] = {
        **units.ARGUMENTS,
        "timezone": units.TIMEZONE,
        "encoding": units.ENCODING,
        "decimal": units.DECIMAL,
        "warning": Argument(
            str, default="F", choices=("P", "F"), help="what a verdict or result Warning means"
        ),
    }

    def detect(self, source: FolderSource) -> float:
        """By the keys of the header: 0.95 with all three, and a text file in the folder."""
        if not source.has_header:
            return 0.0
        head = reading.beginning(source, _HEAD)
        found = sum(key.search(head) is not None for key in _KEYS)
        if found < len(_KEYS):
            return 0.2 * found
        return 0.95 if any(name.lower().endswith(".txt") for name in source.files) else 0.8

    def convert(self, source: FolderSource, context: Context) -> Iterator[Report]:
        """The unit, with the tables in the order of their names."""
        if not source.has_header:
            raise Reject("a folder without its header file")
        found = header.read(source, context.arguments["encoding"], context.arguments["warning"])
        builder = _begun(found, context)
        steps = Steps(builder, found.statuses())
        others = []
        count = 0
        for path, file in source.files.items():
            table = tables.read(
                path, file, context.arguments["encoding"], context.arguments["decimal"]
            )
            if table is None:
                others.append(path)
            else:
                steps.add(table)
                count += 1
        if not count:
            are_none = f"; no tables are {_listed(others)}" if others else ""
            raise Reject(
                f"there is no table in the folder beside the header, or no folder{are_none}",
                hint="The folder has the name of the header file without its ending, a table cells "
                "with tabs between them, and name or frq in front.",
            )
        if others:
            builder.note(f"files that are no tables are not sent: {_listed(others)}")
        if missing := [name for name in steps.statuses if name not in steps.seen]:
            builder.note(f"the header has results that no table shows: {_listed(missing)}")
        yield builder.build()


def _begun(found: Header, context: Context) -> ReportBuilder:
    builder = units.begin(
        context,
        "the header",
        serial_number=found.get(header.SERIAL),
        start=found.start(local_times.zone(context.arguments["timezone"])),
        operator=found.get("Cfg_UserName"),
        station=found.get("Cfg_PCName"),
        error=found.get("Ctrl_ErrorGeneral"),
        result=found.result(),
    )
    builder.root.sequence_step.path = found.get("Cfg_DatabasePath")
    for key, description in header.MISC.items():
        if text := found.get(key):
            builder.misc(description, text)
    for message in found.notes:
        builder.note(message)
    return builder


def _listed(names: list[str]) -> str:
    return shortened(printable(", ".join(names)), 300)
