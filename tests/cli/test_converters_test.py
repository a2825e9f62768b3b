"""`converters test` as an author meets it: what is logged, what goes wrong, and `--watch`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from pywats_trio.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

CODE = """\
from pywats_trio.converters import Converter, Report

class Mine(Converter):
    id = "mine"
    def convert(self, source, context):
        context.logger.debug("deep")
        context.logger.warning("odd: %s", source.read_text())
        yield self.report(VERSION)
    def report(self, version):
        return Report.builder(serial_number=f"SN-{version}", part_number="P", process_code=10,
            start="2026-03-02T08:15:30+01:00").build()
"""
BROKEN = "import nothing_of_this_name\n"
PATIENCE = 60.0
"""Seconds."""
FAILING = f"{CODE}\nReport = None\nVERSION = 1\n"


def code(version: object) -> str:
    return f"VERSION = {version!r}\n{CODE}"


@pytest.fixture(autouse=True)
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file and a converter for it, where we are; no configuration of the user's."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "site"))
    monkeypatch.delenv("PYWATS_TRIO_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(code(1))
    file = tmp_path / "unit.log"
    file.write_text("text")
    return file


def call(*arguments: str) -> Result:
    words = ["converters", "test", "unit.log", "--converter", "mine.py:Mine", *arguments]
    return CliRunner().invoke(cli, words)


def test_what_the_converter_logs_is_shown_on_standard_error() -> None:
    done = call()
    assert done.exit_code == 0
    assert done.stderr == "warning: odd: text\n"
    assert "serial number  SN-1" in done.stdout


def test_the_log_level_says_how_much_of_it() -> None:
    words = ["converters", "test", "unit.log", "--converter", "mine.py:Mine"]
    done = CliRunner().invoke(cli, ["--log-level", "debug", *words])
    assert done.stderr == "debug: deep\nwarning: odd: text\n"
    assert CliRunner().invoke(cli, ["--log-level", "error", *words]).stderr == ""


def test_for_programs_there_is_one_document_and_nothing_else() -> None:
    done = call("--json")
    assert (done.exit_code, done.stderr) == (0, "")
    assert json.loads(done.stdout)["reports"][0]["sn"] == "SN-1"


SAYING = """\
import logging, sys
class Mine(Mine):
    def convert(self, source, context):
        for number in range(lines):
            print("line", number)
        logging.getLogger("mine").warning("no logger of ours")
        yield from super().convert(source, context)
"""


def test_what_it_prints_is_shown_after_the_report_and_not_to_programs(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(f"{code(1)}\n{SAYING}\nlines = 2\n")
    done = call()
    printed = "it printed:\nline 0\nline 1\nno logger of ours\n"
    assert (done.exit_code, done.stderr) == (0, f"warning: odd: text\n{printed}")
    assert "printed" not in done.stdout
    assert call("--json").stderr == ""


def test_of_much_that_it_prints_the_last_is_shown(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(f"{code(1)}\n{SAYING}\nlines = 20_000\n")
    shown = call().stderr.partition("it printed:\n")[2]
    assert shown.endswith("\nline 19999\nno logger of ours\n")
    assert len(shown) < 5000


def test_what_one_that_fails_printed_is_shown_after_its_frames(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(f"{FAILING}\n{SAYING}\nlines = 1\n")
    done = call()
    assert done.exit_code == 22
    assert done.stderr.endswith("\nit printed:\nline 0\nno logger of ours\n")
    assert call("--json").stderr == ""


def test_a_failing_converter_shows_its_own_frames(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FAILING)
    done = call()
    assert (done.exit_code, done.stdout) == (22, "")
    log, refused, *traceback = done.stderr.splitlines()
    assert log == "warning: odd: text"
    assert refused.startswith("refused by mine.py:Mine: the converter failed: AttributeError: ")
    files = [line for line in traceback if line.startswith("  File")]
    assert [line.rpartition(", ")[2] for line in files] == ["in convert", "in report"]
    assert all(str(tmp_path / "mine.py") in line for line in files)
    assert traceback[-1].startswith("AttributeError: ")


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_converter_that_cannot_be_imported_shows_where(
    as_json: list[str], tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(BROKEN)
    done = call(*as_json)
    assert (done.exit_code, done.stdout) == (20, "")
    lines = done.stderr.splitlines()
    assert [line for line in lines if line.startswith("  File")] == [
        f'  File "{tmp_path / "mine.py"}", line 1, in <module>'
    ]
    assert lines[-1].startswith("the converter 'mine.py:Mine' cannot be used: it cannot be impor")


# --watch


class Watching:
    """The command at work."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def document(self) -> Any:
        """The next that it printed."""
        return json.loads(self._line(self._process.stdout))

    def note(self) -> str:
        """The next line on standard error."""
        return self._line(self._process.stderr)

    def _line(self, stream: IO[str] | None) -> str:
        assert stream is not None
        return stream.readline().rstrip("\n")

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(30)


