"""The store's Protocol: the only hand-over between the parts of the service.

No part gives work to another in memory. It commits a row and the store rings a bell; whoever waits
for such rows looks. That one rule gives crash recovery, back-pressure and the restart of a single
part.

On cancellation, every verb that writes waits for its commit all the same (one commit, bounded), so
its outcome is known; `claim` gives rows back before `Cancelled` goes on.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

from pywats_trio.queue.aged import START
from pywats_trio.queue.shares import ALL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    import trio

    from pywats_trio.bell import Bell
    from pywats_trio.model import (
        Claim,
        Counts,
        Envelope,
        Event,
        Identity,
        Item,
        Kind,
        Outcome,
        State,
    )
    from pywats_trio.queue.actions import Action
    from pywats_trio.queue.aged import Cursor, Deadlines, Given, Old, Pages, Swept
    from pywats_trio.queue.selection import Selection
    from pywats_trio.queue.shares import Shares
    from pywats_trio.queue.trace import Traced, Wanted


class Topic(StrEnum):
    """What a bell of the store is rung for."""

    FILE = "file"
    """A file item became PENDING or has a new `due_at`."""
    REPORT = "report"
    """A report item became PENDING or has a new `due_at`."""
    PUTAWAY = "putaway"
    """A finished file item has to leave its watch folder."""
    ROOM = "room"
    """An item was finished, or a mark is not reached any more: there may be room for new ones."""
    HISTORY = "history"
    """The history has a new row."""
    REFUSED = "refused"
    """A transaction could not be committed."""
    DISK = "disk"
    """The disk may have more room than before: what could not be committed is worth a try."""


@frozen
class PutAway:
    """What became of a source file: `path` is where it lies now, empty if it is gone."""

    item_id: int
    path: str
    message: str = ""


@frozen
class Page:
    """Some items of a listing."""

    items: tuple[Item, ...]
    next: int | None
    """Where the next page begins; None at the end."""


@frozen
class Peek:
    """A look at a stored payload."""

    head: bytes
    """Its beginning."""
    size: int
    """Bytes, of the whole of it."""
    sha256: str
    """Hex, of the whole of it as it can be read now."""


class Store(Protocol):
    """The writing side. All times it stores come from one injected wall clock."""

    claimable: bool
    """Whether stages may claim: not while the disk is so full that what comes of it might not be
    committed. Whoever watches the disk sets it, and rings for both kinds when it is true again."""
    starved: bool
    """Whether a commit failed for want of room; whoever watches the disk takes it back."""

    async def put(self, envelopes: Sequence[Envelope]) -> list[int | None]:
        """Accept items; their ids in the same order, all in one transaction.

        None stands for a file that is already in `seen` with the same identity: it was accepted
        before and is not accepted twice.
        """
        ...

    async def claim(self, kind: Kind, limit: int, owner: str, shares: Shares = ALL) -> list[Claim]:
        """Up to `limit` items that are PENDING or due, in the order in which they are to be done.

        By priority, then in the order they came; in turn between converters of one priority. Of
        some converters no more than their `shares`.
        """
        ...

    async def finish(self, claim: Claim, outcome: Outcome) -> State:
        """Record what became of a claim and return the state it led to.

        Raises:
            StaleClaim: the claim was recovered in the meantime; nothing was changed.
            StoreError: the commit failed (a full disk, say); nothing was changed, try again.
        """
        ...

    async def change(self, selection: Selection, action: Action, who: str) -> int:
        """Apply `action` to those of the selected items that it is about; the number that changed.

        Many are changed a few hundred at a time, so that no commit waits long; a `StoreError` may
        leave some changed and others not. A FILE that has yet to leave its folder is passed over.
        Without `ids` only `Resume` and `Reopen` are meant for many: whoever wants to change by a
        filter looks at the desk for the ids.
        """
        ...

    async def put_away(self, results: Sequence[PutAway]) -> None:
        """Record that source files have left their folders."""
        ...

    async def forget(self, paths: Iterable[str]) -> None:
        """Drop paths from `seen`: the files are gone, the same name is a new file from now on."""
        ...

    async def note(self, event: str, detail: Mapping[str, object]) -> None:
        """Add an event that belongs to no item to the history."""
        ...

    async def remember(self, key: str, value: str) -> None:
        """Keep a setting of the service over restarts."""
        ...

    def remembered(self, key: str) -> str:
        """A setting that was kept, from memory; empty if it never was."""
        ...

    def set_retry_share(self, share: float) -> None:
        """Retries allowed for each first attempt from now on, as `retry.budget` says."""
        ...

    def clock_shift(self) -> float:
        """Seconds that the wall clock is ahead now of the clock that waits are told by: its setting
        forward and back, all together; from memory.
        """
        ...

    def ended(self, item_id: int) -> trio.Event:
        """Set once the item is finished, if it is not yet: look at the desk after asking for it."""
        ...

    async def recover(self, owner: str | None = None) -> int:
        """PROCESSING items of `owner` (None: of anybody) go back to PENDING; how many."""
        ...

    async def expire(
        self, what: Old, due: Deadlines, *, after: Cursor = START, limit: int = 100
    ) -> Swept:
        """Look at the next `limit` rows of what may be old, and remove what is.

        The time of an item is that of its end; of an event and an import, when it was written.

        An item stays while its file has yet to leave the watch folder, and a file while any of its
        reports is here; it leaves with the last of them. What `seen` knows stays.
        """
        ...

    async def dismiss(self, ids: Sequence[int], due: Deadlines, where: str) -> int:
        """Remove those that are FAILED or QUARANTINED and old; how many, files that leave with
        their last report included.

        Whoever asks has written them to files in `where`, of which an event of the service tells.
        """
        ...

    async def compact(self, pages: int) -> Given:
        """Give up to `pages` (1 or more) of the file's free pages back to the disk.

        The file itself shrinks at the next checkpoint.
        """
        ...

    def next_due(self, kind: Kind) -> float | None:
        """Seconds until the next SUSPENDED item of `kind` is due (0 or less: now); from memory."""
        ...

    def counts(self) -> Counts:
        """How many items stand where, from memory, as of the last commit."""
        ...

    def bell(self, topic: Topic) -> Bell:
        """The bell that is rung after a commit that concerns `topic`."""
        ...

    def doubt(self, what: str, file: tuple[int, int] | None = None) -> None:
        """The database is damaged, says `what`: it is to be set aside and salvaged.

        At once, where the store is kept running; else at the next start. `file`: which one, by
        device and inode; one that was set aside already is no news.
        """
        ...

    async def damage_seen(self) -> None:
        """An operator has seen to a damage that was found: it is told no more."""
        ...

    def long_reading(self) -> AbstractAsyncContextManager[None]:
        """For whoever reads one snapshot for long: inside the block no commit clears up after it.

        What gathers in the log meanwhile is taken back by the one who reads, before the block ends;
        a commit that had to do it would take long.
        """
        ...

    async def close(self) -> None:
        """Finish what was handed in, checkpoint and close the database; bounded."""
        ...


class Desk(Protocol):
    """The reading side, on a connection of its own: it never stands in a commit's queue."""

    async def seen(self, converter: str) -> dict[str, Identity]:
        """Accepted files of `converter` that still lie in its folder, path to identity."""
        ...

    async def to_put_away(self, converter: str, limit: int) -> list[Item]:
        """Finished file items whose source still has to leave the watch folder, oldest first."""
        ...

    async def item(self, item_id: int) -> Item | None:
        """One item."""
        ...

    async def items(self, *, after: int = 0, limit: int = 100) -> list[Item]:
        """A page of all items, the oldest first."""
        ...

    async def find(
        self,
        selection: Selection,
        *,
        after: int | None = None,
        limit: int = 100,
        oldest_first: bool = False,
    ) -> Page:
        """A page of the selected items, the newest first.

        `after`: the `next` of the page before. A search through many rows ends after a moment, so
        a page may hold fewer than `limit`, or none, while its `next` says that there may be more.
        """
        ...

    async def payload(self, item_id: int) -> bytes | None:
        """The report as it will be sent; None if it is not stored (any more)."""
        ...

    async def peek(self, item_id: int, length: int) -> Peek | None:
        """The first `length` bytes of the payload, and what all of it comes to; None if there is
        none. Never more than a piece of it is in memory.
        """
        ...

    async def trace(self, wanted: Wanted, limit: int) -> Traced:
        """The units that `wanted` may mean, at most `limit` of them, each with its whole life."""
        ...

    async def exported(self, ids: Sequence[int]) -> dict[int, str]:
        """Of those of `ids` that were ever exported, by id, the name that they have in exports."""
        ...

    async def imported(self, origins: Sequence[str]) -> dict[str, int]:
        """Of those of `origins` that were imported, the item that each became."""
        ...

    async def imports(
        self, *, export: str = "", after: str = "", limit: int = 100
    ) -> list[tuple[str, int]]:
        """What was imported under names of this export (empty: under any), and the item it became.

        In the order of the names, those behind `after`.
        """
        ...

    async def children(self, item_id: int) -> list[Item]:
        """The reports of a file, in the order in which they stand in it."""
        ...

    async def paths_seen_below(self, folder: str) -> set[str]:
        """The paths in `seen` that lie below `folder`."""
        ...

    async def expiring(self, *, after: Cursor = START, limit: int = 100) -> list[Item]:
        """FAILED and QUARANTINED items that nothing keeps here, the first to be finished first."""
        ...

    async def oldest(self, what: Old, *, after: Cursor = START) -> float | None:
        """The time of the first row behind `after` of what leaves by itself; None: there is none.

        Seconds since the epoch; `Store.expire` tells what the time of an item or an event is.
        """
        ...

    async def pages(self) -> Pages:
        """How large the store's file is, and how much of it is free."""
        ...

    async def files_by_converter(self) -> dict[str, dict[State, int]]:
        """How many files of each converter stand where; states that none is in are left out."""
        ...

    async def waiting_since(self, kind: Kind) -> float | None:
        """When the oldest PENDING item of `kind` came (epoch seconds); None if there is none."""
        ...

    async def history_of(self, item_id: int, *, newest: int | None = None) -> list[Event]:
        """The life of one item, oldest first: at most `queue.history_per_item` rows.

        With `newest`, only so many of the latest.
        """
        ...

    async def history(self, *, after: int = 0, limit: int = 100) -> list[Event]:
        """The rows of the history behind number `after`, oldest first."""
        ...

    async def last_number(self) -> int:
        """The number of the newest row of the history; 0 if there never was one."""
        ...
