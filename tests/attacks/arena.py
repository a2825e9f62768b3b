"""Runs attacks through the real pool, and looks what they did to everybody else."""

from __future__ import annotations

import os
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import trio
from attrs import Factory, define, frozen

from pywats_trio.config.options import WorkerOptions
from pywats_trio.convert.pool import Pool, open_pool
from pywats_trio.convert.request import Requests
from pywats_trio.convert.said import Died, Done, reason
from pywats_trio.converters.api import Station
from pywats_trio.converters.registry import parse, pinned
from pywats_trio.model import Identity
from tests.attacks.field import Field
from tests.attacks.table import CONVERTED, Row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from pathlib import Path

    from pywats_trio.convert.said import Ending, Log, Progress

TRIES: Final = 3
"""Good files that may come to a process that an attack has spoilt for its own converter."""
PATIENCE: Final = 30.0
"""Seconds; what is waited for takes milliseconds on a machine with nothing else to do."""
COMMON: Final[dict[str, Any]] = {
    "max": 3,
    "adaptive": False,
    "memory_mb": 128,
    "max_input_mb": 8,
    "scratch_mb": 5,
}
FILES: Final = 10
"""Of a neighbour, one after the other, during each attack."""
DEADLINES: Final = {False: 10 * PATIENCE, True: 0.5}
"""Seconds, of the attacks that are ended by something else and of those that the deadline ends."""
SPOILS: Final = frozenset({"forge_the_next_answer", "go_on_after_its_answer"})
"""Attacks that cost the next file of the same converter, too, where it gets the same process."""


@frozen
class Result:
    """What became of one attack."""

    attack: str
    said: str
    """What the history of its file says."""
    back: float
    """Seconds until the next file of the same converter was converted."""
    held: float
    """Seconds of processor time: the longest that the service's event loop was held."""
    wrong: list[str]
    """What it did that it must not do."""


@define(eq=False)
class Holds(trio.abc.Instrument):
    """How long a single step of a task held the event loop, at most; in processor time, which does
    not count what other programs of the machine do.
    """

    longest: float = 0.0
    _begun: float = Factory(time.thread_time)

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        del task
        self._begun = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        del task
        self.longest = max(self.longest, time.thread_time() - self._begun)


async def ask(
    pool: Pool,
    code: Path,
    owner: str,
    path: Path,
    hear: Callable[[Log | Progress], None] = lambda _said: None,
) -> Ending | Died:
    """Have `path` converted by the attacker of `owner`, whose code is in the file `code`."""
    spec = pinned(parse(f"{code}:Attacker"))
    requests = Requests.of(
        spec, converter=owner, arguments={}, station=Station("S1"), instance="attacks"
    )
    descriptor = os.open(path, os.O_RDONLY)
    try:
        status = os.fstat(descriptor)
        identity = Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        request = requests.convert(os.fspath(path), identity, "c-1")
        return await pool.ask(spec, owner, request, descriptor, hear)
    finally:
        os.close(descriptor)


def told(answer: Ending | Died) -> str:
    """What the history of a file says."""
    return CONVERTED if isinstance(answer, Done) else reason(answer)


@asynccontextmanager
async def running(
    field: Field, level: str, *, timeout_seconds: float = 10 * PATIENCE
) -> AsyncIterator[Pool]:
    """A pool for the converters of a field."""
    options = WorkerOptions(sandbox=level, timeout_seconds=timeout_seconds, **COMMON)
    async with open_pool(options, field.scratch, secrets=field.secrets) as pool:
        yield pool


