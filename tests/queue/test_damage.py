"""What counts as damage when the queue is opened, and what is remembered of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import apsw
import pytest

from pywats_trio.errors import StartError
from pywats_trio.observe.board import Board, Cause
from pywats_trio.queue.database import connect, open_reader
from pywats_trio.queue.migrate import LAYOUT
from pywats_trio.queue.opening import INCOMPLETE
from pywats_trio.queue.salvage import inspection
from pywats_trio.queue.salvage import whole as salvage
from pywats_trio.queue.salvage.aside import folders
from pywats_trio.queue.salvage.damage import EVENT, SETTING, Damage, in_words, is_damage
from pywats_trio.queue.salvage.inspection import Note
from pywats_trio.queue.salvage.walfile import FRAME
from pywats_trio.queue.sqlite_store import open_store
from tests.contract.kit import a_report, some_files
from tests.queue.damaging import PAGE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.queue.conftest import Logged

STRIDE = FRAME + PAGE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder / "queue.db"


async def killed(path: Path, *puts: int) -> Path:
    """The files of a store that was killed after `puts` commits of so many reports each."""
    async with open_store(path) as store:
        for reports in puts:
            await store.put([a_report()] * reports)
        copy = path.parent.with_name("killed")
        shutil.copytree(path.parent, copy)
    return copy / path.name


def wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


async def opened(path: Path) -> tuple[int, str]:
    """How many items there are, and what the board says of damage."""
    board = Board()
    async with open_store(path, board=board) as store:
        told = board.held_up_by(Cause.STORE_DAMAGED)
        return sum(store.counts().by.values()), told[0].message if told else ""


def notes(path: Path, event: str) -> list[Any]:
    with contextlib.closing(open_reader(path)) as reader:
        found = reader.execute("SELECT message FROM history WHERE event = ?", (event,))
        return [json.loads(str(text)) for (text,) in found]


# Which errors are damage


@pytest.mark.parametrize(
    ("error", "damaged"),
    [
        (apsw.CorruptError("x"), True),
        (apsw.NotADBError("x"), True),
        (apsw.IOError("x"), False),
        (apsw.FullError("x"), False),
        (apsw.BusyError("x"), False),
        (apsw.CantOpenError("x"), False),
        (OSError("x"), False),
        (None, False),
    ],
)
def test_an_error_that_is_damage(error: Exception | None, damaged: bool) -> None:
    assert is_damage(error) is damaged


def test_a_checksum_that_differs_is_damage_in_words() -> None:
    error = apsw.exception_for(apsw.SQLITE_IOERR_DATA)
    assert is_damage(error)
    assert in_words(error) == "the checksum of a page differs"
    assert not is_damage(apsw.exception_for(apsw.SQLITE_IOERR_WRITE))
    assert in_words(apsw.CorruptError("malformed")) == "malformed"


# The note


def test_a_note_is_read_as_it_was_written(path: Path) -> None:
    note = Note(open=False, boot="b", synchronous="normal", items=3, damage="d")
    note.write(path)
    assert Note.read(path) == note
    assert [file.name for file in path.parent.iterdir()] == ["queue.db.note"]


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"open": 1}', '{"else": true}', "\xff"])
def test_a_note_that_is_damaged_says_nothing(path: Path, text: str) -> None:
    Note.place(path).write_bytes(text.encode("latin-1"))
    assert Note.read(path) is None


@pytest.mark.parametrize(
    ("boot", "synchronous", "torn"),
    [
        (inspection.this_boot(), "full", 0),
        (inspection.this_boot(), "normal", 0),
        ("another", "full", 1),
        ("another", "normal", None),
        ("", "full", 1),
    ],
)
def test_only_a_power_loss_tears_transactions(
    boot: str, synchronous: str, torn: int | None
) -> None:
    assert Note(boot=boot, synchronous=synchronous).torn() == torn


async def test_it_is_noted_that_the_queue_is_open_and_that_it_was_closed(path: Path) -> None:
    async with open_store(path) as store:
        assert Note.read(path) == Note(boot=inspection.this_boot())
        await store.put(some_files(3))
    assert Note.read(path) == Note(open=False, boot=inspection.this_boot(), items=3)


async def test_a_queue_that_is_closed_with_a_log_counts_as_open(path: Path) -> None:
    async with open_store(path) as store:
        await store.put(some_files(3))
        reader = open_reader(path)
        rows = reader.execute("SELECT * FROM items")
        next(rows)
        await store.put([a_report()])
    note = Note.read(path)
    assert note is not None
    assert (note.open, note.items) == (True, 4)
    rows.close()
    reader.close()


# The log


@pytest.mark.parametrize("boot", ["", "same"])
async def test_a_log_that_is_whole_is_no_damage(path: Path, boot: str) -> None:
    copy = await killed(path, 3, 5)
    if not boot:
        Note(open=True, boot="another").write(copy)
    assert await opened(copy) == (8, "")


async def test_without_a_log_it_is_told_that_something_may_be_missing(path: Path) -> None:
    copy = await killed(path, 3)
    wal(copy).unlink()
    count, told = await opened(copy)
    assert count == 0
    assert "the log that belongs to the queue is missing" in told
    assert len(notes(copy, INCOMPLETE)) == 1
    assert not list(folders(copy))
    assert (await opened(copy))[1] == told  # until somebody has seen to it


async def test_a_log_that_was_written_back_is_not_missed(path: Path) -> None:
    async with open_store(path) as store:
        await store.put(some_files(3))
        with contextlib.closing(connect(path)) as other:
            other.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        copy = path.parent.with_name("killed")
        shutil.copytree(path.parent, copy)
    wal(copy / path.name).unlink()
    assert await opened(copy / path.name) == (3, "")


async def test_a_log_without_a_note_is_not_missed(path: Path) -> None:
    async with open_store(path) as store:
        await store.put(some_files(3))
    Note.place(path).unlink()
    assert await opened(path) == (3, "")


async def test_a_bit_in_the_middle_of_the_log_loses_nothing_behind_it(path: Path) -> None:
    copy = await killed(path, 3, 3, 3)
    spoil(copy, 10)
    count, told = await opened(copy)
    assert count == 9
    assert "the log is damaged or cut off" in told


def spoil(path: Path, from_end: int) -> None:
    """A bit of the page in one of the last frames of the log."""
    raw = bytearray(wal(path).read_bytes())
    raw[len(raw) - from_end * STRIDE + FRAME + 2000] ^= 1
    wal(path).write_bytes(raw)


async def test_a_log_that_is_cut_off_is_noticed_by_its_index(path: Path) -> None:
    async with open_store(path) as store:
        await store.put([a_report()])
        await store.remember("a", "b")  # on one page
        shutil.copytree(path.parent, path.parent.with_name("killed"))
    copy = path.parent.with_name("killed") / path.name
    os.truncate(wal(copy), wal(copy).stat().st_size - 1)
    assert "1 pages at its end cannot be read" in (await opened(copy))[1]


@pytest.mark.parametrize("left", [b"x", b"x" * 31, b"x" * 32, b"x" * 3000, b"x" * 4200])
async def test_something_else_in_the_place_of_the_log_is_noticed(path: Path, left: bytes) -> None:
    copy = await killed(path, 3, 60)
    wal(copy).write_bytes(left)
    items, told = await opened(copy)
    assert "this is no log of the queue" in told
    assert items <= 3


async def test_a_log_that_is_cut_off_in_its_head_is_noticed(path: Path) -> None:
    copy = await killed(path, 3, 60)
    os.truncate(wal(copy), 20)
    assert "this is no log of the queue" in (await opened(copy))[1]


async def test_a_torn_end_is_no_damage_after_a_power_loss(path: Path, logged: Logged) -> None:
    copy = await killed(path, 3, 60)
    Note(boot="the run before", synchronous="full").write(copy)
    spoil(copy, 10)
    again = copy.parent.with_name("again")
    async with open_store(copy) as store:
        assert store.counts().unfinished == 3
        assert logged.count("the end of the queue's log is torn") == 1
        await store.put([a_report()])
        shutil.copytree(copy.parent, again)
    Note(boot="the run before", synchronous="full").write(again / copy.name)
    assert await opened(again / copy.name) == (4, "")  # what was left of it does not come back
    assert logged.count("the end of the queue's log is torn") == 1


async def test_two_transactions_are_not_torn_where_each_was_synced(path: Path) -> None:
    copy = await killed(path, 3, 1, 1)
    Note(boot="the run before", synchronous="full").write(copy)
    spoil(copy, 20)
    count, told = await opened(copy)
    assert "commits at its end cannot be read" in told
    assert count == 5


# The database


def lay(path: Path, content: bytes | bytearray) -> None:
    path.write_bytes(content)


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def remove(path: Path) -> None:
    path.unlink()


def names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


async def test_a_queue_that_is_gone_is_told_and_begun_anew(path: Path) -> None:
    async with open_store(path) as store:
        await store.put(some_files(3))
    remove(path)
    count, told = await opened(path)
    assert count == 0
    assert "the queue's database is gone; of 3 items 0 were salvaged, 3 lost" in told


async def test_a_new_queue_is_no_damage(path: Path) -> None:
    assert await opened(path) == (0, "")
    remove(path)
    assert await opened(path) == (0, "")  # nothing was in it


@pytest.mark.parametrize("content", [b"my shopping list\n" * 100, b"x"])
async def test_a_foreign_file_is_set_aside(path: Path, content: bytes) -> None:
    lay(path, content)
    count, told = await opened(path)
    assert (count, "this is no database" in told) == (0, True)
    [folder] = folders(path)
    assert content_of(folder / path.name) == content


async def test_another_programs_database_is_set_aside(path: Path) -> None:
    with contextlib.closing(apsw.Connection(str(path))) as other:
        other.execute("CREATE TABLE items (x); INSERT INTO items VALUES (1)")
    content = content_of(path)
    count, told = await opened(path)
    assert (count, "no queue of pywats-trio" in told) == (0, True)
    [folder] = folders(path)
    assert content_of(folder / path.name) == content


async def test_a_newer_layout_is_no_damage(path: Path) -> None:
    with contextlib.closing(connect(path)) as connection:
        connection.pragma("user_version", LAYOUT + 1)
    before = content_of(path)
    with pytest.raises(StartError, match="install that version again"):
        await opened(path)
    assert content_of(path) == before
    assert not list(folders(path))


async def test_a_bit_in_the_number_of_the_layout_is(path: Path) -> None:
    async with open_store(path) as store:
        await store.put(some_files(3))
    raw = bytearray(content_of(path))
    raw[63] ^= 0x40  # the number of the layout, in the header (sqlite.org/fileformat2.html)
    lay(path, raw)
    count, told = await opened(path)
    assert (count, "of 3 items 3 were salvaged" in told) == (3, True)


@pytest.mark.parametrize(("limit", "noticed"), [(-1, False), (0, True), (1, True)])
async def test_only_a_small_one_is_read_as_a_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, noticed: bool
) -> None:
    async with open_store(path) as store:
        await store.put([a_report(b"x" * 50_000)])
    with contextlib.closing(open_reader(path)) as reader:
        page = int(reader.pragma("page_count"))
    raw = bytearray(content_of(path))
    raw[page * PAGE - 100] ^= 1
    lay(path, raw)
    monkeypatch.setattr(inspection, "CHECKED_WHOLE", len(content_of(path)) + limit)
    assert bool((await opened(path))[1]) is noticed


async def test_what_cannot_be_salvaged_is_a_start_error_and_stays(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(path, b"my shopping list\n" * 100)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(salvage, "_salvage", full)
    with pytest.raises(StartError, match=r"cannot be salvaged .*make room on the disk"):
        await opened(path)
    assert names(path.parent) == [path.name]


async def test_what_was_found_and_not_seen_to_is_seen_to_at_the_next_start(path: Path) -> None:
    async with open_store(path) as store:
        await store.put(some_files(3))
        store.doubt("a page is bad")
    note = Note.read(path)
    assert note is not None
    assert note.damage == "a page is bad"
    count, told = await opened(path)
    assert (count, "a page is bad; of 3 items 3 were salvaged" in told) == (3, True)
    assert (await opened(path))[1] == told
    assert len(list(folders(path))) == 1


# Until it is seen to


async def test_it_is_told_until_the_old_files_are_gone(path: Path) -> None:
    lay(path, b"my shopping list\n" * 100)
    told = (await opened(path))[1]
    assert (await opened(path))[1] == told
    [folder] = folders(path)
    shutil.rmtree(folder)
    assert await opened(path) == (0, "")
    assert len(notes(path, EVENT)) == 1  # the history keeps it


async def test_it_is_told_until_somebody_has_seen_to_it(path: Path) -> None:
    lay(path, b"my shopping list\n" * 100)
    board = Board()
    async with open_store(path, board=board) as store:
        assert store.remembered(SETTING)
        await store.damage_seen()
        assert not board.held_up_by(Cause.STORE_DAMAGED)
    assert await opened(path) == (0, "")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"what": "x"}', '{"nothing": 1}'])
def test_what_is_remembered_may_be_nothing(text: str) -> None:
    assert Damage.from_json(text) is None


def test_what_is_remembered_is_what_was_found() -> None:
    damage = Damage("a page is bad", 1.5, "/aside", 300, 297, 3, 2)
    assert Damage.from_json(damage.to_json()) == damage
    assert damage.message == (
        "a page is bad; of 300 items 297 were salvaged, 3 lost (2 of these are QUARANTINED, with "
        "what is known of them); the old files are in /aside"
    )
