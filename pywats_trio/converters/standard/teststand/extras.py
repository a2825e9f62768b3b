"""What TestStand says of a unit beyond the header: its parts, infos, counts and free data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.converters.standard.teststand import additional
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from pywats_trio.converters.standard.teststand.documents import Document
    from pywats_trio.converters.standard.teststand.properties import Prop
    from pywats_trio.reports.builder import ReportBuilder

_PLACED: Final = frozenset(
    {
        *("SerialNumber", "PartNumber", "UUTPartNumber", "UUTPartRevisionNumber"),
        *("UUTOperationType", "UUTOperationTypeDetails", "Comment", "UUT_Fixture_ID"),
        *("BatchSerialNumber", "TestSocketIndex", "UUTLoopIndex", "BatchLoopIndex"),
        *("BatchFailCount", "CriticalFailureStack", "AdditionalData", "MiscUUTResult"),
    }
)
_STATION_PLACED: Final = frozenset(
    {
        *("StationID", "LoginName", "Location", "Purpose", "AdditionalData"),
        *("StationComputerName", "StationGuid"),
    }
)
_TOP_PLACED: Final = frozenset({"UUT", "StationInfo", "StartDate", "StartTime", "ReportOptions"})
_INFOS: Final = frozenset(
    {
        *("ID", "Start", "StartUTC", "EngineStarted", "ReportWritten"),
        *("SN", "PN", "Rev", "PCode"),
    }
)
_CODE: Final = re.compile(r"\d{1,9}", re.ASCII)


def add(document: Document, builder: ReportBuilder) -> None:
    """What else a document says of its unit and its station.

    Raises:
        Reject: a number is none.
    """
    unit_, station = document.prop("UUT"), document.prop("StationInfo")
    for part in unit_.props("MiscUUTResult", "UUT_Part_Info"):
        _sub_unit(part, builder, document)
    rows = [_misc(row) for row in unit_.props("MiscUUTResult", "Misc_UUT_Info")]
    free = [*_inside(unit_, "AdditionalData"), *_inside(station, "AdditionalData")]
    free += _inside(unit_, "MiscUUTResult", besides={"Misc_UUT_Info", "UUT_Part_Info"})
    free += [one for one in unit_.members if one.name not in _PLACED]
    free += [one for one in station.members if one.name not in _STATION_PLACED]
    builder.more(
        miscInfos=[row for row in rows if row],
        additionalData=[additional.entry(one) for one in free if one.says_something],
        unit={
            "batchLoopIndex": unit_.integer("UUTLoopIndex"),
            "batchFailCount": unit_.integer("BatchFailCount"),
        },
    )


def _inside(prop: Prop, name: str, besides: AbstractSet[str] = frozenset()) -> list[Prop]:
    found = prop.at(name)
    return [one for one in found.members if one.name not in besides] if found is not None else []


def _misc(row: Prop) -> dict[str, Any]:
    """A text, a number, or both; 0 is what the add-on leaves where there is none."""
    text, number = row.text("Data_String"), row.integer("Data_Numeric", bits=16)
    given: dict[str, Any] = {"description": row.text("Description")}
    if text:
        given["text"] = text
    if number is not None and (number or not text):
        given["numeric"] = number
    return given if text or number or given["description"] else {}


def _sub_unit(part: Prop, builder: ReportBuilder, document: Document) -> None:
    kind, number, serial, revision = (
        part.text(name)
        for name in ("Part_Type", "Part_Number", "Part_Serial_Number", "Part_Revision_Number")
    )
    if not (kind or number or serial or revision):
        return
    if not kind:
        document.notes.add("a part without a type: Unknown is taken", part.line)
    builder.sub_unit(kind or "Unknown", part_number=number, serial_number=serial, revision=revision)


def tell_losses(document: Document) -> None:
    """Notes of what is in the report and nowhere else."""
    for child in document.element.children:
        document.notes.add(f"{shortened(child.name, 60)} has no place in WATS", child.line)
    for prop in document.props:
        if prop.name not in _TOP_PLACED and prop.says_something:
            message = f'the property "{shortened(prop.name, 60)}" has no place in WATS'
            document.notes.add(message, prop.line)
    for key in sorted(document.infos.keys() - _INFOS):
        message = f'ReportInfo "{shortened(key, 60)}" has no place in WATS'
        document.notes.add(message, document.element.line)
    unit_ = document.prop("UUT")
    if unit_.integer("BatchLoopIndex"):
        document.notes.add(f"BatchLoopIndex {unit_.text('BatchLoopIndex')} is not sent", unit_.line)
    said = document.element.get("StepCount") or ""
    if _CODE.fullmatch(said) and int(said) != document.count:
        message = f"StepCount is {said}, but there are {document.count} step results"
        document.notes.add(message, document.element.line)
