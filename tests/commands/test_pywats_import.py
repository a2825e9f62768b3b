"""`import_pywats`: both layouts of a pyWATS queue, whole, damaged, full and interrupted."""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, evolve

from pywats_trio import faultpoint
from pywats_trio.commands.desk import CommandDesk
from pywats_trio.commands.queue import pywats
from pywats_trio.commands.queue.pywats_folders import LARGEST_NOTE, survey
from pywats_trio.config.options import MIB, QueueOptions, WorkerOptions
from pywats_trio.control import ServiceState
from pywats_trio.errors import InvalidInputError, NotFoundError, QueueFull, StoreError
from pywats_trio.intake import moves
from pywats_trio.model import Kind, State
from pywats_trio.observe.board import Cause
from pywats_trio.service import handover
from tests.commands.kit import OPERATOR, House
from tests.commands.pywats_queues import NOON, Folder, local, report, report_id
from tests.contract.kit import a_report
from tests.e2e.books import derived_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from pywats_trio.model import Item


@define
class Import:
    """A queue of ours beside a folder of theirs."""

    house: House
    folder: Folder

    async def run(self) -> dict[str, Any]:
        """Once."""
        args = {"path": str(self.folder.path)}
        return dict(await CommandDesk(self.house).ask("import_pywats", args, OPERATOR))

    async def items(self) -> list[Item]:
        return await self.house.queue().desk.items()

    async def claimed(self) -> list[str]:
        """The serial numbers in the order in which they are sent."""
        claims = await self.house.queue().store.claim(Kind.REPORT, 500, "pump")
        return [claim.item.serial_number for claim in claims]

    async def past(self, item_id: int = 1) -> list[str]:
        """What the history says of its time in pyWATS."""
        events = await self.house.queue().desk.history_of(item_id)
        return [event.message for event in events if event.event == "imported"]

    def limit(self, **queue: Any) -> None:
        config = evolve(self.house.queue().config, queue=QueueOptions(**queue))
        self.house.open = evolve(self.house.queue(), config=config)


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Import]:
    house = House()
    house.board.state = ServiceState.RUNNING
    async with house.with_queue(tmp_path):
        yield Import(house, Folder(tmp_path / "pywats"))


@pytest.fixture
def arm() -> Iterator[Callable[[str], None]]:
    """`arm("name=raise@1")` makes the queue fail there, until the test ends."""
    yield faultpoint.arm
    faultpoint.arm("")


# The layout of its service


async def test_reports_of_the_service_come_in_their_order_with_their_errors(there: Import) -> None:
    there.folder.plain(1, "queued", at=NOON + 30)
    there.folder.plain(2, "processing", at=NOON + 10)
    there.folder.plain(3, "error", at=NOON + 20, error="no route to host")
    there.folder.plain(4, "completed", at=NOON)
    told = await there.run()
    assert told == {
        "folder": str(there.folder.path),
        "imported": 3,
        "already": 0,
        "delivered": 1,
        "renamed": 4,
        "skipped": [],
        "skipped_count": 0,
    }
    items = await there.items()
    assert [(item.serial_number, item.priority, item.attempts) for item in items] == [
        ("SN-2", 5, 0),
        ("SN-3", 5, 0),
        ("SN-1", 5, 0),
    ]
    assert {item.state for item in items} == {State.PENDING}
    came, failed = await there.past(2)
    assert came == (
        "it was 'error' in a queue of pyWATS, since 2026-01-01T12:00:20.000Z: "
        f"{there.folder.path}/r3.json.error"
    )
    assert failed == ("pyWATS could not deliver it, at 2026-01-01T12:00:00.000Z: no route to host")
    assert await there.claimed() == ["SN-2", "SN-3", "SN-1"]


async def test_an_id_and_a_start_are_kept_and_the_bytes_as_they_are(there: Import) -> None:
    content = there.folder.plain(1, "queued").read_bytes()
    await there.run()
    [item] = await there.items()
    assert (item.report_id, item.start) == (report_id(1), "2026-01-30T10:00:00+01:00")
    assert await there.house.queue().desk.payload(item.id) == content
    assert (item.converter, item.source) == ("submit", f"{there.folder.path}/r1.json.queued")


async def test_a_report_without_an_id_gets_the_one_that_submit_would_give_it(
    there: Import,
) -> None:
    content = report(1, id=...)
    there.folder.write("r.queued", content)
    await there.run()
    [item] = await there.items()
    assert item.report_id == derived_id(content, converter=handover.SUBMITTED)
    assert pywats.SUBMITTED == handover.SUBMITTED


