"""The JSON Schema: sound itself, and of one mind with the program about files."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pywats_trio.config.mistakes import InvalidConfig
from pywats_trio.config.schema import schema
from pywats_trio.config.starter import starter
from tests.config.conftest import CONVERTER, GOOD, Load
from tests.config.test_starter import filled_in, uncommented

Draft202012Validator.check_schema(schema())
VALIDATOR = Draft202012Validator(schema())


def accepted(text: str) -> bool:
    return VALIDATOR.is_valid(tomllib.loads(text))


def understood(load_text: Load, text: str) -> bool:
    try:
        load_text(text)
    except InvalidConfig:
        return False
    return True


GOODS = {
    "the least": GOOD,
    "a converter": GOOD + CONVERTER,
    "the starter": filled_in(starter()),
    "every default": uncommented(filled_in(starter())),
    "a list of one address": '[server]\nurl = ["http://x"]',
    "a size as text": GOOD + '[log]\nmax_bytes = "20 mib"',
    "a size in bytes": GOOD + "[log]\nmax_bytes = 65536",
    "a duration as text": GOOD + '[shutdown]\ngrace_seconds = "1.5m"',
    "a duration as a number": GOOD + "[shutdown]\ngrace_seconds = 1",
    "whole seconds as text": GOOD + '[workers]\ncpu_seconds = "2m"',
    "the least number": GOOD + "max_connections = 1",
    "the largest number": GOOD + "max_connections = 64",
    "arguments of any kind": GOOD + CONVERTER + "[converters.arguments]\nany = [1, {x = true}]",
    "a choice": GOOD + "[log]\nlevel = 'error'",
    "checks": GOOD + "[health]\nrequired_checks = ['intake_open']",
}
BADS = {
    "nothing": "",
    "no address": "[server]\ntoken = 'x'",
    "an empty address": "[server]\nurl = ''",
    "two addresses": '[server]\nurl = ["http://x", "http://y"]',
    "no address in the list": "[server]\nurl = []",
    "an unknown key": GOOD + "max_conections = 5",
    "an unknown table": GOOD + "[servers]\n",
    "a table that is not built": GOOD + "[tracing]\n",
    "a key that is not built": GOOD + "[ipc]\ntcp = '127.0.0.1:0'",
    "a choice that there is not": GOOD + "[log]\nlevel = 'loud'",
    "a check that there is not": GOOD + "[health]\nrequired_checks = ['x']",
    "an empty pattern": GOOD + CONVERTER + "patterns = ['']",
    "too small": GOOD + "max_connections = 0",
    "too large": GOOD + "max_connections = 65",
    "a size too small": GOOD + "[log]\nmax_bytes = 65535",
    "no size": GOOD + '[log]\nmax_bytes = "20 parsecs"',
    "no duration": GOOD + '[shutdown]\ngrace_seconds = "7 D"',
    "text for a number": GOOD + "max_connections = '5'",
    "a fraction for a whole number": GOOD + "max_connections = 5.5",
    "true for a number": GOOD + "max_connections = true",
    "a number for text": GOOD + "token = 5",
    "text for true": GOOD + "verify_tls = 'yes'",
    "a table for a list": GOOD + "[converters]\nname = 'x'",
    "a converter without a folder": GOOD + "[[converters]]\nname = 'x'\ntype = 'wats-json'",
    "a newer layout": "schema_version = 2\n" + GOOD,
}


@pytest.mark.parametrize("text", GOODS.values(), ids=GOODS)
def test_a_good_file_is_good_for_both(text: str, load_text: Load) -> None:
    assert understood(load_text, text)
    assert accepted(text)


@pytest.mark.parametrize("text", [text for name, text in BADS.items() if "newer" not in name])
def test_a_bad_file_is_bad_for_both(text: str, load_text: Load) -> None:
    assert not understood(load_text, text)
    assert not accepted(text)


def test_a_newer_file_is_refused() -> None:
    assert not accepted(BADS["a newer layout"])


def test_it_is_plain_json_with_a_sentence_for_every_key() -> None:
    made = schema()
    assert json.loads(json.dumps(made)) == made
    assert made["$schema"] == "https://json-schema.org/draft/2020-12/schema"

    def undescribed(table: dict[str, Any]) -> list[str]:
        found = []
        for key, value in table["properties"].items():
            found += [] if value["description"] else [key]
            inner = value.get("items", value)
            found += undescribed(inner) if "properties" in inner else []
        return found

    assert undescribed(made) == []


def test_secrets_are_marked() -> None:
    server = schema()["properties"]["server"]["properties"]
    assert {key for key, value in server.items() if value.get("writeOnly")} == {"token", "proxy"}
