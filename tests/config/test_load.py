"""Files and environment to a configuration, or everything that is wrong with them."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import platformdirs
import pytest

from pywats_trio.config.load import load
from pywats_trio.config.options import (
    UNBUILT_TABLES,
    QueueOptions,
    WorkerOptions,
    default_data_dir,
    worker_count,
)
from pywats_trio.errors import ConfigError, NotFoundError
from tests.config.conftest import CONVERTER, GOOD, Load, Problems


def test_a_small_file_gives_the_defaults_for_all_the_rest(load_text: Load, tmp_path: Path) -> None:
    config = load_text(GOOD + CONVERTER).config
    (converter,) = config.converters
    assert (converter.name, converter.type, converter.watch) == (
        "ict",
        "wats-json",
        tmp_path / "drop",
    )
    assert config.server.url == "https://wats.example.com"
    assert config.server.max_connections == 8
    assert config.station.name == socket.gethostname()
    assert config.data_dir == default_data_dir("default")
    assert config.log.file == config.data_dir / "logs" / "pywats-trio.jsonl"
    assert config.queue == QueueOptions()


def test_every_problem_is_told_at_once_in_the_order_of_the_file(problems: Problems) -> None:
    text = """\
schema_version = 1
[server]
url = "https://wats.example.com"
max_connections = 0
tmeout_seconds = 3
[queue]
max_items = "many"
[retry]
base_seconds = "10m"
[[converters]]
name = "a"
watch = "x"
[[converters]]
name = "a"
type = "wats-json"
watch = "y"
priority = 11
"""
    assert problems(text) == [
        "station.toml:4: server.max_connections: 0 is too small; use 1 to 64",
        "station.toml:5: server.tmeout_seconds: there is no such key; "
        "did you mean 'timeout_seconds'?",
        "station.toml:7: queue.max_items: 'many' is a text; write a whole number",
        "station.toml:9: retry.base_seconds: 600 is more than retry.max_seconds, 300; "
        "use 300 or less",
        "station.toml:10: converters[0].type: missing; give a standard id, package.module:Class "
        "or path/to/file.py:Class, with `pywats:` before one that was written for pyWATS; "
        "see `converters ls`",
        "station.toml:14: converters[1].name: 'a' is the name of converters[0], too; "
        "each needs a name of its own",
        "station.toml:17: converters[1].priority: 11 is too large; use 1 to 10",
    ]


def test_the_error_ends_with_the_exit_code_for_configurations(load_text: Load) -> None:
    with pytest.raises(ConfigError) as refusal:
        load_text("[server]\n")
    assert refusal.value.exit_code == 20


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[server]\nurl = ''", "station.toml:2: server.url: missing; give address of the WATS"),
        ("", "station.toml: server.url: missing"),
        ("[server]", "station.toml:1: server.url: missing"),
        ("server = 5", "station.toml:1: server: this must be a table; write [server]"),
        (GOOD + "[sever]", "station.toml:3: sever: there is no such key; did you mean 'server'?"),
        ("xyzzy = 1\n" + GOOD, "station.toml:1: xyzzy: there is no such key; known here: schema"),
        (GOOD + "[converters]\nname='a'", "station.toml:3: converters: this must be a list of"),
        ("converters = [1]\n" + GOOD, "station.toml:1: converters: this must be a list of tables"),
        (
            GOOD + "url2 = 1",
            "station.toml:3: server.url2: there is no such key; did you mean 'url'",
        ),
        (GOOD + "[ipc]\ntcp = '127.0.0.1:0'", "station.toml:4: ipc.tcp: not built yet; remove"),
        (GOOD + "[workers]\nsandbox = 'jail'", "station.toml:4: workers.sandbox: 'jail' is not kn"),
        ("schema_version = 0\n" + GOOD, "station.toml:1: schema_version: 0 is too small; use 1 to"),
        ("instance = 'a/b'\n" + GOOD, "station.toml:1: instance: 'a/b' is no usable name"),
    ],
)
def test_one_problem_has_its_line_its_key_and_what_to_do(
    problems: Problems, text: str, problem: str
) -> None:
    (told,) = problems(text)
    assert told.startswith(problem)


@pytest.mark.parametrize("table", sorted(UNBUILT_TABLES))
def test_a_table_whose_part_is_not_built_is_refused(problems: Problems, table: str) -> None:
    (told,) = problems(f"{GOOD}[{table}]\n")
    assert told.startswith(f"station.toml:3: {table}: not built yet (")
    assert told.endswith("remove the table")


def test_a_list_with_one_address_is_taken_and_a_longer_one_is_not_built(
    load_text: Load, problems: Problems
) -> None:
    assert load_text('[server]\nurl = ["http://a/api/"]').config.server.url == "http://a"
    assert problems('[server]\nurl = ["http://a", "http://b"]') == [
        "station.toml:2: server.url: a list of several is not built yet; give one"
    ]
    (told,) = problems("[server]\nurl = []")
    assert told.startswith("station.toml:2: server.url: missing")


@pytest.mark.parametrize(("version", "good"), [(1, True), (2, False), (99, False)])
def test_a_file_of_a_newer_program_is_refused_before_anything_else(
    load_text: Load, version: int, good: bool
) -> None:
    text = f"schema_version = {version}\n{GOOD}"
    if good:
        assert load_text(text).config.schema_version == version
    else:
        with pytest.raises(ConfigError, match=f":1: schema_version: {version} is newer") as told:
            load_text(text + "unknown = 1")
        assert "unknown" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = \n", "station.toml:1:5: this is not valid TOML: Invalid value"),
        ("[server]\nurl 5\n", "station.toml:2:5: this is not valid TOML: Expected '='"),
        ("a = 1\na = 2\n", "station.toml:2:6: this is not valid TOML: Cannot overwrite a value"),
        ("[server]\nurl = 'x", "station.toml:2: this is not valid TOML: "),
        ("x = " + "[" * 5000, "station.toml: lists or tables are nested too deep"),
        ("x = " + "9" * 5000, "station.toml: "),
    ],
)
def test_a_syntax_error_is_told_with_its_line_and_column(
    load_text: Load, tmp_path: Path, text: str, place: str
) -> None:
    with pytest.raises(ConfigError) as told:
        load_text(text)
    assert str(told.value).replace(f"{tmp_path}/", "").startswith(place)


@pytest.mark.parametrize("name", ["station.json", "station.toml"])
def test_json_is_read_by_its_content_or_its_name(
    load_text: Load, problems: Problems, name: str
) -> None:
    converter = {"name": "a", "type": "t"}
    document = {"server": {"url": "https://x"}, "converters": [converter]}
    text = json.dumps(document, indent=1)
    assert problems(text, name=name) == [
        f"{name}:6: converters[0].watch: missing; give the folder where files are dropped"
    ]
    converter["watch"] = "w"
    assert load_text(json.dumps(document), name=name).config.converters[0].name == "a"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": }', "station.json:1:7: this is not valid JSON: Expecting value"),
        ('{"a": 1, "a": 2}', "station.json: the key 'a' stands twice in one table"),
        ('{"a": NaN}', "station.json: NaN is no JSON"),
        ("[1]", "station.json: the file must hold one table of settings"),
    ],
)
def test_json_that_is_no_configuration_is_refused(
    load_text: Load, tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        load_text(text, name="station.json")
    assert str(refusal.value).replace(f"{tmp_path}/", "") == told


def test_a_byte_order_mark_is_no_problem(load_text: Load) -> None:
    assert load_text("\ufeff" + GOOD).config.server.url == "https://wats.example.com"


def test_a_file_that_is_not_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_bytes(b"# fine\n[station]\nlocation = 'K\xf6ln'\n")
    with pytest.raises(ConfigError, match=r"station\.toml:3: this is not UTF-8"):
        load(file, environ={})


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path, environ={})


def test_the_file_is_looked_up_in_the_variable_then_the_user_then_the_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "site"))
    folders = [
        Path(platformdirs.site_config_dir("pywats-trio", appauthor=False)),
        Path(platformdirs.user_config_dir("pywats-trio", appauthor=False)),
        tmp_path / "variable",
        tmp_path / "given",
    ]
    with pytest.raises(NotFoundError, match="there is no configuration: neither") as told:
        load(environ={})
    assert str(folders[0]) in str(told.value)
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text(f"{GOOD}[station]\nname = '{folder}'")
    variable = {"PYWATS_TRIO_CONFIG": str(folders[2] / "config.toml")}
    assert load(folders[3] / "config.toml", environ=variable).station.name == str(folders[3])
    assert load(environ=variable).station.name == str(folders[2])
    assert load(environ={}).station.name == str(folders[1])
    (folders[1] / "config.toml").unlink()
    assert load(environ={}).station.name == str(folders[0])


@pytest.mark.parametrize("environ", [{}, {"PYWATS_TRIO_CONFIG": "/no/such/file"}])
def test_a_file_that_was_named_and_does_not_exist_is_not_found(environ: dict[str, str]) -> None:
    path = None if environ else Path("/no/such/file")
    with pytest.raises(NotFoundError, match="/no/such/file: there is no such") as told:
        load(path, environ=environ)
    assert told.value.exit_code == 21


def test_options_of_the_command_go_before_environment_and_file(load_text: Load) -> None:
    environ = {"PYWATS_TRIO__INSTANCE": "b", "PYWATS_TRIO__LOG__LEVEL": "error"}
    text = f"instance = 'a'\n{GOOD}[log]\nlevel = 'warning'"
    assert load_text(text).config.instance == "a"
    assert load_text(text, environ).config.instance == "b"
    loaded = load_text(text, environ, instance="c", log_level="debug")
    assert (loaded.config.instance, loaded.config.log.level) == ("c", "debug")
    assert loaded.config.data_dir == default_data_dir("c")
    assert loaded.places[("instance",)] == "--instance"


def test_a_bad_instance_option_is_a_problem_of_the_option(problems: Problems) -> None:
    (told,) = problems(GOOD, instance="a/b")
    assert told.startswith("--instance: instance: 'a/b' is no usable name")


def test_a_log_level_does_not_hide_a_log_table_that_is_none(problems: Problems) -> None:
    (told,) = problems("log = 5\n" + GOOD, log_level="debug")
    assert told.startswith("station.toml:1: log: this must be a table")


def test_empty_texts_mean_the_default_where_a_machine_provides_it(load_text: Load) -> None:
    text = f"data_dir = ''\n{GOOD}ca_file = ''\n[station]\nname = ''\n[log]\nfile = ''"
    config = load_text(text).config
    assert config.data_dir == default_data_dir("default")
    assert config.station.name == socket.gethostname()
    assert config.server.ca_file is None


def test_a_data_dir_of_your_own_takes_the_log_with_it(load_text: Load, tmp_path: Path) -> None:
    config = load_text("data_dir = 'state'\n" + GOOD).config
    assert config.data_dir == tmp_path / "state"
    assert config.log.file == tmp_path / "state" / "logs" / "pywats-trio.jsonl"


def test_the_token_is_taken_from_a_file_a_variable_or_the_key(
    load_text: Load, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("Basic from-file\n")
    assert load_text(GOOD + "token = 'Basic plain'").config.server.token == "plain"
    assert load_text(GOOD + "token_file = 'secret'").config.server.token == "from-file"
    by_variable = load_text(GOOD + "token_env = 'MINE'", {"MINE": "from-variable"})
    assert by_variable.config.server.token == "from-variable"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("token_file = 'none'", "server.token_file: {0}/none cannot be read: No such file or di"),
        ("token_file = 'empty'", "server.token_file: {0}/empty is empty; write the token into it"),
        ("token_file = 'binary'", "server.token_file: {0}/binary holds no text"),
        ("token_file = 'two'", "server.token_file: the token must be one line of ASCII"),
        ("token_env = 'NOT_SET'", "server.token_env: the environment variable NOT_SET is not set"),
        ("token_env = 'TWO'", "server.token_env: the token must be one line of ASCII"),
        ("token = 'a b'", "server.token: the token must be one line of ASCII without blanks"),
    ],
)
def test_a_token_that_is_not_there_is_a_problem_of_its_key(
    load_text: Load, tmp_path: Path, line: str, told: str
) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xfa")
    (tmp_path / "two").write_text("a\nb")
    with pytest.raises(ConfigError) as refusal:
        load_text(GOOD + line, {"TWO": "a b"})
    assert str(refusal.value).startswith(f"{tmp_path}/station.toml:3: {told.format(tmp_path)}")


def test_workers_default_to_the_processors_of_this_process() -> None:
    assert worker_count(WorkerOptions(max=3)) == 3
    assert worker_count(WorkerOptions()) >= 1
