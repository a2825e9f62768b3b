"""The installed command backs a queue up while it is at work, and restores it somewhere else."""

from __future__ import annotations

import os
import subprocess
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.devserver import Fault, open_devserver
from pywats_trio.faultpoint import VARIABLE
from tests.e2e.books import Books, files_in
from tests.e2e.calling import NOWHERE, ask, call, refused
from tests.e2e.harness import COMMAND, PATIENCE, daemon, write_config
from tests.e2e.plant import stamping
from tests.e2e.site import database_rows

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.devserver import DevServer
    from tests.e2e.harness import Daemon

FIRST, LATER = 15, 120
"""Files that are delivered before the server goes away, and that come after it."""
SLOW = "[converters.arguments]\nseconds = 0.02\n"
POINTS = ["restore.placed", "restore.copied", "restore.kept"]


def line(folder: Path, url: str) -> Path:
    """A line with a converter that is slower than its tester."""
    return write_config(
        folder, url, text=SLOW, workers={"max": 1}, converter={"type": stamping(folder.parent)}
    )


async def killed(config: Path, point: str, *arguments: object) -> None:
    """The command, which kills itself at the fault point."""
    command = [*COMMAND, "--config", str(config), *map(str, arguments)]
    with trio.fail_after(PATIENCE):
        done = await trio.run_process(
            command,
            check=False,
            capture_stdout=True,
            capture_stderr=True,
            env={**os.environ, VARIABLE: f"{point}=kill@1"},
        )
    assert done.returncode == -9, done


async def drop_until(books: Books, running: Daemon, enough: trio.Event) -> None:
    """A tester that drops a file whenever the service has done something."""
    for _ in range(LATER):
        books.drop(1)
        await running.until_lines(len(running.log) + 1)
        if enough.is_set():
            return


async def backed_up_under_load(
    running: Daemon, config: Path, books: Books, server: DevServer, target: Path
) -> dict[str, object]:
    """Its server is away, and files come while the backup is made; the service is killed then."""
    books.drop(FIRST)
    await running.until_true(partial(books.until_delivered, server))
    server.faults.set(Fault(status=503))
    books.drop(FIRST)
    await running.until_event("deliveries suspended")
    enough = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(drop_until, books, running, enough)
        told = await ask(config, "queue", "backup", target)
        enough.set()
    await running.until(lambda: len(running.events("file converted")) > 2 * FIRST)
    running.kill()
    assert await running.end() == -9
    return dict(told)


def unfinished_then(data_dir: Path, backup: Path, books: Books) -> set[str]:
    """The reports that were yet to be delivered when the backup was made, by the history.

    `data_dir` is that of the service which went on; the backup only tells when it was.
    """
    [(then,)] = database_rows(backup.parent, "SELECT max(seq) FROM history")
    rows = database_rows(
        data_dir,
        "SELECT i.name, (SELECT count(*) FROM items r JOIN history h ON h.item_id = r.id"
        "  WHERE r.parent_id = i.id AND h.event = 'delivered' AND h.seq <= ?1)"
        " FROM items i JOIN history a ON a.item_id = i.id AND a.event = 'accepted'"
        " WHERE i.kind = 'file' AND a.seq <= ?1",
        then,
    )
    ids = {file.name: file.report_id for file in books.dropped}
    return {ids[name] for name, delivered in rows if not delivered}


