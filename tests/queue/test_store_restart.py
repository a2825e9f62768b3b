"""The store as a part: its thread fails, it opens its database again, and nothing is lost by it."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, cast

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from pywats_trio.config.options import SupervisionOptions
from pywats_trio.errors import PartKeepsFailing, StartError, StoreError, only
from pywats_trio.model import Converted, Kind, State
from pywats_trio.observe.board import Board, Cause
from pywats_trio.queue.store import Topic
from pywats_trio.service.supervise import Supervisor
from tests.contract.kit import SqliteBench, a_file, a_report, assert_counts, some_files

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pywats_trio.queue.sqlite_store import SqliteStore

POINTS = ["store.thread", "store.committed"]


@contextlib.asynccontextmanager
async def kept(bench: SqliteBench, board: Board | None = None) -> AsyncIterator[SqliteStore]:
    """The store, open and kept running."""
    supervisor = Supervisor(SupervisionOptions(max_restarts=100), board)
    async with bench.open(board=board) as opened, trio.open_nursery() as nursery:
        store = cast("SqliteStore", opened)
        await supervisor.start(nursery, "store", store.run)
        yield store
        nursery.cancel_scope.cancel()


async def in_the_end(store: SqliteStore, *paths: str) -> None:
    """Accept a file, as often as it has to be tried."""
    while True:
        ticket = store.bell(Topic.FILE).ticket()
        try:
            await store.put([a_file(path, inode=hash(path)) for path in paths])
        except StoreError:
            await ticket.wait()
        else:
            return


async def test_a_crash_before_the_commit_is_told_and_the_store_goes_on(
    bench: SqliteBench, arm: Callable[[str], None]
) -> None:
    board = Board()
    async with kept(bench, board) as store:
        arm("store.thread=raise@1")
        with pytest.raises(StoreError, match="thread failed"):
            await store.put(some_files(1))
        assert board.held_up_by(Cause.STORE)
        await in_the_end(store, "/in/a")
        assert not board.held_up_by(Cause.STORE, Cause.PART)
        assert board.restarts == {"store": 1}
        assert bench.counted() == {(Kind.FILE, State.PENDING): 1}
        assert_counts(bench, store)


async def test_a_crash_after_the_commit_is_no_error_for_who_asked(
    bench: SqliteBench, arm: Callable[[str], None]
) -> None:
    async with kept(bench) as store:
        ticket = store.bell(Topic.HISTORY).ticket()
        arm("store.committed=raise@1")
        assert await store.put(some_files(2)) == [1, 2]
        await ticket.wait()
        await in_the_end(store, "/in/b")
        assert bench.counted() == {(Kind.FILE, State.PENDING): 3}
        assert_counts(bench, store)


@pytest.mark.parametrize("point", POINTS)
async def test_claims_in_hand_stay_their_owners_and_can_be_finished(
    bench: SqliteBench, arm: Callable[[str], None], point: str
) -> None:
    async with kept(bench) as store:
        await store.put(some_files(1))
        [claim] = await store.claim(Kind.FILE, 1, "job")
        arm(f"{point}=raise@1")
        with contextlib.suppress(StoreError):
            await store.note("something else", {})
        await in_the_end(store, "/in/b")
        assert await store.finish(claim, Converted((a_report(),), "ab")) is State.COMPLETED
        assert_counts(bench, store)


async def test_a_claim_that_is_committed_by_a_thread_that_then_fails_has_an_owner(
    bench: SqliteBench, arm: Callable[[str], None]
) -> None:
    async with kept(bench) as store:
        await store.put(some_files(2))
        arm("store.committed=raise@1")
        claims = await store.claim(Kind.FILE, 2, "job")
        assert [claim.item.id for claim in claims] == [1, 2]
        await in_the_end(store, "/in/b")
        for claim in claims:
            await store.finish(claim, Converted((a_report(),), "ab"))
        assert_counts(bench, store)


async def test_a_claim_whose_caller_was_cancelled_in_a_crash_is_found_by_recover(
    bench: SqliteBench, arm: Callable[[str], None]
) -> None:
    async with kept(bench) as store:
        await store.put(some_files(1))
        arm("store.committed=raise@1")
        with trio.CancelScope() as scope:
            scope.cancel()
            await store.claim(Kind.FILE, 1, "job")
        assert scope.cancelled_caught
        await in_the_end(store, "/in/b")
        await store.recover("job")
        assert bench.counted() == {(Kind.FILE, State.PENDING): 2}
        assert_counts(bench, store)


@pytest.mark.parametrize("topic", Topic)
async def test_every_bell_rings_when_it_is_open_again(
    bench: SqliteBench, arm: Callable[[str], None], topic: Topic
) -> None:
    async with kept(bench) as store:
        arm("store.thread=raise@1")
        with pytest.raises(StoreError):
            await store.put(some_files(1))
        with trio.fail_after(10):
            await store.bell(topic).ticket().wait()


async def test_who_waits_for_an_end_that_the_thread_could_not_tell_looks_again(
    bench: SqliteBench, arm: Callable[[str], None]
) -> None:
    async with kept(bench) as store:
        await store.put(some_files(1))
        [claim] = await store.claim(Kind.FILE, 1, "job")
        ended = store.ended(claim.item.id)
        arm("store.committed=raise@1")
        await store.finish(claim, Converted((a_report(),), "ab"))
        with trio.fail_after(10):
            await ended.wait()
        assert store.counts().of(Kind.FILE, State.COMPLETED) == 1


async def test_settings_and_the_numbers_of_the_history_go_on(
    bench: SqliteBench, arm: Callable[[str], None]
) -> None:
    async with kept(bench) as store:
        await store.remember("paused", "somebody")
        await store.put(some_files(1))
        arm("store.thread=raise@1")
        with pytest.raises(StoreError):
            await store.note("lost", {})
        await in_the_end(store, "/in/b")
        assert store.remembered("paused") == "somebody"
        assert [entry.seq for entry in bench.history()] == [1, 2]


@pytest.mark.parametrize("crashes", [1, 2, 5])
async def test_several_crashes_are_as_harmless_as_one(
    bench: SqliteBench, arm: Callable[[str], None], crashes: int
) -> None:
    board = Board()
    async with kept(bench, board) as store:
        arm(f"store.thread=raise@1-{crashes}")
        await in_the_end(store, "/in/a")
        assert board.restarts == {"store": crashes}
        assert store.statistics.operations == 1
        assert_counts(bench, store)
    for thread in [t for t in threading.enumerate() if t.name == "pywats-trio-store"]:
        thread.join(10)  # it tells of its end a moment before it has ended
        assert not thread.is_alive()


async def test_a_database_that_cannot_be_opened_again_is_a_start_error(
    bench: SqliteBench, arm: Callable[[str], None]
) -> None:
    async with bench.open() as opened:
        store = cast("SqliteStore", opened)
        arm("store.thread=raise@1")
        with pytest.raises(StoreError):
            await store.put(some_files(1))
        await store.close()  # so that no file of it is left
        bench.path.unlink()
        bench.path.mkdir()
        with pytest.raises(StartError, match=str(bench.path)):
            await store.run()
        with pytest.raises(StoreError):
            await store.put(some_files(1))


async def test_a_store_that_keeps_failing_is_given_up_by_its_name(
    bench: SqliteBench, arm: Callable[[str], None]
) -> None:
    supervisor = Supervisor(SupervisionOptions(max_restarts=1))
    async with bench.open() as opened:
        store = cast("SqliteStore", opened)
        arm("store.thread=raise")

        async def keep_busy() -> None:
            async with trio.open_nursery() as nursery:
                await supervisor.start(nursery, "store", store.run)
                nursery.start_soon(in_the_end, store, "/in/a")

        with pytest.raises(ExceptionGroup) as caught:
            await keep_busy()
        error = only(caught.value)
    assert isinstance(error, PartKeepsFailing)
    assert error.part == "store"


async def test_a_disk_that_hangs_while_it_is_opened_again_does_not_hold_up_the_end(
    bench: SqliteBench, arm: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go_on = threading.Event(), threading.Event()
    async with bench.open() as opened:
        store = cast("SqliteStore", opened)

        def hang(_crash: BaseException) -> None:
            asked.set()
            go_on.wait(20)
            raise StartError("too late")

        monkeypatch.setattr(store, "_load_again", hang)
        arm("store.thread=raise@1")
        with pytest.raises(StoreError):
            await store.put(some_files(1))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.run)
            await trio.to_thread.run_sync(asked.wait, 20)
            await wait_all_tasks_blocked()
            begun = trio.current_time()
            nursery.cancel_scope.cancel()
        await store.close()
        assert trio.current_time() - begun < 10
        go_on.set()
