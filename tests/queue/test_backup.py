"""A copy of the queue that is made while it is at work, and that is what it says."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import pytest
import trio

from pywats_trio.errors import InvalidInputError, NotFoundError, StoreError
from pywats_trio.model import Converted, Delivered, Envelope, Identity, Kind, State
from pywats_trio.queue.backup import sources
from pywats_trio.queue.backup.check import examine
from pywats_trio.queue.backup.snapshot import About, Made, back_up, make
from pywats_trio.queue.database import connect, open_reader
from pywats_trio.queue.migrate import LAYOUT
from pywats_trio.queue.sqlite_store import open_store
from pywats_trio.queue.store import PutAway
from tests.contract.kit import a_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.queue.store import Store
    from tests.queue.conftest import Disk

ABOUT = About("line-1", "1.2.3")
BIG = 1_500_000
"""Bytes; more than are copied at a time."""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backup.db"


def a_file(path: Path, content: bytes = b"measured") -> Envelope:
    path.write_bytes(content)
    status = path.stat()
    identity = Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    return Envelope(Kind.FILE, "ict", str(path), identity=identity)


def look(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(open_reader(path)) as connection:
        return connection.execute(sql).fetchall()


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def reserved(path: Path) -> int:
    """Bytes of each page that hold no data."""
    return path.read_bytes()[20]


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def size_of(path: Path) -> int:
    return path.stat().st_size


def damage(path: Path, sql: str) -> None:
    with contextlib.closing(connect(path)) as connection:
        connection.execute(sql)
        connection.pragma("journal_mode", "delete")


class Halt:
    """Stops a backup at its n-th step until it is let go."""

    def __init__(self, at: int) -> None:
        self._left = at
        self.reached = threading.Event()
        self.go = threading.Event()

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.reached.set()
            assert self.go.wait(20), "nobody let it go"


async def test_it_holds_what_was_there_when_it_began(database: Path, target: Path) -> None:
    async with open_store(database) as store:
        await store.put([a_report(bytes([65 + n]) * 20_000) for n in range(40)])
        halt = Halt(2)
        made: list[Made] = []

        async def back_it_up() -> None:
            making = partial(make, database, target, ABOUT, False, halt)
            made.append(await trio.to_thread.run_sync(making))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(back_it_up)
            await trio.to_thread.run_sync(halt.reached.wait, 20)
            # In the middle of it: commits go on, and are none of its business.
            await store.put([a_report(b"later") for _ in range(5)])
            [claim] = await store.claim(Kind.REPORT, 1, "deliver")
            await store.finish(claim, Delivered("thanks"))
            halt.go.set()
    [done] = made
    assert done.contents.items == {(Kind.REPORT, State.PENDING): 40}
    assert (done.contents.damaged, done.contents.instance) == ((), "line-1")
    assert look(target, "SELECT count(*) FROM payloads") == [(40,)]
    assert done.bytes == size_of(target)


async def test_it_is_one_file_of_the_same_make(database: Path, target: Path) -> None:
    async with open_store(database) as store:
        await store.put([a_report()])
        await back_up(store, database, target, ABOUT)
    assert names_in(target.parent) == {"backup.db", "queue.db", "queue.db.note"}
    for pragma in ("auto_vacuum", "page_size", "user_version", "application_id"):
        assert look(target, f"PRAGMA {pragma}") == look(database, f"PRAGMA {pragma}"), pragma
    assert [reserved(path) for path in (target, database)] == [8, 8]  # what checksums need
    assert mode_of(target) == 0o600


async def test_pages_that_are_still_in_the_log_get_their_checksums(
    database: Path, target: Path
) -> None:
    """More of them than SQLite keeps in memory, so that they are written before the first page."""
    async with open_store(database) as store, store.long_reading():
        for _ in range(6):
            await store.put([a_report(bytes(BIG))])
        made = await back_up(store, database, target, ABOUT)
    assert made.contents.items == {(Kind.REPORT, State.PENDING): 6}
    assert len(look(target, "SELECT body FROM payloads")) == 6


async def test_commits_leave_the_log_to_the_one_who_reads(database: Path) -> None:
    async with open_store(database) as store:
        await store.put([a_report()])

        async def much() -> int:
            """What that writes into the database itself; its log takes it all first."""
            before = size_of(database)
            for _ in range(8):
                await store.put([a_report(bytes(BIG))])
            return size_of(database) - before

        async with store.long_reading():
            async with store.long_reading():
                assert await much() == 0
            assert await much() == 0
        assert await much() > 0


async def test_what_gathered_in_the_log_is_written_back_by_the_backup(
    database: Path, target: Path
) -> None:
    async with open_store(database) as store:
        await store.put([a_report(bytes(1_000_000))])
        halt = Halt(2)
        async with store.long_reading(), trio.open_nursery() as nursery:
            making = partial(make, database, target, ABOUT, False, halt)
            nursery.start_soon(trio.to_thread.run_sync, making)
            await trio.to_thread.run_sync(halt.reached.wait, 20)
            await store.put([a_report(bytes(8 * BIG))])
            assert size_of(database) < 8 * BIG
            halt.go.set()
        assert size_of(database) > 8 * BIG


class GivesUp(Exception):
    pass


@pytest.mark.parametrize("step", [1, 2, 5])
async def test_given_up_it_leaves_nothing(database: Path, target: Path, step: int) -> None:
    async with open_store(database) as store:
        await store.put([a_report(bytes(BIG))])
        steps = iter(range(1, step))

        def check() -> None:
            if next(steps, None) is None:
                raise GivesUp

        with pytest.raises(GivesUp):
            make(database, target, ABOUT, False, check)
        assert not any(name.startswith("backup.db") for name in names_in(target.parent))
        await store.put([a_report()])


async def test_a_cancelled_one_comes_to_nothing(database: Path, target: Path) -> None:
    async with open_store(database) as store:
        await store.put([a_report()])
        with trio.CancelScope() as scope:
            scope.cancel()
            await back_up(store, database, target, ABOUT)
        assert scope.cancelled_caught
        assert "backup.db" not in names_in(target.parent)
        assert (await back_up(store, database, target, ABOUT)).contents.items


# The files that wait to be converted


async def backed_up(store: Store, database: Path, target: Path) -> tuple[dict[int, bytes], Made]:
    made = await back_up(store, database, target, ABOUT, replace=True)
    return {int(key): body for key, body in look(target, "SELECT item_id, body FROM sources")}, made


async def test_files_that_wait_are_in_it(tmp_path: Path, database: Path, target: Path) -> None:
    names = ["a.txt", "line\nbreak", os.fsdecode(b"no-\xff-utf8")]
    contents = [b"x" * BIG, b"b", b"c" * (1024 * 1024)]
    async with open_store(database) as store:
        files = [a_file(tmp_path / n, body) for n, body in zip(names, contents, strict=True)]
        ids = await store.put(files)
        await store.put([a_file(tmp_path / "done.txt")])
        claims = await store.claim(Kind.FILE, 4, "convert")
        await store.finish(claims[-1], Converted((), "ab" * 32))
        found, made = await backed_up(store, database, target)
    assert found == dict(zip(ids, contents, strict=True))
    assert (made.missing, made.contents.sources) == ((), 3)


async def test_a_file_that_was_moved_meanwhile_is_found(
    tmp_path: Path, database: Path, target: Path
) -> None:
    there = tmp_path / "Done" / "a.txt"
    async with open_store(database) as store:
        [item_id] = await store.put([a_file(tmp_path / "a.txt", b"mine")])
        assert item_id is not None
        halt = Halt(1)
        found: list[Made] = []

        async def back_it_up() -> None:
            making = partial(make, database, target, ABOUT, False, halt)
            found.append(await trio.to_thread.run_sync(making))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(back_it_up)
            await trio.to_thread.run_sync(halt.reached.wait, 20)
            [claim] = await store.claim(Kind.FILE, 1, "convert")
            await store.finish(claim, Converted((), "ab" * 32))
            there.parent.mkdir()
            (tmp_path / "a.txt").rename(there)
            (tmp_path / "a.txt").write_bytes(b"another")
            await store.put_away([PutAway(item_id, str(there))])
            halt.go.set()
    assert look(target, "SELECT item_id, body FROM sources") == [(item_id, b"mine")]
    assert look(target, "SELECT state FROM items") == [("PENDING",)]


async def test_a_file_that_is_just_being_put_away_is_waited_for(
    tmp_path: Path, database: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "moved.txt"
    async with open_store(database) as store:
        [item_id] = await store.put([a_file(tmp_path / "a.txt", b"mine")])
        assert item_id is not None
        begun = Halt(1)
        looks: list[None] = []

        def check() -> None:
            begun()
            looks.append(None)

        async with trio.open_nursery() as nursery:
            making = partial(make, database, target, ABOUT, False, check)
            nursery.start_soon(trio.to_thread.run_sync, making)
            await trio.to_thread.run_sync(begun.reached.wait, 20)
            [claim] = await store.claim(Kind.FILE, 1, "convert")
            await store.finish(claim, Converted((), "ab" * 32))
            (tmp_path / "a.txt").rename(there)  # and its row does not say so yet
            begun.go.set()
            while len(looks) < 5:  # it looks again and again
                await trio.to_thread.run_sync(lambda: None)
            await store.put_away([PutAway(item_id, str(there))])
    assert look(target, "SELECT body FROM sources") == [(b"mine",)]


def replaced(path: Path) -> str:
    path.unlink()
    path.write_bytes(b"another!")
    return "is another file now; its item is PENDING now"


def replaced_alike(path: Path) -> str:
    """By another of the same size and time."""
    when = path.stat().st_mtime_ns
    path.rename(path.with_name("other"))
    path.write_bytes(b"another!")
    os.utime(path, ns=(when, when))
    return "is another file now"


def gone(path: Path) -> str:
    path.unlink()
    return "is gone; its item is PENDING now"


def grown(path: Path) -> str:
    path.write_bytes(path.read_bytes() + b"more")
    return "is another file now"


def a_pipe(path: Path) -> str:
    path.unlink()
    os.mkfifo(path)
    return "is another file now"


def a_link(path: Path) -> str:
    path.rename(path.with_name("real"))
    path.symlink_to(path.with_name("real"))
    return "cannot be read (Too many levels of symbolic links)"


@pytest.mark.parametrize("happened", [replaced, replaced_alike, gone, grown, a_pipe, a_link])
async def test_a_file_that_is_not_to_be_had_is_told(
    tmp_path: Path, database: Path, target: Path, happened: Callable[[Path], str]
) -> None:
    async with open_store(database) as store:
        ids = await store.put([a_file(tmp_path / "a.txt"), a_file(tmp_path / "b.txt")])
        why = happened(tmp_path / "a.txt")
        found, made = await backed_up(store, database, target)
    [missing] = made.missing
    assert (missing.item_id, missing.source) == (ids[0], str(tmp_path / "a.txt"))
    assert why in missing.why
    assert found == {ids[1]: b"measured"}
    assert made.contents.items == {(Kind.FILE, State.PENDING): 2}


async def test_a_file_that_never_arrives_is_not_waited_for_long(
    tmp_path: Path, database: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MOVING_SECONDS", 0.0)
    async with open_store(database) as store:
        await store.put([a_file(tmp_path / "a.txt")])
        halt = Halt(1)
        async with trio.open_nursery() as nursery:
            made: list[Made] = []

            async def back_it_up() -> None:
                making = partial(make, database, target, ABOUT, False, halt)
                made.append(await trio.to_thread.run_sync(making))

            nursery.start_soon(back_it_up)
            await trio.to_thread.run_sync(halt.reached.wait, 20)
            [claim] = await store.claim(Kind.FILE, 1, "convert")
            await store.finish(claim, Converted((), "ab" * 32))
            (tmp_path / "a.txt").unlink()
            halt.go.set()
    assert [one.why.rpartition("; ")[2] for one in made[0].missing] == ["its item is COMPLETED now"]


# What is wrong


async def test_a_damaged_report_is_told_and_the_others_are_safe(
    database: Path, target: Path
) -> None:
    async with open_store(database) as store:
        ids = await store.put([a_report(b"one"), a_report(b"two"), a_report(b"three")])
    damage(database, f"UPDATE payloads SET body = x'00' WHERE item_id = {ids[1]}")
    damage(database, f"DELETE FROM payloads WHERE item_id = {ids[2]}")
    async with open_store(database) as store:
        made = await back_up(store, database, target, ABOUT)
    assert made.contents.damaged == (ids[1], ids[2])


@pytest.fixture
def precious(target: Path) -> Path:
    target.write_bytes(b"precious")
    return target


async def test_what_is_there_is_kept_unless_told_otherwise(database: Path, precious: Path) -> None:
    async with open_store(database) as store:
        with pytest.raises(InvalidInputError, match="is there already; choose another name, or"):
            await back_up(store, database, precious, ABOUT)
        assert size_of(precious) == len(b"precious")
        await back_up(store, database, precious, ABOUT, replace=True)
    assert examine(precious).instance == "line-1"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nowhere/backup.db", "there is no folder of that name; make it first"),
        (".", "is a folder; name a file in it"),
    ],
)
async def test_no_place_for_a_file_is_told(
    tmp_path: Path, database: Path, name: str, why: str
) -> None:
    async with open_store(database) as store:
        with pytest.raises(InvalidInputError, match=why):
            await back_up(store, database, tmp_path / name, ABOUT)


async def test_two_at_once_do_not_mix(database: Path, target: Path) -> None:
    part = target.with_name("backup.db.part")
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    async with open_store(database) as store:
        with pytest.raises(StoreError, match="is being made already"):
            await back_up(store, database, target, ABOUT)
        os.close(descriptor)
        part.write_bytes(b"left over by a kill")
        part.with_name("backup.db.part-journal").write_bytes(b"left over, too")
        await back_up(store, database, target, ABOUT)
    assert names_in(target.parent) == {"backup.db", "queue.db", "queue.db.note"}


async def test_a_full_disk_leaves_nothing(database: Path, target: Path, disk: Disk) -> None:
    async with open_store(database) as store:
        await store.put([a_report(bytes(BIG)) for _ in range(3)])
        disk.fill(database)
        with pytest.raises(StoreError, match="no backup was made"):
            await back_up(store, database, target, ABOUT)
        disk.free()
        assert not any(name.startswith("backup.db") for name in names_in(target.parent))
        await back_up(store, database, target, ABOUT)


# Looking one through


@pytest.fixture
async def good(tmp_path: Path, database: Path, target: Path) -> Path:
    async with open_store(database) as store:
        await store.put([a_report(bytes([n]) * 3000) for n in range(50)])
        await store.put([a_file(tmp_path / "a.txt", b"f" * 5000)])
        await back_up(store, database, target, ABOUT)
    return target


async def test_a_good_one_is_good(good: Path) -> None:
    contents = examine(good)
    assert contents.items == {(Kind.FILE, State.PENDING): 1, (Kind.REPORT, State.PENDING): 50}
    assert (contents.sources, contents.instance, contents.version) == (1, "line-1", "1.2.3")


async def test_a_plain_copy_of_a_queue_will_do(good: Path, database: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(database, tmp_path / "copy.db"))
    contents = examine(copy)
    assert (contents.items, contents.sources) == (examine(good).items, 0)
    assert (contents.at, contents.instance) == (None, "")


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def text(path: Path) -> None:
    path.write_text("no database " * 1000)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def foreign(path: Path) -> None:
    path.unlink()
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        connection.execute("CREATE TABLE items (x)")


def newer(path: Path) -> None:
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        connection.pragma("user_version", LAYOUT + 1)


def zeroed(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(5 * 4096)
        file.write(bytes(4096 * 3))


def other_source(path: Path) -> None:
    damage(path, "UPDATE sources SET body = zeroblob(5000)")


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (cut, "another"),
        (text, "cannot be read as a backup"),
        (empty, "is no backup of a queue"),
        (foreign, "is no backup of a queue"),
        (newer, "was made by a newer pywats-trio"),
        (zeroed, "use another"),
        (other_source, r"is damaged \(the source file of item 51\)"),
    ],
)
async def test_a_bad_one_is_refused(good: Path, harm: Callable[[Path], None], why: str) -> None:
    harm(good)
    with pytest.raises(InvalidInputError, match=why) as caught:
        examine(good)
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="check the path"):
        examine(tmp_path / "nowhere")
    with pytest.raises(InvalidInputError, match="is no file"):
        examine(tmp_path)


async def test_looking_it_through_can_be_given_up(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pywats_trio.queue.backup.check.STEPS", 10)

    def check() -> None:
        raise GivesUp

    with pytest.raises(GivesUp):
        examine(good, check)
