"""Looks that block share few threads; one that hangs holds up nobody."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio

from pywats_trio.service.preflight import looks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 30.0
"""Seconds that no look of these tests takes when all is well."""


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What hanging looks wait for; opened at the end, so that no thread is left."""
    event = threading.Event()
    yield event
    event.set()


async def test_each_look_has_its_result_in_its_place() -> None:
    found = await looks.look([partial(str, number) for number in range(50)], PATIENCE)
    assert found == [str(number) for number in range(50)]


async def test_nothing_to_look_at_is_no_work() -> None:
    assert await looks.look([], PATIENCE) == []


async def test_many_looks_take_few_hops_to_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "GROW_SECONDS", PATIENCE)
    hops = 0
    hop = trio.to_thread.run_sync

    async def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal hops
        hops += 1
        return await hop(*args, **kwargs)

    monkeypatch.setattr(trio.to_thread, "run_sync", counted)
    assert None not in await looks.look([partial(str, n) for n in range(1000)], PATIENCE)
    assert 1 <= hops <= looks.FEW


async def test_looks_that_all_hang_are_all_begun() -> None:
    """Each waits until all of them are under way."""
    together = threading.Barrier(40)
    waits: list[Callable[[], int]] = [together.wait] * 40
    assert set(await looks.look(waits, PATIENCE)) == set(range(40))


async def test_a_look_that_hangs_is_left_behind_and_the_others_are_not(
    gate: threading.Event,
) -> None:
    sound: list[Callable[[], str]] = [partial(str, number) for number in range(20)]

    def hang() -> str:
        return str(gate.wait())

    found = await looks.look([*sound[:10], hang, hang, hang, *sound[10:]], 1.0)
    assert found == [*map(str, range(10)), None, None, None, *map(str, range(10, 20))]


async def test_what_was_not_begun_when_the_time_was_up_never_is(
    gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "FEW", 1)
    monkeypatch.setattr(looks, "GROW_SECONDS", PATIENCE)
    begun: list[str] = []
    over = threading.Event()

    def hang() -> None:
        begun.append("first")
        gate.wait()
        over.set()

    both: list[Callable[[], None]] = [hang, partial(begun.append, "second")]
    await looks.look(both, 0.5)
    gate.set()
    await trio.to_thread.run_sync(over.wait)
    assert begun == ["first"]


async def test_a_cancellation_does_not_wait_for_a_look_that_hangs(gate: threading.Event) -> None:
    begun = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def hang() -> str:
        token.run_sync_soon(begun.set)
        return str(gate.wait())

    with trio.fail_after(PATIENCE), trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(looks.look, [hang], PATIENCE * 10)
            await begun.wait()
            scope.cancel()
    assert scope.cancelled_caught


async def test_a_defect_in_a_look_comes_out() -> None:
    def broken() -> str:
        raise ValueError("ours")

    with pytest.RaisesGroup(pytest.RaisesExc(ValueError, match="ours")):
        await looks.look([broken], PATIENCE)
