"""Moving one file without losing another."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.intake import moves, names
from pywats_trio.intake.scan import identity
from tests.intake.test_putaway import use

if TYPE_CHECKING:
    from pathlib import Path

RENAMINGS = ["renameat2", "links", "placeholders"]


@pytest.mark.parametrize("renaming", RENAMINGS)
def test_a_rename_never_goes_over_an_existing_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renaming: str
) -> None:
    use(renaming, monkeypatch)
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"new")
    target.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        moves.rename_exclusively(str(source), str(target))
    assert (source.read_bytes(), target.read_bytes()) == (b"new", b"old")
    target.unlink()
    moves.rename_exclusively(str(source), str(target))
    assert [p.name for p in tmp_path.iterdir()] == ["b"]


def test_a_placeholder_goes_away_if_the_rename_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use("placeholders", monkeypatch)
    with pytest.raises(FileNotFoundError):
        moves.rename_exclusively(str(tmp_path / "missing"), str(tmp_path / "b"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_that_does_not_know_the_rename_gets_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ctypes

    def refuse(*_: object) -> int:
        ctypes.set_errno(22)
        return -1

    monkeypatch.setattr(moves, "_renameat2", refuse)
    (tmp_path / "a").write_bytes(b"1")
    moves.rename_exclusively(str(tmp_path / "a"), str(tmp_path / "b"))
    assert (tmp_path / "b").read_bytes() == b"1"


def test_a_file_that_took_the_name_at_the_last_moment_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window between the look and the rename, held open."""
    source, target = tmp_path / "a.json", tmp_path / "Done.json"
    source.write_bytes(b"ours")
    expected = identity(source.stat())
    rename = moves.rename_exclusively
    late = [b"theirs", b"third"]

    def with_a_writer(old: str, new: str) -> None:
        if late:
            if late[0] == b"theirs":
                source.unlink()
            other = tmp_path / "other"
            other.write_bytes(late.pop(0))
            other.rename(source)
        rename(old, new)

    monkeypatch.setattr(moves, "rename_exclusively", with_a_writer)
    with pytest.raises(moves.NotThatFile):
        moves.move(str(source), str(target), expected)
    assert not target.exists()
    assert source.read_bytes() == b"third"
    assert (tmp_path / "a (2).json").read_bytes() == b"theirs"


def test_a_source_that_goes_at_the_last_moment_is_told_from_a_missing_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "a"
    source.write_bytes(b"1")
    expected = identity(source.stat())
    with pytest.raises(FileNotFoundError):
        moves.move(str(source), str(tmp_path / "no" / "b"), expected)
    rename = moves.rename_exclusively

    def too_late(old: str, new: str) -> None:
        source.unlink()
        rename(old, new)

    monkeypatch.setattr(moves, "rename_exclusively", too_late)
    with pytest.raises(moves.NotThatFile):
        moves.move(str(source), str(tmp_path / "b"), expected)


def test_a_deletion_that_was_cut_off_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"1")
    expected = identity(path.stat())
    path.rename(tmp_path / ".7.pywats-trio.tmp")
    path.write_bytes(b"the next one")
    moves.remove(str(path), expected, 7)
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_source_that_changes_while_it_is_copied_stays(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"1")
    expected = identity(source.stat())

    def write_on() -> None:
        source.write_bytes(b"22")

    with pytest.raises(moves.NotThatFile):
        moves.copy_across(str(source), str(target), expected, 7, write_on)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    with pytest.raises(moves.NotThatFile):
        moves.copy_across(str(source), str(target), expected, 7, write_on)


def test_a_copy_that_reads_back_differently_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "a"
    source.write_bytes(b"1")
    monkeypatch.setattr(moves, "content_digest", lambda _: b"")
    with pytest.raises(OSError, match="reads back differently"):
        moves.copy_across(
            str(source), str(tmp_path / "b"), identity(source.stat()), 7, lambda: None
        )
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_file_moved_before_is_found_under_the_name_it_got(tmp_path: Path) -> None:
    for name in ("a.json", "a (2).json", "a (4).json"):
        (tmp_path / name).write_bytes(name.encode())
    second = identity((tmp_path / "a (2).json").stat())
    fourth = identity((tmp_path / "a (4).json").stat())
    assert moves.find_moved(str(tmp_path), "a.json", second) == str(tmp_path / "a (2).json")
    assert moves.find_moved(str(tmp_path), "a.json", fourth) == ""


def test_a_folder_that_cannot_be_synced_for_a_reason_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves.sync_folder(str(tmp_path / "missing"))
    for number, raises in ((22, False), (5, True)):

        def refuse(_: int, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", refuse)
        if raises:
            with pytest.raises(OSError, match="Input/output"):
                moves.sync_folder(str(tmp_path))
        else:
            moves.sync_folder(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("a.json", "a (2).json"),
        (".hidden", ".hidden (2)"),
        ("a.tar.gz", "a.tar (2).gz"),
        ("n" * 250 + ".json", "n" * 246 + " (2).json"),
        ("é" * 125 + ".json", "é" * 123 + " (2).json"),
    ],
)
def test_the_next_name_keeps_the_ending_and_fits(name: str, second: str) -> None:
    offered = names.candidates(name)
    assert next(offered) == name
    assert next(offered) == second


@given(st.binary(min_size=1, max_size=255).filter(lambda b: not set(b) & {0, 47}))
def test_every_offered_name_is_new_and_fits(raw: bytes) -> None:
    offered = names.candidates(os.fsdecode(raw))
    first = [next(offered) for _ in range(12)]
    assert len(set(first)) == 12
    assert all(0 < len(os.fsencode(name)) <= names.LONGEST for name in first)