async def test_what_a_failure_left_behind_is_history_of_the_next_try(there: Import) -> None:
    there.folder.plain(1, "queued", error="it failed once")
    there.folder.plain(2, "completed", error="it failed, too")
    told = await there.run()
    assert (told["imported"], told["delivered"]) == (1, 1)
    assert [text[-14:] for text in (await there.past())[1:]] == ["it failed once"]
    assert there.folder.names() == {
        *("r1.json.queued.imported", "r1.json.error.info.imported"),
        *("r2.json.completed", "r2.json.error.info"),
    }


async def test_a_new_file_beside_a_failed_one_has_no_part_in_its_failure(there: Import) -> None:
    there.folder.plain(1, "error", error="it failed")
    there.folder.write("r1.json.queued", report(2), NOON + 1)
    assert (await there.run())["imported"] == 2
    assert [len(await there.past(n)) for n in (1, 2)] == [2, 1]


# The layout of its library


async def test_items_of_the_library_come_by_priority_and_age(there: Import) -> None:
    there.folder.item(1, priority=7, created_at=local(NOON))
    there.folder.item(2, priority=2, created_at=local(NOON + 20))
    there.folder.item(3, "suspended", priority=2, created_at=local(NOON + 10), attempts=1)
    there.folder.item(4, "processing", priority=10, created_at=local(NOON))
    there.folder.item(5, "completed", priority=1)
    told = await there.run()
    assert (told["imported"], told["delivered"]) == (4, 1)
    found = [(item.serial_number, item.priority) for item in await there.items()]
    assert found == [("SN-3", 2), ("SN-2", 2), ("SN-1", 7), ("SN-4", 10)]
    assert await there.claimed() == ["SN-3", "SN-2", "SN-1", "SN-4"]
    assert await there.past(1) == [
        "it was 'suspended' in a queue of pyWATS, since 2026-01-01T12:00:10.000Z: "
        f"{there.folder.path}/{report_id(3)}.suspended.wsjf",
        "pyWATS tried it 1 time",
    ]


async def test_what_failed_there_waits_again_and_says_why(there: Import) -> None:
    there.folder.item(1, "failed", attempts=3, last_error="HTTP 500")
    await there.run()
    [item] = await there.items()
    assert (item.state, item.attempts) == (State.PENDING, 0)
    assert (await there.past())[1] == "pyWATS tried it 3 times; the last error: HTTP 500"


async def test_an_item_whose_report_kept_its_old_name_is_what_its_metas_say(
    there: Import,
) -> None:
    """The defect of pyWATS: a new meta file without a report for each change of state."""
    there.folder.item(1, "pending", priority=3)
    there.folder.meta(1, "processing", priority=3, attempts=1, updated_at=local(NOON + 5))
    there.folder.item(2, "pending")
    there.folder.meta(2, "processing", attempts=1)
    there.folder.meta(2, "completed", attempts=1)
    there.folder.item(3, "pending")
    there.folder.meta(3, "failed", attempts=3, last_error="refused")
    there.folder.meta(9, "processing", attempts=1)  # of an item that is not there
    told = await there.run()
    assert (told["imported"], told["delivered"], told["skipped"]) == (2, 1, [])
    first, third = await there.items()
    assert (first.serial_number, first.priority) == ("SN-1", 3)
    assert (await there.past(first.id))[1] == "pyWATS tried it 1 time"
    assert [text.partition(" in ")[0] for text in await there.past(third.id)] == [
        "it was 'failed'",
        "pyWATS tried it 3 times; the last error: refused",
    ]
    assert there.folder.names() == {
        *(f"{report_id(1)}.{name}.imported" for name in ("pending.wsjf", "pending.meta.json")),
        f"{report_id(1)}.processing.meta.json.imported",
        *(f"{report_id(3)}.{name}.imported" for name in ("pending.wsjf", "pending.meta.json")),
        f"{report_id(3)}.failed.meta.json.imported",
        *(f"{report_id(2)}.{state}.meta.json" for state in ("pending", "processing", "completed")),
        f"{report_id(2)}.pending.wsjf",
        f"{report_id(9)}.processing.meta.json",
    }


