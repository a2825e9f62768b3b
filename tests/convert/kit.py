"""What the tests of this room share."""

from __future__ import annotations

import json
import os
import select
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from pywats_trio.config.options import WorkerOptions
from pywats_trio.convert.pool import Pool, open_pool
from pywats_trio.convert.request import Requests
from pywats_trio.convert.said import Done
from pywats_trio.converters.api import Station
from pywats_trio.converters.registry import parse, pinned
from pywats_trio.model import Identity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from pywats_trio.convert.said import Died, Ending, Log, Progress

HOSTILE = Path(__file__).parents[1] / "converters_hostile"


def type_of(name: str) -> str:
    """`Class` of hostile.py, or `file:Class`."""
    file, _, attribute = name.rpartition(":")
    return f"{HOSTILE / (file or 'hostile')}.py:{attribute}"


def identity_of(path: Path) -> Identity:
    status = path.stat()
    return Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@asynccontextmanager
async def running(folder: Path, **options: Any) -> AsyncIterator[Pool]:
    """A pool with one worker that is not shut in, unless said otherwise.

    What a converter can do where the kernel does not help has to be contained as well.
    """
    usual = {"max": 1, "adaptive": False, "sandbox": "basic"}
    async with open_pool(WorkerOptions(**{**usual, **options}), folder / "scratch") as pool:
        yield pool


async def ask(
    pool: Pool,
    name: str,
    path: Path,
    *,
    owner: str = "line",
    arguments: Mapping[str, Any] | None = None,
    hear: Callable[[Log | Progress], None] = lambda _said: None,
    begin: Callable[[trio.CancelScope, bool], None] = lambda _deadline, _cold: None,
) -> Ending | Died:
    """Have `path` converted by a hostile converter."""
    spec = pinned(parse(type_of(name) if ":" in name or name[0].isupper() else name))
    requests = Requests.of(
        spec, converter=owner, arguments=arguments or {}, station=Station("S1"), instance="test"
    )
    descriptor = os.open(path, os.O_RDONLY)
    try:
        request = requests.convert(os.fspath(path), identity_of(path), "c-1")
        return await pool.ask(spec, owner, request, descriptor, hear, begin=begin)
    finally:
        os.close(descriptor)


def children() -> list[int]:
    """The processes that are our children now."""
    lists = [path.read_text().split() for path in Path("/proc/self/task").glob("*/children")]
    return [int(pid) for pids in lists for pid in pids]


def descriptors() -> int:
    """How many files we have open now."""
    return len(list(Path("/proc/self/fd").iterdir()))


def told_in(path: Path) -> Any:
    """What a converter wrote down for its test."""
    return json.loads(path.read_text())


async def is_at_full_strength(pool: Pool, name: str, good: Path) -> None:
    """The next file of the same converter is converted, by one process."""
    with trio.fail_after(10):
        answer = await ask(pool, name, good)
    assert isinstance(answer, Done)
    assert answer.reports[0].serial_number == "good.txt"
    statistics = pool.statistics()
    assert statistics.alive <= pool.places
    assert statistics.started == statistics.alive + statistics.recycled
    assert statistics.busy == 0


class Told:
    """A process that a converter told of; held by a descriptor, so it can be waited for."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self.descriptor: int | None = os.pidfd_open(pid)
        except ProcessLookupError:
            self.descriptor = None

    def wait_gone(self, seconds: float = 5.0) -> bool:
        """Whether it has ended within `seconds`."""
        if self.descriptor is None:
            return True
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        gone = bool(poll.poll(int(seconds * 1000)))
        os.close(self.descriptor)
        return gone
