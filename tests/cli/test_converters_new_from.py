"""`converters new --from`: what it finds in samples of each kind, and what it writes for them."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pywats_trio.cli.converters.new.sample import LARGEST
from pywats_trio.cli.main import cli
from pywats_trio.converters import Reject, Source
from pywats_trio.testing import assert_report, assert_sample, convert
from tests import samples
from tests.cli.test_converters_new import NOT_FOR_TESTS, ROOT, RULES, new

if TYPE_CHECKING:
    from pywats_trio.converters import Converter

RAIL = {"value": 3.31, "lowLimit": 3.2, "highLimit": 3.4, "unit": "V", "compOp": "GELE"}
CURRENT = {"value": 12.75, "lowLimit": 0, "highLimit": 10, "unit": "mA", "compOp": "GELE"}
STEPS = [[["3V3 rail"], "ET_NLT", "P", RAIL], [["Standby"], "ET_NLT", "F", CURRENT]]
UNIT = {"sn": "SN-1", "pn": "P-1", "start": "2026-03-02T08:15:30", "result": "F"}
START = "2026-03-02 08:15:30"


def in_group(name: str) -> list[list[Any]]:
    return [[[name], "SequenceCall", "F"], *([[name, *row[0]], *row[1:]] for row in STEPS)]


def table(*rows: str, by: str = "\n") -> bytes:
    return by.join((*rows, "")).encode()


PANEL = """<Panel lot="L-1" start="2026-03-02T08:15:30">
  <Board sn="A-1"><Meas name="R1" unit="Ohm" min="1" max="2">1.5</Meas></Board>
  <Board sn="A-2"><Meas name="R1" unit="Ohm" min="1" max="2">2.5</Meas></Board>
