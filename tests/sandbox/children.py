"""Starts interpreters to be shut in: as this user and, if this is root, as one who is nobody."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from pywats_trio.sandbox.levels import probe

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
NOBODY: Final = 65_534
USERS: Final = tuple(dict.fromkeys((os.geteuid(), NOBODY if os.geteuid() == 0 else os.geteuid())))
SECONDS: Final = 60
_FIND: Final = f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
_OTHERS_MAY_PASS: Final = 0o001

kernel_layers = pytest.mark.skipif(
    not probe().complete, reason=f"no kernel layers here: {'; '.join(probe().lacks)}"
)


@contextlib.contextmanager
def folder_of(user: int) -> Iterator[str]:
    """A folder that is theirs; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(prefix="pywats-trio-test-") as folder:
        os.chown(folder, user, -1)
        yield folder


def run(code: str, *, user: int) -> str:
    """What Python code prints, run in a fresh interpreter that can import this package.

    It has to become `user` itself (`attacks.become`).
    """
    ended = subprocess.run(
        [interpreter(user), "-I", "-S", "-c", _FIND + code],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env={"PATH": os.defpath},
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@functools.cache
def interpreter(user: int) -> str:
    """Ours, or one that `user` may read the library of: ours may be in a home folder."""
    if user == os.geteuid() or _reachable(Path(sys.base_prefix)):
        return sys.executable
    for other in ("/usr/bin/python3", "/usr/local/bin/python3"):
        if _is_recent(other):
            return other
    pytest.skip("no Python here that another user may run")


def _reachable(folder: Path) -> bool:
    return all(one.stat().st_mode & _OTHERS_MAY_PASS for one in (folder, *folder.parents))


def _is_recent(python: str) -> bool:
    code = "import sys; sys.exit(sys.version_info < (3, 11))"
    return (
        Path(python).exists() and subprocess.run([python, "-c", code], check=False).returncode == 0
    )
