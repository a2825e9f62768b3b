"""Reports carried from one queue to another, and their receipts back: each once."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import pytest
from attrs import define, evolve

from benchmarks import data
from pywats_trio import faultpoint
from pywats_trio.commands.desk import CommandDesk
from pywats_trio.commands.queue.carry import collect, imports, manifest
from pywats_trio.control import ServiceState
from pywats_trio.errors import InvalidInputError, NotFoundError, QueueFull, StoreError
from pywats_trio.model import (
    Delivered,
    Envelope,
    Failed,
    Identity,
    Kind,
    Problem,
    Reason,
    State,
    Wait,
)
from pywats_trio.observe.board import Board
from pywats_trio.queue.actions import Hold, Release, Remove
from pywats_trio.queue.selection import Selection
from tests.commands.kit import ADMIN, House

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from pywats_trio.model import Item
    from pywats_trio.queue.store import Desk, Store

EVERY = Selection()
SAME = (
    "report_id",
    "sha256",
    "priority",
    "start",
    "serial_number",
    "part_number",
    "result",
    "converter",
    "source",
    "correlation_id",
    "max_attempts",
)
"""What an item is wherever it is."""


def all_in(folder: Path) -> list[Path]:
    """But for the queue."""
    return sorted(path for path in folder.rglob("*") if "line" not in path.parts)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def arm() -> Iterator[Callable[[str], None]]:
    yield faultpoint.arm
    faultpoint.arm("")


@define
class Site:
    """One queue, and what is asked of it."""

    name: str
    folder: Path
    house: House

    @property
    def store(self) -> Store:
        return self.house.queue().store

    @property
    def desk(self) -> Desk:
        return self.house.queue().desk

    async def ask(self, command: str, **args: Any) -> dict[str, Any]:
        return await CommandDesk(self.house).ask(command, args, ADMIN)

    async def export(self, path: Path, **more: Any) -> dict[str, Any]:
        return await self.ask("export_items", path=str(path), **more)

    async def take(self, path: Path) -> dict[str, Any]:
        return await self.ask("import_items", path=str(path))

    async def receipts(self, path: Path, **more: Any) -> dict[str, Any]:
        return await self.ask("export_receipts", path=str(path), **more)

    async def put(self, *numbers: int, **more: Any) -> list[int]:
        ids = await self.store.put([a_report(number, **more) for number in numbers])
        return [item_id for item_id in ids if item_id is not None]

    async def items(self) -> list[Item]:
        return await self.desk.items(limit=1000)

    async def states(self) -> Counter[State]:
        return Counter(item.state for item in await self.items())

    async def deliver(self, limit: int = 100) -> list[str]:
        """What the server takes; the ids of the reports."""
        claims = await self.store.claim(Kind.REPORT, limit, "deliver")
        for claim in claims:
            await self.store.finish(claim, Delivered(f"taken by {self.name}"))
        return [claim.item.report_id for claim in claims]

    async def fail(self, limit: int = 1) -> None:
        for claim in await self.store.claim(Kind.REPORT, limit, "deliver"):
            await self.store.finish(claim, Failed(Problem("rejected", "no such part")))

    async def history(self, item_id: int) -> list[tuple[str, str]]:
        return [(event.event, event.message) for event in await self.desk.history_of(item_id)]


def a_report(number: int, **more: Any) -> Envelope:
    facts: dict[str, Any] = {
        "payload": data.report("run", number, 1000),
        "report_id": data.report_id("run", number),
        "serial_number": f"run-{number:06d}",
        "part_number": "PCBA-100",
        "result": "P",
        "start": "2026-03-02T08:15:30.250+01:00",
        "priority": 1 + number % 10,
        "max_attempts": 4,
        "correlation_id": f"c{number}",
    }
    return Envelope(Kind.REPORT, "ict", "/in/a.json", **(facts | more))


@asynccontextmanager
async def site(folder: Path, name: str, **queue: Any) -> AsyncIterator[Site]:
    folder = folder / name
    folder.mkdir(exist_ok=True)
    house = House(Board(name, "1.2.3"))
    house.board.state = ServiceState.RUNNING
    async with house.with_queue(folder):
        assert house.open is not None
        config = house.open.config
        house.open = evolve(house.open, config=evolve(config, queue=evolve(config.queue, **queue)))
        yield Site(name, folder, house)


@pytest.fixture(params=["parcel", "parcel.zip"])
def parcel(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where an export goes: a folder, or a zip."""
    return Path(tmp_path / request.param)


def listed(parcel: Path) -> dict[str, Any]:
    """The manifest of an export."""
    if parcel.is_dir():
        return dict(json.loads((parcel / "manifest.json").read_bytes()))
    with zipfile.ZipFile(parcel) as archive:
        return dict(json.loads(archive.read("manifest.json")))