</Panel>
"""
KINDS: dict[str, tuple[str, bytes, list[dict[str, Any]]]] = {
    "marked": (
        "unit.log",
        table(
            *("# bench 1", "serial=SN-1", "part=P-1", "revision=B", f"start={START}"),
            *("operator=op-1", "measure=3V3 rail;3.31;V;3.2;3.4", "measure=Standby;12.75;mA;0;10"),
        ),
        [{**UNIT, "rev": "B", "operator": "op-1", "steps": STEPS}],
    ),
    "protocol": (
        "Prüfung 1.txt",
        table(
            *("Prüfprotokoll", "Seriennummer;SN-1", "Artikelnummer;P-1", "Datum;02.03.2026"),
            *("Uhrzeit;08:15:30", "Prüfer;Müller", ""),
            "Prüfschritt;Messwert;Einheit;Untergrenze;Obergrenze;Ergebnis",
            *("3V3 rail;3,31;V;3,2;3,4;i.O.", "Standby;12,75;mA;0;10;n.i.O."),
            by="\r\n",
        )
        .decode()
        .encode("cp1252"),
        [{**UNIT, "operator": "Müller", "steps": STEPS}],
    ),
    "unmarked": (
        "unit.txt",
        table(
            *("Serial No: SN-1", "Part No: P-1", "Test date: 02-Mar-2026 08:15:30", "-----"),
            *(
                "3V3 rail\t3.2\t3.31\t3.4\tV\tPASS",
                "Standby\t0\t12.75\t10\tmA\tFAIL",
                "Result: FAIL",
            ),
        ),
        [{**UNIT, "steps": STEPS}],
    ),
    "two-units": (
        "day.log",
        table(
            *("SN=SN-1", f"Start={START}", "Volt=3.31", "LED=PASS", "Result=OK"),
            *("SN=SN-2", f"Start={START}", "Volt=3.30", "LED=FAIL", "Result=NOK"),
        ),
        [
            {"sn": "SN-1", "result": "P", "steps": [[["Volt"], "ET_NLT", "P"]], "step_count": 2},
            {"sn": "SN-2", "result": "F", "steps": [[["LED"], "ET_PFT", "F"]], "step_count": 2},
        ],
    ),
    "sections": (
        "unit.ini",
        table(
            *("[Unit]", "SerialNumber = SN-1", "PartNumber = P-1", "[Test]"),
            *("StartTime = 2026/03/02 08:15:30", "Verdict = NG", "[Values]", "Volt = 3.31"),
        ),
        [{**UNIT, "steps": [[["Values/Volt"], "ET_NLT", "P", {"value": 3.31, "compOp": "LOG"}]]}],
    ),
    "long-table": (
        "day.csv",
        table(
            "Serial,Part,Date Time,Test,Value,Min,Max,Unit,Status",
            f"SN-1,P-1,{START},3V3 rail,3.31,3.2,3.4,V,PASS",
            f"SN-1,P-1,{START},Standby,12.75,0,10,mA,FAIL",
            "SN-2,P-1,2026-03-02 08:16:30,3V3 rail,3.31,3.2,-,V,PASS",
        ),
        [{**UNIT, "steps": STEPS}, {"sn": "SN-2", "result": "P", "step_count": 1}],
    ),
    "wide-table": (
        "day.txt",
        table(
            *("Report of the day", "SN|Date|Time|3V3 [V]|LED|Result"),
            *("SN-1|03/22/2026|08:15:30|3.31|OK|PASS", "SN-2|03/22/2026|08:16:30|3.3|OK|PASS"),
        ),
        [
            {
                **{"sn": "SN-1", "start": "2026-03-22T08:15:30", "result": "P"},
                "steps": [
                    [["3V3 [V]"], "ET_NLT", "P", {"value": 3.31, "unit": "V", "compOp": "LOG"}],
                    [["LED"], "ET_PFT", "P"],
                ],
            },
            {"sn": "SN-2"},
        ],
    ),
    "one-object": (
        "unit.json",
        json.dumps(
            {
                **{"unit": {"serial": "SN-1", "pn": "P-1"}, "started": "2026-03-02T08:15:30Z"},
                "groups": [
                    {
                        "name": "Power",
                        "tests": [
                            {
                                "name": "3V3 rail",
                                "value": 3.31,
                                "low": 3.2,
                                "high": 3.4,
                                "unit": "V",
                            },
                            {"name": "Standby", "value": 12.75, "low": 0, "high": 10, "unit": "mA"},
                        ],
                    }
                ],
            }
        ).encode(),
        [{**UNIT, "start": "2026-03-02T08:15:30Z", "steps": in_group("Power")}],
    ),
    "list-of-units": (
        "day.json",
        json.dumps(
            {
                "date": "2026-03-02T08:15:30Z",
                "units": [{"sn": "SN-1", "volt": 3.31}, {"sn": "SN-2", "volt": 3.3}],
            },
            indent=1,
        ).encode(),
        [{"sn": "SN-1", "start": "2026-03-02T08:15:30Z", "step_count": 1}, {"sn": "SN-2"}],
    ),
    "object-a-line": (
        "day.jsonl",
        table(
            '{"sn": "SN-1", "start": "2026-03-02T08:15:30", "volt": 3.31, "ok": true}',
            '{"sn": "SN-2", "start": "2026-03-02T08:15:31", "volt": 3.30, "ok": false}',
        ),
        [{"sn": "SN-1", "result": "P"}, {"sn": "SN-2", "result": "F", "step_count": 2}],
    ),
    "xml": (
        "unit.xml",
        (
            "\ufeff<Report><Head><SerialNumber>SN-1</SerialNumber><PartNumber>P-1</PartNumber>"
            f"<StartDate>{START}</StartDate><OperationTypeCode>50</OperationTypeCode></Head>"
            '<Sequence Name="Power"><Num Name="3V3 rail" Measure="3.31" LowLim="3.2" HighLim="3.4"'
            ' Unit="V"/><Num Name="Standby" Measure="12.75" LowLim="0" HighLim="10" Unit="mA"/>'
            '</Sequence><Sequence Name="Texts"><Text Name="Version" Measure="1.4" Limit="1.4"/>'
            '<Bool Name="LED" Measure="True"/></Sequence></Report>'
        ).encode(),
        [
            {
                **{**UNIT, "processCode": 50, "step_count": 6},
                "steps": [
                    *in_group("Power"),
                    [["Texts", "Version"], "ET_SVT", "P", {"value": "1.4", "limit": "1.4"}],
                    [["Texts", "LED"], "ET_PFT", "P"],
                ],
            }
        ],
    ),
    "panel": (
        "panel.xml",
        PANEL.encode("utf-16"),
        [
            {"sn": "A-1", "batchSN": "L-1", "result": "P", "start": "2026-03-02T08:15:30"},
            {"sn": "A-2", "batchSN": "L-1", "result": "F", "step_count": 1},
        ],
    ),
    "text": (
        "free.txt",
        table(
            *("ACME 9000      Report", "S/N 123456       Operator JD", "Date 03-Mar-2026 10:11:12"),
            *("Some volts were measured here and there", "Result PASS"),
        ),
        [{"sn": "123456", "operator": "JD", "start": "2026-03-03T10:11:12", "result": "P"}],
    ),
    "zip": ("unit.zip", b"PK\x03\x04 and no more\0", []),
}


def begun(folder: Path, kind: str) -> dict[str, Any]:
    """What the command says of a sample, in a folder of its own."""
    name, data, _facts = KINDS[kind]
    return begun_from(folder / "in" / kind / name, data, folder / kind.replace("-", "_"), kind)


def begun_from(sample: Path, data: bytes, folder: Path, name: str = "bench") -> dict[str, Any]:
    sample.parent.mkdir(parents=True, exist_ok=True)
    sample.write_bytes(data)
    done = new(f"{name}-log", "--from", sample, "--dir", folder, "--json")
    assert done.exit_code == 0, done.output
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def load(folder: Path, name: str = "bench") -> type[Converter]:
    module = f"{name.replace('-', '_')}_log"
    spec = importlib.util.spec_from_file_location(module, folder / f"{module}.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[module] = made
    try:
        spec.loader.exec_module(made)
    finally:
        del sys.modules[module]
    converter: type[Converter] = getattr(made, module.title().replace("_", ""))
    return converter


@pytest.fixture(scope="module")
def all_kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    for kind in KINDS:
        begun(folder, kind)
    return folder


def run(folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": ROOT, "XDG_CONFIG_HOME": str(folder / "home")},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_becomes_the_reports_that_are_in_it(kind: str, tmp_path: Path) -> None:
    told = begun(tmp_path, kind)
    name, data, facts = KINDS[kind]
    converter = load(tmp_path / kind.replace("-", "_"), kind)
    copy = tmp_path / kind.replace("-", "_") / "samples" / name
    assert (copy.read_bytes(), told["reports"]) == (data, len(facts))
    assert converter().detect(Source.from_bytes(data)) == 0.9
    assert_sample(copy, converter)
    if facts:
        assert_report(convert(copy, converter), {"reports": facts})


def test_the_tests_that_are_written_pass(all_kinds: Path) -> None:
    run(all_kinds, "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly")


def test_the_tests_that_are_written_notice_a_converter_that_is_broken(tmp_path: Path) -> None:
    begun(tmp_path, "marked")
    file = tmp_path / "marked" / "marked_log.py"
    file.write_text(file.read_text().replace('"high": "high"', '"high": "low"'))
    with pytest.raises(AssertionError, match="highLimit"):
        run(file.parent, "pytest", "-q", "-p", "no:cacheprovider")


@pytest.mark.parametrize("length", ["88", "100"])
def test_what_is_written_is_formatted_and_clean(length: str, all_kinds: Path) -> None:
    isolated = ("--isolated", "--no-cache", "--line-length", length)
    folders = [kind.replace("-", "_") for kind in KINDS]
    own = ("--config", f"src = {folders}")
    rules = ("--select", RULES, "--ignore", NOT_FOR_TESTS)
    run(all_kinds, "ruff", "format", *isolated, "--check", ".")
    run(all_kinds, "ruff", "check", *isolated, *own, *rules, ".")


def test_what_is_written_is_typed(all_kinds: Path) -> None:
    files = [str(file) for file in all_kinds.glob("*/*.py")]
    assert len(files) == 2 * len(KINDS)
    strict = ("--strict", "--config-file=", "--cache-dir", str(all_kinds / "cache"))
    run(all_kinds, "mypy", *strict, *files)


@pytest.mark.parametrize(
    ("kind", "change", "why"),
    [
        (
            "marked",
            ('"serial_number": "serial"', '"serial_number": None'),
            "the table names nothing",
        ),
        ("marked", ('"serial_number": "serial"', '"serial_number": "x"'), 'there is no "x" for'),
        ("marked", ('"start": "start"', '"start": "part"'), r'HEADER\["start"\] "P-1" is no time'),
        ("marked", ('"process_code": None', '"process_code": "part"'), r'HEADER\["process_code"\]'),
        ("marked", ('"seconds": None', '"seconds": "part"'), r'HEADER\["seconds"\] "P-1"'),
        ("marked", ('"result": None', '"result": "part"'), r'HEADER\["result"\] is "P-1"; say in'),
        ("marked", ('"name": "name"', '"name": None'), r'line 7: no name, ROW\["name"\]'),
        ("marked", ('"value": "value"', '"value": "unit"'), r'line 7: "V" is no number, ROW\["val'),
        ("marked", ('"low": "low"', '"low": "unit"'), r'line 7: ROW\["low"\] "V" is not a number'),
        (
            "marked",
            ('"status": None', '"status": "unit"'),
            r'line 7: ROW\["status"\] is "V"; say in',
        ),
        ("marked", ('"#"', '"@"'), "line 1: '# bench 1' is neither KEY=VALUE nor .* see IGNORED"),
        ("long-table", ('"serial_number": "Serial"', '"serial_number": "x"'), 'no row has .* "x"'),
        ("wide-table", ('("V", None, None)', '("V", 3.0, None)'), ""),
        (
            "wide-table",
            ('"LED": ("", None,', '"LED": ("", 1.0,'),
            r'"OK" is no number, STEPS\["LED"',
        ),
        ("panel", ('"Board"', '"Bord"'), r"no element Bord, see UNIT \(line 1\)"),
        ("one-object", ("LINES: Final[bool] = False", "LINES: Final[bool] = True"), ""),
        ("list-of-units", ('= "units"', '= "date"'), "unit 1 is no object, see UNITS and LINES"),
        (
            "text",
            ('"result": "Result"', '"result": None'),
            r'no steps, and no result in HEADER\["re',
        ),
    ],
)
def test_a_wrong_guess_is_refused_with_the_line_of_the_table(
    kind: str, change: tuple[str, str], why: str, tmp_path: Path
) -> None:
    begun(tmp_path, kind)
    folder = tmp_path / kind.replace("-", "_")
    file = folder / f"{kind.replace('-', '_')}_log.py"
    text = file.read_text()
    assert change[0] in text
    file.write_text(text.replace(*change))
    if not why:  # that is no mistake
        convert(folder / "samples" / KINDS[kind][0], load(folder, kind))
        return
    with pytest.raises(Reject, match=why):
        convert(folder / "samples" / KINDS[kind][0], load(folder, kind))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {"text", "zip"}])
def test_a_file_that_is_cut_off_is_refused_or_says_less(kind: str, all_kinds: Path) -> None:
    """Never a report in which a number has lost digits, and never an error of Python's own."""
    converter = load(all_kinds / kind.replace("-", "_"), kind)
    _name, data, facts = KINDS[kind]
    whole = convert(data, converter)
    for cut in range(len(data)):
        try:
            reports = convert(data[:cut], converter)
        except Reject:
            continue
        assert len(reports) <= len(facts)
        for report, complete in zip(reports, whole, strict=False):
            shown = [step for step in report["root"]["steps"] if "steps" not in step]
            measured = [step.get("numericMeas") for step in complete["root"]["steps"]]
            assert all(step.get("numericMeas") in measured for step in shown)


