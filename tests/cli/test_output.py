"""What commands print, for programs and for people."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Any

import click
from attrs import frozen
from click.testing import CliRunner

from pywats_trio.cli.output import print_json, print_listing, print_table
from pywats_trio.model import Kind


class Colour(Enum):
    RED = "red"


@frozen
class Thing:
    zulu: Any
    alpha: Any


def printed(print_it: Any, *arguments: Any, color: bool = False) -> str:
    command = click.Command("x", callback=lambda: print_it(*arguments))
    result = CliRunner().invoke(command, color=color, catch_exceptions=False)
    return result.output


def test_a_document_keeps_the_declared_order_and_is_ascii() -> None:
    text = printed(print_json, Thing(Path("/ü\udc80"), {"b": {2, 1}, "a": (Kind.FILE, Colour.RED)}))
    assert text.isascii()
    assert json.loads(text) == {
        "zulu": "/ü\\udc80",
        "alpha": {"b": [1, 2], "a": ["file", "red"]},
    }
    assert text.index("zulu") < text.index("alpha")


def test_a_listing_has_items_and_the_next_key() -> None:
    assert json.loads(printed(print_listing, iter([1, 2]), 2)) == {"items": [1, 2], "next": 2}
    assert json.loads(printed(print_listing, [])) == {"items": [], "next": None}


def test_a_table_is_as_wide_as_its_texts() -> None:
    rows: list[tuple[str, object]] = [
        ("a", True),
        ("longer\nname", None),
        ("x", ["*.json"]),
        ("y", {}),
        ("z", 5),
    ]
    assert printed(print_table, ("NAME", "V"), rows).splitlines() == [
        "NAME          V",
        "a             yes",
        "longer\\nname",
        'x             ["*.json"]',
        "y",
        "z             5",
    ]


def test_the_heads_are_bold_on_a_terminal_only() -> None:
    assert "\x1b[1m" in printed(print_table, ("A",), [], color=True)
    assert "\x1b" not in printed(print_table, ("A",), [])
