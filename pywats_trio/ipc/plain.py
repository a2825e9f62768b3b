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
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

HELLO_SECONDS: Final = 2.0
"""For connecting and being greeted."""
ANSWER_SECONDS: Final = 65.0
"""More than the service takes for any request that is bounded."""
LONGEST_PAUSE: Final = 60.0
"""Seconds; a service that says to wait longer is asked again after so long."""
CHUNK: Final = 65_536


class PlainClient:
    """One connection; a context manager. Not for several threads."""

    def __init__(self, path: Path) -> None:
        """Connect to the service at `path`.

        Raises:
            NotRunning: nobody answers there.
            NotAllowed: the socket is another user's.
            TookTooLong: somebody is there, but has no time, or all its connections are taken.
            FrameError: who answers there is no service that this program can talk to.
        """
        self._told = printable(os.fspath(path))
        self._decoder = wire.Decoder()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.hello = self._greeted(path)
        except BaseException:
            self.close()
            raise

    def _greeted(self, path: Path) -> wire.Message:
        try:
            self._socket.settimeout(HELLO_SECONDS)
            self._socket.connect(os.fspath(path))
            hello = self._receive(time.monotonic() + HELLO_SECONDS)
        except PermissionError as error:
            raise errors.NotAllowed(
                f"{self._told} is another user's; ask as the service's user, or as root"
            ) from error
        except (TimeoutError, BlockingIOError) as error:  # the latter: its backlog is full
            raise errors.TookTooLong(
                f"the service at {self._told} did not answer within {HELLO_SECONDS:g} s: it is "
                "busy, or all its connections are taken; ask again later"
            ) from error
        except OSError as error:
            raise errors.NotRunning(
                f"no service answers at {self._told}; start it with "
                "`pywats-trio run`, or name its configuration with --config"
            ) from error
        except errors.FrameError as error:
            raise errors.FrameError(f"what answers at {self._told} is no WATS service") from error
        if not wire.understood(hello):
            raise errors.FrameError(
                f"what answers at {self._told} speaks protocol {wire.version_of(hello)}, "
                f"and this program {wire.VERSION}; use the same version of both"
            )
        return hello

    def ask(
        self,
        command: str,
        args: Mapping[str, Any] | None = None,
        *,
        seconds: float = ANSWER_SECONDS,
    ) -> dict[str, Any]:
        """The result of a command.

        Raises:
            PywatsTrioError: refused or failed, of the class that `error_of` finds.
            NotRunning: the service went away meanwhile; the command may have taken effect.
            TookTooLong: no answer within `seconds`; the command may yet take effect.
            FrameError: the question is too large for a frame, or the answer is none.
        """
        request_id = str(uuid.uuid4())
        question = wire.encode(wire.request(command, request_id, args or {}))
        try:
            answer = self._answer(question, request_id, time.monotonic() + seconds)
        except TimeoutError as error:
            raise errors.TookTooLong(f"no answer to {command!r} within {seconds:g} s") from error
        except OSError as error:
            raise errors.NotRunning("the service went away before it answered") from error
        if answer.get("success"):
            return dict(answer.get("data") or {})
        raise error_of(answer)

    def _answer(self, question: bytes, request_id: str, until: float) -> wire.Message:
        self._socket.settimeout(_left(until))
        self._socket.sendall(question)
        while True:
            answer = self._receive(until)
            if answer.get("request_id") == request_id:  # pyWATS servers answer twice
                return answer

    def ask_patiently(
        self, command: str, args: Mapping[str, Any], *, seconds: float = ANSWER_SECONDS
    ) -> dict[str, Any]:
        """As `ask`; where the service says that this is too fast, wait and ask again."""
        while True:
            try:
                return self.ask(command, args, seconds=seconds)
            except errors.RateLimited as error:
                pause = min(max(error.retry_after, 0.0), LONGEST_PAUSE)
                time.sleep(pause)  # noqa: TID251 - no event loop here

    def _receive(self, until: float) -> wire.Message:
        """The next message; `until` is a time of `time.monotonic()`."""
        while (message := self._decoder.next_message()) is None:
            self._socket.settimeout(_left(until))
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


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


_KINDS: Final[tuple[type[errors.PywatsTrioError], ...]] = (
    errors.UsageError,
    errors.ConfigError,
    errors.NotFoundError,
    errors.InvalidInputError,
    errors.StartError,
    errors.StopError,
    errors.NotRunning,
    errors.NotReady,
    errors.TookTooLong,
    errors.ForcedStop,
    errors.NetworkError,
    errors.NotAllowed,
    errors.StoreError,
    errors.QueueFull,
)
_BY_CODE: Final[dict[str, type[errors.PywatsTrioError]]] = {
    **{kind.code: kind for kind in _KINDS},
    # Codes of classes that live in rooms which a client does not load.
    "bad_request": errors.InvalidInputError,
    "unknown_command": errors.UsageError,
}


def error_of(answer: wire.Message) -> errors.PywatsTrioError:
    """The exception that an answer without success stands for.

    Its text is the service's, its class and exit code are those of the `error_code`; one that is
    not known here, as of a newer service, gives a plain PywatsTrioError.
    """
    code, told = answer.get("error_code"), str(answer.get("error") or "refused without a reason")
    if code == errors.RateLimited.code:
        return errors.RateLimited(float(answer.get("retry_after") or 1.0))
    kind = _BY_CODE.get(code) if isinstance(code, str) else None
    return (kind or errors.PywatsTrioError)(told)
