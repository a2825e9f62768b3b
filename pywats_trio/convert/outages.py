"""Converters that cannot be used, or fail on every file: their files wait, and now and then one of
them is tried.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import structlog
import trio
from attrs import define, evolve

from pywats_trio.bell import Bell
from pywats_trio.convert.streaks import IN_A_ROW, Streaks
from pywats_trio.model import Problem, Reason, Wait
from pywats_trio.observe.board import Board, Cause
from pywats_trio.observe.status import iso
from pywats_trio.queue.shares import ALL, Shares

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pywats_trio.model import Item

log = structlog.get_logger("pywats_trio.convert")

PROBE_FIRST: Final = 30.0
"""Seconds before a converter that cannot be used, or is paused, is tried with one file."""
PROBE_LAST: Final = 900.0
"""Each time that a paused one fails it is left alone twice as long, so long at most."""
_MEND: Final = "Correct the converter or its arguments; its files wait and are tried again."
_PAUSED: Final = (
    "Correct the converter and reload it: its files wait, and all of them are converted once one "
    "is. One of them is tried from time to time. If it is the files that are wrong, remove them."
)


@define
class _Outage:
    """Why the files of a converter wait."""

    problem: Problem
    until: float
    """By Trio's clock: from then on one of them is tried."""
    since: float
    """Seconds since the epoch."""
    paused: bool = False
    """Whether it fails on every file; else it cannot be used at all."""
    told: bool = True
    """Whether it is a thing for the board."""
    interval: float = PROBE_FIRST
    """Seconds until the next try, if one fails now."""
    probe: int | None = None
    """The file that is being tried."""

    def put_off(self) -> None:
        """A try failed."""
        self.until = trio.current_time() + self.interval
        if self.paused:
            self.interval = min(2 * self.interval, PROBE_LAST)


