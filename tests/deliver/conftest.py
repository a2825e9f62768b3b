"""What the tests of delivery share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.sqlite_store import open_store
from tests.deliver.pumping import Queue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(params=["post", "httpx"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def queue(tmp_path: Path) -> AsyncIterator[Queue]:
    file = tmp_path / "queue.db"
    async with open_store(file) as store, open_desk(file) as desk:
        yield Queue(store, desk, file)
