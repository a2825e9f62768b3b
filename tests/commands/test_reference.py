"""The page that is made from the table."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

from pywats_trio.commands.reference import reference
from pywats_trio.commands.table import TABLE
from pywats_trio.ipc import conversation, wire
from pywats_trio.ipc.answers import REQUEST_SECONDS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"


def test_the_reference_of_commands_is_what_the_table_says() -> None:
    assert PAGE.read_text() == reference()


@pytest.mark.parametrize("name", TABLE)
def test_every_command_and_argument_has_its_row(name: str) -> None:
    page = reference()
    assert f"\n### {name}\n" in page
    section = page.partition(f"\n### {name}\n")[2].partition("\n### ")[0]
    for field in attrs.fields(TABLE[name].args):
        assert f"| `{field.name}` |" in section
        assert field.metadata["doc"]


def test_the_limits_on_the_page_are_those_of_the_code() -> None:
    page = reference()
    assert f"| {conversation.IDLE_SECONDS:g} s, then the connection is closed |" in page
    assert f"| {conversation.WRITE_SECONDS:g} s, then the connection is closed |" in page
    assert f"| {REQUEST_SECONDS:g} s, then `timeout` |" in page
    assert f'"protocol_version": "{wire.VERSION}"' in page
    assert wire.MAX_FRAME == 2**20


def test_the_table_has_one_line_for_each_command() -> None:
    assert re.findall(r"^\| \[`(\w+)`\]", reference(), re.MULTILINE) == list(TABLE)
