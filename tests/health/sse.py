"""A client of an event stream, as plain as can be: HTTP/1.0, so that the body comes as it is."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import trio
from attrs import define

from tests.e2e.site import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@define
class Lines:
    """What comes, line by line."""

    stream: trio.SocketStream
    rest: bytes = b""

    async def next(self) -> str | None:
        """The next line; None at the end."""
        while b"\n" not in self.rest:
            data = await self.stream.receive_some()
            if not data:
                return None
            self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        return line.rstrip(b"\r").decode()

    async def until_blank(self) -> list[str]:
        """The lines of a head or of a frame."""
        found = []
        while line := await self.next():
            found.append(line)
        return found

    async def event(self) -> dict[str, Any]:
        """The next event, its three lines checked against each other; no heartbeat."""
        number, kind, data = await self.until_blank()
        told: dict[str, Any] = json.loads(data.removeprefix("data: "))
        assert (number, kind) == (f"id: {told['seq']}", f"event: {told['event']}")
        return told


@contextlib.asynccontextmanager
async def opened(url: str, path: str = "", **headers: str) -> AsyncIterator[tuple[int, Lines]]:
    """The status of `/api/v1/events` and what comes behind the head."""
    where = urlsplit(url)
    with trio.fail_after(PATIENCE):
        async with await trio.open_tcp_stream(where.hostname or "", where.port or 0) as stream:
            head = [f"GET /api/v1/events{path} HTTP/1.0", *map(": ".join, headers.items())]
            await stream.send_all("".join(f"{line}\r\n" for line in (*head, "")).encode())
            lines = Lines(stream)
            status, *_ = await lines.until_blank()
            yield int(status.split()[1]), lines


@contextlib.asynccontextmanager
async def events(url: str, path: str = "", **headers: str) -> AsyncIterator[Lines]:
    """An open stream, behind its first words."""
    async with opened(url, path, **headers) as (status, lines):
        assert status == 200
        assert await lines.until_blank() == ["retry: 2000"]
        yield lines


@contextlib.asynccontextmanager
async def admitted(url: str) -> AsyncIterator[Lines]:
    """An open stream, as soon as there is room for it."""
    with trio.fail_after(PATIENCE):
        while True:
            async with opened(url) as (status, lines):
                if status == 200:
                    yield lines
                    return
