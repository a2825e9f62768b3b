"""Tables with one row a measurement: every rule of docs/reference/csv.md."""

from __future__ import annotations

import csv
import io
import json
import logging
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.config.options import WorkerOptions
from pywats_trio.convert import trial
from pywats_trio.converters.api import Context, Reject, Source, Station
from pywats_trio.converters.arguments import mistakes
from pywats_trio.converters.standard.csv.converter import Csv
from pywats_trio.converters.standard.csv.rows import MAX_ROW
from pywats_trio.model import content
from pywats_trio.reports.limits import MAX_NESTED_STEPS
from tests import samples
from tests.samples import convert_bytes, disagreements

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pywats_trio.reports.model import Encoded

SAMPLES = list(samples.samples("csv"))
START = "2026-03-02T10:00:00+01:00"
UNIT = {"serial": "S-1", "part_number": "P-1", "process_code": "10", "start": START}


def table(*rows: dict[str, str], delimiter: str = ",", names: Iterable[str] = ()) -> bytes:
    """Rows as a file; the first one is of the unit `UNIT` where it says nothing else."""
    filled = [{**UNIT, "step": "A", **row} if not i else row for i, row in enumerate(rows)]
    columns = list(names) or list(dict.fromkeys(name for row in filled for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(filled)
    return text.getvalue().encode()


def reports(data: bytes, **arguments: Any) -> list[dict[str, Any]]:
    return [json.loads(encoded.body) for encoded in encoded_of(data, **arguments)]


def encoded_of(data: bytes, **arguments: Any) -> list[Encoded]:
    assert mistakes(Csv.arguments, arguments) == {}
    return convert_bytes(Csv(), data, "t.csv", arguments, Station("ST", "L", "T"))


def steps(*rows: dict[str, str], **arguments: Any) -> list[dict[str, Any]]:
    [report] = reports(table(*rows), **arguments)
    found: list[dict[str, Any]] = report["root"]["steps"]
    return found


def only(row: dict[str, str], **arguments: Any) -> dict[str, Any]:
    [step] = steps(row, **arguments)
    return step


def refusal(data: bytes, **arguments: Any) -> Reject:
    with pytest.raises(Reject) as caught:
        reports(data, **arguments)
    return caught.value


def why(*rows: dict[str, str], **arguments: Any) -> str:
    return refusal(table(*rows), **arguments).why


# Samples


def test_every_sample_is_claimed_however_damaged() -> None:
    sure = {s.name: Csv().detect(Source.from_bytes(s.path.read_bytes())) for s in SAMPLES}
    assert {name for name, certainty in sure.items() if certainty < 0.5} == set()
    assert len(sure) == 14


HOSTILE = [path for path in (samples.OURS / "hostile").iterdir() if path.suffix != ".csv"]


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: path.name)
def test_a_hostile_file_of_another_format_is_neither_claimed_nor_a_surprise(path: Path) -> None:
    data = path.read_bytes()
    assert Csv().detect(Source.from_bytes(data)) == 0.0
    assert either(data) == []


@pytest.mark.skipif(not samples.REAL, reason=samples.REAL_MISSING)
def test_no_sample_of_another_format_is_claimed() -> None:
    folder = Path(samples.REAL)
    which = json.loads((folder / "auto" / "which.json").read_text())
    for name, winner in which.items():
        sure = Csv().detect(Source.from_bytes((folder / name).read_bytes(), path=name))
        assert (sure >= 0.5) is (winner == "csv"), (name, sure)


@pytest.mark.parametrize(
    ("head", "certainty"),
    [
        ("serial,part_number,process_code,step", 0.9),
        ("# a comment\n\nStep;Serial;Part Number\n", 0.9),
        ("SN\tStepName\tLowLimit\tHighLimit", 0.6),
        ("name,value,low,high", 0.0),
        ("serial,step", 0.0),
        ('serial,part_number,"step', 0.0),
        ("FORMAT;mmdd\nserial;part_number;step", 0.0),
        ("", 0.0),
    ],
)
def test_the_words_of_the_header_decide(head: str, certainty: float) -> None:
    assert Csv().detect(Source.from_bytes(head.encode())) == certainty


async def test_in_a_worker_every_sample_ends_as_expected() -> None:
    async def all_of_them(bench: trial.Bench) -> None:
        for sample in SAMPLES:
            attempt = trial.Attempt(sample.path, "csv", arguments=sample.arguments)
            if sample.refused:
                with pytest.raises(trial.Refused) as refused:
                    await bench.convert(attempt)
                here = refusal(sample.path.read_bytes(), **sample.arguments)
                assert (refused.value.why, refused.value.hint) == (here.why, here.hint)
            else:
                made = await bench.convert(attempt)
                got = [json.loads(content(report.body)) for report in made.reports]
                assert disagreements(got, sample.expected) == []

    await trial.at_bench(WorkerOptions(timeout_seconds=30.0), all_of_them)


# The file


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_any_way_and_a_quoted_one_keeps_its_break(end: str) -> None:
    lines = ["serial,part_number,process_code,step,value", 'S,P,10,"a ""b"", c","1', '2"']
    [report] = reports(end.join(lines).encode())
    [step] = report["root"]["steps"]
    assert step["name"] == 'a "b", c'
    assert step["stringMeas"][0]["value"] == f"1{end}2"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('S,P,10,A,"x"y', "line 2: text after a closing quote"),
        ('S,P,10,A,5" disk, 3"', "line 2: a quote inside cell 5"),
        ('S,P,10,"a\nb","x', "the quote opened in line 3 is never closed"),
        ('S,P,10,"a""\nb,"1', "line 3: text after a closing quote"),
        ("S,P,10", "line 2 has 3 cells, the header has 5: cut off?"),
        ("S,P,10,A,1,", "line 2 has 6 cells, the header has 5"),
        ("S,P,10,A,\0", "line 2: a NUL character"),
        (",P,10,A,1", "line 2: no serial"),
        ("S,P,10,,1", "line 2: no step"),
    ],
)
def test_a_malformed_row_is_refused_with_its_line(row: str, reason: str) -> None:
    reject = refusal(f"serial,part_number,process_code,step,value\n{row}\n".encode())
    assert reject.why == reason


