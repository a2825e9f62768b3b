from __future__ import annotations

import base64
import json
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.converters.api import Reject, Source
from pywats_trio.converters.common import xml_tree
from pywats_trio.converters.standard.wats_xml.converter import WRML, WSXF, WatsXml
from tests.samples import convert_bytes

if TYPE_CHECKING:
    from pywats_trio.reports.model import Finding

ID = "00000000-0000-4000-8000-000000000000"
HEAD = (
    'SN="S-1" PN="P-1" Rev="A" MachineName="ST" Location="L" Purpose="T" '
    'Start="2026-01-30T10:00:00+01:00" Start_utc="2026-01-30T09:00:00Z"'
)


def uut(inner: str = "", head: str = f'type="UUT" ID="{ID}" Result="Passed" {HEAD}') -> str:
    return f'<Report {head}><UUT UserLoginName="op"/><Process Code="10"/>{inner}</Report>'


def uur(inner: str = "", unit: str = "") -> str:
    return (
        f'<Report type="UUR" ID="{ID}" {HEAD}><UUR UserLoginName="rep" {unit}>'
        f'<Comment>c</Comment><Process Code="10" Name="Test"/></UUR>'
        f'<Process Code="500"/>{inner}</Report>'
    )


def file(*reports: str, space: str = WSXF) -> bytes:
    return f'<Reports xmlns="{space}">\n{"".join(reports)}</Reports>'.encode()


def step(inner: str = "", attributes: str = 'Name="a" StepType="X" Status="Passed"') -> str:
    return f"<Step {attributes}>{inner}</Step>"


def converted(data: bytes) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    (encoded,) = convert_bytes(WatsXml(), data)
    return json.loads(encoded.body), encoded.findings


def first(inner: str) -> dict[str, Any]:
    """What becomes of one step with this inside; none of it is lost."""
    body, findings = converted(file(uut(step(inner) + step())))
    assert [f.message for f in findings if "has no place" in f.message] == []
    found: dict[str, Any] = body["root"]["steps"][0]
    return found


def refusal(data: bytes) -> str:
    with pytest.raises(Reject) as caught:
        convert_bytes(WatsXml(), data)
    return caught.value.why


@pytest.mark.parametrize(
    ("data", "sure"),
    [
        (file(uut()), 0.98),
        (b"\xef\xbb\xbf" + file(uut(), space=WRML), 0.98),
        (b"\xff\xfe" + file(uut()).decode().encode("utf-16-le"), 0.98),
        (file(), 0.6),
        (file(uut())[:150], 0.98),
        (f"<Reports>{uut()}</Reports>".encode(), 0.85),
        (b"<Reports><Report type='UUT'/></Reports>", 0.0),
        (file(uut(), space="http://example.com"), 0.0),
        (b"<a/>", 0.0),
        (b"", 0.0),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', 0.0),
    ],
)
def test_root_and_namespace_tell_the_format(data: bytes, sure: float) -> None:
    assert WatsXml().detect(Source.from_bytes(data)) == sure


def test_digits_survive_and_limits_stand_where_wats_reads_them() -> None:
    measured = first(
        '<NumericLimit NumericValue="28.9230769230769000" HighLimit="9007199254740993" '
        'CompOperator="LE" Units="" Status="Failed" NumericValueFormat="%g"/>'
    )["numericMeas"][0]
    assert measured == {
        "compOp": "LE",
        "status": "F",
        "value": 28.9230769230769,
        "lowLimit": 9007199254740993,
        "valueFormat": "%g",
    }
    (encoded,) = convert_bytes(
        WatsXml(), file(uut(step('<NumericLimit NumericValue="1.500e-7" Status="Passed"/>')))
    )
    assert b'"value":1.500e-7' in encoded.body


@pytest.mark.parametrize(
    ("attributes", "wanted"),
    [
        ('NumericValue="NaN"', {"compOp": "LOG", "value": "NaN"}),
        ('NumericValue="-INF" CompOperator="LOG"', {"compOp": "LOG", "value": "-Infinity"}),
        (
            'NumericValue="1" CompOperator="GELE" LowLimit="0" HighLimit="INF"',
            {"compOp": "GE", "value": 1, "lowLimit": 0},
        ),
        (
            'NumericValue="1" CompOperator="LE" HighLimit="INF"',
            {"compOp": "LOG", "value": 1},
        ),
        (
            'NumericValue="1" CompOperator="XX" HighLimit="INF" LowLimit="2"',
            {"compOp": "XX", "value": 1, "lowLimit": 2},
        ),
    ],
)
def test_what_is_not_finite_is_quoted_or_no_limit(attributes: str, wanted: dict[str, Any]) -> None:
    assert first(f"<NumericLimit {attributes}/>")["numericMeas"] == [wanted]


