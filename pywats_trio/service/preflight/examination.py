"""Looking at everything at once, each thing in its own time."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from pywats_trio.sandbox.levels import probe
from pywats_trio.service.preflight import clashes, folders, looks, machine, own
from pywats_trio.service.preflight.authors import Authors, standard_patterns
from pywats_trio.service.preflight.clashes import Line
from pywats_trio.service.preflight.finding import Finding, Findings
from pywats_trio.service.preflight.server import ServerQuestion

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.config.options import Config

SERVER_SECONDS: Final = 0.3
"""How much longer than for all the rest the server is waited for."""


async def examine(
    config: Config,
    before: Config | None = None,
    *,
    server_seconds: float = SERVER_SECONDS,
    wall: Callable[[], float] = time.time,
) -> Findings:
    """Look at everything; what is wrong, errors first. Never raises for what it finds.

    With `before`, a configuration that runs, only what differs from it is looked at. Folders have
    2 s to answer, custom converters 5 s, the server `server_seconds` after both. Only files of our
    own are touched, and none is left. Cancelled, looks that hang are left behind in their threads.

    `wall` is the time of day, seconds since the epoch.
    """
    started = trio.current_time()
    examination = _Examination(config, before, wall)
    question = ServerQuestion(config.server)
    asks = before is None or before.server != config.server
    async with trio.open_nursery() as asking:
        if asks:
            asking.start_soon(question.ask)
        await examination.run()
        asking.cancel_scope.deadline = trio.current_time() + server_seconds
    found = [*examination.findings, *(question.findings() if asks else ())]
    return Findings(found, trio.current_time() - started)


class _Examination:
    """Everything but the server."""

    def __init__(self, config: Config, before: Config | None, wall: Callable[[], float]) -> None:
        former = before.converters if before is not None else ()
        self._config = config
        self._before = before
        self._wall = wall
        self._enabled = [options for options in config.converters if options.enabled]
        self._changed = [options for options in self._enabled if options not in former]
        self._authors = Authors()
        self._lines: list[Line] = []
        self._own: tuple[str, ...] = ()
        self.findings: list[Finding] = []

    async def run(self) -> None:
        """Look at everything, then at what follows from it."""
        can_work = self._judge_sandbox()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._look_at_folders)
            nursery.start_soon(self._look_at_data_dir)
            if can_work:
                nursery.start_soon(self._authors.ask, self._changed, self._config)
        self.findings += self._authors.findings
        self._judge_limits()
        await self._judge_clashes()

    async def _look_at_folders(self) -> None:
        look = folders.Folders().look
        changed = {options.name for options in self._changed}
        found = await looks.look(
            [
                partial(look, options, self._name(number) if options.name in changed else "")
                for number, options in enumerate(self._enabled)
            ],
            looks.PATIENCE,
        )
        for options, seen in zip(self._enabled, found, strict=True):
            if seen is not None:
                self._lines.append(Line(options, seen, options.name in changed))
                self.findings += seen.findings
            elif options.name in changed:
                self.findings.append(folders.no_answer(options, looks.PATIENCE))

    def _name(self, number: int) -> str:
        """Each folder's own, for two converters may share one."""
        return f"{self._config.instance}-{number}"

    async def _look_at_data_dir(self) -> None:
        [found] = await looks.look([partial(own.look, self._config)], looks.PATIENCE)
        if found is not None:
            self._own = found.folders
        if self._before is not None:
            return  # it cannot be another one while a service runs
        if found is None:
            self.findings.append(own.no_answer(self._config.data_dir, looks.PATIENCE))
        else:
            self.findings += found.findings
        self.findings += machine.of_clock(self._wall(), found.written_at if found else None)
        self.findings += machine.of_user()

    def _judge_sandbox(self) -> bool:
        """Whether there can be workers."""
        workers = self._config.workers
        if self._before is not None and self._before.workers == workers:
            return True
        found = list(machine.of_sandbox(workers, probe()))  # from the kernel: it does not block
        self.findings += found
        return not any(finding.severity == "error" for finding in found)

    def _judge_limits(self) -> None:
        """If more is needed than before."""
        before = self._before
        if before is None or machine.files_needed(before) < machine.files_needed(self._config):
            away = len(self._enabled) - len(self._lines)
            notified = sum(line.seen.notifies for line in self._lines) + away
            limits = machine.read_limits()  # from the kernel's memory: it does not block
            self.findings += machine.too_low(self._config, notified, limits)

    async def _judge_clashes(self) -> None:
        lines = clashes.Lines(self._lines)
        self.findings += lines.in_own_folders(self._own)
        meetings = list(lines.meetings())
        patterns = self._authors.patterns | await standard_patterns(clashes.nameless(meetings))
        self.findings += clashes.judge(meetings, patterns)