def test_blank_lines_and_rows_say_nothing_and_lines_are_counted_all_the_same() -> None:
    head = "# one\n\n \nserial,part_number,process_code,step,value\n\n,,, ,\n"
    [report] = reports(f"{head}S,P,10,A,1\n\n".encode())
    assert len(report["root"]["steps"]) == 1
    assert refusal(f"{head}S,P,10,A\n".encode()).why.startswith("line 7 has 4 cells")


def test_lines_above_the_header_are_skipped_whatever_they_hold() -> None:
    data = b'# "\nMade by 5" tester\n\n' + table({"value": "1"})
    assert len(reports(data, skip_lines=1)) == 1
    assert "columns: Made by" in refusal(data.replace(b'"', b"")).why
    assert refusal(b"# a\nb\n", skip_lines=1).why == "the file holds no header row"
    assert refusal(b"").why == "the file holds no header row"


@pytest.mark.parametrize("length", [MAX_ROW - 1, MAX_ROW, MAX_ROW + 1])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_row_may_be_as_long_as_the_limit(length: int, end: str) -> None:
    row = 'S,P,10,A,"a\nb",'
    row += "x" * (length - len(row))
    data = f"serial,part_number,process_code,step,report_text,value\n{row}{end}".encode()
    if length <= MAX_ROW:
        assert len(reports(data)) == 1
    else:
        assert (
            refusal(data).why == f"the row that begins in line 2 has more than {MAX_ROW} characters"
        )


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [("a,b;c;d", ";"), ("a,b;c", ","), ("a;b\tc", ";"), ("a\tb", "\t"), ('a,"b;c;d"', ",")],
)
def test_the_delimiter_is_the_one_that_makes_most_columns(header: str, delimiter: str) -> None:
    names = [name.strip('"') for name in header.split(delimiter)]
    assert f"(columns: {', '.join(names)})" in refusal(header.encode()).why


def test_a_delimiter_can_be_given() -> None:
    data = table({"value": "1", "x,y": "2"}, delimiter="|")
    assert len(reports(data, delimiter="|")) == 1
    assert "no column" in refusal(data).why


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_the_encoding_is_found(encoding: str) -> None:
    data = table({"step": "Prüfspannung µ", "value": "1"}).decode().encode(encoding)
    [report] = reports(data)
    assert report["root"]["steps"][0]["name"] == "Prüfspannung µ"


def test_an_encoding_can_be_given() -> None:
    data = table({"step": "電圧", "value": "1"}).decode().encode("shift_jis")
    assert reports(data, encoding="shift_jis")[0]["root"]["steps"][0]["name"] == "電圧"
    for wrong in ("no-such", "base64", "undefined", "a\0b"):
        assert "is no encoding" in mistakes(Csv.arguments, {"encoding": wrong})["encoding"]


