"""Claiming: by rank, in turn between converters, and only what is due."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.model import Claim, Reason, State
from pywats_trio.queue import rows
from pywats_trio.queue.order import Head
from pywats_trio.queue.shares import ALL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pywats_trio.model import Item, Kind
    from pywats_trio.queue.shares import Shares
    from pywats_trio.queue.verbs.transaction import Transaction

LOOKED_AT: Final = 1000
"""Items at the head of a line among which the single one to try is looked for."""
MOST_WOKEN: Final = 100
"""Items that one claim wakes, so that none takes long; the next one wakes more."""

# A look, then an update of what was found, by its ids. As one UPDATE with a subquery for the ids
# and RETURNING it took up to eight times as long: SQLite makes a table of its own for each of them.
_AS_CLAIMED: Final = {"state": "'PROCESSING'", "started_at": "?", "progress": "0"}
_COLUMNS: Final = ", ".join(_AS_CLAIMED.get(name, name) for name in rows.COLUMNS.split(", "))
_LOOK = (
    "SELECT (SELECT body FROM payloads WHERE item_id = items.id), transitions + 1, "  # noqa: S608
    f"{_COLUMNS} FROM items WHERE"
)
_WAITING = f"{_LOOK} kind = ? AND converter = ? AND state = 'PENDING' ORDER BY rank, id LIMIT ?"
_CHOSEN = f"{_LOOK} id IN ({{}})"
_TAKE = (
    "UPDATE items SET state = 'PROCESSING', owner = ?, fence = ?, started_at = ?, progress = 0,"
    " transitions = transitions + 1 WHERE id IN ({})"
)
_HEADS = """
SELECT line.value, rank, priority, items.id FROM json_each(?2) AS line JOIN items ON items.id = (
  SELECT id FROM items WHERE kind = ?1 AND converter = line.value AND state = 'PENDING'
  ORDER BY rank, id LIMIT 1)
