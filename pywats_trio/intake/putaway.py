"""Putting finished files away: the post action, the error folder. Works from committed rows alone.

Idempotent: cut off at any point, the same is done again and finds what was done already.
"""

from __future__ import annotations

import contextlib
import errno
import os
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog
import trio
from attrs import frozen

from pywats_trio import faultpoint
from pywats_trio.errors import StoreError
from pywats_trio.intake import errorfile, inbox, moves, names, unitaway
from pywats_trio.intake.denied import Denied
from pywats_trio.intake.scan import MARKER, within
from pywats_trio.intake.trouble import FIRST, LONGEST, Trouble
from pywats_trio.intake.unitmoves import NotOurs
from pywats_trio.intake.visit import Visit
from pywats_trio.model import Form, Item, State
from pywats_trio.observe.board import Board
from pywats_trio.queue.store import PutAway, Topic
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pywats_trio.config.options import ConverterOptions
    from pywats_trio.model import Identity
    from pywats_trio.queue.store import Desk, Store

BATCH: Final = 64
"""Files in one go: their folders are synced once, and they are committed together."""
GATHER_SECONDS: Final = 0.05
"""After a go that was not full. Nobody waits for a file to leave, so more of them share a sync."""

KEPT, DELETED = "kept where it lies", "deleted"
ASKED = ", as its converter asked"
REPLACED = "another file lies under its name now, which was left alone"
GONE = "it had already gone from its folder"

_log = structlog.get_logger("pywats_trio.intake")


@frozen
class _Goal:
    """What is to happen to a file."""

    action: str
    """`keep`, `delete`, or the option that names the target folder."""
    folder: str = ""
    why: str = ""
    """Who asked for it, if not the configuration."""


@frozen
class _Later:
    at: float
    interval: float


