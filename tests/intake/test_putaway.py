"""Putting files away: real files, the real queue, cut off between any two steps."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio import faultpoint
from pywats_trio.errors import StoreError
from pywats_trio.intake import moves, putaway, trouble
from pywats_trio.intake.putaway import Putaway
from pywats_trio.intake.scan import identity
from pywats_trio.model import (
    POST_ACTIONS,
    Converted,
    Envelope,
    Failed,
    Identity,
    Item,
    Kind,
    Problem,
    Quarantined,
    State,
)
from pywats_trio.model import Putaway as Stage
from pywats_trio.queue.actions import Retry
from pywats_trio.queue.selection import Selection
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from pywats_trio.config.options import ConverterOptions
    from pywats_trio.model import Outcome
    from pywats_trio.queue.store import PutAway
    from tests.intake.conftest import Site

DONE = Converted((), "00" * 32)
REFUSED = Failed(Problem("rejected", "line 3: no serial number", "add one", "…"))
SHM = Path("/dev/shm")


async def finished(
    site: Site, *names: str, outcome: Outcome = DONE, data: bytes = b"{}"
) -> list[Item]:
    """Files that were dropped, accepted and finished with `outcome`."""
    envelopes = []
    for name in names:
        path = site.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (1000, 1000))
        envelopes.append(
            Envelope(
                Kind.FILE,
                "line-3",
                str(path),
                identity=identity(path.stat()),
                correlation_id=f"c-{printable(name)}",
            )
        )
    ids = await site.store.put(envelopes)
    for claim in await site.store.claim(Kind.FILE, 1000, "test"):
        await site.store.finish(claim, outcome)
    found = [await site.desk.item(item_id) for item_id in ids if item_id is not None]
    return [item for item in found if item is not None]


@contextlib.asynccontextmanager
async def running(site: Site, options: ConverterOptions | None = None) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        await nursery.start(site.putaway(options).run)
        yield
        nursery.cancel_scope.cancel()


async def is_away(site: Site, *items: Item) -> list[Item]:
    """Wait until each of `items` is recorded as put away."""
    found: list[Item] = []
    with trio.fail_after(10):
        for item in items:
            while True:
                now = await site.desk.item(item.id)
                assert now is not None
                if now.putaway is Stage.DONE:
                    found.append(now)
                    break
    return found


async def put_away(
    site: Site, items: Sequence[Item], options: ConverterOptions | None = None
) -> list[Item]:
    async with running(site, options):
        return await is_away(site, *items)


def read(path: str) -> bytes:
    return Path(path).read_bytes()


def remove(path: str) -> None:
    Path(path).unlink()


def listed(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


async def test_a_converted_file_moves_to_done_with_its_time_and_its_row_says_where(
    site: Site,
) -> None:
    items = await finished(site, "a.json")
    [item] = await put_away(site, items)
    target = site.folder / "Done" / "a.json"
    assert item.source == str(target)
    assert target.stat().st_mtime == 1000
    assert listed(site.folder) == ["Done/a.json"]
    assert await site.desk.seen("line-3") == {}


async def test_a_converted_file_is_deleted_if_so_configured(site: Site) -> None:
    items = await finished(site, "a.json")
    await put_away(site, items, site.options(post_action="delete"))
    assert listed(site.folder) == []


async def test_a_converted_file_is_archived_in_a_folder_of_its_day(site: Site) -> None:
    [item] = await finished(site, "a.json")
    assert item.finished_at is not None
    day = datetime.fromtimestamp(item.finished_at, UTC)
    await put_away(site, [item], site.options(post_action="archive"))
    assert listed(site.folder) == [f"Archive/{day:%Y-%m-%d}/a.json"]


async def test_a_kept_file_stays_and_is_not_taken_again(site: Site) -> None:
    items = await finished(site, "a.json")
    [item] = await put_away(site, items, site.options(post_action="keep"))
    assert listed(site.folder) == ["a.json"]
    assert list(await site.desk.seen("line-3")) == [item.source]


# What a converter says of its file


def as_asked(action: str) -> Converted:
    return Converted((), "00" * 32, after=action)


async def message_of(site: Site, item: Item) -> str:
    """What the history says of its putting away."""
    events = await site.desk.history_of(item.id)
    return next(event.message for event in events if event.event == "put away")


def left_by(action: str, item: Item) -> list[str]:
    """Where one file lies after it."""
    assert item.finished_at is not None
    day = datetime.fromtimestamp(item.finished_at, UTC)
    return {
        "move": ["Done/a.json"],
        "archive": [f"Archive/{day:%Y-%m-%d}/a.json"],
        "keep": ["a.json"],
        "delete": [],
    }[action]


@pytest.mark.parametrize("action", POST_ACTIONS)
async def test_where_nothing_is_configured_a_file_is_put_away_as_its_converter_asks(
    site: Site, action: str
) -> None:
    [item] = await finished(site, "a.json", outcome=as_asked(action))
    assert item.after == action
    [item] = await put_away(site, [item])
    assert listed(site.folder) == left_by(action, item)
    told = {"delete": "deleted", "keep": "kept where it lies"}.get(action)
    assert await message_of(site, item) == (f"{told}, as its converter asked" if told else "")
    assert list(await site.desk.seen("line-3")) == ([item.source] if action == "keep" else [])


@pytest.mark.parametrize("action", POST_ACTIONS)
@pytest.mark.parametrize("wish", POST_ACTIONS)
async def test_what_is_configured_comes_before_what_the_converter_asks(
    site: Site, action: str, wish: str
) -> None:
    [item] = await finished(site, "a.json", outcome=as_asked(wish))
    [item] = await put_away(site, [item], site.options(post_action=action))
    assert listed(site.folder) == left_by(action, item)
    assert "asked" not in await message_of(site, item)


async def test_a_file_that_is_to_be_deleted_is_left_alone_if_it_is_another(site: Site) -> None:
    [item] = await finished(site, "a.json", outcome=as_asked("delete"))
    other = site.base / "other"
    other.write_bytes(b"new")
    other.rename(item.source)
    [item] = await put_away(site, [item])
    assert read(str(site.folder / "a.json")) == b"new"
    assert "another file lies under its name" in await message_of(site, item)


async def test_a_file_that_failed_before_it_was_converted_goes_as_the_last_time_says(
    site: Site,
) -> None:
    item = await again(site, await refused(site, "a.json", site.options()), as_asked("delete"))
    await put_away(site, [item])
    assert listed(site.folder) == []


async def test_files_from_folders_below_keep_their_place_below_the_target(site: Site) -> None:
    items = await finished(site, "sub/a.json")
    await put_away(site, items, site.options(recursive=True))
    assert listed(site.folder) == ["Done/sub/a.json"]


@pytest.mark.parametrize("action", ["move", "delete", "archive", "keep"])
@pytest.mark.parametrize(
    ("outcome", "state"),
    [(REFUSED, State.FAILED), (Quarantined(REFUSED.problem), State.QUARANTINED)],
)
async def test_a_refused_file_goes_to_the_error_folder_with_its_explanation(
    site: Site, action: str, outcome: Outcome, state: State
) -> None:
    [item] = await finished(site, "a b.json", outcome=outcome)
    assert item.state is state
    [item] = await put_away(site, [item], site.options(post_action=action))
    assert listed(site.folder) == ["Error/a b.json", "Error/a b.json.error.json"]
    told = json.loads((site.folder / "Error" / "a b.json.error.json").read_text())
    assert told["why"] == "line 3: no serial number"
    assert (told["item_id"], told["converter"]) == (item.id, "line-3")
    assert told["correlation_id"] == "c-a b.json"
    assert told["source"] == str(site.folder / "a b.json")
    assert told["error_kind"] == "rejected"
    assert told["when"].endswith("Z")
    assert told["what"]
    assert (told["what_to_do"], told["evidence"]) == ("add one", "…")


async def test_a_clash_of_names_overwrites_nothing(site: Site) -> None:
    done = site.folder / "Done"
    done.mkdir()
    (done / "a.json").write_bytes(b"old")
    (done / "a (2).json").write_bytes(b"older")
    items = await finished(site, "a.json")
    [item] = await put_away(site, items)
    assert item.source == str(done / "a (3).json")
    assert (done / "a.json").read_bytes() == b"old"
    assert (done / "a (2).json").read_bytes() == b"older"


async def test_an_explanation_follows_the_name_and_overwrites_none(site: Site) -> None:
    error = site.folder / "Error"
    error.mkdir()
    (error / "a.json").write_bytes(b"old")
    (error / "a (2).json.error.json").write_text('{"item_id": 77}')
    (error / "a (3).json.error.json").write_text("not ours")
    items = await finished(site, "a.json", outcome=REFUSED)
    [item] = await put_away(site, items)
    assert item.source == str(error / "a (4).json")
    assert listed(error) == [
        "a (2).json.error.json",
        "a (3).json.error.json",
        "a (4).json",
        "a (4).json.error.json",
        "a.json",
    ]


async def test_the_longest_name_can_be_refused_and_can_clash(site: Site) -> None:
    name = "n" * 250 + ".json"
    for _ in range(2):
        items = await finished(site, name, outcome=REFUSED)
        [item] = await put_away(site, items)
        assert read(item.source) == b"{}"
    assert len(listed(site.folder / "Error")) == 4


async def test_names_of_any_bytes_are_put_away_and_explained_as_text(site: Site) -> None:
    name = os.fsdecode(b"bad\xff\xfe-\xb5 \n.json")
    items = await finished(site, name, outcome=REFUSED)
    [item] = await put_away(site, items)
    assert item.source == str(site.folder / "Error" / name)
    told = json.loads(read(item.source + ".error.json"))
    assert told["source"].endswith("bad\\udcff\\udcfe-\\udcb5 \\n.json")


async def test_a_marker_goes_before_its_file(site: Site) -> None:
    items = await finished(site, "a.json")
    (site.folder / "a.json.done").touch()
    await put_away(site, items, site.options(settle="marker"))
    assert listed(site.folder) == ["Done/a.json"]


async def test_a_file_that_was_replaced_meanwhile_is_left_alone(site: Site) -> None:
    items = await finished(site, "a.json", "b.json", outcome=REFUSED)
    for item in items:
        other = site.base / "other"
        other.write_bytes(b"new")
        other.rename(item.source)
    for options in (site.options(), site.options(post_action="delete")):
        await put_away(site, items, options)
    assert listed(site.folder) == ["a.json", "b.json"]
    assert (site.folder / "a.json").read_bytes() == b"new"


async def test_a_file_that_somebody_took_away_is_recorded_as_gone(site: Site) -> None:
    items = await finished(site, "a.json", "b.json")
    for item in items:
        remove(item.source)
    shutil.rmtree(site.folder)
    await put_away(site, items)
    assert not site.folder.exists()


POINTS = ["putaway.named", "putaway.linked", "putaway.moved", "putaway.before_commit"]
ONCE = [(point, 1) for point in POINTS[2:]]  # once a batch


async def cut_off(site: Site, point: str, options: ConverterOptions, n: int = 1) -> None:
    with pytest.MonkeyPatch.context() as patch:
        faults = faultpoint._parse(f"{point}=raise@{n}")  # noqa: SLF001 - as the variable would
        patch.setattr(faultpoint, "_faults", faults)
        with pytest.raises(BaseExceptionGroup) as caught, trio.fail_after(10):
            async with running(site, options):
                await trio.sleep_forever()
    assert caught.group_contains(faultpoint.InjectedFault)


ENDS: list[tuple[str, Outcome, list[str]]] = [
    ("move", DONE, ["Done/a.json", "Done/b.json"]),
    ("delete", DONE, []),
    (
        "move",
        REFUSED,
        ["Error/a.json", "Error/a.json.error.json", "Error/b.json", "Error/b.json.error.json"],
    ),
]


@pytest.mark.parametrize("renaming", ["renameat2", "links", "placeholders"])
@pytest.mark.parametrize(("point", "n"), [(p, n) for p in POINTS[:2] for n in (1, 2)] + ONCE)
@pytest.mark.parametrize("end", ENDS, ids=["done", "deleted", "refused"])
async def test_cut_off_between_any_two_steps_the_rest_is_done_by_the_next_run(
    site: Site, point: str, n: int, end: tuple[str, Outcome, list[str]], renaming: str
) -> None:
    action, outcome, left = end
    options = site.options(post_action=action)
    items = await finished(site, "a.json", "b.json", outcome=outcome)
    with pytest.MonkeyPatch.context() as patch:
        use(renaming, patch)
        await cut_off(site, point, options, n)
        away = await put_away(site, items, options)
    assert listed(site.folder) == left
    if left:
        assert [Path(i.source).name for i in away] == ["a.json", "b.json"]
        assert [read(i.source) for i in away] == [b"{}"] * 2


def use(renaming: str, patch: pytest.MonkeyPatch) -> None:
    """Rename as a system without `renameat2`, or a file system without links does."""
    if renaming != "renameat2":
        patch.setattr(moves, "_renameat2", None)
    if renaming == "placeholders":

        def no_links(*_: object, **__: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        patch.setattr(os, "link", no_links)


async def test_a_move_by_links_that_was_cut_off_half_way_is_finished(site: Site) -> None:
    items = await finished(site, "a.json")
    (site.folder / "Done").mkdir()
    (site.folder / "Done" / "a.json").hardlink_to(site.folder / "a.json")
    [item] = await put_away(site, items)
    assert item.source == str(site.folder / "Done" / "a.json")
    assert listed(site.folder) == ["Done/a.json"]


@pytest.fixture
def other_disk(site: Site) -> AsyncIterator[Path]:  # type: ignore[misc]  # a plain generator
    folder = SHM / f"pywats-trio-{os.getpid()}"
    folder.mkdir()
    if folder.stat().st_dev == site.folder.stat().st_dev:
        pytest.skip("needs two file systems")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("point", ["", *POINTS])
@pytest.mark.parametrize("outcome", [DONE, REFUSED])
async def test_a_target_on_another_disk_gets_a_true_copy_before_the_source_goes(
    site: Site, other_disk: Path, point: str, outcome: Outcome
) -> None:
    options = site.options(done_dir=str(other_disk), error_dir=str(other_disk))
    (other_disk / "a.json").write_bytes(b"old")
    data = os.urandom(2_500_000)
    items = await finished(site, "a.json", outcome=outcome, data=data)
    if point:
        await cut_off(site, point, options)
    [item] = await put_away(site, items, options)
    target = other_disk / "a (2).json"
    assert item.source == str(target)
    assert target.read_bytes() == data
    assert target.stat().st_mtime == 1000
    assert listed(site.folder) == []
    explained = ["a (2).json.error.json"] if outcome is REFUSED else []
    assert listed(other_disk) == sorted(["a (2).json", "a.json", *explained])


async def test_a_copy_cut_off_before_the_source_went_is_not_made_twice(
    site: Site, other_disk: Path
) -> None:
    items = await finished(site, "a.json", data=b"data")
    shutil.copy2(site.folder / "a.json", other_disk / "a.json")
    (other_disk / f".{items[0].id}.pywats-trio.tmp").write_bytes(b"da")
    [item] = await put_away(site, items, site.options(done_dir=str(other_disk)))
    assert item.source == str(other_disk / "a.json")
    assert [n for n in listed(other_disk) if not n.startswith(".")] == ["a.json"]


async def test_one_file_that_cannot_be_moved_does_not_hold_up_the_others(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(putaway, "FIRST", 0.01)
    (site.folder / "Error").write_bytes(b"a file where a folder should be")
    bad = await finished(site, "bad.json", "bad2.json", outcome=REFUSED)
    good = await finished(site, "good.json")
    async with running(site):
        await is_away(site, *good)
        now = await site.desk.item(bad[0].id)
        assert now is not None
        assert now.putaway is Stage.PENDING
        (site.folder / "Error").unlink()
        await is_away(site, *bad)
    told = capsys.readouterr().out
    assert told.count("a folder is needed where a file lies") == 1
    assert told.count("(error_dir): over") == 1


async def test_more_failing_files_than_a_batch_do_not_hold_up_the_others(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(putaway, "BATCH", 2)
    (site.folder / "Error").write_bytes(b"")
    await finished(site, *(f"bad{n}.json" for n in range(5)), outcome=REFUSED)
    good = await finished(site, "good.json")
    await put_away(site, good)


async def test_a_move_that_cannot_be_recorded_is_recorded_later(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trouble, "FIRST", 0.01)
    items = await finished(site, "a.json")
    part = site.putaway()
    part._unrecorded = trouble.Trouble("x", first=0.01)  # noqa: SLF001 - do not wait a second
    part._store = FullDisk(site, failures=3)  # type: ignore[assignment]  # noqa: SLF001
    async with trio.open_nursery() as nursery:
        await nursery.start(part.run)
        await is_away(site, *items)
        nursery.cancel_scope.cancel()
    assert capsys.readouterr().out.count("the disk is full") == 2  # begun and over


class FullDisk:
    """The real store behind a disk that is full for a while."""

    def __init__(self, site: Site, failures: int) -> None:
        self._store = site.store
        self._left = failures
        self.bell = site.store.bell
        self.counts = site.store.counts

    async def _fail(self) -> None:
        await trio.lowlevel.checkpoint()
        if self._left:
            self._left -= 1
            raise StoreError("the disk is full")

    async def put_away(self, results: Sequence[PutAway]) -> None:
        await self._fail()
        await self._store.put_away(results)

    async def put(self, envelopes: Sequence[Envelope]) -> list[int | None]:
        await self._fail()
        return await self._store.put(envelopes)

    async def forget(self, paths: list[str]) -> None:
        await self._fail()
        await self._store.forget(paths)


async def test_files_that_the_queue_refuses_for_a_while_are_all_taken_in_the_end(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    (site.folder / "gone.json").write_bytes(b"{}")
    async with site.watching():
        await site.items(1)
    (site.folder / "gone.json").unlink()
    (site.folder / "a.json").write_bytes(b"{}")
    watch = site.watch()
    watch._store = FullDisk(site, failures=2)  # type: ignore[assignment]  # noqa: SLF001
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            trouble.Trouble.__init__,
            "__kwdefaults__",
            {"first": 0.01, "longest": 0.02, "fields": None, "board": None},
        )
        async with site.watching(watch):
            assert await site.names(2) == ["gone.json", "a.json"]
    told = capsys.readouterr().out
    assert told.count("the queue takes no files") == 2  # begun and over
    assert list(await site.desk.seen("line-3")) == [str(site.folder / "a.json")]


async def test_drained_it_puts_away_what_it_can_and_ends(site: Site) -> None:
    (site.folder / "Error").write_bytes(b"")
    items = await finished(site, "a.json")
    [stuck] = await finished(site, "b.json", outcome=REFUSED)
    part = site.putaway()
    part.drain()
    with trio.fail_after(10):
        await part.run()
    [item] = await is_away(site, *items)
    assert item.source == str(site.folder / "Done" / "a.json")
    left = await site.desk.item(stuck.id)
    assert left is not None
    assert left.putaway is Stage.PENDING


async def test_a_move_that_cannot_be_made_durable_is_tried_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(putaway, "FIRST", 0.01)
    items = await finished(site, "a.json")
    sync, failures = moves.sync_folder, [OSError(5, "Input/output error")]

    def fail_once(folder: str) -> None:
        if failures and folder.endswith("Done"):
            raise failures.pop()
        sync(folder)

    (site.folder / "Done").mkdir()
    monkeypatch.setattr(moves, "sync_folder", fail_once)
    [item] = await put_away(site, items)
    assert failures == []
    assert item.source == str(site.folder / "Done" / "a.json")


async def test_a_stop_finishes_the_file_in_hand_and_leaves_the_rest_for_the_next_start(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = await finished(site, "a.json", "b.json", "c.json")
    part = site.putaway()
    scope = trio.CancelScope()
    put_one = part._put_away  # noqa: SLF001

    def stop_after_one(item: Item) -> PutAway:
        trio.from_thread.run_sync(scope.cancel)
        return put_one(item)

    monkeypatch.setattr(part, "_put_away", stop_after_one)
    with scope:
        await part.run()
    assert len(listed(site.folder / "Done")) == 1
    await put_away(site, items)
    assert listed(site.folder) == ["Done/a.json", "Done/b.json", "Done/c.json"]


# Files that were refused, and that an operator brought back


def edited(path: str, data: bytes) -> Identity:
    Path(path).write_bytes(data)
    return identity(Path(path).stat())


async def again(site: Site, item: Item, outcome: Outcome, data: bytes = b"mended") -> Item:
    """The refused file was edited where it lies now, retried, and converted to `outcome`."""
    identities = {item.id: edited(item.source, data)}
    assert await site.store.change(Selection(ids=(item.id,)), Retry(identities), "me") == 1
    [claim] = await site.store.claim(Kind.FILE, 1, "test")
    await site.store.finish(claim, outcome)
    found = await site.desk.item(item.id)
    assert found is not None
    return found


async def refused(site: Site, name: str, options: ConverterOptions) -> Item:
    [item] = await put_away(site, await finished(site, name, outcome=REFUSED), options)
    return item


NAMES = ["a.json", "sub/a.json", os.fsdecode(b"\xff \n.json")]
ACTIONS = {"move": "Done/{}", "archive": "Archive/{day}/{}", "keep": "Error/{}", "delete": ""}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("action", ACTIONS)
async def test_a_refused_file_that_is_converted_after_all_leaves_without_its_explanation(
    site: Site, action: str, name: str
) -> None:
    options = site.options(post_action=action, recursive=True)
    item = await again(site, await refused(site, name, options), DONE)
    [item] = await put_away(site, [item], options)
    day = datetime.fromtimestamp(item.finished_at or 0, UTC)
    expected = ACTIONS[action].format(name, day=f"{day:%Y-%m-%d}")
    assert listed(site.folder) == [expected][: bool(expected)]
    if expected:
        assert item.source == str(site.folder / expected)
        assert read(item.source) == b"mended"


@pytest.mark.parametrize("name", NAMES)
async def test_refused_again_it_stays_and_its_explanation_is_written_anew(
    site: Site, name: str
) -> None:
    options = site.options(recursive=True)
    first = await refused(site, name, options)
    second = await again(site, first, Failed(Problem("rejected", "line 9: still wrong")))
    [second] = await put_away(site, [second], options)
    assert second.source == first.source == str(site.folder / "Error" / name)
    assert listed(site.folder) == [f"Error/{name}", f"Error/{name}.error.json"]
    told = json.loads(read(second.source + ".error.json"))
    assert told["why"] == "line 9: still wrong"
    assert told["source"] == printable(str(site.folder / name)), "where it was dropped"
    assert f"`pywats-trio queue retry {second.id}`" in told["what_to_do"]
    third = await again(site, second, DONE)
    await put_away(site, [third], options)
    assert listed(site.folder) == [f"Done/{name}"]


@pytest.mark.parametrize("inside", [True, False], ids=["below it", "elsewhere"])
async def test_an_error_folder_may_lie_anywhere_on_the_same_disk(site: Site, inside: bool) -> None:
    folder = site.folder / "bad" / "files" if inside else site.base
    options = site.options(error_dir=str(folder), recursive=True)
    item = await again(site, await refused(site, "sub/a.json", options), DONE)
    assert item.source == str(folder / "sub" / "a.json")
    await put_away(site, [item], options)
    assert listed(site.folder) == ["Done/sub/a.json"]
    assert not (folder / "sub" / "a.json.error.json").exists()


@pytest.mark.parametrize("outcome", [DONE, REFUSED])
async def test_an_error_folder_may_lie_on_another_disk(
    site: Site, other_disk: Path, outcome: Outcome
) -> None:
    options = site.options(error_dir=str(other_disk), recursive=True)
    item = await again(site, await refused(site, "sub/a.json", options), outcome)
    [item] = await put_away(site, [item], options)
    if outcome is DONE:
        assert listed(site.folder) == ["Done/sub/a.json"]
        assert listed(other_disk) == []
    else:
        assert item.source == str(other_disk / "sub" / "a.json")
        assert listed(other_disk) == ["sub/a.json", "sub/a.json.error.json"]
    assert read(item.source) == b"mended"


async def test_another_error_folder_by_now_takes_the_file_and_the_explanation(site: Site) -> None:
    item = await again(site, await refused(site, "a.json", site.options()), REFUSED)
    await put_away(site, [item], site.options(error_dir="Bad"))
    assert listed(site.folder) == ["Bad/a.json", "Bad/a.json.error.json"]


async def test_the_explanation_of_another_item_is_left_alone(site: Site) -> None:
    item = await again(site, await refused(site, "a.json", site.options()), DONE)
    others = site.folder / "Error" / "a.json.error.json"
    others.write_text('{"item_id": 77}')
    await put_away(site, [item])
    assert listed(site.folder) == ["Done/a.json", "Error/a.json.error.json"]


async def test_an_explanation_that_is_a_folder_holds_nothing_up(site: Site) -> None:
    item = await again(site, await refused(site, "a.json", site.options()), DONE)
    others = site.folder / "Error" / "a.json.error.json"
    others.unlink()
    others.mkdir()
    await put_away(site, [item])
    assert listed(site.folder) == ["Done/a.json"]


async def test_a_submitted_file_that_was_refused_is_treated_as_one_that_was_dropped(
    site: Site,
) -> None:
    inbox = site.base / "inbox"
    (inbox / "x").mkdir(parents=True)
    path = inbox / "x" / "a.json"
    path.write_bytes(b"{}")
    await site.store.put([Envelope(Kind.FILE, "line-3", str(path), identity=identity(path.stat()))])
    [claim] = await site.store.claim(Kind.FILE, 1, "test")
    await site.store.finish(claim, REFUSED)
    item = await site.desk.item(1)
    assert item is not None
    part = Putaway(
        site.options(),
        store=site.store,
        desk=site.desk,
        limiter=site.limiter,
        inbox=str(inbox),
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(part.run)
        [item] = await is_away(site, item)
        assert item.source == str(site.folder / "Error" / "a.json")
        item = await again(site, item, DONE)
        [item] = await is_away(site, item)
        nursery.cancel_scope.cancel()
    assert item.source == str(site.folder / "Done" / "a.json")
    assert listed(site.folder) == ["Done/a.json"]


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("outcome", [DONE, REFUSED])
@pytest.mark.parametrize("action", ["move", "delete"])
async def test_cut_off_after_a_retry_the_rest_is_done_by_the_next_run(
    site: Site, point: str, outcome: Outcome, action: str
) -> None:
    options = site.options(post_action=action)
    item = await again(site, await refused(site, "a.json", options), outcome)
    if not (outcome is REFUSED and point == "putaway.linked"):  # it is not moved
        await cut_off(site, point, options)
    await put_away(site, [item], options)
    if outcome is REFUSED:
        assert listed(site.folder) == ["Error/a.json", "Error/a.json.error.json"]
    else:
        assert listed(site.folder) == (["Done/a.json"] if action == "move" else [])
