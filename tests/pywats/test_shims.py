"""The stand-ins: what they do, and that they look as what they stand in for."""

from __future__ import annotations

import importlib
import inspect
import json
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pywats_trio.converters.pywats import doors, shims
from pywats_trio.converters.pywats.shims import (
    ArgumentDefinition,
    ArgumentType,
    ConversionLog,
    ConversionRecord,
    ConversionStatus,
    ConverterArguments,
    ConverterContext,
    ConverterResult,
    ConverterSandbox,
    ConverterSource,
    CSVConverter,
    FileConverter,
    FileInfo,
    FolderConverter,
    SandboxError,
    ScheduledConverter,
    ValidationResult,
)
from tests.pywats.standard_set import ABSENT, INSTALLED

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_ALIKE = {"ConverterSandbox", "ConverterValidator", "ResourceLimits", "SandboxConfig"}
"""Of these hardly more than the name is there: no converter sets up its own sandbox."""


def real(name: str) -> Any:
    with doors.provided():
        base = importlib.import_module("pywats_client.converters.base")
        log = importlib.import_module("pywats_client.converters.conversion_log")
        package = importlib.import_module("pywats_client.converters")
    return next(getattr(m, name) for m in (package, base, log) if hasattr(m, name))


def callables(cls: type[Any]) -> Iterator[str]:
    for name, _member in inspect.getmembers(cls, inspect.isroutine):
        if not name.startswith("_") or name == "__init__":
            yield name


def parameters(function: Any) -> list[tuple[str, Any]]:
    found = inspect.signature(function).parameters.values()
    return [(one.name, "…" if callable(one.default) else _value(one.default)) for one in found]


def _value(default: Any) -> Any:
    return default.value if isinstance(default, Enum) else default


@pytest.mark.skipif(not INSTALLED, reason=ABSENT)
@pytest.mark.parametrize("name", sorted(set(shims.__all__) - NOT_ALIKE))
def test_a_stand_in_has_the_signatures_and_defaults_of_what_it_stands_in_for(name: str) -> None:
    ours, theirs = getattr(shims, name), real(name)
    if issubclass(ours, Enum):
        assert [(one.name, one.value) for one in ours] == [(o.name, o.value) for o in theirs]
        return
    if is_dataclass(theirs):
        assert [one.name for one in fields(ours)] == [one.name for one in fields(theirs)]
    for method in set(callables(ours)) | set(callables(theirs)):
        assert hasattr(ours, method), f"{name} lacks {method}"
        if not issubclass(ours, Exception):
            told = parameters(getattr(ours, method))
            assert told == parameters(getattr(theirs, method)), method
    for prop in dir(theirs):
        if isinstance(inspect.getattr_static(theirs, prop), property):
            instance_attribute = prop in {"source_path", "trusted_mode"}
            assert instance_attribute or hasattr(ours, prop), f"{name} lacks {prop}"


@pytest.mark.parametrize(
    ("made", "confidence", "can_convert", "ready"),
    [
        (ValidationResult.perfect_match(), 1.0, True, True),
        (ValidationResult.good_match(), 0.8, True, True),
        (ValidationResult.pattern_match(detected_part_number="P"), 0.3, True, True),
        (ValidationResult.no_match("why"), 0.0, False, True),
        (ValidationResult.not_ready(["a", "b"]), 0.7, True, False),
        (ValidationResult(True, 1.5), 1.0, True, True),
        (ValidationResult(True, -1), 0.0, True, True),
    ],
)
def test_validation_results(
    made: ValidationResult, confidence: float, can_convert: bool, ready: bool
) -> None:
    assert (made.confidence, made.can_convert, made.ready) == (confidence, can_convert, ready)
    assert made.is_below_alarm_threshold is (confidence < 0.5)


@pytest.mark.parametrize(
    ("confidence", "alarm", "reject", "word"),
    [
        (0.19, True, True, "reject"),
        (0.2, True, False, "alarm"),
        (0.49, True, False, "alarm"),
        (0.5, False, False, "accept"),
    ],
)
def test_thresholds(confidence: float, alarm: bool, reject: bool, word: str) -> None:
    assert ValidationResult(True, confidence).check_thresholds() == (alarm, reject)
    assert ConverterContext().check_confidence(confidence) == word


def test_results() -> None:
    one = ConverterResult.success_result({"a": 1})
    assert (one.success, one.records_processed, one.get_all_reports()) == (True, 1, [{"a": 1}])
    two = ConverterResult.success_result(reports=[1, 2])
    assert (two.has_multiple_reports, two.records_processed) == (True, 2)
    assert ConverterResult.success_result().get_all_reports() == []
    failed = ConverterResult.failed_result("why", warnings=["w"])
    assert (failed.success, failed.error, failed.post_action.value) == (False, "why", "keep")
    later = ConverterResult.suspended_result("why")
    assert (later.suspend_reason, later.retry_after) == ("why", timedelta(seconds=60))
    assert ConverterResult.skipped_result("why").status is ConversionStatus.SKIPPED
    rejected = ConverterResult.rejected_result("why", 0.1, 0.2)
    assert rejected.error == "why (confidence 0.10 below threshold 0.20)"


