"""The disk of data_dir, watched: what is in the queue is safe from its filling up."""

from __future__ import annotations

import errno
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import structlog
import trio

from pywats_trio.config.options import MIB
from pywats_trio.config.values import size_text
from pywats_trio.errors import StoreError
from pywats_trio.observe.board import Cause
from pywats_trio.queue.marks import LowMark
from pywats_trio.queue.reserve import FILE_NAME, Reserve
from pywats_trio.queue.store import Topic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pywats_trio.config.options import QueueOptions
    from pywats_trio.observe.board import Board
    from pywats_trio.queue.store import Store

LOOK_SECONDS: Final = 1.0
"""Between two looks; a commit that failed has the next one at once."""
FIRST_LOOK_SECONDS: Final = 1.0
"""How long the first look may take before the rest of the service starts without it."""

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says where a file cannot grow."""

_log = structlog.get_logger("pywats_trio.service")


class Level(IntEnum):
    """How short the disk is of room."""

    ENOUGH = 0
    LOW = 1
    """Intake stops."""
    CRITICAL = 2
    """Nothing new is claimed, either: what came of it could perhaps not be recorded."""


class DiskWatch:
    """Stops the intake at `queue.min_free_disk`, and every claim at a quarter of it.

    Below that, or when a commit fails for want of room, the reserve is freed so that what is in
    hand can be recorded. When there is room again the reserve is made again and all goes on.

    Args:
        store: is told whether it may be claimed from.
        board: is told what was seen, and what it means.
        data_dir: what to look at; the reserve lies in it.
        database: the queue's file.
        options: gives what is configured at the moment.
    """

    def __init__(
        self,
        store: Store,
        board: Board,
        data_dir: Path,
        database: Path,
        options: Callable[[], QueueOptions],
    ) -> None:
        self._store = store
        self._board = board
        self._data_dir = data_dir
        self._database = database
        self._options = options
        self._soft, self._hard = LowMark(0), LowMark(0)
        self._reserve = Reserve(data_dir / FILE_NAME)
        self._starving = False
        """A commit failed for want of room, and it is not known yet that there is some again."""
        self._level = Level.ENOUGH
        self._unmade: OSError | None = None
        """Why the reserve could not be made at the last try."""
        self._thread = trio.CapacityLimiter(1)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled; ready after the first look. A disk that hangs is left behind."""
        with trio.move_on_after(FIRST_LOOK_SECONDS):
            await self._look()
            self._tell()
        task_status.started()
        while True:
            await self._once()
            ticket = self._store.bell(Topic.REFUSED).ticket()
            if not self._store.starved:
                await ticket.wait(LOOK_SECONDS)

    async def _once(self) -> None:
        """Look, and do what follows from it."""
        starved, self._store.starved = self._store.starved, False
        if starved:
            self._starving = True
            await self._free()
        await self._look()
        if not starved:  # else those who have something to record go first
            await self._probe()
            await self._keep_reserve()
        self._tell()

    async def _in_thread(self, call: Callable[[], None]) -> None:
        await trio.to_thread.run_sync(call, limiter=self._thread, abandon_on_cancel=True)

    async def _look(self) -> None:
        seen = self._board.resources

        def look() -> None:
            seen.look(self._data_dir, self._database)
            self._reserve.look()

        await self._in_thread(look)
        seen.reserve_bytes = self._reserve.held
        options, spare = self._options(), self._spare
        self._soft.limit, self._hard.limit = options.min_free_disk, options.hard_floor
        if spare is not None:
            self._soft.judge(spare)
            self._hard.judge(spare)

    # The reserve

    @property
    def _spare(self) -> int | None:
        """What is free beside the reserve, made or not; None: nobody knows."""
        free = self._board.resources.disk_free_bytes
        return None if free is None else free + self._reserve.held - self._options().reserve

    async def _free(self) -> None:
        """Give the reserve to who has something to record."""
        held = self._reserve.held
        try:
            await self._in_thread(self._reserve.free)
        except OSError as error:
            _log.warning("the reserve cannot be freed", error=str(error))
        self._board.resources.reserve_bytes = self._reserve.held
        if held > self._reserve.held:
            _log.warning("the reserve is freed", bytes=held)
            self._store.bell(Topic.DISK).ring()

    async def _keep_reserve(self) -> None:
        """Free the reserve below the hard floor; make it where there is room for it."""
        held = self._reserve.held
        wanted = 0 if self._hard.reached else self._options().reserve
        has_room = self._has_room_for_reserve() and not self._board.held_up_by(Cause.STORE)
        if wanted == 0 < held:
            await self._free()
        elif wanted < held or (wanted > held and has_room):
            await self._make(wanted)

    def _has_room_for_reserve(self) -> bool:
        spare = self._spare
        return spare is not None and spare >= self._options().min_free_disk

    async def _make(self, size: int) -> None:
        before, self._unmade = self._unmade, None
        try:
            await self._in_thread(lambda: self._reserve.make(size))
        except OSError as error:
            self._unmade = error
            if str(error) != str(before):
                _log.warning("the reserve cannot be made", bytes=size, error=str(error))
        else:
            _log.info("the reserve is made", bytes=size)
        self._board.resources.reserve_bytes = self._reserve.held

    def _is_restored(self) -> bool:
        """Whether the reserve is what it should be, as far as there is room for it.

        Free space does not tell of a user's share of the disk; that the reserve can be made does.
        """
        if self._reserve.held == self._options().reserve or not self._has_room_for_reserve():
            return True
        return self._unmade is not None and self._unmade.errno not in NO_ROOM

    async def _probe(self) -> None:
        """Whether the queue can be written again: nobody else may have a reason to try."""
        if held_up := self._board.held_up_by(Cause.STORE):
            try:
                await self._store.note("queue writable", {"before": held_up[0].message})
            except StoreError:
                return  # the board knows
            self._store.bell(Topic.DISK).ring()

    # What it means

    def _tell(self) -> None:
        """Tell the board, the log and who claims."""
        if self._is_restored() and not self._board.held_up_by(Cause.STORE):
            self._starving = False
        level = Level(self._soft.reached)
        if self._hard.reached or self._starving:
            level = Level.CRITICAL
        self._show(level)
        if level is not self._level:
            self._changed(level)

    def _show(self, level: Level) -> None:
        if level is Level.ENOUGH:
            self._board.end(Cause.DISK)
            return
        floor = self._hard if self._hard.reached else self._soft
        message = f"less than {size_text(floor.limit)} are free on the disk of data_dir"
        if not floor.reached:
            message = "the disk of data_dir has no room for a commit"
        self._board.begin(Cause.DISK, "", message, self._hint(level))

    def _hint(self, level: Level) -> str:
        what = "files wait in their folders"
        if level is Level.CRITICAL:
            what += ", and nothing new is converted or sent"
        total = self._board.resources.disk_total_bytes
        if total is not None and self._soft.beyond(total):
            return (
                f"{what}; this disk has {total // MIB} MiB in all, so it can never have as much "
                "free: lower queue.min_free_disk"
            )
        return f"{what}; make room on it, and all goes on by itself"

    def _changed(self, level: Level) -> None:
        before, self._level = self._level, level
        facts = {"free": self._board.resources.disk_free_bytes, "min_free": self._soft.limit}
        if level > before:
            word = "everything stopped" if level is Level.CRITICAL else "intake stopped"
            _log.warning(f"{word}: the disk is nearly full", cause=Cause.DISK.value, **facts)
        else:
            word = "work resumed" if before is Level.CRITICAL else "intake resumed"
            _log.info(word, cause=Cause.DISK.value, **facts)
        self._store.claimable = level is not Level.CRITICAL
        for topic in (Topic.DISK, Topic.FILE, Topic.REPORT, Topic.ROOM):
            self._store.bell(topic).ring()
