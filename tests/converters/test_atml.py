"""ATML: samples, and what they do not show."""

from __future__ import annotations

import json
import logging
import re
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.converters.api import Context, Reject, Source, Station
from pywats_trio.converters.standard.atml.converter import Atml
from pywats_trio.reports.limits import MAX_NESTED_STEPS
from tests import samples
from tests.samples import REAL, REAL_MISSING, Sample, convert_bytes, disagreements, outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pywats_trio.reports.report import Report

SAMPLES = [*samples.samples("atml")]
SPACES = (
    'xmlns:trc="urn:IEEE-1636.1:2011:01:TestResultsCollection" '
    'xmlns:tr="urn:IEEE-1636.1:2011:01:TestResults" xmlns:c="urn:IEEE-1671:2010:Common" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:ts="www.ni.com/TestStand/ATMLTestResults/2.0"'
)
PART_NUMBER = '<c:IdentificationNumber number="PN-1" type="Part"/>'
PART = (
    f"<c:Definition><c:Identification><c:IdentificationNumbers>{PART_NUMBER}"
    "</c:IdentificationNumbers></c:Identification></c:Definition>"
)
UUT = f"<tr:UUT>{PART}<c:SerialNumber>S-1</c:SerialNumber></tr:UUT>"
TIMES = 'startDateTime="2026-03-02T09:00:00.000" endDateTime="2026-03-02T09:00:02.500"'


def collection(*results: str) -> bytes:
    root = "trc:TestResultsCollection"
    return "\n".join((f"<{root} {SPACES}>", *results, f"</{root}>")).encode()


def results(
    steps: str = "",
    *,
    rest: str = UUT,
    uuid: str = "",
    result: str = '<tr:Outcome value="Passed"/>',
    times: str = TIMES,
    name: str = "C:\\a.seq#MainSequence",
) -> str:
    return (
        f"<trc:TestResults {uuid}><tr:ResultSet name={quoteattr(name)} {times}>{result}\n"
        f"{steps}\n</tr:ResultSet>{rest}</trc:TestResults>"
    )


def properties(type_: str, more: str = "") -> str:
    inner = f"<ts:StepType>{type_}</ts:StepType>{more}"
    return f"<tr:Extension><ts:TSStepProperties>{inner}</ts:TSStepProperties></tr:Extension>"


def step(
    inner: str = "",
    *,
    type_: str = "NumericLimitTest",
    more: str = "",
    element: str = "Test",
    attributes: str = 'name="a"',
    outcome: str = '<tr:Outcome value="Passed"/>',
) -> str:
    body = f"{properties(type_, more)}{outcome}{inner}"
    return f"<tr:{element} {attributes}>{body}</tr:{element}>"


def datum(value: str, type_: str = "ts:TS_double", unit: str = "") -> str:
    said = f' nonStandardUnit="{unit}"' if unit else ""
    if type_.endswith("string"):
        return f'<c:Datum xsi:type="{type_}"{said}><c:Value>{escape(value)}</c:Value></c:Datum>'
    return f'<c:Datum value="{value}" xsi:type="{type_}"{said}/>'


def measured(
    value: str = "5",
    limits: str = "",
    *,
    name: str = "Numeric",
    type_: str = "ts:TS_double",
    more: str = "",
) -> str:
    """A TestResult with TestLimits."""
    return (
        f'<tr:TestResult ID="tr-1" name="{name}"><tr:TestData>{datum(value, type_)}</tr:TestData>'
        f"<tr:TestLimits><tr:Limits>{limits}</tr:Limits></tr:TestLimits>{more}</tr:TestResult>"
    )


def recorded(inner: str, name: str = "x") -> str:
    """A TestResult that is no measurement."""
    return f'<tr:TestResult name="{name}"><tr:TestData>{inner}</tr:TestData></tr:TestResult>'


def limit(comparator: str, value: str) -> str:
    return f'<c:Limit comparator="{comparator}">{datum(value)}</c:Limit>'


def pair(*limits: str, operator: str = 'operator="AND"', more: str = "") -> str:
    return f"<c:LimitPair {operator}>{''.join(limits)}{more}</c:LimitPair>"


def threshold(kind: str, raw: str = "") -> str:
    return (
        f"<tr:Extension><ts:TSLimitProperties><ts:ThresholdType>{kind}</ts:ThresholdType>"
        f"<ts:RawLimits>{raw}</ts:RawLimits></ts:TSLimitProperties></tr:Extension>"
    )


def items(**members: str) -> str:
    inner = "".join(f'<c:Item name="{name}">{held}</c:Item>' for name, held in members.items())
    return f"<c:Collection>{inner}</c:Collection>"


def converted(data: bytes, **arguments: Any) -> tuple[dict[str, Any], list[str]]:
    (encoded,) = convert_bytes(Atml(), data, arguments=arguments)
    return json.loads(encoded.body), [finding.message for finding in encoded.findings]


def steps(*inner: str) -> tuple[list[dict[str, Any]], list[str]]:
    body, messages = converted(collection(results("\n".join(inner))), process_code=10)
    return body["root"]["steps"], messages


def numeric(limits: str, more: str = "", value: str = "5") -> tuple[dict[str, Any], list[str]]:
    (one,), messages = steps(step(measured(value, limits, more=more)))
    return one["numericMeas"][0], messages


