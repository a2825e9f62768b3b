"""Copies of submitted folders: all their files, durable, and nothing left that nobody wants."""

from __future__ import annotations

import os
import resource
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio import units
from pywats_trio.errors import InvalidInputError, NotFoundError, StoreError
from pywats_trio.intake import handed, inbox
from pywats_trio.intake.handed import Handed
from pywats_trio.model import Form
from pywats_trio.units import Parts
from tests.contract.kit import CancelAt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BOTH = pytest.mark.parametrize("form", [Form.FOLDER, Form.PAIR])
ANCIENT = 1_700_000_000_123_456_789
"""Nanoseconds since the epoch."""
NAMES = [
    "with space and 'quotes'",
    "line\nbreak",
    "ünïcode-\U0001f600",
    os.fsdecode(b"no-\xff\xfe-utf8"),
    "x" * 250,
    ".hidden",
]


@pytest.fixture
def box(tmp_path: Path) -> Path:
    return tmp_path / "data" / "inbox"


def unit(folder: Path, form: Form, name: str = "DUT 1.5") -> Path:
    """11 bytes in three files, four with the header; the path that it is known under."""
    (folder / name / "deep" / "er").mkdir(parents=True)
    (folder / name / "a.txt").write_bytes(b"01234")
    (folder / name / "deep" / "b.txt").write_bytes(b"56789")
    (folder / name / "deep" / "er" / "c").write_bytes(b"x")
    os.utime(folder / name / "a.txt", ns=(ANCIENT, ANCIENT))
    if form is Form.FOLDER:
        return folder / name
    (folder / f"{name}.txt").write_bytes(b"head")
    return folder / f"{name}.txt"


def size_of(form: Form) -> int:
    return 15 if form is Form.PAIR else 11


async def take(source: Path, box: Path, form: Form, max_bytes: int = 1000) -> inbox.Copy:
    with trio.fail_after(20):
        return await inbox.take(source, box, max_bytes, limiter=trio.CapacityLimiter(1), form=form)


def left(box: Path) -> list[Path]:
    return list(box.iterdir()) if box.exists() else []


def read(path: str) -> bytes:
    return Path(path).read_bytes()


def content(folder: str) -> dict[str, bytes]:
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        if not path.is_dir():
            found[os.path.relpath(path, folder)] = path.read_bytes()
    return found


# What is copied


@BOTH
async def test_a_copy_has_all_files_with_their_times(tmp_path: Path, box: Path, form: Form) -> None:
    source = unit(tmp_path, form)
    copy = await take(source, box, form)
    parts, original = Parts.of(copy.path, form), Parts.of(str(source), form)
    assert content(parts.folder) == content(original.folder)
    assert len(content(parts.folder)) == 3
    assert (Path(copy.path).name, Path(copy.path).parent.parent) == (source.name, box)
    assert os.stat(f"{parts.folder}/a.txt").st_mtime_ns == ANCIENT  # noqa: PTH116
    if form is Form.PAIR:
        assert read(parts.header) == b"head"
    found = units.survey(parts)
    assert found is not None
    assert (copy.form, copy.identity) == (form, found.identity)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@BOTH
async def test_it_keeps_its_name(tmp_path: Path, box: Path, form: Form, name: str) -> None:
    copy = await take(unit(tmp_path, form, name), box, form)
    assert Path(Parts.of(copy.path, form).folder).name == name


async def test_links_and_special_files_in_it_are_left_out(tmp_path: Path, box: Path) -> None:
    source = unit(tmp_path, Form.FOLDER)
    (tmp_path / "secret").write_text("not of it")
    (source / "link").symlink_to(tmp_path / "secret")
    (source / "folder").symlink_to(tmp_path)
    os.mkfifo(source / "pipe")
    copy = await take(source, box, Form.FOLDER)
    assert list(content(copy.path)) == ["a.txt", "deep/b.txt", "deep/er/c"]


async def test_a_link_to_a_folder_is_followed_and_gives_the_name(tmp_path: Path, box: Path) -> None:
    source = unit(tmp_path, Form.FOLDER)
    (tmp_path / "link").symlink_to(source)
    copy = await take(tmp_path / "link", box, Form.FOLDER)
    assert Path(copy.path).name == "link"
    assert content(copy.path) == content(str(source))


