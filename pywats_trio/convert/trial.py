"""Converters outside the service's own work: one file through one, or what one says of itself.

As the service would do it, in the same workers, but nothing is stored or sent.
"""

# `test_file` is no test of pytest: the command line has the word `test` for it.
# ruff: noqa: PT028

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import trio
from attrs import evolve, frozen

from pywats_trio.config.options import MIB
from pywats_trio.convert.answer import (
    Description,
    Detected,
    Died,
    Done,
    Log,
    Progress,
    Raised,
    Rejected,
    ReportMade,
    Unusable,
    reason,
)
from pywats_trio.convert.pool import Pool
from pywats_trio.convert.request import Requests, describing
from pywats_trio.convert.source import Opened, Place, open_source
from pywats_trio.converters.api import Station
from pywats_trio.converters.registry import STANDARD, Spec, parse
from pywats_trio.errors import ConfigError, InvalidInputError, NotFoundError, PywatsTrioError
from pywats_trio.model import Failed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from pywats_trio.config.options import WorkerOptions
    from pywats_trio.convert.answer import Ending

T = TypeVar("T")
NO_STATION: Final = Station()


class Refused(InvalidInputError):
    """The file was not converted; the text is the whole reason."""

    def __init__(self, converter: str, why: str, hint: str = "", evidence: str = "") -> None:
        super().__init__(why)
        self.converter = converter
        self.why = why
        self.hint = hint
        self.evidence = evidence
        """A traceback, or the last of what the worker printed."""


@frozen
class Trial:
    """What a converter made of a file."""

    converter: str
    """Its `type`."""
    reports: tuple[ReportMade, ...]
    """`body` is WSJF, `findings` belong to each."""
    seconds: float
    """From the request to the answer, the start of the process included."""
    peak_memory_bytes: int


async def test_file(
    path: Path,
    type_: str | None,
    options: WorkerOptions,
    *,
    name: str = "test",
    instance: str = "default",
    arguments: Mapping[str, Any] | None = None,
    station: Station = NO_STATION,
    hear: Callable[[Log | Progress], None] = lambda _said: None,
) -> Trial:
    """Convert `path` in a worker as the service would; `type_` None: the converter that is surest.

    `name` and `instance` matter only for the ids of reports that have none.

    Raises:
        ConfigError: there is no such converter, or it or its arguments cannot be used.
        NotFoundError: there is no such file.
        Refused: the file cannot be converted.
    """
    opened = await _opened(path, type_, options)

    async def work(pool: Pool) -> Trial:
        asking = _Asking(pool, os.fspath(path), opened, name, instance, station)
        spec = parse(type_) if type_ else await asking.surest()
        return await asking.convert(spec, arguments or {}, hear)

    try:
        return await _with_pool(evolve(options, max=1), work)
    finally:
        os.close(opened.descriptor)


async def describe(type_: str, options: WorkerOptions) -> Description:
    """What the converter `type_` says about itself; its code runs in a worker only.

    Raises:
        ConfigError: there is no such converter, or it cannot be used.
    """
    spec = parse(type_)
    alone = evolve(options, max=1)
    answer = await _with_pool(alone, lambda pool: pool.ask(spec, type_, describing(spec)))
    if isinstance(answer, Description):
        return answer
    raise ConfigError(f"the converter {type_!r} cannot be used: {reason(answer)}")


@frozen
class Question:
    """What is to be known of a converter before a file comes."""

    spec: Spec
    arguments: tuple[Mapping[str, Any], ...] = ()
    """Sets of configured arguments; `Description.mistakes` is about each."""


async def inquire(
    questions: Sequence[Question], options: WorkerOptions, seconds: float
) -> list[Description | str]:
    """What each converter says of itself; of one that cannot say it within `seconds`, why.

    All are asked at once, in at most `workers.max` processes, which are gone when this returns.
    """
    answers: dict[int, Description | str] = {}

    async def ask(pool: Pool, number: int, question: Question) -> None:
        answers[number] = f"it did not answer within {seconds:g} s"
        with trio.move_on_at(deadline):
            answers[number] = await _described(pool, question)

    async def work(pool: Pool) -> None:
        async with trio.open_nursery() as nursery:
            for number, question in enumerate(questions):
                nursery.start_soon(ask, pool, number, question)

    deadline = trio.current_time() + seconds
    if questions:
        await _with_pool(options, work)
    return [answers[number] for number in range(len(questions))]