"""
_SINGLE = (
    "SELECT rank, priority, id FROM (SELECT rank, priority, id, started_at FROM items"
    " WHERE kind = ? AND converter = ? AND state = 'PENDING' ORDER BY rank, id LIMIT ?)"
    " ORDER BY started_at, rank, id LIMIT 1"
)
_BEHIND = (
    "SELECT rank, priority, id FROM items WHERE kind = ? AND converter = ? AND state = 'PENDING'"
    " AND (rank, id) > (?, ?) ORDER BY rank, id LIMIT 1"
)


def claim(tx: Transaction, kind: Kind, limit: int, owner: str, shares: Shares = ALL) -> list[Claim]:
    """`Store.claim`."""
    if tx.books.due(kind) <= tx.steady or tx.scheduling.budgets[kind].allows_more(tx.steady):
        _wake_due(tx, kind)
    if limit <= 0:
        return []
    lines = [name for name in tx.books.lines(kind) if name not in shares.shut]
    if len(lines) == 1 and lines[0] not in shares.single:
        return _claim_line(tx, kind, lines[0], limit, owner)
    chosen = _choose(tx, kind, lines, limit, shares.single)
    return _claim_these(tx, chosen, owner) if chosen else []


def _claim_line(tx: Transaction, kind: Kind, name: str, limit: int, owner: str) -> list[Claim]:
    """Of one converter: with a single look."""
    claims = _claim(tx, _WAITING, (kind.value, name, limit), owner)
    if not claims:
        tx.books.is_empty(kind, name)
    return claims


def _choose(
    tx: Transaction, kind: Kind, names: list[str], limit: int, single: frozenset[str]
) -> list[int]:
    """Of several: a look at all heads in one statement, then at what is behind those chosen."""
    heads = _heads(tx, kind, [name for name in names if name not in single])
    for name in single.intersection(names):
        heads |= _single(tx, kind, name)
    for name in names:
        if name not in heads:
            tx.books.is_empty(kind, name)

    def following(name: str, head: Head) -> Head | None:
        if name in single:
            return None
        which = (kind.value, name, head.rank, head.item_id)
        row: tuple[Any, ...] | None = tx.db.execute(_BEHIND, which).fetchone()
        return None if row is None else Head(*row)

    return tx.scheduling.turns.choose(kind, heads, following, limit)


def _heads(tx: Transaction, kind: Kind, names: list[str]) -> dict[str, Head]:
    found: list[tuple[Any, ...]] = tx.db.execute(_HEADS, (kind.value, json.dumps(names))).fetchall()
    return {name: Head(*head) for name, *head in found}


def _single(tx: Transaction, kind: Kind, name: str) -> dict[str, Head]:
    """The one item of this line that is to be tried now."""
    row: tuple[Any, ...] | None
    row = tx.db.execute(_SINGLE, (kind.value, name, LOOKED_AT)).fetchone()
    return {} if row is None else {name: Head(*row)}


def _claim_these(tx: Transaction, chosen: list[int], owner: str) -> list[Claim]:
    ids = _padded(chosen)
    by_id = {claim.item.id: claim for claim in _claim(tx, _these(_CHOSEN, ids), ids, owner)}
    return [by_id[item_id] for item_id in chosen]


def _claim(tx: Transaction, look: str, which: Sequence[object], owner: str) -> list[Claim]:
    """Take what `look` finds, in its order."""
    found: list[tuple[Any, ...]] = tx.db.execute(look, (tx.now, *which)).fetchall()
    if not found:
        return []
    fence = tx.history.next_number
    claims = [Claim(rows.item(row), owner, fence, payload) for payload, _number, *row in found]
    ids = _padded([claim.item.id for claim in claims])
    tx.db.execute(_these(_TAKE, ids), (owner, fence, tx.now, *ids))
    for claim, (_payload, transitions, *_row) in zip(claims, found, strict=True):
        _claimed(tx, claim.item, transitions, owner)
    return claims


def _padded(ids: Sequence[int]) -> list[int | None]:
    """Up to the next power of two with NULL, which is no id: few statements serve all numbers."""
    return [*ids, *[None] * ((1 << (len(ids) - 1).bit_length()) - len(ids))]


def _these(sql: str, ids: Sequence[object]) -> str:
    return sql.format(",".join("?" * len(ids)))


def _claimed(tx: Transaction, item: Item, transitions: int, owner: str) -> None:
    tx.books.moved((item.kind, item.converter), State.PENDING, State.PROCESSING, item.bytes)
    tx.history.write(
        tx.now, item.id, "claimed", State.PROCESSING, attempts=item.attempts, who=owner
    )
    tx.history.trim(tx.db, item.id, transitions)


_DUE = (
    "SELECT id FROM items WHERE kind = ? AND state = 'SUSPENDED' AND reason = ? AND due_at <= ?"
    " ORDER BY due_at LIMIT ?"
)
_SOONEST = "SELECT min(due_at) FROM items WHERE kind = ? AND state = 'SUSPENDED' AND reason = ?"


def _wake_due(tx: Transaction, kind: Kind) -> None:
    """SUSPENDED items whose time has come are PENDING again, retries as the budget allows."""
    next_due = []
    for reason in Reason:
        soonest = _wake(tx, kind, reason)
        if soonest is not None:
            next_due.append(soonest)
    tx.books.next_due_is(kind, min(next_due, default=None))


def _wake(tx: Transaction, kind: Kind, reason: Reason) -> float | None:
    """Wake what is due of `reason`; when the next one is to be woken, None if nothing waits."""
    which = (kind.value, reason.value)
    due = [item_id for (item_id,) in tx.db.execute(_DUE, (*which, tx.steady, MOST_WOKEN))]
    budget = tx.scheduling.budgets[kind] if reason is Reason.RETRY else None
    allowed = len(due) if budget is None else budget.take(len(due), tx.steady)
    for item_id in due[:allowed]:
        resume(tx, item_id, f"the wait for {reason} is over")
    if budget is not None and allowed < len(due):
        return tx.steady + budget.next_in(tx.steady)
    soonest: float | None = tx.db.execute(_SOONEST, which).get
    return soonest


def resume(tx: Transaction, item_id: int, message: str, who: str = "") -> None:
    """A SUSPENDED item becomes PENDING."""
    row: list[tuple[Any, ...]] = tx.db.execute(
        "UPDATE items SET state = 'PENDING', reason = NULL, due_at = NULL, delay = NULL,"
        " transitions = transitions + 1 WHERE id = ? RETURNING kind, converter, bytes, transitions",
        (item_id,),
    ).fetchall()
    [(kind, converter, size, transitions)] = row
    place = (rows.KINDS[kind], converter)
    tx.books.moved(place, State.SUSPENDED, State.PENDING, size)
    tx.history.write(tx.now, item_id, "resumed", State.PENDING, who=who, message=message)
    tx.history.trim(tx.db, item_id, transitions)
