"""Unmodified classes of both generations, through real workers."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from pywats_trio.convert.trial import CannotUse, Refused, describe
from pywats_trio.errors import ConfigError
from pywats_trio.model import content
from pywats_trio.worker.limits import FILE_BYTES
from tests.pywats.kit import BENCH, OPTIONS, convert, type_of

if TYPE_CHECKING:
    from pathlib import Path

OLD = "old_csv:OldCsvConverter"
WAITING = "waiting:WaitingConverter"
HEADER = "BENCH SN-1 PN-1 2026-03-02 08:15:30"
ROW = "serial,part,result,start\nSN-1,PN-1,P,2026-03-02T08:15:30+01:00\n"


def rewrite(path: Path, text: str) -> None:
    """Write or replace a file."""
    path.write_text(text)


def draft(confidence: str) -> str:
    """A file of which the class is as sure as it says."""
    return f"BENCH?{confidence} SN-1 PN-1 2026-03-02 08:15:30\n3V3;3.31;3.2;3.4\n"


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    path = tmp_path / "unit 7.log"
    rewrite(path, f"{HEADER}\n3V3;3.31;3.2;3.4\n5V;5.6;4.9;5.1\n")
    return path


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "unit.csv"
    rewrite(path, ROW)
    return path


@pytest.fixture
def other(tmp_path: Path) -> Path:
    path = tmp_path / "other.txt"
    rewrite(path, "something")
    return path


async def test_a_file_converter_gives_all_its_reports(bench: Path) -> None:
    said: list[str] = []
    trial = await convert(bench, BENCH, said=said)
    assert [(one.serial_number, one.result) for one in trial.reports] == [
        ("SN-1-1", "P"),
        ("SN-1-2", "F"),
    ]
    body = json.loads(content(trial.reports[0].body))
    assert (body["machineName"], body["uut"]["user"]) == ("S1", "nobody")
    assert body["root"]["steps"][0]["numericMeas"][0]["unit"] == "V"
    assert all(one.findings[0].message == "several units in a file" for one in trial.reports)
    assert said == [
        "INFO loaded for operation 10",
        "INFO serial number SN-1",
        "INFO success number 1",
    ]


async def test_what_a_file_converter_says_of_itself_is_what_a_converter_says() -> None:
    about = await describe(type_of(BENCH), OPTIONS, {"operation": 1000}, {"colour": 1}, {})
    assert (about.id, about.version) == ("bench-log-line-3", "2.4.0")
    assert about.patterns == ("*.bench", "*.log")
    assert list(about.arguments) == [
        "alarm_threshold",
        "reject_threshold",
        "operation",
        "revision",
        "unit",
        "operator",
        "keep",
    ]
    assert [list(one) for one in about.mistakes] == [["operation"], ["colour"], []]


async def test_arguments_reach_the_class_and_its_wish_for_the_file_comes_back(bench: Path) -> None:
    said: list[str] = []
    given = {"operation": 50, "unit": "A", "operator": "op-1", "keep": True}
    trial = await convert(bench, BENCH, arguments=given, said=said)
    body = json.loads(content(trial.reports[0].body))
    assert (body["processCode"], body["rev"], body["uut"]["user"]) == (50, "A", "op-1")
    assert said[0] == "INFO loaded for operation 50"
    assert trial.after == "keep"


async def test_an_argument_that_does_not_fit_its_pattern_is_told(bench: Path) -> None:
    about = await describe(type_of(BENCH), OPTIONS, {"revision": "1"}, {"revision": "B"})
    assert [list(one) for one in about.mistakes] == [["revision"], []]
    with pytest.raises(CannotUse, match=r"argument 'revision' is '1'; it must match \(\?:\[A-Z"):
        await convert(bench, BENCH, arguments={"revision": "1"})


async def test_the_older_generation_has_its_file_info_folders_and_log(csv: Path) -> None:
    said: list[str] = []
    trial = await convert(csv, OLD, arguments={"process_code": 20}, said=said)
    body = json.loads(content(trial.reports[0].body))
    assert (body["sn"], body["processCode"], body["rev"]) == ("SN-1", 20, "A")
    assert said == ["INFO Reading: Started", "WARNING Validation: no operator in this format"]
    about = await describe(type_of(OLD), OPTIONS)
    assert (about.id, about.patterns) == ("old-csv", ("*.csv",))


async def test_an_error_in_the_log_of_a_conversion_is_raised_again(csv: Path) -> None:
    rewrite(csv, "serial,part,result,start\nSN-1\n")
    said: list[str] = []
    with pytest.raises(Refused, match="ValueError: not enough values") as raised:
        await convert(csv, OLD, said=said)
    assert "old_csv.py" in raised.value.evidence
    assert said[-1] == "ERROR Conversion: line 2 of unit.csv"


@pytest.mark.parametrize("size", [1000, 1001])
async def test_a_file_that_the_older_generation_does_not_validate_is_refused(
    size: int, csv: Path
) -> None:
    rewrite(csv, ROW + "x" * (size - len(ROW)))
    if size == 1000:
        assert len((await convert(csv, OLD)).reports) == 1
        return
    with pytest.raises(Refused, match="does not take the file: too large: 1001 bytes"):
        await convert(csv, OLD)


async def test_a_suspended_file_is_to_be_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "unit.part.txt"
    rewrite(path, "SN-1\nSN-2\n")
    with pytest.raises(Refused, match="the tester has not finished"):
        await convert(path, WAITING)
    rewrite(path, "SN-1\nSN-2\nend\n")
    assert len((await convert(path, WAITING)).reports) == 2


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("BENCH WAIT", "Waiting for: the second half"),
        ("HELLO", "does not take the file: no line BENCH at the beginning"),
        ("BENCH? 0.19", r"does not take the file: a draft \(confidence 0.19\)"),
        ("BENCH SKIP", "a sheet of calibration"),
        ("BENCH FAIL", r"ConversionFailed: line 2 is broken \(warnings: odd header\)"),
    ],
)
async def test_a_file_without_reports_comes_with_the_reason_of_the_class(
    head: str, words: str, bench: Path
) -> None:
    rewrite(bench, f"{head} PN-1 2026-03-02 08:15:30\n")
    with pytest.raises(Refused, match=words):
        await convert(bench, BENCH)


@pytest.mark.parametrize("confidence", ["0.20", "0.49", "0.50"])
async def test_between_the_thresholds_a_file_is_converted_with_an_alarm(
    confidence: str, bench: Path
) -> None:
    rewrite(bench, draft(confidence))
    said: list[str] = []
    (report,) = (await convert(bench, BENCH, said=said)).reports
    alarm = f"the class is hardly sure of the file: a draft (confidence {confidence})"
    expected = confidence != "0.50"
    assert (f"WARNING {alarm}" in said) is expected
    assert (alarm in [one.message for one in report.findings]) is expected


async def test_the_thresholds_are_arguments(bench: Path) -> None:
    rewrite(bench, draft("0.19"))
    with pytest.raises(Refused, match="does not take the file"):
        await convert(bench, BENCH)
    given = {"reject_threshold": 0.19, "alarm_threshold": 0.19}
    (report,) = (await convert(bench, BENCH, arguments=given)).reports
    assert report.findings == ()


async def test_a_broken_hook_changes_nothing(bench: Path) -> None:
    rewrite(bench, "BENCH FAIL PN-1 2026-03-02 08:15:30\n")
    said: list[str] = []
    with pytest.raises(Refused, match="line 2 is broken"):
        await convert(bench, BENCH, said=said)
    assert said[-2:] == [
        "ERROR failure: line 2 is broken",
        "WARNING on_failure of the class raised RuntimeError: the hook is broken, too",
    ]


async def test_models_are_dumped_and_a_random_id_gives_way_to_a_derived_one(other: Path) -> None:
    first, chosen = (await convert(other, "odd:Models")).reports
    again = (await convert(other, "odd:Models")).reports[0]
    assert first.report_id == again.report_id
    assert chosen.report_id == "11111111-2222-4333-8444-555555555555"
    assert first.report_id != chosen.report_id


async def test_the_class_has_a_copy_of_its_file_and_nothing_else(other: Path) -> None:
    os.utime(other, (1_750_000_000, 1_750_000_000))
    said: list[str] = []
    assert len((await convert(other, "odd:Looks", said=said)).reports) == 1
    told = {
        "name": "other.txt",
        "size": 9,
        "modified": 1_750_000_000.0,
        "original": str(other),
        "beside": ["other.txt"],
        "folders": [None, None, None],
        "client": None,
        "code": "odd.py",
        "trusted": False,
    }
    assert f"WARNING {told!r}" in said


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Stumbles", "FileFormatError: no header"),
        ("NotWsjf", "missing|type"),
        ("NoReport", "no report in the file"),
        ("Text", "a report is a mapping or a model of pyWATS, not str"),
        ("Nothing", "must answer with a ConverterResult, not NoneType"),
        ("Rejects", r"not mine \(confidence 0.10 below threshold 0.20\)"),
        ("WaitsForever", "next year"),
    ],
)
async def test_what_a_class_does_wrong_costs_its_own_file(
    name: str, words: str, other: Path
) -> None:
    with pytest.raises(Refused, match=words):
        await convert(other, f"odd:{name}")


@pytest.mark.parametrize(
    ("name", "words"),
    [("Stumbles", "told: failed FileFormatError: no header"), ("NotWsjf", "told: InvalidReport:")],
)
async def test_on_failure_is_told_what_was_raised(name: str, words: str, other: Path) -> None:
    said: list[str] = []
    with pytest.raises(Refused):
        await convert(other, f"odd:{name}", said=said)
    assert words in said[-1]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("odd:Folder", "'Folder' is a FolderConverter, and 'pywats:' runs classes"),
        ("odd:Clock", "'Clock' is a ScheduledConverter, which runs by the clock"),
        ("odd:Unfinished", "the class 'Unfinished' does not define convert, name"),
        ("odd:NeedsAnArgument", "missing 1 required positional argument: 'port'"),
        ("odd:Model", "'Model' is no subclass of pyWATS's FileConverter or ConverterBase"),
        ("odd:REPORT", "is no class"),
        ("odd:Absent", "has no class 'Absent'"),
    ],
)
async def test_a_class_that_cannot_run_is_refused_in_a_sentence(
    name: str, words: str, other: Path
) -> None:
    with pytest.raises(ConfigError) as raised:
        await convert(other, name)
    assert words in str(raised.value)


@pytest.mark.parametrize("excess", [0, 1])
async def test_a_file_must_fit_into_the_scratch_folder(excess: int, tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.write(b"x")
        file.truncate(FILE_BYTES + excess)
    if not excess:
        assert (await convert(path, "odd:Models")).reports
        return
    with pytest.raises(Refused, match=f"the file has {FILE_BYTES + 1} bytes, more than a worker"):
        await convert(path, "odd:Models")
