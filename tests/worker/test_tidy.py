"""Whatever a converter leaves in its folder is removed, and nothing else is."""

from __future__ import annotations

import os
import sys
from contextlib import chdir
from typing import TYPE_CHECKING

import pytest

from pywats_trio.worker.tidy import empty, remove
from tests.sandbox.children import USERS, folder_of, run

if TYPE_CHECKING:
    from pathlib import Path


def test_folders_deeper_than_a_program_can_recurse(tmp_path: Path) -> None:
    folder = tmp_path / "scratch"
    folder.mkdir()
    with chdir(folder):
        for _ in range(2 * sys.getrecursionlimit()):
            os.mkdir("d")  # noqa: PTH102 - the path would be too long
            os.chdir("d")
    assert remove(os.fspath(folder))
    assert list(tmp_path.iterdir()) == []


def test_folders_deeper_than_a_path_can_say(tmp_path: Path) -> None:
    folder = tmp_path / "scratch"
    folder.mkdir()
    with chdir(folder):
        for _ in range(20):
            os.mkdir("d" * 250)  # noqa: PTH102
            os.chdir("d" * 250)
            for name in ("file", "d" * 249):
                with open(name, "w"):  # noqa: PTH123
                    pass
    assert empty(os.fspath(folder))
    assert list(folder.iterdir()) == []


def test_no_link_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "scratch"
    (folder / "a" / "b").mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("kept")
    for place in (folder, folder / "a", folder / "a" / "b"):
        (place / "folder").symlink_to(outside)
        (place / "file").symlink_to(outside / "file")
        (place / "nowhere").symlink_to("nowhere")
        (place / "up").symlink_to("..")
        (place / "hard").hardlink_to(outside / "file")
    assert remove(os.fspath(folder))
    assert [entry.name for entry in tmp_path.iterdir()] == ["outside"]
    assert (outside / "file").read_text() == "kept"


def test_a_link_in_the_place_of_the_folder_is_left_alone(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("kept")
    (tmp_path / "scratch").symlink_to(outside)
    assert not remove(os.fspath(tmp_path / "scratch"))
    assert (outside / "file").read_text() == "kept"


def test_names_of_any_bytes(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path / "scratch")
    os.makedirs(folder + b"/\xff\n/\xfe")  # noqa: PTH103
    with open(folder + b"/\xff\n/\xfe/\xfd", "w"):  # noqa: PTH123
        pass
    assert remove(os.fsdecode(folder))
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there_is_removed_and_a_file_is_no_folder(tmp_path: Path) -> None:
    assert remove(os.fspath(tmp_path / "nowhere"))
    (tmp_path / "file").write_text("kept")
    assert not remove(os.fspath(tmp_path / "file"))
    with pytest.raises(OSError, match="nowhere"):
        empty(os.fspath(tmp_path / "nowhere"))


@pytest.mark.parametrize("user", USERS, ids="user {}".format)
def test_folders_without_any_rights(user: int) -> None:
    with folder_of(user) as folder:
        said = run(
            f"""
import os
from tests.sandbox.attacks import become
from pywats_trio.worker.tidy import remove
become({user})
os.chdir({folder!r})
os.makedirs("scratch/a/b/c")
os.makedirs("scratch/unlistable/inner")
open("scratch/unlistable/inner/file", "w").close()
for name, mode in (
    ("scratch/a/b/c", 0), ("scratch/a/b", 0o500), ("scratch/a", 0),
    ("scratch/unlistable/inner", 0o500), ("scratch/unlistable", 0o300), ("scratch", 0),
):
    os.chmod(name, mode)
print(remove("scratch"), os.listdir("."))
""",
            user=user,
        )
    assert said == "True []\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can leave what others cannot remove")
def test_what_resists_is_told_and_the_rest_goes() -> None:
    user = USERS[-1]
    with folder_of(user) as folder:
        os.makedirs(f"{folder}/scratch/roots/inner")  # noqa: PTH103
        os.mkdir(f"{folder}/scratch/theirs")  # noqa: PTH102
        for name in ("scratch", "scratch/theirs"):
            os.chown(f"{folder}/{name}", user, -1)
        said = run(
            f"""
import os
from tests.sandbox.attacks import become
from pywats_trio.worker.tidy import remove
become({user})
os.chdir({folder!r})
print(remove("scratch"), os.listdir("scratch"))
""",
            user=user,
        )
    assert said == "False ['roots']\n"
