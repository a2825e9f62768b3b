"""A disk that does not answer the reading side holds up nobody who can wait no longer."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.queue import desk as desk_module
from pywats_trio.queue.database import connect, open_reader
from pywats_trio.queue.desk import SqliteDesk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import apsw

PROMPT = 10.0


class Stuck:
    """A reader whose statements wait until they are let go."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection
        self.reading = threading.Event()
        self.let_go = threading.Event()
        connection.exec_trace = self._wait

    def _wait(self, _cursor: object, _sql: str, _values: object) -> bool:
        self.reading.set()
        return self.let_go.wait(PROMPT)


@pytest.fixture
def stuck(tmp_path: Path) -> Iterator[Stuck]:
    path = tmp_path / "queue.db"
    connect(path).close()
    stuck = Stuck(open_reader(path))
    yield stuck
    stuck.let_go.set()


async def test_a_reading_that_hangs_can_be_cancelled(stuck: Stuck) -> None:
    desk = SqliteDesk(stuck.connection)
    with trio.fail_after(PROMPT / 2):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(desk.items)
            await trio.to_thread.run_sync(stuck.reading.wait)
            nursery.cancel_scope.cancel()
    assert not stuck.let_go.is_set()
    stuck.let_go.set()
    await desk.close()  # after the reading that nobody waits for


async def test_the_end_of_the_desk_does_not_wait_for_a_reading_that_hangs(
    stuck: Stuck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "CLOSE_SECONDS", 0.05)
    monkeypatch.setattr(desk_module, "open_reader", lambda _path: stuck.connection)
    with trio.fail_after(PROMPT / 2):
        async with (
            desk_module.open_desk(tmp_path / "queue.db") as desk,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(desk.items)
            await trio.to_thread.run_sync(stuck.reading.wait)
            nursery.cancel_scope.cancel()
    assert not stuck.let_go.is_set()
    stuck.let_go.set()
    await desk.close()
