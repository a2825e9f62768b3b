"""A backup becomes the queue; the former one is kept, and nothing is in doubt at any moment."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from pywats_trio import faultpoint
from pywats_trio.config.options import Config, ConverterOptions
from pywats_trio.errors import InvalidInputError, NotFoundError, StartError, StoreError
from pywats_trio.model import Envelope, Identity, Kind, State
from pywats_trio.queue.backup.snapshot import About, back_up
from pywats_trio.queue.checksums import open_file
from pywats_trio.queue.database import open_reader
from pywats_trio.queue.salvage.inspection import Note
from pywats_trio.queue.sqlite_store import open_store
from pywats_trio.service.lock import instance_lock
from pywats_trio.service.restore import KEPT, restore
from pywats_trio.service.stopped import open_stopped
from tests.contract.kit import a_report
from tests.queue.test_migrate import make_old

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CONTENT = b"measured"
WHEN = 1_700_000_000_123_456_789


@pytest.fixture
def arm() -> Iterator[Callable[[str], None]]:
    yield faultpoint.arm
    faultpoint.arm("")


def make_config(folder: Path, watch: Path) -> Config:
    watch.mkdir(parents=True, exist_ok=True)
    options = ConverterOptions(name="ict", type="wats-json", watch=watch)
    return Config(data_dir=folder / "data", converters=(options,))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Of the service that the backup is restored for."""
    (tmp_path / "there").mkdir()
    return make_config(tmp_path / "there", tmp_path / "there" / "drop")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that waits to be converted when the backup is made."""
    file = tmp_path / "here" / "drop" / "line\nbreak.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    os.utime(file, ns=(WHEN, WHEN))
    return file


@pytest.fixture
async def backup(tmp_path: Path, file: Path) -> Path:
    """Of a queue with a file and three reports, one of which is being delivered."""
    status = file.stat()  # noqa: ASYNC240
    identity = Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    database, target = tmp_path / "here" / "queue.db", tmp_path / "backup.db"
    async with open_store(database) as store:
        await store.put([Envelope(Kind.FILE, "ict", str(file), identity=identity)])
        await store.put([a_report(b"one"), a_report(b"two"), a_report(b"three")])
        await store.claim(Kind.REPORT, 1, "deliver")
        await back_up(store, database, target, About("default", "1.2.3"))
    return target


def agreed(_count: int) -> None:
    """Whatever is there may be replaced."""


def rows(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(open_reader(database)) as connection:
        return connection.execute(sql).fetchall()


def copies(config: Config) -> list[Path]:
    return sorted(path for path in config.inbox.rglob("*") if path.is_file())


def kept(config: Config) -> list[Path]:
    """Queues that were set aside; looking at one may leave a log beside it."""
    found = config.data_dir.glob(f"queue.db{KEPT}*")
    return sorted(path for path in found if not path.name.endswith(("-wal", "-shm")))


async def own_queue(config: Config) -> None:
    """The service has a queue with one report."""
    config.data_dir.mkdir()
    async with open_store(config.database) as store:
        await store.put([a_report(b"own")])


async def test_it_holds_what_the_backup_holds(config: Config, backup: Path, file: Path) -> None:
    done = restore(config, backup, agreed)
    database = config.database
    assert (done.sources, done.kept) == (1, None)
    assert rows(database, "SELECT body FROM payloads ORDER BY item_id") == [
        (b"one",),
        (b"two",),
        (b"three",),
    ]
    assert (
        rows(database, "SELECT name FROM sqlite_schema WHERE name IN ('sources', 'backup')") == []
    )
    [(_at, message)] = rows(database, "SELECT at, message FROM history WHERE event = 'restored'")
    assert json.loads(message)["instance"] == "default"
    async with open_stopped(config) as _control:
        pass  # as every start does
    assert rows(database, "SELECT kind, state FROM items ORDER BY id") == [
        ("file", "PENDING"),
        ("report", "PENDING"),
        ("report", "PENDING"),
        ("report", "PENDING"),
    ]
    assert rows(database, "SELECT items FROM totals WHERE state = 'PENDING' ORDER BY kind") == [
        (1,),
        (3,),
    ]
    assert file.exists()  # noqa: ASYNC240


async def test_files_are_read_from_the_inbox(config: Config, backup: Path, file: Path) -> None:
    restore(config, backup, agreed)
    [copy] = copies(config)
    assert (copy.name, copy.read_bytes()) == (file.name, CONTENT)
    status = copy.stat()
    assert status.st_mtime_ns == WHEN  # a converter may look at it
    database = config.database
    identity = (bytes(copy), status.st_size, WHEN)
    assert rows(database, "SELECT path, size, mtime_ns FROM items WHERE kind = 'file'") == [
        identity
    ]
    assert rows(database, "SELECT path, size, mtime_ns FROM seen") == [identity]
    # The start keeps it.
    async with open_stopped(config):
        assert copies(config) == [copy]


async def test_a_file_that_still_lies_in_its_folder_stays_there(
    config: Config, backup: Path, file: Path
) -> None:
    same = evolve(config, converters=(evolve(config.converters[0], watch=file.parent),))
    assert restore(same, backup, agreed).sources == 0
    database = config.database
    assert rows(database, "SELECT path FROM items WHERE kind = 'file'") == [(bytes(file),)]
    assert rows(database, "SELECT path FROM seen") == [(bytes(file),)]


async def test_another_file_in_its_place_is_left_alone(
    config: Config, backup: Path, file: Path
) -> None:
    file.rename(file.with_name("moved"))  # noqa: ASYNC240
    file.write_bytes(b"another")  # noqa: ASYNC240
    same = evolve(config, converters=(evolve(config.converters[0], watch=file.parent),))
    assert restore(same, backup, agreed).sources == 1
    [copy] = copies(config)
    assert copy.read_bytes() == CONTENT


async def test_the_former_queue_is_kept_as_it_was(config: Config, backup: Path) -> None:
    await own_queue(config)
    asked: list[int] = []
    done = restore(config, backup, asked.append)
    assert asked == [1]
    assert done.kept is not None
    assert [done.kept] == kept(config)
    assert rows(done.kept, "SELECT body FROM payloads") == [(b"own",)]
    again = restore(config, backup, agreed)
    assert len(kept(config)) == 2
    assert again.kept is not None
    assert len(rows(again.kept, "SELECT body FROM payloads")) == 3


async def test_without_agreement_nothing_changes(config: Config, backup: Path) -> None:
    await own_queue(config)

    def refuses(_count: int) -> None:
        raise InvalidInputError("no")

    with pytest.raises(InvalidInputError):
        restore(config, backup, refuses)
    assert rows(config.database, "SELECT body FROM payloads") == [(b"own",)]
    assert kept(config) == []


@pytest.mark.parametrize("point", ["restore.placed", "restore.copied", "restore.kept"])
async def test_cut_off_the_queue_is_as_it_was_and_it_can_be_run_again(
    config: Config, backup: Path, point: str, arm: Callable[[str], None]
) -> None:
    await own_queue(config)
    arm(f"{point}=raise@1")
    with pytest.raises(faultpoint.InjectedFault):
        restore(config, backup, agreed)
    database = config.database
    async with open_stopped(config):
        assert rows(database, "SELECT body FROM payloads") == [(b"own",)]
    restore(config, backup, agreed)
    assert len(rows(database, "SELECT body FROM payloads")) == 3
    [former] = kept(config)
    assert rows(former, "SELECT body FROM payloads") == [(b"own",)]
    assert not list(config.data_dir.glob("*restoring*"))


async def killed_queue(config: Config) -> Path:
    """The service has a queue with one report, whose priority stands in its log only."""
    await own_queue(config)
    database = config.database
    names = [database.name, f"{database.name}-wal"]
    with contextlib.closing(open_file(database)) as connection:
        connection.execute("UPDATE items SET priority = 9")
        for name in names:
            shutil.copy(config.data_dir / name, config.data_dir / f"killed-{name}")
    for name in names:
        (config.data_dir / f"killed-{name}").replace(config.data_dir / name)
    return database


async def test_what_stood_in_a_log_is_still_there_after_a_restore_that_was_cut_off(
    config: Config, backup: Path, arm: Callable[[str], None]
) -> None:
    database = await killed_queue(config)
    arm("restore.kept=raise@1")
    with pytest.raises(faultpoint.InjectedFault):
        restore(config, backup, agreed)
    assert rows(database, "SELECT priority FROM items") == [(9,)]
    [former] = kept(config)
    assert rows(former, "SELECT priority FROM items") == [(9,)]


async def test_a_log_of_the_former_queue_is_not_played_into_the_other(
    config: Config, backup: Path
) -> None:
    database = await killed_queue(config)
    done = restore(config, backup, agreed)
    assert done.kept is not None
    assert rows(done.kept, "SELECT priority FROM items") == [(9,)]
    assert rows(database, "SELECT DISTINCT priority FROM items") == [(5,)]
    log = config.data_dir / "queue.db-wal"
    assert not log.exists() or not log.stat().st_size


async def test_a_queue_that_cannot_be_read_is_kept_with_its_log(
    config: Config, backup: Path
) -> None:
    config.data_dir.mkdir()
    database = config.database
    database.write_bytes(b"no database" * 1000)
    log = config.data_dir / "queue.db-wal"
    log.write_bytes(b"its log")
    Note(damage="a bad page").write(database)
    asked: list[int] = []
    done = restore(config, backup, asked.append)
    assert asked == [-1]
    assert done.kept is not None
    assert done.kept.read_bytes() == b"no database" * 1000
    assert done.kept.with_name(f"{done.kept.name}-wal").read_bytes() == b"its log"
    assert not log.exists()
    async with open_store(database) as store:
        assert store.counts().of(Kind.REPORT, State.PENDING, State.PROCESSING) == 3
    assert not list(config.data_dir.glob("*.damaged-*"))


@pytest.mark.parametrize("layout", [1, 2])
async def test_a_backup_of_an_older_layout_is_brought_to_this_one(
    config: Config, tmp_path: Path, layout: int
) -> None:
    old = tmp_path / "old" / "queue.db"
    old.parent.mkdir()
    make_old(old, layout)
    before = rows(old, "SELECT id, state FROM items ORDER BY id")
    restore(config, old, agreed)
    database = config.database
    assert rows(database, "SELECT id, state FROM items ORDER BY id") == before
    assert not list(config.data_dir.glob("*restoring*"))
    assert rows(old, "PRAGMA user_version") == [(layout,)]


async def test_what_cannot_be_restored_is_told(config: Config, backup: Path) -> None:
    with pytest.raises(NotFoundError, match="check the path"):
        restore(config, backup.with_name("nothing"), agreed)
    backup.with_name("text").write_text("x" * 9000)
    with pytest.raises(InvalidInputError, match="cannot be read as a backup"):
        restore(config, backup.with_name("text"), agreed)
    with instance_lock(config.data_dir), pytest.raises(StartError, match="stop it first"):
        restore(config, backup, agreed)
    restore(config, backup, agreed)
    with pytest.raises(InvalidInputError, match="is the queue itself"):
        restore(config, config.database, agreed)


async def test_without_room_the_queue_is_as_it_was(config: Config, backup: Path) -> None:
    await own_queue(config)
    (config.data_dir / "queue.db.restoring").mkdir()
    (config.data_dir / "queue.db.restoring" / "x").touch()
    with pytest.raises(StoreError, match="the queue is as it was; see to the room"):
        restore(config, backup, agreed)
    assert rows(config.database, "SELECT body FROM payloads") == [(b"own",)]
