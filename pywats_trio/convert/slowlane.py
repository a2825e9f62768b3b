"""Files whose conversion was cut short: one at a time gets all the time that it may take.

It gets a fifth of the time of all places while other files are converted, and what it wants while
none are. So files that hang do not keep the others waiting, and one that just takes long is not
tried in vain for ever.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import structlog
import trio

from pywats_trio.errors import StoreError
from pywats_trio.model import Kind, Problem, Reason, State, Wait
from pywats_trio.queue.actions import Resume
from pywats_trio.queue.selection import Selection

if TYPE_CHECKING:
    from pywats_trio.convert.slices import Slices
    from pywats_trio.model import Item
    from pywats_trio.queue.store import Desk, Store

log = structlog.get_logger("pywats_trio.convert")

WHO: Final = "convert"
SHARE: Final = 0.2
"""Of the time of all places."""
QUIET: Final = 0.5
"""Seconds without a conversion after which nobody is taken to wait."""
LATEST: Final = 300.0
"""Seconds after which a file is tried again if nobody let it in: its lane may have been stopped."""
SPARE: Final = 30.0
"""Seconds in which one that is let in has to begin: its converter may be paused meanwhile."""
RETRY_SECONDS: Final = 1.0
"""Between tries to write while the store cannot (a full disk, say)."""
_KIND: Final = "cut-short"
WAITING: Final = Selection(kind=Kind.FILE, states=(State.SUSPENDED,), error_class=_KIND)
"""What the queue has of them."""
_MESSAGE: Final = "its conversion took long while others waited, and was cut short"
_HINT: Final = "It is converted with all the time that it may take; that it waits costs no attempt."


class SlowLane:
    """Remembers the files in memory; those of a former lane it finds in the queue.

    `places`: worker processes at most. `deadline`: seconds that a conversion may take.
    """

    def __init__(self, slices: Slices, places: int, deadline: float) -> None:
        self._slices = slices
        self._places = places
        self._deadline = deadline
        self._waiting: dict[int, None] = {}
        """The ids of files, first come first served."""
        self._some = trio.Event()
        self._current: int | None = None
        self._left = trio.Event()
        self._next = -math.inf
        """By Trio's clock: when the next one may be let in while others are converted."""

    def join(self, item: Item) -> Wait:
        """It was cut short: what becomes of it until it is let in."""
        self._waiting.setdefault(item.id)
        self._some.set()
        return Wait(LATEST, Reason.RETRY, Problem(_KIND, _MESSAGE, _HINT))

    def is_let_in(self, item: Item) -> bool:
        """Whether it may take all its time now, whoever waits."""
        return item.id == self._current

    def leave(self, item: Item) -> None:
        """The file is out of hand, whatever came of it; to be called for each one."""
        if self.is_let_in(item):
            self._left.set()

    async def run(self, store: Store, desk: Desk) -> None:
        """Let them in one after the other, until cancelled; first those that wait already."""
        await self._recall(desk)
        while True:
            await self._some.wait()
            with trio.move_on_at(self._next):
                await self._slices.quiet(QUIET)
            await self._let_in(next(iter(self._waiting)), store)
            if not self._waiting:
                self._some = trio.Event()

    async def _recall(self, desk: Desk) -> None:
        """Those that a former lane left wait here now, the oldest first."""
        after: int | None = None
        while True:
            try:
                page = await desk.find(WAITING, after=after, oldest_first=True)
            except StoreError as error:
                log.warning("cannot read what was cut short", error=str(error))
                await trio.sleep(RETRY_SECONDS)
                continue
            for item in page.items:
                self.join(item)
            if (after := page.next) is None:
                return

    async def _let_in(self, item_id: int, store: Store) -> None:
        begun = trio.current_time()
        self._current, self._left = item_id, trio.Event()
        try:
            if await store.change(Selection(ids=(item_id,)), Resume(), WHO):
                with trio.move_on_after(self._deadline + SPARE):
                    await self._left.wait()
        except StoreError as error:
            log.warning("cannot resume what was cut short", error=str(error))
            await trio.sleep(RETRY_SECONDS)
            return
        finally:
            self._current = None
        del self._waiting[item_id]
        self._next = begun + (trio.current_time() - begun) / (SHARE * self._places)
