"""Keysight's TestExec SL: samples, and what they do not show."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.converters.api import Reject, Source
from pywats_trio.converters.standard.keysight_testexec import names
from pywats_trio.converters.standard.keysight_testexec.converter import KeysightTestexecSl
from pywats_trio.reports.model import InvalidReport, Station
from tests import samples
from tests.samples import OURS, REAL, Sample, convert_bytes, disagreements, outcome

SAMPLES = [*samples.samples("keysight-testexec-sl")]
START = "<StartTime>2026-03-02 09:10:00.5</StartTime>"


def unit(
    tests: str = "", *, header: str = START, uut: str = "", summary: str = "", more: str = ""
) -> bytes:
    return (
        f"<TestResults><Header>{header}</Header><UUT><SN>S-1</SN>{uut}</UUT>"
        f"<TestSequence>{tests}</TestSequence><Summary>{summary}</Summary>{more}</TestResults>"
    ).encode()


def converted(data: bytes, **arguments: Any) -> dict[str, Any]:
    (encoded,) = convert_bytes(KeysightTestexecSl(), data, arguments=arguments)
    body: dict[str, Any] = json.loads(encoded.body)
    return body


def step(test: str, **arguments: Any) -> dict[str, Any]:
    (found,) = converted(unit(test), **arguments)["root"]["steps"]
    assert isinstance(found, dict)
    return found


def findings(data: bytes) -> list[str]:
    (encoded,) = convert_bytes(KeysightTestexecSl(), data)
    return [finding.message for finding in encoded.findings]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_ends_as_expected(sample: Sample) -> None:
    result = outcome(KeysightTestexecSl(), sample)
    assert not isinstance(result, Reject)
    assert disagreements(result, sample.expected) == []
    assert KeysightTestexecSl().detect(sample.source(KeysightTestexecSl())) >= 0.9


def test_the_header_is_in_the_report() -> None:
    data = unit(
        header=f"{START}<EndTime>2026-03-02T09:11:00</EndTime><Sequence_Name>FT</Sequence_Name>"
        "<VERSION>4</VERSION><Technician>op</Technician><Site>Hall 1</Site><Shift>B</Shift>",
        uut="<Model>PN</Model><HWRevision>B</HWRevision><Lot>L-7</Lot>",
        summary="<PassedTests>3</PassedTests><FailCount>1</FailCount><TotalTests>4</TotalTests>",
    )
    body = converted(data, timezone="Europe/Oslo", process_code=30)
    assert (body["sn"], body["pn"], body["rev"], body["processCode"]) == ("S-1", "PN", "B", 30)
    assert body["start"] == "2026-03-02T09:10:00.500000+01:00"
    assert body["location"] == "Hall 1"
    assert body["uut"] == {"user": "op", "execTime": 59.5, "batchSN": "L-7"}
    assert body["root"]["seqCall"] == {"path": "", "name": "FT", "version": "4"}
    assert [[m["description"], m["text"]] for m in body["miscInfos"]] == [
        *(["Total tests", "4"], ["Passed tests", "3"], ["Failed tests", "1"], ["Shift", "B"]),
    ]


NAMES = {
    "sn": names.SERIAL_NUMBER,
    "pn": names.PART_NUMBER,
    "rev": names.REVISION,
}


@pytest.mark.parametrize(("key", "name"), [(k, n) for k, known in NAMES.items() for n in known])
@pytest.mark.parametrize("form", ["child", "attribute"])
def test_each_name_is_known_as_child_and_as_attribute(key: str, name: str, form: str) -> None:
    own = "" if key == "sn" else "<SerialNumber>S</SerialNumber>"
    attribute, child = (
        (f"{name.upper()}='x'", "") if form == "attribute" else ("", f"<{name}>x</{name}>")
    )
    dut = f"<DUT {attribute}>{child}{own}</DUT>"
    data = f"<Results><Header start='2026-03-02T09:10:00'/>{dut}</Results>"
    assert converted(data.encode())[key] == "x"


def test_the_first_name_counts_and_the_others_are_misc_infos() -> None:
    body = converted(unit(uut='<Part>B</Part><PartNumber Kind="x">A</PartNumber>'))
    assert body["pn"] == "A"
    assert [[m["description"], m["text"]] for m in body["miscInfos"]] == [
        ["Part", "B"],
        ["Kind", "x"],
    ]


def test_all_may_stand_in_the_root() -> None:
    data = (
        b'<TestExecSL Serial="S" PN="P" Start="2026-03-02T09:10:00" Result="fail" Version="2">'
        b'<Test Name="a" Result="pass"/>'
        b'<TestGroup Title="g"><Test Name="b" Result="1"/></TestGroup></TestExecSL>'
    )
    body = converted(data)
    assert (body["sn"], body["pn"], body["rev"], body["result"]) == ("S", "P", "", "F")
    assert body["root"]["seqCall"]["version"] == "2"
    assert [one["name"] for one in body["root"]["steps"]] == ["a", "g"]


def test_several_units_give_a_report_each() -> None:
    one = unit('<Test name="t" status="pass"/>').decode()
    data = f"<Results>{one}{one.replace('S-1', 'S-2')}</Results>".encode()
    bodies = [json.loads(r.body) for r in convert_bytes(KeysightTestexecSl(), data)]
    assert [(b["sn"], len(b["root"]["steps"])) for b in bodies] == [("S-1", 1), ("S-2", 1)]
    assert KeysightTestexecSl().detect(Source.from_bytes(data)) >= 0.9


@pytest.mark.parametrize(
    ("configured", "argument", "location"),
    [("", "", "Production"), ("Oslo", "", "Oslo"), ("Oslo", "Lab", "Lab")],
)
def test_a_location_is_there_even_if_nobody_names_one(
    configured: str, argument: str, location: str
) -> None:
    station = Station(location=configured)
    (encoded,) = convert_bytes(
        KeysightTestexecSl(), unit(), arguments={"location": argument}, station=station
    )
    assert json.loads(encoded.body)["location"] == location


@pytest.mark.parametrize(
    ("header", "summary", "start", "seconds"),
    [
        (START, "<Duration>7.5</Duration>", "09:10:00", 7.5),
        (f"{START}<End>2026-03-02T09:10:03</End>", "", "09:10:00", 2.5),
        (f"{START}<End>2026-03-02T09:10:03</End>", "<Duration>soon</Duration>", "09:10:00", 2.5),
        (f"{START}<End>2026-03-02T09:09:03</End>", "", "09:10:00", None),
        ("<End>2026-03-02T09:10:03</End>", "<TestTime>3</TestTime>", "09:10:00", 3),
    ],
)
def test_start_and_duration_follow_from_each_other_and_the_end(
    header: str, summary: str, start: str, seconds: float | None
) -> None:
    body = converted(unit(header=header, summary=summary))
    assert body["start"][11:19] == start
    assert body["uut"].get("execTime") == seconds


def test_times_may_have_another_form() -> None:
    data = unit(header="<Start>02/03/2026 09:10:00</Start>")
    assert converted(data, date_format="%d/%m/%Y %H:%M:%S")["start"][:10] == "2026-03-02"


@pytest.mark.parametrize(
    ("summary", "result"),
    [
        *(("<Status>Pass</Status>", "P"), ("<Result>FAILED</Result>", "F")),
        *(("<FinalResult>Aborted</FinalResult>", "T"), ("<Outcome>Error</Outcome>", "E")),
        *(("", "F"), ("<Status>Done</Status>", "F"), ("<Status>Failed: 3 of 4</Status>", "F")),
        *(("<Status>true</Status>", "P"), ("<Status>1</Status>", "P"), ("<Status>0</Status>", "F")),
    ],
)
def test_the_result_is_that_of_the_summary_else_of_the_tests(summary: str, result: str) -> None:
    assert converted(unit('<Test name="t" status="f"/>', summary=summary))["result"] == result


@pytest.mark.parametrize(
    ("limits", "operator", "low", "status"),
    [
        ("<LL>1</LL><UL>9</UL>", "GELE", 1, "P"),
        ("<Min>1</Min>", "GE", 1, "P"),
        ("<Max>4</Max>", "LE", 4, "F"),
        ("<LowLimit>N/A</LowLimit><HighLimit>-</HighLimit>", "LOG", None, "P"),
        ("<LowLimit>-INF</LowLimit><HighLimit>9</HighLimit>", "LE", 9, "P"),
    ],
)
@pytest.mark.parametrize("holder", ["Measurement", "Data", ""])
def test_a_value_is_judged_by_its_limits(
    limits: str, operator: str, low: float | None, status: str, holder: str
) -> None:
    value = f"<Value Unit='V'>5.00</Value>{limits}"
    inner = f"<{holder}>{value}</{holder}>" if holder else value
    found = step(f'<Test name="t">{inner}</Test>')
    (measured,) = found["numericMeas"]
    assert (found["stepType"], found["status"], measured["status"]) == ("ET_NLT", status, status)
    assert (measured["compOp"], measured.get("lowLimit"), measured["unit"]) == (operator, low, "V")


def test_the_status_of_a_measurement_stands() -> None:
    found = step('<Test name="t"><Measurement Value="5" Max="4" Status="pass"/></Test>')
    assert (found["status"], found["numericMeas"][0]["status"]) == ("P", "P")


@pytest.mark.parametrize(
    ("word", "status", "measured"),
    [
        *(("pass", "P", "P"), ("fail", "F", "F"), ("skipped", "S", "S")),
        *(("error", "E", "F"), ("aborted", "T", "F"), ("done", "D", "F")),
    ],
)
def test_the_verdict_of_a_test_stands_for_its_only_measurement(
    word: str, status: str, measured: str
) -> None:
    found = step(f'<Test name="t" status="{word}"><Measurement Value="5" Max="4"/></Test>')
    assert (found["status"], found["numericMeas"][0]["status"]) == (status, measured)


def test_several_measurements_are_judged_by_their_own_limits() -> None:
    found = step(
        '<Test name="t" status="fail"><Measurement Name="a" Value="5" Max="4"/>'
        '<Measurement Name="b" Value="5" Max="6"/></Test>'
    )
    assert [m["status"] for m in found["numericMeas"]] == ["F", "P"]


def test_a_name_that_comes_twice_in_a_test_gets_a_number() -> None:
    test = '<Test name="t">{}</Test>'.format('<Measurement Name="a">1</Measurement>' * 3)
    assert [m["name"] for m in step(test)["numericMeas"]] == ["a", "a #2", "a #3"]
    said = 'Test (line 1): names come again ("a"): the later ones get a number'
    assert said in findings(unit(test))


def test_several_measurements_are_one_step_and_each_has_a_name() -> None:
    found = step(
        '<Step StepName="t" Duration="0.5" Note="warm"><Measurements>'
        '<Measurement Name="a">1</Measurement><Measurement Value="2" Probe="7"/>'
        "</Measurements></Step>"
    )
    assert [(m["name"], m["value"]) for m in found["numericMeas"]] == [("a", 1), ("2", 2)]
    assert (found["stepType"], found["totTime"]) == ("ET_MNLT", 0.5)
    assert found["reportText"] == "Probe: 7\nNote: warm"


def test_the_name_of_a_single_measurement_is_in_the_text() -> None:
    test = '<Test {}status="pass"><Measurement><Name>I</Name><Value>1</Value></Measurement></Test>'
    assert step(test.format('name="t" '))["reportText"] == "Measurement: I"
    assert step(test.format(""))["name"] == "I"


@pytest.mark.parametrize(
    ("test", "kind", "status"),
    [
        ('<Test name="t" status="pass"/>', "ET_PFT", "P"),
        ('<Test name="t" result="NG"/>', "ET_PFT", "F"),
        ('<Test name="t" outcome="Not Run"/>', "ET_PFT", "S"),
        ('<Test name="t" outcome="NotTested"/>', "ET_PFT", "S"),
        ('<Test name="t" status="exception"/>', "ET_PFT", "E"),
        ('<Test name="t" status="done"/>', "Action", "D"),
        ('<Test name="t"/>', "Action", "D"),
        ('<Test name="t" status="odd"/>', "Action", "D"),
        ('<Test name="t" status="pass" result="5.0"/>', "ET_NLT", "P"),
        ('<Test name="t">OK</Test>', "ET_PFT", "P"),
        ('<Test name="t"><Measurement><Outcome>fail</Outcome></Measurement></Test>', "ET_PFT", "F"),
        ('<Test name="t" status="pass"><Data>A7</Data></Test>', "ET_SVT", "P"),
        ('<Measurement Name="t" Value="3"/>', "ET_NLT", "P"),
    ],
)
def test_a_test_is_what_it_holds(test: str, kind: str, status: str) -> None:
    found = step(test)
    assert (found["name"], found["stepType"], found["status"]) == ("t", kind, status)


def test_values_of_several_kinds_are_steps_of_a_sequence() -> None:
    found = step(
        '<Test name="t" status="pass" Note="n"><Measurement Name="a" Value="1"/>'
        '<Measurement Value="x"/><Test name="in" status="pass"/>'
        '<Group name="g"><Test name="deep" status="pass"/></Group></Test>'
    )
    assert (found["stepType"], found["reportText"]) == ("SequenceCall", "Note: n")
    assert [(s["name"], s["stepType"]) for s in found["steps"]] == [
        *(("a", "ET_NLT"), ("t 2", "ET_SVT"), ("in", "ET_PFT"), ("g", "SequenceCall")),
    ]


def test_a_group_has_its_own_status_and_text() -> None:
    found = step(
        '<TestGroup GroupName="g" Status="fail" TestTime="2"><Hint>look</Hint>'
        '<Sequence name="s"><Test name="t" status="pass"/></Sequence></TestGroup>'
    )
    assert (found["name"], found["status"], found["totTime"]) == ("g", "F", 2)
    assert found["reportText"] == "Hint: look"
    assert [s["name"] for s in found["steps"]] == ["s"]


def test_a_test_that_is_only_a_text_is_no_value_of_what_it_is_in() -> None:
    body = converted(
        unit('<Group name="g"><Test name="t">OK</Test></Group><Test name="u">5</Test>')
    )
    assert body["miscInfos"] == []
    assert ["reportText" in one for one in body["root"]["steps"]] == [False, False]


def test_what_the_root_and_the_sequence_say_beside_is_misc_infos() -> None:
    data = unit("<Plan>P7</Plan>").replace(b"<TestResults>", b'<TestResults Line="3">')
    infos = converted(data)["miscInfos"]
    assert [[m["description"], m["text"]] for m in infos] == [["Line", "3"], ["Plan", "P7"]]


def test_a_long_text_is_cut_and_whole_in_the_text_of_its_step() -> None:
    found = step(f'<Test name="t" status="pass"><Value>{"x" * 150}</Value></Test>')
    assert len(found["stringMeas"][0]["value"]) == 100
    assert found["reportText"] == "x" * 150


def test_a_measurement_without_a_value_leaves_its_words() -> None:
    test = '<Test name="t" status="skip"><Measurement Name="I" Max="4" Probe="7"/></Test>'
    found = step(test)
    assert (found["stepType"], found["status"]) == ("ET_PFT", "S")
    assert found["reportText"] == "I: no value\nProbe: 7"
    said = (
        'Measurement of "t" (line 1) has no number as its value: its limits and unit are not sent'
    )
    assert said in findings(unit(test))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (unit("<Test status='pass'/>"), "Test (line 1) has no name: it is called Test"),
        (unit("<Test name='t'/>"), "Test (line 1) has neither a value nor a status: it is done"),
        (unit("<Test name='t' status='odd'>1</Test>"), '"odd" is unknown and is not sent'),
        (unit("<Test name='t' status='pass'>1,5</Test>"), '"1,5" is sent as a text; set the arg'),
        (unit("<Group name='t' status='odd'/>"), '"odd" is unknown and is not sent'),
        (unit("<Test name='t'><Measurement Status='odd'>1</Measurement></Test>"), '"odd" is unkn'),
        (unit("<Test name='t' Duration='-1'>1</Test>"), 'the duration "-1" is no number of'),
        (unit("<Loop><A>1</A></Loop>"), "Loop (line 1) is unknown and is not sent"),
        (unit(more="<Log><A>1</A></Log>"), "Log (line 1) is unknown and is not sent"),
        (unit(header=f"{START}<X><Y/></X>"), "X (line 1) is unknown and is not sent"),
        (unit(summary="<Status>Skipped</Status>"), 'the result "Skipped" is none in WATS'),
        (
            unit(header="<End>2026-03-02T09:10:03</End>", summary="<Duration>3</Duration>"),
            "no start",
        ),
    ],
)
def test_what_is_assumed_or_lost_is_found(data: bytes, message: str) -> None:
    assert any(message in found for found in findings(data)), findings(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<Other/>", 'the root element "Other" is not that of a TestExec SL file (line 1)'),
        (
            b"<TestResults xmlns='urn:IEEE-1636.1:2013:TestResults'/>",
            "is not that of a TestExec SL",
        ),
        (unit().replace(b"S-1", b""), "TestResults (line 1) has no serial number"),
        (unit(header=""), "TestResults (line 1) has no start time"),
        (
            unit(header="<End>0001-01-01T00:00:00</End>", summary="<Duration>9</Duration>"),
            "no start",
        ),
        (unit(header="<Start>yesterday</Start>"), 'start "yesterday" is no time, ISO 8601'),
        (unit(summary="<Status>great</Status>"), 'the result "great" of TestResults is none'),
        (unit(more="<UUT><SN>S-2</SN></UUT>"), "a second UUT in one TestResults (line 1)"),
        (
            unit("<Test name='t'><Measurement Max='4V'>1</Measurement></Test>"),
            'Measurement of "t" (line 1): high limit "4V" is not a number',
        ),
        (
            unit("<Test name='t' status='pass' Unit='V'>1,5</Test>"),
            'Test "t" (line 1): value "1,5" is not a number',
        ),
        (
            unit("<Test name='t'><Measurement Max='4'>open</Measurement></Test>"),
            'the value "open" is not a number, and no status says whether it is good',
        ),
    ],
)
def test_a_refusal_says_where(data: bytes, why: str) -> None:
    with pytest.raises(Reject) as raised:
        convert_bytes(KeysightTestexecSl(), data)
    assert why in raised.value.why


@pytest.mark.parametrize(("depth", "taken"), [(99, True), (100, False)])
@pytest.mark.parametrize("tag", ["Group", "Test"])
def test_the_limit_of_nested_groups_is_kept_to_the_letter(
    tag: str, depth: int, taken: bool
) -> None:
    inner = "<Test name='t' status='p'/>"
    data = unit(f"<{tag} name='g'>" * depth + inner + f"</{tag}>" * depth)
    if taken:
        converted(data)
    else:
        with pytest.raises(Reject, match="more than 99 groups of tests in each other"):
            converted(data)


def test_a_number_with_the_other_mark_is_refused_with_a_way_out() -> None:
    for limit in ("Max='4,5'", "Unit='V'"):
        with pytest.raises(Reject) as raised:
            converted(unit(f"<Test name='t' status='pass' {limit}>1,5</Test>"))
        assert "argument decimal" in raised.value.hint


def test_numbers_keep_their_digits_and_may_have_a_comma() -> None:
    (encoded,) = convert_bytes(KeysightTestexecSl(), unit("<Test name='t'>5.020</Test>"))
    assert b'"value":5.020' in encoded.body
    found = step("<Test name='t' Max='5,5'>5,25</Test>", decimal=",")
    assert (found["numericMeas"][0]["value"], found["status"]) == (5.25, "P")


@pytest.mark.parametrize(
    ("data", "sure"),
    [
        (unit("<Test/>"), 0.95),
        (b"<Results><UUT a='1'/><Tests><Test/>", 0.7),
        (b"<TestResults><Header a='1'/>", 0.45),
        (b"<TestResults xmlns='urn:IEEE-1636.1:2013:TestResults'><UUT a='1'/>", 0.0),
        (b"<TestResults xmlns='http://www.ieee.org/ATML/2007/TestResults'><UUT a='1'/>", 0.0),
        (b"<Report><Header/><UUT/></Report>", 0.0),
        (b"no XML", 0.0),
        (b"", 0.0),
    ],
)
def test_it_is_as_sure_as_the_file_is_clear(data: bytes, sure: float) -> None:
    assert KeysightTestexecSl().detect(Source.from_bytes(data)) == pytest.approx(sure)


@pytest.mark.skipif(not REAL, reason=samples.REAL_MISSING)
def test_no_file_of_another_format_is_claimed() -> None:
    for path in Path(REAL).rglob("*"):
        if path.is_file() and path.parent.name != "keysight-testexec-sl":
            assert KeysightTestexecSl().detect(Source.from_bytes(path.read_bytes())) < 0.5, path


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co", "Z"]), min_size=1)


@given(st.lists(st.tuples(TEXT, st.floats(allow_nan=False, allow_infinity=False)), min_size=2))
def test_no_measurement_is_lost(measurements: list[tuple[str, float]]) -> None:
    inner = "".join(
        f"<Measurement><Name>{escape(name)}</Name><Value>{value!r}</Value></Measurement>"
        for name, value in measurements
    )
    found = step(f"<Test name='t'>{inner}</Test>")
    assert [m["value"] for m in found["numericMeas"]] == [value for _name, value in measurements]
    names = [m["name"] for m in found["numericMeas"]]
    assert len(set(names)) == len(names)
    if len({name for name, _value in measurements}) == len(names):
        assert names == [name for name, _value in measurements]


SOUND = (OURS / "keysight-testexec-sl" / "failed.xml").read_bytes()


@given(st.integers(0, len(SOUND)), st.integers(0, 30), st.binary(max_size=6))
def test_a_damaged_file_is_converted_or_rejected(at: int, cut: int, added: bytes) -> None:
    data = SOUND[:at] + added + SOUND[at + cut :]
    assert 0.0 <= KeysightTestexecSl().detect(Source.from_bytes(data)) <= 1.0
    with suppress(Reject, InvalidReport):
        convert_bytes(KeysightTestexecSl(), data)
