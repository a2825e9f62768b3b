"""SPEA's lines of cells: samples, and what they do not show."""

from __future__ import annotations

import itertools
import json
import logging
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.converters.api import Context, Reject, Source, Station
from pywats_trio.converters.standard.spea import parts, rows
from pywats_trio.converters.standard.spea.converter import Spea
from pywats_trio.reports.model import InvalidReport
from tests import samples
from tests.samples import OURS, Sample, convert_bytes, disagreements, outcome

SAMPLES = [*samples.samples("spea")]
ROW = "ANL;1;R1;1;1;R1 value;;PASS;1.5;1;2;ohm;12 30 ;7"
START = "START;Folder;Plan;2;PN-1;op;03/02/2026;08:00:00"
END = "END;PASS;03/02/2026;08:00:09"


def run(
    *lines: str,
    start: str = START,
    serial: str = "SN;S-1",
    result: str = "BOARDRESULT;PASS",
    end: str = END,
    head: str = "FORMAT;mmdd",
) -> bytes:
    return "".join(
        f"{line}\n" for line in (head, start, "LOT;L-1", *lines, serial, result, end) if line
    ).encode()


def converted(data: bytes, **arguments: Any) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in convert_bytes(Spea(), data, arguments=arguments)]


def step(row: str, **arguments: Any) -> dict[str, Any]:
    (report,) = converted(run(row), group_by="none", **arguments)
    (found,) = report["root"]["steps"]
    return dict(found)


def measured(value: str, low: str, high: str, verdict: str = "PASS") -> dict[str, Any]:
    found = step(f"ANL;1;R1;1;1;x;;{verdict};{value};{low};{high};V;;")
    return dict(found.get("numericMeas", found.get("booleanMeas", [{}]))[0])


def outcome_of(data: bytes) -> list[dict[str, Any]] | Reject:
    try:
        return converted(data)
    except Reject as reject:
        return reject


def messages(data: bytes, **arguments: Any) -> list[str]:
    found = convert_bytes(Spea(), data, arguments={"process_code": 10, **arguments})
    return [finding.message for one in found for finding in one.findings if not finding.path]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_ends_as_expected(sample: Sample) -> None:
    result = outcome(Spea(), sample)
    assert Spea().detect(sample.source(Spea())) == 0.95
    if isinstance(result, Reject):
        assert sample.refused, result.why
        assert "the run that starts" in result.why
        assert "line" in result.why
    else:
        assert disagreements(result, sample.expected) == []


def test_the_header_is_in_the_report() -> None:
    (report,) = converted(run(ROW), timezone="Europe/Oslo", process_code=31, location="Hall 2")
    assert (report["pn"], report["sn"], report["processCode"]) == ("PN-1", "S-1", 31)
    assert (report["start"], report["location"]) == ("2026-03-02T08:00:00+01:00", "Hall 2")
    assert report["uut"] == {
        **{"user": "op", "execTime": 9.0, "batchSN": "L-1", "testSocketIndex": 1}
    }
    assert report["root"]["seqCall"] == {"path": "", "name": "Folder/Plan", "version": ""}
    assert report["miscInfos"] == [{"description": "START number", "text": "2"}]
    assert not report.get("machineName")


def test_the_number_in_start_makes_the_station_or_is_the_version() -> None:
    (report,) = converted(run(), station_prefix="ICT-0")
    assert (report["machineName"], report["miscInfos"]) == ("ICT-02", [])
    versioned = run(start=START.replace(";2;", ";1.0.2;"))
    (report,) = converted(versioned, station_prefix="ICT-0", station="ST")
    assert report["machineName"] == "ST"
    assert report["root"]["seqCall"]["version"] == "1.0.2"


@pytest.mark.parametrize(
    ("head", "date", "start"),
    [
        ("FORMAT;mmdd", "03/02/2026", "2026-03-02"),
        ("FORMAT;ddmm", "03/02/2026", "2026-02-03"),
        ("format;DDMM", "3.2.2026", "2026-02-03"),
        ("", "03/02/2026", "2026-03-02"),
        ("FORMAT;", "03/02/2026", "2026-03-02"),
    ],
)
def test_format_tells_the_order_of_dates(head: str, date: str, start: str) -> None:
    data = run(head=head, start=START.replace("03/02/2026", date), end=END.replace("03/", "04/"))
    assert converted(data)[0]["start"].startswith(start)
    told = "no FORMAT before START: mmdd is taken (argument date_order) (line"
    assert any(told in message for message in messages(data)) is (head in ("", "FORMAT;"))


