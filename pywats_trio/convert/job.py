"""One file item: open it, have it converted, say what became of it."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Final

import structlog
import trio
from attrs import evolve

from pywats_trio import faultpoint
from pywats_trio.config.options import MIB
from pywats_trio.convert.forkserver import WorkerStartError
from pywats_trio.convert.lineup import Lineup
from pywats_trio.convert.mending import edition_of
from pywats_trio.convert.opener import Opener
from pywats_trio.convert.outages import Outages, wait_for
from pywats_trio.convert.outcomes import (
    CHANGED,
    Outcomes,
    in_short,
    is_called_changed,
    put_off,
    rejected,
    replaced,
)
from pywats_trio.convert.pool import CutShort, PoolStopped
from pywats_trio.convert.said import (
    Died,
    Done,
    Log,
    Progress,
    Raised,
    Rejected,
    RetryLater,
    Unusable,
)
from pywats_trio.convert.slices import Slices
from pywats_trio.convert.slowlane import SlowLane
from pywats_trio.convert.source import Location, Opened
from pywats_trio.convert.spool import Unwritten
from pywats_trio.convert.spool import put_off as put_off_for_room
from pywats_trio.convert.turnstile import Turnstile
from pywats_trio.model import (
    Converted,
    Failed,
    Problem,
    Quarantined,
    Released,
    Superseded,
    Wait,
)
from pywats_trio.observe.board import Board
from pywats_trio.queue.ahead import Ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from pywats_trio.config.options import Config, ConverterOptions
    from pywats_trio.convert.lineup import Line
    from pywats_trio.convert.pool import Pool
    from pywats_trio.convert.said import Ending, Usage
    from pywats_trio.convert.slices import Slice
    from pywats_trio.converters.registry import Spec
    from pywats_trio.model import Claim, Item, Outcome

log = structlog.get_logger("pywats_trio.convert")
said = structlog.get_logger("pywats_trio.converter")


class Gate:
    """How many files may be in hand: one for each worker, and a few ahead if they are quick."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self.ahead = Ahead(workers)

    def width(self) -> int:
        """The number of claims."""
        return self._workers + self.ahead.claims()

    def reopens_in(self) -> float:
        """It never closes."""
        return math.inf


