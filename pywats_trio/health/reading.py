"""What the HTTP side reads besides the board: the queue and its history, while there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pywats_trio.commands.host import QueueHost

if TYPE_CHECKING:
    from pywats_trio.model import Event


class EventStream(Protocol):
    """The history, event by event; it waits for more at its end, and ends with the service.

    Cancellation passes through, and the next call goes on where the last event was given.
    Raises StoreError when the history cannot be read.
    """

    async def start(self) -> None:
        """Fix where a stream of new events begins; else the first call of `__anext__` does."""
        ...

    async def __anext__(self) -> Event:
        """The next event."""
        ...


class Reading(QueueHost, Protocol):
    """Raises NotReady before the queue is open and after it is closed."""

    def events(self, since: int | None = None) -> EventStream:
        """The history behind a number; without one, what is new."""
        ...
