"""Changing items that nobody works on: what the program finds out later, and what operators ask."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from attrs import evolve, field, frozen

from pywats_trio.model import FINISHED, State
from pywats_trio.queue import rows
from pywats_trio.queue.actions import (
    Acknowledge,
    Charge,
    Export,
    Hold,
    Quarantine,
    Release,
    Remove,
    Reopen,
    Reprioritize,
    Resume,
    Retry,
)
from pywats_trio.queue.history import cut
from pywats_trio.queue.selection import where
from pywats_trio.queue.verbs.claim import resume
from pywats_trio.queue.verbs.finish import apply, effect_of
from pywats_trio.queue.verbs.transaction import check_transition
from pywats_trio.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.model import Item
    from pywats_trio.queue.actions import Action
    from pywats_trio.queue.selection import Selection
    from pywats_trio.queue.verbs.transaction import Transaction

NAME: Final = 500
"""Characters of a name in an event."""

# Its file has still to leave the watch folder: until then the row is needed as it is.
_AT_REST = " AND putaway <> 'pending'"


def change(tx: Transaction, selection: Selection, action: Action, who: str, limit: int) -> int:
    """Apply `action` to at most `limit` of the selected items that it is about; how many."""
    states = ",".join(f"'{state.value}'" for state in sorted(action.states))
    condition, values = where(selection)
    sql = (
        f"SELECT {rows.COLUMNS} FROM items WHERE state IN ({states}){_AT_REST}{condition}"  # noqa: S608
        " LIMIT ?"
    )
    items = [rows.item(row) for row in tx.db.execute(sql, [*values, limit]).fetchall()]
    for item in items:
        _change(tx, item, action, who)
    return len(items)


def _change(tx: Transaction, item: Item, action: Action, who: str) -> None:
    match action:
        case Resume():
            resume(tx, item.id, "what it waited for has ended", who)
        case Charge(outcome=outcome):
            apply(tx, item, effect_of(item.kind, outcome), who=who, fence=None)
        case Retry() | Reopen():
            _begin_anew(tx, item, action, who)
        case Hold(message=message):
            _move(tx, item, _Move(State.HELD, "held", who, message))
        case Release():
            _move(tx, item, _Move(State.PENDING, "released by an operator", who))
        case Reprioritize(priority=priority):
            _reprioritize(tx, item, priority, who)
        case Acknowledge(receipts=receipts):
            _acknowledge(tx, item, receipts[item.id], who)
        case Export() | Quarantine():
            _set_aside(tx, item, action, who)
        case Remove():
            remove(tx, item)
            _tell_removed(tx, item, who)


_NOT_WAITING: Final = {"reason": None, "due_at": None, "delay": None}


@frozen
class _Move:
    """Another state, and what else changes with it."""

    state: State
    event: str
    who: str
    message: str = ""
    columns: Mapping[str, object] = field(factory=dict)


def _move(tx: Transaction, item: Item, move: _Move) -> None:
    check_transition(item.state, move.state, item.id)
    columns = {**_NOT_WAITING, **move.columns}
    sets = "".join(f", {column} = ?" for column in columns)
    transitions = tx.db.execute(
        f"UPDATE items SET state = ?{sets}, transitions = transitions + 1"  # noqa: S608
        " WHERE id = ? RETURNING transitions",
        (move.state.value, *columns.values(), item.id),
    ).get
    tx.books.moved((item.kind, item.converter), item.state, move.state, item.bytes)
    if move.state in FINISHED:
        tx.books.ended(item.id)
    tx.history.write(tx.now, item.id, move.event, move.state, who=move.who, message=move.message)
    tx.history.trim(tx.db, item.id, transitions)


def _begin_anew(tx: Transaction, item: Item, action: Retry | Reopen, who: str) -> None:
    """Its attempts begin anew, and it is what it is now: a file may have been mended.

    It is reopened once for each version: if it kills workers again, the row names that one.
    """
    columns: dict[str, object] = {
        "attempts": 0,
        "deaths": 0,
        "finished_at": None,
        "putaway": "none",
        "rank": tx.scheduling.turns.order.rank(item.priority, item.created_at - tx.now + tx.steady),
    }
    event, message = "retried", f"it was {item.state}"
    if isinstance(action, Reopen):
        killed = f"{item.deaths} worker{'s' * (item.deaths != 1)}"
        event, message = "reopened", f"it killed {killed} of another version than {action.version}"
    elif (identity := action.identities.get(item.id)) is not None:
        names = ("device", "inode", "size", "mtime_ns")
        columns |= dict(zip(names, rows.signed(identity), strict=True))
    _move(tx, item, _Move(State.PENDING, event, who, message, columns))


def _reprioritize(tx: Transaction, item: Item, priority: int, who: str) -> None:
    levels = (priority - item.priority) * tx.scheduling.turns.order.step
    transitions = tx.db.execute(
        "UPDATE items SET priority = ?, rank = rank + ?, transitions = transitions + 1 WHERE id = ?"
        " RETURNING transitions",
        (priority, levels, item.id),
    ).get
    message = f"priority {priority}, it was {item.priority}"
    tx.history.write(tx.now, item.id, "priority changed", None, who=who, message=message)
    tx.history.trim(tx.db, item.id, transitions)


def _set_aside(tx: Transaction, item: Item, action: Export | Quarantine, who: str) -> None:
    if isinstance(action, Export):
        _export(tx, item, action, who)
        return
    problem = action.problem
    columns = {
        "finished_at": tx.now,
        "error_kind": problem.kind,
        "last_error": cut(problem.message),
        "error_hint": cut(problem.hint),
        "evidence": cut(problem.evidence),
    }
    _move(tx, item, _Move(State.QUARANTINED, "quarantined", who, problem.message, columns))


def _export(tx: Transaction, item: Item, action: Export, who: str) -> None:
    """A FAILED one is retried first, in the same transaction: nobody claims it in between."""
    tx.db.execute(
        "UPDATE items SET exported = ? || '/' || id WHERE id = ? AND exported = ''",
        (action.export, item.id),
    )
    message = f"exported as {action.export}"
    if action.kept or item.state is State.HELD:
        tx.history.write(tx.now, item.id, "exported", None, who=who, message=message)
        transitions = tx.db.execute(
            "UPDATE items SET transitions = transitions + 1 WHERE id = ? RETURNING transitions",
            (item.id,),
        ).get
        tx.history.trim(tx.db, item.id, transitions)
        return
    if item.state is State.FAILED:
        _begin_anew(tx, item, Retry(), who)
        item = evolve(item, state=State.PENDING)
    _move(tx, item, _Move(State.HELD, "held", who, message))


def _acknowledge(tx: Transaction, item: Item, receipt: str, who: str) -> None:
    columns = {"finished_at": tx.now, "progress": 100, "receipt": cut(receipt), "bytes": 0}
    _move(tx, item, _Move(State.COMPLETED, "acknowledged", who, receipt, columns))
    tx.db.execute("DELETE FROM payloads WHERE item_id = ?", (item.id,))
    tx.books.dropped(item.kind, State.COMPLETED, item.converter, item.bytes)


def remove(tx: Transaction, item: Item) -> None:
    """The item, its payload and its history are gone; its file is left where it lies.

    What is remembered of a file that lies in its watch folder stays, so that it is not taken again.
    """
    tx.history.flush(tx.db)
    for table, column in (("payloads", "item_id"), ("history", "item_id"), ("items", "id")):
        tx.db.execute(f"DELETE FROM {table} WHERE {column} = ?", (item.id,))  # noqa: S608
    tx.books.moved((item.kind, item.converter), item.state, None, item.bytes)
    tx.books.ended(item.id)


def _tell_removed(tx: Transaction, item: Item, who: str) -> None:
    """An event of the service: the history of an item goes with it."""
    detail = {
        "who": who,
        "id": item.id,
        "kind": item.kind.value,
        "state": item.state.value,
        "serial_number": shortened(item.serial_number, NAME),
        "report_id": item.report_id,
        "source": shortened(printable(item.original or item.source), NAME),
    }
    tx.history.write(
        tx.now, None, "item removed", None, who=who, message=json.dumps(detail, ensure_ascii=False)
    )
