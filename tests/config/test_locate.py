"""The locator must name the line of every key, whatever a document looks like."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pywats_trio.config.locate import json_lines, toml_lines

if TYPE_CHECKING:
    from pywats_trio.config.mistakes import KeyPath


def paths(value: Any, path: KeyPath = ()) -> set[KeyPath]:
    """Every key and index of a parsed document."""
    found = {path} - {()}
    pairs: Any = value.items() if isinstance(value, dict) else ()
    for key, held in enumerate(value) if isinstance(value, list) else pairs:
        found |= paths(held, (*path, key))
    return found


def at(value: Any, path: KeyPath) -> Any:
    for key in path:
        value = value[key]
    return value


keys = st.one_of(
    st.text("abz019-_", min_size=1, max_size=4),
    st.text("a.#=[]{}\"'\\ \t,\né☃", max_size=4).map(json.dumps),
    st.text('a.#=[]{}"\\ ,', max_size=4).map(lambda text: f"'{text}'"),
)
scalars = st.one_of(
    st.sampled_from(
        ["true", "1", "-2.5e3", "1979-05-27", "1979-05-27 07:32:00", "07:32:00", "inf"]
    ),
    st.sampled_from(['""', "''", '"a # b"', "'[x]'", '"\\"]\\\\"', '"= {"', "'\\'"]),
    st.sampled_from(
        ['"""\n[a]\nb = 1\n\\"""" x"""', "'''\n[[a]]\n# '' '''", '""""a"""""', "''''''"]
    ),
    st.sampled_from(['"""a\\\n   b"""', "''''a'''''", '"""#"""', '"""\\\\"""', '"\\u00e9"']),
)
gaps = st.sampled_from(["", " ", "\n", ' # ] } , "\n', "\n\t# '''\n\n", "\r\n"])


@st.composite
def values(draw: st.DrawFn, depth: int = 2) -> str:
    kind = draw(st.sampled_from(["scalar", "scalar", "array", "table"]))
    if kind == "scalar" or not depth:
        return draw(scalars)
    if kind == "array":
        held = draw(st.lists(values(depth - 1), max_size=3))
        return "[" + "".join(f"{draw(gaps)}{text}{draw(gaps)}," for text in held) + "]"
    pairs = draw(st.lists(st.tuples(keys, values(depth - 1)), max_size=3))
    return "{ " + ", ".join(f"{key} = {text}" for key, text in pairs) + " }"


@st.composite
def statements(draw: st.DrawFn) -> str:
    parts = draw(st.lists(keys, min_size=1, max_size=3))
    dotted = draw(st.sampled_from([".", " . ", ".\t"])).join(parts)
    end = draw(st.sampled_from(["\n", " # [x] = '\n", "\r\n", "\n\n  "]))
    form = draw(st.sampled_from(["{0} = {1}", "{0}={1}", "[{0}]", "[[{0}]]", "[ {0} ]"]))
    return form.format(dotted, draw(values())) + end


def add_valid(document: str, statement: str) -> str:
    """Most random documents repeat a key; what is left out here keeps the rest valid."""
    try:
        tomllib.loads(document + statement)
    except tomllib.TOMLDecodeError:
        return document
    return document + statement


@settings(deadline=None)
@given(st.lists(statements(), max_size=12))
def test_it_finds_exactly_the_keys_that_tomllib_reads(drawn: list[str]) -> None:
    document = ""
    for statement in drawn:
        document = add_valid(document, statement)
    assert set(toml_lines(document)) == paths(tomllib.loads(document))


@settings(deadline=None)
@given(st.lists(statements(), max_size=8), st.lists(statements(), max_size=4))
def test_a_key_is_found_on_the_line_where_it_was_put(before: list[str], after: list[str]) -> None:
    document = ""
    for statement in before:
        document = add_valid(document, statement)
    line = document.count("\n") + 1
    document += "sentinel = 424242\n"
    for statement in after:
        document = add_valid(document, statement)
    parsed = tomllib.loads(document)
    located = toml_lines(document)
    ours = {path for path in located if at(parsed, path) == 424242}
    assert [located[path] for path in ours] == [line]


def test_each_way_to_write_a_key_is_located() -> None:
    document = """\
a = 1
"b c".d = [
  1, # ]
  { e = 2 },
]
[f]
g = '''
h = 1
'''
[[i.j]]
k = 1
[[i.j]]
[i.j.l]
m = 1979-05-27 07:32:00
[i]
"""
    assert toml_lines(document) == {
        ("a",): 1,
        ("b c",): 2,
        ("b c", "d"): 2,
        ("b c", "d", 0): 3,
        ("b c", "d", 1): 4,
        ("b c", "d", 1, "e"): 4,
        ("f",): 6,
        ("f", "g"): 7,
        ("i",): 15,
        ("i", "j"): 10,
        ("i", "j", 0): 10,
        ("i", "j", 0, "k"): 11,
        ("i", "j", 1): 12,
        ("i", "j", 1, "l"): 13,
        ("i", "j", 1, "l", "m"): 14,
    }


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda held: (
        st.lists(held, max_size=3) | st.dictionaries(st.text(max_size=4), held, max_size=3)
    ),
)


@settings(deadline=None)
@given(json_values, st.sampled_from([None, 0, 2]), st.booleans())
def test_it_finds_exactly_the_keys_of_a_json_text(
    value: object, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert set(json_lines(text)) == paths(value)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=4), st.integers(), min_size=1, max_size=6))
def test_a_json_key_is_found_on_its_line(value: dict[str, int]) -> None:
    located = json_lines(json.dumps(value, indent=1))
    assert [located[key,] for key in value] == list(range(2, len(value) + 2))


def test_what_is_no_toml_is_refused_instead_of_scanned_for_ever() -> None:
    with pytest.raises(ValueError, match="line 2"):
        toml_lines("a = 1\n= 2\n")
