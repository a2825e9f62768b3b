"""What is wanted, what there is, what is reached."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from pywats_trio.errors import SandboxUnavailable, StartError
from pywats_trio.sandbox.levels import Level, Support, probe, reach
from tests.sandbox.children import kernel_layers, run

FULL = Support(machine="x86_64", landlock_abi=6, seccomp=True)
NO_LANDLOCK = Support(machine="x86_64", landlock_abi=0, seccomp=True, lacks=("no Landlock",))
NO_SECCOMP = Support(machine="aarch64", landlock_abi=6, seccomp=False, lacks=("no seccomp",))
NO_LINUX = Support(machine="", landlock_abi=0, seccomp=False, lacks=("this is darwin",))
KERNEL_LEVELS = [Level.STRICT, Level.STANDARD]
POOR = [NO_LANDLOCK, NO_SECCOMP, NO_LINUX]


@pytest.mark.parametrize("wanted", Level)
@pytest.mark.parametrize("fallback", [False, True])
def test_where_everything_is_there_each_level_is_reached(wanted: Level, fallback: bool) -> None:
    reached = reach(wanted, FULL, fallback=fallback)
    assert (reached.wanted, reached.level, reached.missing) == (wanted, wanted, ())


@pytest.mark.parametrize("wanted", KERNEL_LEVELS)
@pytest.mark.parametrize("support", POOR)
def test_where_something_lacks_the_start_is_refused_and_says_what_to_do(
    wanted: Level, support: Support
) -> None:
    with pytest.raises(SandboxUnavailable) as refusal:
        reach(wanted, support, fallback=False)
    said = str(refusal.value)
    for part in (*support.lacks, f"workers.sandbox = '{wanted}'", 'workers.sandbox = "basic"'):
        assert part in said
    assert "workers.sandbox_fallback = true" in said
    assert "\n" not in said
    assert isinstance(refusal.value, StartError)


@pytest.mark.parametrize("wanted", KERNEL_LEVELS)
@pytest.mark.parametrize("support", POOR)
def test_with_fallback_it_is_basic_and_says_why(wanted: Level, support: Support) -> None:
    reached = reach(wanted, support, fallback=True)
    assert (reached.wanted, reached.level) == (wanted, Level.BASIC)
    assert reached.missing == support.lacks


@pytest.mark.parametrize("wanted", [Level.BASIC, Level.OFF])
@pytest.mark.parametrize("support", POOR)
def test_the_lower_levels_need_nothing(wanted: Level, support: Support) -> None:
    reached = reach(wanted, support, fallback=False)
    assert (reached.level, reached.missing) == (wanted, ())


@pytest.mark.parametrize(
    ("version", "told"),
    [
        (1, ["move files", "cut files", "TCP", "ioctl", "signals"]),
        (2, ["cut files", "TCP", "ioctl", "signals"]),
        (3, ["TCP", "ioctl", "signals"]),
        (4, ["ioctl", "signals"]),
        (5, ["signals"]),
        (6, []),
        (9, []),
    ],
)
def test_an_older_landlock_is_enough_and_its_gaps_are_told(version: int, told: list[str]) -> None:
    support = Support(machine="x86_64", landlock_abi=version, seccomp=True)
    reached = reach(Level.STANDARD, support, fallback=False)
    assert reached.level is Level.STANDARD
    assert len(reached.missing) == len(told)
    assert all(part in gap for part, gap in zip(told, reached.missing, strict=True))


def test_the_levels_are_the_words_of_the_configuration() -> None:
    assert [str(level) for level in Level] == ["strict", "standard", "basic", "off"]
    assert Level("strict") is Level.STRICT


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_asking_changes_nothing() -> None:
    def state() -> list[str]:
        lines = Path("/proc/self/status").read_text().splitlines()
        return [line for line in lines if line.startswith(("NoNewPrivs", "Seccomp", "Cap"))]

    before = state()
    probe()
    assert state() == before
    assert list(Path("/").iterdir())


@kernel_layers
def test_inside_nothing_more_is_to_be_had() -> None:
    code = """
from pywats_trio.sandbox.enter import enter
from pywats_trio.sandbox.levels import probe
enter([], [])
support = probe()
print(support.complete, support.landlock_abi, support.seccomp, *support.lacks, sep="|")
"""
    said = run(code, user=os.geteuid()).strip().split("|")
    assert said[:3] == ["False", "0", "False"]
    assert os.strerror(errno.EPERM) in said[3]
    assert "seccomp" in said[4]
