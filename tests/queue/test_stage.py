"""Claim, work, outcome, with a real store beneath."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import Factory, define
from trio.testing import wait_all_tasks_blocked

from pywats_trio.model import Claim, Converted, Failed, Kind, Reason, State, Wait
from pywats_trio.queue import stage as module
from pywats_trio.queue.shares import Shares
from pywats_trio.queue.stage import Stage
from pywats_trio.queue.store import Topic
from tests.contract.kit import PROBLEM, Clock, a_report, assert_counts, some_files

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pywats_trio.model import Outcome
    from pywats_trio.queue.store import Store
    from tests.contract.kit import SqliteBench
    from tests.queue.conftest import Disk, Logged

DONE = Converted((), "ab")


@define
class SomeGate:
    open: int = 2
    soon: float = math.inf

    def width(self) -> int:
        return self.open

    def reopens_in(self) -> float:
        return self.soon


class Workshop:
    """Work that goes on until it is told its outcome."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.most = 0
        self._now = 0
        self._tell = trio.Event()
        self._outcomes: dict[str, Outcome | Exception] = {}
        self._more = trio.Event()

    async def work(self, claim: Claim) -> Outcome:
        self.begun.append(claim.item.source)
        self._now += 1
        self.most = max(self.most, self._now)
        self._more.set()
        try:
            while claim.item.source not in self._outcomes:
                await self._tell.wait()
        finally:
            self._now -= 1
        outcome = self._outcomes[claim.item.source]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def tell(self, outcome: Outcome | Exception, *names: int) -> None:
        for name in names:
            self._outcomes[f"/in/{name}.txt"] = outcome
        self._tell.set()
        self._tell = trio.Event()

    async def wait_begun(self, count: int) -> None:
        with trio.fail_after(10):
            while len(self.begun) < count:
                self._more = trio.Event()
                await self._more.wait()


async def until(store: Store, kind: Kind, state: State, count: int) -> None:
    """Every change here rings one of the bells, so nothing is polled."""
    topics = [store.bell(topic) for topic in Topic]
    with trio.fail_after(10):
        while True:
            tickets = [bell.ticket() for bell in topics]
            if store.counts().of(kind, state) == count:
                return
            async with trio.open_nursery() as nursery:

                async def listen(ticket: object, stop: trio.CancelScope) -> None:
                    await ticket.wait()  # type: ignore[attr-defined]
                    stop.cancel()

                for ticket in tickets:
                    nursery.start_soon(listen, ticket, nursery.cancel_scope)


def stage(store: Store, work: Callable[[Claim], Awaitable[Outcome]], gate: SomeGate) -> Stage:
    return Stage(store, Kind.FILE, owner="job", gate=gate, work=work)


@pytest.mark.parametrize("width", [1, 2, 3])
async def test_no_more_is_in_hand_than_the_gate_is_wide(bench: SqliteBench, width: int) -> None:
    shop = Workshop()
    async with bench.open() as store, trio.open_nursery() as nursery:
        part = stage(store, shop.work, SomeGate(width))
        await store.put(some_files(6))
        await nursery.start(part.run)
        for done in range(6):
            await shop.wait_begun(min(6, done + width))
            await wait_all_tasks_blocked()
            assert len(shop.begun) == min(6, done + width)
            assert part.in_hand == min(width, 6 - done)
            shop.tell(DONE, done)
            await until(store, Kind.FILE, State.COMPLETED, done + 1)
        part.drain()
    assert shop.most == width
    assert sorted(shop.begun) == [f"/in/{n}.txt" for n in range(6)]
    assert part.in_hand == 0


async def test_a_new_item_wakes_an_idle_stage(bench: SqliteBench) -> None:
    shop = Workshop()
    shop.tell(DONE, 0)
    async with bench.open() as store, trio.open_nursery() as nursery:
        part = stage(store, shop.work, SomeGate())
        await nursery.start(part.run)
        await wait_all_tasks_blocked()
        await store.put(some_files(1))
        await until(store, Kind.FILE, State.COMPLETED, 1)
        part.drain()


async def test_a_gate_that_opens_and_rings_lets_work_in(bench: SqliteBench) -> None:
    shop, gate = Workshop(), SomeGate(0)
    async with bench.open() as store, trio.open_nursery() as nursery:
        part = stage(store, shop.work, gate)
        await store.put(some_files(2))
        await nursery.start(part.run)
        await wait_all_tasks_blocked()
        assert shop.begun == []
        gate.open = 1
        store.bell(Topic.FILE).ring()
        await shop.wait_begun(1)
        assert store.counts().of(Kind.FILE, State.PENDING) == 1
        shop.tell(DONE, 0, 1)
        await until(store, Kind.FILE, State.COMPLETED, 2)
        part.drain()


