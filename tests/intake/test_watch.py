"""The watch part on real folders, real notifications and the real queue."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from pywats_trio import faultpoint
from pywats_trio.intake import filesystem, notify, settle
from pywats_trio.intake.filesystem import FileSystem
from pywats_trio.intake.room import Room
from pywats_trio.intake.scan import Folder
from pywats_trio.intake.settle import Look, Why
from pywats_trio.model import Converted, Kind, Putaway, State
from pywats_trio.queue.store import PutAway, Topic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.intake.conftest import Site

HERE = Path(__file__).parent
MAX_QUEUED_EVENTS = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())


def drop(site: Site, name: str, data: bytes = b"{}") -> Path:
    path = site.folder / name
    path.write_bytes(data)
    return path


async def test_files_that_lay_there_at_the_start_are_taken_oldest_first(site: Site) -> None:
    for age, name in enumerate(["c.json", "a.json", "b.json"]):
        os.utime(drop(site, name), (1000 + age, 1000 + age))
    async with site.watching():
        assert await site.names(3) == ["c.json", "a.json", "b.json"]


async def test_files_that_settle_together_are_taken_by_their_modification_times(
    site: Site,
) -> None:
    async with site.watching() as watch:
        while not watch.statistics.scans:
            await trio.lowlevel.checkpoint()
        for age, name in ((3, "c.json"), (1, "a.json"), (2, "b.json")):
            os.utime(drop(site, name), (1000 + age, 1000 + age))
        assert await site.names(3) == ["a.json", "b.json", "c.json"]


async def test_a_file_replaced_right_after_the_look_is_taken_once_as_the_new_one(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was announced before a look is known before the look is judged."""
    look = Folder.look
    replacements = [b"22"]

    def look_then_replace(folder: Folder, paths: Sequence[str]) -> list[Look | None]:
        looks = look(folder, paths)
        if replacements:
            # The observer has just read, and does not read again for 4 ms.
            drop(site, "x.tmp")
            trio.from_thread.run(trio.testing.wait_all_tasks_blocked)
            (site.folder / "a.json").unlink()
            drop(site, "a.json", replacements.pop())
        return looks

    monkeypatch.setattr(Folder, "look", look_then_replace)
    async with site.watching(site.watch(site.options(settle_seconds=0.2))) as watch:
        while not watch.statistics.scans:
            await trio.lowlevel.checkpoint()
        drop(site, "a.json", b"1")
        [item] = await site.items(1)
        drop(site, "sentinel.json")
        assert await site.names(2) == ["a.json", "sentinel.json"]
    assert item.identity is not None
    assert item.identity.size == 2


async def test_an_accepted_file_carries_what_the_configuration_says(site: Site) -> None:
    options = site.options(priority=2, max_attempts=7)
    path = drop(site, "a.json", b"123")
    async with site.watching(site.watch(options)):
        [item] = await site.items(1)
    status = path.stat()
    assert (item.kind, item.state, item.converter) == (Kind.FILE, State.PENDING, "line-3")
    assert (item.priority, item.max_attempts, item.source) == (2, 7, str(path))
    assert item.identity is not None
    assert (item.identity.inode, item.identity.size) == (status.st_ino, 3)
    assert item.identity.mtime_ns == status.st_mtime_ns


async def test_only_files_that_fit_the_patterns_and_not_the_ignores_are_taken(site: Site) -> None:
    options = site.options(settle="quiet", ignore=("*.tmp", "~*"))
    async with site.watching(site.watch(options, patterns=("*.json", "*.xml", "*.tmp"))) as watch:
        for name in ("a.txt", "~b.json", "c.tmp", "d.json.error.json", "E.JSON"):
            drop(site, name)
        (site.folder / "folder.json").mkdir()
        os.mkfifo(site.folder / "pipe.json")
        drop(site, "last.xml")
        assert await site.names(1) == ["last.xml"]
        assert watch.waiting() == []


