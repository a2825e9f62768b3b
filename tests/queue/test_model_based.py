"""The store's verbs against a plain dictionary, through random work, restarts and crashes.

The verbs are driven as the writer's thread drives them, one transaction each, without the thread.
"""

from __future__ import annotations

import itertools
import random
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import hypothesis.strategies as st
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from pywats_trio.errors import StaleClaim
from pywats_trio.model import (
    Claim,
    Converted,
    Delivered,
    Failed,
    Kind,
    Quarantined,
    Reason,
    Released,
    State,
    Superseded,
    Wait,
)
from pywats_trio.queue import rows
from pywats_trio.queue.history import History
from pywats_trio.queue.order import Order
from pywats_trio.queue.selection import Selection
from pywats_trio.queue.sqlite_store import load
from pywats_trio.queue.store import Charge, PutAway, Resume
from pywats_trio.queue.verbs import accept, finish, recover, sources
from pywats_trio.queue.verbs import change as changes
from pywats_trio.queue.verbs import claim as claiming
from pywats_trio.queue.verbs.transaction import Transaction
from tests.contract.kit import PROBLEM, SqliteBench, a_file, a_report, some_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pywats_trio.model import Identity, Outcome
    from pywats_trio.queue.store import Store

LIMIT = 12
"""Of history rows: low, so that it is reached."""

kinds = st.sampled_from(Kind)
owners = st.sampled_from(["job", "pump"])
priorities = st.integers(1, 10)
paths = st.sampled_from(["/in/a", "/in/b", "/in/c\udcff"])
inodes = st.sampled_from([1, 2, 2**64 - 1])
delays = st.floats(0, 100)
reports = st.lists(st.builds(a_report, st.binary(max_size=20), priority=priorities), max_size=2)
waits = st.builds(
    Wait,
    delays,
    st.sampled_from(Reason),
    st.just(PROBLEM),
    counts=st.booleans(),
    died=st.booleans(),
)
failures = st.builds(Failed, st.just(PROBLEM), counts=st.booleans())
outcomes = {
    Kind.FILE: st.one_of(
        st.builds(Converted, reports.map(tuple), st.just("ab")),
        waits,
        failures,
        st.builds(Quarantined, st.just(PROBLEM)),
        st.builds(Superseded, st.just("replaced")),
        st.builds(Released),
    ),
    Kind.REPORT: st.one_of(
        st.builds(Delivered, st.just("thanks")), waits, failures, st.builds(Released)
    ),
}


@attrs.define
class Thing:
    """An item as the dictionary has it."""

    kind: Kind
    priority: int
    source: str
    identity: Identity | None
    payload: bytes | None
    state: State = State.PENDING
    reason: Reason | None = None
    due: float | None = None
    attempts: int = 0
    interruptions: int = 0
    deaths: int = 0
    owner: str | None = None
    fence: int | None = None
    putaway: str = "none"
    written: int = 1
    """History rows."""


