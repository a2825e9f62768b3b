"""Start a part again when it fails, within a budget.

What a crash left behind is found in the store, not in memory: a part's first act is to recover what
its former self had in hand. So starting it again is all there is to do.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import structlog
import trio
from attrs import define, field

from pywats_trio.errors import PartKeepsFailing, only
from pywats_trio.observe.board import Board, Cause

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.config.options import SupervisionOptions

log = structlog.get_logger("pywats_trio.service")

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 10.0
"""Seconds before a part is started again; the pause doubles with each failure in the window."""


class Run(Protocol):
    """A part's `run`."""

    async def __call__(self, *, task_status: trio.TaskStatus[None]) -> None: ...


@define(eq=False)
class Kept:
    """A part that is kept running, as seen by who may end it alone."""

    part: str
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    ended: trio.Event = field(factory=trio.Event)

    async def end(self) -> None:
        """Cancel it and wait until it is gone."""
        self.scope.cancel()
        await self.ended.wait()


class Supervisor:
    """Keeps parts running; each part has a budget of its own.

    `options` may be replaced at any time and hold for the next failure. The board is told of parts
    that are down and counts their restarts.
    """

    def __init__(
        self,
        options: SupervisionOptions,
        board: Board | None = None,
        given_up: Callable[[PartKeepsFailing], None] = lambda _error: None,
    ) -> None:
        """`given_up` is told at once of a part that is not started again."""
        self.options = options
        self._board = board or Board()
        self._given_up = given_up
        self._leaving = trio.Event()

    def leave(self) -> None:
        """The service is stopping: a part that is down is needed at once, to end in good order."""
        self._leaving.set()

    async def start(
        self, nursery: trio.Nursery, part: str, run: Run, *, on_trial: bool = False
    ) -> Kept:
        """Keep `run` running in `nursery`; returns when it is ready for the first time.

        A part that is `on_trial` is not started again before it was ready once: what it raises
        until then is raised here.
        """
        kept = Kept(part)
        await nursery.start(self._hold, kept, run, on_trial)
        return kept

    async def _hold(
        self, kept: Kept, run: Run, on_trial: bool, *, task_status: trio.TaskStatus[None]
    ) -> None:
        try:
            with kept.scope:
                await self.keep(kept.part, run, on_trial=on_trial, task_status=task_status)
        finally:
            kept.ended.set()

    async def keep(
        self,
        part: str,
        run: Run,
        *,
        on_trial: bool = False,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Run a part until it ends by itself; start it again when it fails.

        Every exception is logged with its traceback. Cancellation passes through at once.

        Raises:
            PartKeepsFailing: it failed more than `max_restarts` times within `window_seconds`.
        """
        ready = _Ready(task_status, partial(self._board.end, Cause.PART, part))
        crashes: deque[float] = deque()
        try:
            while True:
                cause: BaseException | None = None
                try:
                    return await run(task_status=ready)
                except* Exception as group:  # noqa: BLE001 - a part may fail in any way; it is told and budgeted
                    cause = only(group)
                if on_trial and not ready.done:
                    raise cause
                await self._pause(self._failed(part, cause, crashes))
                self._board.restarted(part)
                log.warning("part is started again", part=part, failures=len(crashes))
        finally:
            self._board.end(Cause.PART, part)

    async def _pause(self, seconds: float) -> None:
        await trio.sleep(min(seconds, FIRST_PAUSE))
        with trio.move_on_after(seconds - FIRST_PAUSE):
            await self._leaving.wait()

    def _failed(self, part: str, cause: BaseException, crashes: deque[float]) -> float:
        """Tell of a failure; seconds before the next start. `crashes`: when it failed lately."""
        log.error("part failed", part=part, exc_info=cause)
        self._board.metrics.errors.labels(part, type(cause).__name__).inc()
        now = trio.current_time()
        crashes.append(now)
        while now - crashes[0] > self.options.window_seconds:
            crashes.popleft()
        if len(crashes) > self.options.max_restarts:
            error = PartKeepsFailing(part, cause)
            self._given_up(error)
            raise error from cause
        told = f"the part {part!r} failed ({type(cause).__name__}: {cause})"
        self._board.begin(Cause.PART, part, told, "it is started again by itself; see the log")
        return min(FIRST_PAUSE * 2.0 ** (len(crashes) - 1), LONGEST_PAUSE)


class _Ready:
    """Passes a part's first `started()` on; a restarted part was reported ready already."""

    def __init__(self, task_status: trio.TaskStatus[None], up: partial[None]) -> None:
        self._task_status = task_status
        self._up = up
        self.done = False

    def started(self, value: None = None) -> None:
        self._up()
        if not self.done:
            self.done = True
            self._task_status.started(value)
