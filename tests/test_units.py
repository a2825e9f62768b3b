"""What a unit that is a folder is made of, and what tells it from the next."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pywats_trio import units
from pywats_trio.model import Form
from pywats_trio.units import Parts, Survey, survey

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "DUT 1"
    (path / "deep" / "er").mkdir(parents=True)
    (path / "b.txt").write_bytes(b"22")
    (path / "a.txt").write_bytes(b"1")
    (path / "deep" / "er" / "c.txt").write_bytes(b"333")
    return path


def of(path: Path, form: Form = Form.FOLDER) -> Survey:
    found = survey(Parts.of(str(path), form))
    assert found is not None
    return found


def names(found: Survey) -> list[str]:
    return [member.path for member in found.members]


def test_the_files_of_a_folder_at_any_depth_are_the_unit_in_the_order_of_their_paths(
    folder: Path,
) -> None:
    os.utime(folder / "a.txt", ns=(5, 7 * 10**18))
    found = of(folder)
    assert names(found) == ["a.txt", "b.txt", "deep/er/c.txt"]
    assert (found.identity.size, found.identity.mtime_ns) == (6, 7 * 10**18)
    assert found.identity.device == folder.stat().st_dev


def test_a_header_comes_first_and_its_folder_has_its_name_without_the_ending(folder: Path) -> None:
    header = folder.with_name("DUT 1.txt")
    header.write_bytes(b"4444")
    found = of(header, Form.PAIR)
    assert names(found) == ["", "a.txt", "b.txt", "deep/er/c.txt"]
    assert found.identity.size == 10


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "new").touch(),
        lambda folder: (folder / "a.txt").unlink(),
        lambda folder: (folder / "a.txt").rename(folder / "z.txt"),
        lambda folder: (folder / "a.txt").write_bytes(b"11"),
        lambda folder: os.utime(folder / "a.txt", (1, 1)),
        lambda folder: (folder / "deep" / "er").rename(folder / "er"),
    ],
)
def test_any_change_of_any_file_makes_another_identity(folder: Path, change: object) -> None:
    before = of(folder).identity
    assert callable(change)
    change(folder)
    assert of(folder).identity != before


def test_a_file_that_was_replaced_by_its_like_makes_another_identity(folder: Path) -> None:
    before, status = of(folder).identity, (folder / "a.txt").stat()
    (folder / "new").write_bytes(b"1")
    (folder / "new").replace(folder / "a.txt")
    os.utime(folder / "a.txt", ns=(status.st_atime_ns, status.st_mtime_ns))
    after = of(folder).identity
    assert (after.size, after.mtime_ns) == (before.size, before.mtime_ns)
    assert after != before


def test_a_move_and_what_is_no_file_make_no_other_identity(folder: Path, tmp_path: Path) -> None:
    before = of(folder).identity
    moved = folder.rename(tmp_path / "moved")
    (moved / "empty").mkdir()
    (moved / "link").symlink_to("/etc/passwd")
    (moved / "linked").symlink_to("/etc")
    os.mkfifo(moved / "pipe")
    assert of(moved).identity == before


def test_what_the_queue_remembers_of_a_unit_does_not_depend_on_the_version_of_the_program() -> None:
    member = units.Member("a\udc80'b", 1, 2, 3)
    assert units.fingerprint([7], [member]) == 0x271B13F3AE50E1E1


def test_no_folder_and_a_link_to_one_are_no_unit(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    for name in ("missing", "link"):
        assert survey(Parts.of(str(tmp_path / name), Form.FOLDER)) is None
    (tmp_path / "DUT 1.txt").symlink_to(folder / "a.txt")
    assert survey(Parts.of(str(tmp_path / "DUT 1.txt"), Form.PAIR)) is None


@pytest.mark.parametrize("other", [None, "file", "link"])
def test_a_header_without_its_folder_is_half_a_unit(tmp_path: Path, other: str | None) -> None:
    header = tmp_path / "x.txt"
    header.write_bytes(b"4444")
    if other == "file":
        (tmp_path / "x").write_bytes(b"")
    elif other == "link":
        (tmp_path / "x").symlink_to(tmp_path)
    found = of(header, Form.PAIR)
    assert (names(found), found.has_folder) == ([""], False)


def test_names_of_any_bytes(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/\xff unit\n"
    os.mkdir(folder)  # noqa: PTH102
    for name in (b"\xfe.txt", "ö.txt".encode(), b" ", b"a\nb"):
        with open(folder + b"/" + name, "wb"):  # noqa: PTH123
            pass
    found = survey(Parts.of(os.fsdecode(folder), Form.FOLDER))
    assert found is not None
    assert [os.fsencode(name) for name in names(found)] == [
        b" ",
        b"a\nb",
        "ö.txt".encode(),
        b"\xfe.txt",
    ]


@pytest.mark.parametrize(("more", "fits"), [(-1, True), (0, True), (1, False)])
def test_a_folder_has_at_most_so_many_files_and_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int, *, fits: bool
) -> None:
    monkeypatch.setattr(units, "MAX_FILES", 6)
    (tmp_path / "deep").mkdir()
    for number in range(5 + more):
        (tmp_path / "deep" / str(number)).touch()
    found = of(tmp_path)
    if fits:
        assert (len(found.members), found.obstacle) == (5 + more, None)
    else:
        assert found.obstacle is not None
        assert found.members == ()
        assert found.obstacle.message == "has more than 6 files and folders in it"


@pytest.mark.parametrize(("more", "fits"), [(-1, True), (0, True), (1, False)])
def test_folders_are_at_most_so_deep(tmp_path: Path, more: int, *, fits: bool) -> None:
    deepest = tmp_path.joinpath(*["d"] * (units.MAX_DEPTH + more))
    deepest.mkdir(parents=True)
    (deepest / "x").write_bytes(b"1")
    found = of(tmp_path)
    assert (found.obstacle is None) is fits
    if found.obstacle is not None:
        assert found.obstacle.kind == "too-large"


def test_a_unit_that_is_too_large_is_still_told_from_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "MAX_FILES", 1)
    first, second = tmp_path / "1", tmp_path / "2"
    for folder in (first, second):
        folder.mkdir()
        for number in range(3):
            (folder / str(number)).touch()
    assert of(first).identity == of(first).identity
    assert of(first).identity != of(second).identity
