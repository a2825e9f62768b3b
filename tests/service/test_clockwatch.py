"""The look at the clock: what is a jump, who is told, and what happens on a full disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from attrs import Factory, define
from structlog.testing import capture_logs

from pywats_trio.errors import StoreError
from pywats_trio.queue.clocks import JUMP_SECONDS, SHIFT
from pywats_trio.service.clockwatch import EVENT, LOOK_SECONDS, ClockWatch
from tests.contract.kit import Clock, SqliteBench

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DAY = 86_400.0


@define
class Notes:
    """As much of a store as the watch needs, in memory; `broken` = its disk is full."""

    shift: float = 0.0
    broken: bool = False
    events: list[tuple[str, Mapping[str, object]]] = Factory(list)
    settings: dict[str, str] = Factory(dict)

    def clock_shift(self) -> float:
        return self.shift

    def remembered(self, key: str) -> str:
        return self.settings.get(key, "")

    async def note(self, event: str, detail: Mapping[str, object]) -> None:
        await self._commit()
        self.events.append((event, detail))

    async def remember(self, key: str, value: str) -> None:
        await self._commit()
        self.settings[key] = value

    async def _commit(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.broken:
            raise StoreError("the disk is full")

    @property
    def jumps(self) -> list[Any]:
        assert {event for event, _detail in self.events} <= {EVENT}
        return [detail["seconds"] for _event, detail in self.events]


def watch(notes: Notes) -> ClockWatch:
    return ClockWatch(notes)  # type: ignore[arg-type] # only what it asks for


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(
    ("seconds", "is_one"),
    [(0.0, False), (JUMP_SECONDS - 0.01, False), (JUMP_SECONDS, True), (DAY, True)],
)
async def test_a_minute_and_more_is_a_jump(seconds: float, is_one: bool, sign: float) -> None:
    notes = Notes(sign * seconds)
    with capture_logs() as log:
        await watch(notes).look()
    assert notes.jumps == [sign * seconds] * is_one
    assert [(entry["event"], entry["seconds"]) for entry in log] == [
        ("the clock was set, or the machine slept", sign * seconds)
    ] * is_one


async def test_each_jump_is_told_once_and_by_its_own_size() -> None:
    notes = Notes()
    look = watch(notes).look
    with capture_logs():
        for shift in (DAY, DAY, DAY + 10.0, DAY + 10.0 - 3600.0, 0.0, 0.0):
            notes.shift = shift
            await look()
    assert notes.jumps == [DAY, 10.0 - 3600.0, 3590.0 - DAY]
    assert float(notes.settings[SHIFT]) == 0.0


async def test_small_steps_are_told_when_they_come_to_a_minute() -> None:
    notes = Notes()
    with capture_logs():
        for seconds in range(0, 130, 10):
            notes.shift = float(seconds)
            await watch(notes).look()
    assert notes.jumps == [JUMP_SECONDS, JUMP_SECONDS]


async def test_what_a_full_disk_did_not_take_is_told_later() -> None:
    notes = Notes(DAY, broken=True)
    part = watch(notes)
    with capture_logs() as log:
        await part.look()
        notes.broken = False
        await part.look()
    assert notes.jumps == [DAY]
    assert [entry["event"] for entry in log] == [
        "a change of the clock is not in the history",
        "the clock was set, or the machine slept",
    ]


async def test_it_looks_again_and_again(mock_clock: trio.testing.MockClock) -> None:
    notes = Notes()
    with capture_logs():
        async with trio.open_nursery() as nursery:
            await nursery.start(watch(notes).run)
            await trio.testing.wait_all_tasks_blocked()
            notes.shift = DAY
            mock_clock.jump(LOOK_SECONDS - 0.1)
            await trio.testing.wait_all_tasks_blocked()
            assert notes.jumps == []
            mock_clock.jump(0.1)
            await trio.testing.wait_all_tasks_blocked()
            assert notes.jumps == [DAY]
            nursery.cancel_scope.cancel()


async def test_a_jump_is_an_event_of_the_service(tmp_path: Path) -> None:
    bench = SqliteBench(tmp_path / "queue.db")
    clock = Clock()
    async with bench.open(clock=clock) as store, bench.desk() as desk:
        clock.now += DAY
        with capture_logs():
            await ClockWatch(store).look()
        [event] = await desk.history()
        assert (event.item_id, event.event, event.at) == (None, EVENT, clock.now)
        assert event.message == '{"seconds": 86400.0}'
