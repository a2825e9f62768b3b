"""`submit --wait-for-room`: refused with the cause, or accepted once there is room."""

from __future__ import annotations

from subprocess import PIPE
from typing import TYPE_CHECKING

import trio

from pywats_trio.devserver import Fault, open_devserver
from tests.e2e.calling import call, refused, sample
from tests.e2e.clients import peer
from tests.e2e.harness import COMMAND, PATIENCE, daemon, write_config

if TYPE_CHECKING:
    from pathlib import Path

AT_MARK = (
    "the queue is at its mark of 1 unfinished items; try again later, or raise queue.max_items"
)


async def read(stream: trio.abc.ReceiveStream, word: bytes = b"") -> bytes:
    """What comes until `word` did, or until the end."""
    came = b""
    async for chunk in stream:
        came += chunk
        if word and word in came:
            break
    return came


async def test_a_command_waits_until_there_is_room_and_says_what_for(tmp_path: Path) -> None:
    async with open_devserver(faults=(Fault(hang=True),)) as server:
        config = write_config(tmp_path, server.url, queue={"max_items": 1})
        one, two = sample(tmp_path, name="one.json"), sample(tmp_path, name="two.json")
        async with daemon(config) as running:
            assert (await call(config, "submit", one)).returncode == 0
            await running.until_event("file converted")
            refused(await call(config, "submit", two), 1, f"two.json: {AT_MARK}")
            command = [*COMMAND, "--config", str(config), "submit", "--wait-for-room", str(two)]
            process = await trio.lowlevel.open_process(command, stdout=PIPE, stderr=PIPE)
            assert process.stdout is not None
            assert process.stderr is not None
            with trio.fail_after(PATIENCE):
                async with process.stdout, process.stderr:
                    told = await read(process.stderr, b"max_items")
                    assert told.decode() == f"{two}: waiting: {AT_MARK}\n"
                    server.faults.clear()
                    assert b"accepted for line-1" in await read(process.stdout)
                    assert await read(process.stderr) == b""
                    assert await process.wait() == 0
            await running.until_event("report delivered", 2)
            assert await running.stop() == 0


async def test_a_request_that_found_no_room_in_its_time_is_refused(tmp_path: Path) -> None:
    async with open_devserver(faults=(Fault(hang=True),)) as server:
        config = write_config(tmp_path, server.url, queue={"max_items": 1})
        file = sample(tmp_path)
        async with daemon(config) as running:
            assert (await call(config, "submit", file)).returncode == 0
            async with peer(running) as asking:
                await asking.send("submit_file", path=str(file), room_seconds=0.1)
                answer = await asking.receive()
            assert answer["error_code"] == "queue_full"
            assert answer["error"] == AT_MARK
            server.faults.clear()
            assert await running.stop() == 0
