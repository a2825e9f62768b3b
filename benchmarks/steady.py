"""The steady state: a queue that has moved very many items is as small and as fast as a new one.

    python -m benchmarks.steady [--items N] [--callers N] [--retention SECONDS] [--json FILE]

Reports of 6 KB pass through the store's public interface (put, claim, finish; every commit synced),
as fast as so many callers can, while the keeper removes what is older than the retention. Printed
for each tenth of the way: the percentiles of `put`, the longest that any call took, the size of the
file with its log and the items in it. At the end the queue is left alone until it is empty, and
what is left of the file is told.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import sys
import tempfile
import time
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
import trio
from attrs import asdict, define, evolve, field, frozen

from benchmarks import data
from pywats_trio.config.options import QueueOptions
from pywats_trio.model import Delivered, Envelope, Kind, State
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.keeper import Keeper
from pywats_trio.queue.sqlite_store import open_store
from pywats_trio.queue.store import Topic

if TYPE_CHECKING:
    from pywats_trio.queue.sqlite_store import SqliteStore
    from pywats_trio.queue.store import Store

SIZE: Final = 6000
PARTS: Final = 10
AIM: Final = 1.2
"""p99 of `put` in the last tenth, over that in the first."""


@frozen
class Tenth:
    """A part of the way; times in milliseconds."""

    items: int
    per_second: float
    put_p50: float
    put_p99: float
    longest: float
    cpu: float
    """Microseconds of processor time an item, of the whole process: what a busy machine leaves
    as it is."""
    megabytes: float
    stored: int
    """Items that the store held at its end."""
    writer: float
    """Share of the writer's thread that it was busy."""
    keeper: float
    """Share of its time that the keeper's steps took."""
    syncs: int


@frozen
class Mark:
    """Seconds of the clock, of the process, of the writer's thread and the keeper's; commits."""

    clock: float
    process: float
    writer: float
    keeper: float
    commits: int


@define
class Run:
    """One run on its way."""

    store: SqliteStore
    keeper: Keeper
    database: Path
    total: int
    payload: bytes
    begun: int = 0
    puts: array[float] = field(factory=lambda: array("d"))
    longest: float = 0.0
    tenths: list[Tenth] = field(factory=list)
    _since: Mark | None = None

    def mark(self) -> Mark:
        """Where it stands now."""
        told = self.store.statistics
        return Mark(
            time.perf_counter(),
            time.process_time(),
            told.cpu_seconds,
            self.keeper.busy_seconds,
            told.commits,
        )

    async def go(self, callers: int) -> None:
        """Move all items; several callers at once."""
        self._since = self.mark()
        async with trio.open_nursery() as nursery:
            for caller in range(callers):
                nursery.start_soon(self._call, f"caller {caller}")

    async def _call(self, owner: str) -> None:
        while self.begun < self.total:
            self.begun += 1
            await self._lifecycle(self.begun, owner)

    async def _lifecycle(self, number: int, owner: str) -> None:
        started = time.perf_counter()
        await self.store.put([self._envelope(number)])
        put = time.perf_counter()
        claims = await self.store.claim(Kind.REPORT, 1, owner)
        claimed = time.perf_counter()
        for claim in claims:
            await self.store.finish(claim, Delivered("taken"))
        self.puts.append(put - started)
        times = (put - started, claimed - put, time.perf_counter() - claimed)
        self.longest = max(self.longest, *times)
        if len(self.puts) == self.total // PARTS:
            self._end_tenth()

    def _envelope(self, number: int) -> Envelope:
        return Envelope(
            Kind.REPORT,
            "ict",
            f"/in/{number}.json",
            payload=self.payload,
            report_id=data.report_id("steady", number),
            serial_number=f"SN{number}",
            part_number="PN",
            result="P",
            start="2026-01-02T03:04:05Z",
        )

    def _end_tenth(self) -> None:
        before, now = self._since, self.mark()
        assert before is not None
        puts, self.puts = sorted(self.puts), array("d")
        seconds = now.clock - before.clock
        self.tenths.append(
            Tenth(
                items=len(puts),
                per_second=len(puts) / seconds,
                put_p50=1000 * puts[len(puts) // 2],
                put_p99=1000 * puts[len(puts) * 99 // 100],
                longest=1000 * self.longest,
                cpu=1e6 * (now.process - before.process) / len(puts),
                megabytes=megabytes(self.database),
                stored=sum(self.store.counts().by.values()),
                writer=(now.writer - before.writer) / seconds,
                keeper=(now.keeper - before.keeper) / seconds,
                syncs=now.commits - before.commits,
            )
        )
        self.longest = 0.0
        print(line(self.tenths[-1]), flush=True)
        self._since = self.mark()


def megabytes(database: Path) -> float:
    """Of the file and its log."""
    files = (database, database.with_name(database.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists()) / 1e6


def line(tenth: Tenth) -> str:
    """A row of the table."""
    return (
        f"{tenth.items:>8} {tenth.per_second:>8.0f} {tenth.put_p50:>8.2f} {tenth.put_p99:>8.2f} "
        f"{tenth.longest:>9.1f} {tenth.cpu:>7.0f} {tenth.megabytes:>8.1f} {tenth.stored:>8} "
        f"{100 * tenth.writer:>7.0f} % {100 * tenth.keeper:>5.1f} % {tenth.syncs:>7}"
    )


HEADS: Final = (
    "   items  items/s  put p50  put p99   longest  cpu/µs       MB   stored    writer"
    "  keeper   syncs"
)


async def until_empty(store: Store) -> None:
    """All is delivered: wait until it has left."""
    with trio.fail_after(120):
        while True:
            ticket = store.bell(Topic.ROOM).ticket()
            if not store.counts().of(Kind.REPORT, *State):
                return
            await ticket.wait()


async def measure(folder: Path, items: int, callers: int, retention: float) -> dict[str, Any]:
    """One run; its figures."""
    database = folder / "queue.db"
    options = evolve(QueueOptions(), completed_retention=retention)
    async with open_store(database) as store, open_desk(database) as desk:
        keeper = Keeper(store, desk, folder, lambda: options)
        run = Run(store, keeper, database, items, data.report("steady", 1, SIZE))
        async with trio.open_nursery() as nursery:
            await nursery.start(keeper.run)
            await run.go(callers)
            await until_empty(store)
            nursery.cancel_scope.cancel()
        await keeper.give_back(everything=True)
    first, last = run.tenths[0], run.tenths[-1]
    return {
        "tenths": [asdict(tenth) for tenth in run.tenths],
        "put p99, last over first": last.put_p99 / first.put_p99,
        "cpu an item, last over first": last.cpu / first.cpu,
        "longest pause, ms": max(tenth.longest for tenth in run.tenths),
        "MB, last over first": last.megabytes / first.megabytes,
        "MB when empty again": megabytes(database),
    }


def main() -> None:
    """Measure and print; a table for people, JSON for machines."""
    parser = argparse.ArgumentParser(description="A queue that has moved very many items.")
    parser.add_argument("--items", type=int, default=1_000_000, help="a multiple of ten")
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--retention", type=float, default=5.0, help="seconds")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(machine, f"{options.callers} callers, retention {options.retention:g} s", sep="; ")
    print(HEADS)
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        told = trio.run(measure, Path(folder), options.items, options.callers, options.retention)
    for name in list(told)[1:]:
        print(f"{name}: {told[name]:.2f}")
    print(f"aim: p99 of put in the last tenth within {AIM:g} of the first")
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, **told}, indent=1))
    sys.exit(0 if told["put p99, last over first"] <= AIM else 1)


if __name__ == "__main__":
    main()
