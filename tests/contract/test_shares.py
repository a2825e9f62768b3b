"""Lines that get less of a claim than their turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pywats_trio.model import Kind, Reason, Wait
from pywats_trio.queue.shares import Shares
from tests.contract.kit import PROBLEM, Bench, Clock, a_file, assert_counts

if TYPE_CHECKING:
    from pywats_trio.queue.store import Store


async def put(store: Store, *converters: str) -> None:
    """A file for each; its name tells its number and its converter."""
    envelopes = [
        a_file(f"/{name}/{number}", inode=number + 1, converter=name)
        for number, name in enumerate(converters)
    ]
    await store.put(envelopes)


async def claimed(store: Store, limit: int, shares: Shares, *, delay: float = 0.0) -> list[str]:
    """What was claimed; it waits so long before it can be claimed again."""
    claims = await store.claim(Kind.FILE, limit, "job", shares)
    for claim in claims:
        await store.finish(claim, Wait(delay, Reason.CONVERTER, PROBLEM))
    return [claim.item.source for claim in claims]


def only(name: str) -> Shares:
    return Shares(single=frozenset({name}))


async def test_of_a_line_that_is_shut_nothing_is_claimed(bench: Bench) -> None:
    shut = Shares(shut=frozenset({"bad"}))
    async with bench.open() as store:
        await put(store, "bad", "good", "bad", "good")
        assert await claimed(store, 9, shut) == ["/good/1", "/good/3"]
        assert_counts(bench, store)


async def test_nor_if_there_is_no_other_line(bench: Bench) -> None:
    async with bench.open() as store:
        await put(store, "bad", "bad")
        assert await claimed(store, 9, Shares(shut=frozenset({"bad"}))) == []
        assert await claimed(store, 9, Shares()) == ["/bad/0", "/bad/1"]


async def test_of_a_single_one_one_is_claimed_in_its_turn(bench: Bench) -> None:
    async with bench.open() as store:
        await put(store, "bad", "bad", "good", "good", "other")
        assert await claimed(store, 9, only("bad")) == ["/bad/0", "/good/2", "/other/4", "/good/3"]


async def test_with_one_place_a_single_line_leaves_it_to_the_others_every_other_time(
    bench: Bench,
) -> None:
    async with bench.open() as store:
        await put(store, "bad", "bad", "good", "good")
        order = [await claimed(store, 1, only("bad"), delay=60.0) for _ in range(4)]
        assert order == [["/bad/0"], ["/good/2"], ["/bad/1"], ["/good/3"]]


async def test_the_single_one_is_another_each_time_and_then_the_first_again(bench: Bench) -> None:
    clock = Clock()
    async with bench.open(clock=clock) as store:
        await put(store, "bad", "bad", "bad")
        order = []
        for _ in range(5):
            clock.now += 1.0
            order += await claimed(store, 9, only("bad"))
        assert order == ["/bad/0", "/bad/1", "/bad/2", "/bad/0", "/bad/1"]


async def test_of_those_that_were_never_tried_the_most_urgent_is_the_single_one(
    bench: Bench,
) -> None:
    async with bench.open() as store:
        await store.put([a_file("/bad/0", inode=1, converter="bad", priority=7)])
        await store.put([a_file("/bad/1", inode=2, converter="bad", priority=3)])
        assert await claimed(store, 9, only("bad")) == ["/bad/1"]


async def test_a_line_that_has_nothing_is_nothing_to_share(bench: Bench) -> None:
    async with bench.open() as store:
        await put(store, "good")
        shares = Shares(shut=frozenset({"a"}), single=frozenset({"b"}))
        assert await claimed(store, 9, shares) == ["/good/0"]


@pytest.mark.parametrize(
    ("in_hand", "shut"), [({}, False), ({"bad": 0}, False), ({"bad": 1}, True)]
)
def test_a_single_line_is_shut_while_one_of_it_is_in_hand(
    in_hand: dict[str, int], shut: bool
) -> None:
    left = only("bad").left(in_hand)
    assert left == (Shares(shut=frozenset({"bad"})) if shut else only("bad"))
