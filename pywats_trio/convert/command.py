"""How a worker process is started: its command line and its environment."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict, frozen

from pywats_trio.convert.processes import COOKIE

if TYPE_CHECKING:
    from pywats_trio.worker.limits import Limits

PASSED: Final = ("PATH", "LANG", "TZ", "PYTHONHASHSEED")
"""What a worker inherits of our environment; above all no token."""
COVERAGE: Final = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
"""Set while coverage.py measures; -S skips the .pth file that would start it in the worker."""

_START: Final = (
    "import json, sys; boot = json.loads(sys.argv[1]); "
    "sys.path += [p for p in boot.pop('path') if p not in sys.path]; "
)
_MEASURE: Final = "import coverage; coverage.process_startup(); "
_MAIN: Final = "from pywats_trio.worker.main import main; main(boot)"


@frozen
class Boot:
    """What a worker is told on its command line; `worker.main` reads it."""

    socket: int
    lifeline: int
    limits: Limits | None
    max_body: int
    scratch: str


def command(boot: Boot, *, shared: bool) -> list[str]:
    """The command line. Isolated and without `site`, which would cost half of the start.

    A worker of the standard converters (`shared`) finds only this package and what it needs; one
    for a custom converter finds all that the service finds.
    """
    measure = measured()
    told: dict[str, Any] = asdict(boot)
    told["path"] = _own_path() if shared and not measure else [p for p in sys.path if p]
    code = _START + (_MEASURE if measure else "") + _MAIN
    return [sys.executable, "-I", "-S", "-c", code, json.dumps(told)]


def _own_path() -> list[str]:
    roots = [Path(__file__).parents[2]]
    for name in ("attr", "attrs", "lxml", "defusedxml"):
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin:
            roots.append(Path(spec.origin).parents[1])
    return list(dict.fromkeys(map(str, roots)))


def environment(scratch: str, cookie: str) -> dict[str, str]:
    """The whole environment of a worker."""
    passed = {name: os.environ[name] for name in PASSED if name in os.environ}
    if measured():
        passed |= {name: os.environ[name] for name in COVERAGE if name in os.environ}
    return {**passed, "TMPDIR": scratch, COOKIE: cookie}


def measured() -> bool:
    """Whether coverage.py counts the lines of our child processes, too (tests only)."""
    return any(name in os.environ for name in COVERAGE)
