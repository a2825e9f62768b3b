"""The effective configuration: complete, masked, and where it came from."""

from __future__ import annotations

import json

import pytest

from pywats_trio.config.secrets import looks_secret, masked, secret_values
from pywats_trio.config.show import as_document, settings
from tests.config.conftest import CONVERTER, GOOD, Load

SECRET = "c2VjcmV0OnRva2Vu"
TEXT = f"""{GOOD}token = "{SECRET}"
proxy = "http://joe:hidd%40en@proxy:3128"
{CONVERTER}[converters.arguments]
station = "x"
password = "hidd@en"
nested = {{ api_key = "hidd@en", list = ["y"] }}
"""


def test_no_secret_is_shown(load_text: Load) -> None:
    loaded = load_text(TEXT)
    shown = json.dumps(as_document(loaded)) + repr(settings(loaded))
    assert SECRET not in shown
    assert "hidd" not in shown
    assert as_document(loaded)["config"]["server"]["proxy"] == "http://joe:***@proxy:3128"


def test_every_value_is_shown_with_its_place(load_text: Load) -> None:
    loaded = load_text(TEXT, {"PYWATS_TRIO__LOG__LEVEL": "error"}, instance="x")
    document = as_document(loaded)
    origins = document["origins"]
    assert document["file"] == str(loaded.file)
    assert origins["server.url"] == f"{loaded.file}:2"
    assert origins["converters[0].watch"] == f"{loaded.file}:8"
    assert origins["log.level"] == "$PYWATS_TRIO__LOG__LEVEL"
    assert origins["instance"] == "--instance"
    assert origins["retry.max_attempts"] == "default"
    assert document["config"]["retry"]["max_attempts"] == 3
    assert document["config"]["converters"][0]["arguments"] == {
        "station": "x",
        "password": "***",
        "nested": {"api_key": "***", "list": ["y"]},
    }


def test_what_is_not_built_is_not_shown_as_if_it_had_an_effect(load_text: Load) -> None:
    keys = {setting.key for setting in settings(load_text(GOOD))}
    assert "ipc.tcp" not in keys
    assert "queue.max_items" in keys


def test_two_converters_stay_two(load_text: Load) -> None:
    second = CONVERTER.replace("ict", "fct").replace("drop", "d2")
    document = as_document(load_text(GOOD + CONVERTER + second))
    assert [one["name"] for one in document["config"]["converters"]] == ["ict", "fct"]


def test_a_token_from_elsewhere_is_shown_with_the_key_that_said_so(load_text: Load) -> None:
    loaded = load_text(GOOD + "token_env = 'MINE'", {"MINE": SECRET})
    assert as_document(loaded)["origins"]["server.token"] == f"{loaded.file}:3"
    assert as_document(loaded)["config"]["server"]["token"] == "***"
    assert as_document(load_text(GOOD))["config"]["server"]["token"] == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("abc", "***"),
        ("http://proxy:3128", "http://proxy:3128"),
        ("http://joe@proxy", "http://joe@proxy"),
        ("http://:p@proxy", "http://:***@proxy"),
        ("http://a:b@c@proxy/x", "http://a:***@proxy/x"),
    ],
)
def test_of_an_address_only_the_password_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_secrets_are_known_in_every_form_they_may_turn_up(load_text: Load) -> None:
    assert set(secret_values(load_text(TEXT).config)) == {SECRET, "hidd%40en", "hidd@en"}
    assert secret_values(load_text(GOOD).config) == ()


@pytest.mark.parametrize("name", ["token", "API_Token", "Authorization", "passwd", "client_secret"])
def test_names_of_secrets_are_known(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize("name", ["path", "key", "size", "converter", "correlation_id"])
def test_other_names_are_no_secrets(name: str) -> None:
    assert not looks_secret(name)
