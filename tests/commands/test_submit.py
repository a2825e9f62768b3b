"""Handing over, and following what becomes of it."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import trio
import trio.testing

from pywats_trio.commands import shapes
from pywats_trio.commands.desk import CommandDesk
from pywats_trio.commands.host import Finished
from pywats_trio.control import ServiceState
from pywats_trio.errors import InvalidInputError
from pywats_trio.model import Event, Kind, Reason, State
from tests.commands.kit import OPERATOR, House, make_item


@pytest.fixture
def house() -> House:
    house = House()
    house.board.state = ServiceState.RUNNING
    return house


# submit_file


async def test_a_file_becomes_an_item(house: House) -> None:
    desk = CommandDesk(house)
    told = await desk.ask("submit_file", {"path": "/in/a b.json"}, OPERATOR)
    assert told == shapes.item(house.items[1].item)
    assert (told["kind"], told["source"], told["converter"]) == ("file", "/in/a b.json", "surest")
    named = {"path": "/in/b", "converter": "mine", "priority": 1}
    told = await desk.ask("submit_file", named, OPERATOR)
    assert (told["id"], told["converter"], told["priority"]) == (2, "mine", 1)


async def test_a_file_may_have_a_name_that_is_no_text(house: House) -> None:
    path = os.fsdecode(b"/in/\xff\xfe.json")
    await CommandDesk(house).ask("submit_file", {"path": path}, OPERATOR)
    assert os.fsencode(house.items[1].item.source) == b"/in/\xff\xfe.json"


@pytest.mark.parametrize("path", ["a.json", "./a.json", "", "~/a.json", "C:\\a.json"])
async def test_the_path_of_a_file_is_absolute(path: str, house: House) -> None:
    with pytest.raises(InvalidInputError, match="is not absolute; give the whole path"):
        await CommandDesk(house).ask("submit_file", {"path": path}, OPERATOR)
    assert house.items == {}


@pytest.mark.parametrize("path", ["/in/a\0b", "/in/\ud800"])
async def test_a_path_that_no_file_can_have_is_refused(path: str, house: House) -> None:
    with pytest.raises(InvalidInputError, match="cannot be the path of a file"):
        await CommandDesk(house).ask("submit_file", {"path": path}, OPERATOR)
    assert house.items == {}


# submit_report


async def test_the_text_of_a_report_is_handed_on_unchanged(house: House) -> None:
    text = '{ "pn" : "Ä",  "x": 1.10, "y": 12345678901234567890123 }\n'
    told = await CommandDesk(house).ask("submit_report", {"text": text, "priority": 2}, OPERATOR)
    assert house.texts == [text]
    assert told == shapes.item(house.items[1].item)
    assert (told["kind"], told["priority"]) == ("report", 2)


@pytest.mark.parametrize("report", [{}, {"pn": "Ä", "x": [1, 2.5, None]}])
async def test_a_report_may_be_an_object(report: dict[str, Any], house: House) -> None:
    await CommandDesk(house).ask("submit_report", {"report": report}, OPERATOR)
    assert list(map(json.loads, house.texts)) == [report]


@pytest.mark.parametrize("args", [{}, {"text": ""}, {"text": "{}", "report": {}}])
async def test_a_report_is_given_once(args: dict[str, Any], house: House) -> None:
    with pytest.raises(InvalidInputError, match="give either 'text' or 'report'"):
        await CommandDesk(house).ask("submit_report", args, OPERATOR)
    assert house.texts == []


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "args",
    [
        {"report": {"x": float("inf")}},
        {"report": {"x": float("nan")}},
        {"report": nested(100_000)},
        {"text": '{"x": "\ud800"}'},
    ],
    ids=["infinity", "nan", "too deep", "no text"],
)
async def test_a_report_that_is_no_json_is_refused(args: dict[str, Any], house: House) -> None:
    with pytest.raises(InvalidInputError, match="cannot be written as JSON"):
        await CommandDesk(house).ask("submit_report", args, OPERATOR)
    assert house.texts == []


# Room

HANDED_OVER = {"submit_file": {"path": "/in/a.json"}, "submit_report": {"text": "{}"}}


@pytest.mark.parametrize("command", HANDED_OVER)
async def test_who_asks_for_it_waits_for_room_and_is_then_accepted(
    command: str, house: House
) -> None:
    args = {**HANDED_OVER[command], "room_seconds": 30}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(CommandDesk(house).ask, command, args, OPERATOR)
        await trio.testing.wait_all_tasks_blocked()
        assert house.items == {}
        house.room.set()
    assert len(house.items) == 1


@pytest.mark.parametrize("command", HANDED_OVER)
async def test_after_that_time_it_is_tried_all_the_same(
    command: str, house: House, autojump_clock: trio.testing.MockClock
) -> None:
    args = {**HANDED_OVER[command], "room_seconds": 30}
    await CommandDesk(house).ask(command, args, OPERATOR)
    assert trio.current_time() == pytest.approx(30)
    assert len(house.items) == 1


@pytest.mark.parametrize("seconds", [-0.1, 30.1])
async def test_one_request_waits_for_room_for_half_a_minute_at_most(
    seconds: float, house: House
) -> None:
    args = {**HANDED_OVER["submit_file"], "room_seconds": seconds}
    with pytest.raises(InvalidInputError, match="room_seconds"):
        await CommandDesk(house).ask("submit_file", args, OPERATOR)


# What an item came to


def file_with(states: list[State]) -> Finished:
    reports = (make_item(number, state=state) for number, state in enumerate(states, 2))
    return Finished(make_item(1, Kind.FILE, State.COMPLETED), tuple(reports))


@pytest.mark.parametrize(
    ("finished", "delivered", "why"),
    [
        (Finished(make_item(1, state=State.COMPLETED)), True, ""),
        (Finished(make_item(1, state=State.FAILED, last_error="no")), False, "no"),
        (Finished(make_item(1, state=State.FAILED)), False, "item 1 is FAILED"),
        (file_with([State.COMPLETED, State.COMPLETED]), True, ""),
        (file_with([State.COMPLETED, State.PENDING]), False, "item 3 is PENDING"),
        (file_with([]), False, ""),
        (Finished(make_item(1, Kind.FILE, State.FAILED, last_error="no")), False, "no"),
    ],
)
def test_it_is_delivered_if_all_that_came_of_it_is(
    finished: Finished, delivered: bool, why: str
) -> None:
    assert (finished.delivered, finished.why) == (delivered, why)


# Events


def test_an_event_of_an_item_has_a_message() -> None:
    event = Event(
        seq=3,
        at=1_769_763_600.0,
        item_id=7,
        event="failed",
        state=State.SUSPENDED,
        reason=Reason.RETRY,
        attempts=1,
        who="",
        error_kind="Refused",
        message="400",
    )
    assert shapes.event(event) == {
        "seq": 3,
        "at": "2026-01-30T09:00:00.000Z",
        "item_id": 7,
        "event": "failed",
        "state": "SUSPENDED",
        "reason": "retry",
        "attempts": 1,
        "who": "",
        "error_class": "Refused",
        "message": "400",
    }
