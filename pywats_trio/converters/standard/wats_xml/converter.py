"""WATS Standard XML: WSXF, whose steps are nested, and its older sibling WRML, which is flat."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pywats_trio.converters.api import Argument, Context, Converter, Reject, Source
from pywats_trio.converters.common import xml_tree
from pywats_trio.converters.standard.wats_json import (
    PROCESS_CODE_ARGUMENTS,
    process_codes,
    refuse_repeats,
)
from pywats_trio.converters.standard.wats_xml import steps
from pywats_trio.converters.standard.wats_xml.units import sub_units
from pywats_trio.converters.standard.wats_xml.values import (
    Reader,
    Table,
    boolean,
    number,
    result,
    text,
    utc,
    word,
)
from pywats_trio.reports.model import InvalidReport
from pywats_trio.reports.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.reports.header import ProcessCodes

WSXF: Final = "http://wats.virinco.com/schemas/WATS/Report/wsxf"
WRML: Final = "http://wats.virinco.com/schemas/WATS/Report"

_HEAD: Final = 8192
_ROOT: Final = re.compile(r"<(?:[\w.-]+:)?Reports\b[^>]*>?")
_REPORT: Final = re.compile(r"<(?:[\w.-]+:)?Report\s[^>]*>?")
_NAMESPACE: Final = re.compile(rf"""xmlns(?::[\w.-]+)?\s*=\s*["']{WRML}(?:/wsxf)?["']""")

_REPORT_ATTRIBUTES: Final[Table] = {
    "type": None,
    "Type": None,
    "ID": ("id", word),
    "PN": ("pn", text),
    "SN": ("sn", text),
    "Rev": ("rev", text),
    "Result": ("result", result),
    "MachineName": ("machineName", text),
    "Location": ("location", text),
    "Purpose": ("purpose", text),
    "Start": ("start", word),
    "Start_utc": ("startUTC", word),
    "origin": None,
    "ProductName": None,
}
_UUT: Final[Table] = {
    "UserLoginName": ("user", text),
    "ExecutionTime": ("execTime", number),
    "ExecutionTimeFormat": ("execTimeFormat", word),
    "TestSocketIndex": ("testSocketIndex", number),
    "TestSocketIndexFormat": ("testSocketIndexFormat", word),
    "BatchSN": ("batchSN", word),
    "FixtureId": ("fixtureId", word),
    "ErrorCode": ("errorCode", number),
    "ErrorCodeFormat": ("errorCodeFormat", word),
    "ErrorMessage": ("errorMessage", word),
    "BatchFailCount": ("batchFailCount", number),
    "BatchFailCountFormat": ("batchFailCountFormat", word),
    "BatchLoopIndex": ("batchLoopIndex", number),
    "BatchLoopIndexFormat": ("batchLoopIndexFormat", word),
    "StepIdCausedUUTFailure": ("stepIdCausedUUTFailure", number),
    "ParameterBaseVersion": None,
}
_UUR: Final[Table] = {
    "UserLoginName": ("user", text),
    "ConfirmDate": ("confirmDate", utc),
    "FinalizeDate": ("finalizeDate", utc),
    "ExecutionTime": ("execTime", number),
    "ReferencedUUT": ("refUUT", lambda value: value.lower() or None),
    "Parent": ("parent", lambda value: value.lower() or None),
    "Active": ("active", boolean),
}
_PROCESS: Final[Table] = {
    "Code": ("processCode", number),
    "CodeFormat": ("processCodeFormat", word),
    "Name": ("processName", word),
    "Guid": None,
}
_MISC: Final[Table] = {
    "Id": ("id", word),
    "Description": ("description", text),
    "Numeric": ("numeric", number),
    "NumericFormat": ("numericFormat", word),
    "Typedef": ("typedef", word),
    "idx": None,
    "order_no": None,
}
_ASSET: Final[Table] = {
    "AssetSN": ("assetSN", text),
    "UsageCount": ("usageCount", number),
    "UsageCountFormat": ("usageCountFormat", word),
}
_KNOWN: Final = frozenset(
    {
        *("UUT", "UUR", "Process", "MiscInfo", "Asset", "AdditionalData", "Step", "ReportInfo"),
        *("ReportUnitHierarchy", "PartInfo", "Failures", "Binary"),
    }
)
_TYPES: Final = {"UUT": "T", "T": "T", "UUR": "R", "R": "R"}


class WatsXml(Converter):
    """Every Report of the file, in order."""

    id: ClassVar[str] = "wats-xml"
    version: ClassVar[str] = "1.0.0"
    patterns: ClassVar[tuple[str, ...]] = ("*.xml",)
    arguments: ClassVar[Mapping[str, Argument]] = PROCESS_CODE_ARGUMENTS

    def detect(self, source: Source) -> float:
        """By root and namespace: 0.98 with a Report, 0.6 without; 0.85 without the namespace."""
        head = xml_tree.beginning(source, _HEAD)
        root = _ROOT.search(head)
        if root is None:
            return 0.0
        report = _REPORT.search(head)
        if _NAMESPACE.search(root[0]):
            return 0.98 if report else 0.6
        plain = "xmlns" not in root[0] and report is not None
        return 0.85 if plain and report and "SN=" in report[0] and "PN=" in report[0] else 0.0

    def convert(self, source: Source, context: Context) -> Iterable[Report]:
        """The reports as WSJF, with the digits of their numbers as they are."""
        codes = process_codes(context)
        elements = _reports(xml_tree.parse(source.read_bytes()))
        return refuse_repeats([_report(e, n, codes) for n, e in enumerate(elements, 1)])


def _reports(root: Element) -> list[Element]:
    if root.name not in ("Reports", "Report") or root.space not in (WSXF, WRML, ""):
        space = f' of the namespace "{root.space}"' if root.space else ""
        raise Reject(
            f'the root element "{root.name}"{space} is not "Reports" of WATS (line {root.line})'
        )
    reports = [root] if root.name == "Report" else root.named("Report")
    if not reports:
        raise Reject(f"there is no Report in the file (line {root.line})")
    return reports


def _report(element: Element, number: int, codes: ProcessCodes) -> Report:
    name = f"Report {number}"
    reader = Reader(name)
    kind = element.get("type") or element.get("Type") or ""
    if kind not in _TYPES:
        raise Reject(f'{name}: type "{kind}" is neither UUT nor UUR (line {element.line})')
    for attribute, what in (("SN", "serial number"), ("PN", "part number")):
        if not (element.get(attribute) or "").strip():
            raise Reject(f"{name}: no {what} (attribute {attribute}), line {element.line}")
    content = _content(element, _TYPES[kind], reader)
    try:
        return Report.owned(_with_code(content, codes), reader.notes)
    except InvalidReport as error:
        raise Reject(f"{name}, line {element.line}: {error}", hint=error.hint) from error


def _with_code(content: dict[str, Any], codes: ProcessCodes) -> dict[str, Any]:
    code = codes.of(content)
    return content if code is None else {"processCode": code, **content}


def _content(element: Element, kind: str, reader: Reader) -> dict[str, Any]:
    content = {"type": kind, **reader.attributes(element, _REPORT_ATTRIBUTES)}
    if kind == "R":
        content.setdefault("result", "P")  # a repair has no result of its own
    if "start" not in content and "startUTC" in content:
        content["start"] = content["startUTC"]
    if (process := element.child("Process")) is not None:
        content |= reader.attributes(process, _PROCESS)
    if kind == "T":
        content["uut"] = _unit(element.child("UUT"), _UUT, reader)
        top = steps.nested(element, reader)
        content["root"] = steps.root(top, str(content.get("result")), reader)
    else:
        content["uur"] = _unit(element.child("UUR"), _UUR, reader)
    content["miscInfos"] = [_misc(child, reader) for child in element.named("MiscInfo")]
    content |= sub_units(element, content, reader)
    content["assets"] = [reader.attributes(child, _ASSET) for child in element.named("Asset")]
    more = [steps.additional(e, reader) for e in element.named("AdditionalData")]
    if more:
        content["additionalData"] = more
    _note_unknown(element, kind, reader)
    return content


def _unit(element: Element | None, table: Table, reader: Reader) -> dict[str, Any]:
    if element is None:
        return {"user": ""}
    unit = {"user": "", **reader.attributes(element, table)}
    if (comment := element.child("Comment")) is not None:
        unit["comment"] = comment.text
    if (process := element.child("Process")) is not None:
        unit |= reader.attributes(process, _PROCESS)
    return unit


def _misc(element: Element, reader: Reader) -> dict[str, Any]:
    misc = reader.attributes(element, _MISC)
    if element.text or "numeric" not in misc:
        misc["text"] = element.text
    return misc


def _note_unknown(element: Element, kind: str, reader: Reader) -> None:
    for child in element.children:
        if child.name not in _KNOWN | steps.PARTS or (kind == "R" and child.name == "Step"):
            reader.note(child, "", "has no place in WSJF and is not sent")
