"""What a converter takes while its author cannot say it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from pywats_trio.errors import ConfigError, StoreError
from pywats_trio.model import Form, Kind, Unit
from pywats_trio.service.lines import ASK_AGAIN_SECONDS
from pywats_trio.service.taken import UNITS, Taken
from tests.service.test_lines import hall, line

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pywats_trio.config.options import ConverterOptions
    from tests.service.test_lines import Hall

BROKEN = ConfigError("it cannot be imported")
FOLDERS = Unit(Form.FOLDER, "", 1, 0.01)


class Author:
    """Says what it takes, or that it cannot."""

    def __init__(self, *answers: Unit | ConfigError | None) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def unit(self, options: ConverterOptions) -> Unit | None:
        await trio.lowlevel.checkpoint()
        self.asked += 1
        answer = self._answers.pop(0)
        if isinstance(answer, ConfigError):
            raise answer
        return answer

    async def patterns(self, options: ConverterOptions) -> tuple[str, ...]:
        raise AssertionError("they are configured")

    async def describe(self, options: ConverterOptions) -> object:
        raise AssertionError("nobody doubts it")


async def taken_in(here: Hall, options: ConverterOptions, author: Author) -> None:
    await here.lines.open(options, here.putting_away)
    await here.lines.take_in(options.name, author, here.taking_in)


async def forms(here: Hall, count: int) -> list[Form]:
    """Of so many that are accepted, and claimed here."""
    await here.accepted(count)
    claims = await here.store.claim(Kind.FILE, 10, "test")
    return [claim.item.form for claim in claims]


def drop(options: ConverterOptions) -> None:
    """A file and a folder of names that fit."""
    (options.watch / "file.txt").write_text("1")
    (options.watch / "folder.txt").mkdir()
    (options.watch / "folder.txt" / "1").write_text("1")


async def test_a_converter_of_folders_that_broke_takes_folders_over_a_restart(
    tmp_path: Path,
) -> None:
    options = line(tmp_path)
    async with hall(tmp_path) as here:
        await taken_in(here, options, Author(FOLDERS))
        with trio.fail_after(10):
            while not here.store.remembered(UNITS):
                await trio.lowlevel.checkpoint()
    async with hall(tmp_path) as here:
        author = Author(BROKEN, BROKEN)
        await taken_in(here, options, author)
        drop(options)
        assert await forms(here, 1) == [Form.FOLDER]
        assert author.asked == 2


async def test_a_converter_that_never_said_it_takes_files_until_it_does(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    options = line(tmp_path)
    async with hall(tmp_path) as here:
        await taken_in(here, options, Author(BROKEN, BROKEN, FOLDERS))
        mock_clock.rate = 1
        drop(options)
        assert await forms(here, 1) == [Form.FILE]
        mock_clock.jump(ASK_AGAIN_SECONDS)
        assert await forms(here, 1) == [Form.FOLDER]


async def test_a_configuration_that_speaks_of_folders_waits_for_its_author(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    options = line(tmp_path, minimum_files=1)
    async with hall(tmp_path) as here:
        author = Author(BROKEN, BROKEN, FOLDERS)
        await taken_in(here, options, author)
        drop(options)
        while author.asked < 2:
            await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()
        assert not here.lines.is_watching("a")
        mock_clock.jump(ASK_AGAIN_SECONDS)
        mock_clock.rate = 1
        assert await forms(here, 1) == [Form.FOLDER]


async def test_what_was_said_belongs_to_the_type(tmp_path: Path) -> None:
    options, other = line(tmp_path), line(tmp_path, type="other")
    async with hall(tmp_path) as here:
        taken = Taken(here.store)
        for unit in (FOLDERS, Unit(Form.PAIR, "m", 7, 1.5), None):
            await taken.learn(options, unit)
            assert (taken.last(options), taken.last(other)) == (unit, None)
        assert here.store.remembered(UNITS) == "{}"


async def test_a_disk_that_is_full_keeps_nobody_from_watching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hall(tmp_path) as here:

        async def full(_key: str, _value: str) -> None:
            await trio.lowlevel.checkpoint()
            raise StoreError("the disk is full")

        monkeypatch.setattr(here.store, "remember", full)
        options = line(tmp_path)
        await taken_in(here, options, Author(FOLDERS))
        drop(options)
        assert await forms(here, 1) == [Form.FOLDER]