@pytest.mark.parametrize("before", [0, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_a_byte_that_is_no_text_is_named_by_its_place(before: int) -> None:
    assert refusal(b"#" * before + b"\x81").why == (
        f"not cp1252: byte 0x81 at {before} of the file cannot be decoded"
    )
    cut = b"\xff\xfe" + b"#\0" * before + b"\0"
    at = 2 + 2 * before
    assert f"byte 0x00 at {at} of the file" in refusal(cut).why


# Columns


def test_names_of_columns_are_not_read_too_closely() -> None:
    data = b"SERIAL,Part Number,process-code, Step ,VALUE\nS,P,10,A,1\n"
    assert reports(data)[0]["pn"] == "P"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("serial,Serial,step", 'the column "serial" stands twice in line 1'),
        ("serial,x y,x-y", 'the column "x_y" stands twice in line 1'),
        ("serial,misc: ", 'the column "misc:" in line 1 has no name after the colon'),
        ("serial", 'no column "part_number" and "process_code" and "step" in line 1'),
    ],
)
def test_a_header_that_is_wrong_is_refused(header: str, reason: str) -> None:
    assert refusal(header.encode()).why.startswith(reason)


def test_renames_and_constants() -> None:
    data = b"SerialNumber;Name;Val;Colour\nS;A;1;red\n"
    arguments = {
        "columns": {
            "serialnumber": "serial",
            "Name": "step",
            "Val": "value",
            "Colour": "misc:Paint",
        },
        "constants": {"part_number": "P", "Process Code": 10, "value": "9", "Shift": "late"},
    }
    [report] = reports(data, **arguments)
    assert (report["sn"], report["pn"], report["processCode"]) == ("S", "P", 10)
    assert report["root"]["steps"][0]["numericMeas"][0]["value"] == 1, "the file has it"
    assert report["miscInfos"] == [
        {"description": "Paint", "text": "red"},
        {"description": "Shift", "text": "late"},
    ]


@pytest.mark.parametrize(
    ("argument", "value", "reason"),
    [
        ("columns", {"SN": "serail"}, "there is no column 'serail'; write 'serial'"),
        ("columns", {"SN": 3}, "write the name of a column"),
        ("columns", {"S N": "serial", "s-n": "step"}, "it is the same name as 'S N'"),
        ("constants", {"lo": "1"}, "there is no column 'lo'; write 'low'"),
        ("constants", {"low": True}, "write a text or a number"),
    ],
)
def test_wrong_names_are_seen_before_a_file_comes(
    argument: str, value: dict[str, Any], reason: str
) -> None:
    [found] = mistakes(Csv.arguments, {argument: value}).values()
    assert reason in found
    with pytest.raises(Reject, match=re.escape(reason)):
        convert_bytes(Csv(), table({}), arguments={argument: value})


@pytest.mark.parametrize(
    ("argument", "value"),
    [("delimiter", "tab"), ("decimal", ";"), ("skip_lines", -1), ("skip_lines", 1001), ("x", 1)],
)
def test_other_arguments_are_declared(argument: str, value: object) -> None:
    assert [*mistakes(Csv.arguments, {argument: value})] == [argument]
    assert mistakes(Csv.arguments, {"skip_lines": 0, "delimiter": "\t", "decimal": ","}) == {}
    assert mistakes(Csv.arguments, {"skip_lines": 1000}) == {}


def test_what_nobody_knows_is_kept() -> None:
    data = table(
        {"value": "1", "Fixture": "F", "Line": "a", "Empty": "", "": "z"},
        {"step": "B", "Fixture": "F", "Line": "", "report_text": "said", "": "z"},
        {"step": "C", "Fixture": "F", "Line": "c", "report_text": "more", "": "z"},
    )
    [report] = reports(data)
    assert report["miscInfos"] == [
        {"description": "Fixture", "text": "F"},
        {"description": "column 10", "text": "z"},
    ]
    texts = [step.get("reportText") for step in report["root"]["steps"]]
    assert texts == ["Line=a", "said", "more\nLine=c"]


# Numbers


@pytest.mark.parametrize("mark", [".", ","])
@pytest.mark.parametrize(
    "number", ["-4.5e1", ".5", "0.12345678901234566", "5", "9007199254740993", "1E-7", "+2.50"]
)
def test_numbers_keep_their_digits(mark: str, number: str) -> None:
    data = table({"type": "numeric", "value": number.replace(".", mark)}, delimiter=";")
    body = encoded_of(data, decimal=mark)[0].body.decode()
    digits = re.search(r'"value":([^,}]+)', body)
    assert digits
    assert digits[1] == (f"0{number}" if number[0] == "." else number.removeprefix("+"))


