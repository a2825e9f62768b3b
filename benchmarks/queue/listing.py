"""`queue ls` of the installed command beside a running service, and what it disturbs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from attrs import define

from benchmarks import processes
from benchmarks.queue import running
from benchmarks.queue.table import Row

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.processes import Service
    from benchmarks.queue.fill import Databases

TIMES = 15
AT_ONCE = 20
SECONDS = 5.0


def measure(folder: Path, databases: Databases, count: int) -> list[Row]:
    """One at rest, then twenty at once while the backlog is delivered as fast as it can be."""
    with (
        processes.sink("benchmarks.sink", "--port", "0") as url,
        running.service(folder, lambda path: databases.copy(count, path), url) as service,
    ):
        running.median_seconds(service, 1, "pause")
        ls = running.median_seconds(service, TIMES, "queue", "ls", "--json")
        why = running.median_seconds(service, TIMES, "why", f"SN{count // 2:07d}", "--json")
        nothing = running.median_seconds(service, TIMES, "--version")
        running.median_seconds(service, 1, "resume")
        before = _Watch.over(service, url, lambda: _sleep(SECONDS))
        during = _Watch.over(service, url, lambda: _twenty(service))
    return [
        Row("queue ls, the interpreter included", ls, "s", at_most=0.4),
        Row("why, the interpreter included", why, "s"),
        Row("the command alone (--version)", nothing, "s"),
        *before.rows("before"),
        *during.rows(f"{AT_ONCE} at once"),
        Row(
            "deliveries to those before",
            during.rate / before.rate,
            remark="on two cores the commands take their share of the processor",
        ),
    ]


@define
class _Watch:
    """What probes and the sink saw meanwhile."""

    rate: float
    """Deliveries a second."""
    milliseconds: list[float]
    """Of `/health`."""
    seconds: float

    @classmethod
    def over(cls, service: Service, url: str, what: Callable[[], object]) -> _Watch:
        with running.probing(service) as prober:
            first, begun = running.delivered(url), time.perf_counter()
            what()
            seconds = time.perf_counter() - begun
            rate = (running.delivered(url) - first) / seconds
        return cls(rate, prober.milliseconds, seconds)

    def rows(self, when: str) -> list[Row]:
        """As figures."""
        return [
            Row(f"deliveries, {when}", self.rate, "a second", remark=f"in {self.seconds:.1f} s"),
            Row(f"/health p50, {when}", running.percentile(self.milliseconds, 0.5), "ms"),
            Row(f"/health p99, {when}", running.percentile(self.milliseconds, 0.99), "ms", 20.0),
        ]


def _twenty(service: Service) -> None:
    begun = time.perf_counter()
    commands = [running.command(service, "queue", "ls", "--json") for _ in range(AT_ONCE)]
    for command in commands:
        running.seconds_of(command, begun)


def _sleep(seconds: float) -> None:
    time.sleep(seconds)  # noqa: TID251 - deliveries go on meanwhile
