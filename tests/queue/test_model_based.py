"""The store's verbs against a plain dictionary, through random work, restarts and crashes.

The verbs are driven as the writer's thread drives them, one transaction each, without the thread.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
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
    Kind,
    State,
)
from pywats_trio.queue import rows
from pywats_trio.queue.aged import START, Deadlines, Old
from pywats_trio.queue.budget import RetryBudget
from pywats_trio.queue.history import History
from pywats_trio.queue.loading import load
from pywats_trio.queue.order import Order, Turns
from pywats_trio.queue.store import PutAway
from pywats_trio.queue.verbs import accept, expire, finish, recover, sources
from pywats_trio.queue.verbs import change as changes
from pywats_trio.queue.verbs import claim as claiming
from pywats_trio.queue.verbs.transaction import Scheduling, Transaction
from tests.contract.kit import a_file, a_report
from tests.queue.drawn import (
    actions,
    ages,
    files,
    kinds,
    outcomes,
    owners,
    paths,
    reports,
    selections,
)
from tests.queue.model import Model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pywats_trio.model import Envelope, Outcome
    from pywats_trio.queue.actions import Action
    from pywats_trio.queue.selection import Selection

LIMIT = 12
"""Of history rows: low, so that it is reached."""


class StoreAgainstDictionary(RuleBasedStateMachine):
    claims: Bundle[Claim] = Bundle("claims")

    @initialize(aging=st.sampled_from([0.0, 0.5]))
    def open(self, aging: float) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="store-"))
        self.numbers = itertools.count()
        self.order = Order.of_minutes(aging)
        self.model = Model(self.order.aging)
        self.path = self.folder / "0" / "queue.db"
        self.path.parent.mkdir()
        self.load()

    def load(self) -> None:
        loaded = load(self.path, "normal", LIMIT, self.order, self.model.now)
        self.db, self.books, self.history = loaded.connection, loaded.books, loaded.history
        self.turns = Turns(self.order)
        self.model.last_served.clear()

    def teardown(self) -> None:
        if hasattr(self, "db"):
            self.db.close()
            shutil.rmtree(self.folder)

    def do(self, verb: Callable[..., Any], *values: Any, commit: bool = True) -> Any:
        """One transaction, as the writer runs it."""
        # Retries are not bounded here: when they are allowed is a matter of its own.
        budgets = {kind: RetryBudget(1.0, saved=1e6) for kind in Kind}
        scheduling = Scheduling(self.turns, budgets)
        now = self.model.now
        tx = Transaction(self.db, self.books, self.history, now, now, scheduling)
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

    # --- work ----------------------------------------------------------------------------------

    @rule(envelopes=st.lists(files | reports, max_size=4))
    def put(self, envelopes: Sequence[Envelope]) -> None:
        assert self.do(accept.put, envelopes) == [self.model.put(each) for each in envelopes]

    @rule(target=claims, kind=kinds, limit=st.integers(0, 5), owner=owners)
    def claim(self, kind: Kind, limit: int, owner: str) -> Any:
        return multiple(*self._claim(kind, limit, owner))

    def _claim(self, kind: Kind, limit: int, owner: str) -> list[Claim]:
        claims: list[Claim] = self.do(claiming.claim, kind, limit, owner)
        self.model.wake_due(kind)
        self.model.check_claims(kind, [claim.item.id for claim in claims], limit)
        for claim in claims:
            assert claim.payload == self.model.things[claim.item.id].payload
            self.model.claimed(claim.item.id, owner, claim.fence)
        return claims

    @rule(claim=claims, data=st.data())
    def finish_and_remember(self, claim: Claim, data: st.DataObject) -> None:
        self.finish(claim, data)

    @rule(claim=consumes(claims), data=st.data())
    def finish(self, claim: Claim, data: st.DataObject) -> None:
        outcome: Outcome = data.draw(outcomes[claim.item.kind])
        thing = self.model.things.get(claim.item.id)
        if thing is None or thing.fence != claim.fence:
            with pytest.raises(StaleClaim):
                self.do(finish.finish, claim, outcome)
            return
        state = self.do(finish.finish, claim, outcome)
        self.model.finish(claim.item.id, outcome)
        assert state is thing.state

    @rule(kind=kinds, made=st.lists(reports, max_size=2).map(tuple))
    def work_off(self, kind: Kind, made: tuple[Envelope, ...]) -> None:
        """All that waits is done well, so that whole lives are seen to their end."""
        for claim in self._claim(kind, 99, "all"):
            outcome = Converted(made, "ab") if kind is Kind.FILE else Delivered("thanks")
            self.do(finish.finish, claim, outcome)
            self.model.finish(claim.item.id, outcome)

    @rule(owner=st.none() | owners)
    def recover(self, owner: str | None) -> None:
        assert self.do(recover.recover, owner) == self.model.recover(owner)

    # --- operators -----------------------------------------------------------------------------

    @rule(selection=selections, action=actions)
    def change_again(self, selection: Selection, action: Action) -> None:
        """Twice as often as other things."""
        self.change(selection, action)

    @rule(selection=selections, action=actions)
    def change(self, selection: Selection, action: Action) -> None:
        expected = self.model.selected(selection, action)
        assert self.do(changes.change, selection, action, "who", -1) == len(expected)
        for item_id in expected:
            self.model.change(item_id, action)

    @rule(selection=selections, action=actions, limit=st.integers(0, 2))
    def change_some(self, selection: Selection, action: Action, limit: int) -> None:
        """No more than the limit; which of them, the rows tell."""
        before = {n: len(thing.events) for n, thing in self.model.things.items()}
        expected = self.model.selected(selection, action)
        changed = self.do(changes.change, selection, action, "who", limit)
        assert changed == min(limit, len(expected))
        numbers = dict(self.db.execute("SELECT id, transitions FROM items"))
        found = [n for n in expected if numbers.get(n) != before[n]]
        assert len(found) == changed
        for item_id in found:
            self.model.change(item_id, action)

    # --- files and retention -------------------------------------------------------------------

    @rule(place=st.sampled_from(["", "same", "/done/x"]), count=st.integers(1, 9))
    def put_away(self, place: str, count: int) -> None:
        things = self.model.things
        pending = [n for n, thing in things.items() if thing.putaway == "pending"][:count]
        results = [PutAway(n, things[n].source if place == "same" else place) for n in pending]
        self.do(sources.put_away, results)
        for result in results:
            self.model.put_away(result)

    @rule(gone=st.lists(paths, max_size=2))
    def forget(self, gone: Sequence[str]) -> None:
        self.do(sources.forget, gone)
        for path in gone:
            self.model.seen.pop(path, None)

    @rule(age=ages)
    def expire(self, age: float) -> None:
        before = self.model.now - age
        due = Deadlines(before, before)
        swept = self.do(expire.expire, Old.COMPLETED, due, START, 1000)
        assert swept.removed == self.model.expire(before, {State.COMPLETED})

    @rule(age=ages)
    def dismiss(self, age: float) -> None:
        before = self.model.now - age
        due = Deadlines(before, before)
        everything = list(self.model.things)
        dismissed = self.do(expire.dismiss, everything, due, "/failed/1.json")
        assert dismissed == self.model.expire(before, {State.FAILED, State.QUARANTINED})

    @rule(seconds=st.floats(0, 60))
    def time_passes(self, seconds: float) -> None:
        self.model.now += seconds

    # --- restarts and crashes ------------------------------------------------------------------

    @rule()
    def reopen(self) -> None:
        self.db.close()
        self.load()

    @rule(owner=owners, kind=kinds, selection=selections, action=actions)
    def crash_in_the_middle(
        self, owner: str, kind: Kind, selection: Selection, action: Action
    ) -> None:
        """All that lies on the disk while a transaction is under way is what survives."""

        def cut_off(tx: Transaction) -> None:
            accept.put(tx, [a_report(), a_file("/in/lost", inode=77)])
            claiming.claim(tx, kind, 2, owner)
            changes.change(tx, selection, action, owner, -1)
            recover.recover(tx, None)
            tx.history.flush(tx.db)
            self.copy()

        self.do(cut_off, commit=False)
        self.db.close()
        self.load()

    @rule()
    def crash_between_two_transactions(self) -> None:
        self.copy()
        self.db.close()
        self.load()

    def copy(self) -> None:
        """The files as they are now are those of the next opening."""
        self.path = self.folder / str(next(self.numbers) + 1) / "queue.db"
        self.path.parent.mkdir()
        for file in Path(self.db.filename).parent.glob("queue.db*"):
            shutil.copy(file, self.path.parent)

    # --- what always holds ---------------------------------------------------------------------

    @invariant()
    def every_row_is_as_the_dictionary_says(self) -> None:
        if not hasattr(self, "db"):
            return
        found = {
            item.id: item
            for item in map(rows.item, self.db.execute(f"SELECT {rows.COLUMNS} FROM items"))
        }
        assert found.keys() == self.model.things.keys()
        for item_id, thing in self.model.things.items():
            item = found[item_id]
            assert (item.kind, item.converter, item.priority, item.source, item.parent_id) == (
                thing.kind,
                thing.converter,
                thing.priority,
                thing.source,
                thing.parent,
            )
            assert (item.state, item.reason, item.due_at, item.finished_at) == (
                thing.state,
                thing.reason,
                thing.due,
                thing.finished,
            )
            assert (item.attempts, item.interruptions, item.deaths, item.bytes) == (
                thing.attempts,
                thing.interruptions,
                thing.deaths,
                thing.size,
            )
            assert (item.putaway, item.identity) == (thing.putaway, thing.identity)

    @invariant()
    def so_are_payloads_and_seen_files(self) -> None:
        if not hasattr(self, "db"):
            return
        payloads = dict(self.db.execute("SELECT item_id, body FROM payloads"))
        kept = {n: t.payload for n, t in self.model.things.items() if t.payload is not None}
        assert payloads == kept
        assert self.db.execute("SELECT count(*) FROM seen").get == len(self.model.seen)

    @invariant()
    def the_totals_are_the_sums(self) -> None:
        if not hasattr(self, "db"):
            return
        expected = self.model.totals()
        table = "SELECT kind, state, converter, items, bytes FROM totals WHERE items OR bytes"
        assert {tuple(row[:3]): tuple(row[3:]) for row in self.db.execute(table)} == expected
        by: dict[tuple[Kind, State], int] = {}
        for (kind, state, _converter), (items, _bytes) in expected.items():
            place = (Kind(kind), State(state))
            by[place] = by.get(place, 0) + items
        counts = self.books.counts
        assert {place: n for place, n in counts.by.items() if n} == by
        assert counts.bytes == sum(size for _items, size in expected.values())

    @invariant()
    def whoever_waits_is_told(self) -> None:
        if not hasattr(self, "db"):
            return
        for kind in Kind:
            things = [thing for thing in self.model.things.values() if thing.kind is kind]
            dues = [thing.due for thing in things if thing.due is not None]
            assert self.books.due(kind) <= min(dues, default=float("inf"))
            waiting = {t.converter for t in things if t.state is State.PENDING}
            assert waiting <= set(self.books.lines(kind))
        _topics, ended = self.books.take_news()
        assert set(ended) == self.model.ended
        self.model.ended.clear()

    @invariant()
    def the_history_is_complete_up_to_its_limit(self) -> None:
        if not hasattr(self, "db"):
            return
        assert self.history.next_number == History.last_number(self.db) + 1
        events: dict[int, list[str]] = {}
        for item_id, event in self.db.execute(
            "SELECT item_id, event FROM history WHERE item_id IS NOT NULL ORDER BY seq"
        ):
            events.setdefault(item_id, []).append(event)
        assert events == {
            item_id: self.model.history(thing, LIMIT)
            for item_id, thing in self.model.things.items()
        }


TestStoreAgainstDictionary = StoreAgainstDictionary.TestCase
TestStoreAgainstDictionary.settings = settings(
    max_examples=100,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
