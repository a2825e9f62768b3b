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

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import trio

    from pywats_trio.bell import Bell
    from pywats_trio.model import (
        Claim,
        Counts,
        Envelope,
        Event,
        Failed,
        Identity,
        Item,
        Kind,
        Outcome,
        Reason,
        State,
        Wait,
    )


class Topic(StrEnum):
    """What a bell of the store is rung for."""

    FILE = "file"
    """A file item became PENDING or has a new `due_at`."""
    REPORT = "report"
    """A report item became PENDING or has a new `due_at`."""
    PUTAWAY = "putaway"
    """A finished file item has to leave its watch folder."""
    ROOM = "room"
    """An item was finished, so there is more room under `queue.max_items`."""
    HISTORY = "history"
    """The history has a new row."""


@frozen
class Selection:
    """Which items `change` is about; every field that is not None must match."""

    ids: tuple[int, ...] | None = None
    """Empty: none of them, so that an empty list does not come to mean all."""
    kind: Kind | None = None
    state: State | None = None
    reason: Reason | None = None


@frozen
class Resume:
    """SUSPENDED items become PENDING at once: what they waited for has ended."""


@frozen
class Charge:
    """A SUSPENDED item gets `outcome` after all: the failure was its own (contract 1.6)."""

    outcome: Wait | Failed


@frozen
class PutAway:
    """What became of a source file: `path` is where it lies now, empty if it is gone."""

    item_id: int
    path: str
    message: str = ""


class Store(Protocol):
    """The writing side. All times it stores come from one injected wall clock."""

    async def put(self, envelopes: Sequence[Envelope]) -> list[int | None]:
        """Accept items; their ids in the same order, all in one transaction.

        None stands for a file that is already in `seen` with the same identity: it was accepted
        before and is not accepted twice.
        """
        ...

    async def claim(self, kind: Kind, limit: int, owner: str) -> list[Claim]:
        """Up to `limit` items that are PENDING or due, by priority, then in the order they came."""
        ...

    async def finish(self, claim: Claim, outcome: Outcome) -> State:
        """Record what became of a claim and return the state it led to.

        Raises:
            StaleClaim: the claim was recovered in the meantime; nothing was changed.
            StoreError: the commit failed (a full disk, say); nothing was changed, try again.
        """
        ...

    async def change(self, selection: Selection, action: Resume | Charge, who: str) -> int:
        """Apply `action` to the selected items; the number that changed."""
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

    def ended(self, item_id: int) -> trio.Event:
        """Set once the item is finished, if it is not yet: look at the desk after asking for it."""
        ...

    async def recover(self, owner: str | None = None) -> int:
        """PROCESSING items of `owner` (None: of anybody) go back to PENDING; how many."""
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
        """A page of items by id."""
        ...

    async def children(self, item_id: int) -> list[Item]:
        """The reports of a file, in the order in which they stand in it."""
        ...

    async def paths_seen_below(self, folder: str) -> set[str]:
        """The paths in `seen` that lie below `folder`."""
        ...

    async def waiting_since(self, kind: Kind) -> float | None:
        """When the oldest PENDING item of `kind` came (epoch seconds); None if there is none."""
        ...

    async def history(self, *, after: int = 0, limit: int = 100) -> list[Event]:
        """The rows of the history behind number `after`, oldest first."""
        ...

    async def last_number(self) -> int:
        """The number of the newest row of the history; 0 if there never was one."""
        ...
