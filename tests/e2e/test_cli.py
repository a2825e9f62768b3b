"""The command line from outside: converters ls and test, and a run that cannot begin."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from pywats_trio.cli.main import cli
from pywats_trio.converters.registry import STANDARD
from tests.e2e.harness import COMMAND, daemon, write_config
from tests.samples import OURS

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

NOWHERE = "http://127.0.0.1:9"
GOOD = OURS / "wats-json" / "minimal.json"
REFUSED = OURS / "hostile" / "sn-null.json"
WHY = 'no serial number ("sn" is null) (line 5, column 8)'

CUSTOM = """
from pywats_trio.converters import Argument, Converter, Reject, Report

class Mine(Converter):
    id = "mine"
    version = "2.1"
    patterns = ("*.log", "*.txt")
    arguments = {"line": Argument(int, default=3, help="the line"), "why": Argument(str)}

    def convert(self, source, context):
        if context.arguments["why"]:
            raise Reject(context.arguments["why"], hint="come back tomorrow")
        steps = {"id": 0, "group": "M", "stepType": "SequenceCall", "name": "x", "status": "P"}
        yield Report({"type": "T", "sn": f"SN-{context.arguments['line']}", "pn": "P", "rev": "1",
            "processCode": 10, "result": "P", "machineName": "M", "location": "L", "purpose": "T",
            "start": "2026-03-02T08:15:30.250+01:00", "uut": {"user": "op"}, "root": steps})
"""


@pytest.fixture(autouse=True)
def no_configuration_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual places are empty, whoever runs the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "site"))
    monkeypatch.delenv("PYWATS_TRIO_CONFIG", raising=False)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def said(done: Result, code: int, *words: str) -> None:
    """It ended with `code` and one sentence that holds `words`."""
    assert done.exit_code == code, done.output
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A folder `drop` for wats-json as `line-1`; `line-2` is a converter of the user's own."""
    (tmp_path / "mine.py").write_text(CUSTOM)
    text = '[[converters]]\nname = "line-2"\ntype = "mine.py:Mine"\nwatch = "drop2"\n'
    return write_config(tmp_path, NOWHERE, text=text)


# converters ls


def test_ls_shows_what_is_configured_and_what_there_is(config: Path) -> None:
    done = call("--config", config, "converters", "ls")
    silent = f"no service answers at {config.parent}/ipc.sock; start it with `pywats-trio run`, "
    assert (done.exit_code, done.stderr.partition("or name")[0]) == (0, silent)
    head, first, second, *types = done.stdout.splitlines()
    assert head.split() == ["name", "type", "version", "patterns", "watch", "enabled", "reads"]
    drop = str(config.parent / "drop")
    assert first.split()[:6] == ["line-1", "wats-json", "1.0.0", "*.json", drop, "yes"]
    assert first.endswith(
        "WATS Standard JSON Format (WSJF): reports that are passed on as they are."
    )
    mine = f"{config.parent / 'mine.py'}:Mine"
    assert second.split() == ["line-2", mine, "2.1", "*.log", "*.txt", f"{drop}2", "yes"]
    assert [line.split()[0] for line in types] == [*STANDARD]


