from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pywats_trio import faultpoint
from tests.contract.kit import SqliteBench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.contract.kit import Bench


@pytest.fixture(params=["sqlite"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """Every store that keeps the promises; a new one is a new name here."""
    return {"sqlite": SqliteBench}[request.param](tmp_path / "queue.db")


@pytest.fixture
def arm() -> Iterator[Callable[[str], None]]:
    """`arm("name=raise@1")` makes the service fail there, until the test ends."""
    yield faultpoint.arm
    faultpoint.arm("")
