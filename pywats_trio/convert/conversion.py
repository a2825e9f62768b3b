"""The converting part: the pool of worker processes and the stage that feeds it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import structlog
import trio

from pywats_trio.bell import Bell
from pywats_trio.convert.forkserver import WorkerStartError
from pywats_trio.convert.job import ConversionJob, Gate
from pywats_trio.convert.mending import Mending
from pywats_trio.convert.pool import Pool, PoolStopped, open_pool
from pywats_trio.convert.renewal import Renewal
from pywats_trio.convert.request import describing
from pywats_trio.convert.said import Description, Detected, reason
from pywats_trio.converters.registry import AUTO, SURE_ENOUGH, Origin
from pywats_trio.errors import ConfigError, InvalidInputError, PywatsTrioError
from pywats_trio.model import Kind
from pywats_trio.observe.board import Board
from pywats_trio.queue.stage import Stage
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from random import Random

    from pywats_trio.config.options import Config, ConverterOptions
    from pywats_trio.convert.lineup import Lineup, Renewals
    from pywats_trio.convert.location import Opened
    from pywats_trio.convert.outages import Outages
    from pywats_trio.convert.said import Died, Ending
    from pywats_trio.converters.registry import Spec
    from pywats_trio.model import Claim, Outcome
    from pywats_trio.queue.store import Desk, Store

log = structlog.get_logger("pywats_trio.convert")

OWNER: Final = "convert"
SCRATCH: Final = "scratch"
"""The folder below `data_dir` for what converters write while they work."""


class Conversion:
    """Converts accepted files until drained or cancelled.

    Args:
        config: all of it: converters, workers, station, instance.
        store: where files are claimed and their reports stored.
        desk: where the store is read.
        folders: the limiter of each watch folder's own thread, by the converter's name.
        random: gives the jitter of retries.
        board: is told of converters that cannot be used; default: nobody is.
        generation: tells this one's claims and scratch folders from those of a former one that may
            still finish what it has in hand.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        *,
        desk: Desk,
        folders: Mapping[str, trio.CapacityLimiter],
        random: Random,
        board: Board | None = None,
        generation: int = 1,
    ) -> None:
        self._config = config
        self._store = store
        self._desk = desk
        self._board = board or Board()
        self._scratch = config.data_dir / SCRATCH / str(generation)
        self.pool = Pool(
            config.workers,
            self._scratch,
            board,
            secrets=config.withheld,
            spare=config.queue.hard_floor,
        )
        self._job = ConversionJob(
            config,
            self.pool,
            folders=folders,
            random=random,
            board=board,
            spool=os.fspath(self._scratch.parent),
        )
        names = [options.name for options in config.converters]
        self._mending = Mending(store, self._job.outages, self._job.lineup, names)
        self._gate = Gate(self.pool.size)
        self._stage = Stage(
            store,
            Kind.FILE,
            owner=f"{OWNER} {generation}",
            gate=self._gate,
            work=self._convert,
            shares=self._job.outages.shares,
        )
        self._shown = trio.Event()
        self._hidden = trio.Event()
        self._asking = 0
        self._answered = Bell()

    @property
    def in_hand(self) -> int:
        """How many files are being converted, or wait for their outcome's commit."""
        return self._stage.in_hand

    def pause(self) -> None:
        """Claim no more until `resume`."""
        self._stage.pause()

    def resume(self) -> None:
        """Claim again."""
        self._stage.resume()

    def trouble(self, name: str) -> dict[str, Any] | None:
        """Why the files of a converter wait; see `Outages.facts`."""
        return self._job.outages.facts(name)

    @property
    def outages(self) -> Outages:
        """Which converters are paused, or cannot be used."""
        return self._job.outages

    def is_usable(self, name: str) -> bool:
        """Whether code of a converter is in use: it runs, whatever it makes of files."""
        return self.lineup.get(name) is not None and self._job.outages.unusable(name) is None

    def progress(self, item_id: int) -> int:
        """How far a conversion that runs now is, 0 to 100."""
        return self._job.progress(item_id)

    def show(self) -> None:
        """From now on this one is it, until `hide`: it tells the board which converters cannot be
        used, and lets in the files that were cut short.
        """
        self._shown.set()
        self._job.outages.show(options.name for options in self._config.converters)

    def hide(self) -> None:
        """Another conversion has taken this one's place, which finishes what it has in hand."""
        self._hidden.set()
        self._job.outages.on_board = False

    # New states of converters' code

    @property
    def lineup(self) -> Lineup:
        """Which converters there are, and which state of their code is in use."""
        return self._job.lineup

    async def look(
        self, converters: Collection[ConverterOptions], *, changed_only: bool = False
    ) -> Renewals:
        """See whether the code of these converters, as it is now, can be used; nothing is changed.

        Each is asked in a fresh process that can import it as long as any job may take. Cancelled,
        the processes go.

        Raises:
            WorkerStartError: there is no room for the processes.
        """
        scratch = self._scratch.with_name(f"{self._scratch.name}-new")
        workers, withheld = self._config.workers, self._config.withheld
        try:
            async with open_pool(workers, scratch, secrets=withheld) as pool:
                renewal = Renewal(self.lineup, pool, self._board.clock, changed_only)
                return await renewal.look(converters)
        except OSError as error:
            raise WorkerStartError(f"converters cannot be asked: {error}") from error

    def follow(self, former: Conversion, renewals: Renewals) -> None:
        """Before it runs: use the code that `former` does, but for `renewals`.

        What could not be used, and was not found to be good meanwhile, cannot be used either.
        """
        _log(renewals, former)
        same = self.lineup.follow(former.lineup, renewals)
        self._job.outages.follow(former.outages, same)

    def adopt(self, renewals: Renewals) -> None:
        """The next jobs run this code; those in hand end on what they began with.

        Processes of the former code end as soon as they are idle. What could not be used before is
        tried at once.
        """
        _log(renewals, self)
        for name, edition in renewals.accepted.items():
            if (line := self.lineup.get(name)) is not None:
                self.pool.replace(line.spec, edition.spec, name)
        for name in renewals.refused:
            line = self.lineup.get(name)
            if line is not None and line.spec.origin is Origin.MODULE:
                self.pool.keep(line.spec, name)
        self.lineup.adopt(renewals)
        for name in renewals.accepted:
            self._job.outages.end(name)
            self._job.slices.forget(name)

    def drain(self) -> None:
        """Claim no more; `run` ends when the conversions in hand are finished.

        Whoever asks something of a converter is answered, too.
        """
        self._stage.drain()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Convert until drained or cancelled; the processes end with it."""
        async with trio.open_nursery() as processes:
            await processes.start(self.pool.run)
            await processes.start(self._job.run)
            processes.start_soon(self._mending.run)
            processes.start_soon(self._job.slices.watch, self._store)
            processes.start_soon(self._slow_lane)
            await self._stage.run(task_status=task_status)
            while self._asking:
                await self._answered.ticket().wait()
            processes.cancel_scope.cancel()

    async def _slow_lane(self) -> None:
        """One at a time has files that are cut short: two would let in each other's."""
        await self._shown.wait()
        async with trio.open_nursery() as lane:
            lane.start_soon(self._job.slow_lane.run, self._store, self._desk)
            await self._hidden.wait()
            lane.cancel_scope.cancel()

    async def _convert(self, claim: Claim) -> Outcome:
        with self._gate.ahead.work():
            return await self._job.convert(claim)

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Around what is asked of a converter: the processes are needed for so long."""
        self._asking += 1
        try:
            yield
        finally:
            self._asking -= 1
            self._answered.ring()

    async def surest(self, candidates: Iterable[tuple[ConverterOptions, Opened]], path: str) -> str:
        """The name of the one of `candidates` that is surest to read what is opened for it.

        Converters of one type are asked once; of equally sure ones the first is taken. Those that
        ask others themselves (`auto`) come last: they are as sure as whom they would ask.

        Raises:
            InvalidInputError: none of them knows the format.
        """
        best, name = 0.0, ""
        asked: dict[str, float] = {}
        with self._asked():
            for options, opened in sorted(candidates, key=lambda one: one[0].type == AUTO):
                if options.type not in asked:
                    asked[options.type] = await self._certainty(options, path, opened)
                if asked[options.type] > best:
                    best, name = asked[options.type], options.name
        if best < SURE_ENOUGH:
            raise InvalidInputError(
                f"none of the configured converters knows the format of "
                f"{printable(os.path.basename(path))}; "  # noqa: PTH119 - any bytes, as str
                "name one with --converter, or configure one for it"
            )
        return name

    async def _certainty(self, options: ConverterOptions, path: str, opened: Opened) -> float:
        try:
            line = await self.lineup.found(options)
            request = line.requests.detect(path, opened.identity, opened.unit)
            answer = await self.pool.ask(line.spec, options.name, request, opened.descriptor)
        except PywatsTrioError:
            return 0.0  # a converter that cannot be used reads nothing
        return answer.certainty if isinstance(answer, Detected) else 0.0

    async def _described(self, spec: Spec, owner: str) -> Ending | Died:
        """The answer of a converter about itself; should its processes end, of the next ones."""
        while True:
            try:
                return await self.pool.ask(spec, owner, describing(spec))
            except PoolStopped:
                continue  # the pool is asked again when it runs again
            except WorkerStartError as error:
                raise ConfigError(f"the converter {owner!r} cannot be asked: {error}") from error

    async def patterns(self, options: ConverterOptions) -> tuple[str, ...]:
        """Which file names a configured converter takes: as configured, else as its author says.

        Raises:
            ConfigError: the converter has to be asked and cannot be used.
        """
        if options.patterns:
            return options.patterns
        return (await self.describe(options)).patterns

    async def describe(self, options: ConverterOptions) -> Description:
        """What a configured converter says of itself; the board is told whether it can be used.

        Raises:
            ConfigError: it cannot be used.
        """
        try:
            line = await self.lineup.found(options)
            with self._asked():
                answer = await self._described(line.spec, options.name)
            if not isinstance(answer, Description):
                raise ConfigError(  # noqa: TRY301 - told with the others
                    f"the converter {options.name!r} cannot be used: {reason(answer)}"
                )
        except ConfigError as error:
            self._job.outages.suspect(options.name, str(error))
            raise
        line.version = answer.version
        self._job.outages.end(options.name)
        return answer


def _log(renewals: Renewals, before: Conversion) -> None:
    for name, edition in renewals.accepted.items():
        line = before.lineup.get(name)
        if line is None or line.spec != edition.spec:
            log.info(
                "converter reloaded",
                converter=name,
                version=edition.version,
                revision=edition.spec.revision,
            )
    for name, refusal in renewals.refused.items():
        goes_on = "what was in use goes on" if before.is_usable(name) else "its files wait"
        log.error(
            f"converter not reloaded; {goes_on}",
            converter=name,
            error=refusal.why,
            traceback=refusal.traceback,
            revision=refusal.revision,
        )
