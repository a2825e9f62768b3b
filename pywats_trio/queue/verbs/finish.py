"""Finishing: what becomes of a claim, its reports and its history row."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from attrs import define

from pywats_trio.errors import StaleClaim
from pywats_trio.model import (
    FINISHED,
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
from pywats_trio.queue.history import cut
from pywats_trio.queue.store import Topic
from pywats_trio.queue.verbs.accept import insert
from pywats_trio.queue.verbs.transaction import check_transition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pywats_trio.model import Claim, Item, Outcome
    from pywats_trio.queue.verbs.transaction import Transaction

_FINISH = """
UPDATE items SET state = ?, reason = ?, attempts = ?, interruptions = ?, deaths = ?, owner = NULL,
  fence = NULL, due_at = ?, delay = ?, finished_at = ?,
  duration = iif(fence IS NULL, duration, max(0.0, ? - started_at)), progress = ?, sha256 = ?,
  error_kind = ?, last_error = ?, error_hint = ?, evidence = ?, receipt = ?, putaway = ?,
  bytes = ?, worker = coalesce(nullif(?, ''), worker), after = ?, transitions = transitions + 1
WHERE id = ? AND fence IS ? RETURNING transitions
"""

_DIED: Final = "UPDATE items SET rank = rank + ?, code = ? WHERE id = ?"
_NOTHING: Final = Problem("", "")


@define
class Effect:
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
    worker: str = ""
    code: str = ""
    after: str = ""
    drops_payload: bool = False


def effect_of(kind: Kind, outcome: Outcome) -> Effect:  # noqa: PLR0911 - one for each outcome
    away = "pending" if kind is Kind.FILE else "none"
    match outcome:
        case Converted(sha256=sha256, note=note, worker=worker, after=after):
            return Effect(
                "converted",
                State.COMPLETED,
                Problem("", note),
                sha256=sha256,
                counts=True,
                putaway=away,
                worker=worker,
                after=after,
            )
        case Delivered(receipt=receipt):
            return Effect(
                "delivered", State.COMPLETED, receipt=receipt, counts=True, drops_payload=True
            )
        case Wait(problem=problem, counts=counts, died=died, worker=worker):
            return Effect(
                "suspended",
                State.SUSPENDED,
                problem,
                reason=outcome.reason,
                counts=counts,
                died=died,
                delay=outcome.delay,
                worker=worker,
            )
        case Failed(problem=problem, counts=counts, died=died, worker=worker):
            return Effect(
                "failed",
                State.FAILED,
                problem,
                counts=counts,
                died=died,
                putaway=away,
                worker=worker,
            )
        case Quarantined(problem=problem, died=died, worker=worker, code=code):
            return Effect(
                "quarantined",
                State.QUARANTINED,
                problem,
                counts=True,
                died=died,
                putaway=away,
                worker=worker,
                code=code,
            )
        case Superseded(message=message):
            return Effect("superseded", State.COMPLETED, Problem("superseded", message))
        case Released(message=message):
            return Effect(
                "released", State.PENDING, Problem("interrupted", message), interrupted=True
            )


def finish(tx: Transaction, claim: Claim, outcome: Outcome) -> State:
    """`Store.finish`: the outcome, its reports and its history row."""
    item = claim.item
    effect = effect_of(item.kind, outcome)
    apply(tx, item, effect, who=claim.owner, fence=claim.fence)
    if isinstance(outcome, Converted):
        for envelope in outcome.reports:
            insert(tx, envelope, parent=item)
    return effect.state


def release(tx: Transaction, claims: Iterable[Claim]) -> None:
    """Give claims back that nobody works on, but for those that were recovered meanwhile."""
    for claim in claims:
        with contextlib.suppress(StaleClaim):
            finish(tx, claim, Released())


def apply(tx: Transaction, item: Item, effect: Effect, *, who: str, fence: int | None) -> None:
    """Write `effect`. While a claim's fence stands, its copy of the row is as good as the row."""
    old = State.SUSPENDED if fence is None else State.PROCESSING
    check_transition(old, effect.state, item.id)
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
        effect.delay,
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
        0 if effect.drops_payload else item.bytes,
        effect.worker,
        effect.after,
        item.id,
        fence,
    )
    transitions = tx.db.execute(_FINISH, values).get
    if transitions is None:
        raise StaleClaim(f"item {item.id} is no longer {who}'s: it was recovered meanwhile")
    tx.books.moved((item.kind, item.converter), old, effect.state, item.bytes)
    if effect.died:
        # Behind the others of its priority: whatever lost a worker may hold one up again.
        half = tx.scheduling.turns.order.step / 2
        tx.db.execute(_DIED, (half, effect.code, item.id))
    if effect.drops_payload:
        tx.db.execute("DELETE FROM payloads WHERE item_id = ?", (item.id,))
        tx.books.dropped(item.kind, effect.state, item.converter, item.bytes)
    if effect.counts and not item.attempts:
        tx.scheduling.budgets[item.kind].first_attempt()
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
        who=f"{who}, {effect.worker}" if effect.worker else who,
        problem=problem,
    )
    tx.history.trim(tx.db, item.id, transitions)
