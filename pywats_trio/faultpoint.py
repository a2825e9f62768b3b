"""Named points between two steps of the path at which a test can make the service fail.

`PYWATS_TRIO_FAULTS` is set by tests only, `name=action` joined by commas, such as
`deliver.answered=kill@3,convert.claimed=raise@1-2`. Actions: `kill` (SIGKILL to this process),
`raise` (an `InjectedFault`). `@n` is the n-th time the point is passed, `@n-m` a range; without it,
every time. Without the variable a point costs one look into an empty dictionary.
"""

from __future__ import annotations

import math
import os
import re
import signal
from typing import Final

from attrs import define

VARIABLE: Final = "PYWATS_TRIO_FAULTS"


class InjectedFault(RuntimeError):
    """What a test asked to happen here."""


@define
class _Fault:
    action: str
    first: int
    last: float
    passed: int = 0


_ENTRY: Final = re.compile(r"([\w.]+)=(kill|raise)(?:@([1-9]\d*)(?:-(\d+))?)?")


def _parse(text: str) -> dict[str, _Fault]:
    faults = {}
    for entry in filter(None, text.split(",")):
        found = _ENTRY.fullmatch(entry)
        if found is None:
            raise ValueError(f"{VARIABLE}: {entry!r} is not name=kill, name=raise@3 or the like")
        name, action, first, last = found.groups()
        end = int(last or first) if first else math.inf
        faults[name] = _Fault(action, int(first or 1), end)
    return faults


_faults: dict[str, _Fault] = {}


def arm(text: str) -> None:
    """Fail from now on as `text` says, which is what the variable may hold; "" = nowhere."""
    faults = _parse(text)
    _faults.clear()
    _faults.update(faults)


def hit(name: str) -> None:
    """Pass the point `name`; fail here if a test asked for it."""
    if not _faults or (fault := _faults.get(name)) is None:
        return
    fault.passed += 1
    if not fault.first <= fault.passed <= fault.last:
        return
    if fault.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise InjectedFault(f"fault point {name}, passed {fault.passed} times")


arm(os.environ.get(VARIABLE, ""))
