"""Configured arguments against declared ones."""

from __future__ import annotations

from typing import Any

import pytest

from pywats_trio.converters.api import Argument
from pywats_trio.converters.arguments import (
    ArgumentError,
    Open,
    Table,
    bind,
    mistakes,
    undeclared,
)
from pywats_trio.converters.standard.auto import standard

DECLARED = {
    "station": Argument(str, default="S"),
    "factor": Argument(float, default=1.0, minimum=0.5, maximum=2.0),
    "count": Argument(int, default=1),
    "mode": Argument(str, default="a", choices=("a", "b")),
    "loud": Argument(bool, default=False),
}
LISTED = {"who": Argument(list, choices=("a", "b"), minimum=1, maximum=3)}
TABLES = {"inner": Table(dict, declared=lambda: DECLARED), "more": Argument(int)}


def test_what_is_not_given_has_its_default() -> None:
    assert bind(DECLARED, {}) == {
        "station": "S",
        "factor": 1.0,
        "count": 1,
        "mode": "a",
        "loud": False,
    }


@pytest.mark.parametrize("value", [0.5, 1, 2.0])
def test_a_number_within_its_limits_is_taken(value: float) -> None:
    factor = bind(DECLARED, {"factor": value})["factor"]
    assert factor == value
    assert type(factor) is float


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"factor": 0.49}, "'factor' is 0.49; at least 0.5"),
        ({"factor": 2.01}, "'factor' is 2.01; at most 2.0"),
        ({"factor": True}, "'factor' must be of type float, not bool"),
        ({"count": True}, "'count' must be of type int, not bool"),
        ({"count": 1.0}, "'count' must be of type int, not float"),
        ({"loud": 1}, "'loud' must be of type bool, not int"),
        ({"mode": "c"}, "'mode' is 'c'; it must be one of a, b"),
        ({"sttion": "x"}, "unknown argument 'sttion'; did you mean 'station'?"),
        ({"zzz": "x"}, "unknown argument 'zzz'; the converter knows count, factor"),
    ],
)
def test_a_wrong_argument_is_named(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError) as raised:
        bind(DECLARED, given)
    assert words in str(raised.value)


def test_a_required_argument_must_be_there() -> None:
    with pytest.raises(ArgumentError, match="'x' is required; the way"):
        bind({"x": Argument(str, required=True, help="the way")}, {})


def test_a_declaration_that_is_no_type_is_the_converters_fault() -> None:
    with pytest.raises(ArgumentError, match="declares argument 'x'"):
        bind({"x": Argument(list[str])}, {"x": ["a"]})


def test_a_converter_without_arguments_says_so() -> None:
    with pytest.raises(ArgumentError, match="has no arguments"):
        bind({}, {"x": 1})


def test_all_mistakes_are_told_each_under_its_name() -> None:
    declared = {**DECLARED, "serial": Argument(str, required=True)}
    found = mistakes(declared, {"factor": 9.0, "sttion": "x", "count": 2})
    assert set(found) == {"factor", "sttion", "serial"}
    assert "at most 2.0" in found["factor"]
    assert "did you mean 'station'" in found["sttion"]
    assert "is required" in found["serial"]


def test_what_can_be_bound_has_no_mistakes() -> None:
    given = {"factor": 2, "mode": "b"}
    assert bind(DECLARED, given)["mode"] == "b"
    assert mistakes(DECLARED, given) == {}


@pytest.mark.parametrize("who", [["a"], ["b", "a", "b"]])
def test_the_entries_of_a_list_are_of_its_choices(who: list[str]) -> None:
    assert bind(LISTED, {"who": who}) == {"who": who}
    assert bind(LISTED, {}) == {"who": None}


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ([], "'who' has 0 entries; at least 1"),
        (["a"] * 4, "'who' has 4 entries; at most 3"),
        (["a", "c"], "'who' holds 'c'; it must be one of a, b"),
        ([["a"]], "'who' holds ['a']; it must be one of a, b"),
        ("a", "'who' must be of type list, not str"),
    ],
)
def test_a_list_that_is_wrong_is_named(who: Any, words: str) -> None:
    with pytest.raises(ArgumentError) as raised:
        bind(LISTED, {"who": who})
    assert words in str(raised.value)


def test_a_table_is_checked_by_the_declaration_it_leads_to_and_given_as_it_is() -> None:
    given = {"inner": {"factor": 2}, "more": 1}
    assert bind(TABLES, given) == given
    assert bind(TABLES, {}) == {"inner": None, "more": None}
    wrong = {"inner": {"factor": 3.0, "mod": "a"}, "more": "x"}
    assert set(mistakes(TABLES, wrong)) == {"inner.factor", "inner.mod", "more"}
    with pytest.raises(ArgumentError, match="in the table 'inner': argument 'factor'"):
        bind(TABLES, {"inner": {"factor": 3.0}})
    with pytest.raises(ArgumentError, match="'inner' must be of type dict"):
        bind(TABLES, {"inner": 1})


