"""Claims of the SQLite store: in order and in turn, waking what is due, at any number of items."""

from __future__ import annotations

import random
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from attrs import Factory, define
from hypothesis import given, settings
from hypothesis import strategies as st

from pywats_trio.model import Delivered, Envelope, Kind, Reason, State, Wait
from pywats_trio.queue.actions import Hold, Release, Reprioritize, Resume, Retry
from pywats_trio.queue.budget import SAVED
from pywats_trio.queue.database import connect
from pywats_trio.queue.loading import load
from pywats_trio.queue.order import Order
from pywats_trio.queue.selection import Selection
from pywats_trio.queue.verbs import accept, change, finish
from pywats_trio.queue.verbs import claim as claiming
from pywats_trio.queue.verbs.claim import MOST_WOKEN
from pywats_trio.queue.verbs.transaction import Scheduling, Transaction
from tests.contract.kit import PROBLEM, Clock, SqliteBench, a_report, assert_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pywats_trio.model import Claim
    from pywats_trio.queue.actions import Action
    from pywats_trio.queue.store import Store

MANY = 2_000
NAMES = ("a", "b", "c")


@define
class Verbs:
    """The verbs as the writer's thread drives them, one transaction each, without the thread."""

    path: Path
    aging: float = 0.0
    now: float = 1_000.0
    scheduling: Scheduling = Factory(lambda self: Scheduling.of(Order(self.aging), 1.0), True)
    loaded: Any = None

    def __attrs_post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        self.loaded = load(self.path, "normal", 100, Order(self.aging), self.now)

    def reopen(self, aging: float) -> None:
        """After a restart with another `queue.aging_minutes`."""
        self.loaded.connection.close()
        self.aging = aging
        self.scheduling = Scheduling.of(Order(aging), 1.0)
        self.open()

    def do(self, verb: Callable[..., Any], *values: Any) -> Any:
        db, books, history = self.loaded.connection, self.loaded.books, self.loaded.history
        tx = Transaction(db, books, history, self.now, self.now, self.scheduling)
        with db:
            result = verb(tx, *values)
            history.flush(db)
            books.flush(db)
        books.committed()
        history.committed()
        return result

    def put(self, converter: str = "a", priority: int = 5) -> int:
        [item_id] = self.do(accept.put, [envelope(converter, priority)])
        return int(item_id)

    def claim(self, limit: int = 1) -> list[Claim]:
        return list(self.do(claiming.claim, Kind.REPORT, limit, "pump"))

    def change(self, action: Action, *ids: int) -> None:
        assert self.do(change.change, Selection(ids=ids), action, "who", -1) == len(ids)


@pytest.fixture
def verbs(tmp_path: Path) -> Iterator[Verbs]:
    made = Verbs(tmp_path / "queue.db")
    yield made
    made.loaded.connection.close()


def envelope(converter: str, priority: int) -> Envelope:
    return Envelope(Kind.REPORT, converter, "", priority=priority, payload=b"{}")


def ids(claims: list[Claim]) -> list[int]:
    return [claim.item.id for claim in claims]


# Order and turns, in SQL

steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(NAMES), st.integers(3, 6)),
        st.tuples(st.just("claim"), st.integers(1, 4), st.just(0)),
        st.tuples(st.just("priority"), st.integers(1, 6), st.integers(3, 6)),
        st.tuples(st.just("hold"), st.integers(1, 6), st.just(0)),
        st.tuples(st.just("time"), st.integers(1, 200), st.just(0)),
    ),
    max_size=40,
)


@define
class Waiting:
    """An item as the reference has it."""

    id: int
    converter: str
    priority: int
    at: float

    def rank(self, aging: float) -> tuple[float, int, int]:
        rank = self.priority * aging + self.at if aging else float(self.priority)
        return rank, self.priority, self.id


@define
class Reference:
    """What is claimed next, by the rules as they are told, item by item."""

    aging: float
    items: dict[int, Waiting] = Factory(dict)
    last: dict[int, str] = Factory(dict)

    def next(self) -> int | None:
        heads: dict[str, Waiting] = {}
        for item in sorted(self.items.values(), key=lambda one: one.id):
            best = heads.get(item.converter)
            if best is None or item.rank(self.aging)[::2] < best.rank(self.aging)[::2]:
                heads[item.converter] = item
        if not heads:
            return None
        urgent = min(heads.values(), key=lambda one: one.rank(self.aging)).priority
        names = sorted(name for name, head in heads.items() if head.priority == urgent)
        later = [name for name in names if name > self.last.get(urgent, "")]
        chosen = (later or names)[0]
        self.last[urgent] = chosen
        return self.items.pop(heads[chosen].id).id


