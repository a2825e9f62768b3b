"""The working parts of a service, and how they change while they run.

A new part is started beside the old one, claiming nothing yet. When all new ones are ready, they
take the old ones' places in one step: the old ones claim no more and end when they have finished
what they have in hand. If one does not become ready, all go and the old ones never noticed.
"""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING, Final

import trio
from attrs import evolve, field, frozen

from pywats_trio.convert.conversion import Conversion
from pywats_trio.convert.lineup import Renewals
from pywats_trio.deliver.pump import Pump
from pywats_trio.errors import PywatsTrioError, only
from pywats_trio.intake.room import Room
from pywats_trio.service import facts
from pywats_trio.service.lines import Lines

if TYPE_CHECKING:
    from pywats_trio.config.options import Config, ConverterOptions
    from pywats_trio.convert.said import Description
    from pywats_trio.model import Unit
    from pywats_trio.observe.board import Board
    from pywats_trio.queue.store import Desk, Store
    from pywats_trio.service.supervise import Kept, Run, Supervisor

READY_SECONDS: Final = 10.0
"""A new part that is not ready by then is given up, and the old one goes on."""


class ReloadFailed(PywatsTrioError):
    """A new configuration could not be put into effect; the former one is."""

    code = "reload_failed"


@frozen
class Floors:
    """The nurseries that the parts live in, the outermost first: the last to stop."""

    delivering: trio.Nursery
    putting_away: trio.Nursery
    converting: trio.Nursery
    taking_in: trio.Nursery


@frozen
class Wanted:
    """What the parts are to work by."""

    config: Config
    disabled: frozenset[str] = frozenset()
    """Converters that an operator has turned off, whatever `config` says."""
    renewals: Renewals = field(factory=Renewals)
    """New states of converters' code."""


@frozen
class Ready:
    """The parts for `wanted`, ready and paused; those that need no change are the present ones."""

    wanted: Wanted
    former: tuple[ConverterOptions, ...]
    conversion: Conversion
    pump: Pump