@pytest.mark.parametrize(
    ("definition", "value", "wrong"),
    [
        (ArgumentDefinition(ArgumentType.STRING, required=True), None, "Value is required"),
        (ArgumentDefinition(ArgumentType.STRING), None, ""),
        (ArgumentDefinition(ArgumentType.INTEGER), 1.5, "Value must be an integer"),
        (ArgumentDefinition(ArgumentType.INTEGER, min_value=2), 1, "Value must be >= 2"),
        (ArgumentDefinition(ArgumentType.INTEGER, min_value=2, max_value=2), 2, ""),
        (ArgumentDefinition(ArgumentType.FLOAT, max_value=2), 2.5, "Value must be <= 2"),
        (ArgumentDefinition(ArgumentType.FLOAT), "x", "Value must be a number"),
        (ArgumentDefinition(ArgumentType.BOOLEAN), 1, "Value must be a boolean"),
        (ArgumentDefinition(ArgumentType.CHOICE, choices=["a"]), "b", "Value must be one of"),
        (ArgumentDefinition(ArgumentType.STRING, pattern="a+$"), "ab", "Value must match"),
        (ArgumentDefinition(ArgumentType.STRING, pattern="a+$"), "aa", ""),
    ],
)
def test_an_argument_is_validated(definition: ArgumentDefinition, value: Any, wrong: str) -> None:
    right, why = definition.validate(value)
    assert right is (not wrong)
    assert wrong in why


def test_sources_and_files(tmp_path: Path) -> None:
    for name in ("b.CSV", "a.txt", "below/c.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    info = FileInfo(tmp_path / "b.CSV")
    assert (info.stem, info.extension, info.size) == ("b", ".csv", 1)
    assert info.mime_type == "text/csv"
    assert info.matches_pattern("*.csv")
    assert not info.matches_any_pattern(["*.txt", "a*"])
    assert (FileInfo(Path("/nowhere/x")).size, FileInfo(Path("/nowhere/x")).modified_time) == (
        0,
        None,
    )
    folder = ConverterSource.from_folder(tmp_path, "*.[cC]*")
    assert [path.name for path in folder.files] == ["b.CSV", "c.csv"]
    assert len(ConverterSource.from_folder(tmp_path, recursive=False).files) == 2
    assert [path.name for path in folder.get_files_matching("c*")] == ["c.csv"]
    assert (folder.is_folder, folder.is_file, folder.file_info) == (True, False, None)
    record = ConverterSource.from_database_record("7", "db")
    assert record.primary_name == "7"
    assert ConverterSource.from_file(tmp_path / "a.txt").file_info == FileInfo(tmp_path / "a.txt")


def test_a_context(tmp_path: Path) -> None:
    context = ConverterContext.from_config(
        {"done_folder": str(tmp_path / "done"), "arguments": {"a": 1}, "unknown": 2}
    )
    assert (context.get_argument("a"), context.get_argument("b", 5)) == (1, 5)
    context.set_argument("b", 2)
    assert context.has_argument("b")
    context.ensure_folders_exist()
    assert context.get_done_path("x") == tmp_path / "done" / "x"
    assert (tmp_path / "done").is_dir()
    for method in (context.get_error_path, context.get_pending_path):
        with pytest.raises(ValueError, match="not configured"):
            method("x")
    copy = context.copy_with(dry_run=True, error_folder=str(tmp_path))
    assert (copy.dry_run, copy.error_folder, copy.done_folder) == (
        True,
        tmp_path,
        context.done_folder,
    )
    assert copy.to_dict()["error_folder"] == str(tmp_path)
    assert "api_client" not in copy.to_dict()


class Files(FileConverter):
    name = "files"
    file_patterns = ["*.log", "t?.txt"]  # noqa: RUF012 - as authors write it

    def convert(self, source: Any, context: Any) -> Any:
        raise AssertionError


@pytest.mark.parametrize(("name", "taken"), [("A.LOG", True), ("t1.txt", True), ("t12.txt", False)])
def test_a_file_converter_knows_its_files_by_name(name: str, taken: bool) -> None:
    found = Files().validate(ConverterSource.from_file(Path(name)), ConverterContext())
    assert found.can_convert is taken
    assert found.confidence == (0.3 if taken else 0.0)


def test_helpers_of_a_file_converter(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b" a \nb\xff\n")
    files = Files()
    assert files.read_file_text(path) == " a \nb�\n"
    assert files.read_file_bytes(path) == b" a \nb\xff\n"
    assert files.read_file_lines(path, encoding="latin-1") == ["a", "bÿ"]
    assert files.read_file_lines(path, encoding="latin-1", strip=False) == [" a \n", "bÿ\n"]


class Folders(FolderConverter):
    name = "folders"
    folder_patterns = ["T_*"]  # noqa: RUF012
    min_file_count = 2
    expected_files = ["*.csv"]  # noqa: RUF012

    def convert(self, source: Any, context: Any) -> Any:
        raise AssertionError


def test_a_folder_is_ready_with_its_files_and_its_marker(tmp_path: Path) -> None:
    folder, converter, context = tmp_path / "t_1", Folders(), ConverterContext()
    folder.mkdir()
    ready = [converter.is_folder_ready(folder, context)]
    for name in ("COMPLETE.marker", "a.txt", "a.csv"):
        (folder / name).write_text("done")
        ready.append(converter.is_folder_ready(folder, context))
    assert ready == [False, False, False, True]
    assert converter.read_marker_data(folder) == "done"
    assert converter.delete_marker(folder)
    assert not converter.delete_marker(folder)
    assert not converter.is_folder_ready(folder, context)
    assert {path.name for path in converter.list_files(folder)} == {"a.txt", "a.csv"}


class Clock(ScheduledConverter):
    name = "clock"
    schedule_interval: Any = timedelta(minutes=5)

    async def run(self, context: Any) -> Any:
        raise AssertionError


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        (timedelta(seconds=59), "Every 59 seconds"),
        (timedelta(minutes=1), "Every 1 minutes"),
        (timedelta(hours=1), "Every 1 hours"),
        (timedelta(hours=1.5), "Every 1.5 hours"),
        (timedelta(days=2), "Every 2 days"),
        (None, "Not scheduled"),
    ],
)
def test_a_schedule_is_told(interval: timedelta | None, words: str) -> None:
    clock = Clock()
    clock.schedule_interval = interval
    assert clock.get_schedule_description() == words


