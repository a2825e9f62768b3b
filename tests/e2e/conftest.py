"""No test leaves anything behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import leaks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def nothing_left(tmp_path: Path) -> Iterator[None]:
    """Threads, descriptors and processes are afterwards as they were before."""
    with leaks.nothing_left(tmp_path):
        yield