def test_every_part_of_a_step_has_its_place() -> None:
    found = first(
        '<SequenceCall Name="n" Version="1" Filename="f" Filepath="p" MeasIndex="0"/>'
        "<ReportText>one</ReportText><ReportText>two</ReportText>"
        '<PassFail Name="a" Status="Passed"/><PassFail Name="b" Status="Skipped"/>'
        '<Loop num="2" passed="1" failed="1" ending_index="2"/>'
        '<MessagePopup Button="1" Response="yes"/><Callexe ExitCode="17232"/>'
        '<AdditionalResults Name="Env"><T Type="Number" Flags="0"><Value>21.5</Value></T>'
        "<Box><Inner>x</Inner></Box></AdditionalResults>"
    )
    assert found["seqCall"] == {"path": "p", "name": "n", "version": "1"}
    assert found["reportText"] == "one\ntwo"
    assert found["booleanMeas"] == [{"name": "a", "status": "P"}, {"name": "b", "status": "S"}]
    assert found["loop"] == {"idx": None, "num": 2, "endingIndex": 2, "passed": 1, "failed": 1}
    assert found["messagePopup"] == {"response": "yes", "button": 1}
    assert found["callExe"] == {"exitCode": 17232}
    assert found["additionalResults"] == [
        {
            "name": "Env",
            "props": [
                {"name": "T", "type": "Number", "flags": 0, "value": "21.5"},
                {
                    "name": "Box",
                    "type": "Obj",
                    "props": [{"name": "Inner", "type": "String", "value": "x"}],
                },
            ],
        }
    ]


def test_charts_and_attachments_arrive_whole() -> None:
    found = first(
        '<Chart ChartType="Line" Label="l" XLabel="x" XUnit="" YLabel="y" YUnit="A" idx="0">'
        '<Series Name="s" DataType="XYG"><ydata> 1;2.50\n</ydata><xdata>0;1</xdata></Series>'
        "</Chart>"
    )
    assert found["chart"]["series"] == [
        {"dataType": "XYG", "name": "s", "xdata": "0;1", "ydata": "1;2.50"}
    ]
    assert found["chart"]["yUnit"] == "A"
    found = first('<Attachment Name="n" ContentType="t/x" Size="2">\n b2s=\n</Attachment>')
    assert found["attachment"] == {"name": "n", "contentType": "t/x", "data": "b2s="}


def test_the_attributes_of_a_step_have_their_places() -> None:
    body, findings = converted(
        file(
            uut(
                step(
                    "",
                    'Id="7" Name="n" StepType="ET_A" Status="Done" Group="Cleanup" '
                    'total_time="0.50" StepErrorCode="-5" StepErrorMessage="low" TSGuid="ID#:x" '
                    'StepCausedUUTFailure="1" StepCausedSequenceFailure="false" StepIndex="1" '
                    'Start="2026-01-30T10:00:00+01:00" InteractiveExeNum="3" module_time="1"',
                )
            )
        )
    )
    assert findings == ()
    assert body["root"]["steps"] == [
        {
            "group": "C",
            "id": 7,
            "stepType": "ET_A",
            "name": "n",
            "status": "D",
            "start": "2026-01-30T10:00:00+01:00",
            "totTime": 0.5,
            "errorCode": -5,
            "errorMessage": "low",
            "tsGuid": "ID#:x",
            "causedUUTFailure": True,
            "causedSeqFailure": False,
            "interactiveExeNum": 3,
        }
    ]


def test_what_has_no_place_in_wsjf_is_named_once() -> None:
    strange = '<Strange/><PassFail Status="Passed" Colour="red"/>'
    body, findings = converted(file(uut(f"{step(strange)}{step(strange)}<Odd/>")))
    assert len(body["root"]["steps"]) == 2
    assert [f.path for f in findings] == ["Strange", "PassFail@Colour", "Odd"]
    assert all("line 2" in f.message for f in findings)


