"""What the process uses, and what the disk has left."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import psutil

from pywats_trio.observe.resources import Resources, resident_bytes

if TYPE_CHECKING:
    from pathlib import Path

MIB = 2**20


def test_before_the_first_look_nothing_is_known_of_the_disk() -> None:
    seen = Resources()
    assert (seen.disk_free_bytes, seen.disk_total_bytes, seen.queue_bytes) == (None, None, None)


def test_the_queue_is_its_database_and_its_log(tmp_path: Path) -> None:
    database = tmp_path / "queue.db"
    seen = Resources()
    seen.look(tmp_path, database)
    assert seen.queue_bytes == 0
    database.write_bytes(bytes(1000))
    (tmp_path / "queue.db-wal").write_bytes(bytes(234))
    (tmp_path / "other").write_bytes(bytes(5))
    seen.look(tmp_path, database)
    assert seen.queue_bytes == 1234


def test_the_disk_is_that_of_the_data_folder(tmp_path: Path) -> None:
    seen = Resources()
    seen.look(tmp_path, tmp_path / "queue.db")
    assert seen.disk_free_bytes is not None
    assert abs(seen.disk_free_bytes - shutil.disk_usage(tmp_path).free) < 1024 * MIB
    assert seen.disk_total_bytes == shutil.disk_usage(tmp_path).total


def test_a_folder_that_vanishes_leaves_what_was_seen_last(tmp_path: Path) -> None:
    seen = Resources()
    seen.look(tmp_path, tmp_path / "queue.db")
    before = seen.disk_free_bytes
    seen.look(tmp_path / "gone", tmp_path / "gone" / "queue.db")
    assert seen.disk_free_bytes == before


def test_an_open_file_is_a_descriptor(tmp_path: Path) -> None:
    seen = Resources()
    before = seen.descriptors()
    with (tmp_path / "file").open("w"):
        assert seen.descriptors() == before + 1
    assert seen.descriptors() == before


def test_memory_and_processor_time_are_those_of_this_process() -> None:
    seen = Resources()
    assert abs(seen.resident_bytes() - psutil.Process().memory_info().rss) < 32 * MIB
    assert 0 < seen.cpu_seconds() <= sum(os.times()[:2]) + 1


def test_the_memory_of_processes_adds_up_and_one_that_is_gone_counts_nothing() -> None:
    mine = resident_bytes([os.getpid()])
    assert mine > MIB
    assert resident_bytes([]) == 0
    assert resident_bytes([2**22 + 1]) == 0, "above the largest number of a process"
    both = resident_bytes([os.getpid(), os.getpid(), 2**22 + 1])
    assert abs(both - 2 * mine) < 16 * MIB