async def test_what_was_unfinished_is_delivered_elsewhere(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    (tmp_path / "safe").mkdir()
    backup = tmp_path / "safe" / "queue.db"
    async with open_devserver() as server:
        config = line(here, server.url)
        books = Books(here / "drop")
        async with daemon(config) as running:
            told = await backed_up_under_load(running, config, books, server, backup)
        assert told["missing_sources"] == []
        assert told["damaged"] == []
        expected = unfinished_then(here / "data", backup, books)
        assert len(expected) >= FIRST
        already = {entry.id for entry in server.journal.entries if entry.status == 200}
        assert not expected & already

        server.faults.clear()
        before = server.journal.submits
        other = line(there, server.url)
        restored = await ask(other, "queue", "restore", backup)
        assert restored["sources"] == told["sources"]
        assert restored["sources"] > 0
        async with daemon(other) as running:
            taken = partial(
                server.wait_until, lambda s: s.journal.submits - before >= len(expected)
            )
            await running.until_true(taken)
            assert await running.stop() == 0
        sent = [entry.id for entry in server.journal.entries if entry.number > before]
        assert sorted(sent) == sorted(expected)
        assert {entry.status for entry in server.journal.entries if entry.number > before} == {200}
        assert files_in(there / "data" / "inbox", "**/*") == {}
        states = database_rows(there / "data", "SELECT DISTINCT state FROM items")
        assert states == [("COMPLETED",)]


async def test_a_restore_that_is_killed_is_run_again(tmp_path: Path) -> None:
    here, there, backup = tmp_path / "here", tmp_path / "there", tmp_path / "safe" / "queue.db"
    (tmp_path / "safe").mkdir()
    async with open_devserver() as server:
        config = line(here, server.url)
        books = Books(here / "drop")
        async with daemon(config) as running:
            await backed_up_under_load(running, config, books, server, backup)
        expected = unfinished_then(here / "data", backup, books)
        server.faults.clear()
        before = server.journal.submits

        other = line(there, server.url)
        theirs = Books(there / "drop", run="theirs")
        async with daemon(other) as running:  # it has a queue of its own
            theirs.drop(1)
            await running.until_true(partial(theirs.until_delivered, server))
            assert await running.stop() == 0
        for point in POINTS:
            await killed(other, point, "queue", "restore", backup, "--yes")
            assert database_rows(there / "data", "SELECT count(*) FROM items") == [(2,)]
        restored = await ask(other, "queue", "restore", backup, "--yes")
        assert restored["kept"].startswith(str(there / "data" / "queue.db.before-restore-"))
        async with daemon(other) as running:
            enough = before + 1 + len(expected)
            await running.until_true(
                partial(server.wait_until, lambda s: s.journal.submits >= enough)
            )
            assert await running.stop() == 0
        sent = [entry.id for entry in server.journal.entries if entry.number > before + 1]
        assert sorted(sent) == sorted(expected)
        assert files_in(there / "data" / "inbox", "**/*") == {}
        left = [name for name in files_in(there / "data") if "restoring" in name]
        assert left == []


async def test_a_running_service_is_not_restored(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE)
    async with daemon(config) as running:
        await ask(config, "queue", "backup", tmp_path / "b.db")
        done = await call(config, "queue", "restore", tmp_path / "b.db", "--yes")
        refused(done, 30, "a service is already running here", "stop it first")
        assert await running.stop() == 0


async def test_a_queue_with_items_is_replaced_only_when_told_so(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE)
    Books(tmp_path / "drop").drop(1)
    async with daemon(config) as running:
        await running.until_event("file converted")
        assert await running.stop() == 0
    made = await ask(config, "queue", "backup", tmp_path / "b.db")  # of a stopped service, too
    assert made["items"] == {"file": {"COMPLETED": 1}, "report": {"PENDING": 1}} or made[
        "items"
    ] == {
        "file": {"COMPLETED": 1},
        "report": {"SUSPENDED": 1},
    }
    refused(
        await call(config, "queue", "restore", tmp_path / "b.db"), 2, "with 2 items", "add --yes"
    )
    done = await call(config, "queue", "restore", tmp_path / "b.db", "--yes")
    assert done.returncode == 0
    assert b"the former queue is kept as" in done.stdout


async def test_a_backup_can_be_opened_by_anybody(tmp_path: Path) -> None:
    """One plain file, complete in itself."""
    config = write_config(tmp_path, NOWHERE)
    async with daemon(config) as running:
        done = await call(config, "queue", "backup", tmp_path / "b.db")
        assert (done.returncode, done.stderr) == (0, b"")
        assert await running.stop() == 0
    refused(await call(config, "queue", "backup", tmp_path / "b.db"), 22, "add --force")
    refused(
        await call(config, "queue", "backup", tmp_path / "data" / "queue.db", "--force"),
        22,
        "a name of the queue's own files",
    )
    refused(await call(config, "queue", "restore", tmp_path / "config.toml"), 22, "as a backup")
    refused(await call(config, "queue", "restore", tmp_path / "nothing"), 21, "check the path")


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no terminals here")
def test_on_a_terminal_it_asks(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE)

    async def prepare() -> None:
        Books(tmp_path / "drop").drop(1)
        async with daemon(config) as running:
            await running.until_event("file converted")
            assert await running.stop() == 0
        await ask(config, "queue", "backup", tmp_path / "b.db")

    trio.run(prepare)
    ours, theirs = os.openpty()
    try:
        os.write(ours, b"n\n")
        done = subprocess.run(
            [*COMMAND, "--config", str(config), "queue", "restore", str(tmp_path / "b.db")],
            stdin=theirs,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 1
    assert b"This replaces the present queue, with 2 items" in done.stderr
    assert not list((tmp_path / "data").glob("queue.db.before-restore-*"))