@contextmanager
def watching(*arguments: str) -> Iterator[Watching]:
    words = ["converters", "test", "unit.log", "--watch", "--json", *arguments]
    with subprocess.Popen(
        [sys.executable, "-m", "pywats_trio", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        # Whoever waits for a line that never comes reads the end.
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        try:
            yield Watching(process)
        finally:
            watchdog.cancel()
            process.kill()


def save(path: Path, text: str) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


def test_it_is_tried_again_at_every_save_with_the_code_as_it_is_then(tmp_path: Path) -> None:
    with watching("--converter", "mine.py:Mine") as seen:
        assert seen.note() == "watching unit.log and mine.py (Ctrl-C ends this)"
        assert seen.document()["reports"][0]["sn"] == "SN-1"
        for version in (2, 3):
            save(tmp_path / "mine.py", code(version))
            assert seen.document()["reports"][0]["sn"] == f"SN-{version}"
            assert seen.note().endswith(": mine.py saved")
        save(tmp_path / "unit.log", "")
        assert seen.note().endswith(": unit.log saved")
        assert seen.document()["why"] == "the file is empty"
        save(tmp_path / "mine.py", BROKEN)
        assert seen.note().endswith(": mine.py saved")
        while "it cannot be imported: ModuleNotFoundError" not in (note := seen.note()):
            assert note
        save(tmp_path / "unit.log", "whole")
        assert seen.note().endswith(": unit.log saved")
        while "it cannot be imported: ModuleNotFoundError" not in (note := seen.note()):
            assert note
        save(tmp_path / "mine.py", code(4))
        assert seen.document()["reports"][0]["sn"] == "SN-4"
        assert seen.interrupt() == 3


def test_a_save_ends_a_try_that_hangs(tmp_path: Path) -> None:
    hanging = f"{code(1)}\n    def report(self, version):\n        while True: pass\n"
    (tmp_path / "mine.py").write_text(hanging)
    with watching("--converter", "mine.py:Mine") as seen:
        seen.note()
        save(tmp_path / "mine.py", code(2))
        assert seen.document()["reports"][0]["sn"] == "SN-2"
        assert seen.interrupt() == 3


def test_a_module_is_watched_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    package = tmp_path / "lib" / "line3"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "reader.py").write_text(code(1))
    with watching("--converter", "line3.reader:Mine") as seen:
        assert seen.note() == "watching unit.log and reader.py (Ctrl-C ends this)"
        assert seen.document()["reports"][0]["sn"] == "SN-1"
        save(package / "reader.py", code("two"))
        assert seen.document()["reports"][0]["sn"] == "SN-two"


def test_a_file_that_is_not_there_to_begin_with_is_not_watched() -> None:
    words = ["converters", "test", "nope.log", "--watch", "--converter", "mine.py:Mine"]
    done = CliRunner().invoke(cli, words)
    assert (done.exit_code, done.stdout) == (21, "")
    assert done.stderr == "there is no file nope.log; check the path\n"


@pytest.mark.parametrize("command", [[], ["ls"], ["show"], ["test"], ["new"]])
def test_the_help_loads_nothing_heavy(command: list[str]) -> None:
    code = (
        f"import sys; sys.argv[1:] = ['converters', *{command}, '--help']\n"
        "from pywats_trio.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code)\n"
        "print([name for name in ('trio', 'httpx', 'structlog', 'apsw') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2:] == ["0", "[]"]
