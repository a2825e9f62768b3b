"""A second reading of Saki's XML, to check the converter against.

It shares no code with the converter and goes another way: no tree, only the tags one after the
other, as a regular expression finds them. What it yields has the form of expected.json.
"""

from __future__ import annotations

import re
from typing import Any, Final

_TAG: Final = re.compile(r"<(/?)(\w+)([^>]*?)(/?)>")
_ATTRIBUTE: Final = re.compile(r'(\w+)="([^"]*)"')
_LETTERS: Final = {"passed": "P", "failed": "F"}
_GROUPS: Final = {"FalseCalls": ("False Calls", "P"), "Failed": ("Failed", "F")}


def facts(text: str, *, day_first: bool = False) -> dict[str, Any]:
    """What the reports of a file show: one for each barcode."""
    panel: dict[str, str] = {}
    program: dict[str, str] = {}
    reports: dict[str, dict[str, Any]] = {}
    steps: list[Any] = []
    above: list[str] = []
    letter = ""
    for end, name, rest, _empty in _TAG.findall(text):
        said = dict(_ATTRIBUTE.findall(rest))
        if end:
            continue
        if name == "Panel":
            panel = said
        elif name == "Program":
            program = said
        elif name == "Image":
            barcode = panel["barcode"] if said["barcode"] == "N/A" else said["barcode"]
            steps = reports.setdefault(barcode, {"images": [], "steps": []})["steps"]
            reports[barcode]["images"].append(_LETTERS[said["result"]])
            above = [f"Image {said['id']}"]
            steps.append([above, "SequenceCall", _LETTERS[said["result"]]])
        elif name in _GROUPS:
            called, letter = _GROUPS[name]
            above = [above[0], called]
            steps.append([above, "SequenceCall", letter])
        elif name == "Reference":
            steps.append([[*above, said["designator"]], "ET_PFT", letter, {"status": letter}])
    first, second, year = panel["startDate"].split("/")
    month, day = (second, first) if day_first else (first, second)
    alone = len(reports) == 1
    return {
        "reports": [
            {
                **{"type": "T", "sn": barcode, "operator": panel["operator"]},
                "start": f"{year}-{month}-{day}T{panel['startTime']}",
                "result": _LETTERS[panel["result"]]
                if alone
                else max(one["images"], key="PF".index),
                "root": [program["name"], max(one["images"], key="PF".index)],
                **{"steps": one["steps"], "step_count": len(one["steps"])},
                "measurement_count": sum(row[1] == "ET_PFT" for row in one["steps"]),
            }
            for barcode, one in reports.items()
        ]
    }
