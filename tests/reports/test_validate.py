from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pywats_trio.reports import limits
from pywats_trio.reports.findings import MAX_FINDINGS
from pywats_trio.reports.model import InvalidReport
from pywats_trio.reports.report import Report
from tests.reports.examples import as_bytes, numeric, sequence, step, uur, uut

if TYPE_CHECKING:
    from pywats_trio.reports.model import Finding

MAIN = {"idx": 0, "partType": "Main", "pn": "a", "sn": "b"}
CHART = {"chartType": "Line", "series": [{"dataType": "XYG", "ydata": "1"}]}
FILE = {"name": "a", "data": "b2s="}


def findings(report: dict[str, Any]) -> tuple[Finding, ...]:
    """Those of the report as a mapping, which are those of its text too."""
    found = Report(report).findings
    (passed,) = Report.from_bytes(as_bytes(report))
    assert passed.findings == found
    return found


def of_step(*steps: dict[str, Any]) -> list[tuple[str, str]]:
    """Paths below the root's steps, and severities."""
    found = findings(uut(root=sequence(*steps)))
    return [(f.path.removeprefix("root.steps"), f.severity) for f in found]


def test_a_sound_report_has_no_findings() -> None:
    assert findings(uut()) == ()
    assert findings(uur()) == ()


@pytest.mark.parametrize("letter", [*limits.STEP_STATUS, "U"])
def test_each_status_letter_of_a_step_is_taken(letter: str) -> None:
    assert findings(uut(result="F", root=sequence(step(status=letter)))) == ()


@pytest.mark.parametrize("letter", [*limits.STEP_STATUS, "U"])
def test_of_these_a_measurement_has_three(letter: str) -> None:
    odd = [("[0].numericMeas[0].status", "error")]
    assert of_step(numeric(status=letter)) == ([] if letter in "PFS" else odd)


@pytest.mark.parametrize("wrong", ["Q", "p", "Passed", "", 5, [], {}, True])
def test_any_other_status_is_refused_with_its_path(wrong: object) -> None:
    with pytest.raises(InvalidReport, match=r"root\.steps\[1\]\.status: .* is none of P F D S E T"):
        Report(uut(root=sequence(step(), step(status=wrong))))
    with pytest.raises(InvalidReport, match=r"root\.steps\[0\]\.numericMeas\[0\]\.status"):
        Report(uut(root=sequence(numeric(status=wrong))))


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"steps": {"a": 1}}, r'"root\.steps\[0\]\.steps" is an object, a list'),
        ({"steps": [5]}, r'"root\.steps\[0\]\.steps\[0\]" is a number, an object'),
        ({"name": 5}, r'"root\.steps\[0\]\.name" is a number, a text'),
        ({"numericMeas": {}}, r'"root\.steps\[0\]\.numericMeas" is an object, a list'),
        ({"stringMeas": "x"}, r'"root\.steps\[0\]\.stringMeas" is a text, a list'),
        ({"booleanMeas": [True]}, r'"root\.steps\[0\]\.booleanMeas\[0\]" is true, an object'),
        ({"numericMeas": [{"value": {}}]}, r"numericMeas\[0\]\.value. is an object, a number"),
        ({"numericMeas": [{"value": False}]}, r"value. is false, a number"),
        ({"numericMeas": [{"value": 1, "lowLimit": []}]}, r"lowLimit. is a list, a number"),
        ({"numericMeas": [{"value": 1, "highLimit": []}]}, r"highLimit. is a list, a number"),
    ],
)
def test_what_is_of_another_kind_is_refused_with_its_path(
    changes: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidReport, match=path):
        Report(uut(root=sequence(step(**changes))))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"miscInfos": [5]}, r"miscInfos\[0\] is a number, an object"),
        ({"subUnits": [{"failures": 1}]}, r"subUnits\[0\]\.failures is a number, a list"),
        ({"subUnits": [{"failures": [1]}]}, r"subUnits\[0\]\.failures\[0\] is a number"),
    ],
)
def test_rows_of_another_kind_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidReport, match=message):
        Report(uur(**changes))


@pytest.mark.parametrize(("levels", "taken"), [(-1, True), (0, True), (1, False)])
def test_the_limit_of_nested_steps_is_kept_to_the_letter(levels: int, taken: bool) -> None:
    root = sequence()
    for _ in range(limits.MAX_NESTED_STEPS + levels):
        root = sequence(root)
    if taken:
        assert Report(uut(root=root)).findings == ()
    else:
        with pytest.raises(InvalidReport, match="steps nested deeper than 100"):
            Report(uut(root=root))


