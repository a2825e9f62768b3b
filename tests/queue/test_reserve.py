"""Room that is kept on the disk: really taken, really given back."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import apsw
import pytest

from pywats_trio.errors import StoreError
from pywats_trio.queue.reserve import (
    CHUNK,
    FILE_NAME,
    START_ROOM,
    Reserve,
    for_want_of_room,
    free_if_full,
)
from tests.contract.kit import SqliteBench, a_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.queue.conftest import Disk

SIZE = 3 * CHUNK + 5


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "queue.reserve"


def taken(file: Path) -> int:
    """The bytes that the file takes on the disk."""
    return 512 * file.stat().st_blocks


def no_such_call(_descriptor: int, _begin: int, _size: int) -> None:
    raise OSError(errno.EOPNOTSUPP, "this file system cannot")


@pytest.fixture(params=["the system's call", "written", "no call"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How it is allocated."""
    if request.param == "written":
        monkeypatch.setattr(os, "posix_fallocate", no_such_call)
    elif request.param == "no call":
        monkeypatch.delattr(os, "posix_fallocate")


@pytest.mark.usefixtures("way")
def test_what_is_kept_is_really_taken_from_the_disk(file: Path) -> None:
    reserve = Reserve(file)
    assert reserve.held == 0
    reserve.make(SIZE)
    assert (reserve.held, file.stat().st_size) == (SIZE, SIZE)
    assert taken(file) >= SIZE
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("size", [1, SIZE // 2, SIZE, 2 * SIZE])
def test_another_size_takes_as_much_as_that(file: Path, size: int) -> None:
    reserve = Reserve(file)
    reserve.make(SIZE)
    reserve.make(size)
    assert (reserve.held, file.stat().st_size) == (size, size)
    assert size <= taken(file) < size + CHUNK


def test_without_a_size_there_is_no_file(file: Path) -> None:
    reserve = Reserve(file)
    reserve.make(0)
    assert not file.exists()
    reserve.make(SIZE)
    reserve.make(0)
    assert (reserve.held, file.exists()) == (0, False)


def test_what_is_freed_is_free_although_somebody_reads_the_file(file: Path) -> None:
    reserve = Reserve(file)
    reserve.make(SIZE)
    with file.open("rb") as reading:
        reserve.free()
        assert os.fstat(reading.fileno()).st_blocks == 0
    assert (reserve.held, file.exists()) == (0, False)
    reserve.free()  # twice is once


def test_what_a_former_service_left_or_an_operator_removed_is_seen(file: Path) -> None:
    Reserve(file).make(SIZE)
    reserve = Reserve(file)
    reserve.look()
    assert reserve.held == SIZE
    file.unlink()
    reserve.look()
    assert reserve.held == 0


@pytest.mark.usefixtures("way")
def test_where_there_is_no_room_nothing_is_kept(file: Path, tmp_path: Path, disk: Disk) -> None:
    (tmp_path / "other").write_bytes(b"x" * (SIZE - 1))
    disk.fill(tmp_path / "other")  # no file may be larger than that
    reserve = Reserve(file)
    with pytest.raises(OSError, match="too large"):
        reserve.make(SIZE)
    assert (reserve.held, file.exists()) == (0, False)
    reserve.make(SIZE - 1)
    assert reserve.held == SIZE - 1


# Why a commit failed


async def test_a_commit_that_a_full_disk_refuses_wants_room(bench: SqliteBench, disk: Disk) -> None:
    async with bench.open() as store:
        disk.fill(bench.path.with_name("queue.db-wal"), room=1000)
        with pytest.raises(StoreError) as caught:
            await store.put([a_report(b"x" * 10_000)])
        assert for_want_of_room(caught.value)
        assert store.starved
        disk.free()


async def test_another_failure_does_not(bench: SqliteBench, arm: Callable[[str], None]) -> None:
    async with bench.open() as store:
        arm("store.before_commit=raise@1")
        with pytest.raises(StoreError) as caught:
            await store.put([a_report()])
        assert not for_want_of_room(caught.value)
        assert not store.starved


@pytest.mark.parametrize(
    ("code", "wants"),
    [
        (apsw.SQLITE_IOERR_WRITE, True),
        (apsw.SQLITE_IOERR_FSYNC, True),
        (apsw.SQLITE_IOERR_SHMSIZE, True),
        (apsw.SQLITE_IOERR_READ, False),
        (apsw.SQLITE_IOERR_LOCK, False),
        (apsw.SQLITE_FULL, True),
        (apsw.SQLITE_BUSY, False),
        (apsw.SQLITE_CORRUPT, False),
    ],
)
def test_by_the_code_it_is_told_whether_room_may_help(code: int, wants: bool) -> None:
    error = StoreError("the queue's database refused")
    error.__cause__ = apsw.exception_for(code)
    assert for_want_of_room(error) is wants


@pytest.mark.parametrize(("free", "freed"), [(-1, True), (0, False), (1, False)])
def test_a_start_takes_the_reserve_only_where_it_would_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, freed: bool
) -> None:
    file = tmp_path / FILE_NAME
    Reserve(file).make(4096)
    had = os.statvfs(tmp_path)
    values = list(had)
    values[1], values[4] = 1, START_ROOM + free  # f_frsize, f_bavail
    monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result(values))
    free_if_full(tmp_path)
    assert file.exists() is not freed


def test_where_there_is_no_reserve_nothing_is_freed(tmp_path: Path) -> None:
    free_if_full(tmp_path)
    free_if_full(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []
