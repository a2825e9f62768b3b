"""Handing over, and following what becomes of it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
import trio

from pywats_trio.commands import shapes
from pywats_trio.commands.desk import CommandDesk
from pywats_trio.commands.host import Finished
from pywats_trio.control import ServiceState
from pywats_trio.errors import InvalidInputError, NotFoundError
from pywats_trio.ipc import wire
from pywats_trio.model import Event, Kind, Reason, State
from tests.commands.kit import OPERATOR, VIEWER, House, make_item

if TYPE_CHECKING:
    from trio.testing import MockClock


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


# get_item


async def test_an_item_is_shown_as_it_is(house: House) -> None:
    item = make_item(7, due_at=1_769_763_601.5, reason=Reason.SERVER, state=State.SUSPENDED)
    house.items[7] = Finished(item)
    told = await CommandDesk(house).ask("get_item", {"id": 7}, VIEWER)
    assert told == {
        **shapes.item(item),
        "report_count": 0,
        "reports": [],
        "delivered": False,
        "why": "item 7 is SUSPENDED",
    }
    assert told["due_at"] == "2026-01-30T09:00:01.500Z"
    assert (told["state"], told["reason"], told["finished_at"]) == ("SUSPENDED", "server", None)


async def test_an_item_that_is_not_there_is_not_found(house: House) -> None:
    for wait in (0, 10):
        with pytest.raises(NotFoundError, match="there is no item 7"):
            await CommandDesk(house).ask("get_item", {"id": 7, "wait_seconds": wait}, VIEWER)


async def test_without_a_wait_it_is_shown_at_once(house: House, autojump_clock: MockClock) -> None:
    house.items[1] = Finished(make_item(1))
    began = trio.current_time()
    await CommandDesk(house).ask("get_item", {"id": 1}, VIEWER)
    assert trio.current_time() == began


async def test_an_item_is_waited_for_and_shown_at_its_end(
    house: House, autojump_clock: MockClock
) -> None:
    house.items[1] = Finished(make_item(1))

    async def end() -> None:
        await trio.sleep(99)
        house.items[1] = Finished(make_item(1, state=State.COMPLETED))
        house.ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(end)
        began = trio.current_time()
        told = await CommandDesk(house).ask("get_item", {"id": 1, "wait_seconds": 100}, VIEWER)
        assert trio.current_time() - began == 99
    assert (told["state"], told["delivered"], told["why"]) == ("COMPLETED", True, "")


async def test_a_wait_that_is_over_shows_the_item_as_it_is(
    house: House, autojump_clock: MockClock
) -> None:
    house.items[1] = Finished(make_item(1, last_error="the server is away"))
    began = trio.current_time()
    told = await CommandDesk(house).ask("get_item", {"id": 1, "wait_seconds": 100}, VIEWER)
    assert trio.current_time() - began == 100
    assert (told["delivered"], told["why"]) == (False, "the server is away")


def file_with(states: list[State]) -> Finished:
    reports = (make_item(number, state=state) for number, state in enumerate(states, 2))
    return Finished(make_item(1, Kind.FILE, State.COMPLETED), tuple(reports))


@pytest.mark.parametrize("count", [shapes.MOST_REPORTS - 1, shapes.MOST_REPORTS])
def test_the_reports_of_a_file_are_shown_in_their_order(count: int) -> None:
    told = shapes.finished(file_with([State.COMPLETED, *(count - 1) * [State.PENDING]]))
    assert [report["id"] for report in told["reports"]] == list(range(2, count + 2))
    assert told["report_count"] == count


def test_of_too_many_reports_those_are_shown_that_are_not_delivered() -> None:
    states = 1000 * [State.COMPLETED] + [State.FAILED, State.PENDING]
    told = shapes.finished(file_with(states))
    shown = [report["state"] for report in told["reports"]]
    assert shown == ["PENDING", "FAILED"] + (shapes.MOST_REPORTS - 2) * ["COMPLETED"]
    assert (told["report_count"], told["delivered"]) == (1002, False)


def test_the_largest_answer_fits_into_a_frame() -> None:
    long: dict[str, Any] = {
        "last_error": "x" * 2000,
        "serial_number": "s" * 100,
        "source": "/" + "p" * 300,
    }
    item = make_item(1, Kind.FILE, State.COMPLETED, **long)
    reports = tuple(make_item(n, state=State.FAILED, **long) for n in range(2, 3000))
    wire.encode(wire.success("x" * 256, shapes.finished(Finished(item, reports))))


# What an item came to


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
