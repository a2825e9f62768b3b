"""Folder converters in the installed command: units are folders, or header files with folders."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import define, field

from pywats_trio.devserver import DevServer, open_devserver
from pywats_trio.faultpoint import VARIABLE
from pywats_trio.model import Form
from tests.convert.kit import type_of
from tests.e2e.books import lives
from tests.e2e.clients import peer
from tests.e2e.harness import COMMAND, Daemon, daemon, write_config
from tests.e2e.probing import held_at_gate

if TYPE_CHECKING:
    from collections.abc import Callable

STATION = {"location": "Lab", "purpose": "Test"}
ONE_ATTEMPT: dict[str, object] = {"max_attempts": 1}
CONVERTERS = {Form.FOLDER: type_of("folders:Marked"), Form.PAIR: type_of("folders:Pairs")}
SOURCE = Path(type_of("folders:Marked").rpartition(":")[0]).read_text()
BOTH = pytest.mark.parametrize("form", [Form.FOLDER, Form.PAIR])


def configured(
    folder: Path, url: str, type_: str, *, sandbox: object = "standard", **converter: object
) -> Path:
    options = {"type": type_, **ONE_ATTEMPT, **converter}
    ipc = {"requests_per_minute": 1_000_000, "burst": 100_000, "socket": str(folder / "ipc.sock")}
    return write_config(
        folder,
        url,
        station=STATION,
        retry=ONE_ATTEMPT,
        converter=options,
        ipc=ipc,
        workers={"sandbox": sandbox},
    )


@define
class Units:
    """The units of one test in its watch folder."""

    folder: Path
    form: Form
    names: list[str] = field(factory=list)

    def drop(self) -> str:
        """One more, whose files come one by one; the name that its report has."""
        name = f"DUT {len(self.names) + 1}.5"
        unit = self.folder / name
        (unit / "deep").mkdir(parents=True)
        (unit / "a.txt").write_text(f"a of {name}")
        (unit / "deep" / "b.txt").write_text(f"b of {name}")
        if self.form is Form.FOLDER:
            (unit / "COMPLETE.marker").touch()
            known = name
        else:
            known = f"{name}.txt"
            (self.folder / known).write_text(f"header of {name}")
        self.names.append(known)
        return known

    def files(self, name: str) -> dict[str, str]:
        """What belongs to a unit."""
        folder = name.removesuffix(".txt")
        found = {f"{folder}/a.txt": f"a of {folder}", f"{folder}/deep/b.txt": f"b of {folder}"}
        last = {f"{folder}/COMPLETE.marker": ""}
        return found | (last if self.form is Form.FOLDER else {name: f"header of {folder}"})

    async def until_delivered(self, server: DevServer) -> None:
        """Until the server has one report of each."""
        await server.wait_until(lambda server: len(taken(server)) >= len(self.names))


def taken(server: DevServer) -> set[str]:
    return {entry.id for entry in server.journal.entries if entry.status == 200}


def below(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


async def status(running: Daemon) -> dict[str, Any]:
    async with peer(running) as asking:
        told = await asking.ask("get_status")
    [converter] = told["converters"]
    return dict(converter)


async def until_status(running: Daemon, reached: Callable[[dict[str, Any]], bool]) -> None:
    async def ask() -> None:
        while not reached(await status(running)):
            pass  # each answer is a look at another moment

    await running.until_true(ask)


@BOTH
async def test_a_unit_is_delivered_and_put_away_whole(tmp_path: Path, form: Form) -> None:
    async with open_devserver() as server:
        config = configured(tmp_path, server.url, CONVERTERS[form])
        units = Units(tmp_path / "drop", form)
        name = units.drop()
        async with daemon(config) as running:
            await running.until_true(partial(units.until_delivered, server))
            later = units.drop()
            await running.until_true(partial(units.until_delivered, server))
            assert await running.stop() == 0
        received = await server.received()
        assert sorted(one.serial for one in received) == sorted([name, later])
        assert below(tmp_path / "drop" / "Done") == units.files(name) | units.files(later)
        assert os.listdir(tmp_path / "drop") == ["Done"]  # noqa: PTH208


async def test_why_a_unit_waits_can_be_asked(tmp_path: Path) -> None:
    async with open_devserver() as server:
        config = configured(
            tmp_path, server.url, CONVERTERS[Form.FOLDER], minimum_files=2, marker="READY"
        )
        unit = tmp_path / "drop" / "DUT 1"
        async with daemon(config) as running:
            unit.mkdir()
            (unit / "1.txt").write_text("1")
            waits = {"waits for READY": 1}
            await until_status(running, lambda told: told["waiting_for"] == waits)
            (unit / "READY").touch()
            await until_status(running, lambda told: told["waiting_for"] == {"1 of 2 files": 1})
            assert (await status(running))["waiting_files"] == 1
            async with peer(running) as asking:
                told = json.dumps(await asking.ask("why", what=str(unit)))
            assert "1 of 2 files" in told
            (unit / "2.txt").write_text("2")
            await running.until_true(partial(server.wait_until, lambda s: len(taken(s)) == 1))
            assert await running.stop() == 0


@BOTH
async def test_a_refused_unit_lies_in_error_and_can_be_retried_there(
    tmp_path: Path, form: Form
) -> None:
    file = tmp_path / "mine.py"
    source = SOURCE
    refusing = "\n    def convert(self, source, context):\n        raise Reject('not yet')\n"
    base = "Folders" if form is Form.FOLDER else "Pairs"
    file.write_text(f"{source}\n\nclass Mine({base}):\n    id = 'mine'{refusing}")
    async with open_devserver() as server:
        config = configured(tmp_path, server.url, f"{file}:Mine")
        units = Units(tmp_path / "drop", form)
        name = units.drop()
        async with daemon(config) as running:
            await running.until_event("file refused")
            error = tmp_path / "drop" / "Error"
            told = json.loads((error / f"{name}.error.json").read_text())
            assert (told["why"], told["source"]) == ("not yet", str(tmp_path / "drop" / name))
            assert units.files(name).items() <= below(error).items()
            file.write_text(f"{source}\n\nclass Mine({base}):\n    id = 'mine'\n")
            async with peer(running) as asking:
                await asking.ask("reload_converters")
                changed = await asking.ask("retry_items", ids=[told["item_id"]])
            assert changed["changed"] == 1
            await running.until_true(partial(units.until_delivered, server))
            assert await running.stop() == 0
        assert below(tmp_path / "drop") == {
            f"Done/{path}": text for path, text in units.files(name).items()
        }


async def test_a_unit_that_changes_while_it_is_converted_is_taken_again_as_it_is_then(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mine.py"
    source = SOURCE
    waiting = (
        "\n    def convert(self, source, context):\n"
        "        if len(source.files) == 1:\n"
        f"            open({os.fspath(tmp_path / 'gate')!r}).read()\n"
        "        yield report_of(source)\n"
    )
    file.write_text(f"{source}\n\nclass Mine(Folders):\n    id = 'mine'{waiting}")
    async with open_devserver() as server:
        # Not shut in, for the gate is a file of the test's.
        config = configured(tmp_path, server.url, f"{file}:Mine", sandbox="basic")
        os.mkfifo(tmp_path / "gate")
        unit = tmp_path / "drop" / "DUT 1"
        unit.mkdir()
        (unit / "1.txt").write_text("1")
        async with daemon(config) as running:
            async with held_at_gate(tmp_path):
                (unit / "2.txt").write_text("2")
            await running.until_true(partial(server.wait_until, lambda s: len(taken(s)) == 1))
            assert await running.stop() == 0
        [received] = await server.received()
        body = json.loads(await server.body(received.id) or b"")
        assert [step["name"] for step in body["root"]["steps"]] == ["1.txt", "2.txt"]
        assert below(tmp_path / "drop") == {"Done/DUT 1/1.txt": "1", "Done/DUT 1/2.txt": "2"}


async def test_a_kept_unit_is_not_taken_again_over_a_restart(tmp_path: Path) -> None:
    async with open_devserver() as server:
        config = configured(tmp_path, server.url, CONVERTERS[Form.FOLDER], post_action="keep")
        units = Units(tmp_path / "drop", Form.FOLDER)
        for _ in range(2):
            units.drop()
            async with daemon(config) as running:
                await running.until_true(partial(units.until_delivered, server))
                assert await running.stop() == 0
        assert sorted(server.journal.sends().values()) == [1, 1]


async def test_a_backup_names_the_units_that_wait_and_leaves_them(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    waits = "raise __import__('pywats_trio').converters.Retry('not yet', after=3600)"
    convert = f"    def convert(self, source, context):\n        {waits}\n"
    file.write_text(f"{SOURCE}\n\nclass Mine(Folders):\n    id = 'mine'\n{convert}")
    async with open_devserver() as server:
        config = configured(tmp_path, server.url, f"{file}:Mine", max_attempts=3)
        units = Units(tmp_path / "drop", Form.FOLDER)
        name = units.drop()
        async with daemon(config) as running:
            await running.until_event("file not converted")
            async with peer(running) as asking:
                told = await asking.ask("backup_queue", path=str(tmp_path / "backup.db"))
            assert "is a unit with a folder; keep a copy of it yourself" in json.dumps(told)
            assert await running.stop() == 0
        assert below(tmp_path / "drop") == units.files(name)


# Kills

POINTS = {
    Form.FOLDER: [
        "accept.before_put",
        "accept.committed",
        "convert.claimed",
        "convert.opened",
        "convert.result",
        "file.before_finish",
        "file.finished",
        "putaway.named",
        "putaway.linked",
        "putaway.moved",
        "putaway.before_commit",
    ],
    Form.PAIR: ["convert.opened", "putaway.linked", "putaway.linked@2", "putaway.moved"],
}


def fault(point: str) -> str:
    name, _, passes = point.partition("@")
    return f"{name}=kill@{passes or 1}"


@BOTH
@pytest.mark.parametrize("action", ["move", "delete"])
async def test_kills_between_two_steps_lose_and_double_nothing(
    tmp_path: Path, form: Form, action: str
) -> None:
    async with open_devserver() as server:
        config = configured(tmp_path, server.url, CONVERTERS[form], post_action=action)
        units = Units(tmp_path / "drop", form)
        for point in POINTS[form]:
            units.drop()
            environment = {VARIABLE: fault(point)}
            async with daemon(config, environment=environment, ready=False) as running:
                assert await running.end() == -9, point
        async with daemon(config) as running:
            await running.until_true(partial(units.until_delivered, server))
            assert await running.stop() == 0
        received = await server.received()
        assert sorted(one.serial for one in received) == sorted(units.names)
        kept = lives(tmp_path / "data")
        assert {(life.state, life.attempts) for life in kept} == {("COMPLETED", 1)}
        assert len(kept) == 2 * len(units.names)
        done = {name: text for unit in units.names for name, text in units.files(unit).items()}
        left = below(tmp_path / "drop" / "Done")
        assert left == (done if action == "move" else {})
        assert set(os.listdir(tmp_path / "drop")) <= {"Done"}  # noqa: PTH208


# What cannot be


@pytest.mark.parametrize(
    ("type_", "keys", "takes"),
    [
        (CONVERTERS[Form.FOLDER], {"recursive": True, "settle": "marker"}, "files"),
        ("wats-json", {"marker": "m", "minimum_files": 2, "quiet_seconds": 1.0}, "folders"),
    ],
)
async def test_keys_that_mean_nothing_for_what_a_converter_takes_are_refused(
    tmp_path: Path, type_: str, keys: dict[str, object], takes: str
) -> None:
    config = configured(tmp_path, "http://127.0.0.1:9", type_, **keys)
    ran = await trio.run_process(
        [*COMMAND, "--config", str(config), "config", "check"],
        check=False,
        capture_stdout=True,
        capture_stderr=True,
    )
    assert ran.returncode
    told = (ran.stdout + ran.stderr).decode()
    for key in keys:
        assert f".{key}: is for converters that take {takes}" in told
