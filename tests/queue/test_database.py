"""The file of the queue: made, known as ours, and refused where it is not."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import apsw
import pytest

from pywats_trio.errors import StartError
from pywats_trio.queue.database import APPLICATION, RESERVE_BYTES, connect, open_reader
from pywats_trio.queue.migrate import LAYOUT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


def change(path: Path, sql: str) -> None:
    with contextlib.closing(apsw.Connection(str(path))) as connection:
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


@pytest.mark.parametrize(
    "sql", ["PRAGMA application_id = 0", "PRAGMA user_version = 0", "PRAGMA user_version = -1"]
)
def test_another_database_is_refused(path: Path, sql: str) -> None:
    connect(path).close()
    change(path, sql)
    with pytest.raises(StartError, match="but no queue of pywats-trio; move it away"):
        connect(path)


def test_what_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(StartError, match=r"queue\.db: the queue cannot be opened .*data folder"):
        connect(path)


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