def test_a_sample_is_told_and_what_was_not_found(tmp_path: Path) -> None:
    told = begun(tmp_path, "marked")
    assert told["kind"] == "lines KEY=VALUE and rows of measurements"
    assert {"what": "HEADER: serial_number", "name": "serial"} in told["guessed"]
    assert "HEADER: batch" in told["not_found"]
    assert (told["notes"], told["reports"], told["refused"]) == ([], 1, None)
    program, *words = shlex.split(told["try"])
    assert program == "pywats-trio"
    done = CliRunner(env={"XDG_CONFIG_HOME": str(tmp_path)}).invoke(cli, [*words, "--json"])
    assert done.exit_code == 0, done.output
    (report,) = json.loads(done.stdout)["reports"]
    assert (report["sn"], report["result"]) == ("SN-1", "F")


def test_people_are_told_what_was_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unit.log").write_bytes(KINDS["marked"][1])
    done = new("bench", "--from", "unit.log")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("unit.log is lines KEY=VALUE and rows of measurements.\n")
    assert "HEADER: serial_number  serial\n" in done.stdout
    assert "Not found: HEADER: batch, " in done.stdout
    assert "It makes 1 report of the sample. Look whether each fact" in done.stdout
    assert (
        "  pywats-trio converters test samples/unit.log --converter bench.py:Bench\n" in done.stdout
    )


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (b"SN=1\nStart=02/03/2026 08:00\nVolt=1\n", "the times fit %d/%m/%Y %H:%M and %m/%d/%Y"),
        (b"SN=1\nStart=02/03/2026 08:00:00 AM\nVolt=1\n", "the times fit %m/%d/%Y %I:%M:%S %p"),
        (b"SN=1\nDate=02.03.2026\nVolt=1\n", "Date has no time of day"),
        (b"SN=1\nVolt=1.5\nAmp=1,5\n", "a decimal comma here and a point there"),
        (b'[{"sn": 1, "v": 1}, {"v": 2}]', "1 of 2 units have no sn"),
        (b"<a><sn>1</sn>", "is none: is the sample whole?"),
        (b"SN=1\nVolt=1\n", "neither limits nor a status nor a result were found"),
        (b"SN=1\nVolt=12", "a file that is cut off is not noticed"),
        (
            b'[{"sn": 1, "v": 1, "start": "2026-03-02T08:00:00"}, {"sn": 2, "v": 1}]',
            "was taken out",
        ),
    ],
)
def test_doubts_are_told(data: bytes, note: str, tmp_path: Path) -> None:
    told = begun_from(tmp_path / "sample", data, tmp_path / "out")
    assert note in " ".join(told["notes"])


