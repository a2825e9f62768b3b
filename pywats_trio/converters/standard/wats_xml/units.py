"""Sub units of a WSXF or WRML report, and the failures of a repair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pywats_trio.converters.standard.wats_xml.values import Reader, Table, number, text, word

if TYPE_CHECKING:
    from pywats_trio.converters.common.xml_tree import Element

_UNIT: Final[Table] = {
    "PartType": ("partType", text),
    "PN": ("pn", text),
    "SN": ("sn", text),
    "Rev": ("rev", text),
    "Position": ("position", number),
    "Idx": None,
    "idx": None,
    "order_no": None,
    "ParentIDX": None,
    "ReplacedIDX": None,
}
_REPAIRED_UNIT: Final[Table] = {
    **_UNIT,
    "Idx": ("idx", number),
    "idx": ("idx", number),
    "ParentIDX": ("parentIdx", number),
    "ReplacedIDX": ("replacedIdx", number),
}
_FAILURE: Final[Table] = {
    "Category": ("category", text),
    "Code": ("code", text),
    "CompRef": ("comRef", word),
    "StepID": ("refStepId", number),
    "FunctionBlock": ("funcBlock", word),
    "ArticleNumber": ("artNumber", word),
    "ArticleRevision": ("artRev", word),
    "ArticleVendor": ("artVendor", word),
    "ArticleDescription": ("artDescription", word),
    "StepName": None,
    "Failcode": None,
    "Idx": None,
    "PartIdx": None,
}
_FILE: Final[Table] = {
    "FileName": ("name", text),
    "ContentType": ("contentType", word),
    "BinaryDataGUID": ("id", word),
    "size": None,
    "Size": None,
}


def sub_units(report: Element, content: dict[str, Any], reader: Reader) -> dict[str, Any]:
    """The members `subUnits` and, for a repair with files, `binaryData`."""
    repair = content["type"] == "R"
    elements = report.named("ReportUnitHierarchy", "PartInfo")
    table = _REPAIRED_UNIT if repair else _UNIT
    units = [{"partType": "", **reader.attributes(element, table)} for element in elements]
    if not repair:
        return {"subUnits": units}
    indexes = [element.get("Idx") or element.get("idx") or "" for element in elements]
    if "0" not in indexes:  # the unit itself
        main = {"partType": "Main", "pn": content["pn"], "sn": content["sn"], "idx": 0}
        units.insert(0, {**main, "rev": content.get("rev", "")})
        indexes.insert(0, "0")
    by_failure = _failures(report, dict(zip(indexes, units, strict=True)), reader)
    files = _files(report, by_failure, reader)
    return {"subUnits": units} | ({"binaryData": files} if files else {})


def _failures(
    report: Element, units: dict[str, dict[str, Any]], reader: Reader
) -> dict[str, dict[str, Any]]:
    """Hang each failure on its unit; the failures by their own index."""
    found = {}
    for element in report.named("Failures"):
        failure = reader.attributes(element, _FAILURE)
        if (comment := element.child("Comment")) is not None:
            failure["comment"] = comment.text
        part = element.get("PartIdx") or "0"
        if part not in units:
            raise reader.refusal(element, f'PartIdx="{part}" names no unit of the report')
        units[part].setdefault("failures", []).append(failure)
        found[element.get("Idx") or ""] = failure
    return found


def _files(
    report: Element, by_failure: dict[str, dict[str, Any]], reader: Reader
) -> list[dict[str, Any]]:
    """Hang each file on its failure; those of the report as a whole."""
    rest = []
    for element in report.named("Binary"):
        failure = by_failure.get(element.get("FailIdx") or "none")
        for data in element.named("Data"):
            file = {**reader.attributes(data, _FILE), "data": "".join(data.text.split())}
            if failure is None:
                rest.append(file)
            else:
                failure.setdefault("attachments", []).append(file)
    return rest
