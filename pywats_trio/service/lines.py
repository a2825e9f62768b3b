"""The watch folders of a service: for each converter an intake and a put-away.

Lines come, go and change while the service runs. A line whose converter was removed takes no more
files, but goes on putting away what it had accepted.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import structlog
import trio
from attrs import define, field

from pywats_trio.converters.registry import FILE_TYPES
from pywats_trio.errors import ConfigError
from pywats_trio.intake.putaway import Putaway
from pywats_trio.intake.watch import Watch
from pywats_trio.observe.board import Cause, Unaccepted
from pywats_trio.service.taken import Taken, takes_folders
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from pywats_trio.config.options import ConverterOptions
    from pywats_trio.intake.room import Room
    from pywats_trio.model import Unit
    from pywats_trio.observe.board import Board
    from pywats_trio.queue.store import Desk, Store
    from pywats_trio.service.supervise import Kept, Supervisor

log = structlog.get_logger("pywats_trio.service")

T = TypeVar("T")

ASK_AGAIN_SECONDS: Final = 30.0
"""Before a converter that could not say which files it takes is asked again."""


class Authors(Protocol):
    """Who knows what a converter's author says."""

    async def patterns(self, options: ConverterOptions) -> tuple[str, ...]:
        """Which names it takes. Raises ConfigError if it cannot be asked."""
        ...

    async def unit(self, options: ConverterOptions) -> Unit | None:
        """Which folders it takes; None: it takes files. Raises ConfigError likewise."""
        ...

    async def describe(self, options: ConverterOptions) -> object:
        """What it says of itself; the board learns of it. Raises ConfigError if it cannot."""
        ...


@define(eq=False)
class _Line:
    options: ConverterOptions
    thread: trio.CapacityLimiter
    """The folder's own: a share that hangs holds up nobody else."""
    putaway: Putaway
    watch: Watch | None = None
    parts: list[Kept] = field(factory=list)
    """The put-away first, then the intake while there is one."""


