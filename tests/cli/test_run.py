"""The command `run` around the service: signals before it is there, and when nothing else works."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING

import trio

from pywats_trio.cli.signals import AT_ONCE
from tests.e2e.harness import PATIENCE, daemon, write_config

if TYPE_CHECKING:
    from pathlib import Path

HANGING = """
import os, signal, sys
from pathlib import Path

from pywats_trio.cli.signals import Signals
from pywats_trio.config.options import LogOptions
from pywats_trio.observe.log import configure

log = configure(LogOptions(), instance="x", data_dir=Path(sys.argv[1]), terminal=False)
Signals(log)
woken, wakes = os.pipe()
os.set_blocking(wakes, False)
signal.set_wakeup_fd(wakes)
os.write(1, b"ready\\n")
while os.read(woken, 1):
    os.write(1, b"still here\\n")
"""
"""A process whose event loop does not turn; a signal between two lines is not missed."""


async def test_the_third_signal_ends_a_process_whose_event_loop_hangs(tmp_path: Path) -> None:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", HANGING, str(tmp_path)], stdout=-1, stderr=-1
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        with trio.fail_after(PATIENCE):
            assert await process.stdout.receive_some() == b"ready\n"
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                process.send_signal(number)
                assert await process.stdout.receive_some() == b"still here\n"
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 34
            assert await process.stderr.receive_some() == AT_ONCE.encode()
    finally:
        process.kill()
        await process.stdout.aclose()
        await process.stderr.aclose()


async def test_a_hang_up_while_the_configuration_is_read_ends_nothing(tmp_path: Path) -> None:
    config = write_config(tmp_path, "http://127.0.0.1:9")
    text = config.read_text()
    config.unlink()
    os.mkfifo(config)
    async with daemon(config, ready=False) as running:
        with trio.fail_after(PATIENCE):
            # Opening a pipe for writing waits for its reader: from then on the file is being read.
            opened = partial(config.open, "w")
            writer = await trio.to_thread.run_sync(opened, abandon_on_cancel=True)
        running.process.send_signal(signal.SIGHUP)
        with writer:
            writer.write(text)
        await running.until_event("running")
        assert await running.stop() == 0
