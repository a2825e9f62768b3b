"""What systemd is told of a service, without a library: sd_notify(3), sd_watchdog_enabled(3).

Everything here is synchronous and does not block: a message is one datagram. One that does not go
through (the socket is full, or away) is sent again at the next pulse.
"""

from __future__ import annotations

import math
import os
import socket
import time
from collections import deque
from typing import TYPE_CHECKING, Final

import structlog
from attrs import frozen

from pywats_trio.control import AT_WORK, BEFORE_WORK, ServiceState
from pywats_trio.model import UNFINISHED, Kind
from pywats_trio.service.heartbeat import TICK_SECONDS
from pywats_trio.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from pywats_trio.observe.board import Board

log = structlog.get_logger("pywats_trio.service")

EXTEND_AFTER: Final = 5.0
"""Seconds of a start after which systemd is asked for more time, again at every pulse."""
EXTEND_BY: Final = 30.0
"""Seconds within which the next pulse comes, or the start has failed."""
LONGEST_STATUS: Final = 200
"""Characters of one part of it."""
MOST_UNSENT: Final = 16
UP: Final = (AT_WORK | {ServiceState.PAUSED}) - {ServiceState.RELOADING}
ENDING: Final = frozenset({ServiceState.DRAINING, ServiceState.FAILED})


@frozen
class Systemd:
    """What the environment says of the systemd that started this process; by default, none did."""

    address: str = ""
    """Of its socket: a path, or `@` and an abstract name; empty: nobody is told anything."""
    watchdog_seconds: float = math.inf
    """Without a ping for so long, the process is killed."""

    @classmethod
    def take(cls, environ: MutableMapping[str, str]) -> Systemd:
        """Read the variables and remove them: no child process is to speak for the service."""
        address = environ.pop("NOTIFY_SOCKET", "")
        microseconds = environ.pop("WATCHDOG_USEC", "")
        ours = environ.pop("WATCHDOG_PID", "") in {"", str(os.getpid())}
        if not address.startswith(("/", "@")):
            return cls()
        if not (ours and microseconds.isdecimal() and int(microseconds)):
            return cls(address)
        return cls(address, int(microseconds) / 1e6)

    @property
    def tick_seconds(self) -> float:
        """The longest time between two pulses; half of the watchdog's at the most."""
        return min(TICK_SECONDS, self.watchdog_seconds / 2)

    def send(self, message: str) -> None:
        """One datagram. Raises OSError; BlockingIOError if the socket is full."""
        name = self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.sendto(message.encode(), f"\0{name[1:]}" if name.startswith("@") else name)


class Notifier:
    """Tells systemd of one service; `tell` is called at each change of its state.

    Args:
        systemd: who is told.
        board: what is true of the service.
        clock: seconds of CLOCK_MONOTONIC.
    """

    def __init__(
        self, systemd: Systemd, board: Board, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._systemd = systemd
        self._board = board
        self._clock = clock
        self._begun = clock()
        self._phase = ""
        self._unsent: deque[str] = deque(maxlen=MOST_UNSENT)
        """Phases, the newest last; what falls out is only of the past."""
        self._status = ""
        """As systemd knows it."""
        self._pinged = -math.inf
        self._failing = False

    def tell(self) -> None:
        """The state has changed, or what is true in it."""
        if self._systemd.address:
            self._note_phase()
            self._say()

    def pulse(self) -> None:
        """The event loop turns; to be called every `systemd.tick_seconds`."""
        if not self._systemd.address:
            return
        if self._board.state in BEFORE_WORK and self._clock() - self._begun >= EXTEND_AFTER:
            self._send(f"EXTEND_TIMEOUT_USEC={EXTEND_BY * 1e6:.0f}")
        self._say()
        self._ping()

    def _note_phase(self) -> None:
        state = self._board.state
        if state in UP:
            self._enter("READY=1", f"MAINPID={os.getpid()}")
        elif state is ServiceState.RELOADING:
            self._enter("RELOADING=1", f"MONOTONIC_USEC={self._clock() * 1e6:.0f}")
        elif state in ENDING:
            self._enter("STOPPING=1")

    def _enter(self, phase: str, *more: str) -> None:
        if phase != self._phase:
            self._phase = phase
            self._unsent.append("\n".join([phase, *more]))

    def _say(self) -> None:
        """What systemd does not know yet, in its order."""
        while self._unsent and self._send(self._unsent[0]):
            self._unsent.popleft()
        status = _status(self._board)
        if status != self._status and self._send(f"STATUS={status}"):
            self._status = status

    def _ping(self) -> None:
        """Only if the next pulse would come later than after half of the watchdog's time."""
        now, half = self._clock(), self._systemd.watchdog_seconds / 2
        due = now + self._systemd.tick_seconds > self._pinged + half
        if due and half < math.inf and self._send("WATCHDOG=1"):
            self._pinged = now

    def _send(self, message: str) -> bool:
        try:
            self._systemd.send(message)
        except BlockingIOError:
            return False
        except OSError as error:
            if not self._failing:
                log.warning("systemd cannot be told", error=str(error))
            self._failing = True
            return False
        self._failing = False
        return True


def _status(board: Board) -> str:
    """One line: the state and its cause, what a drain waits for, what is in the queue."""
    counts = board.counts()
    files, reports = (counts.of(kind, *UNFINISHED) for kind in (Kind.FILE, Kind.REPORT))
    waiting = ", ".join(board.waiting_for())
    parts = (
        f"{board.state}: {board.cause}" if board.cause else str(board.state),
        f"waiting for {waiting}" if waiting else "",
        f"{files} files, {reports} reports in hand",
    )
    said = [shortened(printable(part), LONGEST_STATUS) for part in parts if part]
    return "; ".join(said)
