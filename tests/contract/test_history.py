"""The history: one numbered sequence, complete, and bounded for each item."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pywats_trio.errors import StoreError
from pywats_trio.model import Converted, Delivered, Kind, Reason, State, Wait
from pywats_trio.queue.actions import Resume
from pywats_trio.queue.selection import Selection
from pywats_trio.queue.store import PutAway
from tests.contract.kit import PROBLEM, Bench, Clock, a_file, a_report

if TYPE_CHECKING:
    from collections.abc import Callable


async def test_a_whole_life_is_one_numbered_sequence(bench: Bench) -> None:
    steady = Clock()
    async with bench.open(monotonic=steady) as store:
        await store.put([a_file()])
        [claim] = await store.claim(Kind.FILE, 1, "job")
        await store.finish(claim, Converted((a_report(),), "ab", note="2 findings"))
        await store.put_away([PutAway(1, "/done/a.txt", "moved")])
        [sent] = await store.claim(Kind.REPORT, 1, "pump")
        await store.finish(sent, Wait(5.0, Reason.SERVER, PROBLEM))
        await store.change(Selection(), Resume(), "pump")
        await store.claim(Kind.REPORT, 1, "pump")
        await store.recover("pump")
        [sent] = await store.claim(Kind.REPORT, 1, "pump")
        await store.finish(sent, Wait(5.0, Reason.RETRY, PROBLEM, counts=True))
        steady.now += 5.0
        [sent] = await store.claim(Kind.REPORT, 1, "pump")
        await store.finish(sent, Delivered("thanks"))
        await store.note("stopped", {"why": "test"})
    history = bench.history()
    assert [entry.seq for entry in history] == list(range(1, len(history) + 1))
    assert [entry.event for entry in bench.history(1)] == [
        "accepted",
        "claimed",
        "converted",
        "put away",
    ]
    assert [(entry.event, entry.state, entry.attempts) for entry in bench.history(2)] == [
        ("stored", "PENDING", None),
        ("claimed", "PROCESSING", 0),
        ("suspended", "SUSPENDED", 0),
        ("resumed", "PENDING", None),
        ("claimed", "PROCESSING", 0),
        ("recovered", "PENDING", 0),
        ("claimed", "PROCESSING", 0),
        ("suspended", "SUSPENDED", 1),
        ("resumed", "PENDING", None),
        ("claimed", "PROCESSING", 1),
        ("delivered", "COMPLETED", 2),
    ]
    assert {entry.who for entry in bench.history(2)} == {"", "pump"}
    assert history[-1].item_id is None
    assert (history[-1].event, json.loads(history[-1].message)) == ("stopped", {"why": "test"})


async def test_a_failure_is_told_in_words(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([a_report()])
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        await store.finish(claim, Wait(5.0, Reason.SERVER, PROBLEM))
    last = bench.history()[-1]
    assert (last.error_kind, last.message) == (PROBLEM.kind, PROBLEM.message)


@pytest.mark.parametrize("length", [4095, 4096, 4097, 100_000])
async def test_a_message_is_cut(bench: Bench, length: int) -> None:
    problem = PROBLEM.__class__("long", "x" * length)
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_report()])
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        await store.finish(claim, Wait(5.0, Reason.SERVER, problem))
        item = await desk.item(1)
    assert item is not None
    assert len(item.last_error) == len(bench.history()[-1].message) == min(length, 4096)


@pytest.mark.parametrize("rounds", [4, 5, 6, 20])
@pytest.mark.parametrize("way", ["recover", "wait", "resume"])
async def test_history_is_bounded_and_keeps_its_first_row(
    bench: Bench, rounds: int, way: str
) -> None:
    limit = 11
    steady = Clock()
    async with bench.open(history_limit=limit, monotonic=steady) as store:
        await store.put([a_report(), a_report()])
        written = 1
        for _ in range(rounds):
            [claim, *_] = await store.claim(Kind.REPORT, 1, "pump")
            assert len(bench.history(1)) <= limit
            if way == "recover":
                await store.recover("pump")
                written += 2
            else:
                await store.finish(claim, Wait(1.0, Reason.RETRY, PROBLEM))
                steady.now += 1.0 if way == "wait" else 0.0
                await store.change(Selection(), Resume(), "x") if way == "resume" else None
                written += 3 if way == "resume" else 2
            assert len(bench.history(1)) <= limit
    history = bench.history(1)
    resumed = rounds - 1 if way == "wait" else 0
    assert len(history) == min(limit, written + resumed)
    assert history[0].event == "stored"
    assert [entry.seq for entry in history] == sorted(entry.seq for entry in history)
    assert history[-1].seq == bench.history()[-1].seq
    assert [entry.event for entry in bench.history(2)] == ["stored"]


async def test_the_last_row_says_where_an_item_stands(bench: Bench) -> None:
    async with bench.open(history_limit=10) as store, bench.desk() as desk:
        await store.put([a_report()])
        for _ in range(12):
            [claim] = await store.claim(Kind.REPORT, 1, "pump")
            await store.finish(claim, Wait(0.0, Reason.SERVER, PROBLEM))
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        await store.finish(claim, Delivered("thanks"))
        item = await desk.item(1)
    assert item is not None
    assert bench.history(1)[-1].state == item.state == State.COMPLETED
    assert len(bench.history(1)) == 10


async def test_what_was_rolled_back_leaves_neither_rows_nor_gaps(
    bench: Bench, arm: Callable[[str], None]
) -> None:
    async with bench.open() as store:
        arm("store.before_commit=raise@1")
        with pytest.raises(StoreError):
            await store.put([a_report()])
        # The second of the two is what fails, in the middle of the transaction.
        with pytest.raises(UnicodeEncodeError):
            await store.put([a_file(), a_file("no name of a file: \ud800")])
        await store.put([a_file(), a_report()])
    history = bench.history()
    assert [(entry.seq, entry.event) for entry in history] == [(1, "accepted"), (2, "stored")]
