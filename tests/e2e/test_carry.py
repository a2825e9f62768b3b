"""The installed command carries reports out of a site without a network, and receipts back in."""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio

from pywats_trio.devserver import open_devserver
from pywats_trio.faultpoint import VARIABLE
from tests.e2e.books import Books
from tests.e2e.calling import NOWHERE, ask, call, refused
from tests.e2e.harness import COMMAND, PATIENCE, daemon, write_config
from tests.e2e.site import database_rows

if TYPE_CHECKING:
    from pathlib import Path

FILES = 150
"""More than are held, or taken, in one transaction."""
IDS = "SELECT report_id FROM items WHERE kind = 'report' ORDER BY id"
STATES = "SELECT state, count(*) FROM items WHERE kind = 'report' GROUP BY state"


async def killed(config: Path, fault: str, *arguments: object) -> None:
    """The command on a stopped service, which kills itself at the fault point."""
    command = [*COMMAND, "--config", str(config), *map(str, arguments)]
    environment = {**os.environ, VARIABLE: fault}
    with trio.fail_after(PATIENCE):
        done = await trio.run_process(
            command, check=False, capture_stdout=True, capture_stderr=True, env=environment
        )
    assert done.returncode == -9, (fault, done)


async def converted(folder: Path, count: int) -> tuple[Path, Books]:
    """A line without a network that has converted `count` files, and is stopped."""
    config = write_config(folder, NOWHERE)
    books = Books(folder / "drop")
    async with daemon(config) as running:
        books.drop(count)
        await running.until_event("file converted", count)
        assert await running.stop() == 0
    return config, books


def states(folder: Path) -> dict[str, int]:
    return dict(database_rows(folder / "data", STATES))


def reports(folder: Path) -> list[str]:
    return [report_id for (report_id,) in database_rows(folder / "data", IDS)]


@pytest.mark.parametrize("name", ["parcel", "parcel.zip"])
async def test_between_two_running_services_and_back(tmp_path: Path, name: str) -> None:
    line, office, parcel = tmp_path / "line", tmp_path / "office", tmp_path / name
    receipts = tmp_path / "receipts.json"
    config, books = write_config(line, NOWHERE), Books(line / "drop")
    async with open_devserver() as server:
        other = write_config(office, server.url)
        async with daemon(config) as here, daemon(other) as there:
            books.drop(20)
            await here.until_event("file converted", 20)
            told = await ask(config, "queue", "export", parcel)
            assert (told["exported"], told["skipped"]) == (20, [])
            assert states(line) == {"HELD": 20}
            assert (await ask(other, "queue", "import", parcel))["imported"] == 20
            assert (await ask(other, "queue", "import", parcel))["already"] == 20
            await there.until_true(partial(books.until_delivered, server))
            await there.until_event("report delivered", 20)
            written = await ask(other, "queue", "export", "--receipts", receipts, parcel)
            assert written["delivered"] == 20
            done = await ask(config, "queue", "import", receipts)
            assert (done["acknowledged"], done["failed"]) == (20, [])
            assert states(line) == {"COMPLETED": 20}
            assert reports(line) == reports(office)
            assert (await here.stop(), await there.stop()) == (0, 0)
        assert server.journal.sends() == {file.report_id: 1 for file in books.dropped}
        for file in books.dropped:
            body = await server.body(file.report_id)
            assert body is not None
            # The same bytes, but for those that had no id of their own.
            assert body == file.content or json.loads(body)["id"] == file.report_id


async def carried(tmp_path: Path, export_faults: list[str], import_faults: list[str]) -> None:
    """All the way, with a kill at each of these points; each report arrives once."""
    line, office, parcel = tmp_path / "line", tmp_path / "office", tmp_path / "parcel.zip"
    receipts = tmp_path / "receipts.json"
    config, books = await converted(line, FILES)
    for fault in export_faults:
        await killed(config, fault, "queue", "export", parcel)
    told = await ask(config, "queue", "export", parcel)
    assert (told["exported"], told["resumed"]) == (FILES, bool(export_faults))
    assert states(line) == {"HELD": FILES}
    async with open_devserver() as server:
        other = write_config(office, server.url)
        for fault in import_faults:
            await killed(other, fault, "queue", "import", parcel)
        await ask(other, "queue", "import", parcel)
        assert reports(office) == reports(line)
        async with daemon(other) as running:
            await running.until_true(partial(books.until_delivered, server))
            await running.until_event("report delivered", FILES)
            assert await running.stop() == 0
        await ask(other, "queue", "export", "--receipts", receipts)
        await killed(config, "store.committed=kill@3", "queue", "import", receipts)
        done = await ask(config, "queue", "import", receipts)
        assert done["acknowledged"] + done["already"] == FILES
        assert states(line) == {"COMPLETED": FILES}
        assert server.journal.sends() == {file.report_id: 1 for file in books.dropped}


