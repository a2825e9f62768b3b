"""Opens the files of one folder, in that folder's own thread, all that wait in one visit.

A visit to a thread costs two turns of the event loop. Conversions are claimed by the dozen and most
of them want a file of the same folder, so one visit opens them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import trio

from pywats_trio.convert.folder import Look
from pywats_trio.convert.source import Opening

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pywats_trio.convert.source import Location, Opened
    from pywats_trio.model import Outcome


class _Errand(Protocol):
    """What is done in one visit to the thread."""

    def run(self) -> None:
        """In the thread; it keeps what came of it, and raises nothing."""
        ...


class Opener:
    """A part; `limiter` is the folder's thread. If the folder hangs, only its own files wait."""

    def __init__(self, limiter: trio.CapacityLimiter) -> None:
        self._limiter = limiter
        self._waiting: list[tuple[_Errand, trio.Event]] = []
        self._some = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Open what is asked for until cancelled; a visit that hangs is left behind then."""
        task_status.started()
        while True:
            await self._some.wait()
            self._some = trio.Event()
            visit, self._waiting = self._waiting, []
            errands = [errand for errand, _done in visit]
            await trio.to_thread.run_sync(
                _run_all, errands, limiter=self._limiter, abandon_on_cancel=True
            )
            for _errand, done in visit:
                done.set()

    async def open(self, location: Location) -> Opened | Outcome:
        """Open the file, or say what becomes of its item instead. Cancelled, nothing stays open."""
        opening = Opening(location)
        try:
            await self._visit(opening)
        except trio.Cancelled:
            opening.abandon()
            raise
        return opening.result()

    async def has_changed(self, opened: Opened) -> bool:
        """Whether a file or a unit is not what it was when it was opened; see `folder.Look`."""
        look = Look(opened)
        await self._visit(look)
        return look.changed

    async def _visit(self, errand: _Errand) -> None:
        done = trio.Event()
        self._waiting.append((errand, done))
        self._some.set()
        await done.wait()


def _run_all(errands: Sequence[_Errand]) -> None:
    for errand in errands:
        errand.run()
