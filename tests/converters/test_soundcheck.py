"""SoundCheck's tables: samples, a second reading of the real file, and what they do not show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.converters.api import Reject, Source
from pywats_trio.converters.standard.soundcheck.converter import SoundCheck
from tests import samples
from tests.converters.readings import soundcheck as second
from tests.samples import Sample, convert_bytes, disagreements, outcome

SAMPLES = [*samples.samples("soundcheck")]
REAL = Path(samples.REAL) / "other" / "soundcheck.txt"
WHOSE = "Serial #:\tOperator: \tTime: \tLot #: "
RESULTS = f"{WHOSE}\tName\tMargin\tUnit\tResult\tTolerance\tLimits"
CURVE = (
    f"{WHOSE}\tFund\t\tx data lin\ty data dB\tz data lin\t\tx axis log\ty axis lin\tz axis lin\t\t"
    "Hz\tdB\tdeg.\t\t"
)
RUN = "S-1\top\t7/22/2020 10:22:14 PM\tP-1"
PASSED = f"{RUN}\tA\t1.50\tdB\tPASS\tMax/Min\t2.0/1.0"


def converted(*lines: str, **arguments: Any) -> tuple[list[dict[str, Any]], list[str]]:
    data = "\n".join(lines).encode()
    encoded = convert_bytes(SoundCheck(), data, arguments=arguments)
    messages = [finding.message for one in encoded for finding in one.findings]
    return [json.loads(one.body) for one in encoded], messages


def steps(*lines: str, **arguments: Any) -> list[dict[str, Any]]:
    (body,), _ = converted(*lines, **arguments)
    found: list[dict[str, Any]] = body["root"]["steps"]
    return found


def result(**cells: str) -> dict[str, Any]:
    """The step that a row with these cells becomes."""
    row = {"name": "A", "margin": "1.5", "unit": "dB", "result": "PASS", "tolerance": "Max/Min"}
    (found,) = steps(RESULTS, "\t".join([RUN, *({**row, "limits": "2/1"} | cells).values()]))
    return found


def refusal(*lines: str, **arguments: Any) -> str:
    with pytest.raises(Reject) as raised:
        converted(*lines, **arguments)
    return raised.value.why


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_ends_as_expected(sample: Sample) -> None:
    found = outcome(SoundCheck(), sample)
    if isinstance(found, Reject):
        assert sample.refused, found.why
        assert "line" in found.why
    else:
        assert disagreements(found, sample.expected) == []
    assert SoundCheck().detect(sample.source(SoundCheck())) >= 0.9


@pytest.mark.parametrize(
    "path",
    [
        samples.OURS / "soundcheck" / "results.txt",
        pytest.param(
            REAL, marks=pytest.mark.skipif(not REAL.is_file(), reason=samples.REAL_MISSING)
        ),
    ],
    ids=["ours", "real"],
)
def test_a_second_reading_finds_the_same(path: Path) -> None:
    expected = second.facts(path)
    found = [json.loads(one.body) for one in convert_bytes(SoundCheck(), path.read_bytes())]
    assert disagreements(found, expected) == []
    assert len(found) > 2
    assert SoundCheck().detect(Source.from_bytes(path.read_bytes())) == 0.95


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        (RESULTS, 0.95),
        (f"\n{CURVE}", 0.95),
        (f"{WHOSE}\tFund", 0.3),
        (RESULTS.replace("Time: ", "T: "), 0.0),
        ("Name\tMargin\tUnit\tResult", 0.0),
        ("", 0.0),
    ],
)
def test_the_first_header_is_known(text: str, sure: float) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert SoundCheck().detect(Source.from_bytes(text.encode(encoding))) == sure


def test_prefixes_are_cut_where_the_configuration_names_them() -> None:
    row = PASSED.replace("S-1", "S/N 13").replace("P-1", "P/N #5")
    (body,), _ = converted(RESULTS, row)
    assert (body["sn"], body["pn"]) == ("S/N 13", "P/N #5")
    (body,), _ = converted(RESULTS, row, serial_prefix="S/N ", part_prefix="P/N #")
    assert (body["sn"], body["pn"]) == ("13", "5")


def test_a_lot_may_be_one() -> None:
    (body,), messages = converted(RESULTS, PASSED, lot="batch")
    assert (body["pn"], body["uut"]["batchSN"]) == ("UNKNOWN", "P-1")
    assert any("names no part number" in message for message in messages)


def test_columns_that_say_more_of_a_run_are_misc_infos() -> None:
    lines = (
        line.replace("\t", f"\t{cell}\t", 1) for line, cell in ((RESULTS, "Rig:"), (PASSED, "R"))
    )
    (body,), _ = converted(*lines)
    assert [(one["description"], one["text"]) for one in body["miscInfos"]] == [("Rig", "R")]


def test_rows_of_a_run_belong_together_wherever_they_stand() -> None:
    other = PASSED.replace("S-1", "S-2")
    bodies, _ = converted(RESULTS, PASSED, other, PASSED.replace("\tA\t", "\tB\t"))
    assert [(one["sn"], len(one["root"]["steps"])) for one in bodies] == [("S-1", 2), ("S-2", 1)]


@pytest.mark.parametrize(
    ("tolerance", "limits", "expected"),
    [
        ("Max/Min", "2.00/1", ("GELE", 1, 2)),
        ("min / max", "1/2.00", ("GELE", 1, 2)),
        ("Max/Min", "2.00/", ("LE", 2, None)),
        ("Max/Min", "N/A", ("LOG", None, None)),
        ("Max/Min", "-/1", ("GE", 1, None)),
        ("Max", "2", ("LE", 2, None)),
        ("Min", "1", ("GE", 1, None)),
        ("Tolerance curves", "2/1", ("LOG", None, None)),
        ("", "", ("LOG", None, None)),
    ],
)
def test_limits_are_what_the_tolerance_says(tolerance: str, limits: str, expected: Any) -> None:
    found = result(tolerance=tolerance, limits=limits)
    (measured,) = found["numericMeas"]
    assert tuple(measured.get(key) for key in ("compOp", "lowLimit", "highLimit")) == expected
    assert found.get("reportText", "") == ": ".join(filter(None, (tolerance, limits)))


@pytest.mark.parametrize(
    ("word", "status", "measured"),
    [("PASS", "P", "P"), ("Fail", "F", "F"), ("odd", "F", "F"), ("", "F", "F")],
)
def test_the_verdict_of_the_file_stands(word: str, status: str, measured: str) -> None:
    found = result(result=word, margin="9")
    assert (found["status"], found["numericMeas"][0]["status"]) == (status, measured)


def test_a_value_that_nobody_judged_is_done() -> None:
    assert result(result="", tolerance="", limits="")["status"] == "D"


@pytest.mark.parametrize(("word", "kind"), [("PASS", "ET_PFT"), ("", "Action")])
def test_a_row_without_a_value_is_its_verdict(word: str, kind: str) -> None:
    found = result(margin="N/A", result=word, tolerance="", limits="")
    assert found["stepType"] == kind


def test_digits_stay_as_they_are() -> None:
    (encoded,) = convert_bytes(SoundCheck(), f"{RESULTS}\n{PASSED}".encode())
    assert b'"value":1.50,"lowLimit":1.0,"highLimit":2.0' in encoded.body


def test_a_curve_is_a_chart() -> None:
    found = steps(
        *(RESULTS, PASSED, CURVE),
        *(f"{RUN}\t100.00\t200.00\tNaN\t\t", f"{RUN}\t-1.50\t2.00\t3.00\t\t\t"),
        PASSED,
    )
    assert [one["name"] for one in found] == ["A", "Fund", "A"]
    chart = found[1]["chart"]
    assert (chart["chartType"], chart["xUnit"], chart["yUnit"]) == ("LineLogX", "Hz", "dB")
    assert chart["series"] == [
        {"dataType": "XYG", "name": "Fund", "xdata": "100;200", "ydata": "-1.5;2"}
    ]


@pytest.mark.parametrize(
    ("x", "y", "kind"),
    [
        *(("log", "log", "LineLogXY"), ("lin", "log", "LineLogY"), ("lin", "lin", "Line")),
        ("log", "lin", "LineLogX"),
    ],
)
def test_the_axes_of_a_curve_are_those_of_its_header(x: str, y: str, kind: str) -> None:
    header = CURVE.replace("x axis log", f"x axis {x}").replace("y axis lin", f"y axis {y}")
    (found,) = steps(header, f"{RUN}\t1", f"{RUN}\t2")
    assert found["chart"]["chartType"] == kind


def test_a_curve_of_another_header_is_another_one() -> None:
    rows = (f"{RUN}\t1", f"{RUN}\t2")
    found = steps(CURVE, *rows, CURVE.replace("Fund", "THD"), *rows)
    assert [one["name"] for one in found] == ["Fund", "THD"]


@pytest.mark.parametrize(
    ("time", "start", "assumed"),
    [
        ("7/22/2020 10:22:14 AM", "2020-07-22T10:22:14", False),
        ("7/2/2020 12:00:01 am", "2020-07-02T00:00:01", False),
        ("2020-07-22 10:22:14", "2020-07-22T10:22:14", False),
        ("12-01-2021 09:08:35", "2021-01-12T09:08:35", True),
        ("12.01.2021 09:08:35", "2021-01-12T09:08:35", True),
    ],
)
def test_times_have_the_forms_of_countries(time: str, start: str, assumed: bool) -> None:
    row = PASSED.replace("7/22/2020 10:22:14 PM", time)
    (body,), messages = converted(RESULTS, row, timezone="Europe/Oslo")
    assert body["start"].startswith(start + "+0")
    assert any("with the day first" in message for message in messages) is assumed
    assert "no time" in refusal(RESULTS, row, date_format="%Y")


def test_a_form_that_is_given_is_the_only_one() -> None:
    row = PASSED.replace("7/22/2020 10:22:14 PM", "3/4/2021 09:08:35")
    (body,), messages = converted(RESULTS, row, date_format="%d/%m/%Y %H:%M:%S")
    assert body["start"].startswith("2021-04-03T09:08:35")
    assert not any("day first" in message for message in messages)


def test_the_date_may_have_a_column_of_its_own() -> None:
    row = PASSED.replace("7/22/2020 ", "7/22/2020\t")
    (body,), _ = converted(RESULTS.replace("Time: ", "Date:\tTime: "), row)
    assert body["start"].startswith("2020-07-22T22:22:14")


def test_what_is_not_sent_or_not_known_is_found() -> None:
    rows = (f"{RUN}\t1\t2\tinf", f"{RUN}\t1\t2\t3", f"{RUN}\t7\t8\t9")
    _, messages = converted(RESULTS, f"{PASSED}\tmore", PASSED.replace("PASS", "odd"), CURVE, *rows)
    assert 'line 2: "more" is in no column and is not sent' in messages
    assert 'line 3: Result "odd" is unknown: the limits decide' in messages
    assert "line 6: 1 points that are not finite are not sent" in messages
    assert "line 7: a row beyond x and y of a curve is not sent" in messages


def test_an_unknown_column_is_text() -> None:
    (found,) = steps(RESULTS + "\tStep", PASSED + "\t7")
    assert found["reportText"] == "Max/Min: 2.0/1.0\nstep: 7"


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("",), "the file is empty"),
        ((PASSED,), "line 1: it comes before a header"),
        ((RESULTS.replace("Time: ", "T:"),), "line 1: the header has no column Time:"),
        ((WHOSE,), "line 1: the header ends before its table"),
        ((RESULTS,), "there is no row below the headers"),
        ((RESULTS, PASSED[:-8]), "line 2: 9 cells, but its header (line 1) has 10"),
        ((CURVE, PASSED), "line 2: it is no row of numbers, and no header with Name and Result"),
        ((CURVE, f"{RUN}\t1"), "line 2: the row with the x values of a curve, but none with"),
        ((CURVE, f"{RUN}\t1\t2", f"{RUN}\t1"), "line 3: 1 y values, but line 2 has 2 x"),
        ((RESULTS, PASSED.replace("1.50", "1.5O")), 'line 2: Margin "1.5O" is not a number'),
        ((RESULTS, PASSED.replace("/1.0", "/l")), 'line 2: Limits "l" is not a number'),
        (
            (RESULTS, PASSED.replace("/1.0", "")),
            'Limits "2.0" are not as Tolerance says, "Max/Min"',
        ),
        ((RESULTS, PASSED.replace("\tA\t", "\t\t")), "line 2: a result without a name"),
        ((RESULTS, PASSED.replace("S-1", "")), "the run of line 2 has no serial number"),
        (
            (RESULTS, PASSED.replace(" PM", "")),
            'the run of line 2: Time "7/22/2020 10:22:14" is no',
        ),
        (
            (RESULTS, PASSED, PASSED.replace("P-1", "P-2")),
            'line 3: Lot # is "P-2", but in line 2, of the same run, it is "P-1"',
        ),
        (
            (RESULTS, PASSED, PASSED.replace("1.50", "1,5")),
            "decimal comma (line 3: 1,5) and decimal point (line 2: 1.50)",
        ),
    ],
)
def test_a_refusal_says_where(lines: tuple[str, ...], why: str) -> None:
    assert why in refusal(*lines)


def test_a_given_decimal_mark_is_the_only_one() -> None:
    assert 'Margin "1.50" is not a number' in refusal(RESULTS, PASSED, decimal=",")


CELLS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=8)


@given(st.lists(st.tuples(CELLS, CELLS, st.decimals(-1e6, 1e6, places=2)), min_size=1, max_size=6))
def test_whatever_a_cell_holds_is_in_the_report(rows: list[tuple[str, str, Any]]) -> None:
    lines = [
        f"{RUN}\t{name}\t{value}\t{unit}\tPASS\tTolerance curves\tAbsolute"
        for name, unit, value in rows
    ]
    found = steps(RESULTS, *lines, decimal=".")
    assert [
        (one["name"], one["numericMeas"][0]["unit"], f"{one['numericMeas'][0]['value']:.2f}")
        for one in found
    ] == [(name, unit, f"{float(value):.2f}") for name, unit, value in rows]