class StoreAgainstDictionary(RuleBasedStateMachine):
    claims: Bundle[Claim] = Bundle("claims")

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="store-"))
        self.numbers = itertools.count()
        self.now = 1_000.0
        self.things: dict[int, Thing] = {}
        self.seen: dict[str, Identity] = {}
        self.path = self.folder / "0" / "queue.db"
        self.path.parent.mkdir()
        self.load()

    def load(self) -> None:
        loaded = load(self.path, "normal", LIMIT, Order(), self.now)
        self.db, self.books, self.history = loaded.connection, loaded.books, loaded.history

    def teardown(self) -> None:
        if hasattr(self, "db"):
            self.db.close()
            shutil.rmtree(self.folder)

    def do(self, verb: Callable[..., Any], *values: Any, commit: bool = True) -> Any:
        """One transaction, as the writer runs it."""
        tx = Transaction(self.db, self.books, self.history, self.now, self.now)
        self.db.execute("BEGIN IMMEDIATE")
        try:
            result = verb(tx, *values)
            self.history.flush(self.db)
            self.books.flush(self.db)
        except BaseException:
            commit = False
            raise
        finally:
            self.db.execute("COMMIT" if commit else "ROLLBACK")
            for kept in (self.books, self.history):
                (kept.committed if commit else kept.rolled_back)()
        return result

    # --- the rules -----------------------------------------------------------------------------

    @rule(path=paths, inode=inodes, priority=priorities)
    def put_file(self, path: str, inode: int, priority: int) -> None:
        envelope = a_file(path, inode=inode, priority=priority)
        assert envelope.identity is not None
        [item_id] = self.do(accept.put, [envelope])
        if self.seen.get(path) == envelope.identity:
            assert item_id is None
        else:
            self.seen[path] = envelope.identity
            self.things[item_id] = Thing(Kind.FILE, priority, path, envelope.identity, None)

    @rule(priority=priorities, payload=st.binary(max_size=20))
    def put_report(self, priority: int, payload: bytes) -> None:
        [item_id] = self.do(accept.put, [a_report(payload, priority=priority)])
        self.things[item_id] = Thing(Kind.REPORT, priority, "/in/a.txt", None, payload)

    @rule(target=claims, kind=kinds, limit=st.integers(0, 3), owner=owners)
    def claim(self, kind: Kind, limit: int, owner: str) -> Any:
        claims = self.do(claiming.claim, kind, limit, owner)
        for thing in self.things.values():
            due = thing.due is not None and thing.due <= self.now
            if thing.kind is kind and thing.state is State.SUSPENDED and due:
                self.resumed(thing)
        waiting = [
            (thing.priority, item_id)
            for item_id, thing in self.things.items()
            if thing.kind is kind and thing.state is State.PENDING
        ]
        expected = [item_id for _priority, item_id in sorted(waiting)[:limit]]
        assert [claim.item.id for claim in claims] == expected
        for claim in claims:
            thing = self.things[claim.item.id]
            thing.state, thing.owner, thing.fence = State.PROCESSING, owner, claim.fence
            thing.written += 1
            assert claim.payload == thing.payload
        return multiple(*claims)

    @rule(claim=claims, data=st.data())
    def finish_and_remember(self, claim: Claim, data: st.DataObject) -> None:
        self.finish(claim, data)

    @rule(claim=consumes(claims), data=st.data())
    def finish(self, claim: Claim, data: st.DataObject) -> None:
        outcome: Outcome = data.draw(outcomes[claim.item.kind])
        thing = self.things[claim.item.id]
        if thing.fence != claim.fence:
            with pytest.raises(StaleClaim):
                self.do(finish.finish, claim, outcome)
            return
        newest = max(self.things)
        state = self.do(finish.finish, claim, outcome)
        thing.owner = thing.fence = None
        thing.interruptions += isinstance(outcome, Released)
        self.came_to(thing, outcome)
        assert state is thing.state
        if isinstance(outcome, Converted):
            for n, report in enumerate(outcome.reports, newest + 1):
                self.things[n] = Thing(
                    Kind.REPORT, report.priority, report.source, None, report.payload
                )

    def came_to(self, thing: Thing, outcome: Outcome) -> None:
        thing.written += 1
        thing.attempts += getattr(outcome, "counts", not isinstance(outcome, Released | Superseded))
        thing.deaths += getattr(outcome, "died", False)
        away = "pending" if thing.kind is Kind.FILE else "none"
        match outcome:
            case Converted():
                thing.state, thing.putaway = State.COMPLETED, away
            case Delivered():
                thing.state, thing.payload = State.COMPLETED, None
            case Wait(delay=delay, reason=reason):
                thing.state, thing.reason, thing.due = State.SUSPENDED, reason, self.now + delay
                return
            case Failed():
                thing.state, thing.putaway = State.FAILED, away
            case Quarantined():
                thing.state, thing.putaway = State.QUARANTINED, away
            case Superseded():
                thing.state = State.COMPLETED
            case Released():
                thing.state = State.PENDING
        thing.reason = thing.due = None

    def resumed(self, thing: Thing) -> None:
        thing.state, thing.reason, thing.due = State.PENDING, None, None
        thing.written += 1

    def selected(self, kind: Kind | None, reason: Reason | None) -> list[Thing]:
        return [
            thing
            for thing in self.things.values()
            if thing.state is State.SUSPENDED
            and (kind is None or thing.kind is kind)
            and (reason is None or thing.reason is reason)
        ]

    @rule(kind=st.none() | kinds, reason=st.none() | st.sampled_from(Reason))
    def resume(self, kind: Kind | None, reason: Reason | None) -> None:
        expected = self.selected(kind, reason)
        selection = Selection(kind=kind, reason=reason)
        assert self.do(changes.change, selection, Resume(), "who", -1) == len(expected)
        for thing in expected:
            self.resumed(thing)

    @rule(kind=st.none() | kinds, outcome=waits | failures)
    def charge(self, kind: Kind | None, outcome: Wait | Failed) -> None:
        expected = self.selected(kind, None)
        changing = self.do(changes.change, Selection(kind=kind), Charge(outcome), "who", -1)
        assert changing == len(expected)
        for thing in expected:
            self.came_to(thing, outcome)

    @rule(owner=st.none() | owners)
    def recover(self, owner: str | None) -> None:
        expected = [
            thing
            for thing in self.things.values()
            if thing.state is State.PROCESSING and owner in {None, thing.owner}
        ]
        assert self.do(recover.recover, owner) == len(expected)
        for thing in expected:
            thing.state, thing.owner, thing.fence = State.PENDING, None, None
            thing.interruptions += 1
            thing.written += 1

    @rule(place=st.sampled_from(["", "same", "/done/x"]), count=st.integers(1, 2))
    def put_away(self, place: str, count: int) -> None:
        pending = [n for n, thing in self.things.items() if thing.putaway == "pending"][:count]
        results = [PutAway(n, self.things[n].source if place == "same" else place) for n in pending]
        self.do(sources.put_away, results)
        for result in results:
            thing = self.things[result.item_id]
            if result.path != thing.source and self.seen.get(thing.source) == thing.identity:
                del self.seen[thing.source]
            thing.putaway, thing.source = "done", result.path or thing.source
            thing.written += 1

    @rule(gone=st.lists(paths, max_size=2))
    def forget(self, gone: Sequence[str]) -> None:
        self.do(sources.forget, gone)
        for path in gone:
            self.seen.pop(path, None)

    @rule(seconds=st.floats(0, 60))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    # --- restarts and crashes ------------------------------------------------------------------

    @rule()
    def reopen(self) -> None:
        self.db.close()
        self.load()

    @rule(owner=owners, kind=kinds)
    def crash_between_two_steps(self, owner: str, kind: Kind) -> None:
        """All that lies on the disk while a transaction is under way is what survives."""

        def cut_off(tx: Transaction) -> None:
            accept.put(tx, [a_report(), a_file("/in/lost", inode=77)])
            claiming.claim(tx, kind, 2, owner)
            recover.recover(tx, None)
            tx.history.flush(tx.db)
            self.path = self.folder / str(next(self.numbers) + 1) / "queue.db"
            self.path.parent.mkdir()
            for file in Path(self.db.filename).parent.glob("queue.db*"):
                shutil.copy(file, self.path.parent)

        self.do(cut_off, commit=False)
        self.db.close()
        self.load()

    # --- what always holds ---------------------------------------------------------------------

    @invariant()
    def every_row_is_as_the_dictionary_says(self) -> None:
        if not hasattr(self, "db"):
            return
        found = {
            item.id: item
            for item in map(rows.item, self.db.execute(f"SELECT {rows.COLUMNS} FROM items"))
        }
        assert found.keys() == self.things.keys()
        for item_id, thing in self.things.items():
            item = found[item_id]
            assert (item.kind, item.priority, item.source) == (
                thing.kind,
                thing.priority,
                thing.source,
            )
            assert (item.state, item.reason, item.due_at) == (thing.state, thing.reason, thing.due)
            assert (item.attempts, item.interruptions, item.deaths) == (
                thing.attempts,
                thing.interruptions,
                thing.deaths,
            )
            assert (item.putaway, item.identity) == (thing.putaway, thing.identity)

    @invariant()
    def so_are_payloads_and_seen_files_and_counts(self) -> None:
        if not hasattr(self, "db"):
            return
        payloads = dict(self.db.execute("SELECT item_id, body FROM payloads"))
        kept = {n: thing.payload for n, thing in self.things.items() if thing.payload is not None}
        assert payloads == kept
        assert self.db.execute("SELECT count(*) FROM seen").get == len(self.seen)
        counts = {key: n for key, n in self.books.counts.by.items() if n}
        expected: dict[tuple[Kind, State], int] = {}
        for thing in self.things.values():
            expected[thing.kind, thing.state] = expected.get((thing.kind, thing.state), 0) + 1
        assert counts == expected
        for kind in Kind:
            dues = [t.due for t in self.things.values() if t.kind is kind and t.due is not None]
            assert self.books.due(kind) <= min(dues, default=float("inf"))

    @invariant()
    def the_history_is_complete_up_to_its_limit(self) -> None:
        if not hasattr(self, "db"):
            return
        assert self.history.next_number == History.last_number(self.db) + 1
        for item_id, thing in self.things.items():
            states = [
                state
                for (state,) in self.db.execute(
                    "SELECT state FROM history WHERE item_id = ? ORDER BY seq", (item_id,)
                )
            ]
            assert len(states) == min(thing.written, LIMIT)
            assert states[0] == State.PENDING
            assert [state for state in states if state][-1] == thing.state


