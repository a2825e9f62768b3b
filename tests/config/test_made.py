"""A configuration made in code is held to the rules of one from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
from attrs import evolve

from pywats_trio.config.load import load
from pywats_trio.config.made import checked
from pywats_trio.config.options import (
    Config,
    ConverterOptions,
    QueueOptions,
    ServerOptions,
    WorkerOptions,
    default_data_dir,
)
from pywats_trio.errors import ConfigError
from tests.service.embedding import config as quick

SERVER = ServerOptions(url="https://wats.example.com")
LINE = ConverterOptions(name="line-1", type="wats-json", watch=Path("drop"))


def made(**changes: Any) -> Config:
    return Config(**{"server": SERVER, "converters": (LINE,), **changes})


def test_what_depends_on_other_values_is_filled_in_and_no_path_is_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = checked(made(instance="line-7"))
    assert config.data_dir == default_data_dir("line-7")
    assert config.converters[0].watch == tmp_path / "drop"
    assert config.log.file == config.data_dir / "logs" / "pywats-trio.jsonl"
    assert config.ipc.socket is not None
    assert checked(made(data_dir=Path("data"))).data_dir == tmp_path / "data"


def test_values_get_their_normal_form() -> None:
    server = ServerOptions(url="https://wats.example.com/", token="ZGV2OmRldg==")
    assert checked(made(server=server)).server == evolve(server, url="https://wats.example.com")


@pytest.mark.parametrize("bad", [{"max": -1}, {"max": 257}, {"max": "two"}])
def test_a_value_that_a_file_could_not_have_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"^workers\.max: "):
        checked(made(workers=WorkerOptions(**bad)))


@pytest.mark.parametrize("good", [0, 1, 256])
def test_a_value_at_its_limit_is_taken(good: int) -> None:
    assert checked(made(workers=WorkerOptions(max=good))).workers.max == good


def test_every_problem_is_told_at_once_a_line_each() -> None:
    twins = (LINE, evolve(LINE, watch=Path("other"), type=""))
    with pytest.raises(ConfigError) as caught:
        checked(Config(queue=QueueOptions(max_items=-1), converters=twins))
    keys = [line.partition(":")[0] for line in str(caught.value).splitlines()]
    assert keys == ["queue.max_items", "converters[1].type"]


def test_a_program_may_have_no_server_yet_and_a_file_may_not(tmp_path: Path) -> None:
    assert checked(Config()).server.url == ""
    file = tmp_path / "station.toml"
    file.write_text("schema_version = 1\n")
    with pytest.raises(ConfigError, match=r"server\.url: missing"):
        Config.load(file)


def test_keys_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"converters\[1\]\.name: 'line-1' is the name of"):
        checked(made(converters=(LINE, evolve(LINE, watch=Path("other")))))


def test_the_token_comes_from_where_it_is_said_to_be(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("ZGV2OmRldg==\n")
    config = checked(made(server=evolve(SERVER, token_file=file)))
    assert config.server.token == "ZGV2OmRldg=="
    file.write_text("b3RoZXI6eA==\n")
    assert checked(config).server.token == "b3RoZXI6eA=="
    by_name = evolve(SERVER, token_env="WATS_TOKEN")
    assert checked(made(server=by_name), {"WATS_TOKEN": "ZGV2OmRldg=="}).server.token
    with pytest.raises(ConfigError, match="WATS_TOKEN is not set"):
        checked(made(server=by_name), {})


def test_a_configuration_that_was_checked_or_loaded_stays_as_it_is(tmp_path: Path) -> None:
    config = checked(quick(tmp_path, "http://127.0.0.1:9"))
    assert checked(config) == config
    file = tmp_path / "station.toml"
    file.write_text(
        'instance = "a"\n[server]\nurl = "http://127.0.0.1:9"\ntoken = "ZGV2OmRldg=="\n'
        '[[converters]]\nname = "x"\ntype = "x.py:X"\nwatch = "drop"\n'
        "[converters.arguments]\nn = 1\n"
    )
    loaded = load(file, environ={})
    assert checked(loaded) == loaded
    assert checked(loaded).file == loaded.file == file


NUMBERS = [
    (table.name, option.name)
    for table in attrs.fields(attrs.resolve_types(Config))
    if isinstance(table.type, type) and attrs.has(table.type)
    for option in attrs.fields(table.type)
    if isinstance(option.default, int | float) and option.metadata["built"]
]


@pytest.mark.parametrize(("table", "name"), NUMBERS)
def test_no_key_is_lost_on_the_way(table: str, name: str) -> None:
    """Another value than the default's is there afterwards."""
    config = checked(made())
    options = getattr(config, table)
    value = getattr(options, name)
    changes: dict[str, Any] = {name: not value if isinstance(value, bool) else value + 1}
    tables: dict[str, Any] = {table: evolve(options, **changes)}
    changed = evolve(config, **tables)
    assert checked(changed) == changed


def test_there_are_keys_to_look_at() -> None:
    assert ("workers", "max") in NUMBERS
    assert len(NUMBERS) > 20
