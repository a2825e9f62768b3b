"""`why`: what became of a unit and what it waits for, in every state that an item can be in."""

from __future__ import annotations

import itertools
import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from pywats_trio.commands.command import BadArguments
from pywats_trio.commands.desk import CommandDesk
from pywats_trio.commands.queue import story, why
from pywats_trio.config.options import Config, ConverterOptions
from pywats_trio.control import ServiceState
from pywats_trio.errors import NotFoundError
from pywats_trio.intake.names import candidates
from pywats_trio.model import (
    Converted,
    Delivered,
    Failed,
    Kind,
    Problem,
    Quarantined,
    Reason,
    Released,
    Superseded,
    Wait,
)
from pywats_trio.observe.board import Cause, Unaccepted
from pywats_trio.queue.actions import Hold, Release, Remove, Reprioritize, Retry
from pywats_trio.queue.selection import Selection
from pywats_trio.queue.store import PutAway
from pywats_trio.queue.trace import COUNTED
from tests.commands.kit import VIEWER, House
from tests.contract.kit import a_file, a_report

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pywats_trio.model import Outcome
    from pywats_trio.queue.actions import Action

REFUSED = Problem("rejected", "the server says no", "Correct the report.")
AWAY = Problem("connect", "no connection", "Look at the network.")
PATH = "/in/a.json"


class Shop(House):
    """A house whose queue is filled and asked by the tests."""

    def __init__(self) -> None:
        super().__init__()
        self.board.state = ServiceState.RUNNING
        self.board.delivery = lambda: {"breaker": "closed", "outage": None, "next_try_seconds": 0}
        self._inodes = itertools.count(1)

    async def why(self, what: str, **more: Any) -> dict[str, Any]:
        stopped = self.board.state is ServiceState.STOPPED
        return await CommandDesk(self, stopped=stopped).ask("why", {"what": what, **more}, VIEWER)

    async def unit(self, what: str) -> dict[str, Any]:
        [unit] = (await self.why(what))["units"]
        assert isinstance(unit, dict)
        return unit

    async def waits(self, what: str) -> dict[str, Any] | None:
        waits: dict[str, Any] | None = (await self.unit(what))["waits_for"]
        return waits

    async def work(self, kind: Kind, outcome: Outcome, owner: str = "") -> None:
        for claim in await self.queue().store.claim(kind, 100, owner or f"{kind} 1"):
            await self.queue().store.finish(claim, outcome)

    async def dropped(self, path: str = PATH) -> int:
        [item_id] = await self.queue().store.put([a_file(path, inode=next(self._inodes))])
        assert item_id is not None
        return item_id

    async def converted(self, *serials: str) -> None:
        """A file with these reports, put away."""
        item_id = await self.dropped()
        reports = tuple(
            a_report(serial_number=serial, report_id=f"id-{serial.lower()}") for serial in serials
        )
        await self.work(Kind.FILE, Converted(reports, "ab", worker="worker 7"), "convert 1")
        await self.queue().store.put_away([PutAway(item_id, "/in/Done/a.json")])

    async def change(self, action: Action, *ids: int) -> None:
        assert await self.queue().store.change(Selection(ids=ids), action, "ann") == len(ids)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with opened(tmp_path) as shop:
        yield shop


@asynccontextmanager
async def opened(tmp_path: Path) -> AsyncIterator[Shop]:
    shop = Shop()
    async with shop.with_queue(tmp_path):
        yield shop


def words(unit: dict[str, Any]) -> list[str]:
    """The story without its times."""
    return [line.partition(" ")[2] for line in unit["story"]]


# What became of it