def test_a_nominal_value_is_no_text_that_is_expected(tmp_path: Path) -> None:
    """Else what is off by a hair would fail."""
    rows = (b"SN;Test;Value;Min;Max;Expected", b"1;a;5.01;4;6;5.00", b"1;b;5.0;4;6;5.00", b"")
    told = begun_from(tmp_path / "sample.csv", b"\n".join(rows), tmp_path / "out")
    assert "ROW: limit" in told["not_found"]
    (report,) = convert(tmp_path / "sample.csv", load(tmp_path / "out"))
    assert report["result"] == "P"


def test_limits_without_a_value_are_refused(tmp_path: Path) -> None:
    rows = (b"SN;Test;Value;Min;Max", b"1;a;5;4;6", b"1;b;5;4;6", b"")
    begun_from(tmp_path / "sample.csv", b"\n".join(rows), tmp_path / "out")
    with pytest.raises(Reject, match=r'line 3: "" is no number, ROW\["value"\]'):
        convert(b"\n".join(rows).replace(b"b;5", b"b;"), load(tmp_path / "out"))


def test_without_a_start_it_is_the_time_of_the_file_with_a_finding(tmp_path: Path) -> None:
    begun_from(tmp_path / "sample.log", b"SN=1\nVolt=1\n", tmp_path / "out")
    os.utime(tmp_path / "sample.log", (0, 86_400))
    made = load(tmp_path / "out")
    (report,) = convert(tmp_path / "sample.log", made, timezone="UTC")
    assert report["start"] == "1970-01-02T00:00:00+00:00"
    expected = json.loads((tmp_path / "out/samples/sample.log.expected.json").read_text())
    assert "start" not in expected["reports"][0]