@pytest.mark.parametrize(
    ("changes", "path", "severity"),
    [
        ({"status": None}, "[0].status", "error"),
        ({"name": None}, "[0].name", "error"),
        ({"name": ""}, "[0].name", "error"),
        ({"name": "a\x01"}, "[0].name", "warning"),
        ({"group": "Main"}, "[0].group", "error"),
        ({"stepType": None}, "[0].stepType", "error"),
        ({"chart": CHART, "attachment": FILE}, "[0]", "error"),
        ({"numericMeas": [{"value": 1}], "stringMeas": []}, "[0]", "error"),
        ({"numericMeas": [{"value": None}]}, "[0].numericMeas[0].value", "error"),
        ({"numericMeas": [{"value": "3,3"}]}, "[0].numericMeas[0].value", "error"),
        ({"numericMeas": [{"value": "NaN"}]}, "[0].numericMeas[0].value", "warning"),
        ({"numericMeas": [{"value": 1, "compOp": "XX"}]}, "[0].numericMeas[0].compOp", "error"),
        ({"numericMeas": [{"value": 1, "compOp": 7}]}, "[0].numericMeas[0].compOp", "error"),
        ({"numericMeas": [{"value": 1, "compOp": "gele"}]}, "[0].numericMeas[0]", "warning"),
        (
            {"numericMeas": [{"value": 1, "compOp": "LE", "highLimit": 1}]},
            "[0].numericMeas[0]",
            "warning",
        ),
        ({"stringMeas": [{"value": "a", "compOp": "GE"}]}, "[0].stringMeas[0].compOp", "error"),
        ({"booleanMeas": [{"status": "P"}, {"status": "P"}]}, "[0].booleanMeas", "error"),
        ({"booleanMeas": 2 * [{"name": "a", "status": "P"}]}, "[0].booleanMeas", "error"),
    ],
)
def test_what_a_server_may_dislike_is_found_and_sent(
    changes: dict[str, Any], path: str, severity: str
) -> None:
    assert of_step(step(**changes)) == [(path, severity)]


@pytest.mark.parametrize("operator", ["LOG", "Log", "EQT", None])
def test_operators_without_limits_need_none(operator: str | None) -> None:
    assert of_step(step(numericMeas=[{"value": 1, "compOp": operator}])) == []


@pytest.mark.parametrize(
    ("key", "limit", "where"),
    [
        ("sn", 100, "sn"),
        ("machineName", 100, "machineName"),
    ],
)
def test_texts_are_measured_against_the_columns_of_the_server(
    key: str, limit: int, where: str
) -> None:
    for length in (limit - 1, limit):
        assert findings(uut(**{key: "x" * length})) == ()
    (found,) = findings(uut(**{key: "x" * (limit + 1)}))
    assert (found.path, found.severity) == (where, "error")
    assert found.message == f"{limit + 1} characters, WATS keeps {limit}"


@pytest.mark.parametrize(("length", "count"), [(99, 0), (100, 0), (101, 1)])
def test_step_names_have_a_limit_too(length: int, count: int) -> None:
    assert len(of_step(step(name="x" * length))) == count


@pytest.mark.parametrize("character", sorted(limits.WILDCARDS))
def test_wildcards_in_a_serial_number_are_found(character: str) -> None:
    (found,) = findings(uut(sn=f"S{character}1"))
    assert (found.path, found.severity) == ("sn", "warning")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"rev": ...}, "rev"),
        ({"start": "1969-12-31T23:00:00Z", "startUTC": ...}, "start"),
        ({"startUTC": "2026-01-30T09:00:02Z"}, "startUTC"),
        ({"miscInfos": [{"text": "x"}]}, "miscInfos[0].description"),
        ({"assets": [{"sn": "x", "usageCount": 1}]}, "assets[0].assetSN"),
        ({"uut": {"user": "x" * 101}}, "uut.user"),
        ({"root": sequence(seqCall=None)}, "root.seqCall"),
        ({"root": sequence(step(status="F"))}, "root.steps[0].status"),
        ({"root": sequence(step(status="T"), step(status="E"))}, "root.steps[0].status"),
    ],
)
def test_the_rest_of_a_report_is_looked_at(changes: dict[str, Any], path: str) -> None:
    assert [finding.path for finding in findings(uut(**changes))] == [path]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"uur": {"user": "x"}}, "uur.processCode"),
        ({"subUnits": []}, "subUnits"),
        (
            {"subUnits": [{**MAIN, "failures": [{"code": "c"}]}]},
            "subUnits[0].failures[0].category",
        ),
    ],
)
def test_a_repair_is_looked_at(changes: dict[str, Any], path: str) -> None:
    assert [finding.path for finding in findings(uur(**changes))] == [path]


@pytest.mark.parametrize("extra", [-1, 0, 1, 100])
def test_findings_are_bounded_and_the_rest_is_counted(extra: int) -> None:
    found = of_step(*(step(stepType="") for _ in range(MAX_FINDINGS + extra)))
    assert len(found) == min(MAX_FINDINGS + extra, MAX_FINDINGS) + (extra > 0)
    if extra > 0:
        report = Report(
            uut(root=sequence(*(step(stepType="") for _ in range(MAX_FINDINGS + extra))))
        )
        assert report.findings[-1].message == f"{extra} more findings"