@pytest.mark.parametrize(
    ("text", "sent"), [("nan", "NaN"), ("inf", "Infinity"), ("-INF", "-Infinity")]
)
def test_what_is_not_finite_is_sent_in_words(text: str, sent: str) -> None:
    assert only({"value": text})["numericMeas"] == [{"compOp": "LOG", "status": "P", "value": sent}]
    judged = only({"value": "nan", "low": "1", "high": "nan"})["numericMeas"][0]
    assert (judged["compOp"], judged["status"], judged["lowLimit"]) == ("GE", "F", 1)


@pytest.mark.parametrize("value", ["3.31V", "1,5", "1.234,5", "1e999", "0x1", "1_0", "٣"])
def test_no_number_is_guessed(value: str) -> None:
    assert why({"type": "numeric", "value": value}).startswith(f'line 2: value "{value}"')


def test_the_other_mark_makes_no_number() -> None:
    reject = refusal(table({"type": "numeric", "value": "1.5"}), decimal=",")
    assert reject.why == 'line 2: value "1.5" is not a number'
    assert 'decimal mark is ","' in reject.hint


def test_marks_decide_for_the_whole_file() -> None:
    def values(*cells: str, **arguments: Any) -> list[float]:
        rows = [{"step": f"{n}", "value": cell} for n, cell in enumerate(cells)]
        [report] = reports(table(*rows, delimiter=";"), **arguments)
        return [step["numericMeas"][0]["value"] for step in report["root"]["steps"]]

    assert values("1,5", "2", "-,5e1") == [1.5, 2, -5]
    assert values("1.5", "2") == [1.5, 2]
    assert values("1.005", "2", decimal=".") == [1.005, 2]
    mixed = table(*({"step": "B", "value": v} for v in ("1.5", "2,5", "3.5", "4,5")), delimiter=";")
    assert "decimal comma (line 3: 2,5) and decimal point (line 2: 1.5)" in refusal(mixed).why
    limits = table({"value": "1", "low": "0.5", "high": "2,5"}, delimiter=";")
    assert "decimal comma (line 2: 2,5) and decimal point (line 2: 0.5)" in refusal(limits).why
    as_text = {"step": "B", "type": "string", "value": "1.5"}
    [report] = reports(table({"value": "1,5"}, as_text, delimiter=";"))
    assert report["root"]["steps"][1]["stringMeas"][0]["value"] == "1.5"


def test_between_commas_a_decimal_comma_must_be_asked_for() -> None:
    assert "stringMeas" in only({"value": "1,5"})
    assert only({"value": "1,5"}, decimal=",")["numericMeas"][0]["value"] == 1.5


# Steps


@pytest.mark.parametrize(
    ("row", "kind", "status"),
    [
        ({"value": "1"}, "ET_NLT", "P"),
        ({"value": "1", "status": "fail"}, "ET_NLT", "F"),
        ({"value": "1", "type": "String"}, "ET_SVT", "P"),
        ({"value": "abc"}, "ET_SVT", "P"),
        ({"value": "", "type": "string"}, "ET_SVT", "P"),
        ({"value": "nok"}, "ET_PFT", "F"),
        ({"value": "True"}, "ET_PFT", "P"),
        ({"value": "P"}, "ET_SVT", "P"),
        ({"status": "P"}, "ET_PFT", "P"),
        ({"status": "NOK"}, "ET_PFT", "F"),
        ({"status": "D"}, "ET_A", "D"),
        ({"status": "SKIP"}, "ET_A", "S"),
        ({"status": "aborted"}, "ET_A", "T"),
        ({}, "ET_A", "D"),
        ({"type": "action", "status": "ERROR"}, "ET_A", "E"),
        ({"type": "passfail", "status": "S"}, "ET_PFT", "S"),
        ({"type": "numeric", "status": "S"}, "ET_NLT", "S"),
        ({"value": "1", "measurement": "m"}, "ET_MNLT", "P"),
        ({"value": "x", "measurement": "m"}, "ET_MSVT", "P"),
        ({"value": "OK", "measurement": "m"}, "ET_MPFT", "P"),
    ],
)
def test_the_kind_and_the_status_follow_from_the_row(
    row: dict[str, str], kind: str, status: str
) -> None:
    step = only(row)
    assert (step["stepType"], step["status"]) == (kind, status)


