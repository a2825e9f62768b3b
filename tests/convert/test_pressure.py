"""What is read of the machine: from made files, and from the real one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

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
    ours=5.0,
    swapped_out=0,
    available=900 * MIB,
    processor_stall=1.0,
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
        ours=6.0,
        swapped_out=4 * MIB,
        available=800 * MIB,
        processor_stall=2.0,
        memory_stall=2.5,
    )
    seen = between(THEN, later)
    assert seen.seconds == 2.0
    assert (seen.processors, seen.ours, seen.others) == (2.0, 0.5, 1.0)
    assert seen.idle == 0.5
    assert seen.swapping == 2 * MIB
    assert seen.available == 800 * MIB
    assert (seen.processor_stall, seen.memory_stall) == (0.5, 0.25)


def test_nothing_is_less_than_nothing_or_more_than_all() -> None:
    gone = evolve(THEN, at=101.0, working=52.0, ours=1.0, processor_stall=0.0, memory_stall=9.0)
    seen = between(THEN, gone)
    assert (seen.ours, seen.others) == (0.0, 2.0)
    assert (seen.processor_stall, seen.memory_stall) == (0.0, 1.0)
    seen = between(THEN, evolve(THEN, at=101.0, working=51.0, ours=9.0))
    assert (seen.ours, seen.others) == (1.0, 0.0)


def test_two_readings_at_one_moment_have_no_rates() -> None:
    seen = between(THEN, THEN)
    assert (seen.processors, seen.ours, seen.others, seen.swapping) == (0, 0, 0, 0)


@pytest.mark.parametrize("name", ["processor_stall", "memory_stall"])
def test_a_stall_that_is_not_known_stays_so(name: str) -> None:
    later = evolve(THEN, at=101.0)
    unknown: dict[str, Any] = {name: None}
    assert getattr(between(evolve(THEN, **unknown), later), name) is None
    assert getattr(between(THEN, evolve(later, **unknown)), name) is None


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
    seen = read([1], proc=tmp_path, available=lambda: 5)
    tick = os.sysconf("SC_CLK_TCK")
    assert seen.working == pytest.approx((1000 + 200 + 300 + 60 + 70) / tick)
    assert seen.idle == pytest.approx((4000 + 500) / tick)
    assert seen.ours == 0.0  # nobody of ours is known there
    assert seen.swapped_out == 3 * 4096
    assert (seen.processor_stall, seen.memory_stall) == (None, 2.0)
    assert seen.available == 5


# The real machine


def test_the_time_that_we_use_is_ours_and_no_others() -> None:
    before = read([])
    until = time.thread_time() + 0.3
    while time.thread_time() < until:
        pass
    after = read([])
    seen = between(before, after)
    assert after.ours - before.ours == pytest.approx(0.3, abs=0.06)
    assert 0.5 <= seen.processors <= (os.cpu_count() or 1) * 1.2
    assert seen.ours + seen.others + seen.idle == pytest.approx(seen.processors)


def test_a_worker_counts_while_it_lives_and_when_it_has_ended() -> None:
    spin = "import time\nwhile time.thread_time() < 0.4: pass\nprint('used', flush=True)\ninput()"
    before = read([])
    with subprocess.Popen(
        [sys.executable, "-c", spin], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"used\n"
        alive = read([worker.pid])
        apart = read([])
        worker.communicate(b"\n")
    ended = read([worker.pid])
    assert alive.ours - apart.ours >= 0.38
    assert ended.ours - before.ours >= 0.38


def test_memory_is_what_the_machine_and_the_group_leave() -> None:
    assert read([], available=lambda: 7 * MIB).available == 7 * MIB
    assert 0 < read([]).available <= psutil.virtual_memory().total


@pytest.mark.skipif(
    not Path("/proc/pressure/cpu").exists(), reason="this kernel tells of no stalls"
)
def test_the_kernel_tells_of_stalls(tmp_path: Path) -> None:
    first, second = read([]), read([])
    assert first.processor_stall is not None
    assert second.processor_stall is not None
    assert second.processor_stall >= first.processor_stall > 0
    assert read([], proc=tmp_path).processor_stall is None


def test_the_reserve_is_an_eighth_of_a_machine_that_has_little() -> None:
    total = psutil.virtual_memory().total
    assert reserve(total // 8 - 1) == total // 8 - 1
    assert reserve(total // 8 + 1) == total // 8
