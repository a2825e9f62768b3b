"""What the path is measured against: read, parse, POST, eight in flight, nothing durable.

    python -m benchmarks.bare httpx|h11 FOLDER URL

Prints one JSON line: the seconds and processor seconds it took for all files of the folder.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

IN_FLIGHT = 8
PATH = "/api/Report/WSJF"
Post = "Callable[[bytes], Awaitable[None]]"


async def work(
    files: trio.MemoryReceiveChannel[Path], post: Callable[[bytes], Awaitable[None]]
) -> None:
    """One of the eight: read a file, parse it, send it."""
    async with files:
        async for file in files:
            body = file.read_bytes()
            json.loads(body)
            await post(body)


async def with_httpx(files: trio.MemoryReceiveChannel[Path], url: str) -> None:
    """Stock httpx, one client for all."""
    import httpx  # noqa: PLC0415 - the other loop must not pay for it

    async with httpx.AsyncClient(base_url=url) as client, trio.open_nursery() as nursery:

        async def post(body: bytes) -> None:
            answer = await client.post(
                PATH, content=body, headers={"Content-Type": "application/json"}
            )
            answer.raise_for_status()

        for _ in range(IN_FLIGHT):
            nursery.start_soon(work, files.clone(), post)


async def with_h11(files: trio.MemoryReceiveChannel[Path], url: str) -> None:
    """h11 over one trio stream for each of the eight."""
    async with trio.open_nursery() as nursery:
        for _ in range(IN_FLIGHT):
            nursery.start_soon(_h11_worker, files.clone(), url)


async def _h11_worker(files: trio.MemoryReceiveChannel[Path], url: str) -> None:
    import h11  # noqa: PLC0415 - the other loop must not pay for it

    host, port = urlsplit(url).hostname or "", urlsplit(url).port or 80
    stream = await trio.open_tcp_stream(host, port)
    connection = h11.Connection(h11.CLIENT)

    async def post(body: bytes) -> None:
        headers = [
            ("Host", f"{host}:{port}"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
        ]
        head = connection.send(h11.Request(method="POST", target=PATH, headers=headers))
        content = connection.send(h11.Data(data=body))
        end = connection.send(h11.EndOfMessage())
        await stream.send_all(b"".join(part or b"" for part in (head, content, end)))
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                connection.receive_data(await stream.receive_some())
            elif isinstance(event, h11.Response) and event.status_code != 200:
                raise RuntimeError(f"the sink answered {event.status_code}")
        connection.start_next_cycle()

    async with stream:
        await work(files, post)


async def run(kind: str, paths: list[Path], url: str) -> dict[str, object]:
    """All of `paths` through one of the two loops."""
    send, receive = trio.open_memory_channel[Path](len(paths))
    for path in paths:
        send.send_nowait(path)
    send.close()
    before, cpu = time.perf_counter(), time.process_time()
    async with receive:
        await (with_httpx if kind == "httpx" else with_h11)(receive, url)
    seconds, cpu = time.perf_counter() - before, time.process_time() - cpu
    return {"files": len(paths), "seconds": seconds, "cpu_seconds": cpu}


if __name__ == "__main__":
    print(json.dumps(trio.run(run, sys.argv[1], sorted(Path(sys.argv[2]).iterdir()), sys.argv[3])))
