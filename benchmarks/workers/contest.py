"""One contestant in a process of its own: files through workers at a fixed concurrency.

    python -m benchmarks.workers.contest NAME CONCURRENCY COUNT

Each job is a file of 3 KB that is opened, read and converted; what comes back are the bytes of the
report. Prints one JSON line: jobs a second, the median seconds of a job, the seconds of the very
first one, which starts all there is to start, and megabytes of a worker: `rss` counts all that it
shares, `pss` divides that by those who share it, `uss` leaves it out.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trio

from benchmarks.workers.work import BYTES, work

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Job = Callable[[], Awaitable[object]]

WARM: Final = 20
"""Jobs of each caller before it counts."""


async def measured(job: Job, callers: int, count: int) -> dict[str, float]:
    """`count` jobs by `callers` at once; each begins the next when it has its answer."""
    first: list[float] = []
    await _all(job, 1, 1, first)
    await _all(job, callers, WARM * callers, [])
    seconds: list[float] = []
    begun = time.perf_counter()
    await _all(job, callers, count, seconds)
    return {
        "rate": count / (time.perf_counter() - begun),
        "median_seconds": statistics.median(seconds),
        "first_seconds": first[0],
    }


async def _all(job: Job, callers: int, count: int, seconds: list[float]) -> None:
    async def call(times: int) -> None:
        for _ in range(times):
            begun = time.perf_counter()
            await job()
            seconds.append(time.perf_counter() - begun)

    async with trio.open_nursery() as nursery:
        for first in range(callers):
            nursery.start_soon(call, len(range(first, count, callers)))


def memory_mb(pid: int) -> dict[str, float]:
    """Memory of a process; without those that the kernel does not tell us."""
    told: dict[str, float] = {}
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
            key, value, _unit = line.split()
            told[key] = int(value) / 1024
    if not told:
        return {}
    unshared = told["Private_Clean:"] + told["Private_Dirty:"]
    return {"rss": told["Rss:"], "pss": told["Pss:"], "uss": unshared}


@asynccontextmanager
async def direct(file: Path) -> AsyncIterator[Job]:
    """The function itself."""

    async def job() -> None:
        work(file.read_bytes())  # noqa: ASYNC240 - it is what is measured
        await trio.lowlevel.checkpoint()

    yield job


@asynccontextmanager
async def interpreter(file: Path) -> AsyncIterator[Job]:
    """A fresh interpreter for each file."""
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]; from benchmarks.workers.work import work; "
        "sys.stdout.buffer.write(work(open(sys.argv[1], 'rb').read()))"
    )

    async def job() -> None:
        command = [sys.executable, "-I", "-S", "-c", code, str(file), *filter(None, sys.path)]
        await trio.run_process(command, stdin=subprocess.DEVNULL, capture_stdout=True)

    yield job


def convert(data: bytes) -> bytes:
    """What a pool calls by its name."""
    return work(data)


@asynccontextmanager
async def executor(file: Path) -> AsyncIterator[Job]:
    """The standard library's pool, called from threads."""
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415 - this contestant's own

    with ProcessPoolExecutor(2) as pool:

        async def job() -> None:
            data = file.read_bytes()  # noqa: ASYNC240
            await trio.to_thread.run_sync(lambda: pool.submit(convert, data).result())

        yield job


@asynccontextmanager
async def trio_parallel(file: Path) -> AsyncIterator[Job]:
    """trio-parallel with two workers."""
    import trio_parallel as peer  # type: ignore[import-not-found]  # noqa: PLC0415

    limiter = trio.CapacityLimiter(2)

    async def job() -> None:
        data = file.read_bytes()  # noqa: ASYNC240
        await peer.run_sync(convert, data, limiter=limiter)

    yield job


@asynccontextmanager
async def ours(file: Path, **options: Any) -> AsyncIterator[Job]:  # noqa: ANN401
    """Our pool of two."""
    from benchmarks.workers import pool  # noqa: PLC0415 - the peers' environment has no queue

    async with pool.running(file, **options) as job:
        yield job


CONTESTANTS: Final[dict[str, Callable[[Path], Any]]] = {
    "direct": direct,
    "interpreter": interpreter,
    "executor": executor,
    "trio-parallel": trio_parallel,
    "ours-basic": lambda file: ours(file, sandbox="basic"),
    "ours-standard": lambda file: ours(file, sandbox="standard"),
    "ours-cold": lambda file: ours(file, recycle_after_jobs=1),
    "ours-strict": lambda file: ours(file, sandbox="strict"),
}


async def main(name: str, callers: int, count: int) -> None:
    """Run one contestant."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "unit.csv")
        file.write_bytes(BYTES)  # noqa: ASYNC240
        async with CONTESTANTS[name](file) as job:
            result = await measured(job, callers, count)
            workers = [memory_mb(pid) for pid in _workers(os.getpid())]
    worker_mb = max(workers, key=lambda one: one.get("rss", 0.0), default={})
    print(json.dumps({**result, "worker_mb": worker_mb}))


def _workers(pid: int) -> list[int]:
    """The descendants that have no children: not the fork server."""
    found: list[int] = []
    for child in _children(pid):
        found += _workers(child) or [child]
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return found


if __name__ == "__main__":
    trio.run(main, sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
