"""Start a part again when it fails, within a budget.

What a crash left behind is found in the store, not in memory: a part's first act is to recover what
its former self had in hand. So starting it again is all there is to do.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

import structlog
import trio

from pywats_trio.errors import PartKeepsFailing

if TYPE_CHECKING:
    from pywats_trio.config.options import SupervisionOptions

log = structlog.get_logger("pywats_trio.service")

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 10.0
"""Seconds before a part is started again; the pause doubles with each failure in the window."""


class Run(Protocol):
    """A part's `run`."""

    async def __call__(self, *, task_status: trio.TaskStatus[None]) -> None: ...


class _FirstStart:
    """Passes the part's first `started()` on; a restarted part was reported ready already."""

    def __init__(self, task_status: trio.TaskStatus[None]) -> None:
        self._task_status = task_status
        self._done = False

    def started(self, value: None = None) -> None:
        if not self._done:
            self._done = True
            self._task_status.started(value)


async def supervise(
    part: str,
    run: Run,
    options: SupervisionOptions,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run a part until it ends by itself; start it again when it fails.

    Every exception is logged with its traceback. Cancellation passes through at once.

    Raises:
        PartKeepsFailing: it failed more than `max_restarts` times within `window_seconds`.
    """
    first = _FirstStart(task_status)
    crashes: deque[float] = deque(maxlen=options.max_restarts + 1)
    while True:
        cause: BaseException | None = None
        try:
            return await run(task_status=first)
        except* Exception as group:  # noqa: BLE001 - a part may fail in any way; it is told and budgeted
            cause = _only(group)
        log.error("part failed", part=part, exc_info=cause)
        now = trio.current_time()
        crashes.append(now)
        recent = sum(now - at <= options.window_seconds for at in crashes)
        if recent > options.max_restarts:
            raise PartKeepsFailing(part, cause) from cause
        await trio.sleep(min(FIRST_PAUSE * 2 ** (recent - 1), LONGEST_PAUSE))
        log.warning("part is started again", part=part, failures=recent)


def _only(group: BaseException) -> BaseException:
    """The exception inside groups of one: nobody wants to read the nesting."""
    while isinstance(group, BaseExceptionGroup) and len(group.exceptions) == 1:
        group = group.exceptions[0]
    return group
