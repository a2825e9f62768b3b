"""A converter in the test's own process, as its author tests it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from pywats_trio.converters import Argument, Converter, Reject, Report
from pywats_trio.testing import convert
from tests.converters_hostile.folders import Folders, Pairs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pywats_trio.converters import Context, Source


class Lines(Converter):
    """A report for each line."""

    id = "lines"
    arguments: ClassVar[Mapping[str, Argument]] = {"prefix": Argument(str, default="SN-")}

    def convert(self, source: Source, context: Context) -> Iterator[Report]:
        (context.scratch / "used").touch()
        context.logger.warning("%s of %d bytes", source.name, source.size)
        for line in source.lines():
            report = Report.builder(
                serial_number=f"{context.arguments['prefix']}{line}",
                part_number="P",
                process_code=10,
                start="2026-03-02T08:15:30+01:00",
            )
            yield report.build()


@pytest.mark.parametrize("converter", [Lines, Lines()])
def test_it_gives_the_reports_as_they_would_be_sent(converter: Any) -> None:
    first, second = convert("1\n2", converter)
    assert (first["sn"], second["sn"]) == ("SN-1", "SN-2")
    assert first["id"] != second["id"]
    assert all(first[key] for key in ("machineName", "location", "purpose"))


def test_a_path_is_read_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "unit.log"
    file.write_bytes(b"x")
    assert convert(file, Lines)[0]["sn"] == "SN-x"
    assert convert(b"x", Lines) == convert("x", Lines)
    assert "unit.log of 1 bytes" in caplog.text


def test_arguments_are_checked_as_the_service_does() -> None:
    assert convert("1", Lines, prefix="")[0]["sn"] == "1"
    with pytest.raises(ValueError, match="unknown argument 'prefxi'; did you mean 'prefix'"):
        convert("1", Lines, prefxi="")
    with pytest.raises(ValueError, match="must be of type str"):
        convert("1", Lines, prefix=1)


class Away(Lines):
    """Says of each line what it is."""

    id = "away"

    def convert(self, source: Source, context: Context) -> Iterator[Report]:
        yield from super().convert(source, context)
        for line in source.lines():
            context.after(line)


def test_what_the_converter_says_of_its_file_comes_with_the_reports() -> None:
    assert convert("1", Lines).after == ""
    assert convert("keep\ndelete", Away).after == "delete"
    with pytest.raises(ValueError, match=r"after\('1'\): write one of 'move'"):
        convert("1", Away)


def test_a_file_without_a_report_is_refused() -> None:
    with pytest.raises(Reject, match="no report in the file"):
        convert(b"", Lines)


# Units that are folders


@pytest.mark.parametrize("form", ["folder", "pair"])
def test_a_folder_on_the_disk_is_given_to_a_converter_of_folders(tmp_path: Path, form: str) -> None:
    unit = tmp_path / "DUT 1.5"
    (unit / "deep").mkdir(parents=True)
    (unit / "deep" / "a.txt").write_text("a")
    header = tmp_path / "DUT 1.5.txt"
    header.write_text("head")
    given, converter = (unit, Folders) if form == "folder" else (header, Pairs)
    (report,) = convert(given, converter)
    assert report["sn"] == given.name
    assert [step["name"] for step in report["root"]["steps"]] == ["deep/a.txt"]


def test_what_is_no_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="there is no folder"):
        convert(tmp_path / "missing", Folders)
    with pytest.raises(TypeError, match="'folders' takes folders; give a Path, or"):
        convert(b"bytes", Folders)