def unpacked(parcel: Path) -> dict[str, bytes]:
    """The files of an export."""
    if parcel.is_dir():
        return {path.name: path.read_bytes() for path in parcel.iterdir()}
    with zipfile.ZipFile(parcel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


async def test_reports_go_there_and_their_receipts_come_back(tmp_path: Path, parcel: Path) -> None:
    async with site(tmp_path, "line") as line, site(tmp_path, "office") as office:
        ids = await line.put(*range(70))
        done = await line.export(parcel)
        assert (done["exported"], done["kept"], done["resumed"]) == (70, False, False)
        assert await line.states() == {State.HELD: 70}
        assert await line.deliver() == []

        taken = await office.take(parcel)
        assert taken == {
            "export": done["export"],
            "imported": 70,
            "already": 0,
            "refused": [],
            "refused_count": 0,
        }
        for here, there in zip(await line.items(), await office.items(), strict=True):
            assert [getattr(there, n) for n in SAME] == [getattr(here, n) for n in SAME]
            assert await office.desk.payload(there.id) == await line.desk.payload(here.id)
        assert len(await office.deliver()) == 70

        back = tmp_path / "receipts.json"
        written = await office.receipts(back, export=str(parcel))
        assert written["delivered"] == 70
        acknowledged = await line.take(back)
        assert (acknowledged["acknowledged"], acknowledged["refused"]) == (70, [])
        assert await line.states() == {State.COMPLETED: 70}
        first = await line.desk.item(ids[0])
        assert first is not None
        assert (first.receipt, first.bytes) == ("taken by office", 0)
        assert [event for event, _ in await line.history(ids[0])] == [
            "stored",
            "held",
            "acknowledged",
        ]


async def test_the_files_are_the_stored_bytes_under_the_ids_of_their_reports(
    tmp_path: Path, parcel: Path
) -> None:
    async with site(tmp_path, "line") as line:
        await line.put(1, 2)
        await line.put(1)  # dropped again
        await line.export(parcel)
    files = unpacked(parcel)
    entries = listed(parcel)["items"]
    names = [f"{data.report_id('run', 1)}.json", f"{data.report_id('run', 2)}.json"]
    assert [entry["file"] for entry in entries] == [*names, names[0].replace(".json", ".3.json")]
    assert files.keys() == {"manifest.json", *(entry["file"] for entry in entries)}
    assert files[names[0]] == data.report("run", 1, 1000)
    assert names_in(tmp_path) == {"line", parcel.name}


async def test_what_is_yet_to_be_delivered_or_has_failed_is_exported_by_default(
    tmp_path: Path, parcel: Path
) -> None:
    async with site(tmp_path, "line") as line:
        await line.put(0, priority=1)
        await line.fail()
        [completed] = await line.put(1, priority=1)
        await line.deliver()
        await line.put(2, priority=1)
        [claim] = await line.store.claim(Kind.REPORT, 1, "deliver")
        await line.store.finish(claim, Wait(99.0, Reason.SERVER, Problem("connect", "it is away")))
        [held] = await line.put(3)
        await line.store.change(EVERY, Hold("for the auditor"), "ann")
        [processing] = await line.put(4)
        await line.store.claim(Kind.REPORT, 1, "deliver")
        await line.put(5)
        await line.store.put(
            [Envelope(Kind.FILE, "ict", "/in/b.json", identity=Identity(1, 2, 3, 4))]
        )
        done = await line.export(parcel)
        got = {entry["item_id"]: entry["state"] for entry in listed(parcel)["items"]}
        assert got == {1: "FAILED", 6: "PENDING"}
        # It was held by the operator together with the other one.
        assert (completed, held, processing) == (2, 4, 5)
        [skipped] = done["skipped"]
        assert "item 7 is a file that is yet to be converted" in skipped["why"]
        assert await line.states() == {
            State.HELD: 4,
            State.COMPLETED: 1,
            State.PROCESSING: 1,
            State.PENDING: 1,
        }


async def test_items_are_chosen_by_number_and_by_filter(tmp_path: Path) -> None:
    async with site(tmp_path, "line") as line:
        await line.put(*range(5))
        done = await line.export(tmp_path / "a", ids=[2, 4, 99])
        assert (done["exported"], done["missing"]) == (2, 1)
        assert "there is no item 99" in done["skipped"][0]["why"]
        done = await line.export(tmp_path / "b", serial_number="run-000002")
        assert [entry["item_id"] for entry in listed(tmp_path / "b")["items"]] == [3]
        with pytest.raises(NotFoundError, match="nothing was exported"):
            await line.export(tmp_path / "c", text="nowhere")
        assert names_in(tmp_path) == {"line", "a", "b"}
        held = await line.export(tmp_path / "d", states=["HELD"])
        assert held["exported"] == 3


async def test_a_failed_one_that_was_exported_is_held_and_not_tried_again_here(
    tmp_path: Path, parcel: Path
) -> None:
    async with site(tmp_path, "line") as line, site(tmp_path, "office") as office:
        [item_id] = await line.put(1)
        await line.fail()
        await line.export(parcel)
        assert await line.states() == {State.HELD: 1}
        assert line.store.counts().of(Kind.REPORT, State.HELD) == 1
        await office.take(parcel)
        [there] = await office.items()
        told = await office.history(there.id)
        assert [event for event, _ in told] == ["imported", "imported", "stored"]
        assert f"item {item_id} of the queue 'line'" in told[0][1]
        assert "FAILED after 1 attempts: no such part" in told[1][1]
        assert there.attempts == 0


async def test_kept_reports_are_delivered_here_too(tmp_path: Path, parcel: Path) -> None:
    async with site(tmp_path, "line") as line, site(tmp_path, "office") as office:
        await line.put(1, 2)
        await line.export(parcel, keep=True)
        assert await line.states() == {State.PENDING: 2}
        await office.take(parcel)
        await office.deliver()
        assert len(await line.deliver(1)) == 1
        await office.receipts(tmp_path / "r.json")
        done = await line.take(tmp_path / "r.json")
        # The other one is delivered from there, so it must not go out from here any more.
        assert (done["acknowledged"], done["already"]) == (1, 1)
        assert await line.states() == {State.COMPLETED: 2}


async def test_importing_twice_takes_each_once(tmp_path: Path, parcel: Path) -> None:
    async with site(tmp_path, "line") as line, site(tmp_path, "office") as office:
        await line.put(*range(3))
        await line.export(parcel)
        await office.take(parcel)
        await office.deliver()
        await office.store.change(Selection(ids=(1,)), Remove(), "ann")
        again = await office.take(parcel)
        assert (again["imported"], again["already"]) == (0, 3)
        assert len(await office.items()) == 2


async def test_a_report_in_two_exports_is_taken_once(tmp_path: Path) -> None:
    async with site(tmp_path, "line") as line, site(tmp_path, "office") as office:
        await line.put(1, 2)
        first = await line.export(tmp_path / "a", ids=[1])
        await line.store.change(EVERY, Release(), "ann")
        second = await line.export(tmp_path / "b")
        assert first["export"] != second["export"]
        assert (await office.take(tmp_path / "b"))["imported"] == 2
        assert (await office.take(tmp_path / "a"))["already"] == 1
        await office.deliver()
        await office.receipts(tmp_path / "r.json", export=str(tmp_path / "b"))
        assert (await line.take(tmp_path / "r.json"))["acknowledged"] == 2


@pytest.mark.parametrize("named", ["deadbeef", "stick/parcel"])
async def test_an_export_is_named_by_its_id_or_its_whole_path(tmp_path: Path, named: str) -> None:
    async with site(tmp_path, "office") as office:
        with pytest.raises(
            InvalidInputError, match=r"neither the id of an export .* nor the whole"
        ):
            await office.receipts(tmp_path / "r.json", export=named)


async def test_an_export_is_not_taken_by_the_queue_that_it_comes_from(
    tmp_path: Path, parcel: Path
) -> None:
    async with site(tmp_path, "line") as line:
        await line.put(1)
        await line.export(parcel)
        done = await line.take(parcel)
        assert (done["imported"], done["refused_count"]) == (0, 1)
        assert "`pywats-trio queue release 1`" in done["refused"][0]["why"]
        assert await line.states() == {State.HELD: 1}


async def test_a_damaged_report_is_set_aside_and_the_others_go(
    tmp_path: Path, parcel: Path
) -> None:
    async with site(tmp_path, "line") as line:
        await line.put(*range(3))
        with apsw.Connection(str(line.folder / "queue.db")) as behind:
            behind.execute("UPDATE payloads SET body = x'7b7d' WHERE item_id = 2")
        done = await line.export(parcel)
        assert (done["exported"], done["damaged"], done["damaged_count"]) == (2, [2], 1)
        assert "item 2 is damaged" in done["skipped"][0]["why"]
        assert await line.states() == {State.HELD: 2, State.QUARANTINED: 1}
        set_aside = await line.desk.item(2)
        assert set_aside is not None
        assert set_aside.error_kind == "damaged"
        assert set_aside.finished_at is not None


# Cut off


async def test_an_export_that_was_cut_off_before_it_held_anything_is_begun_anew(
    tmp_path: Path, parcel: Path
) -> None:
    async with site(tmp_path, "line") as line:
        await line.put(1)
        staging = parcel.with_name(f"{parcel.name}.part")
        staging.mkdir()
        for name in ("export.lock", "left-over.json", "plan.json.part"):
            (staging / name).write_bytes(b"{")
        done = await line.export(parcel)
        assert (done["exported"], done["resumed"]) == (1, False)
        assert "left-over.json" not in unpacked(parcel)
        assert not staging.exists()


@pytest.mark.parametrize(
    ("point", "name"),
    [
        ("export.planned", "parcel"),
        ("export.planned", "parcel.zip"),
        ("export.listed", "parcel"),
        ("export.listed", "parcel.zip"),
        ("export.packed", "parcel.zip"),
    ],
)
async def test_an_export_that_was_cut_off_goes_on(
    tmp_path: Path, name: str, point: str, arm: Callable[[str], None]
) -> None:
    parcel = tmp_path / name
    async with site(tmp_path, "line") as line, site(tmp_path, "office") as office:
        await line.put(*range(3))
        arm(f"{point}=raise@1")
        with pytest.raises(faultpoint.InjectedFault):
            await line.export(parcel)
        if point == "export.planned":
            assert len(await line.deliver(1)) == 1  # it goes out here meanwhile
        await line.put(3)
        done = await line.export(parcel)
        assert done["resumed"] is True
        left = 2 if point == "export.planned" else 3
        assert (done["exported"], len(listed(parcel)["items"])) == (left, left)
        assert not parcel.with_name(f"{parcel.name}.part").exists()
        assert (
            await line.states()
            == Counter({State.HELD: left, State.PENDING: 1, State.COMPLETED: 3 - left}) - Counter()
        )
        taken = await office.take(parcel)
        assert (taken["imported"], taken["refused"]) == (left, [])
        assert done["skipped_count"] == 3 - left


async def test_all_that_was_planned_may_be_gone(
    tmp_path: Path, parcel: Path, arm: Callable[[str], None]
) -> None:
    async with site(tmp_path, "line") as line:
        await line.put(1)
        arm("export.planned=raise@1")
        with pytest.raises(faultpoint.InjectedFault):
            await line.export(parcel)
        await line.deliver()
        with pytest.raises(NotFoundError, match="delivered or exported meanwhile"):
            await line.export(parcel)
        assert names_in(tmp_path) == {"line"}


async def test_an_import_that_was_cut_off_takes_the_rest(
    tmp_path: Path, parcel: Path, arm: Callable[[str], None]
) -> None:
    async with site(tmp_path, "line") as line:
        await line.put(*range(150))
        await line.export(parcel)
    async with site(tmp_path, "office") as office:
        arm("store.before_commit=raise@2")
        with pytest.raises(StoreError):
            await office.take(parcel)
        assert len(await office.items()) == 64
        done = await office.take(parcel)
        assert (done["imported"], done["already"]) == (86, 64)
        reports = [item.report_id for item in await office.items()]
        assert reports == [data.report_id("run", number) for number in range(150)]


# What is in the way


def a_file(parcel: Path) -> str:
    parcel.write_bytes(b"somebody's")
    return "is there already; choose another name"


def a_folder(parcel: Path) -> str:
    parcel.mkdir()
    return "is there already; choose another name"


def another_staging(parcel: Path) -> str:
    strange = parcel.with_name(f"{parcel.name}.part")
    strange.mkdir()
    (strange / "holiday.jpg").write_bytes(b"somebody's")
    return "is in the way; move it away"


def a_link(parcel: Path) -> str:
    (parcel.parent / "elsewhere").mkdir()
    parcel.with_name(f"{parcel.name}.part").symlink_to(parcel.parent / "elsewhere")
    return "is in the way; move it away"


@pytest.mark.parametrize("obstacle", [a_file, a_folder, another_staging, a_link])
async def test_nothing_is_overwritten(
    tmp_path: Path, parcel: Path, obstacle: Callable[[Path], str]
) -> None:
    why = obstacle(parcel)
    before = all_in(tmp_path)
    async with site(tmp_path, "line") as line:
        await line.put(1)
        with pytest.raises(InvalidInputError, match=why):
            await line.export(parcel)
        assert await line.states() == {State.PENDING: 1}
    assert all_in(tmp_path) == before


async def test_an_export_needs_a_folder_to_lie_in(tmp_path: Path) -> None:
    async with site(tmp_path, "line") as line:
        await line.put(1)
        with pytest.raises(InvalidInputError, match="there is no folder of that name"):
            await line.export(tmp_path / "nowhere" / "parcel")


@pytest.mark.parametrize("whose", ["somebody's", "another export"])
async def test_a_zip_that_is_there_is_not_taken_for_ours(
    tmp_path: Path, arm: Callable[[str], None], whose: str
) -> None:
    parcel, other = tmp_path / "parcel.zip", tmp_path / "other.zip"
    other.write_bytes(whose.encode())
    async with site(tmp_path, "line") as line:
        if whose == "another export":
            other.unlink()
            await line.put(2)
            await line.export(other)
        await line.put(1)
        arm("export.listed=raise@1")
        with pytest.raises(faultpoint.InjectedFault):
            await line.export(parcel)
        before = other.rename(parcel).read_bytes()
        with pytest.raises(InvalidInputError, match="is there already"):
            await line.export(parcel)
        assert parcel.read_bytes() == before


async def test_what_another_export_took_meanwhile_is_in_that_one_only(
    tmp_path: Path, arm: Callable[[str], None]
) -> None:
    async with site(tmp_path, "line") as line:
        await line.put(1, 2)
        arm("export.planned=raise@1")
        with pytest.raises(faultpoint.InjectedFault):
            await line.export(tmp_path / "first")
        await line.export(tmp_path / "second", ids=[1])
        done = await line.export(tmp_path / "first")
        assert (done["exported"], done["skipped_count"]) == (1, 1)
        assert [entry["item_id"] for entry in listed(tmp_path / "first")["items"]] == [2]
        assert [entry["item_id"] for entry in listed(tmp_path / "second")["items"]] == [1]


@pytest.mark.parametrize(("most", "good"), [(4, True), (3, True), (2, False)])
async def test_an_export_has_a_largest_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, good: bool
) -> None:
    monkeypatch.setattr(collect, "MOST", most)
    async with site(tmp_path, "line") as line:
        await line.put(*range(3))
        if good:
            assert (await line.export(tmp_path / "parcel"))["exported"] == 3
            return
        with pytest.raises(InvalidInputError, match="more than 2 reports; export fewer"):
            await line.export(tmp_path / "parcel")
        assert await line.states() == {State.PENDING: 3}
        assert names_in(tmp_path) == {"line"}


