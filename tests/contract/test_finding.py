"""Looking: pages by filter, payloads, and the life of one item."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from pywats_trio.model import Delivered, Failed, Kind, Reason, State, Wait
from pywats_trio.queue.actions import Hold, Resume
from pywats_trio.queue.selection import Selection
from tests.contract.kit import PROBLEM, Bench, Clock, a_file, a_report, some_files

if TYPE_CHECKING:
    from pywats_trio.queue.store import Desk, Store


async def _all(
    desk: Desk, selection: Selection, limit: int, *, oldest_first: bool = False
) -> list[int]:
    """The ids on all pages. None holds more than `limit`, and it comes to an end."""
    found: list[int] = []
    after: int | None = None
    for _page in range(100):
        page = await desk.find(selection, after=after, limit=limit, oldest_first=oldest_first)
        assert len(page.items) <= limit
        found += [item.id for item in page.items]
        if page.next is None:
            return found
        after = page.next
    raise AssertionError(f"no end after {found}")


@pytest.mark.parametrize("limit", [1, 2, 6, 7, 8, 100])
async def test_pages_hold_each_item_once_in_their_order(bench: Bench, limit: int) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put(some_files(7))
        assert await _all(desk, Selection(), limit) == [7, 6, 5, 4, 3, 2, 1]
        assert await _all(desk, Selection(), limit, oldest_first=True) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("oldest_first", [False, True])
async def test_a_page_of_an_empty_store_is_the_last(bench: Bench, oldest_first: bool) -> None:
    async with bench.open(), bench.desk() as desk:
        page = await desk.find(Selection(), oldest_first=oldest_first)
    assert (page.items, page.next) == ((), None)


@pytest.mark.parametrize("oldest_first", [False, True])
async def test_a_page_of_exactly_the_limit_is_the_last_if_nothing_follows(
    bench: Bench, oldest_first: bool
) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put(some_files(3))
        page = await desk.find(Selection(), limit=3, oldest_first=oldest_first)
        assert (len(page.items), page.next) == (3, None)
        page = await desk.find(Selection(), limit=2, oldest_first=oldest_first)
        assert (len(page.items), page.next) == (2, 2)


async def test_items_that_come_meanwhile_disturb_no_page(bench: Bench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put(some_files(4))
        first = await desk.find(Selection(), limit=2)
        await store.put([a_report()])
        second = await desk.find(Selection(), limit=2, after=first.next)
    assert [item.id for item in [*first.items, *second.items]] == [4, 3, 2, 1]


async def _a_mixed_lot(store: Store, clock: Clock) -> None:
    """1 PENDING file; reports: 2 FAILED, 3 SUSPENDED, 4 HELD, 5 COMPLETED, 6 PROCESSING."""
    rejected = evolve(PROBLEM, kind="rejected", message="Limit 100% of 5_V \\ missing")
    await store.put([a_file("/in/board_1.txt", converter="eol")])
    for outcome in (Failed(rejected), Wait(60.0, Reason.SERVER, PROBLEM)):
        clock.now += 10.0
        await store.put([a_report(serial_number="SN-2", part_number="pn_x", report_id="ab-1")])
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        await store.finish(claim, outcome)
    clock.now += 10.0
    await store.put([a_report(serial_number="sn-4", part_number="PNXX", report_id="ab-2")])
    await store.change(Selection(ids=(4,)), Hold(), "Jane")
    await store.put([a_report(serial_number="", converter="eol", source="/in/board51.txt")])
    [claim] = await store.claim(Kind.REPORT, 1, "pump")
    await store.finish(claim, Delivered("thanks"))
    await store.put([a_report(serial_number="SN-2 ")])
    await store.claim(Kind.REPORT, 1, "pump")


FILTERS: dict[str, tuple[Selection, list[int]]] = {
    "ids": (Selection(ids=(4, 1, 99)), [4, 1]),
    "no ids": (Selection(ids=()), []),
    "kind": (Selection(kind=Kind.FILE), [1]),
    "state": (Selection(states=(State.FAILED,)), [2]),
    "states": (Selection(states=(State.HELD, State.PROCESSING, State.PENDING)), [6, 4, 1]),
    "few states": (Selection(states=(State.HELD, State.FAILED)), [4, 2]),
    "no states": (Selection(states=()), []),
    "a state that none is in": (Selection(states=(State.QUARANTINED,)), []),
    "reason": (Selection(reason=Reason.SERVER), [3]),
    "another reason": (Selection(reason=Reason.RETRY), []),
    "converter": (Selection(converter="eol"), [5, 1]),
    "nobody's converter": (Selection(converter="eo"), []),
    "error class": (Selection(error_class="rejected"), [3, 2]),
    "serial number": (Selection(serial_number="SN-2"), [3, 2]),
    "no serial number": (Selection(serial_number=""), [5, 1]),
    "since": (Selection(since=1_000_020.0), [6, 5, 4, 3]),
    "until": (Selection(until=1_000_020.0), [2, 1]),
    "since and until": (Selection(since=1_000_010.0, until=1_000_020.0), [2]),
    "text in a serial number": (Selection(text="SN-"), [6, 4, 3, 2]),
    "text in a part number": (Selection(text="n_x"), [3, 2]),
    "text in a path": (Selection(text="BOARD_"), [1]),
    "text in a report id": (Selection(text="b-1"), [3, 2]),
    "text in an error": (Selection(text="100%"), [2]),
    "a backslash": (Selection(text="\\ miss"), [2]),
    "a percent sign is no pattern": (Selection(text="b%1"), []),
    "all at once": (
        Selection(
            ids=(2, 3),
            kind=Kind.REPORT,
            states=(State.FAILED, State.HELD),
            converter="ict",
            error_class="rejected",
            serial_number="SN-2",
            text="limit",
            since=1_000_010.0,
            until=1_000_011.0,
        ),
        [2],
    ),
}


@pytest.mark.parametrize("limit", [1, 100])
@pytest.mark.parametrize("name", FILTERS)
async def test_every_filter(bench: Bench, name: str, limit: int) -> None:
    selection, expected = FILTERS[name]
    clock = Clock()
    async with bench.open(clock=clock) as store, bench.desk() as desk:
        await _a_mixed_lot(store, clock)
        assert await _all(desk, selection, limit) == expected
        assert await _all(desk, selection, limit, oldest_first=True) == expected[::-1]


@pytest.mark.parametrize("oldest_first", [False, True])
async def test_a_needle_in_a_heap_is_found(bench: Bench, oldest_first: bool) -> None:
    """Through more rows than one look takes, and where ids are missing."""
    count, needles = 12_000, [1, 6_000, 12_000]
    async with bench.open() as store, bench.desk() as desk:
        await store.put(
            [a_report(b"", part_number="needle" if n in needles else "hay") for n in _upto(count)]
        )
        found = await _all(desk, Selection(text="needle"), 2, oldest_first=oldest_first)
        assert sorted(found) == needles
        assert found == sorted(found, reverse=not oldest_first)
        assert await _all(desk, Selection(text="nothing"), 2, oldest_first=oldest_first) == []


def _upto(count: int) -> range:
    return range(1, count + 1)


# Payloads and histories.


@pytest.mark.parametrize("body", [b"", b"\x00\xff", b"x" * 2_000_000], ids=["none", "odd", "large"])
async def test_a_payload_comes_back_byte_for_byte(bench: Bench, body: bytes) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_report(body), a_file()])
        assert store.counts().bytes == len(body)
        assert await desk.payload(1) == body
        item = await desk.item(1)
        assert item is not None
        assert (item.bytes, item.sha256) == (len(body), hashlib.sha256(body).hexdigest())
        assert (await desk.payload(2), await desk.payload(99)) == (None, None)
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        assert claim.payload == body
        await store.finish(claim, Delivered("thanks"))
        assert await desk.payload(1) is None
        assert store.counts().bytes == 0


@pytest.mark.parametrize("length", [0, 1, 4, 5, 100])
async def test_a_peek_tells_the_beginning_and_the_whole(bench: Bench, length: int) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_report(b"12345"), a_file()])
        peek = await desk.peek(1, length)
        assert peek is not None
        assert (peek.head, peek.size) == (b"12345"[:length], 5)
        assert peek.sha256 == hashlib.sha256(b"12345").hexdigest()
        assert await desk.peek(2, length) is None


async def test_bytes_are_those_of_all_payloads_over_a_restart(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([a_report(b"x" * n) for n in (1, 10, 100)])
        assert store.counts().bytes == 111
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        await store.finish(claim, Delivered("thanks"))
        assert store.counts().bytes == 110
    async with bench.open() as store:
        assert store.counts().bytes == bench.payload_bytes() == 110


@pytest.mark.parametrize("newest", [None, 0, 1, 4, 5, 99])
async def test_the_life_of_one_item_is_told_alone(bench: Bench, newest: int | None) -> None:
    clock = Clock()
    async with bench.open(clock=clock) as store, bench.desk() as desk:
        await store.put([a_report(), a_report()])
        clock.now += 1.0
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        await store.finish(claim, Wait(5.0, Reason.SERVER, PROBLEM))
        await store.change(Selection(ids=(1,)), Resume(), "Jane")
        events = await desk.history_of(1, newest=newest)
        assert await desk.history_of(99) == []
    told = [(event.event, event.state, event.who) for event in events]
    expected = [
        ("stored", State.PENDING, ""),
        ("claimed", State.PROCESSING, "pump"),
        ("suspended", State.SUSPENDED, "pump"),
        ("resumed", State.PENDING, "Jane"),
    ]
    assert told == (expected if newest is None else expected[len(expected) - min(newest, 4) :])
    assert {event.item_id for event in events} <= {1}