def refusal(data: bytes, **arguments: Any) -> str:
    with pytest.raises(Reject) as raised:
        convert_bytes(Atml(), data, arguments=arguments)
    return raised.value.why


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_ends_as_expected(sample: Sample) -> None:
    result = outcome(Atml(), sample)
    if isinstance(result, Reject):
        assert sample.refused, result.why
        assert "line" in result.why
    else:
        assert disagreements(result, sample.expected) == []
        assert Atml().detect(sample.source(Atml())) >= 0.9


@pytest.mark.skipif(not REAL, reason=REAL_MISSING)
def test_three_versions_of_one_test_agree() -> None:
    """On everything but what says when it was run, and how long things took."""
    found = []
    for version in ("2.02", "5.00", "6.01"):
        path = Path(REAL) / "atml" / f"motherboard-{version}.xml"
        body, _messages = converted(path.read_bytes())
        for key in ("id", "start", "startUTC"):
            del body[key]
        del body["uut"]["execTime"]
        found.append(re.sub(r'"totTime": [^,}]*,? ?', "", json.dumps(body)))
    assert found[0] == found[1] == found[2]


def test_the_header_is_in_the_report() -> None:
    rest = (
        '<tr:Personnel><tr:SystemOperator ID="7" name=" op "/></tr:Personnel>'
        "<tr:TestStation><c:SerialNumber>\n\tST-1\n</c:SerialNumber></tr:TestStation>"
        f"{UUT}<tr:Extension><ts:TSResultSetProperties><ts:BatchSerialNumber value='B-1'/>"
        "<ts:TestSocketIndex value='2'/></ts:TSResultSetProperties></tr:Extension>"
    )
    uuid = 'uuid="{0D3C5A10-1111-4A4A-8C8C-000000000001}"'
    data = collection(results(rest=rest, uuid=uuid))
    body, messages = converted(data, timezone="Europe/Oslo", revision="A", process_code=30)
    assert messages == []
    assert (body["id"], body["sn"], body["pn"], body["rev"], body["processCode"]) == (
        *("0D3C5A10-1111-4A4A-8C8C-000000000001", "S-1", "PN-1", "A", 30),
    )
    assert body["start"] == "2026-03-02T09:00:00+01:00"
    assert body["machineName"] == "ST-1"
    assert body["uut"] == {"user": "op", "execTime": 2.5, "batchSN": "B-1", "testSocketIndex": 2}
    call = {"path": "C:\\a.seq", "name": "MainSequence", "version": ""}
    assert body["root"]["seqCall"] == call
    assert body["root"]["name"] == "MainSequence Callback"


def test_what_the_file_does_not_say_comes_from_arguments() -> None:
    rest = (
        '<tr:Personnel><tr:SystemOperator ID="7"/></tr:Personnel>'
        "<tr:UUT><c:SerialNumber>NONE</c:SerialNumber></tr:UUT>"
    )
    data = collection(results(rest=rest, name=""))
    body, messages = converted(data, part_number="P", sequence="Main", version="1.2")
    assert (body["sn"], body["pn"], body["uut"]["user"]) == ("NONE", "P", "7")
    assert body["root"]["seqCall"] == {"path": "", "name": "Main", "version": "1.2"}
    assert [message for message in messages if "part number" in message] == []
    assert any("UNKNOWN is assumed" in message for message in converted(data)[1])


def test_additional_data_of_unit_station_and_batch_is_misc_information() -> None:
    def data(name: str) -> str:
        held = items(Maker=items(Name=datum(name, "c:string")), Empty=datum("", "c:string"))
        attributes = f'<c:Item name="AdditionalData.Attributes">{held}</c:Item>'
        return (
            f'<ts:TSCollection><c:Item name="AdditionalData">{held}</c:Item>{attributes}'
            "</ts:TSCollection>"
        )

    extension = f"<c:Extension>{data('unit')}</c:Extension>"
    station = (
        f"<c:Extension><ts:TSAdditionalData>{data('station')}</ts:TSAdditionalData></c:Extension>"
    )
    batch = (
        f"<ts:TSBatchTable><ts:TSAdditionalData>{data('batch')}</ts:TSAdditionalData>"
        "</ts:TSBatchTable>"
    )
    rest = (
        "<tr:UUT><c:Definition><c:Identification><c:ModelName>M-1</c:ModelName></c:Identification>"
        f"{extension}</c:Definition><c:SerialNumber>S-1</c:SerialNumber></tr:UUT>"
        f"<tr:TestStation><c:Definition>{station}</c:Definition></tr:TestStation>"
    )
    body, _messages = converted(
        collection(f"<trc:Extension>{batch}</trc:Extension>", results(rest=rest))
    )
    assert [[m["description"], m["text"]] for m in body["miscInfos"]] == [
        ["Model", "M-1"],
        *(["Maker.Name", name] for name in ("unit", "station", "batch")),
    ]


