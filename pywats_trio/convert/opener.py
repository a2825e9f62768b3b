"""Opens the files of one folder, in that folder's own thread, all that wait in one visit.

A visit to a thread costs two turns of the event loop. Conversions are claimed by the dozen and most
of them want a file of the same folder, so one visit opens them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from pywats_trio.convert.source import Opening

if TYPE_CHECKING:
    from pywats_trio.convert.source import Opened, Place
    from pywats_trio.model import Outcome


class Opener:
    """A part; `limiter` is the folder's thread. If the folder hangs, only its own files wait."""

    def __init__(self, limiter: trio.CapacityLimiter) -> None:
        self._limiter = limiter
        self._waiting: list[tuple[Opening, trio.Event]] = []
        self._some = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Open what is asked for until cancelled; a visit that hangs is left behind then."""
        task_status.started()
        while True:
            await self._some.wait()
            self._some = trio.Event()
            visit, self._waiting = self._waiting, []
            openings = [opening for opening, _done in visit]
            await trio.to_thread.run_sync(
                _open_all, openings, limiter=self._limiter, abandon_on_cancel=True
            )
            for _opening, done in visit:
                done.set()

    async def open(self, place: Place) -> Opened | Outcome:
        """Open the file, or say what becomes of its item instead. Cancelled, nothing stays open."""
        opening, done = Opening(place), trio.Event()
        self._waiting.append((opening, done))
        self._some.set()
        try:
            await done.wait()
        except trio.Cancelled:
            opening.abandon()
            raise
        return opening.result()


def _open_all(openings: list[Opening]) -> None:
    for opening in openings:
        opening.run()