def _never() -> dict[str, Argument]:
    raise AssertionError("looked up")


def test_the_declaration_of_a_table_that_nobody_uses_is_not_looked_up() -> None:
    assert bind({"inner": Table(dict, declared=_never)}, {}) == {"inner": None}
    assert mistakes({"inner": Table(dict, declared=_never)}, {}) == {}


# Patterns


CODED = {"code": Argument(str, pattern="[A-Z]{2}|-"), "codes": Argument(list, pattern="[A-Z]+")}


@pytest.mark.parametrize("code", ["AB", "-"])
def test_text_that_matches_its_pattern_from_end_to_end_is_taken(code: str) -> None:
    assert bind(CODED, {"code": code})["code"] == code
    assert mistakes(CODED, {"codes": [code[0], "A"] if code == "AB" else []}) == {}


@pytest.mark.parametrize("code", ["", "A", "ABC", "AB\n", "--", " AB"])
def test_text_that_does_not_match_is_told_with_the_pattern(code: str) -> None:
    why = f"argument 'code' is {code!r}; it must match [A-Z]{{2}}|-"
    assert mistakes(CODED, {"code": code}) == {"code": why}


def test_of_a_list_each_text_must_match() -> None:
    found = mistakes(CODED, {"codes": ["A", "b"]})
    assert found == {"codes": "argument 'codes' holds 'b'; it must match [A-Z]+"}
    assert mistakes(CODED, {"codes": ["A", 1]})["codes"].startswith("argument 'codes' holds 1;")


def test_a_default_is_the_authors_and_not_held_against_the_pattern() -> None:
    assert bind(CODED, {}) == {"code": None, "codes": None}


def test_a_pattern_that_is_none_is_the_converters_fault() -> None:
    declared = {"x": Argument(str, pattern="(")}
    assert bind(declared, {}) == {"x": None}
    with pytest.raises(ArgumentError, match=r"declares argument 'x' with the pattern '\(', which"):
        bind(declared, {"x": "a"})


# Declarations that may not be all


OPEN = Open({"factor": Argument(float, default=1.0, maximum=2.0)})


def test_what_is_not_declared_is_handed_on_where_declarations_may_not_be_all() -> None:
    given = {"colour": ["red"], "depth": {"a": 1}}
    assert bind(OPEN, given) == {"factor": 1.0, **given}
    assert mistakes(OPEN, given) == {}
    assert bind(Open(), given) == given


def test_what_is_declared_is_checked_there_all_the_same() -> None:
    assert "at most 2.0" in mistakes(OPEN, {"factor": 3.0, "colour": 1})["factor"]
    with pytest.raises(ArgumentError, match="at most 2"):
        bind(OPEN, {"factor": 3.0})


def test_each_that_is_not_declared_is_told_with_the_nearest_name() -> None:
    found = undeclared(OPEN, {"factor": 1.0, "fcator": 1, "colour": 1})
    plain = "its class does not declare it, so it is handed on unchecked"
    assert found == {"fcator": f"{plain}; did you mean 'factor'?", "colour": plain}


def test_where_all_are_declared_another_one_is_a_mistake_and_no_note() -> None:
    assert undeclared(DECLARED, {"fcator": 1}) == {}
    assert "did you mean 'factor'" in mistakes(DECLARED, {"fcator": 1})["fcator"]


@pytest.mark.parametrize(
    ("type_", "given", "why"),
    [
        ("spea", {"timezone": "Europe/Oslo"}, None),
        ("spea", {"timezone": "Europe/Olso"}, '"Europe/Olso" is no time zone of this machine'),
        ("csv", {"timezone": "Europe/Olso"}, '"Europe/Olso" is no time zone of this machine'),
        ("spea", {"encoding": "cp9999"}, '"cp9999" is no encoding; Write a name that Python'),
        ("csv", {"encoding": "base64"}, '"base64" is no encoding'),
        ("teradyne-spectrum-ict", {"program_name_pattern": "("}, "is no regular expression"),
        ("teradyne-spectrum-ict", {"program_name_pattern": "x"}, "has no group PartNumber"),
    ],
)
def test_what_an_author_checks_is_a_mistake_of_the_configuration(
    type_: str, given: dict[str, str], why: str | None
) -> None:
    declared = standard(type_).arguments
    found = mistakes(declared, given)
    if why is None:
        assert found == {}
        return
    assert why in found[next(iter(given))]
    with pytest.raises(ArgumentError, match="argument"):
        bind(declared, given)