def test_the_next_run() -> None:
    clock, now = Clock(), datetime(2026, 3, 2, tzinfo=UTC)
    assert clock.calculate_next_run(now) == now + timedelta(minutes=5)
    assert not clock.should_run_now()
    assert (clock.last_run, clock.next_run, clock.is_running) == (None, None, False)


def test_a_log_of_a_conversion_is_lines_of_json_and_ends_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = ConversionLog(tmp_path / "logs" / "x.log", "x.csv")
    log.step("Parsing", metadata={"rows": 2})
    log.warning("odd")
    with pytest.raises(KeyError):
        log.error("bad", exception=KeyError("k"))
    log.error("bad", exception=KeyError("k"), raise_after_log=False)
    log.finalize(success=True, report_id=7)
    log.step("too late")
    assert "has ended" in caplog.text
    lines = [json.loads(line) for line in log.log_file_path.read_text().splitlines()]
    assert [(one["level"], one["step"]) for one in lines] == [
        ("INFO", "START"),
        ("INFO", "Parsing"),
        ("WARNING", "Validation"),
        ("ERROR", "Conversion"),
        ("ERROR", "Conversion"),
        ("INFO", "COMPLETED"),
    ]
    assert lines[3]["metadata"]["exception_type"] == "KeyError"
    assert lines[-1]["metadata"] == {"success": True, "report_id": 7}


def test_a_log_that_is_left_by_an_error_ends_with_it(tmp_path: Path) -> None:
    log = ConversionLog(tmp_path / "x.log", "x.csv")
    with pytest.raises(ValueError, match="broken"), log:
        raise ValueError("broken")
    assert log.entries[-1].message == "Conversion failed: broken"
    unfinished = ConversionLog(tmp_path / "y.log", "y.csv")
    with unfinished:
        pass
    assert unfinished.entries[-1].step == "FAILED"


def test_a_record_of_attempts() -> None:
    record = ConversionRecord(Path("x"), "c")
    assert not record.should_retry()
    record.record_attempt(ConversionStatus.SUSPENDED, retry_after=timedelta(hours=1))
    assert record.should_retry()
    assert not record.is_due_for_retry()
    for _ in range(2):
        record.record_attempt(ConversionStatus.FAILED, error="why")
    assert (record.attempts, record.should_retry()) == (3, False)


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("pn,sn,result\nP1,S1,ok\n", "success", ""),
        ("pn,sn,result\nP1,,ok\n", "suspended", "No serial number"),
        ("pn,sn,result\n", "failed", "No data rows"),
        ("pn,sn,result\nP1,S1\n", "failed", "Expected at least 3, got 2"),
        ("pn,sn,result\n,S1,ok\n", "failed", "Missing required field: partNumber"),
    ],
)
def test_the_older_csv_converter(text: str, status: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    args = ConverterArguments(None, FileInfo(path), tmp_path, tmp_path, tmp_path)
    result = CSVConverter().convert_file(path, args)
    assert result.status.value == status
    assert words in (result.error or result.suspend_reason or "")


@pytest.mark.parametrize(
    ("size", "valid"),
    [(9, False), (10, True), (10 * 1024 * 1024, True), (10 * 1024 * 1024 + 1, False)],
)
def test_the_older_csv_converter_takes_files_of_some_size(
    size: int, valid: bool, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    with path.open("wb") as file:
        file.truncate(size)
    assert CSVConverter().validate_file(FileInfo(path))[0] is valid
    assert not CSVConverter().validate_file(FileInfo(tmp_path / "x.xml"))[0]


def test_the_sandbox_of_pywats_is_not_copied() -> None:
    with pytest.raises(SandboxError, match="already runs in the sandbox"):
        ConverterSandbox()
