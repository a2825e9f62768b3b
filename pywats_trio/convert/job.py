"""One file item: open it, have it converted, say what became of it."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Final

import structlog
import trio
from attrs import define, evolve, frozen

from pywats_trio import faultpoint
from pywats_trio.config.options import MIB
from pywats_trio.convert.answer import (
    Died,
    Done,
    Log,
    Progress,
    Raised,
    Rejected,
    ReportMade,
    RetryLater,
    Unusable,
)
from pywats_trio.convert.child import WorkerStartError
from pywats_trio.convert.opener import Opener
from pywats_trio.convert.pool import PoolStopped
from pywats_trio.convert.request import Requests
from pywats_trio.convert.source import Opened, Place
from pywats_trio.converters.api import Station
from pywats_trio.converters.registry import parse
from pywats_trio.errors import ConfigError
from pywats_trio.model import (
    Converted,
    Envelope,
    Failed,
    Kind,
    Problem,
    Quarantined,
    Reason,
    Released,
    Superseded,
    Wait,
)
from pywats_trio.observe.board import Board, Cause
from pywats_trio.queue.ahead import Ahead
from pywats_trio.queue.retry import after_failure
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from pywats_trio.config.options import Config, ConverterOptions
    from pywats_trio.convert.answer import Ending
    from pywats_trio.convert.pool import Pool
    from pywats_trio.converters.registry import Spec
    from pywats_trio.model import Claim, Identity, Item, Outcome

log = structlog.get_logger("pywats_trio.convert")
said = structlog.get_logger("pywats_trio.converter")

UNUSABLE_SECONDS: Final = 30.0
"""Before a converter that cannot be used, or a process that cannot be started, is tried again."""
NOTE: Final = 2000
"""Characters of findings that are remembered with a converted file."""
DEADLY: Final = 2
"""Workers that a file may kill before it is set aside."""


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


@frozen
class _Line:
    """One configured converter, ready to be used."""

    options: ConverterOptions
    requests: Requests


@define
class _Outage:
    """A converter that cannot be used, remembered so that not every file has to find out."""

    until: float
    problem: Problem


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
    ) -> None:
        self._config = config
        self._pool = pool
        self._board = board or Board()
        self._inbox = os.fspath(config.inbox)
        self._openers = {name: Opener(limiter) for name, limiter in folders.items()}
        self._inbox_opener = Opener(trio.CapacityLimiter(1))
        self._random = random
        self._lines: dict[str, _Line] = {}
        self._outages: dict[str, _Outage] = {}
        self._progress: dict[int, int] = {}
        self.on_board = False
        """Whether the board is told: not by a former job, nor by one to come."""
        for options in config.converters:
            self._prepare(options)

    def _prepare(self, options: ConverterOptions) -> None:
        if not options.enabled:
            return
        try:
            spec = parse(options.type)
        except ConfigError as error:
            problem = Problem("converter", str(error), "Correct the configuration and reload it.")
            self._set_outage(options.name, _Outage(math.inf, problem))
            return
        self._lines[options.name] = _Line(options, self.requests(options, spec))

    def requests(self, options: ConverterOptions, spec: Spec) -> Requests:
        """What a worker is asked about files of this converter."""
        station = self._config.station
        return Requests.of(
            spec,
            converter=options.name,
            arguments=options.arguments,
            station=Station(station.name, station.location, station.purpose),
            instance=self._config.instance,
            log_level=self._config.log.level,
        )

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Open files for `convert`, until cancelled."""
        async with trio.open_nursery() as openers:
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
        if isinstance(found := self._usable(item.converter), Wait):
            return found
        opened = await self._opener(item).open(self._place(item, found))
        if not isinstance(opened, Opened):
            return self._told(item, opened)
        try:
            faultpoint.hit("convert.opened")
            outcome = await self._run(item, found, opened)
        finally:
            self._progress.pop(item.id, None)
            # Here and not in a thread: closing a file that was only read asks nothing of a share.
            os.close(opened.descriptor)
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

    def _usable(self, name: str) -> _Line | Wait:
        outage = self._outages.get(name)
        if outage is not None and outage.until > trio.current_time():
            return _not_usable(outage.problem)
        if (line := self._lines.get(name)) is None:
            message = f"the converter {name!r} is not in the configuration, or not enabled"
            hint = "Add or enable it, or remove the item from the queue."
            return _not_usable(Problem("converter", message, hint))
        return line

    def _is_submitted(self, item: Item) -> bool:
        return item.source.startswith(self._inbox + os.sep)

    def _opener(self, item: Item) -> Opener:
        return self._inbox_opener if self._is_submitted(item) else self._openers[item.converter]

    def _place(self, item: Item, line: _Line) -> Place:
        return Place(
            path=item.source,
            folder=self._folder(item, line.options),
            expected=item.identity,
            max_bytes=self._config.workers.max_input_mb * MIB,
        )

    def _folder(self, item: Item, options: ConverterOptions) -> str:
        """That it must lie in; a refused one lies where it was put, wherever that is."""
        if item.has_moved:
            return ""
        return self._inbox if self._is_submitted(item) else os.fspath(options.watch)

    async def _run(self, item: Item, line: _Line, opened: Opened) -> Outcome:
        request = line.requests.convert(item.source, opened.identity, item.correlation_id)
        begun = trio.current_time()
        try:
            result = await self._pool.ask(
                line.requests.spec, item.converter, request, opened.descriptor, self._hear(item)
            )
        except PoolStopped as error:
            return Released(str(error))
        except WorkerStartError as error:
            problem = Problem("worker-start", str(error), "Look at workers.memory_mb and the log.")
            return _not_usable(problem)
        seconds = self._board.metrics.conversion_seconds.labels(item.converter)
        seconds.observe(trio.current_time() - begun)
        if not isinstance(result, Unusable | Died):
            self.is_usable(item.converter)  # whatever it makes of this file
        return _by(result.worker, self._outcome(item, opened, result))

    def _outcome(self, item: Item, opened: Opened, result: Ending | Died) -> Outcome:
        identity = opened.identity
        match result:
            case Done() | Rejected() | Raised() if not _is_still(result, identity):
                return Superseded("it was changed while it was converted")
            case Done() | RetryLater() | Unusable():
                return self._not_failed(item, result)
            case Rejected():
                hint = result.hint or "Correct the file, or what writes it, and drop it again."
                return Failed(Problem("rejected-file", result.why, hint))
            case Raised():
                return after_failure(item, _raised(result), self._config.retry, self._random)
            case Died():
                return self._died(item, result)
        raise TypeError(f"a conversion ended with {type(result).__name__}")

    def _not_failed(self, item: Item, result: Done | RetryLater | Unusable) -> Outcome:
        match result:
            case Done():
                return self._converted(item, result)
            case RetryLater():
                return _later(item, result)
            case Unusable():
                return self._unusable(item, result)

    def _converted(self, item: Item, done: Done) -> Converted:
        attempts = self._config.retry.max_attempts
        reports = tuple(_envelope(item, report, attempts) for report in done.reports)
        return Converted(reports, done.sha256, _note(done.reports))

    def _died(self, item: Item, died: Died) -> Outcome:
        problem = Problem(
            died.kind,
            f"the conversion did not end: {died.how}",
            f"Look at the file with `pywats-trio converters test --converter {item.converter}`.",
            died.output,
        )
        if item.deaths + 1 >= DEADLY:
            return Quarantined(problem, died=True)
        return after_failure(item, problem, self._config.retry, self._random, died=True)

    def _unusable(self, item: Item, unusable: Unusable) -> Wait:
        message = f"the converter {item.converter!r} cannot be used: {unusable.why}"
        problem = Problem("converter", message, _MEND, unusable.traceback)
        until = trio.current_time() + UNUSABLE_SECONDS
        self._set_outage(item.converter, _Outage(until, problem))
        return _not_usable(problem)

    def is_usable(self, name: str) -> None:
        """Somebody found that the converter `name` can be used."""
        self._outages.pop(name, None)
        self._show(name)

    def is_unusable(self, name: str, message: str) -> None:
        """Somebody found that it cannot; its files are tried all the same, for that may pass."""
        self._set_outage(name, _Outage(-math.inf, Problem("converter", message, _MEND)))

    def _set_outage(self, name: str, outage: _Outage) -> None:
        self._outages[name] = outage
        self._show(name)

    def show(self) -> None:
        """Put on the board which converters cannot be used, from now on."""
        self.on_board = True
        for options in self._config.converters:
            self._show(options.name)

    def _show(self, name: str) -> None:
        if not self.on_board:
            return
        if (outage := self._outages.get(name)) is None:
            self._board.end(Cause.CONVERTER, name)
        else:
            problem = outage.problem
            self._board.begin(Cause.CONVERTER, name, problem.message, problem.hint)

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


