"""Declarations and results of pyWATS in our words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pywats_trio.converters.api import LONGEST_RETRY, Argument
from pywats_trio.converters.pywats import outcome, schema
from pywats_trio.converters.pywats.shims import ArgumentDefinition, ArgumentType

S, INT = ArgumentType.STRING, ArgumentType.INTEGER


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (ArgumentDefinition(S, default="a", description="d"), Argument(str, "a", "d")),
        (ArgumentDefinition(ArgumentType.PATH), Argument(str)),
        (ArgumentDefinition(ArgumentType.PASSWORD), Argument(str)),
        (
            ArgumentDefinition(INT, min_value=1, max_value=2),
            Argument(int, minimum=1, maximum=2),
        ),
        (ArgumentDefinition(ArgumentType.FLOAT, default=1.5), Argument(float, 1.5)),
        (ArgumentDefinition(ArgumentType.BOOLEAN, default=True), Argument(bool, True)),
        (ArgumentDefinition(ArgumentType.CHOICE, choices=["a"]), Argument(str, choices=("a",))),
        (ArgumentDefinition(S, required=True), Argument(str, required=True)),
        # A default is a value to pyWATS, and text has no order to us.
        (ArgumentDefinition(S, default="a", required=True), Argument(str, "a")),
        (ArgumentDefinition(S, min_value=1), Argument(str)),
        # To pyWATS only the beginning of a text has to match, and nothing else has a pattern.
        (ArgumentDefinition(S, pattern="a|b"), Argument(str, pattern="(?:a|b)(?s:.*)")),
        (ArgumentDefinition(ArgumentType.PATH, pattern="a"), Argument(str)),
        (ArgumentDefinition(INT, pattern="a"), Argument(int)),
        (ArgumentDefinition(S, pattern="(?i)a"), Argument(str)),
        (ArgumentDefinition(S, pattern="("), Argument(str)),
        (ArgumentDefinition(INT, choices=["a"]), Argument(int)),
    ],
)
def test_a_definition_is_a_declaration(given: ArgumentDefinition, wanted: Argument) -> None:
    assert schema.of_schema({"x": given}) == {"x": wanted}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"type": "int", "default": 1, "min": 0, "max": 9}, Argument(int, 1, minimum=0, maximum=9)),
        ({"type": "bool", "description": "d"}, Argument(bool, help="d")),
        ({"type": "choice", "choices": [1, 2]}, Argument(int, choices=(1, 2))),
        ({"type": "string", "required": True}, Argument(str, required=True)),
        ({}, Argument(str)),
        (5, Argument(int, 5)),
    ],
)
def test_a_mapping_is_a_declaration(given: Any, wanted: Argument) -> None:
    assert schema.of_mapping({"x": given}) == {"x": wanted}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (None, outcome.LATER),
        (timedelta(seconds=-1), 0.0),
        (timedelta(0), 0.0),
        (timedelta(seconds=LONGEST_RETRY), LONGEST_RETRY),
        (timedelta(seconds=LONGEST_RETRY + 1), LONGEST_RETRY),
        (5, 5.0),
    ],
)
def test_a_time_to_wait_is_within_what_a_retry_takes(given: Any, wanted: float) -> None:
    assert outcome.seconds(given) == wanted
