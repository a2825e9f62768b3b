"""The sample files and what must come out of them.

Beside each sample `F` stands `F.expected.json` (see `pywats_trio.testing.facts`). Samples of our
own lie in `tests/data/samples`; real ones are read from the folder that `PYWATS_TRIO_SAMPLES`
names.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.converters.api import (
    Context,
    Converter,
    FolderConverter,
    FolderSource,
    Reject,
    Source,
    Station,
)
from pywats_trio.reports.model import Defaults, Encoded
from pywats_trio.testing.convert import ID
from pywats_trio.testing.facts import disagreements as disagreements  # noqa: PLC0414 - for tests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OURS: Final = Path(__file__).parent / "data" / "samples"
REAL: Final = os.environ.get("PYWATS_TRIO_SAMPLES", "")
REAL_MISSING: Final = "real samples: PYWATS_TRIO_SAMPLES names no folder"


@frozen
class Sample:
    """One input file and its expectations."""

    path: Path
    expected: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Folder and file name, as a test id."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def refused(self) -> bool:
        """It must not be converted."""
        return bool(self.expected.get("refused"))

    @property
    def either(self) -> bool:
        """Refusing it is right, too."""
        return bool(self.expected.get("either"))

    def source(self, converter: Converter) -> Source:
        """What this converter is given: the file, with the folder beside it if it takes that."""
        if not isinstance(converter, FolderConverter):
            return Source.from_bytes(self.path.read_bytes(), path=str(self.path))
        folder = self.path.with_suffix("")
        files = {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*.*")}
        header = self.path.read_bytes()
        return FolderSource.from_files(files, header=header, path=str(self.path))

    @property
    def arguments(self) -> dict[str, Any]:
        """The converter arguments to run it with."""
        return dict(self.expected.get("arguments", {}))


def samples(folder: str, *suffixes: str) -> Iterator[Sample]:
    """Our samples of a folder, and the real ones too where they are at hand."""
    found: dict[str, Path] = {}
    for base in (Path(REAL) if REAL else OURS, OURS):
        for path in (base / folder).glob("*.expected.json"):
            found[path.name] = path
    for name in sorted(found):
        path = found[name].with_name(name.removesuffix(".expected.json"))
        if not suffixes or path.suffix in suffixes:
            yield Sample(path, json.loads(found[name].read_text("utf-8")))


def convert_bytes(
    converter: Converter,
    data: bytes,
    name: str = "sample",
    arguments: Mapping[str, Any] | None = None,
    station: Station | None = None,
) -> list[Encoded]:
    """Run a converter in this process.

    Raises:
        Reject: it refused the file.
    """
    return convert_source(converter, Source.from_bytes(data, path=name), arguments, station)


def convert_source(
    converter: Converter,
    source: Source,
    arguments: Mapping[str, Any] | None = None,
    station: Station | None = None,
) -> list[Encoded]:
    """The same of a source of any form."""
    given = {key: argument.default for key, argument in converter.arguments.items()}
    context = Context(
        {**given, **(arguments or {})}, station or Station(), logging.getLogger("test"), Path()
    )
    reports = enumerate(converter.convert(source, context))
    return [r.encode(Defaults(ID.format(n), context.station)) for n, r in reports]


def outcome(converter: Converter, sample: Sample) -> list[Any] | Reject:
    """The reports of a sample as the objects that would be sent, or why it is refused."""
    try:
        encoded = convert_source(converter, sample.source(converter), sample.arguments)
    except Reject as reject:
        return reject
    return [json.loads(report.body) for report in encoded]
