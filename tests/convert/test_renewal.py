"""A new state of a converter's code is taken if it can be used; else what is wrong is said."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.config.options import Config, ConverterOptions, WorkerOptions
from pywats_trio.convert import renewal as module
from pywats_trio.convert.lineup import Edition, Lineup, Renewals
from pywats_trio.convert.outages import Outages
from pywats_trio.convert.pool import open_pool
from pywats_trio.convert.renewal import Renewal
from pywats_trio.observe.board import Board

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CODE = """
from pywats_trio.converters import Argument, Converter


class Made(Converter):
    id = "made"
    version = "{version}"
    arguments = {{"side": Argument(str, choices=("a", "b"))}}

    def convert(self, source, context):
        return []
"""


def write(file: Path, text: str) -> None:
    file.write_text(text)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "made.py"
    path.write_text(CODE.format(version="1"))
    return path


def options(type_: object, name: str = "line", **arguments: object) -> ConverterOptions:
    return ConverterOptions(name=name, type=str(type_), arguments=arguments)


@asynccontextmanager
async def lineup_of(*converters: ConverterOptions) -> AsyncIterator[Lineup]:
    lineup = Lineup(Config(converters=converters), Outages(Board()))
    async with trio.open_nursery() as nursery:
        await nursery.start(lineup.run)
        yield lineup
        nursery.cancel_scope.cancel()


async def look(
    tmp_path: Path, lineup: Lineup, *converters: ConverterOptions, changed_only: bool = False
) -> Renewals:
    """And take what comes of it into use."""
    async with open_pool(WorkerOptions(max=2), tmp_path / "scratch") as pool:
        found = await Renewal(lineup, pool, lambda: 7.0, changed_only).look(converters)
    lineup.adopt(found)
    return found


async def test_a_file_is_taken_as_it_is_now(tmp_path: Path, file: Path) -> None:
    line = options(f"{file}:Made", side="a")
    async with lineup_of(line) as lineup:
        before = lineup.get("line")
        write(file, CODE.format(version="2"))
        found = await look(tmp_path, lineup, line)
        assert (found.accepted["line"].version, found.refused) == ("2", {})
        assert before is not None
        assert found.accepted["line"].spec.revision != before.spec.revision
        assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize(
    ("text", "why", "traceback"),
    [
        ("raise ValueError('no')", "it cannot be imported: ValueError: no", "made.py"),
        ("class Made(", "it cannot be imported: SyntaxError", "class Made("),
        ("import os\nos._exit(7)", "exit code 7", ""),
        ("", "has no class 'Made'", ""),
        ("from pywats_trio.converters import Converter as Made", "has no id", ""),
        (CODE.format(version="1").replace('"a"', '"c"'), "arguments.side: ", ""),
    ],
    ids=["raises", "is cut off", "exits", "is empty", "has no id", "has other arguments"],
)
async def test_what_cannot_be_used_is_refused_and_why(
    tmp_path: Path, file: Path, text: str, why: str, traceback: str
) -> None:
    line = options(f"{file}:Made", side="a")
    async with lineup_of(line) as lineup:
        before = lineup.get("line")
        write(file, text)
        found = await look(tmp_path, lineup, line)
        assert found.accepted == {}
        refusal = found.refused["line"]
        assert why in refusal.why
        assert traceback in refusal.traceback
        assert refusal.at == 7.0
        assert lineup.get("line") is before


async def test_one_that_hangs_at_its_import_is_refused(tmp_path: Path, file: Path) -> None:
    line = options(f"{file}:Made")
    async with lineup_of(line) as lineup:
        write(file, "import signal\nsignal.pause()")
        workers = WorkerOptions(max=1, timeout_seconds=0.2)
        async with open_pool(workers, tmp_path / "scratch") as pool:
            found = await Renewal(lineup, pool, lambda: 0.0).look([line])
        assert "longer than 0.2 s" in found.refused["line"].why


async def test_only_what_has_changed_is_asked_where_that_is_wanted(
    tmp_path: Path, file: Path
) -> None:
    line, standard = options(f"{file}:Made"), options("wats-json", "standard")

    async def changed() -> Renewals:
        return await look(tmp_path, lineup, line, standard, changed_only=True)

    async with lineup_of(line, standard) as lineup:
        assert await changed() == Renewals()
        write(file, "nothing")
        assert (await changed()).refused.keys() == {"line"}
        assert await changed() == Renewals()  # it was told already
        write(file, CODE.format(version="1"))
        assert (await changed()).accepted.keys() == {"line"}  # so that the refusal is over
        assert lineup.refused == {}
        (tmp_path / "made.py").unlink()
        assert (await changed()).refused.keys() == {"line"}
        assert await changed() == Renewals()


async def test_whoever_asks_for_all_is_answered_about_what_has_not_changed_too(
    tmp_path: Path, file: Path
) -> None:
    line, standard = options(f"{file}:Made"), options("wats-json", "standard")
    async with lineup_of(line, standard) as lineup:
        found = await look(tmp_path, lineup, line, standard)
        assert found.accepted.keys() == {"line", "standard"}
        assert found.accepted["standard"].spec.revision == ""


async def test_states_of_a_module_are_counted(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    line = options("made:Made")
    async with lineup_of(line) as lineup:
        revisions = []
        for version in ("2", "33"):
            write(file, CODE.format(version=version))
            edition = (await look(tmp_path, lineup, line)).accepted["line"]
            revisions.append((edition.version, edition.spec.revision))
        assert revisions == [("2", "#2"), ("33", "#3")]
        write(file, "nothing = 1")
        assert "has no class" in (await look(tmp_path, lineup, line)).refused["line"].why
        write(file, CODE.format(version="4444"))
        assert (await look(tmp_path, lineup, line)).accepted["line"].spec.revision == "#4"


async def test_a_file_that_does_not_answer_is_refused(
    tmp_path: Path, file: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """All threads that read are taken, as by files on a share that hangs."""
    line = options(f"{file}:Made")
    lineup = Lineup(Config(converters=(line,)), Outages(Board()))
    lineup.adopt(Renewals({"line": Edition(await lineup.read(line))}))
    threads = lineup._threads  # noqa: SLF001 - a share that hangs is hard to have
    for number in range(module_readers := int(threads.total_tokens)):
        threads.acquire_on_behalf_of_nowait(number)
    async with open_pool(WorkerOptions(max=1), tmp_path / "scratch") as pool:
        found = await Renewal(lineup, pool, lambda: 0.0).look([line])
    assert f"within {module.ANSWER_SECONDS:g} s" in found.refused["line"].why
    for number in range(module_readers):
        threads.release_on_behalf_of(number)
