"""All contestants on one input, each measurement in a process of its own, in turn."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict, define, field, frozen

from benchmarks.converters.parsing import PARSERS
from benchmarks.converters.peer import CLASSES
from benchmarks.queue.table import Row

if TYPE_CHECKING:
    from benchmarks.converters.inputs import Input, Work

SECONDS: Final = 180
"""For one measurement of a contestant."""
THEIRS: Final = frozenset({"pywats", "lxml"})
"""Those that run in the environment of the peers."""
ABSENT: Final = "ModuleNotFoundError"


@frozen
class Best:
    """Of all rounds."""

    seconds: float
    reports: int
    start_mb: float
    peak_mb: float


@define
class Contest:
    """On one input."""

    input: Input
    work: Work
    peers: str
    """The interpreter of the peers."""
    results: dict[str, list[Best]] = field(factory=dict)
    failed: dict[str, str] = field(factory=dict)

    def run(self, rounds: int) -> None:
        """Everybody once a round, the next round in the opposite order."""
        parser = f"{self.input.parser}/{self.input.encoding}"
        entries = [("ours", self.input.type)]
        entries += [(kind, parser) for kind in PARSERS[self.input.parser]]
        if self.input.type in CLASSES:
            entries.append(("pywats", self.input.type))
        for number in range(rounds):
            for kind, name in entries if number % 2 == 0 else reversed(entries):
                if kind not in self.failed:
                    self._one(kind, name)

    def _one(self, kind: str, name: str) -> None:
        python = self.peers if kind in THEIRS else sys.executable
        try:
            done = subprocess.run(
                [python, "-m", "benchmarks.converters.measure", kind, name],
                input=json.dumps(asdict(self.work)),
                capture_output=True,
                text=True,
                check=False,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            self.failed[kind] = f"not within {SECONDS} s"
            return
        if done.returncode:
            self.failed[kind] = (done.stderr.strip().splitlines() or ["it died"])[-1]
            return
        self.results.setdefault(kind, []).append(Best(**json.loads(done.stdout.splitlines()[-1])))

    def best(self, kind: str) -> Best | None:
        """The quickest of its runs; None if it cannot do it."""
        return min(self.results.get(kind, []), key=lambda one: one.seconds, default=None)

    def rate(self, kind: str) -> float:
        """Megabytes a second; 0 if it cannot do it."""
        best = self.best(kind)
        return self.work.size / best.seconds / 1e6 if best else 0.0

    @property
    def base(self) -> str:
        """The parser that ratios are to: the first that could be had."""
        for kind in PARSERS[self.input.parser]:
            if kind in self.results:
                return kind
        raise RuntimeError(f"{self.input.name}: no parser reads it: {self.failed}")

    @property
    def title(self) -> str:
        """What was converted."""
        return f"{self.input.name}: {self.work.size / 1e6:.1f} MB, {self._reports()}"

    def rows(self) -> list[Row]:
        """A row for each contestant."""
        rows = [self._row(kind) for kind in self.results]
        return rows + [
            Row(f"{kind}: {why}"[:160], 0.0)
            for kind, why in self.failed.items()
            if not why.startswith(ABSENT)
        ]

    def _row(self, kind: str) -> Row:
        best = self.best(kind)
        assert best is not None
        ratio = f"{self.rate(kind) / self.rate(self.base):.3f} of {self.base}, "
        if kind == "pywats" and self.rate("ours"):
            ratio = f"{self.rate(kind) / self.rate('ours'):.2f} of ours, "
        memory = f"peak {best.peak_mb:.0f} MB, {best.peak_mb - best.start_mb:.0f} above its start"
        return Row(kind, self.rate(kind), "MB/s", remark=ratio + memory + self._miscounted(best))

    def _miscounted(self, best: Best) -> str:
        if best.reports in (0, self.work.reports):
            return ""
        return f"; WRONG: {best.reports:,} of {self.work.reports:,} reports"

    def _reports(self) -> str:
        return f"{self.work.reports:,} report{'s' * (self.work.reports != 1)}"

    def line(self) -> str:
        """A row of the table for the documentation (`HEAD`)."""
        cells = [
            self.input.name,
            f"{self.work.size / 1e6:.1f} MB, {self._reports()}",
            self._cell("ours"),
            f"{self.base} {self._cell(self.base)}",
            f"{self.rate('ours') / self.rate(self.base):.2f}",
            self._theirs(),
        ]
        return f"| {' | '.join(cells)} |"

    def _theirs(self) -> str:
        if self.input.type not in CLASSES:
            return "none"
        if why := self.failed.get("pywats"):
            return "not installed" if why.startswith(ABSENT) else f"fails: {why}"[:100]
        return self._cell("pywats")

    def _cell(self, kind: str) -> str:
        best = self.best(kind)
        if best is None:
            return f"fails: {self.failed[kind]}"
        memory = best.peak_mb - best.start_mb
        return f"{_number(self.rate(kind))} · {memory:.0f}{self._miscounted(best)}"

    def as_json(self) -> dict[str, Any]:
        """All that was measured."""
        return {
            "name": self.input.name,
            "converter": self.input.type,
            "bytes": self.work.size,
            "reports": self.work.reports,
            "runs": {kind: [asdict(one) for one in found] for kind, found in self.results.items()},
            "failed": self.failed,
        }


HEAD: Final = """\
| format | input | ours: MB/s · MB | parsing alone: MB/s · MB | ours to it | pyWATS: MB/s · MB |
|---|---|---|---|---|---|"""
"""Memory is what a process held at its peak beyond what it held before it began."""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