@pytest.mark.parametrize(("max_items", "taken"), [(0, 5), (6, 5), (5, 5), (4, 4), (1, 1)])
async def test_an_import_stops_at_the_mark_and_goes_on_when_there_is_room(
    tmp_path: Path, max_items: int, taken: int
) -> None:
    parcel = tmp_path / "parcel"
    async with site(tmp_path, "line") as line:
        await line.put(*range(5))
        await line.export(parcel)
    async with site(tmp_path, "office", max_items=max_items) as office:
        if taken < 5:
            with pytest.raises(QueueFull, match=f"{taken} of 5 reports were imported"):
                await office.take(parcel)
        else:
            await office.take(parcel)
        assert len(await office.items()) == taken
        while (await office.states())[State.PENDING]:
            await office.deliver()
            try:
                await office.take(parcel)
            except QueueFull:
                continue
        assert len(await office.items()) == 5


# What was carried by many hands


def change(parcel: Path, name: str, content: bytes | None) -> None:
    """Another content of one file of an export; None: it is not there."""
    files = unpacked(parcel)
    if content is None:
        del files[name]
    else:
        files[name] = content
    if parcel.is_dir():
        shutil.rmtree(parcel)
        parcel.mkdir()
        for each, body in files.items():
            (parcel / each).write_bytes(body)
        return
    with zipfile.ZipFile(parcel, "w") as archive:
        for each, body in files.items():
            archive.writestr(each, body)


