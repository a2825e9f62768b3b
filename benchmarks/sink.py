"""A light WATS sink for measuring: it takes reports and forgets all but their ids and times.

`python -m benchmarks.sink --port 0` prints `{"url", "pid"}` as one JSON line and serves until
SIGTERM or SIGINT. It shares the processors with what is measured, so it does as little as it can
for each request: Trio streams and a hand-made reading of HTTP/1.1 instead of h11 (0.044 ms a POST
of 6 KB against 0.118 ms when it was written).

For measuring only. It understands clients that send `Content-Length` (no chunks, no `Expect`),
checks no token, and takes the first `"id": "<GUID>"` of the body for the report's: its own must
come before those of repair texts and attachments, the only other GUIDs named `id`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD_END: Final = b"\r\n\r\n"
LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
CLOSE: Final = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)
REPORT_ID: Final = re.compile(
    rb'"id"\s*:\s*"([0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})"'
)
SUBMIT: Final = b"POST /api/Report/WSJF "
LARGEST_HEAD: Final = 64 * 1024
RECEIVE: Final = 256 * 1024
PAGE_BYTES: Final = resource.getpagesize()


class Sink:
    """What has arrived. Times are CLOCK_MONOTONIC seconds, one clock for all processes."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything; processor time counts from here, too."""
        self.arrivals: list[tuple[bytes, float, int]] = []
        self.unnamed = 0
        self._cpu = time.process_time()

    def submit(self, body: bytes) -> bytes:
        """Note one report and give the server's insert result."""
        found = REPORT_ID.search(body)
        if found is None:
            self.unnamed += 1
            return b'{"ID":null,"uuid":null,"Report_ID":0}'
        report_id = found[1]
        self.arrivals.append((report_id, time.monotonic(), len(body)))
        return b'{"ID":"%b","uuid":"%b","Report_ID":%d}' % (
            report_id,
            report_id.lower(),
            len(self.arrivals),
        )

    def stats(self) -> dict[str, Any]:
        """Counts, times of first and last arrival, own processor seconds and memory in bytes."""
        unique = len({report_id.lower() for report_id, _, _ in self.arrivals})
        return {
            "count": len(self.arrivals),
            "unique": unique,
            "repeats": len(self.arrivals) - unique,
            "unnamed": self.unnamed,
            "bytes": sum(size for _, _, size in self.arrivals),
            "first": self.arrivals[0][1] if self.arrivals else None,
            "last": self.arrivals[-1][1] if self.arrivals else None,
            "cpu_seconds": time.process_time() - self._cpu,
            "rss_bytes": _resident(),
        }

    def ids(self) -> list[dict[str, Any]]:
        """Every arrival in order, repeats included."""
        return [
            {"id": report_id.decode(), "time": at, "bytes": size}
            for report_id, at, size in self.arrivals
        ]

    def answer(self, request: bytes, body: bytes) -> tuple[bytes, bytes]:
        """Status line and JSON body for anything but a submit, which `submit` takes."""
        routes: dict[bytes, Callable[[], Any]] = {
            b"GET /api/App/Version": lambda: "2025.3.0.0",
            b"GET /stats": self.stats,
            b"GET /ids": self.ids,
            b"POST /reset": self.reset,
        }
        method_and_path = request.rpartition(b" ")[0].partition(b"?")[0]
        route = routes.get(method_and_path)
        if route is None:
            return b"404 Not Found", b'{"Message":"not here"}'
        return b"200 OK", json.dumps(route()).encode()

    async def serve(self, stream: trio.SocketStream) -> None:
        """One connection, request after request, until either side closes it."""
        with suppress(trio.BrokenResourceError):  # a killed client is part of what is measured
            await self._requests(stream)

    async def _requests(self, stream: trio.SocketStream) -> None:
        rest = b""
        while True:
            head, body, rest = await _request(stream, rest)
            if not head:
                return
            if head.startswith(SUBMIT):
                status, content = b"200 OK", self.submit(body)
            else:
                status, content = self.answer(head[: head.index(b"\r\n")], body)
            await stream.send_all(
                b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                % (status, len(content), content)
            )
            if CLOSE.search(head):
                return


async def _request(stream: trio.SocketStream, rest: bytes) -> tuple[bytes, bytes, bytes]:
    """Head (with its blank line), body, and what came after; an empty head at the end."""
    data = rest
    while (end := data.find(HEAD_END)) < 0:
        piece = await stream.receive_some(RECEIVE)
        if not piece or len(data) > LARGEST_HEAD:
            return b"", b"", b""
        data = data + piece if data else bytes(piece)
    end += len(HEAD_END)
    head = data[:end]
    if CHUNKED.search(head):
        await stream.send_all(b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\n\r\n")
        return b"", b"", b""
    announced = LENGTH.search(head)
    whole = end + (int(announced[1]) if announced else 0)
    if len(data) >= whole:
        return head, data[end:whole], data[whole:]
    pieces, have = [data], len(data)
    while have < whole:
        piece = await stream.receive_some(RECEIVE)
        if not piece:
            return b"", b"", b""
        pieces.append(piece)
        have += len(piece)
    data = b"".join(pieces)
    return head, data[end:whole], data[whole:]


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - no path, a question
        return int(statm.read().split()[1]) * PAGE_BYTES


async def main(port: int) -> None:
    """Serve on loopback until a signal or the end of standard input."""
    sink = Sink()
    listeners = await trio.open_tcp_listeners(port, host="127.0.0.1", backlog=512)
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, sink.serve, listeners)
            bound = listeners[0].socket.getsockname()[1]
            print(json.dumps({"url": f"http://127.0.0.1:{bound}", "pid": os.getpid()}), flush=True)
            async for _signal in signals:
                nursery.cancel_scope.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A light WATS sink for measuring.")
    parser.add_argument("--port", type=int, default=0)
    try:
        trio.run(main, parser.parse_args().port)
    except KeyboardInterrupt:
        sys.exit(130)
