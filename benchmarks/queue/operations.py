"""Whether an operator's commands hold up the commits of a service at work."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from attrs import define, field

from benchmarks import data, processes
from benchmarks.queue import running
from benchmarks.queue.table import Row
from pywats_trio.queue.database import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.processes import Service
    from benchmarks.queue.fill import Databases

HELD: Final = 20_000
"""Items that are changed by filters, beside those that flow."""
A_SECOND: Final = 200
SECONDS: Final = 10.0
SIZE: Final = 6000
SLOW: Final = 0.05
OWN: Final = frozenset({"change"})
"""Operations of the operator's own."""
COMMANDS: Final = (
    ("queue", "priority", "3", "--state", "HELD"),
    ("queue", "hold", "--kind", "report", "--newer-than", "1h"),
    ("queue", "release", "--newer-than", "1h"),
    ("queue", "priority", "7", "--state", "HELD", "--converter", "ict"),
)


def measure(folder: Path, databases: Databases) -> list[Row]:
    """Files flow alone for some seconds, then with commands one after the other."""
    staged = folder / "staged"
    data.write(staged, "flow", int(2.5 * SECONDS * A_SECOND), SIZE)
    with (
        processes.sink("benchmarks.sink", "--port", "0") as url,
        running.service(folder / "service", lambda path: _fill(databases, path), url) as service,
    ):
        feeder = Feeder(staged, service.watch)
        feeder.start()
        alone = _Stretch.over(service, url, iter(()))
        busy = _Stretch.over(service, url, itertools.cycle(COMMANDS))
        feeder.stop()
        dropped = feeder.dropped
        processes.wait_until(lambda: running.delivered(url) >= dropped, 60)
    return [*alone.rows("alone"), *busy.rows("with commands"), Row("commands", busy.commands)]


def _fill(databases: Databases, path: Path) -> None:
    databases.copy(HELD, path)
    with closing(connect(path, synchronous="off")) as db, db:
        db.execute("UPDATE items SET state = 'HELD'")
        db.execute("UPDATE totals SET state = 'HELD'")


@define
class Feeder:
    """Moves files into the watch folder at a steady pace, in a thread."""

    staged: Path
    watch: Path
    dropped: int = 0
    _stop: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; raises if there were not files enough."""
        ran_out = self._stop.is_set()
        self._stop.set()
        assert self._thread is not None
        self._thread.join()
        if ran_out:
            raise RuntimeError("there were too few files for so long a time")

    def _run(self) -> None:
        begun = time.monotonic()
        for file in sorted(self.staged.iterdir()):
            wait = begun + self.dropped / A_SECOND - time.monotonic()
            if self._stop.wait(max(0.0, wait)):
                return
            file.rename(self.watch / file.name)
            self.dropped += 1
        self._stop.set()


@define
class _Stretch:
    """What the queue did in some seconds."""

    seconds: float
    delivered: int
    committed: int
    slow: int
    """Of them, those that took longer than `SLOW`."""
    commands: int
    longest_command: float

    @classmethod
    def over(cls, service: Service, url: str, commands: Iterator[tuple[str, ...]]) -> _Stretch:
        before, begun = running.operations(service, SLOW), time.perf_counter()
        first = running.delivered(url)
        longest, done = 0.0, 0
        while time.perf_counter() - begun < SECONDS:
            if (command := next(commands, None)) is None:
                time.sleep(SECONDS)  # noqa: TID251 - files flow meanwhile
                continue
            longest = max(longest, running.median_seconds(service, 1, *command))
            done += 1
        seconds = time.perf_counter() - begun
        many, slow = _difference(before, running.operations(service, SLOW))
        return cls(seconds, running.delivered(url) - first, many, slow, done, longest)

    def rows(self, when: str) -> list[Row]:
        """As figures."""
        return [
            Row(f"files delivered, {when}", self.delivered / self.seconds, "a second"),
            Row(f"commits of verbs, {when}", self.committed / self.seconds, "a second"),
            Row(f"of them over {SLOW * 1000:.0f} ms, {when}", self.slow, at_most=0),
        ]


def _difference(
    before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]
) -> tuple[int, int]:
    many = slow = 0
    for name, (count, late) in after.items():
        if name not in OWN:
            count_before, late_before = before.get(name, (0, 0))
            many += count - count_before
            slow += late - late_before
    return many, slow
