"""Any record becomes one line of JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pywats_trio.observe.record import LONGEST_LINE, Encoder, exception, leading, record

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=4),
    lambda held: (
        st.lists(held, max_size=3) | st.dictionaries(st.text(max_size=3), held, max_size=3)
    ),
)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), anything, max_size=5))
def test_whatever_is_logged_is_one_line_of_json(event: dict[str, Any]) -> None:
    line = Encoder().line(record(leading("info", "x", "y"), dict(event)))
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    written = json.loads(line)
    assert set(written) >= set(event) - {"exc_info"}


@settings(deadline=None)
@given(st.text(min_size=6))
def test_a_secret_does_not_survive_in_any_form(secret: str) -> None:
    line = json.loads(Encoder([secret]).line({"text": f"<{secret}>", "deep": [{"x": secret}]}))
    assert line == {"text": "<***>", "deep": [{"x": "***"}]}


@pytest.mark.parametrize(("secret", "masked"), [("abcde", False), ("abcdef", True), ("", False)])
def test_only_a_secret_that_is_no_everyday_word_is_looked_for(secret: str, masked: bool) -> None:
    line = json.loads(Encoder([secret]).line({"event": f"an {secret} here"}))
    assert ("***" in line["event"]) is masked


def test_a_name_that_is_not_utf8_can_be_read_back() -> None:
    name = "Prüf\udc80.json"
    assert json.loads(Encoder().line({"path": Path(name)}))["path"] == "Prüf\\udc80.json"
    assert json.loads(Encoder().line({"path": name}))["path"] == name


@pytest.mark.parametrize("value", [math.nan, math.inf, {(1, 2): 3}, {"a": {1: {(2,): 3}}}])
def test_what_json_cannot_say_is_said_in_words(value: object) -> None:
    line = json.loads(Encoder().line({"event": "x", "n": 1, "flag": None, "value": value}))
    assert line == {"event": "x", "n": 1, "flag": None, "value": repr(value)}


def test_a_value_that_holds_itself_is_no_trap() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert json.loads(Encoder().line({"loop": loop}))["loop"] == "[[...]]"


def test_other_objects_are_shown() -> None:
    line = json.loads(
        Encoder().line({"a": {"y", "x"}, "b": b"\0", "c": ValueError("z"), "d": frozenset()})
    )
    assert line["a"] == ["x", "y"]
    assert line["b"] == "b'\\x00'"
    assert line["c"]["message"] == "z"
    assert line["d"] == []


@pytest.mark.parametrize(("length", "whole"), [(-1, True), (0, True), (1, False)])
def test_a_line_has_a_longest_length(length: int, whole: bool) -> None:
    empty = {"event": "", "n": 5, "list": ["x"]}
    room = LONGEST_LINE - len(Encoder().line(empty)) + 1
    line = Encoder().line(empty | {"event": "e" * (room + length)})
    written = json.loads(line)
    assert (len(line) > 2000) is whole
    assert written["n"] == 5
    assert written["event"].startswith("eeee")


def test_a_chain_of_causes_and_groups_ends() -> None:
    error: Exception = ValueError("first")
    for number in range(20):
        outer = RuntimeError(str(number))
        outer.__cause__ = error
        error = outer
    group = ExceptionGroup("many", [error] * 30)
    told = exception(group)
    assert len(told["exceptions"]) == 10
    depth = 0
    while "cause" in told or "exceptions" in told:
        told = told.get("cause") or told["exceptions"][0]
        depth += 1
    assert depth == 5


def test_a_hidden_context_stays_hidden() -> None:
    shown, hidden = ValueError("a"), ValueError("b")
    shown.__context__ = hidden.__context__ = KeyError("context")
    hidden.__suppress_context__ = True
    assert exception(shown)["cause"]["type"] == "KeyError"
    assert "cause" not in exception(hidden)
