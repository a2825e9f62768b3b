"""Runs broken samples through the real worker processes, and says what must not have become of
them."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any, Final

import trio
from attrs import Factory, define, frozen

from pywats_trio.config.options import MIB, WorkerOptions
from pywats_trio.convert.pool import Pool, open_pool
from pywats_trio.convert.request import Requests
from pywats_trio.convert.said import Died, Done, Raised, Rejected, RetryLater, Unusable, reason
from pywats_trio.convert.source import Location, Opened, open_source
from pywats_trio.converters.api import Station
from pywats_trio.converters.registry import parse, pinned
from pywats_trio.model import Failed, Form
from tests.mutations.units import Unit, mutated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from pywats_trio.convert.said import Ending
    from pywats_trio.model import Outcome
    from tests.mutations.specimens import Specimen, Subject

SANDBOX: Final = "standard"
_STATION: Final = Station("S1", "L1", "P1")
_PLACES: Final = 2
_LARGEST: Final = 256 * MIB


@frozen
class Case:
    """One broken sample."""

    subject: Subject
    specimen: Specimen
    seed: int
    number: int

    def unit(self) -> Unit:
        """What is converted: the same on every machine."""
        key = f"{self.subject.id}:{self.specimen.name}:{self.seed}:{self.number}"
        return mutated(Random(key), self.specimen.unit)

    def command(self) -> str:
        """What to type to see it again."""
        given = self.subject.id
        if self.subject.type != given:
            given = f"{given}={self.subject.type}"
        words = f"--seed {self.seed} --number {self.number} --sample '{self.specimen.name}' {given}"
        return f"python -m tests.mutations {words}"


@frozen
class Failure:
    """What must not be."""

    case: Case
    why: str
    detail: str = ""
    """Such as a traceback."""


@define
class Tally:
    """What became of the broken samples of a converter."""

    ended: Counter[str] = Factory(Counter)
    failures: list[Failure] = Factory(list)
    slowest: float = 0.0
    """Seconds of processor time."""
    slow: Case | None = None
    """Which took that."""
    memory: int = 0
    """Bytes: the most that a process held by then."""
    reasons: Counter[str] = Factory(Counter)
    """Why files were refused, each beginning once."""

    def take(self, case: Case, answer: Ending | Died | Outcome) -> None:
        """One more."""
        self.ended[type(answer).__name__] += 1
        if (usage := getattr(answer, "usage", None)) is not None:
            if usage.cpu > self.slowest:
                self.slowest, self.slow = usage.cpu, case
            self.memory = max(self.memory, usage.peak_memory)
        if isinstance(answer, Rejected):
            self.reasons[answer.why[:25]] += 1
        if why := wrong_with(answer):
            detail = getattr(answer, "traceback", "") or getattr(answer, "output", "")
            self.failures.append(Failure(case, why, detail))


def wrong_with(answer: Ending | Died | Outcome) -> str:
    """What must not be in an answer; empty where all is right."""
    if isinstance(answer, Done):
        return _wrong_reports(answer)
    if isinstance(answer, Rejected | Failed):  # the service itself refuses some, unseen by a worker
        why = answer.why if isinstance(answer, Rejected) else answer.problem.message
        return "" if why.strip() else "refused without a reason"
    if isinstance(answer, Died):
        return f"{answer.kind}: {reason(answer)}"
    if isinstance(answer, Raised | RetryLater | Unusable):
        return reason(answer)
    return f"it was answered with {type(answer).__name__}"


def _wrong_reports(done: Done) -> str:
    if not done.reports or not all(len(report.body) for report in done.reports):
        return "no reports, or one without a byte"
    found = [one for report in done.reports for one in report.findings]
    silent = [one.path for one in found if not one.message.strip()]
    return f"a finding without a message, at {silent[0]!r}" if silent else ""


def cases(subject: Subject, seed: int, count: int) -> Iterable[Case]:
    """So many, in turn of each sample."""
    every = subject.specimens
    return (Case(subject, every[number % len(every)], seed, number) for number in range(count))


@asynccontextmanager
async def running(folder: Path, **options: Any) -> AsyncIterator[Pool]:
    """A pool as a service has it, unless said otherwise."""
    usual = {"max": _PLACES, "adaptive": False, "sandbox": SANDBOX, "memory_mb": 512}
    async with open_pool(WorkerOptions(**{**usual, **options}), folder / "scratch") as pool:
        yield pool


async def try_all(pool: Pool, folder: Path, chosen: Iterable[Case], tally: Tally) -> None:
    """Convert them, as many at once as there are processes."""
    waiting = iter(chosen)

    async def work(place: Path) -> None:
        for case in waiting:
            tally.take(case, await convert(pool, place, case))

    async with trio.open_nursery() as nursery:
        for number in range(pool.size):
            nursery.start_soon(work, folder / f"{number}")


async def convert(pool: Pool, place: Path, case: Case) -> Ending | Died | Outcome:
    """What becomes of one case; `place` is a folder of its own, which is emptied."""
    path = laid(case.unit(), place)
    form = Form.PAIR if case.subject.folders else Form.FILE
    location = Location(
        os.fspath(path),
        "",
        None,
        256 * MIB,
        form=form,
        spool=os.fspath(place.with_suffix(".spool")),
    )
    opened = await open_source(location)
    if not isinstance(opened, Opened):
        return opened
    spec = pinned(parse(case.subject.type))
    owner = case.subject.id
    requests = Requests.of(
        spec,
        converter=owner,
        arguments=case.specimen.arguments,
        station=_STATION,
        instance="mutations",
    )
    try:
        request = requests.convert(os.fspath(path), opened.identity, "m", opened.unit)
        return await pool.ask(spec, owner, request, opened.descriptor)
    finally:
        opened.close()


def laid(unit: Unit, place: Path) -> Path:
    """Write a unit into an empty folder; the path of its file or header."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    path = place / unit.name
    path.write_bytes(unit.content)
    for name, data in (unit.folder or {}).items():
        member = path.with_suffix("") / name
        member.parent.mkdir(parents=True, exist_ok=True)
        member.write_bytes(data)
    if unit.folder == {}:
        path.with_suffix("").mkdir()
    return path


async def tallied(pool: Pool, folder: Path, chosen: Iterable[Case]) -> tuple[Tally, float]:
    """What became of them, and how many seconds that took."""
    tally, begun = Tally(), time.monotonic()
    await try_all(pool, folder, chosen, tally)
    return tally, time.monotonic() - begun