async def test_names_of_any_bytes_are_taken_and_recorded_exactly(site: Site) -> None:
    listed = json.loads((HERE / "names.json").read_text())["names"]
    names = [
        base64.b64decode(entry["name_b64"]) if "name_b64" in entry else entry["name"].encode()
        for entry in listed
    ]
    async with site.watching():
        for name in names:
            drop(site, os.fsdecode(name))
        unmatched = {b"UPPER.JSON", b"trail.json "}
        taken = await site.names(len(names) - len(unmatched))
    assert {os.fsencode(name) for name in taken} == set(names) - unmatched


async def test_a_writer_that_pauses_with_the_file_open_is_waited_for(site: Site) -> None:
    async with site.watching() as watch:
        with (site.folder / "slow.json").open("wb") as file:
            file.write(b"{")
            file.flush()
            drop(site, "sentinel.json")
            assert await site.names(1) == ["sentinel.json"]
            # Longer than the settle time: a second file has settled in the meantime.
            drop(site, "sentinel2.json")
            assert await site.names(2) == ["sentinel.json", "sentinel2.json"]
            [waiting] = watch.waiting()
            assert waiting.path.endswith("slow.json")
            assert waiting.why in {Why.OPEN, Why.CHANGING}
            file.write(b"}")
        assert (await site.names(3))[2] == "slow.json"
        assert (await site.items(3))[2].identity.size == 2  # type: ignore[union-attr]


async def test_a_writer_in_another_process_is_waited_for_even_if_only_a_scan_sees_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "available", lambda: False)
    code = "import sys; f = open(sys.argv[1], 'w'); f.write('{'); f.flush(); print(1, flush=True)"
    code += "; input(); f.write('}'); f.close()"
    async with trio.open_nursery() as nursery:
        writer: trio.Process = await nursery.start(
            partial(
                trio.run_process, stdin=subprocess.PIPE, stdout=subprocess.PIPE, capture_stderr=True
            ),
            [sys.executable, "-c", code, str(site.folder / "slow.json")],
        )
        assert writer.stdin is not None
        assert writer.stdout is not None
        await writer.stdout.receive_some()
        options = site.options(scan_seconds=0.05)
        async with site.watching(site.watch(options)):
            drop(site, "sentinel.json")
            assert await site.names(1) == ["sentinel.json"]
            await writer.stdin.send_all(b"\n")
            assert await site.names(2) == ["sentinel.json", "slow.json"]


async def test_a_file_is_taken_once_as_long_as_it_lies_there_unchanged(site: Site) -> None:
    path = drop(site, "keep.json")
    async with site.watching():
        await site.items(1)
    async with site.watching():  # the part is started again
        path.chmod(0o600)
        with path.open("ab"):
            pass  # opened and closed for writing, unchanged
        drop(site, "sentinel.json")
        assert await site.names(2) == ["keep.json", "sentinel.json"]


async def test_a_file_that_is_replaced_or_grows_is_a_new_one(site: Site) -> None:
    path = drop(site, "a.json", b"1")
    async with site.watching():
        await site.items(1)
        other = site.base / "other"
        other.write_bytes(b"22")
        other.rename(path)
        assert (await site.items(2))[1].identity.size == 2  # type: ignore[union-attr]
        with path.open("ab") as file:
            file.write(b"3")
        assert (await site.items(3))[2].identity.size == 3  # type: ignore[union-attr]


async def test_a_file_replaced_while_it_waits_is_taken_once_as_what_it_is_then(site: Site) -> None:
    options = site.options(settle_seconds=0.2)
    async with site.watching(site.watch(options)):
        drop(site, "a.json", b"1")
        other = site.base / "other"
        other.write_bytes(b"22")
        other.rename(site.folder / "a.json")
        [item] = await site.items(1)
        drop(site, "sentinel.json")
        assert await site.names(2) == ["a.json", "sentinel.json"]
    assert item.identity is not None
    assert item.identity.size == 2


@pytest.mark.parametrize("notified", [True, False])
async def test_a_file_that_was_put_away_and_is_moved_back_is_a_new_one(
    site: Site, monkeypatch: pytest.MonkeyPatch, notified: bool
) -> None:
    monkeypatch.setattr(notify, "available", lambda: notified)
    path = drop(site, "a.json")
    away = site.base / "a.json"
    async with site.watching(site.watch(site.options(scan_seconds=0.05))):
        await site.items(1)
        [claim] = await site.store.claim(Kind.FILE, 1, "test")
        await site.store.finish(claim, Converted((), "00"))
        path.rename(away)
        await site.store.put_away([PutAway(claim.item.id, str(away))])
        away.rename(path)  # the same inode, size and time
        first, second = await site.items(2)
        assert (first.source, second.source) == (str(away), str(path))