def test_the_header_is_filled_from_all_its_elements() -> None:
    body, _ = converted(
        file(
            uut(
                '<MiscInfo Description="n" Numeric="3" idx="0"/>'
                '<MiscInfo Description="t" Typedef="">x &lt; y</MiscInfo>'
                '<ReportUnitHierarchy PartType="PCBA" PN="P" SN="S" Rev="B" Position="1"/>'
                '<Asset AssetSN="DMM" UsageCount="2"/>'
                '<AdditionalData Name="d"><a>1</a></AdditionalData>'
            )
        )
    )
    assert body["miscInfos"] == [
        {"description": "n", "numeric": 3},
        {"description": "t", "text": "x < y"},
    ]
    assert body["subUnits"] == [
        {"partType": "PCBA", "pn": "P", "sn": "S", "rev": "B", "position": 1}
    ]
    assert body["assets"] == [{"assetSN": "DMM", "usageCount": 2}]
    assert body["additionalData"][0]["props"][0]["value"] == "1"
    assert body["uut"] == {"user": "op"}


def test_a_report_without_an_id_gets_the_default_and_the_start_of_utc() -> None:
    head = 'Type="T" SN="S" PN="P" Result="Error" Start_utc="2026-01-30T09:00:00"'
    body, _ = converted(file(uut(head=head)))
    assert (body["id"], body["result"], body["root"]["status"]) == (ID, "E", "E")
    assert body["startUTC"][:19] != ""


def test_a_repair_hangs_failures_and_files_on_their_units() -> None:
    body, _ = converted(
        file(
            uur(
                '<ReportUnitHierarchy Idx="0" PN="P-1" SN="S-1" Rev="A"/>'
                '<ReportUnitHierarchy Idx="1" ParentIDX="0" ReplacedIDX="0" PN="P-2" SN="S-2"/>'
                '<Failures Idx="5" PartIdx="1" Category="a" Code="b" CompRef="R1" StepID="3">'
                "<Comment>c</Comment></Failures>"
                '<Failures Idx="6" Category="a" Code="d" ArticleVendor="v"/>'
                '<Binary FailIdx="5"><Data FileName="f.png" ContentType="image/png" size="2">\nb2s='
                '</Data></Binary><Binary><Data FileName="g">AA==</Data></Binary>',
                'ConfirmDate="2026-01-30T09:00:00.770" FinalizeDate="" Active="1" '
                'ReferencedUUT="9EE40DD0-7009-4CEA-92AB-7671C42EA86A" ExecutionTime="122"',
            )
        )
    )
    assert (body["type"], body["result"], body["processCode"]) == ("R", "P", 500)
    assert body["uur"] == {
        "user": "rep",
        "confirmDate": "2026-01-30T09:00:00.770Z",
        "execTime": 122,
        "refUUT": "9ee40dd0-7009-4cea-92ab-7671c42ea86a",
        "active": True,
        "comment": "c",
        "processCode": 10,
        "processName": "Test",
    }
    main, part = body["subUnits"]
    assert main["failures"] == [{"category": "a", "code": "d", "artVendor": "v"}]
    assert (part["idx"], part["parentIdx"], part["replacedIdx"]) == (1, 0, 0)
    assert part["failures"][0] == {
        "category": "a",
        "code": "b",
        "comRef": "R1",
        "refStepId": 3,
        "comment": "c",
        "attachments": [{"name": "f.png", "contentType": "image/png", "data": "b2s="}],
    }
    assert body["binaryData"] == [{"name": "g", "data": "AA=="}]


def test_a_repair_that_lists_no_units_is_about_its_own() -> None:
    body, findings = converted(file(uur('<Failures Category="a" Code="b"/>')))
    (main,) = body["subUnits"]
    assert (main["idx"], main["sn"], len(main["failures"])) == (0, "S-1", 1)
    assert findings == ()


FLAT = 'Group="Main" Status="Passed" StepType="X"'


