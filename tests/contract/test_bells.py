"""Which bells are rung after which commit: whoever waits for such rows looks, and nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from pywats_trio.errors import StoreError
from pywats_trio.model import Converted, Delivered, Kind, Reason, Released, State, Wait
from pywats_trio.queue.actions import (
    Acknowledge,
    Hold,
    Release,
    Remove,
    Reprioritize,
    Resume,
    Retry,
)
from pywats_trio.queue.selection import Selection
from pywats_trio.queue.store import PutAway, Topic
from tests.contract.kit import OUTCOMES, PROBLEM, Bench, a_file, a_report

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pywats_trio.bell import Ticket
    from pywats_trio.queue.store import Store

HISTORY = {Topic.HISTORY}


async def rung(store: Store, call: Callable[[], Awaitable[Any]]) -> set[Topic]:
    """The topics that `call` rings for."""
    heard: set[Topic] = set()

    async def listen(topic: Topic, ticket: Ticket) -> None:
        await ticket.wait()
        heard.add(topic)

    async with trio.open_nursery() as listeners:
        for topic in Topic:
            listeners.start_soon(listen, topic, store.bell(topic).ticket())
        await call()
        await trio.testing.wait_all_tasks_blocked()
        listeners.cancel_scope.cancel()
    return heard


async def _claimed(store: Store, kind: Kind) -> Any:
    [claim] = await store.claim(kind, 1, "test")
    return claim


async def test_what_comes_in_is_told_to_those_who_work_on_it(bench: Bench) -> None:
    async with bench.open() as store:
        assert await rung(store, lambda: store.put([a_file()])) == {Topic.FILE, *HISTORY}
        assert await rung(store, lambda: store.put([a_report()])) == {Topic.REPORT, *HISTORY}
        assert await rung(store, lambda: store.put([a_file()])) == set()
        assert await rung(store, lambda: store.put([])) == set()


async def test_a_claim_is_news_for_the_history_alone(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([a_report()])
        assert await rung(store, lambda: store.claim(Kind.REPORT, 1, "x")) == HISTORY
        assert await rung(store, lambda: store.claim(Kind.REPORT, 1, "x")) == set()
        assert await rung(store, store.recover) == {Topic.REPORT, *HISTORY}
        assert await rung(store, store.recover) == set()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("converted", {Topic.ROOM, Topic.PUTAWAY}),
        ("failed", {Topic.ROOM, Topic.PUTAWAY}),
        ("quarantined", {Topic.ROOM, Topic.PUTAWAY}),
        ("superseded", {Topic.ROOM}),
        ("wait", {Topic.FILE}),
        ("released", {Topic.FILE}),
    ],
)
async def test_every_outcome_of_a_file(bench: Bench, name: str, expected: set[Topic]) -> None:
    async with bench.open() as store:
        await store.put([a_file()])
        claim = await _claimed(store, Kind.FILE)
        assert await rung(store, lambda: store.finish(claim, OUTCOMES[name])) == expected | HISTORY


async def test_the_reports_of_a_file_are_told(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([a_file()])
        claim = await _claimed(store, Kind.FILE)
        outcome = Converted((a_report(),), "ab")
        heard = await rung(store, lambda: store.finish(claim, outcome))
        assert heard == {Topic.ROOM, Topic.PUTAWAY, Topic.REPORT, *HISTORY}


async def test_what_an_operator_does_is_told(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([a_report()])

        async def change(action: Any) -> set[Topic]:
            return await rung(store, lambda: store.change(Selection(ids=(1,)), action, "Jane"))

        assert await change(Hold()) == HISTORY
        assert await change(Hold()) == set()
        assert await change(Reprioritize(1)) == HISTORY
        assert await change(Release()) == {Topic.REPORT, *HISTORY}
        claim = await _claimed(store, Kind.REPORT)
        await store.finish(claim, Wait(60.0, Reason.SERVER, PROBLEM))
        assert await change(Resume()) == {Topic.REPORT, *HISTORY}
        await store.finish(await _claimed(store, Kind.REPORT), OUTCOMES["failed"])
        assert await change(Retry()) == {Topic.REPORT, *HISTORY}
        await change(Hold())
        assert await change(Acknowledge({1: "thanks"})) == {Topic.ROOM, *HISTORY}
        assert await change(Remove()) == {Topic.ROOM, *HISTORY}


async def test_what_belongs_to_no_item_is_news_for_the_history_at_most(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([a_file()])
        await store.finish(await _claimed(store, Kind.FILE), Converted((), "ab"))
        assert await rung(store, lambda: store.put_away([PutAway(1, "/done/a")])) == HISTORY
        assert await rung(store, lambda: store.note("a mark", {})) == HISTORY
        assert await rung(store, lambda: store.forget(["/in/a.txt"])) == set()
        assert await rung(store, lambda: store.remember("key", "value")) == set()


async def test_what_was_rolled_back_is_news_to_nobody(
    bench: Bench, arm: Callable[[str], None]
) -> None:
    async with bench.open() as store:
        await store.put([a_report()])
        claim = await _claimed(store, Kind.REPORT)

        async def refused() -> None:
            arm("store.before_commit=raise@1")
            with pytest.raises(StoreError):
                await store.finish(claim, Delivered("thanks"))

        assert await rung(store, refused) == {Topic.REFUSED}
        assert store.counts().of(Kind.REPORT, State.PROCESSING) == 1
        released = await rung(store, lambda: store.finish(claim, Released()))
        assert released == {Topic.REPORT, *HISTORY}
