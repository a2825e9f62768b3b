"""Arguments over a wire: nothing is converted, and every problem is named."""

from __future__ import annotations

from typing import Any

import pytest

from pywats_trio.commands.arguments import structure
from pywats_trio.commands.command import BadArguments, NoArgs
from pywats_trio.commands.queue.look import LONGEST_WAIT, GetItem
from pywats_trio.commands.submit import SubmitFile, SubmitReport
from pywats_trio.errors import InvalidInputError


def refused(into: type, args: Any) -> str:
    """What is said about the arguments, without the head of the sentence."""
    with pytest.raises(BadArguments) as caught:
        structure("try", into, args)
    assert caught.value.code == "bad_request"
    assert isinstance(caught.value, InvalidInputError)
    head, _, told = str(caught.value).partition(" are wrong: ")
    assert head == "the arguments of 'try'"
    return told


def test_what_is_left_out_has_its_default() -> None:
    assert structure("try", SubmitFile, {"path": "/a"}) == SubmitFile("/a", "", 5)
    assert structure("try", SubmitReport, {"text": "x"}) == SubmitReport("x", None, 5)
    assert structure("try", GetItem, {"id": 1}) == GetItem(1, 0.0)
    assert structure("try", NoArgs, {}) == NoArgs()


def test_what_is_given_is_taken_as_it_is() -> None:
    report = {"a": [1, {"b": None}], "1": 1.5}
    found = structure("try", SubmitReport, {"report": report, "priority": 1})
    assert found == SubmitReport("", report, 1)
    assert structure("try", GetItem, {"id": 1, "wait_seconds": 5}).wait_seconds == 5


@pytest.mark.parametrize("args", [[], "path", None, 1, [["path", "/a"]]])
def test_arguments_are_an_object(args: Any) -> None:
    with pytest.raises(BadArguments, match=r"^the arguments of 'try' must be an object$"):
        structure("try", SubmitFile, args)


def test_what_must_be_given_is_named() -> None:
    assert refused(SubmitFile, {}) == "missing 'path'"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"prioritty": 1}, "unknown 'prioritty'; did you mean 'priority'?"),
        ({"Path": "/b"}, "unknown 'Path'; did you mean 'path'?"),
        ({"zzz": 1}, "unknown 'zzz'"),
        ({"b": 1, "a": 2}, "unknown 'a', unknown 'b'"),
    ],
)
def test_what_is_unknown_is_named_with_the_nearest(args: dict[str, Any], told: str) -> None:
    assert refused(SubmitFile, {"path": "/a", **args}) == told


def test_a_command_without_arguments_takes_none() -> None:
    assert refused(NoArgs, {"a": 1}) == "unknown 'a'"


@pytest.mark.parametrize(
    ("into", "args", "told"),
    [
        (SubmitFile, {"path": 5}, "path: 5 is not a text"),
        (SubmitFile, {"path": None}, "path: None is not a text"),
        (SubmitFile, {"path": ["/a"]}, "path: ['/a'] is not a text"),
        (SubmitFile, {"path": "/a", "priority": "5"}, "priority: '5' is not a whole number"),
        (SubmitFile, {"path": "/a", "priority": 5.0}, "priority: 5.0 is not a whole number"),
        (SubmitFile, {"path": "/a", "priority": True}, "priority: True is not a whole number"),
        (SubmitFile, {"path": "/a", "priority": None}, "priority: None is not a whole number"),
        (SubmitReport, {"report": []}, "report: [] is not an object"),
        (SubmitReport, {"report": "x"}, "report: 'x' is not an object"),
        (SubmitReport, {"text": {}}, "text: {} is not a text"),
        (GetItem, {"id": "1"}, "id: '1' is not a whole number"),
        (GetItem, {"id": 1, "wait_seconds": "1"}, "wait_seconds: '1' is not a number"),
        (GetItem, {"id": 1, "wait_seconds": False}, "wait_seconds: False is not a number"),
        (GetItem, {"id": 1, "wait_seconds": float("inf")}, "wait_seconds: inf is not a number"),
        (GetItem, {"id": 1, "wait_seconds": float("nan")}, "wait_seconds: nan is not a number"),
    ],
)
def test_nothing_is_converted(into: type, args: dict[str, Any], told: str) -> None:
    assert refused(into, args) == told


@pytest.mark.parametrize("priority", [1, 2, 9, 10])
def test_a_priority_in_its_range_is_taken(priority: int) -> None:
    assert structure("try", SubmitFile, {"path": "/a", "priority": priority}).priority == priority


@pytest.mark.parametrize(
    ("priority", "told"),
    [(0, "'priority' must be >= 1: 0"), (11, "'priority' must be <= 10: 11"), (-(10**30), ">= 1")],
)
def test_a_priority_beyond_its_range_is_not(priority: int, told: str) -> None:
    assert told in refused(SubmitFile, {"path": "/a", "priority": priority})
    assert told in refused(SubmitReport, {"text": "x", "priority": priority})


@pytest.mark.parametrize("seconds", [0, 0.001, LONGEST_WAIT])
def test_a_wait_in_its_range_is_taken(seconds: float) -> None:
    assert structure("try", GetItem, {"id": 1, "wait_seconds": seconds}).wait_seconds == seconds


@pytest.mark.parametrize("seconds", [-0.001, LONGEST_WAIT + 0.001, 10**400])
def test_a_wait_beyond_its_range_is_not(seconds: float) -> None:
    assert "wait_seconds" in refused(GetItem, {"id": 1, "wait_seconds": seconds})


@pytest.mark.parametrize("number", [1, 2**63 - 1])
def test_a_number_that_an_item_may_have_is_taken(number: int) -> None:
    assert structure("try", GetItem, {"id": number}).id == number


@pytest.mark.parametrize("number", [0, -1, 2**63, 10**30])
def test_a_number_that_no_item_can_have_is_not(number: int) -> None:
    assert "'id' must be" in refused(GetItem, {"id": number})


def test_every_problem_is_named_at_once() -> None:
    told = refused(SubmitFile, {"converter": 1, "priority": "x", "pth": "/a"})
    assert told == (
        "missing 'path'; converter: 1 is not a text; priority: 'x' is not a whole number; "
        "unknown 'pth'; did you mean 'path'?"
    )


def test_however_much_is_wrong_the_sentence_is_short() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    for args in (
        {"path": "/a", **{f"x{n}": 1 for n in range(100_000)}},
        {"path": "/a", "y" * 1_000_000: 1},
        {"path": ["z" * 1_000_000] * 10},
        {"path": nested},
        {"path": "/a", "priority": 10**4000},
    ):
        assert len(refused(SubmitFile, args)) < 6000