def test_flat_steps_become_a_tree() -> None:
    points = base64.b64encode(struct.pack("<4d", 0, 1.5, 1, 2)).decode()
    body, findings = converted(
        file(
            uut(
                f'<Step StepID="2" ParentStepID="1" Name="b" {FLAT}><Loop index="0"/></Step>'
                f'<Step StepID="1" Name="a" {FLAT}/><SequenceCall StepID="1" Name="s"/>'
                '<NumericLimit StepID="2" NumericValue="1" Status="Passed"/>'
                '<Chart StepID="2" idx="0" ChartType="Line" Label="l"/>'
                '<Chart StepID="2" idx="1" PlotName="p" DataType="XYG">'
                f"<Data>{points}</Data></Chart>"
                f'<Step StepID="3" ParentStepID="1" Name="c" {FLAT}/>'
                '<Chart StepID="3" idx="0" ChartType="ATTACHMENT" Label="n"/>'
                '<Chart StepID="3" idx="1" PlotName="t/x"><Data>b2s=</Data></Chart>'
            ),
            space=WRML,
        )
    )
    assert findings == ()
    root = body["root"]
    assert (root["name"], root["id"], [s["name"] for s in root["steps"]]) == ("a", 1, ["b", "c"])
    assert root["steps"][0]["loop"]["idx"] == 0
    assert root["steps"][0]["chart"]["series"] == [
        {"dataType": "XYG", "name": "p", "xdata": "0;1", "ydata": "1.5;2"}
    ]
    assert root["steps"][1]["attachment"] == {"name": "n", "contentType": "t/x", "data": "b2s="}


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        (f'<Step StepID="1" {FLAT}/><Step StepID="1" {FLAT}/>', 'StepID "1" stands twice'),
        (f'<Step StepID="2" ParentStepID="9" {FLAT}/>', "Step belongs to a step that is missing"),
        (f'<Step StepID="1" {FLAT}/><PassFail StepID="7"/>', "PassFail belongs to a step"),
        (
            f'<Step StepID="1" ParentStepID="2" Name="n" {FLAT}/>'
            f'<Step StepID="2" ParentStepID="1" Name="m" {FLAT}/>',
            'the step "n" lies below itself',
        ),
        (
            f'<Step StepID="1" {FLAT}/><Chart StepID="1" PlotName="p"><Data>AA==</Data></Chart>',
            'the curve "p" belongs to no chart',
        ),
        (
            f'<Step StepID="1" {FLAT}/><Chart StepID="1" ChartType="Line"/>'
            '<Chart StepID="1" PlotName="p"><Data>A</Data></Chart>',
            "not Base64",
        ),
        (
            f'<Step StepID="1" {FLAT}/><Chart StepID="1" ChartType="Line"/>'
            '<Chart StepID="1" PlotName="p"><Data>AAAA</Data></Chart>',
            "not Base64 of pairs of doubles",
        ),
    ],
)
def test_flat_steps_that_make_no_tree_are_refused(steps: str, why: str) -> None:
    reason = refusal(file(uut(steps), space=WRML))
    assert reason.startswith("Report 1: ")
    assert why in reason
    assert "(line 2)" in reason


