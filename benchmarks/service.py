"""The service around the path: what it costs to have it, and how it answers while it works.

    python -m benchmarks.service [--files N] [--idle SECONDS] [--json FILE]

One run measures, with the installed command: the start to ready with 1 and with 100 converters;
memory and processor time when idle; `/health` while the pipeline is saturated; memory and
descriptors after 1,000 and 10,000 scrapes of `/metrics`; the whole command `status`; and an idle
stop. The times of answers are taken by a client in this process, so they hold its own waiting for a
processor, too.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from attrs import define, field

from benchmarks import data, processes

if TYPE_CHECKING:
    from benchmarks.processes import Service

SIZE = 6000
STARTS = 5
COMMANDS = 20
STOPS = 5
PROBE_SECONDS = 0.01
"""Between two probes."""
SCRAPES = (1_000, 10_000)
AIMS = {
    "start to ready, 1 converter, s": 0.8,
    "start to ready, 100 converters, s": 0.8,
    "idle memory, 1 converter, MB": 60.0,
    "idle processor, 1 converter, %": 0.1,
    "/health while saturated, p99 ms": 20.0,
    "memory grown by 9,000 scrapes, MB": 1.0,
    "descriptors grown by 9,000 scrapes": 0.0,
    "command status, median ms": 150.0,
    "idle stop, median s": 0.3,
}
"""What issue and contract ask for: at most so much."""


def starts(folder: Path, url: str, converters: int) -> float:
    """The median of some starts."""
    taken = []
    for number in range(STARTS):
        with processes.service(folder / str(number), url, "quiet", converters) as service:
            taken.append(service.started_in)
    return statistics.median(taken)


def idle(folder: Path, url: str, converters: int, seconds: float) -> dict[str, float]:
    """Memory (MB of 10^6 bytes) and processor share of a service that has nothing to do."""
    with processes.service(folder, url, "quiet", converters) as service:
        process = psutil.Process(service.process.pid)
        time.sleep(12)  # noqa: TID251 - threads of the start end after 10 s
        before = process.cpu_times()
        time.sleep(seconds)  # noqa: TID251 - what is measured is nothing
        after = process.cpu_times()
        used = after.user + after.system - before.user - before.system
        words = "converter" if converters == 1 else "converters"
        return {
            f"idle memory, {converters} {words}, MB": process.memory_info().rss / 1e6,
            f"idle processor, {converters} {words}, %": 100 * used / seconds,
        }


@define
class Prober:
    """Asks `/health` on a kept connection, in a thread, until it is stopped."""

    address: str
    milliseconds: list[float] = field(factory=list)
    _stop: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; `milliseconds` holds all answers' times."""
        self._stop.set()
        assert self._thread is not None
        self._thread.join()

    def _run(self) -> None:
        connection = http.client.HTTPConnection(self.address)
        while not self._stop.wait(PROBE_SECONDS):
            begun = time.perf_counter()
            connection.request("GET", "/health")
            assert connection.getresponse().read()
            self.milliseconds.append((time.perf_counter() - begun) * 1000)
        connection.close()


def address(service: Service) -> str:
    """`host:port` of the probes."""
    text = (service.folder / "data" / "health.addr").read_text()
    return text.strip().removeprefix("http://")


def saturated(folder: Path, url: str, count: int) -> dict[str, float]:
    """`/health` while `count` files flow as fast as they can."""
    staged = folder / "staged"
    data.write(staged, folder.name, count, SIZE)
    with processes.service(folder / "service", url, "renamed") as service:
        prober = Prober(address(service))
        prober.start()
        begin = time.monotonic()
        for file in staged.iterdir():
            file.rename(service.watch / file.name)
        done = service.watch / "Done"
        processes.wait_until(lambda: done.exists() and len(list(done.iterdir())) == count, 300)
        seconds = time.monotonic() - begin
        prober.stop()
        service.stop()
    times = sorted(prober.milliseconds)
    return {
        "files a second meanwhile": count / seconds,
        "probes": float(len(times)),
        "/health while saturated, p50 ms": statistics.median(times),
        "/health while saturated, p99 ms": times[int(len(times) * 0.99)],
    }


def scrapes(folder: Path, url: str) -> dict[str, float]:
    """Memory and descriptors after many scrapes, against those after some."""
    with processes.service(folder, url, "quiet") as service:
        process = psutil.Process(service.process.pid)
        seen = []
        made = 0
        for goal in SCRAPES:
            while made < goal:
                _scrape(address(service))
                made += 1
            seen.append((process.memory_info().rss / 1e6, process.num_fds()))
        (first, few), (last, many) = seen
        return {
            "memory grown by 9,000 scrapes, MB": last - first,
            "descriptors grown by 9,000 scrapes": float(many - few),
        }


def _scrape(where: str) -> None:
    # A connection each, as a careless scraper does it.
    connection = http.client.HTTPConnection(where)
    connection.request("GET", "/metrics")
    assert connection.getresponse().read()
    connection.close()


def status(folder: Path, url: str) -> float:
    """The whole command, the interpreter included; median milliseconds."""
    command = Path(sys.executable).with_name("pywats-trio")
    taken = []
    with processes.service(folder, url, "quiet"):
        for _ in range(COMMANDS):
            begun = time.perf_counter()
            subprocess.run(
                [command, "--config", folder / "config.toml", "status", "--json"],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


def stops(folder: Path, url: str) -> float:
    """SIGTERM to the end of an idle service; median seconds."""
    taken = []
    for number in range(STOPS):
        with processes.service(folder / str(number), url, "quiet") as service:
            begun = time.monotonic()
            service.process.terminate()
            service.process.communicate(timeout=30)
            taken.append(time.monotonic() - begun)
    return statistics.median(taken)


def measure(folder: Path, files: int, seconds: float) -> dict[str, float]:
    """All figures, by name."""
    with processes.sink("benchmarks.sink", "--port", "0") as url:
        return {
            "start to ready, 1 converter, s": starts(folder / "one", url, 1),
            "start to ready, 100 converters, s": starts(folder / "hundred", url, 100),
            **idle(folder / "idle1", url, 1, seconds),
            **idle(folder / "idle100", url, 100, seconds),
            **saturated(folder / "saturated", url, files),
            **scrapes(folder / "scrapes", url),
            "command status, median ms": status(folder / "status", url),
            "idle stop, median s": stops(folder / "stops", url),
        }


def main() -> None:
    """Measure and print; a table for people, JSON for machines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--idle", type=float, default=60.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as folder:
        figures = measure(Path(folder).resolve(), options.files, options.idle)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(machine)
    for name, value in figures.items():
        aim = AIMS.get(name)
        told = "" if aim is None else f"  aim {aim:g}: {'met' if value <= aim else 'MISSED'}"
        print(f"{name:45} {value:10.3f}{told}")
    if options.json:
        told_json: dict[str, Any] = {"machine": machine, "figures": figures, "aims": AIMS}
        options.json.write_text(json.dumps(told_json, indent=1))


if __name__ == "__main__":
    main()
