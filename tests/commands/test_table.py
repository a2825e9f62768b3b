"""The table of commands says where each of them is, and loads what is asked for alone."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pkgutil import walk_packages

import pytest

from pywats_trio import commands
from pywats_trio.commands.table import PLACES, TABLE, Unbounded


@pytest.mark.parametrize("place", PLACES)
def test_a_place_has_the_commands_that_the_table_says(place: str) -> None:
    module = import_module(f"pywats_trio.commands.{place}")
    assert tuple(command.name for command in module.COMMANDS) == PLACES[place]


def test_every_place_with_commands_is_in_the_table() -> None:
    prefix = f"{commands.__name__}."
    modules = [found.name for found in walk_packages(commands.__path__, prefix)]
    places = {
        name.removeprefix(prefix) for name in modules if hasattr(import_module(name), "COMMANDS")
    }
    assert places == set(PLACES)


def test_it_is_a_mapping_by_name() -> None:
    assert len(TABLE) == sum(map(len, PLACES.values()))
    assert [TABLE[name].name for name in TABLE] == list(TABLE)
    assert TABLE.get("nothing") is None


@pytest.mark.parametrize(
    ("name", "is_one"), [("get_item", True), ("ping", False), ("nothing", False), (7, False)]
)
def test_what_may_take_long_is_told_by_its_name(name: object, is_one: bool) -> None:
    assert (name in Unbounded()) is is_one


def test_a_start_does_not_load_what_is_asked_for_rarely() -> None:
    code = (
        "import sys, pywats_trio.service.service\n"
        "rare = ('.export', '.why', '.pywats', '.backup', '.trace', '.rebuild', '.carve')\n"
        "print([name for name in sys.modules if name.endswith(rare)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