METAS_OF_ONE = {
    "more attempts": ({"attempts": 2, "updated_at": local(NOON)}, {"attempts": 1}),
    "newer": ({"updated_at": local(NOON + 61)}, {"updated_at": local(NOON + 60)}),
    "a time": ({"updated_at": local(NOON)}, {"updated_at": "never"}),
}


@pytest.mark.parametrize("names", [("pending", "suspended"), ("suspended", "pending")])
@pytest.mark.parametrize(("first", "second"), METAS_OF_ONE.values(), ids=METAS_OF_ONE)
async def test_of_two_metas_the_one_with_more_attempts_counts_then_the_newer_one(
    there: Import, names: tuple[str, str], first: dict[str, Any], second: dict[str, Any]
) -> None:
    there.folder.write(f"{report_id(1)}.pending.wsjf", report(1))
    there.folder.meta(1, names[0], priority=4, **{"updated_at": local(NOON + 60), **first})
    there.folder.meta(1, names[1], priority=9, **{"updated_at": local(NOON + 60), **second})
    await there.run()
    [item] = await there.items()
    assert item.priority == 4


async def test_a_failure_counts_whatever_other_metas_say(there: Import) -> None:
    there.folder.item(1, "pending", attempts=3, updated_at=local(NOON + 9))
    there.folder.meta(1, "failed", attempts=0)
    await there.run()
    assert (await there.past())[0].startswith("it was 'failed' in a queue of pyWATS")


@pytest.mark.parametrize(
    ("given", "taken"),
    [(1, 1), (10, 10), (0, 1), (11, 10), (-5, 1), (None, 5), ("2", 5), (2.5, 5), (True, 5)],
)
async def test_a_priority_that_there_is_not_is_the_nearest_or_the_usual_one(
    there: Import, given: object, taken: int
) -> None:
    there.folder.item(1, priority=given)
    await there.run()
    [item] = await there.items()
    assert item.priority == taken


METAS = {
    "no JSON": b"{",
    "no object": b"[1]",
    "not text": b"\xff\xfe\x00",
    "nothing": b"",
    "nested": b"[" * 100_000,
    "large": b'{"priority": 1}' + b" " * LARGEST_NOTE,
    "wrong types": b'{"priority": {}, "attempts": "x", "created_at": 5, "updated_at": [],'
    b' "status": null}',
    "no such times": b'{"created_at": "99999-01-01", "updated_at": "0001-01-01T00:00:00"}',
    "minus": b'{"attempts": -3, "last_error": ""}',
}


@pytest.mark.parametrize("content", METAS.values(), ids=METAS)
async def test_a_meta_file_that_is_none_costs_nothing_but_itself(
    there: Import, content: bytes
) -> None:
    there.folder.write(f"{report_id(1)}.pending.wsjf", report(1))
    there.folder.write(f"{report_id(1)}.pending.meta.json", content)
    assert (await there.run())["imported"] == 1
    [item] = await there.items()
    assert (item.serial_number, item.priority) == ("SN-1", 5)
    assert len(await there.past()) == 1


async def test_an_error_that_is_no_text_is_told_as_it_is(there: Import) -> None:
    there.folder.item(1, last_error={"code": 7}, attempts=0)
    await there.run()
    assert (await there.past())[1] == 'pyWATS gave it up; the last error: {"code": 7}'


async def test_bare_nan_is_read_as_elsewhere(there: Import) -> None:
    content = report(1, miscInfos=[{"description": "x", "numeric": math.nan}])
    assert b"NaN" in content
    there.folder.write(f"{report_id(1)}.pending.wsjf", content)
    assert (await there.run())["imported"] == 1
    body = await there.house.queue().desk.payload(1)
    assert body is not None
    assert json.loads(body)["miscInfos"][0]["numeric"] == "NaN"


# Both


async def test_a_folder_with_both_layouts_is_one_queue(there: Import) -> None:
    there.folder.item(1, priority=5, created_at=local(NOON + 5))
    there.folder.plain(2, "queued", at=NOON)
    there.folder.item(3, priority=1, created_at=local(NOON + 9))
    await there.run()
    assert await there.claimed() == ["SN-3", "SN-2", "SN-1"]


async def test_what_is_no_part_of_a_queue_is_left_alone(there: Import) -> None:
    for name in ("r.json", "queued", ".queued", "x.wsjf", "x.pending.wsjf.bak", "x.Queued"):
        there.folder.write(name, report(1))
    (there.folder.path / "sub").mkdir()
    Folder(there.folder.path / "sub").plain(2, "queued")
    before = there.folder.names()
    told = await there.run()
    assert (told["imported"], told["skipped"]) == (0, [])
    assert there.folder.names() == before


