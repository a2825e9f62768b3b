"""`pywats-trio queue` as operators call it: against the running service, and when it is stopped."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import sys
from typing import TYPE_CHECKING, Any

import pytest
import trio

from pywats_trio.cli.demo import SAMPLES
from pywats_trio.devserver import open_devserver
from pywats_trio.queue.sqlite_store import open_store
from tests.contract.kit import a_report
from tests.e2e.calling import GOOD, NOWHERE, ask, call
from tests.e2e.harness import COMMAND, PATIENCE, daemon, write_config
from tests.e2e.site import move_in
from tests.e2e.test_control import processor_seconds

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.devserver import DevServer
    from tests.e2e.harness import Daemon

BROKEN = SAMPLES / "broken" / "truncated.json"
MANY = 20
"""`queue ls` at once."""
BOUND = 0.2
"""Seconds."""


async def fill(folder: Path, count: int) -> None:
    """The queue of a service that is stopped, with so many reports."""
    (folder / "data").mkdir(exist_ok=True)
    async with open_store(folder / "data" / "queue.db") as store:
        await store.put([a_report(serial_number=f"SN-{number}") for number in range(count)])


def drop(folder: Path, name: str, content: bytes) -> None:
    move_in(content, folder / name, folder.parent / "incoming")


def listed(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# A refused file comes back


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
async def test_a_refused_file_is_corrected_where_it_lies_retried_and_delivered(
    tmp_path: Path, stopped: bool
) -> None:
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url)
        async with daemon(config) as running:
            await refused(tmp_path, running, "a.json")
            if stopped:
                assert await running.stop() == 0
            else:
                await corrected_and_retried(config, tmp_path)
                await delivered(tmp_path, running, server)
                return
        await corrected_and_retried(config, tmp_path)
        async with daemon(config) as running:
            await delivered(tmp_path, running, server)


async def refused(folder: Path, running: Daemon, name: str) -> None:
    """Wait for the file to lie in the error folder, and the row to say so."""
    drop(folder / "drop", name, BROKEN.read_bytes())
    await running.until_event("file refused")
    await put_away(folder, 1)


async def put_away(folder: Path, times: int) -> None:
    """Until the first item has been put away so often; nothing is logged of that."""
    events: list[str] = []
    with trio.fail_after(PATIENCE):
        while events.count("put away") < times:
            told = await ask(folder / "config.toml", "queue", "show", 1)
            events = [event["event"] for event in told["history"]]


async def corrected_and_retried(config: Path, folder: Path) -> None:
    error = folder / "drop" / "Error"
    assert listed(error) == ["a.json", "a.json.error.json"]
    told = json.loads((error / "a.json.error.json").read_text())
    assert told["item_id"] == 1
    (error / "a.json").write_bytes(GOOD.read_bytes())
    done = await call(config, "queue", "retry", "--state", "FAILED")
    assert (done.returncode, done.stdout) == (0, b"1 retried\n")


async def delivered(folder: Path, running: Daemon, server: DevServer) -> None:
    await running.until_event("report delivered")
    await put_away(folder, 2)
    assert listed(folder / "drop") == ["Done/a.json"]
    assert (await server.totals()).sends == 1
    item = await ask(folder / "config.toml", "queue", "show", 1)
    assert (item["state"], item["delivered"]) == ("COMPLETED", True)
    assert item["source"] == str(folder / "drop" / "Done" / "a.json")
    assert item["original"] == str(folder / "drop" / "a.json")


async def test_a_file_that_is_refused_again_stays_with_a_new_explanation(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE)
    async with daemon(config) as running:
        await refused(tmp_path, running, "a.json")
        error = tmp_path / "drop" / "Error"
        (error / "a.json").write_bytes(b"")
        assert (await call(config, "queue", "retry", 1)).returncode == 0
        await running.until_event("file refused", 2)
        assert listed(tmp_path / "drop") == ["Error/a.json", "Error/a.json.error.json"]
        told = json.loads((error / "a.json.error.json").read_text())
        assert told["error_kind"] == "empty"
        assert told["source"] == str(tmp_path / "drop" / "a.json")


# The same, whether it runs or not

LOOKS = [
    ["ls"],
    ["ls", "--limit", "1"],
    ["ls", "--state", "HELD", "--oldest", "--text", "sn-"],
    ["ls", "--state", "FAILED"],
    ["show", "2"],
]
CHANGES = [
    (["hold", "--kind", "report"], 0),
    (["priority", "1", "--serial", "SN-1"], 1),
    (["rm", "1", "--yes"], 1),
    (["clear", "--state", "HELD", "--all", "--dry-run"], 2),
    (["clear", "--yes"], 0),
    (["retry", "--kind", "file"], 0),
]


async def test_running_or_stopped_the_same_is_told(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE)
    await fill(tmp_path, 3)
    assert (await ask(config, "queue", "hold", 1, 2, 3))["changed"] == 3
    stopped = [await ask(config, "queue", *look) for look in LOOKS]
    async with daemon(config):
        running = [await ask(config, "queue", *look) for look in LOOKS]
    assert running == stopped


@pytest.mark.parametrize("runs", [True, False])
async def test_running_or_stopped_the_same_is_done(tmp_path: Path, runs: bool) -> None:
    config = write_config(tmp_path, NOWHERE)
    await fill(tmp_path, 3)
    assert (await ask(config, "queue", "hold", 1, 2, 3))["changed"] == 3
    async with contextlib.AsyncExitStack() as stack:
        if runs:
            await stack.enter_async_context(daemon(config))
        for change, count in CHANGES:
            told = await ask(config, "queue", *change)
            assert told == {"changed": count, "missing": 0, "skipped": [], "skipped_count": 0}
        left = await ask(config, "queue", "ls")
        assert [(item["id"], item["priority"]) for item in left["items"]] == [(3, 5), (2, 1)]
        missing = await call(config, "queue", "show", 1)
        assert (missing.returncode, missing.stdout) == (21, b"")


@pytest.mark.parametrize(("answer", "code", "left"), [(b"y\n", 0, 0), (b"n\n", 1, 3)])
@pytest.mark.parametrize("command", [["rm", "--kind", "report"], ["clear", "--all", "--json"]])
async def test_on_a_terminal_what_destroys_asks_with_the_number(
    tmp_path: Path, command: list[str], answer: bytes, code: int, left: int
) -> None:
    config = write_config(tmp_path, NOWHERE)
    await fill(tmp_path, 3)
    person, terminal = pty.openpty()
    try:
        os.write(person, answer)
        with trio.fail_after(PATIENCE):
            done = await trio.run_process(
                [*COMMAND, "--config", str(config), "queue", *command],
                stdin=terminal,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
    finally:
        os.close(person)
        os.close(terminal)
    assert b"Remove 3 items for good, with their payload and their history? [y/N]" in done.stderr
    assert done.returncode == code
    if code:
        assert done.stdout == b""
    elif "--json" in command:
        assert json.loads(done.stdout)["changed"] == 3
    assert len((await ask(config, "queue", "ls"))["items"]) == left


async def test_nothing_to_remove_is_not_asked_about(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE)
    person, terminal = pty.openpty()
    try:
        command = [*COMMAND, "--config", str(config), "queue", "clear"]
        with trio.fail_after(PATIENCE):
            done = await trio.run_process(command, stdin=terminal, capture_stdout=True)
    finally:
        os.close(person)
        os.close(terminal)
    assert done.stdout == b"0 removed\n"


# Many at once


async def test_twenty_listings_at_once_are_all_answered(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE)
    await fill(tmp_path, 100)
    found: list[Any] = []

    async def listing() -> None:
        found.append(await ask(config, "queue", "ls"))

    async with daemon(config), trio.open_nursery() as nursery:
        for _ in range(MANY):
            nursery.start_soon(listing)
    assert [len(told["items"]) for told in found] == MANY * [100]


async def test_who_asks_more_than_the_limit_allows_waits_and_gets_it_all(tmp_path: Path) -> None:
    limits = {"burst": 1, "requests_per_minute": 600}
    config = write_config(tmp_path, NOWHERE, ipc=limits)
    await fill(tmp_path, 1501)
    async with daemon(config):
        told = await ask(config, "queue", "ls", "--limit", 2000)
    assert [item["id"] for item in told["items"]] == list(range(1501, 0, -1))
    assert told["next"] is None


# What it costs


async def test_a_running_service_is_asked_without_what_is_heavy(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE)
    await fill(tmp_path, 1)
    code = (
        "import sys\n"
        "from pywats_trio.cli.main import main\n"
        f"sys.argv[1:] = ['--config', {str(config)!r}, 'queue', *sys.argv[1:]]\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code)\n"
        "print([name for name in ('trio', 'httpx', 'rich', 'structlog', 'apsw', 'attrs', 'cattrs', "
        "'pywats_trio.config.options') if name in sys.modules])"
    )
    async with daemon(config):
        for question in (["ls"], ["show", "1"], ["hold", "1"], ["rm", "1", "--yes"]):
            command = [sys.executable, "-c", code, *question]
            done = await trio.run_process(command, capture_stdout=True)
            assert done.stdout.decode().splitlines()[-2:] == ["0", "[]"], question


async def test_a_listing_costs_less_than_200_ms_of_processor_time_with_the_interpreter(
    tmp_path: Path,
) -> None:
    """Half of what it may take on the wall; the cheapest of five counts."""
    environ = {key: text for key, text in os.environ.items() if not key.startswith("COV")}
    config = write_config(tmp_path, NOWHERE)
    await fill(tmp_path, 1000)
    async with daemon(config):
        command = [*COMMAND, "--config", str(config), "queue", "ls"]
        seconds = []
        for _ in range(5):
            before = processor_seconds()
            await trio.run_process(command, capture_stdout=True, capture_stderr=True, env=environ)
            seconds.append(processor_seconds() - before)
    assert 0 < min(seconds) < BOUND, seconds
