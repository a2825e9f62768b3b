"""From the `type` of a converter to its class, without importing it."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from pywats_trio.converters import registry
from pywats_trio.converters.registry import Origin, Spec, parse
from pywats_trio.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_standard_id_is_known() -> None:
    spec = parse("wats-json")
    assert spec.origin is Origin.STANDARD
    assert spec.module == "pywats_trio.converters.standard.wats_json"
    assert spec.attribute == "WatsJson"


def test_a_module_is_taken_at_its_word() -> None:
    assert parse("acme.ict:Ict") == Spec(Origin.MODULE, "acme.ict:Ict", "Ict", module="acme.ict")


def test_a_file_is_looked_for_from_the_base(tmp_path: Path) -> None:
    (tmp_path / "mine.py").touch()
    spec = parse("mine.py:Mine", tmp_path)
    assert (spec.origin, spec.file) == (Origin.FILE, str(tmp_path / "mine.py"))
    assert parse(f"{tmp_path}/mine.py:Mine").file == str(tmp_path / "mine.py")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("wats-jsno", "did you mean 'wats-json'"),
        ("qqq", ", package.module:Class or path/to/file.py:Class"),
        ("", "there is no converter ''"),
        ("missing.py:Mine", "missing.py does not exist"),
        ("folder/missing:Mine", "does not exist"),
        ("acme:", "names no class"),
        ("acme.ict:Not A Class", "names no class"),
        ("not a module:Class", "is no converter type"),
    ],
)
def test_what_does_not_exist_is_refused_in_a_sentence(
    text: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(text, tmp_path)
    assert words in str(raised.value)


def test_an_entry_point_is_resolved_by_name_and_not_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = metadata.EntryPoint("acme", "acme_not_there.ict:Ict", registry.ENTRY_POINTS)
    monkeypatch.setattr(metadata, "entry_points", lambda group: metadata.EntryPoints([entry]))
    assert registry.entry_points() == {"acme": "acme_not_there.ict:Ict"}
    assert parse("acme") == Spec(Origin.MODULE, "acme", "Ict", module="acme_not_there.ict")


def test_looking_up_a_standard_converter_imports_none() -> None:
    code = (
        "import sys; from pywats_trio.converters.registry import parse; parse('wats-xml'); "
        "print([m for m in sys.modules if 'standard.' in m or m in ('trio', 'httpx')])"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout == "[]\n"


@pytest.mark.parametrize(
    ("certainties", "words"),
    [
        ({"a": 0.0, "b": 0.0}, "none of the converters a, b knows this format"),
        ({"a": 0.2, "b": 0.31}, "knows this format; the surest is b with 0.31, 0.50 are needed"),
    ],
)
def test_a_file_that_nobody_claims_gets_the_reason(
    certainties: dict[str, float], words: str
) -> None:
    assert registry.unclaimed(certainties).endswith(words)
