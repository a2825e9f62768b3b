"""Looking the whole queue through, beside the work that goes on in it."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import apsw
import trio
from attrs import define, field

from pywats_trio.errors import StoreError
from pywats_trio.model import Problem, State
from pywats_trio.queue import checksums
from pywats_trio.queue.actions import Quarantine
from pywats_trio.queue.checkpoint import checkpoint
from pywats_trio.queue.database import open_reader
from pywats_trio.queue.salvage.damage import in_words, is_damage
from pywats_trio.queue.salvage.inspection import problems_of
from pywats_trio.queue.salvage.pages import Pages
from pywats_trio.queue.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pywats_trio.queue.store import Store

T = TypeVar("T")

PAGES_AT_ONCE: Final = 2000
REPORTS_AT_ONCE: Final = 50
PIECE: Final = 1024 * 1024
"""Bytes of a report in memory at a time."""
AGAIN: Final = 3
AGAIN_SECONDS: Final = 0.1
"""A page may be in the middle of being written: it is bad if it is so several times."""
STEPS: Final = 100_000
"""Of SQLite's machine, between two looks at whether it was cancelled."""
DAMAGED: Final = Problem(
    "damaged",
    "the stored report is not the one that was put in: its checksum differs",
    "drop the source file again; look at the disk that holds data_dir",
)


@define
class Verified:
    """What a look through the queue has found."""

    pages: int = 0
    bad_pages: list[int] = field(factory=list)
    problems: list[str] = field(factory=list)
    """What is wrong with the tables, a sentence each."""
    items: int = 0
    miscounts: list[str] = field(factory=list)
    """Where the totals that are kept are not what a count finds."""
    reports: int = 0
    """Whose checksums were compared: all that are not delivered yet."""
    damaged: list[tuple[int, State]] = field(factory=list)
    """Reports that are not what was put in, or are gone, and where their items stood."""
    quarantined: int = 0
    """Of those, now. The others are in hand, held, or had failed; none is ever sent."""

    @property
    def is_damaged(self) -> bool:
        """Whether the database itself is."""
        return bool(self.bad_pages or self.problems)

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.is_damaged or self.miscounts or self.damaged)


async def verify(store: Store, path: Path, who: str) -> Verified:
    """Look through the queue at `path`, which is open in `store`; it holds nobody up.

    Items whose report is damaged are quarantined, in the name of `who`. If the database itself is
    damaged the store is told, and its items are left to the salvage. Cancelled, it stops soon.

    Raises:
        StoreError: the database cannot be read, for another reason than damage.
    """
    found = Verified()
    try:
        await _look_at_pages(path, found)
        async with store.long_reading():
            await _in_thread(partial(_look_at_tables, found=found), path)
            await checkpoint(path)
        if not found.is_damaged:
            await _look_at_reports(store, path, who, found)
    except apsw.Error as error:
        if not is_damage(error):
            raise StoreError(f"the queue's database cannot be read: {error}") from error
        found.problems.append(in_words(error))
    if found.is_damaged:
        store.doubt(_in_one_sentence(path, found))
    return found


def _in_one_sentence(path: Path, found: Verified) -> str:
    what = "; ".join(found.problems) or f"the checksums of {len(found.bad_pages)} pages differ"
    return f"{path}: the queue's database is damaged ({what})"


async def _in_thread(look: Callable[[apsw.Connection], T], path: Path) -> T:
    """`look`, on a connection of its own; given up soon after a cancellation."""
    over = threading.Event()

    def run() -> T:
        with contextlib.closing(open_reader(path)) as connection:
            connection.set_progress_handler(over.is_set, STEPS)
            return look(connection)

    try:
        return await trio.to_thread.run_sync(run, abandon_on_cancel=True)
    finally:
        over.set()


# Pages


