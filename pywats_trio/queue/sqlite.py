"""The store's verbs as SQL: functions of a transaction, run in the writer's thread.

Each change of state writes its history row and keeps the counts. Everything that depends on the
number of items is an index look-up. Statements are few and do much: each lets go of the
interpreter's lock, and taking it back from a busy event loop costs more than the statement.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from typing import TYPE_CHECKING, Any, Final

from attrs import define

from pywats_trio.errors import IllegalTransition, StaleClaim
from pywats_trio.model import (
    FINISHED,
    TRANSITIONS,
    Claim,
    Converted,
    Delivered,
    Failed,
    Kind,
    Problem,
    Quarantined,
    Reason,
    Released,
    State,
    Superseded,
    Wait,
)
from pywats_trio.queue import rows
from pywats_trio.queue.history import cut
from pywats_trio.queue.store import Charge, Topic
from pywats_trio.text import printable, storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import apsw

    from pywats_trio.model import Envelope, Item, Outcome
    from pywats_trio.queue.books import Books
    from pywats_trio.queue.history import History
    from pywats_trio.queue.store import PutAway, Resume, Selection


@define
class Transaction:
    """What every verb needs: the connection, the time, the books and the history to keep."""

    db: apsw.Connection
    books: Books
    history: History
    now: float
    """Wall time, for what people see."""
    steady: float
    """The same by a clock that nobody sets: `due_at` is told and compared by it."""


# --- accepting ---------------------------------------------------------------------------------

_SEE = """
INSERT INTO seen (path, converter, device, inode, size, mtime_ns) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (path) DO UPDATE SET converter = excluded.converter, device = excluded.device,
  inode = excluded.inode, size = excluded.size, mtime_ns = excluded.mtime_ns
WHERE (device, inode, size, mtime_ns)
  IS NOT (excluded.device, excluded.inode, excluded.size, excluded.mtime_ns)
"""

_INSERT = """
INSERT INTO items (kind, state, priority, max_attempts, transitions, serial_number, part_number,
  result, start, created_at, converter, source, path, device, inode, size, mtime_ns, report_id,
  parent_id, correlation_id, sha256, dropped_at)
