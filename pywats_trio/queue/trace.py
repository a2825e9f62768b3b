"""Finding a unit and all that is known of it: one look for each way of naming it. Blocks.

Every look is a search in an index and bounded, so that a unit that was tested a thousand times, or
a name that is dropped every minute, costs what any other does.
"""

from __future__ import annotations

import json
import os
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field, frozen

from pywats_trio.model import Kind, State
from pywats_trio.queue import rows
from pywats_trio.text import printable, storable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import apsw

    from pywats_trio.model import Event, Item

COUNTED: Final = 1000
"""Matches that are counted; there may be more."""
LOOKED_THROUGH: Final = 20_000
"""Files of one name, or events of the service, that are looked through; the newest ones."""
REPORTS: Final = 10
"""Reports of one file that are told of."""
ROWS: Final = 100
"""History rows of one item that are told: its first and its newest ones."""
REMOVED: Final = 20
"""Removals that are told of."""
SECONDS: Final = 0.1
"""What reading the units may take, about; those that are left are counted only."""
LARGEST: Final = 2**63 - 1
"""What the queue's numbers fit into."""
DIGITS: Final = len(str(LARGEST))


class Way(StrEnum):
    """By what a unit was found."""

    ITEM = "item"
    REPORT = "report_id"
    SERIAL = "serial_number"
    FILE = "file"


@frozen
class Wanted:
    """What is looked for, in every way that it can be meant.

    `names`: those under which a file that is now called as in `text` may have been accepted.
    """

    text: str
    names: tuple[str, ...]
    tail: str = field(init=False)
    """The end of a path that it means: a name, or a name and some of the folders above."""

    @tail.default
    def _tail(self) -> str:
        return f"/{self.text}"

    @property
    def item_id(self) -> int | None:
        """As the number of an item."""
        if not (self.text.isascii() and self.text.isdigit()) or len(self.text) > DIGITS:
            return None
        number = int(self.text)
        return number if number <= LARGEST else None

    @property
    def report_id(self) -> str:
        """As a report's id: they are stored in lower case, without braces."""
        return storable(self.text.strip("{}").lower())

    @property
    def is_whole_path(self) -> bool:
        """Whether it can only be a file at this very place."""
        return os.path.isabs(self.text)  # noqa: PTH117 - any bytes, as str

    def is_path(self, path: str) -> bool:
        """Whether it means the file at `path`. Quick: ten thousand files may wait in a folder."""
        if path == self.text or path.endswith(self.tail):
            return True
        return not path.isprintable() and self.is_path(printable(path))


@frozen
class Life:
    """An item and what happened to it."""

    item: Item
    history: tuple[Event, ...]
    """The oldest row and the newest ones, at most `ROWS`."""
    history_count: int
    """Of all its rows."""
    repeat_of: int | None = None
    """REPORT: the newest item before it that has the same report id."""
    ahead: int | None = None
    """PENDING: items of its converter that are claimed before it; at most `COUNTED` are counted."""


@frozen
class Unit:
    """A file with its reports, or a report that came without one."""

    found_by: tuple[Way, ...]
    file: Life | None
    reports: tuple[Life, ...]
    """At most `REPORTS`; those that were asked for first, then those that are not delivered."""
    states: dict[State, int]
    """How many of all its reports are in which state."""

    @property
    def lives(self) -> tuple[Life, ...]:
        """The file's first, if there is one."""
        return ((self.file,) if self.file else ()) + self.reports


@frozen
class Traced:
    """What was found, the newest unit first."""

    found_by: tuple[Way, ...]
    units: tuple[Unit, ...]
    more: int
    """Units that are not among `units`."""
    removed: tuple[Event, ...] = ()
    """Where nothing was found: events that tell who removed it, the newest first."""
    highest_id: int = 0
    """Of all items that there ever were."""


