"""Folders of units that the service may not move or delete: told of once, by the first of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pywats_trio.intake.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from pywats_trio.intake.unitmoves import NotOurs
    from pywats_trio.observe.board import Board

TO_DO: Final = (
    "give that folder to the user of the service (chown -R), or give that user the right to write "
    "into it: without it nobody can move or delete a folder"
)


class Denied:
    """One stands for all, until it is put away: a thousand of them are one line of the log."""

    def __init__(self, fields: Mapping[str, Any], board: Board) -> None:
        """`fields` and `board` as of a `Trouble`."""
        self._trouble = Trouble("a unit folder cannot be put away", fields=fields, board=board)
        self._item_id: int | None = None

    def begins(self, item_id: int, error: NotOurs) -> None:
        """A folder of this item is denied."""
        if self._item_id in (None, item_id):
            self._item_id = item_id
            self._trouble.begins(error, TO_DO, where=str(error.filename))

    def keep(self, waiting: Container[int]) -> None:
        """Only these items are still to be put away."""
        if self._item_id is not None and self._item_id not in waiting:
            self.ends(self._item_id)

    def ends(self, item_id: int) -> None:
        """This item was put away; the next one that is denied is told of then."""
        if self._item_id == item_id:
            self._item_id = None
            self._trouble.ends()
