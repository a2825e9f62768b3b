"""The converting part: the pool of worker processes and the stage that feeds it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import trio

from pywats_trio.bell import Bell
from pywats_trio.convert.answer import Description, Detected, reason
from pywats_trio.convert.child import WorkerStartError
from pywats_trio.convert.job import ConversionJob, Gate
from pywats_trio.convert.pool import Pool, PoolStopped
from pywats_trio.convert.request import describing
from pywats_trio.converters.registry import parse
from pywats_trio.errors import ConfigError, InvalidInputError, PywatsTrioError
from pywats_trio.model import Kind
from pywats_trio.queue.stage import Stage
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from random import Random

    from pywats_trio.config.options import Config, ConverterOptions
    from pywats_trio.convert.answer import Died, Ending
    from pywats_trio.converters.registry import Spec
    from pywats_trio.model import Claim, Identity, Outcome
    from pywats_trio.observe.board import Board
    from pywats_trio.queue.store import Store

OWNER: Final = "convert"
SCRATCH: Final = "scratch"
"""The folder below `data_dir` for what converters write while they work."""


class Conversion:
    """Converts accepted files until drained or cancelled.

    Args:
        config: all of it: converters, workers, station, instance.
        store: where files are claimed and their reports stored.
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
        folders: Mapping[str, trio.CapacityLimiter],
        random: Random,
        board: Board | None = None,
        generation: int = 1,
    ) -> None:
        scratch = config.data_dir / SCRATCH / str(generation)
        self.pool = Pool(config.workers, scratch, board)
        self._job = ConversionJob(config, self.pool, folders=folders, random=random, board=board)
        self._gate = Gate(self.pool.size)
        owner = f"{OWNER} {generation}"
        self._stage = Stage(store, Kind.FILE, owner=owner, gate=self._gate, work=self._convert)
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

    def progress(self, item_id: int) -> int:
        """How far a conversion that runs now is, 0 to 100."""
        return self._job.progress(item_id)

    def show(self) -> None:
        """Put on the board which converters cannot be used, until `hide`."""
        self._job.show()

    def hide(self) -> None:
        """Tell the board nothing: another conversion has taken this one's place."""
        self._job.on_board = False

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
            await self._stage.run(task_status=task_status)
            while self._asking:
                await self._answered.ticket().wait()
            processes.cancel_scope.cancel()

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

    async def surest(
        self,
        candidates: Iterable[ConverterOptions],
        path: str,
        descriptor: int,
        identity: Identity,
    ) -> str:
        """The name of the one of `candidates` that is surest to read this open file.

        Converters of one type are asked once; of equally sure ones the first is taken.

        Raises:
            InvalidInputError: none of them knows the format.
        """
        best, name = 0.0, ""
        asked: dict[str, float] = {}
        with self._asked():
            for options in candidates:
                if options.type not in asked:
                    asked[options.type] = await self._certainty(options, path, descriptor, identity)
                if asked[options.type] > best:
                    best, name = asked[options.type], options.name
        if not name:
            raise InvalidInputError(
                f"none of the configured converters knows the format of "
                f"{printable(os.path.basename(path))}; "  # noqa: PTH119 - any bytes, as str
                "name one with --converter, or configure one for it"
            )
        return name

    async def _certainty(
        self, options: ConverterOptions, path: str, descriptor: int, identity: Identity
    ) -> float:
        try:
            spec = parse(options.type)
            requests = self._job.requests(options, spec)
            request = requests.detect(path, identity)
            answer = await self.pool.ask(spec, options.name, request, descriptor)
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
            spec = parse(options.type)
            with self._asked():
                answer = await self._described(spec, options.name)
            if not isinstance(answer, Description):
                raise ConfigError(  # noqa: TRY301 - told with the others
                    f"the converter {options.name!r} cannot be used: {reason(answer)}"
                )
        except ConfigError as error:
            self._job.is_unusable(options.name, str(error))
            raise
        self._job.is_usable(options.name)
        return answer
