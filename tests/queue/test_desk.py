"""The end of the reading side."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.errors import StoreError
from pywats_trio.queue.desk import SqliteDesk, open_desk
from pywats_trio.queue.sqlite_store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    import apsw


async def test_it_is_closed_after_the_reading_that_is_under_way(tmp_path: Path) -> None:
    begun, go_on, told = trio.Event(), threading.Event(), list[str]()

    def slow(connection: apsw.Connection) -> None:
        trio.from_thread.run_sync(begun.set)
        go_on.wait()
        told.append(str(connection.execute("SELECT 'read'").get))

    async def read(desk: SqliteDesk) -> None:
        await desk._read(slow)  # noqa: SLF001 - no question of ours takes long enough

    async with open_store(tmp_path / "queue.db"), trio.open_nursery() as nursery:
        async with open_desk(tmp_path / "queue.db") as desk:
            nursery.start_soon(read, desk)
            await begun.wait()
            nursery.start_soon(trio.to_thread.run_sync, go_on.set)
        told.append("closed")
        with pytest.raises(StoreError, match="closed"):
            await desk.items()
    assert told == ["read", "closed"]
