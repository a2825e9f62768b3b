"""Small disks that a test can fill."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """A file system of `size`."""
    if os.getuid() != 0:
        pytest.skip("only root may mount a small file system")
    folder = tempfile.mkdtemp(prefix="small-disk-")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        os.rmdir(folder)  # noqa: PTH106
        pytest.skip("this system does not let us mount a small file system")
    try:
        yield Path(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        os.rmdir(folder)  # noqa: PTH106


def fill(folder: Path) -> Path:
    """Not a byte is free any more; delete what is returned to make room."""
    ballast = folder / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    assert os.statvfs(folder).f_bavail == 0
    return ballast
