"""What the tests of this room share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pywats_trio.config.options import WorkerOptions
from pywats_trio.convert.said import Log
from pywats_trio.convert.trial import Attempt, Trial, try_file
from pywats_trio.converters.api import Station

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.convert.said import Progress

CLASSES = Path(__file__).parent / "classes"
OPTIONS = WorkerOptions(timeout_seconds=20.0)
STATION = Station("S1", "Hall 2", "Production")
BENCH = "bench_log:BenchLogConverter"


def type_of(name: str) -> str:
    """What the configuration says to run `module:Class` of the folder `classes`."""
    module, _, attribute = name.partition(":")
    return f"pywats:{CLASSES / module}.py:{attribute}"


async def convert(
    path: Path,
    name: str,
    *,
    arguments: Mapping[str, Any] | None = None,
    said: list[str] | None = None,
) -> Trial:
    """Convert a file in a real worker; `said` gets what was logged."""

    def hear(one: Log | Progress) -> None:
        if said is not None and isinstance(one, Log):
            said.append(f"{one.level} {one.message}")

    attempt = Attempt(path, type_of(name), arguments=arguments or {}, station=STATION, hear=hear)
    return await try_file(attempt, OPTIONS)
