"""Keeping house: what is old leaves the store, and the pages that it leaves go back to the disk.

All of it goes in small steps among the work of the others (see `pace.py`), and none of it is
urgent: what could not be done now is done the next time.
"""

from __future__ import annotations

import math
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog
import trio
from attrs import define

from pywats_trio.errors import StoreError
from pywats_trio.queue import failed
from pywats_trio.queue.aged import START, Deadlines, Old
from pywats_trio.queue.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pywats_trio.config.options import QueueOptions
    from pywats_trio.model import Item
    from pywats_trio.queue.aged import Cursor, Pages
    from pywats_trio.queue.store import Desk, Store

log = structlog.get_logger("pywats_trio.queue")

LONGEST_SLEEP: Final = 60.0
SHORTEST_SLEEP: Final = 0.25
"""Seconds between two sweeps, however soon the next item is due."""
SLACK: Final = 0.01
"""Of a retention: what is due within so much of it is removed together."""
SHORTEST_ROUND: Final = 10.0
LONGEST_ROUND: Final = 3600.0
"""Seconds until items that had to stay are looked at again, between these by the retention."""
ROWS: Final = 200
"""That one step looks at, at most."""
WRITTEN: Final = 50
"""Failed items that are written to files, and then removed, together."""
PAGES: Final = 100
"""Of the file that one step gives back, at most: each has to be moved, which takes 35 µs."""
MUCH_FREE: Final = 0.25
FREE_PAGES: Final = 1_000
"""More than this share of the file, and more than so many pages, and free pages are given back."""
LITTLE_FREE: Final = 0.1
"""Of what is used: so much is left free, for what comes next will want it."""


@define
class Removed:
    """What a sweep has removed."""

    items: int = 0
    failed: int = 0
    """Of them: those that were written to files first."""
    events: int = 0
    imports: int = 0
    why: str = ""
    """Failed items that are due stayed, for they could not be read or written to files."""


