"""What is left of the machine's memory, and of the control groups around the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

from pywats_trio.observe.memory import available, left_in_groups

if TYPE_CHECKING:
    from pathlib import Path

MIB = 2**20
STAT = {
    "v1": "cache 9\ninactive_file 1\ntotal_active_file {active}\ntotal_inactive_file {inactive}\n",
    "v2": "anon 9\nfile 8\nactive_file {active}\ninactive_file {inactive}\nslab_reclaimable 0\n",
}
FILES = {
    "v1": ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    "v2": ("memory.max", "memory.current"),
}


def make_group(
    folder: Path, version: str, limit: object, usage: int, *, cached: tuple[int, int] = (0, 0)
) -> None:
    """What the kernel shows of one group; `cached`: active and inactive pages of files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in zip(FILES[version], (limit, usage), strict=True):
        (folder / name).write_text(f"{value}\n")
    text = STAT[version].format(active=cached[0], inactive=cached[1])
    (folder / "memory.stat").write_text(text)


def left(tmp_path: Path, lines: str) -> list[int]:
    (tmp_path / "cgroup").write_text(lines)
    return list(left_in_groups(tmp_path / "cgroup", tmp_path / "fs"))


def test_a_group_of_version_2_leaves_its_limit_less_what_is_used(tmp_path: Path) -> None:
    make_group(tmp_path / "fs" / "unit", "v2", 100 * MIB, 70 * MIB)
    assert left(tmp_path, "0::/unit\n") == [30 * MIB]


def test_what_the_kernel_gives_back_is_not_used(tmp_path: Path) -> None:
    for version, lines, folder in (
        ("v1", "7:cpu:/a\n4:memory:/unit\n0::/\n", "memory/unit"),
        ("v2", "0::/unit\n", "unit"),
    ):
        cached = (20 * MIB, 30 * MIB)
        make_group(tmp_path / "fs" / folder, version, 100 * MIB, 99 * MIB, cached=cached)
        assert left(tmp_path, lines) == [51 * MIB]


def test_the_groups_above_count_too(tmp_path: Path) -> None:
    make_group(tmp_path / "fs" / "slice" / "unit", "v2", "max", 10 * MIB)
    make_group(tmp_path / "fs" / "slice", "v2", 50 * MIB, 45 * MIB)
    make_group(tmp_path / "fs", "v2", 90 * MIB, 60 * MIB)
    assert left(tmp_path, "0::/slice/unit\n") == [5 * MIB, 30 * MIB]


def test_a_container_sees_its_own_group_at_the_top(tmp_path: Path) -> None:
    make_group(tmp_path / "fs" / "memory", "v1", 80 * MIB, 50 * MIB)
    assert left(tmp_path, "4:memory:/docker/0123\n") == [30 * MIB]
    assert left(tmp_path, "4:cpu,memory:/../other\n") == [30 * MIB]


def test_a_group_that_uses_more_than_it_may_leaves_nothing(tmp_path: Path) -> None:
    make_group(tmp_path / "fs", "v2", 80 * MIB, 90 * MIB)
    assert left(tmp_path, "0::/\n") == [0]


def test_where_there_are_no_groups_or_no_limits_none_is_told(tmp_path: Path) -> None:
    assert list(left_in_groups(tmp_path / "none", tmp_path)) == []
    make_group(tmp_path / "fs", "v2", "max", 9 * MIB)
    assert left(tmp_path, "0::/\n") == []
    assert left(tmp_path, "") == []


def test_the_smaller_of_machine_and_group_counts(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("0::/\n")
    machine = available(tmp_path / "none", tmp_path)
    assert abs(machine - psutil.virtual_memory().available) < 512 * MIB
    make_group(tmp_path, "v2", 7 * MIB, 4 * MIB)
    assert available(tmp_path / "cgroup", tmp_path) == 3 * MIB
    make_group(tmp_path, "v2", 2**62, 0)
    assert abs(available(tmp_path / "cgroup", tmp_path) - machine) < 512 * MIB


def test_of_this_very_process_something_is_told() -> None:
    assert 0 < available() <= psutil.virtual_memory().total