def test_where_no_format_tells_the_order_of_dates_an_argument_does() -> None:
    late = {"start": START.replace("03/02", "03/14"), "end": END.replace("03/02", "03/14")}
    data = run(head="") + run(**late)  # the FORMAT of the second run stands above the argument
    found = converted(data, date_order="ddmm")
    assert [one["start"][5:10] for one in found] == ["02-03", "03-14"]
    told = "no FORMAT before START: ddmm is taken (argument date_order) (line 1)"
    assert messages(data, date_order="ddmm") == [told]


def test_the_order_of_dates_holds_until_another_is_told() -> None:
    data = run(head="FORMAT;ddmm") + run(head="") + run()
    assert [one["start"][5:10] for one in converted(data)] == ["02-03", "02-03", "03-02"]


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        ("1.5", "1", "2", {"value": 1.5, "lowLimit": 1, "highLimit": 2, "compOp": "GELE"}),
        ("1.5", "-1.0e+10", "2", {"value": 1.5, "lowLimit": 2, "compOp": "LE"}),
        ("1.5", "1", "1.000000e+010", {"value": 1.5, "lowLimit": 1, "compOp": "GE"}),
        ("1.5", "-1e38", "1e38", {"value": 1.5, "compOp": "LOG"}),
        ("1.5", "", "", {"value": 1.5, "compOp": "LOG"}),
        ("1.5", "-nan(ind)", "1.#INF00e+000", {"value": 1.5, "compOp": "LOG"}),
        ("1", "1", "0", {"value": 1, "lowLimit": 1, "compOp": "GE"}),
        ("0", "0", "5", {"value": 0, "lowLimit": 0, "highLimit": 5, "compOp": "GELE"}),
        ("2e10", "1", "5", {"value": 2e10, "lowLimit": 1, "highLimit": 5, "compOp": "GELE"}),
        ("-NAN", "1", "5", {"value": "NaN", "lowLimit": 1, "highLimit": 5, "compOp": "GELE"}),
        ("-1.#IND00e+000", "1", "5", {"value": "NaN", "lowLimit": 1, "highLimit": 5}),
        ("-1.#INF", "1", "5", {"value": "-Infinity", "lowLimit": 1, "highLimit": 5}),
        ("0.0", "-0.000000e+00", "0", {}),
        ("0", "", "", {"value": 0, "compOp": "LOG"}),
        ("Automatic", "0", "236", {}),
        ("AUTOMATIC", "", "", {}),
        ("", "", "", {}),
    ],
)
def test_limits_that_are_none_are_not_sent(
    value: str, low: str, high: str, expected: dict[str, Any]
) -> None:
    found = measured(value, low, high)
    assert found.pop("status") == "P"
    if expected:
        expected = {"compOp": "GELE", "unit": "V", **expected}
    assert found == expected


@pytest.mark.parametrize(
    ("word", "status"),
    [
        *[("PASS", "P"), ("FAIL", "F"), ("FAIL(+)", "F"), ("FAIL(-)", "F"), ("FAIL(+/-)", "F")],
        *[("NONE", "S"), ("INTERRUPTED", "T"), ("ERROR", "E"), (" pass ", "P"), ("", "P")],
    ],
)
def test_the_verdict_of_a_row_stands(word: str, status: str) -> None:
    found = step(f"ANL;1;R1;1;1;x;;{word};1.5;1;2;ohm;;")
    assert found["status"] == status
    assert found["numericMeas"][0]["status"] == {"T": "F", "E": "F"}.get(status, status)
    assert step(f"ANL;1;R1;1;1;x;;{word};Automatic;;;;;")["status"] == (status if word else "D")


def test_what_a_row_says_beside_its_measure_is_its_text() -> None:
    assert step(ROW)["reportText"] == "R1 1.1, test points 12 30, no. 7"
    row = "FUNC;1;FCT;0;1000;x;RES-1;FAIL(+);3;1;2;ohm;"
    assert step(row)["reportText"] == "FCT 0.1000, part RES-1, FAIL(+)"