class ConversionJob:
    """Turns claims of files into outcomes; `convert` is the `work` of the converting stage.

    `folders` has a limiter with one thread for each watch folder, by the converter's name.
    """

    def __init__(
        self,
        config: Config,
        pool: Pool,
        *,
        folders: Mapping[str, trio.CapacityLimiter],
        random: Random,
        board: Board | None = None,
        spool: str = "",
    ) -> None:
        """`spool`: the folder for copies of units that are folders."""
        self._config = config
        self._spool = spool
        self._pool = pool
        self._board = board or Board()
        self._inbox = os.fspath(config.inbox)
        self._openers = {name: Opener(limiter) for name, limiter in folders.items()}
        self._inbox_opener = Opener(trio.CapacityLimiter(1))
        self._outcomes = Outcomes(config.retry, random)
        self.outages = Outages(self._board, pool.size)
        self._turnstile = Turnstile(pool.size, self.outages)
        deadline = config.workers.timeout_seconds
        self.slices = Slices(lambda: pool.places, deadline)
        self.slow_lane = SlowLane(self.slices, pool.size, deadline)
        self.lineup = Lineup(config, self.outages)
        self._progress: dict[int, int] = {}

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Open files for `convert`, until cancelled."""
        async with trio.open_nursery() as openers:
            await openers.start(self.lineup.run)
            for opener in (*self._openers.values(), self._inbox_opener):
                await openers.start(opener.run)
            task_status.started()

    def progress(self, item_id: int) -> int:
        """How far a conversion that runs now is, 0 to 100, as far as its converter says."""
        return self._progress.get(item_id, 0)

    async def convert(self, claim: Claim) -> Outcome:
        """Convert one file. Cancellation kills its worker at once and passes through."""
        faultpoint.hit("convert.claimed")
        item = claim.item
        try:
            return await self._convert(item)
        finally:
            self.outages.tried(item.converter, item.id)
            self.slow_lane.leave(item)

    async def _convert(self, item: Item) -> Outcome:
        if isinstance(found := self._usable(item), Wait):
            return found
        opened = await self._opener(item).open(self._location(item, found))
        if not isinstance(opened, Opened):
            return self._told(item, opened)
        try:
            faultpoint.hit("convert.opened")
            if (refusal := await self._turnstile.enter(item)) is not None:
                return refusal
            try:
                # What came into use while the file waited is what converts it.
                outcome = await self._run(item, self.lineup.get(item.converter) or found, opened)
            finally:
                self._turnstile.leave(item)
        finally:
            self._progress.pop(item.id, None)
            opened.close()
        faultpoint.hit("convert.result")
        return self._told(item, outcome)

    def _told(self, item: Item, outcome: Outcome) -> Outcome:
        """The outcome, logged and counted."""
        if isinstance(outcome, Superseded) and item.has_moved:
            # Nobody watches the folder where it lies now: as superseded it would be forgotten.
            outcome = Failed(_CHANGED, counts=False)
        kind = type(outcome).__name__.lower()
        self._board.metrics.converted_files.labels(item.converter, kind).inc()
        if isinstance(outcome, Wait | Failed | Quarantined):
            self._board.metrics.errors.labels("convert", outcome.problem.kind).inc()
        return _logged(item, outcome)

    def _usable(self, item: Item) -> Line | Wait:
        name = item.converter
        if (problem := self.outages.refuses(name, item.id)) is not None:
            return wait_for(problem)
        if (line := self.lineup.get(name)) is None:
            problem = self.lineup.why_absent(name)
            self.outages.absent(name, problem)
            return wait_for(problem)
        return line

    def _is_submitted(self, item: Item) -> bool:
        return item.source.startswith(self._inbox + os.sep)

    def _opener(self, item: Item) -> Opener:
        return self._inbox_opener if self._is_submitted(item) else self._openers[item.converter]

    def _location(self, item: Item, line: Line) -> Location:
        return Location(
            path=item.source,
            folder=self._folder(item, line.options),
            expected=item.identity,
            max_bytes=self._config.workers.max_input_mb * MIB,
            form=item.form,
            spool=self._spool,
        )

    def _folder(self, item: Item, options: ConverterOptions) -> str:
        """That it must lie in; a refused one lies where it was put, wherever that is."""
        if item.has_moved:
            return ""
        return self._inbox if self._is_submitted(item) else os.fspath(options.watch)

    async def _run(self, item: Item, line: Line, opened: Opened) -> Outcome:
        request = line.requests.convert(
            item.source, opened.identity, item.correlation_id, opened.unit
        )
        begun = trio.current_time()
        try:
            with self._slice(item) as part:
                result = await self._pool.ask(
                    line.spec,
                    item.converter,
                    request,
                    opened.descriptor,
                    self._hear(item),
                    begin=part.begin,
                )
                if result.usage is not None:
                    part.end()
        except CutShort:
            self.outages.cut_short(item.converter)
            return self.slow_lane.join(item)
        except PoolStopped as error:
            return Released(str(error))
        except Unwritten as error:
            return put_off_for_room("no reports of such a large file", error)
        except WorkerStartError as error:
            problem = Problem("worker-start", str(error), "Look at workers.memory_mb and the log.")
            return wait_for(problem)
        seconds = trio.current_time() - begun
        self._count(item.converter, seconds, result.usage)
        if result.version and result.version != line.version:
            self.outages.changed.ring()  # whoever asks for versions may find a new one
        line.used(result.version, self._board.clock())
        worker = _work(result, line.spec, seconds)
        if not isinstance(result, Unusable) and await self._has_changed(item, opened, result):
            self.outages.loads(item.converter)
            return Superseded(CHANGED)
        return _by(worker, self._outcome(item, line, opened, result))

    def _slice(self, item: Item) -> Slice:
        """All its time gets one that was cut short before, and where no crowd can wait for it."""
        name = item.converter
        alone = self.outages.is_deadly(name) or self.outages.holds_up(name)
        return self.slices.slice(name, whole=alone or self.slow_lane.is_let_in(item))

    async def _has_changed(self, item: Item, opened: Opened, result: Ending | Died) -> bool:
        """By our own look, for a file that is called changed would be forgotten as it is.

        A worker is not believed, but what it says tells when a look is worth a visit to the
        folder's thread; one that hides a change gains nothing, for what is not the accepted file
        is never put away, and is taken anew. Of a unit the worker had a copy, and cannot tell.
        """
        if not opened.unit and not is_called_changed(result, opened.identity):
            return False
        return await self._opener(item).has_changed(opened)

    def _count(self, converter: str, seconds: float, usage: Usage | None) -> None:
        metrics = self._board.metrics
        metrics.conversion_seconds.labels(converter).observe(seconds)
        if usage is not None:
            metrics.conversion_cpu.labels(converter).inc(usage.cpu)
            metrics.conversion_memory.labels(converter).set(usage.peak_memory)

    def _outcome(self, item: Item, line: Line, opened: Opened, result: Ending | Died) -> Outcome:
        """What became of the file; and what that says of its converter, to the outages."""
        name = item.converter
        if isinstance(result, Unusable | Raised | Died) and self.lineup.get(name) is not line:
            return replaced(result)
        if isinstance(result, Unusable):
            return wait_for(self.outages.begin(name, result.why, result.traceback))
        self.outages.loads(name)
        match result:
            case Done():
                self.outages.works(name)
                return self._outcomes.converted(item, result)
            case Rejected():
                self.outages.works(name)
                return rejected(result)
            case RetryLater():
                return put_off(item, result)
            case Raised() | Died():
                return self._failed(item, edition_of(line.spec, result.version), result)
        raise TypeError(f"a conversion ended with {type(result).__name__}")

    def _failed(self, item: Item, edition: str, failure: Raised | Died) -> Outcome:
        self.outages.failed(item, in_short(failure), died=isinstance(failure, Died))
        if isinstance(failure, Died) and failure.kind in {"timeout", "cpu"}:
            self.slices.suspect(item.converter)
        # A converter that fails on every file must not use up the attempts of one.
        excused = self.outages.is_paused(item.converter)
        return self._outcomes.failed(item, failure, edition, excused=excused)

    def _hear(self, item: Item) -> Callable[[Log | Progress], None]:
        def hear(remark: Log | Progress) -> None:
            if isinstance(remark, Progress):
                self._progress[item.id] = round(100 * remark.fraction)
                return
            said.log(
                _LEVELS[remark.level],
                "a converter says",
                message=remark.message,
                **_about(item),
            )

        return hear


_CHANGED: Final = Problem("changed", CHANGED, "Let it stand still, and retry it.")
_LEVELS: Final = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


def _about(item: Item) -> dict[str, object]:
    return {
        "correlation_id": item.correlation_id,
        "item_id": item.id,
        "converter": item.converter,
    }


def _logged(item: Item, outcome: Outcome) -> Outcome:
    match outcome:
        case Converted():
            log.info("file converted", reports=len(outcome.reports), **_about(item))
        case Wait() | Failed() | Quarantined():
            log.warning(
                "file not converted",
                outcome=type(outcome).__name__.lower(),
                error=outcome.problem.message,
                kind=outcome.problem.kind,
                **_about(item),
            )
        case Superseded() | Released():
            log.info("file not converted", error=outcome.message, **_about(item))
        case _:
            pass
    return outcome


def _work(result: Ending | Died, spec: Spec, seconds: float) -> str:
    """Who did it with what code, and what it took, for the item's history."""
    version = f", version {result.version}" if result.version else ""
    revision = f" ({spec.revision})" if spec.revision else ""
    took = f", {seconds:.3f} s"
    if (usage := result.usage) is not None:
        took += f", {usage.cpu:.3f} s of processor, {usage.peak_memory / MIB:.0f} MiB"
    return result.worker + version + revision + took


def _by(worker: str, outcome: Outcome) -> Outcome:
    """The outcome, with the process that did the work, for the item's history."""
    match outcome:
        case Converted() | Wait() | Failed() | Quarantined():
            return evolve(outcome, worker=worker)
    return outcome
