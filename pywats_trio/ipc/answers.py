"""From a request to the frame that answers it; no I/O of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import structlog
import trio

from pywats_trio.commands.command import BadArguments
from pywats_trio.commands.table import TABLE
from pywats_trio.errors import NotAllowed, NotReady, PywatsTrioError, RateLimited, TookTooLong, only
from pywats_trio.ipc import wire

if TYPE_CHECKING:
    from collections.abc import Container

    from pywats_trio.control import Control, Who
    from pywats_trio.ipc.limits import Limiter
    from pywats_trio.ipc.peer import Peer
    from pywats_trio.observe.board import Board

log = structlog.get_logger("pywats_trio.ipc")

REQUEST_SECONDS: Final = 60.0
"""A command that takes longer is cancelled and answered with `timeout`."""
LONGEST_ID: Final = 256
"""Characters of a `request_id`."""
_KNOWN: Final = frozenset(TABLE) | {"auth"}
_AS_WHOM: Final = "ask as the service's own user, or as root"


class WrongVersion(PywatsTrioError):
    """The request is of a protocol version that this service does not speak."""

    code = "version"


class Answers:
    """Answers the requests of all clients.

    Args:
        control: where commands go.
        board: whose service this is; counts requests.
        limiter: how much each client may ask.
        unbounded: commands that may take longer than `REQUEST_SECONDS`.
    """

    def __init__(
        self, control: Control, board: Board, limiter: Limiter, unbounded: Container[str]
    ) -> None:
        self._control = control
        self._board = board
        self._limiter = limiter
        self._unbounded = unbounded

    def hello(self, peer: Peer) -> bytes:
        """What `peer` is greeted with."""
        board = self._board
        needs = peer.who is None
        return wire.encode(wire.hello(board.instance, board.version, requires_auth=needs))

    def unbounded(self, message: wire.Message) -> bool:
        """Whether its answer may take as long as it likes."""
        command = message.get("command")
        return isinstance(command, str) and command in self._unbounded

    async def to(self, message: wire.Message, peer: Peer) -> bytes:
        """The one frame that answers `message`, whatever happens; only cancellation passes."""
        request_id, outcome = _id_of(message), "ok"
        try:
            data = await self._do(message, peer)
            frame = wire.encode(wire.success(request_id, data))
        except Exception as error:  # noqa: BLE001 - handed on to whoever asked
            frame, outcome = _refused(request_id, message, only(error))
        self._count(message, outcome)
        return frame

    def to_cut_off(self, message: wire.Message) -> bytes:
        """The frame that answers a long wait which a stop of the service ended."""
        error = NotReady("the service stops; ask again when it runs")
        self._count(message, error.code)
        return wire.encode(wire.failure(_id_of(message), str(error), error.code))

    def to_bad_json(self, error: wire.BadJson) -> bytes:
        """The frame that answers what was no JSON."""
        self._count({}, BadArguments.code)
        return wire.encode(wire.failure("", str(error), BadArguments.code))

    async def _do(self, message: wire.Message, peer: Peer) -> dict[str, Any]:
        """The checks in the order of pyWATS: version, rate, `auth`, `ping`, who, the command."""
        if not wire.understood(message):
            version = wire.version_of(message)
            raise WrongVersion(f"Protocol version {version} not supported. Minimum: 2.0")
        if wait := self._limiter.take((peer.uid, peer.pid), trio.current_time()):
            raise RateLimited(wait)
        command, args = message.get("command"), message.get("args")
        if not isinstance(command, str) or _id_of(message) != message.get("request_id", ""):
            raise BadArguments(
                "'command' must be a text, and 'request_id' a number or a text of at most "
                f"{LONGEST_ID} characters"
            )
        if command == "auth":
            return _authenticated(peer, args)
        if command == "ping":
            return {"pong": True, "authenticated": peer.who is not None}
        if peer.who is None:
            raise NotAllowed(f"Authentication required: {_AS_WHOM}")
        return await self._ask(command, {} if args is None else args, peer.who)

    async def _ask(self, command: str, args: Any, who: Who) -> dict[str, Any]:  # noqa: ANN401 - as it came
        if command in self._unbounded:
            return await self._control.ask(command, args, who)
        with trio.move_on_after(REQUEST_SECONDS):
            return await self._control.ask(command, args, who)
        raise TookTooLong(f"Request processing timeout after {REQUEST_SECONDS}s")

    def _count(self, message: wire.Message, outcome: str) -> None:
        command = message.get("command")
        # Only names that are known: a client must not make as many series as it likes.
        known = command if isinstance(command, str) and command in _KNOWN else "unknown"
        self._board.metrics.ipc_requests.labels(known, outcome).inc()


def _id_of(message: wire.Message) -> str | int:
    """As it came, so that the client knows it again; "" if it cannot be given back."""
    given = message.get("request_id", "")
    if isinstance(given, int) or (isinstance(given, str) and len(given) <= LONGEST_ID):
        return given
    return ""


def _authenticated(peer: Peer, args: object) -> dict[str, Any]:
    """As a pyWATS service answers that has no secret; to others it says why none can help."""
    if peer.who is not None:
        return {"authenticated": True, "message": "Auth not required"}
    token = args.get("token") if isinstance(args, dict) else None
    told = "Invalid token: this service takes none" if token else "Token required"
    raise _NotAuthenticated(f"{told}; {_AS_WHOM}")


class _NotAuthenticated(NotAllowed):
    """Answered with data, as pyWATS clients expect."""


def _refused(
    request_id: str | int, message: wire.Message, error: BaseException
) -> tuple[bytes, str]:
    more: dict[str, object] = {}
    if isinstance(error, PywatsTrioError):
        code, told = error.code, str(error)
    else:
        command = message.get("command")
        log.error("a command failed", command=command, exc_info=error)
        code, told = "internal", f"{command!r} failed: {type(error).__name__}: {error}; see the log"
    if isinstance(error, RateLimited):
        more = {"retry_after": error.retry_after}
    if isinstance(error, _NotAuthenticated):
        more = {"data": {"authenticated": False}}
    return wire.encode(wire.failure(request_id, told, code, **more)), code