async def test_a_delivered_unit(shop: Shop) -> None:
    await shop.converted("S1")
    await shop.work(Kind.REPORT, Delivered('{"ok": 1}'), "deliver 1")
    told = await shop.why("S1")
    [unit] = told["units"]
    assert (told["what"], told["found_by"], told["more"]) == ("S1", ["serial_number"], 0)
    assert unit["outcome"].startswith("delivered: the report is on the server since 20")
    assert words(unit) == [
        "accepted from /in/a.json (converter ict)",
        "converted into 1 report by convert 1, worker 7",
        "report id-s1 stored, serial number S1",
        "moved to /in/Done/a.json",
        'delivered: {"ok": 1}',
    ]
    assert unit["waits_for"] is None
    file, [report] = unit["file"], unit["reports"]
    assert (file["original"], file["source"]) == (PATH, "/in/Done/a.json")
    assert (file["worker"], file["putaway"]) == ("worker 7", "done")
    assert (report["state"], report["receipt"]) == ("COMPLETED", '{"ok": 1}')
    assert [row["event"] for row in report["history"]] == ["stored", "claimed", "delivered"]


async def test_of_several_reports_the_story_names_each(shop: Shop) -> None:
    await shop.converted("S1", "S2", "S3")
    [first, second, _third] = await shop.queue().store.claim(Kind.REPORT, 3, "deliver 1")
    await shop.queue().store.finish(first, Delivered("ok"))
    await shop.queue().store.finish(second, Failed(REFUSED))
    unit = await shop.unit(PATH)
    assert unit["outcome"] == (
        "1 of 3 reports are delivered; report 3 is not delivered, it is FAILED: the server says no"
    )
    assert words(unit)[-3:] == [
        "report 4: delivery began (deliver 1)",
        "report 2: delivered: ok",
        "report 3: delivery failed at attempt 1 of 3; rejected: the server says no",
    ]
    assert unit["report_count"] == 3
    await shop.work(Kind.REPORT, Delivered("ok"))
    assert [r["waits_for"] and r["waits_for"]["what"] for r in unit["reports"]] == [
        None,
        "operator",
        "work",
    ]


async def test_all_reports_are_delivered(shop: Shop) -> None:
    await shop.converted("S1", "S2")
    await shop.work(Kind.REPORT, Delivered("ok"))
    assert (await shop.unit("S2"))["outcome"].startswith("delivered: all 2 reports are on the")


async def test_what_an_operator_did_is_told(shop: Shop) -> None:
    await shop.converted("S1")
    await shop.work(Kind.REPORT, Failed(REFUSED))
    await shop.change(Retry(), 2)
    await shop.change(Reprioritize(1), 2)
    await shop.change(Hold("look at it"), 2)
    await shop.change(Release(), 2)
    await shop.work(Kind.REPORT, Released("stopped"))
    await shop.queue().store.claim(Kind.REPORT, 1, "deliver 2")
    await shop.queue().store.recover()
    assert words(await shop.unit("S1"))[4:] == [
        "delivery failed at attempt 1 of 3; rejected: the server says no",
        "retried by ann: it was FAILED",
        "priority changed by ann: priority 1, it was 5",
        "held by ann: look at it",
        "released by ann",
        "delivery given up: stopped",
        "delivery given up: cut off by a crash or a stop",
    ]


async def test_a_file_that_was_moved_twice_says_where_it_lies(shop: Shop) -> None:
    item_id = await shop.dropped()
    await shop.work(Kind.FILE, Failed(REFUSED))
    await shop.queue().store.put_away([PutAway(item_id, "/in/Error/a.json")])
    await shop.change(Retry(), item_id)
    await shop.work(Kind.FILE, Converted((), "ab", worker="worker 7"), "convert 1")
    await shop.queue().store.put_away([PutAway(item_id, "/in/Done/a.json")])
    assert words(await shop.unit(PATH))[2:] == [
        "moved out of the watch folder",
        "retried by ann: it was FAILED",
        "converted by convert 1, worker 7",
        "moved to /in/Done/a.json",
    ]


@pytest.mark.parametrize("message", ["it was deleted, as configured"])
async def test_a_file_that_is_not_moved_says_what_became_of_it(shop: Shop, message: str) -> None:
    item_id = await shop.dropped()
    await shop.work(Kind.FILE, Converted((), "ab"))
    await shop.queue().store.put_away([PutAway(item_id, "", message)])
    assert words(await shop.unit(PATH))[-1] == f"put away: {message}"


