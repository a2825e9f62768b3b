"""A page of the queue, and one item with its whole life: over a real queue."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
import trio

from pywats_trio.commands import shapes
from pywats_trio.commands.desk import CommandDesk
from pywats_trio.commands.host import Finished
from pywats_trio.commands.queue.look import LONGEST_WAIT, MOST, PEEK
from pywats_trio.control import ServiceState
from pywats_trio.errors import InvalidInputError, NotFoundError, NotRunning
from pywats_trio.ipc import wire
from pywats_trio.model import (
    Converted,
    Delivered,
    Envelope,
    Event,
    Failed,
    Kind,
    Problem,
    Reason,
    State,
    Wait,
)
from pywats_trio.queue.store import Peek
from tests.commands.kit import VIEWER, House, make_item
from tests.contract.kit import a_file, a_report

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trio.testing import MockClock

    from pywats_trio.queue.store import Store

BODY = b'{"pn":"x"}'


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House()
    house.board.state = ServiceState.RUNNING
    async with house.with_queue(tmp_path):
        yield house


def store_of(house: House) -> Store:
    return house.queue().store


async def look(house: House, item_id: int, **more: Any) -> dict[str, Any]:
    return await CommandDesk(house).ask("get_item", {"id": item_id, **more}, VIEWER)


async def listed(house: House, **args: Any) -> dict[str, Any]:
    return await CommandDesk(house).ask("get_queue", args, VIEWER)


async def put(house: House, *envelopes: Any) -> None:
    await store_of(house).put(envelopes)


async def finish(house: House, kind: Kind, outcome: Any) -> None:
    [claim] = await store_of(house).claim(kind, 1, "worker 1")
    await store_of(house).finish(claim, outcome)


# One item


async def test_an_item_is_shown_with_all_that_is_known_of_it(house: House) -> None:
    await put(house, a_report(BODY, waited=2.0))
    problem = Problem("rejected", "no such part", "make it", "HTTP 400")
    await finish(house, Kind.REPORT, Wait(5.0, Reason.SERVER, problem))
    item = await house.queue().desk.item(1)
    assert item is not None
    told = await look(house, 1)
    assert shapes.item(item).items() <= told.items()
    assert {key: told[key] for key in ("state", "reason", "last_error", "error_class")} == {
        "state": "SUSPENDED",
        "reason": "server",
        "last_error": "no such part",
        "error_class": "rejected",
    }
    assert (told["error_hint"], told["evidence"]) == ("make it", "HTTP 400")
    assert (told["delivered"], told["why"]) == (False, "no such part")
    assert (told["report_count"], told["reports"]) == (0, [])
    assert [one["event"] for one in told["history"]] == ["stored", "claimed", "suspended"]
    assert not told["history_cut"]
    assert told["history"][2]["error_class"] == "rejected"
    assert told["dropped_at"] < told["created_at"]
    assert told["payload"] is None, "nobody asked for it"


async def test_a_delivered_report_tells_its_receipt_and_has_no_payload(house: House) -> None:
    await put(house, a_report(BODY))
    await finish(house, Kind.REPORT, Delivered("thanks"))
    told = await look(house, 1, peek=True)
    assert (told["receipt"], told["delivered"], told["payload"]) == ("thanks", True, None)


async def test_a_file_is_shown_with_its_reports_where_it_was_dropped_and_who_worked(
    house: House,
) -> None:
    await put(house, a_file("/in/\udcff.txt"))
    children = (a_report(BODY), a_report(BODY))
    await finish(house, Kind.FILE, Converted(children, "ab" * 32, worker="worker 7"))
    told = await look(house, 1, peek=True)
    assert told["original"] == told["source"] == "/in/\\udcff.txt"
    assert told["worker"] == "worker 7"
    assert [report["id"] for report in told["reports"]] == [2, 3]
    assert (told["report_count"], told["delivered"]) == (2, False)
    assert told["payload"] is None


@pytest.mark.parametrize("size", [PEEK - 1, PEEK, PEEK + 1, 3 * 1024 * 1024])
async def test_a_peek_shows_the_beginning_and_checks_all_of_it(house: House, size: int) -> None:
    body = b"x" * (size - 1) + b"y"
    await put(house, a_report(body))
    told = (await look(house, 1, peek=True))["payload"]
    assert told == {
        "size": size,
        "intact": True,
        "text": body[:PEEK].decode(),
        "cut": size > PEEK,
    }


async def test_a_payload_that_is_not_what_it_was_is_told(house: House, tmp_path: Path) -> None:
    await put(house, a_report(BODY))
    peek = Peek(BODY, len(BODY), hashlib.sha256(b"other").hexdigest())
    for sha256, intact in (("", None), (hashlib.sha256(BODY).hexdigest(), False)):
        told = shapes.payload(peek, sha256)
        assert told is not None
        assert told["intact"] is intact


async def test_how_far_a_conversion_is_comes_from_the_service(house: House) -> None:
    await put(house, a_file(), a_report(BODY))
    await store_of(house).claim(Kind.FILE, 1, "worker 1")
    house.progresses = {1: 40, 2: 99}
    assert (await look(house, 1))["progress"] == 40
    assert (await look(house, 2))["progress"] == 0, "it is not worked on"
    assert [item["progress"] for item in (await listed(house))["items"]] == [0, 40]


@pytest.mark.parametrize("more", [{}, {"peek": True}, {"wait_seconds": 10}])
async def test_an_item_that_is_not_there_is_not_found(house: House, more: dict[str, Any]) -> None:
    with pytest.raises(NotFoundError, match="there is no item 7 in the queue"):
        await look(house, 7, **more)


@pytest.mark.parametrize(("number", "there"), [(0, False), (2**63 - 1, True), (2**63, False)])
async def test_a_number_of_an_item_is_one_that_fits(house: House, number: int, there: bool) -> None:
    with pytest.raises(NotFoundError if there else InvalidInputError):
        await look(house, number)


async def test_a_stopped_service_shows_an_item_and_waits_for_none(house: House) -> None:
    await put(house, a_report(BODY))
    house.board.state = ServiceState.STOPPED
    stopped = CommandDesk(house, stopped=True)
    told = await stopped.ask("get_item", {"id": 1, "peek": True}, VIEWER)
    assert told["payload"]["text"] == BODY.decode()
    with pytest.raises(NotRunning, match="while the service is stopped"):
        await stopped.ask("get_item", {"id": 1, "wait_seconds": 1}, VIEWER)


# Waiting


async def test_an_item_is_waited_for_and_shown_at_its_end(house: House) -> None:
    await put(house, a_report(BODY))

    async def end() -> None:
        await house.waiting.wait()
        await finish(house, Kind.REPORT, Delivered("thanks"))
        house.ended.set()

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(end)
            told = await look(house, 1, wait_seconds=LONGEST_WAIT)
    assert (told["state"], told["delivered"], told["why"]) == ("COMPLETED", True, "")


async def test_a_wait_that_is_over_shows_the_item_as_it_is(
    house: House, autojump_clock: MockClock
) -> None:
    await put(house, a_report(BODY))
    began = trio.current_time()
    told = await look(house, 1, wait_seconds=100)
    assert trio.current_time() - began == 100
    assert (told["state"], told["delivered"]) == ("PENDING", False)


# What fits


def file_with(states: list[State], **more: Any) -> Finished:
    reports = (make_item(number, state=state, **more) for number, state in enumerate(states, 2))
    return Finished(make_item(1, Kind.FILE, State.COMPLETED, **more), tuple(reports))


@pytest.mark.parametrize("count", [shapes.MOST_REPORTS - 1, shapes.MOST_REPORTS])
def test_the_reports_of_a_file_are_shown_in_their_order(count: int) -> None:
    found = file_with([State.COMPLETED, *(count - 1) * [State.PENDING]])
    told = shapes.whole(found, 0, [], None)
    assert [report["id"] for report in told["reports"]] == list(range(2, count + 2))
    assert told["report_count"] == count


def test_of_too_many_reports_those_are_shown_that_are_not_delivered() -> None:
    states = 1000 * [State.COMPLETED] + [State.FAILED, State.PENDING]
    told = shapes.whole(file_with(states), 0, [], None)
    shown = [report["state"] for report in told["reports"]]
    assert shown == ["PENDING", "FAILED"] + (shapes.MOST_REPORTS - 2) * ["COMPLETED"]
    assert (told["report_count"], told["delivered"]) == (1002, False)


def an_event(number: int, message: str) -> Event:
    state, reason = State.SUSPENDED, Reason.RETRY
    return Event(number, 1.8e9, 1, "suspended", state, reason, 1, "convert 1", "x", message)


@pytest.mark.parametrize("character", ["x", "\0", "ÿ", "\U0001f600"])
@pytest.mark.parametrize("events", [100, shapes.MOST_EVENTS + 1])
def test_the_largest_answer_fits_into_a_frame(character: str, events: int) -> None:
    long = dict.fromkeys(
        ("last_error", "serial_number", "part_number", "source", "error_hint", "evidence"),
        4096 * character,
    )
    found = file_with(3000 * [State.FAILED], **long)
    history = [an_event(number, 4096 * character) for number in range(events)]
    peek = Peek(PEEK * b"\xff", 10**9, "")
    told = shapes.whole(found, 0, history, peek)
    wire.encode(wire.success("x" * 256, told))
    assert told["last_error"] == long["last_error"], "what the item itself says is whole"
    assert told["report_count"] == 3000
    assert told["history_cut"] == (len(told["history"]) < events)
    assert len(told["reports"]) > 30
    assert len(told["history"]) >= 100
    assert told["history"][-1]["seq"] == events - 1, "the newest are the last to go"


def test_what_fits_is_not_shortened() -> None:
    history = [an_event(number, f"{number:04}" * 1024) for number in range(100)]
    told = shapes.whole(file_with([]), 0, history, None)
    assert told["history"] == [shapes.event(one) for one in history]


@pytest.mark.parametrize("count", [shapes.MOST_EVENTS - 1, shapes.MOST_EVENTS, 501])
def test_of_a_long_history_the_newest_rows_are_shown(count: int) -> None:
    history = [an_event(number, "") for number in range(count)]
    told = shapes.whole(file_with([]), 0, history, None)
    shown = [one["seq"] for one in told["history"]]
    assert shown == list(range(count))[-shapes.MOST_EVENTS :]
    assert told["history_cut"] == (count > shapes.MOST_EVENTS)


# A page


async def test_a_page_of_the_longest_errors_fits_into_a_frame_and_says_where_to_go_on(
    house: House,
) -> None:
    names = ("serial_number", "part_number", "converter", "report_id", "correlation_id")
    long: dict[str, Any] = dict.fromkeys(names, 4096 * "\0")
    await put(house, *(Envelope(Kind.REPORT, source="", payload=BODY, **long) for _ in range(MOST)))
    ids: list[int] = []
    sizes: list[int] = []
    paging: dict[str, Any] = {}
    while True:
        found = await listed(house, limit=MOST, **paging)
        wire.encode(wire.success("x" * 256, found))
        ids += [item["id"] for item in found["items"]]
        sizes.append(len(found["items"]))
        if found["next"] is None:
            break
        paging = {"after": found["next"]}
    assert ids == list(range(MOST, 0, -1))
    assert sizes == [MOST // 2, MOST // 2]


@pytest.mark.parametrize(("limit", "more"), [(2, True), (3, False), (MOST, False)])
async def test_a_page_is_the_newest_first_and_next_is_null_at_the_end(
    house: House, limit: int, more: bool
) -> None:
    await put(house, *3 * [a_report(BODY)])
    found = await listed(house, limit=limit)
    assert [item["id"] for item in found["items"]] == [3, 2, 1][:limit]
    assert (found["next"] is not None) == more
    rest = await listed(house, oldest_first=True, limit=limit, after=1)
    assert [item["id"] for item in rest["items"]] == [2, 3][:limit]


@pytest.mark.parametrize(("limit", "fits"), [(0, False), (1, True), (MOST, True), (501, False)])
async def test_a_page_has_its_limits(house: House, limit: int, fits: bool) -> None:
    if fits:
        assert await listed(house, limit=limit) == {"items": [], "next": None}
        return
    with pytest.raises(InvalidInputError, match="limit"):
        await listed(house, limit=limit)


async def test_answers_are_plain_json(house: House) -> None:
    await put(house, a_file("/in/\udcff\n.txt"))
    await finish(house, Kind.FILE, Failed(Problem("a", "b\ud800")))
    json.dumps(await look(house, 1), allow_nan=False).encode()
