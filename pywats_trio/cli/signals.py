"""Signals of a running service: none is lost, none is fatal before its time."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from typing import TYPE_CHECKING, Final

import structlog
import trio

from pywats_trio.bell import Bell
from pywats_trio.errors import ForcedStop, NotReady, PywatsTrioError

if TYPE_CHECKING:
    from types import FrameType

    from pywats_trio.observe.log import Log
    from pywats_trio.service.service import Service

MOST_STOPS: Final = 3
"""So many signals end the process at once."""
AT_ONCE: Final = "ended at once by the third signal; nothing is lost, the next start goes on\n"

log = structlog.get_logger("pywats_trio.cli")


class Signals:
    """SIGTERM, SIGINT and SIGHUP belong to this from its making to the end of the process.

    Not Trio's receiver: that gives them back before the process has ended, so that a late one would
    change the exit code, and it cannot end a process whose event loop hangs.
    """

    def __init__(self, own_log: Log) -> None:
        """`own_log` is closed, with a bound, before the process is ended at once."""
        self._log = own_log
        self._stops: list[str] = []
        self._reloads = 0
        self._told = Bell()
        self._loop: trio.lowlevel.TrioToken | None = None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._reload)

    def ignore(self) -> None:
        """Nothing is left to be asked: no signal is to change the exit code any more."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # Unlike a handler, this outlives the interpreter.
            signal.signal(number, signal.SIG_IGN)

    # In the signal handler: between any two instructions of the main thread

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._stops.append(signal.Signals(number).name)
        if len(self._stops) >= MOST_STOPS:
            self._end_at_once()
        self._wake()

    def _reload(self, _number: int, _frame: FrameType | None) -> None:
        self._reloads += 1
        self._wake()

    def _wake(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(trio.RunFinishedError):
                self._loop.run_sync_soon(self._told.ring, idempotent=True)

    def _end_at_once(self) -> None:
        """Safety is the store's: whatever was in hand is found at the next start."""
        self._log.close()  # the last lines have less than a second
        with contextlib.suppress(OSError, ValueError):
            if select.select([], [sys.stderr], [], 0)[1]:  # a pipe that is full is not waited for
                os.write(sys.stderr.fileno(), AT_ONCE.encode())
        os._exit(ForcedStop.exit_code)

    # In the event loop

    async def obey(self, service: Service) -> None:
        """Do what was asked, before this call and from now on, until cancelled."""
        self._loop = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            # A reload takes its time; a stop does not wait for it.
            nursery.start_soon(self._obey_reloads, service)
            await self._obey_stops(service)

    async def _obey_stops(self, service: Service) -> None:
        obeyed = 0
        while True:
            ticket = self._told.ticket()
            for name in self._stops[obeyed:]:
                if obeyed:
                    service.hurry()
                else:
                    service.stop(name)
                obeyed += 1
            await ticket.wait()

    async def _obey_reloads(self, service: Service) -> None:
        """Several that come during one reload are one more."""
        obeyed = 0
        while True:
            ticket = self._told.ticket()
            if self._reloads > obeyed:
                obeyed = self._reloads
                await _reload(service)
            else:
                await ticket.wait()


async def _reload(service: Service) -> None:
    """A reload that is refused has been logged; the running configuration goes on."""
    try:
        await service.reload()
    except NotReady as error:
        log.warning("SIGHUP ignored", why=str(error))
    except PywatsTrioError:
        pass  # logged by whom it was asked, with all that is wrong