@given(steps=steps, aging=st.sampled_from([0.0, 60.0]))
@settings(max_examples=60, deadline=None)
def test_items_are_claimed_as_the_rules_say(
    steps: list[tuple[str, Any, Any]], aging: float
) -> None:
    with tempfile.TemporaryDirectory(prefix="store-") as folder:
        verbs = Verbs(Path(folder) / "queue.db", aging)
        with closing(verbs.loaded.connection):
            follow(verbs, Reference(aging), steps)


def follow(verbs: Verbs, known: Reference, steps: list[tuple[str, Any, Any]]) -> None:
    # Lines that never empty keep turns in play; with one line alone there are none.
    put(verbs, known, *[(name, 6) for _ in range(5 * len(steps) + 1) for name in NAMES])
    for what, first, second in steps:
        some = sorted(known.items)[-first] if what in {"priority", "hold"} else 0
        if what == "put":
            put(verbs, known, (first, second))
        elif what == "claim":
            assert ids(verbs.claim(first)) == [known.next() for _ in range(first)]
        elif what == "priority":
            verbs.change(Reprioritize(second), some)
            known.items[some].priority = second
        elif what == "hold":
            verbs.change(Hold(), some)
            del known.items[some]
        else:
            verbs.now += first


def put(verbs: Verbs, known: Reference, *things: tuple[str, int]) -> None:
    envelopes = [envelope(name, priority) for name, priority in things]
    for item_id, (name, priority) in zip(verbs.do(accept.put, envelopes), things, strict=True):
        known.items[item_id] = Waiting(item_id, name, priority, verbs.now)


def test_a_changed_priority_counts_from_the_next_claim_on(verbs: Verbs) -> None:
    first, second, third = (verbs.put() for _ in range(3))
    verbs.change(Reprioritize(1), third)
    assert ids(verbs.claim()) == [third]
    verbs.change(Reprioritize(10), first)
    assert ids(verbs.claim(2)) == [second, first]


def test_of_held_items_the_priority_counts_once_they_are_released(verbs: Verbs) -> None:
    first, second = verbs.put(), verbs.put()
    verbs.change(Hold(), second)
    verbs.change(Reprioritize(1), second)
    verbs.change(Release(), second)
    assert ids(verbs.claim(2)) == [second, first]


def test_an_item_keeps_its_place_in_the_line_while_it_is_held(verbs: Verbs) -> None:
    first, second = verbs.put(), verbs.put()
    verbs.change(Hold(), first)
    verbs.change(Release(), first)
    assert ids(verbs.claim(2)) == [first, second]


def test_the_turn_goes_on_over_claims_of_any_size(verbs: Verbs) -> None:
    for _ in range(6):
        for name in ("a", "b", "c"):
            verbs.put(name)
    served = [claim.item.converter for limit in (1, 4, 2, 5) for claim in verbs.claim(limit)]
    assert served == list("abcabcabcabc")


def test_a_line_that_was_empty_is_looked_at_again_when_something_comes(verbs: Verbs) -> None:
    a, b = verbs.put("a"), verbs.put("b")
    assert ids(verbs.claim(9)) == [a, b]
    assert verbs.claim(9) == []
    again = verbs.put("b")
    assert ids(verbs.claim(9)) == [again]


@pytest.mark.parametrize("limit", [-1, 0])
def test_a_claim_of_nothing_claims_nothing(verbs: Verbs, limit: int) -> None:
    verbs.put()
    assert verbs.claim(limit) == []


# Another aging after a restart

OLD_AND_NEW = [(0.0, 60.0), (60.0, 0.0), (60.0, 600.0)]


@pytest.mark.parametrize(("before", "after"), OLD_AND_NEW)
def test_after_a_restart_with_another_aging_all_stand_as_if_it_had_always_been_so(
    tmp_path: Path, before: float, after: float
) -> None:
    dice = random.Random(7)
    plan = [(dice.choice(NAMES), dice.randint(1, 10)) for _ in range(40)]
    orders = []
    for name, aging in (("changed", before), ("always", after)):
        verbs = Verbs(tmp_path / f"{name}.db", aging)
        for converter, priority in plan:
            verbs.now += 37.0
            verbs.put(converter, priority)
        verbs.change(Hold(), 3, 4)
        verbs.reopen(after)
        verbs.change(Release(), 3, 4)
        orders.append([item for _ in range(8) for item in ids(verbs.claim(5))])
        verbs.loaded.connection.close()
    assert orders[0] == orders[1]
    assert sorted(orders[0]) == list(range(1, 41))


def test_a_failed_item_that_is_retried_after_such_a_restart_has_its_place_too(
    tmp_path: Path,
) -> None:
    verbs = Verbs(tmp_path / "queue.db")
    first = verbs.put(priority=6)
    [claim] = verbs.claim()
    verbs.do(finish.finish, claim, Wait(0.0, Reason.CONVERTER, PROBLEM))
    verbs.now += 61.0
    second = verbs.put(priority=5)
    verbs.reopen(60.0)
    verbs.change(Retry(), first)
    assert ids(verbs.claim(2)) == [first, second]
    verbs.loaded.connection.close()


