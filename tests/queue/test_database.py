"""The file of the queue: made, known as ours, and refused where it is not."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import apsw
import pytest

from pywats_trio.errors import StartError, StoreDamaged
from pywats_trio.queue import checksums
from pywats_trio.queue.database import (
    APPLICATION,
    CHECKSUMS,
    RESERVE_BYTES,
    connect,
    open_reader,
)
from pywats_trio.queue.migrate import LAYOUT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


def change(path: Path, sql: str) -> None:
    with contextlib.closing(checksums.open_file(path)) as connection:
        connection.execute(sql)


def test_a_new_database_is_ours_and_has_room_for_page_checksums(path: Path) -> None:
    with contextlib.closing(connect(path)) as connection:
        assert connection.pragma("application_id") == APPLICATION
        assert connection.pragma("user_version") == LAYOUT
        assert connection.reserve_bytes("main") == RESERVE_BYTES
        assert connection.pragma("journal_mode") == "wal"


@pytest.mark.parametrize(("synchronous", "level"), [("full", 2), ("normal", 1)])
def test_commits_are_synced_as_configured(path: Path, synchronous: str, level: int) -> None:
    with contextlib.closing(connect(path, synchronous=synchronous)) as connection:
        assert connection.pragma("synchronous") == level


def test_a_newer_layout_is_refused_in_one_sentence_and_left_alone(path: Path) -> None:
    connect(path).close()
    change(path, f"PRAGMA user_version = {LAYOUT + 1}")
    before = path.read_bytes()
    with pytest.raises(StartError) as caught:
        connect(path)
    assert caught.value.exit_code == 30
    assert str(caught.value) == (
        f"{path}: written by a newer pywats-trio (layout {LAYOUT + 1}, this one knows {LAYOUT}); "
        "install that version again"
    )
    assert path.read_bytes() == before


def test_a_newer_layout_without_checksums_is_refused_as_well(path: Path) -> None:
    connect(path).close()
    change(path, f"DELETE FROM settings WHERE key = '{CHECKSUMS}'")
    with contextlib.closing(apsw.Connection(str(path))) as other:  # as a platform without them
        other.pragma("user_version", LAYOUT + 1)
    with pytest.raises(StartError, match="install that version again"):
        connect(path)


@pytest.mark.parametrize(
    "sql", ["PRAGMA application_id = 0", "PRAGMA user_version = 0", "PRAGMA user_version = -1"]
)
def test_another_database_is_none_of_ours(path: Path, sql: str) -> None:
    connect(path).close()
    change(path, sql)
    before = path.read_bytes()
    with pytest.raises(StoreDamaged, match="but no queue of pywats-trio"):
        connect(path)
    assert path.read_bytes() == before


def test_what_is_no_database_is_damaged(path: Path) -> None:
    path.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(StoreDamaged, match=r"queue\.db: the queue's database is damaged"):
        connect(path)


def test_what_cannot_be_opened_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StartError, match=r"queue\.db: the queue cannot be opened .*data folder"):
        connect(path)


def test_what_is_refused_keeps_its_log(path: Path) -> None:
    """Closing the last connection would write it into the database."""
    with contextlib.closing(connect(path)) as connection:
        connection.execute("INSERT INTO settings VALUES ('a', 'b')")
        log = path.with_name("queue.db-wal")
        files = {file: file.read_bytes() for file in (path, log)}
    for file, content in files.items():
        file.write_bytes(content)

    def refuse(_connection: apsw.Connection) -> None:
        raise StoreDamaged("it is damaged")

    with pytest.raises(StoreDamaged):
        connect(path, check=refuse)
    assert {file: file.read_bytes() for file in files} == files
    connect(path).close()
    assert not log.exists()


def test_an_empty_file_becomes_a_queue(path: Path) -> None:
    path.touch()
    connect(path).close()
    with contextlib.closing(open_reader(path)) as reader:
        assert reader.pragma("user_version") == LAYOUT


def test_a_reader_makes_no_database_and_writes_nothing(path: Path) -> None:
    with pytest.raises(StartError, match="the queue cannot be opened"):
        open_reader(path)
    assert not path.exists()
    connect(path).close()
    with contextlib.closing(open_reader(path)) as reader, pytest.raises(apsw.ReadOnlyError):
        reader.execute("DELETE FROM items")


def test_an_empty_database_of_a_newer_layout_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        connection.pragma("user_version", LAYOUT + 1)
    with pytest.raises(StartError, match="install that version again"):
        connect(path)
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        assert connection.pragma("user_version") == LAYOUT + 1
