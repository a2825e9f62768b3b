"""Folders that are handed over: accepted durably and whole, or refused plainly."""

from __future__ import annotations

import json
import shutil
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import evolve

from pywats_trio.config.options import MIB, StationOptions
from pywats_trio.devserver import Fault, open_devserver
from pywats_trio.errors import InvalidInputError, NotFoundError
from pywats_trio.faultpoint import VARIABLE
from pywats_trio.model import Form, State
from tests.contract.kit import CancelAt
from tests.convert.kit import type_of
from tests.e2e.books import lives
from tests.e2e.calling import call
from tests.e2e.clients import peer
from tests.e2e.harness import daemon
from tests.e2e.plant import plant
from tests.e2e.test_folders import configured, until_status
from tests.e2e.test_submit import inbox, until_gone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.e2e.plant import Plant

TYPES = {Form.FOLDER: type_of("folders:Folders"), Form.PAIR: type_of("folders:Pairs")}
CODE = Path(TYPES[Form.FOLDER].rpartition(":")[0]).read_text()
STATION = {"name": "bench", "location": "Lab", "purpose": "Test"}
BOTH = pytest.mark.parametrize("form", [Form.FOLDER, Form.PAIR])
SURE = """
from pywats_trio.converters import Converter, FolderConverter, Report


class File(Converter):
    id = "file"
    patterns = ("*.txt",)

    def detect(self, source):
        return 0.9 if source.read_text().startswith("file") else 0.1

    def convert(self, source, context):
        yield Report.builder(
            serial_number=f"alone {source.read_text()}", part_number="P", revision="1",
            process_code=10, start="2026-03-02T08:15:30+01:00",
        ).build()


class Pair(FolderConverter):
    id = "pair"
    patterns = ("*.txt",)
    unit = "file-and-folder"

    def detect(self, source):
        return 0.5 if "a.txt" in source.files else 0.0

    def convert(self, source, context):
        yield Report.builder(
            serial_number=f"pair {source.read_text()} {len(source.files)}", part_number="P",
            revision="1", process_code=10, start="2026-03-02T08:15:30+01:00",
        ).build()
"""


def unit(folder: Path, form: Form, name: str = "DUT 1", header: str = "header") -> Path:
    """A unit that lies in no watch folder; the path that it is known under."""
    (folder / name / "deep").mkdir(parents=True)
    (folder / name / "a.txt").write_text("a")
    (folder / name / "deep" / "b.txt").write_text("b")
    if form is Form.FOLDER:
        return folder / name
    (folder / f"{name}.txt").write_text(header)
    return folder / f"{name}.txt"


