"""TestStand's XML read a second time, another way: with ElementTree and paths, all of it at once.

What it yields are facts as `tests.samples.disagreements` takes them, so that a fault of the
converter would have to be made twice to be missed. It knows what the samples have, no more.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterator

LETTERS: Final = {
    **{"Passed": "P", "Failed": "F", "Done": "D", "Skipped": "S", "Error": "E"},
    **{"Terminated": "T", "Looping": "D"},
}
TYPES: Final = {
    **{"Action": "ET_A", "Statement": "ET_A", "NumericLimitTest": "ET_NLT"},
    **{"StringValueTest": "ET_SVT", "PassFailTest": "ET_PFT"},
    **{"NI_MultipleNumericLimitTest": "ET_MNLT", "MyThermoTest": "ET_NLT"},
}
PARTS: Final = {"PERCENTAGE": 0.01, "PPM": 1e-6}
ONE_LIMIT: Final = {"EQ", "NE", "GT", "GE", "LT", "LE"}


def facts(data: bytes) -> dict[str, Any]:
    """What must come out of a file."""
    root = ET.fromstring(re.sub(rb"<\?xml:stylesheet.*?\?>", b"", data))
    found = [root] if root.tag == "TSReport" else root.findall("Report[@Type='UUT']")
    return {"reports": [_report(one) for one in found]}


def get(element: ET.Element, dotted: str) -> str | None:
    """The first value at names joined by dots; None where there is no such property."""
    path = "/".join(f"Prop[@Name='{name}']" for name in dotted.split("."))
    found = element.find(f"{path}/Value")
    return None if found is None else (found.text or "").strip()


def _report(report: ET.Element) -> dict[str, Any]:
    infos = {info.get("key"): info.get("value") for info in report.iter("ReportInfo")}
    main = report.find("Prop[@Type='TEResult']")
    rows = [] if main is None else [*_rows(main, [])]
    result = report.get("UUTResult") or get(main, "Status") if main is not None else "Terminated"
    return {
        "type": "T",
        "sn": get(report, "UUT.SerialNumber"),
        "pn": get(report, "UUT.UUTPartNumber") or get(report, "UUT.PartNumber") or "UNKNOWN",
        "rev": get(report, "UUT.UUTPartRevisionNumber") or "",
        "processCode": int(get(report, "UUT.UUTOperationType") or 10),
        "result": LETTERS[result or ""],
        "machineName": get(report, "StationInfo.StationID"),
        "location": get(report, "StationInfo.Location") or "",
        "purpose": get(report, "StationInfo.Purpose") or "",
        "operator": get(report, "StationInfo.LoginName"),
        "start": infos.get("Start") or _clock(report),
        "steps": rows,
        "step_count": len(rows),
        "measurement_count": sum(len(row) - 3 for row in rows),
        **({"id": infos["ID"]} if "ID" in infos else {}),
        **({} if main is None else {"execTime": float(get(main, "TS.TotalTime") or "nan")}),
    }


def _clock(report: ET.Element) -> str:
    date = [int(get(report, f"StartDate.{part}") or 0) for part in ("Year", "Month", "MonthDay")]
    time = [int(get(report, f"StartTime.{part}") or 0) for part in ("Hours", "Minutes", "Seconds")]
    return "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}".format(*date, *time)


def _rows(parent: ET.Element, above: list[str]) -> Iterator[list[Any]]:
    names = ("TS", "SequenceCall", "ResultList")
    path = "/".join(f"Prop[@Name='{name}']" for name in names)
    for result in parent.findall(f"{path}/Value/Prop"):
        here = [*above, get(result, "TS.StepName") or ""]
        kind = get(result, "TS.StepType") or ""
        status = LETTERS[get(result, "Status") or ""]
        yield [here, TYPES.get(kind, kind), status, *_measured(result, status)]
        yield from _rows(result, here)


def _measured(result: ET.Element, status: str) -> Iterator[dict[str, Any]]:
    if status == "S":
        return
    letter = "P" if status == "P" else "F"
    if (value := get(result, "Numeric")) is not None:
        yield {**_numeric(result, value), "status": letter}
    elif (value := get(result, "String")) is not None:
        operator = (get(result, "Comp") or "").upper()
        limit = get(result, "Limits.String")
        yield {"value": value, "limit": limit, "compOp": operator, "status": letter}
    elif (value := get(result, "PassFail")) is not None:
        yield {"status": "P" if value == "True" else "F"}
    for one in result.findall("Prop[@Name='Measurement']/Value/Prop"):
        letter = LETTERS.get(get(one, "Status") or "", "")
        name = get(one, "MeasName") or one.get("Name")
        if (value := get(one, "Data")) is not None:
            yield {"name": name, **_numeric(one, value), "status": letter}
        elif (value := get(one, "StringData")) is not None:
            operator = (get(one, "Comp") or "").replace("Equal", "EQ")
            yield {"name": name, "value": value, "compOp": operator, "status": letter}
        else:
            yield {"name": name, "status": "P" if get(one, "PassFail") == "True" else "F"}


def _numeric(holder: ET.Element, value: str) -> dict[str, Any]:
    operator = get(holder, "Comp") or ""
    limits = [get(holder, f"Limits.{name}") for name in ("Low", "High")]
    low, high = (None if limit is None else float(limit) for limit in limits)
    if operator == "EQT":
        kind = get(holder, "Limits.ThresholdType") or ""
        nominal = float(get(holder, "RawLimits.Nominal") or "nan")
        part = abs(nominal) * PARTS[kind] if kind in PARTS else 1
        assert low is not None
        assert high is not None
        operator, low, high = "GELE", nominal - low * part, nominal + high * part
    if operator in ONE_LIMIT:
        low, high = (high if low is None else low), None
    return {
        "value": float(int(value, 16)) if value.startswith("0x") else float(value),
        "compOp": operator,
        "unit": get(holder, "Units") or None,
        "lowLimit": low,
        "highLimit": high,
    }