SECOND = f"{data.report_id('run', 1)}.json"
OTHER = data.report("run", 7, 1000)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "it is missing"),
        (b"", "it has not the 1000 bytes that it was written with"),
        (data.report("run", 1, 1000)[:-1], "it has not the 1000 bytes"),
        (data.report("run", 1, 1000) + b" ", "it has not the 1000 bytes"),
        (OTHER, "it is not what was written: its checksum differs"),
    ],
)
async def test_a_file_that_was_changed_is_refused_and_the_others_are_taken(
    tmp_path: Path, parcel: Path, content: bytes | None, why: str
) -> None:
    async with site(tmp_path, "line") as line, site(tmp_path, "office") as office:
        await line.put(*range(3))
        await line.export(parcel)
        good = unpacked(parcel)[SECOND]
        change(parcel, SECOND, content)
        done = await office.take(parcel)
        assert (done["imported"], done["refused_count"]) == (2, 1)
        [refused] = done["refused"]
        assert (refused["file"], refused["item_id"]) == (SECOND, 2)
        assert refused["why"].startswith(f"{SECOND}: {why}")
        assert refused["why"].endswith("; carry the export over again")
        change(parcel, SECOND, good)
        assert (await office.take(parcel))["imported"] == 1


async def exported(folder: Path, parcel: Path) -> None:
    async with site(folder, "line") as line:
        await line.put(*range(3))
        await line.export(parcel)