NAMES = [
    "with 'quotes' and space.queued",
    "line\nbreak.pending.wsjf",
    os.fsdecode(b"no-\xff-utf8.queued"),
    "x" * 248 + ".queued",
]


@pytest.mark.parametrize("name", NAMES)
async def test_any_name_will_do(there: Import, name: str) -> None:
    there.folder.write(name, report(1))
    assert (await there.run())["imported"] == 1
    [renamed] = there.folder.names()
    assert renamed.endswith(".imported")
    assert len(os.fsencode(renamed)) <= 255
    told = await there.run()
    assert (told["imported"], told["already"], told["skipped"]) == (0, 0, [])


# What cannot be used

UNUSABLE = {
    "r.queued": (b"", "the file is empty"),
    "cut.queued": (report(1)[:-20], "JSON ends in the middle"),
    "no.queued": (report(1, pn=...), "pn"),
    "two.queued": (report(1) + report(2), "there are 2 reports in it"),
    "x.pending.wsjf": (b"<html>", "not JSON"),
}


async def test_a_report_that_cannot_be_sent_is_told_and_left_alone(there: Import) -> None:
    for name, (content, _why) in UNUSABLE.items():
        there.folder.write(name, content)
    there.folder.meta(8, "pending")
    there.folder.plain(7, "queued")
    told = await there.run()
    assert (told["imported"], told["skipped_count"]) == (1, len(UNUSABLE))
    for one in told["skipped"]:
        name = one["file"].removeprefix(f"{there.folder.path}/")
        assert UNUSABLE[name][1] in one["why"]
        assert one["why"].endswith("; mend it and import again, or move it away")
    assert set(UNUSABLE) <= there.folder.names()
    there.folder.write("r.queued", report(9))
    assert (await there.run())["imported"] == 1


async def test_links_and_other_things_are_told_and_not_followed(there: Import) -> None:
    target = there.folder.write("target", report(1))
    (there.folder.path / "link.queued").symlink_to(target)
    (there.folder.path / "gone.pending.wsjf").symlink_to("nowhere")
    (there.folder.path / "folder.queued").mkdir()
    os.mkfifo(there.folder.path / "pipe.queued")
    meta = there.folder.meta(1, priority=1).rename(there.folder.path / "meta")
    (there.folder.path / f"{report_id(1)}.pending.meta.json").symlink_to(meta)
    there.folder.write(f"{report_id(1)}.pending.wsjf", report(1))
    told = await there.run()
    assert [item.priority for item in await there.items()] == [5]
    found = {one["file"].rpartition("/")[2]: one["why"] for one in told["skipped"]}
    assert found == {
        "link.queued": "it is a link",
        "gone.pending.wsjf": "it is a link",
        "folder.queued": "it is no regular file",
        "pipe.queued": "it is no regular file",
    }


@pytest.mark.parametrize(("more", "imported"), [(-1, 1), (0, 1), (1, 0)])
async def test_a_report_may_be_as_large_as_a_file_of_a_watch_folder(
    there: Import, more: int, imported: int
) -> None:
    config = evolve(there.house.queue().config, workers=WorkerOptions(max_input_mb=1))
    there.house.open = evolve(there.house.queue(), config=config)
    content = report(1)
    there.folder.write("r.queued", content + b" " * (MIB + more - len(content)))
    told = await there.run()
    assert told["imported"] == imported
    if not imported:
        assert told["skipped"][0]["why"] == (
            f"it has {MIB + 1} bytes, more than the {MIB} that are taken this way; put it into a "
            "watch folder of a wats-json converter"
        )


async def test_only_so_many_are_told_and_the_rest_counted(there: Import) -> None:
    for n in range(pywats.MOST_TOLD + 1):
        there.folder.write(f"{n}.queued", b"")
    told = await there.run()
    assert (len(told["skipped"]), told["skipped_count"]) == (pywats.MOST_TOLD, 101)


# The folder


async def test_a_folder_that_is_not_there_is_told_in_one_sentence(there: Import) -> None:
    with pytest.raises(NotFoundError) as caught:
        await there.run()
    told = str(there.folder.path)
    assert str(caught.value) == (
        f"there is no folder {told}; give the one in which pyWATS keeps its queue"
    )


