"""A neighbour of the service: how much of its pace a busy program keeps while files are converted.

    python -m benchmarks.neighbour [--turns N] [--work MS] [--nice N ...] [--json FILE]

The neighbour is a busy loop on every processor, in processes of one session. Its pace is taken in
turns: three seconds beside the service, which works off a backlog as fast as it can, and one while
the service and its workers are stopped (SIGSTOP), so that both see the same machine. Printed are
the median of the ratios, and how many files were delivered beside the neighbour and without it. The
server that takes them shares the machine, too, and what it uses is held against the service.

`--work` is processor time of one conversion in milliseconds; 0: the standard `wats-json`. `--nice`
are values of `workers.nice` to compare; 0 is a service that does not stand back.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import platform
import signal
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

from benchmarks import data, processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ctypes import c_longlong
    from multiprocessing.sharedctypes import Synchronized

SIZE: Final = 6000
BESIDE_SECONDS: Final = 3.0
ALONE_SECONDS: Final = 1.0
SETTLE_SECONDS: Final = 1.0
"""After a stop: what has waited meanwhile is made up for."""
AIM: Final = 0.8
"""What the neighbour keeps at least."""
CONVERTER: Final = """
import json, time
from pywats_trio.converters import Converter, Report

class Busy(Converter):
    id = "busy"
    version = "1"
    patterns = ("*.json",)

    def convert(self, source, context):
        until = time.thread_time() + {seconds}
        while time.thread_time() < until:
            pass
        yield Report(json.loads(source.read_bytes()))
"""


def spin(count: Synchronized[c_longlong]) -> None:
    """Work until the parent has ended; `count` says how much was done."""
    done, parent = 0, os.getppid()
    while os.getppid() == parent:
        for _ in range(1000):
            done += 1
        count.value = done  # type: ignore[assignment]


def session(counts: list[Synchronized[c_longlong]]) -> None:
    """A program that keeps every processor busy, in a session of its own."""
    os.setsid()
    children = [multiprocessing.Process(target=spin, args=(one,)) for one in counts[1:]]
    for child in children:
        child.start()
    spin(counts[0])


@contextlib.contextmanager
def neighbour() -> Iterator[list[Synchronized[c_longlong]]]:
    """A busy program on every processor; the counts of its loops."""
    counts: list[Any] = [
        multiprocessing.Value("q", 0, lock=False) for _ in range(os.cpu_count() or 1)
    ]
    leader = multiprocessing.Process(target=session, args=(counts,))
    leader.start()
    try:
        yield counts
    finally:
        assert leader.pid is not None
        os.killpg(leader.pid, signal.SIGKILL)
        leader.join()


class Stage:
    """The service with a backlog; `stop` and `go` are for the whole of it."""

    def __init__(self, service: processes.Service, url: str) -> None:
        self.service = psutil.Process(service.process.pid)
        self._url = url

    def workers(self) -> list[psutil.Process]:
        """The worker processes that live now."""
        return self.service.children(recursive=True)

    def stop(self) -> None:
        """Nothing of it runs."""
        for process in (self.service, *self.workers()):
            process.suspend()

    def go(self) -> None:
        """It goes on."""
        for process in (*self.workers(), self.service):
            process.resume()

    def delivered(self) -> int:
        """Reports that arrived until now."""
        return int(processes.get(f"{self._url}/stats")["count"])


@contextlib.contextmanager
def working(folder: Path, url: str, work: float, files: int, nice: int) -> Iterator[Stage]:
    """A service on its way through so many files."""
    staged = folder / "staged"
    data.write(staged, folder.name, files, SIZE)
    type_ = "wats-json"
    if work:
        type_ = f"{folder / 'busy.py'}:Busy"
        (folder / "busy.py").write_text(CONVERTER.replace("{seconds}", str(work / 1000)))
    with processes.service(
        folder / "service", url, "renamed", type_=type_, workers=f"nice = {nice}", leads=True
    ) as service:
        for file in staged.iterdir():
            file.rename(service.watch / file.name)
        stage = Stage(service, url)
        processes.wait_until(lambda: stage.delivered() > 0, 60)
        try:
            yield stage
        finally:
            stage.go()


def alone(stage: Stage) -> float:
    """Files a second without a neighbour."""
    begun, before = time.monotonic(), stage.delivered()
    _wait(BESIDE_SECONDS)
    return (stage.delivered() - before) / (time.monotonic() - begun)


def turns(stage: Stage, number: int) -> dict[str, float]:
    """The medians over so many turns."""
    kept, rates, shares = [], [], []
    with neighbour() as counts:
        _wait(5 * SETTLE_SECONDS)  # who watches the machine has to see it first
        for _ in range(number):
            files, used = stage.delivered(), _used(stage)
            begun, beside = time.monotonic(), _pace(counts, BESIDE_SECONDS)
            spent = time.monotonic() - begun
            rates.append((stage.delivered() - files) / spent)
            shares.append((_used(stage) - used) / spent)
            stage.stop()
            kept.append(beside / _pace(counts, ALONE_SECONDS))
            stage.go()
            _wait(SETTLE_SECONDS)
    return {
        "the neighbour keeps": statistics.median(kept),
        "files a second beside it": statistics.median(rates),
        "processors of the service and its workers": statistics.median(shares),
    }


def _pace(counts: list[Synchronized[c_longlong]], seconds: float) -> float:
    begun, before = time.monotonic(), sum(int(one.value) for one in counts)
    _wait(seconds)
    return (sum(int(one.value) for one in counts) - before) / (time.monotonic() - begun)


def _wait(seconds: float) -> None:
    time.sleep(seconds)  # noqa: TID251 - no loop runs here


def _used(stage: Stage) -> float:
    """Processor seconds of the service and all it started."""
    total = 0.0
    for process in (psutil.Process(stage.service.pid), *stage.workers()):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:4])
    return total


def measure(folder: Path, work: float, files: int, number: int, nice: int) -> dict[str, float]:
    """The figures of one value."""
    folder.mkdir()
    with (
        processes.sink("benchmarks.sink", "--port", "0") as url,
        working(folder, url, work, files, nice) as stage,
    ):
        lone = alone(stage)
        return {**turns(stage, number), "files a second without it": lone}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What a busy neighbour keeps of its pace.")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--work", type=float, default=0.0, help="ms of a conversion")
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--nice", nargs="*", type=int, default=[10, 0])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"
    print(f"{machine}; {options.turns} turns, {options.work:g} ms a conversion")
    found = {}
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as folder:
        for nice in options.nice:
            here = Path(folder).resolve() / str(nice)
            found[nice] = measure(here, options.work, options.files, options.turns, nice)
            print(
                f"nice {nice}",
                *(f"{name} {value:.2f}" for name, value in found[nice].items()),
                sep="; ",
            )
    print(f"aim: it keeps at least {AIM:g}")
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, **found}, indent=1))


if __name__ == "__main__":
    main()