# Waking


async def suspended(store: Store, count: int, reason: Reason = Reason.SERVER) -> None:
    """`count` items that are due in ten seconds."""
    for begin in range(0, count, 500):
        await store.put([a_report(max_attempts=9) for _ in range(min(500, count - begin))])
    for claim in await store.claim(Kind.REPORT, count, "pump"):
        await store.finish(claim, Wait(10.0, reason, PROBLEM, counts=reason is Reason.RETRY))


@pytest.mark.parametrize("count", [1, MOST_WOKEN - 1, MOST_WOKEN, MOST_WOKEN + 1])
async def test_one_claim_wakes_so_many_and_the_next_one_the_rest(
    bench: SqliteBench, count: int
) -> None:
    steady = Clock()
    async with bench.open(monotonic=steady) as store:
        await suspended(store, count)
        steady.now += 10.0
        assert len(await store.claim(Kind.REPORT, 1, "pump")) == 1
        left = count - min(count, MOST_WOKEN)
        assert store.counts().of(Kind.REPORT, State.SUSPENDED) == left
        assert store.next_due(Kind.REPORT) == (0.0 if left else None)
        await store.claim(Kind.REPORT, 1, "pump")
        assert store.counts().of(Kind.REPORT, State.SUSPENDED) == 0
        assert store.next_due(Kind.REPORT) is None
        assert_counts(bench, store)


@pytest.mark.parametrize("reason", [Reason.SERVER, Reason.RETRY])
async def test_many_that_are_due_at_once_are_all_done_and_no_wake_up_is_lost(
    bench: SqliteBench, reason: Reason
) -> None:
    """Whoever sleeps as long as `next_due` says finds work then, until there is none left."""
    steady = Clock()
    count = MANY if reason is Reason.SERVER else 60
    async with bench.open(monotonic=steady, retry_share=0.0) as store:
        await suspended(store, count, reason)
        steady.now += 10.0
        begun, slept = steady.now, 0
        while store.counts().unfinished:
            claims = await store.claim(Kind.REPORT, 16, "pump")
            for claim in claims:
                await store.finish(claim, Delivered("thanks"))
            if not claims and store.counts().unfinished:
                due = store.next_due(Kind.REPORT)
                assert due is not None
                assert 0.0 < due <= 1.0
                steady.now += due
                slept += 1
        assert_counts(bench, store)
    assert slept == (0 if reason is Reason.SERVER else count - SAVED)
    assert steady.now - begun == pytest.approx(slept)


async def test_retries_that_an_operator_has_taken_away_are_not_looked_for_again(
    bench: SqliteBench,
) -> None:
    """The budget has refused them; now nobody waits for it any more."""
    steady = Clock()
    async with bench.open(monotonic=steady) as store:
        await suspended(store, 30, Reason.RETRY)
        steady.now += 10.0
        assert len(await store.claim(Kind.REPORT, 99, "pump")) == SAVED
        await store.change(Selection(states=(State.SUSPENDED,)), Resume(), "who")
        assert len(await store.claim(Kind.REPORT, 99, "pump")) == 30 - SAVED
        steady.now += 5.0
        await store.put([a_report()])
        assert len(await store.claim(Kind.REPORT, 99, "pump")) == 1
        assert store.next_due(Kind.REPORT) is None


async def test_another_wait_that_ends_sooner_than_the_budget_allows_is_told(
    bench: SqliteBench,
) -> None:
    steady = Clock()
    async with bench.open(monotonic=steady, retry_share=0.0) as store:
        await suspended(store, 30, Reason.RETRY)
        steady.now += 10.0
        assert len(await store.claim(Kind.REPORT, 99, "pump")) == SAVED
        await store.put([a_report()])
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        await store.finish(claim, Wait(0.25, Reason.SERVER, PROBLEM))
        assert store.next_due(Kind.REPORT) == 0.25
        steady.now += 0.25
        [again] = await store.claim(Kind.REPORT, 9, "pump")
        assert again.item.id == claim.item.id
        assert store.next_due(Kind.REPORT) == pytest.approx(0.75)


@pytest.mark.parametrize(
    "name", ["_HEADS", "_BEHIND", "_WAITING", "_CHOSEN", "_TAKE", "_DUE", "_SOONEST"]
)
def test_a_claim_looks_into_indexes(tmp_path: Path, name: str) -> None:
    sql = getattr(claiming, name).replace("({})", "(?, ?)")
    with closing(connect(tmp_path / "queue.db")) as connection:
        values = ["[]"] * (2 if "?2" in sql else sql.count("?"))
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert not [step for step in plan if "items" in step and not step.startswith("SEARCH")], plan
    assert not [step for step in plan if "TEMP B-TREE" in step], plan
