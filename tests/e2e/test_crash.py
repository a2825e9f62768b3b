"""The installed command, killed with SIGKILL at any moment: nothing is lost, nothing doubled."""

from __future__ import annotations

import ast
import random
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from attrs import frozen

import pywats_trio
from pywats_trio.devserver import DevServer, open_devserver
from pywats_trio.faultpoint import VARIABLE
from pywats_trio.model import Kind
from tests.e2e.books import Books, audit, files_in, lives
from tests.e2e.clients import knock, peer
from tests.e2e.harness import Daemon, daemon, write_config

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 20261124
KILLS = 20
LOAD = 60
"""Reports that the server still waits for whenever the command is started."""
ONE_ATTEMPT: dict[str, object] = {"max_attempts": 1}
"""A kill that counted as an attempt would make a report FAILED."""
GROUP = 6
GROUPS = 8
"""Groups of files that are dropped, one when the last is delivered, until the fault strikes."""


async def until_killed(running: Daemon, server: DevServer, dice: random.Random) -> None:
    """Let it run until the n-th report reaches the server or the n-th line its log, and kill it."""
    if dice.random() < 0.5:
        enough = server.journal.submits + dice.randint(1, 15)
        await running.until_true(partial(server.wait_until, lambda s: s.journal.submits >= enough))
    else:
        await running.until_lines(dice.randint(1, 30))
    running.kill()
    assert await running.end() == -9


async def finish(config: Path, books: Books, server: DevServer) -> None:
    """Start it once more, without faults, and stop it when all has arrived."""
    async with daemon(config) as running:
        await running.until_true(partial(books.until_delivered, server))
        assert await running.stop() == 0


async def test_twenty_kills_under_load_lose_and_double_nothing(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url, retry=ONE_ATTEMPT, converter=ONE_ATTEMPT)
        books = Books(tmp_path / "drop")
        for _ in range(KILLS):
            books.drop(LOAD - len(books.missing(server)))
            async with daemon(config, ready=False) as running:
                await until_killed(running, server, dice)
        await finish(config, books, server)
        cut_off = await audit(books, tmp_path / "data", server, books.folder / "Done")
    assert cut_off > 0


# The fault points


def fault_points() -> list[str]:
    """The names of all calls of `faultpoint.hit` in the source."""
    package = Path(pywats_trio.__file__).parent
    found = {name for path in package.rglob("*.py") for name in _points_of(path)}
    return sorted(found)


def _points_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="faultpoint"), attr="hit"), args=[name]
            ):
                yield from _names(name)


def _names(name: ast.expr) -> list[str]:
    match name:
        case ast.Constant(value=str() as text):
            return [text]
        case ast.JoinedStr(values=[ast.FormattedValue(), ast.Constant(value=str() as rest)]):
            return [f"{kind}{rest}" for kind in Kind]
    raise AssertionError(f"line {name.lineno}: this fault point cannot be tested by its name")


EACH_IN_ITS_OWN: dict[str, object] = {"recycle_after_jobs": 1}
"""Workers that do one job each, so that one is started for every file."""


@frozen
class Kill:
    """A fault point, and at which pass of it the process is killed."""

    point: str
    passes: int


def step_of(point: str) -> str:
    """Which step of the path a point belongs to; `file` and `report` are the ends of two steps."""
    first = point.partition(".")[0]
    return {"file": "convert", "report": "deliver"}.get(first, first)


def kills_in(step: str) -> list[Kill]:
    """One at each point of a step, at a seeded pass."""
    dice = random.Random(f"{SEED} {step}")
    return [Kill(point, dice.randint(1, GROUP)) for point in POINTS if step_of(point) == step]


POINTS = fault_points()
CHAINS = {step: kills_in(step) for step in sorted({step_of(point) for point in POINTS})}
# Each operation on the queue passes here: while the service starts, and later.
CHAINS["store"] += [Kill("store.before_commit", passes) for passes in (1, 11, 23)]
# Steps that files of a watch folder do not take have tests of their own.
for step in ("inbox", "export", "restore"):
    del CHAINS[step]


