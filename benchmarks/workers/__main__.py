"""Workers beside others that run a function in another process, and good files among poison.

    python -m benchmarks.workers [--peers PYTHON] [--rounds R] [--quick] [--json FILE]

PYTHON is the interpreter of the environment that `make bench-workers` makes; without it, or where
it lacks a contestant, that row says so. Each round runs every contestant once at each concurrency,
in a process of its own, the next round in the opposite order; medians over the rounds are printed,
and ratios are of medians of one run. Three rounds take about five minutes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from benchmarks.queue.table import Row, as_json, machine, show
from benchmarks.workers import poison

if TYPE_CHECKING:
    from collections.abc import Callable

CONCURRENCY: Final = (1, 2, 4)
SLOW: Final = frozenset({"interpreter", "ours-strict", "ours-cold"})
"""Those that make a process for each job."""
OURS: Final = ("ours-standard", "ours-strict", "ours-basic", "ours-cold")
PEERS: Final = ("trio-parallel", "executor", "interpreter")
BEST: Final = "trio-parallel"
"""The peer that ratios are to."""


@define
class Contest:
    """All contestants, `rounds` times in turn."""

    peers: str
    count: int
    results: dict[tuple[str, int], list[dict[str, Any]]] = field(factory=dict)
    absent: dict[str, str] = field(factory=dict)

    def run(self, rounds: int) -> None:
        """Each in a process of its own, so that nobody inherits anything."""
        entries = [("direct", 1)]
        entries += [(name, callers) for name in (*OURS, *PEERS) for callers in CONCURRENCY]
        for number in range(rounds):
            for name, callers in entries if number % 2 == 0 else reversed(entries):
                self._one(name, callers)

    def _one(self, name: str, callers: int) -> None:
        python = self.peers if name in PEERS else sys.executable
        count = self.count // 20 if name in SLOW else self.count
        done = subprocess.run(
            [python, "-m", "benchmarks.workers.contest", name, str(callers), str(count)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            self.absent[name] = done.stderr.strip().splitlines()[-1]
            return
        self.results.setdefault((name, callers), []).append(json.loads(done.stdout))

    def median(self, name: str, callers: int, what: str) -> float:
        """Of all rounds; 0 if it could not run."""
        found = self.results.get((name, callers), [])
        return float(statistics.median(one[what] for one in found)) if found else 0.0

    def added_ms(self, name: str, callers: int) -> float:
        """Median of a job beyond that of the function itself."""
        own = self.median("direct", 1, "median_seconds")
        return (self.median(name, callers, "median_seconds") - own) * 1000

    def memory_mb(self, what: str) -> float:
        """Of a worker of ours; 0 where the kernel does not tell."""
        found = self.results["ours-standard", 2]
        return float(statistics.median(one["worker_mb"].get(what, 0.0) for one in found))

    def rows(self) -> list[Row]:
        """As figures."""
        rows = [Row("direct: the function itself", self.median("direct", 1, "rate"), "a second")]
        for name in (*OURS, *PEERS):
            for callers in CONCURRENCY:
                if (name, callers) in self.results:
                    rows += self._rows_of(name, callers)
        return rows + [Row(f"{name}: {why}", 0.0) for name, why in self.absent.items()]

    def _rows_of(self, name: str, callers: int) -> list[Row]:
        rate = self.median(name, callers, "rate")
        ratio = f"{rate / self.median('direct', 1, 'rate'):.2f} of direct"
        if peer := self.median(BEST, callers, "rate"):
            ratio = f"{rate / peer:.2f} of {BEST}, {ratio}"
        aim = 1.0 if name == "ours-standard" and callers == 1 else None
        return [
            Row(f"{name}, {callers} at once", rate, "a second", remark=ratio),
            Row("    added to a job, p50", self.added_ms(name, callers), "ms", at_most=aim),
        ]

    def summary(self) -> list[Row]:
        """What is promised."""
        rows = []
        if peer := self.median(BEST, 2, "rate"):
            ratio = self.median("ours-standard", 2, "rate") / peer
            rows.append(Row(f"ours-standard to {BEST}, 2 at once", ratio, at_least=0.9))
        first = self.median("ours-standard", 1, "first_seconds") * 1000
        cold, strict = self.added_ms("ours-cold", 1), self.added_ms("ours-strict", 1)
        return [
            *rows,
            Row("cold start of a worker, added to its first job", cold, "ms", at_most=40.0),
            Row("a strict job from the fork server, added", strict, "ms", at_most=5.0),
            Row("the very first job, with the start of the fork server", first, "ms"),
            Row("a worker, resident (RSS)", self.memory_mb("rss"), "MB", at_most=20.0),
            Row("    what it shares divided (PSS)", self.memory_mb("pss"), "MB"),
            Row("    its own alone (USS)", self.memory_mb("uss"), "MB"),
        ]


def among_poison(rounds: int, measure: Callable[[Path, tuple[str, ...]], float]) -> list[Row]:
    """The good files alone, among crashing ones, and among such that crash or hang, in turn."""
    runs: dict[str, tuple[str, ...]] = {"alone": (), "crash": ("crash",), "mixed": poison.MIXED}
    found: dict[str, list[float]] = {name: [] for name in runs}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for name, kinds in runs.items():
                found[name].append(measure(Path(folder, f"{name}-{number}"), kinds))
    alone, crash, mixed = (statistics.median(rates) for rates in found.values())
    return [
        Row("good files alone", alone, "a second"),
        Row("among 5 % that crash", crash, "a second", remark=f"{crash / alone:.2f}"),
        Row("among 5 % of which half crash and half hang", mixed, "a second"),
        Row("    to those alone", mixed / alone, at_least=0.8),
    ]


def main() -> None:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a tenth of the jobs and files")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    print(machine())
    part = 10 if arguments.quick else 1
    answers: dict[str, list[Row]] = {}

    def tell(title: str, rows: list[Row]) -> None:
        answers[title] = rows
        show(title, rows)

    contest = Contest(arguments.peers, 3000 // part)
    contest.run(arguments.rounds)
    tell("3 KB of CSV to a report, two workers", contest.rows())
    tell("What is promised of them", contest.summary())
    service = partial(_through_service, good=1500 // part, sort="quick")
    tell("Quick files among poison, through the service", among_poison(arguments.rounds, service))
    slow = partial(_through_service, good=100 // min(part, 2), sort="slow")
    tell("Files of 0.2 s among poison, through the service", among_poison(1, slow))
    pool = partial(_through_pool, good=1500 // part)
    tell("Quick files among poison, through the pool", among_poison(arguments.rounds, pool))
    if arguments.json:
        arguments.json.write_text(json.dumps(as_json(answers), indent=1))


def _through_service(folder: Path, kinds: tuple[str, ...], *, good: int, sort: str) -> float:
    return poison.good_per_second(folder, good, kinds, sort)


def _through_pool(folder: Path, kinds: tuple[str, ...], *, good: int) -> float:
    return poison.good_per_second_of_pool(folder, good, kinds)


if __name__ == "__main__":
    main()
