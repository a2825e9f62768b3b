"""Group commit: what is shared, what is not, and how it ends."""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import apsw
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from pywats_trio.errors import StoreError
from pywats_trio.queue import writer as module
from pywats_trio.queue.writer import Writer
from tests.contract.kit import CancelAt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from pywats_trio.queue.writer import Operation
    from tests.queue.conftest import StuckThread


def connected(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    connection.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER) STRICT")
    return connection


class Steps:
    """Counts what the writer tells its store."""

    before = 0
    committed = 0
    rolled_back = 0
    woken = 0

    def make(self, path: Path, busy: Callable[[int], bool] | None = None) -> Writer:
        connection = connected(path)
        connection.set_busy_handler(busy)

        def commit(_operations: int) -> None:
            self.committed += 1

        def roll_back() -> None:
            self.rolled_back += 1

        def wake() -> None:
            self.woken += 1

        def before(connection: apsw.Connection) -> None:
            assert connection.in_transaction
            self.before += 1

        return Writer(
            connection, before_commit=before, committed=commit, rolled_back=roll_back, wake=wake
        )


@asynccontextmanager
async def opened(
    path: Path, steps: Steps | None = None, busy: Callable[[int], bool] | None = None
) -> AsyncIterator[Writer]:
    writer = (steps or Steps()).make(path, busy)
    try:
        yield writer
    finally:
        await writer.close()


def add(n: int) -> Callable[[apsw.Connection], int]:
    def operation(connection: apsw.Connection) -> int:
        connection.execute("INSERT INTO t VALUES (?)", (n,))
        return n

    return operation


def numbers(path: Path) -> list[int]:
    connection = apsw.Connection(str(path))
    try:
        return [n for (n,) in connection.execute("SELECT n FROM t ORDER BY rowid")]
    finally:
        connection.close()


def fail(error: BaseException) -> Operation:
    def operation(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO t VALUES (-1)")
        raise error

    return operation


async def in_one_batch(
    writer: Writer, stuck: StuckThread, operations: list[Operation]
) -> list[Any]:
    """Hand all in while the thread is held up; their results or errors, in order."""
    answers: list[Any] = [None] * len(operations)

    async def caller(n: int, operation: Operation) -> None:
        try:
            answers[n] = await writer.run(operation)
        except Exception as error:  # noqa: BLE001 - it is what the test looks at
            answers[n] = error

    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.run, stuck)
        await stuck.begun()
        for n, operation in enumerate(operations):
            nursery.start_soon(caller, n, operation)
        await wait_all_tasks_blocked()
        stuck.let_go()
    return answers


async def test_waiting_callers_share_a_commit(tmp_path: Path, stuck: StuckThread) -> None:
    steps = Steps()
    async with opened(tmp_path / "q", steps) as writer:
        answers = await in_one_batch(writer, stuck, [add(n) for n in range(64)])
        assert answers == list(range(64))
        assert writer.statistics.operations == 65
        assert writer.statistics.commits == steps.committed == steps.before == 2
    assert steps.woken == 2
    assert sorted(numbers(tmp_path / "q")) == list(range(64))