async def test_a_repeat_says_so(shop: Shop) -> None:
    await shop.converted("S1")
    await shop.converted("S1")
    newer, older = (await shop.why("S1"))["units"]
    assert (newer["reports"][0]["repeat_of"], older["reports"][0]["repeat_of"]) == (2, None)
    assert words(newer)[2] == (
        "report id-s1 stored, serial number S1; a repeat, it was stored before as item 2"
    )


async def test_what_was_imported_has_its_past(shop: Shop) -> None:
    past = ("error: timed out", "attempt 2")
    await shop.queue().store.put([evolve(a_report(serial_number="S1"), past=past)])
    unit = await shop.unit("S1")
    assert unit["file"] is None
    assert words(unit)[:2] == ["imported: error: timed out", "imported: attempt 2"]


async def test_a_replaced_file_says_what_became_of_it(shop: Shop) -> None:
    await shop.dropped()
    await shop.work(Kind.FILE, Superseded("it was replaced"))
    unit = await shop.unit(PATH)
    assert unit["outcome"] == "nothing was sent of it: it was replaced"
    assert unit["waits_for"] is None


async def test_a_file_whose_reports_are_gone_says_so(shop: Shop) -> None:
    await shop.converted("S1")
    await shop.work(Kind.REPORT, Delivered("ok"))
    await shop.change(Remove(), 2)
    told = (await shop.unit(PATH))["outcome"]
    assert told == "it was converted, and its reports are not in the queue any more"


@pytest.mark.parametrize("count", [story.LINES - 1, story.LINES, story.LINES + 1, 60])
async def test_a_long_story_leaves_out_its_middle(shop: Shop, count: int) -> None:
    await shop.queue().store.put([a_report()])
    for number in range(count - 1):
        await shop.change(Reprioritize(1 + number % 10), 1)
    told = (await shop.unit("1"))["story"]
    if count <= story.LINES:
        assert len(told) == count
        assert not any(line.startswith("...") for line in told)
        return
    assert len(told) == story.LINES
    assert told[story.FIRST] == f"... {count - story.LINES + 1} more ..."
    assert told[0].endswith("serial number SN1")
    assert told[-1].endswith(f"it was {1 + (count - 3) % 10}")


# What it waits for


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    ("state", "what", "why"),
    [
        (ServiceState.STOPPED, "service", "the service does not run"),
        (ServiceState.PAUSED, "resume", "the service is paused: because"),
        (ServiceState.DRAINING, "service", "the service is draining: because"),
        (ServiceState.RUNNING, "turn", "it is the next of converter 'ict'"),
        (ServiceState.DEGRADED, "turn", "it is the next of converter 'ict'"),
    ],
)
async def test_pending_waits_for_the_service_or_its_turn(
    shop: Shop, kind: Kind, state: ServiceState, what: str, why: str
) -> None:
    await shop.queue().store.put([a_file() if kind is Kind.FILE else a_report()])
    shop.board.state, shop.board.cause = state, "because"
    waits = await shop.waits("1")
    assert waits is not None
    assert (waits["what"], waits["why"], waits["next_try"]) == (what, why, None)
    assert waits["since"]


async def test_pending_knows_how_many_are_before_it(shop: Shop) -> None:
    await shop.queue().store.put([a_report(serial_number=f"S{n}") for n in range(3)])
    waits = await shop.waits("S2")
    assert waits is not None
    assert waits["why"] == "2 of converter 'ict' are before it"
    assert "queue priority" in waits["hint"]


@pytest.mark.parametrize(
    ("ahead", "told"), [(COUNTED - 1, "999"), (COUNTED, "1000 or more"), (COUNTED + 1, "1000 or")]
)
async def test_those_before_it_are_counted_up_to_a_number(
    shop: Shop, ahead: int, told: str
) -> None:
    await shop.queue().store.put([a_report()] * (ahead + 1))
    waits = await shop.waits(str(ahead + 1))
    assert waits is not None
    assert waits["why"].startswith(f"{told} ")


