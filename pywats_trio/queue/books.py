"""What one transaction changes besides rows: counts, due times, bells to ring.

Counts live in memory because there is one writer; triggers would cost two more updates of one hot
row for every transition. They are taken over only after the commit.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from typing import TYPE_CHECKING

from pywats_trio.model import Counts, Kind, State
from pywats_trio.queue.store import Topic

if TYPE_CHECKING:
    from collections.abc import Iterable

TOPICS = {Kind.FILE: Topic.FILE, Kind.REPORT: Topic.REPORT}


class Books:
    """Kept by the writer's thread; read by the Trio thread through `counts` and `due`."""

    def __init__(self, counts: Iterable[tuple[Kind, State, int]]) -> None:
        self._counts = Counter({(kind, state): n for kind, state, n in counts})
        self._pending: Counter[tuple[Kind, State]] = Counter()
        self._due = dict.fromkeys(Kind, -math.inf)
        """Unknown at first: the first claim looks and finds out."""
        self._pending_due: dict[Kind, float] = {}
        self._pending_look: dict[Kind, float] = {}
        self._pending_rings: set[Topic] = set()
        self._rings: set[Topic] = set()
        self._pending_ended: list[int] = []
        self._ended: list[int] = []
        self._snapshot = Counts(dict(self._counts))
        self._lock = threading.Lock()

    def moved(self, kind: Kind, old: State | None, new: State, n: int = 1) -> None:
        """`n` items changed their state (from None: they are new)."""
        if old is not None:
            self._pending[kind, old] -= n
        self._pending[kind, new] += n
        if new is State.PENDING:
            self._pending_rings.add(TOPICS[kind])
        elif new in {State.COMPLETED, State.FAILED, State.QUARANTINED}:
            self._pending_rings.add(Topic.ROOM)

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

    def committed(self) -> None:
        """The transaction is safe: take its changes over."""
        for key, n in self._pending.items():
            self._counts[key] += n
        self._due |= self._pending_look
        for kind, at in self._pending_due.items():
            self._due[kind] = min(at, self._due[kind])
        with self._lock:
            self._rings |= self._pending_rings
            self._ended += self._pending_ended
            self._snapshot = Counts(dict(self._counts))
        self._clear()

    def rolled_back(self) -> None:
        """The transaction never happened."""
        self._clear()

    def _clear(self) -> None:
        self._pending.clear()
        self._pending_due.clear()
        self._pending_look.clear()
        self._pending_rings.clear()
        self._pending_ended.clear()

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
