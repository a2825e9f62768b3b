"""The history as a stream: bounded, and resumable from any number of it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from pywats_trio.queue.store import Topic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pywats_trio.model import Event
    from pywats_trio.queue.store import Desk, Store

PAGE: Final = 100
"""Events that are read at once, and held by each reader at most."""


class Events:
    """An asynchronous iterator over the history behind a number; waits at its end, for ever.

    No generator: leaving an `async for` early needs no `aclosing`. A slow reader holds up nobody
    and grows nothing, for every page is read when it is wanted. Cancellation passes through, and
    the next call goes on where the last event was given.

    Raises:
        StoreError: the history cannot be read.
    """

    def __init__(self, store: Store, desk: Desk, since: int | None) -> None:
        """`since`: the number of the last event that was seen; None: only what is new."""
        self._store = store
        self._desk = desk
        self._since = since
        self._page: deque[Event] = deque()

    @property
    def since(self) -> int | None:
        """The number to go on from later; None before the first call of a stream of new events."""
        return self._since

    def __aiter__(self) -> AsyncIterator[Event]:
        """Itself."""
        return self

    async def start(self) -> None:
        """Fix where a stream of new events begins; else the first call does."""
        if self._since is None:
            self._since = await self._desk.last_number()

    async def __anext__(self) -> Event:
        """The next event."""
        await self.start()
        while not self._page:
            ticket = self._store.bell(Topic.HISTORY).ticket()
            self._page.extend(await self._desk.history(after=self._since or 0, limit=PAGE))
            if not self._page:
                await ticket.wait()
        event = self._page.popleft()
        self._since = event.seq
        return event