@pytest.mark.parametrize(
    ("sample", "why"),
    [
        ("missing.log", "there is no file "),
        (".", "is no file; name a file that the tester wrote"),
        ("empty.log", "is empty; name a file that holds a test"),
        ("zeros.log", "is empty; "),
        ("large.log", "is larger than 1 MB; "),
        ("unit.log.expected.json", "says what is expected of a sample; "),
        ("x" * 300, "cannot be read: "),
    ],
)
def test_a_bad_sample_is_refused_in_one_sentence(sample: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "empty.log").write_bytes(b" \n")
    (tmp_path / "zeros.log").write_bytes(b"\0" * 9)
    (tmp_path / "large.log").write_bytes(b"x" * (LARGEST + 1))
    done = new("bench", "--from", tmp_path / sample, "--dir", tmp_path / "out")
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert why in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "there", ["log.py", "test_log.py", "samples/unit.log", "samples/unit.log.expected.json"]
)
def test_nothing_is_written_over_and_nothing_is_left(there: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "unit.log").write_bytes(KINDS["marked"][1])
    file = tmp_path / "out" / there
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    done = new("log", "--from", tmp_path / "in" / "unit.log", "--dir", tmp_path / "out")
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{file} is there already and was left alone" in done.stderr
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == [file]
    assert file.read_text() == "mine"