@pytest.mark.parametrize(
    ("said", "letter"),
    [
        ('value="Passed"', "P"),
        ('value="Failed" qualifier="Other"', "F"),
        ('value="Done"', "D"),
        ('value="NotStarted"', "S"),
        ('value="Aborted" qualifier="Error"', "E"),
        ('value="Aborted" qualifier="Skipped"', "S"),
        ('value="UserDefined" qualifier="Terminated"', "T"),
        ('value="Aborted"', "T"),
        ('value="UserDefined" qualifier="Custom"', "D"),
        ('value="Inconclusive"', "D"),
    ],
)
def test_the_outcome_of_a_step(said: str, letter: str) -> None:
    (one,), messages = steps(step(outcome=f"<tr:Outcome {said}/>", type_="PassFailTest"))
    measurement = {"D": "P", "E": "F", "T": "F"}.get(letter, letter)
    assert (one["status"], one["booleanMeas"]) == (letter, [{"status": measurement}])
    unknown = "Custom" in said or "Inconclusive" in said
    assert any("has no letter in WATS" in message for message in messages) is unknown


@pytest.mark.parametrize(
    ("said", "result"),
    [
        ('<tr:Outcome value="Passed"/>', "P"),  # though a step failed: the file stands
        ('<tr:Outcome value="UserDefined" qualifier="Custom"/>', "F"),
        ('<tr:Outcome value="NotStarted"/>', "T"),
        ("", "F"),
    ],
)
def test_the_result_is_that_of_the_result_set_else_of_its_steps(said: str, result: str) -> None:
    failed = step(type_="PassFailTest", outcome='<tr:Outcome value="Failed"/>')
    body, _messages = converted(collection(results(failed, result=said)))
    assert body["result"] == result


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x1F", 31),
        ("-0X10", -16),
        ("0b101", 5),
        ("0c17", 15),
        (" 1e-3 ", 0.001),
        ("NaN", "NaN"),
        ("IND", "NaN"),
        ("1.#INF", "Infinity"),
        ("-INF", "-Infinity"),
        ("NegativeInfinity", "-Infinity"),
    ],
)
def test_numbers_as_teststand_writes_them(text: str, value: float | str) -> None:
    assert numeric("", value=text)[0]["value"] == value


def test_a_number_keeps_its_digits() -> None:
    data = collection(results(step(measured("9007199254740993.10"))))
    (encoded,) = convert_bytes(Atml(), data)
    assert b'"value":9007199254740993.10' in encoded.body


NOMINAL = f"<c:Nominal>{datum('100')}</c:Nominal>"
TEN = (limit("GE", "10"), limit("LE", "20"))
ERRORS = f"<c:ErrorLimits>{pair(*TEN)}</c:ErrorLimits>"
EXPECTED = (
    '<c:Expected comparator="EQ"><c:Datum value="100" xsi:type="ts:TS_double">'
    f"{ERRORS}</c:Datum></c:Expected>"
)
RAW = '<ts:ThresholdLow value="1.5"/><ts:ThresholdHigh value="2.5"/>'


@pytest.mark.parametrize(
    ("limits", "more", "operator", "low", "high"),
    [
        (pair(limit("GE", "1"), limit("LE", "9")), "", "GELE", 1, 9),
        (pair(limit("LT", "9"), limit("GT", "1")), "", "GTLT", 1, 9),
        (pair(limit("LT", "1"), limit("GT", "9"), operator='operator="OR"'), "", "LTGT", 1, 9),
        (pair(limit("GE", "9"), limit("LE", "1"), operator='operator="OR"'), "", "LEGE", 1, 9),
        (pair(limit("LT", "1"), limit("GE", "9"), operator=""), "", "LTGE", 1, 9),
        (pair(limit("GE", "-INF"), limit("LE", "9")), "", "LE", 9, None),
        (pair(limit("GE", "1"), limit("LT", "")), "", "GE", 1, None),
        (f'<c:SingleLimit comparator="LE">{datum("9")}</c:SingleLimit>', "", "LE", 9, None),
        (f'<c:SingleLimit comparator="GT">{datum("INF")}</c:SingleLimit>', "", "LOG", None, None),
        (f'<c:Expected comparator="NE">{datum("0x10")}</c:Expected>', "", "NE", 16, None),
        (pair(*TEN, more=NOMINAL), threshold("PERCENTAGE"), "GELE", 90, 120),
        (pair(*TEN, more=NOMINAL), threshold("PPM"), "GELE", 99.999, 100.002),
        (pair(*TEN, more=NOMINAL), threshold("DELTA"), "GELE", 90, 120),
        (pair(*TEN, more=NOMINAL), "", "GELE", 10, 20),
        (pair(*TEN, more=NOMINAL), threshold("OTHER"), "GELE", 10, 20),
        (pair(*TEN), threshold("PERCENTAGE"), "GELE", 10, 20),
        (EXPECTED, threshold("PERCENTAGE"), "GELE", 90, 120),
        (EXPECTED, threshold("PERCENTAGE", RAW), "GELE", 1.5, 2.5),
        (
            pair(limit("GE", "INF"), limit("LE", "20"), more=NOMINAL),
            *(threshold("DELTA"), "LE", 120, None),
        ),
        ("", "", "LOG", None, None),
    ],
)
def test_limits(
    limits: str, more: str, operator: str, low: float | None, high: float | None
) -> None:
    one, messages = numeric(limits, more)
    assert (one["compOp"], one.get("lowLimit"), one.get("highLimit")) == (operator, low, high)
    assert messages == []


