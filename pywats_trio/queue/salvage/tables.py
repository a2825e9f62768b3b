"""Which table a row belongs to, and what its values are called.

By the schema of the database that the row stands in, as far as that can be read: columns that a
later layout added stand behind the others there, wherever a new database has them.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import apsw
from attrs import field, frozen

from pywats_trio.model import POST_ACTIONS
from pywats_trio.queue.rows import KINDS, PUTAWAYS, REASONS, STATES
from pywats_trio.queue.salvage.carve import Malformed
from pywats_trio.queue.schema import own_schema

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from pywats_trio.queue.salvage.carve import Record, Value

ITEMS: Final = "items"
SEQUENCE: Final = "sqlite_sequence"
SCHEMA: Final = "sqlite_schema"
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "INTEGER": (int,),
    "REAL": (float, int),  # a whole number is stored as an integer
    "TEXT": (str,),
    "BLOB": (bytes,),
}
_WORDS: Final[Mapping[tuple[str, str], Container[Value]]] = {
    ("items", "kind"): KINDS,
    ("items", "state"): STATES,
    ("items", "reason"): {None, *REASONS},
    ("items", "putaway"): PUTAWAYS,
    ("items", "after"): {"", *POST_ACTIONS},
    ("history", "state"): {None, *STATES},
    ("history", "reason"): {None, *REASONS},
}
"""Columns that hold one of a few words."""


@frozen
class Column:
    """One column of a table."""

    name: str
    type: str
    """INTEGER, REAL, TEXT or BLOB; empty: any."""
    required: bool = False
    """Whether it is never NULL."""
    added: bool = False
    """Whether a row may end before it: as one does that is older than the column."""

    def takes(self, value: Value) -> bool:
        """Whether a strict table would store `value` here."""
        if value is None:
            return not self.required
        return not self.type or isinstance(value, _TYPES[self.type])


@frozen
class Table:
    """How the rows of one table are stored."""

    name: str
    columns: tuple[Column, ...]
    """In the order in which they are stored."""
    rowid: str = ""
    """The column that is the row's number and is stored as such; empty: there is none."""
    without_rowid: bool = False
    words: Mapping[str, Container[Value]] = field(factory=dict)

    def row(self, rowid: int | None, values: Record) -> dict[str, Value]:
        """The values by their columns' names; columns that were added later may be missing.

        Raises:
            Malformed: it is no row of this table.
        """
        missing = self.columns[len(values) :]
        whole = len(values) <= len(self.columns) and all(column.added for column in missing)
        if (rowid is None) is not self.without_rowid or not whole:
            raise Malformed(f"no row of {self.name}")
        found: dict[str, Value] = {}
        for column, value in zip(self.columns, values, strict=False):
            found[column.name] = self._checked(column, rowid, value)
        return found

    def _checked(self, column: Column, rowid: int | None, value: Value) -> Value:
        if column.name == self.rowid:
            if value is not None:
                raise Malformed(f"{self.name}.{column.name} stands in the row")
            return rowid
        known = self.words.get(column.name)
        if not column.takes(value) or (known is not None and value not in known):
            raise Malformed(f"{self.name}.{column.name} is not what it should be")
        return value


SCHEMA_TABLE: Final = Table(
    SCHEMA,
    (
        Column("type", "TEXT", required=True),
        Column("name", "TEXT", required=True),
        Column("tbl_name", "TEXT", required=True),
        Column("rootpage", "INTEGER", required=True),
        Column("sql", "TEXT"),
    ),
)
SEQUENCE_TABLE: Final = Table(
    SEQUENCE, (Column("name", "TEXT", required=True), Column("seq", "INTEGER", required=True))
)


def described(statements: Iterable[str]) -> dict[str, Table]:
    """The tables that `statements` make; what makes none is passed over."""
    with contextlib.closing(apsw.Connection(":memory:")) as made:
        for sql in statements:
            with contextlib.suppress(apsw.Error):
                made.execute(sql)
        names: list[Any] = made.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table'"
        ).fetchall()
        return {name: _table(made, name) for (name,) in names}


def own() -> dict[str, Table]:
    """Those of this program's layout."""
    return described([own_schema()])


def _table(made: apsw.Connection, name: str) -> Table:
    if name == SEQUENCE:
        return SEQUENCE_TABLE
    sql = 'SELECT name, type, "notnull", pk, dflt_value FROM pragma_table_info(?)'
    found: list[Any] = made.execute(sql, (name,)).fetchall()
    without = bool(made.execute("SELECT wr FROM pragma_table_list WHERE name = ?", (name,)).get)
    if without:  # its key stands first
        last = len(found)
        found.sort(key=lambda row: row[3] or last)
    keys = [(column, declared) for column, declared, _required, pk, _default in found if pk]
    rowid = keys[0][0] if [declared for _, declared in keys] == ["INTEGER"] and not without else ""
    columns = tuple(
        Column(
            column,
            declared,
            required=bool(required) or (without and pk > 0),
            added=not pk and not without and (default is not None or not required),
        )
        for column, declared, required, pk, default in found
    )
    words = {column: some for (table, column), some in _WORDS.items() if table == name}
    return Table(name, columns, rowid, without, words)


@frozen
class Schema:
    """The tables of a database, and where each begins."""

    tables: Mapping[str, Table]
    roots: Mapping[int, str]
    """By the page at the root; the name of an index is in here, too, and not in `tables`."""

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Value]]) -> Schema:
        """From the rows of `sqlite_schema`; this program's own where they tell of no items."""
        known = list(rows)
        tables = described(str(row["sql"]) for row in known if row["type"] == "table")
        if ITEMS not in tables:
            return cls(own(), {1: SCHEMA})
        places = ((row["rootpage"], row["name"]) for row in known)
        roots = {page: str(name) for page, name in places if isinstance(page, int)}
        # Of a row that is damaged itself only this program can say how its table was made.
        return cls(own() | tables, {1: SCHEMA} | roots)

    def candidates(self, root: int) -> Iterator[Table]:
        """The tables that a row of the tree with this root may belong to."""
        name = self.roots.get(root)
        if name is None:
            yield from self.tables.values()
        elif name in self.tables:
            yield self.tables[name]
