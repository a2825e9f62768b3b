from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.reports import numbers
from pywats_trio.reports.numbers import Number


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("28.9230769230769", "28.9230769230769"),
        ("9007199254740993", "9007199254740993"),
        ("1.50", "1.50"),
        ("-0", "-0"),
        ("1E5", "1E5"),
        (" 7 ", "7"),
        ("+7", "7"),
        ("007", "7"),
        ("-.5", "-0.5"),
        ("5.", "5"),
        ("+00.10e-3", "0.10e-3"),
        ("1.7976931348623157e+308", "1.7976931348623157e+308"),
    ],
)
def test_numbers_keep_their_digits(text: str, sent: str) -> None:
    read = numbers.read(text)
    assert read == Number(sent)
    assert isinstance(read, Number)
    assert float(read) == float(text)
    assert numbers.dumps(read) == sent


@pytest.mark.parametrize(
    "text", ["", ".", "-", "1,5", "1e", "0x1", "1_0", "٣", "1e999", "3V", "e5"]
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert numbers.read(text) is None


@pytest.mark.parametrize("text", ["abc", "1.", "01", "NaN", "1 ", ""])
def test_a_number_that_is_no_json_cannot_be_made(text: str) -> None:
    with pytest.raises(ValueError, match="text"):
        Number(text)


@pytest.mark.parametrize(
    ("text", "word"),
    [("NaN", "NaN"), ("INF", "Infinity"), ("-INF", "-Infinity"), ("-Infinity", "-Infinity")],
)
def test_what_is_not_finite_becomes_its_word(text: str, word: str) -> None:
    assert numbers.read(text) == word


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)


@given(VALUES)
def test_what_is_written_reads_back(value: Any) -> None:
    assert json.loads(numbers.dumps(numbers.plain(value))) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_double_survives_as_text(value: float) -> None:
    read = numbers.read(repr(value))
    assert isinstance(read, Number)
    assert math.copysign(1, float(read)) == math.copysign(1, value)
    assert float(json.loads(read.text)) == value
