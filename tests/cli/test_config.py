"""`config init`, `check`, `show` and `schema`, as a user calls them."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from pywats_trio.cli.main import cli
from pywats_trio.config.schema import schema
from pywats_trio.config.starter import starter
from tests.cli.test_main import run

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

GOOD = """\
[server]
url = "https://wats.example.com/api/"
token = "c2VjcmV0OnRva2Vu"
[[converters]]
name = "ict"
type = "wats-json"
watch = "/data/drop"
[[converters]]
name = "fct"
type = "wats-xml"
watch = "/data/fct"
enabled = false
"""
BAD = "[server]\nurl = 5\nmax_connections = 0\n"


def call(folder: Path, text: str, *arguments: str) -> Result:
    text = text.replace("/data", str(folder / "data"))
    (folder / "station.toml").write_text(text)
    before = ["--config", str(folder / "station.toml")]
    return CliRunner(env={"NO_COLOR": "1"}).invoke(cli, [*before, "config", *arguments])


def test_check_says_ok_and_what_it_found(tmp_path: Path) -> None:
    result = call(tmp_path, GOOD, "check")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert f"{tmp_path}/station.toml: ok" in lines
    assert "  server      https://wats.example.com, with a token" in lines
    assert f"  converter   ict: wats-json in {tmp_path}/data/drop" in lines
    assert f"  converter   fct: wats-xml in {tmp_path}/data/fct, not enabled" in lines
    assert "  converters  2" in lines


def test_check_says_when_nothing_will_be_done(tmp_path: Path) -> None:
    result = call(tmp_path, "[server]\nurl = 'http://x'", "check")
    assert "  server      http://x, without a token" in result.output
    assert "  converters  none, so no file is taken" in result.output


def test_check_lists_every_problem_and_ends_with_20(tmp_path: Path) -> None:
    result = call(tmp_path, BAD, "check")
    file = tmp_path / "station.toml"
    assert result.exit_code == 20
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"{file}:2: server.url: 5 is a whole number; write a text in quotes",
        f"{file}:3: server.max_connections: 0 is too small; use 1 to 64",
    ]


def test_check_as_json_is_one_document_either_way(tmp_path: Path) -> None:
    file = str(tmp_path / "station.toml")
    (tmp_path / "data" / "drop").mkdir(parents=True)
    good = call(tmp_path, GOOD, "check", "--json")
    assert good.exit_code == 0
    assert json.loads(good.stdout) == {"file": file, "ok": True, "problems": [], "warnings": []}
    bad = call(tmp_path, BAD, "check", "--json")
    assert bad.exit_code == 20
    assert json.loads(bad.stdout)["problems"][1] == {
        "place": f"{file}:3",
        "key": "server.max_connections",
        "message": "0 is too small; use 1 to 64",
    }
    assert bad.stderr == ""


def test_check_warns_of_a_folder_that_is_away(tmp_path: Path) -> None:
    result = call(tmp_path, GOOD, "check")
    assert result.exit_code == 0
    assert result.stderr.startswith(
        f"warning: {tmp_path}/station.toml:7: converters[0].watch: {tmp_path}/data/drop cannot be "
    )
    assert result.stderr.count("\n") == 1


def test_show_prints_values_and_places_without_secrets(tmp_path: Path) -> None:
    result = call(tmp_path, GOOD, "show")
    assert result.exit_code == 0
    rows = {line.split()[0]: line.split()[1:] for line in result.output.splitlines()}
    assert rows["KEY"] == ["VALUE", "FROM"]
    assert rows["server.url"] == ["https://wats.example.com", f"{tmp_path}/station.toml:2"]
    assert rows["server.token"] == ["***", f"{tmp_path}/station.toml:3"]
    assert rows["converters[1].enabled"] == ["no", f"{tmp_path}/station.toml:12"]
    assert rows["retry.max_attempts"] == ["3", "default"]
    assert "c2VjcmV0OnRva2Vu" not in result.output


def test_show_as_json_is_one_object(tmp_path: Path) -> None:
    result = call(tmp_path, GOOD, "show", "--json")
    document = json.loads(result.stdout)
    assert list(document) == ["file", "config", "origins"]
    assert document["config"]["server"]["token"] == "***"
    assert document["config"]["converters"][1]["enabled"] is False
    assert document["origins"]["server.url"] == f"{tmp_path}/station.toml:2"


def test_show_refuses_a_bad_file(tmp_path: Path) -> None:
    assert call(tmp_path, BAD, "show").exit_code == 20


@pytest.mark.parametrize("command", ["migrate", "set"])
def test_what_is_not_built_says_so(tmp_path: Path, command: str) -> None:
    result = call(tmp_path, GOOD, command, "x", "--y")
    assert result.exit_code == 2
    assert result.stderr.endswith(f"config {command}` is not built yet\n")


def test_the_installed_command_reads_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text(GOOD)
    environ = {"PYWATS_TRIO_CONFIG": str(file), "PYWATS_TRIO__SERVER__MAX_CONNECTIONS": "65"}
    done = run("config", "check", **environ)
    assert done.returncode == 20
    assert done.stderr == (
        "$PYWATS_TRIO__SERVER__MAX_CONNECTIONS: server.max_connections: "
        "65 is too large; use 1 to 64\n"
    )
    missing = run("--config", str(tmp_path / "none.toml"), "config", "show")
    assert missing.returncode == 21
    assert missing.stderr == f"{tmp_path}/none.toml: there is no such configuration file\n"


def init(*arguments: object, **environ: str) -> Result:
    words = [str(argument) for argument in arguments]
    return CliRunner(env={"NO_COLOR": "1", **environ}).invoke(cli, words)


def test_init_writes_a_file_for_its_owner_alone_and_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "new" / "station.toml"
    result = init("config", "init", file)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count("\n") == 1
    assert str(file) in result.stdout
    assert "config check" in result.stdout
    assert file.read_text() == starter()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_init_leaves_a_file_alone_that_is_there(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text("mine")
    result = init("config", "init", file)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert "is there already and was left alone" in result.stderr
    assert file.read_text() == "mine"


def test_init_without_a_name_writes_where_run_looks(tmp_path: Path) -> None:
    home = {"XDG_CONFIG_HOME": str(tmp_path / "home"), "PYWATS_TRIO_CONFIG": ""}
    result = init("config", "init", "--json", **home)
    file = tmp_path / "home" / "pywats-trio" / "config.toml"
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"file": str(file), "text": starter()}
    assert file.read_text() == starter()
    checked = init("config", "check", **home)
    assert checked.exit_code == 20
    assert [line.split(": ")[1] for line in checked.stderr.splitlines()] == [
        "server.url",
        "converters[0].watch",
    ]


def test_init_takes_the_name_that_other_commands_take(tmp_path: Path) -> None:
    assert init("--config", tmp_path / "x.toml", "config", "init").exit_code == 0
    assert (tmp_path / "x.toml").read_text() == starter()


def test_init_to_standard_output_writes_no_file(tmp_path: Path) -> None:
    result = init("config", "init", tmp_path / "x.toml", "--stdout")
    assert (result.exit_code, result.stdout, result.stderr) == (0, starter(), "")
    as_json = init("config", "init", "--stdout", "--json")
    assert json.loads(as_json.stdout) == {"file": None, "text": starter()}
    assert list(tmp_path.iterdir()) == []


def test_init_says_when_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = init("config", "init", tmp_path / "file" / "x.toml")
    assert result.exit_code in {1, 2}
    assert result.stderr.count("\n") == 1
    assert "name another file" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_schema_is_one_json_document(arguments: list[str]) -> None:
    result = init("config", "schema", *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == schema()