async def test_a_gate_that_opens_by_itself_is_looked_at_in_time(bench: SqliteBench) -> None:
    class Ajar(SomeGate):
        looks = 0

        def reopens_in(self) -> float:
            self.looks += 1
            self.open = 1  # by the next look it is open, and nobody rings
            return 0.001

    shop, gate = Workshop(), Ajar(0)
    shop.tell(DONE, 0)
    async with bench.open() as store, trio.open_nursery() as nursery:
        part = stage(store, shop.work, gate)
        await store.put(some_files(1))
        await nursery.start(part.run)
        await until(store, Kind.FILE, State.COMPLETED, 1)
        part.drain()
    assert gate.looks >= 1


async def test_an_item_that_becomes_due_is_worked_on_without_a_ring(bench: SqliteBench) -> None:
    tries = []

    async def work(claim: Claim) -> Outcome:
        await trio.lowlevel.checkpoint()
        tries.append(claim.item.attempts)
        if len(tries) == 1:
            return Wait(0.01, Reason.RETRY, PROBLEM, counts=True)
        return DONE

    async with bench.open(monotonic=time.monotonic) as store, trio.open_nursery() as nursery:
        part = stage(store, work, SomeGate())
        await store.put(some_files(1))
        await nursery.start(part.run)
        await until(store, Kind.FILE, State.COMPLETED, 1)
        part.drain()
    assert tries == [0, 1]


async def test_draining_finishes_what_is_in_hand_and_begins_nothing(bench: SqliteBench) -> None:
    shop = Workshop()
    async with bench.open() as store:
        async with trio.open_nursery() as nursery:
            nursery.cancel_scope.deadline = trio.current_time() + 10  # a lost ring costs 30 s
            part = stage(store, shop.work, SomeGate(1))
            await store.put(some_files(2))
            await nursery.start(part.run)
            await shop.wait_begun(1)
            part.drain()
            await wait_all_tasks_blocked()
            shop.tell(DONE, 0, 1)
        assert not nursery.cancel_scope.cancelled_caught
        assert bench.counted() == {
            (Kind.FILE, State.COMPLETED): 1,
            (Kind.FILE, State.PENDING): 1,
        }
        await part.run()  # a drained stage that is started again ends at once
        assert len(shop.begun) == 1


async def _alone(_claim: Claim) -> Outcome:
    await trio.sleep_forever()


async def _with_helpers(_claim: Claim) -> Outcome:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        await trio.sleep_forever()


@pytest.mark.parametrize("work", [_alone, _with_helpers])
async def test_cancelling_gives_everything_in_hand_back(
    bench: SqliteBench, work: Callable[[Claim], Awaitable[Outcome]]
) -> None:
    begun = trio.Event()

    async def begin(claim: Claim) -> Outcome:
        begun.set()
        return await work(claim)

    async with bench.open() as store:
        await store.put(some_files(3))
        async with trio.open_nursery() as nursery:
            await nursery.start(stage(store, begin, SomeGate(2)).run)
            await begun.wait()
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert_counts(bench, store)
        assert bench.counted() == {(Kind.FILE, State.PENDING): 3}
        assert [entry.event for entry in bench.history(1)] == ["accepted", "claimed", "released"]


async def test_a_crash_of_the_work_is_recovered_by_the_next_run(bench: SqliteBench) -> None:
    shop = Workshop()
    async with bench.open() as store, bench.desk() as desk:
        await store.put(some_files(3))
        part = stage(store, shop.work, SomeGate(2))
        with pytest.RaisesGroup(pytest.RaisesExc(ZeroDivisionError), flatten_subgroups=True):
            async with trio.open_nursery() as nursery:
                await nursery.start(part.run)
                await shop.wait_begun(2)
                shop.tell(ZeroDivisionError("a bug"), 0)
        assert_counts(bench, store)
        assert store.counts().of(Kind.FILE, State.PROCESSING) == 1
        shop.tell(DONE, 0, 1, 2)
        async with trio.open_nursery() as nursery:
            await nursery.start(part.run)
            await until(store, Kind.FILE, State.COMPLETED, 3)
            part.drain()
        assert [item.attempts for item in await desk.items()] == [1, 1, 1]
        assert [item.interruptions for item in await desk.items()] == [1, 1, 0]


