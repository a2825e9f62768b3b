"""Durable queues side by side: the same lifecycle through ours and through those of others.

    python -m benchmarks.peers PYTHON [--rounds R] [--json FILE]

PYTHON is the interpreter of the environment that `make bench-peers` makes. Each round runs every
queue once with one caller and once with 64, each in a process of its own on a fresh folder; medians
are printed. The syncs of a lifecycle are counted by strace in a short run apart, where there is
strace.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, field

from benchmarks import data
from benchmarks.peers.contestants import CONTESTANTS
from benchmarks.queue import lifecycle
from benchmarks.queue.table import Row, as_json, machine, show

if TYPE_CHECKING:
    from collections.abc import Iterable

COUNTS: Final = {1: 400, 64: 3_200}
TRACED: Final = 50
SYNCED: Final = ("huey", "persist-queue", "litequeue-full")
"""Those that sync each commit, by what they are set to."""
ACKNOWLEDGED: Final = ("persist-queue", "litequeue-full")
"""Of them, those that keep what is claimed until it is finished, as ours does."""
AIM: Final = 3.0
OURS: Final = "ours: WAL, synchronous=FULL, history of each step"


@define
class Result:
    """Of one queue."""

    rates: dict[int, list[float]] = field(factory=dict)
    """Lifecycles a second, by the number of callers."""
    version: str = ""
    syncs: float | None = None
    problem: str = ""

    def median(self, callers: int) -> float:
        """Lifecycles a second."""
        return statistics.median(self.rates[callers])


@define
class Contest:
    """All of them, in `folder`."""

    python: str
    folder: Path
    payload: bytes
    results: dict[str, Result] = field(factory=dict)
    ours: Result = field(factory=Result)
    _runs: int = 0

    def round(self) -> None:
        """Everybody once."""
        for callers, count in COUNTS.items():
            rate = trio.run(
                lifecycle.ours, self._fresh() / "queue.db", self.payload, count, callers
            )
            self.ours.rates.setdefault(callers, []).append(rate.per_second)
            self.ours.syncs = rate.syncs / count if callers == 1 else self.ours.syncs
            for name in CONTESTANTS:
                self._run(name, callers, count)

    def _fresh(self) -> Path:
        self._runs += 1
        folder = self.folder / str(self._runs)
        folder.mkdir()
        return folder

    def _run(self, name: str, callers: int, count: int) -> None:
        result = self.results.setdefault(name, Result())
        if result.problem:
            return
        count = max(callers, int(count * CONTESTANTS[name].share))
        done = self._process([], name, callers, count)
        if done.returncode:
            result.problem = done.stderr.decode().strip().rpartition("\n")[2]
            return
        answer = json.loads(done.stdout)
        result.version = answer["version"]
        result.rates.setdefault(callers, []).append(count / answer["seconds"])

    def _process(
        self, before: list[str], name: str, callers: int, count: int
    ) -> subprocess.CompletedProcess[bytes]:
        command = [self.python, "-m", "benchmarks.peers.contest", name, str(self._fresh())]
        return subprocess.run(
            [*before, *command, str(callers), str(count)],
            input=self.payload,
            capture_output=True,
            check=False,
        )

    def count_syncs(self) -> None:
        """Of one lifecycle with one caller; what opening costs is taken off."""
        if (strace := shutil.which("strace")) is None:
            return
        for name, result in self.results.items():
            few, many = (self._syncs(strace, name, count) for count in (1, TRACED + 1))
            if not result.problem:
                result.syncs = (many - few) / TRACED

    def _syncs(self, strace: str, name: str, count: int) -> int:
        said = self.folder / "strace"
        counting = [strace, "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", str(said)]
        self._process(counting, name, 1, count)
        return len(re.findall(r"\bf(?:data)?sync\(", said.read_text()))

    def rows(self) -> list[Row]:
        """As figures."""
        rows = [row for callers in COUNTS for row in self._rates(callers)]
        return [
            *rows,
            *self._against("to the best that syncs each commit", SYNCED, AIM),
            *self._against("to the best of them that loses nothing claimed", ACKNOWLEDGED),
        ]

    def _against(self, name: str, peers: Iterable[str], aim: float | None = None) -> list[Row]:
        rates = [self.results[peer].median(64) for peer in peers if not self.results[peer].problem]
        if not rates:
            return []
        return [Row(f"64 callers, {name}", self.ours.median(64) / max(rates), at_least=aim)]

    def _rates(self, callers: int) -> list[Row]:
        who = "1 caller" if callers == 1 else f"{callers} callers"
        told = {OURS: self.ours} | {
            f"{CONTESTANTS[name].title}": result for name, result in self.results.items()
        }
        return [
            Row(
                f"{who}, {title.partition(':')[0]}",
                result.median(callers) if callers in result.rates else 0.0,
                "a second",
                remark=result.problem or _remark(title, result),
            )
            for title, result in told.items()
        ]


def _remark(title: str, result: Result) -> str:
    syncs = "" if result.syncs is None else f"; {result.syncs:.1f} syncs by one caller"
    return f"{result.version} {title.partition(': ')[2]}{syncs}".strip()


def main() -> None:
    """Measure and print; a table for people, JSON for machines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", nargs="?", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    print(machine())
    title = "Lifecycles (put, claim, finish) of reports of 6,000 bytes"
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as folder:
        contest = Contest(
            options.python, Path(folder).resolve(), data.report("peers", 1, lifecycle.SIZE)
        )
        for _ in range(options.rounds):
            contest.round()
        contest.count_syncs()
        show(title, contest.rows())
    if options.json:
        options.json.write_text(json.dumps(as_json({title: contest.rows()}), indent=1))


if __name__ == "__main__":
    main()
