"""`Transport` on httpx: for proxies, and for `server.transport = "httpx"`.

Importing this module loads httpx (60 ms, 9 MB), so it is imported where it is needed. Environment
variables such as `HTTPS_PROXY` are not looked at: the configuration is the only place that says
where reports go.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, NoReturn

import httpx
import trio

from pywats_trio import faultpoint
from pywats_trio.deliver.transport import (
    CHUNK,
    KEEP_IDLE,
    MAX_ANSWER,
    Address,
    Answer,
    FailureKind,
    Phase,
    TransportError,
)
from pywats_trio.deliver.trust import Trust, ssl_error_in, tls_sentence

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping

PHASES: Final = 4
"""Connect, TLS, write and read: httpx limits each, but of reading only each piece."""
_PHASE_OF: Final = {httpx.ReadTimeout: Phase.READ, httpx.WriteTimeout: Phase.WRITE}


class HttpxTransport:
    """`Transport` through httpx, with the same time-outs and limits as `PostTransport`."""

    def __init__(
        self,
        address: Address,
        *,
        timeout: float,
        trust: Trust,
        max_connections: int,
        proxy: str = "",
    ) -> None:
        self._address = address
        self._timeout = timeout
        self._trust = trust
        self._max_connections = max_connections
        self._proxy = proxy
        self._client: httpx.AsyncClient | None = None
        self._lock = trio.Lock()

    async def request(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        """See `Transport.request`."""
        client = await self._open()
        answer = None
        scope = trio.CancelScope(deadline=trio.current_time() + PHASES * self._timeout)
        try:
            request = client.build_request(method, path, headers=dict(headers))
            if body is not None:
                request.headers["Content-Length"] = str(len(body))
                request.stream = _Body(body, scope, self._timeout)
            with scope:
                answer = await self._exchange(client, request)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            self._explain(error)
        if answer is None:
            self._late(Phase.READ)
        return answer

    async def aclose(self) -> None:
        """Close the idle connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _open(self) -> httpx.AsyncClient:
        async with self._lock:
            if self._client is None:
                tls = self._address.scheme == "https" or self._proxy.startswith("https:")
                self._client = self._make(await self._trust.context() if tls else None)
        return self._client

    def _make(self, context: ssl.SSLContext | None) -> httpx.AsyncClient:
        try:
            return httpx.AsyncClient(
                base_url=self._address.origin,
                headers={"Accept-Encoding": "identity"},
                # Without TLS there is nothing to verify, and a context would cost 80 ms.
                verify=context or False,
                proxy=self._as_proxy(context),
                trust_env=False,
                follow_redirects=False,
                timeout=self._timeout,
                limits=httpx.Limits(
                    max_connections=self._max_connections + 1,  # and a version request
                    max_keepalive_connections=self._max_connections,
                    keepalive_expiry=KEEP_IDLE,
                ),
            )
        except (ValueError, ImportError, httpx.InvalidURL):
            # Not the exception's text: it may hold the proxy's password.
            raise TransportError(
                FailureKind.CONNECT,
                "server.proxy cannot be used, it must look like http://proxy:3128",
                Phase.CONNECT,
            ) from None

    def _as_proxy(self, context: ssl.SSLContext | None) -> httpx.Proxy | None:
        if not self._proxy:
            return None
        secure = self._proxy.startswith("https:")
        return httpx.Proxy(self._proxy, ssl_context=context if secure else None)

    async def _exchange(self, client: httpx.AsyncClient, request: httpx.Request) -> Answer:
        response = await client.send(request, stream=True)
        async with contextlib.aclosing(response):
            body = await _read(response)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, body)

    def _explain(self, error: Exception) -> NoReturn:
        """The one place where httpx's exceptions become ours."""
        where = self._address.authority
        if isinstance(error, httpx.TimeoutException):
            self._late(_PHASE_OF.get(type(error), Phase.CONNECT))
        if ssl_error_in(error):
            raise TransportError(FailureKind.TLS, tls_sentence(error, where), Phase.TLS) from error
        if isinstance(error, httpx.ConnectError | httpx.ProxyError):
            raise TransportError(
                FailureKind.CONNECT, f"no connection to {where}: {error}", Phase.CONNECT
            ) from error
        message = f"{where} broke HTTP/1.1 or broke off its answer ({error})"
        raise TransportError(FailureKind.PROTOCOL, message, Phase.READ) from error

    def _late(self, phase: Phase) -> NoReturn:
        message = f"{self._address.authority} did not answer within {self._timeout:g} s ({phase})"
        raise TransportError(FailureKind.TIMEOUT, message, phase)


async def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    try:
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > MAX_ANSWER:
                # Closed under its reader, httpx winds its generators up; leaving them half-way
                # makes Trio warn.
                await response.aclose()
    except httpx.TransportError:
        if len(body) <= MAX_ANSWER:
            raise
    if len(body) > MAX_ANSWER:
        raise httpx.RemoteProtocolError(f"more than {MAX_ANSWER} bytes")
    return bytes(body)


class _Body(httpx.AsyncByteStream):
    """The body in pieces; once all is written, the time for the answer begins.

    Its own iterator: httpx's are generators, and Trio warns about those given up half-way.
    """

    def __init__(self, body: bytes, scope: trio.CancelScope, seconds: float) -> None:
        self._pieces = iter(range(0, len(body), CHUNK))
        self._body = body
        self._scope = scope
        self._seconds = seconds
        # While pieces are written httpx limits each of them.
        scope.deadline = float("inf")

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for start in self._pieces:
            return self._body[start : start + CHUNK]
        faultpoint.hit("deliver.sent")
        self._scope.deadline = trio.current_time() + self._seconds
        raise StopAsyncIteration