async def test_kills_in_the_middle_of_an_export_lose_and_double_nothing(tmp_path: Path) -> None:
    points = ["export.planned=kill@1", "store.committed=kill@2", "export.listed=kill@1"]
    await carried(tmp_path, [*points, "export.packed=kill@1"], [])


async def test_kills_in_the_middle_of_an_import_lose_and_double_nothing(tmp_path: Path) -> None:
    commits = [f"store.committed=kill@{number}" for number in (2, 2, 3)]
    await carried(tmp_path, [], ["store.before_commit=kill@2", *commits])


async def test_an_import_into_a_running_service_that_is_killed_goes_on(tmp_path: Path) -> None:
    line, office, parcel = tmp_path / "line", tmp_path / "office", tmp_path / "parcel"
    config, books = await converted(line, FILES)
    await ask(config, "queue", "export", parcel)
    async with open_devserver() as server:
        other = write_config(office, server.url)
        async with daemon(other) as running:
            done = call(other, "queue", "import", parcel)

            async def until_some_are_there() -> None:
                await running.until_event("report delivered")
                running.kill()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(until_some_are_there)
                assert (await done).returncode in (0, 32)  # it may just have been done
            assert await running.end() == -9
        async with daemon(other) as running:
            told = await ask(other, "queue", "import", parcel)
            assert told["imported"] + told["already"] == FILES
            await running.until_true(partial(books.until_delivered, server))
            assert await running.stop() == 0
        assert len(reports(office)) == FILES
        twice = {name: n for name, n in server.journal.sends().items() if n > 1}
        assert len(twice) <= 8  # those that were in flight at the kill
        assert server.journal.sends().keys() == {file.report_id for file in books.dropped}


async def test_what_goes_wrong_is_told_in_a_sentence(tmp_path: Path) -> None:
    line, office = tmp_path / "line", tmp_path / "office"
    config, _books = await converted(line, 3)
    other = write_config(office, NOWHERE)
    refused(await call(other, "queue", "export", tmp_path / "p"), 21, "nothing was exported")
    refused(await call(config, "queue", "export"), 2, "say where to")
    refused(await call(config, "queue", "import"), 2, "say what")
    refused(await call(config, "queue", "import", tmp_path / "p"), 21, "check the path")
    refused(await call(config, "queue", "export", tmp_path / "p", 1), 21, "export its reports")
    [(number,), *_] = database_rows(line / "data", "SELECT id FROM items WHERE kind = 'report'")
    done = await call(config, "queue", "export", tmp_path / "p", number, 99)
    assert done.returncode == 21
    assert done.stdout.startswith(b"1 reports exported")
    assert b"there is no item 99" in done.stderr
    refused(await call(config, "queue", "export", tmp_path / "p"), 22, "is there already")
    [entry] = json.loads((tmp_path / "p" / "manifest.json").read_bytes())["items"]
    (tmp_path / "p" / entry["file"]).write_bytes(b"{}")
    done = await call(other, "queue", "import", tmp_path / "p")
    assert done.returncode == 1
    assert b"it has not the" in done.stderr
    assert b"carry the export over again" in done.stderr
    done = await call(config, "queue", "import", tmp_path / "p")
    assert done.returncode == 1
    assert b"pywats-trio queue release" in done.stderr
    refused(await call(other, "queue", "export", "--receipts", tmp_path / "r"), 21, "imported here")


async def test_what_is_printed_says_how_it_went(tmp_path: Path) -> None:
    line, office, parcel = tmp_path / "line", tmp_path / "office", tmp_path / "parcel"
    config, _books = await converted(line, 2)
    other = write_config(office, NOWHERE)

    async def said(config: Path, *arguments: object) -> str:
        done = await call(config, *arguments)
        assert (done.returncode, done.stderr) == (0, b""), done
        return done.stdout.decode()

    out: Any = await said(config, "queue", "export", parcel)
    assert out.startswith(f"2 reports exported to {parcel} as ")
    assert "here they are held until their receipts come" in out
    assert await said(other, "queue", "import", parcel) == (
        "2 reports imported, 0 were imported before\n"
    )
    out = await said(other, "queue", "export", "--receipts", tmp_path / "r.json", parcel)
    assert out == f"{tmp_path / 'r.json'}: 0 delivered, 0 failed; 2 still wait\n"
    assert await said(config, "queue", "import", tmp_path / "r.json") == (
        "0 items completed, 0 were completed before\n"
    )
