"""The queue as a plain dictionary: what the store's verbs are to come to.

Nothing here knows of SQL, indexes or transactions. Times are one clock's.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

from pywats_trio.model import (
    FINISHED,
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
    content,
)
from pywats_trio.queue.actions import (
    Acknowledge,
    Charge,
    Export,
    Hold,
    Quarantine,
    Release,
    Remove,
    Reprioritize,
    Resume,
    Retry,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pywats_trio.model import Envelope, Identity, Outcome
    from pywats_trio.queue.actions import Action
    from pywats_trio.queue.selection import Selection
    from pywats_trio.queue.store import PutAway

OUTCOMES = {
    Converted: ("converted", State.COMPLETED),
    Delivered: ("delivered", State.COMPLETED),
    Failed: ("failed", State.FAILED),
    Quarantined: ("quarantined", State.QUARANTINED),
    Superseded: ("superseded", State.COMPLETED),
    Released: ("released", State.PENDING),
    Wait: ("suspended", State.SUSPENDED),
}
"""The event and the state that each leads to."""
LEAVES_ITS_FOLDER = Converted | Failed | Quarantined


@attrs.define
class Thing:
    """An item."""

    kind: Kind
    converter: str
    priority: int
    source: str
    identity: Identity | None
    payload: bytes | None
    created: float
    parent: int | None = None
    state: State = State.PENDING
    reason: Reason | None = None
    due: float | None = None
    finished: float | None = None
    attempts: int = 0
    interruptions: int = 0
    deaths: int = 0
    owner: str | None = None
    fence: int | None = None
    putaway: str = "none"
    events: list[str] = attrs.field(factory=list)

    def moved(self, state: State, event: str) -> None:
        """To another state, waiting for nothing."""
        self.state = state
        self.reason = self.due = None
        self.events.append(event)

    @property
    def size(self) -> int:
        return len(self.payload or b"")


@attrs.define
class Model:
    """All that a store keeps. `aging`: seconds that are worth one level of priority; 0 = none."""

    aging: float
    now: float = 1_000.0
    things: dict[int, Thing] = attrs.field(factory=dict)
    seen: dict[str, Identity] = attrs.field(factory=dict)
    origins: set[str] = attrs.field(factory=set)
    newest: int = 0
    """The last id that was given."""
    last_served: dict[tuple[Kind, int], str] = attrs.field(factory=dict)
    """For each priority, where it is known."""
    ended: set[int] = attrs.field(factory=set)
    """Items that came to an end since somebody looked."""

    # Accepting

    def put(self, envelope: Envelope) -> int | None:
        if envelope.origin and envelope.origin in self.origins:
            return None
        if envelope.kind is Kind.FILE and envelope.identity is not None:
            if self.seen.get(envelope.source) == envelope.identity:
                return None
            self.seen[envelope.source] = envelope.identity
        if envelope.origin:
            self.origins.add(envelope.origin)
        return self.insert(envelope)

    def insert(self, envelope: Envelope, parent: int | None = None) -> int:
        self.newest += 1
        self.things[self.newest] = Thing(
            envelope.kind,
            envelope.converter,
            envelope.priority,
            envelope.source,
            envelope.identity,
            None if envelope.payload is None else content(envelope.payload),
            self.now,
            parent,
            events=["accepted" if envelope.kind is Kind.FILE else "stored"],
        )
        return self.newest

    # Claiming

    def wake_due(self, kind: Kind) -> None:
        for thing in self.things.values():
            due = thing.due is not None and thing.due <= self.now
            if thing.kind is kind and thing.state is State.SUSPENDED and due:
                thing.moved(State.PENDING, "resumed")

    def check_claims(self, kind: Kind, ids: list[int], limit: int) -> None:
        """They are the most urgent ones, and converters of one priority had them in turn."""
        lines = self._lines(kind)
        assert len(ids) == min(limit, sum(map(len, lines.values())))
        several = len(lines) > 1
        for item_id in ids:
            urgent = min(line[0] for line in lines.values())[1]
            equals = sorted(name for name, line in lines.items() if line[0][1] == urgent)
            name = self.things[item_id].converter
            assert name in equals
            assert lines[name].pop(0)[2] == item_id
            if (last := self.last_served.get((kind, urgent))) is not None:
                assert name == next((each for each in equals if each > last), equals[0])
            if several:
                self.last_served[kind, urgent] = name
            else:  # where there is one alone, nobody has to keep count
                self.last_served.pop((kind, urgent), None)
            if not lines[name]:
                del lines[name]

    def _lines(self, kind: Kind) -> dict[str, list[tuple[float, int, int]]]:
        """What waits, by its converter: rank, priority and id, the most urgent first."""
        lines: dict[str, list[tuple[float, int, int]]] = {}
        for item_id, thing in self.things.items():
            if thing.kind is kind and thing.state is State.PENDING:
                place = (self._rank(thing), thing.priority, item_id)
                lines.setdefault(thing.converter, []).append(place)
        for line in lines.values():
            line.sort(key=lambda place: (place[0], place[2]))
        return lines

    def _rank(self, thing: Thing) -> float:
        """Whatever lost a worker goes half a level back."""
        step = self.aging or 1.0
        behind = thing.deaths * step / 2
        return thing.priority * step + (thing.created if self.aging else 0.0) + behind

    def claimed(self, item_id: int, owner: str, fence: int) -> None:
        thing = self.things[item_id]
        thing.moved(State.PROCESSING, "claimed")
        thing.owner, thing.fence = owner, fence

    # Finishing

    def finish(self, item_id: int, outcome: Outcome) -> None:
        thing = self.things[item_id]
        thing.owner = thing.fence = None
        thing.interruptions += isinstance(outcome, Released)
        self.came_to(item_id, outcome)
        if isinstance(outcome, Converted):
            for report in outcome.reports:
                self.insert(report, item_id)

    def came_to(self, item_id: int, outcome: Outcome) -> None:
        thing = self.things[item_id]
        event, state = OUTCOMES[type(outcome)]
        thing.attempts += getattr(outcome, "counts", not isinstance(outcome, Released | Superseded))
        thing.deaths += getattr(outcome, "died", False)
        thing.moved(state, event)
        if isinstance(outcome, Wait):
            thing.reason, thing.due = outcome.reason, self.now + outcome.delay
        if isinstance(outcome, Delivered):
            thing.payload = None
        if state in FINISHED:
            thing.finished = self.now
            self.ended.add(item_id)
            leaves = thing.kind is Kind.FILE and isinstance(outcome, LEAVES_ITS_FOLDER)
            thing.putaway = "pending" if leaves else "none"

    def recover(self, owner: str | None) -> int:
        found = [
            thing
            for thing in self.things.values()
            if thing.state is State.PROCESSING and owner in {None, thing.owner}
        ]
        for thing in found:
            thing.moved(State.PENDING, "recovered")
            thing.owner = thing.fence = None
            thing.interruptions += 1
        return len(found)

    # What operators and the program change

    def selected(self, selection: Selection, action: Action) -> list[int]:
        return [
            item_id
            for item_id, thing in self.things.items()
            if thing.state in action.states
            and thing.putaway != "pending"
            and (selection.ids is None or item_id in selection.ids)
            and selection.kind in {None, thing.kind}
            and selection.reason in {None, thing.reason}
            and selection.converter in {None, thing.converter}
        ]

    def change(self, item_id: int, action: Action) -> None:  # noqa: C901 - one for each
        thing = self.things[item_id]
        match action:
            case Resume():
                thing.moved(State.PENDING, "resumed")
            case Charge(outcome=outcome):
                self.came_to(item_id, outcome)
            case Retry():
                self._retried(thing)
                thing.identity = action.identities.get(item_id, thing.identity)
            case Hold():
                thing.moved(State.HELD, "held")
            case Release():
                thing.moved(State.PENDING, "released by an operator")
            case Reprioritize(priority=priority):
                thing.priority = priority
                thing.events.append("priority changed")
            case Export(kept=kept):
                self._exported(thing, kept=kept)
            case Quarantine():
                thing.moved(State.QUARANTINED, "quarantined")
                self._ended(item_id)
            case Acknowledge():
                thing.moved(State.COMPLETED, "acknowledged")
                thing.payload = None
                self._ended(item_id)
            case Remove():
                del self.things[item_id]
                self.ended.add(item_id)

    def _retried(self, thing: Thing) -> None:
        thing.moved(State.PENDING, "retried")
        thing.attempts = thing.deaths = 0
        thing.finished, thing.putaway = None, "none"

    def _exported(self, thing: Thing, *, kept: bool) -> None:
        if kept or thing.state is State.HELD:
            thing.events.append("exported")
            return
        if thing.state is State.FAILED:
            self._retried(thing)
        thing.moved(State.HELD, "held")

    def _ended(self, item_id: int) -> None:
        self.things[item_id].finished = self.now
        self.ended.add(item_id)

    # Files and retention

    def put_away(self, result: PutAway) -> None:
        thing = self.things[result.item_id]
        if result.path != thing.source and self.seen.get(thing.source) == thing.identity:
            del self.seen[thing.source]
        thing.putaway, thing.source = "done", result.path or thing.source
        thing.events.append("put away")

    def expire(self, before: float, states: Iterable[State]) -> int:
        """All that is in `states`, old, and kept here by nothing; then files of the reports."""
        wanted = set(states)
        gone = self._leave(wanted, before, set(self.things))
        parents = {parent for parent in gone.values() if parent in self.things}
        return len(gone) + len(self._leave({State.COMPLETED}, before, parents))

    def _leave(self, states: set[State], before: float, ids: set[int]) -> dict[int, int | None]:
        """What leaves, and the parents of that."""
        with_reports = {thing.parent for thing in self.things.values()}
        gone = {
            item_id: thing.parent
            for item_id, thing in self.things.items()
            if item_id in ids - with_reports
            and thing.state in states
            and thing.putaway != "pending"
            and thing.finished is not None
            and thing.finished <= before
        }
        for item_id in gone:
            del self.things[item_id]
        return gone

    # Sums

    def totals(self) -> dict[tuple[str, str, str], tuple[int, int]]:
        """Items and bytes by kind, state and converter."""
        items: Counter[tuple[str, str, str]] = Counter()
        size: Counter[tuple[str, str, str]] = Counter()
        for thing in self.things.values():
            place = (thing.kind.value, thing.state.value, thing.converter)
            items[place] += 1
            size[place] += thing.size
        return {place: (items[place], size[place]) for place in items}

    def history(self, thing: Thing, limit: int) -> list[str]:
        """The events of an item that are kept: its first and its newest ones."""
        events = thing.events
        return events if len(events) <= limit else [events[0], *events[1 - limit :]]
