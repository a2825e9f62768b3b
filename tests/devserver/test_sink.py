"""The light sink of the benchmarks, in its own process as they run it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import trio

from tests.devserver.conftest import wsjf

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def running_sink() -> AsyncIterator[str]:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "benchmarks.sink", "--port", "0"],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    try:
        with trio.fail_after(10):
            line = json.loads(bytes(await process.stdout.receive_some()))
        assert line["pid"] == process.pid
        yield line["url"]
        process.terminate()
        with trio.fail_after(2):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
        await process.stdout.aclose()


async def test_it_counts_reports_repeats_and_times() -> None:
    began = time.monotonic()
    async with running_sink() as url, httpx.AsyncClient(base_url=url) as client:
        assert isinstance((await client.get("/api/App/Version")).json(), str)
        first, second = wsjf(id="0B9F6C1E-2F5B-4A7E-9D55-4F2F3A1C0012"), wsjf()
        for report in (first, second, first):
            answer = (await client.post("/api/Report/WSJF", json=report)).json()
            assert (answer["ID"], answer["uuid"]) == (report["id"], report["id"].lower())
        stats = (await client.get("/stats")).json()
        ids = (await client.get("/ids")).json()
        assert (stats["count"], stats["unique"], stats["repeats"]) == (3, 2, 1)
        assert [item["id"] for item in ids] == [first["id"], second["id"], first["id"]]
        assert began < stats["first"] < stats["last"] < time.monotonic()
        assert stats["cpu_seconds"] > 0
        assert 10_000_000 < stats["rss_bytes"] < 200_000_000
        await client.post("/reset")
        empty = (await client.get("/stats")).json()
        assert (empty["count"], empty["first"], empty["last"]) == (0, None, None)


async def test_a_body_in_many_pieces_and_a_big_one_are_read_whole() -> None:
    async with running_sink() as url, httpx.AsyncClient(base_url=url) as client:
        report = wsjf(filler="x" * 2_000_000)
        answer = await client.post("/api/Report/WSJF", json=report)
        assert answer.json()["ID"] == report["id"]
        body = json.dumps(wsjf()).encode()
        request = b"POST /api/Report/WSJF HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(
            body
        )
        async with await connect(url) as stream:
            for data in (request[:20], request[20:], body[:9], body[9:]):
                await stream.send_all(data)
                await trio.lowlevel.checkpoint()
            assert b"200 OK" in await stream.receive_some()
        assert (await client.get("/stats")).json()["count"] == 2


async def test_requests_sent_in_one_piece_are_answered_one_by_one() -> None:
    async with running_sink() as url:
        ask = b"GET /api/App/Version HTTP/1.1\r\nhost: x\r\n"
        got = await talk(url, ask + b"\r\n" + ask + b"connection: close\r\n\r\n")
    assert got.count(b"HTTP/1.1 200 OK") == 2


async def connect(url: str) -> trio.SocketStream:
    host, port = url.removeprefix("http://").split(":")
    return await trio.open_tcp_stream(host, int(port))


async def talk(url: str, data: bytes) -> bytes:
    """Everything that comes back until the sink closes the connection."""
    got = b""
    async with await connect(url) as stream:
        await stream.send_all(data)
        with trio.fail_after(2):
            while piece := await stream.receive_some():
                got += piece
    return got


async def test_what_it_does_not_understand_is_refused_and_counted() -> None:
    async with running_sink() as url, httpx.AsyncClient(base_url=url) as client:
        chunked = b"POST /api/Report/WSJF HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert (await talk(url, chunked)).startswith(b"HTTP/1.1 411")
        closing = b"GET /nowhere HTTP/1.1\r\nConnection: close\r\n\r\n"
        assert (await talk(url, closing)).startswith(b"HTTP/1.1 404")
        await client.post("/api/Report/WSJF", content=b"{}")
        stats: dict[str, Any] = (await client.get("/stats")).json()
        assert (stats["count"], stats["unnamed"]) == (0, 1)
