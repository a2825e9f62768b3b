"""Working the queue by number and by filter: what is changed, and what is said of the rest."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import trio

from pywats_trio.commands.command import BadArguments
from pywats_trio.commands.desk import CommandDesk
from pywats_trio.commands.queue.change import MOST_IDS
from pywats_trio.commands.queue.filters import PAGE
from pywats_trio.commands.queue.work import MOST_TOLD
from pywats_trio.control import ServiceState
from pywats_trio.errors import InvalidInputError, NotAllowed
from pywats_trio.intake.scan import identity
from pywats_trio.model import (
    TRANSITIONS,
    Converted,
    Delivered,
    Failed,
    Identity,
    Kind,
    Problem,
    Quarantined,
    Reason,
    State,
    Wait,
)
from pywats_trio.queue.actions import Hold, Release, Remove, Reprioritize, Retry
from pywats_trio.queue.selection import Selection
from pywats_trio.queue.store import PutAway
from tests.commands.kit import OPERATOR, VIEWER, House
from tests.contract.kit import a_file, a_report

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pywats_trio.queue.store import Desk, Store

LONG = 3600.0
STATES = [*(set(State) - {State.PENDING}), State.PENDING]
"""PENDING last, so that no claim for another one takes it."""
FAILED = Failed(Problem("rejected", "no such part"))
OUTCOMES: dict[State, Any] = {
    State.SUSPENDED: Wait(LONG, Reason.SERVER, Problem("timeout", "no answer")),
    State.COMPLETED: Delivered("thanks"),
    State.FAILED: FAILED,
    State.QUARANTINED: Quarantined(FAILED.problem),
}
DOES: dict[str, tuple[frozenset[State], State | None]] = {
    "retry_items": (Retry.states, State.PENDING),
    "hold_items": (Hold.states, State.HELD),
    "release_items": (Release.states, State.PENDING),
    "set_priority": (Reprioritize.states, None),
    "remove_items": (Remove.states, None),
}
"""Which states each command changes, and to which."""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House()
    house.board.state = ServiceState.RUNNING
    async with house.with_queue(tmp_path):
        yield house


def store_of(house: House) -> Store:
    return house.queue().store


def desk_of(house: House) -> Desk:
    return house.queue().desk


async def do(house: House, command: str, *ids: int, **more: Any) -> dict[str, Any]:
    args = {**more, **({"ids": list(ids)} if ids else {})}
    if command == "set_priority":
        args = {"priority": 1, **args}
    return await CommandDesk(house).ask(command, args, OPERATOR)


async def state_of(house: House, item_id: int) -> State | None:
    item = await desk_of(house).item(item_id)
    return item.state if item else None


async def a_report_in(house: House, state: State) -> int:
    """Its number."""
    [item_id] = await store_of(house).put([a_report()])
    assert item_id is not None
    if state is State.HELD:
        await store_of(house).change(Selection(ids=(item_id,)), Hold(), "test")
    elif state is not State.PENDING:
        [claim] = await store_of(house).claim(Kind.REPORT, 1, "worker 1")
        if state is not State.PROCESSING:
            await store_of(house).finish(claim, OUTCOMES[state])
    assert await state_of(house, item_id) is state
    return item_id


# By number


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("command", DOES)
async def test_each_command_changes_its_states_and_says_why_not_others(
    house: House, command: str, state: State
) -> None:
    item_id = await a_report_in(house, state)
    changes, becomes = DOES[command]
    told = await do(house, command, item_id)
    if state not in changes:
        why = {"id": item_id, "why": f"item {item_id} is {state}"}
        assert told == {"changed": 0, "missing": 0, "skipped": [why], "skipped_count": 1}
        assert await state_of(house, item_id) is state
        return
    assert told == {"changed": 1, "missing": 0, "skipped": [], "skipped_count": 0}
    if command == "remove_items":
        assert await state_of(house, item_id) is None
    else:
        assert await state_of(house, item_id) is (becomes or state)


@pytest.mark.parametrize("command", ["retry_items", "hold_items", "release_items"])
def test_what_is_changed_may_be_changed(command: str) -> None:
    states, becomes = DOES[command]
    assert all(becomes in TRANSITIONS[state] for state in states)


async def test_what_was_held_while_it_was_suspended_is_released_and_waits_for_nothing(
    house: House,
) -> None:
    item_id = await a_report_in(house, State.SUSPENDED)
    await do(house, "hold_items", item_id)
    await do(house, "release_items", item_id)
    item = await desk_of(house).item(item_id)
    assert item is not None
    assert (item.state, item.reason, item.due_at) == (State.PENDING, None, None)
    assert len(await store_of(house).claim(Kind.REPORT, 10, "x")) == 1


async def test_of_those_named_each_is_changed_once_and_the_missing_are_counted(
    house: House,
) -> None:
    held = await a_report_in(house, State.HELD)
    waits = await a_report_in(house, State.PENDING)
    told = await do(house, "hold_items", 99, waits, held, waits, 98)
    assert (told["changed"], told["missing"], told["skipped_count"]) == (1, 2, 3)
    assert told["skipped"] == [
        {"id": 99, "why": "there is no item 99 in the queue"},
        {"id": held, "why": f"item {held} is HELD"},
        {"id": 98, "why": "there is no item 98 in the queue"},
    ]
    history = await desk_of(house).history_of(waits)
    assert [event.event for event in history] == ["stored", "held"]
    assert history[-1].who == "operator"


async def test_a_filter_beside_numbers_narrows_them(house: House) -> None:
    await store_of(house).put([a_report(serial_number="A"), a_report(serial_number="B")])
    told = await do(house, "hold_items", 1, 2, serial_number="B")
    assert told["changed"] == 1
    assert told["skipped"] == [{"id": 1, "why": "item 1 is not what the filter means"}]
    assert await state_of(house, 2) is State.HELD


async def test_what_changes_between_the_look_and_the_change_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store_of(house).put([a_report() for _ in range(3)])
    change = store_of(house).change

    async def late(*args: Any) -> int:
        await store_of(house).claim(Kind.REPORT, 2, "worker 1")
        return await change(*args)

    monkeypatch.setattr(store_of(house), "change", late)
    told = await do(house, "hold_items", 1, 2, 3)
    assert (told["changed"], told["skipped_count"]) == (1, 2)
    assert told["skipped"] == [{"id": None, "why": "items that changed meanwhile: 2; ask again"}]


@pytest.mark.parametrize(("number", "fits"), [(0, False), (2**63 - 1, True), (2**63, False)])
async def test_a_number_is_one_that_fits(house: House, number: int, fits: bool) -> None:
    if fits:
        assert (await do(house, "hold_items", number))["missing"] == 1
        return
    with pytest.raises(BadArguments, match=f"{number} is not the number of an item"):
        await do(house, "hold_items", 1, number)


@pytest.mark.parametrize("count", [MOST_IDS - 1, MOST_IDS, MOST_IDS + 1])
async def test_so_many_can_be_named(house: House, count: int) -> None:
    ids = range(1, count + 1)
    if count > MOST_IDS:
        with pytest.raises(BadArguments, match="at most 10000 numbers at a time, these are 10001"):
            await do(house, "hold_items", *ids)
        return
    told = await do(house, "hold_items", *ids)
    assert (told["missing"], len(told["skipped"])) == (count, MOST_TOLD)


@pytest.mark.parametrize("command", DOES)
@pytest.mark.parametrize("args", [{}, {"ids": []}, {"states": []}, {"converter": ""}])
async def test_without_numbers_and_filter_nothing_is_meant(
    house: House, command: str, args: dict[str, Any]
) -> None:
    await store_of(house).put([a_report()])
    with pytest.raises(BadArguments, match="say which items"):
        await do(house, command, **args)
    assert await state_of(house, 1) is State.PENDING


@pytest.mark.parametrize("priority", [0, 1, 10, 11, True, 1.0])
async def test_a_priority_is_1_to_10(house: House, priority: Any) -> None:
    await store_of(house).put([a_report()])
    if priority in (0, 11) or type(priority) is not int:
        with pytest.raises(InvalidInputError, match="priority"):
            await do(house, "set_priority", 1, priority=priority)
        return
    await do(house, "set_priority", 1, priority=priority)
    item = await desk_of(house).item(1)
    assert item is not None
    assert item.priority == priority


async def test_another_priority_takes_effect_at_the_next_claim(house: House) -> None:
    await store_of(house).put([a_report() for _ in range(3)])
    await do(house, "set_priority", 3, priority=1)
    claims = await store_of(house).claim(Kind.REPORT, 3, "x")
    assert [claim.item.id for claim in claims] == [3, 1, 2]


@pytest.mark.parametrize("command", [*DOES, "clear_queue"])
async def test_a_viewer_changes_nothing(house: House, command: str) -> None:
    with pytest.raises(NotAllowed):
        await CommandDesk(house).ask(command, {"kind": "file"}, VIEWER)


# By filter


@pytest.mark.parametrize("count", [PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
@pytest.mark.parametrize("command", ["hold_items", "set_priority", "remove_items"])
async def test_a_filter_changes_all_that_it_means_a_few_hundred_at_a_time(
    house: House, command: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store_of(house).put([a_report(serial_number="A") for _ in range(count)])
    await store_of(house).put([a_report(serial_number="B")])
    change = store_of(house).change
    sizes: list[int] = []

    async def counted(wanted: Selection, *args: Any) -> int:
        assert wanted.ids is not None
        sizes.append(len(wanted.ids))
        return await change(wanted, *args)

    monkeypatch.setattr(store_of(house), "change", counted)
    assert await do(house, command, serial_number="A") == {
        "changed": count,
        "missing": 0,
        "skipped": [],
        "skipped_count": 0,
    }
    assert max(sizes) <= PAGE
    assert await state_of(house, count + 1) is State.PENDING


async def test_what_a_filter_means_in_other_states_is_not_meant(house: House) -> None:
    for state in STATES:
        await a_report_in(house, state)
    told = await do(house, "retry_items", kind="report")
    assert (told["changed"], told["skipped_count"]) == (len(Retry.states), 0)
    assert (await do(house, "retry_items", kind="file"))["changed"] == 0


@pytest.mark.parametrize("command", [*DOES, "clear_queue"])
async def test_a_dry_run_counts_and_changes_nothing(house: House, command: str) -> None:
    for state in STATES:
        await a_report_in(house, state)
    before = await desk_of(house).items()
    by_filter = await do(house, command, kind="report", dry_run=True)
    changes = (
        DOES[command][0]
        if command in DOES
        else {State.COMPLETED, *Retry.states} - {State.SUSPENDED}
    )
    assert by_filter["changed"] == len(changes)
    if command in DOES:
        by_number = await do(house, command, *(item.id for item in before), 99, dry_run=True)
        assert (by_number["changed"], by_number["missing"]) == (len(changes), 1)
    assert await desk_of(house).items() == before


# Clearing


async def test_clearing_removes_what_has_come_to_its_end(house: House) -> None:
    ids = {state: await a_report_in(house, state) for state in STATES}
    assert (await do(house, "clear_queue"))["changed"] == 3
    left = {state for state, item_id in ids.items() if await state_of(house, item_id)}
    assert left == {State.PENDING, State.PROCESSING, State.SUSPENDED, State.HELD}
    assert (await do(house, "clear_queue", everything=True))["changed"] == 3
    assert [item.state for item in await desk_of(house).items()] == [State.PROCESSING]


async def test_clearing_by_filter_leaves_the_rest(house: House) -> None:
    for state in (State.COMPLETED, State.FAILED):
        await a_report_in(house, state)
    assert (await do(house, "clear_queue", error_class="rejected"))["changed"] == 1
    assert [item.state for item in await desk_of(house).items()] == [State.COMPLETED]


async def test_what_waits_is_cleared_only_where_it_is_said_so(house: House) -> None:
    await a_report_in(house, State.HELD)
    with pytest.raises(BadArguments, match=r"what is HELD has not come to its end; .*--all"):
        await do(house, "clear_queue", states=["FAILED", "HELD"])
    assert (await do(house, "clear_queue", states=["HELD"], everything=True))["changed"] == 1


async def test_what_was_removed_is_kept_as_an_event_of_the_service(house: House) -> None:
    await store_of(house).put([a_report(serial_number="SN-7")])
    await do(house, "remove_items", 1)
    [event] = await desk_of(house).history()
    assert (event.item_id, event.event, event.who) == (None, "item removed", "operator")
    assert '"serial_number": "SN-7"' in event.message


# Files that are retried


def dropped(path: Path) -> Identity:
    path.write_bytes(b"{")
    return identity(path.stat())


def taken(path: Path, away: Path | None) -> None:
    if away is None:
        path.unlink()
    else:
        path.rename(away)


async def refused(house: House, path: Path, *, away: Path | None) -> int:
    """A file that was refused and put away; its number. `away`: where it lies now, if it does."""
    [item_id] = await store_of(house).put([a_file(str(path), identity=dropped(path))])
    assert item_id is not None
    [claim] = await store_of(house).claim(Kind.FILE, 1, "x")
    await store_of(house).finish(claim, FAILED)
    taken(path, away)
    await store_of(house).put_away([PutAway(item_id, str(away or ""))])
    return item_id


async def test_a_refused_file_is_retried_as_what_lies_at_its_place_now(
    house: House, tmp_path: Path
) -> None:
    away = tmp_path / "away.json"
    item_id = await refused(house, tmp_path / "a.json", away=away)
    away.write_bytes(b'{"mended": true}')
    assert (await do(house, "retry_items", item_id))["changed"] == 1
    [claim] = await store_of(house).claim(Kind.FILE, 1, "x")
    assert claim.item.identity == identity(away.stat())
    assert (claim.item.source, claim.item.attempts) == (str(away), 0)


@pytest.mark.parametrize("by", ["number", "filter"])
async def test_a_file_that_is_not_there_or_no_file_is_passed_over(
    house: House, tmp_path: Path, by: str
) -> None:
    gone = await refused(house, tmp_path / "a.json", away=tmp_path / "gone.json")
    folder = await refused(house, tmp_path / "b.json", away=tmp_path / "folder.json")
    (tmp_path / "gone.json").unlink()
    (tmp_path / "folder.json").unlink()
    (tmp_path / "folder.json").mkdir()
    which: dict[str, Any] = {"states": ["FAILED"]} if by == "filter" else {"ids": [gone, folder]}
    told = await CommandDesk(house).ask("retry_items", which, OPERATOR)
    assert (told["changed"], told["missing"], told["skipped_count"]) == (0, 0, 2)
    assert [one["id"] for one in told["skipped"]] == [gone, folder]
    assert (
        "(No such file or directory); put it there, or drop it again" in told["skipped"][0]["why"]
    )
    assert "not a regular file any more" in told["skipped"][1]["why"]


async def test_another_file_that_lies_where_a_refused_one_was_dropped_is_not_taken_for_it(
    house: House, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    item_id = await refused(house, path, away=None)
    path.write_bytes(b"the next one, which intake takes")
    told = await do(house, "retry_items", item_id)
    assert told["changed"] == 0
    assert "is an item of its own" in told["skipped"][0]["why"]


async def test_a_suspended_file_stays_the_one_that_was_accepted(
    house: House, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"{")
    before = identity(path.stat())
    await store_of(house).put([a_file(str(path), identity=before)])
    [claim] = await store_of(house).claim(Kind.FILE, 1, "x")
    await store_of(house).finish(claim, Wait(LONG, Reason.RETRY, FAILED.problem, counts=True))
    path.write_bytes(b"replaced: intake takes the new one")
    assert (await do(house, "retry_items", 1))["changed"] == 1
    item = await desk_of(house).item(1)
    assert item is not None
    assert (item.state, item.identity) == (State.PENDING, before)


async def test_a_file_that_is_yet_to_be_put_away_is_passed_over(
    house: House, tmp_path: Path
) -> None:
    path = tmp_path / os.fsdecode(b"\xff.json")
    path.write_bytes(b"{")
    await store_of(house).put([a_file(str(path), identity=identity(path.stat()))])
    [claim] = await store_of(house).claim(Kind.FILE, 1, "x")
    await store_of(house).finish(claim, Converted((), "ab" * 32))
    told = await do(house, "remove_items", 1)
    assert told["skipped"] == [
        {"id": 1, "why": "the file of item 1 is just being put away; ask again in a moment"}
    ]
    assert (await do(house, "remove_items", kind="file", dry_run=True))["changed"] == 0
    assert (await do(house, "remove_items", kind="file"))["changed"] == 0


async def test_a_change_that_is_cut_off_leaves_whole_pages_changed(house: House) -> None:
    await store_of(house).put([a_report() for _ in range(3 * PAGE)])
    change = store_of(house).change
    with trio.CancelScope() as scope:

        async def once(*args: Any) -> int:
            scope.cancel()
            return await change(*args)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store_of(house), "change", once)
            await do(house, "hold_items", kind="report")
    assert scope.cancelled_caught
    counts = store_of(house).counts()
    assert counts.of(Kind.REPORT, State.HELD) in (0, PAGE)
    assert counts.unfinished == 3 * PAGE
