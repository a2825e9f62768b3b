"""A damaged database is set aside; a kill at any point of it is made up for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pywats_trio.queue.salvage import aside

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_769_763_600.0
OLD = {"queue.db": b"old", "queue.db-wal": b"its log", "queue.db-shm": b"its index"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    for name, content in OLD.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path / "queue.db"


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def prepared(path: Path) -> Path:
    folder = aside.folder_for(path, NOW)
    (folder / aside.UNFINISHED).write_bytes(b"new")
    return folder


def test_the_old_files_go_into_a_folder_and_the_new_one_takes_the_name(path: Path) -> None:
    folder = prepared(path)
    aside.swap(path, folder)
    assert folder.name == "queue.db.damaged-20260130T090000Z"
    assert files(folder) == OLD
    assert files(path.parent) == {"queue.db": b"new"}


def test_each_has_a_folder_of_its_own(path: Path) -> None:
    names = [aside.folder_for(path, NOW).name for _ in range(3)]
    first = "queue.db.damaged-20260130T090000Z"
    assert names == [first, f"{first}-2", f"{first}-3"]
    assert [folder.name for folder in aside.folders(path)] == names


class Killed(BaseException):
    pass


@pytest.mark.parametrize("step", range(6))
def test_a_kill_between_any_two_steps_is_made_up_for(
    path: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step is one change of a name, if it is only of a journal that is not there."""
    folder = prepared(path)
    steps = iter(range(100))
    kind = type(path)
    for name in ("rename", "replace"):
        really = getattr(kind, name)

        def counted(self: Path, target: Path, really: object = really) -> Path:
            if next(steps) == step:
                raise Killed
            return really(self, target)  # type: ignore[operator,no-any-return]  # bound late

        monkeypatch.setattr(kind, name, counted)
    with pytest.raises(Killed):
        aside.swap(path, folder)
    monkeypatch.undo()
    assert path.exists() is (step < 5)
    aside.finish(path)
    if step == 0:  # the new one was not known to be complete
        assert files(path.parent) == OLD
        assert not list(aside.folders(path))
    else:
        assert files(path.parent) == {"queue.db": b"new"}
        assert files(folder) == OLD


def test_what_was_made_since_replaces_nothing_that_is_aside(path: Path) -> None:
    folder = prepared(path)
    (folder / aside.UNFINISHED).rename(folder / aside.WAITING)
    (path.parent / "queue.db-wal").rename(folder / "queue.db-wal")
    (path.parent / "queue.db-wal").write_bytes(b"made since")
    aside.finish(path)
    assert files(folder) == OLD | {"queue.db-wal~": b"made since"}
    assert files(path.parent) == {"queue.db": b"new"}


def test_a_folder_with_something_of_somebody_in_it_stays(path: Path) -> None:
    folder = prepared(path)
    (folder / "note.txt").write_bytes(b"mine")
    aside.finish(path)
    assert files(folder) == {"note.txt": b"mine"}
    assert files(path.parent) == OLD


def test_where_nothing_is_left_to_do_nothing_is_done(path: Path) -> None:
    folder = prepared(path)
    aside.swap(path, folder)
    aside.finish(path)
    assert files(folder) == OLD
    assert files(path.parent) == {"queue.db": b"new"}


def test_a_file_is_known_by_more_than_its_name(path: Path) -> None:
    before = aside.file_id(path)
    aside.swap(path, prepared(path))
    assert before not in {None, aside.file_id(path)}
    path.unlink()
    assert aside.file_id(path) is None