def test_a_row_without_a_description_has_the_name_of_its_task() -> None:
    assert step("ANL;1;R1;3;4;;;PASS;1.5;1;2;ohm")["name"] == "R1"
    assert step("ANL;1;;3;4;;;PASS;1.5;1;2;ohm")["name"] == "3.4"


@pytest.mark.parametrize(
    ("group_by", "names"),
    [
        ("component", ["Resistor", "b", "Capacitor", "Resistor"]),
        ("task", ["R1", "Counter", "DSC-CP[C1]", "RP2"]),
        ("none", ["a", "b", "c", "d"]),
    ],
)
def test_rows_are_grouped_by_choice(group_by: str, names: list[str]) -> None:
    tasks = zip("abcd", ("R1", "Counter", "DSC-CP[C1]", "RP2"), strict=True)
    lines = [f"ANL;1;{task};1;1;{name};;PASS;1;0;2;V" for name, task in tasks]
    (report,) = converted(run(*lines), group_by=group_by)
    assert [one["name"] for one in report["root"]["steps"]] == names


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        ("DSC-CP[C109]", "Capacitor"),
        ("R1(2)", "Resistor"),
        ("End of FCT", ""),
        ("12", ""),
        ("", ""),
    ],
)
def test_the_letters_of_a_task_tell_its_kind(task: str, kind: str) -> None:
    assert parts.kind(task) == kind


@pytest.mark.parametrize(
    ("result", "end", "letter"),
    [
        *[("PASS", "PASS", "P"), ("FAIL", "FAIL", "F"), ("NONE", "NONE", "E")],
        *[("INTERRUPTED", "FAIL", "T"), ("Align Fail", "FAIL", "E"), ("pass", "", "P")],
        *[("PASS", "FAIL", "P"), ("", "FAIL", "F"), ("", "", "P")],
    ],
)
def test_the_result_is_that_of_the_board(result: str, end: str, letter: str) -> None:
    data = run(ROW, result=f"BOARDRESULT;{result}", end=END.replace("PASS", end))
    assert converted(data)[0]["result"] == letter


def test_a_run_without_boardresult_has_the_result_of_its_end() -> None:
    data = run(ROW, result="", end=END.replace("PASS", "FAIL"))
    assert converted(data)[0]["result"] == "F"
    assert messages(data) == ["no BOARDRESULT: the result of END is taken (line 6)"]


def test_one_serial_number_has_the_rows_of_all_sites() -> None:
    data = run(ROW, ROW.replace(";1;", ";2;", 1))
    (report,) = converted(data, group_by="none")
    assert len(report["root"]["steps"]) == 2
    assert "testSocketIndex" not in report["uut"]
    told = "rows of several sites, but one serial number: all are its (line 8)"
    assert told in messages(data)