async def refused(folder: Path, parcel: Path) -> str:
    """The sentence with which an import is refused as a whole."""
    async with site(folder, "office") as office:
        with pytest.raises(InvalidInputError) as caught:
            await office.take(parcel)
        assert await office.items() == []
        assert "\n" not in str(caught.value)
        return str(caught.value)


def item(number: int, **changes: Any) -> Callable[[dict[str, Any]], None]:
    def edit(document: dict[str, Any]) -> None:
        document["items"][number].update(changes)

    return edit


EDITS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another format": (lambda d: d.update(format="x"), "is neither an export nor"),
    "a newer version": (lambda d: d.update(version=2), "made by a newer pywats-trio"),
    "no items": (lambda d: d.pop("items"), "'items' is no list"),
    "no export": (lambda d: d.pop("export"), "'export' is missing"),
    "no uuid": (lambda d: d.update(export="../x"), "'export' is no UUID"),
    "an item that is none": (lambda d: d["items"].append(7), "items[3]: no object"),
    "a key is missing": (lambda d: d["items"][1].pop("size"), "items[1]: 'size' is missing"),
    "a type": (item(1, size="9"), "items[1]: 'size' is not of type int"),
    "a bool": (item(1, priority=True), "items[1]: 'priority' is not of type int"),
    "priority 0": (item(1, priority=0), "items[1]: 'priority' is not 1 to 10"),
    "priority 11": (item(1, priority=11), "items[1]: 'priority' is not 1 to 10"),
    "no attempt": (item(1, max_attempts=0), "'max_attempts' is not 1 or more"),
    "a negative size": (item(1, size=-1), "'size' is negative"),
    "no digest": (item(1, sha256="ab"), "'sha256' is none"),
    "no origin": (item(1, origin="here"), "'origin' is no name of a report"),
    "out of the folder": (item(1, file="../secret.json"), "'file' is no plain name"),
    "a whole path": (item(1, file="/etc/passwd"), "'file' is no plain name"),
    "a path of Windows": (item(1, file="C:\\x.json"), "'file' is no plain name"),
    "the folder itself": (item(1, file=".."), "'file' is no plain name"),
    "a file twice": (
        lambda d: d["items"][1].update(file=d["items"][0]["file"]),
        "two items have the same 'file'",
    ),
    "an origin twice": (
        lambda d: d["items"][1].update(origin=d["items"][0]["origin"]),
        "two items have the same 'origin'",
    ),
}


