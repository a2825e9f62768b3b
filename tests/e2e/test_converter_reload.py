"""Another state of a converter's code while the service works: swapped, or refused; none is lost.

Each way to it: the command, a changed file, SIGHUP; each kind: a file, a module, an entry point.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import define

from benchmarks import data
from pywats_trio.control import ServiceState
from pywats_trio.devserver import open_devserver
from pywats_trio.errors import ConfigError, NotFoundError
from pywats_trio.observe.board import Cause
from tests.e2e.books import Books, audit
from tests.e2e.calling import ask, call
from tests.e2e.harness import daemon, write_config
from tests.e2e.plant import plant, with_line

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.devserver import DevServer
    from tests.e2e.plant import Plant

OPEN = {"max": 2, "sandbox": "basic"}
"""Not shut in, so that a converter can wait at a gate of the test."""
CODE = """
import json

from pywats_trio.converters import Converter, Report


class Made(Converter):
    id = "made"
    version = "{version}"
    patterns = ("{patterns}",)

    def convert(self, source, context):
        context.logger.info("begun")
        try:
            with open("{gate}", "rb") as gate:
                gate.read()
        except FileNotFoundError:
            pass  # it is open
        report = json.loads(source.read_bytes())
        report["rev"] = "{version}"
        yield Report(report)
"""
BROKEN = "import json\n\nraise ImportError('not finished')\n"


@define
class Author:
    """Who writes a converter's file, as an editor does: another file in place of the former."""

    file: Path
    gate: str = ""

    @property
    def type(self) -> str:
        return f"{self.file}:Made"

    def writes(self, version: str, patterns: str = "*.json") -> None:
        """A version that works."""
        code = CODE.format(version=version, patterns=patterns, gate=self.gate)
        self.saves(code)

    def saves(self, text: str) -> None:
        """Whatever it is."""
        beside = self.file.with_name("4913~")
        beside.write_text(text)
        beside.replace(self.file)


@pytest.fixture
def author(tmp_path: Path) -> Author:
    """Has written version 1."""
    author = Author(tmp_path / "made.py")
    author.writes("1")
    return author


