"""Attacks in a service of its own, as this user and, if this is root, as one who is nobody."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
import trio
from attrs import asdict

from tests.attacks.arena import Result, attack_all, attack_freely
from tests.attacks.table import rows
from tests.sandbox.attacks import become
from tests.sandbox.children import ROOT, folder_of, interpreter

if TYPE_CHECKING:
    from collections.abc import Sequence

FREE: Final = "off"
"""The level where nothing stops an attack."""
SECONDS: Final = 300
_PACKAGES: Final = Path(trio.__file__).parents[1]
_START: Final = (
    f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(_PACKAGES)!r}]; "
    "from tests.attacks.runs import main; main({folder!r}, {user}, {level!r}, {names!r})"
)


def run(level: str, user: int, names: Sequence[str] = ()) -> dict[str, Result]:
    """What became of the attacks, or of some, by their names.

    In two processes, for one of them waits for deadlines most of the time.
    """
    chosen = [row for row in rows() if not names or row.attack in names]
    parts = [[row.attack for row in chosen if row.short == short] for short in (False, True)]
    with ThreadPoolExecutor(len(parts)) as pool:
        found = pool.map(lambda part: _run(level, user, part) if part else {}, parts)
        return {attack: result for part in found for attack, result in part.items()}


def _run(level: str, user: int, names: Sequence[str]) -> dict[str, Result]:
    with folder_of(user) as folder:
        code = _START.format(folder=folder, user=user, level=level, names=tuple(names))
        ended = subprocess.run(
            [interpreter(user), "-I", "-S", "-c", code],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env={"PATH": os.defpath},
        )
    if ended.returncode:
        raise AssertionError(ended.stderr)
    found = [Result(**one) for one in json.loads(ended.stdout)]
    return {result.attack: result for result in found}


@functools.cache
def why_not(user: int) -> str:
    """Why attacks cannot be run as `user`; empty if they can."""
    if user == os.geteuid():
        return ""
    for place in (ROOT, _PACKAGES):
        if not all(one.stat().st_mode & 0o001 for one in (place, *place.parents)):
            return f"user {user} may not read {place}"
    return ""


def main(folder: str, user: int, level: str, names: Sequence[str]) -> None:
    """Print what became of the attacks, as JSON."""
    become(user)
    os.environ["HOME"] = folder
    structlog.configure(processors=[], logger_factory=structlog.ReturnLoggerFactory())
    chosen = [row for row in rows() if row.attack in names]
    if level == FREE:
        results = trio.run(attack_freely, Path(folder), chosen)
    else:
        results = trio.run(attack_all, Path(folder), level, chosen)
    sys.stdout.write(json.dumps([asdict(result) for result in results]))
