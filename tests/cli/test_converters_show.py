"""`converters show`: what is known of one converter without a service."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from pywats_trio.cli.converters.code import file_of
from pywats_trio.cli.main import cli
from pywats_trio.converters.registry import Origin, Spec, parse
from pywats_trio.converters.standard import wats_json

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

CODE = """\
from pywats_trio.converters import Argument, Converter

class Mine(Converter):
    id = "mine"
    version = "2.1"
    patterns = ("*.log", "*.txt")
    arguments = {
        "line": Argument(int, default=3, minimum=1, help="the line"),
        "mode": Argument(str, choices=("a", "b"), required=True),
        "since": Argument(str, default=""),
    }
    def convert(self, source, context): ...
"""
CONFIG = """\
[server]
url = "http://127.0.0.1:9"
[workers]
sandbox = "off"
[ipc]
socket = "ipc.sock"
[[converters]]
name = "line-2"
type = "mine.py:Mine"
watch = "drop"
patterns = ["*.dat"]
[converters.arguments]
line = 0
lien = 2
since = 2026-03-02
"""
START = "start it with `pywats-trio run`, or name its configuration with --config"
KEYS = [
    *(
        "name",
        "type",
        "id",
        "version",
        "reads",
        "origin",
        "file",
        "class",
        "patterns",
        "watch",
        "enabled",
    ),
    *("post_action", "unit", "arguments", "configured", "mistakes", "notes", "problem"),
    *("traceback", "sandbox", "running", "service"),
]


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "site"))
    monkeypatch.delenv("PYWATS_TRIO_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(CODE)
    file = tmp_path / "station.toml"
    file.write_text(CONFIG)
    return file


def show(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", "station.toml", "converters", "show", *arguments])


def document(*arguments: str) -> Any:
    done = show(*arguments, "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_a_configured_converter_is_shown_with_what_is_wrong(tmp_path: Path) -> None:
    facts = document("line-2")
    assert list(facts) == KEYS
    sandbox, arguments = facts.pop("sandbox"), facts.pop("arguments")
    assert sandbox["wanted"] == "off"
    assert set(sandbox) == {"wanted", "level", "missing"}
    assert list(arguments) == ["line", "mode", "since"]
    assert arguments["line"]["minimum"] == 1
    assert facts == {
        "name": "line-2",
        "type": f"{tmp_path}/mine.py:Mine",
        "id": "mine",
        "version": "2.1",
        "reads": "",
        "origin": "file",
        "file": f"{tmp_path}/mine.py",
        "class": "Mine",
        "patterns": ["*.dat"],
        "watch": f"{tmp_path}/drop",
        "enabled": True,
        "post_action": "",
        "unit": {"form": "file"},
        "configured": {"line": 0, "lien": 2, "since": "2026-03-02"},
        "mistakes": {
            "lien": "unknown argument 'lien'; did you mean 'line'?",
            "line": "argument 'line' is 0; at least 1",
            "mode": "argument 'mode' is required; set it",
        },
        "notes": {},
        "problem": "",
        "traceback": "",
        "running": None,
        "service": f"no service answers at {tmp_path}/ipc.sock; {START}",
    }


def test_people_get_it_as_lines_and_a_table(tmp_path: Path) -> None:
    done = show("line-2")
    silent = f"no service answers at {tmp_path}/ipc.sock; {START}\n"
    assert (done.exit_code, done.stderr) == (0, silent)
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()[:9]]
    assert dict(lines) | {"sandbox": ""} == {
        "name": "line-2",
        "type": f"{tmp_path}/mine.py:Mine",
        "id": "mine",
        "version": "2.1",
        "code": f"class Mine of {tmp_path}/mine.py",
        "patterns": "*.dat",
        "watch": f"{tmp_path}/drop",
        "takes": "files",
        "enabled": "yes",
        "sandbox": "",
    }
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["line", "int", "3", "1", "…", "no", "0", "the", "line"] in rows
    assert ["mode", "str", "a,", "b", "yes"] in rows
    assert "arguments.line: argument 'line' is 0; at least 1" in done.stdout


def test_a_type_is_shown_as_it_is_without_configuration() -> None:
    facts = document("mine.py:Mine")
    assert (facts["name"], facts["watch"], facts["enabled"]) == ("", "", None)
    assert facts["patterns"] == ["*.log", "*.txt"]
    assert facts["configured"] == {}
    standard = document("wats-json")
    assert (standard["origin"], standard["file"]) == ("standard", wats_json.__file__)


FOLDERS = """\
from pywats_trio.converters import FolderConverter

class Mine(FolderConverter):
    id = "mine"
    patterns = ("*.txt",)
    unit = UNIT
    marker = "COMPLETE"
    minimum_files = 2
    quiet_seconds = 0.5
    def convert(self, source, context): ...
"""


@pytest.mark.parametrize(
    ("form", "words"),
    [("folder", "folders"), ("file-and-folder", "header files, each with its folder")],
)
def test_what_a_converter_of_folders_takes_is_shown_as_configured(
    tmp_path: Path, form: str, words: str
) -> None:
    (tmp_path / "mine.py").write_text(FOLDERS.replace("UNIT", repr(form)))
    takes = f"{words}; complete with the file COMPLETE, at least 2 files and 0.5 s of quiet"
    assert takes in show("mine.py:Mine").stdout
    config = tmp_path / "station.toml"
    config.write_text(CONFIG.partition("[converters.")[0] + 'minimum_files = 1\nmarker = "END"\n')
    assert document("line-2")["unit"] == {
        "form": form,
        "marker": "END",
        "minimum_files": 1,
        "quiet_seconds": 0.5,
    }
    takes = f"{words}; complete with the file END, at least 1 file and 0.5 s of quiet"
    assert takes in show("line-2").stdout


def test_one_that_cannot_be_imported_says_where_and_shows_the_rest(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import nothing_of_this_name\n")
    facts = document("line-2")
    assert list(facts) == KEYS
    assert facts["patterns"] == ["*.dat"]
    assert "nothing_of_this_name" in facts["problem"]
    assert f'File "{tmp_path}/mine.py", line 1' in facts["traceback"]
    done = show("line-2")
    assert done.exit_code == 0
    assert f'File "{tmp_path}/mine.py", line 1' in done.stdout
    assert done.stdout.splitlines()[-1] == facts["problem"]


def test_one_whose_file_is_away_is_shown_with_that(tmp_path: Path) -> None:
    (tmp_path / "mine.py").unlink()
    facts = document("line-2")
    assert (facts["origin"], facts["file"], facts["class"]) == ("", "", "")
    assert "does not exist" in facts["problem"]


def test_one_that_there_is_not_gets_a_suggestion() -> None:
    done = show("line-3")
    assert (done.exit_code, done.stdout) == (21, "")
    assert done.stderr == "there is no converter 'line-3'; did you mean 'line-2'?\n"


def test_a_module_is_found_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "lib" / "a_package_of_ours"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "reader.py").write_text(CODE)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "lib")])
    assert file_of(parse("a_package_of_ours.reader:Mine")) == package / "reader.py"
    assert file_of(parse("a_package_of_ours:Mine")) == package / "__init__.py"


@pytest.mark.parametrize("module", ["sys", "no_such.module", "json.no", "json.decoder.deeper"])
def test_what_lies_in_no_file_has_none(module: str) -> None:
    assert file_of(Spec(Origin.MODULE, f"{module}:X", "X", module=module)) is None