async def test_nothing_is_begun_while_nothing_can_be_committed(shop: Shop) -> None:
    await shop.queue().store.put([a_report()])
    shop.board.begin(Cause.STORE, "", "the disk is full", "make room")
    waits = await shop.waits("1")
    assert waits is not None
    assert (waits["what"], waits["why"], waits["hint"]) == (
        "store",
        "the disk is full",
        "make room",
    )


@pytest.mark.parametrize("told", [True, False])
async def test_nothing_is_begun_on_a_full_disk(shop: Shop, told: bool) -> None:
    await shop.queue().store.put([a_report()])
    shop.queue().store.claimable = False
    if told:
        shop.board.begin(Cause.DISK, "", "1 MiB is free", "make room")
    waits = await shop.waits("1")
    assert waits is not None
    assert (waits["what"], waits["why"]) == (
        "store",
        "1 MiB is free" if told else "nothing is begun while the disk of data_dir is full",
    )


async def test_a_disk_that_only_stops_the_intake_holds_nothing_up(shop: Shop) -> None:
    await shop.queue().store.put([a_report()])
    shop.board.begin(Cause.DISK, "", "1 GiB is free", "make room")
    waits = await shop.waits("1")
    assert waits is not None
    assert waits["what"] == "turn"


@pytest.mark.parametrize("suspended", [True, False])
@pytest.mark.parametrize("cause", [Cause.SERVER, Cause.AUTH])
async def test_a_report_waits_for_the_server(shop: Shop, cause: Cause, suspended: bool) -> None:
    await shop.queue().store.put([a_report()])
    if suspended:
        await shop.work(Kind.REPORT, Wait(500.0, Reason.SERVER, AWAY))
    shop.board.clock = lambda: 1_000_000.0
    shop.board.begin(cause, "https://wats", "it is away", "ask its people")
    outage = {"breaker": "open", "outage": {"class": "connect"}, "next_try_seconds": 30.0}
    shop.board.delivery = lambda: outage
    waits = await shop.waits("1")
    assert waits == {
        "what": "server",
        "why": "it is away",
        "hint": "ask its people",
        "since": "1970-01-12T13:46:40.000Z",
        "next_try": "1970-01-12T13:47:10.000Z",
    }


async def test_a_report_put_off_while_no_outage_is_known_has_its_own_time(shop: Shop) -> None:
    await shop.queue().store.put([a_report()])
    await shop.work(Kind.REPORT, Wait(500.0, Reason.SERVER, AWAY))
    waits = await shop.waits("1")
    assert waits is not None
    assert (waits["what"], waits["why"]) == ("server", "no connection")
    assert waits["next_try"] == (await shop.unit("1"))["reports"][0]["due_at"]


async def test_without_a_server_reports_wait_for_one(shop: Shop) -> None:
    await shop.queue().store.put([a_report(), a_file()])
    shop.board.delivery = lambda: {"breaker": None, "outage": None}
    report, file = await shop.waits("1"), await shop.waits("2")
    assert report is not None
    assert file is not None
    assert (report["what"], report["why"]) == ("server", "no server is configured")
    assert file["what"] == "turn"


async def test_a_retry_has_its_time(shop: Shop) -> None:
    await shop.queue().store.put([a_report()])
    await shop.work(Kind.REPORT, Wait(60.0, Reason.RETRY, REFUSED, counts=True))
    shop.board.begin(Cause.CONVERTER, "ict", "another's trouble")
    waits = await shop.waits("1")
    assert waits is not None
    assert waits["what"] == "retry"
    assert waits["why"] == "tried 1 of 3 times: the server says no"
    assert waits["hint"] == "Correct the report."
    assert waits["next_try"] == (await shop.unit("1"))["reports"][0]["due_at"]