async def test_a_file_is_no_folder(there: Import) -> None:
    there.folder.path.write_bytes(b"")
    with pytest.raises(InvalidInputError, match=r"cannot be read \(Not a directory\); a folder is"):
        await there.run()


async def test_a_relative_path_is_refused(there: Import) -> None:
    with pytest.raises(InvalidInputError, match="is not absolute; give the whole path"):
        await CommandDesk(there.house).ask("import_pywats", {"path": "reports"}, OPERATOR)


async def test_an_empty_folder_is_imported_in_no_time(there: Import) -> None:
    there.folder.path.mkdir()
    told = await there.run()
    assert (told["imported"], told["renamed"], told["skipped"]) == (0, 0, [])


async def test_the_import_is_an_event_and_says_who(there: Import) -> None:
    there.folder.plain(1, "queued")
    await there.run()
    events = await there.house.queue().desk.history()
    [detail] = [json.loads(e.message) for e in events if e.event == "imported from pyWATS"]
    assert (detail["imported"], detail["who"]) == (1, OPERATOR.name)


# Once and only once


async def test_nothing_is_overwritten_by_the_new_names(there: Import) -> None:
    there.folder.write("r1.json.queued.imported", b"mine")
    there.folder.write("r1.json.queued (2).imported", b"mine, too")
    content = there.folder.plain(1, "queued").read_bytes()
    await there.run()
    kept = {name: (there.folder.path / name).read_bytes() for name in there.folder.names()}
    assert kept == {
        "r1.json.queued.imported": b"mine",
        "r1.json.queued (2).imported": b"mine, too",
        "r1.json.queued (3).imported": content,
    }


async def test_a_report_that_comes_back_under_its_name_is_not_imported_again(
    there: Import,
) -> None:
    content = there.folder.plain(1, "queued").read_bytes()
    await there.run()
    for name in ("r1.json.queued", "r1.json.processing", "r1.json.error"):
        there.folder.write(name, content)
        told = await there.run()
        assert (told["imported"], told["already"]) == (0, 1)
    there.folder.write("r1.json.queued", report(2))
    told = await there.run()
    assert (told["imported"], told["already"]) == (1, 0), "another report under the same name"
    assert not [name for name in there.folder.names() if not name.endswith(".imported")]


async def test_through_a_link_to_the_folder_it_is_the_same_folder(
    there: Import, tmp_path: Path
) -> None:
    content = there.folder.plain(1, "queued").read_bytes()
    await there.run()
    there.folder.write("r1.json.queued", content)
    (tmp_path / "link").symlink_to(there.folder.path)
    told = await Import(there.house, Folder(tmp_path / "link")).run()
    assert (told["imported"], told["already"]) == (0, 1)


async def test_two_files_of_one_item_with_the_same_report_are_one(there: Import) -> None:
    there.folder.item(1, "pending")
    there.folder.item(1, "suspended")
    told = await there.run()
    assert (told["imported"], told["already"]) == (1, 1)
    assert all(name.endswith(".imported") for name in there.folder.names())


