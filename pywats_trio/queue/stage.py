"""Claim, work, outcome: the only such loop. Conversion and delivery are two instances of it."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol

import structlog
import trio

from pywats_trio.errors import StaleClaim, StoreError
from pywats_trio.model import Kind, Released
from pywats_trio.queue.shares import Shares
from pywats_trio.queue.store import Topic

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pywats_trio.model import Claim, Outcome
    from pywats_trio.queue.store import Store

log = structlog.get_logger("pywats_trio.queue")

COMMIT_RETRY_FIRST: Final = 0.1
COMMIT_RETRY_LAST: Final = 5.0
"""Seconds between tries to record an outcome that a full disk, say, keeps from being recorded."""
RELEASE_SECONDS: Final = 2.0
"""How long a cancelled hand may take to give its claim back."""
TOPICS: Final = {Kind.FILE: Topic.FILE, Kind.REPORT: Topic.REPORT}


class Gate(Protocol):
    """How much a stage may have in hand. A gate that changes rings the stage's bell."""

    def width(self) -> int:
        """How many claims may be in hand now; 0 = claim nothing."""
        ...

    def reopens_in(self) -> float:
        """Seconds until `width` may grow by itself; `math.inf` if only a ring tells."""
        ...


class Stage:
    """A part that claims items of one kind, has `work` done on each, and records the outcome.

    `work` returns an outcome for everything that can be expected. An exception from it is a crash
    of the part: its supervisor starts it again, and `run` first recovers what the crash left.

    Cancelling `run` cancels the work; each claim in hand is given back (`Released`) in one bounded
    commit. `drain` lets what is in hand finish instead.
    """

    def __init__(
        self,
        store: Store,
        kind: Kind,
        *,
        owner: str,
        gate: Gate,
        work: Callable[[Claim], Awaitable[Outcome]],
        shares: Callable[[], Shares] = Shares,
    ) -> None:
        """`shares`: what some lines get; whoever changes them rings the stage's bell."""
        self._store = store
        self._kind = kind
        self._owner = owner
        self._gate = gate
        self._work = work
        self._shares = shares
        self._bell = store.bell(TOPICS[kind])
        self._working = 0
        self._lines = Counter[str]()
        """How many of what is being worked on belongs to each line."""
        self._recording = 0
        self._uncommitted = 0
        self._draining = False
        self._paused = False

    @property
    def in_hand(self) -> int:
        """How many claims are being worked on or wait for their outcome's commit."""
        return self._working + self._recording

    def pause(self) -> None:
        """Claim no more until `resume`; what is in hand goes on."""
        self._paused = True

    def resume(self) -> None:
        """Claim again."""
        self._paused = False
        self._bell.ring()

    def drain(self) -> None:
        """Claim no more; `run` ends when what is in hand is finished."""
        self._draining = True
        self._bell.ring()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Work until drained or cancelled."""
        self._working = self._recording = self._uncommitted = 0
        self._lines.clear()
        await self._store.recover(self._owner)
        async with trio.open_nursery() as hands:
            task_status.started()
            while not self._draining:
                ticket = self._bell.ticket()
                try:
                    claims = await self._claim()
                except StoreError as error:
                    log.warning("cannot claim work", kind=self._kind, error=str(error))
                    await ticket.wait(COMMIT_RETRY_LAST)
                    continue
                for claim in claims:
                    self._working += 1
                    self._lines[claim.item.converter] += 1
                    hands.start_soon(self._handle, claim)
                if not claims:
                    await ticket.wait(self._longest_sleep())

    async def _claim(self) -> list[Claim]:
        room = self._room()
        if room <= 0:
            return []
        shares = self._shares().left(self._lines)
        return await self._store.claim(self._kind, room, self._owner, shares)

    def _room(self) -> int:
        if self._is_shut():
            return 0
        # What waits for its commit leaves its place to the next claim, so that the two share a
        # sync; but no more than once over, for a slow disk must slow the work.
        width = self._gate.width()
        return min(width - self._working, 2 * width - self.in_hand)

    def _is_shut(self) -> bool:
        """Whether nothing may be claimed before a ring.

        While an outcome cannot be committed nothing new is begun: it could not be recorded either,
        and would be done twice. The same where the disk is nearly full.
        """
        return bool(self._uncommitted) or self._paused or not self._store.claimable

    def _longest_sleep(self) -> float:
        """Until an item is due, the gate may open or shares change; a ring ends it sooner."""
        if self._is_shut():
            return math.inf
        if self._room() <= 0:
            return self._gate.reopens_in()
        due = self._store.next_due(self._kind)
        soonest = min(self._gate.reopens_in(), self._shares().change_in)
        return soonest if due is None else min(due, soonest)

    async def _handle(self, claim: Claim) -> None:
        try:
            outcome = await self._work(claim)
        except* trio.Cancelled:  # a group of them, if the work has a nursery of its own
            with trio.move_on_after(RELEASE_SECONDS, shield=True):
                await self._record(claim, Released())
            raise
        self._working -= 1
        self._lines[claim.item.converter] -= 1
        self._recording += 1
        self._bell.ring()
        # One turn of the loop, so that claim and outcome are handed in within the same one.
        await trio.lowlevel.cancel_shielded_checkpoint()
        await self._record(claim, outcome)
        if self._room() <= 0:
            self._bell.ring()
        self._recording -= 1

    async def _record(self, claim: Claim, outcome: Outcome) -> None:
        """Commit `outcome`, however long the disk stays full."""
        delay = COMMIT_RETRY_FIRST
        failed = False
        while True:
            ticket = self._store.bell(Topic.DISK).ticket()
            try:
                await self._store.finish(claim, outcome)
                break
            except StaleClaim as error:
                log.warning("an outcome came too late", item_id=claim.item.id, error=str(error))
                break
            except StoreError as error:
                if not failed:
                    failed = True
                    self._uncommitted += 1
                    log.error(  # noqa: TRY400 - the sentence says it all
                        "cannot record an outcome", item_id=claim.item.id, error=str(error)
                    )
                await ticket.wait(delay)
                delay = min(2 * delay, COMMIT_RETRY_LAST)
        if failed:
            self._uncommitted -= 1
            self._bell.ring()  # there is room again, however little is in hand
            log.info("outcomes are recorded again", item_id=claim.item.id)
