"""The write-ahead log as its file has it: what was committed, and what is damaged of it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from pywats_trio.queue import checksums
from pywats_trio.queue.database import connect
from pywats_trio.queue.salvage.walfile import FRAME, HEADER, Index, Log, read_index
from tests.queue.damaging import PAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

STRIDE = FRAME + PAGE
COMMITS = 5


@pytest.fixture
def database(tmp_path: Path) -> Iterator[apsw.Connection]:
    """A database with a few commits in its log, behind older frames of a log before it."""
    with contextlib.closing(connect(tmp_path / "queue.db")) as connection:
        with connection:
            connection.executemany(
                "INSERT INTO payloads VALUES (?, zeroblob(9000))", map(_id, range(99))
            )
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        for number in range(COMMITS):
            connection.execute("INSERT INTO payloads VALUES (?, zeroblob(9000))", (100 + number,))
        yield connection


def _id(number: int) -> tuple[int]:
    return (number,)


def log_of(connection: apsw.Connection) -> Path:
    return Path(connection.filename_wal)


def accepted(connection: apsw.Connection) -> int:
    return connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)[0]


def test_its_frames_are_those_that_sqlite_accepts_and_no_older_ones(
    database: apsw.Connection,
) -> None:
    with contextlib.closing(Log(log_of(database), PAGE)) as log:
        frames, count = log.verified(), len(list(log.frames()))
        commits = log.commits()
    assert len(frames) == accepted(database) < count
    assert all(frame.good for frame in frames)
    assert len(commits) == COMMITS
    assert commits[-1] == len(frames)
    assert frames[-1].pages == database.pragma("page_count")


@pytest.mark.parametrize(
    ("where", "bad"),
    [
        (HEADER + 3 * STRIDE + FRAME + 100, [3]),  # in the page
        (HEADER + 3 * STRIDE + 3, [3]),  # the page's number
        (HEADER + 3 * STRIDE + 9, []),  # the salts: the sums go on from the frame before
        (HEADER + 3 * STRIDE + 17, []),  # the sums: the next frame shows that they were right
        (0, []),  # the log's own head
        (10, []),
        (17, []),
    ],
)
def test_a_bit_spoils_one_frame_and_no_other(
    database: apsw.Connection, tmp_path: Path, where: int, bad: list[int]
) -> None:
    raw = bytearray(log_of(database).read_bytes())
    raw[where] ^= 4
    damaged = tmp_path / "damaged-wal"
    damaged.write_bytes(raw)
    with contextlib.closing(Log(damaged, PAGE)) as log:
        frames = log.verified()
        assert len(frames) == accepted(database) == log.commits()[-1]
    assert [number for number, frame in enumerate(frames) if not frame.good] == bad


@pytest.mark.parametrize("size", [0, 1, HEADER - 1, HEADER, HEADER + STRIDE - 1])
def test_a_log_without_a_whole_frame_says_nothing(
    database: apsw.Connection, tmp_path: Path, size: int
) -> None:
    short = tmp_path / "short-wal"
    short.write_bytes(log_of(database).read_bytes()[:size])
    with contextlib.closing(Log(short, PAGE)) as log:
        assert (log.verified(), log.commits()) == ([], [])


def test_a_transaction_that_is_cut_off_is_none(database: apsw.Connection, tmp_path: Path) -> None:
    with contextlib.closing(Log(log_of(database), PAGE)) as log:
        *_, before, last = log.commits()
    short = tmp_path / "short-wal"
    short.write_bytes(log_of(database).read_bytes()[: HEADER + (last - 1) * STRIDE])
    with contextlib.closing(Log(short, PAGE)) as log:
        assert len(log.verified()) == log.commits()[-1] == before


def test_the_index_knows_how_far_it_was_committed(database: apsw.Connection) -> None:
    shm = Path(f"{database.filename}-shm")
    told = read_index(shm.read_bytes())
    with contextlib.closing(Log(log_of(database), PAGE)) as log:
        assert told == Index(log.salts, len(log.verified()), 0)
    database.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    told = read_index(shm.read_bytes())
    assert told is not None
    assert told.backfilled == told.frames


@pytest.mark.parametrize("where", [0, 12, 16, 33, 41, 50])
def test_an_index_that_is_damaged_says_nothing(database: apsw.Connection, where: int) -> None:
    raw = bytearray(Path(f"{database.filename}-shm").read_bytes())
    raw[where] ^= 1
    assert read_index(bytes(raw)) is None
    raw[(where + 48) % 96] ^= 1  # both copies alike
    assert read_index(bytes(raw)) is None
    assert read_index(b"") is None


def test_the_shim_is_what_these_logs_are_written_with(database: apsw.Connection) -> None:
    assert database.open_vfs == checksums.VFS
