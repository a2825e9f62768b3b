"""A queue of an older layout: kept as it was beside the new one, and nothing in it is lost."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import pytest

from pywats_trio.errors import StartError
from pywats_trio.model import Converted, Delivered, Kind, State
from pywats_trio.queue.database import APPLICATION, RESERVE_BYTES, connect
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.migrate import LAYOUT, STEPS, backup_of
from pywats_trio.queue.sqlite_store import open_store
from tests.contract.kit import a_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.queue.conftest import Disk

LAYOUTS = Path(__file__).parent / "layouts"
"""The schema of each older layout, as it was published."""
OLD_ROWS = """
INSERT INTO items (id, kind, state, priority, max_attempts, created_at, converter, source, path,
  device, inode, size, mtime_ns, correlation_id, parent_id, sha256, report_id)
VALUES
  (1, 'file', 'COMPLETED', 5, 3, 100.5, 'ict', '/in/a', x'2f696e2f61', 7, 1, 10, 1000, 'c1', NULL,
   'ab', ''),
  (2, 'report', 'PENDING', 5, 3, 101.5, 'ict', '/in/a', NULL, NULL, NULL, NULL, NULL, 'c1', 1,
   '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a', 'r1'),
  (3, 'file', 'PROCESSING', 1, 3, 102.5, 'ict', '/in/b', x'2f696e2f62', 7, 2, 10, 1000, 'c2', NULL,
   '', ''),
  (4, 'report', 'SUSPENDED', 5, 3, 103.5, 'ict', '/in/c', NULL, NULL, NULL, NULL, NULL, 'c3', NULL,
   '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a', 'r2');
UPDATE items SET reason = 'server', due_at = 104.0 WHERE id = 4;
UPDATE items SET owner = 'convert', fence = 4 WHERE id = 3;
INSERT INTO payloads VALUES (2, '{}'), (4, '{}');
INSERT INTO history (item_id, at, event, state) VALUES
  (1, 100.5, 'accepted', 'PENDING'), (2, 101.5, 'stored', 'PENDING'),
  (3, 102.5, 'accepted', 'PENDING'), (3, 102.6, 'claimed', 'PROCESSING');
INSERT INTO seen VALUES (x'2f696e2f62', 'ict', 7, 2, 10, 1000);
"""
TABLES = ("items", "payloads", "history", "seen")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


def make_old(path: Path, layout: int = 1, *, reports: int = 0) -> None:
    """A queue as that layout's program left it, with `reports` more of 4 KiB."""
    with contextlib.closing(apsw.Connection(str(path))) as old:
        old.reserve_bytes("main", RESERVE_BYTES)
        old.pragma("journal_mode", "wal")
        with old:
            old.execute((LAYOUTS / f"{layout}.sql").read_text(encoding="utf-8"))
            old.pragma("application_id", APPLICATION)
            old.pragma("user_version", layout)
        old.execute(OLD_ROWS.replace("'{}'", "cast('{}' AS BLOB)"))
        for number in range(1000, 1000 + reports):
            old.execute("INSERT INTO payloads VALUES (?, zeroblob(4096))", (number,))


@contextlib.contextmanager
def reading(path: Path) -> Iterator[apsw.Connection]:
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        yield connection