def test_each_site_of_a_panel_has_its_report() -> None:
    lines = [ROW, ROW.replace(";1;", ";3;", 1), ROW]
    serial, result = "SN;S-1;;S-3;S-4", "BOARDRESULT;PASS;NONE;FAIL;NONE"
    data = run(*lines, serial=serial, result=result)
    found = [
        (one["sn"], one["result"], one["uut"].get("testSocketIndex"), len(one["root"]["steps"]))
        for one in converted(data, group_by="none")
    ]
    assert found == [("S-1", "P", 1, 2), ("S-3", "F", 3, 1), ("S-4", "E", None, 0)]
    told = "a site of the panel without rows and serial number: no report (line 9)"
    assert messages(data).count(told) == 3


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "there is no START line in the file"),
        (b"FORMAT;mmdd\n", "there is no START line in the file"),
        (b"hello\n", "there is no START line in the file"),
        (run() + b"STAR", 'line 7: "STAR" is cut off'),
        (run() + b"x\nF", 'line 8: "F" is cut off'),
        (run(head="FORMAT;yymm"), 'line 1: FORMAT "yymm" is neither mmdd nor ddmm'),
        (run(start="START;a;b"), "line 2: START with 3 cells, 8 are expected"),
        (run(start=START.replace("03/02", "13/02")), "MM/DD/YYYY hh:mm:ss is expected"),
        (run(start=START.replace("08:00:00", "8:00")), "line 2: the time of START"),
        (run(start=START.replace("03/02/2026;08:00:00", ";")), "line 2: the time of START"),
        (run(end=END[:-1]), 'line 6: the time of END "08:00:0" is not hh:mm:ss'),
        (run(end="END;PASS"), "line 6: END without its date"),
        (run(end="END;PASS;03/02/2026"), "line 6: END without its time"),
        (run(ROW, end=""), "(line 2) has no END"),
        (run(ROW, end="") + run(), "line 7: FORMAT within the run that starts"),
        (run(ROW, end="") + run(head=""), "line 7: the run that starts 03/02/2026 08:00:00"),
        (run(ROW[:60].rsplit(";", 4)[0]), "cells, 12 or more are expected"),
        (run(ROW.replace("PASS", "PAST")), 'line 4: "PAST" is no verdict'),
        (run(ROW.replace("1.5", "1.5V")), 'line 4: measure "1.5V" is not a number'),
        (run(ROW.replace(";2;", ";1e999;")), 'line 4: max "1e999" is not a number'),
        (run(ROW.replace(";1;2;", ";x;2;")), 'line 4: min "x" is not a number'),
        (run(serial="SN;S-1\nSN;S-2"), "line 5: a second SN in the run that starts"),
        (run(serial="SN;"), "(line 2), SN empty, has no serial number"),
        (run(serial=""), "(line 2), SN empty, has no serial number"),
        (run(ROW, serial="SN;;S-2"), "site 1 of the run that starts 03/02/2026 08:00:00"),
        (run(serial="SN;A;B", result="BOARDRESULT;PASS;GOOD"), 'line 5: the result "GOOD" is none'),
        (run(result="", end=END.replace("PASS", "GOOD")), 'line 5: the result "GOOD" is none of'),
        (run(ROW.replace(";1;", ";5;", 1), serial="SN;A;B"), 'rows of site "5", no serial'),
        (
            run(ROW.replace(";1;", ";2;", 1), result="BOARDRESULT;NONE;PASS"),
            "site 2 of the run that starts 03/02/2026 08:00:00 (line 2), place 2 of SN empty,",
        ),
        (run(result="BOARDRESULT;SKIPPED"), "is none of PASS, FAIL, NONE and INTERRUPTED"),
        (run() + ROW.encode(), "line 7: ANL without a START before it"),
        (run() + b"SN;S-9", "line 7: SN without a START before it"),
    ],
)
def test_a_refusal_says_where(data: bytes, why: str) -> None:
    with pytest.raises(Reject) as raised:
        convert_bytes(Spea(), data)
    assert why in raised.value.why


def test_a_second_line_that_says_the_same_is_none() -> None:
    assert len(converted(run(serial="SN;S-1\nSN;S-1;"))) == 1


def test_a_decimal_comma_is_an_argument() -> None:
    row = ROW.replace("1.5", "1,5")
    with pytest.raises(Reject) as raised:
        step(row)
    assert (raised.value.why, raised.value.hint) == (
        'line 4: measure "1,5" is not a number',
        "Set the argument decimal to the decimal mark of the file.",
    )
    assert step(row, decimal=",")["numericMeas"][0]["value"] == 1.5


def test_what_is_not_sent_is_found() -> None:
    data = run(
        ROW + ";more",
        *["XYZ;1;2"] * 3,
        "; a remark",
        ROW.replace("PASS", "NONE"),
        ROW.replace("ANL", "DIG"),
        ROW.replace("PASS;1.5", ";Automatic"),
        ROW.replace(";1;2;", ";2;1;"),
        start=START + ";x",
        end=END.replace("08:00:09", "07:59:59"),
    )
    assert messages(data) == [
        "cells after START's time are not known and not sent (line 2)",
        "cells after the 14th are not known and not sent (line 4)",
        "XYZ is not known and not sent (line 5 and 2 more)",
        "a line without a word in front is not known and not sent (line 8)",
        "a row with the verdict NONE is sent as skipped (line 9)",
        "DIG is not known and read as ANL (line 10)",
        "a row without a verdict: it follows from its limits (line 11)",
        "limits of a row without a measure are not sent (line 11)",
        "a row with neither verdict nor measure is sent as done (line 11)",
        "a maximum below its minimum is taken as no maximum (line 12)",
        "END is before START: how long it took is not sent (line 15)",
    ]


def test_a_line_between_runs_is_found() -> None:
    data = b"CDCOLL;6\nPANEL;x\n" + run() + b"\nx\n" + run()
    assert [
        [finding.message for finding in one.findings if not finding.path]
        for one in convert_bytes(Spea(), data, arguments={"process_code": 10})
    ] == [
        ["a line between runs is not known and not sent (line 1 and 1 more)"],
        ["a line between runs is not known and not sent (line 10)"],
    ]


