"""One large file through a real worker, and its reports into the store, in a process of its own.

    python -m benchmarks.converters.big TYPE FILE FOLDER

TYPE is the id of a converter. The worker has the default limits: memory_mb = 512, the time limits
as they grow with the file. This process does what the service does: it takes the reports one by one
and lets them wait on the disk, then commits the file once. Prints one JSON line; all memory is the
most that a process held until then.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from benchmarks.converters.measure import memory_mb
from benchmarks.workers.pool import NAME, asking
from pywats_trio.config.options import RetryOptions
from pywats_trio.convert.outcomes import Outcomes
from pywats_trio.convert.said import Died, Done, reason
from pywats_trio.model import Envelope, Identity, Kind
from pywats_trio.queue.sqlite_store import open_store

if TYPE_CHECKING:
    from pywats_trio.convert.said import Ending


async def main(type_: str, path: Path, folder: Path) -> dict[str, Any]:
    """See the module."""
    async with asking(type_, folder / "scratch", memory_mb=512, max=1) as ask:
        before = memory_mb("VmHWM")
        begun = time.perf_counter()
        answer = await ask(path)
        seconds = time.perf_counter() - begun
    if not isinstance(answer, Done):
        return {"why": _why(answer), "seconds": seconds}
    converted = memory_mb("VmHWM")
    begun = time.perf_counter()
    await _commit(path, folder, answer)
    return {
        "seconds": seconds,
        "reports": len(answer.reports),
        "report_bytes": sum(len(report.body) for report in answer.reports),
        "findings": sum(len(report.findings) for report in answer.reports) + answer.unheard,
        "worker_mb": answer.usage.peak_memory / 2**20 if answer.usage else 0.0,
        "before_mb": before,
        "converted_mb": converted,
        "committed_mb": memory_mb("VmHWM"),
        "commit_seconds": time.perf_counter() - begun,
    }


def _why(answer: Ending | Died) -> str:
    return f"{answer.kind}: {reason(answer)}" if isinstance(answer, Died) else reason(answer)


async def _commit(path: Path, folder: Path, done: Done) -> None:
    """The file and all of its reports, as one transaction."""
    status = path.stat()  # noqa: ASYNC240 - nothing else runs here
    identity = Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    outcomes = Outcomes(RetryOptions(), random.Random(1))
    async with open_store(folder / "queue.db") as store:
        await store.put([Envelope(Kind.FILE, NAME, os.fspath(path), identity=identity)])
        [claim] = await store.claim(Kind.FILE, 1, "benchmark")
        await store.finish(claim, outcomes.converted(claim.item, done))


if __name__ == "__main__":
    print(json.dumps(trio.run(main, sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))))
