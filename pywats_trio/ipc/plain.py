"""A client of local control on a plain blocking socket, for the command line.

`status` must be quick, and neither the event loop nor anything else heavy is needed to ask.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from typing import TYPE_CHECKING, Any, Final, Self

from pywats_trio import errors
from pywats_trio.ipc import wire
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

CONNECT_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 65.0
"""More than the service takes for any request that is bounded."""
CHUNK: Final = 65_536


class PlainClient:
    """One connection; a context manager. Not for several threads."""

    def __init__(self, path: Path) -> None:
        """Connect to the service at `path`.

        Raises:
            NotRunning: nobody answers there.
            NotAllowed: the socket is another user's.
        """
        self._decoder = wire.Decoder()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(CONNECT_SECONDS)
            self._socket.connect(os.fspath(path))
            self.hello = self._receive()
        except PermissionError as error:
            self.close()
            raise errors.NotAllowed(
                f"{printable(os.fspath(path))} is another user's; "
                "ask as the service's user, or as root"
            ) from error
        except (OSError, errors.FrameError) as error:
            self.close()
            raise errors.NotRunning(
                f"no service answers at {printable(os.fspath(path))}; start it with "
                "`pywats-trio run`, or name its configuration with --config"
            ) from error

    def ask(
        self,
        command: str,
        args: Mapping[str, Any] | None = None,
        *,
        seconds: float = ANSWER_SECONDS,
    ) -> dict[str, Any]:
        """The result of a command.

        Raises:
            PywatsTrioError: refused or failed, of the class whose `code` the service answered with.
            NotRunning: the service went away meanwhile.
            TookTooLong: no answer within `seconds`.
        """
        request_id = str(uuid.uuid4())
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(wire.encode(wire.request(command, request_id, args or {})))
            answer = self._receive()
            while answer.get("request_id") != request_id:  # pyWATS servers answer twice
                answer = self._receive()
        except TimeoutError as error:
            raise errors.TookTooLong(f"no answer to {command!r} within {seconds:g} s") from error
        except (OSError, EOFError) as error:
            raise errors.NotRunning("the service went away before it answered") from error
        if answer.get("success"):
            return dict(answer.get("data") or {})
        raise error_of(answer)

    def ask_patiently(
        self, command: str, args: Mapping[str, Any], *, seconds: float = ANSWER_SECONDS
    ) -> dict[str, Any]:
        """As `ask`; where the service says that this is too fast, wait and ask again."""
        while True:
            try:
                return self.ask(command, args, seconds=seconds)
            except errors.RateLimited as error:
                time.sleep(error.retry_after)  # noqa: TID251 - no event loop here

    def _receive(self) -> wire.Message:
        while (message := self._decoder.next_message()) is None:
            data = self._socket.recv(CHUNK)
            if not data:
                raise ConnectionResetError("the service closed the connection")
            self._decoder.feed(data)
        return message

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()


def error_of(answer: wire.Message) -> errors.PywatsTrioError:
    """The exception that the service's answer stands for."""
    code, told = answer.get("error_code"), str(answer.get("error") or "refused without a reason")
    if code == errors.RateLimited.code:
        return errors.RateLimited(float(answer.get("retry_after") or 1.0))
    for kind in _classes(errors.PywatsTrioError):
        if kind.code == code and kind is not errors.PartKeepsFailing:
            return kind(told)
    return errors.PywatsTrioError(told)


def _classes(kind: type[errors.PywatsTrioError]) -> Iterator[type[errors.PywatsTrioError]]:
    for below in kind.__subclasses__():
        yield below
        yield from _classes(below)
