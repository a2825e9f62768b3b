"""What stands beside measurements: rules of charts, files, repairs, rows, and of texts anywhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pywats_trio.reports.characters import may_hold_forbidden
from pywats_trio.reports.findings import MAX_FINDINGS, Findings, path_of
from pywats_trio.reports.model import InvalidReport
from pywats_trio.reports.numbers import Number
from pywats_trio.reports.report import Report
from pywats_trio.reports.validate import examine
from tests.reports.examples import numeric, sequence, step, uur, uut
from tests.reports.test_validate import CHART, FILE, MAIN, findings, of_step

if TYPE_CHECKING:
    from collections.abc import Callable


def series(**changes: Any) -> dict[str, Any]:
    """A step that shows one curve."""
    curve = {"dataType": "XYG", "name": "a", "xdata": "1;2", "ydata": "3;4", **changes}
    return step(chart={"chartType": "Line", "series": [curve]})


@pytest.mark.parametrize(
    ("made", "path", "severity"),
    [
        (step(chart={**CHART, "chartType": "line"}), "chart.chartType", "error"),
        (step(chart={**CHART, "chartType": None}), "chart.chartType", "error"),
        (step(chart={**CHART, "series": {}}), "chart.series", "error"),
        (step(chart={**CHART, "series": [1]}), "chart.series[0]", "error"),
        (step(chart=[]), "chart", "error"),
        (series(dataType="XY"), "chart.series[0].dataType", "error"),
        (series(xdata="1;2;3"), "chart.series[0]", "error"),
        (series(xdata="1"), "chart.series[0]", "error"),
        (series(ydata="3,5;4"), "chart.series[0].ydata", "error"),
        (series(ydata="3;x"), "chart.series[0].ydata", "error"),
        (series(xdata="1;;2", ydata="1;2;3"), "chart.series[0].xdata", "error"),
        (series(xdata=None, ydata=None), "chart.series[0].ydata", "error"),
        (step(attachment={"name": "a"}), "attachment.data", "warning"),
        (step(attachment={"data": "b2s="}), "attachment.name", "warning"),
        (step(attachment={**FILE, "data": "b2s"}), "attachment.data", "error"),
        (step(attachment={**FILE, "data": "b2s=!"}), "attachment.data", "error"),
        (step(attachment={**FILE, "data": "b2sö"}), "attachment.data", "error"),
        (step(attachment={**FILE, "data": 5}), "attachment.data", "error"),
        (step(seqCall=5), "seqCall", "error"),
        (step(loop=[]), "loop", "error"),
        (step(callExe={"exitCode": "x"}), "callExe.exitCode", "error"),
        (step(additionalResults={}), "additionalResults", "error"),
        (step(additionalResults=[{"props": []}]), "additionalResults[0].name", "error"),
    ],
)
def test_parts_of_a_step(made: dict[str, Any], path: str, severity: str) -> None:
    assert of_step(made) == [(f"[0].{path}", severity)]


@pytest.mark.parametrize(
    "made",
    [
        series(),
        series(xdata=None),
        series(xdata="1;2;", ydata="-1.5e-3;+.5;"),
        series(xdata="", ydata=""),
        step(attachment={**FILE, "data": "b2s=\r\n"}),
        step(attachment={**FILE, "data": "b2\n s="}),
        step(attachment={**FILE, "data": ""}),
        step(chart=CHART, numericMeas=[{"value": 1}]),
        step(chart={**CHART, "series": []}),
        sequence(stepType="Action"),
        step(loop={"idx": None, "num": 2, "endingIndex": 2, "passed": 2, "failed": 0}),
        step(messagePopup={"response": None, "button": 1}),
        step(numericMeas=[{"value": Number("1.50"), "lowLimit": Number("1"), "compOp": "Ge"}]),
        step(totTime=Number("1.5"), errorCode=Number("-17")),
        step(unheardOf={"a": [1]}),
    ],
)
def test_parts_that_are_right(made: dict[str, Any]) -> None:
    assert Report(uut(root=sequence(made))).findings == ()


@pytest.mark.parametrize("value", [Number("1e3"), Number("1.5")])
def test_a_number_with_a_fraction_is_no_whole_number(value: Number) -> None:
    (found,) = Report(uut(root=sequence(step(id=value)))).findings
    assert (found.path, found.message) == ("root.steps[0].id", f"{value.text} is no whole number")


def nested(levels: int) -> dict[str, Any]:
    """A property with properties below it."""
    found: dict[str, Any] = {"type": "Number", "value": "21.5"}
    for _ in range(levels):
        found = {"name": "a", "type": "Obj", "props": [found]}
    return found


@pytest.mark.parametrize(
    ("prop", "path"),
    [
        (nested(2), "props[0].props[0].props[0].name"),
        ({"name": "a", "props": {}}, "props[0].props"),
        ({"name": "a", "array": []}, "props[0].array"),
        ({"name": "a", "array": {"dimension": "x"}}, "props[0].array.dimension"),
        ({"name": "a", "array": {"indexes": [5]}}, "props[0].array.indexes[0]"),
        (
            {"name": "a", "array": {"indexes": [{"text": "0", "value": {"value": "1"}}]}},
            "props[0].array.indexes[0].value.name",
        ),
    ],
)
def test_additional_data_at_any_depth(prop: dict[str, Any], path: str) -> None:
    (found,) = findings(uut(additionalData=[{"name": "x", "props": [prop]}]))
    assert (found.path, found.severity) == (f"additionalData[0].{path}", "error")


def test_additional_data_as_deep_as_reports_may_be_are_looked_at() -> None:
    (found,) = findings(uut(additionalData=[{"name": "x", "props": [nested(125)]}]))
    assert found.path.count("props[0]") == 126


@pytest.mark.parametrize(
    ("operator", "limits", "odd"),
    [
        ("GELE", ("lowLimit",), True),
        ("GELE", ("highLimit",), True),
        ("gele", ("lowLimit", "highLimit"), False),
        ("LT", ("lowLimit",), False),
        ("Lt", (), True),
        ("LOG", (), False),
        ("EQT", (), False),
        ("log", ("lowLimit",), False),
    ],
)
def test_an_operator_needs_its_limits(operator: str, limits: tuple[str, ...], odd: bool) -> None:
    measured = {"value": 1, "compOp": operator, **dict.fromkeys(limits, 1)}
    found = of_step(step(numericMeas=[measured]))
    assert found == ([("[0].numericMeas[0]", "warning")] if odd else [])


@pytest.mark.parametrize(
    ("measured", "path", "severity"),
    [
        ({"stringMeas": [{"value": "a", "compOp": "EQ"}]}, "stringMeas[0]", "warning"),
        ({"stringMeas": [{"value": "a", "compOp": []}]}, "stringMeas[0].compOp", "error"),
        ({"stringMeas": [{"value": 5}]}, "stringMeas[0].value", "warning"),
        ({"numericMeas": [{"value": "3.3"}]}, "numericMeas[0].value", "warning"),
        ({"numericMeas": [{"value": 1, "highLimit": "x"}]}, "numericMeas[0].highLimit", "error"),
        ({"numericMeas": [{"value": 1, "compOp": {}}]}, "numericMeas[0].compOp", "error"),
        ({"booleanMeas": [{"name": "a"}]}, "booleanMeas[0].status", "warning"),
        ({"callExe": {}, "booleanMeas": [{"status": "P"}]}, "", "error"),
        ({"callExe": {}, "messagePopup": {}}, "", "error"),
        ({"group": None}, "group", "warning"),
        ({"group": []}, "group", "error"),
        ({"stepType": "Action", "steps": [step()]}, "steps", "error"),
        ({"stepType": "WATS_SeqCall", "steps": [step()]}, "seqCall", "warning"),
    ],
)
def test_rules_of_a_step(measured: dict[str, Any], path: str, severity: str) -> None:
    assert of_step(step(**measured)) == [(f"[0].{path}".rstrip("."), severity)]


@pytest.mark.parametrize(
    ("root", "path", "severity"),
    [
        (sequence(seqCall=None), "root.seqCall", "warning"),
        (sequence(step(), seqCall=None), "root.seqCall", "warning"),
        (sequence(step(), stepType="Action", seqCall=None), "root.steps", "error"),
        (step(stepType="SequenceCall"), "root.seqCall", "warning"),
    ],
)
def test_the_root_is_a_sequence(root: dict[str, Any], path: str, severity: str) -> None:
    assert [(f.path, f.severity) for f in findings(uut(root=root))] == [(path, severity)]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"miscInfos": [{"description": "a"}]}, "miscInfos[0]"),
        ({"miscInfos": [{"numeric": 1}]}, "miscInfos[0].description"),
        ({"subUnits": [{"pn": "a", "sn": "b"}]}, "subUnits[0].partType"),
        ({"subUnits": [{"partType": "a", "sn": "b"}]}, "subUnits[0].pn"),
        ({"subUnits": [{"partType": "a", "pn": "b"}]}, "subUnits[0].sn"),
        ({"assets": [{"assetSN": "x"}]}, "assets[0].usageCount"),
        ({"binaryData": [FILE]}, "binaryData"),
        ({"additionalData": [5]}, "additionalData[0]"),
    ],
)
def test_rows_of_a_test(changes: dict[str, Any], path: str) -> None:
    assert [(f.path, f.severity) for f in findings(uut(**changes))] == [(path, "error")]


@pytest.mark.parametrize(
    ("units", "path"),
    [
        ([MAIN, {**MAIN, "idx": 1, "parentIdx": 0, "replacedIdx": 1}], ""),
        ([MAIN, {**MAIN, "idx": 1, "parentIdx": 2}], "subUnits[1].parentIdx"),
        ([MAIN, {**MAIN, "idx": 1, "replacedIdx": -1}], "subUnits[1].replacedIdx"),
        ([MAIN, {**MAIN, "idx": None}], "subUnits[1].idx"),
        ([MAIN, {**MAIN, "idx": "x"}], "subUnits[1].idx"),
        ([{**MAIN, "idx": 1}], "subUnits"),
        ([MAIN, MAIN], "subUnits"),
        (
            [{**MAIN, "failures": [{"category": "", "code": "c"}]}],
            "subUnits[0].failures[0].category",
        ),
        (
            [{**MAIN, "failures": [{"category": "a", "code": "c", "attachments": [5]}]}],
            "subUnits[0].failures[0].attachments[0]",
        ),
    ],
)
def test_units_of_a_repair(units: list[dict[str, Any]], path: str) -> None:
    found = [(f.path, f.severity) for f in findings(uur(subUnits=units))]
    assert found == ([(path, "error")] if path else [])


def test_each_of_two_units_with_one_number_is_found() -> None:
    units = [MAIN, {**MAIN, "idx": 3}, {**MAIN, "idx": 3}]
    found = [f.path for f in findings(uur(subUnits=units))]
    assert found == ["subUnits[1].idx", "subUnits[2].idx"]


def test_files_of_a_repair_are_looked_at() -> None:
    assert findings(uur(binaryData=[{**FILE, "contentType": "a"}])) == ()
    (found,) = findings(uur(binaryData=[{**FILE, "data": "?"}]))
    assert (found.path, found.message) == ("binaryData[0].data", "not Base64")


# Characters that XML cannot hold


def at_unit(text: str) -> dict[str, Any]:
    return uut(uut={"user": text})


def at_key_of_step(text: str) -> dict[str, Any]:
    return uut(root=sequence(step(reportText=text)))


@pytest.mark.parametrize("character", ["\0", "\x08", "\x0b", "\x0c", "\x1f", "\ufffe", "\uffff"])
@pytest.mark.parametrize(
    ("make", "path"),
    [
        (at_unit, "uut.user"),
        (at_key_of_step, "root.steps[0].reportText"),
        (lambda text: uut(rev=text), "rev"),
        (lambda text: uut(unheardOf=[{"a": text}]), "unheardOf[0].a"),
    ],
)
def test_characters_that_xml_cannot_hold_are_found_anywhere(
    make: Callable[[str], dict[str, Any]], path: str, character: str
) -> None:
    (found,) = findings(make(f"a{character}b"))
    assert (found.path, found.severity) == (path, "warning")
    assert f"U+{ord(character):04X}" in found.message


@pytest.mark.parametrize("text", ["\t\n\r", "\x7f\x85", "Å 漢 😀", "\\b\\u0001"])
def test_characters_that_xml_can_hold_are_not_found(text: str) -> None:
    assert Report(at_unit(text)).findings == ()


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize(
    ("text", "may"),
    [
        *((f"a{c}", True) for c in "\0\x08\x0b\x0c\x1f\ufffe\uffff"),
        ("\\\x08", True),
        ("C:\\bin\\fix\\u0001", False),
        ("\t\n\r\u00e5\uff01", False),
        ("plain", False),
    ],
)
def test_a_json_text_tells_at_a_glance_whether_it_may_hold_one(
    text: str, may: bool, ascii_only: bool
) -> None:
    assert may_hold_forbidden(json.dumps([text], ensure_ascii=ascii_only)) is may


def test_capitals_in_escapes_make_no_difference() -> None:
    for escape in ("\\uFFFE", "\\uFfFf", "\\u001F", "\\u000B"):
        assert may_hold_forbidden(f'"{escape}"')


# The list of findings


def test_no_warning_keeps_out_an_error() -> None:
    steps = [step(group=None) for _ in range(MAX_FINDINGS + 5)]
    found = findings(uut(root=sequence(*steps, step(stepType=""))))
    assert [f.path for f in found if f.severity == "error"] == [
        f"root.steps[{MAX_FINDINGS + 5}].stepType"
    ]
    assert len(found) == MAX_FINDINGS + 1
    assert found[-1].message == "6 more findings"


def test_errors_are_bounded_like_the_rest() -> None:
    found = Findings()
    for number in range(3 * MAX_FINDINGS):
        found.add(("a", number), "bad", "error" if number % 2 else "warning")
    told = found.all()
    assert [f.severity for f in told[:-1]] == MAX_FINDINGS * ["error"]
    assert told[-1].message == f"{2 * MAX_FINDINGS} more findings"


def test_a_trail_is_a_path_from_its_end() -> None:
    assert path_of(()) == ()
    assert path_of((((), "root"), 3)) == ("root", 3)


def test_the_search_for_characters_can_be_saved() -> None:
    found = Findings()
    examine(uut(rev="\0"), found, controls=False)
    assert found.all() == ()


def test_numbers_beyond_doubles_are_refused_where_they_are_measured() -> None:
    with pytest.raises(InvalidReport, match=r"numericMeas\[0\]\.value: larger than any finite"):
        Report(uut(root=sequence(numeric(value=10**400))))
