"""`converters new`: what it writes works as it stands, and nothing is written over."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from pywats_trio.cli.main import cli
from pywats_trio.config.load import load

if TYPE_CHECKING:
    from click.testing import Result

RULES = "A,ANN,ASYNC,B,BLE,C4,C90,DTZ,E,F,I,LOG,PERF,PT,PTH,RET,RUF,S,SIM,SLF,T20,TC,TID,TRY,UP,PL"
NOT_FOR_TESTS = "TRY003,PLR0913,S101,PLR2004"
ROOT = str(Path(__file__).parents[2])


def new(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["converters", "new", *map(str, arguments)])


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In the folder, as its owner would."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": ROOT, "XDG_CONFIG_HOME": str(folder / "home")},
    )


@pytest.fixture
def written(tmp_path: Path) -> Path:
    folder = tmp_path / "some where"
    assert new("bench-log", "--dir", folder).exit_code == 0
    return folder


def test_it_writes_a_converter_a_sample_and_a_test(written: Path) -> None:
    files = sorted(str(file.relative_to(written)) for file in written.rglob("*.*"))
    assert files == ["bench_log.py", "samples/bench-log-1.log", "test_bench_log.py"]
    assert "$" not in "".join(file.read_text() for file in written.rglob("*.*"))


def test_its_test_passes_as_it_stands(written: Path) -> None:
    done = python(written, "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_its_test_notices_when_the_converter_is_broken(written: Path) -> None:
    file = written / "bench_log.py"
    file.write_text(file.read_text().replace("low=low", "low=None"))
    done = python(written, "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0  # 12.75 mA are still too much
    file.write_text(file.read_text().replace("high=high", "high=None"))
    assert python(written, "pytest", "-q", "-p", "no:cacheprovider").returncode == 1


@pytest.mark.parametrize("length", ["88", "100"])
def test_what_is_written_is_formatted_and_clean(length: str, written: Path) -> None:
    isolated = ("--isolated", "--no-cache", "--line-length", length)
    for check in (
        ("ruff", "format", *isolated, "--check", "."),
        ("ruff", "check", *isolated, "--select", RULES, "--ignore", NOT_FOR_TESTS, "."),
    ):
        done = python(written, *check)
        assert done.returncode == 0, done.stdout


def test_what_is_written_is_typed(written: Path) -> None:
    names = ("bench_log.py", "test_bench_log.py")
    cache = str(written / "cache")
    done = python(written, "mypy", "--strict", "--config-file=", "--cache-dir", cache, *names)
    assert done.returncode == 0, done.stdout


def test_the_command_that_it_names_converts_the_sample(tmp_path: Path) -> None:
    told = json.loads(new("bench-log", "--dir", tmp_path / "a b", "--json").stdout)
    program, *words = shlex.split(told["try"])
    assert program == "pywats-trio"
    done = CliRunner(env={"XDG_CONFIG_HOME": str(tmp_path)}).invoke(cli, [*words, "--json"])
    assert done.exit_code == 0, done.output
    (report,) = json.loads(done.stdout)["reports"]
    assert (report["sn"], report["result"]) == ("SN-0001", "F")


def test_the_lines_that_it_names_fit_into_a_configuration(tmp_path: Path) -> None:
    told = json.loads(new("bench-log", "--dir", tmp_path / 'a "b" ü', "--json").stdout)
    file = tmp_path / "station.toml"
    file.write_text(f'[server]\nurl = "http://x"\n{told["configuration"]}\n', encoding="utf-8")
    (line,) = load(file, environ={}).converters
    assert line.type == f'{tmp_path}/a "b" ü/bench_log.py:BenchLog'
    assert line.arguments == {"process_code": 10}


def test_people_are_told_what_to_do_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = new("log")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("Written: log.py, test_log.py, samples/log-1.log\n")
    assert "  pywats-trio converters test samples/log-1.log --converter log.py:Log\n" in done.stdout
    assert f'  type = "{tmp_path}/log.py:Log"\n' in done.stdout


@pytest.mark.parametrize("there", ["log.py", "test_log.py", "samples/log-1.log"])
def test_nothing_is_written_over_and_nothing_is_left(there: str, tmp_path: Path) -> None:
    file = tmp_path / there
    file.parent.mkdir(exist_ok=True)
    file.write_text("mine")
    done = new("log", "--dir", tmp_path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        f"{file} is there already and was left alone; choose another name or --dir\n"
    )
    assert [path for path in tmp_path.rglob("*.*") if path.is_file()] == [file]
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    "name",
    ["", "Bench", "bench_log", "bench--log", "-bench", "bench-", "1bench", "a/b", "ä", "b" * 41],
)
def test_a_name_that_is_no_kebab_case_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    done = new("--dir", tmp_path, "--", name)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert f"{name!r} is no name for a converter" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["csv", "wats-json", "json", "class", "pywats-trio"])
def test_a_name_that_something_else_has_is_refused(name: str, tmp_path: Path) -> None:
    done = new(name, "--dir", tmp_path)
    assert done.exit_code == 2
    assert "choose another name" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_longest_name_is_taken(tmp_path: Path) -> None:
    assert new("b" * 40, "--dir", tmp_path).exit_code == 0


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = new("log", "--dir", tmp_path / "file")
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert str(tmp_path / "file") in done.stderr
