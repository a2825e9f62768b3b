"""The files that are converted: our samples of each format, blown up; others as they are."""

from __future__ import annotations

import json
import math
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.converters.shapes import Shape

SAMPLES: Final = Path(__file__).parents[2] / "tests" / "data" / "samples"
REAL: Final = os.environ.get("PYWATS_TRIO_SAMPLES", "")
LARGE: Final = 10_000
"""Bytes of such a sample; with smaller ones opening files is what would be measured."""
EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The time of what lies in a zip, so that its bytes are the same on each day."""


@frozen
class Job:
    """A file to convert, and the arguments to do it with."""

    path: str
    arguments: Mapping[str, Any] = field(factory=dict)


@frozen
class Work:
    """All that one contestant does in one measurement."""

    jobs: tuple[Job, ...]
    size: int
    """Bytes to read, those in a zip unpacked."""
    reports: int
    """How many should come of it."""
    times: int = 1
    """How often the jobs are done."""


@frozen
class Input:
    """A sample that becomes a file of any size."""

    name: str
    type: str
    """The id of the converter."""
    sample: str
    shape: Shape
    parser: str
    """One of `parsing.PARSERS`."""
    encoding: str = "utf-8"
    arguments: Mapping[str, Any] = field(factory=dict)
    reports: int = 1
    """Of each unit."""

    def make(self, folder: Path, size: int) -> Work:
        """Write it into `folder`, piece by piece."""
        path = folder / Path(self.sample).name
        units = -2  # what comes before the units and after them
        with path.open("w", encoding=self.encoding, newline="") as file:
            for piece in self.shape.pieces(self._text(), size):
                file.write(piece)
                units += 1
        job = Job(str(path), self.arguments)
        return Work((job,), path.stat().st_size, units * self.reports)

    def _text(self) -> str:
        with (SAMPLES / self.sample).open(encoding=self.encoding, newline="") as file:
            return file.read()


@frozen
class Zipped(Input):
    """A zip in which each run is a file: XJTAG's."""

    def make(self, folder: Path, size: int) -> Work:
        """See `Input.make`."""
        path = folder / Path(self.sample).name
        with zipfile.ZipFile(SAMPLES / self.sample) as sample:
            run, info = (sample.read(name).decode("utf-8-sig") for name in ("Run 1.xml", INFO))
        runs = list(self.shape.pieces(run, size))[1:-1]
        counted = info.replace("<TestRunCount>2<", f"<TestRunCount>{len(runs)}<")
        files = {f"Run {number}.xml": text for number, text in enumerate(runs, 1)} | {INFO: counted}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, text in files.items():
                file.writestr(zipfile.ZipInfo(name, EPOCH), text, zipfile.ZIP_DEFLATED)
        return Work((Job(str(path)),), sum(map(len, files.values())), len(runs))


INFO: Final = "Info.xml"


@frozen
class Folder(Input):
    """A header file with its folder, in which tables get longer: Klippel's."""

    def make(self, folder: Path, size: int) -> Work:
        """See `Input.make`."""
        sample = SAMPLES / self.sample
        header, beside = folder / sample.name, folder / sample.stem
        header.write_bytes(sample.read_bytes())
        beside.mkdir()
        tables = sorted(sample.with_suffix("").iterdir())
        for table in tables:
            rows = table.read_text("utf-8").rstrip("\n")
            pieces = self.shape.pieces(rows, size // len(tables))
            (beside / table.name).write_text("".join(pieces), encoding="utf-8")
        total = sum(path.stat().st_size for path in (header, *beside.iterdir()))
        return Work((Job(str(header), self.arguments),), total, 1)


@frozen
class Real(Input):
    """The samples of a format in that folder which are large enough, one after the other."""

    def make(self, folder: Path, size: int) -> Work:
        """See `Input.make`; they are done as often as makes `size`."""
        jobs, total, reports = [], 0, 0
        for path, expected in self._expected():
            jobs.append(Job(str(path), expected.get("arguments", {})))
            total += _size(path)
            reports += expected.get("report_count") or len(expected["reports"])
        times = math.ceil(size / total)
        return Work(tuple(jobs), times * total, times * reports, times)

    @property
    def exists(self) -> bool:
        """Whether there is any."""
        return any(True for _ in self._expected())

    def _expected(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        for beside in sorted((Path(REAL) / self.type).glob("*.expected.json")):
            expected = json.loads(beside.read_text("utf-8"))
            if not expected.get("refused") and not expected.get("either"):
                path = beside.with_name(beside.name.removesuffix(".expected.json"))
                if _size(path) >= LARGE:
                    yield path, expected


def _size(path: Path) -> int:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            return sum(entry.file_size for entry in file.infolist())
    beside = path.with_suffix("")
    files = [path, *(beside.rglob("*.*") if beside != path and beside.is_dir() else ())]
    return sum(file.stat().st_size for file in files)


def real(input_: Input) -> Real | None:
    """Of the same format, if there are any and `PYWATS_TRIO_SAMPLES` says where."""
    if not REAL:
        return None
    found = Real(
        f"{input_.type}, samples as they are",
        input_.type,
        "",
        input_.shape,
        input_.parser,
        input_.encoding,
    )
    return found if found.exists else None
