"""TestStand's XML: samples, and what they do not show."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.converters.api import Reject, Source
from pywats_trio.converters.standard.teststand.converter import TeststandXml
from pywats_trio.converters.standard.teststand.mending import mended
from tests import samples
from tests.converters.readings import teststand as reading
from tests.samples import OURS, REAL, Sample, convert_bytes, disagreements, outcome

SAMPLES = [*samples.samples("teststand-xml")]
FILES = [
    *(sample.path for sample in SAMPLES if not sample.refused),
    *(sorted(Path(REAL).glob("other/teststand-*.xml")) if REAL else []),
]
UNIT: Final = {"SerialNumber": "S-1", "PartNumber": "P-1", "UUTOperationType": 30}
WHEN: Final = {
    "StartDate": {"Year": 2026, "Month": 3, "MonthDay": 4},
    "StartTime": {"Hours": 9, "Minutes": 15, "Seconds": 2, "Milliseconds": 250},
}


def prop(name: str, value: object, kind: str = "") -> str:
    """A property: of a mapping an object, of a list an array, else a value."""
    if isinstance(value, dict):
        inner = "".join(prop(key, one) for key, one in value.items())
        return f"<Prop Name='{name}' Type='{kind or 'Obj'}'>{inner}</Prop>"
    if isinstance(value, list):
        inner = "".join(f"<Value ID='[{i}]'>{one}</Value>" for i, one in enumerate(value))
        return f"<Prop Name='{name}' Type='Array' ElementType='Obj'>{inner}</Prop>"
    return f"<Prop Name='{name}' Type='String'><Value>{escape(str(value))}</Value></Prop>"


def obj(**members: object) -> str:
    return prop("", members)


def result(name: str = "step", kind: str = "", ts: Any = None, **members: Any) -> str:
    """A step result; `Status` is Passed where none is given."""
    standard = {"StepName": name, "StepType": kind, **(ts or {})}
    return prop("", {"Status": "Passed", **members, "TS": standard}, "TEResult")


def call(*results: str, **more: object) -> dict[str, object]:
    return {"ResultList": [*results], "Sequence": "Main", **more}


def report(
    *results: str, unit: Any = None, more: str = "", attributes: str = "", **top: Any
) -> str:
    """A plain report of these step results."""
    properties = {"UUT": {**UNIT, **(unit or {})}, **WHEN, **top}
    inner = "".join(prop(name, value) for name, value in properties.items())
    main = result("Root", "SequenceCall", {"SequenceCall": call(*results)}, Status="")
    return f"<Report Type='UUT' {attributes}>{inner}{main}{more}</Report>"


def file(*reports: str) -> bytes:
    return f"<Reports>{''.join(reports)}</Reports>".encode()


def addon(*results: str, infos: str = "", unit: Any = None) -> bytes:
    """A report of the WATS add-on."""
    given = 'Start="2026-03-05T07:30:15.1250000+01:00" EngineStarted="2026-03-05T06:28:14.5Z"'
    pairs = [pair.split("=") for pair in f"{given} {infos}".replace('"', "").split()]
    head = "".join(f'<ReportInfo key="{key}" value="{value}"/>' for key, value in pairs)
    main = result("Root", "SequenceCall", {"SequenceCall": call(*results)})
    named = main.replace("<Prop Name=''", "<Prop Name='MainSequenceResults'", 1)
    return f"<TSReport>{head}{prop('UUT', unit or UNIT)}{named}</TSReport>".encode()


def converted(data: bytes, **arguments: Any) -> tuple[dict[str, Any], list[str]]:
    """The only report and what was found."""
    (encoded,) = convert_bytes(TeststandXml(), data, arguments=arguments)
    return json.loads(encoded.body), [finding.message for finding in encoded.findings]


def only(*results: str, **more: Any) -> tuple[dict[str, Any], list[str]]:
    """The first step of a report of these."""
    body, found = converted(file(report(*results, **more)))
    return body["root"]["steps"][0], found


def numeric(**members: Any) -> tuple[dict[str, Any], list[str]]:
    members.setdefault("Numeric", 5)
    step, found = only(result(kind="NumericLimitTest", **members))
    return step["numericMeas"][0], found


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_ends_as_expected(sample: Sample) -> None:
    ended = outcome(TeststandXml(), sample)
    if isinstance(ended, Reject):
        assert sample.refused, ended.why
        assert ended.why == "Report (line 4) has no serial number"
    else:
        assert disagreements(ended, sample.expected) == []
        assert TeststandXml().detect(sample.source(TeststandXml())) >= 0.9


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_second_reading_finds_the_same(path: Path) -> None:
    data = path.read_bytes()
    reports = [json.loads(encoded.body) for encoded in convert_bytes(TeststandXml(), data)]
    assert disagreements(reports, reading.facts(data)) == []


@pytest.mark.parametrize(
    ("data", "sure"),
    [
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<TSReport>\n<ReportInfo key="ID"/>', 0.95),
        (b"<!-- a --><Reports>\n<Report Type='UUT'>\n<Prop Name='UUT'>", 0.95),
        ("<?xml version='1.0'?><Reports><Report Type='UUT'><Prop >".encode("utf-16"), 0.95),
        (b"<Reports xmlns='urn:wats'><Report Type='UUT'><Prop >", 0),
        (b"<Reports><Report type='UUT' SN='1' PN='2'><Prop >", 0),
        (b"<Reports><Report Type='UUT'><Step Name='a'/>", 0),
        (b"<x><Reports><Report Type='UUT'><Prop ></x>", 0),
        (b"<Reports/>", 0),
        (b"SN;PN", 0),
    ],
)
def test_it_knows_its_files_by_their_content(data: bytes, sure: float) -> None:
    assert TeststandXml().detect(Source.from_bytes(data)) == sure


def test_no_sample_of_another_format_is_claimed() -> None:
    for path in OURS.rglob("*.*"):
        if "teststand" not in str(path) and path.is_file():
            assert TeststandXml().detect(Source.from_bytes(path.read_bytes())) == 0, path


def test_a_malformed_stylesheet_is_no_obstacle_wherever_it_stands() -> None:
    plain = file(report(result()))
    declaration = b"<?xml version='1.0' encoding='iso-8859-1'?>"
    sheet = b"<?xml:stylesheet type='text/xsl' href='C:\\x.xsl'?>\n"
    expected, _ = converted(declaration + b"\n" + plain)
    for data in (sheet + plain, declaration + sheet + plain, b"\n" + sheet + declaration + plain):
        assert converted(data)[0]["root"] == expected["root"]


def test_a_file_that_declares_latin_1_may_hold_what_windows_has_there() -> None:
    data = file(report(result("5 € … µ", a="€", MeasName="€"))).decode()
    declared = b'<?xml version="1.0" encoding="iso-8859-1"?>' + data.encode("cp1252")
    body, _found = converted(declared)
    assert body["root"]["steps"][0]["name"] == "5 € … µ"
    assert "\x80" not in json.dumps(body, ensure_ascii=False)


def test_behind_a_malformed_stylesheet_lines_and_bytes_stay_where_they_are() -> None:
    sheet = b"\xef\xbb\xbf\r\n<?xml:stylesheet\r\n a?>\r\n<?xml version='1.0'?>"
    rest = b"\n<R>" + b"x" * 100_000 + b"</R>"
    whole = mended(io.BytesIO(sheet + rest))
    whole.seek(0)
    read = whole.read()
    assert len(read) == len(sheet + rest)
    assert read.startswith(b"\xef\xbb\xbf<?xml version='1.0'?>\r\n")
    assert read.endswith(rest)
    assert read.count(b"\n") == (sheet + rest).count(b"\n")


def test_reports_come_in_order_and_a_batch_report_is_told() -> None:
    batch = "<Report Type='Batch'></Report>"
    units = [report(result(), unit={"SerialNumber": f"S-{n}"}) for n in (1, 2)]
    encoded = convert_bytes(TeststandXml(), file(units[0], batch, units[1], batch))
    assert [one.serial_number for one in encoded] == ["S-1", "S-2"]
    (message,) = [finding.message for finding in encoded[1].findings]
    assert message == "a report of type Batch has no place in WATS (line 1 and 1 more)"


def test_the_header_of_the_add_on() -> None:
    unit = {
        **{"UUTPartNumber": "P-2", "PartNumber": "P-1", "UUTPartRevisionNumber": "B"},
        **{"TestSocketIndex": 3, "UUTLoopIndex": 4, "BatchFailCount": 1, "BatchLoopIndex": 5},
    }
    identity = "0D6C2A7E-9C55-4D20-8D0F-6A1F5F2B7C31"
    infos = f"ID={identity} SN=S-9 PCode=60 Other=x"
    body, found = converted(addon(result(), infos=infos, unit=unit))
    assert body["id"].upper() == identity
    assert [body[key] for key in ("sn", "pn", "rev", "processCode")] == ["S-9", "P-2", "B", 60]
    assert body["start"] == "2026-03-05T07:30:15.1250000+01:00"
    assert body["uut"] == {
        **{"user": "", "testSocketIndex": 3, "batchLoopIndex": 4, "batchFailCount": 1}
    }
    assert 'ReportInfo "Other" has no place in WATS (line 1)' in found
    assert "BatchLoopIndex 5 is not sent (line 1)" in found


def test_the_start_of_a_step_counts_from_that_of_the_engine() -> None:
    step = converted(addon(result(ts={"StartTime": 120.625})))[0]["root"]["steps"][0]
    assert step["start"] == "2026-03-05T07:30:15.125000+01:00"
    assert "start" not in only(result(ts={"StartTime": 120.625}))[0]
    for seconds in ("1e300", "nan", "-1e11"):
        body, found = converted(addon(result(ts={"StartTime": seconds})))
        assert "start" not in body["root"]["steps"][0]
        assert "a start time that is none is not sent (line 1)" in found


def test_the_properties_of_the_unit_come_before_the_infos() -> None:
    body, found = converted(addon(result(), infos="SN=S-2 PN=P-1 Rev=R"))
    assert [body[key] for key in ("sn", "pn", "rev")] == ["S-1", "P-1", "R"]
    assert found == ['ReportInfo SN is "S-2", but "S-1" is sent (line 1)']


def test_no_socket_and_no_id_are_none() -> None:
    nothing = "ID=00000000-0000-0000-0000-000000000000"
    body, _ = converted(addon(result(), infos=nothing, unit={**UNIT, "TestSocketIndex": -1}))
    assert "testSocketIndex" not in body["uut"]
    assert set(body["id"]) != {"0", "-"}


def test_what_the_check_finds_is_told_once() -> None:
    _, found = converted(file(report(result(), unit={"SerialNumber": "S*1"})))
    assert len(found) == len(set(found)) == 1


def test_a_root_that_is_done_is_as_good_as_its_steps() -> None:
    data = file(report(result(Status="Failed")))
    at = data.index(b"<Prop Name='Status' Type='String'><Value></Value>")
    body, _ = converted(data[:at] + data[at:].replace(b"<Value>", b"<Value>Done", 1))
    assert (body["root"]["status"], body["result"]) == ("F", "F")


def test_a_whole_test_that_is_one_step_is_put_into_a_sequence() -> None:
    head, _, _ = report(result()).partition("<Prop Name='' Type='TEResult'>")
    one = result("only", "PassFailTest", PassFail="True")
    body, found = converted(file(head + one + result("second") + "</Report>"))
    assert [step["name"] for step in body["root"]["steps"]] == ["only"]
    assert "a second result of the whole test (line 1)" in found


def test_the_start_of_a_plain_report_is_local() -> None:
    body, _ = converted(file(report(result())), timezone="Europe/Oslo")
    assert body["start"] == "2026-03-04T09:15:02.250000+01:00"


def test_a_year_that_is_none_is_taken_from_the_text() -> None:
    date = {"Text": "Mittwoch, 4. März 2026", "Year": 126, "Month": 3, "MonthDay": 4}
    body, found = converted(file(report(result(), StartDate=date)))
    assert body["start"].startswith("2026-03-04T09:15:02.250")
    assert "the Year is none: 2026 is taken from Text (line 1)" in found


@pytest.mark.parametrize(
    ("unit", "code", "name"),
    [
        ({"UUTOperationType": "60.00"}, 60, None),
        ({"UUTOperationType": 0, "UUTOperationTypeDetails": {"OpTypeCodeInt": 50}}, 50, None),
        ({"UUTOperationType": "Burn In"}, 10, "Burn In"),
        ({"UUTOperationType": "", "UUTOperationTypeDetails": {"OpTypeName": "FCT"}}, 10, "FCT"),
    ],
)
def test_the_operation(unit: dict[str, Any], code: int, name: str | None) -> None:
    body, _ = converted(file(report(result(), unit=unit)))
    assert (body["processCode"], body.get("processName")) == (code, name)


def test_parts_infos_and_free_data() -> None:
    unit = {
        "MiscUUTResult": {
            "UUT_Part_Info": [
                obj(Part_Type="", Part_Number="PN", Part_Serial_Number="SN"),
                obj(Part_Type=""),
            ],
            "Misc_UUT_Info": [
                obj(Description="both", Data_String="t", Data_Numeric=7),
                obj(Description="", Data_String="", Data_Numeric=0),
                obj(Description="text", Data_String="t", Data_Numeric=0),
            ],
            "SPC_Data": ["x"],
        },
        "AdditionalData": {"Oven": {"Zone": 3}},
        "Customer": "ACME",
        "UnitRef": "",
    }
    station = {"StationID": "ST", "StationGuid": "00FF", "Rack": "R7"}
    reference = "<Prop Name='Ref' Type='Reference'><Value>Nothing</Value></Prop>"
    data = file(report(result(), unit=unit, StationInfo=station))
    body, found = converted(
        data.replace(b"<Prop Name='Customer'", reference.encode() + b"<Prop Name='Customer'")
    )
    assert body["miscInfos"] == [
        {"description": "both", "text": "t", "numeric": 7},
        {"description": "text", "text": "t"},
    ]
    assert body["subUnits"] == [{"partType": "Unknown", "pn": "PN", "sn": "SN", "rev": ""}]
    assert "a part without a type: Unknown is taken (line 1)" in found
    free = {entry["name"]: entry["props"] for entry in body["additionalData"]}
    assert list(free) == ["Oven", "SPC_Data", "Customer", "Rack"]
    assert free["Oven"] == [{"name": "Zone", "type": "String", "value": "3"}]
    assert free["SPC_Data"][0]["array"]["indexes"][0]["value"]["value"] == "x"


def test_what_the_report_holds_besides_is_told() -> None:
    more = "<Extra/>" + prop("Unknown", "1")
    _, found = converted(file(report(result(), more=more, attributes="StepCount='3'")))
    assert found == [
        "Extra has no place in WATS (line 1)",
        'the property "Unknown" has no place in WATS (line 1)',
        "StepCount is 3, but there are 1 step results (line 1)",
    ]


@pytest.mark.parametrize(
    ("said", "status", "ended"),
    [
        ("Failed", "Passed", "F"),
        ("", "Failed", "F"),
        ("Done", "Passed", "P"),
        ("", "Error", "E"),
        ("Terminated", "Skipped", "T"),
        ("Mystery", "Failed", "F"),
    ],
)
def test_the_result_is_that_of_the_report_else_of_its_steps(
    said: str, status: str, ended: str
) -> None:
    attributes = f"UUTResult='{said}'" if said else ""
    body, found = converted(file(report(result(Status=status), attributes=attributes)))
    assert body["result"] == ended
    assert ('the UUTResult "Mystery" is none of WATS (line 1)' in found) is (said == "Mystery")


def test_a_report_that_ended_before_it_began() -> None:
    start = report(result()).partition("<Prop Name='' Type='TEResult'>")[0]
    body, found = converted(
        file(start.replace("Type='UUT'", "Type='UUT' UUTResult='Done'", 1) + "</Report>")
    )
    assert (body["result"], body["root"]["status"], body["root"]["steps"]) == ("P", "P", [])
    assert "there are no step results (line 1)" in found
    with pytest.raises(Reject, match="does not say how the test ended, and has no step"):
        converted(file(start + "</Report>"))


def test_a_serial_number_that_says_none_is_told() -> None:
    _, found = converted(file(report(result(), unit={"SerialNumber": "NONE"})))
    assert "TestStand writes NONE where the operator gave no serial number" in found


@pytest.mark.parametrize(
    ("word", "letter"),
    [
        *(("Passed", "P"), ("Failed", "F"), ("Done", "D"), ("Skipped", "S"), ("Error", "E")),
        *(("Terminated", "T"), ("Running", "D"), ("Looping", "D"), ("Odd", "D"), ("", "D")),
    ],
)
def test_a_status(word: str, letter: str) -> None:
    step, found = only(result(Status=word))
    assert step["status"] == letter
    told = f'the status "{word}" is none of WATS: D, done, is taken (line 1)' in found
    assert told is (word in ("Running", "Looping", "Odd"))


def test_without_a_status_value_and_limits_decide() -> None:
    limits = {"Low": 6, "High": 7}
    step, _ = only(
        result(kind="NumericLimitTest", Status="", Numeric=5, Comp="GELE", Limits=limits)
    )
    assert (step["status"], step["numericMeas"][0]["status"]) == ("F", "F")


@pytest.mark.parametrize(
    ("kind", "known", "told"),
    [
        *(("Action", "ET_A", False), ("Statement", "ET_A", False), ("ET_XY", "ET_XY", False)),
        *(("NI_Wait", "NI_Wait", False), ("Label", "Label", False), ("MyStep", "ET_A", True)),
        *(("NumericLimitTest", "ET_NLT", False), ("", "ET_A", False)),
        *(("WATS_AttachFile", "WATS_AttachFile", False), ("SequenceCall", "SequenceCall", False)),
    ],
)
def test_a_step_type(kind: str, known: str, told: bool) -> None:
    step, found = only(result(kind=kind))
    assert step["stepType"] == known
    assert any("none of WATS: what it holds decides" in one for one in found) is told


@pytest.mark.parametrize(
    ("members", "known"),
    [
        ({"Numeric": 1}, "ET_NLT"),
        ({"String": "a"}, "ET_SVT"),
        ({"PassFail": "True"}, "ET_PFT"),
        ({"Measurement": [prop("m", {"Data": 1})]}, "ET_MNLT"),
        ({"ButtonHit": 1}, "MessagePopup"),
        ({"ExitCode": 1}, "CallExecutable"),
        ({"XMLString": "<a/>"}, "WATS_AttachFile"),
        ({"ts": {"SequenceCall": {}}}, "SequenceCall"),
    ],
)
def test_a_type_of_ones_own_is_what_the_step_holds(members: dict[str, Any], known: str) -> None:
    assert only(result(kind="Mine", **members))[0]["stepType"] == known


@pytest.mark.parametrize(
    ("comp", "limits", "operator", "low", "high"),
    [
        ("GELE", {"Low": 1, "High": 9}, "GELE", 1, 9),
        ("LTGT", {"Low": 1, "High": 9}, "LTGT", 1, 9),
        ("LE", {"High": 9}, "LE", 9, None),
        ("LE", {"Low": 9}, "LE", 9, None),
        ("EQ", {"Low": 5, "High": 7}, "EQ", 5, None),
        ("GELE", {"Low": "-INF", "High": 9}, "LE", 9, None),
        ("GELE", {"Low": "NAN", "High": "INF"}, "LOG", None, None),
        ("LOG", {"Low": 1, "High": 2}, "LOG", None, None),
        ("None", {"Low": 1, "High": 2}, "LOG", None, None),
        ("", {"Low": 1, "High": 9}, "GELE", 1, 9),
        ("", {"High": 9}, "LE", 9, None),
        ("", {}, "LOG", None, None),
        ("gtlt", {"Low": 1, "High": 9}, "GTLT", 1, 9),
    ],
)
def test_a_comparison(
    comp: str, limits: dict[str, Any], operator: str, low: int | None, high: int | None
) -> None:
    measured, found = numeric(Comp=comp, Limits=limits)
    assert found == []
    assert measured["compOp"] == operator
    assert (measured.get("lowLimit"), measured.get("highLimit")) == (low, high)


@pytest.mark.parametrize(
    ("comp", "limits", "operator", "message"),
    [
        ("GELE", {"High": 9}, "LE", "GELE lacks a limit"),
        ("GT", {}, "LOG", "GT lacks a limit"),
        ("ABOUT", {"Low": 1}, "LOG", 'the comparison "ABOUT" is unknown to WATS'),
        ("EQT", {"Low": 1}, "LOG", "EQT without a nominal value or a known type of thresholds"),
        ("EQT", {"Nominal": 1, "ThresholdType": "X"}, "LOG", "EQT without a nominal value"),
    ],
)
def test_a_comparison_that_is_none_is_told(
    comp: str, limits: dict[str, Any], operator: str, message: str
) -> None:
    measured, found = numeric(Comp=comp, Limits=limits)
    assert (measured["compOp"], measured["status"]) == (operator, "P")
    assert found[0].startswith(message)


@pytest.mark.parametrize(
    ("kind", "raw", "operator", "low", "high"),
    [
        ("PERCENTAGE", {"Nominal": -100, "Low": 9, "High": 11}, "GELE", -109, -89),
        ("ppm", {"Nominal": "0.3", "Low": 10, "High": 20}, "GELE", 0.299997, 0.300006),
        ("DELTA", {"Nominal": "0.3", "Low": "0.1"}, "GE", 0.2, None),
        ("DELTA", {"Nominal": "1e300", "High": "1e299"}, "LE", 1.1e300, None),
        ("DELTA", {"Nominal": 5, "Low": "inf", "High": 1}, "LE", 6, None),
        ("PERCENTAGE", {"Nominal": "1.7e308", "Low": 1, "High": 50}, "GE", 1.683e308, None),
        ("DELTA", {"Nominal": "nan", "Low": 1, "High": 1}, "LOG", None, None),
    ],
)
def test_a_nominal_value_with_thresholds(
    kind: str, raw: dict[str, Any], operator: str, low: float | None, high: float | None
) -> None:
    for limits in (
        {"RawLimits": raw, "Limits": {"ThresholdType": kind}},
        {"Limits": {**raw, "ThresholdType": kind}},
    ):
        measured, _ = numeric(Comp="EQT", **limits)
        assert measured["compOp"] == operator
        assert (measured.get("lowLimit"), measured.get("highLimit")) == (low, high)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(
            ("0X1F", 31),
            ("0x1f", 31),
            ("0b101", 5),
            ("12", 12),
            ("-1.5e-3", -0.0015),
            ("INF", "Infinity"),
        ),
        *(("IND", "NaN"), ("-1.#IND", "NaN"), ("PositiveInfinity", "Infinity")),
    ],
)
def test_a_number(text: str, value: object) -> None:
    assert numeric(Numeric=text)[0]["value"] == value


def test_digits_are_kept() -> None:
    data = file(report(result(kind="NumericLimitTest", Numeric="9007199254740993.10")))
    assert b'"value":9007199254740993.10' in convert_bytes(TeststandXml(), data)[0].body


def test_a_station_may_write_decimal_commas() -> None:
    step = result(kind="NumericLimitTest", Numeric="1,5", ts={"TotalTime": "0.5"})
    with pytest.raises(Reject, match='line 1: Numeric "1,5" is not a number'):
        only(step)
    body, _ = converted(file(report(step)), decimal=",")
    assert body["root"]["steps"][0]["numericMeas"][0]["value"] == 1.5
    flagged, _ = only(step, ReportOptions={"UseLocalizedDecimalPoint": "True"})
    assert (flagged["numericMeas"][0]["value"], flagged["totTime"]) == (1.5, 0.5)


@pytest.mark.parametrize(
    ("comp", "limit", "operator"),
    [
        *(("CaseSensit", "A", "CASESENSIT"), ("IgnoreCase", "A", "IGNORECASE")),
        *(("EQ", "", "EQ"), ("Not Equal", "A", "NE"), ("", "A", "EQ"), ("LOG", "A", "LOG")),
        *(("", None, "LOG"), ("EQ", None, "LOG"), ("REGEX", "A", "LOG")),
    ],
)
def test_a_text(comp: str, limit: str | None, operator: str) -> None:
    limits: dict[str, Any] = {} if limit is None else {"Limits": {"String": limit}}
    step, found = only(result(kind="StringValueTest", String="", Comp=comp, **limits))
    (measured,) = step["stringMeas"]
    assert (measured["value"], measured["compOp"], measured["status"]) == ("", operator, "P")
    assert measured.get("limit") == (None if operator == "LOG" else limit)
    assert any(": the status stands without it" in one for one in found) is (
        comp == "REGEX" or (comp == "EQ" and limit is None)
    )


def test_a_verdict_that_is_none_is_that_of_the_step() -> None:
    step, found = only(result(kind="PassFailTest", PassFail="maybe", Status="Failed"))
    assert step["booleanMeas"] == [{"status": "F"}]
    assert found[0].startswith('PassFail "maybe" is neither True nor False')
    step, _ = only(result(kind="PassFailTest", PassFail="maybe", Status="Done"))
    assert "booleanMeas" not in step


@pytest.mark.parametrize(
    ("word", "status"), [("Error", "F"), ("Terminated", "F"), ("Done", "P"), ("Passed", "P")]
)
def test_a_measurement_passes_or_fails(word: str, status: str) -> None:
    step, _ = only(result(kind="NumericLimitTest", Status=word, Numeric=5))
    assert step["numericMeas"][0]["status"] == status


def test_a_step_that_was_skipped_measured_nothing() -> None:
    step, _ = only(result(kind="ET_NLT", Status="Skipped", Numeric=0, Limits={"Low": 1}))
    assert (step["status"], "numericMeas" in step, "additionalResults" in step) == (
        "S",
        False,
        False,
    )


def test_the_type_of_a_step_says_what_it_is_about() -> None:
    members: dict[str, Any] = {"Numeric": 1, "PassFail": "True", "Retries": 2}
    step, _ = only(result(kind="PassFailTest", **members))
    assert step["booleanMeas"] == [{"status": "P"}]
    assert [one["name"] for one in step["additionalResults"]] == ["Numeric", "Retries"]


def test_several_measurements() -> None:
    several = [
        prop("a", {"Data": 1, "Status": "Passed"}),
        prop("a", {"Data": 2, "Status": "Failed", "Units": "V"}),
        prop("", {"Data": 3, "Status": "Skipped", "MeasName": ""}),
        prop("t", {"StringData": "x"}),
        prop("odd", {"Other": "y"}),
        "7",
    ]
    step, found = only(result(kind="NI_MultipleNumericLimitTest", Measurement=several))
    assert [(m["name"], m["value"], m["status"]) for m in step["numericMeas"]] == [
        *(("a", 1, "P"), ("a #2", 2, "F"), ("[2]", 3, "S"))
    ]
    assert [one["name"] for one in step["additionalResults"]] == ["t", "odd"]
    assert 'a second measurement "a" is named "a #2" (line 1)' in found
    assert "a measurement that is no object is not sent (line 1)" in found


def test_of_many_measurements_with_one_name_each_gets_its_own() -> None:
    several = [prop("a", {"Data": 1}), prop("a #2", {"Data": 2}), *[prop("a", {"Data": 3})] * 3000]
    step, found = only(result(kind="NI_MultipleNumericLimitTest", Measurement=several))
    names = [measured["name"] for measured in step["numericMeas"]]
    assert (names[:4], names[-1]) == (["a", "a #2", "a #3", "a #4"], "a #3002")
    assert len(set(names)) == len(names)
    assert "2,950 more of other kinds" in found


def test_what_any_step_has() -> None:
    error = {"Code": -17500, "Msg": "gone", "Occurred": "True"}
    ts = {
        **{"TotalTime": "0.25", "StepGroup": "Cleanup", "StepId": "ID#:x", "InteractiveExeNum": 2},
        **{"StepCausedSequenceFailure": "True", "LoopIndex": 1, "Server": "PC-2", "Index": 4},
    }
    step, found = only(result(ts=ts, Error=error, ReportText="seen", Common={"Note": "n"}))
    assert {key: step.get(key) for key in ("group", "totTime", "errorCode", "errorMessage")} == {
        **{"group": "C", "totTime": 0.25, "errorCode": -17500, "errorMessage": "gone"}
    }
    assert (step["tsGuid"], step["reportText"], step["causedSeqFailure"]) == ("ID#:x", "seen", True)
    assert step["interactiveExeNum"] == 2
    assert step["loop"] == dict.fromkeys(("num", "endingIndex", "passed", "failed")) | {"idx": 1}
    assert [one["name"] for one in step["additionalResults"]] == ["Common", "Server"]
    assert found == []
    assert "errorCode" not in only(result(Error={"Code": 0, "Msg": ""}))[0]


def test_a_step_without_a_name_or_of_an_odd_group_is_told() -> None:
    assert only(result("", "Label"))[0]["name"] == "Label"
    step, found = only(result("", ts={"StepGroup": "Other"}))
    assert (step["name"], step["group"]) == ("(no name)", "M")
    assert "a step result without a name (line 1)" in found
    assert 'the step group "Other" is unknown: Main is taken (line 1)' in found


def test_only_the_innermost_of_the_failure_stack_caused_it() -> None:
    inner = result("inner", ts={"Id": 7}, Status="Failed")
    outer = result("outer", "SequenceCall", {"Id": 6, "SequenceCall": call(inner)}, Status="Failed")
    other = result("other", ts={"Id": 8})
    stack = [obj(StepName="outer", ResultId=6), obj(StepName="inner", ResultId=7)]
    body, _ = converted(file(report(outer, other, unit={"CriticalFailureStack": stack})))
    first, second = body["root"]["steps"]
    assert [one.get("causedUUTFailure") for one in (first, first["steps"][0], second)] == [
        *(None, True, None)
    ]


def test_sequences_have_their_own_names_and_nest() -> None:
    deep = result("leaf")
    for number in range(20):
        called = call(deep, Sequence=f"Q{number}", SequenceFile="a.seq", SequenceFileVersion="2")
        deep = result(f"call {number}", "SequenceCall", {"SequenceCall": called})
    step, _ = only(deep)
    assert step["name"] == "call 19"
    assert step["seqCall"] == {"path": "a.seq", "name": "Q19", "version": "2"}
    while "steps" in step:
        (step,) = step["steps"]
    assert step["name"] == "leaf"


def test_the_steps_of_a_post_action() -> None:
    after = {"ResultList": [result("after")], "Sequence": "Tidy"}
    step, _ = only(result("act", "Action", {"PostAction": after}))
    assert (step["name"], step["steps"][0]["name"]) == ("act", "after")
    assert step["seqCall"]["name"] == "Tidy"
    both = {"PostAction": after, "SequenceCall": call(result("in"))}
    step, _ = only(result("call", "SequenceCall", both))
    assert [one["name"] for one in step["steps"]] == ["in", "after"]


def test_the_steps_that_a_measuring_step_called_follow_it() -> None:
    after = {"ResultList": [result("after")], "Sequence": "Tidy"}
    inner = call(result("in"), Status="Failed")
    ts = {"SequenceCall": inner, "PostAction": after, "StepGroup": "Setup"}
    body, found = converted(file(report(result("m", "PassFailTest", ts, PassFail="True"))))
    first, second, third = body["root"]["steps"]
    assert (first["name"], first["stepType"], first["booleanMeas"]) == (
        *("m", "ET_PFT"),
        [{"status": "P"}],
    )
    assert [(one["name"], one["group"], one["status"]) for one in (second, third)] == [
        *(("Main", "S", "F"), ("Tidy", "S", "P"))
    ]
    assert (second["steps"][0]["name"], third["steps"][0]["name"]) == ("in", "after")
    assert "the steps that a measuring step called follow it (line 1)" in found


def test_a_sequence_call_holds_no_measurement() -> None:
    step, _ = only(result("c", "SequenceCall", {"SequenceCall": call(result())}, Numeric=1))
    assert "numericMeas" not in step
    assert [one["name"] for one in step["additionalResults"]] == ["Numeric"]


def test_a_value_that_is_no_step_result_is_told() -> None:
    body, found = converted(file(report(result(), "x")))
    assert len(body["root"]["steps"]) == 1
    assert "a value in a ResultList is no step result (line 1)" in found


def test_answers_beside_a_measurement_are_additional() -> None:
    step, _ = only(result(kind="NumericLimitTest", Numeric=1, ButtonHit=1, Response="r"))
    assert "messagePopup" not in step
    assert [one["name"] for one in step["additionalResults"]] == ["ButtonHit", "Response"]


def points(*values: str) -> str:
    """An array of two dimensions; each value with its index, such as `0,1=2.5`."""
    inner = "".join(
        f"<Value ID='[{place.replace(',', '][')}]'>{value}</Value>"
        for place, _, value in (one.partition("=") for one in values)
    )
    plot = f"<Prop Name='PlotData' Type='Array' ElementType='Number'>{inner}</Prop>"
    return f"<Prop Type='Obj'>{prop('PlotName', 'p')}{plot}</Prop>"


@pytest.mark.parametrize(
    ("values", "series", "message"),
    [
        (("0,0=1", "0,1=2", "1,0=3", "1,1=4"), {"xdata": "1;2", "ydata": "3;4"}, "chart type"),
        (("0,0=1", "0,1=2"), {"ydata": "1;2"}, "chart type"),
        (("0,0=1", "1,0=inf"), {"xdata": "1", "ydata": "inf"}, "points that are not finite"),
        (("0,0=1", "1,0=2", "2,0=3"), None, "is not of x and y and is not sent"),
        (("0,0=1", "0,1=2", "1,0=2"), None, "is not of x and y and is not sent"),
        ((), None, ""),
    ],
)
def test_a_chart(values: tuple[str, ...], series: dict[str, str] | None, message: str) -> None:
    chart = {"ChartLabel": "c", "ChartType": "Round", "Plots": [points(*values)]}
    step, found = only(result(Chart=chart))
    if series is None:
        assert "chart" not in step
    else:
        assert step["chart"]["series"] == [{"dataType": "XYG", "name": "p", **series}]
        assert step["chart"]["chartType"] == "Line"
    assert any(message in one for one in found) is bool(message)


def test_beside_a_chart_nothing_is_attached() -> None:
    chart = {"ChartType": "Line", "Plots": [points("0,0=1")]}
    step, found = only(result(Chart=chart, XMLString="<a/>"))
    assert "attachment" not in step
    assert "beside a chart, an XMLString has no place and is not sent (line 1)" in found
    step, _ = only(result(XMLString="<a/>"))
    assert step["attachment"]["contentType"] == "text/xml"


def test_the_same_finding_many_times_is_one() -> None:
    _, found = only(*[result(Status="Odd")] * 3, *[result(Status=f"odd {n}") for n in range(60)])
    assert 'the status "Odd" is none of WATS: D, done, is taken (line 1 and 2 more)' in found
    assert "11 more of other kinds" in found


def test_types_are_no_data() -> None:
    aside = f"<ArrayElementPrototype>{prop('SerialNumber', 'X')}</ArrayElementPrototype>"
    data = file(report(result())).replace(b"<Prop Name='UUT' Type='Obj'>", b"&")
    whole = data.replace(b"&", f"<Prop Name='UUT' Type='Obj'>{aside}".encode())
    assert converted(whole)[0]["sn"] == "S-1"


SMALL = report(result())
REFUSED = [
    (b"<Q/>", 'the root element "Q" is not "Reports" or "TSReport" (line 1)'),
    (b"<Reports/>", "no report about a unit in the file"),
    (b"<Reports><Report Type='Batch'/></Reports>", "in the file, only 1 about something else"),
    (file("<Report SN='1'><Step/></Report>"), "Report (line 1) holds no property (Prop)"),
    (b"<Reports xmlns='urn:x'/>", "of the namespace urn:x is none of TestStand (line 1)"),
    (file(report(result(), unit={"SerialNumber": " "})), "Report (line 1) has no serial number"),
    (file(report(result(), StartDate={})), "Report (line 1) has no start time"),
    (file(report(result(), StartDate={"Year": 2026, "Month": 13, "MonthDay": 1})), "is no time"),
    (addon(result(), infos="ID=7"), 'the ID "7" is no UUID (line 1)'),
    (file(f"<Report>{SMALL}</Report>"), "a Report within a report (line 1)"),
    (file("<Report><Value/></Report>"), "a Value that belongs to no Prop (line 1)"),
    (file(prop("a", 1)), "a Prop outside of a report (line 1)"),
    (file(report(result(Numeric="1V"))), 'line 1: Numeric "1V" is not a number'),
    (file(report(result(ts={"LoopIndex": "1.5"}))), '"1.5" is no whole number of 16 bits'),
    (file(report(result(Error={"Code": "1e99"}))), 'Code "1e99" is no whole number of 32 bits'),
    (file(SMALL)[:-30], "XML ends in the middle"),
]


@pytest.mark.parametrize(("data", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_a_refusal_says_where(data: bytes, why: str) -> None:
    with pytest.raises(Reject) as raised:
        convert_bytes(TeststandXml(), data)
    assert why in raised.value.why


VALUES = st.one_of(
    st.sampled_from(["", "True", "NONE", "GELE", "EQT", "nan", "1e999", "0x1", "-1", "Passed"]),
    st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cn"]), max_size=8),
    st.floats().map(str),
)
NAMES = st.sampled_from(
    [
        *("Numeric", "String", "PassFail", "Measurement", "Data", "Limits", "Low", "High", "Comp"),
        *("Status", "TS", "StepName", "StepType", "Error", "Code", "Chart", "Plots", "PlotData"),
        *("PostAction", "SequenceCall", "ResultList", "Id", "LoopIndex", "ButtonHit", "Nominal"),
    ]
)
TREES = st.recursive(
    VALUES,
    lambda inner: st.one_of(
        st.dictionaries(NAMES, inner, max_size=5),
        st.lists(st.one_of(VALUES.map(escape), inner.map(lambda one: prop("m", one))), max_size=3),
    ),
    max_leaves=20,
)


@given(st.dictionaries(NAMES, TREES, max_size=8))
def test_any_tree_of_properties_is_converted_or_refused(members: dict[str, Any]) -> None:
    with suppress(Reject):
        converted(file(report(prop("", members, "TEResult"))))
