from __future__ import annotations

import base64
import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest

from pywats_trio.reports import operators
from pywats_trio.reports.model import InvalidReport
from pywats_trio.reports.numbers import Number
from pywats_trio.reports.report import Report
from pywats_trio.reports.steps import (
    Attachment,
    Chart,
    Numeric,
    PassFail,
    Sequence,
    Series,
    Step,
    Text,
)
from tests.reports.examples import DEFAULTS

TABLE = {
    # operator: passes below low, at low, between, at high, above high; limits 2 and 4
    "GELE": "01110",
    "GELT": "01100",
    "GTLE": "00110",
    "GTLT": "00100",
    "LEGE": "11011",
    "LEGT": "11001",
    "LTGE": "10011",
    "LTGT": "10001",
    "EQ": "01000",
    "NE": "10111",
    "GT": "00111",
    "GE": "01111",
    "LT": "10000",
    "LE": "11000",
    "LOG": "11111",
}


@pytest.mark.parametrize("operator", TABLE)
def test_an_operator_passes_what_its_row_says(operator: str) -> None:
    got = [operators.passes(value, operator, 2, 4) for value in (1, 2, 3, 4, 5)]
    assert "".join("01"[passed] for passed in got) == TABLE[operator]


def test_the_table_is_complete_and_nan_passes_only_where_nothing_is_compared() -> None:
    assert set(TABLE) == operators.OPERATORS
    for operator in TABLE:
        assert operators.passes(math.nan, operator, 2, 4) is (operator == "LOG")


@pytest.mark.parametrize(
    ("operator", "low", "high", "message"),
    [("XX", 1, 2, "XX is no operator"), ("GE", None, 2, "its limit"), ("GELE", 1, None, "two")],
)
def test_a_comparison_that_cannot_be_made_says_so(
    operator: str, low: float | None, high: float | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        operators.passes(1, operator, low, high)


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (("GELE", 1, 2), ("GELE", 1, 2)),
        (("GELE", 1, math.inf), ("GE", 1, None)),
        (("GTLT", -math.inf, 2), ("LT", 2, None)),
        (("GELE", math.nan, None), ("LOG", None, None)),
        (("LTGE", -math.inf, 2), ("GE", 2, None)),
        (("LE", math.inf, None), ("LOG", None, None)),
        (("LE", 1, 7), ("LE", 1, None)),
        (("LOG", 1, 2), ("LOG", None, None)),
    ],
)
def test_limits_that_are_not_finite_weaken_the_operator(given: Any, left: Any) -> None:
    assert operators.weakened(*given) == left


@pytest.mark.parametrize(
    ("low", "high", "operator", "status"),
    [
        (3.2, 3.4, "GELE", "P"),
        (3.5, None, "GE", "F"),
        (None, 3.3, "LE", "F"),
        (None, None, "LOG", "P"),
        (Number("3.310"), None, "GE", "P"),
    ],
)
def test_operator_and_status_follow_from_the_limits(
    low: float | None, high: float | None, operator: str, status: str
) -> None:
    measured = Numeric(value=3.31, unit="V", low=low, high=high).as_wsjf()
    assert (measured["compOp"], measured["status"]) == (operator, status)
    if operator == "LE":
        assert measured["lowLimit"] == 3.3
        assert "highLimit" not in measured


def test_a_given_status_stands() -> None:
    assert Numeric(value=9, low=1, high=2, status="P").as_wsjf()["status"] == "P"
    with pytest.raises(ValueError, match="status"):
        Numeric(value=1, status="Q")  # type: ignore[arg-type] # what authors get wrong


@pytest.mark.parametrize(
    ("limit", "operator", "status"),
    [
        (None, None, "P"),
        ("abc", None, "P"),
        ("ABC", None, "F"),
        ("ABC", "IGNORECASE", "P"),
        ("ABC", "CASESENSIT", "F"),
        ("abc", "NE", "F"),
        ("x", "ne", "P"),
        (None, "LOG", "P"),
    ],
)
def test_texts_are_compared(limit: str | None, operator: str | None, status: str) -> None:
    assert Text(value="abc", limit=limit, operator=operator).as_wsjf()["status"] == status


@pytest.mark.parametrize(("limit", "operator"), [("a", "GE"), (None, "EQ")])
def test_texts_that_cannot_be_compared_say_so(limit: str | None, operator: str) -> None:
    with pytest.raises(ValueError, match=operator):
        Text(value="a", limit=limit, operator=operator).as_wsjf()


def test_a_series_needs_as_many_x_as_y() -> None:
    assert Series(name="s", y=[1, 2.50]).as_wsjf() == {
        "dataType": "XYG",
        "name": "s",
        "ydata": "1;2.5",
    }
    with pytest.raises(ValueError, match="1 x values, 2 y values"):
        Series(name="s", x=[1], y=[1, 2]).as_wsjf()


