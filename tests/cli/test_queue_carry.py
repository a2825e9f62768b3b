"""`queue export`, `import`, `backup`, `restore`: what they print and how they end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import trio
from click.testing import CliRunner

from benchmarks import data
from pywats_trio.cli.main import cli
from pywats_trio.cli.queue import backup, carry
from pywats_trio.model import Envelope, Kind
from pywats_trio.queue.sqlite_store import open_store
from tests.contract.kit import a_report

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


class Stopped:
    """The queue of a stopped service, asked by the command line."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / name
        self.folder.mkdir()
        self.config = self.folder / "config.toml"
        self.config.write_text(
            f"data_dir = {json.dumps(str(self.folder / 'data'))}\n"
            f"instance = {json.dumps(name)}\n"
            '[server]\nurl = "http://127.0.0.1:9"\n'
            f"[ipc]\nsocket = {json.dumps(str(self.folder / 's'))}\n"
        )

    def put(self, *envelopes: Envelope) -> None:
        async def put() -> None:
            (self.folder / "data").mkdir(exist_ok=True)
            async with open_store(self.folder / "data" / "queue.db") as store:
                await store.put(envelopes)

        trio.run(put)

    def __call__(self, *arguments: object) -> Result:
        command = ["--config", str(self.config), "queue", *map(str, arguments)]
        return CliRunner().invoke(cli, command)


@pytest.fixture
def line(tmp_path: Path) -> Stopped:
    line = Stopped(tmp_path, "line")
    line.put(*(report(number) for number in range(3)))
    return line


@pytest.fixture
def office(tmp_path: Path) -> Stopped:
    return Stopped(tmp_path, "office")


def report(number: int) -> Envelope:
    body, report_id = data.report("run", number, 1000), data.report_id("run", number)
    return a_report(body, report_id=report_id)


def said(done: Result, code: int = 0) -> str:
    assert done.exit_code == code, done.output
    return done.stdout


def told(done: Result, code: int) -> str:
    assert done.exit_code == code, done.output
    assert done.stdout == ""
    return done.stderr


def test_there_and_back(tmp_path: Path, line: Stopped, office: Stopped) -> None:
    parcel, back = tmp_path / "p", tmp_path / "r.json"
    assert said(line("export", parcel)).startswith(f"3 reports exported to {parcel} as ")
    assert said(office("import", parcel)) == "3 reports imported, 0 were imported before\n"
    assert said(office("import", parcel)) == "0 reports imported, 3 were imported before\n"
    expected = f"{back}: 0 delivered, 0 failed; 3 still wait\n"
    assert said(office("export", "--receipts", back, parcel)) == expected
    export = json.loads((parcel / "manifest.json").read_bytes())["export"]
    assert said(office("export", "--receipts", back, export, "--force")) == expected
    assert said(office("export", "--receipts", back, "--force")) == expected
    assert said(line("import", back)) == "0 items completed, 0 were completed before\n"


def test_paths_may_be_relative(
    tmp_path: Path, line: Stopped, office: Stopped, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said(line("export", "p.zip"))
    said(office("import", "p.zip"))
    said(office("export", "--receipts", "r.json", "p.zip"))
    said(line("import", "r.json"))
    said(line("backup", "b.db"))
    said(office("restore", "b.db", "--yes"))
    assert {"p.zip", "r.json", "b.db"} <= {path.name for path in tmp_path.iterdir()}


def test_what_is_chosen_and_what_is_not(tmp_path: Path, line: Stopped) -> None:
    done = line("export", tmp_path / "p", 1, 99, "--keep", "--json")
    answer = json.loads(said(done, 21))
    assert (answer["exported"], answer["missing"], answer["kept"]) == (1, 1, True)
    done = line("export", tmp_path / "q", 2, 99)
    assert (done.exit_code, done.stderr) == (21, "there is no item 99 that is meant\n")
    assert "nothing was exported" in told(line("export", tmp_path / "z", "--text", "nobody"), 21)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("export",), "say where to: a folder that is yet to be made, or a .zip"),
        (("export", "p", "--force"), "--force goes with --receipts"),
        (("export", "--receipts", "r", "p", "1"), "--receipts takes no items"),
        (("export", "--receipts", "r", "--keep"), "--receipts takes no items"),
        (("export", "--receipts", "r", "--state", "HELD"), "--receipts takes no items"),
        (("import",), "say what: the PATH of an export or of receipts, or --from-pywats DIR"),
        (("import", "p", "--from-pywats", "q"), "say what"),
    ],
)
def test_wrong_use_is_told(line: Stopped, arguments: tuple[str, ...], why: str) -> None:
    assert why in told(line(*arguments), 2)