async def _described(pool: Pool, question: Question) -> Description | str:
    spec = question.spec
    try:
        request = describing(spec, question.arguments)
        answer = await pool.ask(spec, spec.type, request)
    except PywatsTrioError as error:
        return str(error)
    if not isinstance(answer, Description):
        return reason(answer)
    if len(answer.mistakes) != len(question.arguments):
        return "its worker answered to another question"
    return answer


async def _with_pool(options: WorkerOptions, work: Callable[[Pool], Awaitable[T]]) -> T:
    """`work` with a pool of its own, whose processes are gone when this returns."""
    result: T | PywatsTrioError
    with tempfile.TemporaryDirectory(prefix="pywats-trio-") as folder:
        pool = Pool(options, Path(folder, "scratch"))
        async with trio.open_nursery() as nursery:
            await nursery.start(pool.run)
            try:
                result = await work(pool)
            except PywatsTrioError as error:
                result = error  # raised outside, where no nursery makes a group of it
            nursery.cancel_scope.cancel()
    if isinstance(result, PywatsTrioError):
        raise result
    return result


async def _opened(path: Path, type_: str | None, options: WorkerOptions) -> Opened:
    place = Place(
        os.path.realpath(path),  # noqa: ASYNC240 - once, at the command line
        folder="",
        expected=None,
        max_bytes=options.max_input_mb * MIB,
    )
    opened = await open_source(place)
    if isinstance(opened, Opened):
        return opened
    if not isinstance(opened, Failed) or opened.problem.kind == "gone":
        raise NotFoundError(f"there is no file {path}; check the path")
    raise Refused(type_ or "auto", opened.problem.message, opened.problem.hint)


@frozen
class _Asking:
    """One file and all that a request about it needs."""

    pool: Pool
    path: str
    opened: Opened
    name: str
    instance: str
    station: Station

    async def surest(self) -> Spec:
        """The standard converter that is surest about the file."""
        found = [(await self._certainty(spec), spec) for spec in map(parse, STANDARD)]
        certainty, spec = max(found, key=lambda pair: pair[0])
        if certainty <= 0:
            raise Refused("auto", f"none of the converters {', '.join(STANDARD)} knows this format")
        return spec

    async def _certainty(self, spec: Spec) -> float:
        request = self._requests(spec, {}).detect(self.path, self.opened.identity)
        answer = await self.pool.ask(spec, self.name, request, self.opened.descriptor)
        return answer.certainty if isinstance(answer, Detected) else 0.0

    async def convert(
        self,
        spec: Spec,
        arguments: Mapping[str, Any],
        hear: Callable[[Log | Progress], None],
    ) -> Trial:
        """Convert the file."""
        request = self._requests(spec, arguments).convert(self.path, self.opened.identity)
        started = trio.current_time()
        answer = await self.pool.ask(spec, self.name, request, self.opened.descriptor, hear)
        seconds = trio.current_time() - started
        if isinstance(answer, Done):
            return Trial(spec.type, answer.reports, seconds, answer.peak_memory)
        if isinstance(answer, Unusable):
            raise ConfigError(f"the converter {spec.type!r} cannot be used: {answer.why}")
        raise _refused(spec.type, answer)

    def _requests(self, spec: Spec, arguments: Mapping[str, Any]) -> Requests:
        return Requests.of(
            spec,
            converter=self.name,
            arguments=arguments,
            station=self.station,
            instance=self.instance,
            measure=True,
        )


def _refused(converter: str, answer: Ending | Died) -> Refused:
    hint = answer.hint if isinstance(answer, Rejected) else ""
    evidence = ""
    if isinstance(answer, Died):
        evidence = answer.output
    elif isinstance(answer, Raised):
        evidence = answer.traceback
    return Refused(converter, reason(answer), hint, evidence)
