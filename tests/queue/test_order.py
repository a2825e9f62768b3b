"""Ranks and turns by themselves: what is claimed first, and that nobody is passed over."""

from __future__ import annotations

from collections import Counter, deque
from itertools import count
from typing import TYPE_CHECKING

import pytest
from attrs import Factory, define
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.model import Kind
from pywats_trio.queue.order import MINUTE, Head, Order, Turns

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = ("a", "b", "c", "d")
AGING = 60.0
"""Seconds that are worth one level."""


@define
class Lines:
    """Waiting items of some converters, in memory."""

    order: Order
    turns: Turns
    lines: dict[str, deque[Head]] = Factory(dict)
    numbers: count[int] = Factory(lambda: count(1))

    def put(self, name: str, priority: int = 5, at: float = 0.0) -> int:
        """An item at the place that its rank gives it; its id."""
        head = Head(self.order.rank(priority, at), priority, next(self.numbers))
        line = self.lines.setdefault(name, deque())
        self.lines[name] = deque(sorted([*line, head], key=lambda one: (one.rank, one.item_id)))
        return head.item_id

    def claim(self, limit: int) -> list[tuple[str, Head]]:
        """As the store claims: from the heads, in turn."""
        heads = {name: line[0] for name, line in self.lines.items() if line}
        where = {head.item_id: (name, head) for name, line in self.lines.items() for head in line}
        chosen = self.turns.choose(Kind.FILE, heads, self._behind, limit)
        for item_id in chosen:
            name, head = where[item_id]
            assert self.lines[name].popleft() == head, "not the first of its line"
        return [where[item_id] for item_id in chosen]

    def _behind(self, name: str, head: Head) -> Head | None:
        line = self.lines[name]
        place = line.index(head) + 1
        return line[place] if place < len(line) else None


def lines(aging: float = 0.0) -> Lines:
    order = Order(aging)
    return Lines(order, Turns(order))


def assert_fair(served: Sequence[str], names: Sequence[str]) -> None:
    """Over any window each was served as often as the others, or once more or less."""
    for begin in range(len(served)):
        counts: Counter[str] = Counter(dict.fromkeys(names, 0))
        for name in served[begin:]:
            counts[name] += 1
            assert max(counts.values()) - min(counts.values()) <= 1, served[begin:]


limits = st.lists(st.integers(1, 7), min_size=1, max_size=12)
aging = st.sampled_from([0.0, AGING])


@given(
    names=st.lists(st.sampled_from(NAMES), min_size=2, unique=True),
    limits=limits,
    extra=st.lists(st.integers(0, 400), min_size=4, max_size=4),
    aging=aging,
)
def test_each_of_those_who_flood_gets_its_turn(
    names: list[str], limits: list[int], extra: list[int], aging: float
) -> None:
    """However much more the one has than the other, and however much older it is."""
    house = lines(aging)
    for name, more in zip(names, extra, strict=False):
        for n in range(sum(limits) + more // 10):
            house.put(name, at=more + n)
    served = [name for limit in limits for name, _head in house.claim(limit)]
    assert len(served) == sum(limits)
    assert_fair(served, names)


@given(limits=limits, urgent=st.sampled_from(["a", "b", "z"]), aging=aging)
def test_urgent_items_in_between_cost_nobody_a_turn(
    limits: list[int], urgent: str, aging: float
) -> None:
    house = lines(aging)
    for name in ("a", "b"):
        for _ in range(sum(limits)):
            house.put(name)
    served = []
    for limit in limits:
        house.put(urgent, priority=1)
        served += house.claim(limit)
    assert_fair([name for name, head in served if head.priority == 5], ("a", "b"))
    assert sum(head.priority == 1 for _name, head in served) == len(limits)


things = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(1, 10)), min_size=1, max_size=40)


@given(things=things, limits=limits)
def test_without_aging_no_item_comes_before_a_more_urgent_one(
    things: list[tuple[str, int]], limits: list[int]
) -> None:
    house = lines()
    for name, priority in things:
        house.put(name, priority)
    served = [pair for limit in limits for pair in house.claim(limit)]
    assert len(served) == min(len(things), sum(limits))
    priorities = [head.priority for _name, head in served]
    assert priorities == sorted(priority for _name, priority in things)[: len(served)]


@given(things=things, aging=aging)
def test_items_of_one_converter_and_one_priority_keep_their_order(
    things: list[tuple[str, int]], aging: float
) -> None:
    house = lines(aging)
    for at, (name, priority) in enumerate(things):
        house.put(name, priority, float(at))
    served = house.claim(len(things))
    for line in {(name, head.priority) for name, head in served}:
        ids = [head.item_id for name, head in served if (name, head.priority) == line]
        assert ids == sorted(ids)


@given(
    converter=st.sampled_from(["a", "z"]),
    priority=st.integers(1, 10),
    flood=st.integers(1, 9),
    rate=st.integers(1, 3),
    backlog=st.integers(0, 20),
)
def test_with_aging_nothing_waits_for_ever(
    converter: str, priority: int, flood: int, rate: int, backlog: int
) -> None:
    """One comes for each that is done, all of them more urgent; the last of all is done all the
    same, when those that came before its level was theirs are through.
    """
    house = lines(AGING)
    for _ in range(backlog):
        house.put("a", flood)
    last = house.put(converter, priority)
    patience = max(0, priority - flood) * AGING
    for second in range(int(patience) * rate + backlog + rate + 3):
        if last in {head.item_id for _name, head in house.claim(1)}:
            return
        house.put("a", flood, at=second / rate)
    raise AssertionError("it starves")


def test_without_aging_a_flood_of_urgent_items_is_done_first() -> None:
    house = lines()
    last = house.put("z", 10)
    for at in range(1000):
        house.put("a", 9, at=float(at))
        assert last not in {head.item_id for _name, head in house.claim(1)}


@pytest.mark.parametrize(("waited", "first"), [(59.0, "urgent"), (60.0, "urgent"), (61.0, "old")])
def test_more_than_an_interval_of_waiting_is_worth_one_level(waited: float, first: str) -> None:
    house = lines(AGING)
    names = {house.put("a", 6, at=1000.0): "old", house.put("b", 5, at=1000.0 + waited): "urgent"}
    [(_name, head)] = house.claim(1)
    assert names[head.item_id] == first


@pytest.mark.parametrize("minutes", [0, 1, 10])
def test_ranks_are_made_as_the_configuration_says(minutes: int) -> None:
    order = Order.of_minutes(minutes)
    assert order.aging == minutes * MINUTE
    assert order.rank(3, 100.0) == (3 * minutes * MINUTE + 100.0 if minutes else 3.0)
    assert order.rank(4, 100.0) == order.rank(3, 100.0) + order.step


def test_kinds_take_turns_of_their_own() -> None:
    turns = Turns(Order())
    heads = {"a": Head(5.0, 5, 1), "b": Head(5.0, 5, 2)}

    def none(_name: str, _head: Head) -> None:
        return None

    for kind in Kind:
        assert turns.choose(kind, heads, none, 1) == [1]
    assert turns.choose(Kind.FILE, heads, none, 1) == [2]


@pytest.mark.parametrize("limit", [0, 1, 2, 3])
def test_no_more_are_chosen_than_are_wanted_or_there(limit: int) -> None:
    house = lines()
    house.put("a")
    house.put("b")
    assert len(house.claim(limit)) == min(limit, 2)
    assert lines().claim(limit) == []
