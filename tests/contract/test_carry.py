"""What a store does for reports that leave it as files, and for those that come in as such."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pywats_trio.model import Delivered, Failed, Kind, Problem, State
from pywats_trio.queue.actions import Acknowledge, Export, Hold, Quarantine, Release
from pywats_trio.queue.selection import Selection
from tests.contract.kit import PROBLEM, a_file, a_report, assert_counts

if TYPE_CHECKING:
    from tests.contract.kit import Bench

EVERY = Selection()
FIRST, SECOND = "0b0e3a2c-0000-4000-8000-000000000001", "0b0e3a2c-0000-4000-8000-000000000002"


async def states(bench: Bench) -> list[State]:
    async with bench.desk() as desk:
        return [item.state for item in await desk.items()]


async def test_what_is_exported_is_held(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([a_report(), a_report(), a_report(), a_report()])
        [failing, delivering, _held] = await store.claim(Kind.REPORT, 3, "deliver")
        await store.finish(failing, Failed(PROBLEM))
        await store.finish(_held, Failed(PROBLEM))
        assert await store.change(EVERY, Export(FIRST), "ann") == 3
        assert await states(bench) == [State.HELD, State.PROCESSING, State.HELD, State.HELD]
        async with bench.desk() as desk:
            assert await desk.exported([1, 2, 3, 4, 5]) == {n: f"{FIRST}/{n}" for n in (1, 3, 4)}
        assert await store.claim(Kind.REPORT, 9, "deliver") == []
        await store.finish(delivering, Delivered("thanks"))
        told = [(entry.event, entry.state) for entry in bench.history(1)][-2:]
        assert told == [("retried", "PENDING"), ("held", "HELD")]
        assert bench.history(1)[-1].message == f"exported as {FIRST}"
        assert_counts(bench, store)


async def test_a_report_has_one_name_in_all_exports(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([a_report()])
        await store.change(EVERY, Export(FIRST), "ann")
        await store.change(EVERY, Release(), "ann")
        await store.change(EVERY, Export(SECOND), "ann")
        async with bench.desk() as desk:
            assert await desk.exported([1]) == {1: f"{FIRST}/1"}
        assert bench.history(1)[-1].message == f"exported as {SECOND}"


@pytest.mark.parametrize("held", [False, True])
async def test_what_is_kept_or_held_stays_as_it_is(bench: Bench, held: bool) -> None:
    async with bench.open(history_limit=3) as store:
        await store.put([a_report()])
        if held:
            await store.change(EVERY, Hold(), "ann")
        for _ in range(5):
            assert await store.change(EVERY, Export(FIRST, kept=not held), "ann") == 1
        assert await states(bench) == [State.HELD if held else State.PENDING]
        assert bench.history(1)[-1].event == "exported"
        assert len(bench.history(1)) == 3
        assert_counts(bench, store)


async def test_what_is_damaged_is_set_aside(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([a_report(b"one"), a_report(b"two"), a_file()])
        ended = store.ended(1)
        damage = Problem("damaged", "its checksum differs", "drop it again", "sha256")
        assert await store.change(Selection(ids=(1, 2)), Hold(), "ann") == 2
        assert await store.change(EVERY, Quarantine(damage), "ann") == 1
        assert await store.change(EVERY, Release(), "ann") == 2
        assert await store.change(Selection(ids=(1,)), Quarantine(damage), "ann") == 1
        assert ended.is_set()
        async with bench.desk() as desk:
            item = await desk.item(1)
        assert item is not None
        assert (item.state, item.error_kind, item.last_error) == (
            State.QUARANTINED,
            "damaged",
            "its checksum differs",
        )
        assert (item.error_hint, item.evidence) == ("drop it again", "sha256")
        assert item.finished_at is not None
        assert bench.payload(1) == b"one"  # the evidence
        assert_counts(bench, store)


async def test_imports_are_found_by_their_names(bench: Bench) -> None:
    names = [f"{FIRST}/{n}" for n in (1, 2, 10)] + [f"{SECOND}/1", "pywats:a"]
    async with bench.open() as store:
        assert await store.put([a_report(origin=name) for name in names]) == [1, 2, 3, 4, 5]
        assert await store.put([a_report(origin=name) for name in names]) == [None] * 5
        async with bench.desk() as desk:
            assert await desk.imported([names[1], "nobody", names[4]]) == {
                names[1]: 2,
                names[4]: 5,
            }
            assert await desk.imported([]) == {}
            of_first = [(names[0], 1), (names[2], 3), (names[1], 2)]
            assert await desk.imports(export=FIRST) == of_first
            assert await desk.imports(export=FIRST, limit=1) == of_first[:1]
            assert await desk.imports(export=FIRST, after=names[0]) == of_first[1:]
            assert await desk.imports(export=FIRST, after=names[1]) == []
            assert len(await desk.imports()) == 5
            assert await desk.imports(export="nobody") == []


async def test_what_was_delivered_elsewhere_is_completed(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([a_report(), a_report()])
        await store.change(Selection(ids=(1,)), Export(FIRST), "ann")
        assert await store.change(EVERY, Acknowledge({1: "thanks"}), "ann") == 1
        assert await states(bench) == [State.COMPLETED, State.PENDING]
        assert bench.payload(1) is None
        assert_counts(bench, store)


async def test_commits_go_on_while_somebody_reads_for_long(bench: Bench) -> None:
    async with bench.open() as store:
        async with store.long_reading():
            assert await store.put([a_report()]) == [1]
        assert await store.put([a_report()]) == [2]