@pytest.mark.parametrize(
    ("limits", "message", "operator"),
    [
        (f'<c:SingleLimit comparator="">{datum("9")}</c:SingleLimit>', 'comparison ""', "LOG"),
        (f'<c:SingleLimit comparator="XX">{datum("9")}</c:SingleLimit>', '"XX"', "LOG"),
        (pair(limit("GE", "1")), "1 limits", "LOG"),
        (pair(limit("GE", "1"), limit("GE", "2")), '"GE GE"', "LOG"),
        (pair(limit("GE", "1"), limit("", "2")), 'comparison "GE"', "LOG"),
        ("<c:Mask/>", "limits of the form Mask are not sent", "LOG"),
        (EXPECTED, "error limits without a ThresholdType", "EQ"),
    ],
)
def test_limits_that_wats_has_no_word_for_are_found(
    limits: str, message: str, operator: str
) -> None:
    one, messages = numeric(limits)
    assert (one["compOp"], one["status"]) == (operator, "P")
    assert any(message in found and "(line 3)" in found for found in messages)


@pytest.mark.parametrize("place", ["result", "limits"])
def test_a_comparison_of_type_log_has_no_limits(place: str) -> None:
    log = '<ts:TSLimitProperties><ts:IsComparisonTypeLog value="true"/></ts:TSLimitProperties>'
    if place == "result":
        inner = f"{datum('5')}</tr:TestData><tr:Extension>{log}</tr:Extension>"
        result = f'<tr:TestResult name="Numeric"><tr:TestData>{inner}</tr:TestResult>'
    else:
        result = measured(limits=f"{pair(*TEN)}<c:Extension>{log}</c:Extension>")
    (one,), messages = steps(step(result))
    assert one["numericMeas"] == [{"compOp": "LOG", "status": "P", "value": 5}]
    assert messages == []


@pytest.mark.parametrize(
    ("comparator", "operator", "found"),
    [
        ("EQ", "CASESENSIT", False),
        ("CIEQ", "IGNORECASE", False),
        ("NE", "NE", False),
        ("RegularExpressionCaseSensitive", "LOG", True),
        ("", "LOG", True),
    ],
)
def test_comparisons_of_texts(comparator: str, operator: str, found: bool) -> None:
    expected = f'<c:Expected comparator="{comparator}">{datum("B+", "c:string")}</c:Expected>'
    result = measured("b", expected, name="String", type_="c:string")
    (one,), messages = steps(step(result, type_="StringValueTest"))
    assert one["stringMeas"] == [{"compOp": operator, "status": "P", "value": "b", "limit": "B+"}]
    assert any("for texts; LOG is sent" in message for message in messages) is found


@pytest.mark.parametrize(
    ("type_", "inner", "expected"),
    [
        ("PassFailTest", "", "ET_PFT"),
        ("NumericLimitTest", measured(), "ET_NLT"),
        ("NumericLimitTest", "", "ET_NLT"),
        ("NumericLimitTest", measured() + measured(name="b"), "ET_MNLT"),
        ("NI_MultipleNumericLimitTest", measured(name="a"), "ET_MNLT"),
        ("StringValueTest", measured("a", type_="c:string"), "ET_SVT"),
        ("StringValueTest", measured(), "ET_NLT"),
        ("ET_XMLPFT", "", "ET_XMLPFT"),
        ("ET_MPFT", "", "ET_MPFT"),
        ("WATS_XYGMNLT", measured(), "WATS_XYGMNLT"),
        ("Ours", measured(), "ET_NLT"),
        ("Ours", measured() + measured(name="b"), "ET_MNLT"),
        ("Ours", measured("a", type_="c:string"), "ET_SVT"),
        ("Ours", "", "ET_PFT"),
        ("", "", "ET_PFT"),
        ("Statement", "", "ET_A"),
        ("Goto", "", "Goto"),
        ("NI_Flow_End", "", "NI_Flow_End"),
        ("SequenceCall", "", "SequenceCall"),
        ("WATS_SeqCall", "", "WATS_SeqCall"),
    ],
)
def test_the_type_of_a_test(type_: str, inner: str, expected: str) -> None:
    (one,), messages = steps(step(inner, type_=type_))
    assert one["stepType"] == expected
    assert ("booleanMeas" in one) is (expected in ("ET_PFT", "ET_XMLPFT"))
    assert ("seqCall" in one) is ("Seq" in expected)
    assert messages == []


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        *(("Action", "ET_A"), ("", "ET_A"), ("NI_Wait", "NI_Wait"), ("Ours", "Ours")),
        ("ET_A", "ET_A"),
    ],
)
def test_the_type_of_an_action(type_: str, expected: str) -> None:
    done = '<tr:ActionOutcome value="Done"/>'
    (one,), messages = steps(step(type_=type_, element="SessionAction", outcome=done))
    assert (one["stepType"], one["status"], one.get("booleanMeas")) == (expected, "D", None)
    assert messages == []