def rows(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Everything in the tables that every layout has, by the columns' names."""
    with reading(path) as connection:
        return {table: list(_rows(connection, table)) for table in TABLES}


def _rows(connection: apsw.Connection, table: str) -> Iterator[dict[str, Any]]:
    cursor = connection.execute(f"SELECT * FROM {table} ORDER BY 1")
    for row in cursor:
        yield dict(zip([column[0] for column in cursor.description], row, strict=True))


def layout_of(path: Path) -> int:
    with reading(path) as connection:
        return int(connection.pragma("user_version"))


def schema(path: Path) -> dict[str, Any]:
    """What the database is made of; of a table its columns, whatever their order."""
    with reading(path) as connection:
        found = list(connection.execute("SELECT type, name, sql FROM sqlite_schema"))
        return {
            name: (sorted(_columns(connection, name)), _options(sql))
            if kind == "table"
            else _plain(sql or "")
            for kind, name, sql in found
        }


def _columns(connection: apsw.Connection, table: str) -> list[tuple[Any, ...]]:
    sql = "SELECT name, type, \"notnull\", coalesce(dflt_value, ''), pk FROM pragma_table_info(?)"
    return list(connection.execute(sql, (table,)))


def _options(sql: str) -> str:
    """What stands behind the columns: STRICT, WITHOUT ROWID."""
    return _plain(sql[sql.rindex(")") + 1 :])


def _plain(sql: str) -> str:
    return " ".join(re.sub(r"--.*", "", sql).split())


@pytest.mark.parametrize("layout", range(1, LAYOUT))
def test_a_migrated_database_is_made_as_a_new_one(path: Path, tmp_path: Path, layout: int) -> None:
    make_old(path, layout)
    connect(path).close()
    connect(tmp_path / "new.db").close()
    assert schema(path) == schema(tmp_path / "new.db")
    assert layout_of(path) == LAYOUT


def test_every_older_layout_has_its_schema_here_and_its_step() -> None:
    assert sorted(LAYOUTS.glob("*.sql")) == [LAYOUTS / f"{n}.sql" for n in range(1, LAYOUT)]
    assert list(STEPS) == list(range(1, LAYOUT))


def test_everything_is_still_there_and_the_copy_is_as_it_was(path: Path) -> None:
    make_old(path)
    before = rows(path)
    connect(path).close()
    after = rows(path)
    for table in TABLES:
        for old, new in zip(before[table], after[table], strict=True):
            assert old.items() <= new.items()
    assert [item["dropped_at"] for item in after["items"]] == [100.5, 101.5, 102.5, 103.5]
    copy = backup_of(path, 1)
    assert copy.name == "queue.db.layout-1"
    assert (layout_of(copy), rows(copy)) == (1, before)
    with reading(copy) as connection:
        assert connection.pragma("integrity_check") == "ok"
    assert sorted(p.name for p in path.parent.iterdir()) == ["queue.db", copy.name]


def test_pages_keep_their_reserve_in_both(path: Path) -> None:
    make_old(path)
    connect(path).close()
    for database in (path, backup_of(path, 1)):
        with reading(database) as connection:
            assert connection.reserve_bytes("main") == RESERVE_BYTES


async def test_work_goes_on_where_it_was(path: Path) -> None:
    make_old(path)
    async with open_store(path) as store, open_desk(path) as desk:
        assert await store.recover() == 1
        [file] = await store.claim(Kind.FILE, 10, "convert")
        assert (file.item.id, file.item.interruptions) == (3, 1)
        assert await store.finish(file, Converted((), "cd")) is State.COMPLETED
        sent = await store.claim(Kind.REPORT, 10, "deliver")
        assert [(claim.item.id, claim.payload) for claim in sent] == [(2, b"{}"), (4, b"{}")]
        for claim in sent:
            await store.finish(claim, Delivered("thanks"))
        assert set(await desk.seen("ict")) == {"/in/b"}
        assert store.remembered("paused") == ""
        assert [event.seq for event in await desk.history(limit=4)] == [1, 2, 3, 4]
        [again] = await store.put([a_file("/in/c", inode=9)])
        assert again == 5


def test_a_queue_of_this_layout_is_left_alone(path: Path) -> None:
    connect(path).close()
    connect(path).close()
    assert [p.name for p in path.parent.iterdir()] == ["queue.db"]


def test_the_copy_is_synced_before_anything_is_changed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_old(path)
    synced: list[tuple[str, int]] = []
    really = os.fsync

    def fsync(descriptor: int) -> None:
        really(descriptor)
        synced_path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if synced_path.is_relative_to(path.parent):  # a thread that another test left may end now
            synced.append((synced_path.name, layout_of(path)))

    monkeypatch.setattr(os, "fsync", fsync)
    connect(path).close()
    assert synced == [("queue.db.layout-1.part", 1), (path.parent.name, 1)]


# What can go wrong


def test_a_disk_without_room_for_the_copy_refuses_and_changes_nothing(
    path: Path, disk: Disk
) -> None:
    make_old(path, reports=100)
    before = rows(path)
    small = path.with_name("small")
    small.write_bytes(b"x" * 100_000)
    disk.fill(small)
    with pytest.raises(StartError, match=r"queue\.db: of an older layout.*make room on the disk"):
        connect(path)
    disk.free()
    small.unlink()
    assert (layout_of(path), rows(path)) == (1, before)
    assert [p.name for p in path.parent.iterdir()] == ["queue.db"]
    connect(path).close()
    assert layout_of(path) == LAYOUT


def test_a_copy_that_cannot_be_written_refuses(path: Path) -> None:
    make_old(path)
    backup_of(path, 1).mkdir()
    (backup_of(path, 1) / "something").touch()
    with pytest.raises(StartError, match="of an older layout, and it cannot be copied"):
        connect(path)
    assert layout_of(path) == 1


KILLED = """
import os, signal, sys
from pathlib import Path
import apsw
from pywats_trio.queue import database, migrate

where = sys.argv[2]
seen = 0

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if where == "copying":
    # In the middle of the copy: half of it is there under its unfinished name.
    def half(connection, target):
        with apsw.Connection(str(target)) as copy:
            with copy.backup("main", connection, "main") as backup:
                backup.step(1)
                die()
    migrate._copy = half
elif where == "copied":
    migrate._sync = die
elif where == "changing":
    migrate.STEPS = {1: migrate.STEPS[1].replace("CREATE TABLE", "SELECT die(); CREATE TABLE")}
    connected = apsw.Connection
    def connection(*args, **more):
        made = connected(*args, **more)
        made.create_scalar_function("die", die)
        return made
    database.apsw.Connection = connection
database.connect(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("where", ["copying", "copied", "changing"])
def test_a_kill_in_the_middle_is_made_up_for_at_the_next_start(path: Path, where: str) -> None:
    make_old(path)
    before = rows(path)
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, os.fspath(path), where], check=False, timeout=30
    )
    assert ended.returncode == -signal.SIGKILL
    assert (layout_of(path), rows(path)) == (1, before)
    connect(path).close()
    assert layout_of(path) == LAYOUT
    assert rows(backup_of(path, 1)) == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["queue.db", "queue.db.layout-1"]