def below(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


async def serials(here: Plant) -> list[str]:
    return sorted(one.serial for one in await here.server.received())


@asynccontextmanager
async def house(tmp_path: Path, **options: Any) -> AsyncIterator[Plant]:
    """A service whose reports have all that a server wants."""
    async with plant(tmp_path, audited=False, **options) as here:
        await here.service.reload(evolve(here.config, station=StationOptions(**STATION)))
        yield here


def plain(form: Form) -> dict[str, Any]:
    return {"type": TYPES[form], "patterns": ()}


# Accepted


@BOTH
async def test_a_unit_is_converted_and_its_copy_goes_while_it_stays(
    tmp_path: Path, form: Form
) -> None:
    async with house(tmp_path, **plain(form)) as here:
        outside = tmp_path / "outside"
        path = unit(outside, form)
        before = below(outside)
        item = await here.service.submit_file(path)
        assert (item.form, item.converter, Path(item.source).name) == (form, "line-1", path.name)
        assert (await here.service.wait(item.id)).delivered
        await until_gone(tmp_path)
        assert below(outside) == before
        assert await serials(here) == [path.name]


@BOTH
async def test_a_refused_unit_lies_in_the_error_folder_whole(tmp_path: Path, form: Form) -> None:
    code = tmp_path / "refusing.py"
    code.write_text(
        "from pywats_trio.converters import FolderConverter, Reject\n"
        f"class No(FolderConverter):\n    id = 'no'\n    patterns = ('*',)\n    unit = '{form}'\n"
        "    def convert(self, source, context):\n        raise Reject('I do not like it')\n"
    )
    async with house(tmp_path, type=f"{code}:No", patterns=()) as here:
        path = unit(tmp_path / "outside", form)
        ended = await here.service.wait((await here.service.submit_file(path)).id)
        assert (ended.delivered, ended.item.state) == (False, State.FAILED)
        await here.site.until_event("file refused")
        found = below(here.site.watch / "Error")
        told = json.loads(found.pop(f"{path.name}.error.json"))
        assert "I do not like it" in json.dumps(told)
        assert found == below(tmp_path / "outside")
        await until_gone(tmp_path)


@BOTH
@pytest.mark.parametrize("fault", ["inbox.copied=kill@1", "convert.claimed=kill@1"])
async def test_a_kill_loses_no_unit_that_was_accepted_and_leaves_no_other(
    tmp_path: Path, form: Form, fault: str
) -> None:
    async with open_devserver() as server:
        config = configured(tmp_path, server.url, TYPES[form])
        path = unit(tmp_path / "outside", form)
        environment = {VARIABLE: fault}
        async with daemon(config, environment=environment) as running, peer(running) as client:
            await client.send("submit_file", path=str(path))
            assert await running.end() == -9
        [_copy] = inbox(tmp_path)
        accepted = fault.startswith("convert")
        async with daemon(config) as running:
            if accepted:
                await running.until_true(
                    partial(server.wait_until, lambda server: server.journal.submits == 1)
                )
            assert await running.stop() == 0
        assert inbox(tmp_path) == []
        assert {life.state for life in lives(tmp_path / "data")} == (
            {"COMPLETED"} if accepted else set()
        )


async def test_a_unit_in_the_inbox_outlives_restarts(tmp_path: Path) -> None:
    async with open_devserver(faults=(Fault(hang=True),)) as server:
        code = tmp_path / "folders.py"
        code.write_text(CODE)
        config = configured(tmp_path, server.url, f"{code}:Folders")
        path = unit(tmp_path / "outside", Form.FOLDER)
        async with daemon(config) as running:
            await until_status(running, lambda told: bool(told["watching"]))
            assert await running.stop() == 0  # its author has said what it takes
        code.write_text("raise ImportError('not now')\n")
        for life in range(2):
            async with daemon(config) as running:
                if life == 0:
                    async with peer(running) as client:
                        told = await client.ask("submit_file", path=str(path))
                        assert Path(told["source"]).name == path.name
                running.kill()
                assert await running.end() == -9
            [copy] = inbox(tmp_path)
            assert below(copy) == below(tmp_path / "outside")
        server.faults.clear()
        code.write_text(CODE)
        async with daemon(config) as running:
            await running.until_true(
                partial(server.wait_until, lambda server: server.journal.submits >= 1)
            )
            assert await running.stop() == 0


async def test_of_a_header_with_its_folder_the_surest_decides_what_is_taken(
    tmp_path: Path,
) -> None:
    code = tmp_path / "sure.py"
    code.write_text(SURE)
    async with house(tmp_path, type=f"{code}:File", patterns=("*.txt",)) as here:
        [line] = here.config.converters
        (tmp_path / "pairs").mkdir()
        pair = evolve(line, name="pairs", type=f"{code}:Pair", watch=tmp_path / "pairs")
        await here.service.reload(evolve(here.config, converters=(line, pair)))
        outside = tmp_path / "outside"
        whole = await here.service.submit_file(unit(outside, Form.PAIR, "DUT 1", "whole"))
        alone = await here.service.submit_file(unit(outside, Form.PAIR, "DUT 2", "file"))
        assert (whole.converter, whole.form) == ("pairs", Form.PAIR)
        assert (alone.converter, alone.form) == ("line-1", Form.FILE)
        empty = await here.service.submit_file(unit(outside, Form.PAIR, "DUT 3", ""))
        assert (empty.converter, empty.form) == ("pairs", Form.PAIR)
        for item in (whole, alone, empty):
            assert (await here.service.wait(item.id)).delivered
        await until_gone(tmp_path)
        assert await serials(here) == ["alone file", "pair  2", "pair whole 2"]


async def test_a_folder_goes_to_the_surest_of_those_that_take_folders(tmp_path: Path) -> None:
    async with house(tmp_path, **plain(Form.FOLDER)) as here:
        [line] = here.config.converters  # it is sure of those that have a data.txt
        (tmp_path / "others").mkdir()
        (tmp_path / "files").mkdir()
        others = evolve(
            line, name="others", type=type_of("folders:Three"), watch=tmp_path / "others"
        )
        files = evolve(line, name="files", type="wats-json", watch=tmp_path / "files")
        await here.service.reload(evolve(here.config, converters=(files, line, others)))
        path = unit(tmp_path / "outside", Form.FOLDER)
        with pytest.raises(InvalidInputError, match="knows the format of DUT 1; name one with"):
            await here.service.submit_file(path)
        assert inbox(tmp_path) == []
        (path / "data.txt").write_text("data")
        item = await here.service.submit_file(path)
        assert (item.converter, item.form) == ("line-1", Form.FOLDER)
        assert (await here.service.wait(item.id)).delivered


async def test_the_command_takes_a_folder(tmp_path: Path) -> None:
    async with open_devserver() as server:
        config = configured(tmp_path, server.url, TYPES[Form.FOLDER])
        path = unit(tmp_path / "outside", Form.FOLDER)
        async with daemon(config) as running:
            done = await call(config, "submit", path, "--wait")
            assert (done.returncode, done.stderr) == (0, b""), done
            assert b"delivered, 1 report" in done.stdout
            assert await running.stop() == 0


# Refused


async def test_a_folder_that_nobody_takes_is_refused_and_nothing_is_copied(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        path = unit(tmp_path / "outside", Form.FOLDER)
        why = "is a folder, and no configured converter takes folders; configure one that does"
        with pytest.raises(InvalidInputError, match=why):
            await here.service.submit_file(path)
        with pytest.raises(InvalidInputError, match=r"'line-1' takes files, and .* is a folder"):
            await here.service.submit_file(path, converter="line-1")
        assert inbox(tmp_path) == []


@BOTH
async def test_what_cannot_be_taken_is_refused_at_once(tmp_path: Path, form: Form) -> None:
    workers = {"max_input_mb": 1}
    async with house(tmp_path, workers=workers, **plain(form)) as here:
        path = unit(tmp_path / "outside", form)
        big = tmp_path / "outside" / "DUT 1" / "big"
        big.write_bytes(b"x" * MIB)
        with pytest.raises(InvalidInputError, match="at most 1048576 are converted"):
            await here.service.submit_file(path)
        shutil.rmtree(tmp_path / "outside" / "DUT 1")
        with trio.fail_after(10), pytest.raises((InvalidInputError, NotFoundError)):
            await here.service.submit_file(path)
        assert inbox(tmp_path) == []


# Cancelled


@pytest.mark.parametrize("steps", range(1, 12, 2))
async def test_a_submit_that_is_cancelled_is_accepted_whole_or_leaves_nothing(
    tmp_path: Path, steps: int
) -> None:
    async with house(tmp_path, **plain(Form.PAIR)) as here:
        path = unit(tmp_path / "outside", Form.PAIR)
        with trio.CancelScope() as scope:
            instrument = CancelAt(steps, scope)
            trio.lowlevel.add_instrument(instrument)
            try:
                await here.service.submit_file(path)
            finally:
                trio.lowlevel.remove_instrument(instrument)
        accepted = [item for item in await here.service.items() if not item.parent_id]
        assert len(accepted) <= 1
        for item in accepted:
            assert (await here.service.wait(item.id)).delivered
        await until_gone(tmp_path)
