"""A sample as the reference page shows it: the beginning of what goes in, and what comes out."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import time
import zipfile
from typing import TYPE_CHECKING, Final

import click

from pywats_trio.cli.converters import present
from pywats_trio.convert.said import Finding, ReportMade
from pywats_trio.convert.trial import Trial
from pywats_trio.converters.api import FolderSource, Source, Station
from pywats_trio.text import printable, shortened
from tests.samples import convert_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.converters.api import Converter
    from pywats_trio.reports.report import Encoded
    from tests.samples import Sample

STATION: Final = Station("BENCH-9", "Hall 2", "Production")
"""What the service says of itself where a file says nothing."""
CLOCK: Final = "CET-1CEST,M3.5.0,M10.5.0/3"
"""That of the machine, so that the page is the same on all: central Europe, for the C library."""
MOST_IN: Final = 12
"""Lines of what goes in; the files of a folder or an archive share them, but have `FEWEST`."""
FEWEST: Final = 4
MOST_OUT: Final = 20
"""Lines of the answer."""
WIDEST: Final = 110
"""Characters of a line of a file."""

_ZIP: Final = b"PK\x03\x04"
_ID: Final = re.compile(r"id +[0-9a-fA-F-]{36}")
"""Those of reports that have none depend on the service."""


def block(language: str, lines: list[str]) -> str:
    """A block of code on a page."""
    return "\n".join([f"```{language}", *lines, "```", ""])


@contextlib.contextmanager
def clock() -> Iterator[None]:
    """Meanwhile local times are those of `CLOCK`."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = CLOCK
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()


def taken(sample: Sample, converter: Converter) -> str:
    """What goes in: the file, or each that it consists of."""
    name, files = sample.path.name, _files(sample, converter)
    what = f"`{name}` becomes"
    if isinstance(sample.source(converter), FolderSource):
        what = f"`{name}` and the folder beside it become"
    elif list(files) != [name]:
        what = f"`{name}`, a zip archive, becomes"
    lines = []
    for file, beginning in beginnings(files).items():
        lines += [f"--- {file}"] * (len(files) > 1) + beginning
    return f"{what}:\n\n{block('text', lines)}"


def _files(sample: Sample, converter: Converter) -> dict[str, Source]:
    source = sample.source(converter)
    if source.read_head(len(_ZIP)) == _ZIP:
        return _members(source)
    inside = source.files if isinstance(source, FolderSource) else {}
    return {sample.path.name: source, **inside}


def _members(source: Source) -> dict[str, Source]:
    with zipfile.ZipFile(io.BytesIO(source.read_bytes())) as archive:
        return {name: Source.from_bytes(archive.read(name)) for name in archive.namelist()}


def beginnings(files: dict[str, Source]) -> dict[str, list[str]]:
    """The first lines of each; what a short one leaves over is for the longer ones."""
    lines = {name: [_shown(line) for line in file.lines()] for name, file in files.items()}
    left, shares = MOST_IN, {}
    for done, name in enumerate(sorted(lines, key=lambda one: len(lines[one]))):
        shares[name] = max(FEWEST, left // (len(lines) - done))
        left -= min(shares[name], len(lines[name]))
    return {name: _cut(of, shares[name]) for name, of in lines.items()}


def _cut(lines: list[str], most: int) -> list[str]:
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], f"… {len(lines) - most + 1} more lines"]


def _shown(line: str) -> str:
    """A line as a page can hold it: tabs stay, other controls are escaped."""
    return "\t".join(map(printable, shortened(line.rstrip(), WIDEST).split("\t")))


def answered(sample: Sample, converter: Converter) -> str:
    """The command, and what it prints but for ids and what it took."""
    source = sample.source(converter)
    encoded = convert_source(converter, source, sample.arguments, STATION)
    trial = Trial(converter.id, tuple(map(_made, encoded)), 0.0, 0)
    said = [click.unstyle(line) for line in present.page(trial)][:-2]  # a blank and the summary
    lines = [line for line in said if not _ID.fullmatch(line)]
    return block("console", [_command(sample, converter), *_cut(lines, MOST_OUT)])


def _command(sample: Sample, converter: Converter) -> str:
    words = ["pywats-trio", "converters", "test", sample.path.name, "--converter", converter.id]
    for name, value in sample.arguments.items():
        words += ["--set", f"{name}={value}"]
    return f"$ {shlex.join(words)}"


def _made(report: Encoded) -> ReportMade:
    return ReportMade(
        body=report.body,
        report_id=report.report_id,
        serial_number=report.serial_number,
        part_number=report.part_number,
        result=report.result,
        start=report.start,
        findings=tuple(Finding(f.path, f.message, f.severity) for f in report.findings),
    )
