"""What is read of the machine: from made files, and from the real one."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest
from attrs import evolve

from pywats_trio.config.options import MIB
from pywats_trio.convert.pressure import Reading, between, read, reserve, stalled

SOME = "some avg10=1.53 avg60=0.27 avg300=0.09 total={total}\n"
FULL = "full avg10=0.00 avg60=0.00 avg300=0.00 total=999\n"

THEN = Reading(
    at=100.0,
    working=50.0,
    idle=30.0,
    swapped_out=0,
    available=900 * MIB,
    memory_stall=2.0,
)


def proc(tmp_path: Path, what: str, text: str) -> Path:
    (tmp_path / "pressure").mkdir(exist_ok=True)
    (tmp_path / "pressure" / what).write_text(text)
    return tmp_path


# Stalls


def test_a_stall_is_the_total_of_some_in_seconds(tmp_path: Path) -> None:
    assert stalled("cpu", proc(tmp_path, "cpu", SOME.format(total=12_345_678) + FULL)) == 12.345678
    assert stalled("memory", proc(tmp_path, "memory", FULL + SOME.format(total=0))) == 0.0


@pytest.mark.parametrize("text", ["", "\n", FULL, "some avg10=0.00\n", SOME.format(total="many")])
def test_what_says_something_else_says_nothing(text: str, tmp_path: Path) -> None:
    assert stalled("cpu", proc(tmp_path, "cpu", text)) is None


def test_a_kernel_without_them_says_nothing(tmp_path: Path) -> None:
    assert stalled("cpu", tmp_path) is None
    (tmp_path / "pressure" / "cpu").mkdir(parents=True)  # reading fails, as where it is disabled
    assert stalled("cpu", tmp_path) is None


# Between two readings


def test_rates_are_those_of_the_time_between() -> None:
    later = Reading(
        at=102.0,
        working=53.0,
        idle=31.0,
        swapped_out=4 * MIB,
        available=800 * MIB,
        memory_stall=2.5,
    )
    seen = between(THEN, later)
    assert seen.seconds == 2.0
    assert (seen.processors, seen.idle) == (2.0, 0.5)
    assert seen.swapping == 2 * MIB
    assert seen.available == 800 * MIB
    assert seen.memory_stall == 0.25


def test_nothing_is_less_than_nothing_or_more_than_all() -> None:
    seen = between(THEN, evolve(THEN, at=101.0, working=49.0, idle=29.0, memory_stall=9.0))
    assert (seen.processors, seen.idle, seen.memory_stall) == (0.0, 0.0, 1.0)
    assert between(THEN, evolve(THEN, at=101.0, memory_stall=1.0)).memory_stall == 0.0


def test_two_readings_at_one_moment_have_no_rates() -> None:
    seen = between(THEN, THEN)
    assert (seen.processors, seen.idle, seen.swapping) == (0, 0, 0)


def test_a_stall_that_is_not_known_stays_so() -> None:
    later = evolve(THEN, at=101.0)
    assert between(evolve(THEN, memory_stall=None), later).memory_stall is None
    assert between(THEN, evolve(later, memory_stall=None)).memory_stall is None


# A made machine


@pytest.mark.skipif(sys.platform != "linux", reason="made of the files that Linux has")
def test_stolen_time_is_no_processor_a_guest_is_no_second_one_and_a_disk_leaves_one_idle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    #              user nice system idle iowait irq softirq steal guest guest_nice
    (tmp_path / "stat").write_text("cpu  1000 200 300 4000 500 60 70 8000 90 10\n")
    (tmp_path / "meminfo").write_text("SwapTotal: 8 kB\nSwapFree: 4 kB\nMemTotal: 8 kB\n")
    (tmp_path / "vmstat").write_text("pswpin 7\npswpout 3\n")
    proc(tmp_path, "memory", SOME.format(total=2_000_000))
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    seen = read(proc=tmp_path, available=lambda: 5)
    tick = os.sysconf("SC_CLK_TCK")
    assert seen.working == pytest.approx((1000 + 200 + 300 + 60 + 70) / tick)
    assert seen.idle == pytest.approx((4000 + 500) / tick)
    assert seen.swapped_out == 3 * 4096
    assert seen.memory_stall == 2.0
    assert seen.available == 5


# The real machine


def test_a_processor_that_works_is_not_idle() -> None:
    before = read()
    until = time.thread_time() + 0.3
    while time.thread_time() < until:
        pass
    after = read()
    assert after.working - before.working >= 0.25
    seen = between(before, after)
    assert 0.5 <= seen.processors <= (os.cpu_count() or 1) * 1.2
    assert 0.0 <= seen.idle <= seen.processors


def test_memory_is_what_the_machine_and_the_group_leave() -> None:
    assert read(available=lambda: 7 * MIB).available == 7 * MIB
    assert 0 < read().available <= psutil.virtual_memory().total


@pytest.mark.skipif(
    not Path("/proc/pressure/memory").exists(), reason="this kernel tells of no stalls"
)
def test_the_kernel_tells_of_stalls(tmp_path: Path) -> None:
    first, second = read().memory_stall, read().memory_stall
    assert first is not None
    assert second is not None
    assert second >= first >= 0
    assert read(proc=tmp_path).memory_stall is None


def test_the_reserve_is_an_eighth_of_a_machine_that_has_little() -> None:
    total = psutil.virtual_memory().total
    assert reserve(total // 8 - 1) == total // 8 - 1
    assert reserve(total // 8 + 1) == total // 8
