"""The lines of converters come, go and change; what they had accepted is put away."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import frozen

from pywats_trio.config.options import ConverterOptions, SupervisionOptions
from pywats_trio.errors import ConfigError
from pywats_trio.intake.room import Room
from pywats_trio.model import Converted, Kind
from pywats_trio.observe.board import Board, Cause
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.sqlite_store import SqliteStore, open_store
from pywats_trio.queue.store import Topic
from pywats_trio.service.lines import Lines
from pywats_trio.service.supervise import Supervisor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pywats_trio.model import Unit


@frozen
class Hall:
    """Lines in two nurseries, on a real store."""

    lines: Lines
    store: SqliteStore
    board: Board
    putting_away: trio.Nursery
    taking_in: trio.Nursery

    async def accepted(self, count: int) -> None:
        with trio.fail_after(10):
            while self.store.counts().of(Kind.FILE, "PENDING") < count:  # type: ignore[arg-type] # a StrEnum
                await self.store.bell(Topic.FILE).ticket().wait()

    async def convert(self) -> None:
        for claim in await self.store.claim(Kind.FILE, 10, "test"):
            await self.store.finish(claim, Converted((), "ab"))


@asynccontextmanager
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    board = Board()
    async with (
        open_store(tmp_path / "queue.db") as store,
        open_desk(tmp_path / "queue.db") as desk,
        trio.open_nursery() as putting_away,
        trio.open_nursery() as taking_in,
    ):
        lines = Lines(
            store=store,
            desk=desk,
            room=Room(store, 0, board),
            board=board,
            supervisor=Supervisor(SupervisionOptions(), board),
            inbox=str(tmp_path / "inbox"),
        )
        yield Hall(lines, store, board, putting_away, taking_in)
        taking_in.cancel_scope.cancel()
        putting_away.cancel_scope.cancel()


class Author:
    """Says which names a converter takes, or that it cannot."""

    def __init__(self, *answers: tuple[str, ...] | ConfigError) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def patterns(self, options: ConverterOptions) -> tuple[str, ...]:
        await trio.lowlevel.checkpoint()
        self.asked += 1
        answer = self._answers.pop(0)
        if isinstance(answer, ConfigError):
            raise answer
        return answer

    async def unit(self, options: ConverterOptions) -> Unit | None:
        await trio.lowlevel.checkpoint()
        return None

    async def describe(self, options: ConverterOptions) -> object:
        return await self.patterns(options)


NOBODY = Author()


def line(tmp_path: Path, name: str = "a", **changes: object) -> ConverterOptions:
    watch = tmp_path / name
    watch.mkdir(exist_ok=True)
    values = {"name": name, "watch": watch, "settle_seconds": 0.01, "patterns": ("*.txt",)}
    return ConverterOptions(**(values | changes))  # type: ignore[arg-type] # by name


def drop(options: ConverterOptions, name: str = "1.txt") -> Path:
    path = options.watch / name
    path.write_text("content")
    return path


def left(options: ConverterOptions) -> list[str]:
    return sorted(path.name for path in options.watch.iterdir() if path.is_file())


async def until_left(options: ConverterOptions, names: list[str]) -> None:
    with trio.fail_after(10):
        while left(options) != names:
            await trio.lowlevel.checkpoint()


async def opened(here: Hall, options: ConverterOptions, author: Author = NOBODY) -> None:
    await here.lines.open(options, here.putting_away)
    await here.lines.take_in(options.name, author, here.taking_in)


async def test_a_line_takes_files_and_puts_them_away(tmp_path: Path) -> None:
    async with hall(tmp_path) as here:
        options = line(tmp_path)
        await opened(here, options)
        assert (here.lines.names(), here.lines.takes_in("a")) == (["a"], True)
        drop(options)
        await here.accepted(1)
        await here.convert()
        await until_left(options, [])
        assert [path.name for path in (options.watch / "Done").iterdir()] == ["1.txt"]


async def test_a_retired_line_takes_nothing_but_puts_away_what_it_had_accepted(
    tmp_path: Path,
) -> None:
    async with hall(tmp_path) as here:
        options = line(tmp_path)
        await opened(here, options)
        drop(options)
        await here.accepted(1)
        await here.lines.retire("a")
        assert (here.lines.names(), here.lines.takes_in("a")) == (["a"], False)
        assert (here.lines.scan_now(), here.lines.facts()["a"]["watching"]) == (0, False)
        drop(options, "late.txt")
        await here.convert()
        await until_left(options, ["late.txt"])
        await here.lines.take_in("a", NOBODY, here.taking_in)
        await here.accepted(1)


async def test_what_held_a_retired_converter_up_is_forgotten_and_nothing_of_others(
    tmp_path: Path,
) -> None:
    async with hall(tmp_path) as here:
        await opened(here, line(tmp_path))
        for subject in ("a", "a: part", "ab"):
            here.board.begin(Cause.CONVERTER, subject, "it cannot be used")
        await here.lines.retire("a")
        assert list(here.board.conditions) == [(Cause.CONVERTER, "ab")]


async def test_a_closed_line_is_gone_and_the_next_goes_on_from_the_queue(tmp_path: Path) -> None:
    async with hall(tmp_path) as here:
        options = line(tmp_path)
        await opened(here, options)
        drop(options)
        await here.accepted(1)
        here.board.begin(Cause.FOLDER, "a: something", "it cannot be read")
        await here.lines.close("a")
        assert (here.lines.names(), here.board.conditions) == ([], {})
        await here.convert()
        assert left(options) == ["1.txt"]
        await opened(here, line(tmp_path, done_dir="Other"))
        await until_left(options, [])
        assert [path.name for path in (options.watch / "Other").iterdir()] == ["1.txt"]


async def test_each_folder_has_one_thread_however_often_its_line_changes(tmp_path: Path) -> None:
    async with hall(tmp_path) as here:
        options = line(tmp_path), line(tmp_path, "b")
        threads = dict(here.lines.threads(options))
        assert threads["a"] is not threads["b"]
        for _ in range(2):
            await opened(here, options[0])
            await here.lines.close("a")
        assert here.lines.threads(options) == threads


async def test_a_converter_that_cannot_be_asked_lets_its_files_wait_until_it_can(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    from pywats_trio.service.lines import ASK_AGAIN_SECONDS

    author = Author(ConfigError("no such module"), ("*.txt",))
    async with hall(tmp_path) as here:
        options = line(tmp_path, patterns=())
        drop(options)
        await opened(here, options, author)  # ready at once, whatever its author does
        while author.asked < 1:
            await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()
        assert here.lines.facts()["a"]["watching"] is False
        assert here.lines.scan_now() == 1  # it is read when it can be
        mock_clock.jump(ASK_AGAIN_SECONDS)
        mock_clock.rate = 1
        await here.accepted(1)
        assert author.asked == 2


async def test_a_doubted_converter_takes_files_and_is_asked_until_it_can_be_used(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    from pywats_trio.service.lines import ASK_AGAIN_SECONDS

    author = Author(ConfigError("no such module"), ("*",))
    async with hall(tmp_path) as here:
        options = line(tmp_path)
        await here.lines.open(options, here.putting_away)
        await here.lines.take_in("a", author, here.taking_in, doubted=True)
        while author.asked < 1:
            await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(ASK_AGAIN_SECONDS)
        mock_clock.rate = 1
        drop(options)
        await here.accepted(1)
        assert author.asked == 2


async def test_a_drain_puts_away_what_can_be_put_away_and_ends(tmp_path: Path) -> None:
    async with hall(tmp_path) as here:
        options = line(tmp_path)
        await opened(here, options)
        drop(options)
        await here.accepted(1)
        await here.convert()
        here.taking_in.cancel_scope.cancel()
        here.lines.drain()
        with trio.fail_after(10):
            while here.putting_away.child_tasks:
                await trio.lowlevel.checkpoint()
        assert left(options) == []


@pytest.mark.parametrize("name", ["a", "b"])
async def test_what_is_asked_of_a_line_that_is_not_there_is_answered(
    tmp_path: Path, name: str
) -> None:
    async with hall(tmp_path) as here:
        assert here.lines.takes_in(name) is False
        assert (here.lines.facts(), here.lines.scan_now()) == ({}, 0)
