"""Looking through the items for those that a selection means, a page at a time. Blocks.

Pages go by key. Where an index leads to few rows it is used; elsewhere rows are looked through in
the order of their ids, and a search that has taken a moment ends there and says where to go on: it
stands in nobody's way, however many rows there are.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from attrs import define

from pywats_trio.queue import rows
from pywats_trio.queue.selection import FEW, where
from pywats_trio.queue.store import Page

if TYPE_CHECKING:
    import apsw

    from pywats_trio.model import Item
    from pywats_trio.queue.selection import Selection

WINDOW: Final = 5_000
"""Ids that one statement looks through."""
SECONDS: Final = 0.1
"""What one search may take, about."""


@define
class Search:
    """`limit` items of `selection`, the newest first, or the oldest."""

    selection: Selection
    limit: int
    oldest_first: bool = False

    def run(self, connection: apsw.Connection, after: int | None) -> Page:
        """The page behind the id `after`; None: the first one."""
        low, high = self._bounds(connection, after)
        found: list[Item] = []
        width = self._width(high - low + 1)
        until = time.monotonic() + SECONDS
        while low <= high and len(found) <= self.limit:
            if self.oldest_first:
                window = (low, min(high, low + width - 1))
                low = window[1] + 1
            else:
                window = (max(low, high - width + 1), high)
                high = window[0] - 1
            found += self._look(connection, window, self.limit + 1 - len(found))
            if time.monotonic() > until:
                break
        if len(found) > self.limit:
            found.pop()
            return Page(tuple(found), found[-1].id if found else after)
        if low > high:
            return Page(tuple(found), None)
        return Page(tuple(found), low - 1 if self.oldest_first else high + 1)

    def _bounds(self, connection: apsw.Connection, after: int | None) -> tuple[int, int]:
        """The lowest and the highest id that there may be on this page."""
        # Each by itself: together they would be a look at every row.
        low = connection.execute("SELECT min(id) FROM items").get or 1
        high = connection.execute("SELECT max(id) FROM items").get or 0
        if after is None:
            return low, high
        return (max(low, after + 1), high) if self.oldest_first else (low, min(high, after - 1))

    def _width(self, everything: int) -> int:
        """How many ids to look at in one statement: all where an index leads to few rows."""
        selection = self.selection
        few = selection.states is not None and FEW.issuperset(selection.states)
        by_index = few or selection.ids is not None or bool(selection.serial_number)
        return max(1, everything if by_index else WINDOW)

    def _look(self, connection: apsw.Connection, window: tuple[int, int], limit: int) -> list[Item]:
        condition, values = where(self.selection)
        direction = "ASC" if self.oldest_first else "DESC"
        sql = (
            f"SELECT {rows.COLUMNS} FROM items WHERE id BETWEEN ? AND ?{condition}"  # noqa: S608
            f" ORDER BY id {direction} LIMIT ?"
        )
        return [rows.item(row) for row in connection.execute(sql, [*window, *values, limit])]
