"""What the pump needs of HTTP: one request, one bounded answer, one kind of exception.

Two implementations: `post.PostTransport` (h11 over Trio streams) and `api.HttpxTransport`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from attrs import frozen

from pywats_trio.errors import ConfigError, NetworkError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ANSWER: Final = 1024 * 1024
"""Bytes of an answer's body; a WATS server's answer to a report has less than 1 KiB."""
CHUNK: Final = 64 * 1024
"""Bytes sent or received in one call; the write time-out is for each."""
KEEP_IDLE: Final = 15.0
"""Seconds a connection is kept without use: less than servers and firewalls usually grant."""
DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class FailureKind(StrEnum):
    """Why there is no answer; the values are classes of contract section 8."""

    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"


class Phase(StrEnum):
    """How far a request came. In READ it was written whole: the server may have taken it."""

    CONNECT = "connect"
    TLS = "tls"
    WRITE = "write"
    READ = "read"


class TransportError(NetworkError):
    """There is no usable answer; the text is one sentence for the user."""

    def __init__(self, kind: FailureKind, message: str, phase: Phase) -> None:
        super().__init__(message)
        self.kind = kind
        self.phase = phase


@frozen
class Answer:
    """A complete answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; of a repeated header the last value."""
    body: bytes
    """As it came, at most `MAX_ANSWER` bytes."""


class Transport(Protocol):
    """One request, one answer. Any number of tasks may call at once.

    A connection that the server closed while it was idle is replaced without a word. A redirect is
    an answer, it is never followed. Cancelling a request closes its connection.
    """

    async def request(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        """Send one request; `path` starts with a slash and holds the query, percent-encoded.

        Raises:
            TransportError: no complete, well-formed answer of at most 1 MiB came in time.
        """
        ...

    async def aclose(self) -> None:
        """Close the idle connections."""
        ...


@frozen
class Address:
    """`server.url`, taken apart."""

    scheme: str
    host: str
    """As DNS and certificates want it (IDNA); an IPv6 address without its brackets."""
    port: int
    base_path: str
    """What stands before `/api` in every path; empty or with a leading slash."""

    @property
    def authority(self) -> str:
        """The value of the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme and authority, such as `https://wats.example.com`."""
        return f"{self.scheme}://{self.authority}"


def parse_address(url: str) -> Address:
    """Take `server.url` apart; a trailing `/` or `/api` is cut, as pyWATS does.

    Raises:
        ConfigError: it is no http or https address.
    """
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"server.url {url!r} is not an address: {error}") from None
    if parts.scheme not in DEFAULT_PORTS or not host:
        raise ConfigError(f"server.url {url!r} must look like https://wats.example.com")
    base_path = parts.path.rstrip("/").removesuffix("/api").rstrip("/")
    return Address(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme], base_path)
