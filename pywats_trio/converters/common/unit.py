"""What a report says beside its steps: from the file, else from the arguments of its folder.

Testers leave out what is the same for all their files: the operation, often the part number. The
arguments here say it for them, and a report in which something had to be assumed says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict, Unpack, cast

from pywats_trio.converters.api import Argument, Context, Reject
from pywats_trio.converters.common import local_times, reading
from pywats_trio.reports.limits import PROCESS_CODES
from pywats_trio.reports.report import Report

if TYPE_CHECKING:
    from datetime import datetime

    from pywats_trio.reports.builder import Header, ReportBuilder, Result

PROCESS_CODE: Final = 10
"""What the vendor's converters take where neither file nor configuration names an operation."""
UNKNOWN: Final = "UNKNOWN"
"""The part number of a unit whose file and configuration name none."""

PROCESS: Final = Argument(
    int,
    minimum=PROCESS_CODES[0],
    maximum=PROCESS_CODES[-1],
    help=f"test operation of files that name none; without it {PROCESS_CODE}, with a finding",
)
PART_NUMBER: Final = Argument(
    str,
    default="",
    help=f"part number of files that name none; without it {UNKNOWN}, with a finding",
)
TIMEZONE: Final = Argument(
    str,
    default="",
    help="IANA name of the tester's time zone, such as Europe/Oslo; default: that of this machine",
    check=local_times.zone,
)
ENCODING: Final = Argument(
    str,
    default="cp1252",
    help="of files that have no byte order mark and are not UTF-8",
    check=reading.check_encoding,
)
DECIMAL: Final = Argument(str, default=".", choices=(".", ","), help="the decimal mark")


def _default(what: str) -> Argument:
    return Argument(str, default="", help=f"{what} of files that name none")


ARGUMENTS: Final = {
    "process_code": PROCESS,
    "part_number": PART_NUMBER,
    "revision": _default("revision"),
    "operator": _default("operator"),
    "station": _default("station"),
    "location": _default("location"),
    "purpose": _default("purpose"),
    "sequence": _default("name of the test program"),
    "version": _default("version of the test program"),
}
"""Of every format that has no other place for them. `begin` looks them up."""
_TEXTS: Final = frozenset(ARGUMENTS) - {"process_code", "part_number"}


class Facts(TypedDict, total=False):
    """What a file says of a unit and its test; what is blank or None counts as not said.

    `start` is a `datetime` or text as WSJF takes it, `seconds` the time that the whole test took.
    """

    serial_number: str | None
    part_number: str | None
    start: datetime | str | None
    revision: str | None
    process_code: int | None
    process_name: str | None
    result: Result | None
    id: str | None
    operator: str | None
    seconds: float | None
    batch: str | None
    fixture: str | None
    socket: int | None
    comment: str | None
    error_code: int | None
    error: str | None
    station: str | None
    location: str | None
    purpose: str | None
    sequence: str | None
    version: str | None


def begin(context: Context, unit: str, **facts: Unpack[Facts]) -> ReportBuilder:
    """The report of one unit, without its steps.

    `unit` says in messages which one is meant, such as `the board of line 12`.

    Raises:
        Reject: the file names no serial number, or no start.
    """
    said = {name: value for name, value in facts.items() if not _is_blank(value)}
    for name, spoken in (("serial_number", "serial number"), ("start", "start time")):
        if name not in said:
            raise Reject(f"{unit} has no {spoken}")
    given = {
        name: context.arguments[name]
        for name in _TEXTS & context.arguments.keys() - said.keys()
        if context.arguments[name]
    }
    assumed: list[tuple[str, str]] = []
    if "part_number" not in said:
        given["part_number"] = context.arguments.get("part_number") or UNKNOWN
        if given["part_number"] is UNKNOWN:
            assumed.append(("pn", _assumed("part number", UNKNOWN, "part_number")))
    if "process_code" not in said:
        code = context.arguments.get("process_code")
        given["process_code"] = PROCESS_CODE if code is None else code
        if code is None:
            assumed.append(("processCode", _assumed("process", PROCESS_CODE, "process_code")))
    builder = Report.builder(**cast("Header", {**given, **said}))
    for path, message in assumed:
        builder.note(message, path=path)
    return builder


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _assumed(what: str, value: object, argument: str) -> str:
    return f"the file names no {what}: {value} is assumed; set the argument {argument}"