@pytest.mark.parametrize(("callers", "commits"), [(3, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
async def test_a_batch_has_a_bound(
    tmp_path: Path,
    stuck: StuckThread,
    monkeypatch: pytest.MonkeyPatch,
    callers: int,
    commits: int,
) -> None:
    monkeypatch.setattr(module, "MAX_BATCH", 4)
    async with opened(tmp_path / "q") as writer:
        await in_one_batch(writer, stuck, [add(n) for n in range(callers)])
        assert writer.statistics.commits == 1 + commits


async def test_one_bad_operation_fails_alone(tmp_path: Path, stuck: StuckThread) -> None:
    steps = Steps()
    bad = fail(apsw.SQLError("no such thing"))
    async with opened(tmp_path / "q", steps) as writer:
        answers = await in_one_batch(writer, stuck, [add(1), bad, add(2)])
        assert [answers[0], answers[2]] == [1, 2]
        assert isinstance(answers[1], StoreError)
        assert "no such thing" in str(answers[1])
        assert isinstance(answers[1].__cause__, apsw.SQLError)
        assert writer.statistics.failed_commits == steps.rolled_back == 2
        assert writer.statistics.operations == 3
    assert sorted(numbers(tmp_path / "q")) == [1, 2]


@pytest.mark.parametrize(
    ("error", "expected", "words"),
    [
        (apsw.FullError("full"), StoreError, "the queue's database refused: FullError: full"),
        (StoreError("ours"), StoreError, "ours"),
        (SystemExit(3), StoreError, "stopped by SystemExit"),
        (ValueError("a bug"), ValueError, "a bug"),
    ],
)
async def test_errors_are_ours_or_bugs(
    tmp_path: Path, error: BaseException, expected: type[BaseException], words: str
) -> None:
    async with opened(tmp_path / "q") as writer:
        with pytest.raises(expected, match=words):
            await writer.run(fail(error))
        assert await writer.run(add(7)) == 7
    assert numbers(tmp_path / "q") == [7]


async def test_a_locked_database_fails_all_who_wait_at_once(
    tmp_path: Path, stuck: StuckThread
) -> None:
    other = connected(tmp_path / "q")
    tries: list[int] = []

    def busy(attempt: int) -> bool:
        stuck()
        tries.append(attempt)
        return False

    async def refused(n: int) -> None:
        with pytest.raises(StoreError, match="BusyError"):
            await writer.run(add(n))

    async with opened(tmp_path / "q", busy=busy) as writer:
        other.execute("BEGIN IMMEDIATE")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(refused, 0)
            await stuck.begun()
            for n in range(5):
                nursery.start_soon(refused, n)
            await wait_all_tasks_blocked()
            stuck.let_go()
        assert len(tries) == 2  # one for the first caller, one for the five others
        other.execute("ROLLBACK")
        assert await writer.run(add(1)) == 1
    other.close()


async def test_a_cancelled_caller_waits_for_its_commit(tmp_path: Path, stuck: StuckThread) -> None:
    async with opened(tmp_path / "q") as writer:
        answers: list[int] = []

        async def caller() -> None:
            answers.append(await writer.run(add(5)))
            await trio.lowlevel.checkpoint()
            answers.append(0)  # never reached: cancellation comes right after

        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.run, stuck)
            await stuck.begun()
            nursery.start_soon(caller)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
            await trio.lowlevel.cancel_shielded_checkpoint()
            stuck.let_go()
    assert answers == [5]
    assert numbers(tmp_path / "q") == [5]


async def test_cancelled_at_any_step_the_outcome_is_known(tmp_path: Path) -> None:
    async with opened(tmp_path / "q") as writer:
        for n in range(1, 10):
            answer = None
            with trio.CancelScope() as scope:
                instrument = CancelAt(n, scope)
                trio.lowlevel.add_instrument(instrument)
                answer = await writer.run(add(n))
            trio.lowlevel.remove_instrument(instrument)
            assert answer == n
    assert numbers(tmp_path / "q") == list(range(1, 10))


async def test_a_cancelled_caller_gives_a_stuck_disk_up_and_its_late_commit_is_undone(
    tmp_path: Path, stuck: StuckThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CANCELLED_SECONDS", 0.02)
    undone = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def late(connection: apsw.Connection) -> str:
        stuck()
        return add(1)(connection) * "late"

    def undo(result: str) -> Operation:
        def operation(connection: apsw.Connection) -> None:
            assert result == "late"
            add(-1)(connection)
            token.run_sync_soon(undone.set)

        return operation

    async with opened(tmp_path / "q") as writer:
        with trio.CancelScope() as scope:
            scope.cancel()
            await writer.run(late, undo=undo)
        assert scope.cancelled_caught
        monkeypatch.undo()
        stuck.let_go()
        with trio.fail_after(10):
            await undone.wait()
        await writer.run(add(2))
    assert numbers(tmp_path / "q") == [1, -1, 2]


async def test_callers_without_room_wait_and_learn_of_the_close(
    tmp_path: Path, stuck: StuckThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 4)
    done: list[object] = []

    async def caller(n: int) -> None:
        try:
            done.append(await writer.run(add(n)))
        except StoreError as error:
            done.append(str(error))

    async with opened(tmp_path / "q") as writer, trio.open_nursery() as nursery:
        nursery.start_soon(writer.run, stuck)
        await stuck.begun()
        for n in range(6):
            nursery.start_soon(caller, n)
        await wait_all_tasks_blocked()
        nursery.start_soon(writer.close)
        await wait_all_tasks_blocked()
        stuck.let_go()
    assert sorted(done, key=str)[-3:] == ["the queue is closed"] * 3
    assert len(done) == 6
    assert len(numbers(tmp_path / "q")) == 3


async def test_room_is_given_back(
    tmp_path: Path, stuck: StuckThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    async with opened(tmp_path / "q") as writer:
        answers = await in_one_batch(writer, stuck, [add(n) for n in range(20)])
    assert answers == list(range(20))


async def test_closing_finishes_what_was_handed_in(tmp_path: Path, stuck: StuckThread) -> None:
    writer = Steps().make(tmp_path / "q")
    [thread] = [t for t in threading.enumerate() if t.name == "pywats-trio-store"]
    assert thread.daemon
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.run, stuck)
        await stuck.begun()
        for n in range(5):
            nursery.start_soon(writer.run, add(n))
        await wait_all_tasks_blocked()
        for _ in range(2):  # closing twice at once is fine
            nursery.start_soon(writer.close)
        await wait_all_tasks_blocked()
        stuck.let_go()
    assert sorted(numbers(tmp_path / "q")) == list(range(5))
    with pytest.raises(StoreError, match="closed"):
        await writer.run(add(9))
    await writer.close()
    thread.join(10)
    assert not thread.is_alive()
    assert not (tmp_path / "q-wal").exists()


async def test_closing_does_not_wait_for_a_stuck_disk(
    tmp_path: Path, stuck: StuckThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CANCELLED_SECONDS", 0.02)
    writer = Steps().make(tmp_path / "q")
    [thread] = [t for t in threading.enumerate() if t.name == "pywats-trio-store"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.run, stuck)
        await stuck.begun()
        await writer.close()
        assert thread.is_alive()
        stuck.let_go()
    thread.join(10)
    assert not thread.is_alive()


def test_an_answer_after_the_end_of_trio_disturbs_nobody(
    tmp_path: Path, stuck: StuckThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CANCELLED_SECONDS", 0.0)

    def late(connection: apsw.Connection) -> int:
        stuck()
        return add(1)(connection)

    async def main() -> None:
        writer = Steps().make(tmp_path / "q")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.run, late)
            await stuck.begun()
            nursery.cancel_scope.cancel()
        await writer.close()

    trio.run(main)
    [thread] = [t for t in threading.enumerate() if t.name == "pywats-trio-store"]
    stuck.let_go()
    thread.join(10)
    assert not thread.is_alive()
    assert numbers(tmp_path / "q") == [1]