def test_a_second_chart_on_a_step_is_named() -> None:
    body, findings = converted(
        file(uut(step('<Chart ChartType="Line"/><Chart ChartType="Line"/>')))
    )
    assert "chart" in body["root"]["steps"][0]
    assert ["one chart" in f.message for f in findings] == [True]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the file is empty"),
        (b"\0\0", "only zero bytes"),
        (b"  \n", "not XML: there is no element"),
        (b"text", "not well-formed XML"),
        (b"<a><b></a>", "not well-formed XML: mismatched tag (line 1, column"),
        (b"<a>\n<b", "XML ends in the middle (line 2, column 3)"),
        (b"<a/>", 'the root element "a" is not "Reports" of WATS (line 1)'),
        (b'<Reports xmlns="x"/>', 'of the namespace "x" is not "Reports"'),
        (file(), "there is no Report in the file (line 1)"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', 'encoding "no-such" is unknown'),
        (b'<?xml version="1.0" encoding="shift_jis"?><a b="\xff"/>', "declared shift_jis, but is"),
        (file(uut(head='type="X"')), 'Report 1: type "X" is neither UUT nor UUR (line 2)'),
        (file(uut(head='type="UUT" SN="s" PN=" "')), "no part number (attribute PN), line 2"),
        (
            file(uut(head='type="UUT" SN="s" PN="p" Result="Good"')),
            'Result="Good" of Report: one of',
        ),
        (file(uut(head=f'type="UUT" {HEAD}')), 'Report 1, line 2: no "result"'),
        (file(uut(step("", 'Status="Great"'))), 'Status="Great" of Step: one of Passed, Failed'),
        (file(uut(step('<NumericLimit NumericValue="3,3"/>'))), "a number is expected (line 2)"),
        (file(uut(step("", 'StepCausedUUTFailure="x"'))), "true or false is expected (line 2)"),
        (file(uut('<Process Code="x"/>').replace('Code="10"', 'Code="x"')), "a number is expected"),
        (file(uut().replace('Code="10"', "")), "Report 1, line 2: no process code"),
        (file(uur(unit='ConfirmDate="soon"')), 'ConfirmDate="soon" of UUR: a date is expected'),
        (file(uur('<Failures PartIdx="9"/>')), 'PartIdx="9" names no unit'),
        (file(uut(), uut()), "reports 1 and 2 have the same id"),
        (file(uut(), uut(head='type="UUT" PN="p"')), "Report 2: no serial number (attribute SN)"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_place(data: bytes, why: str) -> None:
    assert why in refusal(data)


@pytest.mark.parametrize("name", ["iso-8859-1", "windows-1252", "utf-16", "shift_jis", "gb18030"])
def test_declared_encodings_are_read(name: str) -> None:
    text = {"shift_jis": "電圧", "gb18030": "电压"}.get(name, "Prüf")
    data = (
        f'<?xml version="1.0" encoding="{name}"?>{file(uut(step("", f"Name={text!r}"))).decode()}'
    )
    body, _ = converted(data.encode(name))
    assert body["root"]["steps"][0]["name"] == text


def test_a_lone_report_without_a_wrapper_and_a_namespace_is_taken() -> None:
    assert converted(uut().encode())[0]["sn"] == "S-1"


def test_the_process_code_of_the_configuration_fills_a_missing_one() -> None:
    data = file(uut().replace('Code="10"', ""))
    (encoded,) = convert_bytes(WatsXml(), data, "", {"process_code": 11})
    assert json.loads(encoded.body)["processCode"] == 11


@pytest.mark.parametrize(("depth", "taken"), [(254, True), (255, True), (256, False)])
def test_the_limit_of_nested_elements_is_kept_to_the_letter(depth: int, taken: bool) -> None:
    data = b"<a>" + b"<b>" * depth + b"</b>" * depth + b"</a>"
    if taken:
        assert xml_tree.parse(data).name == "a"
    else:
        with pytest.raises(Reject, match="more than 256 elements"):
            xml_tree.parse(data)


@pytest.mark.parametrize(("levels", "taken"), [(99, True), (100, True), (101, False)])
def test_the_limit_of_nested_steps_is_kept_to_the_letter(levels: int, taken: bool) -> None:
    nested = ""
    for _ in range(levels + 1):
        nested = step(nested, 'Name="s" StepType="SequenceCall" Status="Passed"')
    if taken:
        converted(file(uut(nested)))
    else:
        assert "deeper than 100 levels" in refusal(file(uut(nested)))


XML_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]) | st.sampled_from("\t\n\r<>&\"'"),
    max_size=20,
)


@given(XML_TEXT, XML_TEXT)
def test_text_comes_through_as_it_was_written(name: str, text: str) -> None:
    inner = f"<ReportText>{escape(text, {chr(13): '&#13;'})}</ReportText>"
    attributes = f"Name={quoteattr(name)} StepType='X' Status='Passed'"
    body, _ = converted(file(uut(step(inner, attributes))))
    found = body["root"]["steps"][0]
    assert found["name"] == name
    assert found.get("reportText", "") == text


SOUND = file(uut(step('<NumericLimit NumericValue="1" Status="Passed"/>')))


@given(st.integers(0, len(SOUND)), st.integers(0, 30), st.binary(max_size=6))
def test_a_damaged_file_is_converted_or_rejected(at: int, cut: int, added: bytes) -> None:
    data = SOUND[:at] + added + SOUND[at + cut :]
    assert 0.0 <= WatsXml().detect(Source.from_bytes(data)) <= 1.0
    with suppress(Reject):
        convert_bytes(WatsXml(), data)
