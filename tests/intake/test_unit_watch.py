"""Watch folders whose units are folders: real folders, real notifications, the real queue."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from pywats_trio import units
from pywats_trio.intake import notify
from pywats_trio.intake.room import Room
from pywats_trio.intake.settle import Notice, Why
from pywats_trio.intake.unitfolder import UnitFolder, configured
from pywats_trio.intake.unitnotify import UnitNotifier
from pywats_trio.intake.watch import Watch
from pywats_trio.model import Form, Unit
from pywats_trio.units import Parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.intake.conftest import Site

QUIET = 0.05
FOLDERS = Unit(quiet_seconds=QUIET)
PAIRS = Unit(Form.PAIR, quiet_seconds=QUIET)


def watch(site: Site, unit: Unit, patterns: tuple[str, ...] = ("*",), **changes: object) -> Watch:
    return Watch(
        site.options(**changes),
        patterns,
        store=site.store,
        desk=site.desk,
        room=Room(site.store, 0),
        limiter=site.limiter,
        unit=unit,
    )


def make(site: Site, name: str, *files: str) -> Path:
    folder = site.folder / name
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file).write_bytes(b"1")
    return folder


async def until(watching: Watch, condition: Callable[[], bool]) -> None:
    with trio.fail_after(10):
        while not condition():
            await trio.lowlevel.checkpoint()
    assert watching.trouble == ""


@pytest.fixture(params=["notified", "scanned"])
def seen_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Both ways to learn of a unit; options for the watch."""
    if request.param == "notified":
        return {}
    monkeypatch.setattr(notify, "available", lambda: False)
    return {"scan_seconds": 0.02}


async def test_folders_are_taken_once_they_are_quiet_and_files_beside_them_are_left(
    site: Site, seen_by: dict[str, Any]
) -> None:
    make(site, "before", "a.txt")
    (site.folder / "file.txt").write_bytes(b"1")
    async with site.watching(watch(site, FOLDERS, **seen_by)) as watching:
        assert await site.names(1) == ["before"]
        later = make(site, "later", "a.txt", "b.txt")
        items = await site.items(2)
        assert watching.waiting() == []
    assert [item.form for item in items] == [Form.FOLDER, Form.FOLDER]
    found = units.survey(Parts(str(later)))
    assert found is not None
    assert items[1].identity == found.identity


async def test_a_pair_waits_for_its_folder_and_lone_folders_are_left(
    site: Site, seen_by: dict[str, Any]
) -> None:
    make(site, "alone", "a.txt")
    async with site.watching(watch(site, PAIRS, ("*.txt",), **seen_by)) as watching:
        header = site.folder / "DUT 1.txt"
        header.write_bytes(b"head")
        await until(watching, lambda: watching.reasons() == {"waits for its folder": 1})
        make(site, "DUT 1", "a.txt")
        [item] = await site.items(1)
        assert (item.source, item.form) == (str(header), Form.PAIR)
        assert watching.reasons() == {}


async def test_a_header_without_an_ending_can_have_no_folder_of_its_name(site: Site) -> None:
    async with site.watching(watch(site, PAIRS)) as watching:
        (site.folder / "README").write_bytes(b"1")
        (site.folder / "a.txt").write_bytes(b"1")
        make(site, "a", "1")
        assert await site.names(1) == ["a.txt"]
        assert watching.waiting() == []


async def test_a_unit_waits_for_its_marker_which_stays(site: Site, seen_by: dict[str, Any]) -> None:
    unit = Unit(marker="COMPLETE.marker", quiet_seconds=0.0)
    async with site.watching(watch(site, unit, **seen_by)) as watching:
        folder = make(site, "a", "1.txt")
        await until(watching, lambda: watching.reasons() == {"waits for COMPLETE.marker": 1})
        (folder / "COMPLETE.marker").touch()
        assert await site.names(1) == ["a"]
    assert (folder / "COMPLETE.marker").exists()


@pytest.mark.parametrize("marker", ["", "COMPLETE.marker"])
async def test_a_unit_waits_for_enough_files_at_any_depth_beside_its_marker(
    site: Site, seen_by: dict[str, Any], marker: str
) -> None:
    unit = Unit(marker=marker, minimum_files=3, quiet_seconds=QUIET)
    async with site.watching(watch(site, unit, **seen_by)) as watching:
        folder = make(site, "a", "1.txt", *([marker] if marker else []))
        (folder / "deep").mkdir()
        (folder / "deep" / "2.txt").touch()
        await until(watching, lambda: watching.reasons() == {"2 of 3 files": 1})
        [waiting] = watching.waiting()
        assert (waiting.path, waiting.why) == (str(folder), "2 of 3 files")
        (folder / "deep" / "3.txt").touch()
        assert await site.names(1) == ["a"]


