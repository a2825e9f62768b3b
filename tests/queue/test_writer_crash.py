"""When the writer's thread fails: who waits learns the truth, and nobody waits for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from pywats_trio.errors import StoreError
from pywats_trio.faultpoint import InjectedFault
from pywats_trio.queue import writer as module
from tests.queue.test_writer import Steps, add, connected, in_one_batch, numbers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.queue.conftest import StuckThread

THREAD = "the queue's thread failed"


async def test_a_crash_before_the_commit_changes_nothing_and_every_caller_is_told(
    tmp_path: Path, stuck: StuckThread, arm: Callable[[str], None]
) -> None:
    steps = Steps()
    writer = steps.make(tmp_path / "q")
    arm("store.thread=raise@2")
    answers = await in_one_batch(writer, stuck, [add(n) for n in range(8)])
    assert {type(answer) for answer in answers} == {StoreError}
    assert all(THREAD in str(answer) for answer in answers)
    with pytest.raises(InjectedFault):
        await writer.wait_ended()
    assert numbers(tmp_path / "q") == []
    assert steps.committed == 1


async def test_a_crash_after_the_commit_gives_every_caller_its_result(
    tmp_path: Path, stuck: StuckThread, arm: Callable[[str], None]
) -> None:
    writer = Steps().make(tmp_path / "q")
    arm("store.committed=raise@2")
    assert await in_one_batch(writer, stuck, [add(n) for n in range(8)]) == list(range(8))
    with pytest.raises(InjectedFault):
        await writer.wait_ended()
    assert sorted(numbers(tmp_path / "q")) == list(range(8))


async def test_what_was_handed_in_behind_the_crash_is_refused_and_never_done(
    tmp_path: Path, stuck: StuckThread, arm: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BATCH", 1)
    writer = Steps().make(tmp_path / "q")
    arm("store.committed=raise@2")
    answers = await in_one_batch(writer, stuck, [add(n) for n in range(4)])
    done = [answer for answer in answers if isinstance(answer, int)]
    assert len(done) == 1
    assert [type(answer) for answer in answers].count(StoreError) == 3
    assert numbers(tmp_path / "q") == done


@pytest.mark.parametrize("waiting", [1, 2, 3])
async def test_callers_that_wait_for_room_are_told_of_the_crash(
    tmp_path: Path,
    stuck: StuckThread,
    arm: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    waiting: int,
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    writer = Steps().make(tmp_path / "q")
    arm("store.thread=raise@2")
    answers = await in_one_batch(writer, stuck, [add(n) for n in range(1 + waiting)])
    assert {type(answer) for answer in answers} == {StoreError}


async def test_after_a_crash_everybody_is_refused_at_once(
    tmp_path: Path, arm: Callable[[str], None]
) -> None:
    writer = Steps().make(tmp_path / "q")
    arm("store.thread=raise")
    for _ in range(3):
        with pytest.raises(StoreError, match=THREAD):
            await writer.run(add(1))


@pytest.mark.parametrize(
    ("fault", "committed"), [("store.thread", []), ("store.committed", [1])], ids=str
)
async def test_a_cancelled_caller_still_learns_what_a_crash_made_of_its_operation(
    tmp_path: Path,
    stuck: StuckThread,
    arm: Callable[[str], None],
    fault: str,
    committed: list[int],
) -> None:
    writer = Steps().make(tmp_path / "q")
    arm(f"{fault}=raise@2")
    learned: list[object] = []

    async def caller(scope: trio.CancelScope) -> None:
        with scope:
            try:
                learned.append(await writer.run(add(1)))
            except StoreError as error:
                learned.append(error)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.run, stuck)
        await stuck.begun()
        scope = trio.CancelScope()
        nursery.start_soon(caller, scope)
        await wait_all_tasks_blocked()
        scope.cancel()
        await wait_all_tasks_blocked()
        stuck.let_go()
    assert numbers(tmp_path / "q") == committed
    [answer] = learned
    assert answer == 1 if committed else isinstance(answer, StoreError)


async def test_a_crash_during_the_close_ends_the_close(
    tmp_path: Path, stuck: StuckThread, arm: Callable[[str], None]
) -> None:
    writer = Steps().make(tmp_path / "q")
    arm("store.thread=raise@2")
    refused: list[StoreError] = []

    async def caller() -> None:
        try:
            await writer.run(add(1))
        except StoreError as error:
            refused.append(error)

    with trio.fail_after(module.CANCELLED_SECONDS / 2):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.run, stuck)
            await stuck.begun()
            nursery.start_soon(caller)
            await wait_all_tasks_blocked()
            nursery.start_soon(writer.close)
            await wait_all_tasks_blocked()
            stuck.let_go()
    assert len(refused) == 1
    assert isinstance(writer.crash, InjectedFault)
    assert numbers(tmp_path / "q") == []


async def test_statistics_count_what_was_committed_and_go_on_from_one_writer_to_the_next(
    tmp_path: Path, arm: Callable[[str], None]
) -> None:
    first = Steps().make(tmp_path / "q")
    await first.run(add(1))
    arm("store.thread=raise@1")
    with pytest.raises(StoreError):
        await first.run(add(2))
    second = module.Writer(
        connected(tmp_path / "q"),
        before_commit=lambda _connection: None,
        committed=lambda _operations: None,
        rolled_back=lambda: None,
        wake=lambda: None,
        statistics=first.statistics,
    )
    await second.run(add(3))
    await second.close()
    assert second.statistics.commits == second.statistics.operations == 2
    assert numbers(tmp_path / "q") == [1, 3]
