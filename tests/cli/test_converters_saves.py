"""Waiting for a save: one for each, however an editor does it."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from pywats_trio.cli.converters.saves import SETTLE_SECONDS, Saves

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "unit.log"
    path.write_text("one")
    return path


def put(file: Path, text: str) -> None:
    file.write_text(text)


def remove(file: Path) -> None:
    file.unlink()


def write(file: Path) -> None:
    file.write_text("two2")


def replace(file: Path) -> None:
    """As many editors save: another file in its place."""
    beside = file.with_suffix(".new")
    beside.write_text("two")
    beside.replace(file)


def move_away_and_write(file: Path) -> None:
    """As vim saves with a backup."""
    file.rename(f"{file}~")
    file.write_text("two")


def write_in_place(file: Path) -> None:
    """The same size in the same file: only the time tells."""
    before = file.stat().st_mtime_ns
    file.write_text("two")
    os.utime(file, ns=(before + 1, before + 1))


WAYS = [write, replace, move_away_and_write, write_in_place]


async def saved(saves: Saves, save: Callable[[], object], cushion: float = 0.05) -> list[Path]:
    """What is told of a save that is made while somebody waits for it."""
    told: list[Path] = []

    async def wait() -> None:
        told.extend(await saves.wait())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked(cushion)
        save()
    return told


async def nothing_more(saves: Saves, seconds: float = 3 * SETTLE_SECONDS) -> bool:
    with trio.move_on_after(seconds):
        await saves.wait()
        return False
    return True


@pytest.mark.parametrize("save", WAYS)
@pytest.mark.parametrize("notified", [True, False])
async def test_each_save_is_told_once(
    save: Callable[[Path], object], notified: bool, file: Path
) -> None:
    with trio.fail_after(10), Saves([file], notified=notified, look_seconds=0.01) as saves:
        for _ in range(2):
            # Without notifications nobody is ever still for long.
            assert await saved(saves, lambda: save(file), 0.05 * notified) == [file]
        assert await nothing_more(saves)


async def test_several_writes_that_follow_each_other_are_one_save(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pywats_trio.cli.converters.saves.SETTLE_SECONDS", 0.5)
    with trio.fail_after(10), Saves([file]) as saves:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(saves.wait)
            for number in range(6):
                put(file, "x" * number)
                await trio.lowlevel.checkpoint()
        assert await nothing_more(saves, 0.8)


async def test_other_files_of_the_folder_are_none_of_its_business(file: Path) -> None:
    with Saves([file]) as saves:
        file.with_suffix(".other").write_text("x")
        assert await nothing_more(saves)


async def test_a_file_that_is_away_is_waited_for(file: Path) -> None:
    with trio.fail_after(10), Saves([file]) as saves:
        remove(file)
        assert await nothing_more(saves)
        assert await saved(saves, lambda: put(file, "back")) == [file]


async def test_all_that_were_saved_are_named(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "code" / "mine.py"
    other.parent.mkdir()
    with trio.fail_after(10), Saves([file, other]) as saves:
        other.write_text("new")
        assert await saves.wait() == [other]
        write(file)
        replace(other)
        assert await saves.wait() == [file, other]


async def test_a_save_of_what_a_link_leads_to_is_told(file: Path, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "unit.log"
    link.symlink_to(file)
    with trio.fail_after(10), Saves([link]) as saves:
        assert await saved(saves, lambda: replace(file)) == [link]
        assert await saved(saves, lambda: replace(link)) == [link]


async def test_at_the_limit_of_notifications_it_is_looked_at_now_and_then(file: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        saves = Saves([file], look_seconds=0.01).__enter__()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with trio.fail_after(10), saves:
        replace(file)
        assert await saves.wait() == [file]