async def test_with_no_least_number_an_empty_folder_is_taken(site: Site) -> None:
    unit = Unit(minimum_files=0, quiet_seconds=QUIET)
    async with site.watching(watch(site, unit)):
        make(site, "a")
        assert await site.names(1) == ["a"]


async def test_what_is_written_deep_inside_a_folder_that_came_late_is_noticed(site: Site) -> None:
    async with site.watching(watch(site, FOLDERS, scan_seconds=60)) as watching:
        await until(watching, lambda: watching.statistics.scans > 0)
        folder = make(site, "a", "1.txt")
        deep = folder / "deep" / "er"
        deep.mkdir(parents=True)
        await until(watching, lambda: watching.statistics.notices > 0)
        (deep / "2.txt").write_bytes(b"22")
        [item] = await site.items(1)
        assert item.identity is not None
        assert item.identity.size == 3


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel for a lease")
async def test_a_file_inside_that_somebody_writes_holds_the_unit_up_unless_there_is_a_marker(
    site: Site,
) -> None:
    async with site.watching(watch(site, FOLDERS)) as watching:
        folder = make(site, "a", "1.txt")
        with (folder / "2.txt").open("wb") as file:
            file.write(b"1")
            file.flush()
            await until(watching, lambda: watching.reasons() == {Why.OPEN: 1})
        assert await site.names(1) == ["a"]
    marked = Unit(marker="1.txt", quiet_seconds=0.0)
    async with site.watching(watch(site, marked)):
        folder = make(site, "b")
        with (folder / "2.txt").open("wb") as file:
            file.write(b"1")
            (folder / "1.txt").touch()
            assert await site.names(2) == ["a", "b"]


async def test_a_unit_that_lies_there_unchanged_is_taken_once_also_over_a_restart(
    site: Site, seen_by: dict[str, Any]
) -> None:
    folder = make(site, "kept", "1.txt")
    async with site.watching(watch(site, FOLDERS, **seen_by)):
        await site.items(1)
    async with site.watching(watch(site, FOLDERS, **seen_by)):
        make(site, "sentinel", "1.txt")
        assert await site.names(2) == ["kept", "sentinel"]
        (folder / "2.txt").write_bytes(b"1")
        assert await site.names(3) == ["kept", "sentinel", "kept"]


async def test_a_unit_that_was_taken_away_and_comes_again_is_a_new_one(
    site: Site, tmp_path: Path
) -> None:
    folder = make(site, "a", "1.txt")
    async with site.watching(watch(site, FOLDERS)) as watching:
        await site.items(1)
        folder.rename(tmp_path / "away")
        await until(watching, lambda: watching.statistics.notices > 0)
        (tmp_path / "away").rename(folder)
        assert await site.names(2) == ["a", "a"]
        assert watching.statistics.watcher_errors == 0


async def test_units_that_are_put_away_end_no_watch(site: Site) -> None:
    async with site.watching(watch(site, FOLDERS, scan_seconds=60)) as watching:
        (site.folder / "Done").mkdir()
        for number in range(3):
            name = str(number)
            (make(site, name, "1.txt") / "deep").mkdir()
            await site.items(number + 1)
            (site.folder / name).rename(site.folder / "Done" / name)
        scans = watching.statistics.scans
        make(site, "last", "1.txt")
        assert await site.names(4) == ["0", "1", "2", "last"]
        assert (watching.statistics.watcher_errors, watching.statistics.scans) == (0, scans)


async def test_of_a_unit_that_was_put_away_nothing_more_is_heard(site: Site) -> None:
    folder = UnitFolder(site.options(), ("*",), FOLDERS)
    unit = make(site, "a", "1.txt")
    (unit / "deep").mkdir()
    (site.folder / "Done").mkdir()
    with contextlib.closing(UnitNotifier(folder)) as notifier:
        notifier.arm()
        moved = unit.rename(site.folder / "Done" / "a")
        assert notifier.read().notices == [(str(unit), Notice.GONE)]
        (moved / "deep" / "2.txt").touch()
        (moved / "2.txt").touch()
        batch = notifier.read()
        assert (batch.notices, batch.new_directories, batch.ended) == ([], [], "")


