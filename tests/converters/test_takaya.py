"""Takaya's .ATD files: samples, a second reading of them, and what they do not show."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.converters.api import Reject, Source
from pywats_trio.converters.standard.takaya import quantities
from pywats_trio.converters.standard.takaya.converter import Takaya
from pywats_trio.reports.model import InvalidReport
from tests import samples
from tests.converters.readings import takaya as reading
from tests.samples import OURS, REAL, Sample, convert_bytes, disagreements, outcome

SAMPLES = [*samples.samples("takaya")]
QUOTED = [OURS / "takaya" / "panel.ATD", *([Path(REAL) / "other" / "takaya.ATD"] if REAL else [])]
HEAD = (
    "@\n* PASS *\nD.T:1 D.P:1 D.F:0 G.T:1 G.P:1 G.F:0\nModel:PN-1.SWX\n"
    "DATE 26/02/2026 10:00:00\n\n@\n"
)
GROUP = "* GROUP No.{0} *\n* {1} *\nD.T:1 D.P:1 D.F:0 G.T:1 G.P:1 G.F:0\nSerial No.:{2}\n\n"
COLUMNS = (
    "Step_number\tParts\tJudgement\tRef._Value_(Char)\tUnit\tTest_Value_1_(Char)\tUnit\tFunction\n"
)


def row(number: int = 1, /, **cells: str) -> str:
    cell = {
        **{"parts": "R1", "value": "10KO", "nominal": "10.00 KO", "first": " 9.95 KO"},
        **{"second": "........", "percent": "+5% -5%", "verdict": "PASS", "function": "**"},
        **cells,
    }
    return (
        '{0:06} "{parts}" "{value}" "comment" 12 30 "{nominal}" "{first}" "{second}" {percent} '
        '"{verdict}" "DC-CV" "Range 4" "5.0 ms" "( N, +, N, -)R" 0 0 "{function}"\n'
    ).format(number, **cell)


def group(*rows: str, number: int = 1, verdict: str = "PASS", serial: str = "S-1") -> str:
    return GROUP.format(number, verdict, serial) + "".join(rows)


def file(*groups: str, head: str = HEAD, end: str = "@\n") -> bytes:
    return (head + "\n".join(groups) + end).encode()


def converted(data: bytes, **arguments: Any) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in convert_bytes(Takaya(), data, arguments=arguments)]


def step(**cells: str) -> dict[str, Any]:
    (report,) = converted(file(group(row(**cells))))
    (found,) = report["root"]["steps"]
    return dict(found)


def messages(data: bytes, **arguments: Any) -> list[str]:
    found = convert_bytes(Takaya(), data, arguments={"process_code": 10, **arguments})
    return [finding.message for one in found for finding in one.findings if not finding.path]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_ends_as_expected(sample: Sample) -> None:
    result = outcome(Takaya(), sample)
    assert Takaya().detect(sample.source(Takaya())) == 0.95
    if isinstance(result, Reject):
        assert sample.refused, result.why
        assert "line 30: a row with a cell missing" in result.why
    else:
        assert disagreements(result, sample.expected) == []


@pytest.mark.parametrize("path", QUOTED, ids=lambda path: path.name)
def test_a_second_reading_finds_the_same(path: Path) -> None:
    data = path.read_bytes()
    expected = reading.facts(data.decode())
    assert expected["reports"]
    assert disagreements(converted(data), expected) == []
    assert Takaya().detect(Source.from_bytes(data)) == 0.95


@pytest.mark.skipif(not REAL, reason=samples.REAL_MISSING)
def test_the_real_file_is_a_board_that_passed() -> None:
    (report,) = converted(QUOTED[1].read_bytes())
    assert (report["sn"], report["result"]) == ("11111-BV0001 (AT33)", "P")
    assert (report["pn"], report["machineName"]) == ("DEMO-PANEL-C_V1", "FP1")
    assert (report["uut"]["testSocketIndex"], len(report["root"]["steps"])) == (20, 49)


def test_what_a_row_says_beside_its_measure_is_its_text() -> None:
    assert step(second="9.99 KO")["reportText"] == (
        "no. 000001, comment, nominal 10.00 KO +5% -5%, first measured 9.95 KO, function **, "
        "pins 12 30, mode DC-CV Range 4, probes ( N, +, N, -)R"
    )
    assert step()["totTime"] == 0.005


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({}, {"value": 9950, "lowLimit": 9500, "highLimit": 10500, "compOp": "GELE"}),
        ({"second": "1.1 MO"}, {"value": 1100000, "unit": "Ohm"}),
        ({"nominal": "-0.6 V", "first": "-600 mV"}, {"lowLimit": -0.63, "highLimit": -0.57}),
        (
            {"nominal": "-0.6 V", "first": "-0.6 V", "percent": "+10% -20%"},
            {"lowLimit": -0.72, "highLimit": -0.54},
        ),
        ({"percent": "+0% -0%"}, {"lowLimit": 10000, "highLimit": 10000}),
        ({"percent": "+2.5% -12.5%"}, {"lowLimit": 8750, "highLimit": 10250}),
        ({"function": "E "}, {"compOp": "LE", "lowLimit": 10000}),
        ({"function": "F"}, {"compOp": "GE", "lowLimit": 10000}),
        ({"function": "OP"}, {"compOp": "LOG", "value": 9950}),
        ({"nominal": "1 V"}, {"compOp": "LOG", "value": 9950}),
        ({"nominal": "........"}, {"compOp": "LOG", "value": 9950}),
        ({"nominal": "3 MH", "first": "2.9 MH"}, {"value": 2.9, "unit": "MH", "lowLimit": 2.85}),
        ({"nominal": "5", "first": "5"}, {"value": 5, "lowLimit": 4.75, "highLimit": 5.25}),
    ],
)
def test_limits_come_from_the_nominal_value_and_its_tolerances(
    cells: dict[str, str], expected: dict[str, Any]
) -> None:
    (found,) = step(**cells)["numericMeas"]
    assert {key: found[key] for key in expected} == expected
    assert ("lowLimit" in found) is (found["compOp"] != "LOG")


@pytest.mark.parametrize(
    ("verdict", "function", "status"),
    [
        *[("PASS   ", "**", "P"), ("UP-NG  ", "**", "F"), ("LO-NG", "**", "F")],
        *[("FAIL", "**", "F"), ("OPEN", "OP", "F"), ("SHORT", "SH", "F"), ("NG", "**", "F")],
        *[(" JUMP  ", "**", "S"), ("......", "**", "S"), ("PASS", "JP", "S")],
    ],
)
def test_the_verdict_of_a_row_stands(verdict: str, function: str, status: str) -> None:
    found = step(verdict=verdict, function=function)
    assert found["status"] == found["numericMeas"][0]["status"] == status
    found = step(verdict=verdict, function=function, first="........")
    assert (found["stepType"], found["booleanMeas"]) == ("ET_PFT", [{"status": status}])


def test_each_group_is_a_report() -> None:
    data = file(
        group(row(1), serial="A"),
        group(row(2, verdict="UP-NG"), number=2, verdict="FAIL", serial="B"),
        group(number=3, verdict="NO-TEST", serial=""),
        group(number=7, verdict="NO-TEST", serial="C"),
    )
    found = [(one["sn"], one["result"], one["uut"]["testSocketIndex"]) for one in converted(data)]
    assert found == [("A", "P", 1), ("B", "F", 2), ("C", "E", 7)]


def test_panels_may_follow_each_other() -> None:
    first = file(group(row(), serial="A"))
    second = file(group(row(), serial="B"), head=HEAD.replace("PN-1", "PN-2"))
    for data in (first + second, first + second[2:]):
        assert [(one["sn"], one["pn"]) for one in converted(data)] == [("A", "PN-1"), ("B", "PN-2")]


def test_a_panel_without_groups_is_a_board() -> None:
    head = HEAD.replace("DATE", "Serial No.:P-1\nTest time:12.5 s\nDATE")
    (report,) = converted(file(row(), head=head))
    assert (report["sn"], report["result"], report["uut"]["execTime"]) == ("P-1", "P", 12.5)
    assert messages(file(row(), head=head, end="")) == [
        "no mark behind the last row: are all here? (line 2)"
    ]
    (report,) = converted(file(group(row()), head=head))
    assert report["sn"] == "S-1"
    assert {"description": "Panel serial number", "text": "P-1"} in report["miscInfos"]


@pytest.mark.parametrize(
    ("date", "order", "start", "is_open"),
    [
        ("26/02/2026 10:00:00", "", "2026-02-26T10:00:00", False),
        ("3/4/2026 8:20:27", "", "2026-04-03T08:20:27", True),
        ("3/4/2026 8:20:27", "mdy", "2026-03-04T08:20:27", False),
        ("2026/02/03 10:00:00", "", "2026-02-03T10:00:00", False),
        ("14/12/27 15:26:30", "", "2027-12-14T15:26:30", True),
        ("14/12/27 15:26:30", "ymd", "2014-12-27T15:26:30", False),
        ("01.02.26 15:26:30", "dmy", "2026-02-01T15:26:30", False),
        ("02/02/2026 10:00:00", "", "2026-02-02T10:00:00", False),
    ],
)
def test_the_order_of_a_date_may_be_open(date: str, order: str, start: str, is_open: bool) -> None:
    data = file(group(row()), head=HEAD.replace("26/02/2026 10:00:00", date))
    assert converted(data, date_order=order)[0]["start"][:19] == start
    told = "is read as day, month, year; set the argument date_order"
    assert any(told in one for one in messages(data, date_order=order)) is is_open


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the file is empty"),
        (b"@\n@\n", "no board in the file was tested"),
        (HEAD[:-2].encode(), "the file ends without the mark @"),
        (HEAD.encode(), "the file ends without the mark @"),
        (file(group(row()), end=""), "the file ends without the mark @"),
        (file(group(row(), serial="")), "group 1 (line 8) has no serial number"),
        (file(group(serial="")), "group 1 (line 8) has no serial number"),
        (file(group(row()), head=HEAD.replace("DATE", "DATA ")), "has no start time"),
        (file(group(row()), head=HEAD.replace("26/02", "26/13")), "no date in the order dmy"),
        (file(group(row()), head=HEAD.replace("10:00:00", "10:00")), "no date in the order dmy"),
        (file(group(verdict="GOOD")), 'line 9: "GOOD" is no verdict; PASS, FAIL and NO-TEST'),
        (file(group("Serial No.:S-2\n")), "line 13: a second Serial No. that says something else"),
        (file(group(row()[:-5])), "line 13: a row with a cell missing or without its second quote"),
        (file(group(row().replace('" "', " ", 1))), "line 13: a row with a cell missing"),
        (file(group(row().replace("\n", ' "\n'))), "line 13: a row with a cell missing"),
        (file(group(row(verdict="PAST"))), 'line 13: "PAST" is no verdict'),
        (file(group(row(percent="+5% 5"))), "line 13: a tolerance that is no percentage"),
        (file(group(COLUMNS, "1\tR1\tPASS\n")), "line 14: a row with 3 cells, 8 are expected"),
        (file(group(COLUMNS.replace("Unit\tF", "F"), "1\tR1\tPASS\t1\tO\t1\t**\n")), ""),
        (file(group(COLUMNS.replace("Function", "X"))), "the table has no column for the function"),
    ],
)
def test_a_refusal_says_where(data: bytes, why: str) -> None:
    if not why:  # a column without a unit is none to refuse
        assert "numericMeas" in converted(data)[0]["root"]["steps"][0]
        return
    with pytest.raises(Reject) as raised:
        convert_bytes(Takaya(), data)
    assert why in raised.value.why


def test_what_is_odd_is_found() -> None:
    data = file(
        "strange\n"
        + group(
            row(1, first="OVER"),
            row(2, function="D "),
            row(5),
            row(5, verdict="UP-NG"),
            "hello\n",
            row(6, nominal="........"),
        ),
        head=HEAD.replace("DATE", "what?\nDATE"),
    )
    assert messages(data) == [
        "a line above the rows is not known and not sent (line 5)",
        "a line between the rows is not known and not sent (line 9)",
        'the measured "OVER" is no number (line 15)',
        "the limits of a test with the function D are not in the file (line 16)",
        "step numbers are missing before this row (line 17)",
        "step numbers do not rise at this row (line 18)",
        "a line between the rows is not known and not sent (line 19)",
        "no limits: there is no nominal value in the unit of the measured one (line 20)",
        "the verdict is PASS, and 1 rows failed (line 10)",
    ]
    assert messages(file(group(row(), verdict="FAIL"))) == [
        "the verdict is FAIL, and no row failed (line 8)"
    ]
    without = file(group(row()).replace("* PASS *\n", "", 1))
    assert messages(without) == ["no verdict: the result follows from the rows (line 8)"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_any_text_is_read(end: str, encoding: str) -> None:
    data = file(group(row(value="10\xb5F"))).decode().replace("\n", end).encode(encoding)
    assert converted(data)[0]["root"]["steps"][0]["name"] == "R1 10\xb5F"
    assert Takaya().detect(Source.from_bytes(data)) == 0.95


def test_detect_decides_by_content() -> None:
    def sure(text: str) -> float:
        return Takaya().detect(Source.from_bytes(text.encode()))

    assert sure("@\nD.T:1 D.P:1 D.F:0 G.T:1 G.P:1 G.F:0\n") == pytest.approx(0.55)
    assert sure(HEAD[2:]) == sure("@\nModel:a\n") == sure("") == 0.0


@given(
    st.decimals(0, 99999, places=3),
    st.decimals(0, 100, places=2),
    st.decimals(-100, 0, places=2),
    st.sampled_from(["O", "KO", "MO", "nF", "UF", "pF", "mV"]),
)
def test_limits_are_exact(nominal: Decimal, plus: Decimal, minus: Decimal, unit: str) -> None:
    found = quantities.quantity(f"{nominal} {unit}")
    assert found is not None
    factor = Decimal(1).scaleb(
        {"K": 3, "M": 6, "n": -9, "U": -6, "p": -12, "m": -3}.get(unit[:-1], 0)
    )
    assert Decimal(found.number.text) == nominal * factor
    low, high = quantities.window(found, plus, minus)
    assert Decimal(low.text) == nominal * factor * (100 + minus) / 100
    assert Decimal(high.text) == nominal * factor * (100 + plus) / 100


@pytest.mark.parametrize("text", ["", "V", "........", "1e5 V", "\u0661 V", "9" * 40, "1 2 V"])
def test_what_is_no_quantity(text: str) -> None:
    assert quantities.quantity(text) is None


DATA = [sample.path.read_bytes() for sample in SAMPLES if not sample.refused]


@given(st.sampled_from(DATA), st.integers(0, 3000), st.integers(0, 40), st.binary(max_size=6))
def test_a_damaged_file_is_converted_or_refused(data: bytes, at: int, cut: int, new: bytes) -> None:
    with suppress(Reject, InvalidReport):
        convert_bytes(Takaya(), data[:at] + new + data[at + cut :])


def test_a_decimal_comma_is_refused_with_its_line() -> None:
    text = (samples.OURS / "takaya" / "panel.ATD").read_text("utf-8")
    data = re.sub(r"(\d)\.(\d)", r"\1,\2", text).encode()
    with pytest.raises(Reject, match="has a decimal comma"):
        convert_bytes(Takaya(), data)
