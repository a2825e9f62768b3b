"""Copies of submitted files: durable, under their own names, and none left that nobody wants."""

from __future__ import annotations

import itertools
import os
import resource
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio import faultpoint
from pywats_trio.errors import InvalidInputError, NotFoundError, StoreError
from pywats_trio.faultpoint import InjectedFault
from pywats_trio.intake import inbox
from pywats_trio.intake.scan import identity
from tests.contract.kit import CancelAt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMES = [
    "plain.json",
    "with space and 'quotes' \"both\".json",
    "line\nbreak.json",
    "ünïcode-测试-\U0001f600.json",
    os.fsdecode(b"no-\xff\xfe-utf8.json"),
    "-rf",
    "x" * 255,
    ".hidden",
]


@pytest.fixture
def box(tmp_path: Path) -> Path:
    return tmp_path / "data" / "inbox"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "unit.json"
    path.write_bytes(b"0123456789")
    return path


@pytest.fixture
def arm() -> Iterator[Callable[[str], None]]:
    yield faultpoint.arm
    faultpoint.arm("")


async def take(source: Path, box: Path, max_bytes: int = 1000) -> inbox.Copy:
    with trio.fail_after(10):
        return await inbox.take(source, box, max_bytes, limiter=trio.CapacityLimiter(1))


def left(box: Path) -> list[Path]:
    return list(box.iterdir()) if box.exists() else []


def path_of(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}").readlink()


def ours(descriptor: int, folder: Path) -> bool:
    """A thread that another test left behind may still be at its own files."""
    return path_of(descriptor).is_relative_to(folder)


def write(path: Path, content: bytes) -> os.stat_result:
    path.write_bytes(content)
    return path.stat()


def read(copy: inbox.Copy) -> bytes:
    return Path(copy.path).read_bytes()


def exists(copy: inbox.Copy) -> bool:
    return Path(copy.path).is_file() and not Path(copy.path).is_symlink()


# What is copied


@pytest.mark.parametrize("name", NAMES, ids=ascii)
async def test_a_copy_keeps_its_name_and_its_bytes(tmp_path: Path, box: Path, name: str) -> None:
    source = tmp_path / name
    before = write(source, b"content")
    copy = await take(source, box)
    path = Path(copy.path)
    assert (path.name, path.parent.parent) == (name, box)
    assert read(copy) == b"content"
    assert copy.identity == identity(os.stat(copy.path))  # noqa: PTH116 - any bytes, as str
    assert identity(os.stat(source)) == identity(before)  # noqa: PTH116


async def test_the_same_file_twice_is_two_copies(source: Path, box: Path) -> None:
    first, second = await take(source, box), await take(source, box)
    assert first.path != second.path
    assert first.identity != second.identity
    assert read(first) == read(second)