def test_the_members_of_a_step() -> None:
    more = (
        "<ts:StepGroup>Cleanup</ts:StepGroup><ts:TotalTime value='0.25'/>"
        "<ts:StepCausedSequenceFailure value='true'/><ts:InteractiveExecutionId value='4'/>"
        "<ts:BlockLevel value='1'/><ts:Index value='1'/><ts:ModuleTime value='1'/>"
        "<ts:LoopingProperties><ts:NumLoops value='3'/><ts:NumPassed value='2'/>"
        "<ts:NumFailed value='1'/><ts:EndingLoopIndex value='3'/></ts:LoopingProperties>"
    )
    one_round = "<ts:LoopingProperties><ts:LoopIndex value='0'/></ts:LoopingProperties>"
    reference = f'name="a" testReferenceID="ID#:x" {TIMES}'
    (first, second), messages = steps(
        step(more=more, attributes=reference, type_="Goto"),
        step(more=f"<ts:StepId>ID#:y</ts:StepId>{one_round}", type_="Goto", attributes=reference),
    )
    assert messages == []
    assert (first["group"], first["totTime"], second["totTime"]) == ("C", 0.25, 2.5)
    assert (first["tsGuid"], second["tsGuid"]) == ("ID#:x", "ID#:y")
    assert (first["causedSeqFailure"], first["interactiveExeNum"]) == (True, 4)
    assert first["loop"] == {"idx": None, "num": 3, "endingIndex": 3, "passed": 2, "failed": 1}
    assert second["loop"]["idx"] == 0
    assert second["loop"]["num"] is None


@pytest.mark.parametrize(
    ("start", "end", "seconds"),
    [
        ("09:00:00.250", "09:00:00.1000", 0.75),
        ("09:00:59.1000", "09:01:00.500", 0.5),
        ("09:00:02", "09:00:01", None),
        ("09:00:00Z", "09:00:01", None),
        ("", "09:00:01", None),
    ],
)
def test_the_time_of_a_step_without_one(start: str, end: str, seconds: float | None) -> None:
    attributes = f'name="a" startDateTime="2026-03-02T{start}" endDateTime="2026-03-02T{end}"'
    (one,), _messages = steps(step(attributes=attributes, type_="Goto"))
    assert one.get("totTime") == seconds


def test_the_last_second_of_time_has_no_next() -> None:
    last = 'startDateTime="9999-12-31T23:59:59.1000" endDateTime="9999-12-31T23:59:59.1000"'
    body, _messages = converted(collection(results(times=last)))
    assert body["start"].startswith("9999-12-31T23:59:59.1000")


def test_what_is_no_measurement_is_an_additional_result() -> None:
    array = (
        '<c:IndexedArray dimensions="[2]" xsi:type="ts:TS_doubleArray"><ts:Element value="1"/>'
        '<ts:Element value="2.5"/></c:IndexedArray>'
    )
    nested = items(n=datum("1", unit="V"), b=datum("true", "c:boolean"), o=items(), none="")
    parameters = (
        f'<tr:Parameters><tr:Parameter name="p"><tr:Data>{datum("1")}</tr:Data></tr:Parameter>'
        "</tr:Parameters>"
    )
    (one, action), messages = steps(
        step(measured() + recorded(nested, "tree") + recorded(array, "array") + parameters),
        step(
            f"<tr:Data>{items(d=datum('x', 'c:string'))}</tr:Data><tr:Data>{datum('7')}</tr:Data>",
            element="SessionAction",
            outcome="",
        ),
    )
    assert messages == []
    by_name = {result["name"]: result["props"] for result in one["additionalResults"]}
    assert by_name == {
        "p": [{"name": "p", "type": "Number", "value": "1"}],
        "tree": [
            {"name": "n", "type": "Number", "value": "1", "comment": "V"},
            {"name": "b", "type": "Boolean", "value": "true"},
            {"name": "o", "type": "Obj", "props": []},
            {"name": "none", "type": "String", "value": ""},
        ],
        "array": [
            {"name": "array", "type": "String", "value": "1;2.5", "comment": "doublearray [2]"}
        ],
    }
    assert [result["name"] for result in action["additionalResults"]] == ["d", "Data"]


def test_texts_answers_and_codes_have_members_of_their_own() -> None:
    escaped = '<c:Datum isEscaped="true"><c:Value>a\\r\nb\\\\c\\d</c:Value></c:Datum>'
    (popup, program, other), messages = steps(
        step(
            recorded(datum("2"), "ButtonHit")
            + recorded(datum("yes", "c:string"), "Response")
            + recorded(escaped, "ReportText")
            + recorded(datum("more", "c:string"), "ReportText"),
            type_="MessagePopup",
        ),
        step(
            f"<tr:Data>{items(ExitCode=datum('-3'))}</tr:Data>",
            type_="CallExecutable",
            element="SessionAction",
        ),
        step(recorded(datum("x", "c:string"), "ExitCode"), type_="CallExecutable"),
    )
    assert messages == []
    assert popup["messagePopup"] == {"button": 2, "response": "yes"}
    assert popup["reportText"] == "a\r\nb\\c\\d\nmore"
    assert program["callExe"] == {"exitCode": -3}
    assert other["additionalResults"][0]["name"] == "ExitCode"


def test_the_error_of_a_step() -> None:
    events = (
        f'<tr:Events><tr:Event ID="Error Code"><tr:Message>Text of the code</tr:Message><tr:Data>'
        f'{datum("-17")}</tr:Data></tr:Event>{{}}<tr:Event ID="Other"/></tr:Events>'
    )
    message = f'<tr:Event ID="Error Message"><tr:Data>{datum("m", "c:string")}</tr:Data></tr:Event>'
    (first, second), messages = steps(step(events.format(message)), step(events.format("")))
    assert (first["errorCode"], first["errorMessage"]) == (-17, "m")
    assert second["errorMessage"] == "Text of the code"
    assert messages == ['the event "Other" of a step is not sent (line 3 and 1 more)']


