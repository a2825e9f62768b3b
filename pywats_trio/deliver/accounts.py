"""What the breaker found out, written into the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
import trio
from attrs import evolve

from pywats_trio.errors import StoreError
from pywats_trio.model import Kind, Reason, State
from pywats_trio.queue.actions import Charge, Resume
from pywats_trio.queue.retry import after_failure
from pywats_trio.queue.selection import Selection

if TYPE_CHECKING:
    from random import Random

    from pywats_trio.bell import Bell
    from pywats_trio.config.options import RetryOptions
    from pywats_trio.deliver.breaker import Breaker, Suspect
    from pywats_trio.queue.store import Store

log = structlog.get_logger("pywats_trio.deliver")

WHO: Final = "deliver"
RETRY_SECONDS: Final = 1.0
"""Between tries to write while the store cannot (a full disk, say)."""
WAITING: Final = Selection(kind=Kind.REPORT, states=(State.SUSPENDED,), reason=Reason.SERVER)
"""Reports that wait for the server."""


class Accounts:
    """Charges suspects and wakes what waited, apart from the deliveries that brought it about.

    A delivery must not wait for this: if the charge failed, its own outcome would be lost.
    """

    def __init__(
        self, store: Store, breaker: Breaker, changes: Bell, retry: RetryOptions, random: Random
    ) -> None:
        """`changes` is rung when the breaker may have something to write."""
        self._store = store
        self._breaker = breaker
        self._changes = changes
        self._retry = retry
        self._random = random

    async def run(self) -> None:
        """Until cancelled. What is not written by then is harmless: a report is tried once more."""
        while True:
            ticket = self._changes.ticket()
            for suspect in self._breaker.take_charges():
                await self._charge(suspect)
            if self._breaker.take_resume():
                await self._change(WAITING, Resume())
            await ticket.wait()

    async def _charge(self, suspect: Suspect) -> None:
        item = suspect.claim.item
        outcome = after_failure(item, suspect.problem, self._retry, self._random)
        # If it does not wait any more an operator was faster, and the attempt is not counted.
        if await self._change(evolve(WAITING, ids=(item.id,)), Charge(outcome)):
            log.warning(
                "the server fails on this report",
                correlation_id=item.correlation_id,
                item_id=item.id,
                converter=item.converter,
                report_id=item.report_id,
                error=suspect.problem.message,
                attempts=item.attempts + 1,
            )

    async def _change(self, selection: Selection, action: Resume | Charge) -> int:
        while True:
            try:
                return await self._store.change(selection, action, WHO)
            except StoreError as error:
                log.warning("cannot change what waits for the server", error=str(error))
                await trio.sleep(RETRY_SECONDS)
