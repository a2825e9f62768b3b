"""Converters outside the service's own work: one file through one, or what one says of itself.

As the service would do it, in the same workers, but nothing is stored or sent.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

import trio
from attrs import evolve, field, frozen

from pywats_trio.config.options import MIB
from pywats_trio.convert.pool import open_pool
from pywats_trio.convert.request import Requests, describing
from pywats_trio.convert.said import (
    MORE_MEMORY,
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
from pywats_trio.convert.source import Location, Opened, open_source
from pywats_trio.convert.spool import SPOOL, Unwritten
from pywats_trio.converters.api import Station
from pywats_trio.converters.registry import (
    AUTO,
    FORMATS,
    SURE_ENOUGH,
    Spec,
    parse,
    pinned,
)
from pywats_trio.errors import ConfigError, InvalidInputError, NotFoundError, PywatsTrioError
from pywats_trio.model import Failed, Form, Superseded, Wait

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from pywats_trio.config.options import WorkerOptions
    from pywats_trio.convert.pool import Pool
    from pywats_trio.convert.said import Ending

T = TypeVar("T")
NO_STATION: Final = Station()
NO_ARGUMENTS: Final[Mapping[str, Any]] = MappingProxyType({})


class CannotUse(ConfigError):
    """The converter itself, or an argument of it, is wrong; the text is the whole reason."""

    def __init__(self, why: str, evidence: str = "") -> None:
        super().__init__(why)
        self.evidence = evidence
        """A traceback, where its import ended with an exception."""


class Refused(InvalidInputError):
    """The file was not converted; the text is the whole reason."""

    def __init__(
        self, converter: str, why: str, hint: str = "", evidence: str = "", printed: str = ""
    ) -> None:
        super().__init__(why)
        self.converter = converter
        self.why = why
        self.hint = hint
        self.evidence = evidence
        """A traceback; of a worker that died, the last of what it printed."""
        self.printed = printed
        """The last of what the worker printed, unless that is the evidence."""


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
    after: str = ""
    """One of `model.POST_ACTIONS`, if it says what is to become of the file."""
    printed: str = ""
    """The last of what its process printed, which is not what it logged."""


@frozen
class Attempt:
    """One file, and the converter that is to convert it."""

    path: Path
    type: str | None = None
    """None: the converter that is surest."""
    name: str = "test"
    """With `instance`, it matters only for the ids of reports that have none."""
    instance: str = "default"
    arguments: Mapping[str, Any] = field(factory=dict)
    station: Station = NO_STATION
    strict: bool = False
    """Refuse what a WATS server is expected to refuse."""
    log_level: str = "info"
    """The least severe that `hear` is told."""
    hear: Callable[[Log | Progress], None] = lambda _said: None


class Bench:
    """Tries files in workers that stay warm, but each time with the code as it is then."""

    def __init__(self, pool: Pool, options: WorkerOptions) -> None:
        self._pool = pool
        self._options = options
        self._tries = itertools.count(1)

    async def convert(self, attempt: Attempt) -> Trial:
        """Convert a file as the service would. Cancelled, its process is killed at once.

        Raises:
            ConfigError: there is no such converter, or it or its arguments cannot be used
                (`CannotUse`).
            NotFoundError: there is no such file.
            Refused: the file cannot be converted.
        """
        if not os.path.lexists(attempt.path):  # noqa: ASYNC240 - once, at the command line
            raise NotFoundError(f"there is no file {attempt.path}; check the path")
        # Processes of a converter of one's own belong to an owner: another one gets a new process.
        owner = f"{attempt.name} {next(self._tries)}"
        spec = await _spec(attempt.type) if attempt.type else None
        form = await self._form(spec, owner) if spec else Form.FILE
        opened = await _opened(attempt, form, self._options)
        asking = _Asking(self._pool, owner, opened, attempt)
        try:
            return await asking.convert(spec or await asking.surest())
        finally:
            opened.close()

    async def _form(self, spec: Spec, owner: str) -> Form:
        """What the converter is given."""
        answer = await self._pool.ask(spec, owner, describing(spec))
        if not isinstance(answer, Description):
            raise _cannot_use(spec.type, answer)
        return answer.unit.form if answer.unit else Form.FILE


async def at_bench(
    options: WorkerOptions, work: Callable[[Bench], Awaitable[T]], *, withheld: Iterable[Path] = ()
) -> T:
    """What `work` makes of a bench of one worker, which is gone when this returns.

    `withheld`: files and folders that no converter may read (`Config.withheld`).
    """
    alone = evolve(options, max=1)
    return await _with_pool(alone, lambda pool: work(Bench(pool, alone)), withheld)


async def try_file(
    attempt: Attempt, options: WorkerOptions, *, withheld: Iterable[Path] = ()
) -> Trial:
    """As `Bench.convert`, once."""
    return await at_bench(options, lambda bench: bench.convert(attempt), withheld=withheld)


async def describe(
    type_: str,
    options: WorkerOptions,
    *arguments: Mapping[str, Any],
    withheld: Iterable[Path] = (),
) -> Description:
    """What the converter `type_` says about itself, and about each of some sets of arguments.

    Its code runs in a worker only.

    Raises:
        ConfigError: there is no such converter, or it cannot be used (`CannotUse`).
    """
    spec = await _spec(type_)
    request = describing(spec, arguments)
    alone = evolve(options, max=1)
    answer = await _with_pool(alone, lambda pool: pool.ask(spec, type_, request), withheld)
    if isinstance(answer, Description) and len(answer.mistakes) == len(arguments):
        return answer
    raise _cannot_use(type_, answer)


@frozen
class Question:
    """What is to be known of a converter before a file comes."""

    spec: Spec
    arguments: tuple[Mapping[str, Any], ...] = ()
    """Sets of configured arguments; `Description.mistakes` is about each."""


async def inquire(
    questions: Sequence[Question],
    options: WorkerOptions,
    seconds: float,
    *,
    withheld: Iterable[Path] = (),
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
        await _with_pool(options, work, withheld)
    return [answers[number] for number in range(len(questions))]


async def _described(pool: Pool, question: Question) -> Description | str:
    try:
        spec = await _pinned(question.spec)
        request = describing(spec, question.arguments)
        answer = await pool.ask(spec, spec.type, request)
    except PywatsTrioError as error:
        return str(error)
    if not isinstance(answer, Description):
        return reason(answer)
    if len(answer.mistakes) != len(question.arguments):
        return "its worker answered to another question"
    return answer


async def _spec(type_: str) -> Spec:
    return await _pinned(parse(type_))


async def _pinned(spec: Spec) -> Spec:
    """With its code as it is now; in a thread, for its file may lie on a share."""
    return await trio.to_thread.run_sync(pinned, spec, abandon_on_cancel=True)


async def _with_pool(
    options: WorkerOptions, work: Callable[[Pool], Awaitable[T]], withheld: Iterable[Path]
) -> T:
    """`work` with a pool of its own, whose processes are gone when this returns."""
    with tempfile.TemporaryDirectory(prefix="pywats-trio-") as folder:
        scratch = Path(folder, "scratch")
        async with open_pool(options, scratch, secrets=withheld, prints=True) as pool:
            return await work(pool)


async def _opened(attempt: Attempt, form: Form, options: WorkerOptions) -> Opened:
    path, converter = attempt.path, attempt.type or AUTO
    real = os.path.realpath(path)  # noqa: ASYNC240 - once, at the command line
    if os.path.isdir(real) and form is not Form.FOLDER:  # noqa: ASYNC240, PTH112
        raise Refused(converter, _not_a_file(path, attempt.type, form))
    location = Location(
        real, folder="", expected=None, max_bytes=options.max_input_mb * MIB, form=form
    )
    opened = await open_source(location)
    if isinstance(opened, Opened):
        return opened
    if isinstance(opened, Superseded):
        raise Refused(converter, opened.message, "Try it again when nobody writes to it.")
    if isinstance(opened, Wait) and opened.problem.kind == SPOOL:
        raise Refused(converter, opened.problem.message, opened.problem.hint)
    if not isinstance(opened, Failed) or opened.problem.kind == "gone":
        raise NotFoundError(f"there is no file {path}; check the path")
    raise Refused(converter, opened.problem.message, opened.problem.hint)


def _not_a_file(path: Path, type_: str | None, form: Form) -> str:
    if type_ is None:
        return f"{path} is a folder; name a converter that takes folders with --converter"
    if form is Form.PAIR:
        return f"{path} is a folder; give the header file that lies beside it"
    return f"{path} is a folder, and the converter {type_!r} takes files"


@frozen
class _Asking:
    """One file and all that a request about it needs."""

    pool: Pool
    owner: str
    opened: Opened
    attempt: Attempt

    async def surest(self) -> Spec:
        """The standard converter that is surest about the file, the first of equally sure ones.

        Where none is sure enough it is `auto`, which refuses the file and says what it looks like.
        """
        specs = {name: parse(name) for name in FORMATS}
        found = {name: await self._certainty(spec) for name, spec in specs.items()}
        name = max(found, key=lambda one: found[one])
        return specs[name] if found[name] >= SURE_ENOUGH else parse(AUTO)

    async def _certainty(self, spec: Spec) -> float:
        opened = self.opened
        request = self._requests(spec).detect(self._path, opened.identity, opened.unit)
        answer = await self.pool.ask(spec, self.owner, request, self.opened.descriptor)
        return answer.certainty if isinstance(answer, Detected) else 0.0

    async def convert(self, spec: Spec) -> Trial:
        """Convert the file."""
        arguments, hear = self.attempt.arguments, self.attempt.hear
        if spec.type == AUTO and self.attempt.type is None:
            arguments = NO_ARGUMENTS  # they were meant for one that knows the file
        request = self._requests(spec, arguments).convert(
            self._path, self.opened.identity, unit=self.opened.unit
        )
        started = trio.current_time()
        try:
            answer = await self.pool.ask(spec, self.owner, request, self.opened.descriptor, hear)
        except Unwritten as error:
            raise Refused(spec.type, f"its reports cannot be kept: {error}") from error
        seconds = trio.current_time() - started
        if isinstance(answer, Done):
            peak = answer.usage.peak_memory if answer.usage else 0
            return Trial(spec.type, answer.reports, seconds, peak, answer.after, answer.printed)
        if isinstance(answer, Unusable):
            raise _cannot_use(spec.type, answer)
        raise _refused(spec.type, answer)

    @property
    def _path(self) -> str:
        return os.fspath(self.attempt.path)

    def _requests(self, spec: Spec, arguments: Mapping[str, Any] = NO_ARGUMENTS) -> Requests:
        return Requests.of(
            spec,
            converter=self.attempt.name,
            arguments=arguments,
            station=self.attempt.station,
            instance=self.attempt.instance,
            log_level=self.attempt.log_level,
            strict=self.attempt.strict,
        )


def _cannot_use(type_: str, answer: Ending | Died) -> CannotUse:
    evidence = answer.traceback if isinstance(answer, Unusable) else ""
    return CannotUse(f"the converter {type_!r} cannot be used: {reason(answer)}", evidence)


def _refused(converter: str, answer: Ending | Died) -> Refused:
    hint = answer.hint if isinstance(answer, Rejected) else ""
    if isinstance(answer, Died):
        return Refused(converter, reason(answer), hint, answer.output)
    if isinstance(answer, Raised) and answer.type == "MemoryError":
        return Refused(converter, reason(answer), MORE_MEMORY, printed=answer.printed)
    evidence = answer.traceback if isinstance(answer, Raised) else ""
    return Refused(converter, reason(answer), hint, evidence, answer.printed)