class Gate:
    """A pipe that conversions wait at until it is opened for good."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._path = path
        self._held = os.open(path, os.O_RDWR)

    def open(self) -> None:
        """Let through those who wait, and all that come."""
        self._path.unlink()
        os.close(self._held)


async def arrived_by_version(here: Plant) -> Counter[str]:
    await here.arrived()
    return await here.revisions()


# Under load


async def test_a_reload_in_the_middle_of_200_jobs_loses_none_and_each_names_its_version(
    tmp_path: Path, author: Author
) -> None:
    author.gate = str(tmp_path / "gate")
    gate = Gate(tmp_path / "gate")
    author.writes("1")
    async with plant(tmp_path, type=author.type, workers=OPEN) as here:
        here.books.drop(200)
        await here.site.until_event("a converter says", times=2)
        old = here.service.board.converters()[0]["revision"]
        author.writes("2")
        told = await here.service.converters.reload(["line-1"])
        assert [one["version"] for one in told["reloaded"]] == ["2"]
        author.saves(BROKEN)
        told = await here.service.converters.reload(["line-1"])
        [refused] = told["refused"]
        assert "not finished" in refused["why"]
        assert "made.py" in refused["traceback"]
        assert len(here.site.events("a converter says")) == 2  # all that time
        gate.open()
        versions = await arrived_by_version(here)
        [facts] = here.service.board.converters()
        await check_history(here, {"1": old, "2": facts["revision"]})
    assert versions.total() == 200
    # Two were in hand, and one waited for a process.
    assert 2 <= versions["1"] <= 3
    assert versions.keys() == {"1", "2"}
    assert (facts["version"], facts["state"]) == ("2", "in use")
    assert "not finished" in facts["refused"]["why"]


async def check_history(here: Plant, revisions: dict[str, str]) -> None:
    """Of each report, the history of its file names the version that made it, and which state."""
    made: dict[str, str] = dict(
        here.site.rows(
            "SELECT report.report_id, file.worker FROM items AS report"
            " JOIN items AS file ON file.id = report.parent_id"
        )
    )
    assert len(made) == len(here.books.dropped)
    for file in here.books.dropped:
        body = await here.server.body(file.report_id)
        assert body is not None
        version = json.loads(body)["rev"]
        assert f", version {version} ({revisions[version]})" in made[file.report_id]


async def test_processes_of_the_former_code_end_as_soon_as_they_are_idle(
    tmp_path: Path, author: Author
) -> None:
    async with plant(tmp_path, type=author.type, workers={"max": 3}) as here:  # room for both
        here.books.drop(1)
        await here.arrived()
        pool = here.service._at_work()._pipeline.parts.conversion.pool  # noqa: SLF001 - its pids
        [former] = pool.pids()
        author.writes("2")
        await here.service.converters.reload()
        with trio.fail_after(20):
            while former in pool.pids():
                await trio.lowlevel.checkpoint()
        here.books.drop(1)
        assert await arrived_by_version(here) == {"1": 1, "2": 1}


# The file


async def test_a_changed_file_comes_into_use_by_itself(tmp_path: Path, author: Author) -> None:
    async with plant(tmp_path, type=author.type) as here:
        here.books.drop(1)
        await here.arrived()
        author.writes("2")
        [told] = await here.site.until_event("converter reloaded")
        assert (told["converter"], told["version"]) == ("line-1", "2")
        here.books.drop(1)
        assert await arrived_by_version(here) == {"1": 1, "2": 1}


async def test_a_changed_file_that_cannot_be_imported_is_told_once_and_the_old_one_works_on(
    tmp_path: Path, author: Author
) -> None:
    workers = {"recycle_after_jobs": 1}  # so that each file is the first of its process
    async with plant(tmp_path, type=author.type, workers=workers) as here:
        author.saves(BROKEN)
        [told] = await here.site.until_event("converter not reloaded; what was in use goes on")
        assert "not finished" in told["error"]
        assert "ImportError" in told["traceback"]
        here.books.drop(3)
        assert await arrived_by_version(here) == {"1": 3}
        assert here.service.state is ServiceState.RUNNING
        os.utime(author.file)  # it holds what it held
        author.writes("2")
        await here.site.until_event("converter reloaded")
        here.books.drop(1)
        assert await arrived_by_version(here) == {"1": 3, "2": 1}
        [facts] = here.service.board.converters()
        assert facts["refused"] is None
        assert len(here.site.events("converter not reloaded; what was in use goes on")) == 1


async def test_where_nothing_is_in_use_a_refusal_says_that_the_files_wait(
    tmp_path: Path, author: Author
) -> None:
    author.saves(BROKEN)
    async with plant(tmp_path, type=author.type, patterns=("*.json",), audited=False) as here:
        here.books.drop(1)
        await here.site.until(lambda: here.service.state is ServiceState.DEGRADED)
        told = await here.service.converters.reload(["line-1"])
        assert [one["in_use"] for one in told["refused"]] == [False]
        await here.site.until_event("converter not reloaded; its files wait")
        author.writes("1")
        await here.service.converters.reload(["line-1"])
        author.saves(BROKEN)
        told = await here.service.converters.reload(["line-1"])
        assert [one["in_use"] for one in told["refused"]] == [True]
        await here.site.until_event("converter not reloaded; what was in use goes on")
        assert await arrived_by_version(here) == {"1": 1}


@pytest.mark.parametrize("patterns", [(), ("*.json",)], ids=["the author's", "configured"])
async def test_a_state_that_could_not_be_used_is_mended_and_all_its_files_are_delivered(
    tmp_path: Path, author: Author, patterns: tuple[str, ...]
) -> None:
    author.saves(BROKEN)
    async with plant(tmp_path, audited=False, type=author.type, patterns=patterns) as here:
        here.books.drop(20)
        await here.site.until(lambda: bool(here.service.board.held_up_by(Cause.CONVERTER)))
        author.writes("1")
        with trio.fail_after(20):  # and not after the 30 s for which it is left alone
            assert await arrived_by_version(here) == {"1": 20}
        assert here.service.board.conditions == {}


async def test_what_was_missing_beside_it_is_there_and_a_reload_takes_the_same_code_into_use(
    tmp_path: Path, author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    monkeypatch.syspath_prepend(packages)
    author.saves("import made_helper\n" + author.file.read_text())
    async with plant(tmp_path, audited=False, type=author.type) as here:
        here.books.drop(3)
        await here.site.until(lambda: bool(here.service.board.held_up_by(Cause.CONVERTER)))
        (packages / "made_helper.py").write_text("")
        told = await here.service.converters.reload()
        assert [one["name"] for one in told["unchanged"]] == ["line-1"]
        with trio.fail_after(20):  # and not when its author is asked again
            assert await arrived_by_version(here) == {"1": 3}


async def test_a_file_that_was_not_there_is_used_once_it_is(tmp_path: Path, author: Author) -> None:
    author.file.unlink()
    async with plant(tmp_path, audited=False, type=author.type, patterns=("*.json",)) as here:
        here.books.drop(3)
        await here.site.until(lambda: bool(here.service.board.held_up_by(Cause.CONVERTER)))
        author.writes("1")
        with trio.fail_after(20):
            assert await arrived_by_version(here) == {"1": 3}


async def test_a_file_that_goes_leaves_the_code_that_was_read(
    tmp_path: Path, author: Author
) -> None:
    async with plant(tmp_path, type=author.type, workers={"recycle_after_jobs": 1}) as here:
        author.file.unlink()
        told = await here.service.converters.reload()
        assert "does not exist" in told["refused"][0]["why"]
        here.books.drop(2)
        assert await arrived_by_version(here) == {"1": 2}


async def test_a_new_version_may_take_other_files(tmp_path: Path, author: Author) -> None:
    async with plant(tmp_path, audited=False, type=author.type) as here:
        other = here.site.drop("other.txt", data.report("run", 1, 1000))
        author.writes("2", patterns="*.txt")
        await here.site.until_event("report delivered")
    assert not other.exists()


async def test_a_version_whose_arguments_do_not_fit_is_refused(
    tmp_path: Path, author: Author
) -> None:
    wanted = 'patterns = ("*.json",)\n    arguments = {"line": Argument(str, required=True)}'
    code = CODE.format(version="2", patterns="*.json", gate="")
    code = code.replace('patterns = ("*.json",)', wanted)
    async with plant(tmp_path, type=author.type) as here:
        author.saves(code.replace("import Converter", "import Argument, Converter"))
        told = await here.service.converters.reload()
        assert "line" in told["refused"][0]["why"]
        here.books.drop(1)
        assert await arrived_by_version(here) == {"1": 1}
        # With the argument the same file is good: both come into use in one step.
        await here.service.reload(with_line(here.config, arguments={"line": "A"}))
        here.books.drop(1)
        assert await arrived_by_version(here) == {"1": 1, "2": 1}


async def test_with_another_configuration_the_former_code_goes_on_if_the_new_is_refused(
    tmp_path: Path, author: Author
) -> None:
    async with plant(tmp_path, type=author.type) as here:
        author.saves(BROKEN)
        told = await here.service.reload(with_line(here.config, priority=1))
        assert told["changed"] == ["converters.line-1"]
        assert "not finished" in told["refused"]["line-1"]
        here.books.drop(2)
        assert await arrived_by_version(here) == {"1": 2}


# Modules and entry points, under the installed command


@define
class Package:
    """A module that is installed beside the service, and an entry point that names it."""

    folder: Path
    gate: str = ""

    @classmethod
    def at(cls, folder: Path) -> Package:
        """In `folder`, which the service finds modules in."""
        info = folder / "made-1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made\nVersion: 1\n")
        (info / "entry_points.txt").write_text("[pywats_trio.converters]\nmade = made:Made\n")
        return cls(folder)

    def writes(self, version: str) -> None:
        """A version that works; the size differs with each, and so does what Python cached."""
        (self.folder / "made.py").write_text(
            CODE.format(version=version, patterns="*.json", gate=self.gate) + "#" * len(version)
        )

    def breaks(self) -> None:
        """What cannot be imported."""
        (self.folder / "made.py").write_text(BROKEN)

    @property
    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(self.folder)}


async def versions_of(books: Books, server: DevServer) -> Counter[str]:
    found: Counter[str] = Counter()
    for file in books.dropped:
        body = await server.body(file.report_id)
        assert body is not None
        found[json.loads(body)["rev"]] += 1
    return found


@pytest.mark.parametrize("kind", ["made:Made", "made"], ids=["module", "entry point"])
@pytest.mark.parametrize("way", ["SIGHUP", "converters reload"])
async def test_a_module_is_reloaded_and_a_broken_one_refused_while_its_processes_live(
    tmp_path: Path, kind: str, way: str
) -> None:
    package = Package.at(tmp_path / "packages")
    package.writes("1")
    workers = {"max": 2, "recycle_after_jobs": 10}
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url, converter={"type": kind}, workers=workers)
        books = Books(tmp_path / "drop")
        async with daemon(config, environment=package.environment) as running:

            async def deliver(count: int) -> None:
                books.drop(count)
                await running.until_true(partial(books.until_delivered, server))

            async def reload() -> None:
                if way == "SIGHUP":
                    running.process.send_signal(signal.SIGHUP)
                else:
                    await call(config, "converters", "reload", "line-1")

            await deliver(1)
            package.breaks()
            await reload()
            [told] = await running.until_event("converter not reloaded; what was in use goes on")
            assert "ImportError" in told["traceback"]
            await deliver(15)  # more than one process does otherwise
            assert await versions_of(books, server) == {"1": 16}
            package.writes("22")
            await reload()
            [told] = await running.until_event("converter reloaded")
            assert (told["version"], told["revision"]) == ("22", "#2")
            await deliver(3)
            assert await versions_of(books, server) == {"1": 16, "22": 3}
            assert await running.stop() == 0
        await audit(books, tmp_path / "data", server, books.folder / "Done")


# What the commands say


async def test_the_command_says_what_came_of_each(tmp_path: Path, author: Author) -> None:
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url, converter={"type": author.type})
        async with daemon(config) as running:
            told = await ask(config, "converters", "reload")
            assert [(one["name"], one["version"]) for one in told["unchanged"]] == [("line-1", "1")]
            author.writes("2")
            done = await call(config, "converters", "reload", "line-1")
            assert done.returncode == 0
            author.saves(BROKEN)
            done = await call(config, "converters", "reload")
            assert done.returncode == ConfigError.exit_code
            assert b"made.py" in done.stdout
            assert b"line-1: refused: " in done.stdout
            assert done.stderr == b"not reloaded: line-1; what was in use goes on\n"
            done = await call(config, "converters", "reload", "line-2")
            assert done.returncode == NotFoundError.exit_code
            assert b"did you mean 'line-1'?" in done.stderr
            done = await call(config, "reload")
            assert done.returncode == ConfigError.exit_code
            assert done.stdout.startswith(b"refused: line-1: it cannot be imported: ImportError")
            assert await running.stop() == 0
