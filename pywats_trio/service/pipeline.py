"""The parts of the service, wired in the order of a file's path. Read this first.

Each method below holds one nursery and calls the next one inside it, so the nesting is the order of
stopping: what is opened first stops last. Draining belongs to `stop`; a caller that cancels gets a
prompt stop, which the store makes safe.
"""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

import structlog
import trio

from pywats_trio.convert.conversion import Conversion
from pywats_trio.deliver.pump import Pump
from pywats_trio.errors import ConfigError
from pywats_trio.intake.putaway import Putaway
from pywats_trio.intake.room import Room
from pywats_trio.intake.watch import Watch
from pywats_trio.service.drain import Grace
from pywats_trio.service.supervise import supervise

if TYPE_CHECKING:
    from pywats_trio.config.options import Config, ConverterOptions
    from pywats_trio.queue.store import Desk, Store
    from pywats_trio.service.supervise import Run

log = structlog.get_logger("pywats_trio.service")

ASK_AGAIN_SECONDS: Final = 30.0
"""Before a converter that could not say which files it takes is asked again."""


class Pipeline:
    """Watch folder, file items, conversion, report items, delivery; and the sources put away.

    Args:
        config: the whole configuration, checked.
        store: the writing side of the queue, open.
        desk: its reading side.
        random: gives the jitter of retries.
    """

    def __init__(
        self, config: Config, store: Store, desk: Desk, *, random: Random | None = None
    ) -> None:
        random = random or Random()  # noqa: S311 - jitter, no secret
        self._config = config
        self._store = store
        self._desk = desk
        self._room = Room(store, config.queue.max_items)
        self._converters = [options for options in config.converters if options.enabled]
        self._threads = {options.name: trio.CapacityLimiter(1) for options in self._converters}
        self._conversion = Conversion(config, store, folders=self._threads, random=random)
        self._pump = Pump(store, config.server, config.retry, owner="deliver", random=random)

    async def run(
        self, stop: trio.Event, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Deliver, and inside that all the rest, until `stop` is set and the drain is over.

        Raises:
            PartKeepsFailing: a part used up its restart budget.
        """
        async with trio.open_nursery() as delivering:
            await self._start(delivering, "deliver", self._pump.run)
            grace = await self._put_away(stop, task_status)
            self._pump.drain()
            delivering.cancel_scope.deadline = grace.deliver_until()

    async def _put_away(self, stop: trio.Event, task_status: trio.TaskStatus[None]) -> Grace:
        """Move what is converted, until the last conversion is over and its file is away."""
        putaways = [self._putaway(options) for options in self._converters]
        async with trio.open_nursery() as putting_away:
            for options, putaway in zip(self._converters, putaways, strict=True):
                await self._start(putting_away, f"putaway {options.name}", putaway.run)
            grace = await self._convert(stop, task_status)
            for putaway in putaways:
                putaway.drain()
            putting_away.cancel_scope.deadline = grace.convert_until()
        return grace

    async def _convert(self, stop: trio.Event, task_status: trio.TaskStatus[None]) -> Grace:
        async with trio.open_nursery() as converting:
            await self._start(converting, "convert", self._conversion.run)
            grace = await self._take_in(stop, task_status)
            self._conversion.drain()
            converting.cancel_scope.deadline = grace.convert_until()
        return grace

    async def _take_in(self, stop: trio.Event, task_status: trio.TaskStatus[None]) -> Grace:
        """Watch the folders until `stop`; files that were not taken stay where they lie."""
        async with trio.open_nursery() as taking_in:
            for options in self._converters:
                intake = partial(self._watch, options)
                await self._start(taking_in, f"intake {options.name}", intake)
            task_status.started()
            await stop.wait()
            grace = Grace(self._config.shutdown.grace_seconds)
            taking_in.cancel_scope.cancel()
        return grace

    async def _start(self, nursery: trio.Nursery, part: str, run: Run) -> None:
        await nursery.start(partial(supervise, part, run, self._config.supervision))

    def _putaway(self, options: ConverterOptions) -> Putaway:
        thread = self._threads[options.name]
        return Putaway(options, store=self._store, desk=self._desk, limiter=thread)

    async def _watch(
        self, options: ConverterOptions, *, task_status: trio.TaskStatus[None]
    ) -> None:
        patterns = options.patterns
        if not patterns:
            task_status.started()  # the folder waits for its converter, the service does not
            task_status = trio.TASK_STATUS_IGNORED
            patterns = await self._patterns(options)
        watch = Watch(
            options,
            patterns,
            store=self._store,
            desk=self._desk,
            room=self._room,
            limiter=self._threads[options.name],
        )
        await watch.run(task_status=task_status)

    async def _patterns(self, options: ConverterOptions) -> tuple[str, ...]:
        """What the converter's author says; while it cannot be asked, its files wait."""
        while True:
            try:
                return await self._conversion.patterns(options)
            except ConfigError as error:
                log.error(  # noqa: TRY400 - a sentence for the user, no crash of ours
                    "a converter cannot be used; its files wait in their folder",
                    converter=options.name,
                    error=str(error),
                )
            await trio.sleep(ASK_AGAIN_SECONDS)