def trace(connection: apsw.Connection, wanted: Wanted, limit: int) -> Traced:
    """`Desk.trace`."""
    found = _Found()
    for way, sql, values in _looks(wanted):
        for item_id, parent_id in connection.execute(sql, values):
            found.add(way, item_id, parent_id)
    if not found.units:
        sql = "SELECT seq FROM sqlite_sequence WHERE name = 'items'"
        highest = connection.execute(sql).get or 0
        return Traced((), (), 0, _removed(connection, wanted), highest)
    units: list[Unit] = []
    until = time.monotonic() + SECONDS
    for key in sorted(found.units, reverse=True)[:limit]:
        units.append(_unit(connection, key, found.units[key]))
        if time.monotonic() > until:
            break
    ways = tuple(way for way in Way if way in found.ways)
    return Traced(ways, tuple(units), len(found.units) - len(units))


@define
class _Matches:
    """What was found of one unit."""

    ways: set[Way] = field(factory=set)
    ids: set[int] = field(factory=set)


@define
class _Found:
    """Units by the id of their file, or of the report that came without one."""

    units: dict[int, _Matches] = field(factory=dict)
    ways: set[Way] = field(factory=set)

    def add(self, way: Way, item_id: int, parent_id: int | None) -> None:
        matches = self.units.setdefault(parent_id or item_id, _Matches())
        matches.ways.add(way)
        matches.ids.add(item_id)
        self.ways.add(way)


BY_ID: Final = "SELECT id, parent_id FROM items WHERE id = ?"
BY_REPORT: Final = (
    "SELECT id, parent_id FROM items WHERE report_id = ? AND report_id <> ''"
    " ORDER BY id DESC LIMIT ?"
)
BY_SERIAL: Final = (
    "SELECT id, parent_id FROM items WHERE serial_number = ? AND serial_number <> ''"
    " ORDER BY id DESC LIMIT ?"
)
_NAMED: Final = (
    "SELECT id, NULL FROM (SELECT id, source, path FROM items WHERE name = ? AND name <> ''"
    " ORDER BY id DESC LIMIT ?) WHERE "
)
BY_PATH: Final = _NAMED + "source = ? OR path = ? LIMIT ?"
BY_TAIL: Final = (
    _NAMED + "substr(source, -length(?3)) = ?3 OR substr(path, -length(?4)) = ?4 LIMIT ?"
)


def _looks(wanted: Wanted) -> Iterator[tuple[Way, str, tuple[Any, ...]]]:
    if wanted.item_id is not None:
        yield Way.ITEM, BY_ID, (wanted.item_id,)
    yield Way.REPORT, BY_REPORT, (wanted.report_id, COUNTED)
    yield Way.SERIAL, BY_SERIAL, (storable(wanted.text), COUNTED)
    path = wanted.text if wanted.is_whole_path else wanted.tail
    sql = BY_PATH if wanted.is_whole_path else BY_TAIL
    for name in wanted.names:
        values = (printable(name), LOOKED_THROUGH, printable(path), _bytes(path), COUNTED)
        yield Way.FILE, sql, values


def _bytes(path: str) -> bytes:
    """As the file system has it; nothing that it could have if that is impossible."""
    try:
        return os.fsencode(path)
    except ValueError:
        return b"\0"


def _unit(connection: apsw.Connection, key: int, matches: _Matches) -> Unit:
    states = _states(connection, key)
    found = _items(connection, "id = ?", key)
    is_file = bool(found) and found[0].kind is Kind.FILE
    reports = _reports(connection, key, matches.ids, sum(states.values()))
    if found and not is_file:
        reports = found
        states = {found[0].state: 1}
    return Unit(
        tuple(way for way in Way if way in matches.ways),
        _life(connection, found[0]) if is_file else None,
        tuple(_life(connection, report) for report in reports),
        states,
    )


_CHILD: Final = "parent_id = ? AND parent_id IS NOT NULL"
CHILDREN: Final = f"SELECT {rows.COLUMNS} FROM items WHERE {_CHILD} ORDER BY id"  # noqa: S608


def _states(connection: apsw.Connection, parent_id: int) -> dict[State, int]:
    sql = f"SELECT state, count(*) FROM items WHERE {_CHILD} GROUP BY state"  # noqa: S608
    return {rows.STATES[state]: n for state, n in connection.execute(sql, (parent_id,))}


def _reports(
    connection: apsw.Connection, parent_id: int, wanted: set[int], count: int
) -> list[Item]:
    if count <= REPORTS:
        return [rows.item(row) for row in connection.execute(CHILDREN, (parent_id,))]
    order = "id IN (SELECT value FROM json_each(?)) DESC, state = 'COMPLETED', id LIMIT ?"
    where = f"{_CHILD} ORDER BY {order}"
    return _items(connection, where, parent_id, json.dumps(sorted(wanted)), REPORTS)