@pytest.mark.parametrize(
    ("row", "sent"),
    [
        ({"low": "1", "high": "3"}, ("GELE", "P", 1, 3)),
        ({"low": "2"}, ("GE", "P", 2, None)),
        ({"high": "1"}, ("LE", "F", 1, None)),
        ({"high": "1", "comp_op": "lt"}, ("LT", "F", 1, None)),
        ({"low": "2", "high": "2", "comp_op": "LE"}, ("LE", "P", 2, None)),
        ({"low": "1", "high": "9", "comp_op": "NE"}, ("NE", "P", 1, None)),
        ({"low": "1", "high": "3", "comp_op": "LTGT"}, ("LTGT", "F", 1, 3)),
        ({"low": "1", "high": "3", "comp_op": "LTGT", "status": "P"}, ("LTGT", "P", 1, 3)),
        ({"low": "-inf", "high": "3"}, ("LE", "P", 3, None)),
        ({"low": "1", "high": "nan"}, ("GE", "P", 1, None)),
        ({"low": "1", "comp_op": "GELE", "status": "F"}, ("GE", "F", 1, None)),
        ({"low": "5", "comp_op": "LOG"}, ("LOG", "P", None, None)),
    ],
)
def test_a_number_is_judged_by_operator_and_limits(
    row: dict[str, str], sent: tuple[object, ...]
) -> None:
    [measured] = only({"value": "2", **row})["numericMeas"]
    keys = ("compOp", "status", "lowLimit", "highLimit")
    assert tuple(measured.get(key) for key in keys) == sent


@pytest.mark.parametrize(
    ("row", "operator", "status"),
    [
        ({"low": "abc"}, "CASESENSIT", "P"),
        ({"low": "ABC"}, "CASESENSIT", "F"),
        ({"low": "ABC", "comp_op": "ignorecase"}, "IGNORECASE", "P"),
        ({"low": "abc", "comp_op": "NE"}, "NE", "F"),
        ({"low": " abc"}, "CASESENSIT", "F"),
        ({}, "LOG", "P"),
    ],
)
def test_a_text_is_compared_with_its_limit(row: dict[str, str], operator: str, status: str) -> None:
    [measured] = only({"value": "abc", **row})["stringMeas"]
    assert (measured["compOp"], measured["status"]) == (operator, status)
    assert measured.get("limit") == row.get("low")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"status": "MAYBE"}, 'unknown status "MAYBE"'),
        ({"type": "numerical"}, 'unknown type "numerical"'),
        ({"value": "1", "comp_op": ">="}, 'comp_op ">=" is no operator for numbers'),
        ({"value": "1", "comp_op": "EQT", "low": "1"}, 'comp_op "EQT" is no operator'),
        ({"value": "1", "comp_op": "GELE", "low": "1"}, "GELE needs two limits"),
        ({"value": "1", "comp_op": "GE"}, "GE needs its limit"),
        ({"value": "1", "comp_op": "LE", "low": "0", "high": "9"}, "low is 0 and high is 9"),
        ({"value": "1", "low": "x"}, 'low "x" is not a number'),
        ({"value": "a", "comp_op": "GELE"}, 'comp_op "GELE" is no operator for texts'),
        ({"value": "a", "comp_op": "EQ"}, "EQ needs a limit"),
        ({"value": "3.31V", "high": "4"}, 'value "3.31V" is not a number, but has a high limit'),
        ({"value": "1,005", "low": "0.9"}, 'value "1,005" is not a number that can be read'),
        ({"value": "1e999"}, 'value "1e999" is not a number that can be read'),
        ({"value": "1.5e999"}, 'value "1.5e999" is not a number that can be read'),
        ({"type": "numeric"}, "neither a value nor a status"),
        ({"type": "passfail"}, "neither a value nor a status"),
        ({"type": "passfail", "value": "1"}, 'value "1" is no verdict'),
        ({"type": "numeric", "status": "S", "measurement": "m"}, 'measurement "m" has no value'),
        ({"process_code": "ten"}, 'process_code "ten" is not a whole number up to 32767'),
        ({"process_code": "32768"}, 'process_code "32768" is not a whole number'),
        ({"process_code": ""}, "no process_code"),
        ({"part_number": " "}, "no part_number"),
        ({"start": "yesterday"}, 'start "yesterday" is no date and time'),
        ({"start": "2026-03-02"}, "is no date and time"),
        ({"exec_time": "12 s"}, 'exec_time "12 s" is not a number'),
        ({"exec_time": "nan"}, 'exec_time "nan" is not a number'),
        ({"result": "DONE"}, 'result "DONE" is none of P F E T'),
        ({"result": "good"}, 'result "good" is none of P F E T'),
    ],
)
def test_what_is_wrong_in_a_row_is_refused_with_its_line(row: dict[str, str], reason: str) -> None:
    reject = refusal(table(row))
    assert reject.why.startswith("line 2: ")
    assert reason in reject.why


