"""The store with its thread, used by many tasks at once that are cancelled at random."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis.strategies as st
import trio
from hypothesis import given, settings

from pywats_trio.model import Converted, Kind, Released, State
from pywats_trio.queue.actions import Hold, Release, Reprioritize
from pywats_trio.queue.selection import Selection
from tests.contract.kit import SqliteBench, assert_counts, some_files

if TYPE_CHECKING:
    from pywats_trio.queue.actions import Action
    from pywats_trio.queue.store import Store

PATIENCE = 60
"""Seconds, for a machine that has much else to do."""


@given(
    seed=st.integers(0, 2**32),
    files=st.integers(1, 30),
    hands=st.integers(1, 8),
    operators=st.integers(0, 2),
)
@settings(max_examples=20, deadline=None)
def test_many_hands_that_are_cancelled_at_random_do_each_item_once(  # noqa: C901 - all of them
    seed: int, files: int, hands: int, operators: int
) -> None:
    dice = random.Random(seed)
    done: list[str] = []

    async def hand(store: Store, owner: str) -> None:
        while store.counts().unfinished:
            with trio.move_on_after(dice.choice([0, 0.0005, 0.002, 1])):
                for claim in await store.claim(Kind.FILE, dice.randint(1, 4), owner):
                    outcome = Released() if dice.random() < 0.5 else Converted((), "ab")
                    if await store.finish(claim, outcome) is State.COMPLETED:
                        done.append(claim.item.source)
            if not store.counts().of(Kind.FILE, State.PENDING):
                await store.recover(owner)
            await trio.lowlevel.checkpoint()

    async def operator(store: Store, who: str) -> None:
        while store.counts().unfinished:
            ids = tuple(dice.sample(range(1, files + 1), dice.randint(1, files)))
            some: list[Action] = [Hold(), Release(), Reprioritize(dice.randint(1, 10))]
            with trio.move_on_after(dice.choice([0, 0.001, 1])):
                await store.change(Selection(ids=ids), dice.choice(some), who)
            await store.change(Selection(), Release(), who)

    async def main(path: Path) -> None:
        bench = SqliteBench(path)
        async with bench.open() as store:
            await store.put(some_files(files))
            with trio.fail_after(PATIENCE):
                async with trio.open_nursery() as nursery:
                    for n in range(hands):
                        nursery.start_soon(hand, store, f"hand {n}")
                    for n in range(operators):
                        nursery.start_soon(operator, store, f"operator {n}")
            assert_counts(bench, store)
        assert bench.counted() == {(Kind.FILE, State.COMPLETED): files}

    with tempfile.TemporaryDirectory(prefix="store-") as folder:
        trio.run(main, Path(folder) / "queue.db")
    assert sorted(done) == sorted(f"/in/{n}.txt" for n in range(files))
