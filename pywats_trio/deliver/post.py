"""Reports over HTTP/1.1: h11 on Trio streams, a kept-alive connection for each sending task.

Each phase (connect, TLS, write, read) has `timeout` seconds of its own; writing has them for every
64 KiB, reading for the whole answer, so that an answer that trickles in does not hold a task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import h11
import trio

from pywats_trio.deliver.connection import Connection, NoAnswer
from pywats_trio.deliver.transport import (
    Address,
    Answer,
    FailureKind,
    Phase,
    TransportError,
)
from pywats_trio.deliver.trust import Trust, tls_sentence

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping


class PostTransport:
    """`Transport` straight to the server."""

    def __init__(self, address: Address, *, timeout: float, trust: Trust) -> None:
        self._address = address
        self._timeout = timeout
        self._trust = trust
        self._idle: list[Connection] = []
        self._constant = [
            (b"Host", address.authority.encode("ascii")),
            # Bodies are read as they come: nobody here would unpack them.
            (b"Accept-Encoding", b"identity"),
        ]

    async def request(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        """See `Transport.request`."""
        request = self._request(method, path, body, headers)
        if connection := await self._take_idle():
            try:
                return await self._exchange(connection, request, body)
            except NoAnswer:
                # The server closed an idle connection as the request was on its way. Repeating is
                # safe even if it was read: the same id and start overwrite the same report.
                pass
        connection = await self._connect()
        try:
            return await self._exchange(connection, request, body)
        except NoAnswer:
            self._broken("closed the connection without an answer", connection.phase)

    async def aclose(self) -> None:
        """Close the idle connections."""
        while self._idle:
            await self._idle.pop().close()

    def _request(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> h11.Request:
        fields = [*self._constant, *((k.encode(), v.encode()) for k, v in headers.items())]
        if body is not None:
            fields.append((b"Content-Length", b"%d" % len(body)))
        try:
            return h11.Request(method=method, target=path, headers=fields)
        except h11.LocalProtocolError as error:
            raise TransportError(
                FailureKind.PROTOCOL,
                f"the request cannot be written, look at server.token: {error}",
                Phase.CONNECT,
            ) from None

    async def _take_idle(self) -> Connection | None:
        """The connection used last, if it is still good."""
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable():
                return connection
            await connection.close()
        return None

    async def _connect(self) -> Connection:
        if self._address.scheme == "http":
            return Connection(await self._open_tcp(), self._timeout)
        context = await self._trust.context()
        return Connection(await self._start_tls(await self._open_tcp(), context), self._timeout)

    async def _open_tcp(self) -> trio.SocketStream:
        where = self._address.authority
        stream = None
        with trio.move_on_after(self._timeout):
            try:
                # A SocketStream sets TCP_NODELAY by itself.
                stream = await trio.open_tcp_stream(self._address.host, self._address.port)
            except OSError as error:
                raise TransportError(
                    FailureKind.CONNECT,
                    f"no connection to {where}: {_root_of(error)}",
                    Phase.CONNECT,
                ) from error
        if stream is None:
            self._late(Phase.CONNECT)
        return stream

    async def _start_tls(
        self, tcp: trio.SocketStream, context: ssl.SSLContext
    ) -> trio.SSLStream[trio.SocketStream]:
        stream = trio.SSLStream(
            tcp, context, server_hostname=self._address.host, https_compatible=True
        )
        done = False
        try:
            with trio.move_on_after(self._timeout):
                await stream.do_handshake()
                done = True
        except (trio.BrokenResourceError, OSError) as error:
            raise TransportError(
                FailureKind.TLS, tls_sentence(error, self._address.authority), Phase.TLS
            ) from error
        finally:
            if not done:
                await trio.aclose_forcefully(tcp)
        if not done:
            self._late(Phase.TLS)
        return stream

    async def _exchange(
        self, connection: Connection, request: h11.Request, body: bytes | None
    ) -> Answer:
        answer = None
        try:
            with trio.CancelScope() as scope:
                answer = await connection.exchange(request, body, scope)
        except h11.RemoteProtocolError as error:
            self._broken(f"broke HTTP/1.1 or off its answer ({error})", connection.phase)
        except trio.BrokenResourceError:
            self._broken("broke off its answer", connection.phase)
        finally:
            if answer is not None and connection.recycle():
                self._idle.append(connection)
            else:
                await connection.close()
        if answer is None:
            self._late(connection.phase)
        return answer

    def _late(self, phase: Phase) -> NoReturn:
        raise TransportError(
            FailureKind.TIMEOUT,
            f"{self._address.authority} did not answer within {self._timeout:g} s ({phase})",
            phase,
        )

    def _broken(self, what: str, phase: Phase) -> NoReturn:
        message = f"{self._address.authority} {what}"
        raise TransportError(FailureKind.PROTOCOL, message, phase) from None


def _root_of(error: OSError) -> str:
    """The system's own words: Trio wraps the failures of all addresses of a name."""
    cause = error.__cause__
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    root = cause if isinstance(cause, OSError) else error
    return root.strerror or str(root)