def _items(connection: apsw.Connection, where: str, *values: object) -> list[Item]:
    sql = f"SELECT {rows.COLUMNS} FROM items WHERE {where}"  # noqa: S608 - constants of ours
    return [rows.item(row) for row in connection.execute(sql, values)]


NEWEST: Final = (
    f"SELECT {rows.EVENT_COLUMNS} FROM history WHERE item_id = ? ORDER BY seq DESC LIMIT ?"  # noqa: S608
)
OLDEST: Final = f"SELECT {rows.EVENT_COLUMNS} FROM history WHERE item_id = ? ORDER BY seq LIMIT 1"  # noqa: S608
ROWS_OF: Final = "SELECT count(*) FROM history WHERE item_id = ?"
REPEATED: Final = "SELECT max(id) FROM items WHERE report_id = ? AND report_id <> '' AND id < ?"
_AHEAD: Final = (
    "SELECT count(*) FROM (SELECT 1 FROM items WHERE kind = ?1 AND converter = ?2"
    " AND state = 'PENDING' AND {} LIMIT ?4)"
)
# One after the other: of `(rank, id) < (?, ?)` SQLite only uses the rank to stop at.
BETTER: Final = _AHEAD.format("rank < (SELECT rank FROM items WHERE id = ?3)")
EARLIER: Final = _AHEAD.format("rank = (SELECT rank FROM items WHERE id = ?3) AND id < ?3")


def _life(connection: apsw.Connection, item: Item) -> Life:
    history, count = _history(connection, item.id)
    repeat_of = ahead = None
    if item.report_id:
        repeat_of = connection.execute(REPEATED, (item.report_id, item.id)).get
    if item.state is State.PENDING:
        line = (item.kind.value, item.converter, item.id, COUNTED)
        counted = [connection.execute(sql, line).get for sql in (BETTER, EARLIER)]
        ahead = min(sum(counted), COUNTED)
    return Life(item, tuple(history), count, repeat_of, ahead)


def _history(connection: apsw.Connection, item_id: int) -> tuple[list[Event], int]:
    history = _events(connection, NEWEST, item_id, ROWS)[::-1]
    if len(history) < ROWS:
        return history, len(history)
    count: int = connection.execute(ROWS_OF, (item_id,)).get
    [first] = _events(connection, OLDEST, item_id)
    return [first, *history[1:]], count


def _events(connection: apsw.Connection, sql: str, *values: object) -> list[Event]:
    return [rows.event(row) for row in connection.execute(sql, values)]


# An item that was removed has no history any more, but the service has: see verbs/change.py.
REMOVALS: Final = (
    f"SELECT {rows.EVENT_COLUMNS} FROM (SELECT {rows.EVENT_COLUMNS} FROM history"  # noqa: S608
    " WHERE item_id IS NULL ORDER BY seq DESC LIMIT ?)"
    " WHERE event = 'item removed' AND ({}) LIMIT ?"
)


def _removed(connection: apsw.Connection, wanted: Wanted) -> tuple[Event, ...]:
    parts = _parts_of_json(wanted)
    condition = " OR ".join(["instr(message, ?)"] * len(parts))
    sql = REMOVALS.format(condition)
    return tuple(_events(connection, sql, LOOKED_THROUGH, *parts, REMOVED))


def _parts_of_json(wanted: Wanted) -> Sequence[str]:
    """What stands in the event of a removal, as `json.dumps` writes it."""
    path = printable(wanted.text if wanted.is_whole_path else wanted.tail)
    parts = [
        f'"serial_number": {json.dumps(storable(wanted.text), ensure_ascii=False)}',
        f'"report_id": {json.dumps(wanted.report_id, ensure_ascii=False)}',
        # Of a name only the end is known.
        f'"source": {json.dumps(path, ensure_ascii=False)}'
        if wanted.is_whole_path
        else json.dumps(path, ensure_ascii=False)[1:],
    ]
    return parts if wanted.item_id is None else [f'"id": {wanted.item_id},', *parts]
