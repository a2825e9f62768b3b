"""Every attack costs its own file, and is back at full strength within a second."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Final

import pytest

from tests import pages
from tests.attacks.runs import FREE, run, why_not
from tests.attacks.table import APART, CONVERTED, GROUPS, WORKS, markdown, rows
from tests.sandbox.children import USERS, kernel_layers

if TYPE_CHECKING:
    from tests.attacks.arena import Result

SECOND: Final = 1.0
HELD: Final = 0.05
"""Seconds of processor time that the event loop may be held: ten times what is measured."""
PAGE: Final = pages.ROOT / "docs" / "explanation" / "sandbox.md"
BEGIN, END = "<!-- python -m tests.attacks --table -->\n", "<!-- until here -->"


def users() -> list[object]:
    return [
        pytest.param(
            user,
            id=f"user {user}",
            marks=pytest.mark.skipif(bool(why_not(user)), reason=why_not(user)),
        )
        for user in USERS
    ]


@kernel_layers
@pytest.mark.parametrize("user", users())
@pytest.mark.parametrize("level", ["standard", "strict"])
def test_an_attack_costs_its_own_file_and_nothing_else(level: str, user: int) -> None:
    found = run(level, user)
    assert set(found) == {row.attack for row in rows()}
    assert {name: result.wrong for name, result in found.items() if result.wrong} == {}
    assert {name: result.held for name, result in found.items() if result.held > HELD} == {}
    late = [name for name, result in found.items() if result.back > SECOND]
    # On a busy machine one may come late by chance, but not twice.
    assert late == [] or not _late(run(level, user, late))


def _late(found: dict[str, Result]) -> dict[str, float]:
    return {name: result.back for name, result in found.items() if result.back > SECOND}


@pytest.mark.parametrize("user", users())
def test_the_harmless_ones_work_where_nothing_stops_them(user: int) -> None:
    found = run(FREE, user)
    for row in rows():
        if not row.free or (row.roots and user != 0):
            continue
        said = found[row.attack].said
        if row.kernels and ("Operation not permitted" in said or "not implemented" in said):
            continue  # this kernel offers it to nobody
        assert (CONVERTED if row.free == WORKS else row.free) in said, row.attack


def test_every_trick_is_in_the_table() -> None:
    tricks = [
        name
        for module, _rows in GROUPS.values()
        for name, made in vars(module).items()
        if inspect.isfunction(made) and made.__module__ == module.__name__ and name[0] != "_"
    ]
    told = [row.attack for row in rows()]
    assert sorted({*told, *APART}) == sorted(tricks)
    assert len(told) == len(set(told))


def test_the_page_shows_the_table() -> None:
    shown = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    assert shown == markdown()
