"""Standing back: what the kernel is told, in processes that may be told so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pywats_trio.priority import AUTOGROUP

TOLD = f"""
import os, sys
from pywats_trio.priority import stand_back
os.setpriority(os.PRIO_PROCESS, 0, max(int(sys.argv[1]), os.nice(0)))
stand_back(int(sys.argv[2]))
print(os.getpriority(os.PRIO_PROCESS, 0))
print(open({str(AUTOGROUP)!r}).read() if os.path.exists({str(AUTOGROUP)!r}) else "")
"""
grouped = pytest.mark.skipif(
    not AUTOGROUP.exists() or "/autogroup-" not in AUTOGROUP.read_text(),
    reason="this kernel does not group processes by session",
)


def told(before: int, nice: int, *, leads: bool = False) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", TOLD, str(before), str(nice)],
        capture_output=True,
        text=True,
        check=True,
        start_new_session=leads,
    )
    own, _, group = done.stdout.partition("\n")
    return int(own), group.strip()


@pytest.mark.parametrize(
    ("before", "nice", "after"),
    [(0, -1, 0), (0, 0, 0), (0, 1, 1), (0, 19, 19), (0, 20, 19), (7, 5, 7), (5, 7, 7)],
)
def test_it_is_lowered_to_that_and_never_raised(before: int, nice: int, after: int) -> None:
    assert told(before, nice)[0] == max(after, os.nice(0))


@grouped
def test_who_leads_a_session_lowers_all_of_it() -> None:
    assert told(0, 7, leads=True)[1].endswith(" nice 7")


@grouped
def test_who_does_not_leaves_the_others_alone() -> None:
    ours = Path("/proc/self/autogroup").read_text().strip()
    assert told(0, 7)[1] == ours
