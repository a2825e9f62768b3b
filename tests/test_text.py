from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.text import printable, shortened, storable


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/in/plain name.txt", "/in/plain name.txt"),
        ("/in/Prüfung-测试.txt", "/in/Prüfung-测试.txt"),
        ("/in/two\nlines\x1b[31m", "/in/two\\nlines\\x1b[31m"),
        (os.fsdecode(b"/in/caf\xe9"), "/in/caf\\udce9"),
        ("", ""),
    ],
)
def test_a_path_is_shown_as_text_and_what_is_none_is_escaped(path: str, seen: str) -> None:
    assert printable(path) == seen


@given(st.binary().map(os.fsdecode))
def test_any_name_becomes_printable_text(path: str) -> None:
    shown = printable(path)
    assert shown.isprintable()
    assert json.loads(json.dumps(shown).encode()) == shown
    assert printable(shown) == shown


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_becomes_storable_and_good_text_stays(text: str) -> None:
    stored = storable(text)
    assert stored.encode("utf-8").decode("utf-8") == stored
    if not any("\ud800" <= c <= "\udfff" for c in text):
        assert stored == text


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("abcd", 5, "abcd"),
        ("abcd", 4, "abcd"),
        ("abcd", 3, "ab…"),
        ("abcd", 1, "…"),
        ("", 1, ""),
    ],
)
def test_what_is_too_long_is_cut_with_a_mark(text: str, limit: int, short: str) -> None:
    assert shortened(text, limit) == short