def test_the_error_of_a_test_is_that_of_its_result_set() -> None:
    message = f'<tr:Event ID="Error Message"><tr:Data>{datum("m", "c:string")}</tr:Data></tr:Event>'
    error = '<tr:Outcome value="Aborted" qualifier="Error"/>'
    body, messages = converted(
        collection(results(result=f"{error}<tr:Events>{message}</tr:Events>")), process_code=10
    )
    assert (body["result"], body["uut"]["errorMessage"]) == ("E", "m")
    assert body["root"]["errorMessage"] == "m"
    assert messages == []


def test_measurements_of_two_kinds_in_one_collection_are_additional_results() -> None:
    name = {"MeasName": datum("a", "c:string")}
    both = items(
        a=items(**name, StringData=datum("x", "c:string")),
        b=items(**name, PassFail=datum("true", "c:boolean")),
    )
    nameless = items(a=items(MeasName=datum("", "c:string"), PassFail=datum("true", "c:boolean")))
    (one, other), messages = steps(
        step(recorded(both, "Measurement"), type_="ET_MSVT"),
        step(recorded(nameless, "Measurement"), type_="ET_MPFT"),
    )
    assert "stringMeas" not in one
    assert one["additionalResults"][0]["name"] == "Measurement"
    assert other["booleanMeas"] == [{"status": "P"}]
    assert len(messages) == 1


def test_a_multiple_step_of_the_wats_add_on() -> None:
    def row(name: str, status: str, **members: str) -> str:
        return items(MeasName=datum(name, "c:string"), Status=datum(status, "c:string"), **members)

    texts = {
        f"m{number}": row(
            f"t{number}",
            "Failed" if comparison == "Equal" else "",
            Comp=datum(comparison, "c:string"),
            StringData=datum("x", "c:string"),
            StringLimit=datum("X", "c:string"),
        )
        for number, comparison in enumerate(("Equal", "LOG", "Ignore Case", "Regular"))
    }
    verdicts = {
        "m0": row("same", "Passed", PassFail=datum("true", "c:boolean")),
        "m1": row("same", "", PassFail=datum("false", "c:boolean")),
    }
    (text, verdict, odd), messages = steps(
        step(recorded(items(**texts), "Measurement"), type_="ET_MSVT"),
        step(recorded(items(**verdicts), "Measurement"), type_="ET_MPFT"),
        step(recorded(items(a=items(b=datum("1"))), "Measurement"), type_="ET_MPFT"),
    )
    assert [(m["name"], m["compOp"], m["status"], m.get("limit")) for m in text["stringMeas"]] == [
        ("t0", "EQ", "F", "X"),
        ("t1", "LOG", "P", None),
        ("t2", "IGNORECASE", "P", "X"),
        ("t3", "LOG", "P", "X"),
    ]
    assert verdict["booleanMeas"] == [
        {"name": "same", "status": "P"},
        {"name": "same #2", "status": "F"},
    ]
    assert odd["additionalResults"][0]["name"] == "Measurement"
    assert [re.sub(r" \(.*", "", message) for message in messages] == [
        'WATS has no comparison "Regular" for texts; LOG is sent',
        "measurements of a step have the same name: the later ones get a number",
    ]


def test_several_measurements_have_names_of_their_own_and_statuses() -> None:
    failed = '<tr:Outcome value="Failed"/>'
    done = '<tr:Outcome value="Done"/>'
    inner = (
        measured(name="a", more=failed)
        + measured(name="a", more=done)
        + measured(name="a #2", limits=pair(limit("GE", "6"), limit("LE", "9")))
        + measured("t", name="text", type_="c:string")
        + measured("", name="nothing")
    )
    (one,), messages = steps(step(inner, outcome=failed))
    assert [(m["name"], m["status"]) for m in one["numericMeas"]] == [
        *(("a", "F"), ("a #2", "P"), ("a #2 #2", "F")),
    ]
    assert [result["name"] for result in one["additionalResults"]] == ["text", "nothing"]
    assert [message.partition(" (")[0] for message in messages[:3]] == [
        "a step has one kind of measurements in WATS, others are sent as additional results",
        "a measurement without a value is not sent",
        "measurements of a step have the same name: the later ones get a number",
    ]


@pytest.mark.parametrize(
    ("said", "status"),
    [("Skipped", "S"), ("Done", "P"), ("Failed", "F"), ("Error", "P")],
)
def test_the_status_of_a_single_measurement_is_that_of_its_step(said: str, status: str) -> None:
    """But an error of the step says nothing of the value: then the limits do."""
    result = measured(limits=pair(limit("GE", "1"), limit("LE", "9")))
    step_ = step(result, outcome=f'<tr:Outcome value="UserDefined" qualifier="{said}"/>')
    assert steps(step_)[0][0]["numericMeas"][0]["status"] == status