def test_a_pywats_queue_comes_in_by_the_same_command(tmp_path: Path, office: Stopped) -> None:
    folder = tmp_path / "pywats"
    folder.mkdir()
    (folder / "a.pending.wsjf").write_bytes(data.report("run", 1, 1000))
    done = office("import", "--from-pywats", folder, "--json")
    answer = json.loads(said(done))
    assert (answer["imported"], answer["already"], answer["skipped"]) == (1, 0, [])


ANSWER: dict[str, Any] = {
    "acknowledged": 1,
    "already": 2,
    "failed": [{"item_id": 7, "report_id": "r", "why": "no such part"}],
    "failed_count": 3,
    "refused": [{"item_id": 8, "why": "item 8 is PROCESSING here"}],
    "refused_count": 1,
}


def test_receipts_tell_what_failed_there(line: Stopped) -> None:
    seen = carry._tell_imported(ANSWER)  # noqa: SLF001 - what a service would have to fail for
    assert (seen.done, seen.code) == ("1 items completed, 2 were completed before", 1)
    assert seen.not_done == [
        "item 7 was not delivered there either: no such part",
        "and 2 more",
        "item 8 is PROCESSING here",
    ]
    assert carry._tell_imported(ANSWER | {"refused": [], "refused_count": 0}).code == 0  # noqa: SLF001


def test_an_export_tells_that_it_was_finished() -> None:
    answer = {
        "exported": 2,
        "path": "/p",
        "export": "e",
        "kept": True,
        "resumed": True,
        "missing": 0,
        "skipped": [{"id": 1, "why": "item 1 is damaged"}],
        "skipped_count": 1,
        "damaged_count": 1,
    }
    seen = carry._tell_exported(answer)  # noqa: SLF001
    assert "cut off was finished" in seen.done
    assert "held" not in seen.done
    assert (seen.not_done, seen.code) == (["item 1 is damaged"], 1)


def test_a_backup_and_its_restore(tmp_path: Path, line: Stopped, office: Stopped) -> None:
    file = tmp_path / "b.db"
    line.put(Envelope(Kind.FILE, "ict", str(tmp_path / "gone.json")))
    done = line("backup", file)
    assert done.exit_code == 0
    assert "1 files (1 PENDING), 3 reports (3 PENDING)" in done.stdout
    assert "0 files that wait to be converted are in it" in done.stdout
    done = office("restore", file)
    assert done.exit_code == 0  # there is nothing yet that it would replace
    assert "1 files that wait to be converted are not in the backup" in done.stderr
    assert "instance = 'line'" in done.stderr
    assert "add --yes" in told(office("restore", file), 2)
    answer = json.loads(said(office("restore", file, "--yes", "--json")))
    assert answer["items"] == {"file": {"PENDING": 1}, "report": {"PENDING": 3}}
    assert (answer["sources"], answer["missing_sources"], answer["damaged"]) == (0, 1, [])
    assert ".before-restore-" in answer["kept"]


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "0 bytes"), (1024**2 - 1, "1048575 bytes"), (1024**2, "1.0 MiB")]
)
def test_sizes_are_readable(size: int, shown: str) -> None:
    assert backup._size(size) == shown  # noqa: SLF001
