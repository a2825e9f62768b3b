"""Files that crash or hang among good ones in the running service: what the good ones lose."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from benchmarks import processes
from benchmarks.workers.work import BYTES, parsed
from pywats_trio.converters import Converter, Source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pywats_trio.converters import Context, Report

EVERY: Final = 20
"""One file in so many is poison: 5 %, half of them crash, half hang."""
OPTIONS: Final = "timeout_seconds = 1.0"


class Poisoned(Converter):
    """Converts good files, and does what the others say."""

    id: ClassVar[str] = "bench-poison"
    patterns: ClassVar[tuple[str, ...]] = ("*.csv",)

    def convert(self, source: Source, context: Context) -> Iterable[Report]:
        """One report of a good file."""
        del context
        if "crash" in source.name:
            os._exit(1)
        while "hang" in source.name:
            time.sleep(1)  # noqa: TID251 - it hangs
        return [parsed(source.read_bytes())]


def good_per_second(folder: Path, good: int, *, poisoned: bool) -> float:
    """Good files a second, from the drop of all to the last delivery of a good one.

    As many good ones each time; the poison comes between them.
    """
    type_ = f"{Path(__file__)}:Poisoned"
    with (
        processes.sink("benchmarks.sink", "--port", "0") as url,
        processes.service(folder, url, "renamed", type_=type_, workers=OPTIONS) as service,
    ):
        staged = folder / "staged"
        staged.mkdir()
        for name in _names(good, poisoned=poisoned):
            (staged / name).write_bytes(BYTES + name.encode() + b",1,0,2,V,PASSED,\n")
        begun = time.monotonic()
        for file in sorted(staged.iterdir()):
            file.rename(service.watch / file.name)
        processes.wait_until(lambda: processes.get(f"{url}/stats")["count"] >= good, 600)
        seconds = processes.get(f"{url}/stats")["last"] - begun
    return good / float(seconds)


def _names(good: int, *, poisoned: bool) -> list[str]:
    names = []
    for number in range(good):
        names.append(f"{number:05d}-good.csv")
        if poisoned and number % (EVERY - 1) == EVERY // 2:
            kind = "crash" if len(names) % 2 else "hang"
            names.append(f"{number:05d}-x-{kind}.csv")
    return names