async def _look_at_pages(path: Path, found: Verified) -> None:
    """Of the database's file alone: the log has sums of its own, and they are not for reading."""
    if checksums.vfs() is None:
        return
    first = 1
    while first:
        first, suspects = await trio.to_thread.run_sync(
            _bad_pages, path, first, found, abandon_on_cancel=True
        )
        for _ in range(AGAIN):
            if suspects:
                await trio.sleep(AGAIN_SECONDS)
                suspects = await trio.to_thread.run_sync(
                    _still_bad, path, suspects, abandon_on_cancel=True
                )
        found.bad_pages += suspects


def _bad_pages(path: Path, first: int, found: Verified) -> tuple[int, list[int]]:
    """Where to go on, 0 at the end; and what is bad among the pages from `first` on."""
    with Pages(path) as pages:
        after = first + PAGES_AT_ONCE
        some = range(first, min(after, pages.count + 1))
        found.pages += len(some)
        return (after if after <= pages.count else 0), [n for n in some if not _good(pages, n)]


def _still_bad(path: Path, suspects: list[int]) -> list[int]:
    with Pages(path) as pages:
        return [n for n in suspects if n <= pages.count and not _good(pages, n)]


def _good(pages: Pages, number: int) -> bool:
    page = pages.page(number)
    return (page is not None and page.good) or pages.is_unused(number)


# Tables


def _look_at_tables(connection: apsw.Connection, found: Verified) -> None:
    names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    for (name,) in names:
        found.problems += problems_of(connection, str(name))
    found.items = connection.execute("SELECT count(*) FROM items").get
    found.miscounts += [
        f"{kind} {state} of {converter}: {told} are told, {counted} counted"
        for kind, state, converter, told, counted in connection.execute(_MISCOUNTS)
    ]


_MISCOUNTS: Final = """
WITH counted AS (SELECT kind, state, converter, count(*) AS items, sum(bytes) AS bytes FROM items
  GROUP BY kind, state, converter)
SELECT kind, state, converter, coalesce(t.items, 0), coalesce(c.items, 0)
FROM totals t FULL JOIN counted c USING (kind, state, converter)
WHERE coalesce(t.items, 0) <> coalesce(c.items, 0) OR coalesce(t.bytes, 0) <> coalesce(c.bytes, 0)
"""


# Reports


async def _look_at_reports(store: Store, path: Path, who: str, found: Verified) -> None:
    after: int | None = 0
    while after is not None:
        after, damaged = await _in_thread(partial(_damaged, after=after, found=found), path)
        found.damaged += damaged
        ids = tuple(item_id for item_id, state in damaged if state in Quarantine.states)
        if ids:
            found.quarantined += await store.change(Selection(ids=ids), Quarantine(DAMAGED), who)


def _damaged(
    connection: apsw.Connection, after: int, found: Verified
) -> tuple[int | None, list[tuple[int, State]]]:
    """Where to go on, None at the end; and the damaged reports among those that come next."""
    damaged: list[tuple[int, State]] = []
    with connection:  # one moment for all of them
        some: list[Any] = connection.execute(_REPORTS, (after, REPORTS_AT_ONCE)).fetchall()
        for item_id, state, sha256 in some:
            if _digest(connection, item_id) != sha256:
                damaged.append((item_id, State(state)))
    found.reports += len(some)
    return (some[-1][0] if some else None), damaged


_REPORTS: Final = (
    "SELECT id, state, sha256 FROM items WHERE kind = 'report' AND id > ?"
    " AND state NOT IN ('COMPLETED', 'QUARANTINED') ORDER BY id LIMIT ?"
)


def _digest(connection: apsw.Connection, item_id: int) -> str:
    """Of the stored report; empty if it is gone."""
    sql = "SELECT 1 FROM payloads WHERE item_id = ?"
    if connection.execute(sql, (item_id,)).get is None:
        return ""
    digest = hashlib.sha256()
    with connection.blob_open("main", "payloads", "body", item_id, False) as body:
        while piece := body.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()
