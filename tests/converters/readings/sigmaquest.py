"""A second reading of UnitReports, to check the converter against.

It shares no code with the converter and goes another way: the standard library's tree, limits as
decimals. It knows what the samples hold, no more. What it yields has the form of expected.json.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterator

_LETTERS: Final = {"PASS": "P", "FAIL": "F", "PENDING": "E", "ABORTED": "T"}


def facts(text: str) -> dict[str, Any]:
    """What the reports of a file show."""
    root = ET.fromstring(re.sub(r' xmlns="[^"]*"', "", text).encode())
    return {"reports": [_report(element) for element in root.iter("UnitReport")]}


def _report(element: ET.Element) -> dict[str, Any]:
    product = next(element.iter("Product")).attrib
    run = next(element.iter("TestRun"))
    letter = _LETTERS[run.attrib["grade"]]
    rows = list(_rows(run, []))
    return {
        **{"type": "T", "sn": product["serial-no"], "pn": product["part-no"], "result": letter},
        **{"start": element.attrib["start-time"], "root": [run.attrib["name"], letter]},
        "operator": next(element.iter("Operator")).attrib["name"],
        **{"steps": rows, "step_count": len(rows)},
        "measurement_count": sum(len(row) > 3 for row in rows),
    }


def _rows(run: ET.Element, path: list[str]) -> Iterator[list[Any]]:
    for child in run:
        if child.tag == "TestRun":
            here, letter = [*path, child.attrib["name"]], _LETTERS[child.attrib["grade"]]
            if list(child.iter("Result")) or child.find("TestRun") is not None:
                yield [here, "SequenceCall", letter]
            elif letter in "PF":
                yield [here, "ET_PFT", letter, {"status": letter}]
            else:
                yield [here, "Action", letter]
            yield from _rows(child, here)
        for value in child.iter() if child.tag == "Result" else ():
            if value.tag.startswith("Value"):
                yield _row([*path, value.attrib["name"]], value, run.attrib["grade"])


def _row(path: list[str], value: ET.Element, grade: str) -> list[Any]:
    text = value.text or ""
    if value.tag == "ValueString":
        return [path, "ET_SVT", "P", {"value": text, "limit": value.get("usl")}]
    if text == "null":
        return [path, "Action", "D"]
    number, (low, high) = Decimal(text), _limits(value)
    inside = (low is None or number >= low) and (high is None or number <= high)
    letter = "P" if grade == "PASS" or inside else "F"
    operator = {(1, 1): "GELE", (1, 0): "GE", (0, 1): "LE", (0, 0): "LOG"}[
        (low is not None, high is not None)
    ]
    limits = {"lowLimit": low if low is not None else high}
    limits |= {"highLimit": high} if operator == "GELE" else {}
    shown = {key: float(limit) if limit is not None else None for key, limit in limits.items()}
    return [
        path,
        "ET_NLT",
        letter,
        {"value": float(number), "status": letter, "compOp": operator, **shown},
    ]


def _limits(value: ET.Element) -> tuple[Decimal | None, Decimal | None]:
    """A 0 is no limit where both are 0, or where no number lies between them."""
    low, high = (Decimal(value.attrib[k]) if k in value.attrib else None for k in ("lsl", "usl"))
    if low is None or high is None or low < high:
        return low, high
    return low or None, high or None