class Keeper:
    """A part that keeps house.

    Args:
        store: the writing side of the queue.
        desk: its reading side.
        data_dir: failed items are written to its folder `failed` before they leave.
        options: gives `completed_retention` and `failed_retention` in effect.
        clock: the wall clock, seconds since the epoch.
    """

    def __init__(
        self,
        store: Store,
        desk: Desk,
        data_dir: Path,
        options: Callable[[], QueueOptions],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._desk = desk
        self.folder = data_dir / failed.FOLDER
        """Where failed items are written to."""
        self.busy_seconds = 0.0
        """Of the writer's time that steps took so far, but for those that remove failed items."""
        self._options = options
        self._clock = clock
        self._rows = Pace(ROWS)
        self._written = Pace(WRITTEN)
        self._pages = Pace(PAGES)
        self._now = self._next_due = -math.inf
        """When the last sweep began, and when the next one will find something."""
        self._round_until = -math.inf
        self._after: dict[Old, Cursor] = {}
        """How far this round has come: what had to stay is not looked at again until the next."""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Sweep whenever something is due, until cancelled."""
        await trio.to_thread.run_sync(failed.tidy, self.folder, abandon_on_cancel=True)
        task_status.started()
        while True:
            try:
                self._tell(await self.sweep())
                await self.give_back()
            except StoreError as error:
                log.warning("what is old cannot be removed", error=str(error))
                await trio.sleep(LONGEST_SLEEP)
            else:
                await trio.sleep(self.sleep_seconds())

    def sleep_seconds(self) -> float:
        """Until something can be due: `SHORTEST_SLEEP` to `LONGEST_SLEEP`."""
        options = self._options()
        slack = SLACK * min(options.completed_retention, options.failed_retention)
        wanted = max(self._next_due - self._clock(), slack, SHORTEST_SLEEP)
        return min(wanted, LONGEST_SLEEP)

    def _tell(self, removed: Removed) -> None:
        if removed.failed:
            log.info("failed items expired", count=removed.failed, written_to=str(self.folder))
        if removed.why:
            log.warning("failed items cannot be written to files, so they stay", why=removed.why)
        if removed.items or removed.events:
            log.debug("old items removed", count=removed.items, events=removed.events)

    # What is old

    async def sweep(self) -> Removed:
        """Remove all that is old now.

        Cancelled, it has removed a part; so it has if it raises.

        Raises:
            StoreError: the database cannot be read or written.
        """
        now, options = self._clock(), self._options()
        due = Deadlines(now - options.completed_retention, now - options.failed_retention)
        self._begin(now, due)
        removed = Removed()
        removed.items = await self._expire(Old.COMPLETED, due)
        await self._dismiss(due, removed)
        removed.events = await self._expire(Old.EVENTS, due)
        removed.imports = await self._expire(Old.IMPORTS, due)
        return removed

    def _begin(self, now: float, due: Deadlines) -> None:
        """What is finished from now on is due a retention later at the soonest."""
        self._now = now
        self._next_due = now + min(now - due.completed, now - due.failed)
        if not self._round_until - LONGEST_ROUND <= now < self._round_until:
            length = max(SHORTEST_ROUND, min(now - due.completed, LONGEST_ROUND))
            self._round_until = now + length
            self._after = dict.fromkeys(Old, START)

    def _expect(self, at: float | None, deadline: float) -> None:
        """What was finished `at` that time is the next to be due."""
        if at is not None:
            self._next_due = min(self._next_due, self._now + (at - deadline))

    async def _expire(self, what: Old, due: Deadlines) -> int:
        first = await self._desk.oldest(what, after=self._after[what])
        if first is None or due.of(what) < first <= self._now:
            self._expect(first, due.of(what))  # as nearly always: no transaction for nothing
            return 0
        removed = 0
        while True:
            size = self._rows.begin()
            swept = await self._store.expire(what, due, after=self._after[what], limit=size)
            self._after[what] = swept.after
            self.busy_seconds += swept.seconds
            removed += swept.removed
            if not swept.more:
                self._expect(swept.following, due.of(what))
                return removed
            await self._rows.rest(swept.seconds)

    async def _dismiss(self, due: Deadlines, removed: Removed) -> None:
        """Failed items become files, and then leave."""
        after, page = START, []
        while True:
            self._written.begin()
            page = await self._desk.expiring(after=after, limit=WRITTEN)
            old = [item for item in page if _finished(item) <= due.failed]
            try:
                written = await self._write(old, removed)
            except OSError as error:
                removed.why = f"{self.folder}: {error.strerror or error}"
                return
            if written:
                removed.items += await self._store.dismiss(written, due, str(self.folder))
                removed.failed += len(written)
            if len(old) < WRITTEN:
                break
            after = (_finished(old[-1]), old[-1].id)
            await self._written.rest(0.0)
        if len(page) > len(old):
            self._expect(_finished(page[len(old)]), due.failed)

    async def _write(self, items: list[Item], removed: Removed) -> list[int]:
        """Write them to files; the ids of those that are durable there."""
        written = []
        for item in items:
            try:
                payload = await self._desk.payload(item.id)
                history = await self._desk.history_of(item.id)
            except StoreError as error:
                removed.why = f"item {item.id}: {error}"
                continue
            write = partial(failed.write, self.folder, item, payload, history)
            await trio.to_thread.run_sync(write, abandon_on_cancel=True)
            written.append(item.id)
        if written:
            await trio.to_thread.run_sync(failed.sync, self.folder, abandon_on_cancel=True)
        return written

    # What is free

    async def give_back(self, *, everything: bool = False) -> None:
        """Give free pages back to the disk if they are much of the file, or all of them.

        Cancelled, it has given back a part.

        Raises:
            StoreError: the database cannot be read or written.
        """
        pages = await self._desk.pages()
        wanted = pages.free if everything else _too_many(pages)
        while wanted > 0:
            size = min(self._pages.begin(), wanted)
            given = await self._store.compact(size)
            self.busy_seconds += given.seconds
            wanted = min(wanted - size, given.left)
            if wanted:
                await self._pages.rest(given.seconds)


def _too_many(pages: Pages) -> int:
    """How many of the free pages to give back; 0 where they are not much of the file."""
    if pages.free <= FREE_PAGES or pages.free <= MUCH_FREE * pages.total:
        return 0
    return pages.free - int(LITTLE_FREE * (pages.total - pages.free))


def _finished(item: Item) -> float:
    return item.finished_at or 0.0