@BOTH
async def test_all_of_it_is_synced_before_it_is_promised(
    tmp_path: Path, box: Path, monkeypatch: pytest.MonkeyPatch, form: Form
) -> None:
    synced: set[str] = set()
    really = os.fsync

    def fsync(descriptor: int) -> None:
        really(descriptor)
        synced.add(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    monkeypatch.setattr(os, "fsync", fsync)
    copy = await take(unit(tmp_path, form), box, form)
    folder = Parts.of(copy.path, form).folder
    wanted = {str(box), str(Path(copy.path).parent), folder, f"{folder}/deep", f"{folder}/deep/er"}
    wanted |= {f"{folder}/{path}" for path in content(folder)} | {copy.path}
    assert wanted <= synced


# What is refused


@BOTH
@pytest.mark.parametrize("more", [-1, 0, 1])
async def test_its_files_together_are_held_to_the_limit(
    tmp_path: Path, box: Path, form: Form, more: int
) -> None:
    source, limit = unit(tmp_path, form), size_of(form) + more
    if more >= 0:
        assert (await take(source, box, form, limit)).identity.size == size_of(form)
        return
    why = rf"{size_of(form)} bytes, at most {limit} are converted; raise workers.max_input_mb"
    with pytest.raises(InvalidInputError, match=why):
        await take(source, box, form, limit)
    assert left(box) == []


@pytest.mark.parametrize("more", [-1, 0, 1])
async def test_more_files_than_a_unit_may_have_are_refused(
    tmp_path: Path, box: Path, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    source = unit(tmp_path, Form.FOLDER)
    monkeypatch.setattr(units, "MAX_FILES", 5 + more)  # three files and two folders
    if more >= 0:
        await take(source, box, Form.FOLDER)
        return
    with pytest.raises(InvalidInputError, match=r"has more than 4 files.*; split it into several$"):
        await take(source, box, Form.FOLDER)
    assert left(box) == []


@pytest.mark.parametrize("more", [-1, 0, 1])
async def test_folders_too_deep_are_refused(
    tmp_path: Path, box: Path, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    source = unit(tmp_path, Form.FOLDER)
    monkeypatch.setattr(units, "MAX_DEPTH", 2 + more)
    if more >= 0:
        await take(source, box, Form.FOLDER)
        return
    with pytest.raises(InvalidInputError, match="more than 1 deep; have its files in fewer"):
        await take(source, box, Form.FOLDER)
    assert left(box) == []


async def test_a_folder_without_content_is_refused(tmp_path: Path, box: Path) -> None:
    (tmp_path / "DUT 1").mkdir()
    (tmp_path / "DUT 1" / "empty").touch()
    with pytest.raises(InvalidInputError, match=r"all files of .*DUT 1 are empty; look whether"):
        await take(tmp_path / "DUT 1", box, Form.FOLDER)
    assert left(box) == []


async def test_a_header_without_its_folder_is_refused(tmp_path: Path, box: Path) -> None:
    (tmp_path / "DUT 1.txt").write_text("head")
    with pytest.raises(InvalidInputError, match="no folder of its name beside it; put it there"):
        await take(tmp_path / "DUT 1.txt", box, Form.PAIR)
    assert left(box) == []


@BOTH
async def test_what_is_not_there_is_not_found(tmp_path: Path, box: Path, form: Form) -> None:
    with pytest.raises(NotFoundError, match=r"there is no file .*; check the path"):
        await take(tmp_path / "nowhere", box, form)


@pytest.mark.parametrize("path", ["/", "..", "some/.."])
async def test_a_path_that_ends_without_a_name_is_refused(
    tmp_path: Path, box: Path, path: str
) -> None:
    with pytest.raises(InvalidInputError, match="ends with no name; give the whole path"):
        await take(tmp_path / path, box, Form.FOLDER)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
async def test_a_file_in_it_that_may_not_be_read_is_named(tmp_path: Path, box: Path) -> None:
    source = unit(tmp_path, Form.FOLDER)
    (source / "deep" / "b.txt").chmod(0)
    with pytest.raises(InvalidInputError, match=r"the file 'deep/b.txt': Permission denied; give"):
        await take(source, box, Form.FOLDER)
    assert left(box) == []


@pytest.mark.parametrize("change", ["a file grows", "a file comes", "a file goes"])
async def test_one_that_changes_while_it_is_copied_is_refused(
    tmp_path: Path, box: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    source = unit(tmp_path, Form.FOLDER)
    really = os.utime
    wrote: list[object] = []

    def utime(file: int, *, ns: tuple[int, int]) -> None:
        really(file, ns=ns)
        if not wrote:
            wrote.append(file)
            changes[change]()

    changes: dict[str, Callable[[], object]] = {
        "a file grows": lambda: (source / "a.txt").write_text("longer than it was"),
        "a file comes": lambda: (source / "new").write_text("x"),
        "a file goes": (source / "a.txt").unlink,
    }
    monkeypatch.setattr(os, "utime", utime)
    with pytest.raises(InvalidInputError, match="was changed while it was copied; submit it when"):
        await take(source, box, Form.FOLDER)
    assert left(box) == []


# A disk that is full, a caller that is gone


@pytest.fixture
def full_disk() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, former)


async def test_a_disk_that_is_full_is_told_and_keeps_nothing(
    tmp_path: Path, box: Path, request: pytest.FixtureRequest
) -> None:
    source = unit(tmp_path, Form.FOLDER)
    request.getfixturevalue("full_disk")
    with pytest.raises(StoreError, match=r"no copy can be written below .*inbox: .*; "):
        await take(source, box, Form.FOLDER)
    assert left(box) == []


@BOTH
@pytest.mark.parametrize("steps", range(1, 6))
async def test_a_caller_that_is_cancelled_leaves_no_copy_behind(
    tmp_path: Path, box: Path, form: Form, steps: int
) -> None:
    source = unit(tmp_path, form)
    with trio.CancelScope() as scope:
        instrument = CancelAt(steps, scope)
        trio.lowlevel.add_instrument(instrument)
        try:
            copy = await take(source, box, form)
        finally:
            trio.lowlevel.remove_instrument(instrument)
        assert [Path(copy.path).parent] == left(box)
        return
    with trio.fail_after(10):
        while left(box):
            await trio.lowlevel.checkpoint()


async def test_a_copy_that_nobody_waits_for_is_given_up_between_two_files(
    tmp_path: Path, box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = unit(tmp_path, Form.FOLDER)
    hangs, go = threading.Event(), threading.Event()
    really, files = os.utime, []

    def utime(file: int, *, ns: tuple[int, int]) -> None:
        files.append(file)
        hangs.set()
        assert go.wait(20)
        really(file, ns=ns)

    monkeypatch.setattr(os, "utime", utime)
    try:
        with trio.fail_after(10), trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(take, source, box, Form.FOLDER)
                await trio.to_thread.run_sync(hangs.wait, 10)
                scope.cancel()
    finally:
        go.set()
    with trio.fail_after(10):
        while left(box):
            await trio.lowlevel.checkpoint()
    assert (scope.cancelled_caught, len(files)) == (True, 1)


# Of a header with its folder, the header alone


async def test_a_header_is_kept_alone_and_is_a_file_then(tmp_path: Path, box: Path) -> None:
    copy = await take(unit(tmp_path, Form.PAIR), box, Form.PAIR)
    alone = inbox.header_alone(copy)
    assert (alone.path, alone.form, alone.identity.size) == (copy.path, Form.FILE, 4)
    assert list(Path(alone.path).parent.iterdir()) == [Path(alone.path)]
    inbox.discard(alone)
    assert left(box) == []


# A look at what is handed over


def test_a_look_tells_folders_files_and_headers_apart(tmp_path: Path) -> None:
    folder, header = unit(tmp_path, Form.FOLDER), unit(tmp_path, Form.PAIR, "P")
    (tmp_path / "link").symlink_to(header)
    (tmp_path / "P.d").mkdir()
    assert handed.look(folder) == Handed(is_folder=True, has_folder=False)
    assert handed.look(header) == Handed(is_folder=False, has_folder=True)
    assert handed.look(tmp_path / "link") == Handed(is_folder=False, has_folder=True)
    assert handed.look(folder / "a.txt") == Handed(is_folder=False, has_folder=False)
    assert handed.look(tmp_path / "P.d") == Handed(is_folder=True, has_folder=False)


@pytest.mark.parametrize("path", ["nowhere", "DUT 1.5/a.txt/below"])
def test_a_look_at_nothing_is_told(tmp_path: Path, path: str) -> None:
    unit(tmp_path, Form.FOLDER)
    with pytest.raises(NotFoundError, match="check the path"):
        handed.look(tmp_path / path)


def test_a_look_at_what_is_no_path_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="is no path; check it"):
        handed.look(tmp_path / "nul\0")
