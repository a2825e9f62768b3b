"""The WATS text format: marks, header, rows, and what is refused with its line."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.converters.api import Reject, Source
from pywats_trio.converters.arguments import bind, mistakes
from pywats_trio.converters.standard.wats_text.charts import MAX_POINTS, MAX_SERIES
from pywats_trio.converters.standard.wats_text.converter import WatsText
from pywats_trio.converters.standard.wats_text.measured import COLUMNS
from pywats_trio.reports.limits import MAX_NESTED_STEPS, PROCESS_CODES
from tests import samples
from tests.samples import convert_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.reports.model import Encoded, Finding

HEADER = {
    "SerialNumber": "S-1",
    "PartNumber": "P-1",
    "OperationTypeCode": "20",
    "UUTStatus": "Passed",
    "StartDateTime": "2026-03-02T08:30:00",
}
FIRST_ROW = len(HEADER) + 4
"""The line of the first row in a file that `unit` made."""
SAMPLES = [
    *samples.samples("wats-text"),
    *(s for s in samples.samples("hostile", ".txt") if s.expected["converter"] == "wats-text"),
]


def row(*cells: str, **columns: str) -> str:
    """A row: cells from the first column on, then others by name."""
    filled = dict(zip(COLUMNS, cells, strict=False)) | columns
    return "\t".join(filled.get(name, "") for name in COLUMNS).rstrip("\t")


def numeric(name: str = "V", value: str = "1", **columns: str) -> str:
    return row("NumericLimitTest", name, Value=value, **columns)


def unit(
    *rows: str, footer: tuple[str, ...] = (), more: tuple[str, ...] = (), **header: Any
) -> str:
    """A unit; a header value of None leaves the key out."""
    values = HEADER | header
    lines = [f"{key}\t{value}" for key, value in values.items() if value is not None]
    return "\n".join(
        [
            "--Header-Start--",
            *lines,
            *more,
            "--Step-Data-Start--",
            "\t".join(COLUMNS),
            *rows,
            "--Step-Data-End--",
            *footer,
            "--UUT-End--",
            "",
        ]
    )


def encoded(text: str | bytes, arguments: Mapping[str, Any] | None = None) -> list[Encoded]:
    data = text.encode() if isinstance(text, str) else text
    return convert_bytes(WatsText(), data, arguments=arguments)


def converted(text: str | bytes, **arguments: Any) -> dict[str, Any]:
    (report,) = encoded(text, arguments)
    body: dict[str, Any] = json.loads(report.body)
    return body


def steps(*rows: str, **arguments: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = converted(unit(*rows), **arguments)["root"]["steps"]
    return found


def findings(text: str) -> list[Finding]:
    (report,) = encoded(text)
    return [f for f in report.findings if f.path not in ("location", "purpose", "machineName")]


def said(text: str) -> str:
    return "\n".join(f"{finding.path}: {finding.message}" for finding in findings(text))


def refusal(text: str | bytes, **arguments: Any) -> str:
    with pytest.raises(Reject) as caught:
        encoded(text, arguments)
    return caught.value.why


def sure(data: bytes) -> float:
    return WatsText().detect(Source.from_bytes(data))


# What is one


@pytest.mark.parametrize(
    ("data", "certainty"),
    [
        (unit().encode(), 0.98),
        (b"\xef\xbb\xbf" + unit().encode(), 0.98),
        (unit().encode("utf-16"), 0.98),
        (unit().replace("\n", "\r").encode(), 0.98),
        (b"\n \t\n-- header-start --\t\t", 0.98),
        (unit().encode()[:17], 0.98),
        (b"an advertisement\n" + unit().encode(), 0.6),
        (unit().encode()[20:], 0.6),
        (b"a --Header-Start-- within a line", 0.0),
        (b"SerialNumber\tS-1\n", 0.0),
        (b"", 0.0),
    ],
)
def test_a_unit_is_recognised_by_its_marks(data: bytes, certainty: float) -> None:
    assert sure(data) == certainty


def test_the_smallest_unit_has_no_steps() -> None:
    body = converted(unit())
    assert (body["sn"], body["pn"], body["processCode"], body["result"]) == ("S-1", "P-1", 20, "P")
    assert body["root"]["steps"] == []
    assert (body["root"]["id"], body["root"]["status"]) == (0, "P")
    assert not findings(unit())


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_they_like_and_blank_ones_mean_nothing(end: str) -> None:
    text = unit(numeric()).replace("\n", f"\n \t \n\t\n{end}").replace("\n", end)
    assert [step["name"] for step in converted(text)["root"]["steps"]] == ["V"]


@pytest.mark.parametrize(
    "mark", ["-- UUT-End--", "--UUT-End--\t\t", " --uut-end-- ", "-- UUT-End --"]
)
def test_a_mark_may_hold_blanks(mark: str) -> None:
    assert converted(unit().replace("--UUT-End--", mark))["sn"] == "S-1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("the file holds no unit", "--Header-Start-- is missing")),
        ("\thello \n" + unit(), ("line 1", '"hello" belongs to no unit', "to --UUT-End--")),
        (unit() + "\0\0\0", ("line 11", "belongs to no unit")),
        (unit().replace("--Step-Data-Start--\n", ""), ("line 8", "--Step-Data-Start--", "line 1")),
        (
            unit() + unit().replace("--Step-Data-End--\n", ""),
            ("line 19", "Step-Data-End", "line 11"),
        ),
        (
            unit().replace("--UUT-End--\n", "") + unit(),
            ("line 10", "--UUT-End--", "must come first"),
        ),
        (unit()[:-2], ("line 10: the row in this last line may be incomplete", "cut off")),
        (
            unit().replace("--UUT-End--\n", ""),
            ("line 9: --UUT-End-- of the unit that begins in line 1",),
        ),
    ],
)
def test_marks_that_are_not_where_they_must_be_are_named(text: str, words: tuple[str, ...]) -> None:
    why = refusal(text)
    assert all(word in why for word in words), why


def test_a_file_is_one_transaction() -> None:
    assert len(encoded(unit() + "\n" + unit(SerialNumber="S-2"))) == 2
    assert "line 12: no serial number" in refusal(unit() + unit(SerialNumber=""))


# Header and footer


def test_every_key_of_the_format_has_its_place() -> None:
    text = unit(
        Revision="B",
        OperationTypeName="Final",
        StationName="ST",
        OperatorName="op",
        ExecutionTime="6.50",
        BatchSerialNumber="LOT",
        TestSocketIndex="02",
        FixtureId="F-1",
        ErrorCode="-7",
        ErrorMessage="no\tpower",
        Comment="µ and Ω",
        SoftwareName="main.seq",
        SoftwareVersion="1.4",
        ConverterMode="Import",
    )
    body = converted(text)
    assert {*body} <= {*converted(unit()), "processName", "machineName"}
    assert not findings(text)
    assert (body["rev"], body["processName"], body["machineName"]) == ("B", "Final", "ST")
    assert body["uut"] == {
        "user": "op",
        "execTime": 6.5,
        "batchSN": "LOT",
        "testSocketIndex": 2,
        "fixtureId": "F-1",
        "errorCode": -7,
        "errorMessage": "no\tpower",
        "comment": "µ and Ω",
    }
    assert body["root"]["seqCall"] == {"path": "main.seq", "name": "main.seq", "version": "1.4"}
    assert body["miscInfos"] == []


def test_any_other_key_is_a_misc_info_and_sub_units_repeat() -> None:
    more = (
        "Firmware\t\t1.4.2\t\t",
        "Firmware\t1.4.3",
        "Nothing\t",
        "Subunit\tPCBA\tP-9\tS-9\tB",
        "Subunit\tCable\t\tS-8",
    )
    body = converted(unit(more=more))
    assert [(m["description"], m["text"]) for m in body["miscInfos"]] == [
        ("Firmware", "1.4.2"),
        ("Firmware", "1.4.3"),
    ]
    assert [tuple(u.values()) for u in body["subUnits"]] == [
        ("PCBA", "P-9", "S-9", "B"),
        ("Cable", "", "S-8", ""),
    ]
    assert 'miscInfos: "Nothing" has no value and is not sent (line 9)' in said(unit(more=more))


def test_the_footer_wins_where_it_says_something() -> None:
    body = converted(
        unit(
            ErrorMessage="early",
            ExecutionTime="1",
            footer=("UUTStatus\tFAILED", "ErrorCode\t5", "ErrorMessage\t", "Late\tnews"),
        )
    )
    assert (body["result"], body["root"]["status"]) == ("F", "F")
    assert body["uut"] == {"user": "", "execTime": 1, "errorCode": 5, "errorMessage": "early"}
    assert body["miscInfos"] == [{"description": "Late", "text": "news"}]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"SerialNumber": ""}, ("line 2: no serial number", "has no value")),
        ({"SerialNumber": None}, ("line 1: no serial number", "is missing")),
        ({"PartNumber": " "}, ("line 3: no part number",)),
        ({"SerialNumber": "A\tB"}, ("line 2: SerialNumber has more than one value",)),
        ({"serialnumber": "S-2"}, ("line 7", 'SerialNumber is "S-2"', "in line 2")),
        ({"footer": ("SerialNumber\tS-2",)}, ("line 10", "line 2")),
        ({"UUTStatus": "Maybe"}, ('line 5: UUTStatus "Maybe"', "Passed", "Error")),
        ({"UUTStatus": "Done"}, ('line 5: UUTStatus "Done"',)),
        ({"UUTStatus": ""}, ("line 1: no UUTStatus, and no steps",)),
        ({"OperationTypeCode": "ten"}, ("line 4", "a whole number is expected")),
        ({"OperationTypeCode": "1.5"}, ("line 4", "a whole number is expected")),
        ({"ErrorCode": "E5"}, ("line 7: ErrorCode", "a whole number")),
        ({"ExecutionTime": "1 s"}, ("line 7: ExecutionTime", "a number")),
        ({"ExecutionTime": "inf"}, ("line 7: ExecutionTime", "a number of seconds")),
        ({"StartDateTime": "02.03.2026"}, ("line 6: StartDateTime", "2026-03-02T08:30:00")),
        ({"StartDateTime": "2026-02-30T00:00:00"}, ("line 6: StartDateTime", "a date such as")),
        ({"more": ("ErrorCode\t5", "ErrorCode\t6")}, ("line 8", 'ErrorCode is "6"', "line 7")),
        ({"more": ("\tvalue",)}, ('line 7: "value" has no key',)),
        ({"more": ("Subunit\ta\tb\tc\td\te",)}, ("line 7", "Subunit has description")),
    ],
)
def test_a_wrong_header_is_refused_with_its_line(
    changes: dict[str, Any], words: tuple[str, ...]
) -> None:
    why = refusal(unit(**changes))
    assert all(word in why for word in words), why


@pytest.mark.parametrize(
    ("code", "taken"),
    [
        (PROCESS_CODES[0] - 1, False),
        (PROCESS_CODES[0], True),
        (PROCESS_CODES[-1], True),
        (PROCESS_CODES[-1] + 1, False),
    ],
)
def test_a_process_code_is_one_that_wats_has(code: int, taken: bool) -> None:
    text = unit(OperationTypeCode=str(code))
    if taken:
        assert converted(text)["processCode"] == code
    else:
        assert "the unit that begins in line 1" in refusal(text)


@pytest.mark.parametrize("code", [PROCESS_CODES[0], PROCESS_CODES[-1]])
def test_the_argument_takes_the_codes_that_wats_has(code: int) -> None:
    assert bind(WatsText.arguments, {"process_code": code})["process_code"] == code
    beyond = code + (1 if code > 0 else -1)
    assert set(mistakes(WatsText.arguments, {"process_code": beyond})) == {"process_code"}


def test_a_unit_without_a_process_code_gets_the_argument_or_visibly_ten() -> None:
    text = unit(OperationTypeCode=None, OperationTypeName="SW Debug")
    assert converted(text, process_code=30)["processCode"] == 30
    assert converted(text)["processCode"] == 10
    assert "processCode: OperationTypeCode is missing; 10 is sent" in said(text)
    assert converted(unit(), process_code=30)["processCode"] == 20


def test_a_unit_without_a_status_gets_that_of_its_steps() -> None:
    high = numeric("a", "3", HighLimit="2")
    assert converted(unit(numeric(), high, UUTStatus=None))["result"] == "F"
    assert converted(unit(numeric(), UUTStatus=""))["result"] == "P"


def test_an_unknown_mode_is_told_and_a_failed_step_of_a_passed_unit_too() -> None:
    assert 'ConverterMode: "Other" is not known' in said(unit(ConverterMode="Other"))
    assert "though the result is P" in said(unit(numeric("a", "3", HighLimit="2")))


# Time


@pytest.fixture
def oslo() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Oslo"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.usefixtures("oslo")
@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({}, "2026-03-02T08:30:00+01:00"),
        ({"StartDateTime": "2025-10-26T02:30:00"}, "2025-10-26T02:30:00+02:00"),
        ({"StartDateTime": "2025-03-30T02:30:00"}, "2025-03-30T02:30:00+01:00"),
        ({"StartDateTime": "2026-03-02T08:30:00,25"}, "2026-03-02T08:30:00.25+01:00"),
        ({"StartDateTime": "2026-03-02T08:30:00-05:00"}, "2026-03-02T08:30:00-05:00"),
        ({"UTCStartDateTime": "2026-03-02T13:30:00"}, "2026-03-02T08:30:00-05:00"),
        (
            {"StartDateTime": None, "UTCStartDateTime": "2026-03-02T13:30:00"},
            "2026-03-02T13:30:00Z",
        ),
        (
            {"StartDateTime": None, "UTCStartDateTime": "2026-03-02T13:30:00+02:00"},
            "2026-03-02T13:30:00+02:00",
        ),
        ({"StartDateTime": None}, "1970-01-01T00:00:00+00:00"),
    ],
)
def test_a_start_is_the_wall_clock_of_the_station_or_utc(
    changes: dict[str, Any], start: str
) -> None:
    assert converted(unit(**changes))["start"] == start


def test_the_time_of_the_file_is_told_as_such() -> None:
    assert "start: StartDateTime is missing; the time of the file is sent" in said(
        unit(StartDateTime=None)
    )


# Numbers


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("55859.380000", "55859.380000"),
        ("-4.5e1", "-4.5e1"),
        ("+.5", "0.5"),
        (" 7 ", "7"),
        ("1,234.5", "1234.5"),
        (" 1,234.5 ", "1234.5"),
        ("1,234,567", "1234567"),
        ("-1,234.5e3", "-1234.5e3"),
        ("9007199254740993", "9007199254740993"),
        ("inf", '"Infinity"'),
        ("-INF", '"-Infinity"'),
        ("nan", '"NaN"'),
        ("", '"NaN"'),
    ],
)
def test_a_value_keeps_its_digits(cell: str, value: str) -> None:
    (report,) = encoded(unit(numeric("V", cell, StepStatus="Passed")))
    assert f'"value":{value}' in report.body.decode()


@pytest.mark.parametrize("cell", ["12,75", "1,234", "1.234,5", "12,34,567.0", "1e999", "5 V", "٣"])
def test_what_may_be_a_comma_or_is_no_number_is_refused(cell: str) -> None:
    why = refusal(unit(numeric("V", cell)))
    assert why.startswith(f'line {FIRST_ROW}: Value "{cell}"')
    assert "decimal point" in why


@pytest.mark.parametrize(("cell", "value"), [("12,75", 12.75), ("1.234,5", 1234.5), ("7", 7)])
def test_the_decimal_mark_can_be_set(cell: str, value: float) -> None:
    (step,) = steps(numeric("V", cell), decimal=",")
    assert step["numericMeas"][0]["value"] == value


def test_with_a_decimal_comma_a_point_is_refused() -> None:
    assert "decimal comma is expected" in refusal(unit(numeric("V", "6.5")), decimal=",")


# Numeric tests


@pytest.mark.parametrize(
    ("cells", "status", "sent"),
    [
        (("5", "", "", ""), "P", ("LOG", None, None)),
        (("5", "5", "6", ""), "P", ("GELE", 5, 6)),
        (("4", "5", "6", ""), "F", ("GELE", 5, 6)),
        (("5", "5", "", ""), "P", ("GE", 5, None)),
        (("6", "", "5", ""), "F", ("LE", 5, None)),
        (("5.5", "5", "", "LE"), "F", ("LE", 5, None)),
        (("5", "", "5", "le"), "P", ("LE", 5, None)),
        (("5", "5", "9", "EQ"), "P", ("EQ", 5, None)),
        (("5", "5", "", "NE"), "F", ("NE", 5, None)),
        (("5", "5", "6", "GTLT"), "F", ("GTLT", 5, 6)),
        (("7", "5", "6", "LTGT"), "P", ("LTGT", 5, 6)),
        (("7", "", "6", "GELE"), "F", ("LE", 6, None)),
        (("4", "5", "nan", "GELE"), "F", ("GE", 5, None)),
        (("4", "-inf", "5", "GELE"), "P", ("LE", 5, None)),
        (("4", "inf", "", "GT"), "F", ("LOG", None, None)),
        (("", "1", "2", "GELE"), "F", ("GELE", 1, 2)),
    ],
)
def test_a_number_without_a_status_is_judged(
    cells: tuple[str, ...], status: str, sent: tuple[Any, ...]
) -> None:
    value, low, high, operator = cells
    (step,) = steps(numeric("V", value, LowLimit=low, HighLimit=high, CompOperator=operator))
    (measured,) = step["numericMeas"]
    assert (step["stepType"], step["status"], measured["status"]) == ("ET_NLT", status, status)
    found = tuple(measured.get(key) for key in ("compOp", "lowLimit", "highLimit"))
    assert found == sent


def test_a_status_of_the_file_stands() -> None:
    (step,) = steps(numeric("V", "9", LowLimit="1", HighLimit="2", StepStatus="passed"))
    assert (step["status"], step["numericMeas"][0]["status"]) == ("P", "P")


@pytest.mark.parametrize(
    ("word", "letter"),
    [
        ("Passed", "P"),
        ("FAILED", "F"),
        ("done", "D"),
        ("Skipped", "S"),
        ("Error", "E"),
        ("Terminated", "T"),
        ("Aborted", "T"),
    ],
)
def test_a_status_is_a_word_in_any_case(word: str, letter: str) -> None:
    (step,) = steps(numeric(StepStatus=word))
    assert step["status"] == letter


def test_what_cannot_be_judged_is_refused_and_with_a_status_sent_as_log() -> None:
    why = refusal(unit(numeric(CompOperator="GE")))
    assert why == f"line {FIRST_ROW}: GE needs a limit where there is no StepStatus"
    text = unit(numeric(CompOperator="GE", StepStatus="Passed"))
    assert converted(text)["root"]["steps"][0]["numericMeas"][0]["compOp"] == "LOG"
    assert "NumericLimitTest.CompOperator: GE without a limit is sent as LOG" in said(text)


def test_limits_that_are_not_sent_are_told() -> None:
    assert "LowLimit: limits of LOG compare nothing" in said(
        unit(numeric(CompOperator="LOG", LowLimit="1", HighLimit="2"))
    )
    assert "HighLimit: a limit that is not finite" in said(unit(numeric(HighLimit="inf")))
    assert not findings(unit(numeric(LowLimit="0", HighLimit="2"), numeric("W")))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"StepStatus": "OK?"}, ('StepStatus "OK?"', "Passed")),
        ({"CompOperator": "><"}, ('CompOperator "><" is none of', "GELE")),
        ({"LowLimit": "low"}, ('LowLimit "low"', "a number")),
        ({"StepExecutionTime": "fast"}, ('StepExecutionTime "fast"', "a number")),
        ({"StepErrorCode": "0x5"}, ('StepErrorCode "0x5"', "a whole number")),
        ({"CausedSequenceFailure": "yes"}, ('CausedSequenceFailure "yes"', "TRUE or FALSE")),
        ({"StepName": ""}, ("NumericLimitTest without a StepName",)),
        ({"StepName": " ", "Value": "1"}, ("NumericLimitTest without a StepName",)),
        ({"StepType": "NumericLimitsTest"}, ("unknown step type", "did you mean NumericLimitTest")),
        ({"StepType": "Zzz"}, ("unknown step type", "known are SequenceCall")),
    ],
)
def test_a_wrong_row_is_refused_with_its_line(
    columns: dict[str, str], words: tuple[str, ...]
) -> None:
    why = refusal(unit(numeric(), row("NumericLimitTest", "W", **columns)))
    assert why.startswith(f"line {FIRST_ROW + 1}: ")
    assert all(word in why for word in words), why


def test_what_any_step_may_say_is_kept() -> None:
    (step,) = steps(
        numeric(
            Unit="V",
            StepExecutionTime="0.50",
            StepReportText="noisy",
            StepErrorCode="12",
            StepErrorMessage="drift",
            CausedSequenceFailure="True",
        )
    )
    assert step["numericMeas"][0]["unit"] == "V"
    del step["numericMeas"]
    assert step == {
        "id": 1,
        "group": "M",
        "stepType": "ET_NLT",
        "name": "V",
        "status": "P",
        "totTime": 0.5,
        "reportText": "noisy",
        "errorCode": 12,
        "errorMessage": "drift",
        "causedSeqFailure": True,
    }


def test_blanks_around_words_and_numbers_mean_nothing() -> None:
    header: dict[str, Any] = {
        " ErrorCode ": " 7 ",
        "UUTStatus": " Passed ",
        "StartDateTime": " 2026-03-02T08:30:00 ",
    }
    text = unit(
        row(" NumericLimitTest ", "V", Value=" 1 ", CompOperator=" LE ", LowLimit=" 2 ")
        + "\t V \t Passed \t 1 \t\t 5 \t\t TRUE ",
        row("PassFailTest", "W", Value=" TRUE "),
        row("StringValueTest", "X", Value="a", LowLimit="A", CompOperator=" ignorecase "),
        **header,
    )
    body = converted(text)
    assert (body["uut"]["errorCode"], body["result"]) == (7, "P")
    first, second, third = body["root"]["steps"]
    assert (first["totTime"], first["errorCode"], first["causedSeqFailure"]) == (1, 5, True)
    assert first["numericMeas"][0]["unit"] == "V"
    assert (second["status"], third["status"]) == ("P", "P")


# Other tests


@pytest.mark.parametrize(
    ("value", "status", "letter"),
    [
        ("TRUE", "", "P"),
        ("1", "", "P"),
        ("false", "", "F"),
        ("0", "", "F"),
        ("", "", "P"),
        ("TRUE", "Failed", "F"),
        ("FALSE", "Passed", "P"),
        ("", "Skipped", "S"),
    ],
)
def test_a_verdict_is_its_status_or_its_value(value: str, status: str, letter: str) -> None:
    (step,) = steps(row("PassFailTest", "LED", Value=value, StepStatus=status))
    assert (step["stepType"], step["status"]) == ("ET_PFT", letter)
    assert step["booleanMeas"] == [{"status": letter}]


def test_a_verdict_that_is_odd_is_told() -> None:
    both = unit(row("PassFailTest", "LED", Value="FALSE", StepStatus="Passed"))
    assert "PassFailTest.Value: FALSE, though StepStatus is Passed" in said(both)
    assert "neither Value nor StepStatus" in said(unit(row("PassFailTest", "LED")))
    assert not findings(unit(row("PassFailTest", "LED", StepStatus="Passed")))
    assert 'Value "YES": TRUE or FALSE is expected' in refusal(
        unit(row("PassFailTest", "LED", Value="YES"))
    )


@pytest.mark.parametrize(
    ("value", "limit", "operator", "status", "sent"),
    [
        ("a", "", "", "P", "LOG"),
        ("a", "a", "", "P", "EQ"),
        ("a", "A", "", "F", "EQ"),
        ("a", "A", "IgnoreCase", "P", "IGNORECASE"),
        ("a", "A", "CASESENSIT", "F", "CASESENSIT"),
        ("a", "A", "NE", "P", "NE"),
        ("a", "", "EQ", "F", "EQ"),
        ("", "", "EQ", "P", "EQ"),
    ],
)
def test_a_text_is_compared_with_the_low_limit(
    value: str, limit: str, operator: str, status: str, sent: str
) -> None:
    (step,) = steps(row("StringValueTest", "T", Value=value, LowLimit=limit, CompOperator=operator))
    (measured,) = step["stringMeas"]
    assert (step["stepType"], step["status"]) == ("ET_SVT", status)
    assert (measured["value"], measured["compOp"]) == (value, sent)
    assert measured.get("limit") == (None if sent == "LOG" else limit)


def test_texts_may_be_several_in_a_step() -> None:
    (step,) = steps(
        row("StringValueTest", "T", "one", "a", "b"), row("StringValueTest", "", "two", "c")
    )
    assert (step["stepType"], step["status"]) == ("ET_MSVT", "F")
    assert [m["name"] for m in step["stringMeas"]] == ["one", "two"]


def test_an_operator_of_numbers_is_none_for_texts() -> None:
    assert 'CompOperator "GELE" is none of' in refusal(
        unit(row("StringValueTest", "T", Value="a", CompOperator="GELE"))
    )


def test_an_action_is_done_unless_it_says_otherwise() -> None:
    done, failed = steps(row("ActionStep", "a"), row("ACTIONSTEP", "b", StepStatus="Failed"))
    assert (done["stepType"], done["status"], failed["status"]) == ("ET_A", "D", "F")


def test_cells_without_a_place_are_told_once_for_each_column() -> None:
    text = unit(
        row("ActionStep", "a", Value="1", Unit="V"),
        row("ActionStep", "b", Value="1"),
        row("PassFailTest", "c", Value="TRUE", LowLimit="1"),
        row("StringValueTest", "d", Value="x", HighLimit="y"),
        row("SequenceCall", "e", MeasureName="m", StepStatus="Passed"),
        row("EndSequenceCall", Unit="V", StepStatus="Passed"),
        row("MultiplePassFailTest", "f", Value="1"),
        row("PassFailTest", "", "m", "TRUE"),
        row("EndMultiplePassFailTest", Value="1"),
    )
    line = FIRST_ROW
    expected = (
        f"ActionStep.Value: has no place in WSJF and is not sent (line {line} and 1 more)",
        f"ActionStep.Unit: has no place in WSJF and is not sent (line {line})",
        f"PassFailTest.LowLimit: has no place in WSJF and is not sent (line {line + 2})",
        f"StringValueTest.HighLimit: has no place in WSJF and is not sent (line {line + 3})",
        f"SequenceCall.MeasureName: has no place in WSJF and is not sent (line {line + 4})",
    )
    found = said(text)
    assert all(words in found for words in expected), found
    for kind in ("EndSequenceCall.Unit", "MultiplePassFailTest.Value"):
        assert f"\n{kind}: has no place" in found
    assert "EndMultiplePassFailTest.Value: has no place" in found
    assert "StepStatus" not in found


# Steps of several measurements


def named(name: str, measure: str, **columns: str) -> str:
    return numeric(name, **{"MeasureName": measure, **columns})


def shape(found: list[dict[str, Any]]) -> list[tuple[str, str, list[str | None]]]:
    return [
        (step["name"], step["stepType"], [m.get("name") for m in step.get("numericMeas", ())])
        for step in found
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((named("A", "m"),), [("A", "ET_MNLT", ["m"])]),
        ((named("A", "m"), named("", "n"), named("A", "o")), [("A", "ET_MNLT", ["m", "n", "o"])]),
        ((named("A", "m"), named("B", "n")), [("A", "ET_MNLT", ["m"]), ("B", "ET_MNLT", ["n"])]),
        ((numeric("A"), named("A", "n")), [("A", "ET_NLT", [None]), ("A", "ET_MNLT", ["n"])]),
        ((named("A", "m"), numeric("A")), [("A", "ET_MNLT", ["m"]), ("A", "ET_NLT", [None])]),
        (
            (named("A", "m"), row("ActionStep", "x"), named("A", "n")),
            [("A", "ET_MNLT", ["m"]), ("x", "ET_A", []), ("A", "ET_MNLT", ["n"])],
        ),
        (
            (named("A", "m"), row("Chart", "Line"), named("", "n")),
            [("A", "ET_MNLT", ["m", "n"])],
        ),
        (
            (
                row("MultipleNumericLimitTest", "A"),
                named("", "m"),
                row("EndMultipleNumericLimitTest"),
            ),
            [("A", "ET_MNLT", ["m"])],
        ),
        (
            (
                row("MultipleNumericLimitTest", "A"),
                named("", "m"),
                row("EndMultipleNumericLimitTest"),
                named("A", "n"),
            ),
            [("A", "ET_MNLT", ["m"]), ("A", "ET_MNLT", ["n"])],
        ),
    ],
)
def test_a_named_measurement_goes_on_with_the_step_before(
    rows: tuple[str, ...], expected: list[Any]
) -> None:
    assert shape(steps(*rows)) == expected


def test_measurements_of_another_kind_begin_a_step_of_their_own() -> None:
    first, second = steps(
        named("A", "m"), row("PassFailTest", "A", MeasureName="n", Value="TRUE", StepStatus="")
    )
    assert (first["stepType"], second["stepType"]) == ("ET_MNLT", "ET_MPFT")
    assert second["booleanMeas"] == [{"name": "n", "status": "P"}]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((named("", "m"),), ("without a StepName",)),
        ((numeric("A"), named("", "m")), ("without a StepName",)),
        ((named("A", "m"), numeric("")), ("without a StepName",)),
        ((row("EndMultipleNumericLimitTest"),), ("no such step is open",)),
        ((named("A", "m"), row("EndMultiplePassFailTest")), ("no such step is open",)),
        (
            (row("MultipleStringValueTest", "A"), row("EndMultipleStringValueTest")),
            ("has no measurements",),
        ),
        ((row("MultipleStringValueTest", "A"), numeric()), ("line 9", "has no measurements")),
        ((row("MultiplePassFailTest", "A", StepStatus="Passed"),), ("line 9", "no measurements")),
        (
            (row("SequenceCall", "S"), row("MultiplePassFailTest", "A"), row("EndSequenceCall")),
            ("line 10", "no measurements"),
        ),
    ],
)
def test_a_measurement_without_a_step_and_the_reverse_are_refused(
    rows: tuple[str, ...], words: tuple[str, ...]
) -> None:
    why = refusal(unit(*rows))
    assert all(word in why for word in words), why


@pytest.mark.parametrize(
    ("statuses", "together"),
    [
        (("Passed", "Passed"), "P"),
        (("Passed", "Failed"), "F"),
        (("Skipped", "Skipped"), "S"),
        (("Passed", "Skipped"), "P"),
        (("Failed", "Error"), "E"),
        (("Terminated", "Error"), "T"),
    ],
)
def test_a_step_is_what_its_measurements_are(statuses: tuple[str, ...], together: str) -> None:
    (step,) = steps(*(named("A", f"m{n}", StepStatus=s) for n, s in enumerate(statuses)))
    assert step["status"] == together


def test_a_heading_may_say_what_the_step_is() -> None:
    (step,) = steps(
        row("MultiplePassFailTest", "A", StepStatus="Passed", StepExecutionTime="1"),
        row("PassFailTest", "", "m", "FALSE"),
        row("EndMultiplePassFailTest", StepExecutionTime="2", StepReportText="late"),
    )
    assert (step["status"], step["totTime"], step["reportText"]) == ("P", 2, "late")


def test_what_further_measurements_say_of_their_step_is_added() -> None:
    rows = (
        named("A", "m", StepExecutionTime="0.1", StepReportText="one", StepErrorCode="0"),
        named("", "n", StepExecutionTime="0.2", StepReportText="two", StepErrorCode="5"),
        named("", "o", StepErrorCode="6", CausedSequenceFailure="TRUE", StepReportText="two"),
    )
    (report,) = encoded(unit(*rows))
    assert '"totTime":0.3' in report.body.decode()
    (step,) = steps(*rows)
    assert (step["reportText"], step["errorCode"]) == ("one\ntwo\ntwo", 5)
    assert step["causedSeqFailure"] is True
    assert "a step has one error code, the first" in said(unit(*rows))
    again = [named("A", f"m{n}", StepErrorCode=code) for n, code in enumerate("550")]
    again += [named("", f"n{n}", CausedSequenceFailure="TRUE") for n in range(2)]
    assert not findings(unit(*again))


# Sequences


def test_a_sequence_fails_with_what_it_holds_unless_it_says_itself() -> None:
    bad = numeric("bad", "9", HighLimit="1")
    outer, passed = steps(
        row("SequenceCall", "outer"),
        row("SequenceCall", "inner"),
        bad,
        row("EndSequenceCall"),
        row("EndSequenceCall", "outer", StepExecutionTime="3"),
        row("SequenceCall", "passed", StepStatus="Failed", StepExecutionTime="1"),
        bad,
        row("EndSequenceCall", StepStatus="Passed"),
    )
    assert (outer["status"], outer["steps"][0]["status"], outer["totTime"]) == ("F", "F", 3)
    assert (passed["status"], passed["totTime"], passed["stepType"]) == ("P", 1, "SequenceCall")
    assert outer["seqCall"] == {"path": "", "name": "outer", "version": ""}
    ids = [outer["id"], outer["steps"][0]["id"], outer["steps"][0]["steps"][0]["id"], passed["id"]]
    assert ids == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            (row("SequenceCall", "a"), numeric()),
            (f"line {FIRST_ROW}", '"a" has no EndSequenceCall'),
        ),
        ((row("EndSequenceCall"),), (f"line {FIRST_ROW}", "no sequence is open")),
        (
            (row("SequenceCall", "a"), row("EndSequenceCall", "b")),
            (f"line {FIRST_ROW + 1}", 'of "b", but "a" is open', f"line {FIRST_ROW}"),
        ),
        ((row("SequenceCall"),), ("SequenceCall without a StepName",)),
    ],
)
def test_sequences_open_and_close(rows: tuple[str, ...], words: tuple[str, ...]) -> None:
    why = refusal(unit(*rows))
    assert all(word in why for word in words), why


@pytest.mark.parametrize("more", [0, 1])
def test_sequences_are_nested_as_deep_as_a_report_can_be(more: int) -> None:
    depth = MAX_NESTED_STEPS + more
    text = unit(*[row("SequenceCall", "s")] * depth, *[row("EndSequenceCall")] * depth)
    if more:
        line = FIRST_ROW + MAX_NESTED_STEPS
        assert refusal(text) == f"line {line}: steps nested deeper than {MAX_NESTED_STEPS} levels"
    else:
        assert converted(text)["sn"] == "S-1"


# The table itself


def test_the_row_of_names_may_be_short_or_missing_but_not_another() -> None:
    table = "\t".join(COLUMNS)
    text = unit(numeric())
    for names in ("\t".join(COLUMNS[:4]), "steptype \tSTEPNAME", ""):
        assert len(converted(text.replace(table, names))["root"]["steps"]) == 1
    swapped = table.replace("LowLimit\tHighLimit", "HighLimit\tLowLimit")
    why = refusal(text.replace(table, swapped))
    assert f'line {FIRST_ROW - 1}: column 5 is "HighLimit", expected is LowLimit' in why
    assert 'column 15 is "More", expected is none' in refusal(text.replace(table, f"{table}\tMore"))


def test_a_row_has_at_most_the_cells_of_the_table() -> None:
    full = row("ActionStep", "a", CausedSequenceFailure="FALSE")
    assert len(steps(full, f"{full}\t\t ")) == 2
    why = refusal(unit(f"{full}\tx"))
    assert f"line {FIRST_ROW}: 15 cells, ActionStep has at most 14" in why


# Charts


CHART = "Chart\tLine\tResponse\tFrequency\tHz\tLevel\tdB"


def chart(*rows: str) -> dict[str, Any]:
    (step,) = steps(numeric(), *rows)
    found: dict[str, Any] = step["chart"]
    return found


def test_a_chart_hangs_on_the_step_before_it() -> None:
    assert chart(
        CHART, "Series\tleft\tXYG\t80.50;81,25;79;\t100;1000;10000", "Series\tr\txyg\t1"
    ) == {
        "chartType": "Line",
        "label": "Response",
        "xLabel": "Frequency",
        "xUnit": "Hz",
        "yLabel": "Level",
        "yUnit": "dB",
        "series": [
            {
                "dataType": "XYG",
                "name": "left",
                "xdata": "100;1000;10000",
                "ydata": "80.50;81.25;79",
            },
            {"dataType": "XYG", "name": "r", "ydata": "1"},
        ],
    }
    found = chart("Chart\t linelogxy ", "Series\ts\t XYG \t 1; 2 ;\t 3 ;4 ")
    assert found["chartType"] == "LineLogXY"
    assert (found["series"][0]["xdata"], found["series"][0]["ydata"]) == ("3;4", "1;2")


def test_a_chart_after_a_sequence_is_that_of_the_sequence() -> None:
    (step,) = steps(row("SequenceCall", "a"), numeric(), row("EndSequenceCall"), CHART)
    assert step["chart"]["label"] == "Response"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((CHART,), ("Chart before the first step",)),
        ((numeric(), CHART, CHART), ('"V" has a chart already',)),
        ((numeric(), "Chart\tPie"), ('chart type "Pie" is none of Line',)),
        ((numeric(), "Series\ta\tXYG\t1"), ("Series without a Chart",)),
        ((numeric(), CHART, numeric("W"), "Series\ta\tXYG\t1"), ("Series without a Chart",)),
        ((numeric(), CHART, "Series\ta\tXY\t1"), ('the kind "XY"; only XYG is known',)),
        ((numeric(), CHART, "Series\ta\tXYG"), ("Series without y values",)),
        ((numeric(), CHART, "Series\ta\tXYG\t1;2\t1"), ("1 x values, but 2 y values",)),
        ((numeric(), CHART, "Series\ta\tXYG\t1;;2"), ('y value ""', "a number")),
        ((numeric(), CHART, "Series\ta\tXYG\t1\tx"), ('x value "x"', "a number")),
        ((numeric(), CHART + "\tmore"), ("8 cells, Chart has at most 7",)),
        ((numeric(), CHART, "Series\ta\tXYG\t1\t1\t1"), ("6 cells, Series has at most 5",)),
    ],
)
def test_a_chart_that_is_none_is_refused(rows: tuple[str, ...], words: tuple[str, ...]) -> None:
    why = refusal(unit(*rows))
    assert all(word in why for word in words), why


@pytest.mark.parametrize("more", [0, 1])
def test_more_points_or_series_than_wats_has_room_for_are_told(more: int) -> None:
    points = ";".join(["1"] * (MAX_POINTS + more))
    many = unit(numeric(), CHART, f"Series\ta\tXYG\t{points}")
    assert (f"Series: more than {MAX_POINTS} points" in said(many)) is bool(more)
    curves = unit(numeric(), CHART, *["Series\ta\tXYG\t1"] * (MAX_SERIES + more))
    assert (f"Chart: more than {MAX_SERIES} series" in said(curves)) is bool(more)


# Text


@pytest.mark.parametrize("odd", ["\x0b", "\x0c", "\x1c", "\x1e", "\x01", "\0", "\uffff"])
def test_control_characters_part_no_lines_and_are_replaced(odd: str) -> None:
    text = unit(numeric(f"a{odd}b"), numeric(f"{odd}"), Comment=f"c{odd}")
    body = converted(text)
    assert [step["name"] for step in body["root"]["steps"]] == ["a\ufffdb", "\ufffd"]
    assert body["uut"]["comment"] == "c\ufffd"
    assert (
        ": control characters, which WATS cannot keep, are sent as U+FFFD (line 7 and 2 more)"
        in said(text)
    )


def test_a_name_keeps_what_other_programs_take_for_the_end_of_a_line() -> None:
    (step,) = steps(numeric("a\x85b\u2028c"))
    assert step["name"] == "a\x85b\u2028c"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_no_letter_is_lost_whatever_the_encoding(encoding: str) -> None:
    body = converted(unit(numeric("Prüfspannung")).encode(encoding))
    assert body["root"]["steps"][0]["name"] == "Prüfspannung"


def test_the_encoding_of_what_is_not_utf8_can_be_named() -> None:
    data = unit(numeric("Prüf")).encode("cp850")
    assert converted(data, encoding="cp850")["root"]["steps"][0]["name"] == "Prüf"
    assert "0x81" in refusal(data, encoding="cp1252")
    assert "the argument encoding is 'no-such'" in refusal(data, encoding="no-such")
    assert "the argument encoding is 'hex'" in refusal(data, encoding="hex")


# Whatever comes


TOKENS = st.sampled_from(
    [
        *("--Header-Start--", "--Step-Data-Start--", "--Step-Data-End--", "--UUT-End--"),
        *("SerialNumber", "PartNumber", "UUTStatus", "StartDateTime", "Subunit", "Passed"),
        *("SequenceCall", "EndSequenceCall", "NumericLimitTest", "PassFailTest", "Chart"),
        *("MultipleNumericLimitTest", "EndMultipleNumericLimitTest", "StringValueTest"),
        *("Series", "ActionStep", "Line", "XYG", "1", "-1,5", "1;2", "GELE", "LOG", "TRUE"),
        *("\t", "\t", "\t", "\n", "\n", "\r\n", "\0", "a", "inf", "nan"),
    ]
)


@given(st.lists(TOKENS | st.text(max_size=3), max_size=60).map("".join))
def test_any_text_is_converted_or_rejected(text: str) -> None:
    data = text.encode("utf-8", "replace")
    assert 0.0 <= sure(data) <= 1.0
    with suppress(Reject):
        convert_bytes(WatsText(), data)


@given(st.lists(TOKENS | st.text(max_size=3), max_size=30).map("".join))
def test_any_rows_are_converted_or_rejected(rows: str) -> None:
    with suppress(Reject):
        convert_bytes(WatsText(), unit(rows).encode("utf-8", "replace"))


@given(st.binary(max_size=60))
def test_any_bytes_are_converted_or_rejected(data: bytes) -> None:
    assert 0.0 <= sure(data) <= 1.0
    with suppress(Reject):
        convert_bytes(WatsText(), data)


SMALL = [sample.path.read_bytes() for sample in SAMPLES if sample.path.stat().st_size < 10_000]


@given(st.data())
def test_a_damaged_sample_is_converted_or_rejected(data: st.DataObject) -> None:
    original = data.draw(st.sampled_from(SMALL))
    at = data.draw(st.integers(0, len(original)))
    length = data.draw(st.integers(0, 40))
    inserted = data.draw(st.binary(max_size=10) | TOKENS.map(str.encode))
    with suppress(Reject):
        convert_bytes(WatsText(), original[:at] + inserted + original[at + length :])


def test_a_sample_that_is_cut_anywhere_before_its_end_is_refused() -> None:
    text = unit(numeric(), footer=("UUTStatus\tFailed",))
    end = text.rindex("--UUT-End--") + len("--UUT-End--")
    for length in range(end):
        refusal(text[:length])
    assert converted(text[:end])["result"] == "F"


SEPARATOR = "-"
"""The step that `rendered` puts before each test: two of one name would become one."""
NAMES = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), min_size=1
).filter(lambda name: name.strip(" ") and name == name.rstrip(" ") and name != SEPARATOR)
STATUSES = st.sampled_from(["Passed", "Failed", "Done", "Skipped", "Error", "Terminated"])
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def trees(draw: st.DrawFn, depth: int = 0) -> list[dict[str, Any]]:
    """Steps as WSJF has them, of all kinds."""
    return [draw(_steps(depth)) for _ in range(draw(st.integers(0, 3)))]


@st.composite
def _steps(draw: st.DrawFn, depth: int) -> dict[str, Any]:
    kinds = ["ET_A", "ET_NLT", "ET_MNLT", "ET_PFT", "ET_SVT"] + ["SequenceCall"] * (depth < 3)
    kind = draw(st.sampled_from(kinds))
    step: dict[str, Any] = {"name": draw(NAMES), "stepType": kind, "status": draw(STATUSES)}
    if kind == "SequenceCall":
        step["steps"] = draw(trees(depth + 1))
    if kind == "ET_SVT":
        step["value"] = draw(NAMES)
    if kind in ("ET_NLT", "ET_MNLT"):
        step["values"] = draw(st.lists(FINITE, min_size=1, max_size=3 if kind == "ET_MNLT" else 1))
    return step


def rendered(tree: list[dict[str, Any]]) -> Iterator[str]:
    types = {"ET_A": "ActionStep", "ET_PFT": "PassFailTest", "ET_SVT": "StringValueTest"}
    for step in tree:
        name, status, kind = step["name"], step["status"], step["stepType"]
        if kind == "SequenceCall":
            yield row("SequenceCall", name, StepStatus=status)
            yield from rendered(step["steps"])
            yield row("EndSequenceCall")
        elif kind in types:
            yield row(types[kind], name, Value=step.get("value", ""), StepStatus=status)
        else:
            yield row("ActionStep", SEPARATOR)
            for number, value in enumerate(step["values"]):
                measure = f"m{number}" if kind == "ET_MNLT" else ""
                yield numeric(name, repr(value), MeasureName=measure, StepStatus=status)


def parsed(tree: list[dict[str, Any]]) -> list[dict[str, Any]]:
    words = {w[0]: w for w in ("Passed", "Failed", "Done", "Skipped", "Error", "Terminated")}
    found = []
    for step in tree:
        if step["name"] == SEPARATOR:
            continue
        back = {"name": step["name"], "stepType": step["stepType"], "status": words[step["status"]]}
        if step["stepType"] == "SequenceCall":
            back["steps"] = parsed(step["steps"])
        if "numericMeas" in step:
            back["values"] = [m["value"] for m in step["numericMeas"]]
        if "stringMeas" in step:
            back["value"] = step["stringMeas"][0]["value"]
        found.append(back)
    return found


@given(trees(), NAMES, NAMES)
def test_what_is_written_as_text_comes_back(
    tree: list[dict[str, Any]], serial: str, misc: str
) -> None:
    text = unit(*rendered(tree), more=(f"Note\t{misc}",), SerialNumber=serial)
    body = converted(text)
    assert body["sn"] == serial.strip(" ")
    assert body["miscInfos"] == [{"description": "Note", "text": misc.strip(" ")}]
    assert parsed(body["root"]["steps"]) == tree