@pytest.mark.parametrize("edit", EDITS)
async def test_a_manifest_that_was_changed_is_refused(
    tmp_path: Path, parcel: Path, edit: str
) -> None:
    await exported(tmp_path, parcel)
    document = listed(parcel)
    EDITS[edit][0](document)
    change(parcel, "manifest.json", json.dumps(document).encode())
    assert EDITS[edit][1] in await refused(tmp_path, parcel)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "is neither an export nor a file of receipts"),
        (None, "has no manifest.json"),
    ],
)
async def test_a_manifest_that_is_none_is_refused(
    tmp_path: Path, parcel: Path, content: bytes | None, why: str
) -> None:
    await exported(tmp_path, parcel)
    change(parcel, "manifest.json", content)
    assert why in await refused(tmp_path, parcel)


async def test_keys_of_a_later_program_are_passed_over(tmp_path: Path, parcel: Path) -> None:
    await exported(tmp_path, parcel)
    document = listed(parcel)
    document["mood"] = document["items"][0]["mood"] = "good"
    change(parcel, "manifest.json", json.dumps(document).encode())
    async with site(tmp_path, "office") as office:
        assert (await office.take(parcel))["imported"] == 3


@pytest.mark.parametrize("size", [0, 1, 100, -1])
async def test_a_zip_that_was_cut_is_refused(tmp_path: Path, size: int) -> None:
    parcel = tmp_path / "parcel.zip"
    await exported(tmp_path, parcel)
    parcel.write_bytes(parcel.read_bytes()[:size])
    assert "is no whole zip" in await refused(tmp_path, parcel)


