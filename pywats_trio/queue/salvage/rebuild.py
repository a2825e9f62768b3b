"""A queue filled with what could be salvaged becomes sound again: one transaction of SQL.

Everything here blocks. A row may be older than the others, or stand where bytes were damaged: what
is certain is kept, and what is not is quarantined, with evidence.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import apsw

NAMED: Final = 100
"""Lost items whose ids are told."""
MARGIN: Final = 1000
"""Numbers that are passed over where nobody knows which was the highest one that was given."""
SALVAGE: Final = "salvage"
"""Who changed an item, in its history."""


@frozen
class Rebuilt:
    """What there is, and what there should be."""

    items: int
    total: int
    quarantined: int
    lost_ids: tuple[int, ...]
    """Of those that are not there, as far as something else tells of them; at most `NAMED`."""
    forgotten: int
    """Files that are taken again, because they lie in their folders and their items are lost."""


def rebuild(
    new: apsw.Connection,
    now: float,
    doubtful: Collection[int],
    sequence: Mapping[str, int],
    expected: int,
) -> Rebuilt:
    """Make the queue in `new` sound; inside a transaction.

    `doubtful`: items whose row may be damaged. `sequence`: the highest numbers given. `expected`:
    how many items there were at some time; it counts where the queue itself does not tell.
    """
    _drop_phantoms(new, doubtful)
    told: int = new.execute("SELECT coalesce(sum(items), 0) FROM totals").get
    lost = [item_id for (item_id,) in _rows(new, _LOST)]
    forgotten = _forget(new)
    _number(new, sequence, lost)
    _catch_up(new)
    quarantined = _quarantine_without_report(new, now) + _quarantine_doubtful(new, now, doubtful)
    items: int = new.execute("SELECT count(*) FROM items").get
    new.execute(_ORPHANS)
    new.execute(_RECOUNT)
    # The totals are kept with each commit; without them, whatever tells of an item counts.
    total = told if told >= max(1, items) else max(expected, items + len(lost))
    return Rebuilt(items, total, quarantined, tuple(lost[:NAMED]), forgotten)


_PHANTOM = """
DELETE FROM items WHERE id = ?1
  AND NOT EXISTS (SELECT 1 FROM history WHERE item_id = ?1)
  AND NOT EXISTS (SELECT 1 FROM payloads WHERE item_id = ?1)
"""


def _drop_phantoms(new: apsw.Connection, doubtful: Collection[int]) -> None:
    """Where the id itself is damaged, nothing else tells of such an item."""
    new.executemany(_PHANTOM, ((item_id,) for item_id in doubtful))


# An item's row may be older than its history: then it is known what became of it.
_NEWEST = """
SELECT i.id, h.state, h.at FROM items i JOIN history h ON h.seq = (
  SELECT seq FROM history WHERE item_id = i.id AND state IS NOT NULL ORDER BY seq DESC LIMIT 1)
WHERE i.finished_at IS NULL AND h.state IN ('COMPLETED', 'FAILED', 'QUARANTINED')
"""
_FINISHED = """
UPDATE items SET state = ?2, finished_at = ?3, reason = NULL, owner = NULL, fence = NULL,
  due_at = NULL, delay = NULL, putaway = iif(kind = 'file', 'pending', 'none') WHERE id = ?1
"""


def _catch_up(new: apsw.Connection) -> None:
    for row in _rows(new, _NEWEST):
        new.execute(_FINISHED, row)
    new.execute(
        "DELETE FROM payloads WHERE item_id IN (SELECT id FROM items WHERE state = 'COMPLETED')"
    )
    new.execute(_MADE_AGAIN)


# What follows from the rest of a row, and what an older layout did not have.
_MADE_AGAIN = """
UPDATE items SET rank = priority,
  bytes = coalesce((SELECT length(body) FROM payloads WHERE item_id = id), 0),
  dropped_at = iif(dropped_at = 0, created_at, dropped_at),
  name = iif(kind = 'file' AND name = '',
    replace(source, rtrim(source, replace(source, '/', '')), ''), name)
WHERE rank <> priority OR dropped_at = 0 OR (kind = 'file' AND name = '')
  OR bytes <> coalesce((SELECT length(body) FROM payloads WHERE item_id = id), 0)
