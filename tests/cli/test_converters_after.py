"""What becomes of files, and arguments that nobody declared, as the command line tells of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from pywats_trio.cli.main import cli
from tests.convert.kit import type_of
from tests.pywats.kit import type_of as pywats_type

if TYPE_CHECKING:
    from pathlib import Path

WISHES = type_of("wishing:Wishes")
COMES_FIRST = "which is done where post_action is not set"


def call(config: Path, *words: str) -> str:
    done = CliRunner().invoke(cli, ["--config", str(config), *words])
    assert done.exit_code == 0, done.output
    return done.output


def write(folder: Path, type_: str, more: str = "") -> Path:
    (folder / "drop").mkdir()
    config = folder / "station.toml"
    config.write_text(
        f'data_dir = "data"\n[server]\nurl = "http://127.0.0.1:9"\ntoken = "dGVzdDp0ZXN0"\n'
        f'[[converters]]\nname = "line"\ntype = {json.dumps(type_)}\nwatch = "drop"\n{more}'
    )
    return config


@pytest.mark.parametrize(("word", "asks"), [("delete", True), ("-", False)])
def test_a_try_tells_what_the_converter_asks_for_its_file(
    tmp_path: Path, word: str, *, asks: bool
) -> None:
    config = write(tmp_path, WISHES)
    file = tmp_path / "unit.txt"
    file.write_text(word)
    told = call(config, "converters", "test", str(file), "--converter", "line")
    assert (f"it asks to delete its file, {COMES_FIRST}" in told) is asks
    told = call(config, "converters", "test", str(file), "--converter", "line", "--json")
    assert json.loads(told).get("after") == ("delete" if asks else None)
    assert file.exists()


@pytest.mark.parametrize(
    ("line", "action", "words"),
    [
        ("", "", "what the converter says, else move"),
        ('post_action = ""', "", "what the converter says, else move"),
        ('post_action = "archive"', "archive", "archive, as post_action says"),
    ],
)
def test_show_tells_which_holds(tmp_path: Path, line: str, action: str, words: str) -> None:
    config = write(tmp_path, WISHES, line)
    [told] = [
        row
        for row in call(config, "converters", "show", "line").splitlines()
        if row.startswith("afterwards")
    ]
    assert told.split(maxsplit=1)[1] == words
    facts = json.loads(
        CliRunner()
        .invoke(cli, ["--config", str(config), "converters", "show", "line", "--json"])
        .stdout
    )
    assert facts["post_action"] == action


def test_arguments_that_nobody_declared_are_told_and_no_error(tmp_path: Path) -> None:
    arguments = "[converters.arguments]\nserial = 7\nalarm_treshold = 0.5\n"
    config = write(tmp_path, pywats_type("after:DeclaresNothing"), arguments)
    told = call(config, "converters", "show", "line")
    assert "arguments.serial: its class does not declare it, so it is handed on unchecked" in told
    assert "arguments.alarm_treshold: " in told
    checked = call(config, "config", "check")
    assert (
        "station.toml:10: converters[0].arguments.serial: its class does not declare it" in checked
    )
    assert "did you mean 'alarm_threshold'?" in checked
    warnings = json.loads(call(config, "config", "check", "--json"))["warnings"]
    assert any("arguments.serial" in json.dumps(one) for one in warnings)


def test_a_pattern_is_shown_and_checked(tmp_path: Path) -> None:
    config = write(
        tmp_path,
        pywats_type("bench_log:BenchLogConverter"),
        '[converters.arguments]\nrevision = "1"\n',
    )
    assert "matches (?:[A-Z]$)(?s:.*)" in call(config, "converters", "show", "line")
    done = CliRunner().invoke(cli, ["--config", str(config), "config", "check"])
    assert done.exit_code == 20
    assert "'revision' is '1'; it must match" in done.output