@pytest.mark.parametrize("chain", CHAINS)
async def test_kills_between_two_steps_lose_and_double_nothing(tmp_path: Path, chain: str) -> None:
    async with open_devserver() as server:
        workers = EACH_IN_ITS_OWN if chain == "pool" else {}
        config = write_config(
            tmp_path, server.url, retry=ONE_ATTEMPT, converter=ONE_ATTEMPT, workers=workers
        )
        books = Books(tmp_path / "drop")
        await kill_at(CHAINS[chain], config, books, server)
        await audit(books, tmp_path / "data", server, books.folder / "Done")


async def test_kills_while_httpx_sends_lose_and_double_nothing(tmp_path: Path) -> None:
    async with open_devserver() as server:
        transport = {"transport": "httpx"}
        config = write_config(
            tmp_path, server.url, retry=ONE_ATTEMPT, converter=ONE_ATTEMPT, server=transport
        )
        books = Books(tmp_path / "drop")
        await kill_at([Kill("deliver.sent", 2)], config, books, server)
        await audit(books, tmp_path / "data", server, books.folder / "Done")


async def test_a_kill_before_a_submitted_copy_is_accepted_leaves_nothing_of_it(
    tmp_path: Path,
) -> None:
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url)
        books = Books(tmp_path / "outside")
        books.folder.mkdir()
        first, second = books.drop(2)
        async with daemon(config, environment={VARIABLE: "inbox.copied=kill@2"}) as running:
            async with peer(running) as submitter:
                await submitter.ask("submit_file", path=str(books.folder / first.name))
                await submitter.send("submit_file", path=str(books.folder / second.name))
            assert await running.end() == -9
        async with daemon(config) as running:
            async with peer(running) as submitter:
                await submitter.ask("submit_file", path=str(books.folder / second.name))
            await running.until_true(partial(books.until_delivered, server))
            assert await running.stop() == 0
        assert server.journal.sends() == {first.report_id: 1, second.report_id: 1}
        assert {life.state for life in lives(tmp_path / "data")} == {"COMPLETED"}
        assert files_in(tmp_path / "data" / "inbox", "**/*") == {}


@pytest.fixture
def other_device(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system than the watch folder, so that files must be copied."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system to archive to")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


POST_ACTIONS = {
    "delete": [Kill("putaway.named", 3), Kill("putaway.linked", 3)],
    "keep": [Kill("putaway.before_commit", 2), Kill("accept.committed", 2)],
    "archive": [Kill("putaway.named", 2), Kill("putaway.linked", 3), Kill("putaway.moved", 2)],
}


@pytest.mark.parametrize("action", POST_ACTIONS)
async def test_kills_in_every_post_action_lose_and_double_nothing(
    tmp_path: Path, other_device: Path, action: str
) -> None:
    async with open_devserver() as server:
        options = {"post_action": action, "archive_dir": str(other_device)}
        config = write_config(
            tmp_path, server.url, retry=ONE_ATTEMPT, converter=ONE_ATTEMPT | options
        )
        books = Books(tmp_path / "drop")
        await kill_at(POST_ACTIONS[action], config, books, server)
        done = {"delete": None, "keep": books.folder, "archive": other_device}
        await audit(books, tmp_path / "data", server, done[action])


async def kill_at(kills: list[Kill], config: Path, books: Books, server: DevServer) -> None:
    """One life of the command for each kill, and a last one without."""
    for kill in kills:
        fault = {VARIABLE: f"{kill.point}=kill@{kill.passes}"}
        async with daemon(config, environment=fault, ready=False) as running:
            await until_struck(running, books, server, kill)
    await finish(config, books, server)


async def until_struck(running: Daemon, books: Books, server: DevServer, kill: Kill) -> None:
    """Drop files, and come to its doors, until the process has killed itself."""

    async def visit() -> None:
        await books.until_delivered(server)
        await knock(running)

    for _ in range(GROUPS):
        books.drop(GROUP)
        if not await running.until_either(visit):
            assert running.process.returncode == -9, kill
            return
    raise AssertionError(f"{kill} did not happen: give this point a configuration that leads there")
