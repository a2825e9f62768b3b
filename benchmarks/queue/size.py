"""What the verbs cost against the number of items that wait.

Stores of all sizes are open at once and asked in turn, so that a busy moment of the machine meets
all of them; memory is that of a process of its own for each.
"""

from __future__ import annotations

import contextlib
import gc
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, field

from benchmarks.queue import fill
from benchmarks.queue.lifecycle import report
from benchmarks.queue.table import Row
from pywats_trio.model import Delivered, Kind, State
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.selection import Selection
from pywats_trio.queue.sqlite_store import open_store
from pywats_trio.queue.trace import Wanted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from benchmarks.queue.fill import Databases
    from pywats_trio.model import Claim
    from pywats_trio.queue.store import Desk, Store

TIMES: Final = 400
"""Of each verb, on each store."""
PAGE: Final = 100
IN_HAND: Final = 10_000
RESIDENT_MB: Final = 10.0
"""What a million items may add."""


def measure(databases: Databases, sizes: tuple[int, ...]) -> list[Row]:
    """All sizes side by side."""
    folder = databases.folder / "size"
    paths = {size: databases.copy(size, folder / f"{size}.db") for size in sizes}
    timed = trio.run(_timed, paths)
    smallest, largest = sizes[0], sizes[-1]
    rows = [row for verb, times in timed.items() for row in _of_verb(verb, times)]
    for verb in ("put", "claim"):
        ratio = timed[verb].median(largest) / timed[verb].median(smallest)
        rows.append(Row(f"{verb}, {largest:,} to {smallest:,}", ratio, at_most=1.2))
    rows += _starts(databases, sizes)
    resident = {size: _resident(path) for size, path in paths.items()}
    rows += [Row(f"resident memory, {size:,}", mb, "MB") for size, mb in resident.items()]
    more = resident[largest] - resident[smallest]
    return [*rows, Row("memory that the most add to the fewest", more, "MB", at_most=RESIDENT_MB)]


@define
class Times:
    """Milliseconds of one verb, by the number of items."""

    by: dict[int, list[float]] = field(factory=dict)

    def median(self, size: int) -> float:
        """Of the calls on the store with `size` items."""
        return statistics.median(self.by[size])


def _of_verb(verb: str, times: Times) -> list[Row]:
    return [Row(f"{verb}, {size:,} waiting", times.median(size), "ms") for size in times.by]


async def _timed(paths: dict[int, Path]) -> dict[str, Times]:
    times: dict[str, Times] = {}
    async with contextlib.AsyncExitStack() as stack:
        asked = {}
        for size, path in paths.items():
            store = await stack.enter_async_context(open_store(path))
            desk = await stack.enter_async_context(open_desk(path))
            asked[size] = _Asked(store, desk, size)
        gc.collect()
        for number in range(TIMES):
            for size, one in asked.items():
                for verb, call in one.calls(number).items():
                    begun = time.perf_counter()
                    await call()
                    taken = (time.perf_counter() - begun) * 1000
                    times.setdefault(verb, Times()).by.setdefault(size, []).append(taken)
    return times


@define
class _Asked:
    """One of the stores, and what is asked of it each time around."""

    store: Store
    desk: Desk
    size: int
    _claimed: Claim | None = None

    def calls(self, number: int) -> dict[str, Callable[[], Awaitable[object]]]:
        some = 1 + (number * 7919) % self.size
        wanted = Wanted(f"SN{some:07d}", ())
        return {
            "put": lambda: self.store.put([report(self.size + number, b"x" * fill.BYTES)]),
            "claim": lambda: self._claim(),  # noqa: PLW0108 - named for its time
            "finish": lambda: self._finish(),  # noqa: PLW0108
            "counts": self._counts,
            f"page of {PAGE}": lambda: self.desk.find(Selection(), limit=PAGE),
            "page of a state that none is in": lambda: self.desk.find(
                Selection(states=(State.FAILED,)), limit=PAGE
            ),
            "page by serial number": lambda: self.desk.find(
                Selection(serial_number=wanted.text), limit=PAGE
            ),
            "why, by serial number": lambda: self.desk.trace(wanted, 10),
        }

    async def _claim(self) -> None:
        [self._claimed] = await self.store.claim(Kind.REPORT, 1, "pump")

    async def _finish(self) -> None:
        assert self._claimed is not None
        await self.store.finish(self._claimed, Delivered("thanks"))

    async def _counts(self) -> None:
        self.store.counts()


def _starts(databases: Databases, sizes: tuple[int, ...]) -> list[Row]:
    """Opening, and recovering what a crash left: a tenth of the items, 10,000 at most."""
    rows = []
    for size in sizes:
        in_hand = min(size // 10, IN_HAND)
        path = databases.copy(size, databases.folder / "starts" / f"{size}.db")
        fill.take_in_hand(path, in_hand)
        opened, recovered = trio.run(_start, path, in_hand)
        aim = 0.5 if size == sizes[-1] else None
        rows.append(
            Row(
                f"open and recover, {size:,} with {in_hand:,} PROCESSING",
                opened + recovered,
                "s",
                at_most=aim,
                remark=f"open {opened:.3f}",
            )
        )
    return rows


async def _start(path: Path, in_hand: int) -> tuple[float, float]:
    begun = time.perf_counter()
    async with open_store(path) as store:
        opened = time.perf_counter() - begun
        assert await store.recover() == in_hand
        return opened, time.perf_counter() - begun - opened


def _resident(path: Path) -> float:
    """MB of a process that has worked on the store in `path`."""
    command = [sys.executable, "-m", "benchmarks.queue.size", str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return float(json.loads(done.stdout))


async def _work(path: Path, size: int) -> float:
    async with open_store(path) as store, open_desk(path) as desk:
        asked = _Asked(store, desk, size)
        for number in range(TIMES):
            for call in asked.calls(number).values():
                await call()
        return _resident_mb()


def _resident_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return next(int(x.split()[1]) / 1024 for x in status.splitlines() if x.startswith("VmRSS"))


if __name__ == "__main__":
    database = Path(sys.argv[1])
    print(json.dumps(trio.run(_work, database, int(database.stem))))
