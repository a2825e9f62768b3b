"""One contestant once, in a process of its own.

    python -m benchmarks.converters.measure CONTESTANT NAME < WORK

NAME is that of the converter or parser. WORK is JSON: `jobs` (path and arguments of each) and how
many `times` they are done. Prints one JSON line: seconds, reports (0 of parsers), the megabytes
that the process held when it began, and the most that it held (`peak_mb`).
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.converters.contestant import Do


def contestant(kind: str, name: str) -> Do:
    """Ready to work: what it needs is imported."""
    # Each imports its own alone: the peers' environment has not what ours needs.
    match kind:
        case "ours":
            from benchmarks.converters import ours  # noqa: PLC0415

            return ours.converter(name)
        case "pywats":
            from benchmarks.converters import peer  # noqa: PLC0415

            return peer.converter(name)
    from benchmarks.converters import parsing  # noqa: PLC0415

    return parsing.parser(kind, name)


def memory_mb(what: str) -> float:
    """A line of /proc/self/status. The peak of `getrusage` may be the parent's, before exec."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{what}:"))


def main(kind: str, name: str) -> None:
    """See the module."""
    work = json.load(sys.stdin)
    jobs = [(Path(job["path"]), job["arguments"]) for job in work["jobs"]] * work["times"]
    do = contestant(kind, name)
    before = memory_mb("VmRSS")
    begun = time.perf_counter()
    reports = sum(do(path, arguments) for path, arguments in jobs)
    seconds = time.perf_counter() - begun
    peak = memory_mb("VmHWM")
    print(json.dumps({"seconds": seconds, "reports": reports, "start_mb": before, "peak_mb": peak}))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as failure:  # noqa: BLE001 - somebody else's code; the last line says why
        traceback.print_exc()
        sys.exit(" ".join(f"{type(failure).__name__}: {failure}".split()))