async def test_an_outcome_that_cannot_be_recorded_is_kept_and_nothing_else_is_begun(
    bench: SqliteBench, disk: Disk, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMIT_RETRY_FIRST", 0.001)
    monkeypatch.setattr(module, "COMMIT_RETRY_LAST", 0.01)
    shop, gate = Workshop(), SomeGate(1)
    wal = bench.path.with_name("queue.db-wal")
    async with bench.open() as store, trio.open_nursery() as nursery:
        part = stage(store, shop.work, gate)
        await store.put(some_files(5))
        await nursery.start(part.run)
        await shop.wait_begun(1)
        disk.fill(wal, room=200_000)
        shop.tell(Converted((a_report(b"x" * 900_000),), "ab"), 0)
        await logged.wait_for("cannot record an outcome")

        gate.open = 5  # room enough, and a small commit would fit
        for _ in range(3):
            store.bell(Topic.FILE).ring()
            await wait_all_tasks_blocked()
            await store.note("after any claim", {})
        # One may have been claimed while nobody knew yet that the commit would fail.
        assert sorted(shop.begun) in (["/in/0.txt"], ["/in/0.txt", "/in/1.txt"])
        assert logged.count("outcomes are recorded again") == 0

        disk.free()
        await logged.wait_for("outcomes are recorded again")
        await shop.wait_begun(5)
        shop.tell(DONE, 1, 2, 3, 4)
        await until(store, Kind.FILE, State.COMPLETED, 5)
        part.drain()
    assert logged.count("cannot record an outcome") == 1
    assert bench.counted()[Kind.REPORT, State.PENDING] == 1


async def test_an_outcome_is_tried_again_at_once_when_the_disk_has_more_room(
    bench: SqliteBench, disk: Disk, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMIT_RETRY_FIRST", 25.0)
    shop = Workshop()
    wal = bench.path.with_name("queue.db-wal")
    async with bench.open() as store, trio.open_nursery() as nursery:
        part = stage(store, shop.work, SomeGate(1))
        await store.put(some_files(1))
        await nursery.start(part.run)
        await shop.wait_begun(1)
        disk.fill(wal, room=200_000)
        shop.tell(Converted((a_report(b"x" * 900_000),), "ab"), 0)
        await logged.wait_for("cannot record an outcome")
        disk.free()
        store.bell(Topic.DISK).ring()
        await logged.wait_for("outcomes are recorded again")  # within 10 s
        part.drain()


async def test_what_may_not_be_claimed_waits_for_a_ring_and_what_is_in_hand_ends(
    bench: SqliteBench,
) -> None:
    shop = Workshop()
    async with bench.open() as store, trio.open_nursery() as nursery:
        part = stage(store, shop.work, SomeGate(1))
        await store.put(some_files(3))
        await nursery.start(part.run)
        await shop.wait_begun(1)
        store.claimable = False
        shop.tell(DONE, 0, 1, 2)
        await until(store, Kind.FILE, State.COMPLETED, 1)
        await wait_all_tasks_blocked()
        store.bell(Topic.FILE).ring()
        await wait_all_tasks_blocked()
        assert len(shop.begun) == 1
        store.claimable = True
        store.bell(Topic.FILE).ring()
        await until(store, Kind.FILE, State.COMPLETED, 3)
        part.drain()


async def test_an_outcome_of_a_recovered_claim_is_dropped(
    bench: SqliteBench, logged: Logged
) -> None:
    shop = Workshop()
    async with bench.open() as store, trio.open_nursery() as nursery:
        part = stage(store, shop.work, SomeGate(1))
        await store.put(some_files(1))
        await nursery.start(part.run)
        await shop.wait_begun(1)
        await store.recover("job")
        shop.tell(Failed(PROBLEM), 0)
        await logged.wait_for("an outcome came too late")
        await until(store, Kind.FILE, State.FAILED, 1)  # it is claimed again, and fails again
        part.drain()
    assert len(shop.begun) == 2


async def test_a_claim_that_fails_is_tried_again_and_does_not_hold_up_a_drain(
    bench: SqliteBench,
    logged: Logged,
    arm: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = Workshop()
    shop.tell(DONE, 0)
    async with bench.open() as store:
        await store.put(some_files(1))
        part = stage(store, shop.work, SomeGate())
        arm("store.before_commit=raise@2")  # the first is of `recover`
        with trio.fail_after(4):  # less than the time between two tries
            async with trio.open_nursery() as nursery:
                await nursery.start(part.run)
                await logged.wait_for("cannot claim work")
                part.drain()
        assert shop.begun == []

        monkeypatch.setattr(module, "COMMIT_RETRY_LAST", 0.01)
        again = stage(store, shop.work, SomeGate())
        arm("store.before_commit=raise@2-4")
        async with trio.open_nursery() as nursery:
            await nursery.start(again.run)
            await until(store, Kind.FILE, State.COMPLETED, 1)
            again.drain()
    assert logged.count("cannot claim work") == 4


async def test_a_stage_leaves_the_items_of_others_alone(bench: SqliteBench) -> None:
    async with bench.open(clock=Clock()) as store, trio.open_nursery() as nursery:
        await store.put([*some_files(1), a_report()])
        await store.claim(Kind.FILE, 1, "somebody else")
        shop = Workshop()
        part = stage(store, shop.work, SomeGate())
        await nursery.start(part.run)
        await wait_all_tasks_blocked()
        assert shop.begun == []
        assert store.counts().of(Kind.FILE, State.PROCESSING) == 1
        part.drain()


# Shares


@define
class SomeShares:
    """Of the line that all files here belong to."""

    now: Shares
    asked: int = 0
    _again: trio.Event = Factory(trio.Event)

    def __call__(self) -> Shares:
        self.asked += 1
        self._again.set()
        return self.now

    async def until_asked(self, count: int) -> None:
        with trio.fail_after(10):
            while self.asked < count:
                self._again = trio.Event()
                await self._again.wait()


ONE = Shares(single=frozenset({"ict"}))
NONE = Shares(shut=frozenset({"ict"}))


def shared(store: Store, shop: Workshop, shares: SomeShares) -> Stage:
    return Stage(store, Kind.FILE, owner="job", gate=SomeGate(3), work=shop.work, shares=shares)


async def test_of_a_line_that_gets_one_at_a_time_one_is_in_hand(bench: SqliteBench) -> None:
    shop = Workshop()
    async with bench.open() as store, trio.open_nursery() as nursery:
        await store.put(some_files(3))
        shares = SomeShares(ONE)
        await nursery.start(shared(store, shop, shares).run)
        for number in range(3):
            await shop.wait_begun(number + 1)
            store.bell(Topic.FILE).ring()
            await shares.until_asked(shares.asked + 2)  # it has looked, and found no more
            shop.tell(DONE, number)
        await until(store, Kind.FILE, State.COMPLETED, 3)
        assert shop.most == 1
        nursery.cancel_scope.cancel()


async def test_of_a_line_that_is_shut_nothing_is_claimed_until_a_ring_after_it_opened(
    bench: SqliteBench,
) -> None:
    shop, shares = Workshop(), SomeShares(NONE)
    async with bench.open() as store, trio.open_nursery() as nursery:
        await store.put(some_files(3))
        await nursery.start(shared(store, shop, shares).run)
        for _ in range(3):
            store.bell(Topic.FILE).ring()
            await shares.until_asked(shares.asked + 2)  # for the claim, and for how long to sleep
        assert shop.begun == []
        shares.now = Shares()
        store.bell(Topic.FILE).ring()
        await shop.wait_begun(3)
        nursery.cancel_scope.cancel()


async def test_a_share_that_grows_by_itself_is_looked_at_in_time(bench: SqliteBench) -> None:
    """Sooner than what is due, and without a ring."""
    shop, shares = Workshop(), SomeShares(Shares(change_in=0.05))
    async with bench.open() as store, trio.open_nursery() as nursery:
        await store.put(some_files(1))
        [claim] = await store.claim(Kind.FILE, 1, "test")
        await store.finish(claim, Wait(3600.0, Reason.RETRY, PROBLEM))
        await nursery.start(shared(store, shop, shares).run)
        await shares.until_asked(6)
        nursery.cancel_scope.cancel()


async def test_nothing_is_looked_for_again_and_again_while_a_line_is_empty(
    bench: SqliteBench,
) -> None:
    shop, shares = Workshop(), SomeShares(ONE)
    async with bench.open() as store, trio.open_nursery() as nursery:
        await nursery.start(shared(store, shop, shares).run)
        await shares.until_asked(2)  # for the claim, and for how long to sleep
        await wait_all_tasks_blocked(0.05)
        assert shares.asked == 2
        nursery.cancel_scope.cancel()
