"""Converters of folders for the tests: what they get is what they tell."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pywats_trio.converters import FolderConverter, Reject, Report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.converters import Context, FolderSource

START = "2026-03-02T08:15:30+01:00"


def report_of(source: FolderSource) -> Report:
    """The names and contents as steps; what is no text is counted."""
    builder = Report.builder(
        serial_number=os.fsencode(source.name).decode("ascii", "backslashreplace"),
        part_number="PN",
        revision="1",
        process_code=10,
        start=START,
    )
    for name, file in source.files.items():
        step = os.fsencode(name).decode("ascii", "backslashreplace")
        builder.root.numeric(step, float(file.size), unit="B")
    return builder.build()


class Folders(FolderConverter):
    """A report of each folder."""

    id = "folders"
    version = "1.0"
    quiet_seconds = 0.05

    def detect(self, source: FolderSource) -> float:
        return 1.0 if "data.txt" in source.files else 0.0

    def convert(self, source: FolderSource, context: Context) -> Iterator[Report]:
        told = {
            "name": source.name,
            "size": source.size,
            "mtime": source.mtime,
            "files": {name: file.read_bytes().decode() for name, file in source.files.items()},
            "paths": [file.path for file in source.files.values()],
        }
        context.logger.info("%s", json.dumps(told))
        yield report_of(source)


class Marked(Folders):
    """Those with a marker, at once."""

    id = "marked"
    marker = "COMPLETE.marker"
    quiet_seconds = 0.0


class Three(Folders):
    """Those that have three files."""

    id = "three"
    minimum_files = 3


class Pairs(FolderConverter):
    """A report of each header and its folder."""

    id = "pairs"
    unit = "file-and-folder"
    patterns: ClassVar[tuple[str, ...]] = ("*.txt",)
    quiet_seconds = 0.05

    def convert(self, source: FolderSource, context: Context) -> Iterator[Report]:
        context.logger.info("header %s", source.read_text())
        yield report_of(source)


class Refuses(Folders):
    """None of them."""

    id = "refuses"

    def convert(self, source: FolderSource, context: Context) -> Iterator[Report]:
        raise Reject(f"nothing in {source.name} can be read")


class Probes(Folders):
    """Tells what else it can do with what it was given."""

    id = "probes"

    def convert(self, source: FolderSource, context: Context) -> Iterator[Report]:
        context.logger.info("%s", json.dumps(self._tries(source)))
        yield report_of(source)

    def _tries(self, source: FolderSource) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for link in Path("/proc/self/fd").iterdir():
            try:
                if "unit-" in str(link.readlink()):
                    os.write(int(link.name), b"x")
            except OSError as error:
                found.setdefault("writes", error.strerror)
        try:
            found["reads"] = source.read_bytes().decode()
        except IsADirectoryError as error:
            found["reads"] = str(error)
        found["path exists"] = Path(source.path).exists()
        return found


class Wrong(Folders):
    """Its author has mistaken something; a test says what."""

    id = "wrong"
    unit = "folders"
