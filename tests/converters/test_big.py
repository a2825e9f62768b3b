"""Files that are too big or too deep to store, made by their documented rules."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from pywats_trio.converters.api import Reject
from pywats_trio.converters.standard.wats_json import WatsJson
from pywats_trio.converters.standard.wats_xml.converter import WSXF, WatsXml
from tests.samples import convert_bytes, disagreements

DEEP = 10_000


def value(i: int) -> float:
    return i * 7919 % 1000 / 100


def step(i: int) -> dict[str, Any]:
    status = "F" if value(i) > 9.89 else "P"
    limits = {"compOp": "GELE", "status": status, "unit": "V", "lowLimit": 0, "highLimit": 9.89}
    return {
        "group": "M",
        "stepType": "ET_NLT",
        "name": f"Step_{i:05d}",
        "status": status,
        "numericMeas": [{**limits, "value": value(i)}],
    }


def report(steps: list[Any]) -> dict[str, Any]:
    return {
        "type": "T",
        "id": "5b0f3a52-0c7e-4c7b-8f5e-000000000001",
        "pn": "PCBA-100",
        "sn": "BIG-0001",
        "processCode": 10,
        "result": "F",
        "start": "2026-03-02T08:15:30+01:00",
        "root": {"stepType": "SequenceCall", "name": "Main", "status": "F", "steps": steps},
    }


@pytest.mark.parametrize("count", [10_000, 30_000])
def test_a_long_report_on_one_line_is_passed_on_whole(count: int) -> None:
    data = json.dumps(report([step(i) for i in range(count)]), separators=(",", ":")).encode()
    (encoded,) = convert_bytes(WatsJson(), data)
    assert encoded.body == data
    shown = [0, 1, 2, 3, 4, next(i for i in range(count) if value(i) > 9.89), count - 1]
    rows = [[[s["name"]], "ET_NLT", s["status"], s["numericMeas"][0]] for s in map(step, shown)]
    facts = {"sn": "BIG-0001", "steps": rows, "step_count": count, "measurement_count": count}
    assert disagreements([json.loads(encoded.body)], {"reports": [facts]}) == []


def deep_json() -> bytes:
    head, tail = json.dumps(report(["?"])).split('"?"')
    node = '{"group": "M", "stepType": "SequenceCall", "name": "L", "status": "P", "steps": ['
    return f"{head}{node * DEEP}{']}' * DEEP}{tail}".encode()


def deep_xml() -> bytes:
    node = '<Step Name="L" StepType="SequenceCall" Status="Passed">'
    head = '<Report type="UUT" SN="D" PN="P" Result="Passed" Start="2026-03-02T08:15:30+01:00">'
    steps = f"{node * DEEP}{'</Step>' * DEEP}"
    return f'<Reports xmlns="{WSXF}">{head}<Process Code="10"/>{steps}</Report></Reports>'.encode()


def flat_and_deep_xml() -> bytes:
    """WRML whose steps are a chain: deep, though no element is."""
    head = '<Report type="UUT" SN="D" PN="P" Result="Passed" Start="2026-03-02T08:15:30+01:00">'
    steps = "".join(
        f'<Step StepID="{i}" ParentStepID="{i - 1 or ""}" Name="L" StepType="SequenceCall" '
        'Status="Passed"/>'
        for i in range(1, DEEP)
    )
    space = WSXF.removesuffix("/wsxf")
    return f'<Reports xmlns="{space}">{head}<Process Code="10"/>{steps}</Report></Reports>'.encode()


@pytest.mark.parametrize(
    ("converter", "data", "limit"),
    [
        (WatsJson(), deep_json(), "more than 256 levels"),
        (WatsJson(), b"[" * 100_000, "more than 256 levels"),
        (WatsXml(), deep_xml(), "more than 256 elements"),
        (WatsXml(), flat_and_deep_xml(), "deeper than 100 levels"),
    ],
    ids=["json", "brackets", "xml", "wrml"],
)
def test_what_is_too_deep_is_refused_at_once_with_the_limit(
    converter: WatsJson | WatsXml, data: bytes, limit: str
) -> None:
    began = time.process_time()
    with pytest.raises(Reject, match=limit):
        convert_bytes(converter, data)
    assert time.process_time() - began < 1.0
