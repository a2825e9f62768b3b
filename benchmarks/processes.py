"""The processes of a benchmark: the service, the sinks, the bare loops, and what they used."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from attrs import define, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMAND = [sys.executable, "-m", "pywats_trio"]
STORE_THREAD = "pywats-store"
POLL_SECONDS = 0.05
"""Rarely, for watching must cost nothing; the times that count are taken by the sink."""
START_POLL_SECONDS = 0.005
"""While a service starts, which is what is measured then."""


@frozen
class Usage:
    """Processor seconds so far, and the peak of memory in MB."""

    service: float
    store_thread: float
    workers: float
    peak_mb: float


@define
class Service:
    """A running `pywats-trio run`."""

    process: subprocess.Popen[str]
    folder: Path
    started_in: float
    """Seconds from the start of the process to `running`, polling's few milliseconds included."""

    @property
    def watch(self) -> Path:
        """Where files are dropped."""
        return self.folder / "drop"

    def usage(self) -> Usage:
        """What the service's process, its store's thread and its workers have used until now."""
        process = psutil.Process(self.process.pid)
        own = process.cpu_times()
        # With those that the fork server has buried.
        workers = [child.cpu_times() for child in process.children(recursive=True)]
        replaced = own.children_user + own.children_system
        return Usage(
            own.user + own.system,
            _thread_seconds(self.process.pid),
            sum(sum(times[:4]) for times in workers) + replaced,
            _peak_mb(self.process.pid),
        )

    def stop(self) -> dict[str, Any]:
        """SIGTERM, and the record that the service logs last."""
        self.process.send_signal(signal.SIGTERM)
        _out, log = self.process.communicate(timeout=30)
        records = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
        stopped = [record for record in records if record["event"] == "stopped"]
        if self.process.returncode or not stopped:
            raise RuntimeError(f"the service ended with {self.process.returncode}:\n{log}")
        return dict(stopped[-1])


def _thread_seconds(pid: int) -> float:
    ticks = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        name, _, rest = (task / "stat").read_text().partition(") ")
        if name.endswith(f"({STORE_THREAD}"):
            fields = rest.split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / 100


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(x.split()[1]) / 1024 for x in status.splitlines() if x.startswith("VmHWM"))


@contextlib.contextmanager
def service(
    folder: Path,
    url: str,
    settle: str,
    converters: int = 1,
    type_: str = "wats-json",
    *,
    workers: str = "",
    leads: bool = False,
) -> Iterator[Service]:
    """The installed command on new folders, `drop` the first, ready to take files.

    `workers`: lines of that table of the configuration. `leads`: it leads a session of its own, as
    a daemon does.
    """
    config = folder / "config.toml"
    folder.mkdir(parents=True, exist_ok=True)
    config.write_text(_configuration(folder, url, settle, converters, type_, workers=workers))
    process = subprocess.Popen(
        [*COMMAND, "--config", str(config), "run"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=leads,
    )
    begun = time.monotonic()
    try:
        log = folder / "data" / "logs" / "pywats-trio.jsonl"
        wait_until(lambda: log.exists() and '"running"' in log.read_text(), 20, START_POLL_SECONDS)
        yield Service(process, folder, time.monotonic() - begun)
    finally:
        process.kill()
        process.communicate()


def _configuration(
    folder: Path, url: str, settle: str, converters: int, type_: str, *, workers: str
) -> str:
    names = ["drop", *(f"drop-{number}" for number in range(1, converters))]
    for name in names:
        (folder / name).mkdir()
    tables = "".join(
        f"""
[[converters]]
name = "{name}"
type = "{type_}"
watch = "{folder / name}"
settle = "{settle}"
"""
        for name in names
    )
    return (
        f"""
data_dir = "{folder / "data"}"
[server]
url = "{url}"
token = "bench"
requests_per_minute = 0
[queue]
max_items = 0
[workers]
{workers}
[log]
format = "json"
[health]
port = 0
[ipc]
socket = "{folder / "ipc.sock"}"
"""
        + tables
    )


@contextlib.contextmanager
def sink(*command: str) -> Iterator[str]:
    """A server in its own process; the address that it prints on its first line."""
    process = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield _address(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate()


def _address(line: str) -> str:
    if line.startswith("{"):
        return str(json.loads(line)["url"])
    return next(word.rstrip(".,;") for word in line.split() if word.startswith("http://"))


def get(url: str) -> Any:  # noqa: ANN401 - JSON
    """A JSON document."""
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def wait_until(condition: Callable[[], bool], seconds: float, poll: float = POLL_SECONDS) -> None:
    """Look from outside, now and then, at what shares no event with us."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s")
        time.sleep(poll)  # noqa: TID251 - no loop runs here


def bare(kind: str, folder: Path, url: str) -> dict[str, float]:
    """One run of a bare loop in its own process."""
    command = [sys.executable, "-m", "benchmarks.bare", kind, str(folder), url]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))
