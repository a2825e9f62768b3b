"""How long a conversion may hold its place while others wait. All in memory."""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from pywats_trio.convert.slices import FADING, FLOOR, LONGER, PATIENCE, WORTH, Slices
from pywats_trio.model import Kind
from tests.contract.kit import SqliteBench, some_files

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

    from pywats_trio.queue.store import Store

PLACES = 2
DEADLINE = 10.0


@pytest.fixture
def slices() -> Slices:
    """Of a converter that is known to hang now and then."""
    made = Slices(lambda: PLACES, DEADLINE)
    made.suspect("line")
    return made


class Others:
    """Conversions beside the one that is looked at."""

    def __init__(self, slices: Slices) -> None:
        self._slices = slices
        self._stack = ExitStack()
        self._held: list[ExitStack] = []

    def come(self, count: int = 1) -> None:
        for _ in range(count):
            one = ExitStack()
            one.enter_context(self._slices.slice("other"))
            self._held.append(one)

    def go(self, count: int = 1) -> None:
        for _ in range(count):
            self._held.pop().close()


@pytest.fixture
def others(slices: Slices) -> Others:
    return Others(slices)


async def took(slices: Slices, seconds: float, *, whole: bool = False, cold: bool = False) -> float:
    """A conversion of `line` that wants so long; for how long it was let, told if to its end."""
    begun = trio.current_time()
    with slices.slice("line", whole=whole) as one, trio.move_on_after(DEADLINE) as scope:
        one.begin(scope, cold)
        await trio.sleep(seconds)
        one.end()
    return trio.current_time() - begun


async def test_nothing_is_cut_short_while_nobody_waits(
    slices: Slices, others: Others, autojump_clock: MockClock
) -> None:
    await took(slices, 0.001)
    others.come(PLACES - 1)
    assert await took(slices, 7.0) == pytest.approx(7.0)


@pytest.mark.parametrize("seconds", [0.999 * FLOOR, FLOOR, 1.001 * FLOOR])
async def test_while_others_wait_each_has_its_slice(
    slices: Slices, others: Others, seconds: float, autojump_clock: MockClock
) -> None:
    await took(slices, 0.001)
    others.come(PLACES)
    assert await took(slices, seconds) == pytest.approx(min(seconds, FLOOR))