class Outages:
    """By the converter's name; told to the board only while `on_board`.

    `changed` is rung when files that waited may go on, and when a converter is paused. `places`:
    worker processes at most.
    """

    def __init__(self, board: Board, places: int = 1) -> None:
        self._board = board
        self._outages: dict[str, _Outage] = {}
        self._streaks = Streaks(places)
        self._mended: set[str] = set()
        self.changed = Bell()
        self.on_board = False
        """Whether the board is told: not by a former conversion, nor by one to come."""

    # What a file asks

    def refuses(self, name: str, item_id: int) -> Problem | None:
        """Why this file of the converter `name` is not to be tried now.

        None: it may be, and if that is to find out whether the converter works again, the others
        wait until `tried`.
        """
        outage = self._outages.get(name)
        if outage is None or outage.probe == item_id:
            return None
        if outage.probe is not None or outage.until > trio.current_time():
            return outage.problem
        outage.probe = item_id
        return None

    def is_paused(self, name: str) -> bool:
        """Whether it fails on every file, so that no failure is a file's own."""
        outage = self._outages.get(name)
        return outage is not None and outage.paused

    def holds_up(self, name: str) -> bool:
        """Whether its files wait, but for one now and then."""
        return name in self._outages

    def is_deadly(self, name: str) -> bool:
        """Whether its files are tried one at a time, for the last ones cost processes."""
        return name in self._streaks.deadly

    def shares(self) -> Shares:
        """What may be claimed now, and when that changes by itself."""
        if not self._outages and not self._streaks.deadly:
            return ALL
        now = trio.current_time()
        later = {name: outage for name, outage in self._outages.items() if outage.until > now}
        due = self._outages.keys() - later.keys()
        soonest = min((outage.until for outage in later.values()), default=math.inf)
        single = (due | self._streaks.deadly) - later.keys()
        return Shares(frozenset(later), frozenset(single), soonest - now)

    # What came of a file

    def failed(self, item: Item, why: str, *, died: bool) -> None:
        """Its converter failed on it; `why` in words, `died` if a process was lost by it."""
        name, item_id = item.converter, item.id
        files = self._streaks.failed(name, item_id, fresh=not item.attempts, died=died)
        outage = self._outages.get(name)
        if outage is None:
            if files >= IN_A_ROW:
                self._pause(name, files, why)
        elif outage.probe == item_id:
            outage.put_off()
            log.warning("converter tried in vain", **self._told(name))

    def cut_short(self, name: str) -> None:
        """A conversion took long while others waited, which says nothing of its file yet."""
        self._streaks.cut_short(name)

    def loads(self, name: str) -> None:
        """It can be used, whatever it makes of files."""
        if not self.is_paused(name):
            self._end(name)

    def works(self, name: str) -> None:
        """It made something of a file, or refused it with a reason."""
        self._streaks.end(name)
        self._end(name)

    def tried(self, name: str, item_id: int) -> None:
        """The file is out of hand, whatever came of it; to be called for each one."""
        outage = self._outages.get(name)
        if outage is not None and outage.probe == item_id:
            outage.probe = None
            if outage.until <= trio.current_time():  # it told nothing of the converter
                outage.until = trio.current_time() + PROBE_FIRST

    def begin(self, name: str, why: str, traceback: str = "") -> Problem:
        """It was found that it cannot be used; its files wait, and one is tried again."""
        message = f"the converter {name!r} cannot be used: {why}"
        problem = Problem("converter", message, _MEND, traceback)
        outage = self._outages.get(name) or self._new(problem)
        outage.problem = problem
        outage.put_off()
        self._set(name, outage)
        return problem

    # What else is known

    def for_good(self, name: str, why: str) -> None:
        """What the configuration says of it is wrong."""
        problem = Problem("converter", why, "Correct the configuration and reload it.")
        self._set(name, self._new(problem, math.inf))

    def absent(self, name: str, problem: Problem) -> None:
        """It is not configured, or not enabled, which is not a thing for the board."""
        outage = self._outages.setdefault(name, self._new(problem))
        outage.told = False
        outage.put_off()

    def suspect(self, name: str, message: str) -> None:
        """Somebody found that it cannot be used; a file is tried at once, for that may pass.

        Where that was known before, nothing changes but the reason.
        """
        if not self.is_paused(name):
            problem = Problem("converter", message, _MEND)
            outage = self._outages.get(name) or self._new(problem)
            outage.problem, outage.told = problem, True
            self._set(name, outage)

    def end(self, name: str) -> None:
        """Somebody found that it can be used, such as a reload of its code.

        Whether one that was paused works again is tried at once.
        """
        self._streaks.end(name)
        outage = self._outages.get(name)
        if outage is not None and outage.paused:
            outage.until = trio.current_time()
            outage.interval = PROBE_FIRST
            outage.probe = None  # what is being tried now began with the former code
        else:
            self._end(name)
        self.changed.ring()

    # Over a change of the configuration, and over a restart

    def follow(self, former: Outages, names: Iterable[str]) -> None:
        """What `former` knows of these converters goes on: none of them has changed.

        But for a pause, which is recalled (`recall`): what a change means for it is tried at once.
        """
        for name in names:
            outage = former.unusable(name)
            if outage is not None:
                self._set(name, evolve(outage, probe=None))

    def unusable(self, name: str) -> _Outage | None:
        """Why it cannot be used at all, where that is so."""
        outage = self._outages.get(name)
        return outage if outage is not None and outage.told and not outage.paused else None

    def kept(self) -> dict[str, Any]:
        """Which converters are paused, for `recall`; can be written as JSON."""
        return {
            name: {"why": outage.problem.message, "since": outage.since}
            for name, outage in self._outages.items()
            if outage.paused
        }

    def recall(self, kept: Mapping[str, Any]) -> None:
        """They were paused when the service stopped: whether they work now is tried at once."""
        for name, facts in kept.items():
            problem = Problem("converter", facts["why"], _PAUSED)
            outage = _Outage(problem, -math.inf, facts["since"], paused=True)
            self._outages.setdefault(name, outage)

    def mended(self) -> list[str]:
        """Converters whose files need not wait any longer, and are not `resumed` yet."""
        return sorted(self._mended)

    def resumed(self, name: str) -> None:
        """The files of the converter `name` wait no longer."""
        self._mended.discard(name)

    # Telling

    def show(self, names: Iterable[str]) -> None:
        """Put on the board which of `names` cannot be used, from now on."""
        self.on_board = True
        for name in names:
            self._show(name)
        self.changed.ring()

    def facts(self, name: str) -> dict[str, Any] | None:
        """Why its files wait: `why`, `hint`, `paused` (it fails on every file), `since` and
        `next_try` (ISO 8601, UTC; None: with the next file that there is, or once it is mended).
        None: they do not.
        """
        outage = self._outages.get(name)
        if outage is None or not outage.told:
            return None
        left = outage.until - trio.current_time()
        return {
            "why": outage.problem.message,
            "hint": outage.problem.hint,
            "paused": outage.paused,
            "since": iso(outage.since),
            "next_try": iso(self._board.clock() + left) if 0.0 < left < math.inf else None,
        }

    # Inside

    def _new(self, problem: Problem, until: float = -math.inf) -> _Outage:
        return _Outage(problem, until, self._board.clock())

    def _pause(self, name: str, files: int, why: str) -> None:
        message = f"the converter {name!r} failed on {files} different files in a row, the last "
        problem = Problem("converter", f"{message}one with {why}", _PAUSED)
        outage = self._outages[name] = self._new(problem)
        outage.paused = True
        outage.put_off()
        self._show(name)
        log.error("converter paused", **self._told(name))
        self.changed.ring()

    def _told(self, name: str) -> dict[str, object]:
        outage = self._outages[name]
        seconds = round(outage.until - trio.current_time(), 3)
        return {"converter": name, "error": outage.problem.message, "next_try_seconds": seconds}

    def _set(self, name: str, outage: _Outage) -> None:
        self._outages[name] = outage
        self._show(name)

    def _end(self, name: str) -> None:
        outage = self._outages.pop(name, None)
        if outage is None:
            return
        self._show(name)
        if outage.paused:
            log.info("converter works again", converter=name)
        self._mended.add(name)
        self.changed.ring()

    def _show(self, name: str) -> None:
        if not self.on_board:
            return
        outage = self._outages.get(name)
        if outage is None or not outage.told:
            self._board.end(Cause.CONVERTER, name)
        else:
            problem = outage.problem
            self._board.begin(Cause.CONVERTER, name, problem.message, problem.hint)


def wait_for(problem: Problem) -> Wait:
    """What becomes of a file whose converter cannot be used: it waits, and that is no attempt.

    Once that is over it is claimed only if its converter is tried, however many wait beside it.
    """
    return Wait(PROBE_FIRST, Reason.CONVERTER, problem)