@define(eq=False)
class Arena:
    """A pool, and those in it whom no attack may touch."""

    pool: Pool
    field: Field
    level: str
    holds: Holds
    sibling: int = 0
    """A process that works on a file of another converter all the time."""

    def server(self) -> int:
        """The fork server, if there is one; else the service, whose children workers are then."""
        fork_server = self.pool._launcher.fork_server  # noqa: SLF001 - an attacker finds it, too
        return (fork_server.pid if fork_server else None) or os.getpid()

    async def attack(self, row: Row) -> Result:
        """One of them, with a neighbour at work meanwhile."""
        server = self.server()
        self.field.arm(row.attack, server=server, sibling=self.sibling or server)
        before = self.field.state()
        wrong: list[str] = []
        self.holds.longest = 0.0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._neighbour, wrong)
            answer = await ask(self.pool, self.field.code, row.attack, self.field.bad)
            nursery.cancel_scope.cancel()
        back = await self._recover(row, wrong)
        said = told(answer)
        if not any(words in said for words in row.says):
            wrong.append(f"the history says {said!r}")
        if self.field.state() != before:
            wrong.append("files of others are not what they were")
        wrong += self.field.heard()
        if self.server() != server or self.sibling not in {0, *self.pool.pids()}:
            wrong.append("another process is gone")
        return Result(row.attack, said, back, self.holds.longest, wrong)

    async def _neighbour(self, wrong: list[str]) -> None:
        for _ in range(FILES):
            answer = await ask(self.pool, self.field.code, "neighbour", self.field.good)
            if not isinstance(answer, Done):
                wrong.append(f"a neighbour's file was not converted: {told(answer)}")

    async def _recover(self, row: Row, wrong: list[str]) -> float:
        begun = trio.current_time()
        for _ in range(TRIES):
            with trio.fail_after(PATIENCE):
                answer = await ask(self.pool, self.field.code, row.attack, self.field.good)
            if isinstance(answer, Done):
                break
            if self.level != "strict" and row.attack in SPOILS:
                continue  # it got the same process; nobody else ever does
            wrong.append(f"the next file was not converted: {told(answer)}")
        found = self.pool.statistics()
        if found.alive > self.pool.places or found.started != found.alive + found.recycled:
            wrong.append(f"the pool has lost count: {found}")
        return trio.current_time() - begun

    @asynccontextmanager
    async def with_sibling(self) -> AsyncIterator[None]:
        """While this goes on there is one; it must live as long."""

        async def wait(task_status: trio.TaskStatus[int]) -> None:
            def hear(said: Log | Progress) -> None:
                task_status.started(int(getattr(said, "message", "0")))

            await ask(self.pool, self.field.code, "sibling", self.field.waiting, hear)

        async with trio.open_nursery() as nursery:
            self.sibling = await nursery.start(wait)
            yield
            nursery.cancel_scope.cancel()
        self.sibling = 0


async def attack_all(folder: Path, level: str, chosen: Sequence[Row]) -> list[Result]:
    """Every attack at one level, in one pool for those that end by themselves and one for those
    that the deadline ends.
    """
    results = []
    for short, seconds in DEADLINES.items():
        if some := [row for row in chosen if row.short == short]:
            results += await _attack_in(folder / f"{seconds}", level, some, seconds)
    return results


async def _attack_in(
    folder: Path, level: str, chosen: Sequence[Row], seconds: float
) -> list[Result]:
    field, holds = Field(folder), Holds()
    trio.lowlevel.add_instrument(holds)
    try:
        async with running(field, level, timeout_seconds=seconds) as pool:
            arena = Arena(pool, field, level, holds)
            await ask(pool, field.code, "neighbour", field.good)
            if seconds < PATIENCE:
                return [await arena.attack(row) for row in chosen]
            async with arena.with_sibling():
                return [await arena.attack(row) for row in chosen]
    finally:
        trio.lowlevel.remove_instrument(holds)
        field.close()
        if field.scratch.exists():
            raise AssertionError("the pool left its scratch folders")


async def attack_freely(folder: Path, chosen: Iterable[Row]) -> list[Result]:
    """The harmless ones where nothing stops them, each in a field of its own."""
    results = []
    for row in chosen:
        if row.free:
            field = Field(folder / row.attack)
            try:
                results.append(await _attack_freely(field, row))
            finally:
                field.close()
    return results


async def _attack_freely(field: Field, row: Row) -> Result:
    async with running(field, "off") as pool:
        arena = Arena(pool, field, "off", Holds())
        async with arena.with_sibling():
            field.arm(row.attack, server=arena.server(), sibling=arena.sibling)
            answer = await ask(pool, field.code, row.attack, field.bad)
    return Result(row.attack, told(answer), 0.0, 0.0, [])
