"""A stop while clients are attached: none of them holds it up, and none makes it lose anything."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.devserver import open_devserver
from tests.e2e import clients
from tests.e2e.books import Books, audit, lives
from tests.e2e.harness import daemon, write_config

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LOAD = 60
NOWHERE = "http://127.0.0.1:9"
PROMISED = 0.3
"""Seconds of a stop with nothing in flight."""
AT_MOST = 3.0
"""Seconds of the slowest on a machine that is busy with other tests."""
TRIES = 5
"""Stops of which the quickest keeps the promise; the others tell of the machine."""

ALONE = [[name] for name in clients.CLIENTS]
TOGETHER = list(clients.CLIENTS)


async def idle_stop(folder: Path, names: Sequence[str]) -> float:
    """Seconds of the stop of a fresh service that has nothing to do, with clients attached."""
    async with daemon(write_config(folder, NOWHERE)) as running:
        Books(folder / "drop").drop(1)
        await running.until_event("file converted")
        async with clients.attached(running, names):
            begun = trio.current_time()
            assert await running.stop() == 0
            seconds = trio.current_time() - begun
        assert running.other_output == []
        assert "failed" not in {record.get("state") for record in running.log}
        assert [record for record in running.log if record["level"] == "error"] == []
    return seconds


@pytest.mark.parametrize("names", [[], TOGETHER], ids=["nobody", "all"])
async def test_an_idle_service_ends_at_once_whoever_is_attached(
    tmp_path: Path, names: list[str]
) -> None:
    quickest = AT_MOST
    for number in range(TRIES):
        seconds = await idle_stop(tmp_path / str(number), names)
        assert seconds < AT_MOST
        quickest = min(quickest, seconds)
        if quickest < PROMISED:
            break
    assert quickest < PROMISED


@pytest.mark.parametrize("names", [*ALONE, TOGETHER], ids=[*clients.CLIENTS, "all"])
async def test_a_stop_under_load_with_clients_attached_loses_nothing(
    tmp_path: Path, names: list[str]
) -> None:
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url)
        books = Books(tmp_path / "drop")
        async with daemon(config) as running:
            books.drop(1)
            await running.until_event("files accepted")
            async with clients.attached(running, names):
                books.drop(LOAD)
                await running.until_event("report delivered", LOAD // 4)
                assert await running.stop() == 0
        assert {life.state for life in lives(tmp_path / "data")} <= {"PENDING", "COMPLETED"}
        async with daemon(config) as running:
            await running.until_true(partial(books.until_delivered, server))
            assert await running.stop() == 0
        await audit(books, tmp_path / "data", server, books.folder / "Done")
        assert set(server.journal.sends().values()) == {1}
