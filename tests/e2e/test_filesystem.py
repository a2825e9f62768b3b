"""Trouble with files and folders: nothing is lost, nothing comes twice, it mends by itself."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import data
from pywats_trio.devserver import open_devserver
from tests.e2e.disks import fill, small_disk
from tests.e2e.harness import daemon, write_config
from tests.e2e.site import SIZE, database_rows, make_site, move_in, recorded

if TYPE_CHECKING:
    from pywats_trio.devserver import DevServer
    from tests.e2e.harness import Daemon, Record
    from tests.e2e.site import Site

NOWHERE = "http://127.0.0.1:9"
NAMES = Path(__file__).parents[1] / "intake" / "names.json"

SLOW = '''
"""WSJF, after the file `gate` has appeared."""
import json, os, time
from pywats_trio.converters import Argument, Converter, Report

class Slow(Converter):
    id = "slow"
    version = "1"
    patterns = ("*.json",)
    arguments = {"gate": Argument(str, required=True)}

    def convert(self, source, context):
        context.logger.info("waiting for the gate")
        while not os.path.exists(context.arguments["gate"]):
            time.sleep(0.01)
        yield Report(json.loads(source.read_bytes()))
'''


async def arrivals(server: DevServer) -> dict[str, int]:
    """How often each report was sent, by id."""
    return {record.id: record.receive_count for record in await server.received()}


def reports(run: str, *numbers: int) -> dict[str, int]:
    """The same, as it should be: each once."""
    return {data.report_id(run, number): 1 for number in numbers}


# Writers


async def test_a_file_that_is_open_is_not_taken_however_long_its_writer_pauses(
    tmp_path: Path,
) -> None:
    content = data.report("run", 0, SIZE)
    async with open_devserver() as server:
        with recorded(make_site(tmp_path, server.url)) as site:
            async with site.running():
                with (site.watch / "slow.json").open("wb", buffering=0) as writer:
                    writer.write(content[:600])
                    paused = time.monotonic()
                    others = 0
                    # Long enough for several looks at it: the interval begins with 0.25 s.
                    while time.monotonic() < paused + 1.0:
                        others += 1
                        site.drop_reports("run", others)
                        await site.until_delivered(others)
                    writer.write(content[600:])
                await site.until_delivered(others + 1)
            assert await arrivals(server) == reports("run", *range(others + 1))
            assert await server.body(data.report_id("run", 0)) == content
            assert not site.events("file refused")


async def test_a_file_that_is_replaced_while_it_waits_goes_out_as_the_new_one_only(
    tmp_path: Path,
) -> None:
    """In the queue behind others: moved over, overwritten in place, removed and made again."""
    async with open_devserver() as server:
        with recorded(slow_site(tmp_path, server.url)) as site:
            async with site.running():
                blockers = [f"blocker-{number}.json" for number in range(12)]
                for number, name in enumerate(blockers):
                    site.drop(name, data.report("first", number, SIZE))
                await until_accepted(site, 12)
                for number, name in enumerate(("moved", "written", "remade"), 12):
                    site.drop(f"{name}.json", data.report("old", number, SIZE))
                await until_accepted(site, 15)
                site.drop("moved.json", data.report("new", 12, SIZE))
                (site.watch / "written.json").write_bytes(data.report("new", 13, SIZE + 1))
                (site.watch / "remade.json").unlink()
                (site.watch / "remade.json").write_bytes(data.report("new", 14, SIZE))
                await until_accepted(site, 18)
                (tmp_path / "gate").touch()
                await site.until_delivered(15)
            assert await arrivals(server) == reports("first", *range(12)) | reports(
                "new", 12, 13, 14
            )
            done = sorted(path.name for path in (site.watch / "Done").iterdir())
            assert done == sorted([*blockers, "moved.json", "remade.json", "written.json"])
            assert not list(site.watch.glob("*.json"))
            assert not (site.watch / "Error").exists()


async def test_a_file_that_is_overwritten_while_it_is_converted_goes_out_as_the_new_one_only(
    tmp_path: Path,
) -> None:
    async with open_devserver() as server:
        with recorded(slow_site(tmp_path, server.url)) as site:
            async with site.running():
                site.drop("a.json", data.report("old", 1, SIZE))
                await site.until_event("a converter says", message="waiting for the gate")
                (site.watch / "a.json").write_bytes(data.report("new", 1, SIZE + 1))
                (tmp_path / "gate").touch()
                await site.until_delivered(1)
            assert await arrivals(server) == reports("new", 1)
            done = (site.watch / "Done" / "a.json").read_bytes()
            assert done == data.report("new", 1, SIZE + 1)


async def test_a_file_that_is_moved_over_one_in_work_is_a_second_file(tmp_path: Path) -> None:
    async with open_devserver() as server:
        with recorded(slow_site(tmp_path, server.url)) as site:
            async with site.running():
                site.drop("a.json", data.report("old", 1, SIZE))
                await site.until_event("a converter says", message="waiting for the gate")
                site.drop("a.json", data.report("new", 1, SIZE))
                (tmp_path / "gate").touch()
                await site.until_delivered(2)
            # The old one was whole and in work, so it goes out, too; neither is mixed.
            assert await arrivals(server) == reports("old", 1) | reports("new", 1)
            done = (site.watch / "Done" / "a.json").read_bytes()
            assert done == data.report("new", 1, SIZE)


def slow_site(base: Path, url: str) -> Site:
    """A folder whose conversions end when there is a file `gate`."""
    (base / "slow.py").write_text(SLOW)
    return make_site(
        base, url, type=f"{base / 'slow.py'}:Slow", arguments={"gate": str(base / "gate")}
    )


async def until_accepted(site: Site, count: int) -> None:
    """Until so many files were accepted since the start."""
    await site.until(
        lambda: sum(record["count"] for record in site.events("files accepted")) >= count
    )


# Folders


async def test_a_watch_folder_that_is_removed_and_made_again_is_followed_again(
    tmp_path: Path,
) -> None:
    async with open_devserver() as server:
        with recorded(make_site(tmp_path, server.url, scan_seconds=0.1)) as site:
            async with site.running():
                site.drop_reports("run", 0)
                await site.until_delivered(1)
                for number in (1, 2):
                    shutil.rmtree(site.watch)
                    (record,) = (await site.until_event("watch folder unusable", times=number))[-1:]
                    assert "make the folder" in record["what_to_do"]
                    site.watch.mkdir()
                    site.drop_reports("run", number)
                    await site.until_delivered(number + 1)
                await site.until_event("watch folder unusable: over", times=2)
            assert await arrivals(server) == reports("run", 0, 1, 2)


async def test_another_folder_that_takes_the_place_of_the_watch_folder_is_followed(
    tmp_path: Path,
) -> None:
    async with open_devserver() as server:
        with recorded(make_site(tmp_path, server.url)) as site:
            async with site.running():
                site.drop_reports("run", 0)
                await site.until_delivered(1)
                other = tmp_path / "other"
                other.mkdir()
                (other / "b.json").write_bytes(data.report("run", 1, SIZE))
                site.watch.rename(tmp_path / "old")
                other.rename(site.watch)
                await site.until_delivered(2)
                site.drop_reports("run", 2)
                await site.until_delivered(3)
            assert await arrivals(server) == reports("run", 0, 1, 2)


async def test_a_folder_without_rights_is_caught_up_with_when_it_gets_them(
    tmp_path: Path,
) -> None:
    bound = bound_by_permissions()
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url, converter={"scan_seconds": 0.1})
        drop = tmp_path / "drop"
        for number in range(3):
            (drop / f"{number}.json").write_bytes(data.report("run", number, SIZE))
        drop.chmod(0)
        try:
            async with daemon(config, under=bound) as running:
                (record,) = await running.until_event("watch folder unusable")
                assert "Permission denied" in record["cause"]
                assert "rights" in record["what_to_do"]
                drop.chmod(0o755)
                await running.until_event("report delivered", 3)
                (drop / "3.json").write_bytes(data.report("run", 3, SIZE))
                await running.until_event("report delivered", 4)
                assert await running.stop() == 0
        finally:
            drop.chmod(0o755)
        assert await arrivals(server) == reports("run", *range(4))


async def test_a_file_without_rights_is_refused_and_said_why(
    tmp_path: Path,
) -> None:
    bound = bound_by_permissions()
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url)
        closed = move_in(data.report("run", 0, SIZE), tmp_path / "closed", tmp_path / "in")
        closed.chmod(0)
        async with daemon(config, under=bound) as running:
            closed.rename(tmp_path / "drop" / "closed.json")
            await running.until_event("file refused")
            assert await running.stop() == 0
        told = json.loads((tmp_path / "drop/Error/closed.json.error.json").read_bytes())
        assert "cannot be read: Permission denied" in told["why"]
        assert "right to read it" in told["what_to_do"]
        assert await arrivals(server) == {}


def bound_by_permissions() -> tuple[str, ...]:
    """What stands before a command that permissions shall bind as they bind everybody but root."""
    if os.getuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("permissions do not bind root, and there is no setpriv to make them")
    command = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    if subprocess.run([*command, "true"], check=False, capture_output=True).returncode:
        pytest.skip("permissions do not bind root, and setpriv may not make them")
    return command


# Names


def names() -> dict[bytes, str]:
    """The hostile names, and what is remarkable about each."""
    manifest = json.loads(NAMES.read_bytes())
    return {
        base64.b64decode(entry["name_b64"])
        if "name_b64" in entry
        else entry["name"].encode("utf-8", "surrogateescape"): entry["note"]
        for entry in manifest["names"]
    }


async def test_every_name_is_delivered_and_moved_under_its_own_name(tmp_path: Path) -> None:
    every = names()
    fitting = sorted(name for name in every if name.endswith(b".json"))
    others = sorted(name for name in every if not name.endswith(b".json"))
    assert len(fitting) >= 24
    assert len(others) == 2
    async with open_devserver() as server:
        with recorded(make_site(tmp_path, server.url)) as site:
            async with site.running():
                for number, name in enumerate([*fitting, *others]):
                    site.drop(os.fsdecode(name), data.report("run", number, SIZE))
                await site.until_delivered(len(fitting))
            assert await arrivals(server) == reports("run", *range(len(fitting)))
    assert list(contents(site.watch)) == others
    done = contents(site.watch / "Done")
    assert done == {name: data.report("run", n, SIZE) for n, name in enumerate(fitting)}
    json.dumps(site.log).encode()  # whatever the name, the log can be written


async def test_a_refused_file_of_any_name_is_explained_beside_it(tmp_path: Path) -> None:
    fitting = [name for name in names() if name.endswith(b".json")]
    with recorded(make_site(tmp_path, "")) as site:
        async with site.running():
            for name in fitting:
                site.drop(os.fsdecode(name), b"{}")
            await site.until_event("file refused", times=len(fitting))
    lie = contents(site.watch / "Error")
    explained = [content for name, content in lie.items() if name.endswith(b".error.json")]
    assert {name for name, content in lie.items() if content == b"{}"} == set(fitting)
    assert len(explained) == len(fitting)
    assert all('no "type"' in json.loads(content)["why"] for content in explained)


def contents(folder: Path) -> dict[bytes, bytes]:
    """The files of a folder, by name."""
    files = (path for path in sorted(folder.iterdir()) if path.is_file())
    return {os.fsencode(path.name): path.read_bytes() for path in files}


# Floods


async def test_an_overflown_notification_queue_loses_nothing(tmp_path: Path) -> None:
    """Twenty thousand files while the process is stopped; the kernel keeps 16,384 notices."""
    count = 20_000
    drop = tmp_path / "drop"
    (tmp_path / "slow.py").write_text(SLOW)
    slow = {"type": f"{tmp_path / 'slow.py'}:Slow", "post_action": "keep", "settle_seconds": 0.2}
    text = f'[converters.arguments]\ngate = "{tmp_path / "gate"}"\n'
    # No file is converted: the question is whether each is taken, and none twice.
    queue = {"max_items": 0}
    config = write_config(tmp_path, NOWHERE, text=text, converter=slow, queue=queue)
    async with daemon(config) as running:
        (drop / "0.json").write_bytes(b"{}")
        await running.until_event("files accepted")  # so the folder is followed by now
        running.process.send_signal(signal.SIGSTOP)
        for number in range(1, count):
            descriptor = os.open(drop / f"{number}.json", os.O_CREAT | os.O_WRONLY)
            os.write(descriptor, b"{}")
            os.close(descriptor)
        running.process.send_signal(signal.SIGCONT)
        await running.until(lambda: taken(running) >= count)
        assert running.events("notifications were lost, the folder is read again")
        running.kill()
    paths = database_rows(tmp_path / "data", "SELECT CAST(path AS TEXT) FROM items")
    shutil.rmtree(drop)
    assert len(paths) == count
    assert {path for (path,) in paths} == {str(drop / f"{n}.json") for n in range(count)}


def taken(running: Daemon) -> int:
    return sum(record["count"] for record in running.events("files accepted"))


# Full disks


async def test_a_full_disk_stops_the_path_and_loses_or_repeats_nothing(tmp_path: Path) -> None:
    with small_disk("12m") as disk:
        async with open_devserver() as server:
            # No floor and no reserve: what stops it is that commits fail.
            queue = {"min_free_disk": 0, "reserve": 0}
            config = write_config(tmp_path, server.url, queue=queue)
            text = config.read_text().replace(str(tmp_path / "data"), str(disk / "data"))
            config.write_text(text)
            async with daemon(config) as running:
                drop_numbers(tmp_path, 0, 100)
                await running.until_event("report delivered", 20)
                ballast = fill(disk)
                drop_numbers(tmp_path, 100, 200)
                await running.until(lambda: bool(full_disk(running)))
                ballast.unlink()
                await running.until_event("report delivered", 200)
                assert await running.stop() == 0
            assert await arrivals(server) == reports("run", *range(200))
            states = "SELECT kind, state, count(*) FROM items GROUP BY 1, 2 ORDER BY 1, 2"
            assert database_rows(disk / "data", states) == [
                ("file", "COMPLETED", 200),
                ("report", "COMPLETED", 200),
            ]
            failed = "SELECT count(*) FROM items WHERE attempts <> 1 OR interruptions <> 0"
            assert database_rows(disk / "data", failed) == [(0,)]
        assert len(list((tmp_path / "drop" / "Done").iterdir())) == 200


def drop_numbers(base: Path, first: int, end: int) -> None:
    """Reports moved into the watch folder of `base`."""
    for number in range(first, end):
        target = base / "drop" / f"{number:04d}.json"
        move_in(data.report("run", number, SIZE), target, base / "incoming")


def full_disk(running: Daemon) -> list[Record]:
    """What was said about a queue that cannot be written."""
    return [
        record
        for event in (
            "cannot record an outcome",
            "cannot claim work",
            "the queue takes no files",
            "it cannot be recorded that files were put away",
        )
        for record in running.events(event)
    ]


@pytest.mark.parametrize("action", ["done_dir", "error_dir"])
async def test_a_full_target_folder_delays_only_the_moving(action: str, tmp_path: Path) -> None:
    event = f"files cannot be put away ({action})"
    good = action == "done_dir"
    with small_disk("256k") as disk:
        target = disk / "target"
        async with open_devserver() as server:
            folders: dict[str, Any] = {action: str(target)}
            site = make_site(tmp_path, server.url, **folders)
            with recorded(site):
                async with site.running():
                    target.mkdir()
                    ballast = fill(disk)
                    site.drop("a.json", data.report("run", 0, SIZE) if good else b"{}")
                    (record,) = await site.until_event(event)
                    assert "No space left" in record["cause"]
                    assert record["what_to_do"] == "make room on the disk"
                    assert [path.name for path in site.watch.glob("*.json")] == ["a.json"]
                    if not good:
                        site.drop_reports("run", 0)
                    await site.until_delivered(1)
                    ballast.unlink()
                    await site.until_event(f"{event}: over")
                assert (target / "a.json").exists()
                assert (target / "a.json.error.json").exists() is not good
                assert not (site.watch / "a.json").exists()
            assert await arrivals(server) == reports("run", 0)


async def test_a_read_only_folder_for_converted_files_delays_only_their_moving(
    tmp_path: Path,
) -> None:
    with small_disk("256k") as disk:
        async with open_devserver() as server:
            site = make_site(tmp_path, server.url, done_dir=str(disk / "Done"))
            with recorded(site):
                async with site.running():
                    remount(disk, "ro")
                    site.drop_reports("run", 0)
                    await site.until_delivered(1)
                    (record,) = await site.until_event("files cannot be put away (done_dir)")
                    assert record["what_to_do"] == "mount the file system for writing"
                    remount(disk, "rw")
                    await site.until_event("files cannot be put away (done_dir): over")
                assert len(list((disk / "Done").iterdir())) == 1
            assert await arrivals(server) == reports("run", 0)


def remount(folder: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", folder], check=True)
