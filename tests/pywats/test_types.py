"""`type = "pywats:…"` in the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pywats_trio.config import texts
from pywats_trio.config.load import load
from pywats_trio.converters.registry import Origin, Spec, parse
from pywats_trio.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_module_and_a_file_are_found_behind_the_prefix(tmp_path: Path) -> None:
    (tmp_path / "mine.py").touch()
    text = "pywats:acme.ict:Ict"
    assert parse(text) == Spec(Origin.MODULE, text, "Ict", module="acme.ict", adapter="pywats")
    spec = parse("pywats:mine.py:Mine", tmp_path)
    assert (spec.origin, spec.adapter) == (Origin.FILE, "pywats")
    assert (spec.file, spec.attribute) == (str(tmp_path / "mine.py"), "Mine")
    assert parse("acme.pywats:Ict").adapter == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pywats:", "write pywats:package.module:Class or pywats:path/to/file.py:Class"),
        ("pywats:SPEAConverter", "'pywats:SPEAConverter' names no class"),
        ("pywats:acme:", "names no class"),
        ("pywats:missing.py:Mine", "missing.py does not exist"),
        ("pywats:not a module:Class", "is no converter type"),
    ],
)
def test_what_does_not_exist_is_refused_in_a_sentence(
    text: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(text, tmp_path)
    assert words in str(raised.value)


def test_the_file_is_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    config = tmp_path / "station.toml"
    config.write_text(
        '[server]\nurl = "http://127.0.0.1:9"\ntoken = "dGVzdDp0ZXN0"\n'
        '[[converters]]\nname = "a"\ntype = "pywats:mine/c.py:C"\nwatch = "drop"\n'
    )
    (converter,) = load(config, environ={}).converters
    assert converter.type == f"pywats:{tmp_path}/mine/c.py:C"
    assert texts.converter_file(converter.type) == (f"{tmp_path}/mine/c.py", "C")
