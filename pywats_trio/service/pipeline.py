"""The parts of the service, wired in the order of a file's path. Read this first.

Each method below holds one nursery and calls the next one inside it, so the nesting is the order of
stopping: what is opened first stops last. Draining belongs to `stop`; a caller that cancels gets a
prompt stop, which the store makes safe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
import trio
from attrs import define, field

from pywats_trio.errors import NotReady
from pywats_trio.service.parts import Floors, Parts, Wanted

if TYPE_CHECKING:
    from pywats_trio.config.options import Config
    from pywats_trio.service.drain import Grace, Stop

log = structlog.get_logger("pywats_trio.service")

SETTLE_SECONDS: Final = 1.0
"""How long somebody who is cancelled in the middle of a change waits for it to be over."""


@define(eq=False)
class _Change:
    """Another configuration, on its way to the nurseries that its parts will live in."""

    wanted: Wanted
    getting_ready: trio.CancelScope = field(factory=trio.CancelScope)
    done: trio.Event = field(factory=trio.Event)
    error: Exception | None = None


class Pipeline:
    """Watch folder, file items, conversion, report items, delivery; and the sources put away."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._changes, self._asked = trio.open_memory_channel[_Change](0)
        self._phase = ""

    async def run(
        self, stop: Stop, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Deliver, and inside that all the rest, until `stop` is asked for and the drain is over.

        Raises:
            PartKeepsFailing: a part used up its restart budget.
        """
        async with trio.open_nursery() as delivering:
            await self.parts.open_delivery(delivering)
            grace = await self._put_away(delivering, stop, task_status)
            self.parts.pump.drain()
            self._drain("deliveries", delivering, grace, grace.deliver_until())

    async def _put_away(
        self, delivering: trio.Nursery, stop: Stop, task_status: trio.TaskStatus[None]
    ) -> Grace:
        """Move what is converted, until the last conversion is over and its file is away."""
        async with trio.open_nursery() as putting_away:
            await self.parts.open_putaways(putting_away)
            grace = await self._convert(delivering, putting_away, stop, task_status)
            self.parts.lines.drain()
            self._drain("files to be put away", putting_away, grace, grace.convert_until())
        return grace

    async def _convert(
        self,
        delivering: trio.Nursery,
        putting_away: trio.Nursery,
        stop: Stop,
        task_status: trio.TaskStatus[None],
    ) -> Grace:
        async with trio.open_nursery() as converting:
            await self.parts.open_conversion(converting)
            async with trio.open_nursery() as taking_in:
                floors = Floors(delivering, putting_away, converting, taking_in)
                grace = await self._take_in(floors, stop, task_status)
            self.parts.conversion.drain()
            self._drain("conversions", converting, grace, grace.convert_until())
        return grace

    async def _take_in(
        self, floors: Floors, stop: Stop, task_status: trio.TaskStatus[None]
    ) -> Grace:
        """Watch the folders until `stop`; files that were not taken stay where they lie."""
        await self.parts.open_intakes(floors.taking_in)
        async with self._asked, trio.open_nursery() as changing:
            changing.start_soon(self._change, floors)
            task_status.started()
            grace = await stop.wait()
            changing.cancel_scope.cancel()
        self._phase = "intake"
        log.info("draining", waiting_for="intake")
        floors.taking_in.cancel_scope.cancel()
        return grace

    def _drain(self, what: str, nursery: trio.Nursery, grace: Grace, until: float) -> None:
        """The last thing in a nursery's block: what is left in it may finish until then."""
        self._phase = what
        seconds = round(until - trio.current_time(), 3)
        log.info("draining", waiting_for=", ".join(self.waiting_for()), seconds=seconds)
        grace.limit(nursery.cancel_scope, until)

    def waiting_for(self) -> tuple[str, ...]:
        """What a drain waits for at this moment; empty while there is none."""
        counted = {"conversions": self.parts.converting, "deliveries": self.parts.delivering}
        if self._phase in counted:
            return (f"{counted[self._phase]()} {self._phase}",)
        return (self._phase,) if self._phase else ()

    # Changing the configuration

    async def change(self, config: Config) -> None:
        """Work by `config` from now on. As `change_to`."""
        await self.change_to(Wanted(config, self.parts.disabled))

    async def change_to(self, wanted: Wanted) -> None:
        """Work by `wanted` from now on.

        Cancelled before the new parts are ready, nothing is changed; after that, all of it is.

        Raises:
            ReloadFailed: the new parts did not become ready; the former ones go on.
            NotReady: the service is stopping.
        """
        change = _Change(wanted)
        try:
            await self._changes.send(change)
        except trio.BrokenResourceError:
            raise NotReady(_STOPPING) from None
        try:
            await change.done.wait()
        except trio.Cancelled:
            change.getting_ready.cancel()
            with trio.move_on_after(SETTLE_SECONDS, shield=True):
                await change.done.wait()
            raise
        if change.error is not None:
            raise change.error

    async def _change(self, floors: Floors) -> None:
        """Change the parts whenever somebody asks, one change after the other."""
        async for change in self._asked:
            change.error = NotReady(_STOPPING)  # what is true if this is cut off
            try:
                with change.getting_ready:
                    ready = await self.parts.get_ready(change.wanted, floors)
                if not change.getting_ready.cancelled_caught:
                    await self.parts.switch(ready, floors)
                change.error = None
            except Exception as error:  # noqa: BLE001 - it is raised where the change was asked for
                change.error = error
            finally:
                change.done.set()


_STOPPING: Final = "the service is stopping; change its configuration and start it again"
