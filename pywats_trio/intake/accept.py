"""Accepting: files that have settled become items of the queue, in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
import trio

from pywats_trio import faultpoint
from pywats_trio.errors import StoreError
from pywats_trio.intake.settle import FIRST_INTERVAL
from pywats_trio.intake.trouble import Trouble
from pywats_trio.model import Envelope, Form, Kind
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pywats_trio.intake.observe import Observer
    from pywats_trio.intake.room import Room
    from pywats_trio.intake.settle import Due, Look
    from pywats_trio.intake.state import FolderState
    from pywats_trio.queue.store import Store

BATCH: Final = 256
"""Files in one transaction."""
GATHER_SECONDS: Final = 0.01
"""Between two batches: a single file is accepted at once, a stream of them in fewer commits."""
GONE_AT_ONCE: Final = 1000
"""The store is told of files that have gone before the next put, or when this many have."""

_log = structlog.get_logger("pywats_trio.intake")

Complete = list[tuple["Due", "Look"]]


class Acceptor:
    """Looks at files when they are due and puts those that are complete."""

    def __init__(self, state: FolderState, observer: Observer, store: Store, room: Room) -> None:
        self._options = state.options
        self._state = state
        self._settler = state.settler
        self._ledger = state.ledger
        self._observer = observer
        self._store = store
        self._room = room
        fields = {"converter": state.options.name}
        self._refused = Trouble("the queue takes no files", fields=fields)
        self._unseen = Trouble("files cannot be looked at", fields=fields, board=state.board)
        self._accepted = state.board.metrics.intake_files.labels(state.options.name, "accepted")

    async def run(self) -> None:
        """Accept until cancelled."""
        while True:
            ticket = self._state.bell.ticket()
            wait = self._settler.next_due() - trio.current_time()
            if wait > 0:
                if self._ledger.many_gone(GONE_AT_ONCE):
                    await self._put([])
                await ticket.wait(wait)
                continue
            async with self._room.reserved(BATCH) as room:
                pause = await self._accept(room)
            self._make_up()
            await trio.sleep(pause)

    def _make_up(self) -> None:
        """Files were left out because too many waited: find them now that there is space."""
        if self._settler.has_space_again():
            self._observer.ask_rescan()

    async def _accept(self, room: int) -> float:
        """Look at what is due and put what is complete; seconds to pause."""
        due = self._settler.due(trio.current_time(), room)
        try:
            looks = await self._look([one.path for one in due])
        except OSError as error:
            return self._later(due, self._unseen.begins(error))
        self._unseen.ends()
        complete = self._judge(due, looks)
        if not complete:
            return 0.0
        try:
            await self._put(complete)
        except StoreError as error:
            what_to_do = "the files stay where they are; see to the disk of data_dir"
            return self._later(due, self._refused.begins(error, what_to_do))
        self._refused.ends()
        return GATHER_SECONDS

    def _later(self, due: Sequence[Due], pause: float) -> float:
        for one in due:
            self._settler.again(one, trio.current_time() + pause)
        return pause

    async def _look(self, paths: Sequence[str]) -> list[Look | None]:
        folder = self._state.folder
        looks = await self._state.in_thread(folder.look, paths)
        missing = [path for path, look in zip(paths, looks, strict=True) if look is None]
        if missing:
            links = await self._state.in_thread(folder.any_links, missing)
            if links:
                self._observer.ask_rescan()
        # What was announced before these looks has to be known before they are judged.
        await self._observer.drain()
        return looks

    def _judge(self, due: Sequence[Due], looks: Sequence[Look | None]) -> Complete:
        """The complete ones among `due`, in the order of their modification times."""
        now = trio.current_time()
        complete: Complete = []
        behind = self._observer.is_behind and self._state.folder.form is not Form.FILE
        for one, look in zip(due, looks, strict=True):
            if behind:
                self._settler.again(one, now + FIRST_INTERVAL)  # sooner if something is heard
            elif look is not None and self._ledger.knows(one.path, look):
                self._settler.drop(one)
            elif self._settler.looked(one, look, now) and look is not None:
                complete.append((one, look))
        complete.sort(key=lambda pair: pair[1].identity.mtime_ns)
        return complete

    async def _put(self, complete: Complete) -> None:
        """Accept `complete` in one transaction, after the store has forgotten what has gone.

        In this order, because a name that has gone may be among those that come.

        Raises:
            StoreError: not recorded, as far as is known; a file that was is not taken twice when
                it is put again.
        """
        faultpoint.hit("accept.before_put")
        gone = self._ledger.take_gone()
        # Before the commit, so that a notice of its going that comes meanwhile finds it.
        known = [(due.path, self._ledger.add(due.path, look)) for due, look in complete]
        try:
            if gone:
                await self._store.forget(gone)
                gone = []
            ids = await self._store.put([self._envelope(*pair) for pair in complete])
        except BaseException:
            for path, entry in known:
                self._ledger.take_back(path, entry)
            self._ledger.put_back_gone(gone)
            raise
        faultpoint.hit("accept.committed")
        for due, _look in complete:
            self._settler.drop(due)
        self._tell(complete, ids)

    def _envelope(self, due: Due, look: Look) -> Envelope:
        return Envelope(
            Kind.FILE,
            self._options.name,
            due.path,
            priority=self._options.priority,
            max_attempts=self._options.max_attempts,
            identity=look.identity,
            form=self._state.folder.form,
            waited=self._settler.waited(due, trio.current_time()),
        )

    def _tell(self, complete: Complete, ids: Sequence[int | None]) -> None:
        """One line a batch; what becomes of each file is in its history."""
        accepted = [
            (item_id, due.path)
            for (due, _look), item_id in zip(complete, ids, strict=True)
            if item_id is not None
        ]
        if accepted:
            self._accepted.inc(len(accepted))
            item_id, path = accepted[0]
            _log.info(
                "files accepted",
                converter=self._options.name,
                count=len(accepted),
                item_id=item_id,
                source=printable(path),
            )