def test_a_sample_that_lies_there_already_stays_there(tmp_path: Path) -> None:
    sample = tmp_path / "samples" / "unit.log"
    told = begun_from(sample, KINDS["marked"][1], tmp_path)
    assert str(sample) not in told["files"]
    assert sample.read_bytes() == KINDS["marked"][1]
    assert_sample(sample, load(tmp_path))


ODD = {
    "empty cells": b"Serial;Test;Value;Min;Max\nS-1;a;;;\nS-1;b;1;;\n",
    "duplicate keys": b'{"sn": "1", "sn": "2", "v": 1}',
    "keys twice": b"SN=1\nPN=a\nPN=b\nVolt=1\n",
    "columns twice": b"SN;V;V\n1;2;3\n2;3;4\n",
    "a quote that is open": b'SN,V,W\n"1,2,3\n',
    "quotes in names": b"'S\"N'=1\nS'N=2\nserial\\=3\nVolt=\"4'\n",
    "line ends of old": b"SN=1\rVolt=2\rVolt2=3\r",
    "form feeds": b"SN=1\x0c\nVolt=2\n",
    "shift-jis": "シリアル,SN,電圧\n1,2,3\n".encode("shift_jis"),
    "utf-32": "SN=1\nVolt=2\n".encode("utf-32"),
    "half of utf-16": "SN=1\nVolt=2\n".encode("utf-16")[:-1],
    "utf-16 without a mark": "SN=1\nVolt=2\n".encode("utf-16-le"),
    "undefined in cp1252": b"SN=\x81\nVolt=2\n",
    "confusing letters": "SN=1\n\u0391\u0392\u2019\u00a0µ\xd7=2\nVolt=3\n".encode(),
    "a key in braces": b"{SN}=1\n$Volt=2\n${x}=3\n",
    "deep JSON": b"[" * 5000 + b"]" * 5000,
    "deep objects": b'{"sn":1,"a":' * 200 + b"1" + b"}" * 200,
    "deep XML": b"<a>" * 200 + b"<SN>1</SN>" + b"</a>" * 200,
    "a number alone": b"17",
    "JSON of no objects": b"[1, 2, [3]]",
    "not a number": b'{"sn": NaN, "v": 1e999, "w": Infinity}',
    "half a surrogate": b'{"sn": "1", "\\ud800": 1, "v": "\\ud800"}',
    "XML of another encoding": '<?xml version="1.0" encoding="latin-1"?><r sn="ü" v="1"/>'.encode(
        "latin-1"
    ),
    "a DOCTYPE": b'<!DOCTYPE a [<!ENTITY x "y">]><a sn="1">&x;</a>',
    "long names": b"SN=1\n" + b"x" * 300 + b"=2\n" + b"y" * 60 + b"=3\n",
    "a long value": b"SN=" + b"x" * 300 + b"\nVolt=2\n",
    "one line": b"SN",
    "many columns": b";".join(b"c%d" % number for number in range(500))
    + b"\n"
    + b"1;" * 500
    + b"\n",
    "a huge number": b'{"sn": ' + b"9" * 99 + b', "v": ' + b"9" * 5000 + b"}",
    "digits of others": "SN=1\nProcess=١٢\nVolt=٣\n".encode(),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_sample_gives_a_converter_that_can_be_imported(name: str, tmp_path: Path) -> None:
    told = begun_from(tmp_path / "in" / "odd.txt", ODD[name], tmp_path / "out")
    converter = load(tmp_path / "out")
    assert_sample(tmp_path / "out" / "samples" / "odd.txt", converter)
    isolated = ("--isolated", "--no-cache", "--line-length", "88")
    run(tmp_path / "out", "ruff", "format", *isolated, "--check", ".")
    rules = ("--select", RULES, "--ignore", NOT_FOR_TESTS)
    run(tmp_path / "out", "ruff", "check", *isolated, *rules, ".")
    assert told["files"]


@pytest.mark.parametrize(
    "name", ["a b.log", "-x.log", "ü'\"$.log", "\udcff.log", "new\nline", "x" * 99]
)
def test_a_sample_may_have_any_name(name: str, tmp_path: Path) -> None:
    begun_from(tmp_path / "in" / name, KINDS["marked"][1], tmp_path / "out")
    assert_sample(tmp_path / "out" / "samples" / name, load(tmp_path / "out"))


WORDS = st.sampled_from(
    [
        *("serial", "SN", "part", "start", "date", "time", "value", "low", "max", "unit", "status"),
        *(
            "2026-03-02",
            "08:15:30",
            "PASS",
            "NG",
            "3,31",
            "3.31",
            "-",
            "",
            "=",
            ";",
            ":",
            "\t",
            "\n",
        ),
        *(
            "\r\n",
            ",",
            '"',
            "'",
            "[",
            "]",
            "{",
            "}",
            "<a>",
            "</a>",
            "<SN>",
            "</SN>",
            "\\",
            "#",
            "$x",
        ),
        *("\ufeff", "\0", "ü", "\u2028", "null", "nan", "measure=", "Test;Value;Unit", "END"),
    ]
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    words=st.lists(WORDS, min_size=1, max_size=40), encoding=st.sampled_from(["utf-8", "utf-16"])
)
def test_no_sample_makes_it_stumble(
    words: list[str], encoding: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any")
    sample = folder / "sample.txt"
    sample.write_bytes("".join(words).encode(encoding))
    done = new("bench-log", "--from", sample, "--dir", folder / "out", "--json")
    if done.exit_code == 2:
        assert done.stderr.count("\n") == 1
        return
    assert done.exit_code == 0, done.output
    assert_sample(folder / "out" / "samples" / "sample.txt", load(folder / "out"))


REAL = sorted(
    path
    for path in (Path(samples.REAL).rglob("*") if samples.REAL else ())
    if path.is_file() and not path.name.endswith((".md", ".py", ".expected.json"))
)


@pytest.mark.skipif(not REAL, reason=samples.REAL_MISSING)
def test_every_real_sample_gives_a_converter_that_can_be_imported(tmp_path: Path) -> None:
    for number, sample in enumerate(REAL):
        folder = tmp_path / str(number)
        done = new("bench-log", "--from", sample, "--dir", folder)
        assert done.exit_code in {0, 2}, done.output
        if done.exit_code == 0:
            assert_sample(folder / "samples" / sample.name, load(folder))


@pytest.mark.skipif(not REAL, reason=samples.REAL_MISSING)
def test_the_vendors_example_for_authors_needs_no_editing(tmp_path: Path) -> None:
    sample = Path(samples.REAL) / "other" / "xml-example.xml"
    assert new("bench-log", "--from", sample, "--dir", tmp_path).exit_code == 0
    facts = {
        **{"sn": "12345", "pn": "Part1", "rev": "1.0", "processCode": 50, "result": "F"},
        **{"operator": "op-1", "execTime": 20.5, "start": "2017-04-20T12:01:30"},
        **{"step_count": 8, "steps": [[["Main", "Test2"], "ET_NLT", "F", {"value": 300.88}]]},
    }
    assert_report(convert(sample, load(tmp_path)), {"reports": [facts]})
