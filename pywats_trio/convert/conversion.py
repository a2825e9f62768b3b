"""The converting part: the pool of worker processes and the stage that feeds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from pywats_trio.convert.answer import Description, reason
from pywats_trio.convert.job import ConversionJob, Gate
from pywats_trio.convert.pool import Pool
from pywats_trio.convert.request import describing
from pywats_trio.converters.registry import parse
from pywats_trio.errors import ConfigError
from pywats_trio.model import Kind
from pywats_trio.queue.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from pywats_trio.config.options import Config, ConverterOptions
    from pywats_trio.model import Claim, Outcome
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
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        *,
        folders: Mapping[str, trio.CapacityLimiter],
        random: Random,
    ) -> None:
        self.pool = Pool(config.workers, config.data_dir / SCRATCH)
        self._job = ConversionJob(config, self.pool, folders=folders, random=random)
        self._gate = Gate(self.pool.size)
        self._stage = Stage(store, Kind.FILE, owner=OWNER, gate=self._gate, work=self._convert)

    def drain(self) -> None:
        """Claim no more; `run` ends when the conversions in hand are finished."""
        self._stage.drain()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Convert until drained or cancelled; the processes end with it."""
        async with trio.open_nursery() as processes:
            await processes.start(self.pool.run)
            await processes.start(self._job.run)
            await self._stage.run(task_status=task_status)
            processes.cancel_scope.cancel()

    async def _convert(self, claim: Claim) -> Outcome:
        with self._gate.ahead.work():
            return await self._job.convert(claim)

    async def patterns(self, options: ConverterOptions) -> tuple[str, ...]:
        """Which file names a configured converter takes: as configured, else as its author says.

        Raises:
            ConfigError: the converter has to be asked and cannot be used.
        """
        if options.patterns:
            return options.patterns
        spec = parse(options.type)
        answer = await self.pool.ask(spec, options.name, describing(spec))
        if isinstance(answer, Description):
            return answer.patterns
        raise ConfigError(f"the converter {options.name!r} cannot be used: {reason(answer)}")