def test_process_codes_have_limits() -> None:
    for code in ("32767", "-32768", "+7"):
        assert reports(table({"process_code": code}))[0]["processCode"] == int(code)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"value": "OK", "status": "F"}, "value=OK"),
        ({"value": "OK", "low": "1", "high": "2", "unit": "V"}, "low=1\nhigh=2\nunit=V"),
        ({"value": "2", "high": "2", "comp_op": "LOG"}, "high=2"),
        ({"value": "1", "low": "1", "high": "2", "comp_op": "EQ"}, "high=2"),
        ({"value": "x", "unit": "V"}, "unit=V"),
        ({"type": "action", "value": "x", "measurement": "m"}, "measurement=m\nvalue=x"),
        ({"type": "numeric", "status": "S", "low": "1", "report_text": "no"}, "no\nlow=1"),
        ({"type": "passfail", "value": "7", "status": "P"}, "value=7"),
    ],
)
def test_cells_that_a_step_has_no_place_for_go_into_its_text(
    row: dict[str, str], text: str
) -> None:
    assert only(row)["reportText"] == text


@pytest.mark.parametrize(
    ("letters", "status"),
    [("PFTE", "E"), ("PFT", "T"), ("PF", "F"), ("PS", "P"), ("SS", "S"), ("DD", "D"), ("P", "P")],
)
def test_several_measurements_make_one_step(letters: str, status: str) -> None:
    rows = [
        {"step": "A", "measurement": f"m{n}", "value": "1", "status": letter, "report_text": "t"}
        for n, letter in enumerate(letters)
    ]
    [step] = steps(*rows)
    assert step["status"] == status
    assert [m["name"] for m in step["numericMeas"]] == [f"m{n}" for n in range(len(letters))]
    measured = letters.translate(str.maketrans("DET", "PFF"))  # WSJF has no others for them
    assert [m["status"] for m in step["numericMeas"]] == list(measured)
    assert step["reportText"] == "t"


@pytest.mark.parametrize(
    "other",
    [
        {"step": "B", "measurement": "m", "value": "1"},
        {"group": "G", "step": "A", "measurement": "m", "value": "1"},
        {"step": "A", "measurement": "m", "value": "x"},
        {"step": "A", "value": "1"},
    ],
)
def test_another_step_type_or_group_ends_it(other: dict[str, str]) -> None:
    own = {"step": "A", "measurement": "m", "value": "1"}
    assert len(steps({**own, "group": ""}, other)) == 2
    assert len(steps({**own, "group": ""}, other, own)) == 3


def test_groups_are_sequences_and_the_order_of_the_file_stays() -> None:
    groups = ["G", "G/H", "G / H/", "", "G", "H"]
    rows = [{"step": f"{n}", "group": group} for n, group in enumerate(groups)]
    [report] = reports(table(*rows), sequence="Main")

    def shape(step: dict[str, Any]) -> Any:
        if "steps" not in step:
            return step["name"]
        return {step["name"]: [shape(child) for child in step["steps"]]}

    assert shape(report["root"]) == {
        "Main": [{"G": ["0", {"H": ["1", "2"]}]}, "3", {"G": ["4"]}, {"H": ["5"]}]
    }


@pytest.mark.parametrize("levels", [MAX_NESTED_STEPS - 2, MAX_NESTED_STEPS - 1, MAX_NESTED_STEPS])
def test_groups_may_nest_as_deep_as_a_report(levels: int) -> None:
    data = table({"group": "/".join("g" * levels)})
    if levels < MAX_NESTED_STEPS:
        assert len(reports(data)) == 1
    else:
        assert refusal(data).why == "line 2: a group of 100 levels, 99 are possible"


def test_a_sequence_is_as_bad_as_its_worst_step_and_what_the_file_says_stands() -> None:
    rows = [{"step": "A", "group": "G", "status": letter} for letter in "FTES"]
    for count, worst in enumerate("FTEE", 1):
        [report] = reports(table(*rows[:count]))
        assert report["result"] == report["root"]["status"] == worst
        assert report["root"]["steps"][0]["status"] == worst
    [report] = reports(table({"group": "G", "status": "S", "result": "terminated"}))
    assert (report["result"], report["root"]["status"]) == ("T", "P")


# Units


def test_every_word_about_the_unit_has_its_place() -> None:
    row = {
        **{"revision": "B", "process_name": "ICT", "operator": "op", "station": "S9"},
        **{"location": "Hall", "purpose": "Prod", "exec_time": "12.5", "misc:Lot No": "7"},
    }
    [report] = reports(table(row))
    keys = ("rev", "processName", "machineName", "location", "purpose")
    assert [report[key] for key in keys] == ["B", "ICT", "S9", "Hall", "Prod"]
    assert report["uut"] == {"user": "op", "execTime": 12.5}
    assert report["miscInfos"] == [{"description": "Lot No", "text": "7"}]
    assert report["start"] == START