def test_a_line_behind_the_last_run_is_said_of_its_last_board() -> None:
    panel = run(serial="SN;A;B", result="BOARDRESULT;PASS;PASS")
    first, last = convert_bytes(Spea(), panel + b";\nEOF\n", arguments={"process_code": 10})
    assert not first.findings
    assert [finding.message for finding in last.findings] == [
        "a line between runs is not known and not sent (line 8)"
    ]


def test_findings_are_bounded() -> None:
    found = messages(run(*(f"W{i};x" for i in range(80))))
    assert len(found) == 51
    assert found[-1] == "30 more of other kinds"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_any_text_is_read(end: str, encoding: str) -> None:
    name = "R1 1 M\N{GREEK CAPITAL LETTER OMEGA}" if encoding != "cp1252" else "Kapazit\xe4t"
    text = run(ROW.replace("R1 value", name)).decode()
    data = text.replace("\n", end).rstrip().encode(encoding)
    (report,) = converted(data, group_by="none")
    assert report["root"]["steps"][0]["name"] == name
    assert Spea().detect(Source.from_bytes(data)) == 0.95


def test_detect_decides_by_content() -> None:
    def sure(text: str) -> float:
        return Spea().detect(Source.from_bytes(text.encode()))

    assert sure(f"{START}\n") == pytest.approx(0.65)
    assert sure(f"{START}\n{ROW}\n") == pytest.approx(0.8)
    assert sure("START;a;b;c;d;e;f;g\n") == sure("") == sure(ROW) == 0.0


def test_a_report_leaves_when_the_next_run_begins_and_nothing_of_it_stays() -> None:
    """Reading 40 runs takes no more than reading two of them, and nobody reads ahead."""
    board = run(*[ROW] * 300)
    context = Context(
        {key: argument.default for key, argument in Spea.arguments.items()},
        *(Station(), logging.getLogger("test"), Path()),
    )
    damaged = Source.from_bytes(board + board[: board.index(b"LOT")] + b"what is this?\n")
    first = next(iter(Spea().convert(damaged, context)))
    assert first.as_dict()["sn"] == "S-1"

    def peak(runs: int) -> int:
        source = Source.from_bytes(board * runs)
        tracemalloc.start()
        try:
            count = sum(1 for _ in Spea().convert(source, context))
            assert count == runs
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(40) < 1.5 * peak(2)


CELL = st.text(st.characters(exclude_characters=";\r\n\0", exclude_categories=["Cs"]), max_size=9)


@given(CELL, CELL, CELL, CELL)
def test_cells_come_through_as_they_are_written(
    name: str, task: str, points: str, unit: str
) -> None:
    found = step(f"ANL;1;{task};1;2;{name};;PASS;1.5;1;2;{unit};{points};", encoding="utf-8")
    assert found["name"] == (name.strip() or task.strip() or "1.2")
    assert found["numericMeas"][0].get("unit", "") == unit.strip()
    said = f"{task.strip()} 1.2, test points {points.strip()}"
    assert found["reportText"] == said.removesuffix(", test points ").strip()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_their_value(value: float) -> None:
    read = rows.read(f"{value:.16e}", ".")
    assert read is not None
    assert float(read) == value


DATA = [
    sample.path.read_bytes()
    for sample in SAMPLES
    if sample.path.is_relative_to(OURS) or len(sample.path.read_bytes()) < 2000
]


@given(st.sampled_from(DATA), st.integers(0, 900), st.integers(0, 40), st.binary(max_size=6))
def test_a_damaged_file_is_converted_or_refused(data: bytes, at: int, cut: int, new: bytes) -> None:
    with suppress(Reject, InvalidReport):
        convert_bytes(Spea(), data[:at] + new + data[at + cut :])


def test_lines_in_any_order_are_converted_or_refused() -> None:
    orders = itertools.permutations(("SN;S-1", ROW, END, START, "LOT;x"))
    results = [outcome_of("\n".join(order).encode()) for order in orders]
    whys = [result.why for result in results if isinstance(result, Reject)]
    assert len(whys) == 120 - 6  # START, the other three in any order, END
    assert all(" without a START before it" in why or "no serial number" in why for why in whys)
