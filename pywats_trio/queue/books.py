"""What one transaction changes besides rows: totals, due times, bells to ring.

Totals live in memory because there is one writer; triggers would update a hot row for every
transition. What a transaction has changed is written as one statement just before its commit, and
taken over in memory after it.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.model import FINISHED, Counts, Kind, State
from pywats_trio.queue.store import Topic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import apsw

TOPICS: Final = {Kind.FILE: Topic.FILE, Kind.REPORT: Topic.REPORT}


@frozen
class Total:
    """How many items of one converter are in one state, and the bytes of their payloads."""

    kind: Kind
    state: State
    converter: str
    items: int
    bytes: int


@cache
def _add(rows: int) -> str:
    return (
        "INSERT INTO totals (kind, state, converter, items, bytes) VALUES "  # noqa: S608
        + ", ".join(["(?, ?, ?, ?, ?)"] * rows)
        + " ON CONFLICT (kind, state, converter) DO UPDATE SET"
        " items = items + excluded.items, bytes = bytes + excluded.bytes"
    )


_Place = tuple[Kind, State, str]


class Books:
    """Kept by the writer's thread; read by the Trio thread through `counts` and `due`."""

    def __init__(self, totals: Iterable[Total]) -> None:
        self._items: Counter[_Place] = Counter()
        self._bytes = 0
        for total in totals:
            self._items[total.kind, total.state, total.converter] += total.items
            self._bytes += total.bytes
        self._pending: Counter[_Place] = Counter()
        self._pending_bytes: Counter[_Place] = Counter()
        self._due = dict.fromkeys(Kind, -math.inf)
        """Unknown at first: the first claim looks and finds out."""
        self._pending_due: dict[Kind, float] = {}
        self._pending_look: dict[Kind, float] = {}
        self._pending_rings: set[Topic] = set()
        self._rings: set[Topic] = set()
        self._pending_ended: list[int] = []
        self._ended: list[int] = []
        self._by = Counter[tuple[Kind, State]]()
        for (kind, state, _converter), n in self._items.items():
            self._by[kind, state] += n
        self._snapshot = Counts(dict(self._by), self._bytes)
        self._lock = threading.Lock()
        self._lines = self._known_lines()

    # In a transaction

    def moved(
        self, place: tuple[Kind, str], old: State | None, new: State | None, size: int = 0
    ) -> None:
        """An item of this kind and converter changed its state (None: it was not there, or is not).

        `size`: the bytes of its payload.
        """
        kind, converter = place
        if old is not None:
            self._pending[kind, old, converter] -= 1
            self._pending_bytes[kind, old, converter] -= size
        if new is not None:
            self._pending[kind, new, converter] += 1
            self._pending_bytes[kind, new, converter] += size
        if new is State.PENDING:
            self._lines[kind].add(converter)
            self._pending_rings.add(TOPICS[kind])
        elif new is None or new in FINISHED:
            self._pending_rings.add(Topic.ROOM)

    def dropped(self, kind: Kind, state: State, converter: str, size: int) -> None:
        """The payload of an item in this state, `size` bytes, is not stored any more."""
        self._pending_bytes[kind, state, converter] -= size

    def ended(self, item_id: int) -> None:
        """An item is finished."""
        self._pending_ended.append(item_id)

    def ring(self, topic: Topic) -> None:
        """Ring for `topic` after the commit."""
        self._pending_rings.add(topic)

    def due_at(self, kind: Kind, at: float) -> None:
        """An item of `kind` is SUSPENDED until `at`."""
        self._pending_due[kind] = min(at, self._pending_due.get(kind, math.inf))
        self._pending_rings.add(TOPICS[kind])

    def next_due_is(self, kind: Kind, at: float | None) -> None:
        """What a look into the table found: no SUSPENDED item of `kind` is due before `at`."""
        self._pending_look[kind] = math.inf if at is None else at

    def lines(self, kind: Kind) -> list[str]:
        """Converters that may have PENDING items of `kind`, at this moment in the transaction."""
        return sorted(self._lines[kind])

    def is_empty(self, kind: Kind, converter: str) -> None:
        """A look found no PENDING item of this line."""
        self._lines[kind].discard(converter)

    def flush(self, connection: apsw.Connection) -> None:
        """Write what the transaction has changed, just before its commit."""
        changed = [
            (kind.value, state.value, converter, items, size)
            for (kind, state, converter), items, size in self._changed()
        ]
        if changed:
            connection.execute(_add(len(changed)), [value for row in changed for value in row])

    def _changed(self) -> Iterator[tuple[_Place, int, int]]:
        for place in self._pending.keys() | self._pending_bytes.keys():
            items, size = self._pending[place], self._pending_bytes[place]
            if items or size:
                yield place, items, size

    def committed(self) -> None:
        """The transaction is safe: take its changes over."""
        for place, items, size in list(self._changed()):
            self._items[place] += items
            self._by[place[:2]] += items
            self._bytes += size
        self._due |= self._pending_look
        for kind, at in self._pending_due.items():
            self._due[kind] = min(at, self._due[kind])
        with self._lock:
            self._rings |= self._pending_rings
            self._ended += self._pending_ended
            self._snapshot = Counts(dict(self._by), self._bytes)
        self._clear()

    def rolled_back(self) -> None:
        """The transaction never happened."""
        self._clear()
        self._lines = self._known_lines()

    def _known_lines(self) -> dict[Kind, set[str]]:
        lines: dict[Kind, set[str]] = {kind: set() for kind in Kind}
        for (kind, state, converter), n in self._items.items():
            if state is State.PENDING and n > 0:
                lines[kind].add(converter)
        return lines

    def _clear(self) -> None:
        self._pending.clear()
        self._pending_bytes.clear()
        self._pending_due.clear()
        self._pending_look.clear()
        self._pending_rings.clear()
        self._pending_ended.clear()

    # Looking

    @property
    def counts(self) -> Counts:
        """As of the last commit."""
        return self._snapshot

    def due(self, kind: Kind) -> float:
        """When the next SUSPENDED item of `kind` may be due; never too late, perhaps too early."""
        return self._due[kind]

    def take_news(self) -> tuple[set[Topic], list[int]]:
        """The topics to ring for and the items that were finished, since the last call."""
        with self._lock:
            rings, self._rings = self._rings, set()
            ended, self._ended = self._ended, []
        return rings, ended