async def test_a_zip_with_flipped_bits_in_a_report_gives_the_others(tmp_path: Path) -> None:
    parcel = tmp_path / "parcel.zip"
    await exported(tmp_path, parcel)
    with zipfile.ZipFile(parcel) as archive:
        begin = archive.getinfo(SECOND).header_offset
    content = bytearray(parcel.read_bytes())
    content[begin + 120] ^= 0xFF
    parcel.write_bytes(content)
    async with site(tmp_path, "office") as office:
        done = await office.take(parcel)
        assert (done["imported"], done["refused_count"]) == (2, 1)
        assert "it cannot be unpacked" in done["refused"][0]["why"]


async def test_a_zip_bomb_does_not_explode(tmp_path: Path) -> None:
    parcel = tmp_path / "parcel.zip"
    await exported(tmp_path, parcel)
    files = unpacked(parcel)
    with zipfile.ZipFile(parcel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, bytes(300 * 1024 * 1024) if name == SECOND else body)
    async with site(tmp_path, "office") as office:
        done = await office.take(parcel)
        assert (done["imported"], done["refused_count"]) == (2, 1)
        assert "it has not the 1000 bytes" in done["refused"][0]["why"]


async def test_a_zip_with_a_name_twice_is_refused(tmp_path: Path) -> None:
    parcel = tmp_path / "parcel.zip"
    await exported(tmp_path, parcel)
    with zipfile.ZipFile(parcel, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(SECOND, b"{}")
    assert f"has '{SECOND}' twice" in await refused(tmp_path, parcel)


async def test_a_zip_of_the_folder_is_as_good(tmp_path: Path) -> None:
    folder = tmp_path / "parcel"
    await exported(tmp_path, folder)
    parcel = tmp_path / "packed.zip"
    with zipfile.ZipFile(parcel, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"parcel/{path.name}")
    async with site(tmp_path, "office") as office:
        assert (await office.take(parcel))["imported"] == 3


async def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    parcel = tmp_path / "parcel"
    await exported(tmp_path, parcel)
    outside = tmp_path / "outside.json"
    (parcel / SECOND).rename(outside)
    (parcel / SECOND).symlink_to(outside)
    async with site(tmp_path, "office") as office:
        done = await office.take(parcel)
        assert (done["imported"], done["refused_count"]) == (2, 1)


async def test_a_pipe_in_the_folder_holds_nobody_up(tmp_path: Path) -> None:
    parcel = tmp_path / "parcel"
    await exported(tmp_path, parcel)
    (parcel / SECOND).unlink()
    os.mkfifo(parcel / SECOND)
    async with site(tmp_path, "office") as office:
        done = await office.take(parcel)
        assert "it is no regular file" in done["refused"][0]["why"]


@pytest.mark.parametrize(("size", "good"), [(999, False), (1000, True), (1001, True)])
async def test_a_report_has_a_largest_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, good: bool
) -> None:
    parcel = tmp_path / "parcel"
    await exported(tmp_path, parcel)
    async with site(tmp_path, "office") as office:
        monkeypatch.setattr(imports, "MIB", size)
        assert office.house.open is not None
        config = office.house.open.config
        config = evolve(config, workers=evolve(config.workers, max_input_mb=1))
        office.house.open = evolve(office.house.open, config=config)
        done = await office.take(parcel)
        assert (done["imported"], done["refused_count"]) == ((3, 0) if good else (0, 3))
        if not good:
            assert "more than workers.max_input_mb allows" in done["refused"][0]["why"]


async def test_a_file_that_holds_another_report_is_refused(tmp_path: Path) -> None:
    parcel = tmp_path / "parcel"
    await exported(tmp_path, parcel)
    document = listed(parcel)
    document["items"][1]["report_id"] = data.report_id("run", 7)
    change(parcel, "manifest.json", json.dumps(document).encode())
    async with site(tmp_path, "office") as office:
        done = await office.take(parcel)
        assert (done["imported"], done["refused_count"]) == (2, 1)
        assert f"it is not the report {data.report_id('run', 7)}" in done["refused"][0]["why"]


async def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    async with site(tmp_path, "office") as office:
        for name in ("parcel", "parcel.zip", "receipts.json"):
            with pytest.raises(NotFoundError, match="check the path"):
                await office.take(tmp_path / name)


async def test_a_manifest_by_itself_is_not_enough(tmp_path: Path) -> None:
    parcel = tmp_path / "parcel"
    await exported(tmp_path, parcel)
    assert "name its folder" in await refused(tmp_path, parcel / "manifest.json")


# Receipts