class Parts:
    """What works for one configuration, `config`; `get_ready` and `switch` change it.

    Args:
        config: the whole configuration, checked.
        disabled: converters that an operator has turned off.
        store: the writing side of the queue, open.
        desk: its reading side.
        board: is told what holds the parts up, and asks them what is true.
        supervisor: starts parts again that fail.
        paused: whether nothing is to be begun before `resume`.
        random: gives the jitter of retries.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        desk: Desk,
        board: Board,
        supervisor: Supervisor,
        *,
        paused: bool = False,
        disabled: frozenset[str] = frozenset(),
        random: Random | None = None,
    ) -> None:
        self.config = config
        self.disabled = disabled
        self._store = store
        self._desk = desk
        self._board = board
        self._supervisor = supervisor
        self._random = random or Random()  # noqa: S311 - jitter, no secret
        self._paused = paused
        self._generation = 0
        self.doubted: frozenset[str] = frozenset()
        """Converters of which somebody found that they cannot be used, before they were."""
        self._former: tuple[ConverterOptions, ...] = ()
        """Converters that were removed: files that they had accepted are still converted."""
        marks = config.queue
        self.room = Room(store, marks.max_items, board, max_bytes=marks.max_bytes)
        self.lines = Lines(
            store=store,
            desk=desk,
            room=self.room,
            board=board,
            supervisor=supervisor,
            inbox=os.fspath(config.inbox),
        )
        self.pump = self._make_pump(config)
        self.conversion = self._make_conversion(_working(config, disabled, ()))
        self._leaving: list[Pump | Conversion] = []
        """Former parts that may still have something in hand."""
        if paused:
            self.pause()
        facts.tell(self, board)
        board.not_accepted = self.lines.not_accepted

    def _make_pump(self, config: Config) -> Pump:
        self._generation += 1
        pump = Pump(
            self._store,
            config.server,
            config.retry,
            owner=f"deliver {self._generation}",
            random=self._random,
            wall=self._board.clock,
            board=self._board,
        )
        pump.on_board = False
        return pump

    def _make_conversion(self, config: Config) -> Conversion:
        self._generation += 1
        return Conversion(
            config,
            self._store,
            desk=self._desk,
            folders=self.lines.threads(config.converters),
            random=self._random,
            board=self._board,
            generation=self._generation,
        )

    # Opening, in the order of the nesting

    async def open_delivery(self, nursery: trio.Nursery) -> None:
        """Deliver."""
        self.pump.show()
        await self._supervisor.start(nursery, "deliver", self.pump.run)

    async def open_putaways(self, nursery: trio.Nursery) -> None:
        """Put away what is converted."""
        for options in self.enabled():
            await self.lines.open(options, nursery)

    async def open_conversion(self, nursery: trio.Nursery) -> None:
        """Convert."""
        self.conversion.show()
        await self._supervisor.start(nursery, "convert", self.conversion.run)

    async def open_intakes(self, nursery: trio.Nursery) -> None:
        """Take files."""
        await self._supervisor.start(nursery, "room", self.room.run)
        for options in self.enabled():
            await self._take_in(options.name, nursery)

    def enabled(self) -> list[ConverterOptions]:
        """The converters that are in use."""
        return _enabled(_working(self.config, self.disabled, ()))

    async def patterns(self, options: ConverterOptions) -> tuple[str, ...]:
        """See `lines.Authors`: asked of the conversion that there is then."""
        return await self.conversion.patterns(options)

    async def unit(self, options: ConverterOptions) -> Unit | None:
        """See `lines.Authors`, likewise."""
        return (await self.conversion.describe(options)).unit

    async def describe(self, options: ConverterOptions) -> Description:
        """See `lines.Authors`, likewise."""
        return await self.conversion.describe(options)

    async def _take_in(self, name: str, nursery: trio.Nursery) -> None:
        await self.lines.take_in(name, self, nursery, doubted=name in self.doubted)

    # Pausing

    @property
    def paused(self) -> bool:
        """Whether nothing is begun before `resume`."""
        return self._paused

    def pause(self) -> None:
        """Begin nothing new; what is in hand goes on."""
        self._paused = True
        self.room.pause()
        self.conversion.pause()
        self.pump.pause()

    def resume(self) -> None:
        """Go on."""
        self._paused = False
        self.pump.resume()
        self.conversion.resume()
        self.room.resume()

    # What is in hand

    def converting(self) -> int:
        """Files in hand, those of former parts included."""
        former = [part.in_hand for part in self._leaving if isinstance(part, Conversion)]
        return self.conversion.in_hand + sum(former)

    def delivering(self) -> int:
        """Reports in hand."""
        former = [part.in_hand for part in self._leaving if isinstance(part, Pump)]
        return self.pump.in_hand + sum(former)

    # Changing

    async def get_ready(self, wanted: Wanted, floors: Floors) -> Ready:
        """Start what is `wanted` beside what there is. If cancelled, it goes again.

        Raises:
            ReloadFailed: a new part did not become ready, and goes again.
        """
        started: list[Kept] = []
        try:
            with trio.fail_after(READY_SECONDS):
                return await self._start(wanted, floors, started)
        except BaseException as error:
            for kept in started:
                kept.scope.cancel()
            if isinstance(error, trio.TooSlowError):
                seconds = f"{READY_SECONDS:g} s"
                raise ReloadFailed(f"the new parts were not ready within {seconds}") from error
            raise

    async def _start(self, wanted: Wanted, floors: Floors, started: list[Kept]) -> Ready:
        config, former = wanted.config, self._former_of(wanted.config)
        conversion, pump = self.conversion, self.pump
        before = _working(self.config, self.disabled, self._former)
        after = _working(config, wanted.disabled, former)
        if _conversion_differs(before, after):
            conversion = self._make_conversion(after)
            conversion.follow(self.conversion, wanted.renewals)
            conversion.pause()
            started.append(await self._try(floors.converting, "convert", conversion.run))
        if (self.config.server, self.config.retry) != (config.server, config.retry):
            pump = self._make_pump(config)
            pump.pause()
            started.append(await self._try(floors.delivering, "deliver", pump.run))
        return Ready(wanted, former, conversion, pump)

    async def _try(self, nursery: trio.Nursery, part: str, run: Run) -> Kept:
        try:
            return await self._supervisor.start(nursery, part, run, on_trial=True)
        except Exception as error:  # noqa: BLE001 - a part may fail in any way; it is told who asked
            cause = only(error)
            told = f"the new part {part!r} did not start ({type(cause).__name__}: {cause})"
            raise ReloadFailed(f"{told}; the former configuration goes on") from cause

    def _former_of(self, config: Config) -> tuple[ConverterOptions, ...]:
        """The converters that there are and that are not in `config` any more."""
        named = {options.name for options in config.converters}
        here = (*self.enabled(), *self._former)
        return tuple(options for options in here if options.name not in named)

    async def switch(self, ready: Ready, floors: Floors) -> None:
        """Work by `ready.wanted` from now on; the watch folders follow one after the other."""
        wanted, config = ready.wanted, ready.wanted.config
        self.config, self.disabled, self._former = config, wanted.disabled, ready.former
        self.room.set_marks(config.queue.max_items, config.queue.max_bytes)
        self._store.set_retry_share(config.retry.budget)
        self._supervisor.options = config.supervision
        anew = {name for name in wanted.renewals.accepted if self._asks_anew(name, wanted.renewals)}
        if ready.conversion is self.conversion:
            self.conversion.adopt(wanted.renewals)
        self._replace(ready.conversion, ready.pump)
        await self._change_lines(floors, anew)

    def _asks_anew(self, name: str, renewals: Renewals) -> bool:
        """Whether a converter has yet to say what it takes, or may say something else now."""
        line = self.conversion.lineup.get(name)
        changed = line is None or line.spec != renewals.accepted[name].spec
        return changed or not self.lines.is_watching(name)

    def _replace(self, conversion: Conversion, pump: Pump) -> None:
        """In one step: there is no moment without a part, nor one with two that claim."""
        self._leaving = [part for part in self._leaving if part.in_hand]
        if conversion is not self.conversion:
            self.conversion.drain()
            self.conversion.hide()
            self._leaving.append(self.conversion)
            self.conversion = conversion
            conversion.show()
        if pump is not self.pump:
            self.pump.drain()
            self.pump.on_board = False
            self._leaving.append(self.pump)
            self._board.forget(self.pump.address)
            self.pump = pump
            pump.show()
        if not self._paused:
            pump.resume()
            conversion.resume()

    async def _change_lines(self, floors: Floors, anew: set[str]) -> None:
        wanted = {options.name: options for options in self.enabled()}
        for name in self.lines.names():
            if name in wanted and wanted[name] != self.lines.options(name):
                await self.lines.close(name)
            elif self.lines.takes_in(name) and name not in wanted:
                await self.lines.retire(name)
            elif self.lines.takes_in(name) and name in anew:
                await self.lines.rest(name)
        for name, options in wanted.items():
            if name not in self.lines.names():
                await self.lines.open(options, floors.putting_away)
            if not self.lines.takes_in(name):
                await self._take_in(name, floors.taking_in)


def _enabled(config: Config) -> list[ConverterOptions]:
    return [options for options in config.converters if options.enabled]


def _working(
    config: Config, disabled: frozenset[str], former: tuple[ConverterOptions, ...]
) -> Config:
    """`config` with those converters that were removed, and without those that are turned off."""
    here = tuple(
        evolve(options, enabled=options.enabled and options.name not in disabled)
        for options in config.converters
    )
    return evolve(config, converters=(*here, *former))


def _conversion_differs(before: Config, after: Config) -> bool:
    """Whether anything changed that the conversion was made from."""

    def used(config: Config) -> tuple[object, ...]:
        return (
            config.workers,
            config.converters,
            config.station,
            config.retry,
            config.log.level,
        )

    return used(before) != used(after)
