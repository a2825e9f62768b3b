"""Standing back behind the test program that shares the machine.

A nice value counts among the processes of one session only where the kernel groups processes by
session (`sched(7)`, autogroup): there the group has a value of its own, and whoever leads a session
may lower it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

NICEST: Final = 19
AUTOGROUP: Final = Path("/proc/self/autogroup")


def stand_back(nice: int) -> None:
    """Let who wants the processors go first; `nice`: 0 (not at all) to 19, as of `nice(1)`.

    What is lower already stays so. A system that does not have or allow it is no error.
    """
    if nice <= 0 or not hasattr(os, "setpriority"):
        return
    nice = min(nice, NICEST)
    with contextlib.suppress(OSError):
        here = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, 0, max(nice, here))
    if os.getsid(0) == os.getpid():  # nobody else in it asked for less
        with contextlib.suppress(OSError):
            AUTOGROUP.write_text(str(nice))