async def test_receipts_come_in_several_goes(tmp_path: Path, parcel: Path) -> None:
    back = tmp_path / "receipts.json"
    async with site(tmp_path, "line") as line, site(tmp_path, "office") as office:
        await line.put(*range(4))
        done = await line.export(parcel)
        await office.take(parcel)
        await office.deliver(1)
        await office.fail()
        first = await office.receipts(back, export=done["export"])
        assert first == {
            "file": str(back),
            "delivered": 1,
            "failed": 1,
            "waiting": 2,
            "gone": 0,
        }
        told = await line.take(back)
        assert (told["acknowledged"], told["already"], told["failed_count"]) == (1, 0, 1)
        assert told["failed"][0]["why"] == "no such part"
        assert await line.states() == {State.COMPLETED: 1, State.HELD: 3}
        await office.deliver()
        with pytest.raises(InvalidInputError, match="is there already"):
            await office.receipts(back)
        second = await office.receipts(back, force=True)
        assert (second["delivered"], second["waiting"]) == (3, 0)
        told = await line.take(back)
        assert (told["acknowledged"], told["already"], told["failed_count"]) == (2, 1, 1)
        assert (await line.take(back))["acknowledged"] == 0
        assert await line.states() == {State.COMPLETED: 3, State.HELD: 1}


async def test_receipts_of_another_queue_change_nothing(tmp_path: Path, parcel: Path) -> None:
    back = tmp_path / "receipts.json"
    async with site(tmp_path, "line") as line, site(tmp_path, "office") as office:
        await line.put(1)
        await line.export(parcel)
        await office.take(parcel)
        await office.deliver()
        await office.receipts(back)
    async with site(tmp_path, "other") as other:
        await other.put(1)
        await other.export(tmp_path / "another")
        told = await other.take(back)
        assert (told["acknowledged"], told["refused_count"]) == (0, 1)
        assert "was not exported from this queue" in told["refused"][0]["why"]
        assert await other.states() == {State.HELD: 1}


async def test_what_was_released_meanwhile_is_completed_and_not_sent_again(
    tmp_path: Path, parcel: Path
) -> None:
    back = tmp_path / "receipts.json"
    async with site(tmp_path, "line") as line, site(tmp_path, "office") as office:
        await line.put(1, 2)
        await line.export(parcel)
        await office.take(parcel)
        await office.deliver()
        await office.receipts(back)
        await line.store.change(EVERY, Release(), "ann")
        [claim] = await line.store.claim(Kind.REPORT, 1, "deliver")
        told = await line.take(back)
        assert (told["acknowledged"], told["refused_count"]) == (1, 1)
        assert f"item {claim.item.id} is PROCESSING here" in told["refused"][0]["why"]
        assert await line.states() == {State.COMPLETED: 1, State.PROCESSING: 1}


async def test_where_nothing_was_imported_there_are_no_receipts(
    tmp_path: Path, parcel: Path
) -> None:
    async with site(tmp_path, "line") as line:
        await line.put(1)
        await line.export(parcel)
        with pytest.raises(NotFoundError, match="look whether this is the right queue"):
            await line.receipts(tmp_path / "r.json", export=str(parcel))
        assert not (tmp_path / "r.json").exists()


async def test_what_has_left_the_queue_since_is_counted(tmp_path: Path, parcel: Path) -> None:
    async with site(tmp_path, "line") as line, site(tmp_path, "office") as office:
        await line.put(1, 2)
        await line.export(parcel)
        await office.take(parcel)
        await office.store.change(Selection(ids=(1,)), Remove(), "ann")
        told = await office.receipts(tmp_path / "r.json")
        assert (told["waiting"], told["gone"]) == (1, 1)


async def test_receipts_that_were_changed_are_refused(tmp_path: Path, parcel: Path) -> None:
    back = tmp_path / "receipts.json"
    async with site(tmp_path, "line") as line, site(tmp_path, "office") as office:
        await line.put(1)
        await line.export(parcel)
        await office.take(parcel)
        await office.deliver()
        await office.receipts(back)
        document = json.loads(back.read_bytes())
        document["receipts"][0]["item_id"] = 2
        back.write_text(json.dumps(document))
        with pytest.raises(InvalidInputError, match="'origin' is not made of"):
            await line.take(back)
        assert await line.states() == {State.HELD: 1}


def test_a_manifest_reads_back_as_it_was_written() -> None:
    name = "0b0e3a2c-0000-4000-8000-000000000001"
    entry = manifest.Entry(
        f"{name}/7",
        7,
        "r",
        "r.json",
        "ab" * 32,
        1,
        1,
        3,
        "ü",
        "",
        "P",
        "",
        "c",
        "s",
        "k",
        "",
        "",
        0,
        "",
    )
    document = manifest.Manifest(name, "line", "now", False, (entry,))
    assert manifest.read(manifest.written(document), "it") == document
