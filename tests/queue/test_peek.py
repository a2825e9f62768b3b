"""A look at a payload, and at the end of a history."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from pywats_trio.model import Kind
from pywats_trio.queue.actions import Hold, Release
from pywats_trio.queue.desk import PIECE
from pywats_trio.queue.selection import Selection
from pywats_trio.queue.store import Peek
from tests.contract.kit import a_file, a_report

if TYPE_CHECKING:
    from tests.contract.kit import SqliteBench


@pytest.mark.parametrize("size", [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
@pytest.mark.parametrize("length", [0, 1, 10, 2 * PIECE])
async def test_a_peek_has_the_beginning_and_what_all_of_it_comes_to(
    bench: SqliteBench, size: int, length: int
) -> None:
    body = bytes(range(256)) * (size // 256) + b"!" * (size % 256)
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_report(body)])
        found = await desk.peek(1, length)
    assert found == Peek(body[:length], size, hashlib.sha256(body).hexdigest())


async def test_where_no_payload_is_there_is_nothing_to_see(bench: SqliteBench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_file()])
        assert await desk.peek(1, 10) is None
        assert await desk.peek(2, 10) is None


@pytest.mark.parametrize(("newest", "seen"), [(None, 5), (6, 5), (5, 5), (4, 4), (1, 1)])
async def test_the_newest_rows_of_a_history_come_in_their_order(
    bench: SqliteBench, newest: int | None, seen: int
) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_report(), a_report()])
        one = Selection(ids=(1,))
        for action in (Hold(), Release()):
            await store.change(one, action, "me")
        await store.claim(Kind.REPORT, 1, "x")
        await store.recover()
        rows = await desk.history_of(1, newest=newest)
    events = ["stored", "held", "released by an operator", "claimed", "recovered"]
    assert [row.event for row in rows] == events[-seen:]