async def test_a_link_is_followed(source: Path, box: Path, tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(source)
    copy = await take(tmp_path / "link.json", box)
    assert exists(copy)
    assert Path(copy.path).name == "link.json"
    assert read(copy) == b"0123456789"


@pytest.mark.parametrize("size", [999, 1000])
async def test_a_file_up_to_the_limit_is_taken(source: Path, box: Path, size: int) -> None:
    write(source, b"x" * size)
    assert len(read(await take(source, box))) == size


async def test_a_large_file_is_copied_whole(source: Path, box: Path) -> None:
    content = os.urandom(3 * 1024 * 1024 + 17)
    write(source, content)
    copy = await take(source, box, len(content))
    assert read(copy) == content


async def test_everything_is_synced_before_it_is_promised(
    source: Path, box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    really = os.fsync

    def fsync(descriptor: int) -> None:
        really(descriptor)
        if ours(descriptor, box.parent):
            synced.append(str(path_of(descriptor)))

    monkeypatch.setattr(os, "fsync", fsync)
    copy = await take(source, box)
    folder = str(Path(copy.path).parent)
    # The names of the new folders, the content, its name.
    assert synced[-3:] == [str(box), copy.path, folder]
    assert str(box.parent) in synced


# What is refused


async def test_a_file_over_the_limit_is_refused(source: Path, box: Path) -> None:
    write(source, b"x" * 1001)
    with pytest.raises(InvalidInputError, match=r"1001 bytes, at most 1000.*max_input_mb"):
        await take(source, box)
    assert left(box) == []


async def test_a_file_that_grows_over_the_limit_while_it_is_copied_is_refused(
    source: Path, box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(source, b"x" * 1000)
    really = os.fstat

    def grow_once(descriptor: int) -> os.stat_result:
        status = really(descriptor)
        if ours(descriptor, source.parent):
            with source.open("ab") as file:
                file.write(b"y")
        return status

    monkeypatch.setattr(os, "fstat", grow_once)
    with pytest.raises(InvalidInputError, match="1001 bytes, at most 1000"):
        await take(source, box)
    assert left(box) == []


async def test_an_empty_file_is_refused(source: Path, box: Path) -> None:
    write(source, b"")
    with pytest.raises(InvalidInputError, match=r"unit.json is empty; look"):
        await take(source, box)
    assert left(box) == []


@pytest.mark.parametrize("missing", ["nowhere.json", "no/such/folder.json", "unit.json/below"])
async def test_what_is_not_there_is_not_found(
    source: Path, box: Path, tmp_path: Path, missing: str
) -> None:
    with pytest.raises(NotFoundError, match=r"there is no file .*; check the path"):
        await take(tmp_path / missing, box)


@pytest.mark.parametrize("name", ["nul\0.json", "half-\ud83d.json"], ids=ascii)
async def test_what_is_no_path_is_refused(tmp_path: Path, box: Path, name: str) -> None:
    with pytest.raises(InvalidInputError, match="is no path"):
        await take(tmp_path / name, box)


@pytest.mark.parametrize("kind", ["folder", "pipe", "socket", "device"])
async def test_what_is_no_regular_file_is_refused_at_once(
    tmp_path: Path, box: Path, kind: str
) -> None:
    path = tmp_path / kind
    with socket.socket(socket.AF_UNIX) as listening:
        match kind:
            case "folder":
                path.mkdir()
            case "pipe":
                os.mkfifo(path)
            case "socket":
                listening.bind(str(path))
            case _:
                path = Path("/dev/null")
        why = "is not a regular file; give the path of one"
        if kind == "folder":
            why = "is a folder; name a converter that takes folders"
        with pytest.raises(InvalidInputError, match=why):
            await take(path, box)
    assert left(box) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
async def test_a_file_that_may_not_be_read_is_refused(source: Path, box: Path) -> None:
    os.chmod(source, 0)  # noqa: PTH101
    with pytest.raises(InvalidInputError, match="cannot be read: Permission denied; give"):
        await take(source, box)


async def test_a_file_that_cannot_be_opened_is_refused_with_the_cure(
    tmp_path: Path, box: Path
) -> None:
    with pytest.raises(InvalidInputError, match=r"cannot be read: File name too long; .*shorter"):
        await take(tmp_path / ("x" * 256), box)


# A disk that is full, a caller that is gone


@pytest.fixture
def full_disk() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_disk_that_is_full_is_told_and_keeps_nothing(
    source: Path, box: Path, full_disk: None
) -> None:
    with pytest.raises(StoreError, match=r"no copy can be written below .*inbox: .*; "):
        await take(source, box)
    assert left(box) == []


async def test_an_inbox_that_cannot_be_made_is_told(source: Path, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="no copy can be written"):
        await take(source, tmp_path / "data" / "inbox")


@pytest.mark.parametrize("steps", range(1, 6))
async def test_a_caller_that_is_cancelled_leaves_no_copy_behind(
    source: Path, box: Path, steps: int
) -> None:
    with trio.CancelScope() as scope:
        instrument = CancelAt(steps, scope)
        trio.lowlevel.add_instrument(instrument)
        try:
            copy = await take(source, box)
        finally:
            trio.lowlevel.remove_instrument(instrument)
        assert [Path(copy.path).parent] == left(box)
        return
    await until_empty(box)


@pytest.mark.parametrize("call", [1, 2, 3, 4, 5])
async def test_a_disk_that_hangs_holds_up_no_cancellation_and_is_cleaned_up_after(
    source: Path, box: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    hangs, go, calls = threading.Event(), threading.Event(), itertools.count(1)
    really = os.fsync

    def fsync(descriptor: int) -> None:
        if ours(descriptor, source.parent) and next(calls) == call:
            hangs.set()
            assert go.wait(20)
        really(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    try:
        with trio.fail_after(10), trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(take, source, box)
                await trio.to_thread.run_sync(hangs.wait, 10)
                scope.cancel()
    finally:
        go.set()
    assert scope.cancelled_caught
    await until_empty(box)


async def until_empty(box: Path) -> None:
    """The thread that was left behind tells nobody when it is done."""
    with trio.fail_after(10):
        while left(box):
            await trio.lowlevel.checkpoint()


async def test_a_fault_after_the_copy_is_one_of_the_service(
    source: Path, box: Path, arm: Callable[[str], None]
) -> None:
    arm("inbox.copied=raise@1")
    with pytest.raises(InjectedFault):
        await take(source, box)


# Sweeping


async def test_what_was_never_accepted_is_swept_away_and_the_rest_stays(
    source: Path, box: Path
) -> None:
    kept, lost = await take(source, box), await take(source, box)
    (box / "half").mkdir()
    assert inbox.sweep(box, {kept.path}) == 2
    assert left(box) == [Path(kept.path).parent]
    assert not exists(lost)


def test_a_service_without_an_inbox_has_nothing_to_sweep(box: Path) -> None:
    assert inbox.sweep(box, set()) == 0


async def test_a_folder_goes_with_its_copy_and_only_then(source: Path, box: Path) -> None:
    copy = await take(source, box)
    inbox.remove_folder(copy.path)
    assert exists(copy)
    os.unlink(copy.path)  # noqa: PTH108
    inbox.remove_folder(copy.path)
    assert left(box) == []
