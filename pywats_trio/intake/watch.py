"""The part that watches one folder: what is dropped there becomes items of the queue.

Two tasks share a `FolderState` in memory: the observer fills it with what it hears and sees of the
folder, the acceptor empties it into the store. Nothing in memory is needed after a crash: a new run
starts from the store's `seen` and a scan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from pywats_trio.intake.accept import Acceptor
from pywats_trio.intake.ledger import Ledger
from pywats_trio.intake.observe import Observer, Statistics
from pywats_trio.intake.scan import Folder, within
from pywats_trio.intake.settle import UNIT, Settler, Waiting
from pywats_trio.intake.state import FolderState
from pywats_trio.intake.unitfolder import UnitFolder, configured
from pywats_trio.observe.board import Board

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pywats_trio.config.options import ConverterOptions
    from pywats_trio.intake.room import Room
    from pywats_trio.model import Unit
    from pywats_trio.queue.store import Desk, Store


class Watch:
    """Watches the folder of one converter.

    Args:
        options: the converter's table of the configuration.
        patterns: which names are taken, resolved (never empty unless nothing is to be taken).
        store: where files are put.
        desk: tells which files were accepted before and still lie there.
        room: back-pressure, shared by all folders.
        limiter: the folder's own thread; every look at the folder goes through it, so that a share
            that hangs holds up nobody else.
        board: is told when the folder cannot be used; default: nobody is.
        unit: what it takes, as the converter's author says; default: files.
    """

    def __init__(
        self,
        options: ConverterOptions,
        patterns: Sequence[str],
        *,
        store: Store,
        desk: Desk,
        room: Room,
        limiter: trio.CapacityLimiter,
        board: Board | None = None,
        unit: Unit | None = None,
    ) -> None:
        self._options = options
        self._unit = unit and configured(unit, options)
        self._patterns = tuple(patterns)
        self._store = store
        self._desk = desk
        self._room = room
        self._limiter = limiter
        self._board = board or Board()
        self._settler = self._new_settler()
        self._observer: Observer | None = None
        self.statistics = Statistics()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled. Ready before the folder is touched: it may hang or be missing.

        A look at the folder that hangs is left behind on cancellation; a commit is waited for.

        Raises:
            StoreError: the store cannot be read at the start.
        """
        options = self._options
        self._settler = self._new_settler()
        folder = self._folder()
        # Of this folder alone: what was submitted, or lies in a former one, is not gone from here.
        seen = (await self._desk.seen(options.name)).items()
        ledger = Ledger({path: known for path, known in seen if within(path, folder.root)})
        state = FolderState(options, folder, self._settler, ledger, self._limiter, self._board)
        observer = self._observer = Observer(state, self.statistics)
        acceptor = Acceptor(state, observer, self._store, self._room)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(observer.run)
            nursery.start_soon(acceptor.run)
            task_status.started()

    def _new_settler(self) -> Settler:
        if self._unit is not None:
            return Settler(UNIT, self._unit.quiet_seconds)
        return Settler(self._options.settle, self._options.settle_seconds)

    def _folder(self) -> Folder:
        if self._unit is not None:
            return UnitFolder(self._options, self._patterns, self._unit)
        return Folder(self._options, self._patterns)

    def scan_now(self) -> None:
        """Read the whole folder soon, whatever was or was not heard of it."""
        if self._observer is not None:
            self._observer.ask_rescan()

    def waiting(self, wanted: Callable[[str], bool] = lambda _path: True) -> list[Waiting]:
        """Each file that was seen and is not accepted, and why; the longest waiting first.

        Of those only whose paths are `wanted`.
        """
        return self._settler.waiting(trio.current_time(), full=self._room.full, wanted=wanted)

    def reasons(self) -> dict[str, int]:
        """How many files wait for which reason; quicker than `waiting` where there are many."""
        counted = self._settler.reasons(trio.current_time(), full=self._room.full)
        return {str(why): n for why, n in counted.items()}

    @property
    def trouble(self) -> str:
        """What is wrong with the folder at the moment; empty if nothing is."""
        return self._observer.trouble.cause if self._observer is not None else ""