def test_ls_as_json_is_one_document_with_the_arguments(config: Path) -> None:
    done = call("--config", config, "converters", "ls", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    page = json.loads(done.stdout)
    assert page["next"] is None
    line = next(item for item in page["items"] if item["name"] == "line-2")
    assert (line["id"], line["version"], line["problem"]) == ("mine", "2.1", "")
    assert line["patterns"] == ["*.log", "*.txt"]
    assert line["arguments"]["line"]["default"] == 3
    assert line["arguments"]["line"]["help"] == "the line"
    assert [item["type"] for item in page["items"] if not item["name"]] == [*STANDARD]


def test_ls_works_without_a_configuration() -> None:
    done = call("converters", "ls")
    assert (done.exit_code, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1 + len(STANDARD)


def test_ls_says_which_converter_cannot_be_used_and_shows_the_others(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("raise RuntimeError('half-written')\n")
    text = (
        '[[converters]]\nname = "line-2"\ntype = "mine.py:Mine"\nwatch = "drop2"\n'
        '[[converters]]\nname = "line-3"\ntype = "wats-jsn"\nwatch = "drop3"\n'
    )
    config = write_config(tmp_path, NOWHERE, text=text)
    done = call("--config", config, "converters", "ls")
    assert done.exit_code == 0
    assert "wats-xml" in done.stdout
    broken, unknown, _no_service = done.stderr.splitlines()
    assert broken.startswith("line-2: ")
    assert "half-written" in broken
    assert unknown == "line-3: there is no converter 'wats-jsn'; did you mean 'wats-json'?"


def test_ls_of_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    done = call("--config", tmp_path / "nope.toml", "converters", "ls")
    said(done, 21, "nope.toml", "no such configuration file")


# converters test


def test_test_shows_the_report_as_a_tree() -> None:
    done = call("converters", "test", GOOD)
    assert (done.exit_code, done.stderr) == (0, "")
    head, steps, summary = done.stdout.rstrip().split("\n\n")
    assert "serial number  SN-0001" in head.splitlines()
    assert "result         passed" in head.splitlines()
    assert steps.splitlines() == [
        "P  MainSequence Callback",
        "P    3V3 rail             3.31 V  3.2 <= x <= 3.4",
    ]
    assert summary.startswith("1 report by wats-json in ")
    assert summary.endswith(" MiB at most, no findings")


def test_test_as_json_has_the_keys_of_the_contract() -> None:
    done = call("converters", "test", "--json", GOOD)
    assert (done.exit_code, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert [*document] == ["converter", "reports", "findings", "seconds", "peak_memory_bytes"]
    assert document["converter"] == "wats-json"
    assert document["reports"] == [json.loads(GOOD.read_bytes())]
    assert document["findings"] == []
    assert 0 < document["seconds"] < 60
    assert document["peak_memory_bytes"] > 1_000_000


@pytest.mark.parametrize("converter", [[], ["--converter", "wats-json"], ["--converter", "line-1"]])
def test_a_refused_file_is_22_and_says_why(converter: list[str], config: Path) -> None:
    command = ["--config", config, "converters", "test", *converter, REFUSED]
    done = call(*command)
    assert (done.exit_code, done.stdout) == (22, "")
    assert done.stderr.splitlines()[0] == f"refused by wats-json: {WHY}"
    done = call(*command, "--json")
    assert (done.exit_code, done.stderr) == (22, "")
    assert json.loads(done.stdout) == {"converter": "wats-json", "refused": True, "why": WHY}


def test_a_file_that_nobody_knows_is_refused_by_all(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(b"\x01\x02\x03")
    done = call("converters", "test", "--json", tmp_path / "a.dat")
    assert done.exit_code == 22
    told = json.loads(done.stdout)
    assert told["refused"] is True
    assert "none of the converters wats-json, wats-xml" in told["why"]


def test_a_converter_of_ones_own_is_tried_with_its_arguments(config: Path) -> None:
    command = ["--config", config, "converters", "test", "--converter", "line-2", "--json", GOOD]
    done = call(*command, "--set", "line=7")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["reports"][0]["sn"] == "SN-7"
    done = call(*command, "--set", "why=not today")
    assert done.exit_code == 22
    assert json.loads(done.stdout)["why"] == "not today"


def test_the_hint_of_a_refusal_is_for_people(config: Path) -> None:
    done = call(
        *("--config", config, "converters", "test", "--converter", "line-2"),
        *("--set", "why=not today", GOOD),
    )
    assert done.exit_code == 22
    assert done.stderr.splitlines()[1] == "come back tomorrow"


WRONG: dict[str, tuple[list[str], int, list[str]]] = {
    "no such file": (["nothere.json"], 21, ["nothere.json"]),
    "a type misspelt": ([str(GOOD), "--converter", "wats-jsn"], 21, ["did you mean 'wats-json'?"]),
    "a name misspelt": ([str(GOOD), "--converter", "line-7"], 21, ["did you mean 'line-"]),
    "nothing like it": ([str(GOOD), "--converter", "zzz"], 21, ["wats-json", "wats-xml"]),
    "no class": ([str(GOOD), "--converter", "mine.py:"], 21, ["mine.py"]),
    "unknown argument": (
        [str(GOOD), "--converter", "line-2", "--set", "lime=1"],
        20,
        ["unknown argument 'lime'", "line"],
    ),
    "argument of another type": (
        [str(GOOD), "--converter", "line-2", "--set", "line=x"],
        20,
        ["line"],
    ),
    "no argument": ([str(GOOD), "--set", "line"], 2, ["write KEY=VALUE"]),
}


@pytest.mark.parametrize(("arguments", "code", "words"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_wrong_word_ends_with_a_sentence(
    arguments: list[str], code: int, words: list[str], as_json: list[str], config: Path
) -> None:
    said(call("--config", config, "converters", "test", *arguments, *as_json), code, *words)


def test_commands_that_are_nearly_right_get_a_suggestion() -> None:
    assert "Did you mean 'converters'?" in call("convertrs").stderr
    assert "Did you mean 'test'?" in call("converters", "tst").stderr
    assert call("convertrs").exit_code == 2


def test_config_check_asks_the_authors_of_converters(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(CUSTOM)
    (tmp_path / "other.py").write_text(CUSTOM)
    (tmp_path / "half.py").write_text("raise RuntimeError('half-written')\n")
    text = (
        "[converters.arguments]\nprocess_cod = 10\n"
        '[[converters]]\nname = "a.b"\ntype = "mine.py:Mine"\nwatch = "drop2"\n'
        '[converters.arguments]\nline = "x"\n'
        '[[converters]]\nname = "a"\ntype = "half.py:Mine"\nwatch = "drop3"\n'
        '[[converters]]\nname = "c"\ntype = "other.py:Mine"\nwatch = "drop2"\n'
        '[[converters]]\nname = "d"\ntype = "nope.py:Mine"\nwatch = "d"\nenabled = false\n'
    )
    config = write_config(tmp_path, NOWHERE, text=text)
    done = call("--config", config, "config", "check", "--json")
    assert (done.exit_code, done.stderr) == (20, "")
    told = json.loads(done.stdout)
    lines = config.read_text().splitlines()
    found = {
        problem["key"]: (lines[int(problem["place"].rpartition(":")[2]) - 1], problem["message"])
        for problem in told["problems"]
    }
    assert {key: line for key, (line, _message) in found.items()} == {
        "converters[0].arguments.process_cod": "process_cod = 10",
        "converters[1].arguments.line": 'line = "x"',
        "converters[2].type": 'type = "half.py:Mine"',
        "converters[3].watch": 'watch = "drop2"',
        "converters[4].type": 'type = "nope.py:Mine"',
    }
    assert "half-written" in found["converters[2].type"][1]
    assert "would both take" in found["converters[3].watch"][1]
    assert {warning["key"] for warning in told["warnings"]} == {
        f"converters[{number}].watch" for number in (1, 2, 3)
    }


def test_config_check_leaves_nothing_in_the_folders_and_asks_no_server(config: Path) -> None:
    (config.parent / "drop2").mkdir()
    before = sorted(config.parent.rglob("*"))
    done = call("--config", config, "config", "check")
    assert (done.exit_code, done.stderr) == (0, "")
    assert sorted(config.parent.rglob("*")) == before


def test_config_check_finds_a_type_that_there_is_not(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE, converter={"type": "wats-jsn"})
    done = call("--config", config, "config", "check")
    said(done, 20, f"{config}:", "converters[0].type", "did you mean 'wats-json'?")
    done = call("--config", config, "config", "check", "--json")
    assert done.exit_code == 20
    (problem,) = json.loads(done.stdout)["problems"]
    line = int(problem["place"].rpartition(":")[2])
    assert config.read_text().splitlines()[line - 1] == 'type = "wats-jsn"'


def test_a_converter_file_is_found_from_the_folder_of_the_configuration(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert call("--config", config, "config", "check").exit_code == 0
    (tmp_path / "mine.py").unlink()
    assert call("--config", config, "config", "check").exit_code == 20
    (tmp_path / "mine.py").write_text(CUSTOM)
    moved = call("--config", "../config.toml", "converters", "ls")
    assert moved.exit_code == 0
    assert moved.stderr.startswith("no service answers at ")


# run


def run(*arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environ},
    )


def test_run_without_a_configuration_says_where_it_looked() -> None:
    done = run("run")
    assert done.returncode == 21
    assert done.stderr.count("\n") == 1
    assert "--config" in done.stderr
    assert "PYWATS_TRIO_CONFIG" in done.stderr


def test_run_with_a_wrong_configuration_tells_every_problem(tmp_path: Path) -> None:
    config = write_config(tmp_path, "ftp://x", retry={"max_attempts": 0}, queue={"max_itmes": 5})
    done = run("--config", config, "run")
    assert (done.returncode, done.stdout) == (20, "")
    problems = done.stderr.splitlines()
    assert len(problems) == 3
    assert all(problem.startswith(f"{config}:") for problem in problems)
    assert "did you mean 'max_items'?" in done.stderr
    assert not (tmp_path / "data").exists()


TOKENS = {
    "missing": (None, "cannot be read: No such file"),
    "empty": (b"", "is empty"),
    "two words": (b"two words", "without blanks"),
    "no text": (b"\xff\xfe\xfd", "holds no text"),
}


@pytest.mark.parametrize(("content", "words"), TOKENS.values(), ids=TOKENS)
def test_a_token_file_that_is_no_good_is_told_with_its_key(
    content: bytes | None, words: str, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_bytes(content)
    text = write_config(tmp_path, NOWHERE).read_text()
    config = tmp_path / "config.toml"
    config.write_text(text.replace('token = "dGVzdDp0ZXN0"', 'token_file = "token"'))
    done = call("--config", config, "run")
    said(done, 20, f"{config}:", "server.token_file", words)


async def test_a_second_service_on_one_folder_is_refused_and_harmless(config: Path) -> None:
    async with daemon(config) as first:
        done = run("--config", config, "run")
        assert done.returncode == 30
        *_, sentence = done.stderr.splitlines()
        assert "already running here" in sentence
        assert f"process {first.process.pid}" in sentence
        assert await first.stop() == 0


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    done = run("--config", write_config(tmp_path, NOWHERE), "run")
    assert done.returncode == 30
    *_, sentence = done.stderr.splitlines()
    assert "cannot be used as data folder" in sentence


def test_a_queue_that_is_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "data" / "queue.db").mkdir(parents=True)
    done = run("--config", write_config(tmp_path, NOWHERE), "run")
    assert done.returncode == 30
    *_, sentence = done.stderr.splitlines()
    assert "queue.db" in sentence


async def test_a_converter_that_cannot_be_used_does_not_stop_the_others(tmp_path: Path) -> None:
    text = '[[converters]]\nname = "line-2"\ntype = "nope.py:Nope"\nwatch = "drop2"\n'
    config = write_config(tmp_path, NOWHERE, text=text)
    (tmp_path / "drop2").mkdir()
    (tmp_path / "drop2" / "waits.json").write_bytes(GOOD.read_bytes())
    async with daemon(config) as running:
        (record,) = await running.until_event("a converter cannot be used; its files wait")
        assert record["converter"] == "line-2"
        assert "nope.py does not exist" in record["error"]
        (tmp_path / "drop" / "a.json").write_bytes(GOOD.read_bytes())
        await running.until_event("file converted")
        assert await running.stop() == 0
    assert (tmp_path / "drop2" / "waits.json").exists()