@pytest.mark.parametrize("batch", [1, 2, 3])
async def test_a_commit_that_fails_leaves_the_rest_for_the_next_time(
    there: Import, arm: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(pywats, "BATCH", 2)
    for n in range(5):
        there.folder.plain(n, "queued", at=NOON + n)
    arm(f"store.before_commit=raise@{batch}")
    with pytest.raises(StoreError):
        await there.run()
    arm("")
    assert len(await there.items()) == 2 * (batch - 1)
    told = await there.run()
    assert told["imported"] == 5 - 2 * (batch - 1)
    assert [item.serial_number for item in await there.items()] == [f"SN-{n}" for n in range(5)]


async def test_a_folder_that_cannot_be_written_is_imported_once_all_the_same(
    there: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.folder.plain(1, "queued")
    refuse = PermissionError(13, "Permission denied")

    def refused(*_paths: str) -> None:
        raise refuse

    with monkeypatch.context() as patch:
        patch.setattr(moves, "rename_exclusively", refused)  # whoever runs tests may be root
        told = await there.run()
        assert (told["imported"], told["skipped_count"]) == (1, 1)
        assert told["skipped"][0]["why"].startswith(
            "it was imported, but cannot be renamed (Permission denied); let the user"
        )
        told = await there.run()
        assert (told["imported"], told["already"]) == (0, 1)
    told = await there.run()
    assert (told["imported"], told["already"], told["skipped"]) == (0, 1, [])
    assert there.folder.names() == {"r1.json.queued.imported"}


async def test_a_file_that_changes_between_the_look_and_the_commit_is_told(
    there: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = there.folder.plain(1, "queued")
    store = there.house.queue().store
    put = store.put

    async def put_while_pywats_writes(envelopes: Any) -> Any:
        file.write_bytes(report(2))
        return await put(envelopes)

    monkeypatch.setattr(store, "put", put_while_pywats_writes)
    told = await there.run()
    assert told["skipped"] == [
        {"file": str(file), "why": "it was imported, and changed meanwhile: look at it"}
    ]
    monkeypatch.undo()
    assert (await there.run())["imported"] == 1
    assert [item.serial_number for item in await there.items()] == ["SN-1", "SN-2"]


# Room

FULL = "the queue is at its mark, queue.max_items = {}; of 8 reports {} were imported: import the"


@pytest.mark.parametrize(("mark", "imported"), [(0, 7), (8, 7), (7, 6), (6, 5), (4, 3), (1, 0)])
async def test_the_queue_is_filled_to_its_mark_and_no_further(
    there: Import, monkeypatch: pytest.MonkeyPatch, mark: int, imported: int
) -> None:
    monkeypatch.setattr(pywats, "BATCH", 3)
    there.limit(max_items=mark)
    await there.house.queue().store.put([a_report()])
    for n in range(7):
        there.folder.plain(n, "queued", at=NOON + n)
    there.folder.write("broken.queued", b"", NOON)
    if imported == 7:
        assert (await there.run())["imported"] == 7
    else:
        with pytest.raises(QueueFull) as caught:
            await there.run()
        assert str(caught.value).startswith(FULL.format(mark, imported))
        assert there.house.queue().store.counts().unfinished == mark
        there.limit(max_items=0)
        assert (await there.run())["imported"] == 7 - imported
    serials = [item.serial_number for item in (await there.items())[1:]]
    assert serials == [f"SN-{n}" for n in range(7)]


async def test_in_a_full_queue_what_was_imported_before_still_gets_its_new_name(
    there: Import,
) -> None:
    content = there.folder.plain(1, "queued").read_bytes()
    await there.run()
    there.folder.write("r1.json.queued", content)
    there.limit(max_items=1)
    told = await there.run()
    assert (told["imported"], told["already"], told["renamed"]) == (0, 1, 1)


@pytest.mark.parametrize(("stored", "full"), [(MIB - 1, False), (MIB, True), (MIB + 1, True)])
async def test_nothing_is_imported_over_the_mark_of_stored_bytes(
    there: Import, stored: int, full: bool
) -> None:
    there.limit(max_bytes=MIB)
    await there.house.queue().store.put([a_report(b" " * stored)])
    there.folder.plain(1, "queued")
    if not full:
        assert (await there.run())["imported"] == 1
        return
    with pytest.raises(QueueFull, match=r"mark, queue.max_bytes = 1048576; of 1 reports 0 were"):
        await there.run()


async def test_nothing_is_imported_while_the_disk_is_short(there: Import) -> None:
    there.house.board.begin(Cause.DISK, "", "the disk has 3 MiB left")
    there.folder.plain(1, "queued")
    with pytest.raises(QueueFull, match=r"^the disk has 3 MiB left; of 1 reports 0 were imported"):
        await there.run()
    assert there.folder.names() == {"r1.json.queued"}


@pytest.mark.parametrize("number", [pywats.BATCH - 1, pywats.BATCH, pywats.BATCH + 1])
async def test_a_transaction_has_so_many_reports_and_no_more(there: Import, number: int) -> None:
    for n in range(number):
        there.folder.plain(n, "queued", at=NOON + n)
    [*batches] = pywats._batches(survey(there.folder.path).waiting)  # noqa: SLF001
    assert [len(batch) for batch in batches] == [min(number, 64), *[1] * (number > 64)]


async def test_a_transaction_has_so_many_bytes_and_no_more(
    there: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(report(1))
    for n in range(1, 6):
        there.folder.plain(n, "queued", at=NOON + n)
    for limit, lengths in ((2 * size - 1, [1] * 5), (2 * size, [2, 2, 1]), (1, [1] * 5)):
        monkeypatch.setattr(pywats, "BATCH_BYTES", limit)
        [*batches] = pywats._batches(survey(there.folder.path).waiting)  # noqa: SLF001
        assert [len(batch) for batch in batches] == lengths