async def test_a_file_that_was_removed_and_dropped_again_is_a_new_one(site: Site) -> None:
    path = drop(site, "a.json")
    status = path.stat()
    away = site.base / "a.json"
    async with site.watching():
        await site.items(1)
        path.rename(away)
        away.rename(path)
        assert [i.identity.inode for i in await site.items(2) if i.identity] == [status.st_ino] * 2
        path.unlink()
        drop(site, "b.json")  # the store is told before it
        await site.items(3)
        assert list(await site.desk.seen("line-3")) == [str(site.folder / "b.json")]


async def test_what_went_while_nobody_watched_is_forgotten(site: Site) -> None:
    path = drop(site, "a.json")
    async with site.watching():
        await site.items(1)
    path.unlink()
    async with site.watching():
        drop(site, "b.json")
        await site.items(2)
        assert list(await site.desk.seen("line-3")) == [str(site.folder / "b.json")]


async def test_a_watch_folder_that_is_not_there_is_waited_for(site: Site) -> None:
    site.folder.rmdir()
    async with site.watching(site.watch(site.options(scan_seconds=0.05))) as watch:
        other = site.base / "other"
        other.mkdir()
        (other / "a.json").write_bytes(b"{}")
        other.rename(site.folder)
        assert await site.names(1) == ["a.json"]
        assert watch.trouble == ""


async def test_a_watch_folder_that_is_removed_and_made_again_goes_on(site: Site) -> None:
    drop(site, "a.json")
    async with site.watching(site.watch(site.options(scan_seconds=0.05))) as watch:
        await site.items(1)
        shutil.rmtree(site.folder)
        site.folder.mkdir()
        drop(site, "b.json")
        assert await site.names(2) == ["a.json", "b.json"]
        assert watch.statistics.watcher_errors >= 1


async def test_a_folder_whose_parent_is_renamed_is_noticed_by_the_next_scan(site: Site) -> None:
    inner = site.folder / "inner"
    inner.mkdir()
    options = site.options(watch=inner, scan_seconds=0.1)
    async with site.watching(site.watch(options)) as watch:
        (inner / "a.json").write_bytes(b"{}")
        await site.items(1)
        site.folder.rename(site.base / "elsewhere")
        inner.mkdir(parents=True)
        (inner / "b.json").write_bytes(b"{}")
        assert await site.names(2) == ["inner/a.json", "inner/b.json"]
        assert watch.statistics.watcher_errors == 1


async def test_files_of_a_disk_that_is_away_are_not_forgotten(site: Site) -> None:
    """An empty mount point: what was accepted lies on another device and comes back with it."""
    away = Path("/dev/shm") / f"pywats-trio-{os.getpid()}"
    away.mkdir()
    try:
        if away.stat().st_dev == site.folder.stat().st_dev:
            pytest.skip("needs two file systems")
        (away / "a.json").write_bytes(b"{}")
        site.folder.rmdir()
        site.folder.symlink_to(away)
        options = site.options(scan_seconds=0.05)
        async with site.watching(site.watch(options)):
            await site.items(1)
        site.folder.unlink()
        site.folder.mkdir()
        async with site.watching(site.watch(options)):
            drop(site, "b.json")
            await site.items(2)
        shutil.rmtree(site.folder)
        site.folder.symlink_to(away)
        async with site.watching(site.watch(options)):
            drop(site, "c.json")
            assert await site.names(3) == ["a.json", "b.json", "c.json"]
    finally:
        shutil.rmtree(away)


