"""What operators do to items: each action on each state, and what it leaves behind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import evolve

from pywats_trio.errors import StoreError
from pywats_trio.model import (
    Converted,
    Delivered,
    Failed,
    Identity,
    Kind,
    Putaway,
    Quarantined,
    Reason,
    State,
    Wait,
)
from pywats_trio.queue.actions import (
    Acknowledge,
    Charge,
    Export,
    Hold,
    Quarantine,
    Release,
    Remove,
    Reopen,
    Reprioritize,
    Resume,
    Retry,
)
from pywats_trio.queue.selection import Selection
from pywats_trio.queue.store import PutAway, Topic
from tests.contract.kit import PROBLEM, Bench, Clock, a_file, a_report, assert_counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.model import Item, Outcome
    from pywats_trio.queue.actions import Action
    from pywats_trio.queue.store import Store

ACTIONS: dict[str, Action] = {
    "resume": Resume(),
    "charge": Charge(Failed(PROBLEM)),
    "retry": Retry(),
    "hold": Hold("until Monday"),
    "release": Release(),
    "reprioritize": Reprioritize(2),
    "remove": Remove(),
    "export": Export("e1", kept=False),
    "quarantine": Quarantine(PROBLEM),
    "reopen": Reopen("1.1"),
    "acknowledge": Acknowledge(dict.fromkeys(range(1, 9), "thanks")),
}
LEADS_TO = {
    "resume": State.PENDING,
    "charge": State.FAILED,
    "retry": State.PENDING,
    "hold": State.HELD,
    "release": State.PENDING,
    "export": State.HELD,
    "quarantine": State.QUARANTINED,
    "reopen": State.PENDING,
    "acknowledge": State.COMPLETED,
}
"""Where the state changes; `reprioritize` leaves it, `remove` leaves nothing."""
BEGINS: dict[State, Outcome] = {
    State.COMPLETED: Delivered("thanks"),
    State.FAILED: Failed(PROBLEM),
    State.QUARANTINED: Quarantined(PROBLEM),
    State.SUSPENDED: Wait(60.0, Reason.RETRY, PROBLEM, counts=True),
}
"""How a report comes to a state by its work."""


async def brought_to(store: Store, state: State, report: bytes = b"body") -> int:
    """The id of a new report that has come to `state`."""
    [item_id] = await store.put([a_report(report)])
    assert item_id is not None
    if state is State.HELD:
        await store.change(Selection(ids=(item_id,)), Hold(), "test")
    if state in {State.PENDING, State.HELD}:
        return item_id
    [claim] = await store.claim(Kind.REPORT, 1, "pump")
    assert claim.item.id == item_id
    if state is not State.PROCESSING:
        assert await store.finish(claim, BEGINS[state]) is state
    return item_id


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("name", ACTIONS)
async def test_every_action_on_every_state(bench: Bench, name: str, state: State) -> None:
    action = ACTIONS[name]
    async with bench.open() as store, bench.desk() as desk:
        item_id = await brought_to(store, state)
        before, history = await desk.item(item_id), bench.history()
        changed = await store.change(Selection(ids=(item_id,)), action, "Jane")
        assert_counts(bench, store)
        after = await desk.item(item_id)
        assert changed == (state in action.states)
        if not changed:
            assert (after, bench.history()) == (before, history)
        elif name == "remove":
            assert after is None
        else:
            assert after is not None
            stays = name == "export" and state is State.HELD
            assert after.state is (state if stays else LEADS_TO.get(name, state))
            assert bench.history(item_id)[-1].who == "Jane"
            if after.state is not state:
                assert (after.due_at, after.reason) == (None, None)


async def _failed_file(store: Store, outcome: Outcome | None = None) -> Item:
    await store.put([a_file()])
    [claim] = await store.claim(Kind.FILE, 1, "job")
    await store.finish(claim, outcome or Failed(PROBLEM, died=True))
    return claim.item


@pytest.mark.parametrize("name", ["retry", "remove"])
async def test_a_file_that_has_yet_to_be_put_away_is_passed_over(bench: Bench, name: str) -> None:
    async with bench.open() as store, bench.desk() as desk:
        item = await _failed_file(store)
        asked = Selection(ids=(item.id,))
        assert await store.change(asked, ACTIONS[name], "Jane") == 0
        assert [each.id for each in await desk.to_put_away("ict", 9)] == [item.id]
        await store.put_away([PutAway(item.id, "/in/Error/a.txt")])
        assert await store.change(asked, ACTIONS[name], "Jane") == 1
        assert_counts(bench, store)


async def test_a_retried_file_begins_anew_and_is_what_it_is_now(bench: Bench) -> None:
    mended = Identity(7, 99, 11, 2_000)
    async with bench.open() as store, bench.desk() as desk:
        item = await _failed_file(store)
        await store.put_away([PutAway(item.id, "/in/Error/a.txt")])
        ended = store.ended(item.id)
        assert await store.change(Selection(), Retry({item.id: mended}), "Jane") == 1
        again = await desk.item(item.id)
        assert again is not None
        assert (again.state, again.attempts, again.deaths) == (State.PENDING, 0, 0)
        assert (again.source, again.identity) == ("/in/Error/a.txt", mended)
        assert (again.finished_at, again.putaway) == (None, Putaway.NONE)
        assert not ended.is_set()
        # It is converted from there, and has to leave the place once more.
        [claim] = await store.claim(Kind.FILE, 1, "job")
        assert claim.item.source == "/in/Error/a.txt"
        await store.finish(claim, Converted((), "ab"))
        assert [each.id for each in await desk.to_put_away("ict", 9)] == [item.id]
        with trio.fail_after(5):
            await ended.wait()


async def test_a_retry_without_an_identity_keeps_the_one_that_was(bench: Bench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        item = await _failed_file(store)
        await store.put_away([PutAway(item.id, "/in/Error/a.txt")])
        assert await store.change(Selection(), Retry({99: Identity(1, 1, 1, 1)}), "Jane") == 1
        again = await desk.item(item.id)
        assert again is not None
        assert again.identity == item.identity


async def test_a_suspended_item_can_be_tried_at_once(bench: Bench) -> None:
    async with bench.open() as store:
        item_id = await brought_to(store, State.SUSPENDED)
        assert await store.claim(Kind.REPORT, 1, "pump") == []
        await store.change(Selection(ids=(item_id,)), Retry(), "Jane")
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
    assert (claim.item.id, claim.item.attempts) == (item_id, 0)


async def test_what_is_held_is_not_claimed_when_it_is_due(bench: Bench) -> None:
    steady = Clock()
    async with bench.open(monotonic=steady) as store:
        item_id = await brought_to(store, State.SUSPENDED)
        await store.change(Selection(), Hold("Jane looks at it"), "Jane")
        assert bench.history(item_id)[-1].message == "Jane looks at it"
        steady.now += 3600.0
        assert await store.claim(Kind.REPORT, 1, "pump") == []
        bell = store.bell(Topic.REPORT).ticket()
        assert await store.change(Selection(), Release(), "Jane") == 1
        with trio.fail_after(5):
            await bell.wait()
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
    assert (claim.item.id, claim.item.attempts) == (item_id, 1)


async def test_what_is_held_lasts_over_a_restart(bench: Bench) -> None:
    async with bench.open() as store:
        await brought_to(store, State.HELD)
    async with bench.open() as store:
        assert await store.recover() == 0
        assert await store.claim(Kind.REPORT, 1, "pump") == []
        assert store.counts().of(Kind.REPORT, State.HELD) == 1


async def test_a_removed_item_leaves_an_event_and_rings_for_room(bench: Bench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_file("/in/caf\udce9.txt"), a_report(b"x" * 100)])
        ended, room = store.ended(2), store.bell(Topic.ROOM).ticket()
        assert await store.change(Selection(ids=(1, 2)), Remove(), "Jane") == 2
        with trio.fail_after(5):
            await room.wait()
            await ended.wait()
        assert_counts(bench, store)
        assert store.counts().bytes == 0
        assert (await desk.item(1), await desk.item(2)) == (None, None)
        assert (bench.history(1), bench.history(2)) == ([], [])
        assert (await desk.payload(2), bench.payload(2)) == (None, None)
        events = [entry for entry in bench.history() if entry.item_id is None]
    assert [(entry.event, entry.who) for entry in events] == [("item removed", "Jane")] * 2
    file, report = (json.loads(entry.message) for entry in events)
    assert (file["id"], file["kind"], file["state"]) == (1, "file", "PENDING")
    assert file["source"] == "/in/caf\\udce9.txt"
    assert (report["serial_number"], report["who"]) == ("SN1", "Jane")


async def test_a_removed_file_that_still_lies_there_is_not_taken_again(bench: Bench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_file()])
        await store.change(Selection(ids=(1,)), Remove(), "Jane")
        assert list(await desk.seen("ict")) == ["/in/a.txt"]
        assert await store.put([a_file()]) == [None]


async def test_numbers_of_removed_items_are_never_given_again(bench: Bench) -> None:
    async with bench.open() as store:
        [first] = await store.put([a_report()])
        last = bench.history()[-1].seq
        await store.change(Selection(), Remove(), "Jane")
    async with bench.open() as store:
        [second] = await store.put([a_report()])
        assert (first, second) == (1, 2)
        assert bench.history(2)[-1].seq > last + 1


async def test_an_acknowledged_item_is_as_good_as_delivered(bench: Bench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        item_id = await brought_to(store, State.HELD)
        ended = store.ended(item_id)
        await store.change(Selection(ids=(item_id,)), Acknowledge({item_id: "taken"}), "Jane")
        with trio.fail_after(5):
            await ended.wait()
        item = await desk.item(item_id)
        assert_counts(bench, store)
    assert item is not None
    assert (item.state, item.progress, item.receipt) == (State.COMPLETED, 100, "taken")
    assert (item.finished_at, item.bytes) == (1_000_000.0, 0)
    assert bench.payload(item_id) is None


@pytest.mark.parametrize("count", [199, 200, 201, 401])
async def test_as_many_as_are_named_are_changed(bench: Bench, count: int) -> None:
    """A store may change them a few at a time; it changes all of them."""
    async with bench.open() as store:
        await store.put([a_report() for _ in range(count + 1)])
        ids = tuple(range(1, count + 1))
        assert await store.change(Selection(ids=ids), Hold(), "Jane") == count
        assert store.counts().of(Kind.REPORT, State.HELD) == count
        assert_counts(bench, store)


async def test_only_those_that_match_in_every_way_are_changed(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put(
            [
                a_report(serial_number="A", converter="ict"),
                a_report(serial_number="B", converter="ict"),
                a_report(serial_number="A", converter="eol"),
            ]
        )
        wanted = Selection(ids=(1, 2, 3), converter="ict", serial_number="A")
        assert await store.change(wanted, Hold(), "Jane") == 1
        assert await store.change(evolve(wanted, ids=(2, 3)), Hold(), "Jane") == 0
        assert bench.history(1)[-1].event == "held"


@pytest.mark.parametrize("name", sorted(ACTIONS.keys() - {"remove"}))
async def test_an_action_that_could_not_be_committed_never_happened(
    bench: Bench, arm: Callable[[str], None], name: str
) -> None:
    action = ACTIONS[name]
    async with bench.open() as store, bench.desk() as desk:
        item_id = await brought_to(store, min(action.states))
        before, history = await desk.item(item_id), bench.history()
        ended = store.ended(item_id)
        arm("store.before_commit=raise@1")
        with pytest.raises(StoreError):
            await store.change(Selection(ids=(item_id,)), action, "Jane")
        assert (await desk.item(item_id), bench.history()) == (before, history)
        assert_counts(bench, store)
        assert not ended.is_set()
        assert await store.change(Selection(ids=(item_id,)), action, "Jane") == 1
        assert_counts(bench, store)


KILLED = Quarantined(PROBLEM, died=True, code="1.0")


async def quarantined(store: Store, outcome: Quarantined, *, put_away: bool = True) -> int:
    """A file that killed two workers."""
    [item_id] = await store.put([a_file()])
    assert item_id is not None
    for end in (Wait(0.0, Reason.RETRY, PROBLEM, counts=True, died=True), outcome):
        [claim] = await store.claim(Kind.FILE, 1, "job")
        await store.finish(claim, end)
    if put_away:
        await store.put_away([PutAway(item_id, "/in/Error/a.txt")])
    return item_id


async def reopened(store: Store, version: str) -> int:
    which = Selection(
        kind=Kind.FILE, states=(State.QUARANTINED,), converter="ict", killed_other_than=version
    )
    return await store.change(which, Reopen(version), "convert")


async def test_another_version_reopens_a_file_that_killed_workers_once(bench: Bench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        item_id = await quarantined(store, KILLED)
        assert await reopened(store, "1.0") == 0
        assert await reopened(store, "1.1") == 1
        item = await desk.item(item_id)
        assert item is not None
        assert (item.state, item.attempts, item.deaths) == (State.PENDING, 0, 0)
        assert (item.source, item.putaway) == ("/in/Error/a.txt", Putaway.NONE)
        row = bench.history(item_id)[-1]
        assert (row.event, row.who) == ("reopened", "convert")
        assert row.message == "it killed 2 workers of another version than 1.1"
        assert await reopened(store, "1.1") == 0  # it is at work again
        assert_counts(bench, store)


async def test_one_that_kills_the_new_version_too_waits_for_the_next(bench: Bench) -> None:
    async with bench.open() as store:
        await quarantined(store, KILLED)
        assert await reopened(store, "1.1") == 1
        [claim] = await store.claim(Kind.FILE, 1, "job")
        await store.finish(claim, evolve(KILLED, code="1.1"))
        await store.put_away([PutAway(claim.item.id, "/in/Error/a.txt")])
        assert await reopened(store, "1.1") == 0
        assert await reopened(store, "1.2") == 1


async def test_one_of_which_nobody_knows_the_version_is_reopened_too(bench: Bench) -> None:
    async with bench.open() as store:
        await quarantined(store, evolve(KILLED, code=""))
        assert await reopened(store, "1.0") == 1


async def test_what_killed_no_worker_stays_in_quarantine(bench: Bench) -> None:
    async with bench.open() as store:
        await _failed_file(store, Quarantined(PROBLEM))
        await store.put_away([PutAway(1, "/in/Error/a.txt")])
        assert await reopened(store, "1.1") == 0


async def test_it_is_reopened_where_it_lies_and_not_on_its_way(bench: Bench) -> None:
    async with bench.open() as store:
        item_id = await quarantined(store, KILLED, put_away=False)
        assert await reopened(store, "1.1") == 0
        await store.put_away([PutAway(item_id, "/in/Error/a.txt")])
        assert await reopened(store, "1.1") == 1