VALUES (?, 'PENDING', ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def put(tx: Transaction, envelopes: Iterable[Envelope]) -> list[int | None]:
    """`Store.put`."""
    return [_accept(tx, envelope) for envelope in envelopes]


def _accept(tx: Transaction, envelope: Envelope) -> int | None:
    if envelope.kind is Kind.FILE and envelope.identity is not None:
        path = os.fsencode(envelope.source)
        values = (path, envelope.converter, *rows.identity_values(envelope))
        tx.db.execute(_SEE, values)
        if tx.db.changes() == 0:
            return None
    return _insert(tx, envelope)


def _insert(tx: Transaction, envelope: Envelope, parent: Item | None = None) -> int:
    is_file = envelope.kind is Kind.FILE
    payload = envelope.payload
    correlation_id = envelope.correlation_id or (parent.correlation_id if parent else "")
    values = (
        envelope.kind.value,
        envelope.priority,
        envelope.max_attempts,
        storable(envelope.serial_number),
        storable(envelope.part_number),
        envelope.result,
        storable(envelope.start),
        tx.now,
        envelope.converter,
        printable(envelope.source),
        os.fsencode(envelope.source) if is_file else None,
        *rows.identity_values(envelope),
        envelope.report_id,
        parent.id if parent else None,
        correlation_id or secrets.token_hex(8),
        "" if payload is None else hashlib.sha256(payload).hexdigest(),
        parent.dropped_at if parent else tx.now - envelope.waited,
    )
    tx.db.execute(_INSERT, values)
    item_id = tx.db.last_insert_rowid()
    if payload is not None:
        tx.db.execute("INSERT INTO payloads (item_id, body) VALUES (?, ?)", (item_id, payload))
    tx.books.moved(envelope.kind, None, State.PENDING)
    event = "accepted" if is_file else "stored"
    tx.history.write(tx.now, item_id, event, State.PENDING)
    return item_id


# --- claiming ----------------------------------------------------------------------------------

_CLAIM = f"""
UPDATE items SET state = 'PROCESSING', owner = ?, fence = ?, started_at = ?, progress = 0,
  transitions = transitions + 1
WHERE id IN (
  SELECT id FROM items WHERE kind = ? AND state = 'PENDING' ORDER BY priority, id LIMIT ?)
RETURNING (SELECT body FROM payloads WHERE item_id = items.id), transitions, {rows.COLUMNS}
"""  # noqa: S608 - a constant of ours


def claim(tx: Transaction, kind: Kind, limit: int, owner: str) -> list[Claim]:
    """`Store.claim`."""
    if tx.books.due(kind) <= tx.steady:
        _wake_due(tx, kind)
    fence = tx.history.next_number
    values = (owner, fence, tx.now, kind.value, limit)
    claimed: list[tuple[Any, ...]] = list(tx.db.execute(_CLAIM, values))
    claims = []
    for payload, transitions, *row in claimed:
        item = rows.item(row)
        _claimed(tx, item, transitions, owner)
        claims.append(Claim(item, owner, fence, payload))
    # RETURNING gives the rows in no order.
    return sorted(claims, key=lambda claim: (claim.item.priority, claim.item.id))


def _claimed(tx: Transaction, item: Item, transitions: int, owner: str) -> None:
    tx.books.moved(item.kind, State.PENDING, State.PROCESSING)
    tx.history.write(
        tx.now, item.id, "claimed", State.PROCESSING, attempts=item.attempts, who=owner
    )
    tx.history.trim(tx.db, item.id, transitions)


def _wake_due(tx: Transaction, kind: Kind) -> None:
    """SUSPENDED items whose time has come are PENDING again."""
    sql = "SELECT id, reason FROM items WHERE kind = ? AND state = 'SUSPENDED' AND due_at <= ?"
    due: list[tuple[int, str]] = list(tx.db.execute(sql, (kind.value, tx.steady)))
    for item_id, reason in due:
        _resume(tx, kind, item_id, f"the wait for {reason} is over")
    soonest = tx.db.execute(
        "SELECT min(due_at) FROM items WHERE kind = ? AND state = 'SUSPENDED'", (kind.value,)
    ).get
    tx.books.next_due_is(kind, soonest)


def _resume(tx: Transaction, kind: Kind, item_id: int, message: str, who: str = "") -> None:
    transitions = tx.db.execute(
        "UPDATE items SET state = 'PENDING', reason = NULL, due_at = NULL,"
        " transitions = transitions + 1 WHERE id = ? RETURNING transitions",
        (item_id,),
    ).get
    tx.books.moved(kind, State.SUSPENDED, State.PENDING)
    tx.history.write(tx.now, item_id, "resumed", State.PENDING, who=who, message=message)
    tx.history.trim(tx.db, item_id, transitions)


# --- finishing ---------------------------------------------------------------------------------

_FINISH = """
UPDATE items SET state = ?, reason = ?, attempts = ?, interruptions = ?, deaths = ?, owner = NULL,
  fence = NULL, due_at = ?, finished_at = ?,
  duration = iif(fence IS NULL, duration, max(0.0, ? - started_at)), progress = ?, sha256 = ?,
  error_kind = ?, last_error = ?, error_hint = ?, evidence = ?, receipt = ?, putaway = ?,
  transitions = transitions + 1
WHERE id = ? AND fence IS ? RETURNING transitions
"""

_NOTHING: Final = Problem("", "")


@define
class _Effect:
    """What an outcome means for the row."""

    event: str
    state: State
    problem: Problem = _NOTHING
    reason: Reason | None = None
    counts: bool = False
    died: bool = False
    interrupted: bool = False
    delay: float | None = None
    sha256: str = ""
    receipt: str = ""
    putaway: str = "none"


def _effect(kind: Kind, outcome: Outcome) -> _Effect:  # noqa: PLR0911 - one for each outcome
    away = "pending" if kind is Kind.FILE else "none"
    match outcome:
        case Converted(sha256=sha256, note=note):
            problem = Problem("", note)
            return _Effect(
                "converted", State.COMPLETED, problem, sha256=sha256, counts=True, putaway=away
            )
        case Delivered(receipt=receipt):
            return _Effect("delivered", State.COMPLETED, receipt=receipt, counts=True)
        case Wait(delay=delay, reason=reason, problem=problem, counts=counts, died=died):
            return _Effect(
                "suspended",
                State.SUSPENDED,
                problem,
                reason=reason,
                counts=counts,
                died=died,
                delay=delay,
            )
        case Failed(problem=problem, counts=counts, died=died):
            return _Effect("failed", State.FAILED, problem, counts=counts, died=died, putaway=away)
        case Quarantined(problem=problem, died=died):
            return _Effect(
                "quarantined", State.QUARANTINED, problem, counts=True, died=died, putaway=away
            )
        case Superseded(message=message):
            return _Effect("superseded", State.COMPLETED, Problem("superseded", message))
        case Released(message=message):
            return _Effect(
                "released", State.PENDING, Problem("interrupted", message), interrupted=True
            )


def finish(tx: Transaction, claim: Claim, outcome: Outcome) -> State:
    """`Store.finish`: the outcome, its reports and its history row."""
    item = claim.item
    effect = _effect(item.kind, outcome)
    _apply(tx, item, effect, who=claim.owner, fence=claim.fence)
    if isinstance(outcome, Converted):
        for envelope in outcome.reports:
            _insert(tx, envelope, parent=item)
    if isinstance(outcome, Delivered):
        tx.db.execute("DELETE FROM payloads WHERE item_id = ?", (item.id,))
    return effect.state


def release(tx: Transaction, claims: Iterable[Claim]) -> None:
    """Give claims back that nobody works on, but for those that were recovered meanwhile."""
    for claim in claims:
        with contextlib.suppress(StaleClaim):
            finish(tx, claim, Released())


def _apply(tx: Transaction, item: Item, effect: _Effect, *, who: str, fence: int | None) -> None:
    """Write `effect`. While a claim's fence stands, its copy of the row is as good as the row."""
    old = State.SUSPENDED if fence is None else State.PROCESSING
    _check(old, effect.state, item.id)
    attempts = item.attempts + effect.counts
    due_at = None if effect.delay is None else tx.steady + effect.delay
    finished = tx.now if effect.state in FINISHED else None
    problem = effect.problem
    # What a wait or a release says is the last error; a success clears it.
    values = (
        effect.state.value,
        effect.reason.value if effect.reason else None,
        attempts,
        item.interruptions + effect.interrupted,
        item.deaths + effect.died,
        due_at,
        finished,
        tx.now,
        100 if effect.state is State.COMPLETED else 0,
        effect.sha256 or item.sha256,
        problem.kind,
        cut(problem.message),
        cut(problem.hint),
        cut(problem.evidence),
        cut(effect.receipt),
        effect.putaway,
        item.id,
        fence,
    )
    transitions = tx.db.execute(_FINISH, values).get
    if transitions is None:
        raise StaleClaim(f"item {item.id} is no longer {who}'s: it was recovered meanwhile")
    tx.books.moved(item.kind, old, effect.state)
    if finished is not None:
        tx.books.ended(item.id)
    if due_at is not None:
        tx.books.due_at(item.kind, due_at)
    if effect.putaway == "pending":
        tx.books.ring(Topic.PUTAWAY)
    tx.history.write(
        tx.now,
        item.id,
        effect.event,
        effect.state,
        reason=effect.reason,
        attempts=attempts,
        who=who,
        problem=problem,
    )
    tx.history.trim(tx.db, item.id, transitions)


def _check(old: State, new: State, item_id: int) -> None:
    if new not in TRANSITIONS[old]:
        raise IllegalTransition(f"item {item_id} cannot go from {old} to {new}")


# --- changing, recovering ----------------------------------------------------------------------


def change(tx: Transaction, selection: Selection, action: Resume | Charge, who: str) -> int:
    """`Store.change`. Both actions are about SUSPENDED items, so others are passed over."""
    where, values = _where(selection)
    sql = f"SELECT {rows.COLUMNS} FROM items WHERE state = 'SUSPENDED'{where}"  # noqa: S608
    items = [rows.item(row) for row in tx.db.execute(sql, values).fetchall()]
    for item in items:
        if isinstance(action, Charge):
            _apply(tx, item, _effect(item.kind, action.outcome), who=who, fence=None)
        else:
            _resume(tx, item.kind, item.id, "what it waited for has ended", who)
    return len(items)


def _where(selection: Selection) -> tuple[str, list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    if selection.ids is not None:
        conditions.append(f"id IN ({','.join('?' * len(selection.ids))})")
        values += selection.ids
    for column in ("kind", "state", "reason"):
        value = getattr(selection, column)
        if value is not None:
            conditions.append(f"{column} = ?")
            values.append(value.value)
    return "".join(f" AND {condition}" for condition in conditions), values


_INTERRUPTED = """
INSERT INTO history (at, item_id, event, state, attempts, who, error_kind, message)
SELECT ?, id, 'recovered', 'PENDING', attempts, owner, 'interrupted',
  'cut off by a crash or a stop' FROM items WHERE state = 'PROCESSING'
"""

_RECOVER = """
UPDATE items SET state = 'PENDING', owner = NULL, fence = NULL,
  interruptions = interruptions + 1, transitions = transitions + 1 WHERE state = 'PROCESSING'
"""

_RECOVERED = " RETURNING id, kind, transitions"


def recover(tx: Transaction, owner: str | None) -> int:
    """`Store.recover`."""
    mine, values = (" AND owner = ?", (owner,)) if owner is not None else ("", ())
    # As many rows as the crash left: one statement, past the history's own numbering.
    tx.history.flush(tx.db)
    tx.db.execute(_INTERRUPTED + mine, (tx.now, *values))
    tx.history.inserted_elsewhere(tx.db)
    found: list[tuple[int, str, int]] = list(tx.db.execute(_RECOVER + mine + _RECOVERED, values))
    for item_id, kind, transitions in found:
        tx.books.moved(rows.KINDS[kind], State.PROCESSING, State.PENDING)
        tx.history.trim(tx.db, item_id, transitions)
    return len(found)


# --- sources -----------------------------------------------------------------------------------


# Only the very file: another one may already lie under its name.
_UNSEE = """
DELETE FROM seen WHERE (path, device, inode, size, mtime_ns) IN (
  SELECT path, device, inode, size, mtime_ns FROM items
  WHERE id = ?1 AND putaway = 'pending' AND path IS NOT ?2)
"""

_PUT_AWAY = """
UPDATE items SET putaway = 'done', path = iif(?2 = x'', path, ?2), transitions = transitions + 1
WHERE id = ?1 AND putaway = 'pending' RETURNING transitions
"""


def put_away(tx: Transaction, results: Sequence[PutAway]) -> None:
    """`Store.put_away`: where the source lies now, and that its old place is free."""
    for result in results:
        values = (result.item_id, os.fsencode(result.path))
        tx.db.execute(_UNSEE, values)
        transitions = tx.db.execute(_PUT_AWAY, values).get
        if transitions is not None:
            tx.history.write(tx.now, result.item_id, "put away", None, message=result.message)
            tx.history.trim(tx.db, result.item_id, transitions)


def forget(tx: Transaction, paths: Iterable[str]) -> None:
    """`Store.forget`."""
    tx.db.executemany("DELETE FROM seen WHERE path = ?", [(os.fsencode(p),) for p in paths])


def remember(tx: Transaction, key: str, value: str) -> None:
    """`Store.remember`."""
    tx.db.execute("INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)", (key, value))


def note(tx: Transaction, event: str, message: str) -> int:
    """`Store.note`."""
    return tx.history.write(tx.now, None, event, None, message=message)