async def test_what_was_written_before_a_slow_folder_was_watched_begins_the_quiet_time(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet, written = 0.4, list[float]()
    add = UnitNotifier.add

    def add_late(notifier: UnitNotifier, directories: Iterable[str]) -> None:
        found = list(directories)
        if str(site.folder / "a") in found:
            threading.Event().wait(quiet)  # as a share that answers late
            make(site, "a", "2.txt")
            written.append(trio.from_thread.run_sync(trio.current_time))
        add(notifier, found)

    monkeypatch.setattr(UnitNotifier, "add", add_late)
    unit = Unit(Form.PAIR, quiet_seconds=quiet)
    async with site.watching(watch(site, unit, ("*.txt",), scan_seconds=60)) as watching:
        await until(watching, lambda: watching.statistics.scans > 0)
        (site.folder / "a.txt").touch()
        make(site, "a", "1.txt")
        [item] = await site.items(1)
        assert trio.current_time() - written[0] >= quiet
    assert item.identity is not None
    assert item.identity.size == 2


async def test_links_targets_and_names_that_do_not_fit_are_left_alone(
    site: Site, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "1.txt").touch()
    (site.folder / "link").symlink_to(tmp_path / "outside")
    for name in ("Done", "Error/old", "deep/Archive", "a.tmp", ".7.pywats-trio.tmp", "other"):
        make(site, name, "1.txt")
    patterns = ("DUT*", "Done", "Error", "deep", "a.tmp", ".*", "link")
    async with site.watching(
        watch(site, FOLDERS, patterns, archive_dir="deep/Archive")
    ) as watching:
        make(site, "DUT 1", "1.txt")
        assert await site.names(1) == ["DUT 1"]
        assert watching.waiting() == []


async def test_names_of_any_bytes_are_taken_exactly(site: Site) -> None:
    names = [b"\xff unit", b"a\nb", "ö".encode(), b" "]
    async with site.watching(watch(site, FOLDERS)):
        for name in names:
            make(site, os.fsdecode(name), os.fsdecode(b"\xfe"))
        items = await site.items(4)
    assert {os.fsencode(item.source).rpartition(b"/")[2] for item in items} == set(names)


async def test_a_unit_that_is_too_large_to_be_looked_through_is_taken_so_that_somebody_is_told(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "MAX_FILES", 2)
    async with site.watching(watch(site, Unit(minimum_files=5, quiet_seconds=QUIET))):
        make(site, "a", "1", "2", "3")
        assert await site.names(1) == ["a"]


async def test_a_folder_whose_watch_folder_is_away_is_not_forgotten(
    site: Site, tmp_path: Path
) -> None:
    make(site, "kept", "1.txt")
    async with site.watching(watch(site, FOLDERS, scan_seconds=0.02)) as watching:
        await site.items(1)
        site.folder.rename(tmp_path / "elsewhere")
        with trio.fail_after(10):
            while not watching.trouble:
                await trio.lowlevel.checkpoint()
        (tmp_path / "elsewhere").rename(site.folder)
        make(site, "sentinel", "1.txt")
        assert await site.names(2) == ["kept", "sentinel"]


async def test_a_unit_that_goes_before_it_is_complete_waits_no_more(site: Site) -> None:
    async with site.watching(watch(site, Unit(marker="m", quiet_seconds=0.0))) as watching:
        folder = make(site, "a", "1.txt")
        await until(watching, lambda: watching.reasons() == {"waits for m": 1})
        shutil.rmtree(folder)
        await until(watching, lambda: watching.reasons() == {})


async def test_the_configuration_comes_before_what_the_author_says(site: Site) -> None:
    unit = Unit(Form.PAIR, "m", 2, 3.0)
    assert configured(unit, site.options()) == unit
    options = site.options(marker="n", minimum_files=4, quiet_seconds=0.5)
    assert configured(unit, options) == Unit(Form.PAIR, "n", 4, 0.5)


async def test_headers_that_have_gone_are_not_remembered(site: Site) -> None:
    folder = UnitFolder(site.options(), ("*.txt",), PAIRS)
    (site.folder / "a.txt").write_bytes(b"1")
    folder.listing({})
    assert folder.around(str(site.folder / "a" / "deep")) == str(site.folder / "a.txt")
    (site.folder / "a.txt").unlink()
    folder.listing({})
    assert folder.around(str(site.folder / "a" / "deep")) is None