async def test_who_begins_to_wait_later_cuts_short_what_has_had_its_slice(
    slices: Slices, others: Others, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await took(slices, 0.001)
    others.come(PLACES - 1)
    lengths = []

    async def take() -> None:
        lengths.append(await took(slices, 7.0))

    nursery.start_soon(take)
    await trio.sleep(3.0)
    others.come()
    await wait_all_tasks_blocked()
    assert lengths == [3.0]


async def test_who_waits_no_longer_cuts_nothing_short(
    slices: Slices, others: Others, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await took(slices, 0.001)
    others.come(PLACES)
    lengths = []

    async def take() -> None:
        lengths.append(await took(slices, 7.0))

    nursery.start_soon(take)
    await trio.sleep(FLOOR / 2)
    others.go()
    await trio.sleep(9.0)
    assert lengths == pytest.approx([7.0])


async def test_before_anything_is_known_nothing_is_cut_short(
    slices: Slices, others: Others, autojump_clock: MockClock
) -> None:
    others.come(PLACES)
    assert await took(slices, 7.0, cold=True) == pytest.approx(7.0)
    # A new process has to import the converter: that tells nothing of one that has.
    assert slices.seconds("line", cold=False) == math.inf


@pytest.mark.parametrize("seconds", [0.999 * PATIENCE, PATIENCE, 1.001 * PATIENCE])
async def test_of_a_converter_that_never_hung_each_has_a_long_one(
    seconds: float, autojump_clock: MockClock
) -> None:
    slices = Slices(lambda: PLACES, DEADLINE)
    await took(slices, 0.001)
    Others(slices).come(PLACES)
    assert await took(slices, seconds) == pytest.approx(min(seconds, PATIENCE))


async def test_new_code_is_not_what_hung_nor_what_was_quick(
    slices: Slices, autojump_clock: MockClock
) -> None:
    await took(slices, 0.001)
    slices.forget("line")
    assert slices.seconds("line", cold=False) == math.inf
    await took(slices, 0.001)
    assert slices.seconds("line", cold=False) == PATIENCE


async def test_who_waits_in_the_queue_waits_for_a_place(
    slices: Slices, others: Others, nursery: trio.Nursery, tmp_path: Path, mock_clock: MockClock
) -> None:
    async def cut_short() -> bool:
        slices.learn("line", 0.001, cold=False)
        async with trio.open_nursery() as taking:
            taking.start_soon(took, slices, 7.0)
            await wait_all_tasks_blocked()
            mock_clock.jump(3.0)
            await wait_all_tasks_blocked()
            over = not taking.child_tasks
            taking.cancel_scope.cancel()
        return over

    others.come(PLACES - 1)
    async with SqliteBench(tmp_path / "queue.db").open() as store:
        await nursery.start(watching, slices, store)
        assert not await cut_short()
        await store.put(some_files(1))
        assert await cut_short()
        others.go()  # a place is free: it will be claimed
        assert not await cut_short()
        others.come()
        assert await cut_short()
        await store.claim(Kind.FILE, 1, "convert")
        assert not await cut_short()
        nursery.cancel_scope.cancel()


async def test_what_comes_to_the_queue_cuts_short_what_has_had_its_slice(
    slices: Slices, others: Others, nursery: trio.Nursery, tmp_path: Path, mock_clock: MockClock
) -> None:
    slices.learn("line", 0.001, cold=False)
    others.come(PLACES - 1)
    async with SqliteBench(tmp_path / "queue.db").open() as store:
        await nursery.start(watching, slices, store)
        async with trio.open_nursery() as taking:
            taking.start_soon(took, slices, 7.0)
            await wait_all_tasks_blocked()
            mock_clock.jump(3.0)
            await wait_all_tasks_blocked()
            assert taking.child_tasks
            await store.put(some_files(1))  # it does not last until its end
            await wait_all_tasks_blocked()
            mock_clock.jump(FLOOR / 2)
        nursery.cancel_scope.cancel()


async def watching(slices: Slices, store: Store, *, task_status: trio.TaskStatus[None]) -> None:
    task_status.started()
    await slices.watch(store)


async def test_a_slice_is_some_times_what_the_longest_of_the_last_ones_took(
    slices: Slices, autojump_clock: MockClock
) -> None:
    await took(slices, 1.0)
    await took(slices, 0.001)
    assert slices.seconds("line", cold=False) == pytest.approx(LONGER * FADING)
    for _ in range(1000):
        await took(slices, 0.001)
    assert slices.seconds("line", cold=False) == FLOOR


@pytest.mark.parametrize(
    ("part", "has_one"), [(0.999, True), (1.0, True), (1.001, False)], ids=["below", "at", "above"]
)
async def test_one_that_would_save_little_is_none(
    slices: Slices, part: float, has_one: bool, autojump_clock: MockClock
) -> None:
    slices.learn("line", part * WORTH * DEADLINE / LONGER, cold=False)
    assert (slices.seconds("line", cold=False) < math.inf) is has_one


async def test_whoever_may_take_all_its_time_is_cut_short_by_the_deadline_alone(
    slices: Slices, others: Others, autojump_clock: MockClock
) -> None:
    await took(slices, 0.001)
    others.come(PLACES)
    assert await took(slices, 11.0, whole=True) == pytest.approx(DEADLINE)


async def test_a_slice_never_makes_a_deadline_longer(
    slices: Slices, others: Others, autojump_clock: MockClock
) -> None:
    await took(slices, 0.001)
    others.come(PLACES)
    begun = trio.current_time()
    with slices.slice("line") as one, trio.move_on_after(FLOOR / 2) as scope:
        one.begin(scope, False)
        await trio.sleep_forever()
    assert trio.current_time() - begun == pytest.approx(FLOOR / 2)


async def test_it_is_quiet_when_nothing_was_converted_for_so_long(
    slices: Slices, others: Others, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    at = []

    async def wait() -> None:
        await slices.quiet(0.5)
        at.append(trio.current_time())

    others.come()
    begun = trio.current_time()
    nursery.start_soon(wait)
    await trio.sleep(2.0)
    others.go()
    await trio.sleep(0.25)
    others.come()
    others.go()
    await trio.sleep(2.0)
    assert at == pytest.approx([begun + 2.75])
