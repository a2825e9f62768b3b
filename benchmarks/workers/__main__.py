"""Workers beside others that run a function in another process, and good files among poison.

    python -m benchmarks.workers [--peers PYTHON] [--rounds R] [--quick] [--json FILE]

PYTHON is the interpreter of the environment that `make bench-workers` makes; without it, or where
it lacks a contestant, that row says so. Each round runs every contestant once at each concurrency,
in a process of its own; medians are printed, ratios are of medians of one run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from attrs import define, field

from benchmarks.queue.table import Row, as_json, machine, show
from benchmarks.workers import poison

CONCURRENCY: Final = (1, 2, 4)
SLOW: Final = frozenset({"interpreter", "ours-strict"})
"""Those that make a process for each job."""
OURS: Final = ("ours-standard", "ours-strict", "ours-basic")
PEERS: Final = ("trio-parallel", "executor", "interpreter")


@define
class Result:
    """Of one contestant at one concurrency."""

    rates: list[float] = field(factory=list)
    medians: list[float] = field(factory=list)
    worker_mb: list[float] = field(factory=list)


@define
class Contest:
    """All contestants, `rounds` times in turn."""

    peers: str
    count: int
    results: dict[tuple[str, int], Result] = field(factory=dict)
    absent: dict[str, str] = field(factory=dict)

    def run(self, rounds: int) -> None:
        """Each in a process of its own, so that nobody inherits anything."""
        for _ in range(rounds):
            for name in ("direct", *OURS, *PEERS):
                for callers in CONCURRENCY if name != "direct" else (1,):
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
        found = json.loads(done.stdout)
        result = self.results.setdefault((name, callers), Result())
        result.rates.append(found["rate"])
        result.medians.append(found["median_seconds"])
        result.worker_mb.append(found["worker_mb"])

    def rate(self, name: str, callers: int) -> float:
        """Jobs a second; 0 if it could not run."""
        found = self.results.get((name, callers))
        return statistics.median(found.rates) if found else 0.0

    def added_ms(self, name: str, callers: int) -> float:
        """Median of a job beyond that of the function itself."""
        own = statistics.median(self.results["direct", 1].medians)
        return (statistics.median(self.results[name, callers].medians) - own) * 1000

    def rows(self) -> list[Row]:
        """As figures."""
        rows = [Row("direct: the function itself", self.rate("direct", 1), "a second")]
        for name, callers in self.results:
            if name == "direct":
                continue
            rows.append(Row(f"{name}, {callers} at once", self.rate(name, callers), "a second"))
            aim = 1.0 if name == "ours-standard" and callers == 1 else None
            latency = self.added_ms(name, callers)
            rows.append(Row("    added to a job, p50", latency, "ms", at_most=aim))
        rows += [Row(f"{name}: {why}", 0.0) for name, why in self.absent.items()]
        if peer := self.rate("trio-parallel", 2):
            ratio = self.rate("ours-standard", 2) / peer
            rows.append(Row("ours-standard to trio-parallel, 2 at once", ratio, at_least=0.9))
        memory = statistics.median(self.results["ours-standard", 2].worker_mb)
        rows.append(Row("resident memory of a worker", memory, "MB", at_most=20.0))
        strict = self.added_ms("ours-strict", 1)
        rows.append(Row("a strict job from the fork server, added", strict, "ms", at_most=5.0))
        return rows


def among_poison(files: int, rounds: int) -> list[Row]:
    """Clean and poisoned in turn."""
    clean, poisoned = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            clean.append(poison.good_per_second(Path(folder, f"c{number}"), files, poisoned=False))
            poisoned.append(
                poison.good_per_second(Path(folder, f"p{number}"), files, poisoned=True)
            )
    rates = statistics.median(clean), statistics.median(poisoned)
    return [
        Row("good files alone", rates[0], "a second"),
        Row("the same with 5 % poison among them", rates[1], "a second"),
        Row("poisoned to clean", rates[1] / rates[0], at_least=0.8),
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
    contest = Contest(arguments.peers, 300 if arguments.quick else 3000)
    contest.run(arguments.rounds)
    answers = {"3 KB of CSV to a report, two workers": contest.rows()}
    show(*next(iter(answers.items())))
    files = 300 if arguments.quick else 3000
    answers["Good files among poison, through the service"] = among_poison(files, arguments.rounds)
    show("Good files among poison, through the service", [*answers.values()][-1])
    if arguments.json:
        arguments.json.write_text(json.dumps(as_json(answers), indent=1))


if __name__ == "__main__":
    main()