@pytest.mark.parametrize("known", [True, False])
async def test_a_file_waits_for_its_converter(shop: Shop, known: bool) -> None:
    await shop.dropped()
    problem = Problem("converter", "it has a mistake", "Correct it.")
    await shop.work(Kind.FILE, Wait(30.0, Reason.CONVERTER, problem))
    shop.board.begin(Cause.CONVERTER, "other", "not this one")
    if known:
        shop.board.begin(Cause.CONVERTER, "ict", "it cannot be used", "mend it")
    waits = await shop.waits("1")
    assert waits is not None
    told = ("it cannot be used", "mend it") if known else ("it has a mistake", "Correct it.")
    assert (waits["what"], waits["why"], waits["hint"]) == ("converter", *told)
    assert waits["next_try"] is not None


async def test_held_names_who_and_how_to_go_on(shop: Shop) -> None:
    await shop.queue().store.put([a_report()])
    await shop.change(Hold("for a look"), 1)
    await shop.queue().store.change(Selection(ids=(1,)), Reprioritize(1), "bob")
    shop.board.state = ServiceState.STOPPED  # that is not what it waits for
    waits = await shop.waits("1")
    assert waits is not None
    assert (waits["what"], waits["why"]) == ("release", "held by ann: for a look")
    assert waits["hint"] == "`pywats-trio queue release 1` lets it go on"
    assert (await shop.unit("1"))["outcome"] == "report 1 is not delivered, it is HELD"


@pytest.mark.parametrize(
    ("outcome", "state"), [(Failed(REFUSED), "FAILED"), (Quarantined(REFUSED), "QUARANTINED")]
)
async def test_what_failed_waits_for_an_operator(shop: Shop, outcome: Outcome, state: str) -> None:
    await shop.dropped()
    await shop.work(Kind.FILE, outcome)
    unit = await shop.unit(PATH)
    assert unit["outcome"] == f"not converted, its file is {state}: the server says no"
    assert unit["waits_for"]["what"] == "operator"
    assert unit["waits_for"]["hint"] == (
        "Correct the report; the file was last known to lie at /in/a.json; "
        "`pywats-trio queue retry 1` tries it again"
    )
    assert words(unit)[-1].startswith(f"conversion {state.lower()} at attempt 1 of 3; rejected: ")


@pytest.mark.parametrize(("done", "told"), [(0, ""), (1, ", 1 %"), (40, ", 40 %")])
async def test_what_is_worked_on_says_how_far_it_is(shop: Shop, done: int, told: str) -> None:
    await shop.dropped()
    await shop.queue().store.claim(Kind.FILE, 1, "convert 1")
    shop.progresses[1] = done
    unit = await shop.unit("1")
    assert unit["waits_for"]["what"] == "work"
    assert unit["waits_for"]["why"] == f"it is being converted by convert 1{told}"
    assert unit["waits_for"]["since"] == unit["file"]["started_at"]
    assert unit["file"]["progress"] == done
    assert words(unit)[-1] == "conversion began (convert 1)"


@pytest.mark.parametrize(
    ("state", "what"),
    [
        (ServiceState.RUNNING, "putaway"),
        (ServiceState.PAUSED, "putaway"),
        (ServiceState.STOPPED, "service"),
    ],
)
async def test_a_converted_file_waits_to_be_put_away(
    shop: Shop, state: ServiceState, what: str
) -> None:
    await shop.dropped()
    await shop.work(Kind.FILE, Converted((), "ab"))
    shop.board.state = state
    waits = await shop.waits("1")
    assert waits is not None
    assert waits["what"] == what
    if what == "putaway":
        assert waits["hint"] == "enable the converter 'ict'"
        shop.board.begin(Cause.FOLDER, "ict: files cannot be put away", "no such folder", "make it")
        waits = await shop.waits("1")
        assert waits is not None
        assert (waits["why"], waits["hint"]) == ("no such folder", "make it")


# Files that are not items yet


