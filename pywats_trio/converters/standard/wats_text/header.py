"""Header and footer of a unit in the WATS text format, as the members of its report."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from pywats_trio.converters.api import Reject
from pywats_trio.converters.standard.wats_text.lines import shown
from pywats_trio.converters.standard.wats_text.values import (
    Convert,
    instant,
    result,
    seconds,
    text,
    utc,
    whole,
)

if TYPE_CHECKING:
    from pywats_trio.converters.api import Source
    from pywats_trio.converters.standard.wats_text.lines import Line, Unit
    from pywats_trio.converters.standard.wats_text.values import Notes

PROCESS_CODE: Final = 10
"""What the vendor's converter takes where neither file nor configuration names an operation."""

_KEYS: Final[dict[str, tuple[str, Convert]]] = {
    "SerialNumber": ("sn", text),
    "PartNumber": ("pn", text),
    "Revision": ("rev", text),
    "OperationTypeName": ("processName", text),
    "OperationTypeCode": ("processCode", whole),
    "UUTStatus": ("result", result),
    "StationName": ("machineName", text),
    "StartDateTime": ("start", instant),
    "UTCStartDateTime": ("startUTC", utc),
    "OperatorName": ("uut.user", text),
    "ExecutionTime": ("uut.execTime", seconds),
    "BatchSerialNumber": ("uut.batchSN", text),
    "TestSocketIndex": ("uut.testSocketIndex", whole),
    "FixtureId": ("uut.fixtureId", text),
    "ErrorCode": ("uut.errorCode", whole),
    "ErrorMessage": ("uut.errorMessage", text),
    "Comment": ("uut.comment", text),
    "SoftwareName": ("call.name", text),
    "SoftwareVersion": ("call.version", text),
    "ConverterMode": ("mode", text),
}
"""The keys of the format, the member of the report that each becomes, and how it is read."""
_BY_NAME: Final = {name.lower(): name for name in _KEYS}
_SPOKEN: Final = frozenset({"ErrorMessage", "Comment"})
"""Free text: a tab in it is part of it."""
_FOOTER: Final = frozenset({"UUTStatus", "ErrorCode", "ErrorMessage", "ExecutionTime"})
"""What the footer may say once more; what it says counts."""
_MODES: Final = frozenset({"active", "import"})
"""How the vendor's client takes statuses. Here those of the file stand in both."""
_REQUIRED: Final = (("SerialNumber", "serial number"), ("PartNumber", "part number"))
_SUB_UNIT: Final = ("partType", "pn", "sn", "rev")


@define
class Header:
    """What the header and the footer of a unit say; `read` fills it."""

    unit: Unit
    decimal: str
    """The decimal mark."""
    notes: Notes
    values: dict[str, Any] = field(factory=dict)
    """By the member; what has no value is not here."""
    misc: list[dict[str, str]] = field(factory=list)
    sub_units: list[dict[str, str]] = field(factory=list)
    _lines: dict[str, int] = field(factory=dict)
    """In which line each key of the format stood last, even without a value."""

    def read(self) -> None:
        """Take in the unit's lines.

        Raises:
            Reject: a value is not what it must be, a key stands twice or a required one is missing.
        """
        for line in self.unit.header:
            self._take(line, final=False)
        for line in self.unit.footer:
            self._take(line, final=True)
        for name, spoken in _REQUIRED:
            if _KEYS[name][0] not in self.values:
                what = "has no value" if name in self._lines else "is missing"
                raise Reject(f"line {self.line_of(name)}: no {spoken} ({name} {what})")

    def line_of(self, name: str) -> int:
        """The line of a key, or the one with which the unit begins."""
        return self._lines.get(name, self.unit.begin)

    def _take(self, line: Line, *, final: bool) -> None:
        key = line.cell(0).strip(" ")
        value = "\t".join(line.cells[1:]).strip(" \t")
        if not key:
            raise line.refusal(f"{shown(value)} has no key: a line is KEY, TAB, VALUE")
        if key.lower() == "subunit":
            self.sub_units.append(_sub_unit(line))
        elif name := _BY_NAME.get(key.lower()):
            self._set(name, value, line, final=final)
        elif value:
            self.misc.append({"description": key, "text": value})
        else:
            self.notes.add("miscInfos", f"{shown(key)} has no value and is not sent", line.number)

    def _set(self, name: str, value: str, line: Line, *, final: bool) -> None:
        before = self._lines.get(name)
        self._lines[name] = line.number
        if not value:
            return
        if "\t" in value and name not in _SPOKEN:
            raise line.refusal(f"{name} has more than one value")
        member, convert = _KEYS[name]
        read = line.converted(value, name, convert, self.decimal)
        wins = final and name in _FOOTER
        if self.values.setdefault(member, read) != read and not wins:
            raise line.refusal(f"{name} is {shown(value)}, but something else in line {before}")
        self.values[member] = read


def _sub_unit(line: Line) -> dict[str, str]:
    if len(line.cells) > 1 + len(_SUB_UNIT):
        raise line.refusal("a Subunit has description, part number, serial number and revision")
    return {member: line.cell(place).strip(" ") for place, member in enumerate(_SUB_UNIT, 1)}


def content(header: Header, process_code: int | None, source: Source) -> dict[str, Any]:
    """The report without its result and steps; of `source` only the time."""
    values, notes = header.values, header.notes
    if str(values.get("mode", "active")).lower() not in _MODES:
        what = f"{shown(values['mode'])} is not known; statuses are taken as they are given"
        notes.add("ConverterMode", what, header.line_of("ConverterMode"))
    return {
        "type": "T",
        "rev": "",
        "processCode": _process_code(header, process_code),
        **{member: value for member, value in values.items() if _is_plain(member)},
        "start": _start(header, source),
        "uut": {"user": "", **_below("uut.", values)},
        "miscInfos": header.misc,
        "subUnits": header.sub_units,
    }


def call(header: Header) -> dict[str, str]:
    """The `seqCall` of the root step."""
    found = {"name": "", "version": "", **_below("call.", header.values)}
    return {"path": found["name"], **found}


def _is_plain(member: str) -> bool:
    return "." not in member and member not in ("mode", "processCode", "start")


def _below(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    return {
        member.removeprefix(prefix): value
        for member, value in values.items()
        if member.startswith(prefix)
    }


def _process_code(header: Header, configured: int | None) -> int:
    given = header.values.get("processCode", configured)
    if given is not None:
        return int(given)
    header.notes.add(
        "processCode",
        f"OperationTypeCode is missing; {PROCESS_CODE} is sent, as the WATS client does: "
        "set the converter's argument process_code",
        header.line_of("OperationTypeName"),
    )
    return PROCESS_CODE


def _start(header: Header, source: Source) -> str:
    found = header.values.get("start") or header.values.get("startUTC")
    if found is not None:
        return str(found)
    what = "StartDateTime is missing; the time of the file is sent"
    header.notes.add("start", what, header.line_of("StartDateTime"))
    return datetime.fromtimestamp(source.mtime, UTC).isoformat(timespec="seconds")
