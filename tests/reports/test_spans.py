from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.reports import spans

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
KEYS = st.text(max_size=4)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=5)
STYLES = st.sampled_from([{"indent": 2}, {"separators": (",", ":")}, {"indent": "\t"}, {}])


@given(OBJECTS, OBJECTS, STYLES, st.booleans())
def test_splicing_sets_these_members_and_nothing_else(
    content: dict[str, Any], changes: dict[str, Any], style: dict[str, Any], escaped: bool
) -> None:
    text = " \n" + json.dumps(content, ensure_ascii=escaped, **style) + "\n "
    texts = {key: json.dumps(value) for key, value in changes.items()}
    result = spans.spliced(text, texts)
    assert json.loads(result) == {**content, **changes}
    before = {key: spans.token(text, key) for key in changes if key in content}
    restored = spans.spliced(result, before)
    first, added = spans.skip_blank(text, 0) + 1, len(restored) - len(text)
    assert restored[:first] + restored[first + added :] == text


def test_a_missing_member_comes_first_and_every_character_stays() -> None:
    text = '\n{ "a" : 1.50 ,\t"b":{"id": 3}}\n'
    assert spans.spliced(text, {"id": '"x"'}) == '\n{"id":"x", "a" : 1.50 ,\t"b":{"id": 3}}\n'


def test_a_present_member_is_replaced_wherever_it_stands() -> None:
    assert spans.spliced('{"a": 1, "b": [ 1 ], "a" : 1}', {"a": "2"}) == (
        '{"a": 2, "b": [ 1 ], "a" : 2}'
    )


def test_an_empty_object_gets_its_first_member() -> None:
    assert spans.spliced("{ }", {"a": "1", "b": "2"}) == '{"a":1,"b":2 }'


@pytest.mark.parametrize(
    ("path", "begins"),
    [
        ((), "{"),
        (("a",), '[1, {"b"'),
        (("a", 1), '{"b"'),
        (("a", 1, "b"), "true"),
        (("a", 9), '[1, {"b"'),
        (("a", "b"), '[1, {"b"'),
        (("zz",), "{"),
        (("c", 0), '"x"'),
    ],
)
def test_a_path_leads_to_the_value_or_its_nearest_parent(
    path: tuple[str | int, ...], begins: str
) -> None:
    text = '{"a": [1, {"b": true}], "c": "x"}'
    assert text[spans.find(text, path) :].startswith(begins)


def test_a_value_is_read_as_it_is_written() -> None:
    assert spans.token('{"a": 1, "sn" : 1.50 , "b": 2}', "sn") == "1.50"