_CHANGED: Final = Problem(
    "changed", "it was changed while it was converted", "Let it stand still, and retry it."
)
_MEND: Final = "Correct the converter or its arguments; its files wait and are tried again."
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


def _by(worker: str, outcome: Outcome) -> Outcome:
    """The outcome, with the process that did the work, for the item's history."""
    match outcome:
        case Converted() | Wait() | Failed() | Quarantined():
            return evolve(outcome, worker=worker)
    return outcome


def _is_still(result: Done | Rejected | Raised, identity: Identity) -> bool:
    return (result.size, result.mtime_ns) == (identity.size, identity.mtime_ns)


def _not_usable(problem: Problem) -> Wait:
    return Wait(UNUSABLE_SECONDS, Reason.CONVERTER, problem)


def _later(item: Item, retry: RetryLater) -> Wait | Failed:
    problem = Problem("retry", retry.why, "The converter asked for another try later.")
    if item.attempts + 1 >= item.max_attempts:
        return Failed(problem)
    return Wait(retry.after, Reason.RETRY, problem, counts=True)


def _raised(raised: Raised) -> Problem:
    kind = "memory" if raised.type == "MemoryError" else "converter-error"
    hint = (
        "Raise workers.memory_mb, or split the file."
        if kind == "memory"
        else "Correct the converter, or reject such files in it."
    )
    message = f"the converter failed: {raised.type}: {raised.message}"
    return Problem(kind, message, hint, raised.traceback)


def _envelope(item: Item, report: ReportMade, max_attempts: int) -> Envelope:
    return Envelope(
        kind=Kind.REPORT,
        converter=item.converter,
        source=item.source,
        priority=item.priority,
        max_attempts=max_attempts,
        correlation_id=item.correlation_id,
        payload=report.body,
        report_id=report.report_id,
        serial_number=report.serial_number,
        part_number=report.part_number,
        result=report.result,
        start=report.start,
    )


def _note(reports: tuple[ReportMade, ...]) -> str:
    findings = [f"{one.path}: {one.message}" for report in reports for one in report.findings]
    if not findings:
        return ""
    return shortened(f"{len(findings)} findings: " + "; ".join(findings), NOTE)
