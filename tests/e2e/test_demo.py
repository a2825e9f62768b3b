"""`pywats-trio demo`: what a newcomer sees first, and what it says when something is wrong."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
from click.testing import CliRunner

from pywats_trio.cli.demo import SAMPLES
from pywats_trio.cli.main import cli
from pywats_trio.devserver import Fault, open_devserver
from tests.e2e.harness import COMMAND, PATIENCE

if TYPE_CHECKING:
    from click.testing import Result

OPEN = "pywats_trio.devserver.open_devserver"


def names(kind: str) -> set[str]:
    """The samples that come with the package."""
    return {sample.name for sample in (SAMPLES / kind).iterdir()}


def demo(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["demo", *arguments])


def test_the_demo_delivers_every_good_file_and_explains_every_broken_one() -> None:
    done = subprocess.run(
        [*COMMAND, "demo", "--files", "20", "--keep"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    rows = {line.split("  ")[0]: line for line in done.stdout.splitlines()}
    for name in names("good"):
        assert re.search(r"  delivered: \d+ reports?$", rows[name]), rows[name]
    for name in names("broken"):
        assert re.search(r"  refused: \S.{10,}", rows[name]), rows[name]
    assert rows["unit-*.json (20)"].endswith("delivered: 20 reports")
    files = len(names("good")) + len(names("broken")) + 20
    assert f"{files} files: " in done.stdout
    assert f"{len(names('broken'))} files refused and explained" in done.stdout
    kept = re.search(r"Everything is kept in (\S+)", done.stdout)
    assert kept
    assert len(trio.run(reports_in, Path(kept[1]) / "wats.db")) == 34
    assert f"devserver --db {kept[1]}/wats.db" in done.stdout
    assert (Path(kept[1]) / "service.log").stat().st_size > 0
    told = {
        path.name.removesuffix(".error.json"): json.loads(path.read_bytes())["why"]
        for path in Path(kept[1]).glob("drop/*/Error/*.error.json")
    }
    shutil.rmtree(kept[1])
    assert told.keys() == names("broken")
    for name, why in told.items():
        assert rows[name].endswith(f"refused: {why}")


async def reports_in(database: Path) -> set[str]:
    """What a development server shows that is started on what the demonstration kept."""
    async with open_devserver(db=str(database)) as server:
        return {record.id for record in await server.received()}


def test_the_demo_says_where_to_look_while_it_runs() -> None:
    done = demo("--files", "0")
    assert done.exit_code == 0
    lines = [line.split() for line in done.output.splitlines() if line.startswith("  ")]
    told = {words[0]: words[1:] for words in lines}
    (dashboard,) = told["dashboard"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", dashboard)
    assert told["probes"] == [f"{dashboard}{name}" for name in ("health", "ready", "metrics")]
    assert told["reports"] != told["dashboard"]
    assert told["status"][0].startswith("PYWATS_TRIO__IPC__SOCKET=/")


async def test_on_a_terminal_it_shows_a_table_until_all_are_delivered() -> None:
    ours, theirs = pty.openpty()
    seen = b""
    async with trio.lowlevel.FdStream(ours) as screen:
        with trio.fail_after(PATIENCE):
            process = await trio.lowlevel.open_process(
                [*COMMAND, "demo", "--files", "5"], stdout=theirs
            )
            os.close(theirs)
            with contextlib.suppress(OSError, trio.BrokenResourceError):  # how a terminal ends
                while True:
                    seen += await screen.receive_some()
            assert await process.wait() == 0
    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", seen.decode())
    tables = text.split("files taken")
    assert len(tables) > 2
    files = len(names("good")) + len(names("broken")) + 5
    row = rf"\s+{files} of {files}\s+15\s+{len(names('broken'))}\s+\d+\s+\d+"
    assert re.search(row, tables[-1])
    assert seen.count(b"\x1b[?25l") == seen.count(b"\x1b[?25h") == 1


def test_the_demo_leaves_nothing_behind() -> None:
    done = demo("--files", "0")
    assert done.exit_code == 0
    dropped = re.search(r"dropped below (\S+)", done.output)
    assert dropped
    assert not Path(dropped[1]).parent.exists()


SPOILED = {
    "a report is refused": (Fault(status=400, count=1), r"report \S+ did not arrive"),
    "a report comes twice": (Fault(close=True, count=1), r"report \S+ arrived 2 times"),
    "the server is down": (Fault(status=503), "not everything came to an end within 2 s"),
}


@pytest.mark.parametrize(("fault", "sentence"), SPOILED.values(), ids=SPOILED)
def test_a_demo_whose_server_is_spoiled_fails_and_says_what_is_missing(
    fault: Fault, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OPEN, partial(open_devserver, faults=(fault,)))
    done = demo("--files", "1", "--seconds", "2" if fault.status == 503 else "60")
    assert done.exit_code == 1
    assert re.search(sentence, done.stderr), done.stderr
    assert done.stderr.count("\n") == 1


def test_a_file_that_ends_otherwise_than_the_demo_says_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A good file among the broken ones, as if the converter did not see what is wrong."""
    for kind in ("good", "broken"):
        (tmp_path / kind).mkdir()
        for sample in (SAMPLES / kind).iterdir():
            (tmp_path / kind / sample.name).write_bytes(sample.read_bytes())
    good = (SAMPLES / "good" / "mixed.json").read_bytes()
    (tmp_path / "good" / "mixed.json").unlink()
    (tmp_path / "broken" / "mixed.json").write_bytes(good)
    monkeypatch.setattr("pywats_trio.cli.demo.SAMPLES", tmp_path)
    done = demo("--files", "0")
    assert done.exit_code == 1
    assert done.stderr.startswith("mixed.json ended as COMPLETED")


@pytest.mark.parametrize("arguments", [["--files", "-1"], ["--seconds", "0"], ["--files", "x"]])
def test_a_number_that_makes_no_sense_is_a_wrong_call(arguments: list[str]) -> None:
    assert demo(*arguments).exit_code == 2


def test_json_is_one_document_and_nothing_else() -> None:
    command = [*COMMAND, "demo", "--files", "3", "--json"]
    done = subprocess.run(command, capture_output=True, check=True)
    document = json.loads(done.stdout)
    assert document["problems"] == []
    states = {item["source"]: item["state"] for item in document["items"]}
    assert states["minimal.json"] == "COMPLETED"
    assert states["truncated.xml"] == "FAILED"
    assert document["reports"] == sum(item["reports"] for item in document["items"])
