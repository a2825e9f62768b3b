"""Every limit of every member: what is at it and below has no finding, what is above has one."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

import pytest

from pywats_trio.reports import limits
from pywats_trio.reports.report import Report
from pywats_trio.reports.validate import oversize
from tests.reports.examples import DEFAULTS, numeric, sequence, step, uur, uut
from tests.reports.test_validate import CHART, FILE, MAIN, findings

if TYPE_CHECKING:
    from collections.abc import Callable

Place = tuple[str, "Callable[[Any], dict[str, Any]]"]
"""Where a value stands in a report, and a report that has it there."""


def in_unit(key: str) -> Place:
    return f"uut.{key}", lambda value: uut(uut={"user": "op", key: value})


def in_repair(key: str) -> Place:
    return f"uur.{key}", lambda value: uur(uur={"processCode": 10, key: value})


def in_step(key: str) -> Place:
    return f"root.steps[0].{key}", lambda value: uut(root=sequence(step(**{key: value})))


def in_part(part: str, key: str, **others: Any) -> Place:
    """In an object of a step."""
    return f"root.steps[0].{part}.{key}", lambda value: uut(
        root=sequence(step(**{part: {**others, key: value}}))
    )


def in_series(key: str) -> Place:
    curve = {"dataType": "XYG", "ydata": "1"}
    return f"root.steps[0].chart.series[0].{key}", lambda value: uut(
        root=sequence(step(chart={"chartType": "Line", "series": [{**curve, key: value}]}))
    )


def in_measurement(kind: str, key: str) -> Place:
    values: dict[str, Any] = {"numericMeas": {"value": 1}, "stringMeas": {"value": "a"}}
    whole = values.get(kind, {})
    return f"root.steps[0].{kind}[0].{key}", lambda value: uut(
        root=sequence(step(**{kind: [{"status": "P", **whole, key: value}]}))
    )


def in_row(rows: str, key: str, **others: Any) -> Place:
    return f"{rows}[0].{key}", lambda value: uut(**{rows: [{**others, key: value}]})


def in_failure(key: str) -> Place:
    cause = {"category": "c", "code": "d"}
    return f"subUnits[0].failures[0].{key}", lambda value: uur(
        subUnits=[{**MAIN, "failures": [{**cause, key: value}]}]
    )


def in_report(key: str) -> Place:
    return key, lambda value: uut(**{key: value})


def in_property(key: str) -> Place:
    return f"additionalData[0].props[0].{key}", lambda value: uut(
        additionalData=[{"name": "a", "props": [{"name": "b", key: value}]}]
    )


MISC: Final = {"description": "a", "text": "b"}
SUB_UNIT: Final = {"partType": "a", "pn": "b", "sn": "c"}
ASSET: Final = {"assetSN": "a", "usageCount": 1}
POINTS: Final = {"chartType": "Line", "series": CHART["series"]}

LENGTHS: Final[list[tuple[Place, int]]] = [
    *((in_report(key), 100) for key in ("pn", "sn", "rev", "machineName", "location", "purpose")),
    *((in_unit(key), 100) for key in ("user", "batchSN", "fixtureId")),
    (in_unit("comment"), 5000),
    (in_unit("errorMessage"), 500),
    (in_repair("user"), 100),
    (in_repair("comment"), 5000),
    (in_step("name"), 100),
    (in_step("errorMessage"), 200),
    (in_step("reportText"), 100_000),
    (in_step("tsGuid"), 30),
    (in_measurement("numericMeas", "name"), 100),
    (in_measurement("numericMeas", "unit"), 20),
    (in_measurement("stringMeas", "name"), 100),
    (in_measurement("stringMeas", "value"), 100),
    (in_measurement("stringMeas", "limit"), 100),
    (in_measurement("booleanMeas", "name"), 100),
    (in_part("seqCall", "path"), 500),
    (in_part("seqCall", "name"), 200),
    (in_part("seqCall", "version"), 30),
    (in_part("messagePopup", "response"), 200),
    (in_part("chart", "label", **POINTS), 100),
    (in_part("chart", "xLabel", **POINTS), 50),
    (in_part("chart", "yLabel", **POINTS), 50),
    (in_part("chart", "xUnit", **POINTS), 20),
    (in_part("chart", "yUnit", **POINTS), 20),
    (in_series("name"), 100),
    (in_part("attachment", "contentType", **FILE), 100),
    (in_row("miscInfos", "description", **MISC), 100),
    (in_row("miscInfos", "text", **MISC), 100),
    (in_row("miscInfos", "typedef", **MISC), 30),
    (in_row("subUnits", "partType", **SUB_UNIT), 50),
    *((in_row("subUnits", key, **SUB_UNIT), 100) for key in ("pn", "sn", "rev")),
    (in_row("assets", "assetSN", **ASSET), 100),
    (in_row("additionalData", "name"), 200),
    (in_failure("comRef"), 50),
    *((in_failure(key), 100) for key in ("funcBlock", "artNumber", "artRev")),
    *((in_failure(key), 500) for key in ("artVendor", "artDescription")),
]
INT16, INT32 = (-(2**15), 2**15 - 1), (-(2**31), 2**31 - 1)
RANGES: Final[list[tuple[Place, tuple[int, int]]]] = [
    (in_unit("testSocketIndex"), INT16),
    *((in_unit(f"batch{key}"), INT32) for key in ("FailCount", "LoopIndex")),
    (in_unit("errorCode"), INT32),
    (in_unit("stepIdCausedUUTFailure"), INT32),
    (in_repair("processCode"), INT16),
    *((in_step(key), INT32) for key in ("id", "errorCode", "interactiveExeNum")),
    (in_part("messagePopup", "button"), INT16),
    *((in_part("loop", k), INT16) for k in ("idx", "num", "endingIndex", "passed", "failed")),
    (in_row("miscInfos", "numeric", description="a"), INT16),
    (in_row("subUnits", "position", **SUB_UNIT), INT16),
    *((in_row("subUnits", k, **SUB_UNIT), INT32) for k in ("idx", "parentIdx", "replacedIdx")),
    (in_row("assets", "usageCount", **ASSET), INT32),
    (in_failure("refStepId"), INT32),
    (in_property("flags"), INT32),
]
REALS: Final = [
    in_unit("execTime"),
    in_repair("execTime"),
    in_step("totTime"),
    in_part("callExe", "exitCode"),
]
TEXTS: Final = [
    in_step("stepType"),
    in_step("errorCodeFormat"),
    in_unit("errorCodeFormat"),
    in_measurement("numericMeas", "valueFormat"),
    in_property("value"),
    in_failure("comment"),
    in_part("attachment", "name", **FILE),
    in_part("chart", "label", **POINTS),
]


def of(place: Place, value: object) -> list[tuple[str, str, str]]:
    return [(f.path, f.severity, f.message) for f in findings(place[1](value))]


def named(table: list[tuple[Place, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("place", "limit"), table, ids=[place[0] for place, _limit in table]
    )


def places(table: list[Place]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("place", table, ids=[place[0] for place in table])


@named(LENGTHS)
def test_a_text_is_measured_against_the_column_of_the_server(place: Place, limit: int) -> None:
    said = f"{limit + 1} characters, WATS keeps {limit}"
    for length in (1, limit // 2 + 1, limit - 1, limit):
        assert of(place, "x" * length) == []
    assert of(place, "x" * (limit + 1)) == [(place[0], "error", said)]


@named(LENGTHS)
def test_characters_count_as_the_server_counts_them(place: Place, limit: int) -> None:
    assert of(place, "Å" * limit) == []
    assert of(place, "😀" * (limit // 2)) == []
    found = of(place, "😀" * (limit // 2 + 1))
    assert [one[:2] for one in found] == [(place[0], "error")]


@named(RANGES)
def test_a_whole_number_has_a_range(place: Place, limit: tuple[int, int]) -> None:
    least, most = limit
    for value in (least, least + 1, most - 1, most):
        assert [one for one in of(place, value) if "no unit" not in one[2]] == []
    for value in (least - 1, most + 1):
        said = f"beyond what WATS holds here, {least} to {most}"
        assert (place[0], "error", said) in of(place, value)


@named(RANGES)
@pytest.mark.parametrize(
    ("value", "severity"),
    [(2.0, "warning"), ("2", "warning"), (2.5, "error"), ("2.5", "error"), (True, "error")],
)
def test_what_should_be_a_whole_number(
    place: Place, limit: tuple[int, int], value: object, severity: str
) -> None:
    del limit
    assert [one[:2] for one in of(place, value)] == [(place[0], severity)]


@places(REALS)
@pytest.mark.parametrize(
    ("value", "severity"),
    [
        *((fine, "") for fine in (0, -1, 1.5, 2**40, 1e308)),
        ("1.5", "warning"),
        ("NaN", "warning"),
        ("-Infinity", "warning"),
        ("1,5", "error"),
        ("", "error"),
        (False, "error"),
        ([], "error"),
        (10**400, "error"),
    ],
)
def test_what_should_be_a_number(place: Place, value: object, severity: str) -> None:
    found = [one[:2] for one in of(place, value)]
    assert found == ([(place[0], severity)] if severity else [])


@places(TEXTS)
@pytest.mark.parametrize(
    ("value", "severity"), [("", ""), (5, "warning"), ([1], "error"), ({"a": 1}, "error")]
)
def test_what_should_be_a_text(place: Place, value: object, severity: str) -> None:
    if value == "" and place[0].endswith("stepType"):
        severity = "error"  # it is required
    found = [one[:2] for one in of(place, value)]
    assert found == ([(place[0], severity)] if severity else [])


@places([in_step("causedUUTFailure"), in_step("causedSeqFailure"), in_repair("active")])
@pytest.mark.parametrize(
    ("value", "severity"),
    [(True, ""), (False, ""), (1, "warning"), ("False", "warning"), (2, "error"), ("x", "error")],
)
def test_what_should_be_true_or_false(place: Place, value: object, severity: str) -> None:
    found = [one[:2] for one in of(place, value)]
    assert found == ([(place[0], severity)] if severity else [])


@places([in_step("start"), in_repair("confirmDate"), in_repair("finalizeDate")])
@pytest.mark.parametrize(
    ("value", "severity"),
    [
        ("2026-01-30T22:01:41.4707353+01:00", ""),
        ("2026-01-30T21:01:41Z", ""),
        ("2026-01-30 21:01:41Z", ""),
        ("2026-01-30T21:01:41", "warning"),
        ("2026-02-30T21:01:41Z", "error"),
        ("20260130T210141Z", "error"),
        ("2026", "error"),
        ("", "error"),
        (5, "error"),
    ],
)
def test_what_should_be_a_time(place: Place, value: object, severity: str) -> None:
    if severity == "warning" and place[0].startswith("uur"):
        severity = ""  # these are in UTC anyway
    found = [one[:2] for one in of(place, value)]
    assert found == ([(place[0], severity)] if severity else [])


@places([in_repair("refUUT"), in_repair("parent"), in_row("miscInfos", "id", **MISC)])
@pytest.mark.parametrize(
    ("value", "severity"),
    [
        ("0B9F6C1E-2f5b-4a7e-9d55-4f2f3a1c0002", ""),
        ("0b9f6c1e2f5b4a7e9d554f2f3a1c0002", "error"),
        ("", "error"),
        (7, "error"),
    ],
)
def test_what_should_be_a_uuid(place: Place, value: object, severity: str) -> None:
    found = [one[:2] for one in of(place, value)]
    assert found == ([(place[0], severity)] if severity else [])


@pytest.mark.parametrize(("year", "odd"), [(1969, 1), (1970, 0), (2099, 0), (2100, 1), (9998, 1)])
def test_a_start_is_in_a_year_in_which_somebody_tests(year: int, odd: int) -> None:
    found = findings(uut(start=f"{year}-06-01T00:00:00Z", startUTC=...))
    assert [(f.path, f.severity) for f in found] == odd * [("start", "warning")]


@pytest.mark.parametrize(("seconds", "odd"), [("00.9", 0), ("01", 0), ("01.1", 1)])
def test_start_and_its_utc_may_differ_by_a_second(seconds: str, odd: int) -> None:
    found = findings(uut(startUTC=f"2026-01-30T09:00:{seconds}Z"))
    assert [f.path for f in found] == odd * ["startUTC"]


@pytest.mark.parametrize("key", limits.SEARCHED)
def test_wildcards_are_found_in_what_people_search_for(key: str) -> None:
    assert [f.path for f in findings(uut(**{key: "a_b"}))] == [key]


def series_of(count: int) -> dict[str, Any]:
    curves = count * [{"dataType": "XYG", "ydata": "1"}]
    return uut(root=sequence(step(chart={**CHART, "series": curves})))


def points_of(count: int) -> dict[str, Any]:
    curve = {"dataType": "XYG", "ydata": ";".join(count * ["1"])}
    return uut(root=sequence(step(chart={**POINTS, "series": [curve]})))


def file_of(size: int) -> dict[str, Any]:
    return uut(
        root=sequence(step(attachment={**FILE, "data": base64.b64encode(bytes(size)).decode()}))
    )


@pytest.mark.parametrize(
    ("make", "limit", "path"),
    [
        (series_of, limits.CHART_SERIES, "root.steps[0].chart.series"),
        (points_of, limits.CHART_POINTS, "root.steps[0].chart.series[0]"),
        (file_of, limits.ATTACHMENT_BYTES, "root.steps[0].attachment.data"),
    ],
)
def test_what_may_be_too_much_for_a_server(
    make: Callable[[int], dict[str, Any]], limit: int, path: str
) -> None:
    assert findings(make(limit - 1)) == findings(make(limit)) == ()
    (found,) = findings(make(limit + 1))
    assert (found.path, found.severity) == (path, "warning")
    assert str(limit) in found.message
    assert str(limit + 1) in found.message


def test_the_size_of_a_report() -> None:
    assert oversize(limits.REPORT_BYTES) == oversize(0) == ()
    (found,) = oversize(limits.REPORT_BYTES + 1)
    assert (found.path, found.severity) == ("", "warning")
    assert "30000001 bytes" in found.message


def test_a_report_that_is_too_large_says_so_when_it_is_encoded() -> None:
    bare = len(Report(uut(padding="")).encode(DEFAULTS).body)
    for more, odd in ((-1, 0), (0, 0), (1, 1)):
        report = Report(uut(padding="x" * (limits.REPORT_BYTES + more - bare)))
        assert len(report.encode(DEFAULTS).findings) == odd


def test_a_sound_number_has_no_findings_in_either_form() -> None:
    assert findings(uut(root=sequence(numeric(value=10**300), numeric(value=-1)))) == ()
