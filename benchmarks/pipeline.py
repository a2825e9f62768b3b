"""The whole path against bare loops: what durability, workers and history cost.

    python -m benchmarks.pipeline [--files N] [--rounds R] [--json FILE]

One run measures, in turn and `rounds` times: 2,000 WSJF files of 6,000 bytes from their drop to the
last delivery through the installed service (`synchronous=FULL`, history, workers, files moved to
Done) against a light sink in its own process, and the same files through two bare loops without
any durability, on stock httpx and on h11. Ratios are within one round; medians are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import apsw

from benchmarks import data, processes

SIZE = 6000
SINGLES = 20
SETTLE_SECONDS = 0.25


def through_service(folder: Path, url: str, count: int) -> dict[str, float]:
    """Drop `count` files at once into a running service; its figures until the last delivery."""
    staged = folder / "staged"
    data.write(staged, folder.name, count, SIZE)
    with processes.service(folder / "service", url, settle="renamed") as service:
        before = service.usage()
        begin = time.monotonic()
        for file in staged.iterdir():
            file.rename(service.watch / file.name)
        processes.wait_until(lambda: _count(url) >= count, 300)
        last = _stats(url)["last"]
        # The outcome of the last delivery and the last moves belong to the work, not to the time.
        done = service.watch / "Done"
        processes.wait_until(lambda: done.exists() and len(list(done.iterdir())) == count, 60)
        after = service.usage()
        stopped = service.stop()
    return {
        "files_per_second": count / (last - begin),
        "service_ms": (after.service - before.service) / count * 1000,
        "store_thread_ms": (after.store_thread - before.store_thread) / count * 1000,
        "workers_ms": (after.workers - before.workers) / count * 1000,
        "peak_mb": after.peak_mb,
        "syncs": stopped["commits"],
        "history_rows": _rows(folder / "service" / "data" / "queue.db"),
    }


def _stats(url: str) -> dict[str, Any]:
    return dict(processes.get(f"{url}/stats"))


def _count(url: str) -> int:
    return int(_stats(url)["count"])


def _rows(database: Path) -> int:
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    found = connection.execute("SELECT count(*) FROM history").get
    connection.close()
    return int(found)


def through_loop(kind: str, folder: Path, url: str, count: int) -> dict[str, float]:
    """The same number of files through a bare loop."""
    data.write(folder, f"{kind}{time.monotonic_ns()}", count, SIZE)
    result = processes.bare(kind, folder, url)
    return {
        "files_per_second": count / result["seconds"],
        "cpu_ms": result["cpu_seconds"] / count * 1000,
    }


def idle_latency(folder: Path, url: str) -> list[float]:
    """Milliseconds from the drop of single files to their POST, less the settle time."""
    latencies = []
    with processes.service(folder, url, settle="quiet") as service:
        for number in range(SINGLES):
            before = _count(url)
            (service.watch / f"single-{number}.json").write_bytes(
                data.report(folder.name, number, SIZE)
            )
            dropped = time.monotonic()
            processes.wait_until(lambda seen=before: _count(url) > seen, 30)  # type: ignore[misc]
            arrived = _stats(url)["last"]
            latencies.append((arrived - dropped - SETTLE_SECONDS) * 1000)
        service.stop()
    return latencies


def against_devserver(folder: Path, count: int) -> float:
    """Files a second when the development server, not the sink, is at the other end."""
    staged = folder / "staged"
    data.write(staged, folder.name, count, SIZE)
    with (
        processes.sink("pywats_trio", "devserver", "--port", "0") as url,
        processes.service(folder / "service", url, settle="renamed") as service,
    ):
        begin = time.monotonic()
        for file in staged.iterdir():
            file.rename(service.watch / file.name)
        done = service.watch / "Done"
        processes.wait_until(lambda: done.exists() and len(list(done.iterdir())) == count, 300)
        return count / (time.monotonic() - begin)


def measure(folder: Path, count: int, rounds: int) -> dict[str, Any]:
    """All figures, by name."""
    found: dict[str, list[float]] = {}
    with processes.sink("benchmarks.sink", "--port", "0") as url:
        for number in range(rounds):
            here = folder / f"round{number}"
            path = through_service(here / "path", url, count)
            _reset(url)
            httpx = through_loop("httpx", here / "httpx", url, count)
            _reset(url)
            h11 = through_loop("h11", here / "h11", url, count)
            _reset(url)
            figures = {f"path {name}": value for name, value in path.items()}
            figures |= {f"httpx loop {name}": value for name, value in httpx.items()}
            figures |= {f"h11 loop {name}": value for name, value in h11.items()}
            rate = path["files_per_second"]
            figures["ratio to httpx loop"] = rate / httpx["files_per_second"]
            figures["ratio to h11 loop"] = rate / h11["files_per_second"]
            for name, value in figures.items():
                found.setdefault(name, []).append(value)
        latencies = sorted(idle_latency(folder / "idle", url))
    medians = {name: statistics.median(values) for name, values in found.items()}
    medians["idle drop to POST beyond settle, p50 ms"] = statistics.median(latencies)
    medians["idle drop to POST beyond settle, max ms"] = latencies[-1]
    medians["against devserver files_per_second"] = against_devserver(folder / "dev", count)
    return {"rounds": found, "medians": medians}


def _reset(url: str) -> None:
    import urllib.request  # noqa: PLC0415 - used here only

    urllib.request.urlopen(f"{url}/reset", data=b"").close()


def main() -> None:
    """Measure and print; a table for people, JSON for machines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    # Beside the checkout and not in a folder that may be memory: a sync must reach a disk.
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as folder:
        result = measure(Path(folder).resolve(), options.files, options.rounds)
    result["machine"] = (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    result["settings"] = "PRAGMA synchronous = FULL, WAL; 8 senders; settle = renamed (idle: quiet)"
    print(f"{options.files} files of {SIZE} bytes, {options.rounds} rounds; {result['machine']}")
    print(result["settings"])
    for name, value in result["medians"].items():
        print(f"{name:45} {value:10.2f}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