async def test_an_overflown_notification_queue_costs_nothing_but_a_scan(site: Site) -> None:
    async with site.watching(site.watch(site.options(settle_seconds=0.0))) as watch:
        drop(site, "first.json")
        await site.items(1)
        # The loop does not turn while this runs, so nobody reads.
        folder = os.open(site.folder, os.O_RDONLY)
        for number in range(MAX_QUEUED_EVENTS // 2 + 10):  # created and closed: two events each
            os.close(os.open(f"x{number}.tmp", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
        os.close(folder)
        drop(site, "lost.json")
        assert await site.names(2) == ["first.json", "lost.json"]
        assert watch.statistics.watcher_errors == 1


async def test_a_marker_releases_its_file_and_is_not_taken_itself(site: Site) -> None:
    async with site.watching(site.watch(site.options(settle="marker"), patterns=("*",))) as watch:
        drop(site, "a.json")
        drop(site, "b.json")
        drop(site, "b.json.done")
        assert await site.names(1) == ["b.json"]
        [waiting] = watch.waiting()
        assert waiting.path.endswith("a.json")
        drop(site, "a.json.done")
        assert await site.names(2) == ["b.json", "a.json"]


async def test_a_marker_that_lies_there_before_its_file_counts(site: Site) -> None:
    async with site.watching(site.watch(site.options(settle="marker"))):
        drop(site, "a.json.done")
        drop(site, "a.json")
        assert await site.names(1) == ["a.json"]
        drop(site, "c.json")
    drop(site, "c.json.done")
    async with site.watching(site.watch(site.options(settle="marker"))):
        assert await site.names(2) == ["a.json", "c.json"]


async def test_under_renamed_only_what_is_moved_in_is_taken_at_once(site: Site) -> None:
    # A settle time this long would be waited for by anything that is not taken at once.
    options = site.options(settle="renamed", settle_seconds=3600.0)
    async with site.watching(site.watch(options)) as watch:
        while not watch.statistics.scans:  # what lay there before is judged otherwise
            await trio.lowlevel.checkpoint()
        drop(site, "made-here.json")
        outside = site.base / "outside"
        outside.write_bytes(b"{}")
        outside.rename(site.folder / "in.json")
        assert await site.names(1) == ["in.json"]
        (site.folder / "made-here.json").rename(site.folder / "renamed.json")
        assert await site.names(2) == ["in.json", "renamed.json"]
        assert watch.waiting() == []


async def test_links_to_files_inside_stand_for_them_and_others_are_left_alone(site: Site) -> None:
    outside = site.base / "secret"
    outside.write_bytes(b"{}")
    done = site.folder / "Done"
    done.mkdir()
    (done / "old.json").write_bytes(b"{}")
    (site.folder / "out.json").symlink_to(outside)
    (site.folder / "nowhere.json").symlink_to("missing")
    (site.folder / "old.json").symlink_to(done / "old.json")
    (site.folder / "self.json").symlink_to(site.folder)
    drop(site, "data.bin")
    (site.folder / "inside.json").symlink_to("data.bin")
    async with site.watching() as watch:
        assert await site.names(1) == ["data.bin"]
        drop(site, "b.json")
        (site.folder / "b-too.json").symlink_to("b.json")
        drop(site, "later.dat")
        (site.folder / "later.json").symlink_to("later.dat")
        assert sorted(await site.names(3)) == ["b.json", "data.bin", "later.dat"]
        assert [w for w in watch.waiting() if "old" in w.path or "out" in w.path] == []


async def test_a_recursive_watch_takes_files_below_and_not_those_put_away(site: Site) -> None:
    (site.folder / "Done").mkdir()
    (site.folder / "Done" / "old.json").write_bytes(b"{}")
    (site.folder / "sub" / "deep").mkdir(parents=True)
    (site.folder / "sub" / "deep" / "a.json").write_bytes(b"{}")
    linked = site.base / "linked"
    linked.mkdir()
    (linked / "z.json").write_bytes(b"{}")
    (site.folder / "link").symlink_to(linked)
    async with site.watching(site.watch(site.options(recursive=True))) as watch:
        assert await site.names(1) == ["sub/deep/a.json"]
        (site.folder / "sub" / "deep" / "b.json").write_bytes(b"{}")
        await site.items(2)
        new = site.folder / "new" / "er"
        new.mkdir(parents=True)
        (new / "c.json").write_bytes(b"{}")
        await site.items(3)
        (new / "d.json").write_bytes(b"{}")
        await site.items(4)
        # A renamed folder brings its files under new paths: they are other files.
        (site.folder / "new").rename(site.folder / "newer")
        (site.folder / "newer" / "er" / "e.json").write_bytes(b"{}")
        names = await site.names(7)
        assert names[4:] == ["newer/er/c.json", "newer/er/d.json", "newer/er/e.json"]
        (site.folder / "Done" / "more.json").write_bytes(b"{}")
        drop(site, "last.json")
        assert (await site.names(8))[7] == "last.json"
        assert watch.waiting() == []


async def test_a_network_share_is_scanned_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesystem, "of", lambda _: FileSystem("nfs4"))
    async with site.watching(site.watch(site.options(scan_seconds=0.05))) as watch:
        drop(site, "a.json")
        assert await site.names(1) == ["a.json"]
        assert watch.statistics.notices == 0


async def test_without_watches_the_folder_is_scanned_and_the_cause_is_told(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(notify.Notifier, "arm", refuse)
    async with site.watching(site.watch(site.options(scan_seconds=0.05))):
        drop(site, "a.json")
        assert await site.names(1) == ["a.json"]
    assert "fs.inotify.max_user_watches" in capsys.readouterr().out


async def test_more_files_than_may_wait_at_once_are_all_taken(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "MOST_CANDIDATES", 10)
    for number in range(55):
        drop(site, f"{number}.json")
    async with site.watching():
        assert len(set(await site.names(55))) == 55


async def test_a_folder_that_hangs_holds_up_only_itself(site: Site) -> None:
    taken = trio.CapacityLimiter(1)
    await taken.acquire()  # as a look that never comes back would
    stuck = site.watch(site.options(name="stuck"))
    stuck._limiter = taken  # noqa: SLF001 - the one thread of that folder
    async with site.watching(stuck), site.watching():
        drop(site, "a.json")
        assert [item.converter for item in await site.items(1)] == ["line-3"]


async def test_a_fault_between_the_steps_loses_nothing_and_takes_nothing_twice(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(site, "a.json")
    for point in ("accept.before_put", "accept.committed"):
        faults = faultpoint._parse(f"{point}=raise@1")  # noqa: SLF001 - as the variable would
        monkeypatch.setattr(faultpoint, "_faults", faults)
        with pytest.raises(BaseExceptionGroup) as caught, trio.fail_after(5):
            async with site.watching():
                await trio.sleep_forever()
        assert caught.group_contains(faultpoint.InjectedFault)
        assert len(await site.desk.items()) == (point == "accept.committed")
    async with site.watching():
        drop(site, "sentinel.json")
        assert await site.names(2) == ["a.json", "sentinel.json"]


async def test_the_part_is_ready_before_it_has_looked_at_the_folder(site: Site) -> None:
    await site.limiter.acquire()
    with trio.fail_after(5):
        async with site.watching():
            drop(site, "a.json")
            site.limiter.release()
            assert await site.names(1) == ["a.json"]


async def test_a_folder_without_rights_is_told_once_and_taken_up_when_they_come() -> None:
    """As a user who is not root, in a process of its own."""
    done = await trio.run_process(
        [sys.executable, str(HERE / "without_rights.py")],
        capture_stdout=True,
        capture_stderr=True,
        cwd=HERE.parents[1],
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    out = done.stdout.decode()
    assert out.count("watch folder unusable") - out.count("watch folder unusable: over") == 1
    assert "give the user of the service the rights" in out
    assert out.splitlines()[-1] == "accepted ['a.json']"


async def test_the_state_of_a_file_that_waits_for_the_queue_can_be_asked(site: Site) -> None:
    room = Room(site.store, 2)
    async with site.watching(site.watch(room=room)) as watch:
        for name in ("a.json", "b.json"):
            drop(site, name)
        await site.items(2)
        ticket = site.store.bell(Topic.ROOM).ticket()
        drop(site, "c.json")
        await ticket.wait(0.2)
        while not room.full:
            await trio.lowlevel.checkpoint()
        assert [w.why for w in watch.waiting()] == [Why.QUEUE_FULL]
        for claim in await site.store.claim(Kind.FILE, 2, "test"):
            await site.store.finish(claim, Converted((), "00"))
        assert (await site.names(3))[2] == "c.json"
    item = await site.desk.item(1)
    assert item is not None
    assert item.putaway is Putaway.PENDING
