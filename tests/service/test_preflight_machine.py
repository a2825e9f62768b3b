"""Clock, limits, disk and user: at, below and above what is enough."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from attrs import evolve

from pywats_trio.config.options import (
    Config,
    ConverterOptions,
    HealthOptions,
    IpcOptions,
    WorkerOptions,
)
from pywats_trio.sandbox.levels import Support
from pywats_trio.service.preflight import machine, own
from pywats_trio.service.preflight.machine import EARLIEST, Limits

DAY = 86_400.0
ENOUGH = Limits(None, None, None)


@pytest.mark.parametrize(("seconds", "wrong"), [(-1, True), (0, False), (1, False)])
def test_a_clock_before_the_program_was_written_is_wrong(seconds: float, wrong: bool) -> None:
    found = [finding.message for finding in machine.of_clock(EARLIEST + seconds, None)]
    assert found == (
        ["the clock says 2023-12-31 23:59 UTC, which cannot be right"] if wrong else []
    )


@pytest.mark.parametrize(("behind", "wrong"), [(-1, False), (DAY, False), (DAY + 1, True)])
def test_a_clock_more_than_a_day_before_the_last_commit_is_wrong(
    behind: float, wrong: bool
) -> None:
    written_at = EARLIEST + 10 * DAY
    found = list(machine.of_clock(written_at - behind, written_at))
    assert len(found) == wrong
    assert all("but the queue was last written at 2024-01-11" in one.message for one in found)


@pytest.mark.parametrize(("limit", "low"), [(9, True), (10, False), (11, False)])
def test_inotify_limits_are_compared_with_the_folders(limit: int, low: bool) -> None:
    for limits, key in (
        (evolve(ENOUGH, instances=limit), "fs.inotify.max_user_instances"),
        (evolve(ENOUGH, watches=limit), "fs.inotify.max_user_watches"),
    ):
        found = list(machine.too_low(Config(), 10, limits))
        assert len(found) == low
        for one in found:
            assert (one.check, one.severity) == ("inotify", "warning")
            assert f"{key} is 9, and 10 watch folders need 10; the rest" in one.message
            assert f"sysctl -w {key}=20" in one.hint


@pytest.mark.parametrize(("limit", "low"), [(11, True), (12, False), (13, False)])
def test_files_of_converters_are_watched_too_each_once(limit: int, low: bool) -> None:
    types = {"a": "/c/one.py:A", "b": "/c/one.py:B", "c": "/c/two.py:C", "d": "csv", "e": "m:E"}
    lines = [ConverterOptions(name=name, type=type_) for name, type_ in types.items()]
    off = ConverterOptions(name="off", type="/c/off.py:X", enabled=False)
    config = Config(converters=(*lines, off))
    assert machine.code_files(config) == 2
    found = list(machine.too_low(config, 10, evolve(ENOUGH, instances=limit, watches=limit)))
    assert [one.check for one in found] == ["inotify", "inotify"] * low
    for one in found:
        assert "is 11, and 10 watch folders and 2 converter files need 12" in one.message
        assert "=24" in one.hint


@pytest.mark.parametrize(("more", "low"), [(-1, True), (0, False), (1, False)])
def test_the_limit_of_open_files_is_compared_with_what_may_be_open(more: int, low: bool) -> None:
    needed = machine.files_needed(Config())
    found = list(machine.too_low(Config(), 0, evolve(ENOUGH, files=needed + more)))
    assert [one.check for one in found] == ["files"] * low
    assert all(f"LimitNOFILE={2 * needed}" in one.hint for one in found)


def test_every_part_that_opens_files_is_counted() -> None:
    plain = Config(workers=WorkerOptions(max=1))
    base = machine.files_needed(plain)
    line = ConverterOptions(name="a", type="wats-json", watch=Path("/a"))
    more = {
        machine.PER_FOLDER: evolve(plain, converters=(line, evolve(line, enabled=False))),
        machine.PER_FOLDER + machine.PER_CODE_FILE: evolve(
            plain, converters=(evolve(line, type="/c/one.py:A"),)
        ),
        machine.PER_WORKER: evolve(plain, workers=WorkerOptions(max=2)),
        10: evolve(plain, health=HealthOptions(max_connections=74)),
        -64: evolve(plain, ipc=IpcOptions(enabled=False)),
    }
    for difference, config in more.items():
        assert machine.files_needed(config) - base == difference


def test_the_limits_in_effect_are_read(tmp_path: Path) -> None:
    (tmp_path / "max_user_instances").write_text("7\n")
    assert machine.read_limits(tmp_path).instances == 7
    assert machine.read_limits(tmp_path).watches is None
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, before[1]))
        assert machine.read_limits().files == 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert (machine.read_limits().instances or 0) > 0


@pytest.mark.parametrize(("free", "low"), [(-1, True), (0, False), (1, False)])
def test_free_disk_is_compared_with_the_least(free: int, low: bool) -> None:
    least = 512 << 20
    found = list(own.of_free(Path("/data"), least + free, least, 10 * least))
    assert [one.message for one in found] == [
        "data_dir: 511 MiB are free in /data, less than 512 MiB"
    ] * low
    assert all("make room on the disk" in one.hint for one in found)


@pytest.mark.parametrize(("total", "never"), [(549, True), (550, False)])
def test_a_disk_that_can_never_have_so_much_free_is_told(total: int, never: bool) -> None:
    mib = 1 << 20
    [one] = own.of_free(Path("/data"), 7 * mib, 500 * mib, total * mib)
    assert ("lower queue.min_free_disk: this disk has 549 MiB in all" in one.hint) is never


NOTHING = Support(machine="x86_64", landlock_abi=0, seccomp=True, lacks=("there is no Landlock",))
EVERYTHING = Support(machine="x86_64", landlock_abi=7, seccomp=True)


@pytest.mark.parametrize(
    ("sandbox", "fallback", "support", "said"),
    [
        ("standard", False, EVERYTHING, []),
        ("basic", False, NOTHING, []),
        ("strict", False, NOTHING, ["error", "no Landlock", 'workers.sandbox = "basic"']),
        ("standard", True, NOTHING, ["warning", "run at 'basic'", "can read and send"]),
        ("off", False, EVERYTHING, ["warning", "nothing bounds", 'workers.sandbox = "standard"']),
    ],
)
def test_a_sandbox_that_is_not_as_wanted_is_told(
    sandbox: str, fallback: bool, support: Support, said: list[str]
) -> None:
    options = WorkerOptions(sandbox=sandbox, sandbox_fallback=fallback)
    found = list(machine.of_sandbox(options, support))
    assert len(found) == bool(said)
    for finding in found:
        severity, message, hint = said
        assert finding.severity == severity
        assert message in finding.message
        assert hint in finding.hint
