"""A converter in the test's own process: quick, and a debugger can step into it."""

from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.converters.api import (
    Context,
    Converter,
    FolderConverter,
    FolderSource,
    Reject,
    Source,
    Station,
)
from pywats_trio.converters.arguments import bind
from pywats_trio.reports.report import Defaults

if TYPE_CHECKING:
    from collections.abc import Iterator

STATION: Final = Station("test-station", "test-location", "test-purpose")
"""What a report says of its station where its file says nothing."""
ID: Final = "00000000-0000-4000-8000-{:012d}"
"""Of reports that have none, by their number from 0."""


class Reports(list[dict[str, Any]]):
    """The reports of a file, and what its converter said is to become of it."""

    after: str = ""
    """`move`, `delete`, `archive` or `keep`; empty: it said nothing."""

    def say(self, action: str) -> None:
        """What `Context.after` calls."""
        self.after = action


def convert(
    source: Path | str | bytes | FolderSource,
    converter: type[Converter] | Converter,
    **arguments: object,
) -> Reports:
    """The reports that `converter` makes of a file, as the WSJF objects that would be sent.

    They come as a list; its attribute `after` is what the converter told `Context.after` last.

    No sandbox is around it; `pywats-trio converters test` has that. What the converter logs goes to
    the logger `converter.<id>`, where pytest shows it.

    Args:
        source: a path, or the content itself as text (UTF-8) or bytes. For a `FolderConverter` the
            path of a folder, or of a header file with its folder beside it, or a
            `FolderSource.from_files(...)`.
        converter: the class, or a converter that was made already.
        arguments: as under `[converters.arguments]`; the others have their defaults.

    Raises:
        Reject: the converter refuses the file, or finds no report in it.
        Retry: it says: not now.
        InvalidReport: what it made can be no report.
        ValueError: an argument is unknown, missing or does not fit.
        Exception: whatever else the converter raises.
    """
    made = converter() if isinstance(converter, type) else converter
    bound = bind(made.arguments, arguments)
    reports = Reports()
    with tempfile.TemporaryDirectory(prefix="pywats-trio-") as scratch:
        context = Context(
            arguments=bound,
            station=STATION,
            logger=logging.getLogger(f"converter.{made.id}"),
            scratch=Path(scratch),
            report_after=reports.say,
        )
        reports.extend(_encoded(made, _source(source, made), context))
    if not reports:
        raise Reject("no report in the file")
    return reports


def _encoded(converter: Converter, source: Source, context: Context) -> Iterator[dict[str, Any]]:
    for number, report in enumerate(converter.convert(source, context) or ()):
        encoded = report.encode(Defaults(ID.format(number), context.station))
        yield json.loads(encoded.body)


def _source(given: Path | str | bytes | FolderSource, converter: Converter) -> Source:
    if isinstance(given, FolderSource):
        return given
    if isinstance(converter, FolderConverter):
        return _unit(given, converter)
    if isinstance(given, Path):
        return Source.from_bytes(
            given.read_bytes(), path=str(given.absolute()), mtime=given.stat().st_mtime
        )
    return Source.from_bytes(given.encode() if isinstance(given, str) else given)


def _unit(given: Path | str | bytes, converter: FolderConverter) -> FolderSource:
    if not isinstance(given, Path):
        raise TypeError(
            f"{converter.id!r} takes folders; give a Path, or FolderSource.from_files()"
        )
    pair = converter.unit == "file-and-folder"
    folder = given.with_suffix("") if pair else given
    if not folder.is_dir():
        raise NotADirectoryError(f"there is no folder {folder}")
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    return FolderSource.from_files(
        {name: path.read_bytes() for name, path in files.items() if path.is_file()},
        header=given.read_bytes() if pair else None,
        path=str(given.absolute()),
        mtime=given.stat().st_mtime,
    )
