"""Accepting, claiming and finishing: every verb and every outcome."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.errors import IllegalTransition, StaleClaim, StoreError
from pywats_trio.model import (
    Converted,
    Delivered,
    Failed,
    Kind,
    Putaway,
    Reason,
    Released,
    State,
    Wait,
)
from pywats_trio.queue.actions import Charge, Resume
from pywats_trio.queue.selection import Selection
from pywats_trio.queue.store import Topic
from tests.contract.kit import (
    FILE_OUTCOMES,
    OUTCOMES,
    PROBLEM,
    REPORT_OUTCOMES,
    Bench,
    a_file,
    a_report,
    assert_counts,
    some_files,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from pywats_trio.model import Claim
    from pywats_trio.queue.store import Store

LEADS_TO = {
    "converted": State.COMPLETED,
    "delivered": State.COMPLETED,
    "wait": State.SUSPENDED,
    "server away": State.SUSPENDED,
    "failed": State.FAILED,
    "quarantined": State.QUARANTINED,
    "superseded": State.COMPLETED,
    "released": State.PENDING,
}
COUNTED = {"converted", "delivered", "wait", "failed", "quarantined"}
PUT_AWAY = {"converted", "failed", "quarantined"}


async def test_an_accepted_file_is_pending_with_all_its_facts(bench: Bench) -> None:
    envelope = a_file("/in/a b.txt", priority=3, max_attempts=7)
    async with bench.open() as store, bench.desk() as desk:
        [item_id] = await store.put([envelope])
        assert item_id is not None
        item = await desk.item(item_id)
    assert item is not None
    assert (item.id, item.kind, item.state) == (item_id, Kind.FILE, State.PENDING)
    assert (item.priority, item.attempts, item.max_attempts) == (3, 0, 7)
    assert (item.source, item.identity) == ("/in/a b.txt", envelope.identity)
    assert (item.interruptions, item.deaths, item.progress) == (0, 0, 0)
    assert (item.created_at, item.due_at, item.started_at) == (1_000_000.0, None, None)
    assert item.correlation_id
    assert item.putaway is Putaway.NONE


async def test_a_stored_report_keeps_its_header_and_its_bytes(bench: Bench) -> None:
    body = b'{"pn": "\xff is no text"}'
    async with bench.open() as store:
        await store.put([a_report(body)])
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
    assert claim.payload == body
    item = claim.item
    assert item.sha256 == hashlib.sha256(body).hexdigest()
    assert (item.serial_number, item.part_number, item.result) == ("SN1", "PN1", "P")
    assert (item.report_id[:8], item.start) == ("0b0e3a2c", "2026-01-02T03:04:05Z")


async def test_put_answers_in_the_order_it_was_asked(bench: Bench) -> None:
    async with bench.open() as store:
        ids = await store.put(some_files(5))
        again = await store.put([*some_files(2), a_file("/in/new.txt", inode=99)])
        assert ids == sorted(ids, key=lambda n: n or 0)
        assert again[:2] == [None, None]
        assert again[2] not in {None, *ids}
        assert await store.put([]) == []


async def test_claims_come_by_priority_then_in_the_order_they_came(bench: Bench) -> None:
    priorities = [5, 1, 10, 1, 5, 9, 1]
    files = [a_file(f"/in/{n}.txt", inode=n + 1, priority=p) for n, p in enumerate(priorities)]
    async with bench.open() as store:
        await store.put(files)
        claims = [claim async for claim in _two_by_two(store)]
    expected = sorted(range(len(files)), key=lambda n: (priorities[n], n))
    assert [claim.item.source for claim in claims] == [files[n].source for n in expected]


async def _two_by_two(store: Store) -> AsyncIterator[Claim]:
    while claims := await store.claim(Kind.FILE, 2, "job"):
        for claim in claims:
            yield claim


@pytest.mark.parametrize(("limit", "expected"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3)])
async def test_a_claim_takes_no_more_than_its_limit(
    bench: Bench, limit: int, expected: int
) -> None:
    async with bench.open() as store:
        await store.put(some_files(3))
        assert len(await store.claim(Kind.FILE, limit, "job")) == expected


async def test_a_claim_is_of_one_kind_and_shows_the_item_as_it_is_now(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([a_report(), a_file()])
        assert_counts(bench, store)
        [claim] = await store.claim(Kind.FILE, 9, "job")
        assert claim.item.kind is Kind.FILE
        assert claim.item.state is State.PROCESSING
        assert claim.item.started_at == 1_000_000.0
        assert claim.payload is None
        assert await store.claim(Kind.FILE, 9, "job") == []
        assert_counts(bench, store)


@pytest.mark.parametrize("name", FILE_OUTCOMES)
async def test_every_outcome_of_a_file(bench: Bench, name: str) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_file()])
        [claim] = await store.claim(Kind.FILE, 1, "job")
        assert await store.finish(claim, OUTCOMES[name]) is LEADS_TO[name]
        assert_counts(bench, store)
        item = await desk.item(claim.item.id)
        away = await desk.to_put_away("ict", 10)
    assert item is not None
    assert item.state is LEADS_TO[name]
    assert item.attempts == (name in COUNTED)
    assert item.interruptions == (name == "released")
    assert item.deaths == (name == "quarantined")
    assert (item.due_at is not None) == (item.state is State.SUSPENDED)
    assert (item.reason is not None) == (item.state is State.SUSPENDED)
    assert (item.finished_at is not None) == (name in {*PUT_AWAY, "superseded"})
    assert (item.putaway is Putaway.PENDING) == (name in PUT_AWAY) == ([item] == away)
    assert item.sha256 == ("ab" * 32 if name == "converted" else "")


@pytest.mark.parametrize("name", REPORT_OUTCOMES)
async def test_every_outcome_of_a_report(bench: Bench, name: str) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_report(b"body")])
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        assert await store.finish(claim, OUTCOMES[name]) is LEADS_TO[name]
        assert_counts(bench, store)
        item = await desk.item(claim.item.id)
        assert bench.payload(claim.item.id) == (None if name == "delivered" else b"body")
    assert item is not None
    assert item.attempts == (name in COUNTED)
    assert item.putaway is Putaway.NONE
    assert item.sha256 == hashlib.sha256(b"body").hexdigest()
    if name in {"wait", "failed", "quarantined"}:
        assert (item.error_kind, item.last_error) == (PROBLEM.kind, PROBLEM.message)


async def test_the_reports_of_a_file_share_its_correlation_id(bench: Bench) -> None:
    reports = (a_report(b"1"), a_report(b"2"))
    async with bench.open() as store:
        await store.put([a_file()])
        [claim] = await store.claim(Kind.FILE, 1, "job")
        await store.finish(claim, Converted(reports, ""))
        assert_counts(bench, store)
        stored = await store.claim(Kind.REPORT, 9, "pump")
    assert [each.payload for each in stored] == [b"1", b"2"]
    assert {each.item.correlation_id for each in stored} == {claim.item.correlation_id}
    assert {each.item.parent_id for each in stored} == {claim.item.id}


async def test_two_drops_have_two_correlation_ids(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([*some_files(2), a_file("/in/c.txt", inode=9, correlation_id="mine")])
        ids = [claim.item.correlation_id for claim in await store.claim(Kind.FILE, 9, "job")]
    assert len(set(ids)) == 3
    assert ids[2] == "mine"


async def test_a_conversion_whose_commit_fails_never_happened(
    bench: Bench, arm: Callable[[str], None]
) -> None:
    outcome = Converted((a_report(b"1"), a_report(b"2")), "ab")
    async with bench.open() as store:
        await store.put([a_file()])
        [claim] = await store.claim(Kind.FILE, 1, "job")
        before = bench.history()
        arm("store.before_commit=raise@1")
        with pytest.raises(StoreError):
            await store.finish(claim, outcome)
        assert bench.history() == before
        assert bench.counted() == {(Kind.FILE, State.PROCESSING): 1}
        assert_counts(bench, store)
        assert store.next_due(Kind.REPORT) == 0.0  # nobody has looked yet: unknown

        assert await store.finish(claim, outcome) is State.COMPLETED
        assert store.counts().of(Kind.REPORT, State.PENDING) == 2
        assert_counts(bench, store)


@pytest.mark.parametrize("name", FILE_OUTCOMES)
async def test_a_stale_claim_is_refused_and_changes_nothing(bench: Bench, name: str) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_file()])
        [stale] = await store.claim(Kind.FILE, 1, "job")
        assert await store.recover("job") == 1
        [fresh] = await store.claim(Kind.FILE, 1, "job")
        before = (bench.history(), await desk.item(stale.item.id))
        with pytest.raises(StaleClaim):
            await store.finish(stale, OUTCOMES[name])
        assert (bench.history(), await desk.item(stale.item.id)) == before
        assert_counts(bench, store)
        assert await store.finish(fresh, OUTCOMES[name]) is LEADS_TO[name]


async def test_a_claim_is_finished_once(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([a_report()])
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        await store.finish(claim, Delivered("yes"))
        with pytest.raises(StaleClaim):
            await store.finish(claim, Failed(PROBLEM))
        assert_counts(bench, store)


async def test_an_illegal_transition_raises_and_changes_nothing(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([a_report()])
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        await store.finish(claim, OUTCOMES["server away"])
        before = bench.history()
        delivered = Charge(Delivered("no"))  # type: ignore[arg-type]  # what must be refused
        with pytest.raises(IllegalTransition):
            await store.change(Selection(), delivered, "operator")
        assert bench.history() == before
        assert_counts(bench, store)


async def _suspended(store: Store, reasons: Sequence[Reason]) -> None:
    await store.put([a_report(b"%d" % n) for n in range(len(reasons))])
    for claim, reason in zip(
        await store.claim(Kind.REPORT, len(reasons), "pump"), reasons, strict=True
    ):
        await store.finish(claim, Wait(60.0, reason, PROBLEM))


async def test_resume_brings_back_what_is_selected(bench: Bench) -> None:
    async with bench.open() as store:
        await _suspended(store, [Reason.SERVER, Reason.RETRY, Reason.SERVER])
        bell = store.bell(Topic.REPORT).ticket()
        assert await store.change(Selection(reason=Reason.SERVER), Resume(), "pump") == 2
        await bell.wait()
        assert_counts(bench, store)
        assert store.counts().of(Kind.REPORT, State.PENDING) == 2
        assert await store.change(Selection(kind=Kind.FILE), Resume(), "pump") == 0
        assert await store.change(Selection(states=(State.PENDING,)), Resume(), "pump") == 0
        assert len(await store.claim(Kind.REPORT, 9, "pump")) == 2


async def test_a_selection_of_no_ids_is_nothing_and_without_ids_is_all(bench: Bench) -> None:
    async with bench.open() as store:
        await _suspended(store, [Reason.SERVER, Reason.SERVER, Reason.SERVER])
        assert await store.change(Selection(ids=()), Resume(), "pump") == 0
        assert await store.change(Selection(ids=(1, 2, 99)), Resume(), "pump") == 2
        assert await store.change(Selection(), Resume(), "pump") == 1
        assert_counts(bench, store)


async def test_a_charged_wait_counts_after_all(bench: Bench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await _suspended(store, [Reason.SERVER, Reason.SERVER])
        retry = Wait(9.0, Reason.RETRY, PROBLEM, counts=True)
        assert await store.change(Selection(ids=(1,)), Charge(retry), "pump") == 1
        assert await store.change(Selection(ids=(2,)), Charge(Failed(PROBLEM)), "pump") == 1
        assert_counts(bench, store)
        first, second = await desk.items()
        assert bench.payload(2) is not None
    assert (first.state, first.reason, first.attempts) == (State.SUSPENDED, Reason.RETRY, 1)
    assert (second.state, second.attempts) == (State.FAILED, 1)
    assert first.duration == second.duration == 0.0


async def test_claims_of_an_owner_are_recovered_at_no_cost(bench: Bench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([*some_files(3), a_report()])
        await store.claim(Kind.FILE, 2, "mine")
        await store.claim(Kind.FILE, 1, "other")
        await store.claim(Kind.REPORT, 1, "pump")
        bell = store.bell(Topic.FILE).ticket()
        assert await store.recover("mine") == 2
        await bell.wait()
        assert_counts(bench, store)
        assert store.counts().of(Kind.FILE, State.PENDING) == 2
        assert await store.recover("mine") == 0
        assert await store.recover() == 2
        assert_counts(bench, store)
        items = await desk.items()
    assert {(item.state, item.interruptions, item.attempts) for item in items} == {
        (State.PENDING, 1, 0)
    }


async def test_everything_is_there_after_reopening(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([*some_files(2), a_report(b"body")])
        await store.claim(Kind.FILE, 1, "job")
        counts = store.counts().by
    async with bench.open() as store, bench.desk() as desk:
        assert {key: n for key, n in counts.items() if n} == store.counts().by
        assert await store.put(some_files(2)) == [None, None]
        assert await store.recover() == 1
        assert len(await store.claim(Kind.FILE, 9, "job")) == 2
        [report] = await store.claim(Kind.REPORT, 1, "pump")
        assert report.payload == b"body"
        assert len(await desk.items()) == 3


async def test_a_finished_item_rings_for_room_and_a_file_for_its_source(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([a_file()])
        [claim] = await store.claim(Kind.FILE, 1, "job")
        tickets = [store.bell(topic).ticket() for topic in (Topic.ROOM, Topic.PUTAWAY)]
        await store.finish(claim, Converted((), ""))
        with trio.fail_after(10):
            for ticket in tickets:
                await ticket.wait()


async def test_a_released_item_can_be_claimed_at_once(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([a_file()])
        [claim] = await store.claim(Kind.FILE, 1, "job")
        await store.finish(claim, Released())
        [again] = await store.claim(Kind.FILE, 1, "job")
        assert again.fence != claim.fence
        assert again.item.interruptions == 1


@pytest.mark.parametrize("odd", ["\ud800", "caf\udce9", "nul\0 and \n line"])
async def test_text_that_no_encoder_takes_does_not_stop_the_store(bench: Bench, odd: str) -> None:
    problem = PROBLEM.__class__("odd", odd, odd, odd)
    report = a_report(serial_number=odd, part_number=odd, start=odd)
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_file()])
        [claim] = await store.claim(Kind.FILE, 1, "job")
        await store.finish(claim, Converted((report,), "", note=odd))
        [sent] = await store.claim(Kind.REPORT, 1, "pump")
        await store.finish(sent, Wait(1.0, Reason.SERVER, problem))
        await store.note("odd", {"what": odd})
        item = await desk.item(sent.item.id)
    assert item is not None
    item.last_error.encode()
    item.serial_number.encode()


async def test_a_closed_store_says_so(bench: Bench) -> None:
    async with bench.open() as store:
        await store.close()
        with pytest.raises(StoreError, match="the queue is closed"):
            await store.put([a_file()])