def test_what_is_left_out_of_a_file_is_no_error() -> None:
    """Values, limits, names and outcomes that are missing or empty."""
    array = "<c:IndexedArray/></tr:TestData><tr:TestLimits/>"
    single = '<c:SingleLimit comparator="GT"/>'
    found, messages = steps(
        step(measured("", name="") + measured(name="") + measured(limits=single, name="")),
        step(f'<tr:TestResult name="z"><tr:TestData>{array}</tr:TestResult>'),
        step(recorded(items(a=datum("1")), "Measurement"), type_="ET_MPFT"),
        step(type_="PassFailTest", outcome="<tr:Outcome/>"),
        step(type_="NI_Wait", outcome=""),
    )
    first, array_step, listed, verdict, wait = found
    assert [(m["name"], m["compOp"]) for m in first["numericMeas"]] == [
        *(("tr-1", "LOG"), ("tr-1 #2", "LOG")),
    ]
    assert array_step["additionalResults"][0]["props"][0]["value"] == ""
    assert listed["additionalResults"][0]["name"] == "Measurement"
    assert (verdict["status"], verdict["stepType"], wait["status"]) == ("D", "ET_PFT", "D")
    assert "booleanMeas" not in verdict
    assert "limits of what is not a single value are not sent (line 4)" in messages


def test_a_step_with_a_result_gives_its_steps_to_the_sequence_around_it() -> None:
    called = (
        '<tr:TestGroup name="C:\\a.seq#Sub" callerName="calls">'
        f"{step(type_='PassFailTest')}</tr:TestGroup>"
    )
    found, messages = steps(step(measured() + called, element="TestGroup"), step(type_="Goto"))
    assert [(one["name"], one["stepType"]) for one in found] == [
        *(("a", "ET_NLT"), ("calls", "SequenceCall"), ("a", "Goto")),
    ]
    assert found[1]["status"] == "P"
    assert found[1]["seqCall"] == {"path": "C:\\a.seq", "name": "Sub", "version": ""}
    assert messages == [
        "a step with a result has no steps in WATS: those in it stand after it (line 3)"
    ]


def test_a_sequence_has_a_version_and_is_a_sequence_whatever_its_type() -> None:
    version = recorded(datum("1.2", "c:string"), "SeqFileVersion")
    name = """name="x" userDefinedType="SequenceCallStepName = 'it's', bl = '1'" """
    found, messages = steps(
        step(version, type_="WATS_SeqCall", element="TestGroup", attributes=name),
        step(version, type_="NI_Wait", element="TestGroup"),
    )
    assert (found[0]["name"], found[0]["seqCall"]["version"]) == ("it's", "1.2")
    assert (found[1]["stepType"], found[1]["additionalResults"][0]["name"]) == (
        *("SequenceCall", "SeqFileVersion"),
    )
    assert messages == ["the step type NI_Wait of a sequence: SequenceCall is sent (line 4)"]


@pytest.mark.parametrize("frame", [True, False])
def test_in_2_02_the_root_is_the_group_in_the_result_set(frame: bool) -> None:
    group = step(
        step(type_="Goto"), type_="SequenceCall", element="TestGroup", attributes='name="s#Main"'
    )
    name = "C:\\a.seq" if frame else "C:\\a.seq#Main"
    body, _messages = converted(collection(results(group, name=name)))
    root = body["root"]
    assert len(root["steps"]) == 1
    assert (root["steps"][0]["stepType"] == "Goto") is frame
    assert root["seqCall"]["path"] == ("s" if frame else "C:\\a.seq")


def test_what_has_no_place_is_found_once_however_often_it_comes() -> None:
    odd = step("<tr:Description/>", type_="Goto", more="<ts:Server/><ts:StepGroup>X</ts:StepGroup>")
    nameless = step(type_="Goto", attributes="")
    foreign = step("<tr:Extension><ts:Other/></tr:Extension>", type_="Goto")
    rest = (
        UUT.replace(PART_NUMBER, PART_NUMBER * 2)
        + "<tr:Site/><tr:Extension><ts:TSResultSetProperties><ts:TSRData/>"
        "</ts:TSResultSetProperties></tr:Extension><tr:TestProgram/>"
    )
    data = collection(results("\n".join((odd, odd, nameless, foreign)), rest=rest))
    assert sorted(converted(data, process_code=10)[1]) == [
        "Description of a step has no place in WATS and is not sent (line 3 and 1 more)",
        "Server of a step has no place in WATS and is not sent (line 3 and 1 more)",
        "Site of TestResults has no place in WATS and is not sent (line 7)",
        "TSRData of TestResults has no place in WATS and is not sent (line 7)",
        "a step without a name: its type is sent (line 5)",
        "the extension Other of a step is not sent (line 6)",
        "the second identification number of the unit and further ones are not sent (line 7)",
        'the step group "X" is unknown; Main is sent (line 3 and 1 more)',
    ]


