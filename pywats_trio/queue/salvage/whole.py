"""What a damaged queue still holds, row by row, in a fresh one. Everything here blocks.

The old files are read as raw pages (`pages`, `carve`, `harvest`), so that it does not matter
whether SQLite could open them. Ids, histories and settings stay what they were. Of an item that
stands in several places the newest row counts, which is the one with the most transitions. Nothing
that is damaged is ever sent: a report has its own checksum, and an item whose report is not what
was put in is kept as QUARANTINED.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import apsw
import structlog
from attrs import evolve

from pywats_trio.queue.database import connect
from pywats_trio.queue.salvage import aside
from pywats_trio.queue.salvage.damage import EVENT, SETTING, Damage
from pywats_trio.queue.salvage.harvest import Harvest
from pywats_trio.queue.salvage.pages import Pages
from pywats_trio.queue.salvage.rebuild import Rebuilt, rebuild
from pywats_trio.queue.salvage.refill import Refill

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger("pywats_trio.queue")


def replace(path: Path, what: str, now: float, *, items: int = 0) -> Damage:
    """Set the database at `path` aside and put what it still holds in its place.

    `what` is what was found, one sentence; `now` the time, in seconds since the epoch; `items` how
    many there were when somebody last knew. A kill at any point leaves the old files as they are,
    or has the new one in place after the next `aside.finish`.

    Raises:
        OSError, apsw.Error: it cannot be done, for want of room for example; nothing was changed.
    """
    log.error("the queue is damaged and is being salvaged", found=what)
    folder = aside.folder_for(path, now)
    try:
        damage = _salvage(path, folder, Damage(what, now, str(folder)), items)
    except BaseException:
        aside.remove_unfinished(folder)
        raise
    aside.swap(path, folder)
    log.error("queue salvaged", **damage.facts())
    return damage


def _salvage(path: Path, folder: Path, damage: Damage, items: int) -> Damage:
    with (
        Pages(path, path.with_name(f"{path.name}-wal")) as pages,
        contextlib.closing(connect(folder / aside.UNFINISHED, synchronous="off")) as new,
    ):
        harvest = Harvest(pages)
        refill = Refill(new, damage.at)
        refill.take(harvest)
        with new:
            rebuilt = rebuild(new, damage.at, refill.doubtful, refill.sequence, items)
            damage = _told(damage, rebuilt)
            _remember(new, damage, rebuilt, len(harvest.damaged), refill.restored)
        new.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    return damage


def _told(damage: Damage, rebuilt: Rebuilt) -> Damage:
    salvaged = rebuilt.items - rebuilt.quarantined
    return evolve(
        damage,
        total=rebuilt.total,
        salvaged=salvaged,
        lost=rebuilt.total - salvaged,
        quarantined=rebuilt.quarantined,
    )


def _remember(
    new: apsw.Connection, damage: Damage, rebuilt: Rebuilt, pages: int, restored: int
) -> None:
    detail = damage.facts() | {
        "damaged_pages": pages,
        "restored": restored,
        "lost_ids": list(rebuilt.lost_ids),
        "forgotten_files": rebuilt.forgotten,
    }
    new.execute(
        "INSERT INTO history (at, event, message) VALUES (?, ?, ?)",
        (damage.at, EVENT, json.dumps(detail)),
    )
    new.execute("INSERT INTO settings (key, value) VALUES (?, ?)", (SETTING, damage.to_json()))
