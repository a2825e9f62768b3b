"""The starter file: valid once it is filled in, and what it shows as defaults are the defaults."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import attrs
import pytest

from pywats_trio.config import options
from pywats_trio.config.mistakes import InvalidConfig
from pywats_trio.config.reference import TABLES
from pywats_trio.config.starter import starter
from pywats_trio.config.tables import options as keys_of

if TYPE_CHECKING:
    from tests.config.conftest import Load, Problems

VALUES = {"url": "https://wats.example.com", "token": "dGVzdDp0ZXN0", "watch": "/data/drop"}


def filled_in(text: str, values: dict[str, str] = VALUES) -> str:
    for key, value in values.items():
        text, count = re.subn(rf'^{key} = ""$', f'{key} = "{value}"', text, flags=re.MULTILINE)
        assert count == 1, key
    return text


def uncommented(text: str) -> str:
    """With every default as a line of its own."""
    return re.sub(r"^#(\w+ = )", r"\1", text, flags=re.MULTILINE)


def test_filled_in_it_is_valid_and_everything_else_is_a_default(load_text: Load) -> None:
    config = load_text(filled_in(starter())).config
    assert config.server.token == VALUES["token"]
    assert [one.name for one in config.converters] == ["line-1"]
    short = (
        f'[server]\nurl = "{VALUES["url"]}"\ntoken = "{VALUES["token"]}"\n'
        f'[[converters]]\nname = "line-1"\ntype = "wats-json"\nwatch = "{VALUES["watch"]}"\n'
    )
    assert load_text(short).config == config


def test_what_it_shows_are_the_defaults(load_text: Load) -> None:
    text = filled_in(starter())
    assert load_text(uncommented(text)).config == load_text(text).config


def test_as_it_is_it_asks_for_what_has_to_be_filled_in(problems: Problems) -> None:
    told = problems(starter())
    assert [line.split(": ")[1] for line in told] == ["server.url", "converters[0].watch"]


@pytest.mark.parametrize("left_out", ["url", "watch"])
def test_each_value_that_is_needed_is_missed(left_out: str, load_text: Load) -> None:
    values = {key: value for key, value in VALUES.items() if key != left_out}
    with pytest.raises(InvalidConfig, match=left_out):
        load_text(filled_in(starter(), values))


def test_it_names_every_key_that_is_built_and_no_other() -> None:
    tables = tomllib.loads(uncommented(starter()))
    for title, kind in TABLES:
        name = title.strip("[]")
        named = tables if not name else tables[name]
        keys = set(named[0] if isinstance(named, list) else named)
        built = {field.name for field in keys_of(kind).values() if field.metadata["built"]}
        assert keys == built, title or "top"


def test_it_says_what_each_key_means_and_the_limits_of_numbers() -> None:
    text = starter()
    assert "# most reports in flight at once (1 to 64)\n#max_connections = 8\n" in text
    assert "(64KiB to 1TiB)\n#max_bytes" in text
    for kind in (options.ServerOptions, options.LogOptions, options.ConverterOptions):
        for field in attrs.fields(kind):
            assert (field.metadata["doc"] in text) == field.metadata["built"], field.name
