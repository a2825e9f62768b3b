"""Klippel's units: samples, and what they do not show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.converters.api import FolderSource, Reject
from pywats_trio.converters.standard.klippel.converter import Klippel
from pywats_trio.reports.limits import MAX_NESTED_STEPS
from tests import samples
from tests.samples import Sample, convert_source, disagreements, outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.reports.model import Encoded

SAMPLES = [*samples.samples("klippel")]
START = "2026-3-10-63-4-4-8-30-5-250-60-1.773E+09"
VALUES = "name\tvalue\tmax\tmin\n"
CURVE = "frq\tZ\tmax\tmin\n"


def header(**fields: str) -> str:
    given = {
        "Cfg_SerialNumber": "S-1",
        "Cfg_DutStartTime": START,
        "Ctrl_OverallVerdict": "1",
        **fields,
    }
    return "//what it is\n\n" + "".join(f"{key}={value}\n" for key, value in given.items())


def a_unit(
    files: Mapping[str, str | bytes] | None = None, head: str | bytes | None = None, **fields: str
) -> FolderSource:
    tables = {"T-values.txt": f"{VALUES}a\t1\t\t\n"} if files is None else files
    return FolderSource.from_files(
        {name: data if isinstance(data, bytes) else data.encode() for name, data in tables.items()},
        header=_bytes(header(**fields) if head is None else head),
        path="/in/DUT 1.5 x.txt",
    )


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def encoded(source: FolderSource, **arguments: Any) -> Encoded:
    (one,) = convert_source(Klippel(), source, arguments)
    return one


def converted(source: FolderSource, **arguments: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(encoded(source, **arguments).body)
    return body


def steps(files: Mapping[str, str | bytes], **fields: str) -> dict[str, dict[str, Any]]:
    """The steps that are no sequences, by their paths."""
    found: dict[str, dict[str, Any]] = {}

    def walk(step: dict[str, Any], path: str) -> None:
        for child in step.get("steps", []):
            here = f"{path}/{child['name']}".lstrip("/")
            if "seqCall" in child:
                walk(child, here)
            else:
                found[here] = child

    walk(converted(a_unit(files, **fields))["root"], "")
    return found


def notes(source: FolderSource) -> list[str]:
    """What the converter itself has to say, without what it assumes of every unit."""
    found = encoded(source, part_number="P", process_code=30).findings
    return [one.message for one in found if not one.path and "documentation" not in one.message]


def refusal(source: FolderSource, **arguments: Any) -> str:
    with pytest.raises(Reject) as raised:
        convert_source(Klippel(), source, arguments)
    return raised.value.why


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_ends_as_expected(sample: Sample) -> None:
    result = outcome(Klippel(), sample)
    if isinstance(result, Reject):
        assert sample.refused, result.why
    else:
        assert not sample.refused
        assert disagreements(result, sample.expected) == []
        source = sample.source(Klippel())
        assert isinstance(source, FolderSource)
        assert Klippel().detect(source) >= 0.9


def test_the_suite_sees_samples_that_are_converted_and_refused() -> None:
    ours = [sample for sample in SAMPLES if sample.path.is_relative_to(samples.OURS)]
    assert len(ours) >= 3
    assert {sample.refused for sample in ours} == {True, False}


def test_the_header_is_in_the_report() -> None:
    body = converted(
        a_unit(
            Cfg_UserName="win:op",
            Cfg_PCName="PC",
            Cfg_Speaker="sp2",
            Cfg_LoginMode="OPERATOR",
            Cfg_DatabasePath="D:\\x.kdbx",
            Ctrl_ErrorGeneral="no mic=1",
        )
    )
    assert (body["machineName"], body["start"][:23]) == ("PC", "2026-03-04T08:30:05.250")
    assert body["uut"] == {"user": "win:op", "errorMessage": "no mic=1"}
    assert body["root"]["seqCall"]["path"] == "D:\\x.kdbx"
    assert [[m["description"], m["text"]] for m in body["miscInfos"]] == [
        ["Login mode", "OPERATOR"],
        ["Speaker", "sp2"],
    ]


@pytest.mark.parametrize(
    ("written", "start"),
    [
        (START, "2026-03-04T08:30:05.250000+01:00"),
        ("2026-3-10--63--4-4-8-30-5-3--570-1.7E+09", "2026-03-04T08:30:05.003000-09:30"),
        ("2026-03-10-63-4-04-08-30-05-003-0", "2026-03-04T08:30:05.003000+00:00"),
        ("2026-7-10-63-4-4-8-30-5-0", "2026-07-04T08:30:05+02:00"),  # the argument says
        ("2026-7-10-63-4-4-8-30-5-0-1.7E+09", "2026-07-04T08:30:05+02:00"),
    ],
)
def test_a_start_has_the_offset_of_the_header(written: str, start: str) -> None:
    unit = a_unit(Cfg_DutStartTime=written)
    assert converted(unit, timezone="Europe/Oslo")["start"] == start


@pytest.mark.parametrize(
    ("verdict", "result"),
    [("-1", "T"), ("0", "F"), ("1", "P"), ("2", "F"), ("3", "E"), ("4", "E")],
)
def test_the_verdict_is_the_result(verdict: str, result: str) -> None:
    assert converted(a_unit(Ctrl_OverallVerdict=verdict))["result"] == result


@pytest.mark.parametrize("meant", ["P", "F"])
def test_what_a_warning_means_is_an_argument(meant: str) -> None:
    body = converted(a_unit(Ctrl_OverallVerdict="2", Results_Warning="a"), warning=meant)
    assert (body["result"], body["root"]["steps"][0]["steps"][0]["status"]) == (meant, meant)


@pytest.mark.parametrize(
    ("key", "with_value", "without"),
    [
        *(("Pass", "P", "S"), ("Fail", "F", "F"), ("Warning", "F", "F"), ("Void", "S", "S")),
        *(("Noise", "E", "E"), ("Invalid", "E", "E"), ("Others", "P", "S")),
    ],
)
def test_a_list_gives_the_status(key: str, with_value: str, without: str) -> None:
    files = {"A-values.txt": f"{VALUES}x\t1\t2\t0\ny\t-\t2\t0\n", "A-z.txt": "frq\tz\n1\t-\n2\t3\n"}
    found = steps(files, **{f"Results_{key}": "x\ty\tz"})
    assert [found[f"A/{name}"]["status"] for name in "xyz"] == [with_value, without, with_value]


def test_of_several_lists_the_worse_counts() -> None:
    found = steps({"A-values.txt": f"{VALUES}x\t1\n"}, Results_Fail="x", Results_Pass="x")
    assert found["A/x"]["status"] == "F"


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ("1\t2\t0", ("GELE", 0, 2, "P")),
        ("3\t2\t0", ("GELE", 0, 2, "F")),
        ("3\t2\t-", ("LE", 2, None, "F")),
        ("3\t2", ("LE", 2, None, "F")),
        ("3\t\t0", ("GE", 0, None, "P")),
        ("3\t-\t-", ("LOG", None, None, "P")),
        ("3", ("LOG", None, None, "P")),
        ("3\tinf\t0", ("GE", 0, None, "P")),
    ],
)
def test_limits_are_value_max_min(row: str, wanted: tuple[Any, ...]) -> None:
    (measured,) = steps({"A-values.txt": f"{VALUES}x\t{row}\n"})["A/x"]["numericMeas"]
    keys = ("compOp", "lowLimit", "highLimit", "status")
    assert tuple(measured.get(key) for key in keys) == wanted
    assert "unit" not in measured


def test_the_columns_of_limits_are_found_by_their_names() -> None:
    table = "Name\tValue\tMin\tMax\tnote\nx\t1\t0\t2\tn\n"
    (measured,) = steps({"A-values.txt": table})["A/x"]["numericMeas"]
    assert (measured["lowLimit"], measured["highLimit"]) == (0, 2)
    assert notes(a_unit({"A-values.txt": table})) == ['column "note" of A-values.txt is not sent']


def test_a_number_keeps_its_digits() -> None:
    source = a_unit({"A-values.txt": f"{VALUES}x\t1.2300\t2.50\t-1.0e-3\n"})
    assert b'"value":1.2300' in encoded(source).body
    assert b'"lowLimit":-1.0e-3,"highLimit":2.50' in encoded(source).body


def test_a_curve_is_told_as_numbers_and_drawn() -> None:
    table = f"{CURVE}10\t1\t2\t0\n20\t-\t2\t0\n40\t3\t2\t-\n80\t-1\t-\t0\n160\t2\t2\t2\n"
    curve = steps({"A-Z.txt": table})["A/Z"]
    assert curve["status"] == "F"
    assert [(m["name"], m["value"], m["compOp"]) for m in curve["numericMeas"]] == [
        *(("avg", 1.25, "LOG"), ("min", -1, "LOG"), ("max", 3, "LOG")),
        ("OutOfBounds", 2, "LT"),
    ]
    chart = curve["chart"]
    assert (chart["chartType"], chart["label"]) == ("LineLogX", "Z")
    assert (chart["xLabel"], chart["xUnit"]) == ("Frequency", "Hz")
    assert [(s["name"], s["xdata"], s["ydata"]) for s in chart["series"]] == [
        ("values", "10;40;80;160", "1;3;-1;2"),
        ("min", "10;20;80;160", "0;0;0;2"),
        ("max", "10;20;40;160", "2;2;2;2"),
    ]


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ("frq\tZ", ["avg", "max", "OutOfBounds"]),
        ("frq\tZ\tmax", ["avg", "max", "OutOfBounds"]),
        ("frq\tZ\tmin", ["avg", "min", "max", "OutOfBounds"]),
    ],
)
def test_the_least_value_is_told_where_there_is_a_limit_for_it(
    columns: str, names: list[str]
) -> None:
    curve = steps({"A-Z.txt": f"{columns}\n1\t2\n"})["A/Z"]
    assert [measured["name"] for measured in curve["numericMeas"]] == names
    assert curve["status"] == "P"


def test_a_curve_without_a_point_measures_nothing() -> None:
    found = steps({"A-Z.txt": f"{CURVE}10\t-\t-\t-\n", "A-Y.txt": "frq\tY\tmax\n"})
    for name in ("A/Z", "A/Y"):
        assert (found[name]["stepType"], found[name]["status"]) == ("ET_MNLT", "S")
        assert found[name].keys().isdisjoint({"chart", "numericMeas"})


def test_a_point_that_is_not_finite_is_left_out_and_found() -> None:
    source = a_unit({"A-Z.txt": f"{CURVE}10\tnan\t2\t0\n20\t1\tinf\t0\n40\t1\t2\t0\n"})
    curve = converted(source)["root"]["steps"][0]["steps"][0]
    assert curve["chart"]["series"][0]["xdata"] == "40"
    assert notes(source) == ["2 points of A-Z.txt are not finite: left out"]


def test_a_curve_may_be_called_as_a_limit_is() -> None:
    found = steps({"A-max.txt": "frq\tmax\tmax\n1\t9\t20\n2\t10\t20\n"})["A/max"]
    assert [m["value"] for m in found["numericMeas"]] == [9.5, 10, 0]
    drawn = [(series["name"], series["ydata"]) for series in found["chart"]["series"]]
    assert drawn == [("values", "9;10"), ("max", "20;20")]


def test_an_average_is_one_even_where_the_sum_is_too_large() -> None:
    curve = steps({"A-Z.txt": "frq\tZ\n1\t1.5e308\n2\t1.5e308\n"})["A/Z"]
    assert curve["numericMeas"][0]["value"] == 1.5e308


@pytest.mark.parametrize(
    ("path", "columns", "step"),
    [
        ("Sound Pressure-Z.txt", "frq\tZ", "Sound Pressure/Z"),
        ("2nd-Order-Z.txt", "frq\tZ", "2nd-Order/Z"),
        ("2nd-Order-other.txt", "frq\tZ", "2nd/Z"),
        ("-Z.txt", "frq\tZ", "-Z/Z"),
        ("Z.txt", "frq\tZ", "Z/Z"),
        ("2nd-Order-values.TXT", "name\tvalue", "2nd-Order/1"),
        ("retest/low/A-Z.txt", "FRQ\tZ", "retest/low/A/Z"),
    ],
)
def test_the_name_of_a_table_names_its_sequence(path: str, columns: str, step: str) -> None:
    assert list(steps({path: f"{columns}\n1\t2\n"})) == [step]


def test_a_sequence_is_one_whatever_lies_between_its_tables() -> None:
    files = dict.fromkeys(("A-B-values.txt", "A-aa.txt", "A-values.txt"), f"{VALUES}x\t1\n")
    root = converted(a_unit(files))["root"]
    assert [(step["name"], len(step["steps"])) for step in root["steps"]] == [("A-B", 1), ("A", 2)]


def test_what_is_not_sent_is_found() -> None:
    files: dict[str, str | bytes] = {
        **{"A-values.txt": f"{VALUES}x\t1\n", "curve.png": b"\x89PNG", "empty.txt": b""},
        **{"log.txt": "name value\n", "raw.txt": b"\x81\x8d\0", "sub/n.txt": "name\t\tvalue\n"},
    }
    source = a_unit(
        files, Results_Fail="fs\tx", Results_Pass="pol", Cfg_MonitorID="7", Cfg_Speaker=""
    )
    assert notes(source) == [
        "keys of the header are not sent: Cfg_MonitorID",
        "files that are no tables are not sent: curve.png, empty.txt, log.txt, raw.txt, sub/n.txt",
        "the header has results that no table shows: pol, fs",
    ]
    assert notes(a_unit(head=header() + "what is this\n")) == [
        'line 6 of the header is not read: "what is this"'
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_ends_of_lines(encoding: str, end: str) -> None:
    head = header(Cfg_UserName="Jörg").replace("\n", end).encode(encoding)
    table = f"{VALUES}Höhe\t1\t2\t0\n\n".replace("\n", end).encode(encoding)
    body = converted(a_unit({"Übertragung-values.txt": table}, head))
    assert body["uut"]["user"] == "Jörg"
    (sequence,) = body["root"]["steps"]
    assert (sequence["name"], sequence["steps"][0]["name"]) == ("Übertragung", "Höhe")


def test_a_decimal_comma_is_an_argument() -> None:
    source = a_unit({"A-values.txt": f"{VALUES}x\t1,5\t2,5\t-\n"})
    body = converted(source, decimal=",")
    assert body["root"]["steps"][0]["steps"][0]["numericMeas"][0]["value"] == 1.5
    with pytest.raises(Reject) as raised:
        convert_source(Klippel(), source)
    assert (raised.value.why, raised.value.hint) == (
        'A-values.txt line 2: value "1,5" is not a number',
        "Set the argument decimal to the decimal mark of the file.",
    )


DEEP = "d/" * MAX_NESTED_STEPS + "A-values.txt"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (a_unit(Cfg_SerialNumber=""), "the header has no serial number"),
        (a_unit(Cfg_DutStartTime=""), "the header has no start time"),
        (a_unit(Ctrl_OverallVerdict=""), "the header has no Ctrl_OverallVerdict"),
        (a_unit(Ctrl_OverallVerdict="5"), 'line 5: Ctrl_OverallVerdict "5" is no verdict'),
        (a_unit(Cfg_DutStartTime="2026-3"), 'line 4: Cfg_DutStartTime "2026-3" is no time, year-'),
        (a_unit(Cfg_DutStartTime=START.replace("4-8", "31-24")), "is no time, year-month-week-day"),
        (a_unit(Cfg_DutStartTime=START.replace("-60-", "-900-")), "is no time, year-month-week-d"),
        (a_unit(Cfg_DutStartTime=START.replace("2026", "0000")), "is no time, year-month-week-d"),
        (a_unit(head=header() + "Cfg_SerialNumber=S-2\n"), "line 6: Cfg_SerialNumber differs from"),
        (a_unit({}), "there is no table in the folder beside the header, or no folder"),
        (
            a_unit({"a.png": b"x", "b": b""}),
            "beside the header, or no folder; no tables are a.png, b",
        ),
        (a_unit({"A-Z.txt": f"{VALUES}x\t1 V\n"}), 'A-Z.txt line 2: value "1 V" is not a number'),
        (a_unit({"A-Z.txt": f"{VALUES}x\t1\t1e999\n"}), 'line 2: max "1e999" is not a number'),
        (a_unit({"A-Z.txt": f"{VALUES}\t1\n"}), "A-Z.txt line 2: a value without a name"),
        (a_unit({"A-Z.txt": f"{CURVE}1\tx\n"}), 'A-Z.txt line 2: Z "x" is not a number'),
        (a_unit({"A-Z.txt": f"{CURVE}\n-\t1\n"}), "A-Z.txt line 3: a point without a frequency"),
        (a_unit({"A-Z.txt": f"{CURVE}1\t2\t3\t4\t5\n"}), "line 2 has 5 cells, there are 4 columns"),
        (a_unit({"A-Z.txt": f"{CURVE}1\t2\0\n"}), "line 2: a zero byte"),
        (a_unit({DEEP: f"{VALUES}x\t1\n"}), "more than 99 folders in each other"),
        (FolderSource.from_files({"A-Z.txt": b""}), "a folder without its header file"),
    ],
)
def test_a_refusal_says_where(source: FolderSource, why: str) -> None:
    assert why in refusal(source)


def test_a_line_that_is_doubled_says_nothing_new() -> None:
    head = header() + "Cfg_SerialNumber=S-1\nCfg_SerialNumber=\nCfg_MonitorID=1\nCfg_MonitorID=2\n"
    assert refusal(a_unit(head=head)) == "line 7: Cfg_SerialNumber differs from line 3"
    assert converted(a_unit(head=head.replace("Number=\n", "Number=S-1\n")))["sn"] == "S-1"


def test_detect_knows_the_header() -> None:
    assert Klippel().detect(a_unit()) == 0.95
    assert Klippel().detect(a_unit({})) == 0.8
    assert Klippel().detect(a_unit(head=header().replace("Ctrl_", "C_"))) == pytest.approx(0.4)
    assert Klippel().detect(a_unit(head="//Cfg_SerialNumber=1\n")) == 0
    assert Klippel().detect(FolderSource.from_files({"A-Z.txt": b"frq\tZ\n"})) == 0


NUMBERS = st.floats(-1e6, 1e6).map(lambda value: f"{value:.6g}")
CELLS = st.one_of(st.just("-"), st.just(""), NUMBERS)
NAMES = st.text("abcÅ .,=/", min_size=1).map(str.strip).filter(bool)
ROWS = st.lists(st.tuples(NAMES, CELLS, CELLS, CELLS), min_size=1, max_size=6)


@given(ROWS)
def test_any_rows_are_the_steps(rows: list[tuple[str, str, str, str]]) -> None:
    table = VALUES + "".join("\t".join(row) + "\n" for row in rows)
    (sequence,) = converted(a_unit({"A-values.txt": table}))["root"]["steps"]
    assert [step["name"] for step in sequence["steps"]] == [row[0] for row in rows]
    for step, (_name, *cells) in zip(sequence["steps"], rows, strict=True):
        value, high, low = (None if cell in ("", "-") else float(cell) for cell in cells)
        measured = step.get("numericMeas", [{}])[0]
        assert measured.get("value") == value
        one_sided = low is None or high is None
        passed = (low is None or (value or 0) >= low) and (high is None or (value or 0) <= high)
        assert step["status"] == ("S" if value is None else "P" if passed else "F")
        if value is not None:
            only = high if low is None else low
            assert measured.get("lowLimit") == (only if one_sided else low)
            assert measured.get("highLimit") == (None if one_sided else high)
