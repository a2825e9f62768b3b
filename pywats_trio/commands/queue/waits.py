"""What an item waits for now: one cause, since when, when something happens next, what to do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict, frozen

from pywats_trio.control import AT_WORK, ServiceState
from pywats_trio.model import Kind, Putaway, Reason, State
from pywats_trio.observe.board import STOPS_INTAKE, Cause
from pywats_trio.observe.status import iso
from pywats_trio.queue.trace import COUNTED
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pywats_trio.commands.host import OpenQueue, QueueHost
    from pywats_trio.config.options import Config
    from pywats_trio.model import Event, Item
    from pywats_trio.observe.board import Condition, Unaccepted
    from pywats_trio.queue.trace import Life

_OUTAGE: Final = ("why", "hint", "since", "next_try")
START: Final = "start it with `pywats-trio run`"
STATUS: Final = "see `pywats-trio status`"
NO_ROOM: Final = "nothing is begun while the disk of data_dir is full"
FULL: Final = (Cause.DISK,)
"""What else holds work up while the disk is full."""


@frozen
class WaitsFor:
    """The answer's `waits_for`. Times in ISO 8601, UTC; None where there is none or none known."""

    what: str
    """`service` (it does not run), `resume`, `store`, `server`, `converter`, `retry`, `turn`,
    `work` (it is being worked on), `putaway`, `release` (held), `operator`, `intake`."""
    why: str
    """One sentence."""
    hint: str = ""
    """What to do about it; empty where there is nothing to do."""
    since: str | None = None
    next_try: str | None = None

    def told(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


@frozen
class Now:
    """The service at this moment, as far as it keeps items waiting; from memory."""

    state: ServiceState
    cause: str
    since: float
    at: float
    """Seconds since the epoch, as `since`."""
    conditions: tuple[Condition, ...]
    """The oldest first."""
    delivery: Mapping[str, Any]
    outages: Mapping[str, Mapping[str, Any]]
    """Why files of some converters wait, by its name: `why`, `hint`, `since` and `next_try`."""
    claimable: bool
    """Whether work is begun: not on a full disk."""
    config: Config
    progress: Mapping[int, int]
    """How far the work is on items that are being worked on."""

    @classmethod
    def of(cls, host: QueueHost, queue: OpenQueue, lives: Iterable[Life]) -> Now:
        """As `host` is at this moment, for a look at `lives` in whatever thread."""
        board = host.board
        working = [life.item.id for life in lives if life.item.state is State.PROCESSING]
        return cls(
            board.state,
            board.cause,
            board.since,
            board.clock(),
            tuple(board.held_up_by(*Cause)),
            board.delivery(),
            {one["name"]: one["outage"] for one in board.converters() if one.get("outage")},
            queue.store.claimable,
            queue.config,
            {item_id: host.progress(item_id) for item_id in working},
        )

    def waits_for(self, life: Life) -> WaitsFor | None:
        """What this item waits for; None if it has come to its end."""
        item = life.item
        match item.state:
            case State.HELD:
                return _held(life)
            case State.FAILED | State.QUARANTINED:
                return _given_up(life)
            case State.COMPLETED if item.putaway is not Putaway.PENDING:
                return None
            case State.PROCESSING:
                return self._working(life)
        return self._stands_still(life) or self._waiting(life)

    def _stands_still(self, life: Life) -> WaitsFor | None:
        """What keeps the whole service from going on."""
        since, due = _since(life), _due(life.item)
        if self.state is ServiceState.STOPPED:
            return WaitsFor("service", "the service does not run", START, since, due)
        if self.state is ServiceState.PAUSED:  # what is finished is put away all the same
            return None if life.item.state is State.COMPLETED else self._paused("resume")
        if self.state not in AT_WORK:
            why = f"the service is {self.state}: {self.cause}"
            return WaitsFor("service", why, STATUS, iso(self.since), due)
        found = self._condition("store", "", Cause.STORE, *(() if self.claimable else FULL))
        return found or (None if self.claimable else WaitsFor("store", NO_ROOM, STATUS, since))

    def _paused(self, what: str) -> WaitsFor:
        why = f"the service is paused: {self.cause}"
        return WaitsFor(what, why, "`pywats-trio resume` lets it go on", iso(self.since))

    def _condition(
        self, what: str, subject: str, *causes: Cause, next_try: str | None = None
    ) -> WaitsFor | None:
        """The oldest thing of these causes that holds the service up."""
        for found in self.conditions:
            mine = not subject or found.subject.partition(":")[0] == subject
            if found.cause in causes and mine:
                return WaitsFor(what, found.message, found.hint, iso(found.since), next_try)
        return None

    def _waiting(self, life: Life) -> WaitsFor:
        item = life.item
        if item.state is State.COMPLETED:
            return self._putaway(life)
        if found := self.held_back(item):
            return found
        if item.state is State.SUSPENDED and item.reason is Reason.RETRY:
            why = f"tried {item.attempts} of {item.max_attempts} times: {item.last_error}"
            return WaitsFor("retry", why, item.error_hint, _since(life), _due(item))
        cause = self._server(life) if item.kind is Kind.REPORT else self._converter(life)
        return cause or self._turn(life)

    def _server(self, life: Life) -> WaitsFor | None:
        """What is the matter with the server, if anything is."""
        item = life.item
        facts = self.delivery
        if facts.get("breaker", "") is None:
            hint = "set server.url and reload the configuration"
            return WaitsFor("server", "no server is configured", hint, _since(life))
        again = facts.get("next_try_seconds") or 0.0
        next_try = iso(self.at + again) if facts.get("outage") else _due(item)
        found = self._condition("server", "", Cause.AUTH, Cause.SERVER, next_try=next_try)
        if found is None and item.state is State.SUSPENDED:
            return WaitsFor("server", item.last_error, item.error_hint, _since(life), next_try)
        return found

    def held_back(self, item: Item) -> WaitsFor | None:
        """What keeps all files of its converter waiting, whatever each waits for itself."""
        if item.kind is not Kind.FILE or item.state not in {State.PENDING, State.SUSPENDED}:
            return None
        off = self._condition("converter", item.converter, Cause.DISABLED)
        if off is not None or (outage := self.outages.get(item.converter)) is None:
            return off
        return WaitsFor("converter", **{key: outage[key] for key in _OUTAGE})

    def _converter(self, life: Life) -> WaitsFor | None:
        """What is the matter with its converter, if anything is."""
        item = life.item
        due = _due(item)
        found = self._condition("converter", item.converter, Cause.CONVERTER, next_try=due)
        if found is None and item.state is State.SUSPENDED:
            return WaitsFor("converter", item.last_error, item.error_hint, _since(life), due)
        return found

    def _putaway(self, life: Life) -> WaitsFor:
        item = life.item
        found = self._condition("putaway", item.converter, Cause.FOLDER)
        why = "its file is about to leave the watch folder"
        known = {one.name for one in self.config.converters if one.enabled}
        hint = "" if item.converter in known else f"enable the converter {item.converter!r}"
        return found or WaitsFor("putaway", why, hint, _since(life))

    def _working(self, life: Life) -> WaitsFor:
        item = life.item
        done = self.progress.get(item.id, 0)
        who = life.history[-1].who if life.history else ""
        doing = "being converted" if item.kind is Kind.FILE else "being delivered"
        why = f"it is {doing}" + (f" by {who}" if who else "") + (f", {done} %" if done else "")
        return WaitsFor("work", why, "", None if item.started_at is None else iso(item.started_at))

    def _turn(self, life: Life) -> WaitsFor:
        ahead = life.ahead or 0
        before = f"{COUNTED} or more" if ahead >= COUNTED else str(ahead)
        line = f"of converter {life.item.converter!r}"
        why = f"{before} {line} are before it" if ahead else f"it is the next {line}"
        hint = "`pywats-trio queue priority` moves it forward" if ahead else ""
        return WaitsFor("turn", why, hint, _since(life))

    def not_accepted(self, file: Unaccepted) -> WaitsFor:
        """What a file waits for that is not in the queue yet."""
        since = iso(self.at - file.seconds)
        if self.state is ServiceState.PAUSED:
            return self._paused("intake")
        if file.why in _INTAKE_STOPPED:
            stopped = [one for one in self.conditions if one.cause in STOPS_INTAKE]
            if stopped:
                return WaitsFor("intake", stopped[0].message, stopped[0].hint, since)
        return WaitsFor("intake", file.why, _INTAKE_HINTS.get(file.why, ""), since)


_INTAKE_STOPPED: Final = frozenset({"intake stopped"})
_INTAKE_HINTS: Final = {
    "changing": "it is taken once it stood still for `settle_seconds`",
    "open for writing": "it is taken once whoever writes it closes it",
    "marker missing": "write its marker, NAME.done, beside it (settle = marker)",
    "not moved in": "move it in from another folder (settle = renamed)",
}


def _held(life: Life) -> WaitsFor:
    held = _last_change(life)
    item = life.item
    who = f" by {held.who}" if held and held.who else ""
    message = f": {held.message}" if held and held.message else ""
    hint = f"`pywats-trio queue release {item.id}` lets it go on"
    return WaitsFor("release", f"held{who}{message}", hint, _since(life))


def _given_up(life: Life) -> WaitsFor:
    item = life.item
    hints = [item.error_hint.rstrip(".")] if item.error_hint else []
    if item.kind is Kind.FILE:
        hints.append(f"the file was last known to lie at {printable(item.source)}")
    hints.append(f"`pywats-trio queue retry {item.id}` tries it again")
    why = f"it is {item.state} and nothing is tried any more: {item.last_error}"
    return WaitsFor("operator", why, "; ".join(hints), _since(life))


def _last_change(life: Life) -> Event | None:
    """The row by which it came to its state."""
    for row in reversed(life.history):
        if row.state is life.item.state:
            return row
    return None


def _since(life: Life) -> str | None:
    row = _last_change(life)
    return None if row is None else iso(row.at)


def _due(item: Item) -> str | None:
    due = item.due_at
    return None if due is None or math.isinf(due) else iso(due)
