"""Signals to the installed command: drain, hurry, end at once, reload; and the exit codes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.cli.run import FORCED
from pywats_trio.cli.signals import AT_ONCE
from pywats_trio.devserver import open_devserver
from tests.e2e.books import Books, audit, lives
from tests.e2e.harness import COMMAND, PATIENCE, daemon, write_config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pywats_trio.devserver import DevServer
    from tests.e2e.harness import Daemon

NOWHERE = "http://127.0.0.1:9"
STATES = ("validating", "recovering", "starting")
HURRIED_WITHIN = 8.0
"""Seconds: far more than the one that is promised, and less than the share of the grace (11 s)."""

SLOW = """
import time

from pywats_trio.converters import Argument, Converter, Report


class Slow(Converter):
    id = "slow"
    patterns = ("*.json",)
    arguments = {"seconds": Argument(float)}

    def convert(self, source, context):
        context.logger.info("begun")
        time.sleep(context.arguments["seconds"])
        yield from Report.from_bytes(source.read_bytes())
"""


def slow_config(folder: Path, url: str, seconds: float, grace_seconds: float = 25) -> Path:
    (folder / "slow.py").write_text(SLOW)
    return write_config(
        folder,
        url,
        text=f"[converters.arguments]\nseconds = {seconds}\n",
        converter={"type": f"{folder / 'slow.py'}:Slow"},
        shutdown={"grace_seconds": grace_seconds},
    )


@contextlib.asynccontextmanager
async def converting(
    folder: Path, server: DevServer, grace_seconds: float = 25
) -> AsyncIterator[Daemon]:
    """A daemon in the middle of a conversion of 60 s; afterwards the file arrives, as it must."""
    books = Books(folder / "drop")
    async with daemon(slow_config(folder, server.url, 60, grace_seconds)) as running:
        books.drop(1)
        await running.until_event("a converter says")
        yield running
    async with daemon(slow_config(folder, server.url, 0)) as running:
        await running.until_true(partial(books.until_delivered, server))
        assert await running.stop() == 0
    assert await audit(books, folder / "data", server, books.folder / "Done") == 0
    [file] = [life for life in lives(folder / "data") if life.kind == "file"]
    assert (file.state, file.interruptions) == ("COMPLETED", 1)


# The second and the third


async def test_a_second_signal_gives_a_long_conversion_one_second(tmp_path: Path) -> None:
    async with open_devserver() as server, converting(tmp_path, server) as running:
        running.process.send_signal(signal.SIGTERM)
        await running.until(lambda: len(running.events("draining")) > 1)
        begun = trio.current_time()
        assert await running.stop(signal.SIGINT) == 34
        assert 1 <= trio.current_time() - begun < HURRIED_WITHIN
        assert running.other_output == [FORCED]
        assert running.log[-1]["state"] == "stopped"


async def test_a_conversion_that_the_grace_cuts_off_is_told_by_the_exit_code(
    tmp_path: Path,
) -> None:
    async with open_devserver() as server, converting(tmp_path, server, 1) as running:
        assert await running.stop() == 34
        assert running.other_output == [FORCED]


async def test_a_third_signal_ends_at_once(tmp_path: Path) -> None:
    async with open_devserver() as server, converting(tmp_path, server) as running:
        running.process.send_signal(signal.SIGTERM)
        await running.until_event("stopping")
        running.process.send_signal(signal.SIGTERM)
        await running.until_event("hurrying")
        assert await running.stop() == 34
        assert running.other_output == [AT_ONCE.rstrip()]
        assert running.events("stopped") == []
        [written] = [
            json.loads(line)
            for line in (tmp_path / "data" / "logs" / "pywats-trio.jsonl").read_text().splitlines()
            if '"hurrying"' in line
        ]
        assert written["event"] == "hurrying", "the log is written before the end"
    assert not (tmp_path / "data" / "health.addr").exists(), "the next start has tidied up"


async def test_a_third_signal_ends_a_process_whose_standard_error_takes_nothing(
    tmp_path: Path,
) -> None:
    ours, theirs = os.pipe()
    config = slow_config(tmp_path, NOWHERE, 60)
    Books(tmp_path / "drop").drop(1)
    command = [*COMMAND, "--config", str(config), "run"]
    async with trio.lowlevel.FdStream(ours) as reading:
        process = await trio.lowlevel.open_process(command, stderr=theirs)
        try:
            with trio.fail_after(PATIENCE):
                await read_until(reading, b"a converter says")
                process.send_signal(signal.SIGTERM)
                await read_until(reading, b"draining")
                process.send_signal(signal.SIGTERM)
                await read_until(reading, b"hurrying")
                fill(theirs)
                process.send_signal(signal.SIGTERM)
                assert await process.wait() == 34
        finally:
            process.kill()
            os.close(theirs)


async def read_until(stream: trio.lowlevel.FdStream, word: bytes) -> None:
    """Until `word` came."""
    read = b""
    while word not in read:
        more = await stream.receive_some()
        assert more, read
        read += more


def fill(pipe: int) -> None:
    """Write until it takes no more."""
    os.set_blocking(pipe, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(pipe, b"x")
    os.set_blocking(pipe, True)


async def test_a_second_signal_at_the_very_end_does_not_change_the_exit_code(
    tmp_path: Path,
) -> None:
    async with daemon(write_config(tmp_path, NOWHERE)) as running:
        running.process.send_signal(signal.SIGTERM)
        await running.until_event("stopped")
        assert await running.stop() == 0
        assert running.other_output == []


# Before it is up


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name)
@pytest.mark.parametrize("state", STATES)
async def test_a_stop_before_it_is_up_ends_promptly_and_well(
    tmp_path: Path, state: str, number: signal.Signals
) -> None:
    config = write_config(tmp_path, NOWHERE)
    async with daemon(config, ready=False) as running:
        await running.until(lambda: state in [one.get("state") for one in running.log])
        assert await running.stop(number) == 0
        assert running.other_output == []
        assert running.log[-1]["state"] == "stopped"


async def test_a_hang_up_at_any_time_ends_nothing(tmp_path: Path) -> None:
    async with open_devserver() as server, converting(tmp_path, server) as running:
        running.process.send_signal(signal.SIGTERM)
        await running.until_event("draining")
        running.process.send_signal(signal.SIGHUP)
        [ignored] = await running.until_event("SIGHUP ignored")
        assert "draining" in ignored["why"]
        assert await running.stop() == 34
    async with daemon(write_config(tmp_path, NOWHERE), ready=False) as running:
        for count in range(1, 5):
            await running.until_lines(count)
            running.process.send_signal(signal.SIGHUP)
        await running.until_event("running")
        assert await running.stop() == 0


# A reload


async def test_a_hang_up_puts_the_configuration_into_effect(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE)
    async with daemon(config) as running:
        running.process.send_signal(signal.SIGHUP)
        [done] = await running.until_event("configuration reloaded")
        assert (done["changed"], done["needs_restart"]) == ([], [])
        running.process.send_signal(signal.SIGHUP)
        await running.until_event("configuration reloaded", 2)
        assert await running.stop() == 0


async def test_a_stop_does_not_wait_for_a_reload_that_hangs(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE)
    async with daemon(config) as running:
        os.mkfifo(tmp_path / "fifo")  # reading it hangs until somebody writes
        (tmp_path / "fifo").replace(config)
        running.process.send_signal(signal.SIGHUP)
        await running.until(lambda: "reloading" in [one.get("state") for one in running.log])
        assert await running.stop() == 0
        assert running.other_output == []