def test_blank_unit_cells_inherit_as_long_as_the_serial_is_the_same() -> None:
    data = table(
        {"operator": "op", "result": "F"},
        {"step": "B", "serial": "S-1"},
        {"step": "C", "start": "2026-03-02T11:00:00+01:00"},
        {"step": "D", "serial": "S-2", "part_number": "P", "process_code": "1"},
    )
    first, second, third = reports(data)
    assert [len(r["root"]["steps"]) for r in (first, second, third)] == [2, 1, 1]
    assert [r["uut"]["user"] for r in (first, second, third)] == ["op", "op", ""]
    assert second["pn"] == "P-1"
    assert [r["result"] for r in (first, second, third)] == ["F", "P", "P"], "a retest has its own"
    assert third["start"].startswith("1970-01-01T00:00:00"), "the time of the file"


def test_a_unit_that_comes_back_is_one_report_in_the_order_of_first_appearance() -> None:
    order = ["B", "A", "B", "C", "A", "D"]
    rows = [{**UNIT, "serial": serial, "step": f"{n}"} for n, serial in enumerate(order)]
    found = reports(table(*rows))
    assert [report["sn"] for report in found] == ["B", "A", "C", "D"]
    names = [[step["name"] for step in report["root"]["steps"]] for report in found]
    assert names == [["0", "2"], ["1", "4"], ["3"], ["5"]]


def test_unit_data_that_differs_is_refused() -> None:
    assert why({"misc:Lot": "1"}, {"step": "B", "misc:Lot": "2"}) == (
        'line 3: Lot "2" differs from "1" in the same unit (S-1)'
    )
    later = reports(table({"revision": ""}, {"step": "B", "revision": "R"}))
    assert later[0]["rev"] == "R"


def test_one_wrong_row_refuses_the_whole_file_though_reports_left_before() -> None:
    rows = [{**UNIT, "serial": f"{n}", "step": "A", "status": "P"} for n in range(5)]
    rows[4]["status"] = "?"
    assert why(*rows).startswith("line 6:")


@pytest.mark.parametrize(
    ("start", "arguments", "sent"),
    [
        ("2026-07-02 10:00:00.1234567Z", {}, "2026-07-02T10:00:00.1234567Z"),
        ("2026-07-02 10:00:00+02", {}, "2026-07-02T10:00:00+02:00"),
        ("20260702T100000Z", {}, "2026-07-02T10:00:00+00:00"),
        ("2026-07-02 10:00", {"timezone": "Europe/Oslo"}, "2026-07-02T10:00:00+02:00"),
        ("2026-10-25 02:30", {"timezone": "Europe/Oslo"}, "2026-10-25T02:30:00+02:00"),
        ("2026-07-02 10:00Z", {"timezone": "Europe/Oslo"}, "2026-07-02T10:00Z"),
        (
            "2.7.2026 10h05",
            {"date_format": "%d.%m.%Y %Hh%M", "timezone": "America/New_York"},
            "2026-07-02T10:05:00-04:00",
        ),
    ],
)
def test_starts(start: str, arguments: dict[str, str], sent: str) -> None:
    [report] = reports(table({"start": start}), **arguments)
    assert report["start"] == sent


def test_a_start_in_another_comma_is_written_with_a_point() -> None:
    [report] = reports(table({"start": "2026-07-02T10:00:00,5Z"}))
    assert report["start"] == "2026-07-02T10:00:00.5Z"


def test_a_start_without_a_zone_is_local_and_one_that_is_missing_is_told() -> None:
    [report] = reports(table({"start": "2026-07-02 10:00:00.1234567"}))
    assert re.fullmatch(r"2026-07-02T10:00:00\.1234567[+-]\d\d:\d\d", report["start"])
    [encoded] = encoded_of(table({"start": ""}))
    assert ("start", "missing: the time of the file is taken") in [
        (finding.path, finding.message) for finding in encoded.findings
    ]


def test_wrong_dates_and_zones_are_refused() -> None:
    assert "is no date" in why({"start": START}, date_format="%d.%m.%Y")
    for wrong in ("%Q", "%d %d", "%"):
        assert "is no date" in why({"start": START}, date_format=wrong)
    for zone in ("Mars/Base", "Europe", "../etc/passwd", "\0"):
        assert "is no time zone" in mistakes(Csv.arguments, {"timezone": zone})["timezone"]


# What is read lazily


