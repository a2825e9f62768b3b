"""SigmaQuest's UnitReports: samples, a second reading of them, and what they do not show."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.converters.api import Reject, Source
from pywats_trio.converters.standard.sigmaquest.converter import SigmaQuest
from pywats_trio.reports.model import InvalidReport
from tests import samples
from tests.converters.readings import sigmaquest as reading
from tests.samples import OURS, REAL, Sample, convert_bytes, disagreements, outcome

SAMPLES = [*samples.samples("sigmaquest")]
FILES = [
    OURS / "sigmaquest" / "failed.xml",
    OURS / "sigmaquest" / "two-units.xml",
    *([Path(REAL) / "other" / "sigmaquest.xml"] if REAL else []),
]
TIME = "2026-03-02T09:00:00Z"


def run(inner: str = "", grade: str = "PASS", *, name: str = "T", attributes: str = "") -> str:
    return (
        f'<TestRun name="{name}" start-time="{TIME}" grade="{grade}" {attributes}>{inner}</TestRun>'
    )


def unit(runs: str, *, attributes: str = "", station: str = "", owner: str = "") -> bytes:
    product = f'<Product part-no="P" serial-no="S">{owner}</Product>'
    return (
        f'<UnitReport start-time="{TIME}" {attributes}><Station guid="G" name="ST">{station}'
        f'</Station><Operator name="op"/><Category name="C">{product}</Category>{runs}</UnitReport>'
    ).encode()


def result(text: str, tag: str = "ValueDouble", attributes: str = 'name="v"') -> str:
    return f"<Result><Property><{tag} {attributes}>{text}</{tag}></Property></Result>"


def converted(data: bytes, **arguments: Any) -> dict[str, Any]:
    (encoded,) = convert_bytes(SigmaQuest(), data, arguments=arguments)
    body: dict[str, Any] = json.loads(encoded.body)
    return body


def step(inner: str, grade: str = "PASS", **arguments: Any) -> dict[str, Any]:
    """The first step of the only test run."""
    body = converted(unit(run(inner, grade)), **arguments)
    first: dict[str, Any] = body["root"]["steps"][0]
    return first


def findings(data: bytes, **arguments: Any) -> list[str]:
    (encoded,) = convert_bytes(SigmaQuest(), data, arguments=arguments)
    return [finding.message for finding in encoded.findings]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_ends_as_expected(sample: Sample) -> None:
    result = outcome(SigmaQuest(), sample)
    if isinstance(result, Reject):
        assert sample.refused, result.why
        assert "line" in result.why
    else:
        assert disagreements(result, sample.expected) == []
    assert SigmaQuest().detect(sample.source(SigmaQuest())) >= 0.9


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_second_reading_sees_the_same(path: Path) -> None:
    facts = reading.facts(path.read_text())
    bodies = [json.loads(r.body) for r in convert_bytes(SigmaQuest(), path.read_bytes())]
    assert facts["reports"]
    assert disagreements(bodies, facts) == []


@pytest.mark.skipif(not REAL, reason=samples.REAL_MISSING)
def test_the_real_report_shows_its_pinned_facts() -> None:
    path = Path(REAL) / "other" / "sigmaquest.xml"
    pinned = json.loads(path.with_name(path.name + ".expected.json").read_text())["facts"]
    body = converted(path.read_bytes())
    assert {key: body[key] for key in pinned} == pinned
    assert SigmaQuest().detect(Source.from_bytes(path.read_bytes())) >= 0.9


def test_what_a_report_says_of_its_unit_is_in_it() -> None:
    data = unit(
        run(),
        attributes='software-version="3" mode="P" quantity="1" attachments="true"'
        ' xmlns:x="u" x:y="z"',
        station='<Property><ValueString name="Location">Hall 2</ValueString>'
        '<ValueString name="Rack">7</ValueString></Property>',
        owner='<Property><ValueInteger name="Lot" uom="pcs">12</ValueInteger>'
        '<ValueAttachment name="Photo" fqn="a.png"/><ValueString name="Empty"/></Property>'
        '<Product part-no="M" serial-no="SM" name="Motor" factory-order="W-1"/>',
    )
    body = converted(data)
    assert (body["machineName"], body["location"], body["uut"]["user"]) == ("ST", "Hall 2", "op")
    assert body["root"]["seqCall"] == {"path": "", "name": "T", "version": "3"}
    assert [[m["description"], m["text"]] for m in body["miscInfos"]] == [
        *(["mode", "P"], ["quantity", "1"], ["Station guid", "G"], ["Rack", "7"]),
        *(["Category name", "C"], ["Lot", "12 pcs"], ["Photo", "a.png"]),
        *(["Product name", "Motor"], ["Product factory-order", "W-1"]),
    ]
    assert body["subUnits"] == [{"partType": "Motor", "pn": "M", "sn": "SM", "rev": ""}]
    assert "an attachment is not in the file: its name is sent (line 1)" in findings(data)


def test_no_station_is_none() -> None:
    data = unit(run()).replace(b'name="ST"', b'name="&lt;No Station>"')
    assert converted(data, station="BENCH")["machineName"] == "BENCH"


def test_the_software_of_the_station_is_the_version_of_the_program() -> None:
    software = '<Property><ValueString name="Test Software">8.1</ValueString></Property>'
    assert converted(unit(run(), station=software))["root"]["seqCall"]["version"] == "8.1"


def test_a_test_run_has_its_times_its_errors_and_its_properties() -> None:
    inner = (
        '<Property version="2"><ValueString name="Fail Notes">loose</ValueString></Property>'
        '<Property><ValueAttachment name="DHR" fqn="//x/y.html"/></Property>'
        '<Error><Message name="E1">hot</Message><Message name="E2"/></Error>'
    )
    nested = run(inner, "FAIL", attributes='end-time="2026-03-02T09:00:02.5Z" version="4"')
    (found,) = converted(unit(run(nested)))["root"]["steps"]
    assert (found["stepType"], found["status"], found["totTime"]) == ("ET_PFT", "F", 2.5)
    assert found["start"] == TIME
    assert found["errorMessage"] == "E1: hot; E2"
    assert found["reportText"] == "version: 4\nFail Notes: loose\nDHR: //x/y.html"


def test_a_long_error_is_cut_and_whole_in_the_text() -> None:
    (found,) = converted(unit(run(run(f"<Error><Message name='E'>{'x' * 300}</Message></Error>"))))[
        "root"
    ]["steps"]
    assert len(found["errorMessage"]) == 200
    assert found["reportText"] == f"E: {'x' * 300}"


@pytest.mark.parametrize(
    ("grade", "kind", "status"),
    [
        *(("PASS", "ET_PFT", "P"), ("FAIL: 3", "ET_PFT", "F"), ("SKIPPED", "ET_PFT", "S")),
        *(("DONE", "Action", "D"), ("ABORTED", "Action", "T"), ("INCOMPLETE", "Action", "T")),
        *(("PENDING", "Action", "E"), ("", "Action", "D"), ("ODD", "Action", "D")),
    ],
)
def test_a_test_run_without_values_is_its_grade(grade: str, kind: str, status: str) -> None:
    (found,) = converted(unit(run(run("", grade), "PASS")))["root"]["steps"]
    assert (found["stepType"], found["status"]) == (kind, status)


@pytest.mark.parametrize(
    ("grade", "message"),
    [
        ("PENDING", 'the grade "PENDING" is taken as E (line 1 and 1 more)'),
        ("FAIL: 3", 'the grade "FAIL: 3" is taken as F (line 1 and 1 more)'),
        ("ODD", 'the grade "ODD" is unknown: it is derived (line 1 and 1 more)'),
        ("ABORTED", ""),
    ],
)
def test_a_grade_that_had_to_be_understood_is_found_once(grade: str, message: str) -> None:
    messages = findings(unit(run(run("", grade) * 2)))
    said = [text for text in messages if text.startswith("the grade")]
    assert said == ([message] if message else [])


@pytest.mark.parametrize(
    ("grades", "expected"),
    [
        *((["PASS"], "P"), (["DONE"], "P"), (["FAIL"], "F"), (["ABORTED"], "T"), ([""], "F")),
        *((["SKIPPED"], "T"), (["PASS", "FAIL"], "F"), (["PASS", "SKIPPED"], "P")),
    ],
)
def test_the_result_is_the_worst_grade(grades: list[str], expected: str) -> None:
    runs = [run(run("", "FAIL") if not grade else "", grade) for grade in grades]
    body = converted(unit("".join(runs)))
    assert body["result"] == expected
    assert len(body["root"].get("steps") or []) == (
        len(grades) if len(grades) > 1 else not grades[0]
    )


@pytest.mark.parametrize(
    ("limits", "operator", "low", "high"),
    [
        ('lsl="1" usl="60"', "GELE", 1, 60),
        ('lsl="0" usl="60"', "GELE", 0, 60),
        ('lsl="-9" usl="0"', "GELE", -9, 0),
        ('lsl="0" usl="0.0"', "LOG", None, None),
        ('lsl="2" usl="0"', "GE", 2, None),
        ('lsl="0" usl="-2"', "LE", -2, None),
        ('lsl="5" usl="2"', "GELE", 5, 2),
        ('lsl="2"', "GE", 2, None),
        ('usl="0"', "LE", 0, None),
        ('usl="null" lsl="NaN"', "LOG", None, None),
        ('usl="INF" lsl="2"', "GE", 2, None),
        ("", "LOG", None, None),
    ],
)
def test_a_limit_of_0_that_cannot_be_one_is_none(
    limits: str, operator: str, low: float | None, high: float | None
) -> None:
    (measured,) = step(result("50", attributes=f'name="v" {limits}'))["numericMeas"]
    assert (measured["compOp"], measured.get("lowLimit"), measured.get("highLimit")) == (
        *(operator, low, high),
    )


def test_a_limit_that_is_no_number_judges_nothing() -> None:
    value = result("50", attributes='name="v" lsl="NaN" usl="60"')
    (measured,) = step(value, "FAIL")["numericMeas"]
    assert (measured["compOp"], measured["lowLimit"], measured["status"]) == ("LE", 60, "P")


def test_zeros_are_limits_where_the_configuration_says_so() -> None:
    value = result("50", attributes='name="v" lsl="0" usl="0"')
    (measured,) = step(value, "FAIL", keep_zero_limits=True)["numericMeas"]
    assert (measured["compOp"], measured["status"]) == ("GELE", "F")
    said = "a limit of 0 that cannot be one is taken as none (line 1)"
    assert said in findings(unit(run(value)))
    assert said not in findings(unit(run(value)), keep_zero_limits=True)


@pytest.mark.parametrize(
    ("word", "operator", "low", "high"),
    [
        *(("GTLT", "GTLT", 1, 9), ("gt (strict)", "GT", 1, None), ("LT", "LT", 9, None)),
        *(("E", "EQ", 1, None), ("LOG", "LOG", None, None), ("odd", "GELE", 1, 9)),
    ],
)
def test_a_test_run_may_name_its_comparison(
    word: str, operator: str, low: float | None, high: float | None
) -> None:
    comparison = f'<Property><ValueString name="Comp">{word}</ValueString></Property>'
    value = result("5", attributes='name="v" lsl="1" usl="9"')
    (measured,) = step(comparison + value)["numericMeas"]
    assert (measured["compOp"], measured.get("lowLimit"), measured.get("highLimit")) == (
        *(operator, low, high),
    )


@pytest.mark.parametrize(
    ("run_grade", "own", "value", "status"),
    [
        *(("PASS", "", "50", "P"), ("FAIL", "", "50", "F"), ("FAIL", "", "5", "P")),
        *(("PASS", "FAIL", "5", "F"), ("FAIL", "PASS", "50", "P"), ("PENDING", "", "50", "F")),
        *(("PASS", "SKIPPED", "5", "S"), ("FAIL", "odd", "50", "F")),
    ],
)
def test_a_value_is_judged_by_its_grade_then_its_run_then_its_limits(
    run_grade: str, own: str, value: str, status: str
) -> None:
    attributes = f'name="v" lsl="1" usl="9" grade="{own}"'
    found = step(result(value, attributes=attributes), run_grade)
    assert (found["status"], found["numericMeas"][0]["status"]) == (status, status)
    said = "a value outside of its limits is passed, for its test run is (line 1)"
    messages = findings(unit(run(result(value, attributes=attributes), run_grade)))
    assert (said in messages) is ((run_grade, own) == ("PASS", ""))
    assert ('the grade "odd" is unknown (line 1)' in messages) is (own == "odd")


def test_values_of_every_kind_are_steps() -> None:
    inner = (
        "<SetUp><ValueDouble name='Supply' uom='V' udil='9'>5.0</ValueDouble></SetUp>"
        "<Result><ValueInteger>7</ValueInteger><ValueBoolean name='Lid'>true</ValueBoolean>"
        f"<ValueTimestamp name='At'>{TIME}</ValueTimestamp>"
        "<ValueString name='Mode' lsl='AUTO'>auto</ValueString>"
        "<ValueString name='Who' usl='me'>you</ValueString>"
        "<ValueArray name='Ch'><ValueDouble>1</ValueDouble><ValueRecord>"
        "<ValueDouble name='b'>2</ValueDouble></ValueRecord></ValueArray>"
        "<ValueDouble name='None' lsl='1' uom='V'/></Result>"
    )
    root = converted(unit(run(inner, "FAIL")))["root"]
    rows = []
    for one in root["steps"]:
        (measured,) = one.get("numericMeas") or one.get("stringMeas") or [{}]
        rows.append((one["group"], one["name"], one["status"], measured.get("value")))
    assert rows == [
        *(("S", "Supply", "P", 5.0), ("M", "T", "P", 7), ("M", "Lid", "P", "true")),
        *(("M", "At", "P", TIME), ("M", "Mode", "P", "auto"), ("M", "Who", "F", "you")),
        *(("M", "Ch 1", "P", 1), ("M", "Ch b", "P", 2), ("M", "None", "D", None)),
    ]
    assert "reportText" not in root
    assert root["steps"][0]["reportText"] == "udil: 9"
    assert root["steps"][0]["numericMeas"][0]["unit"] == "V"
    assert root["steps"][4]["stringMeas"][0]["compOp"] == "IGNORECASE"
    assert root["steps"][-1]["reportText"] == "no value\nlsl: 1"


def test_a_long_text_is_cut_and_whole_in_the_text_of_its_step() -> None:
    found = step(result("x" * 200, "ValueString"))
    assert len(found["stringMeas"][0]["value"]) == 100
    assert found["reportText"] == "x" * 200


def test_what_has_no_place_is_found() -> None:
    odd = "<Odd/><Property><Weird/></Property><Result><ValueThing/></Result>"
    data = unit(run(odd)).replace(b"<Operator", b"<Robot/><Operator")
    messages = findings(data)
    for name in ("Odd", "Weird", "ValueThing", "Robot"):
        assert f"{name} is unknown and is not sent (line 1)" in messages


def test_numbers_keep_their_digits_and_may_have_a_comma() -> None:
    (encoded,) = convert_bytes(SigmaQuest(), unit(run(result("3.4300"))))
    assert b'"value":3.4300' in encoded.body
    assert step(result("1,5"), decimal=",")["numericMeas"][0]["value"] == 1.5


def test_a_time_without_a_zone_is_the_stations() -> None:
    data = unit(run()).replace(b"Z", b"")
    body = converted(data, timezone="Europe/Oslo")
    assert body["start"] == body["root"]["start"] == "2026-03-02T09:00:00+01:00"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<Unit/>", 'the root element "Unit" is not "UnitReport" (line 1)'),
        (unit(""), "a UnitReport without a TestRun (line 1)"),
        (b"<A>" + unit(run()) + b"<B/></A>", "a B beside the UnitReports of the file (line 1)"),
        (unit(run(grade="GREAT")), 'the grade "GREAT" is unknown (line 1)'),
        (unit(run(result("5V"))), 'ValueDouble "v" (line 1): value "5V" is not a number'),
        (unit(run(result("5", attributes='lsl="x"'))), '(line 1): lsl "x" is not a number'),
        (unit(run()).replace(b' serial-no="S"', b""), "UnitReport (line 1) has no serial number"),
        (unit(run()).replace(f'start-time="{TIME}"'.encode(), b"", 1), "has no start time"),
        (unit(run(run().replace("03-02", "30-02"))), "TestRun (line 1): time"),
        (unit(run() + "<"), "not well-formed XML"),
    ],
)
def test_a_refusal_says_where(data: bytes, why: str) -> None:
    with pytest.raises(Reject) as raised:
        convert_bytes(SigmaQuest(), data)
    assert why in raised.value.why


@pytest.mark.parametrize(("depth", "taken"), [(99, True), (100, False)])
def test_the_limit_of_nested_runs_is_kept_to_the_letter(depth: int, taken: bool) -> None:
    nested = result("1")
    for _ in range(depth + 1):  # the outermost is the root
        nested = run(nested)
    if taken:
        converted(unit(nested))
    else:
        with pytest.raises(Reject, match="more than 99 test runs in each other"):
            converted(unit(nested))


@pytest.mark.parametrize(
    ("data", "sure"),
    [
        (unit(run()), 0.95),
        (b"<All>" + unit(run()), 0.95),
        (b"<UnitReport><Station/>", 0.7),
        (b"<UnitReport/>", 0.45),
        (b"<Report><TestRun/></Report>", 0.0),
        (b"no XML", 0.0),
        (b"", 0.0),
    ],
)
def test_it_is_as_sure_as_the_file_is_clear(data: bytes, sure: float) -> None:
    assert SigmaQuest().detect(Source.from_bytes(data)) == pytest.approx(sure)


@pytest.mark.skipif(not REAL, reason=samples.REAL_MISSING)
def test_no_file_of_another_format_is_claimed() -> None:
    for path in Path(REAL).rglob("*"):
        if path.is_file() and path.name != "sigmaquest.xml":
            assert SigmaQuest().detect(Source.from_bytes(path.read_bytes())) == 0.0, path


NUMBER = st.floats(allow_nan=False, allow_infinity=False)


@given(NUMBER, NUMBER, NUMBER)
def test_a_value_of_a_failed_run_is_judged_by_the_limits_that_are_sent(
    value: float, low: float, high: float
) -> None:
    inner = result(repr(value), attributes=f'name="v" lsl="{low!r}" usl="{high!r}"')
    (measured,) = step(inner, "FAIL")["numericMeas"]
    good = {
        "GELE": low <= value <= high,
        "GE": value >= low,
        "LE": value <= high,
        "LOG": True,
    }[measured["compOp"]]
    assert (measured["value"], measured["status"]) == (value, "P" if good else "F")


SOUND = (OURS / "sigmaquest" / "failed.xml").read_bytes()


@given(st.integers(0, len(SOUND)), st.integers(0, 30), st.binary(max_size=6))
def test_a_damaged_file_is_converted_or_rejected(at: int, cut: int, added: bytes) -> None:
    data = SOUND[:at] + added + SOUND[at + cut :]
    assert 0.0 <= SigmaQuest().detect(Source.from_bytes(data)) <= 1.0
    with suppress(Reject, InvalidReport):
        convert_bytes(SigmaQuest(), data)
