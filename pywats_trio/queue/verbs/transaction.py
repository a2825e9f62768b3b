"""What every verb needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from pywats_trio.errors import IllegalTransition
from pywats_trio.model import TRANSITIONS, Kind
from pywats_trio.queue.budget import RetryBudget
from pywats_trio.queue.order import Order, Turns

if TYPE_CHECKING:
    import apsw

    from pywats_trio.model import State
    from pywats_trio.queue.books import Books
    from pywats_trio.queue.history import History


@define
class Scheduling:
    """What decides about the next claim, kept in memory by the writer's thread."""

    turns: Turns
    budgets: dict[Kind, RetryBudget]

    @classmethod
    def of(cls, order: Order, retry_share: float) -> Scheduling:
        """`retry_share`: retries allowed for each first attempt."""
        return cls(Turns(order), {kind: RetryBudget(retry_share) for kind in Kind})


@define
class Transaction:
    """The connection, the time, and what is kept in memory beside the rows."""

    db: apsw.Connection
    books: Books
    history: History
    now: float
    """Wall time, for what people see."""
    steady: float
    """The same by a clock that nobody sets: `due_at` is told and compared by it."""
    scheduling: Scheduling = field(factory=lambda: Scheduling.of(Order(), 1.0))


def check_transition(old: State, new: State, item_id: int) -> None:
    """Raises IllegalTransition unless `model.TRANSITIONS` has it."""
    if new not in TRANSITIONS[old]:
        raise IllegalTransition(f"item {item_id} cannot go from {old} to {new}")