@pytest.mark.parametrize(
    ("why_", "hint"),
    [
        ("changing", "it is taken once it stood still for `settle_seconds`"),
        ("open for writing", "it is taken once whoever writes it closes it"),
        ("marker missing", "write its marker, NAME.done, beside it (settle = marker)"),
        ("not moved in", "move it in from another folder (settle = renamed)"),
        ("about to be accepted", ""),
    ],
)
@pytest.mark.parametrize("what", [PATH, "a.json"])
async def test_a_file_that_was_only_seen(shop: Shop, what: str, why_: str, hint: str) -> None:
    seen = Unaccepted("ict", PATH, why_, 5.0)
    shop.board.clock = lambda: 1_000_000.0
    shop.board.not_accepted = lambda wanted: [seen] if wanted(seen.path) else []
    told = await shop.why(what)
    assert (told["found_by"], told["more"]) == (["file"], 0)
    [unit] = told["units"]
    assert unit["outcome"] == f"/in/a.json was seen and is not accepted yet: {why_}"
    assert unit["waits_for"] == {
        "what": "intake",
        "why": why_,
        "hint": hint,
        "since": "1970-01-12T13:46:35.000Z",
        "next_try": None,
    }
    assert (unit["file"], unit["reports"], unit["story"]) == (None, [], [])
    with pytest.raises(NotFoundError):
        await shop.why("b.json")


async def test_a_file_waits_outside_while_the_queue_is_full_or_the_service_paused(
    shop: Shop,
) -> None:
    seen = Unaccepted("ict", PATH, "intake stopped", 5.0)
    shop.board.not_accepted = lambda _wanted: [seen]
    waits = await shop.waits(PATH)
    assert waits is not None
    assert waits["why"] == "intake stopped"
    shop.board.begin(Cause.MEMORY, "", "little memory is left", "end something")
    waits = await shop.waits(PATH)
    assert waits is not None
    assert (waits["why"], waits["hint"]) == ("little memory is left", "end something")
    shop.board.state, shop.board.cause = ServiceState.PAUSED, "paused by ann"
    waits = await shop.waits(PATH)
    assert waits is not None
    assert waits["why"] == "the service is paused: paused by ann"


async def test_a_file_dropped_again_stands_before_what_it_was(shop: Shop) -> None:
    await shop.converted("S1")
    shop.board.not_accepted = lambda _wanted: [Unaccepted("ict", PATH, "changing", 5.0)]
    first, second = (await shop.why(PATH))["units"]
    assert (first["file"], second["file"]["id"]) == (None, 1)
    told = await shop.why(PATH, limit=1)
    assert (len(told["units"]), told["more"]) == (1, 1)
    assert told["units"][0]["file"] is None


# What is not there


async def test_what_was_removed_is_told(shop: Shop) -> None:
    await shop.converted("S1")
    await shop.change(Remove(), 1, 2)
    told = await shop.why("S1")
    [unit] = told["units"]
    assert unit["outcome"].startswith(
        "item 2 (report, PENDING) was removed from the queue by ann at 20"
    )
    assert unit["removed"]["serial_number"] == "S1"
    assert (told["found_by"], unit["waits_for"]) == ([], None)


CONVERTERS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("line", "/in", {"patterns": ("*.json",), "ignore": ("~*",)}),
    ("off", "/off", {"enabled": False}),
    ("any", "/any", {}),
)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("S9", "delivered is kept for 7 days (queue.completed_retention)"),
        ("9", "delivered is kept for 7 days"),
        ("1", "there was an item of this number, and it is gone: what is delivered is kept"),
        ("/else/x.json", "no converter watches that folder"),
        ("/in/x.txt", "'line' watches there, but its `patterns` and `ignore` leave out such"),
        ("/in/~x.json", "'line' watches there, but its `patterns` and `ignore` leave out such"),
        ("/in/below/x.json", "'line' watches there, but not in that folder"),
        ("/in/x.json", "'line' watches there, and has seen no new file of this name"),
        ("/off/x.json", "'off' watches there, but is not enabled"),
        ("/any/x.json", "'any' watches there, and has seen no new file of this name"),
    ],
)
async def test_what_is_not_found_says_where_to_look(
    shop: Shop, tmp_path: Path, what: str, told: str
) -> None:
    lines = [
        ConverterOptions(name=name, watch=Path(folder), **more) for name, folder, more in CONVERTERS
    ]
    config = Config(data_dir=tmp_path, converters=tuple(lines))
    shop.open = evolve(shop.queue(), config=config)
    await shop.queue().store.put([a_report()])
    await shop.change(Remove(), 1)
    for number in range(25):  # long ago
        await shop.queue().store.note("service state", {"number": number})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pywats_trio.queue.trace.LOOKED_THROUGH", 20)
        with pytest.raises(NotFoundError) as caught:
            await shop.why(what)
    assert told in str(caught.value)
    assert repr(what) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", ["S9", "/in/x.json"])
