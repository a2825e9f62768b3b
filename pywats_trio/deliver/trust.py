"""Which certificates are believed: one TLS context for all connections, made when it is needed."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import trio

from pywats_trio.deliver.transport import FailureKind, Phase, TransportError

if TYPE_CHECKING:
    from pathlib import Path


class Trust:
    """Makes the context once, in a thread: reading the system's authorities takes up to 80 ms."""

    def __init__(self, *, verify: bool = True, ca_file: Path | None = None) -> None:
        self._verify = verify
        self._ca_file = ca_file
        self._context: ssl.SSLContext | None = None
        self._lock = trio.Lock()

    async def context(self) -> ssl.SSLContext:
        """The shared context.

        Raises:
            TransportError: `server.ca_file` cannot be read; it is tried again at the next call.
        """
        async with self._lock:
            if self._context is None:
                try:
                    self._context = await trio.to_thread.run_sync(self._make)
                except OSError as error:  # SSLError is one, too
                    raise TransportError(
                        FailureKind.TLS,
                        f"server.ca_file {str(self._ca_file)!r} cannot be used: {error}",
                        Phase.TLS,
                    ) from error
        return self._context

    def _make(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._ca_file is not None:
            context.load_verify_locations(self._ca_file)
        if not self._verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["http/1.1"])
        return context


def tls_sentence(error: BaseException, where: str) -> str:
    """What went wrong with TLS, from the first SSL error in the chain of causes."""
    reason = str(error)
    if cause := ssl_error_in(error):
        reason = getattr(cause, "verify_message", "") or cause.reason or str(cause)
    return f"no secure connection to {where}: {reason}"


def ssl_error_in(error: BaseException | None) -> ssl.SSLError | None:
    """The first SSL error among `error` and what caused it."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error