def test_a_step_holds_one_kind_of_measurement_and_names_several() -> None:
    with pytest.raises(ValueError, match="one kind"):
        Step(name="s", measurements=(Numeric(value=1, name="a"), Text(value="a", name="b")))
    with pytest.raises(ValueError, match="a name each"):
        Step(name="s", measurements=(PassFail(passed=True), PassFail(passed=True, name="b")))


def build(**changes: Any) -> Any:
    header: dict[str, Any] = {
        "part_number": "PN-1",
        "serial_number": "SN-1",
        "revision": "B",
        "process_code": 10,
        "start": datetime(2026, 3, 2, 8, tzinfo=UTC),
        **changes,
    }
    return Report.builder(**header)


def test_a_report_is_built_step_by_step() -> None:
    builder = build(operator="op", seconds=12.5, batch="B1", station="ST-1", socket=2)
    builder.misc("Firmware", "1.4.2")
    builder.sub_unit("PCBA", part_number="P", serial_number="S")
    builder.asset("DMM-7", uses=2)
    power = builder.root.sequence("Power", path="power.seq")
    power.numeric("3V3", 3.31, unit="V", low=3.2, high=3.4, seconds=0.5)
    power.numeric("5V", 5.5, unit="V", low=4.9, high=5.1, error="too high", error_code=-5)
    builder.root.string("Version", "1.4.2", limit="1.4.2")
    builder.root.passfail("LED", True, group="C")
    builder.root.multiple("Rails", [Numeric(name="a", value=1), Numeric(name="b", value=2, low=1)])
    builder.root.action("Wait", text="a\nb", type="NI_Wait")
    builder.root.curves("Sweep", Chart(label="Gain", series=[Series(name="s", x=[0, 1], y=[1, 2])]))
    builder.root.attach("log.txt", b"ok", "text/plain")
    builder.root.add(Step(name="Own", measurements=[Text(name="x", value="y")], extra={"loop": {}}))
    encoded = builder.build().encode(DEFAULTS)
    assert encoded.findings == tuple(
        f for f in encoded.findings if f.path in ("location", "purpose")
    )
    body = json.loads(encoded.body)
    assert body["result"] == body["root"]["status"] == "F"
    assert body["uut"] == {
        "user": "op",
        "execTime": 12.5,
        "batchSN": "B1",
        "testSocketIndex": 2,
    }
    assert body["startUTC"] == "2026-03-02T08:00:00Z"
    steps = body["root"]["steps"]
    assert [(s["id"], s["stepType"], s["status"]) for s in steps] == [
        (1, "SequenceCall", "F"),
        (4, "ET_SVT", "P"),
        (5, "ET_PFT", "P"),
        (6, "ET_MNLT", "P"),
        (7, "NI_Wait", "D"),
        (8, "Chart", "D"),
        (9, "WATS_AttachFile", "D"),
        (10, "ET_MSVT", "P"),
    ]
    assert [s["status"] for s in steps[0]["steps"]] == ["P", "F"]
    assert steps[0]["seqCall"] == {"path": "power.seq", "name": "Power", "version": ""}
    assert steps[5]["chart"]["series"][0]["xdata"] == "0;1"
    assert base64.b64decode(steps[6]["attachment"]["data"]) == b"ok"
    assert body["assets"] == [{"assetSN": "DMM-7", "usageCount": 2}]


def test_a_builder_takes_what_it_is_given_before_what_it_derives() -> None:
    builder = build(result="T", id=DEFAULTS.id, start="2026-03-02T08:00:00+01:00", version="7")
    builder.root.action("Abort", status="E", attachment=Attachment(name="x", data=b""))
    body = json.loads(builder.build().encode(DEFAULTS).body)
    assert (body["result"], body["root"]["status"], body["id"]) == ("T", "E", DEFAULTS.id)
    assert body["root"]["seqCall"]["version"] == "7"


def test_a_build_without_a_serial_number_is_refused() -> None:
    with pytest.raises(InvalidReport, match="no serial number"):
        build(serial_number=" ").build()


def test_a_sequence_made_by_hand_counts_its_steps() -> None:
    made = Sequence(name="s", steps=[Step(name="a", status="F"), Step(name="b")]).as_wsjf()
    assert (made["status"], [s["status"] for s in made["steps"]]) == ("F", ["F", "D"])


@pytest.mark.parametrize(
    ("status", "measured"), [("P", "P"), ("F", "F"), ("S", "S"), ("D", "P"), ("E", "F"), ("T", "F")]
)
def test_a_measurement_has_the_letters_of_measurements_and_its_step_keeps_its_own(
    status: Any, measured: str
) -> None:
    step = Step(name="a", measurements=(Numeric(value=1.0, status=status),)).as_wsjf()
    assert step["numericMeas"][0]["status"] == measured
    assert step["status"] == {"D": "P", "S": "P"}.get(status, status)