async def test_a_stopped_service_takes_files_once_it_runs(shop: Shop, what: str) -> None:
    options = ConverterOptions(name="line", watch=Path("/in"))
    shop.open = evolve(shop.queue(), config=Config(converters=(options,)))
    shop.board.state = ServiceState.STOPPED
    with pytest.raises(NotFoundError, match="is accepted once the service runs"):
        await shop.why(what)


# Questions and limits


@pytest.mark.parametrize("what", ["", "a\0b", "x" * (why.LONGEST + 1)])
async def test_what_cannot_be_meant_is_refused(shop: Shop, what: str) -> None:
    with pytest.raises(BadArguments, match="must be a serial number"):
        await shop.why(what)


@pytest.mark.parametrize("length", [1, why.LONGEST - 1, why.LONGEST])
async def test_any_other_text_is_looked_for(shop: Shop, length: int) -> None:
    await shop.queue().store.put([a_report(serial_number="x" * length)])
    assert (await shop.why("x" * length))["found_by"] == ["serial_number"]


@pytest.mark.parametrize("limit", [0, why.MOST_UNITS + 1])
async def test_a_limit_out_of_its_range_is_refused(shop: Shop, limit: int) -> None:
    with pytest.raises(BadArguments, match="limit"):
        await shop.why("1", limit=limit)


@pytest.mark.parametrize("count", [why.UNITS - 1, why.UNITS, why.UNITS + 1])
async def test_so_many_units_unless_told(shop: Shop, count: int) -> None:
    await shop.queue().store.put([a_report(serial_number="S1")] * count)
    told = await shop.why("S1")
    assert len(told["units"]) == min(count, why.UNITS)
    assert len(told["units"]) + told["more"] == count


async def test_an_answer_fits_into_a_frame_whatever_its_texts(shop: Shop) -> None:
    """The worst of texts: each character is six bytes of JSON."""
    await shop.queue().store.put([a_report(serial_number="S1")] * why.MOST_UNITS)
    problem = Problem("rejected", "\u20ac" * 5000, "\u20ac" * 5000)
    for _ in range(3):
        await shop.work(Kind.REPORT, Wait(0.0, Reason.RETRY, problem, counts=True))
    told = await shop.why("S1", limit=why.MOST_UNITS)
    size = len(json.dumps(told))
    assert size < 1_000_000
    assert 1 < len(told["units"]) < why.MOST_UNITS
    assert len(told["units"]) + told["more"] == why.MOST_UNITS
    assert all(
        len(row["message"]) <= why.MESSAGE for row in told["units"][0]["reports"][0]["history"]
    )


@pytest.mark.parametrize("name", ["a.json", "a", "a.tar.gz", "a (2).json", ".json", "a\n.json"])
def test_a_former_name_is_what_putting_away_makes_names_from(name: str) -> None:
    for now in itertools.islice(candidates(name), 12):
        assert name in why.former_names(now)


async def test_the_explanation_of_a_file_stands_for_the_file(shop: Shop) -> None:
    await shop.dropped()
    for what in ("a.json.error.json", "/in/a.json.error.json"):
        assert (await shop.unit(what))["file"]["id"] == 1
