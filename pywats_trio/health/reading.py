"""What the HTTP side reads besides the board: the queue and its history, while there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pywats_trio.commands.host import Finished
    from pywats_trio.model import Event, Item


class Reading(Protocol):
    """Raises NotReady before the queue is open and after it is closed."""

    async def items(self, *, after: int = 0, limit: int = 100) -> list[Item]:
        """A page of items by id."""
        ...

    async def item(self, item_id: int) -> Finished:
        """One item and its reports. NotFoundError: there is none."""
        ...

    def events(self, since: int | None = None) -> AsyncIterator[Event]:
        """The history behind a number; without one, what is new."""
        ...
