"""The working parts of a service, and how they change while they run.

A new part is started beside the old one, claiming nothing yet. When it is ready the old one claims
no more and ends when it has finished what it has in hand; only then does the new one claim. If it
does not become ready, it goes and the old one never noticed.
"""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING, Any, Final

import structlog
import trio
from attrs import evolve, frozen

from pywats_trio.convert.conversion import Conversion
from pywats_trio.deliver.pump import Pump
from pywats_trio.errors import PartKeepsFailing, PywatsTrioError
from pywats_trio.intake.room import Room
from pywats_trio.observe import resources
from pywats_trio.service.lines import Lines

if TYPE_CHECKING:
    from pywats_trio.config.options import Config, ConverterOptions
    from pywats_trio.observe.board import Board
    from pywats_trio.queue.store import Desk, Store
    from pywats_trio.service.supervise import Kept, Run, Supervisor

log = structlog.get_logger("pywats_trio.service")

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


class Parts:
    """What works for one configuration, `config`; `switch` changes it.

    Args:
        config: the whole configuration, checked.
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
        random: Random | None = None,
    ) -> None:
        self.config = config
        self._store = store
        self._board = board
        self._supervisor = supervisor
        self._random = random or Random()  # noqa: S311 - jitter, no secret
        self._paused = paused
        self._generation = 0
        self.room = Room(store, config.queue.max_items, board)
        self.lines = Lines(
            store=store,
            desk=desk,
            room=self.room,
            board=board,
            supervisor=supervisor,
            inbox=os.fspath(config.inbox),
        )
        self.pump = self._make_pump(config)
        self.conversion = self._make_conversion(config)
        self._leaving: list[Pump | Conversion] = []
        """Former parts that may still have something in hand."""
        if paused:
            self.pause()
        board.delivery = self._delivery_facts
        board.converters = self._converter_facts
        board.workers = self._worker_facts

    def _make_pump(self, config: Config) -> Pump:
        self._generation += 1
        return Pump(
            self._store,
            config.server,
            config.retry,
            owner=f"deliver {self._generation}",
            random=self._random,
            board=self._board,
        )

    def _make_conversion(self, config: Config) -> Conversion:
        self._generation += 1
        return Conversion(
            config,
            self._store,
            folders=self.lines.threads(config.converters),
            random=self._random,
            board=self._board,
            generation=self._generation,
        )

    # Opening, in the order of the nesting

    async def open_delivery(self, nursery: trio.Nursery) -> None:
        """Deliver."""
        await self._supervisor.start(nursery, "deliver", self.pump.run)

    async def open_putaways(self, nursery: trio.Nursery) -> None:
        """Put away what is converted."""
        for options in _enabled(self.config):
            await self.lines.open(options, nursery)

    async def open_conversion(self, nursery: trio.Nursery) -> None:
        """Convert."""
        await self._supervisor.start(nursery, "convert", self.conversion.run)

    async def open_intakes(self, nursery: trio.Nursery) -> None:
        """Take files."""
        for options in _enabled(self.config):
            await self.lines.take_in(options.name, self, nursery)

    async def patterns(self, options: ConverterOptions) -> tuple[str, ...]:
        """See `lines.Authors`: asked of the conversion that there is then."""
        return await self.conversion.patterns(options)

    # Pausing

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

    async def switch(self, config: Config, floors: Floors) -> None:
        """Work by `config` from now on. Cancelled before the new parts are ready, nothing changes.

        Raises:
            ReloadFailed: a new part did not become ready; the former configuration is in effect.
        """
        before, wanted = self.config, self._with_former_converters(config)
        ready: list[Kept] = []
        conversion, pump = self.conversion, self.pump
        try:
            with trio.fail_after(READY_SECONDS):
                if _conversion_differs(before, wanted):
                    conversion = self._make_conversion(wanted)
                    conversion.pause()
                    ready.append(await self._open(floors.converting, "convert", conversion.run))
                if (before.server, before.retry) != (config.server, config.retry):
                    pump = self._make_pump(config)
                    pump.pause()
                    ready.append(await self._open(floors.delivering, "deliver", pump.run))
        except BaseException as error:
            for kept in ready:
                kept.scope.cancel()
            if isinstance(error, trio.TooSlowError):
                seconds = f"{READY_SECONDS:g} s"
                raise ReloadFailed(f"the new parts were not ready within {seconds}") from error
            raise
        self.config = wanted
        self.room.set_mark(config.queue.max_items)
        self._supervisor.options = config.supervision
        await self._change_lines(before, config, floors)
        self._replace(conversion, pump)

    async def _open(self, nursery: trio.Nursery, part: str, run: Run) -> Kept:
        try:
            return await self._supervisor.start(nursery, part, run)
        except PartKeepsFailing as error:
            raise ReloadFailed(f"the new part did not start: {error}") from error

    def _with_former_converters(self, config: Config) -> Config:
        """Converters that were removed stay for the files they had accepted."""
        named = {options.name for options in config.converters}
        former = [o for o in self.config.converters if o.enabled and o.name not in named]
        return evolve(config, converters=(*config.converters, *former))

    def _replace(self, conversion: Conversion, pump: Pump) -> None:
        self._leaving = [part for part in self._leaving if part.in_hand]
        if conversion is not self.conversion:
            self.conversion.drain()
            self._leaving.append(self.conversion)
            self.conversion = conversion
        if pump is not self.pump:
            self.pump.drain()
            self._leaving.append(self.pump)
            self._board.forget(self.pump.address)
            self.pump = pump
            pump.show()
        if not self._paused:
            pump.resume()
            conversion.resume()

    async def _change_lines(self, before: Config, config: Config, floors: Floors) -> None:
        wanted = {options.name: options for options in _enabled(config)}
        for name in self.lines.names():
            if name not in wanted and self.lines.takes_in(name):
                await self.lines.retire(name)
            elif name in wanted and wanted[name] != self.lines.options(name):
                await self.lines.close(name)
        for name, options in wanted.items():
            if name not in self.lines.names():
                await self.lines.open(options, floors.putting_away)
            if not self.lines.takes_in(name):
                await self.lines.take_in(name, self, floors.taking_in)

    # What the board asks

    def _delivery_facts(self) -> dict[str, Any]:
        status = self.pump.status()
        outage = status.outage
        return {
            "server": self.pump.address,
            "breaker": status.circuit.value if status.circuit else None,
            "outage": None
            if outage is None
            else {
                "class": outage.kind.value,
                "message": outage.problem.message,
                "hint": outage.problem.hint,
                "since": outage.since,
            },
            "next_try_seconds": round(status.next_try_in, 3),
            "paced": status.paced,
            "in_hand": self.delivering(),
            "server_version": status.server_version,
            "concurrency_limit": self.pump.width(),
        }

    def _converter_facts(self) -> list[dict[str, Any]]:
        folders = self.lines.facts()
        return [
            {
                "name": options.name,
                "type": options.type,
                "enabled": options.enabled,
                "watch": str(options.watch),
                "watching": False,
                "waiting_files": 0,
                "trouble": "",
                **folders.get(options.name, {}),
            }
            for options in self.config.converters
        ]

    def _worker_facts(self) -> dict[str, Any]:
        statistics = self.conversion.pool.statistics()
        return {
            "limit": statistics.limit,
            "busy": statistics.busy,
            "idle": statistics.idle,
            "ending": statistics.alive - statistics.busy - statistics.idle,
            "in_hand": self.converting(),
            "resident_bytes": resources.resident_bytes(self.conversion.pool.pids()),
        }


def _enabled(config: Config) -> list[ConverterOptions]:
    return [options for options in config.converters if options.enabled]


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
