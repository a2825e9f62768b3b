"""Looking a backup through, before anybody relies on it. Everything blocks."""

from __future__ import annotations

import contextlib
import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import apsw
from attrs import frozen

from pywats_trio.errors import InvalidInputError, NotFoundError, StartError
from pywats_trio.model import UNFINISHED, Kind, State
from pywats_trio.queue import rows
from pywats_trio.queue.database import APPLICATION, open_reader
from pywats_trio.queue.migrate import LAYOUT, OLDEST
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

PIECE: Final = 1024 * 1024
STEPS: Final = 100_000
"""Of SQLite's machine, between two looks at whether to give up."""

WAITING: Final = ", ".join(f"'{state}'" for state in sorted(UNFINISHED))
"""The states of what is unfinished, for a statement."""
_REPORTS: Final = (
    "SELECT items.id, sha256, payloads.item_id FROM items"  # noqa: S608 - constants of ours
    " LEFT JOIN payloads ON payloads.item_id = items.id"
    f" WHERE kind = 'report' AND (payloads.item_id IS NOT NULL OR state IN ({WAITING}))"
)


@frozen
class Contents:
    """What a backup holds."""

    items: Mapping[tuple[Kind, State], int]
    """How many stand where."""
    damaged: tuple[int, ...] = ()
    """Reports that are not what was put in; they were so in the queue, too."""
    sources: int = 0
    """Files that it holds."""
    at: float | None = None
    """When it was made, seconds since the epoch; None where it is a plain copy of a queue."""
    instance: str = ""
    version: str = ""


def examine(path: Path, check: Callable[[], None] = lambda: None) -> Contents:
    """What the backup at `path` holds; every page, report and source file of it is read.

    `check` is called now and then and may raise to give up.

    Raises:
        NotFoundError: there is no such file.
        InvalidInputError: it is no backup, of a newer layout, or damaged.
    """
    told = printable(str(path))
    if not path.exists():
        raise NotFoundError(f"there is no file {told}; check the path")
    if not path.is_file():
        raise InvalidInputError(f"{told} is no file; name the file that `queue backup` has made")
    try:
        with contextlib.closing(open_reader(path)) as connection:
            connection.set_progress_handler(partial(_go_on, check), STEPS)
            _check_layout(connection, told)
            _check_pages(connection, told)
            return _contents(connection, told, check)
    except (apsw.Error, StartError) as error:
        raise InvalidInputError(
            f"{told} cannot be read as a backup ({type(error).__name__}: {error}); use another one"
        ) from error


def _go_on(check: Callable[[], None]) -> bool:
    """What SQLite asks between its steps: whether to give up."""
    check()
    return False


def _check_layout(connection: apsw.Connection, told: str) -> None:
    layout = connection.pragma("user_version")
    if connection.pragma("application_id") != APPLICATION or layout < OLDEST:
        raise InvalidInputError(
            f"{told} is no backup of a queue; name the file that `queue backup` has made"
        )
    if layout > LAYOUT:
        raise InvalidInputError(
            f"{told} was made by a newer pywats-trio (layout {layout}, this one knows {LAYOUT}); "
            "install that version first"
        )


def _check_pages(connection: apsw.Connection, told: str) -> None:
    found = connection.execute("PRAGMA quick_check(1)").get
    if found != "ok":
        why = " ".join(str(found).split())  # it may be of several lines
        raise InvalidInputError(f"{told} is damaged ({why}); use another backup")


def _contents(connection: apsw.Connection, told: str, check: Callable[[], None]) -> Contents:
    counted = connection.execute("SELECT kind, state, count(*) FROM items GROUP BY kind, state")
    items = {(rows.KINDS[kind], rows.STATES[state]): n for kind, state, n in counted}
    reports: list[Any] = connection.execute(_REPORTS).fetchall()
    damaged = [
        item_id
        for item_id, sha256, held in reports
        if held is None or digest(connection, "payloads", item_id, check) != sha256
    ]
    contents = Contents(items, tuple(damaged))
    if not has_table(connection, "backup"):
        return contents
    sources: list[Any] = connection.execute("SELECT item_id, sha256 FROM sources").fetchall()
    for item_id, sha256 in sources:
        if digest(connection, "sources", item_id, check) != sha256:
            raise InvalidInputError(
                f"{told} is damaged (the source file of item {item_id}); use another backup"
            )
    about: list[Any] = connection.execute("SELECT at, instance, version FROM backup").fetchall()
    return Contents(items, tuple(damaged), len(sources), *about[0])


def has_table(connection: apsw.Connection, name: str) -> bool:
    """Whether there is a table of this name."""
    sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?"
    return connection.execute(sql, (name,)).get is not None


def digest(
    connection: apsw.Connection,
    table: str,
    item_id: int,
    check: Callable[[], None] = lambda: None,
) -> str:
    """The SHA-256 in hex of a stored body, read in pieces; `check` is called after each."""
    found = hashlib.sha256()
    for piece in pieces(connection, table, item_id):
        found.update(piece)
        check()
    return found.hexdigest()


def pieces(connection: apsw.Connection, table: str, item_id: int) -> Iterator[bytes]:
    """A stored body, a piece at a time."""
    with connection.blob_open("main", table, "body", item_id, False) as blob:
        while piece := blob.read(PIECE):
            yield piece


def is_damaged(connection: apsw.Connection, item_id: int) -> bool:
    """Whether the payload of an item of a queue is not what was put in, or is gone."""
    sha256 = connection.execute("SELECT sha256 FROM items WHERE id = ?", (item_id,)).get
    try:
        return bool(digest(connection, "payloads", item_id) != sha256)
    except apsw.SQLError:  # there is no such row (any more)
        return True
