"""Either transport, made and used the way the tests want it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from pywats_trio.deliver.api import HttpxTransport
from pywats_trio.deliver.post import PostTransport
from pywats_trio.deliver.transport import (
    Answer,
    Transport,
    TransportError,
    parse_address,
)
from pywats_trio.deliver.trust import Trust
from tests.deliver.loopback import (
    Loopback,
    Seen,
    serving,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

HEADERS = {"Authorization": "Basic abc=", "Content-Type": "application/json"}
BODY = b'{"id":"0b9f6c1e-0000-4000-8000-00000000000a"}'


def make(
    kind: str, url: str, *, timeout: float = 5.0, trust: Trust | None = None, proxy: str = ""
) -> Transport:
    trust = trust or Trust()
    if kind == "post":
        return PostTransport(parse_address(url), timeout=timeout, trust=trust)
    return HttpxTransport(
        parse_address(url), timeout=timeout, trust=trust, max_connections=4, proxy=proxy
    )


@contextlib.asynccontextmanager
async def using(transport: Transport) -> AsyncIterator[Transport]:
    try:
        yield transport
    finally:
        await transport.aclose()


@contextlib.asynccontextmanager
async def linked(
    kind: str, answer: Callable[[Seen], Any], **options: Any
) -> AsyncIterator[tuple[Loopback, Transport]]:
    """A server and a transport to it."""
    async with serving(answer) as server:
        url = f"http://127.0.0.1:{server.port}"
        async with using(make(kind, url, **options)) as transport:
            yield server, transport


async def post(transport: Transport, body: bytes = BODY) -> Answer:
    return await transport.request("POST", "/wats/api/Report/WSJF", body, HEADERS)


async def failure(kind: str, answer: Callable[[Seen], Any], **options: Any) -> TransportError:
    """What a single POST to such a server raises."""
    async with linked(kind, answer, **options) as (_server, transport):
        with pytest.raises(TransportError) as caught:
            await post(transport)
    return caught.value


async def answer_of(kind: str, answer: Callable[[Seen], Any], body: bytes = BODY) -> Answer:
    async with linked(kind, answer) as (_server, transport):
        return await post(transport, body)
