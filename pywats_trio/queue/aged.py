"""The words of keeping house: what is old, and what a step of removing it has done."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final

from attrs import frozen


class Old(StrEnum):
    """What leaves the store by itself when it is old enough."""

    COMPLETED = "completed"
    """Items that are COMPLETED, with their history."""
    EVENTS = "events"
    """Events of the service; as long as COMPLETED items."""
    IMPORTS = "imports"
    """What is remembered of imports, so that nothing is taken twice; as long as FAILED items."""


@frozen
class Deadlines:
    """What was finished at these times or before is old; seconds since the epoch."""

    completed: float
    failed: float

    def of(self, what: Old) -> float:
        """The one that holds for `what`."""
        return self.failed if what is Old.IMPORTS else self.completed


Cursor = tuple[float, int]
"""The time and the number of the last row that was looked at."""
START: Final[Cursor] = (-math.inf, 0)


@frozen
class Swept:
    """What one step of `Store.expire` did."""

    removed: int
    after: Cursor
    """Where the next step goes on: what had to stay is not looked at again."""
    more: bool
    """Whether that is to be at once."""
    following: float | None
    """The time of the first row that is not old enough yet; None if none was seen."""
    seconds: float
    """That it took the writer, without the commit."""


@frozen
class Given:
    """What one step of `Store.compact` did."""

    left: int
    """Free pages that are left in the file."""
    seconds: float
    """As in `Swept`."""


@frozen
class Pages:
    """The size of the store's file."""

    total: int
    free: int
    """Of them, those that hold nothing."""