"""


def _rows(new: apsw.Connection, sql: str) -> list[Any]:
    return new.execute(sql).fetchall()


_QUARANTINE = """
UPDATE items SET state = 'QUARANTINED', finished_at = ?2, reason = NULL, owner = NULL,
  fence = NULL, due_at = NULL, delay = NULL, transitions = transitions + 1,
  error_kind = 'damaged', last_error = ?3, error_hint = ?4, evidence = ?5 WHERE id = ?1
"""
_QUARANTINED = """
INSERT INTO history (at, item_id, event, state, attempts, who, error_kind, message)
SELECT ?2, id, 'quarantined', state, attempts, ?3, error_kind, last_error FROM items WHERE id = ?1
"""


def _quarantine(new: apsw.Connection, item_id: int, now: float, told: tuple[str, str, str]) -> None:
    new.execute(_QUARANTINE, (item_id, now, *told))
    new.execute(_QUARANTINED, (item_id, now, SALVAGE))


_WITHOUT = """
SELECT id, sha256 FROM items WHERE kind = 'report' AND state NOT IN ('COMPLETED', 'QUARANTINED')
  AND NOT EXISTS (SELECT 1 FROM payloads WHERE item_id = id)
"""


def _quarantine_without_report(new: apsw.Connection, now: float) -> int:
    without = _rows(new, _WITHOUT)
    for item_id, sha256 in without:
        told = (
            "the stored report is damaged and could not be salvaged",
            "drop the source file again; look at the disk that holds data_dir",
            f"no report with SHA-256 {sha256} in the damaged database",
        )
        _quarantine(new, item_id, now, told)
    return len(without)


# No damage makes the same other name twice.
_CONVERTERS = """
SELECT converter FROM items GROUP BY converter HAVING count(*) > 1 UNION SELECT converter FROM seen
"""


def _quarantine_doubtful(new: apsw.Connection, now: float, doubtful: Collection[int]) -> int:
    """Files only: a report is what its checksum says. A path that was damaged leads elsewhere."""
    known = {name for (name,) in _rows(new, _CONVERTERS)}
    quarantined = 0
    for item_id in doubtful:
        row = new.execute(
            "SELECT path, source, converter FROM items"
            " WHERE id = ? AND kind = 'file' AND finished_at IS NULL",
            (item_id,),
        ).fetchone()
        if row is None or (printable(os.fsdecode(row[0] or b"")) == row[1] and row[2] in known):
            continue
        told = (
            "the row of this file is damaged: its path or its converter may be wrong",
            "see that the path is right and retry it, or remove it and drop the file again",
            f"path {printable(os.fsdecode(row[0] or b''))}, converter {row[2]}",
        )
        _quarantine(new, item_id, now, told)
        quarantined += 1
    return quarantined


_LOST = "SELECT DISTINCT item_id FROM history WHERE item_id IS NOT NULL EXCEPT SELECT id FROM items"
_ORPHANS = """
DELETE FROM history WHERE item_id IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM items WHERE id = item_id)
"""
_FILES_ARE_LOST = """
SELECT (SELECT coalesce(sum(items), 0) FROM totals WHERE kind = 'file')
         > (SELECT count(*) FROM items WHERE kind = 'file')
    OR EXISTS (SELECT 1 FROM history WHERE event = 'accepted' AND item_id IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM items WHERE id = item_id))
"""


def _forget(new: apsw.Connection) -> int:
    """Files that lie in their folders are taken again if items of files are lost.

    Not where an item tells what became of them. Some may be taken that were converted long ago and
    kept in their folder (`keep`): they are sent under the same ids, and nothing is lost.
    """
    if not new.execute(_FILES_ARE_LOST).get:
        return 0
    new.execute(
        "DELETE FROM seen WHERE path NOT IN (SELECT path FROM items WHERE path IS NOT NULL)"
    )
    return int(new.changes())


_RECOUNT = """
DELETE FROM totals;
INSERT INTO totals SELECT kind, state, converter, count(*), sum(bytes) FROM items
  GROUP BY kind, state, converter;
"""


def _number(new: apsw.Connection, sequence: Mapping[str, int], lost: Collection[int]) -> None:
    """Numbers go on above all that were ever given."""
    items: int = new.execute("SELECT coalesce(max(id), 0) FROM items").get
    history: int = new.execute("SELECT coalesce(max(seq), 0) FROM history").get
    for table, highest in (("items", max(items, *lost) if lost else items), ("history", history)):
        after = max(highest, sequence[table]) if table in sequence else highest + MARGIN
        new.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        new.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, after))
