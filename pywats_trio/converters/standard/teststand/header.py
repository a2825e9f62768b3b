"""What a report of TestStand says of the unit, the station and the whole test."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pywats_trio.converters.common import local_times, unit
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.converters.api import Context
    from pywats_trio.converters.standard.teststand.documents import Document
    from pywats_trio.converters.standard.teststand.properties import Prop
    from pywats_trio.reports.builder import ReportBuilder, Result
    from pywats_trio.reports.steps import Step

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_YEAR: Final = re.compile(r"(?<!\d)\d{4}(?!\d)", re.ASCII)
_FIRST_YEAR: Final = 1900
_LETTER: Final = re.compile(r"[^\W\d_]")
_CODE: Final = re.compile(r"\d{1,9}", re.ASCII)


def begin(
    document: Document, root: Step | None, result: Result | None, context: Context
) -> ReportBuilder:
    """The report without its steps.

    Raises:
        Reject: there is no serial number or no start, or a number is none.
    """
    unit_, station, infos = document.prop("UUT"), document.prop("StationInfo"), document.infos
    code, name = _operation(unit_, infos)
    socket = unit_.integer("TestSocketIndex", bits=16)
    serial = _text(document, ("SerialNumber",), "SN")
    builder = unit.begin(
        context,
        document.where,
        id=_id(document),
        serial_number=serial,
        part_number=_text(document, ("UUTPartNumber", "PartNumber"), "PN"),
        revision=_text(document, ("UUTPartRevisionNumber",), "Rev"),
        process_code=code,
        process_name=name,
        start=_start(document, context),
        result=result,
        seconds=root.seconds if root is not None else None,
        error_code=root.error_code if root is not None else None,
        error=root.error if root is not None else None,
        operator=station.text("LoginName"),
        station=station.text("StationID"),
        location=station.text("Location"),
        purpose=station.text("Purpose"),
        batch=unit_.text("BatchSerialNumber"),
        fixture=unit_.text("UUT_Fixture_ID"),
        comment=unit_.text("Comment"),
        socket=socket if socket is not None and socket >= 0 else None,
    )
    if serial.upper() == "NONE":
        builder.note("TestStand writes NONE where the operator gave no serial number", path="sn")
    return builder


def _text(document: Document, names: tuple[str, ...], key: str) -> str:
    """What the properties of the unit say, else the ReportInfo of this key."""
    unit_, info = document.prop("UUT"), document.infos.get(key, "").strip()
    said = next((text for name in names if (text := unit_.text(name))), info)
    if info and info != said:
        message = (
            f'ReportInfo {key} is "{shortened(info, 60)}", but "{shortened(said, 60)}" is sent'
        )
        document.notes.add(message, document.element.line)
    return said


def _id(document: Document) -> str:
    """The add-on's own id of the report; empty where it gives none."""
    given = document.infos.get("ID", "").strip()
    if given and not _UUID.fullmatch(given):
        raise document.element.refusal(f'the ID "{shortened(given, 60)}" is no UUID')
    return given


def _operation(unit_: Prop, infos: Mapping[str, str]) -> tuple[int | None, str | None]:
    """The code of the test operation and its name, as far as they are said; 0 says nothing."""
    code, name = None, unit_.text("UUTOperationTypeDetails", "OpTypeName") or None
    for path in (
        ("UUTOperationType",),
        ("UUTOperationTypeDetails", "OpTypeCodeInt"),
        ("UUTOperationTypeDetails", "OpTypeCodeString"),
    ):
        if _LETTER.search(unit_.text(*path)):
            name = name or unit_.text(*path)
        else:
            code = code or unit_.integer(*path, bits=16)
    said = infos.get("PCode", "").strip()
    if not code and _CODE.fullmatch(said):
        code = int(said)
    return code or None, name or (said if _LETTER.search(said) else None)


def _start(document: Document, context: Context) -> str | None:
    clock = local_times.Clock("", local_times.zone(context.arguments["timezone"]))
    for key in ("Start", "StartUTC"):
        if start := clock.instant(document.infos.get(key, ""), key, document.where):
            return start
    date, time = document.prop("StartDate"), document.prop("StartTime")
    year, month, day = (date.integer(name, bits=16) for name in ("Year", "Month", "MonthDay"))
    hours, minutes = (time.integer(name, bits=16) for name in ("Hours", "Minutes"))
    if year is None or month is None or day is None or hours is None or minutes is None:
        return None
    if not year >= _FIRST_YEAR:
        year = _year_in_words(date, document) or year
    seconds, thousandths = (time.integer(name, bits=16) for name in ("Seconds", "Milliseconds"))
    written = (
        f"{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds or 0:02}"
        f".{thousandths or 0:03}"
    )
    return clock.instant(written, "StartDate and StartTime", f"line {date.line}")


def _year_in_words(date: Prop, document: Document) -> int | None:
    """Some versions of TestStand write a wrong Year; the texts beside it have the right one."""
    for name in ("Text", "ShortText"):
        if years := _YEAR.findall(date.text(name)):
            document.notes.add(f"the Year is none: {years[0]} is taken from {name}", date.line)
            return int(years[0])
    return None
