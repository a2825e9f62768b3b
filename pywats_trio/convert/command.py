"""What a worker process is started with: its command line, its environment, what it is told."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict, field, frozen

from pywats_trio.sandbox.roots import python_roots
from pywats_trio.worker.processes import COOKIE

if TYPE_CHECKING:
    from collections.abc import Iterable

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
_WORK: Final = "from pywats_trio.worker.main import main; main(boot)"
_FORK: Final = "from pywats_trio.worker.forkserver import serve; serve(boot)"


@frozen(kw_only=True)
class Boot:
    """What a worker is told when it starts; `worker.main` and `worker.forkserver` read it."""

    limits: Limits | None
    """None: no limits at all."""
    boxed: bool
    """Whether the kernel shuts it in."""
    max_body: int
    """Bytes of one frame's body."""
    scratch: str
    path: list[str]
    """Where it finds modules."""
    readable: list[str]
    """Files and folders that it may read, if it is shut in."""
    writable: list[str]
    """Folders that it may write to, if it is shut in."""
    nice: int = 0
    """How far it stands back behind other programs; see `priority.stand_back`."""
    preload: list[str] = field(factory=list)
    """Modules of ours that the fork server loads first, for all the workers that it forks."""

    def told(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)


def worker(boot: Boot, socket: int, lifeline: int) -> list[str]:
    """The command line of a worker that is not forked, with the numbers of its descriptors."""
    told = {**boot.told(), "socket": socket, "lifeline": lifeline}
    return _interpreter((_MEASURE if measured() else "") + _WORK, told)


def fork_server(socket: int, lifeline: int) -> list[str]:
    """The command line of the fork server, with the numbers of its descriptors."""
    return _interpreter(_FORK, {"socket": socket, "lifeline": lifeline, "path": own_path()})


def _interpreter(code: str, told: dict[str, Any]) -> list[str]:
    """Isolated and without `site`, which would cost half of the start."""
    return [sys.executable, "-I", "-S", "-c", _START + code, json.dumps(told)]


def module_path(*, shared: bool) -> list[str]:
    """Where a worker finds modules.

    One of the standard converters (`shared`) finds only this package and what it needs; one of a
    custom converter finds all that the service finds.
    """
    return own_path() if shared and not measured() else [entry for entry in sys.path if entry]


def readable(*, shared: bool, secrets: Iterable[str]) -> list[str]:
    """What a worker that is shut in may read besides its scratch folder, but for `secrets`.

    One of the standard converters reads the package and what it needs, not all that is installed
    beside them.
    """
    path = [] if shared else module_path(shared=False)
    return list(python_roots(_packages(), path=path, secrets=secrets))


def withheld(module: str, readable: Iterable[str]) -> str:
    """The folder in which `module` lies, if a worker that reads only `readable` cannot import it.

    Looks for the file of its outermost package and imports nothing.
    """
    try:
        spec = importlib.util.find_spec(module.partition(".")[0])
    except ValueError:  # it is loaded and was not imported, as `__main__`
        return ""
    if spec is None or spec.origin is None or not spec.has_location:
        return ""
    file = Path(spec.origin).resolve()
    folder = file.parent.parent if spec.submodule_search_locations else file.parent
    return "" if any(folder.is_relative_to(root) for root in readable) else str(folder)


def writable(scratch: str) -> list[str]:
    """Where a worker that is shut in may write."""
    return [scratch, str(Path.cwd())] if measured() else [scratch]  # coverage.py keeps its data


def own_path() -> list[str]:
    """Where this package is, and what its workers need."""
    return list(dict.fromkeys(str(Path(package).parent) for package in _packages()))


def _packages() -> list[str]:
    """The folders of this package and of what its workers need."""
    specs = [importlib.util.find_spec(name) for name in ("pywats_trio", "attr", "attrs")]
    return [str(Path(spec.origin).parent) for spec in specs if spec is not None and spec.origin]


def environment(scratch: str, cookie: str) -> dict[str, str]:
    """The whole environment of a worker."""
    passed = {name: os.environ[name] for name in PASSED if name in os.environ}
    if measured():
        passed |= {name: os.environ[name] for name in COVERAGE if name in os.environ}
    return {**passed, "TMPDIR": scratch, COOKIE: cookie}


def measured() -> bool:
    """Whether coverage.py counts the lines of our child processes, too (tests only)."""
    return any(name in os.environ for name in COVERAGE)
