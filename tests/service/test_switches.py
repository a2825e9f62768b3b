"""Which converters are off is remembered, and told while it is so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pywats_trio.config.options import Config, ConverterOptions
from pywats_trio.errors import StoreError
from pywats_trio.observe.board import Board, Cause
from pywats_trio.queue.sqlite_store import open_store
from pywats_trio.service.switches import DISABLED, Switches

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = Config(converters=tuple(ConverterOptions(name=name, type="csv") for name in "ab"))


async def test_it_is_remembered(tmp_path: Path) -> None:
    async with open_store(tmp_path / "queue.db") as store:
        switches = Switches(store, Board())
        assert switches.names() == frozenset()
        await switches.turn("a", off_by="anna", config=CONFIG)
        await switches.turn("b", off_by="bob", config=CONFIG)
        await switches.turn("a", off_by=None, config=CONFIG)
        assert switches.off == {"b": "bob"}
    async with open_store(tmp_path / "queue.db") as store:
        assert Switches(store, Board()).off == {"b": "bob"}


async def test_what_is_not_configured_any_more_is_forgotten_at_the_next_turn(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path / "queue.db") as store:
        await store.remember(DISABLED, '{"gone": "anna"}')
        switches = Switches(store, Board())
        assert switches.names() == {"gone"}
        await switches.turn("a", off_by="anna", config=CONFIG)
        assert switches.names() == {"a"}


async def test_what_cannot_be_remembered_is_not_done(tmp_path: Path) -> None:
    async with open_store(tmp_path / "queue.db") as store:
        switches = Switches(store, Board())
        await store.close()
        with pytest.raises(StoreError):
            await switches.turn("a", off_by="anna", config=CONFIG)
        assert switches.off == {}


async def test_the_board_is_told_of_those_that_the_configuration_has_enabled(
    tmp_path: Path,
) -> None:
    board = Board()
    off = Config(converters=(ConverterOptions(name="b", type="csv", enabled=False),))
    async with open_store(tmp_path / "queue.db") as store:
        switches = Switches(store, board)
        for name in "ab":
            await switches.turn(name, off_by="anna", config=CONFIG)
        switches.show(CONFIG)
        told = [(one.subject, one.message) for one in board.held_up_by(Cause.DISABLED)]
        assert told == [(n, f"the converter '{n}' was disabled by anna") for n in "ab"]
        switches.show(off)
        assert board.conditions == {}
        switches.show(CONFIG)
        await switches.turn("a", off_by=None, config=CONFIG)
        switches.show(CONFIG)
        assert [one.subject for one in board.held_up_by(Cause.DISABLED)] == ["b"]