class Watched(io.BytesIO):
    """Knows how far it was read, and that nobody asked for all of it."""

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert 0 <= size <= 1 << 20
        return super().read(size)


def test_a_report_leaves_as_soon_as_its_unit_is_complete() -> None:
    rows = "".join(f"S{n // 2},P,10,A{n},{'x' * 1000}\n" for n in range(6000))
    data = f"serial,part_number,process_code,step,value\n{rows}".encode()
    file = Watched(data)
    source = Source(file, path="big.csv", size=len(data), mtime=0.0)
    given = {name: argument.default for name, argument in Csv.arguments.items()}
    told: list[float] = []
    context = Context(given, Station(), logging.getLogger("test"), Path(), told.append)
    found = iter(Csv().convert(source, context))
    next(found)
    assert file.tell() <= 2 << 20 < len(data)
    assert 1 + sum(1 for _report in found) == 3000
    assert told == sorted(told)
    assert len(told) == 6


# Properties


@given(st.text(max_size=300))
def test_any_text_gives_reports_or_a_refusal(text: str) -> None:
    head = "serial,part_number,process_code,step,value,low,high,status,type,group,measurement\n"
    for data in (text, head + text, head + f"S,P,10,A,{text}"):
        either(data.encode("utf-8", "surrogatepass"))


@given(st.lists(st.lists(st.sampled_from(["", "S", "1", "1,5", "P", "x", '"', "a/b"]), max_size=8)))
def test_any_cells_give_reports_or_a_refusal(rows: list[list[str]]) -> None:
    names = [
        "serial",
        "part_number",
        "process_code",
        "step",
        "value",
        "low",
        "status",
        "measurement",
    ]
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows([names, *rows])
    either(text.getvalue().encode())


def either(data: bytes, **arguments: Any) -> list[Encoded]:
    try:
        return convert_bytes(Csv(), data, arguments=arguments)
    except Reject:
        return []


NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20
).filter(lambda name: name.strip() == name)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("mark", [".", ","])
@given(
    rows=st.lists(
        st.tuples(NAMES, st.floats(allow_nan=False, allow_infinity=False), NAMES), min_size=1
    )
)
def test_a_table_says_what_was_written_into_it(
    delimiter: str, mark: str, rows: list[tuple[str, float, str]]
) -> None:
    written = [
        {"step": name, "type": "numeric", "value": repr(value).replace(".", mark), "unit": unit}
        for name, value, unit in rows
    ]
    data = table(*written, delimiter=delimiter)
    given = delimiter if delimiter == "|" else ""
    [report] = reports(data, decimal=mark, delimiter=given)
    read = [
        (step["name"], step["numericMeas"][0]["value"], step["numericMeas"][0]["unit"])
        for step in report["root"]["steps"]
    ]
    assert read == rows


@given(st.lists(st.text(st.sampled_from('a",;\t\n\r |'), max_size=6), min_size=2, max_size=5))
def test_cells_are_read_as_the_standard_library_writes_them(cells: list[str]) -> None:
    text = io.StringIO(newline="")
    named = {**UNIT, **{f"misc:{n}": cell for n, cell in enumerate(cells)}, "step": "A"}
    writer = csv.writer(text)
    writer.writerows([named, named.values()])
    [report] = reports(text.getvalue().encode())
    said = {misc["description"]: misc["text"] for misc in report["miscInfos"]}
    assert said == {str(n): cell.strip() for n, cell in enumerate(cells) if cell.strip()}


def damaged(data: bytes, chance: random.Random) -> bytes:
    kind = chance.randrange(4)
    at = chance.randrange(len(data))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
    lines = data.splitlines(keepends=True)
    line = chance.randrange(len(lines))
    return b"".join([*lines[: line + 1], *lines[line + (kind == 3) :]][: len(lines) + 1])


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.path.name)
def test_a_damaged_sample_gives_reports_or_a_refusal(sample: samples.Sample) -> None:
    chance = random.Random(sample.path.name)
    data = sample.path.read_bytes()
    for _round in range(200):
        either(damaged(data, chance), **sample.arguments)


@pytest.mark.parametrize("first", ["sep=;", "SEP=; ", "# a comment", ""])
def test_what_stands_above_the_header_says_nothing(first: str) -> None:
    table = f"{first}\r\nserial;part_number;process_code;start;step;value\r\n"
    table += "S-1;P;10;2026-03-02T08:00:00Z;A;1,5\r\n"
    (encoded,) = convert_bytes(Csv(), table.encode())
    assert json.loads(encoded.body)["root"]["steps"][0]["numericMeas"][0]["value"] == 1.5
    assert Csv().detect(Source.from_bytes(table.encode())) == 0.9
