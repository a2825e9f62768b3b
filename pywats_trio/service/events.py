"""The history as a stream: bounded, and resumable from any number of it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import trio

from pywats_trio.errors import StoreError
from pywats_trio.queue.store import Topic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pywats_trio.model import Event
    from pywats_trio.service.session import Session

PAGE: Final = 100
"""Events that are read at once, and held by each reader at most."""


class Events:
    """An asynchronous iterator over the history behind a number; it ends when the service does.

    At the end of the history it waits for more. No generator: leaving an `async for` early needs no
    `aclosing`. A slow reader holds up nobody and grows nothing, for every page is read when it is
    wanted; what it has not read when the service ends, it finds by `since` at the next start.
    Cancellation passes through, and the next call goes on behind the last event that was given.
    One task at a time; any number of streams.

    Raises:
        StoreError: the history cannot be read.
    """

    def __init__(self, session: Session, since: int | None) -> None:
        """`since`: the number of the last event that was seen; None: only what is new."""
        self._session = session
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
            self._since = await self._session.desk.last_number()

    async def __anext__(self) -> Event:
        """The next event."""
        await trio.lowlevel.checkpoint()
        if not self._page:
            await self._turn()
        event = self._page.popleft()
        self._since = event.seq
        return event

    async def _turn(self) -> None:
        """The next page, which has something; at the end of the service there is none."""
        try:
            await self.start()
            while not self._page:
                over = self._session.over  # asked first: all that was written before is read
                ticket = self._session.store.bell(Topic.HISTORY).ticket()
                desk = self._session.desk
                self._page.extend(await desk.history(after=self._since or 0, limit=PAGE))
                if not self._page and over:
                    raise StopAsyncIteration
                if not self._page:
                    await ticket.wait()
        except StoreError:
            if not self._session.over:
                raise
            raise StopAsyncIteration from None  # the queue is closed