def test_of_many_kinds_of_findings_the_rest_is_counted() -> None:
    odd = "".join(f"<tr:X{number}/>" for number in range(130))
    messages = steps(step(odd, type_="Goto"))[1]
    assert len(messages) == 51
    assert messages[-1] == "80 more of other kinds"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<Q/>", 'the root element "Q" is not TestResultsCollection (line 1)'),
        (b"<Test/>", 'the root element "Test" is not TestResultsCollection (line 1)'),
        (collection(), "no TestResults in the file (line 1)"),
        (collection("<Test/>"), "Test outside of TestResults (line 2)"),
        (collection("<TestResults><Test/></TestResults>"), "Test in TestResults (line 2)"),
        (collection(results(results())), "TestResults in ResultSet (line 3)"),
        (collection(results(rest="<ResultSet/>")), "ResultSet in TestResults (line 4)"),
        (collection(results(rest="")), "TestResults 1 (line 2) has no serial number"),
        (
            collection(results(), results(times="")),
            "TestResults 2 (line 5) has no start time",
        ),
        (collection(results(times='startDateTime="today"')), 'startDateTime "today" is no time'),
        (
            collection(results(uuid='uuid="7"')),
            'TestResults 1 (line 2): the uuid "7" is not a UUID',
        ),
        (collection(results(step(measured("1V")))), 'the value "1V" is not a number (line 3)'),
        (
            collection(results(step(measured("1", pair(limit("GE", "x"), limit("LE", "2")))))),
            'the limit "x" is not a number (line 3)',
        ),
        (collection(results())[:-30], "XML ends in the middle"),
    ],
)
def test_a_refusal_says_where(data: bytes, why: str) -> None:
    assert why in refusal(data)


def test_limits_that_no_double_holds_are_refused() -> None:
    huge = pair(limit("GE", "1e300"), limit("LE", "1"))
    far = huge.replace("</c:LimitPair>", f"<c:Nominal>{datum('1e300')}</c:Nominal></c:LimitPair>")
    data = collection(results(step(measured(limits=far, more=threshold("PERCENTAGE")))))
    assert refusal(data) == "the limits around this nominal value are too large (line 3)"


@pytest.mark.parametrize(
    ("depth", "fits"), [(MAX_NESTED_STEPS, True), (MAX_NESTED_STEPS + 1, False)]
)
def test_steps_nest_as_deep_as_a_report_can(depth: int, fits: bool) -> None:
    nested = '<TestGroup name="g">' * depth + "</TestGroup>" * depth
    if fits:
        assert len(steps(nested)[0]) == 1
    else:
        assert refusal(collection(results(nested))) == (
            f"steps nested deeper than {MAX_NESTED_STEPS} levels (line 3)"
        )


def test_a_stylesheet_with_a_colon_and_bytes_of_windows_are_read() -> None:
    head = b'<?xml version="1.0" encoding="iso-8859-1"?><?xml:stylesheet href="a"?>'
    named = step(type_="Goto", attributes='name="5 ??"').encode().replace(b"??", b"\xb5A \x96")
    data = collection(results("STEP")).replace(b"STEP", named)
    body, _messages = converted(head + data)
    assert body["root"]["steps"][0]["name"] == "5 \N{MICRO SIGN}A \N{EN DASH}"


@pytest.mark.parametrize(
    ("head", "sure"),
    [
        (collection(), 0.95),
        (
            b"<!-- <a/> --><tr:TestResults xmlns:tr='http://www.ieee.org/ATML/2007/TestResults'>",
            0.95,
        ),
        (collection().decode().encode("utf-16"), 0.95),
        (b"<TestResults>", 0.3),
        (b"<Reports><TestResults xmlns='urn:IEEE-1636.1:2013:TestResults'/>", 0.0),
        (b"{}", 0.0),
        (b"", 0.0),
    ],
)
def test_detect(head: bytes, sure: float) -> None:
    assert Atml().detect(Source.from_bytes(head)) == pytest.approx(sure)


def stream(data: bytes) -> Iterable[Report]:
    arguments = {key: one.default for key, one in Atml.arguments.items()}
    context = Context(arguments, Station(), logging.getLogger("test"), Path())
    return Atml().convert(Source.from_bytes(data), context)


def test_a_report_leaves_as_soon_as_it_is_whole() -> None:
    padding = f"<!--{' ' * 200_000}-->"
    reports = iter(stream(collection(results(), padding, results(step(measured("x"))))))
    assert next(reports).findings
    with pytest.raises(Reject, match="is not a number"):
        next(reports)


def test_no_more_than_one_report_is_in_memory() -> None:
    many = collection(*[results(step(measured()) * 20)] * 300)
    assert len(many) > 2_000_000
    count = 0
    tracemalloc.start()
    try:
        for _report in stream(many):
            count += 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 300
    assert peak < 2_000_000


NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="#"),
    min_size=1,
    max_size=5,
)
TREES = st.recursive(
    st.tuples(NAMES, st.sampled_from(["Goto", "PassFailTest", "NI_Wait"])),
    lambda inner: st.tuples(NAMES, st.lists(inner, max_size=4)),
    max_leaves=20,
)


def written(tree: Any) -> str:
    name, inner = tree
    attributes = f"name={quoteattr(name)}"
    if isinstance(inner, str):
        return step(type_=inner, attributes=attributes)
    return f"<tr:TestGroup {attributes}>{''.join(map(written, inner))}</tr:TestGroup>"


def read(one: dict[str, Any]) -> Any:
    if "seqCall" in one:
        return one["name"], [read(child) for child in one["steps"]]
    types = {"ET_PFT": "PassFailTest"}
    return one["name"], types.get(one["stepType"], one["stepType"])


@given(st.lists(TREES, max_size=4))
def test_any_tree_of_steps_comes_out_as_it_is(trees: list[Any]) -> None:
    assert [read(one) for one in steps(*map(written, trees))[0]] == trees
