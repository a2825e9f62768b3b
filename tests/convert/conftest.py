"""No test of this room may leave a process or a descriptor behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.convert.kit import children, descriptors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = descriptors()
    yield
    assert children() == []
    assert descriptors() == before


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.txt"
    path.write_text("good")
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.txt"
    path.write_text("bad")
    return path
