"""Files that crash or hang among good ones: what the good ones lose, with two places.

Through the whole service, from the drop of all files to the last report of a good one in the sink;
and through the pool alone, with no queue that could put anything off.
"""

from __future__ import annotations

import itertools
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from benchmarks import processes
from benchmarks.workers.pool import asking
from benchmarks.workers.work import BYTES
from pywats_trio.convert.pool import CutShort
from pywats_trio.convert.said import Done
from pywats_trio.convert.slices import Slices

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.workers.pool import Ask

GOOD_EACH: Final = 19
"""Good files for each poison one: 5 % are poison."""
MIXED: Final = ("crash", "hang")
"""Half of the poison crashes, half hangs."""
DEADLINE: Final = 1.0
"""Seconds that a conversion may take."""
OPTIONS: Final = f"max = 2\ntimeout_seconds = {DEADLINE}"
CONVERTER: Final = f"{Path(__file__).with_name('poisonous.py')}:Poisoned"
LONGEST: Final = 600.0
CALLERS: Final = 4


def names(good: int, kinds: Iterable[str], sort: str = "quick") -> Iterator[str]:
    """Of `good` files, `quick` or `slow`, and of poison of each of `kinds` in turn between them."""
    poison = itertools.cycle(kinds)
    for number in range(good):
        yield f"{number:05d}-{sort}.csv"
        if number % GOOD_EACH == GOOD_EACH // 2 and (kind := next(poison, "")):
            yield f"{number:05d}-x-{kind}.csv"


def good_per_second(folder: Path, good: int, kinds: Iterable[str], sort: str = "quick") -> float:
    """Good files a second through the service; as many of them with poison of `kinds` as without.

    `folder` is made for it.
    """
    with (
        processes.sink("benchmarks.sink", "--port", "0") as url,
        processes.service(folder, url, "renamed", type_=CONVERTER, workers=OPTIONS) as service,
    ):
        staged = folder / "staged"
        staged.mkdir()
        for name in names(good, kinds, sort):
            # Each its own content, for the id of a report is made of it.
            (staged / name).write_bytes(BYTES + name.encode() + b",1,0,2,V,PASSED,\n")
        begun = time.monotonic()
        for file in sorted(staged.iterdir()):
            file.rename(service.watch / file.name)
        processes.wait_until(lambda: processes.get(f"{url}/stats")["count"] >= good, LONGEST)
        seconds = processes.get(f"{url}/stats")["last"] - begun
    return good / float(seconds)


def good_per_second_of_pool(folder: Path, good: int, kinds: Iterable[str]) -> float:
    """Good files a second through the pool, to the end of the last good one.

    Four callers, so that two always wait for a place. What is cut short for them would be converted
    later; here nobody does.
    """
    folder.mkdir()
    files = [folder / name for name in names(good, kinds)]
    for file in files:
        file.write_bytes(BYTES)
    return good / trio.run(_through_pool, files, folder / "scratch")


async def _through_pool(files: list[Path], scratch: Path) -> float:
    slices = Slices(lambda: 2, DEADLINE)
    slices.suspect("bench")  # as if one had hung already
    left = iter(files)
    last = 0.0

    async def call(ask: Ask) -> None:
        nonlocal last
        for file in left:
            with suppress(CutShort), slices.slice("bench") as part:
                if isinstance(await ask(file, begin=part.begin), Done):
                    part.end()
                    last = time.perf_counter()

    async with asking(CONVERTER, scratch, timeout_seconds=DEADLINE) as ask:
        await ask(files[0])
        begun = time.perf_counter()
        async with trio.open_nursery() as nursery:
            for _ in range(CALLERS):
                nursery.start_soon(call, ask)
    return last - begun
