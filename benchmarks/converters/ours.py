"""A converter of ours, called as its worker calls it: reports are encoded one by one, then gone."""

from __future__ import annotations

import importlib
import itertools
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import data
from pywats_trio.converters.api import Context, FolderConverter, FolderSource, Source
from pywats_trio.converters.arguments import bind
from pywats_trio.converters.registry import parse
from pywats_trio.reports.model import Defaults, Station

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.converters.contestant import Do
    from pywats_trio.converters.api import Converter

STATION = Station("STATION-1", "Hall 2", "Benchmark")


def converter(type_: str) -> Do:
    """The standard converter of this id."""
    spec = parse(type_)
    made: Converter = getattr(importlib.import_module(spec.module), spec.attribute)()
    numbers = itertools.count()

    def do(path: Path, arguments: Mapping[str, Any]) -> int:
        bound = bind(made.arguments, arguments)
        context = Context(bound, STATION, logging.getLogger("benchmark"), Path())
        count = 0
        with path.open("rb") as file:
            for report in made.convert(_source(made, path, file), context):
                report.encode(Defaults(data.report_id("converters", next(numbers)), STATION))
                count += 1
        return count

    return do


def _source(made: Converter, path: Path, file: Any) -> Source:  # noqa: ANN401 - BinaryIO
    status = path.stat()
    if not isinstance(made, FolderConverter):
        return Source(file, path=str(path), size=status.st_size, mtime=status.st_mtime)
    folder = path.with_suffix("")
    paths = {one.relative_to(folder).as_posix(): one for one in sorted(folder.rglob("*.*"))}
    files = {name: one.read_bytes() for name, one in paths.items()}
    return FolderSource.from_files(files, header=file.read(), path=str(path))
