"""A running service with a queue that was filled before, and the installed command beside it."""

from __future__ import annotations

import contextlib
import re
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks import processes
from benchmarks.service import Prober, address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.processes import Service

COMMAND: Final = Path(sys.executable).with_name("pywats-trio")
_BUCKET: Final = re.compile(
    r'^pywats_queue_operation_seconds_bucket\{le="([^"]+)",operation="(\w+)"\} (\S+)$', re.MULTILINE
)


@contextlib.contextmanager
def service(folder: Path, fill: Callable[[Path], object], url: str) -> Iterator[Service]:
    """`fill` makes the database of a service that then runs."""
    data = folder / "data"
    data.mkdir(parents=True, mode=0o700)
    fill(data / "queue.db")
    with processes.service(folder, url, settle="renamed") as running:
        yield running


def command(service: Service, *arguments: str) -> subprocess.Popen[bytes]:
    """The installed command, started."""
    return subprocess.Popen(
        [COMMAND, "--config", service.folder / "config.toml", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def seconds_of(process: subprocess.Popen[bytes], begun: float) -> float:
    """How long a command took; raises if it failed."""
    _out, said = process.communicate(timeout=60)
    if process.returncode:
        raise RuntimeError(f"{process.args!r} ended with {process.returncode}: {said.decode()}")
    return time.perf_counter() - begun


def median_seconds(service: Service, times: int, *arguments: str) -> float:
    """Of `times` runs of a command, one after the other."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        taken.append(seconds_of(command(service, *arguments), begun))
    return statistics.median(taken)


@contextlib.contextmanager
def probing(service: Service) -> Iterator[Prober]:
    """`/health` is asked all the time inside the block."""
    prober = Prober(address(service))
    prober.start()
    try:
        yield prober
    finally:
        prober.stop()


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of `values` stay below."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def delivered(url: str) -> int:
    """Reports that the sink has seen."""
    stats: Any = processes.get(f"{url}/stats")
    return int(stats["count"])


def operations(service: Service, slow: float) -> dict[str, tuple[int, int]]:
    """How many operations of each name were committed, and how many took longer than `slow`."""
    with urllib.request.urlopen(f"http://{address(service)}/metrics") as answer:
        text = answer.read().decode()
    found: dict[str, dict[str, float]] = {}
    for le, name, count in _BUCKET.findall(text):
        found.setdefault(name, {})[le] = float(count)
    return {
        name: (int(by["+Inf"]), int(by["+Inf"] - by[f"{slow:g}"])) for name, by in found.items()
    }