class Lines:
    """The lines of all converters that are enabled, and of those that were."""

    def __init__(
        self,
        *,
        store: Store,
        desk: Desk,
        room: Room,
        board: Board,
        supervisor: Supervisor,
        inbox: str,
    ) -> None:
        self._store = store
        self._desk = desk
        self._room = room
        self._board = board
        self._supervisor = supervisor
        self._inbox = inbox
        self._taken = Taken(store)
        self._lines: dict[str, _Line] = {}
        self._threads: dict[str, trio.CapacityLimiter] = {}

    def threads(self, converters: Iterable[ConverterOptions]) -> Mapping[str, trio.CapacityLimiter]:
        """The limiter of each converter's folder; the same one for as long as the service runs."""
        for options in converters:
            self._threads.setdefault(options.name, trio.CapacityLimiter(1))
        return self._threads

    async def open(self, options: ConverterOptions, putting_away: trio.Nursery) -> None:
        """Put away what this converter has finished."""
        thread = self.threads([options])[options.name]
        putaway = Putaway(
            options,
            store=self._store,
            desk=self._desk,
            limiter=thread,
            inbox=self._inbox,
            board=self._board,
        )
        line = self._lines[options.name] = _Line(options, thread, putaway)
        part = f"putaway {options.name}"
        line.parts.append(await self._supervisor.start(putting_away, part, putaway.run))

    async def take_in(
        self, name: str, authors: Authors, taking_in: trio.Nursery, *, doubted: bool = False
    ) -> None:
        """Take files from its folder; ready at once, whatever its folder or its author does.

        A converter that is `doubted` is asked beside that until it can be used.
        """
        line = self._lines[name]

        async def run(*, task_status: trio.TaskStatus[None]) -> None:
            async with trio.open_nursery() as asking:
                if doubted and line.options.patterns:  # else it is asked for them anyway
                    asking.start_soon(_answer, line.options, authors.describe)
                await self._watch(line, authors, task_status)

        line.parts.append(await self._supervisor.start(taking_in, f"intake {name}", run))

    async def _watch(
        self, line: _Line, authors: Authors, task_status: trio.TaskStatus[None]
    ) -> None:
        patterns = line.options.patterns
        if not patterns or line.options.type not in FILE_TYPES:
            task_status.started()  # the folder waits for its converter, the service does not
            task_status = trio.TASK_STATUS_IGNORED
        patterns = patterns or await _answer(line.options, authors.patterns)
        if line.options.type in FILE_TYPES:
            await self._watch_for(line, patterns, None, task_status)
            return
        try:
            unit = await self._unit(line.options, authors.unit)
        except ConfigError:
            unit = await self._watch_meanwhile(line, authors, patterns)
        await self._watch_for(line, patterns, unit)

    async def _unit(
        self,
        options: ConverterOptions,
        ask: Callable[[ConverterOptions], Awaitable[Unit | None]],
    ) -> Unit | None:
        unit = await ask(options)
        await self._taken.learn(options, unit)
        return unit

    async def _watch_meanwhile(
        self, line: _Line, authors: Authors, patterns: tuple[str, ...]
    ) -> Unit | None:
        """What it takes, once it can say so; until then what it took when it last could."""

        async def unit(options: ConverterOptions) -> Unit | None:
            return await self._unit(options, authors.unit)

        before = self._taken.last(line.options)
        if before is None and takes_folders(line.options):
            return await _answer(line.options, unit)
        async with trio.open_nursery() as watching:
            watching.start_soon(self._watch_for, line, patterns, before)
            after = await _answer(line.options, unit)
            if after != before:
                watching.cancel_scope.cancel()
        return after

    async def _watch_for(
        self,
        line: _Line,
        patterns: tuple[str, ...],
        unit: Unit | None,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        line.watch = Watch(
            line.options,
            patterns,
            store=self._store,
            desk=self._desk,
            room=self._room,
            limiter=line.thread,
            board=self._board,
            unit=unit,
        )
        await line.watch.run(task_status=task_status)

    async def retire(self, name: str) -> None:
        """Take no more files for it; what it has accepted is still put away."""
        await self.rest(name)
        self._board.forget(name)

    async def rest(self, name: str) -> None:
        """Take no files for it until `take_in`, which asks its author again."""
        line = self._lines[name]
        for intake in line.parts[1:]:
            await intake.end()
        del line.parts[1:]
        line.watch = None
        self._forget_folder(name)

    def _forget_folder(self, name: str) -> None:
        """What was wrong with its folders; whoever looks at them next tells it again."""
        for cause, subject in list(self._board.conditions):
            if cause is Cause.FOLDER and subject.startswith(f"{name}:"):
                self._board.end(cause, subject)

    async def close(self, name: str) -> None:
        """End all of it; the next `open` goes on from the queue."""
        for part in reversed(self._lines.pop(name).parts):
            await part.end()
        self._forget_folder(name)

    def names(self) -> list[str]:
        """Of every line, those that take no more files included."""
        return list(self._lines)

    def options(self, name: str) -> ConverterOptions:
        """Those a line works by."""
        return self._lines[name].options

    def takes_in(self, name: str) -> bool:
        """Whether there is a line of this name that takes files."""
        return name in self._lines and len(self._lines[name].parts) > 1

    def is_watching(self, name: str) -> bool:
        """Whether its author has said which files it takes, so that its folder is watched."""
        return name in self._lines and self._lines[name].watch is not None

    def drain(self) -> None:
        """Put away what is finished and can be put away now; the parts end then."""
        for line in self._lines.values():
            line.putaway.drain()

    def scan_now(self) -> int:
        """Read all folders soon; how many. One whose watch is yet to begin is read then."""
        lines = [line for line in self._lines.values() if len(line.parts) > 1]
        for line in lines:
            if line.watch is not None:
                line.watch.scan_now()
        return len(lines)

    def not_accepted(self, wanted: Callable[[str], bool]) -> list[Unaccepted]:
        """Files that were seen and are not accepted, of those whose paths are `wanted`."""
        return [
            Unaccepted(name, waiting.path, str(waiting.why), waiting.seconds)
            for name, line in self._lines.items()
            if line.watch is not None
            for waiting in line.watch.waiting(wanted)
        ]

    def facts(self) -> dict[str, dict[str, Any]]:
        """What is true of each folder, by the converter's name; from memory."""
        return {name: _facts(line) for name, line in self._lines.items()}


def _facts(line: _Line) -> dict[str, Any]:
    watch = line.watch
    reasons = watch.reasons() if watch else {}
    return {
        "watch": printable(os.fspath(line.options.watch)),
        "watching": watch is not None,
        "waiting_files": sum(reasons.values()),
        "waiting_for": reasons,
        "trouble": watch.trouble if watch else "",
    }


async def _answer(options: ConverterOptions, ask: Callable[[ConverterOptions], Awaitable[T]]) -> T:
    """What the converter's author says; while it cannot be asked, its files wait."""
    while True:
        try:
            return await ask(options)
        except ConfigError as error:
            log.error(  # noqa: TRY400 - a sentence for the user, no crash of ours
                "a converter cannot be used; its files wait",
                converter=options.name,
                error=str(error),
            )
        await trio.sleep(ASK_AGAIN_SECONDS)
