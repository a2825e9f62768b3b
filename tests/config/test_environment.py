"""What `PYWATS_TRIO__…` sets, and what it cannot."""

from __future__ import annotations

import pytest

from tests.config.conftest import CONVERTER, GOOD, Load, Problems

P = "PYWATS_TRIO__"


def test_a_variable_goes_before_the_file(load_text: Load) -> None:
    loaded = load_text(GOOD + "token = 'a'", {f"{P}SERVER__TOKEN": "Basic b"})
    assert loaded.config.server.token == "b"
    assert loaded.places["server", "token"] == f"${P}SERVER__TOKEN"


def test_a_variable_can_set_what_the_file_leaves_out(load_text: Load) -> None:
    environ = {
        f"{P}SERVER__URL": "http://x/api",
        f"{P}LOG__MAX_BYTES": "1MiB",
        f"{P}SERVER__VERIFY_TLS": "no",
        f"{P}INSTANCE": "7",
        f"{P}CONVERTERS": '[{"name": "a", "type": "t", "watch": "w"}]',
        "PYWATS_TRIO_FAULTS": "not ours",
    }
    config = load_text("", environ).config
    assert config.server.url == "http://x"
    assert config.server.verify_tls is False
    assert config.log.max_bytes == 2**20
    assert config.instance == "7"
    assert config.converters[0].name == "a"


def test_a_converter_is_set_by_its_number(load_text: Load) -> None:
    two = CONVERTER + CONVERTER.replace("ict", "fct").replace("drop", "fct")
    environ = {
        f"{P}CONVERTERS__1__PATTERNS": '["*.csv"]',
        f"{P}CONVERTERS__1__ARGUMENTS": '{station = "x"}',
        f"{P}CONVERTERS__0__ENABLED": "false",
    }
    first, second = load_text(GOOD + two, environ).config.converters
    assert (first.enabled, first.patterns) == (False, ())
    assert (second.enabled, second.patterns) == (True, ("*.csv",))
    assert second.arguments == {"station": "x"}


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("SERVER__MAX_CONNECTIONS", "65", "server.max_connections: 65 is too large; use 1 to 64"),
        ("SERVER__TOKN", "x", "server.tokn: there is no such key; did you mean 'token'?"),
        ("IPC__TCP", "127.0.0.1:0", "ipc.tcp: not built yet; remove the line"),
        ("HEALTH__PORT", "65536", "health.port: 65536 is too large; use 0 to 65535"),
        ("CONVERTERS__0__PRIORITY", "0", "converters[0].priority: 0 is too small; use 1 to 10"),
        ("SERVER", "x", "server: this must be a table; write [server]"),
    ],
)
def test_a_bad_value_is_told_with_the_name_of_its_variable(
    problems: Problems, name: str, value: str, told: str
) -> None:
    lines = problems(GOOD + CONVERTER, {P + name: value})
    assert lines == [f"${P}{name}: {told}"]


@pytest.mark.parametrize("key", ["1", "ICT", "-1", "²"])
def test_a_converter_that_is_not_there_cannot_be_set(problems: Problems, key: str) -> None:
    name = f"{P}CONVERTERS__{key}__ENABLED"
    (told,) = problems(GOOD + CONVERTER, {name: "no"})
    assert told == (
        f"environment: ${name}: there is no converter {key.lower()!r}; "
        "write the number it has in the file, counted from 0"
    )


@pytest.mark.parametrize("name", [P, f"{P}SERVER__", f"{P}__TOKEN"])
def test_a_variable_that_names_no_key_is_refused(problems: Problems, name: str) -> None:
    (told,) = problems(GOOD, {name: "x"})
    assert told.startswith(f"environment: ${name}: this names no key")


def test_a_variable_cannot_set_anything_in_what_is_no_table(problems: Problems) -> None:
    told = problems("log = 5\n" + GOOD, {f"{P}LOG__LEVEL": "debug"})
    assert told == [
        "station.toml:1: log: this must be a table; write [log]",
        f"environment: ${P}LOG__LEVEL: log is no table in the file, so nothing in it can be set",
    ]


def test_what_lies_below_the_arguments_cannot_be_set_alone(problems: Problems) -> None:
    (told,) = problems(GOOD + CONVERTER, {f"{P}CONVERTERS__0__ARGUMENTS__LIMIT": "5"})
    assert "arguments are set as a whole" in told


def test_what_is_missing_in_a_table_is_not_blamed_on_a_variable_for_it(problems: Problems) -> None:
    (told,) = problems("", {f"{P}SERVER__TOKEN": "x"})
    assert told.startswith("station.toml: server.url: missing")
