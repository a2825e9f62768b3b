"""`queue import --from-pywats` as a user runs it: killed half-way, while the service runs, at last
delivered; each report once.
"""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.commands.queue.pywats import BATCH
from pywats_trio.devserver import DevServer, open_devserver
from pywats_trio.faultpoint import VARIABLE
from tests.commands.pywats_queues import NOON, Folder, local, report, report_id
from tests.e2e.calling import NOWHERE, ask, call, refused
from tests.e2e.clients import HungUp, peer
from tests.e2e.harness import COMMAND, daemon, write_config
from tests.e2e.site import database_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COUNT = 2 * BATCH + BATCH // 2
"""Reports: three transactions."""


def of_the_service(folder: Folder) -> None:
    """The layout A."""
    for n in range(COUNT):
        state = ("queued", "processing", "error")[n % 3]
        folder.plain(n, state, at=NOON + n, error="no route" if state == "error" else "")
    for n in range(COUNT, COUNT + 5):
        folder.plain(n, "completed", at=NOON)


def of_the_library(folder: Folder) -> None:
    """The layout B, with the defects of its marks."""
    for n in range(COUNT):
        folder.item(n, priority=1 + n % 10, created_at=local(NOON + n))
        if n % 3 == 1:
            folder.meta(
                n, "processing", priority=1 + n % 10, attempts=1, created_at=local(NOON + n)
            )
        if n % 3 == 2:
            folder.meta(n, "failed", priority=1 + n % 10, attempts=3, created_at=local(NOON + n))
    for n in range(COUNT, COUNT + 5):
        folder.item(n)
        folder.meta(n, "completed", attempts=1)


layouts = pytest.mark.parametrize("fill", [of_the_service, of_the_library])


async def killed(config: Path, folder: Folder, fault: str) -> None:
    """The command on the stopped service's queue, which ends there."""
    arguments = ["queue", "import", "--from-pywats", str(folder.path)]
    with trio.fail_after(30):
        done = await trio.run_process(
            [*COMMAND, "--config", str(config), *arguments],
            env={**os.environ, VARIABLE: fault},
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    assert done.returncode == -9, done


def stored(data_dir: Path) -> list[tuple[str, int]]:
    """Report ids and priorities in the order in which they came."""
    return database_rows(data_dir, "SELECT report_id, priority FROM items ORDER BY id")


async def all_delivered(config: Path, server: DevServer) -> dict[str, int]:
    """The service delivers; how often each report came."""
    expected = {report_id(n) for n in range(COUNT)}
    async with daemon(config) as running:
        await running.until_true(
            partial(server.wait_until, lambda server: expected <= server.journal.sends().keys())
        )
        assert await running.stop() == 0
    return {record.id: record.receive_count for record in await server.received()}


@layouts
async def test_killed_half_way_and_run_again_each_item_comes_once(
    tmp_path: Path, fill: Callable[[Folder], None]
) -> None:
    folder = Folder(tmp_path / "pywats")
    fill(folder)
    contents = {file.name: file.read_bytes() for file in folder.path.iterdir()}
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url)
        # The first commit of the command is its look for what a crash left. Before and after a
        # commit; by then the originals of the former batch have their new names.
        await killed(config, folder, "store.before_commit=kill@2")
        assert stored(tmp_path / "data") == []
        await killed(config, folder, "store.committed=kill@2")
        assert len(stored(tmp_path / "data")) == BATCH
        assert not [name for name in folder.names() if name.endswith(".imported")]
        await killed(config, folder, "store.committed=kill@2")
        assert len(stored(tmp_path / "data")) == 2 * BATCH
        told = await ask(config, "queue", "import", "--from-pywats", folder.path)
        assert (told["imported"], told["already"], told["delivered"]) == (BATCH // 2, BATCH, 5)
        assert told["skipped"] == []
        check_order(fill, stored(tmp_path / "data"))
        again = await ask(config, "queue", "import", "--from-pywats", folder.path)
        assert (again["imported"], again["already"], again["renamed"]) == (0, 0, 0)
        assert {
            file.name.removesuffix(".imported"): file.read_bytes() for file in folder.path.iterdir()
        } == contents
        counts = await all_delivered(config, server)
        assert counts == dict.fromkeys([report_id(n) for n in range(COUNT)], 1)


def check_order(fill: Callable[[Folder], None], found: list[tuple[str, int]]) -> None:
    """By priority, then by age; no priority in A."""
    by_age = [(report_id(n), 5 if fill is of_the_service else 1 + n % 10) for n in range(COUNT)]
    assert found == sorted(by_age, key=lambda pair: pair[1])


async def test_on_a_running_service_they_are_delivered_at_once(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "pywats")
    of_the_library(folder)
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url)
        async with daemon(config) as running:
            told = await ask(config, "queue", "import", "--from-pywats", folder.path)
            assert (told["imported"], told["delivered"]) == (COUNT, 5)
            await running.until_event("report delivered", COUNT)
            assert await running.stop() == 0
        counts = {record.id: record.receive_count for record in await server.received()}
        assert counts == dict.fromkeys([report_id(n) for n in range(COUNT)], 1)
        history = database_rows(
            tmp_path / "data", "SELECT count(*) FROM history WHERE event = 'imported'"
        )
        tries = sum(n % 3 != 0 for n in range(COUNT))
        assert history == [(COUNT + tries,)]


async def test_killed_with_its_service_it_goes_on_with_the_next_one(tmp_path: Path) -> None:
    """Whatever the commit was before which it fell: of the start, the import or a delivery."""
    folder = Folder(tmp_path / "pywats")
    of_the_service(folder)
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url)
        for number in (6, 7, 8, 9):
            fault = {VARIABLE: f"store.before_commit=kill@{number}"}
            async with daemon(config, environment=fault) as running:
                # It may be gone by then, or be killed before it greets.
                with contextlib.suppress(OSError, trio.BrokenResourceError, HungUp):
                    async with peer(running) as client:
                        await client.send("import_pywats", path=str(folder.path))
                        await running.end()
                assert await running.end() == -9
        await ask(config, "queue", "import", "--from-pywats", folder.path)
        assert sorted(stored(tmp_path / "data")) == [(report_id(n), 5) for n in range(COUNT)]
        counts = await all_delivered(config, server)
        assert counts.keys() == {report_id(n) for n in range(COUNT)}


async def test_what_cannot_be_used_is_told_in_words_and_by_the_exit_code(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "pywats")
    folder.plain(1, "queued")
    broken = folder.write("cut.queued", report(2)[:-9])
    config = write_config(tmp_path, NOWHERE)
    done = await call(config, "queue", "import", "--from-pywats", folder.path)
    assert done.returncode == 1
    assert b"1 reports imported" in done.stdout
    [line] = done.stderr.decode().splitlines()
    assert line.startswith(f"{broken}: ")
    assert "JSON ends in the middle" in line
    assert broken.exists()


async def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE)
    done = await call(config, "queue", "import", "--from-pywats", tmp_path / "nowhere")
    refused(done, 21, "there is no folder", "the one in which pyWATS keeps its queue")
