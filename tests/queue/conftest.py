from __future__ import annotations

import contextlib
import resource
import threading
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import structlog
import trio

from pywats_trio import faultpoint
from tests.contract.kit import SqliteBench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> SqliteBench:
    return SqliteBench(tmp_path / "queue.db")


@pytest.fixture
def arm() -> Iterator[Callable[[str], None]]:
    """`arm("name=raise@1")` makes the service fail there, until the test ends."""
    yield faultpoint.arm
    faultpoint.arm("")


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A disk that is full whenever a test says so."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield Disk(before)
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@attrs.frozen
class Disk:
    before: tuple[int, int]

    def fill(self, file: Path, room: int = 0) -> None:
        """From now on `file` grows by `room` bytes at most (and so does no other file)."""
        limit = file.stat().st_size + room
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, self.before[1]))

    def free(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self.before)


class StuckThread:
    """An operation or a clock that holds the writer's thread until it is let go."""

    def __init__(self) -> None:
        self._begun = threading.Event()
        self._go = threading.Event()

    def __call__(self, *_ignored: object) -> None:
        self._begun.set()
        assert self._go.wait(20), "nobody let the thread go"

    async def begun(self) -> None:
        await trio.to_thread.run_sync(self._begun.wait, 20)

    def let_go(self) -> None:
        self._go.set()


@pytest.fixture
def stuck() -> Iterator[StuckThread]:
    thread = StuckThread()
    yield thread
    thread.let_go()


class Logged:
    """The log, as a test waits for it."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self._more = trio.Event()

    def __call__(self, _logger: object, level: str, entry: Any) -> Any:
        self.entries.append(entry | {"level": level})
        self._more.set()
        raise structlog.DropEvent

    def count(self, event: str) -> int:
        return sum(entry["event"] == event for entry in self.entries)

    async def wait_for(self, event: str, times: int = 1) -> None:
        with trio.fail_after(10):
            while self.count(event) < times:
                self._more = trio.Event()
                await self._more.wait()


@pytest.fixture
def logged() -> Iterator[Logged]:
    before = structlog.get_config()
    logged = Logged()
    structlog.configure(processors=[logged])
    with contextlib.ExitStack() as stack:
        stack.callback(structlog.configure, **before)
        yield logged