TestStoreAgainstDictionary = StoreAgainstDictionary.TestCase
TestStoreAgainstDictionary.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@given(seed=st.integers(0, 2**32), files=st.integers(1, 30), hands=st.integers(1, 8))
@settings(max_examples=15, deadline=None)
def test_many_hands_that_are_cancelled_at_random_do_each_item_once(
    seed: int, files: int, hands: int
) -> None:
    dice = random.Random(seed)
    done: list[str] = []

    async def hand(store: Store, owner: str) -> None:
        while store.counts().unfinished:
            with trio.move_on_after(dice.choice([0, 0.0005, 0.002, 1])):
                for claim in await store.claim(Kind.FILE, dice.randint(1, 4), owner):
                    outcome = Released() if dice.random() < 0.5 else Converted((), "ab")
                    state = await store.finish(claim, outcome)
                    if state is State.COMPLETED:
                        done.append(claim.item.source)
            if store.counts().of(Kind.FILE, State.PROCESSING) and not store.counts().of(
                Kind.FILE, State.PENDING
            ):
                await store.recover(owner)
            await trio.lowlevel.checkpoint()

    async def main(path: Path) -> None:
        bench = SqliteBench(path)
        async with bench.open() as store:
            await store.put(some_files(files))
            with trio.fail_after(30):
                async with trio.open_nursery() as nursery:
                    for n in range(hands):
                        nursery.start_soon(hand, store, f"hand {n}")
        assert bench.counted() == {(Kind.FILE, State.COMPLETED): files}

    with tempfile.TemporaryDirectory(prefix="store-") as folder:
        trio.run(main, Path(folder) / "queue.db")
    assert sorted(done) == sorted(f"/in/{n}.txt" for n in range(files))