class Putaway:
    """Empties the watch folder of one converter of what is finished.

    Args:
        options: the converter's table of the configuration.
        store: where is recorded what became of a file; its bell PUTAWAY wakes this part.
        desk: tells which files have to leave.
        limiter: the folder's own thread, shared with its `Watch`.
        inbox: the folder of submitted files, which are copies: what is converted is deleted there.
        board: is told when files cannot be put away; default: nobody is.
    """

    def __init__(
        self,
        options: ConverterOptions,
        *,
        store: Store,
        desk: Desk,
        limiter: trio.CapacityLimiter,
        inbox: str = "",
        board: Board | None = None,
    ) -> None:
        board = board or Board()
        self._options = options
        self._inbox = inbox
        self._root = os.fspath(options.watch)
        self._store = store
        self._desk = desk
        self._limiter = limiter
        self._draining = False
        self._later: dict[int, _Later] = {}
        """Items that could not be put away yet; there are no more of them than rows to put away."""
        fields = {"converter": options.name}
        self._troubles = {
            action: Trouble(f"files cannot be put away ({action})", fields=fields, board=board)
            for action in ("done_dir", "error_dir", "archive_dir", "delete", "keep")
        }
        self._denied = Denied(fields, board)
        self._counted = board.metrics.intake_files
        self._unrecorded = Trouble("it cannot be recorded that files were put away", fields=fields)

    def drain(self) -> None:
        """Put away what is finished and can be put away now; `run` ends then."""
        self._draining = True
        self._store.bell(Topic.PUTAWAY).ring()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Put away until drained or cancelled; a cancellation waits for the file in hand (`Visit`).

        Raises:
            StoreError: the store cannot be read.
        """
        self._later.clear()
        task_status.started()
        while True:
            ticket = self._store.bell(Topic.PUTAWAY).ticket()
            items = await self._pending()
            if not items:
                if self._draining:
                    return
                await ticket.wait(self._until_next_try())
                continue
            visit = Visit(partial(self._put_away_all, items), self._limiter)
            results = await visit.run()
            await self._record(items, results)
            if len(items) < BATCH and not self._draining:
                await trio.sleep(GATHER_SECONDS)

    async def _pending(self) -> list[Item]:
        limit = BATCH + len(self._later)
        items = await self._desk.to_put_away(self._options.name, limit)
        if len(items) < limit:
            here = {item.id for item in items}
            self._later = {key: value for key, value in self._later.items() if key in here}
            self._denied.keep(here)
        now = trio.current_time()
        later = self._later
        return [item for item in items if item.id not in later or later[item.id].at <= now][:BATCH]

    def _until_next_try(self) -> float:
        soonest = min((later.at for later in self._later.values()), default=float("inf"))
        return soonest - trio.current_time()

    async def _record(self, items: Sequence[Item], results: Sequence[PutAway | OSError]) -> None:
        done: list[PutAway] = []
        for item, result in zip(items, results, strict=False):
            if isinstance(result, OSError):
                self._put_off(item, result)
            else:
                self._tell(item, result)
                done.append(result)
        if done:
            await self._commit(done)

    def _put_off(self, item: Item, error: OSError) -> None:
        before = self._later.get(item.id)
        interval = FIRST if before is None else min(2 * before.interval, LONGEST)
        self._later[item.id] = _Later(trio.current_time() + interval, interval)
        if isinstance(error, NotOurs):
            self._denied.begins(item.id, error)
            return
        goal = self._goal(item)
        self._troubles[goal.action].begins(error, where=goal.folder or self._root)

    def _tell(self, item: Item, result: PutAway) -> None:
        self._later.pop(item.id, None)
        self._denied.ends(item.id)
        if any(trouble.cause for trouble in self._troubles.values()):
            self._troubles[self._goal(item).action].ends()
        refused = item.state is not State.COMPLETED
        self._counted.labels(item.converter, "refused" if refused else "put_away").inc()
        if refused:
            _log.warning(
                "file refused",
                converter=item.converter,
                correlation_id=item.correlation_id,
                item_id=item.id,
                why=item.last_error,
                lies_at=printable(result.path),
                note=result.message,
            )

    async def _commit(self, done: Sequence[PutAway]) -> None:
        """Until it is recorded: the files are moved, so there is nothing to go back to."""
        while True:
            faultpoint.hit("putaway.before_commit")
            try:
                await self._store.put_away(done)
            except StoreError as error:
                pause = self._unrecorded.begins(error, "see to the disk of data_dir")
                await trio.sleep(pause)
            else:
                self._unrecorded.ends()
                for result in done:
                    self._later.pop(result.item_id, None)
                return

    def _goal(self, item: Item) -> _Goal:
        options = self._options
        if item.state is not State.COMPLETED:
            return self._into("error_dir", options.error_dir, item)
        if self._is_submitted(item):
            return _Goal("delete")
        wish = "" if options.post_action else item.after
        action = options.post_action or wish
        if action in ("keep", "delete"):
            return _Goal(action, why=ASKED if wish else "")
        if action == "archive":
            # By the day the file was finished, so that a second try finds the same folder.
            day = datetime.fromtimestamp(item.finished_at or item.created_at, UTC)
            folder = os.path.join(options.archive_dir, f"{day:%Y-%m-%d}")  # noqa: PTH118
            return self._into("archive_dir", folder, item)
        return self._into("done_dir", options.done_dir, item)

    def _is_submitted(self, item: Item) -> bool:
        return bool(self._inbox) and within(item.source, self._inbox)

    def _into(self, action: str, target: str, item: Item) -> _Goal:
        """`target`, and below it the folder that the file lay in below the watch folder.

        A refused file that an operator brought back lies in the error folder, in that same place.
        """
        root = self._folder(self._options.error_dir) if item.has_moved else self._root
        above = os.path.dirname(item.source)  # noqa: PTH120 - any bytes, as str
        below = os.path.relpath(above, root) if within(above, root) else "."
        return _Goal(action, os.path.normpath(os.path.join(self._folder(target), below)))  # noqa: PTH118

    def _folder(self, target: str) -> str:
        return os.path.normpath(os.path.join(self._root, target))  # noqa: PTH118

    # In the folder's thread.

    def _put_away_all(
        self, items: Sequence[Item], visit: Visit[list[PutAway | OSError]]
    ) -> list[PutAway | OSError]:
        """What became of each of `items`, of fewer if cut short; all durable on return."""
        results: list[PutAway | OSError] = []
        for item in items:
            if visit.cut_short:
                break
            try:
                results.append(self._put_away(item))
                if self._is_submitted(item):
                    inbox.remove_folder(item.source)
            except OSError as error:
                results.append(error)
        self._sync(items, results)
        faultpoint.hit("putaway.moved")
        return results

    def _sync(self, items: Sequence[Item], results: list[PutAway | OSError]) -> None:
        """Make the moves durable; a result whose folder cannot be synced becomes the error."""
        unsafe: dict[str, OSError | None] = {}
        for number, (item, result) in enumerate(zip(items, results, strict=False)):
            if isinstance(result, OSError):
                continue
            left = inbox.folder_of(item.source) if self._is_submitted(item) else item.source
            for path in filter(None, (left, result.path)):
                folder = os.path.dirname(path)  # noqa: PTH120 - any bytes, as str
                if folder not in unsafe:
                    unsafe[folder] = _failure(moves.sync_folder, folder)
                results[number] = unsafe[folder] or results[number]

    def _put_away(self, item: Item) -> PutAway:
        goal, identity = self._goal(item), item.identity
        if item.state is State.COMPLETED:
            errorfile.take_back(item)
        if goal.action == "keep" or identity is None:
            return PutAway(item.id, item.source, KEPT + goal.why)
        try:
            if item.form is not Form.FILE:
                return _put_away_unit(item, identity, goal)
            if moves.is_file(item.source, identity):
                self._remove_marker(item)
            if goal.action == "delete":
                faultpoint.hit("putaway.named")
                moves.remove(item.source, identity, item.id)
                return PutAway(item.id, "", DELETED + goal.why)
            return PutAway(item.id, self._move(item, goal.folder))
        except moves.NotThatFile:
            return self._missing(item, goal)

    def _remove_marker(self, item: Item) -> None:
        # Before its file: a marker that outlives its file would release the next one of that name
        # half-written.
        if self._options.settle == "marker":
            with contextlib.suppress(FileNotFoundError):
                os.unlink(item.source + MARKER)  # noqa: PTH108

    def _missing(self, item: Item, goal: _Goal) -> PutAway:
        """The file is not at its path: a former try moved it, or somebody else did."""
        assert item.identity is not None  # noqa: S101 - `_put_away` has looked
        if goal.folder:
            name = os.path.basename(item.source)  # noqa: PTH119
            found = moves.find_moved(goal.folder, name, item.identity)
            if found:
                return PutAway(item.id, found)
        replaced = moves.status_of(item.source) is not None
        return PutAway(item.id, "", REPLACED if replaced else GONE)

    def _move(self, item: Item, folder: str) -> str:
        """Move to the first free name in `folder`; where the file lies now."""
        assert item.identity is not None  # noqa: S101 - `_put_away` has looked
        if not moves.is_file(item.source, item.identity):
            raise moves.NotThatFile(item.source)
        moves.make_folder(folder)
        for name in names.candidates(os.path.basename(item.source)):  # noqa: PTH119
            path = os.path.join(folder, name)  # noqa: PTH118
            if path == item.source:
                self._explain(item, path)
                return path
            with contextlib.suppress(FileExistsError):
                if self._may_have(item, path) and self._explain(item, path):
                    errorfile.take_back(item)
                    self._move_to(item, path)
                    return path
        raise AssertionError("names have no end")

    def _may_have(self, item: Item, path: str) -> bool:
        """Whether `path` is free, or holds this file after a move that was cut off."""
        status = moves.status_of(path)
        source = moves.status_of(item.source)
        if status is None or source is None or status.st_dev != source.st_dev:
            return True
        return os.path.samestat(status, source)

    def _explain(self, item: Item, path: str) -> bool:
        """Write the `.error.json` of a refused file; False if that name is taken."""
        explained = item.state is State.COMPLETED or errorfile.write(item, path)
        faultpoint.hit("putaway.named")
        return explained

    def _move_to(self, item: Item, path: str) -> None:
        assert item.identity is not None  # noqa: S101 - `_put_away` has looked
        try:
            try:
                moves.move(item.source, path, item.identity)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                check = trio.from_thread.check_cancelled
                moves.copy_across(item.source, path, item.identity, item.id, check)
        except (OSError, moves.NotThatFile):
            if item.state is not State.COMPLETED:
                errorfile.withdraw(path)
            raise
        faultpoint.hit("putaway.linked")


def _put_away_unit(item: Item, identity: Identity, goal: _Goal) -> PutAway:
    if goal.folder:
        return PutAway(item.id, unitaway.move(item, identity, goal.folder))
    unitaway.remove(item, identity)
    return PutAway(item.id, "", DELETED + goal.why)


def _failure(step: Callable[[str], None], folder: str) -> OSError | None:
    try:
        step(folder)
    except OSError as error:
        return error
    return None
